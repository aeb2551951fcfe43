"""The reader opens what `predict` writes, without loading it."""

import numpy as np
import pytest
import tifffile
from commands import call

from minunet.data.calibration import Calibration
from minunet.errors import InputError
from minunet.napari_plugin import reading
from minunet.network import initialization
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options


def predicted(folder, out, *more, shape=(3, 41, 30), values=(0, 1), **kind):
    """Segment random slices with an untrained network; return the output."""
    found = from_options(depth=1, channels=2, tile=24, device="cpu", label_values=values, **kind)
    params = initialization.gaussian(found.architecture, np.random.default_rng(0))
    state = np.random.default_rng(0).bit_generator.state
    checkpoint.save(folder / "net.npz", Checkpoint(params, params, 1, state, 0.5, found.to_json()))
    images = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    # Pixels are 0.25 µm wide and 0.5 µm high; slices are 2 µm apart.
    about = {"axes": "ZYX"[-len(shape) :], "unit": "um", "spacing": 2.0}
    tifffile.imwrite(
        folder / "in.tif", images, imagej=True, resolution=(1 / 0.25, 1 / 0.5), metadata=about
    )
    result = call(
        "predict",
        folder / "net.npz",
        folder / "in.tif",
        "-o",
        folder / out,
        "--device",
        "cpu",
        *more,
    )
    assert result.code == 0, result.err
    return folder / out


def read(path):
    return reading.reader(str(path))(str(path))


def test_a_folder_of_results(tmp_path):
    out = predicted(tmp_path, "OUT")
    (p, of_p, image), (labels, of_labels, kind) = read(out)
    assert (image, kind) == ("image", "labels")
    assert isinstance(p, np.memmap)
    np.testing.assert_array_equal(p, tifffile.imread(out / "probability.tif"))
    np.testing.assert_array_equal(labels, tifffile.imread(out / "labels.tif"))
    assert of_p["contrast_limits"] == (0, 1)
    for shown in (of_p, of_labels):
        assert shown["scale"] == [2.0, 0.5, 0.25]
        assert shown["units"] == ["micrometer"] * 3


def test_one_result_by_its_path(tmp_path):
    out = predicted(tmp_path, "OUT", shape=(41, 30))
    ((labels, shown, kind),) = read(out / "labels.tif")
    assert (kind, labels.shape, shown["name"]) == ("labels", (41, 30), "OUT labels")


def test_classes_are_an_axis_that_napari_splits(tmp_path):
    out = predicted(tmp_path, "OUT", values=(0, 1, 2))
    (p, shown, _), _ = read(out)
    assert p.shape == (3, 3, 41, 30)
    assert shown["channel_axis"] == 1
    assert len(shown["scale"]) == len(shown["units"]) == 3


def test_a_folder_of_results_for_every_file(tmp_path):
    for kind in ("probability", "labels"):
        (tmp_path / kind).mkdir()
        for name in "ab":
            path = tmp_path / kind / f"{name}.tif"
            tifffile.imwrite(path, np.zeros((5, 6), np.uint8))
    assert [kind for *_, kind in read(tmp_path)] == ["image", "image", "labels", "labels"]


def test_an_ome_zarr_image_with_all_levels(tmp_path):
    zarr = pytest.importorskip("zarr")
    out = predicted(tmp_path, "OUT.ome.zarr")
    (p, of_p, _), (labels, of_labels, kind) = read(out)
    assert kind == "labels"
    assert of_p["multiscale"] and of_labels["multiscale"]
    assert len(p) == len(labels) > 1
    assert all(isinstance(level, zarr.Array) for level in p)
    np.testing.assert_array_equal(p[1], zarr.open_array(out / "1", mode="r")[:])
    np.testing.assert_array_equal(labels[0], zarr.open_array(out / "labels/classes/0")[:])
    assert of_p["scale"] == [2.0, 0.5, 0.25]
    assert of_p["units"] == ["micrometer"] * 3
    assert (of_p["name"], of_labels["name"]) == ("OUT probability", "OUT classes")


def test_numbered_cells_in_ome_zarr(tmp_path):
    pytest.importorskip("zarr")
    out = predicted(tmp_path, "OUT.ome.zarr", cells=True)
    _, (labels, shown, kind) = read(out)
    assert (kind, shown["name"], labels[0].dtype) == ("labels", "OUT cells", np.uint32)


def test_other_paths_are_left_to_other_readers(tmp_path):
    (tmp_path / "other.zarr").mkdir()
    assert reading.reader(str(tmp_path / "other.zarr")) is None
    assert reading.reader(str(tmp_path)) is None
    assert reading.reader(str(tmp_path / "absent")) is None
    assert reading.reader([str(tmp_path)]) is None


def test_a_damaged_file_is_one_sentence(tmp_path):
    (tmp_path / "labels.tif").write_bytes(b"II*\0 no directory")
    with pytest.raises(InputError, match=r"labels\.tif cannot be read") as error:
        read(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("known", "axes", "expected"),
    [
        (Calibration(), "ZYX", ([1, 1, 1], ["pixel"] * 3)),
        (Calibration((2, 3), "nm"), "ZCYX", ([1, 3, 2], ["pixel", "nanometer", "nanometer"])),
        (Calibration((2, 3), "bananas"), "YX", ([1, 1], ["pixel", "pixel"])),
        (Calibration(interval=7), "TYX", ([7, 1, 1], ["second", "pixel", "pixel"])),
        (Calibration((1, 1), "um", 1), "ZYX", ([1, 1, 1], ["micrometer"] * 3)),
    ],
)
def test_placed(known, axes, expected):
    assert reading.placed(known, axes) == expected


def test_napari_shows_them(tmp_path, napari):
    pytest.importorskip("zarr")
    out = predicted(tmp_path, "OUT.ome.zarr", values=(0, 1, 2))
    viewer = napari.components.ViewerModel()
    viewer.open(out, plugin="minunet")
    assert [layer.data[0].shape for layer in viewer.layers] == [(3, 41, 30)] * 4
    assert [str(unit) for unit in viewer.layers[0].units] == ["micrometer"] * 3
