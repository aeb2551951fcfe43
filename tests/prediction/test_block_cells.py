"""Cells that are found block by block are those of the whole slice, with the same numbers."""

from itertools import pairwise

import numpy as np
import pytest
import scipy
from commands import call, refused

from minunet.data.ome_zarr import Chunks
from minunet.prediction import block_cells, blocks, instances
from minunet.prediction.block_cells import BlockCells
from minunet.prediction.instances import Rule

zarr = pytest.importorskip("zarr")
from volume_tests import arrays, count, write_image, write_net  # noqa: E402  needs zarr

SHAPE = (2, 50, 67)
"""Shape of a volume; its blocks of 14 x 18 pixels are smaller at the bottom and on the right."""


@pytest.fixture(autouse=True, params=[10])
def reach(request, monkeypatch):
    """Limit the growth of seeds to fewer steps, because the blocks are tiny."""
    for module in (instances, block_cells):
        monkeypatch.setattr(module, "REACH", request.param)


def volume(path, sigma, seed=0, shape=SHAPE):
    """Write smooth random probabilities; return their chunks."""
    noise = np.random.default_rng(seed).random(shape)
    smooth = scipy.ndimage.gaussian_filter(noise, (0.7, sigma, sigma))
    p = scipy.stats.rankdata(smooth).reshape(shape) / smooth.size
    chunks = (*(1 for _ in shape[:-2]), 14, 18)
    zarr.create_array(path / "0", data=p.astype(np.float32), chunks=chunks)
    return Chunks(path)


def found(folder, p, rule, above=None, overlap=0.0):
    """Find the cells of all blocks; run the tasks of every stage in reverse order."""
    cells = BlockCells(folder, p, rule, above, overlap)
    for stage in cells.stages():
        for number in reversed(range(stage.tasks)):
            assert not stage.is_done(number)
            stage.run(number)
            assert stage.is_done(number)
    whole = np.zeros(p.array.shape, np.int64)
    for number in range(len(p)):
        place = p.place(number)
        whole[place] = cells.cells(number).reshape(whole[place].shape)
    return whole


RULES = {
    "components": Rule(0.5, None, 1, 4),
    "diagonal": Rule(0.7, None, 1, 8),
    "large only": Rule(0.5, None, 40, 4),
    "grown": Rule(0.8, 0.45, 3, 4),
    "grown diagonally": Rule(0.9, 0.3, 2, 8),
    "grown, barely": Rule(0.6, 0.59, 1, 4),
    "none": Rule(1.5, None, 1, 4),
    "all": Rule(-1.0, None, 1, 4),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("sigma", [0.6, 2.5])
def test_the_cells_are_those_of_the_whole_slice(tmp_path, name, sigma):
    p, rule = volume(tmp_path, sigma), RULES[name]
    cells = found(tmp_path / "notes", p, rule)
    for k, one in enumerate(p.array[...]):
        np.testing.assert_array_equal(cells[k], rule.cells(one))


@pytest.mark.parametrize("reach", [0, 1, 3, 20], indirect=True)
def test_cells_that_reach_the_limit(tmp_path, reach):
    p, rule = volume(tmp_path, 2.5), Rule(0.95, 0.2, 1, 4)
    cells = found(tmp_path / "notes", p, rule)
    for k, one in enumerate(p.array[...]):
        np.testing.assert_array_equal(cells[k], rule.cells(one))


def test_holes_in_the_corners_of_blocks(tmp_path):
    # One hole across four blocks, one with a cell in it, one diagonally open, one at the end.
    drawn = """
        1111111111111111
        1111111001111110
        1111111001111110
        1111111111111111
        1111000011111111
        1111010011110011
        1111000011110011
        1111111111101111
    """
    p = np.array([[*map(int, line)] for line in drawn.split()], np.float32)
    zarr.create_array(tmp_path / "0", data=p, chunks=(2, 8))
    rule = Rule(0.5, None, 1, 4)
    cells = found(tmp_path / "notes", Chunks(tmp_path), rule)
    np.testing.assert_array_equal(cells, rule.cells(p))
    assert cells[1:3, 7:9].tolist() == [[1, 1], [1, 1]]
    assert cells[5].tolist() == [1, 1, 1, 1, 0, 2, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1]


def joined(flat, pairs_of):
    """Join overlapping cells by brute force: spread the numbers until nothing changes."""
    numbers, n = np.zeros(flat.shape, np.int64), 0
    for k, one in enumerate(flat):
        for cell in range(1, one.max() + 1):
            n += 1
            numbers[k][one == cell] = n
    changed = True
    while changed:
        changed = False
        for k, above in pairs_of:
            both = (numbers[k] > 0) & (numbers[above] > 0)
            for a, b in set(zip(numbers[k][both], numbers[above][both], strict=True)):
                if a != b:
                    numbers[numbers == max(a, b)] = min(a, b)
                    changed = True
                    break
    values = np.unique(numbers)
    return np.searchsorted(values, numbers) + (values[0] > 0)


@pytest.mark.parametrize("overlap", [0.5, 0.6])
def test_cells_are_joined_if_they_overlap_enough(tmp_path, overlap):
    p, rule = volume(tmp_path, 2, shape=(4, 30, 40)), RULES["components"]
    cells = found(tmp_path / "notes", p, rule, lambda k: k + 1 if k < 3 else None, overlap)
    flat = [rule.cells(one) for one in p.array[...]]
    expected, numbers, news = [flat[0].astype(int)], int(flat[0].max()), 0
    for below, one in pairwise(flat):
        named = np.zeros(one.shape, int)
        for cell in range(1, one.max() + 1):
            here = one == cell
            shares = [
                np.sum(here & (below == k)) / np.sum(here | (below == k))
                for k in range(1, below.max() + 1)
            ]
            if max(shares) > overlap:  # of at most one cell
                named[here] = expected[-1][below == 1 + np.argmax(shares)].max()
            else:
                numbers, news = numbers + 1, news + 1
                named[here] = numbers
        expected.append(named)
    np.testing.assert_array_equal(cells, expected)
    total = sum(int(one.max()) for one in flat[1:])
    assert 0 < news < total  # some are joined, and some are not


@pytest.mark.parametrize("name", ["components", "grown", "large only"])
def test_cells_of_neighbouring_slices_are_joined(tmp_path, name):
    p, rule = volume(tmp_path, 1.5, shape=(5, 30, 40)), RULES[name]
    cells = found(tmp_path / "notes", p, rule, lambda k: k + 1 if k < 4 else None)
    flat = np.stack([rule.cells(one) for one in p.array[...]])
    np.testing.assert_array_equal(cells, joined(flat, [(k, k + 1) for k in range(4)]))
    assert cells.max() < flat.max(axis=(1, 2)).sum()


def test_connected_cells_that_do_not_grow_are_components_of_the_volume(tmp_path):
    p = volume(tmp_path, 1.5, shape=(6, 30, 40))
    rule = Rule(0.7, None, 1, 4)
    cells = found(tmp_path / "notes", p, rule, lambda k: k + 1 if k < 5 else None)
    p = p.array[...]
    flat = [rule.cells(one) > 0 for one in p]
    np.testing.assert_array_equal(cells, scipy.ndimage.label(flat)[0])


def test_connected_sections_from_the_command_line(tmp_path):
    write_image(tmp_path / "in.zarr", (2, 3, 20, 28), "tzyx")
    net = write_net(tmp_path / "net.npz")
    out, options = tmp_path / "out.zarr", ("--labels", "cells", "--threshold", 0.5)
    given = (net, tmp_path / "in.zarr", "-o", out, *options, "--smallest", 1)
    options = "--connect", "sections", "--overlap", 0
    assert call("predict", *given, *options).code == 0
    p, cells = (zarr.open_array(out / name)[...] for name in ("0", "labels/cells/0"))
    rule = Rule(0.5, None, 1, 4)
    flat = np.stack([rule.cells(one) for one in p.reshape(6, 20, 28)])
    expected = joined(flat, [(0, 1), (1, 2), (3, 4), (4, 5)])  # not across time
    np.testing.assert_array_equal(cells, expected.reshape(cells.shape))


def test_what_is_noted_is_not_computed_again(tmp_path, begun, monkeypatch, opened_anew):
    _, args = begun
    out, options = tmp_path / "out.zarr", ("--labels", "cells", "--threshold", 0.5, "--threads", 1)
    options = (*options, "--connect", "sections")
    assert call("predict", *args, "-o", out, *options).code == 0
    before = arrays(out)
    (out / "notes/holes/1/50.npz").unlink()
    (out / "labels/cells/0/c/0/0/0").unlink()
    blocks.stages.cache_clear()
    computed, noted = count(monkeypatch), []
    note = BlockCells._note_holes
    monkeypatch.setattr(BlockCells, "_note_holes", lambda s, k: noted.append(k) or note(s, k))
    assert call("predict", *args, "-o", out, *options).code == 0
    assert (computed, noted) == ([], [50])
    after = arrays(out)
    assert {k: v for k, v in after.items() if "notes" not in k} == {
        k: v for k, v in before.items() if "notes" not in k
    }
    assert after.keys() == before.keys()


@pytest.mark.parametrize(
    ("name", "damage"), [("seeds/1/50", b""), ("united-seeds/1", b"half"), ("united-holes/0", None)]
)
def test_a_damaged_note_is_named(tmp_path, begun, opened_anew, name, damage):
    _, args = begun
    out, options = tmp_path / "out.zarr", ("--labels", "cells", "--threshold", 0.5, "--threads", 1)
    assert call("predict", *args, "-o", out, *options).code == 0
    before = arrays(out)
    note = out / "notes" / f"{name}.npz"
    note.write_bytes(note.read_bytes()[:-30] if damage is None else damage)
    for one in [*(out / "labels/cells/0/c").rglob("*"), *(out / "notes/united-seeds").iterdir()]:
        if one.is_file() and one != note:
            one.unlink()
    blocks.stages.cache_clear()
    said = refused(call("predict", *args, "-o", out, *options))
    assert f"{note} is damaged; delete it, and repeat the command" in said
    note.unlink()
    blocks.stages.cache_clear()
    assert call("predict", *args, "-o", out, *options).code == 0
    labels = {key: value for key, value in arrays(out).items() if "labels" in key}
    assert labels == {key: value for key, value in before.items() if "labels" in key}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--labels", "classes"), "but the labels are classes; pass --labels cells"),
        (("--labels", "cells", "--axes", "tyx"), "has no axis z, along which --connect joins"),
    ],
)
def test_connect_is_refused(tmp_path, begun, options, said):
    _, args = begun
    out = tmp_path / "out.zarr"
    given = ("-o", out, "--connect", "sections", *options)
    assert said in refused(call("predict", *args, *given))
    assert not out.exists()
    assert "--overlap needs --connect sections" in refused(
        call("predict", *args, "-o", out, "--labels", "cells", "--overlap", 0.5)
    )
    given = ("-o", tmp_path / "out", "--connect", "sections")
    assert "--connect needs an OME-Zarr output" in refused(call("predict", *args, *given))
