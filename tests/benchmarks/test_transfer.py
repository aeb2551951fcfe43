"""A model is scored on the regions between the membranes of another stack."""

import sys

import numpy as np
import pytest
import tifffile
import transfer
from commands import TINY, call, write_stack

from minunet.metrics.score import THRESHOLDS, Score


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train for a step; return the checkpoint, and a folder with a stack of inverted labels."""
    folder = tmp_path_factory.mktemp("transfer")
    write_stack(folder / "isbi")
    result = call("train", "--data", folder / "isbi", "--out", folder / "run", *TINY, "--steps", 1)
    assert result.code == 0, result.err
    rng = np.random.default_rng(3)
    truth = np.zeros((5, 30, 41), np.uint8)
    truth[:, ::7], truth[:, :, ::9] = 255, 255
    raw = np.clip(200 - 0.6 * truth + rng.normal(0, 20, truth.shape), 0, 255).astype(np.uint8)
    for name, stack in (("raw", raw), ("membranes", truth)):
        tifffile.imwrite(folder / f"{name}.tif", stack, photometric="minisblack")
    return folder / "run" / "best.npz", folder, raw, truth


@pytest.mark.parametrize("inverted", [True, False])
def test_the_slices_and_their_cells(model, inverted):
    _, folder, raw, truth = model
    path = folder / f"labels-{inverted}.tif"
    tifffile.imwrite(path, truth if inverted else 255 - truth, photometric="minisblack")
    images, cells = transfer.read(folder / "raw.tif", path)
    np.testing.assert_array_equal(images, raw)
    for one, membranes in zip(cells, truth, strict=True):
        np.testing.assert_array_equal(one == 0, membranes == 255)
        assert one.max() == 5 * 5  # between the rows 0, 7 … 28 and the columns 0, 9 … 36


def call_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["transfer.py", *map(str, arguments)])
    transfer.main()
    return capsys.readouterr().out


def test_the_table_names_the_command_and_the_commit(model, monkeypatch, capsys):
    best, folder, *_ = model
    given = (best, folder / "raw.tif", folder / "membranes.tif", "--slices", "3:5")
    out = call_main(monkeypatch, capsys, *given)
    assert "| score | best | at threshold | at the stored threshold" in out
    for name in ("V_Rand", "V_Info", "pixel error"):
        assert f"| {name}" in out
    assert f"python benchmarks/transfer.py {' '.join(map(str, given))}" in out
    assert "\ncommit " in out


def test_a_stack_of_another_size_is_refused(model, monkeypatch, capsys):
    best, folder, raw, _ = model
    tifffile.imwrite(folder / "small.tif", raw[:, :20], photometric="minisblack")
    with pytest.raises(SystemExit, match="differ in the number or the size"):
        call_main(monkeypatch, capsys, best, folder / "small.tif", folder / "membranes.tif")


def test_values_at_the_stored_threshold():
    by_threshold = tuple(1 - abs(t - 0.4) for t in THRESHOLDS)
    best = Score("v_rand", "V_Rand", 1.0, (0.9, 1.0), "", True, 0.4, by_threshold)
    stored = best._replace(value=0.7, slices=(0.6, 0.8), threshold=0.7, by_threshold=(0.7,))
    spread = "0.70 ± 0.14"  # 0.2 / √2
    assert transfer.markdown([best], [stored], 0.7)[-1].endswith(f"| 0.4 | {spread} |")
    assert transfer.markdown([best], [], None)[-1].endswith("| 0.4 | – |")
    assert "no threshold stored" in transfer.markdown([best], [], None)[0]
