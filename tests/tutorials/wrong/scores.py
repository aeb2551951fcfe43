"""Plausible wrong answers to the exercises of chapter 11, each with words of its message."""

import numpy as np
import scipy
from special import only


def _f(a, b, both):
    return 2 * both / (a + b)


def _squares(labels):
    return sum(int(np.sum(labels == k)) ** 2 for k in np.unique(labels))


def _common(a, b):
    return _squares(a.astype(int) * 1000 + b)


def _wall_is_a_segment(truth, thinned):
    a, b = truth[truth > 0], thinned[truth > 0]
    return _f(_squares(a), _squares(b), _common(a, b))


def _wall_is_left_out(truth, thinned):
    a, b = truth[truth > 0], thinned[truth > 0]
    seen = b > 0
    return _f(_squares(a), _squares(b[seen]), _common(a[seen], b[seen]))


def _only_where_both_are_cell(truth, thinned):
    seen = (truth > 0) & (thinned > 0)
    a, b = truth[seen], thinned[seen]
    return _f(_squares(a), _squares(b), _common(a, b))


def _exchanged(truth, thinned):
    return _right(thinned, truth)


def _true_wall_counts(truth, thinned):
    seen, alone = thinned > 0, np.sum(thinned == 0)
    return _f(
        _squares(truth),
        _squares(thinned[seen]) + alone,
        _common(truth[seen], thinned[seen]) + alone,
    )


def _precision(truth, thinned):
    a, b = truth[truth > 0], thinned[truth > 0]
    alone = np.sum(b == 0)
    return (_common(a[b > 0], b[b > 0]) + alone) / (_squares(b[b > 0]) + alone)


def _without_itself(truth, thinned):
    def pairs(labels):
        return sum(int(np.sum(labels == k)) ** 2 for k in np.unique(labels)) - labels.size

    a, b = truth[truth > 0], thinned[truth > 0]
    return _f(pairs(a), pairs(b[b > 0]), pairs(a[b > 0].astype(int) * 1000 + b[b > 0]))


def _recall(truth, thinned):
    a, b = truth[truth > 0], thinned[truth > 0]
    return (_common(a[b > 0], b[b > 0]) + np.sum(b == 0)) / _squares(a)


SQUARE, CROSS = np.ones((3, 3)), scipy.ndimage.generate_binary_structure(2, 1)


def _rule(membranes_by, beside_only=True, both=True):
    def allowed(patch):
        cell, membrane = patch.copy(), ~patch
        cell[1, 1] = membrane[1, 1] = False
        numbers, count = scipy.ndimage.label(cell)
        beside = {numbers[0, 1], numbers[1, 0], numbers[1, 2], numbers[2, 1]} - {0}
        one_cell = len(beside) == 1 if beside_only else count == 1
        return one_cell and (not both or scipy.ndimage.label(membrane, membranes_by)[1] == 1)

    return allowed


def _thicker(truth):
    return scipy.ndimage.binary_erosion(truth > 0)


def _hole(truth):
    answer = truth > 0
    answer[60:64, 60:64] ^= True
    return answer


WRONG = {
    "pairs": {
        "the true wall counted": ((4, 9, 11), "true wall"),
        "pairs twice": ((8, 18, 14), "twice"),
        "the answer's wall as a segment of three": ((4, 9, 8), "Q is not 8"),
        "P for Q": ((4, 7, 9), "another order"),
        "a set": ({4, 9, 7}, "no order"),
    },
    "v_rand": {
        "the answer's wall is a segment": (_wall_is_a_segment, "one segment"),
        "the answer's wall is left out": (_wall_is_left_out, "adds 1 to AB"),
        "only pixels that both call cell": (_only_where_both_are_cell, "in A, in B and in AB"),
        "truth and answer exchanged": (_exchanged, "exchanged"),
        "the true wall counts": (_true_wall_counts, "true wall is not a cell"),
        "precision": (_precision, "precision"),
        "recall": (_recall, "recall"),
        "no pixel with itself": (_without_itself, "with itself"),
    },
    "allowed": {
        "membrane by sides": (_rule(CROSS), "may be flipped"),
        "cells that touch only by a corner": (_rule(SQUARE, beside_only=False), "of 512"),
        "membrane not looked at": (_rule(SQUARE, both=False), "2 of 512"),
        "an even number of changes": (lambda patch: patch.sum() % 2 == 0, "of 512"),
    },
    "sabotage": {
        "the truth": (lambda truth: truth > 0, "V_Rand is still 1.000"),
        "everything cell": (lambda truth: np.ones(truth.shape, bool), "noticed"),
        "thick walls": (_thicker, "noticed"),
        "a hole": (_hole, "counts pairs"),
    },
}


def _right(truth, thinned):
    a, b = truth[truth > 0], thinned[truth > 0]
    alone = np.sum(b == 0)
    both = _common(a[b > 0], b[b > 0]) + alone
    return _f(_squares(a), _squares(b[b > 0]) + alone, both)


def _lines(truth):
    answer = truth > 0
    largest = truth == np.argmax(np.bincount(truth[answer]))
    answer[int(np.median(np.nonzero(largest)[0]))] = False
    return answer


WRONG["pairs"] |= {
    "numbers that are not whole": ((4, 9, 7.5), "whole number"),
    "two of three": ((4, 9), "your answer has 2 numbers"),
    "each pixel with itself": ((10, 16, 13), "T is not 10"),
    "text": ("497", "several whole numbers"),
}
WRONG["v_rand"] |= {
    "right for up to three cells": (
        only(_right, lambda truth, _: truth.max() <= 9, _precision),
        "should be",
    ),
    "right for slices of 60 pixels": (
        only(_right, lambda truth, _: truth.size == 60, _wall_is_left_out),
        "slices of",
    ),
    "right to two digits": (lambda truth, thinned: round(_right(truth, thinned), 2), "should be"),
    "text": (lambda truth, thinned: "1.0", "F should be one number, but it is text"),
}
WRONG["allowed"] |= {
    "always": (lambda patch: True, "of 512"),
    "never": (lambda patch: False, "of 512"),
    "a number": (lambda patch: 0.5, "True or False"),
    "right where the centre is a cell": (
        lambda patch: bool(patch[1, 1]) and bool(_rule(SQUARE)(patch)),
        "of 512",
    ),
}
WRONG["sabotage"] |= {
    "right for one tissue": (
        only(_lines, lambda truth: truth.max() == 18, lambda truth: truth > 0),
        "V_Rand is still",
    ),
    "a line in a row of one's own": (
        lambda truth: (truth > 0) & (np.arange(128) != 3)[:, np.newaxis],
        "V_Rand is still",
    ),
    "a smaller answer": (lambda truth: np.ones((64, 64)), "has shape (64, 64)"),
    "all wall": (lambda truth: np.zeros(truth.shape), "noticed"),
}
