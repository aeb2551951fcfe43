"""The slices of one volume are read part by part, from any file."""

import numpy as np
import pytest
import tifffile
from pictures import draw

from minunet.data import sections
from minunet.data.image_files import Reading
from minunet.errors import InputError

zarr = pytest.importorskip("zarr")
from volume_tests import write_zarr  # noqa: E402  needs zarr

STACK = draw((3, 40, 50))


def test_parts_of_a_slice_are_read_chunk_by_chunk_and_once(tmp_path, monkeypatch):
    array = STACK.astype(np.float32)
    path = write_zarr(tmp_path / "a.zarr", array, chunks=(1, 16, 20))
    one = sections.Sections(path, Reading(axes="zyx"))
    assert (len(one), one.shape, one.axes, one.counts) == (3, (40, 50, 1), "z", (3,))
    monkeypatch.setattr(sections, "MOST", 2 * 16 * 20)
    shapes = [part.shape for part in one.parts(2)]
    assert shapes == [(h, w, 1) for h in (16, 16, 8) for w in (40, 10)]
    total = sum(float(part.sum(dtype=np.float64)) for part in one.parts(2))
    assert total == array[2].sum(dtype=np.float64)
    zarr.open_array(path)[2, 30, 30] = np.nan
    with pytest.raises(InputError, match=r"slice 2 of .* contains NaN"):
        list(one.parts(2))


def test_sections_of_other_files(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    one = sections.Sections(tmp_path / "a.tif", Reading())
    assert (len(one), one.shape, one.axes, one.counts) == (3, (40, 50, 1), "z", (3,))
    np.testing.assert_array_equal(one[1][3:5, 4:9], STACK[1, 3:5, 4:9, np.newaxis])
    (tmp_path / "folder").mkdir()
    for k, image in enumerate((STACK[0], STACK[0, 1:])):
        tifffile.imwrite(tmp_path / "folder" / f"{k}.tif", image)
    with pytest.raises(InputError, match="several sizes, such as 39 x 50 and 40 x 50 pixels"):
        sections.Sections(tmp_path / "folder", Reading())
