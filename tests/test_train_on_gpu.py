"""`train --device cuda` on a pretended GPU whose memory is not enough: one sentence says why."""

import re
import shlex

import pytest
from commands import TINY, call, refused, write_stack
from pretended import gpu

from minunet import cli
from minunet.network.architecture import Architecture
from minunet.prediction import gpu_memory
from minunet.runs import checkpoint
from minunet.training import journal, results

ARCH = Architecture(depth=1, channels=8)
OPTIONS = (*TINY, "--device", "cuda", "--channels", 8, "--steps", 6, "--validate-every", 2)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Write no pictures and no report."""
    for name in ("curves", "preview"):
        monkeypatch.setattr(f"minunet.report.run_pictures.{name}", lambda *args: None)
    monkeypatch.setattr(results, "finish", lambda *args: [])


def room(tile):
    """Return the bytes of arrays for which a card must have room, so that a tile is proposed."""
    return int(gpu_memory.of_training(ARCH, tile, tile) - gpu_memory.KERNELS) + 1


def test_a_tile_that_does_not_fit_is_refused_with_one_that_does(tmp_path, monkeypatch):
    data = write_stack(tmp_path / "data")
    with gpu(monkeypatch, room(40)):
        out = tmp_path / "run"
        text = refused(call("train", "--data", data, "--out", out, *OPTIONS, "--tile", 120))
        assert "memory: a training step on a tile of 120 x 120 pixels needs about " in text
        assert "no step was saved. Start a new run with --tile 40 or less, or continue on" in text
        words = ("--data", data, "--out", tmp_path / "second", *OPTIONS, "--tile", 40)
        result = call("train", *words)
    assert result.code == 0, result.err
    assert re.search(r"^memory .* GiB of GPU memory$", result.out, re.MULTILINE)


def test_the_last_checkpoint_is_kept_and_continues_on_the_cpu(tmp_path, monkeypatch):
    data, out = write_stack(tmp_path / "data"), tmp_path / "run"
    with gpu(monkeypatch, room(40)) as card:
        saved = journal.Journal.save

        def save(*given):
            saved(*given)
            if given[0].state.step == 2:
                card.size = card.used  # another process takes the rest

        monkeypatch.setattr(journal.Journal, "save", save)
        text = refused(call("train", "--data", data, "--out", out, *OPTIONS, "--tile", 40))
        monkeypatch.setattr(journal.Journal, "save", saved)
    assert "last.npz contains the run up to step 2. " in text
    assert checkpoint.load(out / "last.npz").step == 2
    command = text.split(". Continue on the CPU: ")[1]
    assert command == cli.command("train", "--resume", out, "--device", "cpu")
    result = call("train", *shlex.split(command)[3:])
    assert result.code == 0, result.err
    assert checkpoint.load(out / "last.npz").step == 6
