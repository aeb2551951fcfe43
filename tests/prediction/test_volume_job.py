"""`predict` shares the blocks of a volume, and refuses what does not fit."""

import numpy as np
import pytest
import tifffile
from commands import call, refused

from minunet.prediction import blocks

zarr = pytest.importorskip("zarr")
from volume_tests import (  # noqa: E402  needs zarr
    BLOCKS,
    arrays,
    count,
    write_net,
)

pytestmark = pytest.mark.usefixtures("opened_anew")


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
        assert ("other parts still have blocks left" in found.out) == (k != 1)
        assert computed == list(range(k - 1, BLOCKS, 3))
        computed.clear()
    assert arrays(out) == arrays(tmp_path / "one.zarr")


def test_options_of_volumes_need_such_an_output(tmp_path, begun):
    for option in (("--workers", 2), ("--part", "1/2"), ("--ome-zarr", "0.4")):
        found = call("predict", *begun[1], "-o", tmp_path / "out", *option)
        assert found.code == 2
        assert f"{option[0]} needs an OME-Zarr output, such as -o OUT.zarr" in found.err
    for option in (("--resume",), ("--step", "paper"), ("--device", "cuda")):
        found = call("predict", *begun[1], "-o", tmp_path / "out.zarr", *option)
        assert found.code == 2
        assert f"{' '.join(option)} does not go with an OME-Zarr output: " in found.err
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
    net = write_net(tmp_path / "net.npz")
    text = refused(call("predict", net, tmp_path / "in.zarr", "-o", tmp_path / "out.zarr"))
    assert "slice 0 of" in text
    assert "contains NaN or infinite values" in text
    assert not (tmp_path / "out.zarr").exists()


def test_no_output_inside_a_volume(tmp_path, begun):
    _, args = begun
    for name in ("out.zarr", "folder"):
        out = args[1] / name
        assert f"-o {out} lies inside the volume {args[1]}" in refused(
            call("predict", *args, "-o", out)
        )
        assert not out.exists()


def test_options_of_volumes_need_a_volume(tmp_path, begun):
    array, args = begun
    tifffile.imwrite(tmp_path / "in.tif", array, photometric="minisblack")
    for option in (("--axes", "zyx"), ("--level", 1)):
        for name in ("out.zarr", "folder"):
            said = refused(
                call("predict", args[0], tmp_path / "in.tif", "-o", tmp_path / name, *option)
            )
            assert f"{option[0]} is for volumes (OME-Zarr, Zarr, N5, HDF5), but" in said
