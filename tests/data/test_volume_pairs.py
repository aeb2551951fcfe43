"""Labels and truth of a volume, part by part, and `evaluate --volume`."""

import json
import shutil

import numpy as np
import pytest
import scipy
import tifffile
from commands import call, refused

from minunet.data.volume_pairs import VolumePair

zarr = pytest.importorskip("zarr")
from volume_tests import write_ome, write_zarr  # noqa: E402  needs zarr


@pytest.fixture
def pair(tmp_path):
    """Write numbered 3-D cells; return (truth, prediction), and the paths (prediction, truth)."""
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(0).random((3, 40, 50)), (1, 2, 2))
    truth = scipy.ndimage.label(noise > np.median(noise))[0].astype(np.uint32)
    found = scipy.ndimage.label(noise > np.quantile(noise, 0.6))[0].astype(np.uint64)
    a = write_ome(tmp_path / "truth.zarr", [truth])
    b = write_zarr(tmp_path / "found.zarr", found, chunks=(1, 16, 20), dimension_names=[*"zyx"])
    return (truth, found), (b, a)


def test_the_parts_make_up_the_volume(pair):
    (truth, found), paths = pair
    both = VolumePair(*paths, None, None)
    parts = [part for k in range(len(both)) for part in both.parts(k)]
    assert len(parts) == 9  # rows of chunks
    assert sum(len(one) for one, _ in parts) == truth.size
    assert sorted(np.concatenate([a for a, _ in parts])) == sorted(truth.ravel())
    assert sorted(np.concatenate([b for _, b in parts])) == sorted(found.ravel())


def test_pixels_that_are_not_annotated_are_left_out(pair):
    (truth, found), paths = pair
    both = VolumePair(*paths, None, 0)
    parts = [part for k in range(len(both)) for part in both.parts(k)]
    assert sum(len(one) for one, _ in parts) == np.count_nonzero(truth)
    assert sum(int(one.sum()) for _, one in parts) == found[truth > 0].sum()


def test_evaluate_scores_the_volume(tmp_path, pair):
    (truth, found), paths = pair
    done = call("evaluate", *paths, "--volume")
    assert done.code == 0, done.err
    scores = json.loads((tmp_path / "scores.json").read_text("utf-8"))["scores"]
    # With numbers that span slices, V_Rand is 1 minus the adapted Rand error of scikit-image.
    metrics = pytest.importorskip("skimage.metrics")
    inside = np.where(truth > 0, found, 0)
    alone = np.where((truth > 0) & (found == 0), np.arange(truth.size).reshape(truth.shape), 0)
    proposal = np.where(alone > 0, alone + int(found.max()) + 1, inside.astype(np.int64))
    error, _, _ = metrics.adapted_rand_error(truth.astype(np.int64), proposal, ignore_labels=(0,))
    n = np.count_nonzero(truth)
    assert scores["v_rand"]["value"] == pytest.approx(1 - error, abs=2 / n)
    assert "V_Rand" in done.out and "SEG" in done.out


def test_classes_of_a_volume_are_scored_like_those_of_a_stack(tmp_path, pair):
    (truth, found), _ = pair
    paths = []
    for name, array in (("a", truth), ("b", found)):
        array = (array % 3).astype(np.uint8) * np.uint8(100)
        tifffile.imwrite(tmp_path / f"{name}.tif", array, photometric="minisblack")
        paths.append(write_zarr(tmp_path / f"{name}.zarr", array, dimension_names=[*"zyx"]))
    stacks = [path.with_suffix(".tif") for path in paths]
    by_slices = call(
        "evaluate", *stacks, "--labels-are", "classes", "--scores", tmp_path / "1.json"
    )
    assert by_slices.code == 0, by_slices.err
    scores = [json.loads((tmp_path / "1.json").read_text("utf-8"))["scores"]]
    for k, given in enumerate((paths, stacks), start=2):  # --volume also reads TIFF stacks
        options = "--volume", "--labels-are", "classes", "--scores", tmp_path / f"{k}.json"
        assert call("evaluate", *given, *options).code == 0
        scores.append(json.loads((tmp_path / f"{k}.json").read_text("utf-8"))["scores"])
    assert scores[0] == scores[1] == scores[2]


def test_invalid_volumes_and_options_are_refused(tmp_path, pair):
    (truth, _), (found, other) = pair
    p = write_zarr(tmp_path / "p.zarr", truth / np.float32(9), dimension_names=[*"zyx"])
    assert "contains float64 values, but --volume scores labels" in refused(
        call("evaluate", p, other, "--volume")
    )
    write_zarr(tmp_path / "p.zarr/labels/cells/0", truth, dimension_names=[*"zyx"])
    assert f"pass {tmp_path / 'p.zarr/labels/cells'}" in refused(
        call("evaluate", p, other, "--volume")
    )
    small = write_zarr(tmp_path / "small.zarr", truth[:2], dimension_names=[*"zyx"])
    said = refused(call("evaluate", small, other, "--volume"))
    assert "has 2 x 40 x 50 pixels" in said and "has 3 x 40 x 50" in said
    signed = write_zarr(tmp_path / "n.zarr", truth.astype(np.int32) - 1, dimension_names=[*"zyx"])
    assert f"of {signed} has the label -1, but labels must be from 0" in refused(
        call("evaluate", signed, other, "--volume")
    )
    nothing = write_zarr(tmp_path / "0.zarr", truth * 0, dimension_names=[*"zyx"])
    assert "is 0 wherever it is annotated" in refused(call("evaluate", found, nothing, "--volume"))
    for options in (("-o", "a.png"), ("--slices",), ("--labels-are", "membranes")):
        said = refused(call("evaluate", found, other, "--volume", *options))
        assert f"does not go with {options[0].replace('-o', '--out')}" in said
    assert not list(tmp_path.rglob("scores.json"))


def test_masks_of_all_cells_are_refused(tmp_path, pair):
    (truth, _), (prediction, other) = pair
    for dtype in (bool, np.uint8):
        mask = write_zarr(
            tmp_path / "mask.zarr", (truth > 0).astype(dtype), dimension_names=[*"zyx"]
        )
        said = refused(call("evaluate", prediction, mask, "--volume"))
        assert f"{mask} has only one value besides 0" in said and "--labels-are cells" in said
        said = refused(call("evaluate", mask, other, "--volume"))
        assert f"{mask} has only one value besides 0" in said and "--prediction-is cells" in said
        assert not list(tmp_path.rglob("scores.json"))
        shutil.rmtree(mask)
    mask = write_zarr(
        tmp_path / "mask.zarr", (truth > 0).astype(np.uint8), dimension_names=[*"zyx"]
    )
    assert call("evaluate", mask, other, "--volume", "--prediction-is", "cells").code == 0


def test_huge_labels_are_told_apart(tmp_path):
    large = np.uint64(720575940600000000)
    truth = np.array([[[1, 1, 2, 2, 3, 3]]], np.uint64) + large
    found = truth[:, :, [0, 0, 0, 0, 5, 5]]
    paths = [
        write_zarr(tmp_path / name, one, chunks=(1, 1, 6), dimension_names=[*"zyx"])
        for name, one in (("b.zarr", found), ("a.zarr", truth))
    ]
    assert call("evaluate", *paths, "--volume").code == 0
    scores = json.loads((tmp_path / "scores.json").read_text("utf-8"))["scores"]
    assert scores["seg"]["value"] == pytest.approx((2 / 4 + 2 / 4 + 1) / 3)
    assert scores["v_rand"]["value"] == pytest.approx(2 * 12 / (12 + 20))
    ignored = ("--ignore", int(large) + 1, "--scores", tmp_path / "2.json")
    assert call("evaluate", *paths, "--volume", *ignored).code == 0
    scores = json.loads((tmp_path / "2.json").read_text("utf-8"))["scores"]
    assert scores["cells_truth"]["value"] == 2
    too_large = write_zarr(tmp_path / "c.zarr", truth + np.uint64(2**63), dimension_names=[*"zyx"])
    assert "but labels must be from 0 to 9223372036854775807" in refused(
        call("evaluate", too_large, paths[1], "--volume", "--scores", tmp_path / "3.json")
    )


def test_axes_that_count_slices_must_agree(tmp_path):
    truth = np.random.default_rng(0).integers(0, 3, (2, 3, 20, 20)).astype(np.uint8)
    given = {"a": ("tzyx", truth), "b": ("ztyx", truth.swapaxes(0, 1)), "c": ("tzyx", truth[:1])}
    paths = {
        name: write_zarr(
            tmp_path / f"{name}.zarr", one, chunks=(1, 1, 20, 20), dimension_names=[*axes]
        )
        for name, (axes, one) in given.items()
    }
    said = refused(call("evaluate", paths["b"], paths["a"], "--volume"))
    assert "has 3 x 2 x 20 x 20 (ztyx) pixels, but" in said
    assert "has 2 x 3 x 20 x 20 (tzyx)" in said
    assert "has 3 x 20 x 20 pixels" in refused(call("evaluate", paths["c"], paths["a"], "--volume"))


def test_nothing_is_written_into_a_volume(tmp_path, pair):
    _, (found, other) = pair
    inside = other / "s.json"
    assert f"--scores {inside} lies inside the volume {other}" in refused(
        call("evaluate", found, other, "--volume", "--scores", inside)
    )
    assert not inside.exists()


def test_scores_are_not_written_into_a_zarr_folder(tmp_path, pair):
    _, (found, other) = pair
    given = "--labels-are", "cells", "--prediction-is", "cells"
    assert call("evaluate", found, other, *given).code == 0
    assert (tmp_path / "scores.json").is_file()
    assert "--scores" in refused(call("evaluate", found, other, "--volume"))


def test_axes_must_be_given_if_the_metadata_do_not_name_them(tmp_path, pair):
    (_, found), (_, other) = pair
    plain = write_zarr(tmp_path / "plain.zarr", found)
    for more in ((), ("--volume",)):
        assert "pass --axes" in refused(call("evaluate", plain, other, *more))
        given = (
            "--axes",
            "zyx",
            "--scores",
            tmp_path / f"{len(more)}.json",
            "--prediction-is",
            "cells",
        )
        done = call("evaluate", plain, other, *more, *given, "--labels-are", "cells")
        assert done.code == 0, done.err
