"""The sheet of looks shows samples and, only where the user says, real images."""

import sys

import looks
import numpy as np
import pytest
import tifffile
from PIL import Image

from minunet.data.synthetic import varied_slices


@pytest.fixture
def small(monkeypatch):
    """Draw samples of 24 pixels."""
    monkeypatch.setattr(looks, "SIDE", 24)


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["looks.py", *map(str, arguments)])
    looks.main()


def test_a_sheet_by_hand(monkeypatch):
    for name, value in (("SIDE", 1), ("ROWS", 2), ("COLUMNS", 2), ("GAP", 1), ("STEP", 8)):
        monkeypatch.setattr(looks, name, value)
    samples = np.array([9, 16, 31, 250], np.uint8)[:, None, None]
    o = 255
    expected = [
        *([o] * 6, [o, 8, o, o, 16, o], [o] * 6),
        *([o] * 6, [o, 24, o, o, 248, o], [o] * 6),
    ]
    np.testing.assert_array_equal(looks.sheet(samples), expected)
    real = np.array([3, 5], np.uint8)[:, None, None]
    both = looks.sheet(samples, real)
    np.testing.assert_array_equal(both[:, -6:], expected)
    np.testing.assert_array_equal(both[[1, 4], 1], [3, 5])
    assert (both[:, 2:-6] == o).all()


def test_samples_of_a_seed(tmp_path, monkeypatch, small):
    call(monkeypatch, "--out", tmp_path / "new", "--seed", 3)
    found = np.asarray(Image.open(tmp_path / "new" / "looks.png"))
    assert found.shape == (4 * 32, 6 * 32)
    expected = varied_slices((24, 24, 24), np.random.default_rng(3)).images // 8 * 8
    np.testing.assert_array_equal(found[4:28, 4:28], expected[0])
    np.testing.assert_array_equal(found[100:124, 164:188], expected[23])


def test_crops_of_real_stacks_in_turn(tmp_path):
    rng = np.random.default_rng(0)
    stacks = [rng.integers(0, 250, (4, 221, 300)).astype(np.uint8) + k for k in (0, 5)]
    for k, stack in enumerate(stacks):
        tifffile.imwrite(tmp_path / f"{k}.tif", stack, photometric="minisblack")
    found = looks.crops([tmp_path / "0.tif", tmp_path / "1.tif"], rng)
    assert found.shape == (4, 220, 220)
    for k, crop in enumerate(found):
        windows = np.lib.stride_tricks.sliding_window_view(stacks[k % 2][k], (220, 220))
        assert any((window == crop).all() for row in windows for window in row[:, :, :])


def test_deep_images_are_scaled():
    image = np.array([[1000, 1500], [2000, 3000]], np.uint16)
    np.testing.assert_array_equal(looks.grey(image), [[0, 63], [127, 255]])


def test_real_images_are_never_written_into_the_repository(tmp_path, monkeypatch, capsys, small):
    monkeypatch.setattr(looks, "PICTURES", tmp_path / "pictures")
    real = tmp_path / "real.tif"
    tifffile.imwrite(real, np.zeros((2, 30, 30), np.uint8), photometric="minisblack")
    for more in ((), ("--out", tmp_path / "other" / ".." / "pictures")):
        with pytest.raises(SystemExit):
            call(monkeypatch, "--real", real, *more)
        assert "pass --out with a folder for the real images" in capsys.readouterr().err
    assert not (tmp_path / "pictures").exists()
    call(monkeypatch, "--real", real, "--out", tmp_path)
    assert (tmp_path / "looks.png").is_file()


def test_small_real_images_are_refused(tmp_path, monkeypatch):
    real = tmp_path / "real.tif"
    tifffile.imwrite(real, np.zeros((2, 219, 230), np.uint8), photometric="minisblack")
    with pytest.raises(SystemExit, match="images of 219 x 230 pixels; --real needs 220 x 220"):
        call(monkeypatch, "--real", real, "--out", tmp_path)
