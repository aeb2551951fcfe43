"""Results are valid OME-Zarr, with a pyramid, and other programs read them."""

import numpy as np
import pytest
from commands import call

from minunet.data import ome_zarr
from minunet.prediction import blocks

zarr = pytest.importorskip("zarr")
from volume_tests import (  # noqa: E402  needs zarr
    write_image,
    write_net,
)

pytestmark = pytest.mark.usefixtures("opened_anew")


def test_the_smaller_levels_are_means_and_every_other_label(tmp_path, begun):
    _, args = begun
    out = tmp_path / "out.zarr"
    assert call("predict", *args, "-o", out).code == 0
    p, labels = (zarr.open_group(one, mode="r") for one in (out, out / "labels" / "classes"))
    for above, below in ((0, 1), (1, 2), (2, 3)):
        large, small = p[str(above)][...].astype(np.float64), p[str(below)][...]
        height, width = large.shape[1:]
        assert small.shape == (3, -(-height // 2), -(-width // 2))
        for y, x in ((0, 0), (1, 2), (small.shape[1] - 1, small.shape[2] - 1)):
            square = large[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
            if square.shape[1:] == (2, 2):
                np.testing.assert_allclose(small[:, y, x], square.mean((1, 2)), rtol=1e-6)
        expected = labels[str(above)][...][:, ::2, ::2]
        np.testing.assert_array_equal(labels[str(below)][...], expected)
    assert "4" not in p  # level 3 is one chunk


def test_axes_scale_and_units_come_from_the_source(tmp_path, begun):
    image = zarr.open_array(tmp_path / "in.zarr")
    said = {"axes": [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"], "name": "x"}
    change = {"type": "scale", "scale": [50, 4, 4]}
    said["datasets"] = [{"path": "0", "coordinateTransformations": [change]}]
    group = tmp_path / "in.ome.zarr"
    zarr.create_group(group, attributes={"ome": {"version": "0.5", "multiscales": [said]}})
    zarr.create_array(group / "0", data=image[...], chunks=(1, 20, 20))
    net, out = begun[1][0], tmp_path / "out.zarr"
    assert call("predict", net, group, "-o", out).code == 0
    for one in (out, out / "labels" / "classes"):
        ome = zarr.open_group(one, mode="r").attrs["ome"]
        (scales,) = ome["multiscales"]
        assert scales["axes"] == said["axes"]
        first, second = (one["coordinateTransformations"] for one in scales["datasets"][:2])
        assert first[0] == {"type": "scale", "scale": [50, 4, 4]}
        # Pixel 0 of level 1 is the middle of pixels 0 and 1.
        assert second == [
            {"type": "scale", "scale": [50, 8, 8]},
            {"type": "translation", "translation": [0, 2, 2]},
        ]
    assert zarr.open_group(out / "labels", mode="r").attrs["ome"]["labels"] == ["classes"]


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_the_metadata_are_valid_and_other_programs_read_the_arrays(tmp_path, begun, version):
    models = pytest.importorskip("ome_zarr_models")
    tensorstore = pytest.importorskip("tensorstore")
    out = tmp_path / "out.zarr"
    assert call("predict", *begun[1], "-o", out, "--ome-zarr", version).code == 0
    module = f"v{version.replace('.', '')}"
    for path, kind in ((out, "Image"), (out / "labels" / "classes", "ImageLabel")):
        valid = models.open_ome_zarr(zarr.open_group(path, mode="r"))
        assert type(valid).__name__ == kind
        assert module in type(valid).__module__
    driver = "zarr3" if version == "0.5" else "zarr"
    spec = {"driver": driver, "kvstore": f"file://{out}/0/"}
    read = tensorstore.open(spec).result().read().result()
    np.testing.assert_array_equal(read, zarr.open_array(out / "0", mode="r")[...])


def test_a_block_of_background_only_is_there(tmp_path):
    write_image(tmp_path / "in.zarr", (1, 16, 16))
    zarr.open_array(tmp_path / "in.zarr")[...] = 7  # constant: all labels are equal
    net = write_net(tmp_path / "net.npz", values=(0, 0.0 or 3))
    out = tmp_path / "out.zarr"
    for threshold in (0.999, 0.0):
        out = tmp_path / f"{threshold}.zarr"
        options = ("--threshold", threshold)
        assert call("predict", net, tmp_path / "in.zarr", "-o", out, *options).code == 0
        labels = zarr.open_array(out / "labels" / "classes" / "0", mode="r")
        assert len(np.unique(labels[...])) == 1
        chunks = ome_zarr.Chunks(out / "labels" / "classes")
        assert [chunks.is_there(k) for k in range(len(chunks))] == [True] * 4
        blocks.stages.cache_clear()
