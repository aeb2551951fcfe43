"""Central differences are as precise as their step allows, and the step fits the argument."""

import numpy as np
import pytest

from minunet.differences import STEP, Argument, Energy, numerical_gradient, size


def test_numerical_gradient_of_a_cubic():
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -10.0]])
    indices = list(np.ndindex(x.shape))
    gradient = numerical_gradient(lambda: float(np.sum(x**3)), x, indices)
    # 3x²; the error is h² = 1e-10 plus the rounding of a sum near 1000. Measured: 4e-9.
    np.testing.assert_allclose(gradient, [3, 12, 27, 0.75, 0, 300], rtol=0, atol=1e-7)


def test_numerical_gradient_of_a_cubic_is_off_by_the_square_of_its_step():
    # ((x+h)³ - (x-h)³) / 2h = 3x² + h²
    x = np.array([[1.0, 2.0, -3.0]])
    for step in (1.0, 0.5, 0.25):
        gradient = numerical_gradient(lambda: float(np.sum(x**3)), x, [(0, 1), (0, 2)], step)
        np.testing.assert_array_equal(gradient, [12 + step**2, 27 + step**2])


def test_numerical_gradient_restores_every_entry():
    x = np.array([[0.1, 1e10, 1e-10], [1 / 3, -0.7, 3.3]])
    before = x.copy()
    numerical_gradient(lambda: float(x.sum()), x, list(np.ndindex(x.shape)))
    np.testing.assert_array_equal(x, before)


# The step


def argument(x, forward, tolerance=1e-6, claimed=1.0):
    own = {"x": np.array(x)}
    energy = Energy(forward, own, np.ones(np.shape(forward(own["x"]))))
    return Argument(energy, own["x"], np.array(claimed), tolerance)


def test_size_by_hand():
    assert size(np.array([[3.0, -4.0], [0, 5]])) == pytest.approx(np.sqrt(50 / 4))
    assert size(np.array([3e200, -4e200])) == pytest.approx(np.sqrt(12.5) * 1e200)
    assert (size(np.zeros(3)), size(np.zeros((0, 2))), size(np.array(-2.0))) == (0, 0, 2)


def test_the_step_is_proportional_to_the_argument():
    plain = [argument([s, -s], np.sum).plain((0,)).step for s in (1, 1e-6, 4095)]
    np.testing.assert_allclose(plain, STEP * np.array([1, 1e-6, 4095]), rtol=1e-12)
    # An entry larger than the others has a larger step, and the others that of the whole.
    large = argument([1e6, 0, 0, 0], np.sum)
    assert large.plain((0,)).step == pytest.approx(10)
    assert large.plain((1,)).step == pytest.approx(5)
    # An argument of zeros has the size of the output, and else 1.
    assert argument([0.0, 0], lambda x: x + 7e3).plain((0,)).step == pytest.approx(7e-2)
    assert argument([0.0, 0], lambda x: x).plain((0,)).step == STEP


def test_an_energy_is_less_its_value_at_the_start():
    own = {"x": np.array([1e12, 1.0])}
    energy = Energy(lambda x: x, own, np.array([1.0, 3.0]))
    assert energy() == 0
    own["x"][1] += 2**-20
    assert energy() == 3 * 2**-20  # not rounded to the precision of 1e12
    # Each product is rounded to 2e-16 of its value.
    assert energy.rounding == pytest.approx(np.finfo(float).eps * 1e12)
    single = Energy(lambda x: x.astype(np.float32), own, np.array([1.0, 3.0]))
    assert single.rounding == pytest.approx(np.finfo(np.float32).eps * 1e12)


def test_rounding_hides_an_error_at_small_steps():
    one = argument([1.0], lambda x: x + 1e6 - 1)  # rounded to 2e-10
    assert one.hidden(1.0, 2e-3)
    assert not one.hidden(1.0, 2.3e-3)  # 10 · 2.2e-10 = 1e-6 · 2.2e-3
    assert not one.hidden(-10.0, 2.3e-4)
    # A slope near 0 is as precise as a hundredth of the largest value claimed.
    assert one.hidden(0.0, 0.2)
    assert not one.hidden(0.0, 0.23)


def test_a_step_beside_a_kink_is_refined():
    found = argument([3e-6, 1.0], lambda x: np.maximum(x, 0)).refined((0,))
    assert found.value == pytest.approx(1, rel=1e-6)
    assert found.step < 3e-6
    assert found.uncertainty < 1e-6


def test_a_step_where_the_energy_bends_is_refined():
    # tanh is steep within 1e-3 of 0, while the argument has the size of 1e3.
    found = argument([0.0, 1e3], lambda x: np.tanh(1e3 * x)).refined((0,))
    assert found.value == pytest.approx(1e3, rel=1e-6)
    assert found.steepest >= 1e3 * 0.99


def test_a_step_lost_in_rounding_is_refined():
    found = argument([1e-6, 2e-6], lambda x: x + 1e10).refined((0,))
    assert found.value == pytest.approx(1, rel=1e-7)
    assert found.step > 1


def test_an_argument_without_influence_has_the_slope_0():
    found = argument([1.0, 2.0], lambda x: np.array(3.0), claimed=0.0).refined((0,))
    assert (found.value, found.steepest) == (0, 0)


def test_a_flat_energy_knows_its_steepest_slope():
    found = argument([-40.0, 1.0], lambda x: np.log(1 + np.exp(x))[0]).refined((0,))  # log 1
    assert found.value == pytest.approx(np.exp(-40), abs=1e-12)
    assert 0.3 < found.steepest <= 0.51


def test_a_slope_that_three_steps_agree_on_is_not_flat_however_steep_the_energy_is_elsewhere():
    for x, forward, slope in (
        (-30.0, lambda x: np.log1p(np.exp(x))[0], np.exp(-30)),
        (4.0, lambda x: np.exp(x)[0], np.exp(4)),
        (2.0, lambda x: (1 / x)[0], -0.25),
    ):
        found = argument([x, 1.0], forward).refined((0,))
        assert found.value == pytest.approx(slope, rel=1e-6)
        assert found.steepest == 0
