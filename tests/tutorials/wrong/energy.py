"""Plausible wrong answers to the exercises of chapter 5, each with words of its message."""

import math

import numpy as np
from special import only


def _one_hot(labels, p):
    return labels[..., np.newaxis] == np.arange(p.shape[-1])


def _literal(d, label):
    with np.errstate(all="ignore"):
        p = np.exp(d) / (1 + np.exp(d))
        return -np.log(np.where(label == 1, p, 1 - p))


def _clipped(d, label):
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(np.where(label == 1, -d, d)))
    return -np.log(np.maximum(p, 1e-7))


def _largest_subtracted(d, label):
    a = np.stack([0 * d, d], axis=-1)
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    with np.errstate(all="ignore"):
        return -np.log(p / p.sum(axis=-1, keepdims=True))[np.arange(len(d)), label]


def _in_place(p, labels, weight_map):
    p -= _one_hot(labels, p)
    return weight_map[..., np.newaxis] * p


WRONG = {
    "ignorance": {
        "as printed, without the minus": (-388 * 388 * np.log(2), "minus sign"),
        "the mean": (np.log(2), "sum over all pixels"),
        "the input tile": (572 * 572 * np.log(2), "output"),
        "base 2": (388 * 388, "natural"),
        "base 10": (388 * 388 * math.log10(2), "base 10"),
        "another number": (1000.0, "what does one pixel cost"),
    },
    "constant": {
        "the probability": (0.75, "p_1 should be"),
        "its logarithm": (np.log(0.75), "p_1 should be"),
        "the wrong class": (-np.log(3), "frequent"),
        "the ratio": (3.0, "Take its logarithm"),
        "base 10": (math.log10(3), "natural logarithm"),
        "too large": (4.0, "smaller d"),
        "nothing known": (0.0, "larger d"),
    },
    "two_class_energy": {
        "literal": (_literal, "not finite"),
        "literal, with math": (
            lambda d, label: [
                math.log(1 + math.exp(-v if k else v)) for v, k in zip(d, label, strict=True)
            ],
            "not finite",
        ),
        "clipped": (_clipped, "clipped"),
        "classes exchanged": (
            lambda d, label: np.logaddexp(0, np.where(label == 1, d, -d)),
            "exchanged",
        ),
        "no label": (lambda d, label: np.logaddexp(0, -d), "label is not used"),
        "no minus": (lambda d, label: -np.logaddexp(0, np.where(label == 1, -d, d)), "minus"),
    },
    "energy_backward": {
        "y - p": (
            lambda p, labels, weight_map: weight_map[..., np.newaxis] * (_one_hot(labels, p) - p),
            "other sign",
        ),
        "no weights": (
            lambda p, labels, weight_map: p - _one_hot(labels, p),
            "weights are missing",
        ),
        "no label": (lambda p, labels, weight_map: weight_map[..., np.newaxis] * p, "subtracted"),
        "1 without the weight": (
            lambda p, labels, weight_map: weight_map[..., np.newaxis] * p - _one_hot(labels, p),
            "multiplies the 1",
        ),
        "1 from every class": (
            lambda p, labels, weight_map: weight_map[..., np.newaxis] * (p - 1),
            "the true class only",
        ),
        "the mean": (
            lambda p, labels, weight_map: (
                weight_map[..., np.newaxis] * (p - _one_hot(labels, p)) / labels.size
            ),
            "divided by the number of pixels",
        ),
        "the class number": (
            lambda p, labels, weight_map: (
                weight_map[..., np.newaxis] * (p - labels[..., np.newaxis])
            ),
            "number of the class",
        ),
        "in place": (_in_place, "writes to p"),
    },
}


def _stable(d, label):
    return np.logaddexp(0, np.where(label == 1, -d, d))


def _gradient(p, labels, weight_map):
    return weight_map[..., np.newaxis] * (p - _one_hot(labels, p))


WRONG["ignorance"] |= {
    "one row": (388 * np.log(2), "one row of pixels"),
    "both classes": (2 * 388 * 388 * np.log(2), "counts both classes"),
    "the sum of 1 - p": (388 * 388 / 2, "The cost of a pixel"),
}
WRONG["constant"] |= {
    "text": ("log(3)", "is text"),
    "a pair": ((0, 1.0986), "should be one number"),
    "rounded too far": (1.1 + 0.01, "smaller d"),
}
WRONG["two_class_energy"] |= {
    "right for the first pixels": (
        only(_stable, lambda d, label: len(d) == 7, lambda d, label: abs(d)),
        "the energy[",
    ),
    "right up to 600": (
        lambda d, label: _stable(np.clip(d, -600, 600), label),
        "A clipped probability",
    ),
    "clipped for label 1": (
        lambda d, label: np.where(label == 1, _clipped(d, label), _stable(d, label)),
        "with d = -10000 and label 1, a pixel costs 16.1181, but it should cost 10000",
    ),
    "the largest subtracted, then the logarithm of p": (
        _largest_subtracted,
        "no logarithm may be taken of a p that can become 0",
    ),
    "right but for the largest errors": (
        lambda d, label: np.where(abs(d) > 6, 6, _stable(d, label)),
        "the energy[",
    ),
    "d changed": (lambda d, label: (_stable(d, label), d.fill(0))[0], "d was changed"),
}
WRONG["energy_backward"] |= {
    "right for the first size": (
        only(_gradient, lambda p, *_: p.shape == (3, 4, 5), lambda p, *_: p),
        "dlogits",
    ),
    "right for more than two classes": (
        only(_gradient, lambda p, *_: p.shape[2] > 2, lambda *a: -_gradient(*a)),
        "other sign",
    ),
    "weight_map changed": (
        lambda p, labels, weight_map: (
            _gradient(p, labels, weight_map),
            weight_map.fill(0),
        )[0],
        "weight_map was changed",
    ),
    "right where every pixel weighs something": (
        lambda p, labels, weight_map: _gradient(p, labels, np.maximum(weight_map, 0.01)),
        "dlogits[",
    ),
}
