"""Checkpoints are exact, need no pickle and survive interruptions; other files are refused."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from minunet.errors import InputError
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options


def make(seed=0):
    """Make a random state with numbers that a text format would not preserve."""
    rng = np.random.default_rng(seed)
    settings = from_options(
        **{"depth": 1, "channels": 2, "tile": 24, "images": "/é/ü.tif", "label_values": (0, 255)}
    )
    shapes = settings.architecture.shapes()
    tensors = [
        {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
        for _ in range(2)
    ]
    tensors[0]["out.b"][:] = (1e-40, -0.0)
    return Checkpoint(*tensors, 12, rng.bit_generator.state, 0.1 + 0.2, settings.to_json())


def assert_same(one, other):
    for mine, theirs in ((one.params, other.params), (one.velocity, other.velocity)):
        assert list(mine) == list(theirs)
        for name, array in mine.items():
            assert array.dtype == theirs[name].dtype
            assert array.shape == theirs[name].shape
            assert array.tobytes() == theirs[name].tobytes()
    assert one[2:] == other[2:]


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
    with pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.save(tmp_path / "last.npz", state)
    assert not (tmp_path / "last.npz").exists()


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


# Files that are not checkpoints


def sentence(path):
    with pytest.raises(InputError) as refused:
        checkpoint.load(path)
    text = str(refused.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def test_a_missing_file_is_refused(tmp_path):
    for path in (tmp_path / "last.npz", tmp_path):
        assert "best.npz or last.npz" in sentence(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.npz"
    path.write_bytes(b"")
    sentence(path)
    path.write_text("PK, but not a zip")
    sentence(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("meta.txt", "hello")
    sentence(path)
    path.write_bytes(pickle.dumps({"meta": "evil"}))
    sentence(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    sentence(path)
    for foreign in (
        {"weights": np.zeros(3)},
        {"meta": np.array("not JSON")},
        {"meta": np.array("3")},
        {"meta": np.array("{}")},
        {"meta": np.array([{"format": 2}])},
    ):
        np.savez(path, **foreign)
        assert "not a checkpoint" in sentence(path)


def damage(whole, rng):
    """Flip a bit, cut the end, or replace a block by zeros, as a lost page of a disk is."""
    damaged, where = bytearray(whole), int(rng.integers(len(whole)))
    kind = rng.integers(3)
    if kind == 0:
        damaged[where] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del damaged[where:]
    else:
        block = damaged[where : where + int(rng.choice([8, 64, 512, 4096]))]
        damaged[where : where + len(block)] = bytes(len(block))
    return damaged


@pytest.mark.parametrize("seed", range(3))
def test_truncated_and_damaged_files_are_refused(tmp_path, seed):
    path = tmp_path / "last.npz"
    checkpoint.save(path, make())
    whole = path.read_bytes()
    rng, noticed = np.random.default_rng(seed), 0
    for _ in range(200):
        path.write_bytes(damage(whole, rng))
        try:
            read = checkpoint.load(path)
        except InputError as error:
            assert "damaged" in str(error)
            noticed += 1
        else:  # the damage is in a byte that does not matter, such as a date
            assert_same(read, make())
    assert noticed > 150  # measured: 175 to 185


def test_a_pickle_in_disguise_is_not_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    np.savez(tmp_path / "last.npz", meta=np.array(Evil(), object))
    sentence(tmp_path / "last.npz")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("lost", ["params/out.b", "velocity/out.b"])
def test_a_missing_array_is_refused(tmp_path, lost):
    path = tmp_path / "last.npz"
    checkpoint.save(path, make())
    with np.load(path) as npz:
        arrays = {name: npz[name] for name in npz.files if name != lost}
    np.savez(path, **arrays)
    assert "damaged" in sentence(path)


def test_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 7)
    checkpoint.save(tmp_path / "last.npz", make())
    monkeypatch.undo()
    text = sentence(tmp_path / "last.npz")
    assert "format 7" in text
    assert "reads format 2;" in text
