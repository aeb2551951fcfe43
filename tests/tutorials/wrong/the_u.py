"""Plausible wrong answers to the exercises of chapter 7, each with words of its message."""

import numpy as np
from special import only

from minunet.ops import conv2d, crop_concat, maxpool, upconv

ROOT = (2 / 1024) ** 0.5


def forgotten_plus(dy, a, argmax, pooled, bottom, w, wu):
    dup, _ = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    return maxpool.backward(dpooled, argmax), dw, dwu


def only_across(dy, a, argmax, pooled, bottom, w, wu):
    dup, dskip = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    return dskip, conv2d.backward(dbottom, pooled, w)[1], dwu


def skip_before_up(dy, a, argmax, pooled, bottom, w, wu):
    dup, dskip = dy[..., -wu.shape[3] :], np.zeros_like(a)
    dskip[2:-2, 2:-2] = dy[..., : a.shape[2]]
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    return maxpool.backward(dpooled, argmax) + dskip, dw, dwu


def transposed_dw(dy, a, argmax, pooled, bottom, w, wu):
    dup, dskip = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    return maxpool.backward(dpooled, argmax) + dskip, dw.swapaxes(0, 1), dwu


def minus(dy, a, argmax, pooled, bottom, w, wu):
    dup, dskip = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    return maxpool.backward(dpooled, argmax) - dskip, dw, dwu


def in_the_corner(dy, a, argmax, pooled, bottom, w, wu):
    dup, dskip = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    return maxpool.backward(dpooled, argmax) + np.roll(dskip, (-2, -2), (0, 1)), dw, dwu


def without_crop(r, level, depth):
    first, last = r, r + 4
    for _ in range(level):
        first, last = first // 2, last // 2 + 4
    last += 4
    for _ in range(level):
        first, last = 2 * first, 2 * last + 5
    return first, last


def one_convolution(r, level, depth):
    crop = 6 * 2 ** (depth - level) - 8
    first, last = r, r + 2
    for _ in range(level):
        first, last = first // 2, last // 2 + 2
    first, last = first + crop, last + crop + 2
    for _ in range(level):
        first, last = 2 * first, 2 * last + 3
    return first, last


WRONG = {
    "three_numbers": {
        "after the bottom's convolutions": ((8, 36, ROOT), "after its convolutions"),
        "the margin lost once": ((12, 80, ROOT), "both sides"),
        "all four taps": ((12, 36, ROOT / 2), "all four taps"),
        "the release's N": ((12, 36, (2 / 2048) ** 0.5), "release"),
        "the variance": ((12, 36, 2 / 1024), "square root"),
    },
    "backward": {
        "no plus": (forgotten_plus, "lacks the gradient of the copy"),
        "only the copy": (only_across, "lacks the gradient from below"),
        "a minus": (minus, "it should be added"),
        "no crop": (in_the_corner, "the wrong place"),
        "skip before up": (skip_before_up, "another order"),
        "rows and columns of dw exchanged": (transposed_dw, "first two axes exchanged"),
    },
    "through_skip": {
        "no crop": (without_crop, "cropped"),
        "one convolution a stage": (one_convolution, "The width is wrong"),
    },
}


def _u(dy, a, argmax, pooled, bottom, w, wu):
    dup, dskip = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    return maxpool.backward(dpooled, argmax) + dskip, dw, dwu


def _seen(r, level, depth, crop=None, more=0):
    first, last = r, r + 4
    for _ in range(level):
        first, last = first // 2, last // 2 + 4
    crop = 6 * 2 ** (depth - level) - 8 if crop is None else crop
    first, last = first + crop, last + crop + 4
    for _ in range(level):
        first, last = 2 * first, 2 * last + 5
    return first, last + more


WRONG["three_numbers"] |= {
    "half a pixel": ((12.5, 36, ROOT), "bottom should be a whole number"),
    "text": (("12", 36, ROOT), "bottom should be one number, but it is text"),
    "two of three": ((12, 36), "you gave 2"),
}
WRONG["backward"] |= {
    "right for the first size": (
        only(_u, lambda dy, a, *_: a.shape == (10, 14, 2), forgotten_plus),
        "lacks the gradient of the copy",
    ),
    "right for more than one channel": (
        only(_u, lambda dy, a, *_: a.shape[2] > 1, minus),
        "it should be added",
    ),
    "right where C is not O": (
        only(_u, lambda dy, a, *o: a.shape[2] != o[-1].shape[3] or a.shape[2] == 1, transposed_dw),
        "first two axes",
    ),
    "another order": (lambda *arguments: _u(*arguments)[::-1], "da has shape"),
}
WRONG["through_skip"] |= {
    "right at depth 4": (
        only(_seen, lambda r, level, depth: depth == 4, lambda *a: _seen(*a, crop=88)),
        "cropped",
    ),
    "right for level 0": (
        only(_seen, lambda r, level, depth: level == 0, lambda *a: _seen(*a, more=1)),
        "The width is wrong",
    ),
    "right for the first pixels": (
        only(_seen, lambda r, level, depth: r < 22, lambda r, *a: _seen(21, *a)),
        "cropped",
    ),
    "one pixel too many": (lambda *a: _seen(*a, more=1), "The width is wrong"),
    "the width": (lambda *a: 9, "the answer has two parts, first and last"),
    "one of two": (lambda *a: _seen(*a)[:1], "you gave 1"),
}
