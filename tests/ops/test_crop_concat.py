"""Copy, crop and concatenate pass the tests of every op."""

import itertools

import numpy as np
import pytest
from checks import (
    ADJOINT,
    PRECISIONS,
    SEEDS,
    assert_close,
    assert_like,
    sizes,
    untouched,
)
from hypothesis import given
from hypothesis import strategies as st

from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.ops import crop_concat

SIZES = sizes(4)  # height and width of `up`, channels of `up` and of `skip`
MARGINS = st.sampled_from(list(itertools.permutations(range(5), 2)))  # cropped rows, columns


def draw(size, margins, seed):
    """Draw up, skip and an upstream gradient; `skip` is larger by a margin on every side."""
    (height, width, c_up, c_skip), (top, left) = size, margins
    rng = np.random.default_rng(seed)
    up = rng.standard_normal((height, width, c_up))
    skip = rng.standard_normal((height + 2 * top, width + 2 * left, c_skip))
    return up, skip, rng.standard_normal((height, width, c_up + c_skip))


# By hand -----------------------------------------------------------------------------------------


def test_forward_by_hand():
    up = np.array([[1, 2, 3]], float)[..., np.newaxis]
    skip = np.array(
        [
            [10, 11, 12, 13, 14, 15, 16],
            [20, 21, 22, 23, 24, 25, 26],
            [30, 31, 32, 33, 34, 35, 36],
        ],
        float,
    )[..., np.newaxis]
    # One row is cropped at the top and bottom, two columns at the left and right; `up` comes first.
    np.testing.assert_array_equal(crop_concat.forward(up, skip), [[[1, 22], [2, 23], [3, 24]]])


def test_backward_by_hand():
    dy = np.array([[[1, 40, 41], [2, 50, 51], [3, 60, 61]]], float)
    dup, dskip = crop_concat.backward(dy, (3, 7, 2))
    np.testing.assert_array_equal(dup, [[[1], [2], [3]]])
    first = [[0, 0, 0, 0, 0, 0, 0], [0, 0, 40, 50, 60, 0, 0], [0, 0, 0, 0, 0, 0, 0]]
    second = [[0, 0, 0, 0, 0, 0, 0], [0, 0, 41, 51, 61, 0, 0], [0, 0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(dskip, np.stack([first, second], axis=-1))


# Oracles -----------------------------------------------------------------------------------------


@given(SIZES, MARGINS, SEEDS)
def test_forward_and_backward_against_a_loop(size, margins, seed):
    up, skip, dy = draw(size, margins, seed)
    (_, _, c_up, _), (top, left) = size, margins
    y, dup, dskip = np.zeros_like(dy), np.zeros_like(up), np.zeros_like(skip)
    for r, c, k in np.ndindex(dy.shape):
        if k < c_up:
            y[r, c, k] = up[r, c, k]
            dup[r, c, k] = dy[r, c, k]
        else:
            y[r, c, k] = skip[top + r, left + c, k - c_up]
            dskip[top + r, left + c, k - c_up] = dy[r, c, k]
    np.testing.assert_array_equal(crop_concat.forward(up, skip), y)
    for actual, expected in zip(crop_concat.backward(dy, skip.shape), (dup, dskip), strict=True):
        np.testing.assert_array_equal(actual, expected)


@given(SIZES, MARGINS, SEEDS)
def test_forward_and_backward_against_pytorch(size, margins, seed):
    torch = pytest.importorskip("torch")
    up, skip, dy = draw(size, margins, seed)
    (height, width, _, _), (top, left) = size, margins
    tup, tskip = torch.tensor(up, requires_grad=True), torch.tensor(skip, requires_grad=True)
    # Negative padding crops; PyTorch counts from the last axis: channels, columns, rows.
    cropped = torch.nn.functional.pad(tskip, (0, 0, -left, -left, -top, -top))
    assert cropped.shape[:2] == (height, width)
    ty = torch.cat([tup, cropped], dim=-1)
    ty.backward(torch.tensor(dy))
    assert_close(crop_concat.forward(up, skip), ty.detach().numpy())
    dup, dskip = crop_concat.backward(dy, skip.shape)
    assert_close(dup, tup.grad.numpy())
    assert_close(dskip, tskip.grad.numpy())


# Adjoint identity --------------------------------------------------------------------------------


@given(SIZES, MARGINS, SEEDS)
def test_backward_is_the_adjoint_in_up(size, margins, seed):
    up, skip, u = draw(size, margins, seed)
    nothing = np.zeros_like(skip)
    gap = adjoint_gap(
        lambda up: crop_concat.forward(up, nothing),
        lambda u: crop_concat.backward(u, skip.shape)[0],
        up,
        u,
    )
    assert gap <= ADJOINT


@given(SIZES, MARGINS, SEEDS)
def test_backward_is_the_adjoint_in_skip(size, margins, seed):
    up, skip, u = draw(size, margins, seed)
    nothing = np.zeros_like(up)
    gap = adjoint_gap(
        lambda skip: crop_concat.forward(nothing, skip),
        lambda u: crop_concat.backward(u, skip.shape)[1],
        skip,
        u,
    )
    assert gap <= ADJOINT


# Gradient check ----------------------------------------------------------------------------------


@given(SIZES, MARGINS, SEEDS)
def test_gradients(size, margins, seed):
    up, skip, dy = draw(size, margins, seed)
    dup, dskip = crop_concat.backward(dy, skip.shape)
    check_gradients(
        crop_concat.forward,
        {"up": up, "skip": skip},
        dy,
        {"up": dup, "skip": dskip},
        entries=(40, np.random.default_rng(seed)),
    )


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
def test_contract(dtype):
    up, skip, dy = (array.astype(dtype) for array in draw((2, 5, 3, 4), (1, 3), seed=0))
    with untouched(up, skip, dy) as (up, skip, dy):
        y = crop_concat.forward(up, skip)
        dup, dskip = crop_concat.backward(dy, skip.shape)
    assert_like(y, dy)
    assert_like(dup, up)
    assert_like(dskip, skip)


def test_forward_copies():
    # Writing to the result must not change a map that the backward still needs.
    up, skip, _ = draw((2, 5, 3, 4), (0, 1), seed=0)
    y = crop_concat.forward(up, skip)
    assert not np.shares_memory(y, up)
    assert not np.shares_memory(y, skip)


def test_of_an_odd_difference_the_smaller_half_is_cropped_first():
    skip = np.arange(5.0 * 4).reshape(5, 4, 1)
    y = crop_concat.forward(np.zeros((2, 3, 1)), skip)
    np.testing.assert_array_equal(y[..., 1], [[4, 5, 6], [8, 9, 10]])
