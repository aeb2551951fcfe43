"""The benchmark on the VNC stack scores the regions between the membranes of its last slices."""

import sys

import numpy as np
import pytest
import tifffile
import vnc
from commands import TINY, call, write_stack

from minunet.metrics.score import THRESHOLDS, Score


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train for a step; return the checkpoint, and a folder like that of the VNC stack."""
    folder = tmp_path_factory.mktemp("vnc")
    write_stack(folder / "isbi")
    result = call("train", "--data", folder / "isbi", "--out", folder / "run", *TINY, "--steps", 1)
    assert result.code == 0, result.err
    rng = np.random.default_rng(3)
    truth = np.zeros((5, 30, 41), np.uint8)
    truth[:, ::7], truth[:, :, ::9] = 255, 255
    raw = np.clip(200 - 0.6 * truth + rng.normal(0, 20, truth.shape), 0, 255).astype(np.uint8)
    for name, stack in (("raw", raw), ("membranes", truth)):
        tifffile.imwrite(folder / f"{name}-00-15.tif", stack, photometric="minisblack")
    return folder / "run" / "best.npz", folder, raw, truth


def test_the_last_slices_and_their_cells(model):
    _, folder, raw, truth = model
    images, cells = vnc.read(folder, 2)
    np.testing.assert_array_equal(images, raw[-2:])
    for one, membranes in zip(cells, truth[-2:], strict=True):
        np.testing.assert_array_equal(one == 0, membranes == 255)
        assert one.max() == 5 * 5  # between the rows 0, 7 … 28 and the columns 0, 9 … 36
    assert len(cells) == 2


def test_the_table_names_the_command_and_the_commit(model, monkeypatch, capsys):
    best, folder, *_ = model
    monkeypatch.setattr(sys, "argv", ["vnc.py", str(best), str(folder), "--slices", "2"])
    vnc.main()
    out = capsys.readouterr().out
    assert "| score | best | at threshold | at the stored threshold" in out
    for name in ("V_Rand", "V_Info", "pixel error"):
        assert f"| {name}" in out
    assert f"python benchmarks/vnc.py {best} {folder} --slices 2" in out
    assert "\ncommit " in out


def test_values_at_the_stored_threshold():
    by_threshold = tuple(1 - abs(t - 0.4) for t in THRESHOLDS)
    one = Score("v_rand", "V_Rand", 1.0, (), "", True, 0.4, by_threshold)
    assert vnc.markdown([one], 0.7)[-1] == "| V_Rand | 1.0000 | 0.4 | 0.7000 |"
    assert vnc.markdown([one], None)[-1] == "| V_Rand | 1.0000 | 0.4 | – |"
    assert "no threshold stored" in vnc.markdown([one], None)[0]
