"""`python -m minunet.data` writes a stack that is ready for training."""

import numpy as np
import pytest
import tifffile
from commands import call, largest_file, refused
from datasets import read_pair

from minunet.data import pairs
from minunet.data.synthetic import varied_slices

SMALL = ("--slices", 2, "--height", 40, "--width", 56)


def written(folder):
    return [
        tifffile.imread(folder / name)
        for name in ("train-volume.tif", "train-labels.tif", "instances.tif")
    ]


def test_writes_a_stack_that_the_readers_find(tmp_path):
    result = call("data.__main__", tmp_path / "em", *SMALL, "--seed", 3)
    assert result.code == 0
    assert "train-volume.tif: (2, 40, 56), uint8" in result.out
    images, labels, instances = written(tmp_path / "em")
    assert images.shape == labels.shape == instances.shape == (2, 40, 56)
    assert (images.dtype, labels.dtype, instances.dtype) == (np.uint8, np.uint8, np.uint16)
    np.testing.assert_array_equal(labels, np.where(instances > 0, 255, 0))
    x, (classes, values, *_) = read_pair(*pairs.find(tmp_path / "em"))
    np.testing.assert_array_equal(np.stack(x)[..., 0], images)
    np.testing.assert_array_equal(classes, instances > 0)
    assert values.values == (0, 255)


def test_the_seed_determines_the_stack(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call("data.__main__", tmp_path / name, *SMALL, "--seed", seed).code == 0
    for one, same, other in zip(*(written(tmp_path / name) for name in "abc"), strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


def test_varied_slices(tmp_path):
    sizes = ("--slices", 2, "--height", 32, "--width", 40, "--seed", 5)
    assert call("data.__main__", tmp_path / "em", *sizes, "--varied").code == 0
    images, labels, instances = written(tmp_path / "em")
    expected = varied_slices((2, 32, 40), np.random.default_rng(5))
    for found, array in zip((images, labels, instances), expected, strict=True):
        np.testing.assert_array_equal(found, array * (255 if found is labels else 1))
    assert call("data.__main__", tmp_path / "usual", *sizes).code == 0
    assert (written(tmp_path / "usual")[0] != images).any()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert "not empty" in refused(call("data.__main__", tmp_path, *SMALL))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("wrong", [("--slices", 0), ("--width", "wide"), ("--height", 15)])
def test_invalid_sizes_are_refused(tmp_path, wrong):
    message = refused(call("data.__main__", tmp_path / "em", *wrong))
    assert str(wrong[1]) in message
    assert not (tmp_path / "em").exists()


@pytest.mark.parametrize("size", [0, 1000, 6000])  # 6000: enough for the images, not for instances
@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_all_files_or_none(tmp_path, size, exists):
    folder = tmp_path / "new" / "em"
    if exists:
        folder.mkdir(parents=True)
    with largest_file(size):
        said = refused(call("data.__main__", folder, *SMALL))
    assert str(folder) in said
    assert ("File too large" in said) or ("the disk may be full" in said)
    assert ".part" not in said
    assert list(tmp_path.rglob("*")) == ([tmp_path / "new", folder] if exists else [])


def test_a_link_to_a_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    result = call("data.__main__", tmp_path / "link", *SMALL)
    assert f"wrote {tmp_path / 'real' / 'instances.tif'}" in result.out
    (tmp_path / "dangling").symlink_to("nowhere")
    said = refused(call("data.__main__", tmp_path / "dangling", *SMALL))
    assert "dangling is a link to nowhere, which does not exist" in said
    assert not (tmp_path / "nowhere").exists()
