"""What is printed before a prediction names the slices, and does not get long."""

import numpy as np
import pytest
from PIL import Image

from minunet.data.image_files import Reading, Slices
from minunet.network import initialization
from minunet.prediction import jobs, summary
from minunet.prediction.instances import Rule
from minunet.prediction.jobs import Plan
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import from_options


def prepared(folder, sizes, types=(np.uint8,), **settings):
    """Prepare jobs for blank images of the given sizes, named a0, a1, …."""
    folder.mkdir()
    for k, size in enumerate(sizes):
        image = np.zeros(size, types[k % len(types)])
        Image.fromarray(image).save(folder / f"a{k}.png")
    chosen = from_options(depth=1, channels=3, tile=24, **settings)
    params = initialization.gaussian(chosen.architecture, np.random.default_rng(0))
    labelling = Labelling((0, 1), False, None, Rule(smallest=1))
    plan = Plan(Model(params, chosen, 0), labelling, None, Tiling(24), None)
    return jobs.prepare(Slices(folder), plan)


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (2, "slices    0 a0, 1 a1"),
        (6, "slices    0 a0, 1 a1, 2 a2, 3 a3, 4 a4, 5 a5"),
        (30, "slices    0 a0, 1 a1, 2 a2, 3 a3, …, 29 a29"),
    ],
)
def test_the_slices_are_named(tmp_path, count, line):
    made = prepared(tmp_path / "in", [(8, 9)] * count)
    assert summary.images(tmp_path, Reading(), made) == [
        f"image     {tmp_path}: {count} slices of 8 x 9 pixels",
        line,
    ]


def test_slices_without_a_label_are_numbered(tmp_path):
    made = prepared(tmp_path / "in", [(8, 9)] * 3)
    images = made[0].images
    images.in_folder = False
    images.pages = [page._replace(label="b" * k) for k, page in enumerate(images.pages)]
    assert summary.images(tmp_path, Reading(), made)[1] == "slices    0, 1 b, 2 bb"


def test_files_of_several_sizes_are_counted(tmp_path):
    sizes = [(8, 9), (8, 8), (8, 9), (7, 9)]
    made = prepared(tmp_path / "in", sizes)
    counts = "2 of 8 x 9 pixels, 1 of 8 x 8 pixels, 1 of 7 x 9 pixels"
    assert summary.images(tmp_path, Reading("grey", 2), made) == [
        f"image     {tmp_path}: 4 files, each segmented by itself: {counts}",
        "channel   grey",
        "series    2",
    ]


def test_notes_and_files_that_are_left_out(tmp_path):
    made = prepared(tmp_path / "in", [(8, 9)] * 3)
    images = made[0].images
    images.notes = [f"note {k}" for k in range(9)]
    images.broken = {"a": "why"}
    found = summary.images(tmp_path, Reading(), made)
    assert found[2:] == [
        *(f"note      note {k}" for k in range(6)),
        "left out  1 file, listed at the end",
    ]


def test_a_note_on_images_of_several_types_with_one_scale(tmp_path):
    sizes, types = [(8, 9), (7, 9)], (np.uint8, np.uint16)
    found = summary.images(tmp_path, Reading(), prepared(tmp_path / "a", sizes, types))
    assert found[1].startswith("note      the images are uint16 and uint8, but one scale is used")
    alone = prepared(tmp_path / "b", sizes, types, scaling="image")
    assert len(summary.images(tmp_path, Reading(), alone)) == 1


def test_the_tiles_are_those_of_the_largest_image(tmp_path):
    made = prepared(tmp_path / "in", [(4, 4), (40, 50), (5, 5)])
    tile, memory = summary.tiles(made)
    # Outputs of 8 pixels: 5 for 40 rows, 7 for 50 columns.
    assert tile.startswith("tile      24 x 24 → 8 x 8 pixels, 35 per slice of a1; the margins")
    assert memory.startswith("memory    about ")
