"""The benchmark of volumes runs the real commands, in processes of their own."""

import sys

import numpy as np
import pytest

pytest.importorskip("zarr")
import volumes

linux = pytest.mark.skipif(sys.platform != "linux", reason="no /proc elsewhere")


@pytest.fixture
def few_ways(monkeypatch):
    ways = {
        "1 process": [("--threads", 1)],
        "2 parts": [("--threads", 1, "--part", "2/2"), ("--threads", 1, "--part", "1/2")],
    }
    monkeypatch.setattr(volumes, "ways", lambda cores: ways)


@linux
def test_all_ways_are_measured_and_compared(tmp_path, capsys, few_ways):
    volumes.measure(tmp_path, (2, 60, 70), 1, [])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[2].strip() for row in rows] == ["1 process", "2 parts"]
    assert all(row.endswith("| yes |") for row in rows)


@linux
def test_a_way_with_other_bytes_is_found(tmp_path, capsys, few_ways, monkeypatch):
    digests = iter("ab")
    monkeypatch.setattr(volumes, "digest", lambda out: next(digests))
    volumes.measure(tmp_path, (1, 60, 60), 1, [])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [row.split("|")[-2].strip() for row in rows] == ["yes", "no"]


def test_the_digest_is_that_of_the_complete_chunks(tmp_path):
    array = volumes.write_volume(tmp_path / "a.zarr", (2, 600, 520))
    before = volumes.digest(tmp_path / "a.zarr")
    (tmp_path / "a.zarr/c/0/0/0.1.partial").write_bytes(b"half")
    assert volumes.digest(tmp_path / "a.zarr") == before
    assert array.shape == (2, 600, 520)
    assert np.ptp(array[1]) > 50
    array[0, 0, 0] = 255 - array[0, 0, 0]
    assert volumes.digest(tmp_path / "a.zarr") != before


def test_shapes():
    assert volumes.parse_shape("4x40x50") == (4, 40, 50)
