"""Plausible wrong answers to the exercises of chapter 7, each with words of its message."""

import numpy as np

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
        "the margin lost once": ((12, 80, ROOT), "two sides"),
        "all four taps": ((12, 36, ROOT / 2), "all four taps"),
        "the release's N": ((12, 36, (2 / 2048) ** 0.5), "release"),
        "the variance": ((12, 36, 2 / 1024), "take the root"),
    },
    "backward": {
        "no plus": (forgotten_plus, "lacks what comes across"),
        "only the copy": (only_across, "lacks what comes from below"),
        "a minus": (minus, "what was copied is added"),
        "no crop": (in_the_corner, "the wrong place"),
        "skip before up": (skip_before_up, "another order"),
        "rows and columns of dw exchanged": (transposed_dw, "first two axes exchanged"),
    },
    "through_skip": {
        "no crop": (without_crop, "cropped"),
        "one convolution a stage": (one_convolution, "The width is wrong"),
    },
}
