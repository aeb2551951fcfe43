"""The state of a run is saved and restored exactly, and never with values that are not finite."""

import numpy as np
import pytest

from minunet.runs.settings import from_options
from minunet.training import state as states
from minunet.training.state import DivergedError

SMALL = from_options(depth=1, channels=2, tile=24, dropout=0.5, device="cpu", seed=7)


def test_save_and_restore(tmp_path):
    state = states.start(SMALL, "cpu")
    state.step, state.best = 12, 0.625
    state.velocity["out.b"] = np.array([0.1, 1e-40], np.float32)
    state.rng.random(3, np.float32)
    states.save(tmp_path / "last.npz", SMALL, state)
    again, settings, reason = states.restore(tmp_path / "last.npz", None)
    assert settings == SMALL
    assert reason == "NumPy on the CPU"  # from the settings, as no device was requested
    assert (again.step, again.best) == (12, 0.625)
    for mine, saved in ((state.params, again.params), (state.velocity, again.velocity)):
        for name, array in mine.items():
            np.testing.assert_array_equal(array, saved[name])
    assert state.rng.random() == again.rng.random()


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    state = states.start(SMALL, "cpu")
    states.save(tmp_path / "last.npz", SMALL, state)
    before = (tmp_path / "last.npz").read_bytes()
    for value in (np.nan, -np.inf):
        state.params["bottom.b1"] = np.full_like(state.params["bottom.b1"], value)
        with pytest.raises(DivergedError, match=r"bottom\.b1 is not finite after step 0"):
            states.save(tmp_path / "last.npz", SMALL, state)
        assert (tmp_path / "last.npz").read_bytes() == before


def test_a_parameter_with_one_value_that_is_not_finite_is_not_saved(tmp_path):
    state = states.start(SMALL, "cpu")
    state.params["bottom.w1"].flat[5] = np.nan
    with pytest.raises(DivergedError):
        states.save(tmp_path / "last.npz", SMALL, state)
    assert not (tmp_path / "last.npz").exists()
