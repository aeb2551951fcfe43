"""Images of one size are one job; if the files of a folder differ, each is a job of its own."""

import math

import numpy as np
import pytest
import tifffile

from minunet.data.image_files import Slices
from minunet.data.scaling import Scale
from minunet.errors import InputError
from minunet.network import initialization
from minunet.prediction import jobs
from minunet.prediction.instances import Rule
from minunet.prediction.jobs import Plan
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling
from minunet.prediction.unfinished import State, Unfinished
from minunet.progress import Progress
from minunet.runs.settings import Settings, from_options


def write(folder, shapes, dtype=np.uint8, **how):
    """Write blank files of the given shapes, by name."""
    folder.mkdir(exist_ok=True)
    for name, shape in shapes.items():
        tifffile.imwrite(folder / name, np.zeros(shape, dtype), photometric="minisblack", **how)
    return Slices(folder)


def plan(limit=None, **settings):
    chosen = from_options(depth=1, channels=3, tile=24, **settings)
    params = initialization.gaussian(chosen.architecture, np.random.default_rng(0))
    model = Model(params, chosen, 0)
    return Plan(
        model, Labelling((0, 1), False, None, Rule(smallest=1)), Scale(0, 9), Tiling(24), limit
    )


def test_one_size_is_one_job(tmp_path):
    (job,) = jobs.prepare(write(tmp_path, {"a.tif": (8, 9), "b.tif": (2, 8, 9)}), plan())
    assert job.task.shape == (3, 8, 9)
    assert job.task.scale == Scale(0, 9)
    assert job.name == ""
    assert job.names == ("a", "b 0", "b 1")
    assert [file.name for file in job.files] == ["probability.tif", "labels.tif"]


def test_several_sizes_are_several_jobs(tmp_path):
    images = write(tmp_path, {"a.tif": (8, 9), "b.tif": (2, 8, 9), "c.tif": (9, 8)})
    made = jobs.prepare(images, plan())
    assert [job.task.shape for job in made] == [(1, 8, 9), (2, 8, 9), (1, 9, 8)]
    assert [job.task.scale for job in made] == [Scale(0, 9)] * 3
    assert [job.name for job in made] == ["a", "b", "c"]
    assert [job.names for job in made] == [(), (), ()]
    assert [file.name for file in made[1].files] == ["probability/b.tif", "labels/b.tif"]


def test_numbers_are_not_names(tmp_path):
    write(tmp_path, {"a.tif": (2, 8, 9)})
    (job,) = jobs.prepare(Slices(tmp_path / "a.tif"), plan())
    assert job.names == ()


@pytest.mark.parametrize("labels", [["a", "a", "b"], ["a", "", "b"]])
def test_labels_of_imagej_may_be_equal_or_empty(tmp_path, labels):
    metadata = {"axes": "ZYX", "Labels": labels}
    write(tmp_path, {"a.tif": (3, 8, 9)}, imagej=True, metadata=metadata)
    (job,) = jobs.prepare(Slices(tmp_path / "a.tif"), plan())
    assert job.names == tuple(labels)
    assert job.files[1].about.names == tuple(labels)


def test_every_file_keeps_its_own_calibration(tmp_path):
    for name, shape, resolution in (("a", (8, 9), 10), ("b", (9, 8), 20)):
        write(
            tmp_path,
            {f"{name}.tif": shape},
            imagej=True,
            resolution=(resolution, resolution),
            metadata={"unit": "um"},
        )
    made = jobs.prepare(Slices(tmp_path), plan())
    assert [job.files[1].about.calibration.pixel for job in made] == [(0.1, 0.1), (0.05, 0.05)]


def test_every_size_has_its_own_tile_within_the_memory(tmp_path):
    images = write(tmp_path, {"a.tif": (12, 600), "b.tif": (100, 100)})
    made = jobs.prepare(images, plan(limit=2 * 10**9))
    # Each image is one tile.
    assert [job.task.tiles for job in made] == [1, 1]
    need = max(job.memory for job in made)
    tight = jobs.prepare(images, plan(limit=round(need) - 1))
    assert max(job.task.tiles for job in tight) > 1
    assert all(job.memory < need for job in tight)
    with pytest.raises(InputError, match="not enough memory"):
        jobs.prepare(images, plan(limit=10))


def test_the_space_on_disk_by_hand(tmp_path):
    made = jobs.prepare(write(tmp_path, {"a.tif": (8, 9), "b.tif": (2, 10, 11)}), plan())
    pixels = 8 * 9 + 2 * 10 * 11
    assert jobs.space(made, masks=False) == 5 * pixels  # float32 and uint8
    assert jobs.space(made, masks=True) == 7 * pixels
    averaged = plan()._replace(tiling=Tiling(24, average="flips"))
    made = jobs.prepare(Slices(tmp_path), averaged)
    # The logits of two classes, for one slice at a time.
    assert jobs.space(made, masks=False) == 5 * pixels + 2 * 4 * 110


@pytest.mark.parametrize("average", ["none", "flips"])
def test_the_space_for_shrunk_images(tmp_path, average):
    images = write(tmp_path, {"a.tif": (2, 10, 11)})
    given = plan()._replace(shrink=2.5, tiling=Tiling(24, average=average))
    made = jobs.prepare(images, given)
    # Of 4 x 5 pixels: the small image, the logits of two classes, and their sums.
    small = 20 * (8 + 2 * 4 + (2 * 4 if average == "flips" else 0))
    assert jobs.space(made, masks=False) == 5 * 220 + small


@pytest.mark.parametrize("average", ["none", "flips"])
@pytest.mark.parametrize("shrink", [1.0, 2.5, 0.5])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_the_space_is_enough_for_all_that_is_written(tmp_path, monkeypatch, average, shrink, dtype):
    images = write(tmp_path / "in", {"a.tif": (2, 8, 9)}, dtype=dtype)
    given = plan()._replace(shrink=shrink, tiling=Tiling(24, average=average))
    (job,) = jobs.prepare(images, given)
    sizes, scratch = [], jobs.outputs.scratch

    def watched(folder, shape, dtype):
        sizes.append(np.dtype(dtype).itemsize * math.prod(shape))
        return scratch(folder, shape, dtype)

    monkeypatch.setattr(jobs.outputs, "scratch", watched)
    (tmp_path / "out").mkdir()
    kept = Unfinished(tmp_path / "out", State({}, 2), jobs.outputs.OUTPUTS, None)
    with kept.kept("again"), Progress(2 * job.task.tiles, "tile") as progress:
        jobs.write(job, 0, kept, progress)
    first, second = sizes[: len(sizes) // 2], sizes[len(sizes) // 2 :]
    assert first == second  # of each slice
    assert sum(first) <= jobs.space([job], masks=False) - 2 * 8 * 9 * 5
    if dtype == np.float64 or shrink == 1:
        assert sum(first) == jobs.space([job], masks=False) - 2 * 8 * 9 * 5


def calibrated(folder, **pixels):
    """Write blank files of 12 x 15 pixels with pixel sizes in micrometres."""
    for name, pixel in pixels.items():
        how = {"imagej": True, "resolution": (1 / pixel, 1 / pixel), "metadata": {"unit": "um"}}
        write(folder, {f"{name}.tif": (12, 15)}, **how)
    return Slices(folder)


def of_pixel_size(given, pixel):
    values = given.model.settings.to_json() | {"pixel_size": pixel}
    model = given.model._replace(settings=Settings.from_json(values))
    return given._replace(model=model)


def test_files_that_differ_in_pixel_size_are_several_jobs(tmp_path):
    given = of_pixel_size(plan(shrink=2.0, smallest=3), (0.2, 0.2))
    made = jobs.prepare(calibrated(tmp_path, a=0.2, b=0.1, c=0.4), given)
    assert [job.task.tiling.shrink for job in made] == [(2, 2), (4, 4), (1, 1)]
    assert [job.name for job in made] == ["a", "b", "c"]
    assert [job.task.labelling.rule.smallest for job in made] == [3, 12, 1]
    made = jobs.prepare(Slices(tmp_path), given._replace(smallest=7))
    assert [job.task.labelling.rule.smallest for job in made] == [7, 7, 7]
    (job,) = jobs.prepare(Slices(tmp_path), given._replace(shrink=3.0))
    assert job.task.tiling.shrink == (3, 3)
    assert job.task.labelling.rule.smallest == 7  # 3 · 3² / 2² = 6.75
    (job,) = jobs.prepare(Slices(tmp_path), plan(shrink=2.0))  # trained without a pixel size
    assert job.task.tiling.shrink == (2, 2)


def test_nearly_equal_pixel_sizes_are_one_job(tmp_path):
    given = of_pixel_size(plan(shrink=2.0), (0.2, 0.2))
    (job,) = jobs.prepare(calibrated(tmp_path, a=0.1, b=0.10001), given)
    assert job.task.tiling.shrink == (4, 4)
    assert job.task.shape == (2, 12, 15)


def test_the_memory_of_shrunk_images_decides_on_the_tile(tmp_path):
    # 600 x 600 pixels do not fit as one tile, but shrunk to 150 x 150, they do.
    images = write(tmp_path, {"a.tif": (600, 600)})
    (job,) = jobs.prepare(images, plan(limit=2 * 10**9)._replace(shrink=4.0))
    limit = round(job.memory)
    assert job.task.tiles == 1
    (again,) = jobs.prepare(images, plan(limit=limit + 1)._replace(shrink=4.0))
    assert (again.task.tiles, again.memory) == (1, job.memory)
    (whole,) = jobs.prepare(images, plan(limit=limit + 1))
    assert whole.task.tiles > 1


def test_files_that_mix_sizes(tmp_path):
    write(tmp_path, {"a.tif": (8, 9)})
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write(np.zeros((8, 9), np.uint8))
        file.write(np.zeros((8, 7), np.uint8))
    images = Slices(tmp_path, keep_going=True)
    jobs.leave_out_mixed(images)
    assert images.names == ["a"]
    assert "b.tif contains images of several sizes" in images.broken[tmp_path / "b.tif"]
    with pytest.raises(InputError, match=r"8 x 7 and 8 x 9 pixels; pass --series N"):
        jobs.leave_out_mixed(Slices(tmp_path / "b.tif"))
    (tmp_path / "a.tif").unlink()
    with pytest.raises(InputError, match=r"8 x 7 and 8 x 9 pixels; pass --series N"):
        jobs.leave_out_mixed(Slices(tmp_path, keep_going=True))


@pytest.mark.parametrize("average", ["none", "flips"])
def test_sums_of_averages_are_kept_in_a_file_of_the_results(tmp_path, monkeypatch, average):
    write(tmp_path / "in", {"a.tif": (2, 8, 9)})
    averaged = plan()._replace(tiling=Tiling(24, average=average))
    (job,) = jobs.prepare(Slices(tmp_path / "in"), averaged)
    made, scratch = [], jobs.outputs.scratch

    def watched(folder, shape, dtype):
        made.append((folder, shape, dtype))
        return scratch(folder, shape, dtype)

    monkeypatch.setattr(jobs.outputs, "scratch", watched)
    (tmp_path / "out").mkdir()
    kept = Unfinished(tmp_path / "out", State({}, 2), jobs.outputs.OUTPUTS, None)
    with kept.kept("again"), Progress(2 * job.task.tiles, "tile") as progress:
        jobs.write(job, 0, kept, progress)
    if average == "none":
        assert made == []
    else:
        assert made == [(kept.folder, (8, 9, 2), np.float32)] * 2  # of every slice
