"""The gradient check passes correct gradients and catches every planted fault."""

import os
import re

import numpy as np
import pytest
from gradient_faults import FAULTS as PLANTED
from random_ops import correct

from minunet.fast import threads
from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.ops import conv2d, crop_concat, cross_entropy, maxpool, relu


def convolution(kernel=(3, 3, 2, 2)):
    """Make x, w, b, an upstream gradient, and the gradients of `conv2d.backward`.

    The default kernel has as many rows as columns and as many inputs as outputs, so a transposed
    gradient has the right shape and only its values are wrong.
    """
    rng = np.random.default_rng(0)
    kh, kw, c, o = kernel
    x, w = rng.standard_normal((6, 7, c)), rng.standard_normal(kernel)
    b, dy = rng.standard_normal(o), rng.standard_normal((7 - kh, 8 - kw, o))
    gradients = dict(zip("xwb", conv2d.backward(dy, x, w), strict=True))
    return {"x": x, "w": w, "b": b}, dy, gradients


# Correct gradients --------------------------------------------------------------------------------


def test_checking_an_op_takes_three_lines():
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in [(6, 7, 2), (3, 2, 2, 4), (4,)])

    dy = rng.standard_normal(conv2d.forward(x, w, b).shape)
    dx, dw, db = conv2d.backward(dy, x, w)
    check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, {"x": dx, "w": dw, "b": db})


@pytest.mark.parametrize("kernel", [(2, 3, 4, 5), (3, 3, 2, 2)])
def test_correct_gradients_pass_and_the_largest_error_is_returned(kernel):
    arguments, dy, gradients = convolution(kernel)
    error = check_gradients(conv2d.forward, arguments, dy, gradients)
    assert 0 < error < 1e-7  # measured: 6e-9


def test_an_energy_is_checked_with_an_upstream_gradient_of_1():
    x = np.array([[1.0, -2.0, 0.5]])
    check_gradients(lambda x: np.sum(x**3), {"x": x}, 1.0, {"x": 3 * x**2})


def test_of_several_results_the_first_is_the_output():
    x, dy = np.array([[1.0, -2.0, 0.5]]), np.array([[0.3, -1.2, 0.7]])
    check_gradients(lambda x: (x**2, 100 * x), {"x": x}, dy, {"x": 2 * x * dy})


def test_rounding_next_to_a_large_gradient_is_ignored():
    # Central differences have an error of about 1e-11 of the energy, so this entry looks like 0.
    x, dy = np.array([[1.0, 2.0, 3.0]]), np.array([[1.3, 1e-13, -0.7]])
    check_gradients(relu.forward, {"x": x}, dy, {"x": dy})


def test_a_zero_gradient_passes_for_an_unused_argument():
    x, b = np.array([[-1.0, -2.0, -3.0]]), np.array([5.0])
    assert check_gradients(lambda x, b: relu.forward(x), {"x": x, "b": b}, x, {"b": 0 * b}) == 0


def test_gradients_of_some_arguments_only():
    arguments, dy, gradients = convolution()
    check_gradients(conv2d.forward, arguments, dy, {"b": gradients["b"]})


def test_arguments_and_gradients_are_not_modified():
    arguments, dy, gradients = convolution()
    arrays = [*arguments.values(), dy, *gradients.values()]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    check_gradients(conv2d.forward, arguments, dy, gradients)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# Planted faults ----------------------------------------------------------------------------------

# Typical mistakes in a hand-written backward of a convolution.
FAULTS = {
    "dw transposed, channels for features": ("w", lambda dw: dw.swapaxes(2, 3)),
    "dw with its spatial axes swapped": ("w", lambda dw: dw.swapaxes(0, 1)),
    "dw flipped, as in a true convolution": ("w", lambda dw: dw[::-1, ::-1]),
    "dw flipped along the columns": ("w", lambda dw: dw[:, ::-1]),
    "dw of the wrong sign": ("w", np.negative),
    "dw averaged over the pixels": ("w", lambda dw: dw / 20),
    "dx of the wrong sign": ("x", np.negative),
    "dx shifted by a row": ("x", lambda dx: np.roll(dx, 1, axis=0)),
    "dx shifted by a column": ("x", lambda dx: np.roll(dx, 1, axis=1)),
    "dx with its channels swapped": ("x", lambda dx: dx[..., ::-1]),
    "dx off by a thousandth of a percent": ("x", lambda dx: dx * (1 + 1e-5)),
    "dx of zeros": ("x", np.zeros_like),
    "db forgotten": ("b", np.zeros_like),
    "db with its features swapped": ("b", lambda db: db[::-1]),
}


@pytest.mark.parametrize(("name", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_caught(name, fault):
    arguments, dy, gradients = convolution()
    gradients[name] = fault(gradients[name])
    with pytest.raises(AssertionError, match=rf"^d{name}\["):
        check_gradients(conv2d.forward, arguments, dy, gradients)


def test_a_kernel_flipped_in_the_backward_is_caught():
    arguments, dy, gradients = convolution()
    flipped = arguments["w"][::-1, ::-1]
    gradients["x"] = conv2d.backward(dy, arguments["x"], flipped)[0]
    with pytest.raises(AssertionError, match=r"^dx\["):
        check_gradients(conv2d.forward, arguments, dy, gradients)


def test_a_bias_gradient_that_is_not_summed_over_the_pixels_is_caught():
    arguments, dy, gradients = convolution()
    for not_all in [dy[0, 0], dy.sum(axis=0)[0], dy.sum(axis=1)[0], dy.mean(axis=(0, 1))]:
        gradients["b"] = not_all
        with pytest.raises(AssertionError, match=r"^db\["):
            check_gradients(conv2d.forward, arguments, dy, gradients)


def test_a_missing_sum_over_copies_is_caught():
    # y contains x twice, so dx is the sum of two parts; this backward forgets one of them.
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    dy = np.random.default_rng(1).standard_normal((2, 3, 8))
    dup, dskip = crop_concat.backward(dy, x.shape)

    def forward(x):
        return crop_concat.forward(x, x)

    check_gradients(forward, {"x": x}, dy, {"x": dup + dskip})
    with pytest.raises(AssertionError, match=r"^dx\["):
        check_gradients(forward, {"x": x}, dy, {"x": dup})


def test_a_wrong_entry_is_reported_with_both_values():
    arguments, dy, gradients = convolution()
    right = gradients["w"][2, 0, 1, 0]
    gradients["w"][2, 0, 1, 0] = wrong = right + 0.5
    with pytest.raises(AssertionError, match=r"^dw\[2, 0, 1, 0\]: ") as error:
        check_gradients(conv2d.forward, arguments, dy, gradients)
    pattern = r"backward gives (\S+), central differences give (\S+) \(relative error"
    says, differences = re.search(pattern, str(error.value)).groups()
    assert float(says) == pytest.approx(wrong, rel=1e-9)
    assert float(differences) == pytest.approx(right, rel=1e-6)
    assert "kink" not in str(error.value)


def test_the_worst_of_two_wrong_entries_is_reported():
    arguments, dy, gradients = convolution()
    gradients["x"][1, 2, 0] += 1e-3
    gradients["x"][3, 4, 1] += 10
    with pytest.raises(AssertionError, match=r"^dx\[3, 4, 1\]"):
        check_gradients(conv2d.forward, arguments, dy, gradients)


def test_a_wrong_entry_whose_correct_value_is_0_is_caught():
    # An error cannot be relative to a correct value of 0, so it is relative to the largest value.
    x, dy = np.array([[-1.0, 2.0, 3.0]]), np.array([[0.3, -1.2, 0.7]])
    dx = relu.backward(dy, relu.forward(x))
    dx[0, 0] = 1e-3
    with pytest.raises(AssertionError, match=r"^dx\[0, 0\]: backward gives 0.001, .* give 0 "):
        check_gradients(relu.forward, {"x": x}, dy, {"x": dx})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_entries_that_are_not_finite_are_caught_and_reported(bad):
    arguments, dy, gradients = convolution()
    gradients["x"][3, 4, 1] = bad
    with pytest.raises(AssertionError, match=rf"^dx\[3, 4, 1\]: backward gives {bad}, "):
        check_gradients(conv2d.forward, arguments, dy, gradients)


def test_a_random_upstream_gradient_catches_what_ones_miss():
    # This is why the module advises a random upstream gradient: this backward flips dy.
    arguments, dy, gradients = convolution()
    x, w = arguments["x"], arguments["w"]
    ones = np.ones_like(dy)
    check_gradients(conv2d.forward, arguments, ones, {"x": conv2d.backward(ones[::-1], x, w)[0]})
    gradients["x"] = conv2d.backward(dy[::-1], x, w)[0]
    with pytest.raises(AssertionError, match=r"^dx\["):
        check_gradients(conv2d.forward, arguments, dy, gradients)


# Scales -------------------------------------------------------------------------------------------

MANY = int(os.environ.get("RANDOM_OPS", "160"))
"""Number of random ops to check; RANDOM_OPS=20000 takes some minutes."""


def check(case):
    """Check the gradients of a case."""
    return check_gradients(*case[:4], tolerance=case.tolerance)


@pytest.mark.usefixtures("threads_as_before")
def test_random_correct_ops_at_scales_from_1e_6_to_1e6_cause_no_false_alarm():
    threads.use(1)  # small maps
    for seed in range(MANY):
        try:
            check(correct(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.usefixtures("threads_as_before")
@pytest.mark.parametrize("scales", [(1, 1), (1e-6, 1), (1e-3, 1e6), (4095, 1), (1e6, 1e-6)])
def test_planted_faults_are_found_at_every_scale(scales):
    threads.use(1)
    missed = []
    for name, fault in PLANTED.items():
        try:
            check(fault(scales))
            missed.append(name)
        except AssertionError as error:
            assert "scale" not in str(error), name  # the gradient is at fault
    assert len(PLANTED) >= 25
    assert missed == []


@pytest.mark.parametrize("scale", [4095, 65535, 1e-3, 1e9])
def test_a_convolution_of_any_grey_values_passes(scale):
    rng = np.random.default_rng(0)
    x, w = np.floor(4096 * rng.random((7, 6, 2))) * scale / 4095, rng.standard_normal((3, 3, 2, 3))
    for b in (rng.standard_normal(3), np.zeros(3)):
        dy = rng.standard_normal((5, 4, 3))
        gradients = dict(zip("xwb", conv2d.backward(dy, x, w), strict=True))
        check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, gradients)
        gradients["b"] = gradients["b"] * (1 + 2e-6)
        with pytest.raises(AssertionError, match=r"^db"):
            check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, gradients)


def test_an_energy_too_coarse_for_its_slopes_is_reported_as_a_matter_of_scale():
    x = np.array([0.3, -0.7])
    for energy in (
        lambda x: 1e9 + np.sum(np.sin(x)),  # rounded to 1e-7
        lambda x: np.sum(np.sin(x), dtype=np.float32),
    ):
        with pytest.raises(
            AssertionError, match=r"^dx.*scale of the arguments is a likelier cause"
        ):
            check_gradients(energy, {"x": x}, 1.0, {"x": np.cos(x)})
        assert check_gradients(energy, {"x": x}, 1.0, {"x": np.cos(x)}, tolerance=1e-2) < 1e-3
        with pytest.raises(AssertionError) as error:
            check_gradients(energy, {"x": x}, 1.0, {"x": -np.cos(x)})
        assert "scale" not in str(error.value)


def test_an_energy_that_is_not_a_number_is_no_matter_of_kinks():
    x = np.array([1.0, 2])
    with pytest.raises(AssertionError, match=r"central differences give nan .*allowed 1e-06\)$"):
        check_gradients(lambda x: np.nan * x, {"x": x}, x, {"x": x})


def test_a_saturated_soft_max_passes():
    # Probabilities of e^-70 are 0 to the energy, but not to the backward.
    logits, labels = np.array([[[30.0, -40, 10]]]), np.array([[0]])
    weights = np.ones((1, 1))

    def forward(logits):
        return cross_entropy.forward(logits, labels, weights)

    dlogits = cross_entropy.backward(forward(logits)[1], labels, weights)
    assert 0 < np.abs(dlogits).min() < 1e-30
    check_gradients(forward, {"logits": logits}, 1.0, {"logits": dlogits})
    dlogits[0, 0, 2] = 1e-6
    with pytest.raises(AssertionError, match=r"^dlogits\[0, 0, 2\]"):
        check_gradients(forward, {"logits": logits}, 1.0, {"logits": dlogits})


@pytest.mark.parametrize("factor", [-1.0, 0.5, 1.001])
def test_faults_are_found_in_ops_that_are_far_steeper_elsewhere(factor):
    x, dy = np.array([1.2, 3.1, 4.0, -0.9, 6.5]), np.array([-1.3, -0.7, 0.9, 0.1, 2.0])
    for forward, dx in ((np.exp, dy * np.exp(x)), (lambda x: 1 / x, -dy / x**2)):
        assert check_gradients(forward, {"x": x}, dy, {"x": dx}) < 1e-6
        with pytest.raises(AssertionError, match=r"^dx\["):
            check_gradients(forward, {"x": x}, dy, {"x": factor * dx})


@pytest.mark.parametrize("largest", [1e-9, 1.0, 1e7])
def test_an_error_is_relative_to_a_hundredth_of_the_largest_value_at_least(largest):
    x, dy = np.array([[1.0, -2.0, 3.0]]), largest * np.array([[-1.0, 0.5, 1e-3]])

    def error(off):
        return check_gradients(lambda x: x, {"x": x}, dy, {"x": dy + largest * np.array(off)})

    assert error([[0, 0, 9e-9]]) == pytest.approx(9e-7, rel=1e-3)  # 9e-9 of 1e-2
    with pytest.raises(AssertionError, match=r"^dx\[0, 2\].*relative error 1.1e-06"):
        error([[0, 0, 1.1e-8]])
    assert error([[0, 4.5e-7, 0]]) == pytest.approx(9e-7, rel=1e-3)  # 4.5e-7 of 0.5
    with pytest.raises(AssertionError, match=r"^dx\[0, 1\].*relative error 1.1e-06"):
        error([[0, 5.5e-7, 0]])


# Kinks -------------------------------------------------------------------------------------------


def near_a_kink(near):
    x, dy = np.array([[1.0, near, -2.0]]), np.array([[0.3, -1.2, 0.7]])
    return {"x": x}, dy, {"x": relu.backward(dy, relu.forward(x))}


def test_a_relu_at_0_is_reported_as_a_kink():
    with pytest.raises(AssertionError, match=r"^dx\[0, 1\]: .*kink \(a ReLU at 0"):
        check_gradients(relu.forward, *near_a_kink(0.0))


@pytest.mark.parametrize("near", [3e-6, -3e-6, 1e-8])
def test_a_kink_within_the_usual_step_is_no_false_alarm(near):
    assert check_gradients(relu.forward, *near_a_kink(near)) < 1e-6
    arguments, dy, gradients = near_a_kink(near)
    gradients["x"][0, 1] = dy[0, 1] / 2  # what the usual step sees, more or less
    with pytest.raises(AssertionError, match=r"^dx\[0, 1\]"):
        check_gradients(relu.forward, arguments, dy, gradients)


def test_a_tie_in_a_pooling_is_reported_as_a_kink():
    x, dy = np.array([[[5.0], [5]], [[2], [1]]]), np.array([[[-1.7]]])
    dx = maxpool.backward(dy, maxpool.forward(x)[1])
    with pytest.raises(AssertionError, match=r"^dx\[0, [01], 0\]: .*kink .*a tie in a pooling"):
        check_gradients(maxpool.forward, {"x": x}, dy, {"x": dx})


# Refusals ----------------------------------------------------------------------------------------


def test_float32_is_refused_before_anything_is_compared():
    arguments, dy, gradients = convolution()
    arguments["w"] = arguments["w"].astype(np.float32)
    with pytest.raises(ValueError, match="w is float32; pass it as float64"):
        check_gradients(conv2d.forward, arguments, dy, gradients)


def test_integers_are_refused():
    x = np.array([[1, 2, 3]])
    with pytest.raises(ValueError, match="x is int64; pass it as float64"):
        check_gradients(relu.forward, {"x": x}, x, {"x": x})


def test_a_gradient_of_another_shape_is_refused():
    # If all sizes differ, the shape of a transposed gradient is already wrong.
    arguments, dy, gradients = convolution((2, 3, 4, 5))
    gradients["w"] = gradients["w"].swapaxes(2, 3)
    message = "dw has the shape (2, 3, 5, 4), but w has (2, 3, 4, 5)"
    with pytest.raises(ValueError, match=re.escape(message)):
        check_gradients(conv2d.forward, arguments, dy, gradients)


def test_entries_without_a_generator_are_refused():
    arguments, dy, gradients = convolution()
    with pytest.raises(ValueError, match="`rng`"):
        check_gradients(conv2d.forward, arguments, dy, gradients, entries=3)


# Some entries only -------------------------------------------------------------------------------


def test_entries_of_each_argument_are_sampled_without_repetition():
    x, w = np.arange(1.0, 13.0).reshape(3, 4), np.ones((5, 2))
    calls = []

    def forward(x, w):
        calls.append((x.copy(), w.copy()))
        return x.sum() + w.sum()

    gradients = {"x": np.ones_like(x), "w": np.ones_like(w)}
    rng = np.random.default_rng(0)
    check_gradients(forward, {"x": x, "w": w}, 1.0, gradients, entries=(7, rng))
    nudged_x = [tuple(np.argwhere(a > x)[0]) for a, _ in calls if np.any(a > x)]
    nudged_w = [tuple(np.argwhere(a > w)[0]) for _, a in calls if np.any(a > w)]
    assert len(nudged_x) == len(set(nudged_x)) == 7
    assert len(nudged_w) == len(set(nudged_w)) == 7


def test_a_number_above_the_size_checks_all_entries():
    arguments, dy, gradients = convolution()
    entries = 10**6, np.random.default_rng(0)
    check_gradients(conv2d.forward, arguments, dy, gradients, entries=entries)


# Adjoint -----------------------------------------------------------------------------------------

WRONG_ADJOINTS = {
    "flipped": lambda dx: dx[::-1, ::-1],
    "columns flipped": lambda dx: dx[:, ::-1],
    "channels swapped": lambda dx: dx[..., ::-1],
    "shifted": lambda dx: np.roll(dx, 1, axis=0),
    "wrong sign": np.negative,
    "off by a millionth": lambda dx: dx * (1 + 1e-6),
}


def adjoint_in_x(adjoint, kernel=(3, 3, 2, 2)):
    """Compute the gap of the convolution above, without bias, for a modified adjoint in x."""
    arguments, u, _ = convolution(kernel)
    x, w, no_bias = arguments["x"], arguments["w"], 0 * arguments["b"]
    return adjoint_gap(
        lambda x: conv2d.forward(x, w, no_bias),
        lambda u: adjoint(conv2d.backward(u, x, w)[0]),
        x,
        u,
    )


@pytest.mark.parametrize("kernel", [(2, 3, 4, 5), (3, 3, 2, 2)])
def test_the_gap_of_a_correct_adjoint_is_rounding_error(kernel):
    assert adjoint_in_x(lambda dx: dx, kernel) < 1e-14  # measured: 1e-16


@pytest.mark.parametrize("wrong", WRONG_ADJOINTS.values(), ids=WRONG_ADJOINTS.keys())
def test_the_gap_of_a_wrong_adjoint_is_large(wrong):
    assert adjoint_in_x(wrong) > 1e-9  # measured: 1e-7 for the millionth, 1e-2 for the others


def test_the_gap_of_a_matrix_and_of_its_transpose():
    a = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 10]])
    x, u = np.array([1.0, -2, 0.5]), np.array([3.0, 1, -1])
    assert adjoint_gap(lambda x: a @ x, lambda u: a.T @ u, x, u) < 1e-15  # measured: 0
    # a·x = (-1.5, -3, -4) and a·u = (2, 11, 19): |⟨a·x, u⟩ - ⟨x, a·u⟩| = |-3.5 + 10.5| = 7.
    expected = 7 / np.sqrt((1.5**2 + 3**2 + 4**2) * 11)
    assert adjoint_gap(lambda x: a @ x, lambda u: a @ u, x, u) == pytest.approx(expected)
