"""`predict --device cuda` on a pretended GPU: the tile suits its memory, or an error says why."""

import numpy as np
import pytest
import tifffile
from commands import call, refused
from PIL import Image
from pretended import gpu

from minunet.network import initialization
from minunet.prediction import gpu_memory, tiling
from minunet.report import run_pictures
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

SETTINGS = from_options(depth=1, channels=16, tile=120, label_values=(0, 1), in_channels=1)
ARCH = SETTINGS.architecture


@pytest.fixture(autouse=True)
def no_preview(monkeypatch):
    """Save the time of drawing a preview."""
    pixel = Image.new("L", (1, 1))
    monkeypatch.setattr(run_pictures, "preview", lambda path, *given: pixel.save(path))


@pytest.fixture
def folder(tmp_path):
    """Write a model and a stack of three slices of 100 x 130 pixels; return their folder."""
    params = initialization.gaussian(ARCH, np.random.default_rng(0))
    state = np.random.default_rng(0).bit_generator.state
    saved = Checkpoint(params, params, 5, state, 0.5, SETTINGS.to_json())
    checkpoint.save(tmp_path / "m.npz", saved)
    stack = np.random.default_rng(1).integers(0, 256, (3, 100, 130)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    return tmp_path


def predict(folder, out, *options, device="cuda"):
    """Run predict on the stack; return its result."""
    arguments = (folder / "m.npz", folder / "a.tif", "-o", folder / out, "--device", device)
    return call("predict", *arguments, *options)


def probability(folder, out):
    return tifffile.imread(folder / out / "probability.tif")


def room(tile):
    """Return the bytes of arrays for which a card must have room, so that a tile is chosen."""
    return int(gpu_memory.of_prediction(ARCH, tile, tile) - gpu_memory.KERNELS) + 1


def printed_tile(result):
    """Return the rows and columns of the tiles that predict printed."""
    assert result.code == 0, result.err
    line = next(line for line in result.out.splitlines() if line.startswith("tile "))
    return int(line.split()[1]), int(line.split()[3])


@pytest.mark.parametrize("how", ["--memory", "the free memory"])
def test_the_tile_suits_the_memory_of_the_gpu(folder, monkeypatch, how):
    assert predict(folder, "cpu", device="cpu").code == 0
    size = room(60)
    with gpu(monkeypatch, size) as card:
        if how == "--memory":
            card.size = 10**9  # more than is given
            result = predict(folder, "gpu", "--memory", size + int(gpu_memory.KERNELS))
        else:
            result = predict(folder, "gpu")
    rows, columns = printed_tile(result)
    assert gpu_memory.of_prediction(ARCH, rows, columns) - gpu_memory.KERNELS <= size
    assert 40 < max(rows, columns) < 120
    line = next(line for line in result.out.splitlines() if line.startswith("memory "))
    assert line.endswith(" of GPU memory")
    np.testing.assert_allclose(probability(folder, "gpu"), probability(folder, "cpu"), rtol=1e-4)


def test_the_tile_of_training_is_used_if_it_fits(folder, monkeypatch):
    down, across = (tiling.cover(size, 1, 120) for size in (100, 130))
    with gpu(monkeypatch, room(120)):
        assert printed_tile(predict(folder, "out")) == (down.tile, across.tile)


def test_a_tile_that_does_not_fit_is_refused_with_one_that_does(folder, monkeypatch):
    with gpu(monkeypatch, room(60)) as card:
        text = refused(predict(folder, "out", "--tile", 132))
        assert "the GPU does not have enough memory: a tile of " in text
        assert not (folder / "out").exists()
        tile = text.split("pass --tile ")[1].split()[0]
        assert tile == "60"
        assert card.used == 0  # nothing keeps the arrays
        assert printed_tile(predict(folder, "out", "--tile", tile))
        before = probability(folder, "out")
        assert "already contains" in refused(predict(folder, "out", "--tile", 132))
        np.testing.assert_array_equal(probability(folder, "out"), before)


def test_a_gpu_without_room_for_any_tile(folder, monkeypatch):
    with gpu(monkeypatch, 4 * ARCH.parameters() + 50_000):
        text = refused(predict(folder, "out"))
    assert text.endswith("pixels; free some of the GPU's memory, or pass --device cpu")


def test_a_gpu_without_room_for_the_parameters(folder, monkeypatch):
    with gpu(monkeypatch, 1000):
        text = refused(predict(folder, "out"))
    assert "the GPU does not have enough memory for 0 MB of parameters" in text


def test_slices_that_are_finished_are_kept_and_continued_with_the_same_tile(folder, monkeypatch):
    with gpu(monkeypatch, room(60)):
        whole = predict(folder, "whole")
    per_slice = int(whole.out.split(" per slice")[0].split()[-1])
    with gpu(monkeypatch, room(60)) as card:
        kept, tiles = gpu_memory.explained, []

        def explained(*given):
            tiles.append(given)
            if len(tiles) == per_slice + 2:
                card.size = card.used  # another process takes the rest
            return kept(*given)

        monkeypatch.setattr(gpu_memory, "explained", explained)
        text = refused(predict(folder, "out"))
        monkeypatch.setattr(gpu_memory, "explained", kept)
    assert "; 1 of 3 slices are kept in" in text
    assert "Free some of the GPU's memory, then continue: python -m minunet.predict" in text
    assert "--tile" not in text
    with gpu(monkeypatch, 10**9):  # now there is more than before
        result = predict(folder, "out", "--resume")
    assert printed_tile(result) == printed_tile(whole)
    np.testing.assert_allclose(probability(folder, "out"), probability(folder, "whole"), rtol=1e-4)
