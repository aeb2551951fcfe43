"""Arrays of a zip file are read as `np.load` reads them; the checksum is the documented one."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from minunet.runs import archive
from minunet.runs.archive import AlteredError, open_archive, shown


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(2.5),
        np.zeros((3, 0, 2), np.float32),
        np.arange(5, dtype=">i2"),
        np.array(["a", "bcd"]),
        np.full(archive.CHUNK // 4 + 3, 7, np.float32),  # longer than what is read at a time
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_is_read_as_numpy_reads_it(tmp_path, array):
    np.savez(tmp_path / "a.npz", first=array, other=np.ones(3))
    with open_archive(tmp_path / "a.npz") as opened, np.load(tmp_path / "a.npz") as expected:
        assert list(opened.headers) == ["first", "other"]
        found = opened.array("first")
        assert found.dtype == expected["first"].dtype
        np.testing.assert_array_equal(found, expected["first"])
        assert found.flags.c_contiguous
        assert found.flags.writeable


@pytest.mark.parametrize("text", ["", "{}", "é ü \U0001f4a5", "a" * 100])
@pytest.mark.parametrize("order", "<>")
def test_a_text_is_read(tmp_path, text, order):
    np.savez(tmp_path / "a.npz", meta=np.array(text, f"{order}U{max(len(text), 1)}"))
    with open_archive(tmp_path / "a.npz") as opened:
        assert opened.text("meta", 100) == text
        if len(text) == 100:
            with pytest.raises(AlteredError, match="text of 100 characters"):
                opened.text("meta", 99)


def test_objects_are_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.array([{}]))
    with open_archive(tmp_path / "a.npz") as opened, pytest.raises(AlteredError, match="objects"):
        opened.array("first")


def test_the_checksum_by_hand(tmp_path):
    meta = {"step": 3, "best": 0.1, "checksum": "not part of it"}
    arrays = {"a": np.array([[1, 2]], np.float32), "b": np.array([3], np.float32)}
    np.savez(tmp_path / "a.npz", meta=np.array(json.dumps(meta)), **arrays)
    expected = hashlib.sha256(
        b'{"step": 3, "best": 0.1}'
        b"a <f4 (1, 2)" + b"\0\0\x80\x3f" + b"\0\0\0\x40" + b"b <f4 (1,)" + b"\0\0\x40\x40"
    ).hexdigest()
    assert archive.checksum(meta, arrays) == expected
    with open_archive(tmp_path / "a.npz") as opened:
        assert opened.checksum(meta) == expected


def test_a_damaged_array_is_noticed(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.full(9999, 1.5))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[whole.index(np.float64(1.5).tobytes())] ^= 1
    (tmp_path / "a.npz").write_bytes(whole)
    with open_archive(tmp_path / "a.npz") as opened:
        with pytest.raises(zipfile.BadZipFile):
            opened.array("first")
        with pytest.raises(zipfile.BadZipFile):
            opened.checksum({})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\n\x1b", r"'a\n\x1b'"),
        ("é", r"'\xe9'"),
        (3, "3"),
        ("x" * 99, "'" + "x" * 56 + "..."),
        (10**5000, "a huge number"),
    ],
    ids=["control", "accent", "number", "long", "huge"],
)
def test_values_are_shown_shortened_and_printable(value, expected):
    assert shown(value) == expected
