"""All scores are the same where NumPy indexes with 32 bits, as in Pyodide."""

import numpy as np
import pytest

from minunet.metrics import em, pixel, segments

SIDE = 300
"""Side of an image with so many pairs of pixels that their number needs more than 32 bits."""


def _bincount(values, *rest, **options):
    """Count as NumPy does with 32 bits: it refuses integers of 64 bits."""
    if np.asarray(values).dtype == np.int64:
        raise TypeError("Cannot cast array data from dtype('int64') to dtype('int32')")
    return BINCOUNT(values, *rest, **options).astype(np.float64 if rest else np.int32)


def _unique(values, **options):
    """Return counts and indices in 32 bits."""
    first, *others = UNIQUE(values, **options) if options else (UNIQUE(values),)
    return (first, *(one.astype(np.int32) for one in others)) if others else first


BINCOUNT, UNIQUE = np.bincount, np.unique


@pytest.fixture
def narrow(monkeypatch):
    """Return a function after whose call NumPy indexes with 32 bits."""

    def start():
        monkeypatch.setattr(np, "intp", np.int32)
        monkeypatch.setattr(np, "bincount", _bincount)
        monkeypatch.setattr(np, "unique", _unique)

    return start


def test_scores_of_a_stack(narrow):
    rng = np.random.default_rng(0)
    truth = np.zeros((SIDE, SIDE), np.int32)
    truth[1:-1, 1:200], truth[1:-1, 202:-1] = 1, 2
    probability = np.where(truth > 0, 0.8, 0.2) + rng.uniform(-0.3, 0.3, truth.shape)
    before = em.scores([truth], [probability], [0.3, 0.5], processes=1)
    narrow()
    assert em.scores([truth], [probability], [0.3, 0.5], processes=1) == before


def test_one_pair_of_large_segments(narrow):
    one = np.ones((SIDE, SIDE), np.int64)
    narrow()
    pixels = segments.contingency(one, one).pixels
    assert int(pixels @ pixels) == SIDE**4 > 2**32


def test_a_confusion_matrix(narrow):
    narrow()
    matrix = pixel.confusion(np.array([[0, 1]], np.int64), np.array([[1, 1]], np.int64), 2)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[0, 1], [0, 1]]
