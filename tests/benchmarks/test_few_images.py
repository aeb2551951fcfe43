"""Training on few images: nested slices, data sets that read back the same, and sums by hand."""

import json
import sys
from itertools import pairwise
from types import SimpleNamespace

import few_images
import numpy as np
import pytest
import seeds
import subsets
import tifffile
from finished_runs import write_run
from scipy import ndimage

from minunet.data import sources, split
from minunet.data.sources import Source
from minunet.network import initialization
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

# SEG by augmentation, number of slices and seed: means 0.5 and 0.6 of 0.4 … 0.7 ± 0.1.
SEG = {
    ("paper", 1): (0.4, 0.5, 0.6),
    ("paper", 2): (0.5, 0.6, 0.7),
    ("rigid", 1): (0.4, 0.4, 0.4),
    ("rigid", 2): (0.5, 0.5, 0.5),
}


@pytest.mark.parametrize("count", range(1, 40))
def test_nested_slices_are_evenly_spread(count):
    order = subsets.nested(range(count))
    assert sorted(order) == list(range(count))
    for n in (2, 4, 8, 16):
        if n <= count:
            gaps = [b - a for a, b in pairwise(sorted(order[:n]))]
            assert max(gaps) - min(gaps) <= 1
            assert abs(count / n - gaps[0]) < 1


def test_the_first_slice_is_in_the_middle():
    assert subsets.nested(list("abcdefgh")) == list("eagcfbhd")  # by halving 8 by hand


@pytest.fixture
def stack(tmp_path):
    """Write a stack of 5 slices, each with a grey value of its own, and their labels."""
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 50, (5, 20, 24)) + 50 * np.arange(5)[:, None, None]).astype(np.uint8)
    labels = 255 * rng.integers(0, 2, (5, 20, 24)).astype(np.uint8)
    data = tmp_path / "data"
    data.mkdir()
    for name, array in (("volume", images), ("labels", labels)):
        tifffile.imwrite(data / f"train-{name}.tif", array, photometric="minisblack")
    return data, images, labels


def read_again(folder):
    return sources.read(Source(str(folder / "images"), str(folder / "labels")), "none")


def test_slices_of_a_stack_read_back_the_same(tmp_path, stack):
    data, images, labels = stack
    raw, parts, _ = few_images.read(data, ["--validation", "3:5", "--experiment", "em"])
    assert parts.held_out == [3, 4]
    options = few_images.write_subsets(tmp_path / "runs", raw, parts, [1, 3])
    found = tmp_path / "runs" / "slices"
    for name, slices in (("1", [1]), ("3", [0, 1, 2]), ("validation", [3, 4])):
        again = read_again(found / name)
        assert np.array_equal(np.stack(again.images)[..., 0], images[slices])
        assert np.array_equal(np.stack(again.masks)[..., 0], labels[slices])
    held_out = ["--validation", str(found / "validation"), "--test", "none"]
    assert options == {n: ["--data", str(found / str(n)), *held_out] for n in (1, 3)}


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_read_back_the_same(tmp_path, channels):
    rng = np.random.default_rng(channels)
    image = rng.integers(0, 9, (7, 6, channels)).astype(np.uint16)
    mask = rng.integers(0, 300, (7, 6, 1)).astype(np.uint16)
    subsets.write_pair(tmp_path, "0.tif", image, mask)
    again = read_again(tmp_path)
    assert np.array_equal(again.images[0], image)
    assert np.array_equal(again.masks[0], mask)


def test_copies_contain_the_chosen_channel(tmp_path):
    (tmp_path / "data/images").mkdir(parents=True)
    (tmp_path / "data/labels").mkdir()
    image = np.random.default_rng(0).integers(0, 255, (16, 18, 3)).astype(np.uint8)
    for name in ("0.tif", "1.tif"):
        tifffile.imwrite(tmp_path / "data/images" / name, image, photometric="rgb")
        tifffile.imwrite(tmp_path / "data/labels" / name, image[..., 0] % 2)
    given = ["--channel", "1", "--steps", "6", "--validation", "1:2"]
    raw, parts, options = few_images.read(tmp_path / "data", given)
    assert options == ["--steps", "6", "--validation", "1:2"]
    few_images.write_subsets(tmp_path / "runs", raw, parts, [1])
    again = read_again(tmp_path / "runs/slices/1")
    assert np.array_equal(again.images[0], image[..., 1:2])


def test_frames_of_the_challenge_read_back_the_same(tmp_path):
    data, rng = tmp_path / "data", np.random.default_rng(1)
    for name in ("01", "01_GT/SEG", "01_ST/SEG"):
        (data / name).mkdir(parents=True)
    masks = rng.integers(0, 4, (4, 16, 16)).astype(np.uint16)
    for k in range(4):
        tifffile.imwrite(data / f"01/t{k:03}.tif", rng.integers(0, 99, (16, 16)).astype(np.uint8))
        tifffile.imwrite(data / f"01_ST/SEG/man_seg{k:03}.tif", masks[k])
    tifffile.imwrite(data / "01_GT/SEG/man_seg002.tif", masks[0])
    raw, parts, options = few_images.read(data, ["--validation", "3:4", "--channel", "0"])
    assert "--channel" in options
    few_images.write_subsets(tmp_path / "runs", raw, parts, [2])
    source = Source(str(tmp_path / "runs/slices/2"), None)
    again = sources.read(source, str(tmp_path / "runs/slices/validation"))
    assert again.names == ["01/t000", "01/t001", "validation/01/t003"]
    for k, original in enumerate((0, 1, 3)):
        assert np.array_equal(again.images[k], raw.images[original])
    assert split.split(str(tmp_path / "runs/slices/validation"), again.files).held_out == [2]
    subsets.write(tmp_path / "gold", [2], raw)
    assert (tmp_path / "gold/01_GT/SEG/man_seg002.tif").is_file()


@pytest.fixture
def trained(monkeypatch):
    """List the arguments of every training that a script starts; each writes a finished run."""
    words = []

    def start(given):
        words.append(given)
        folder = seeds.Path(given[1])
        _, form, count, seed = folder.name.split("-")
        value = SEG[form, int(count)][int(seed)]
        write_run(folder, int(seed), (value, value), augment=form)
        (folder / "report.html").touch()
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr(seeds, "start", start)
    return words


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["few_images.py", *map(str, arguments)])
    few_images.main()


def test_few_images_by_hand(tmp_path, stack, trained, monkeypatch, capsys):
    runs = tmp_path / "runs"
    arguments = (stack[0], "--out", runs, "--counts", 1, 2, "--steps", 6)
    call(monkeypatch, *arguments)
    assert len(trained) == 12
    shared = ["--validation", str(runs / "slices/validation"), "--test", "none", "--seed", "0"]
    last = ["--augment", "paper", "--threads", "1"]
    data = ["--data", str(runs / "slices/1")]
    first = ["--out", str(runs / "augment-paper-1-0"), "--steps", "6", *data, *shared, *last]
    assert first in trained[:2]
    printed = capsys.readouterr().out
    assert "| training slices | `--augment paper` | `--augment rigid` | difference |" in printed
    assert "| 1 | 0.50 ± 0.10 | 0.4000 ± 0 | 0.10 ± 0.10 |" in printed
    assert "| 2 | 0.60 ± 0.10 | 0.5000 ± 0 | 0.10 ± 0.10 |" in printed
    (saved,) = json.loads((runs / "few_images.json").read_text())
    assert saved["values"]["--augment paper"] == [[0.4, 0.5, 0.6], [0.5, 0.6, 0.7]]
    assert (runs / "few_images.png").stat().st_size > 1000
    call(monkeypatch, *arguments)
    assert len(trained) == 12
    assert "| 2 | 0.60 ± 0.10 |" in capsys.readouterr().out


def test_saved_numbers_are_drawn_again_in_one_picture(
    tmp_path, stack, trained, monkeypatch, capsys
):
    runs, both = tmp_path / "runs", tmp_path / "both"
    call(monkeypatch, stack[0], "--out", runs, "--counts", 1, "--seeds", 0, 1)
    call(monkeypatch, "--again", runs, runs, "--out", both)
    assert capsys.readouterr().out.count("| 1 | 0.450 ± 0.071 | 0.4000 ± 0 |") == 3
    assert len(json.loads((both / "few_images.json").read_text())) == 2
    call(monkeypatch, "--again", both, "--out", both)  # as in benchmarks/pictures
    assert (both / "few_images.png").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--counts", 5), "--counts must be from 0 to 4, the number of training slices"),
        (("--counts", 0), "and not only 0"),
        (("--counts", 1, "--validation", "none"), "nothing is held out"),
    ],
)
def test_what_cannot_be_measured(tmp_path, stack, monkeypatch, options, message):
    with pytest.raises(SystemExit, match=message):
        call(monkeypatch, stack[0], "--out", tmp_path / "runs", *options)


def test_three_variants_by_hand(tmp_path, stack, trained, monkeypatch, capsys):
    SEG["none", 1] = (0.7, 0.8, 0.9)
    sets = [f"--augment {name}" for name in ("paper", "rigid", "none")]
    call(monkeypatch, stack[0], "--out", tmp_path, "--counts", 1, "--variants", *sets)
    assert trained[-1][-4:] == ["--augment", "none", "--threads", "1"]
    printed = capsys.readouterr().out
    assert "| `--augment paper` | `--augment rigid` | `--augment none` |\n" in printed
    assert "| 1 | 0.50 ± 0.10 | 0.4000 ± 0 | 0.80 ± 0.10 |" in printed


def test_a_count_of_zero_scores_the_model_as_it_is(tmp_path, stack, monkeypatch, capsys):
    """One slice, two seeds; a network that always answers class 1 at the threshold 0.25."""
    settings = from_options(
        depth=1, channels=2, tile=24, threshold=0.25, threshold_from="validation"
    )
    params = initialization.gaussian(settings.architecture, np.random.default_rng(0))
    params = {name: 0 * array for name, array in params.items()}
    params["out.b"] = np.array([0, 1], np.float32)  # p(1) = 0.73
    state = Checkpoint(
        params, {}, 3, np.random.default_rng(0).bit_generator.state, 0.5, settings.to_json()
    )
    checkpoint.publish(tmp_path / "model.npz", state)
    variants = ["", f"--start-from {tmp_path / 'model.npz'}"]
    more = (
        "--steps",
        2,
        "--depth",
        1,
        "--channels",
        2,
        "--tile",
        24,
        "--validation",
        "3:5",
        "--score",
        "iou",
    )
    given = ("--out", tmp_path / "runs", "--counts", 0, 1, "--seeds", 0, 1, "--variants", *variants)
    call(monkeypatch, stack[0], *given, *more)
    (saved,) = json.loads((tmp_path / "runs/few_images.json").read_text())
    assert saved["counts"] == [0, 1]
    scratch, tuned = (saved["values"][variant] for variant in variants)
    assert scratch[0] == []
    # Class 1 everywhere, that is, one segment in each slice: V_Rand is the mean over the slices of
    # 2 Σ x² / (Σ x² + n²), with cells of x pixels and n pixels of cells in all.
    of_slices = []
    for one in stack[2][3:5]:
        sizes = np.bincount(ndimage.label(one)[0].ravel())[1:].astype(float)
        of_slices.append(2 * (sizes**2).sum() / ((sizes**2).sum() + sizes.sum() ** 2))
    expected = np.mean(of_slices)
    assert tuned[0] == [pytest.approx(expected)]
    assert len(tuned[1]) == len(scratch[1]) == 2
    assert f"| 0 | – | {expected:.4f} | – |" in capsys.readouterr().out
