"""A volume in blocks equals one pass, whoever computes it, and nothing is computed twice."""

import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import call, finish, refused, start

from minunet.data import ome_zarr
from minunet.network import initialization
from minunet.prediction import blocks, model, volume_plan
from minunet.prediction.tiling import Tiling
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

zarr = pytest.importorskip("zarr")

SHAPE = (3, 45, 61)
STEP = 8  # of a tile of 24 pixels at depth 1
BLOCKS = 3 * 6 * 8


@pytest.fixture(autouse=True)
def opened_anew():
    """Forget what this process has opened, as a new process would."""
    blocks.stages.cache_clear()
    yield
    blocks.stages.cache_clear()


def write_model(path, values=(0, 1), seed=0, **settings):
    """Write a checkpoint of an untrained network; return its path."""
    given = {"depth": 1, "channels": 3, "tile": 24, "device": "cpu"} | settings
    config = from_options(**given, label_values=values, in_channels=1)
    params = initialization.gaussian(config.architecture, np.random.default_rng(seed))
    state = np.random.default_rng(0).bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 5, state, 0.5, config.to_json()))
    return path


def write_image(path, shape=SHAPE, axes="zyx", seed=0):
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    chunks = (*(1 for _ in shape[2:]), 20, 20)
    stored = zarr.create_array(
        path, shape=shape, chunks=chunks, dtype="u1", dimension_names=[*axes]
    )
    stored[...] = array
    return array


@pytest.fixture
def begun(tmp_path):
    """Write a model and an image; return the arguments of predict but the output."""
    array = write_image(tmp_path / "in.zarr")
    return array, (write_model(tmp_path / "net.npz"), tmp_path / "in.zarr")


def whole(net, images, **tiling):
    """Segment slices with the definition, `averaging.logits`; return the probability of class 1."""
    loaded = model.load(net, "cpu")
    return loaded.segment(images, Tiling(loaded.settings.tile, **tiling))


def arrays(out):
    """Return the bytes of all files of an output but its plan, by name."""
    files = (one for one in Path(out).rglob("*") if one.is_file() and one.name != "plan.json")
    return {str(one.relative_to(out)): one.read_bytes() for one in files}


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_the_blocks_are_the_probabilities_of_one_pass(tmp_path, begun, version):
    array, args = begun
    out = tmp_path / "out.ome.zarr"
    found = call("predict", *args, "-o", out, "--threads", 1, "--ome-zarr", version)
    assert found.code == 0, found.err
    p = zarr.open_array(out / "0", mode="r")
    assert p.chunks == (1, STEP, STEP)
    expected = whole(args[0], array)[..., 1]
    np.testing.assert_allclose(p[...], expected, atol=1e-6)
    labels = zarr.open_array(out / "labels" / "classes" / "0", mode="r")
    np.testing.assert_array_equal(labels[...], p[...] > 0.5)
    assert labels.dtype == np.uint8
    assert f"progress  0 of {BLOCKS} blocks are there" in found.out


def test_a_section_is_equal_bit_for_bit(tmp_path):
    # With a height and a width that are multiples of the step, the tiles are those of one pass.
    array = write_image(tmp_path / "in.zarr", (2, 40, 56))
    net = write_model(tmp_path / "net.npz")
    assert call("predict", net, tmp_path / "in.zarr", "-o", tmp_path / "o.zarr").code == 0
    np.testing.assert_array_equal(
        zarr.open_array(tmp_path / "o.zarr/0")[...], whole(net, array)[..., 1]
    )


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


def test_more_classes_have_an_axis_between_time_and_z(tmp_path):
    array = write_image(tmp_path / "in.zarr", (2, 3, 16, 24), "tzyx")
    net = write_model(tmp_path / "net.npz", values=(0, 100, 200))
    out = tmp_path / "out.zarr"
    assert call("predict", net, tmp_path / "in.zarr", "-o", out).code == 0
    p, labels = (zarr.open_array(one / "0", mode="r") for one in (out, out / "labels" / "classes"))
    assert p.shape == (2, 3, 3, 16, 24)
    assert p.chunks == (1, 3, 1, 8, 8)
    expected = whole(net, array.reshape(6, 16, 24)).reshape(2, 3, 16, 24, 3)
    np.testing.assert_allclose(np.moveaxis(p[...], 1, -1), expected, atol=1e-6)
    np.testing.assert_array_equal(labels[...], np.array([0, 100, 200])[p[...].argmax(axis=1)])


def test_cells_are_those_of_the_whole_slice(tmp_path, begun):
    _, args = begun
    out, options = tmp_path / "out.zarr", ("--labels", "cells", "--threshold", 0.5)
    assert call("predict", *args, "-o", out, *options, "--smallest", 3).code == 0
    rule = model.load(args[0], "cpu").rule((1, 1))._replace(threshold=0.5, smallest=3)
    p, cells = (zarr.open_array(one / "0", mode="r") for one in (out, out / "labels" / "cells"))
    assert cells.dtype == np.uint32
    for k in range(3):
        expected = rule.cells(p[k])
        assert expected.max() > 3
        np.testing.assert_array_equal(cells[k], expected)


@pytest.mark.parametrize(
    "options", [("--average", "symmetries"), ("--shrink", 2.5), ("--shrink", 0.5, "--tile", 40)]
)
def test_averaged_and_shrunk_images(tmp_path, begun, options):
    array, args = begun
    out = tmp_path / "out.zarr"
    options = (*options, "--tile", 40) if "--tile" not in options else options
    assert call("predict", *args, "-o", out, *options).code == 0
    given = {"average": "symmetries"} if "--average" in options else {"shrink": (options[1],) * 2}
    expected = whole(args[0], array, **given)[..., 1]
    np.testing.assert_allclose(zarr.open_array(out / "0", mode="r")[...], expected, atol=1e-6)


def test_a_tiff_stack_and_an_hdf5_file(tmp_path, begun):
    array, args = begun
    tifffile.imwrite(tmp_path / "in.tif", array, photometric="minisblack")
    sources = [args[1], tmp_path / "in.tif"]
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["raw"] = array
    sources.append(f"{tmp_path / 'in.h5'}::/raw")
    results = []
    for k, source in enumerate(sources):
        out, axes = tmp_path / f"{k}.zarr", ("--axes", "zyx") if k == 2 else ()
        found = call("predict", args[0], source, "-o", out, "--threads", 1, *axes)
        assert found.code == 0, found.err
        results.append(arrays(out))
    assert results[0] == results[1] == results[2]


# Stopping and resuming


def count(monkeypatch):
    """Count the blocks that are computed from now on."""
    computed = []
    probabilities = blocks.Work.probabilities
    monkeypatch.setattr(
        blocks.Work, "probabilities", lambda self, k: computed.append(k) or probabilities(self, k)
    )
    return computed


def test_only_what_is_missing_is_computed(tmp_path, begun, monkeypatch):
    _, args = begun
    out = tmp_path / "out.zarr"
    assert call("predict", *args, "-o", out, "--threads", 1).code == 0
    before = arrays(out)
    computed = count(monkeypatch)
    blocks.stages.cache_clear()
    assert call("predict", *args, "-o", out, "--threads", 1).code == 0
    assert computed == []
    gone = [5, 17, 100]
    chunks = ome_zarr.Chunks(out / "labels" / "classes")
    for number in gone:
        key = chunks.array.metadata.encode_chunk_key(chunks._key(number))
        (out / "labels" / "classes" / "0" / key).unlink()
        # What a killed process may leave of it is not a chunk.
        (out / "labels" / "classes" / "0" / f"{key}.0123.partial").write_bytes(b"half")
    found = call("predict", *args, "-o", out, "--threads", 1)
    assert f"progress  {BLOCKS - 3} of {BLOCKS} blocks are there" in found.out
    assert computed == gone
    after = {name: data for name, data in arrays(out).items() if not name.endswith(".partial")}
    assert after == before


def test_a_block_of_background_only_is_there(tmp_path):
    write_image(tmp_path / "in.zarr", (1, 16, 16))
    zarr.open_array(tmp_path / "in.zarr")[...] = 7  # constant: all labels are equal
    net = write_model(tmp_path / "net.npz", values=(0, 0.0 or 3))
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


def test_parts_are_shares_and_the_last_one_finishes(tmp_path, begun, monkeypatch):
    _, args = begun
    assert call("predict", *args, "-o", tmp_path / "one.zarr", "--threads", 1).code == 0
    computed = count(monkeypatch)
    out = tmp_path / "parts.zarr"
    for k in (2, 3, 1):
        blocks.stages.cache_clear()
        found = call("predict", *args, "-o", out, "--part", f"{k}/3")
        assert found.code == 0, found.err
        assert ("results" in found.out) == (k == 1)
        assert ("left to the other parts" in found.out) == (k != 1)
        assert computed == list(range(k - 1, BLOCKS, 3))
        computed.clear()
    assert arrays(out) == arrays(tmp_path / "one.zarr")


def test_another_plan_is_refused_and_the_difference_named(tmp_path, begun):
    _, (net, image) = begun
    out = tmp_path / "out.zarr"
    assert call("predict", net, image, "-o", out, "--threads", 1).code == 0
    before = arrays(out)
    other = write_model(tmp_path / "other.npz", seed=1)
    named = {
        (net, image, "--threads", 2): "threads 2 instead of 1",
        (net, image, "--tile", 32): "tile 32 instead of 24, block [16, 16] instead of [8, 8]",
        (net, image, "--average", "flips", "--tile", 40): "average flips instead of none",
        (net, image, "--threshold", 0.7): "threshold 0.7 instead of None",
        (net, image, "--ome-zarr", "0.4"): "version 0.4 instead of 0.5",
        (other, image): f"model {other} instead of {net}",
    }
    for args, difference in named.items():
        text = refused(call("predict", *args, "-o", out))
        assert difference in text
        assert "pass the same arguments as then, or another name with -o" in text
    assert arrays(out) == before


def test_a_changed_model_or_image_is_refused(tmp_path, begun):
    _, (net, image) = begun
    out = tmp_path / "out.zarr"
    assert call("predict", net, image, "-o", out).code == 0
    write_model(net, seed=1)
    assert "weights" in refused(call("predict", net, image, "-o", out))
    write_model(net)
    zarr.open_array(image).resize((2, 45, 61))
    blocks.stages.cache_clear()
    assert "shape [2, 45, 61, 1] instead of [3, 45, 61, 1]" in refused(
        call("predict", net, image, "-o", out)
    )
    with pytest.raises(volume_plan.InputError, match="has changed since"):
        blocks.stages(str(out))


def test_an_output_that_is_something_else_is_refused(tmp_path, begun):
    _, args = begun
    (tmp_path / "out.zarr").mkdir()
    (tmp_path / "out.zarr" / "mine").write_text("keep")
    text = refused(call("predict", *args, "-o", tmp_path / "out.zarr"))
    assert "exists, and is not a prediction of minunet; pass another name with -o" in text
    assert (tmp_path / "out.zarr" / "mine").read_text() == "keep"
    (tmp_path / "out.zarr" / "plan.json").write_text("{}")
    assert "is damaged" in refused(call("predict", *args, "-o", tmp_path / "out.zarr"))


def test_options_of_volumes_need_such_an_output(tmp_path, begun):
    for option in (("--workers", 2), ("--part", "1/2"), ("--ome-zarr", "0.4")):
        found = call("predict", *begun[1], "-o", tmp_path / "out", *option)
        assert found.code == 2
        assert f"{option[0]} needs an OME-Zarr output, such as -o OUT.zarr" in found.err
    for part in ("0/2", "3/2", "1", "x/y"):
        found = call("predict", *begun[1], "-o", tmp_path / "out.zarr", "--part", part)
        assert found.code == 2
        assert "pass K/N with K from 1 to N" in found.err
    assert not (tmp_path / "out").exists()


def test_values_that_the_network_cannot_take(tmp_path):
    stored = zarr.create_array(
        tmp_path / "in.zarr", shape=(1, 16, 16), chunks=(1, 8, 8), dtype="f4", dimension_names="zyx"
    )
    stored[...] = 1
    stored[0, 9, 9] = np.inf
    net = write_model(tmp_path / "net.npz")
    text = refused(call("predict", net, tmp_path / "in.zarr", "-o", tmp_path / "out.zarr"))
    assert "slice 0 of" in text
    assert "contains NaN or infinite values" in text
    assert not (tmp_path / "out.zarr").exists()


def test_killed_at_random_moments_and_resumed(tmp_path, begun):
    _, args = begun
    assert call("predict", *args, "-o", tmp_path / "one.zarr", "--threads", 1).code == 0
    out, rng, kills = tmp_path / "out.zarr", random.Random(0), 0
    chunks = out / "labels" / "classes" / "0" / "c"
    while kills < 20:
        process = start("predict", *args, "-o", out, "--threads", 1)
        until = len(list(chunks.rglob("[0-9]*"))) + rng.randrange(4)
        while process.poll() is None and len(list(chunks.rglob("[0-9]*"))) <= until:
            time.sleep(0.002)
        times = {one: one.stat().st_mtime_ns for one in chunks.rglob("*") if one.is_file()}
        process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        killed = finish(process)
        assert "Traceback" not in killed.err
        kills += killed.code != 0
        done = [one for one in times if ".partial" not in one.name]
        assert {one: one.stat().st_mtime_ns for one in done} == {one: times[one] for one in done}
        if killed.code == 0:
            break
    assert kills >= 10
    assert finish(start("predict", *args, "-o", out, "--threads", 1)).code == 0
    after = {name: data for name, data in arrays(out).items() if ".partial" not in name}
    assert after == arrays(tmp_path / "one.zarr")
