"""Plausible wrong answers to the exercises of chapter 13, each with words of its message."""

import numpy as np
from special import only

TAKEN = {
    "0, 255": "classes",
    "0, 128, 255": "refused",
    "0, 1, 2, each in many regions": "classes",
    "0, 1, 3": "refused",
    "0, 1, …, 40, in uniform regions": "cells",
    "0, 1, …, 255, a blurred mask": "refused",
}


def _table(labels, pixel, numbers=None):
    if numbers is None:
        numbers = np.unique(labels[labels > 0])
    return {int(k): float(np.sum(labels == k) * pixel) for k in numbers}


WRONG = {
    "taken_for": {
        "255 is cell 255": (TAKEN | {"0, 255": "cells"}, "ISBI"),
        "three values are three classes": (TAKEN | {"0, 128, 255": "classes"}, "neither"),
        "cells 1 and 2": (
            TAKEN | {"0, 1, 2, each in many regions": "cells"},
            "a cell number fills one region",
        ),
        "a gap": (TAKEN | {"0, 1, 3": "cells"}, "gap"),
        "41 classes": (TAKEN | {"0, 1, …, 40, in uniform regions": "classes"}, "more than 16"),
        "blurred": (
            TAKEN | {"0, 1, …, 255, a blurred mask": "cells"},
            "neighbouring pixels differ",
        ),
        "another word": (TAKEN | {"0, 255": "labels"}, "is not one of"),
    },
    "honest": {
        "the best of the test": (lambda held_out, test: test.max(), "chosen on them"),
        "held out": (lambda held_out, test: held_out.max(), "on which the threshold was chosen"),
        "the number": (lambda held_out, test: np.argmax(held_out), "index of the threshold"),
        "the mean": (lambda held_out, test: test.mean(), "mean over all thresholds"),
        "exchanged": (lambda held_out, test: held_out[np.argmax(test)], "exchanged"),
        "the worst": (lambda held_out, test: test[np.argmin(held_out)], "higher is better"),
        "the last of the best": (
            lambda held_out, test: test[len(test) - 1 - np.argmax(held_out[::-1])],
            "equally good, take the lowest",
        ),
        "the highest threshold": (lambda held_out, test: test[-1], "the score is 0.6, not 0.4"),
    },
    "areas": {
        "pixels": (lambda labels, nm: _table(labels, 1), "not µm²"),
        "width only": (lambda labels, nm: _table(labels, nm / 1000), "width times its height"),
        "nm²": (lambda labels, nm: _table(labels, nm**2), "nm²"),
        "one thousand": (lambda labels, nm: _table(labels, nm**2 / 1000), "not 1000"),
        "with background": (
            lambda labels, nm: _table(labels, (nm / 1000) ** 2, np.unique(labels)),
            "background",
        ),
        "no gaps": (
            lambda labels, nm: _table(labels, (nm / 1000) ** 2, range(1, labels.max() + 1)),
            "gaps",
        ),
        "the last is lost": (
            lambda labels, nm: _table(labels, (nm / 1000) ** 2, range(2, labels.max(), 5)),
            "missing",
        ),
        "an array": (lambda labels, nm: np.bincount(labels.ravel()), "a dict"),
    },
}


def _fair(held_out, test):
    return test[np.argmax(held_out)]


def _areas(labels, nm):
    return _table(labels, (nm / 1000) ** 2)


WRONG["taken_for"] |= {
    "a key lost": ({k: v for k, v in TAKEN.items() if k != "0, 255"}, "the dict has no '0, 255'"),
    "a list": (list(TAKEN.values()), "should be the dict of the exercise, but it is a list"),
}
WRONG["honest"] |= {
    "right for the first scores": (
        only(_fair, lambda held_out, test: len(test) < 6, lambda held_out, test: test[0]),
        "for held_out",
    ),
    "right where the best is not the last": (
        lambda held_out, test: test[:-1][np.argmax(held_out[:-1])],
        "the score is",
    ),
    "test changed": (
        lambda held_out, test: (float(_fair(held_out, test)), test.fill(0))[0],
        "changed",
    ),
}
WRONG["areas"] |= {
    "right for the numbers of the example": (
        only(_areas, lambda labels, nm: labels.max() < 10, lambda labels, nm: _table(labels, 1)),
        "not µm²",
    ),
    "right for pixels of 500 and 4 nm": (
        only(_areas, lambda labels, nm: nm in (500, 4), lambda labels, nm: _areas(labels, 10)),
        "µm², not",
    ),
    "without cell 1": (
        lambda labels, nm: _table(labels, (nm / 1000) ** 2, np.unique(labels[labels > 1])),
        "cell 1 is missing",
    ),
    "a key of text": (lambda labels, nm: {"two": 1.0}, "each key should be"),
}
