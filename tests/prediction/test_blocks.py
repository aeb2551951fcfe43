"""A volume in blocks equals one pass, whoever computes it, and nothing is computed twice."""

import random
import signal
import time

import numpy as np
import pytest
import tifffile
from commands import call, finish, refused, start

from minunet.data import ome_zarr
from minunet.prediction import blocks, model

zarr = pytest.importorskip("zarr")
from volume_tests import (  # noqa: E402  needs zarr
    BLOCKS,
    STEP,
    arrays,
    count,
    whole,
    write_image,
    write_net,
)

pytestmark = pytest.mark.usefixtures("opened_anew")


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
    assert f"progress  0 of {BLOCKS} blocks are done" in found.out


def test_a_section_is_equal_bit_for_bit(tmp_path):
    # With a height and a width that are multiples of the step, the tiles are those of one pass.
    array = write_image(tmp_path / "in.zarr", (2, 40, 56))
    net = write_net(tmp_path / "net.npz")
    assert call("predict", net, tmp_path / "in.zarr", "-o", tmp_path / "o.zarr").code == 0
    np.testing.assert_array_equal(
        zarr.open_array(tmp_path / "o.zarr/0")[...], whole(net, array)[..., 1]
    )


def test_more_classes_have_an_axis_between_time_and_z(tmp_path):
    array = write_image(tmp_path / "in.zarr", (2, 3, 16, 24), "tzyx")
    net = write_net(tmp_path / "net.npz", values=(0, 100, 200))
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
    assert f"progress  {BLOCKS - 3} of {BLOCKS} blocks are done" in found.out
    assert computed == gone
    after = {name: data for name, data in arrays(out).items() if not name.endswith(".partial")}
    assert after == before


def test_whatever_is_missing_is_made_again(tmp_path, begun):
    _, args = begun
    out, options = tmp_path / "out.zarr", ("--labels", "cells", "--threshold", 0.5, "--threads", 1)
    assert call("predict", *args, "-o", out, *options).code == 0
    before = arrays(out)
    for name in ("0/c/0/0/0", "labels/cells/0/c/0/2/2", "1/c/2/1/1", "labels/cells/2/c/1/0/0"):
        (out / name).unlink()
        (out / "0x").write_bytes(b"not a level")
        blocks.stages.cache_clear()
        assert call("predict", *args, "-o", out, *options).code == 0
        (out / "0x").unlink()
        assert arrays(out) == before


def test_damaged_results_are_one_sentence(tmp_path, begun):
    _, args = begun
    out = tmp_path / "out.zarr"
    assert call("predict", *args, "-o", out).code == 0
    (out / "0/c/0/0/0").write_bytes(b"")
    (out / "1/c/0/0/0").unlink()
    blocks.stages.cache_clear()
    damaged = out / "0/c/0/0/0"
    assert f"{damaged} is damaged; delete it, and repeat the command" in refused(
        call("predict", *args, "-o", out)
    )
    damaged.unlink()
    blocks.stages.cache_clear()
    assert call("predict", *args, "-o", out).code == 0
    (out / "2/zarr.json").write_text("{", "utf-8")
    blocks.stages.cache_clear()
    assert f"{out / '2'} cannot be read" in refused(call("predict", *args, "-o", out))


def test_ctrl_c_keeps_the_blocks(tmp_path, begun, monkeypatch):
    _, args = begun
    out = tmp_path / "out.zarr"
    block = blocks.Work.block

    def interrupted(self, number):
        if number == 5:
            signal.raise_signal(signal.SIGINT)
        block(self, number)

    monkeypatch.setattr(blocks.Work, "block", interrupted)
    stopped = call("predict", *args, "-o", out, "--threads", 1)
    assert stopped.code == 130
    assert f"the blocks in {out} are kept; the same command continues" in stopped.err
    monkeypatch.setattr(blocks.Work, "block", block)
    blocks.stages.cache_clear()
    resumed = call("predict", *args, "-o", out, "--threads", 1)
    assert resumed.code == 0
    assert f"progress  5 of {BLOCKS} blocks are done" in resumed.out


def written(chunks):
    """Return when each complete chunk was written, by its path."""
    found = {}
    for one in chunks.rglob("*"):
        if ".partial" not in one.name and one.is_file():  # a partial file may vanish at any time
            found[one] = one.stat().st_mtime_ns
    return found


def test_killed_at_random_moments_and_resumed(tmp_path, begun):
    _, args = begun
    assert call("predict", *args, "-o", tmp_path / "one.zarr", "--threads", 1).code == 0
    out, rng, kills = tmp_path / "out.zarr", random.Random(0), 0
    chunks = out / "labels" / "classes" / "0" / "c"
    while kills < 20:
        process = start("predict", *args, "-o", out, "--threads", 1)
        until = len(written(chunks)) + rng.randrange(4)
        while process.poll() is None and len(written(chunks)) <= until:
            time.sleep(0.002)
        before = written(chunks)
        process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        killed = finish(process)
        assert "Traceback" not in killed.err
        after = written(chunks)
        assert {one: after[one] for one in before} == before
        if killed.code == 0:  # it had finished before the signal
            break
        assert killed.code < 0 or "stopped by SIG" in killed.err
        kills += 1
    assert kills >= 10
    assert finish(start("predict", *args, "-o", out, "--threads", 1)).code == 0
    after = {name: data for name, data in arrays(out).items() if ".partial" not in name}
    assert after == arrays(tmp_path / "one.zarr")
