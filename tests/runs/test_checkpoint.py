"""Checkpoints are exact, need no pickle and survive interruptions."""

import json

import numpy as np
import pytest
from checkpoints import assert_same, make

from minunet.errors import InputError
from minunet.runs import checkpoint


def test_round_trip_is_exact(tmp_path):
    state = make()
    assert not np.array_equal(state.params["out.b"], state.velocity["out.b"])
    checkpoint.save(tmp_path / "last.npz", state)
    assert_same(checkpoint.load(tmp_path / "last.npz"), state)
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def test_a_generator_continues_where_it_stopped(tmp_path):
    rng = np.random.default_rng(3)
    rng.random(5, dtype=np.float32)  # an odd number: the generator keeps half of a 64-bit draw
    checkpoint.save(tmp_path / "last.npz", make()._replace(random_state=rng.bit_generator.state))
    again = np.random.default_rng()
    again.bit_generator.state = checkpoint.load(tmp_path / "last.npz").random_state
    np.testing.assert_array_equal(rng.random(9, np.float32), again.random(9, np.float32))


def test_numpy_alone_can_read_a_checkpoint_without_pickle(tmp_path):
    state = make()
    checkpoint.save(tmp_path / "last.npz", state)
    with np.load(tmp_path / "last.npz", allow_pickle=False) as npz:
        assert set(npz.files) == {
            *(f"{kind}/{name}" for kind in ("params", "velocity") for name in state.params),
            "meta",
        }
        np.testing.assert_array_equal(npz["params/out.b"], state.params["out.b"])
        meta = json.loads(str(npz["meta"]))
    assert (meta["format"], meta["step"], meta["config"]) == (2, 12, state.settings)


def test_a_checkpoint_written_by_numpy_alone_can_be_loaded(tmp_path):
    state = make()
    meta = {
        "format": 2,
        "step": 12,
        "random_state": state.random_state,
        "best": 0.1 + 0.2,
        "config": state.settings,
    }
    np.savez(
        tmp_path / "old.npz",
        **{f"params/{name}": array for name, array in state.params.items()},
        **{f"velocity/{name}": array for name, array in state.velocity.items()},
        meta=np.array(json.dumps(meta)),
    )
    assert_same(checkpoint.load(tmp_path / "old.npz"), state)


def test_an_object_array_is_refused(tmp_path):
    state = make()
    state.params["out.b"] = np.array([{}])
    with pytest.raises(ValueError, match=r"params/out\.b contains objects"):
        checkpoint.save(tmp_path / "last.npz", state)
    assert not (tmp_path / "last.npz").exists()


def test_a_checkpoint_is_the_same_with_numpy_2_0_whose_savez_takes_every_option_for_an_array(
    tmp_path, monkeypatch
):
    savez = np.savez

    def older(file, *args, **arrays):
        assert all(isinstance(array, np.ndarray) for array in arrays.values()), list(arrays)
        savez(file, *args, **arrays)

    monkeypatch.setattr(np, "savez", older)
    checkpoint.save(tmp_path / "last.npz", make())
    assert_same(checkpoint.load(tmp_path / "last.npz"), make())


@pytest.mark.parametrize("moment", ["before", "half way", "at the end"])
def test_a_crash_while_saving_leaves_the_old_one(tmp_path, monkeypatch, moment):
    path, old = tmp_path / "last.npz", make()
    checkpoint.save(path, old)
    savez = np.savez

    class Killed(BaseException):
        pass

    def crash(file, *args, **arrays):
        if moment != "before":
            savez(file, *args, **arrays)
        if moment == "half way":
            file.truncate(file.tell() // 2)
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(np, "savez", crash)
        checkpoint.save(path, make(seed=1))
    assert_same(checkpoint.load(path), old)
    checkpoint.save(path, make(seed=2))  # what is left of the interrupted file does not matter
    assert_same(checkpoint.load(path), make(seed=2))
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def test_the_new_file_is_on_disk_before_it_replaces_the_old(tmp_path, monkeypatch):
    path, order = tmp_path / "last.npz", []
    checkpoint.save(path, make())
    monkeypatch.setattr("os.fsync", lambda number: order.append("written"))
    replace = type(path).replace
    monkeypatch.setattr(
        type(path), "replace", lambda a, b: (order.append("moved"), replace(a, b))[1]
    )
    checkpoint.save(path, make(seed=1))
    assert order[:2] == ["written", "moved"]  # then the folder is written


# Published models


def test_a_published_model_has_its_parameters_in_float16_and_no_velocities(tmp_path):
    state = make()
    checkpoint.publish(tmp_path / "model.npz", state)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as npz:
        assert set(npz.files) == {*(f"params/{name}" for name in state.params), "meta"}
        assert {npz[name].dtype for name in npz.files if name != "meta"} == {np.dtype("float16")}
        assert json.loads(str(npz["meta"]))["format"] == 3
    read = checkpoint.load(tmp_path / "model.npz")
    assert list(read.params) == list(state.params)
    for name, array in state.params.items():
        assert read.params[name].dtype == np.float32
        # 11 bits; below 6e-5, numbers of float16 are 6e-8 apart.
        np.testing.assert_allclose(read.params[name], array, rtol=2**-11, atol=3.1e-8)
    assert read.velocity == {}
    assert read[2:] == state[2:]


def test_a_model_published_in_float32_has_the_same_parameters(tmp_path):
    state = make()
    state.params["bottom.w2"][0, 0, 0, 0] = 1e30  # too large for float16 only
    checkpoint.publish(tmp_path / "model.npz", state, np.float32)
    assert_same(checkpoint.load(tmp_path / "model.npz"), state._replace(velocity={}))


def test_a_published_model_in_float64_is_refused(tmp_path):
    checkpoint.publish(tmp_path / "model.npz", make(), np.float64)
    with pytest.raises(InputError, match="contains 'float64' instead of float16 or float32"):
        checkpoint.load(tmp_path / "model.npz")


def test_a_parameter_that_is_too_large_for_float16_is_refused(tmp_path):
    state = make()
    state.params["out.b"][0] = 70000
    with pytest.raises(InputError, match=r"in out\.b is larger than 65504"):
        checkpoint.publish(tmp_path / "model.npz", state)
    assert list(tmp_path.iterdir()) == []
