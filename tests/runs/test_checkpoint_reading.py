"""Damaged files, and files of other programs, are refused without being executed."""

import os
import pickle
import zipfile

import numpy as np
import pytest
from checkpoints import assert_same, make

from minunet.errors import InputError
from minunet.runs import checkpoint


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
    assert "reads formats 2 and 3;" in text
