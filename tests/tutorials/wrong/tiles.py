"""Plausible wrong answers to the exercises of chapter 8, each with words of its message."""

import numpy as np
from special import only


def output_of(tile, depth):
    return tile - 2 * (6 * 2**depth - 4)


def edge_to_edge(size, depth, tile):
    return list(range(0, size, output_of(tile, depth)))


def idle_last(size, depth, tile):
    return list(range(0, size, output_of(tile, depth) // 2**depth * 2**depth))


def rounded_down(size, depth, tile):
    output = output_of(tile, depth)
    step = output // 2**depth * 2**depth
    return [k * step for k in range(max(1, (size - output) // step + 1))]


def shifted_inward(size, depth, tile):
    origins = edge_to_edge(size, depth, tile)
    return [*origins[:-1], max(0, size - output_of(tile, depth))]


def from_the_margin(size, depth, tile):
    return [first - (6 * 2**depth - 4) for first in idle_last(size, depth, tile)]


def never_back(scores_of, image):
    return sum(scores_of(image[::down, ::over]) for down in (1, -1) for over in (1, -1)) / 4


def sum_of_flips(scores_of, image):
    flips = [(down, over) for down in (1, -1) for over in (1, -1)]
    return sum(scores_of(image[::down, ::over])[::down, ::over] for down, over in flips)


def two_flips(scores_of, image):
    return (scores_of(image) + scores_of(image[:, ::-1])[:, ::-1]) / 2


def quarter_turns(scores_of, image):
    return sum(np.rot90(scores_of(np.rot90(image, k)), -k) for k in range(4)) / 4


WRONG = {
    "mirrored": {
        "edge repeated": ([2, 1, 0, 0, 1, 2, 2, 1, 0], "twice"),
        "wrapped": ([0, 1, 2] * 3, "starts again"),
        "edge only": ([0, 0, 0, 0, 1, 2, 2, 2, 2], "for ever"),
        "reflected once": ([3, 2, 1, 0, 1, 2, 1, 0, 1], "Reflect the index at 0 and at 2"),
    },
    "steps": {
        "the output": ({36, 32, 24, 16, 8}, "36 can be halved 2 times"),
        "multiples of 4": ({36, 32, 28, 24, 20, 16, 12, 8}, "can be halved 2 times"),
        "the largest only": ({32}, "8 is exact, too"),
    },
    "origins": {
        "edge to edge": (edge_to_edge, "not a multiple of 2^4"),
        "an idle tile": (idle_last, "2 would do"),
        "rounded down": (rounded_down, "leaves pixel 772 uncovered"),
        "last tile moved inward": (shifted_inward, "not a multiple of 2^4"),
        "from the margin": (from_the_margin, "does not begin at 0"),
    },
    "average_flips": {
        "not flipped back": (never_back, "flip them back"),
        "the sum": (sum_of_flips, "divide it by 4"),
        "one axis": (two_flips, "number of your calls is 2"),
        "one question": (lambda scores_of, image: scores_of(image), "number of your calls is 1"),
        "turns for flips": (quarter_turns, "(7, 5, 1)"),
    },
}


def _covered(size, depth, tile):
    output = output_of(tile, depth)
    step = output // 2**depth * 2**depth
    return [k * step for k in range(1 + max(0, -(-(size - output) // step)))]


def _averaged(scores_of, image):
    return sum_of_flips(scores_of, image) / 4


WRONG["mirrored"] |= {
    "numbers that are not whole": ([1.9, 2, 1, 0, 1, 2, 1, 0, 1], "should be a whole number"),
    "all a little more": ([1.2, 2.2, 1.2, 0.2, 1.2, 2.2, 1.2, 0.2, 1.2], "whole number"),
    "eight of nine": ([1, 2, 1, 0, 1, 2, 1, 0], "the call asks for 9"),
    "text": ("121012101", "several whole numbers, but your answer is text"),
}
WRONG["steps"] |= {
    "numbers that are not whole": ({32.9, 24.2, 16.5, 8}, "should be a whole number"),
    "not offered": ({32, 24, 16, 8, 4}, "4 is not one of the steps"),
    "without 8": ({32, 24, 16}, "8 is exact, too"),
    "powers of two": ({32, 16, 8}, "24 is exact, too"),
    "one number": (32, "several whole numbers, but your answer is one number"),
}
WRONG["origins"] |= {
    "right for the paper's tile": (
        only(_covered, lambda size, depth, tile: tile == 572, edge_to_edge),
        "not a multiple of 2^",
    ),
    "right for more than a few pixels": (
        only(_covered, lambda size, depth, tile: size > 1, lambda *a: []),
        "does not begin at 0",
    ),
    "right up to depth 2": (
        lambda size, depth, tile: _covered(size, min(depth, 2), tile),
        "size",
    ),
    "not whole": (lambda *a: [first + 0.5 for first in _covered(*a)], "whole number"),
}
WRONG["average_flips"] |= {
    "right for the first size": (
        only(_averaged, lambda _, image: image.shape == (5, 7, 1), never_back),
        "flip them back",
    ),
    "right for oblong images": (
        only(_averaged, lambda _, image: image.shape[0] != image.shape[1], quarter_turns),
        "the average",
    ),
    "right for two channels": (
        only(_averaged, lambda _, image: image.shape[2] < 3, sum_of_flips),
        "divide it by 4",
    ),
}
