"""The energy passes the tests of every op, has the right sign and weights, and is stable."""

import numpy as np
import pytest
from checks import PRECISIONS, SEEDS, assert_close, assert_like, sizes, untouched
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from minunet.gradcheck import check_gradients
from minunet.ops import cross_entropy

SIZES = st.tuples(sizes(2), st.sampled_from([2, 5]))  # (H, W), K
LN2, LN3 = np.log(2), np.log(3)


def draw(size, seed):
    """Draw logits, labels and a weight map for a map (H, W) and K classes."""
    (height, width), classes = size
    rng = np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((height, width, classes))
    labels = rng.integers(classes, size=(height, width))
    return logits, labels, rng.uniform(0.1, 5, (height, width))


# By hand -----------------------------------------------------------------------------------------

# Two classes: logits (0, 0) give p = (1/2, 1/2), logits (0, ln 3) give p = (1/4, 3/4).
LOGITS = np.array([[[0, 0], [0, LN3], [0, LN3]], [[7, 7], [LN3, 0], [0, 0]]])
LABELS = np.array([[0, 0, 1], [1, 1, 0]])
WEIGHTS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]])


def test_forward_by_hand():
    energy, p = cross_entropy.forward(LOGITS, LABELS, WEIGHTS)
    expected_p = [
        [[1 / 2, 1 / 2], [1 / 4, 3 / 4], [1 / 4, 3 / 4]],
        [[1 / 2, 1 / 2], [3 / 4, 1 / 4], [1 / 2, 1 / 2]],
    ]
    np.testing.assert_allclose(p, expected_p, rtol=1e-14)  # measured: 2e-16
    # The sum of -w log p: ln 2 for p = 1/2, 2 ln 2 for 1/4, 2 ln 2 - ln 3 for 3/4.
    expected = 1 * LN2 + 2 * 2 * LN2 + 3 * (2 * LN2 - LN3) + 4 * LN2 + 5 * 2 * LN2 + 0
    assert energy == pytest.approx(expected, rel=1e-14)  # measured: equal


def test_backward_by_hand():
    p = np.array(
        [
            [[1 / 2, 1 / 2], [1 / 4, 3 / 4], [1 / 4, 3 / 4]],
            [[1 / 2, 1 / 2], [3 / 4, 1 / 4], [1 / 2, 1 / 2]],
        ]
    )
    np.testing.assert_array_equal(
        cross_entropy.backward(p, LABELS, WEIGHTS),
        [
            [[-1 / 2, 1 / 2], [-3 / 2, 3 / 2], [3 / 4, -3 / 4]],
            [[2, -2], [15 / 4, -15 / 4], [0, 0]],
        ],
    )


def test_equal_probabilities_cost_ln_k_per_pixel():
    logits, labels = np.full((3, 4, 5), 0.7), np.arange(12).reshape(3, 4) % 5
    energy, p = cross_entropy.forward(logits, labels, np.ones((3, 4)))
    assert energy == pytest.approx(12 * np.log(5), rel=1e-14)  # measured: 2e-16
    np.testing.assert_allclose(p, 1 / 5, rtol=1e-14)  # measured: 1e-16


# Weights -----------------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_a_weight_of_3_counts_a_pixel_three_times(size, seed):
    logits, labels, weights = draw(size, seed)
    energy, p = cross_entropy.forward(logits, labels, weights)
    assert cross_entropy.forward(logits, labels, 3 * weights)[0] == pytest.approx(3 * energy)
    assert_close(
        cross_entropy.backward(p, labels, 3 * weights),
        3 * cross_entropy.backward(p, labels, weights),
    )


@given(SIZES, SEEDS)
def test_the_energy_is_the_sum_over_the_pixels(size, seed):
    logits, labels, weights = draw(size, seed)
    pixels = [np.s_[r : r + 1, c : c + 1] for r, c in np.ndindex(labels.shape)]
    alone = [cross_entropy.forward(logits[s], labels[s], weights[s])[0] for s in pixels]
    assert cross_entropy.forward(logits, labels, weights)[0] == pytest.approx(sum(alone))


def test_a_pixel_of_weight_0_does_not_count():
    logits, labels, weights = draw(((3, 4), 5), seed=0)
    weights[1, 2] = 0
    energy, p = cross_entropy.forward(logits, labels, weights)
    np.testing.assert_array_equal(cross_entropy.backward(p, labels, weights)[1, 2], np.zeros(5))
    logits[1, 2], labels[1, 2] = [1e4, -1e4, 0, 3, 5], 1
    assert cross_entropy.forward(logits, labels, weights)[0] == energy


# Stability ---------------------------------------------------------------------------------------


@PRECISIONS
def test_logits_of_1e4_reach_their_limits_exactly(dtype):
    logits = np.array([[[1e4, -1e4], [1e4, -1e4], [-1e4, 1e4]]], dtype)
    labels = np.array([[0, 1, 1]])
    log_p = cross_entropy.log_softmax(logits)
    np.testing.assert_array_equal(log_p, [[[0, -2e4], [0, -2e4], [-2e4, 0]]])

    weights = np.array([[1, 3, 1]], dtype)  # the second pixel is wrong and counts three times
    energy, p = cross_entropy.forward(logits, labels, weights)
    assert energy == 6e4
    np.testing.assert_array_equal(p, [[[1, 0], [1, 0], [0, 1]]])
    np.testing.assert_array_equal(
        cross_entropy.backward(p, labels, weights), [[[0, 0], [3, -3], [0, 0]]]
    )


@PRECISIONS
@pytest.mark.parametrize("activation", [1e4, -1e4])
@pytest.mark.parametrize("classes", [2, 5])
def test_equal_logits_of_1e4_give_the_same_result_as_zeros(dtype, activation, classes):
    logits, labels = np.full((1, 2, classes), activation, dtype), np.array([[0, classes - 1]])
    energy, p = cross_entropy.forward(logits, labels, np.ones((1, 2), dtype))
    assert energy == pytest.approx(2 * np.log(classes), rel=1e-6)  # measured: 4e-8, float32
    np.testing.assert_allclose(p, 1 / classes, rtol=1e-6)  # measured: 6e-8, float32


@given(SIZES, SEEDS)
def test_adding_a_constant_to_all_logits_of_a_pixel_changes_nothing(size, seed):
    logits, _, weights = draw(size, seed)
    shifted = logits + 1000 * weights[..., np.newaxis]
    np.testing.assert_allclose(
        cross_entropy.log_softmax(shifted),
        cross_entropy.log_softmax(logits),
        atol=1e-11,  # measured: 1e-12, the rounding of 5000 + a
    )


# Oracles -----------------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_forward_and_backward_against_a_loop(size, seed):
    logits, labels, weights = draw(size, seed)
    energy, p, dlogits = 0.0, np.zeros_like(logits), np.zeros_like(logits)
    for r, c in np.ndindex(labels.shape):
        exps = [np.exp(a) for a in logits[r, c]]
        energy -= weights[r, c] * np.log(exps[labels[r, c]] / sum(exps))
        for k, exp in enumerate(exps):
            p[r, c, k] = exp / sum(exps)
            dlogits[r, c, k] = weights[r, c] * (p[r, c, k] - (1 if k == labels[r, c] else 0))
    actual_energy, actual_p = cross_entropy.forward(logits, labels, weights)
    assert actual_energy == pytest.approx(energy, rel=1e-10)  # measured: 6e-16
    assert_close(actual_p, p)
    assert_close(cross_entropy.backward(actual_p, labels, weights), dlogits)


@given(SIZES, SEEDS)
def test_log_softmax_against_scipy(size, seed):
    logits, _, _ = draw(size, seed)
    assert_close(cross_entropy.log_softmax(logits), special.log_softmax(logits, axis=-1))


@given(SIZES, SEEDS)
def test_forward_and_backward_against_pytorch(size, seed):
    torch = pytest.importorskip("torch")
    logits, labels, weights = draw(size, seed)
    tlogits = torch.tensor(logits, requires_grad=True)
    by_pixel = torch.nn.functional.cross_entropy(
        tlogits.flatten(0, 1), torch.tensor(labels).flatten(), reduction="none"
    )
    tenergy = torch.sum(torch.tensor(weights).flatten() * by_pixel)
    tenergy.backward()
    energy, p = cross_entropy.forward(logits, labels, weights)
    assert energy == pytest.approx(tenergy.item(), rel=1e-10)  # measured: 6e-16
    assert_close(p, torch.softmax(tlogits, -1).detach().numpy())
    assert_close(cross_entropy.backward(p, labels, weights), tlogits.grad.numpy())


# Gradient check ----------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_gradient(size, seed):
    logits, labels, weights = draw(size, seed)

    def forward(logits):
        return cross_entropy.forward(logits, labels, weights)

    dlogits = cross_entropy.backward(forward(logits)[1], labels, weights)
    check_gradients(forward, {"logits": logits}, 1.0, {"logits": dlogits})


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
@pytest.mark.parametrize("integer", [np.uint8, np.int64])
def test_contract(dtype, integer):
    logits, labels, weights = draw(((3, 4), 5), seed=0)
    arguments = logits.astype(dtype), labels.astype(integer), weights.astype(dtype)
    with untouched(*arguments) as (logits, labels, weights):
        energy, p = cross_entropy.forward(logits, labels, weights)
        with untouched(p) as (p,):
            dlogits = cross_entropy.backward(p, labels, weights)
    assert energy.shape == ()
    assert energy.dtype == dtype
    assert_like(p, logits)
    assert_like(dlogits, logits)


def test_the_gradient_stays_float32_with_a_float64_weight_map():
    logits, labels, weights = draw(((3, 4), 5), seed=0)
    logits = logits.astype(np.float32)
    _, p = cross_entropy.forward(logits, labels, weights)
    assert_like(p, logits)
    assert_like(cross_entropy.backward(p, labels, weights), logits)
