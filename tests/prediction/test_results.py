"""All results are listed, and what determines them is told apart."""

import os

import numpy as np
import pytest
import tifffile

from minunet.data.image_files import Reading, Slices
from minunet.data.scaling import Scale
from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import initialization
from minunet.prediction import jobs
from minunet.prediction.instances import Rule
from minunet.prediction.jobs import Plan
from minunet.prediction.model import Model
from minunet.prediction.results import Results, made_of
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import from_options


def prepare(folder, shapes, **fields):
    """Write blank files of the given shapes, by name; return the jobs for them."""
    folder.mkdir(exist_ok=True)
    for name, shape in shapes.items():
        tifffile.imwrite(folder / name, np.zeros(shape, np.uint8), photometric="minisblack")
    return plan(folder, **fields)


def plan(folder, **fields):
    chosen = from_options(depth=1, channels=3, tile=24)
    params = initialization.gaussian(chosen.architecture, np.random.default_rng(0))
    labelling = Labelling((0, 1), True, None, Rule(smallest=1))
    whole = Plan(Model(params, chosen, 0), labelling, Scale(0, 9), Tiling(24), None)
    return jobs.prepare(Slices(folder), whole._replace(**fields))


ONE, TWO = {"a.tif": (8, 9), "b.tif": (2, 8, 9)}, {"a.tif": (8, 9), "b.tif": (2, 9, 8)}


def test_the_files_of_one_stack(tmp_path):
    results = Results(tmp_path / "out", prepare(tmp_path / "in", ONE), "01", ["000", "001", "2"])
    masks = [f"01_RES/mask{number}.tif" for number in ("000", "001", "2")]
    assert results.names == ["probability.tif", "labels.tif", "preview.png", *masks]
    assert results.slices == 3


def test_the_files_of_several_stacks(tmp_path):
    results = Results(tmp_path / "out", prepare(tmp_path / "in", TWO))
    first, second = ([f"probability/{n}.tif", f"labels/{n}.tif", f"preview/{n}.png"] for n in "ab")
    assert results.names == first + second
    assert results.slices == 3


@pytest.mark.parametrize(
    ("shapes", "digits", "name"),
    [
        *((ONE, ["000"], name) for name in ("labels.tif", "preview.png", "01_RES/mask009.tif")),
        *((TWO, [], name) for name in ("probability.tif", "preview/b.png", "labels/a.tif")),
    ],
)
@pytest.mark.parametrize("link", [False, True])
def test_results_that_exist_are_refused(tmp_path, shapes, digits, name, link):
    out = tmp_path / "out"
    results = Results(out, prepare(tmp_path / "in", shapes), "01", digits)
    results.check_free()
    (out / name).parent.mkdir(parents=True)
    if link:
        (out / name).symlink_to("nowhere")
    else:
        (out / name).write_text("mine")
    with pytest.raises(InputError, match=name.rpartition("/")[2]):
        results.check_free()


@pytest.mark.parametrize(("shapes", "name"), [(ONE, "01_RES"), (TWO, "labels"), (TWO, "preview")])
def test_folders_that_are_links_are_refused(tmp_path, shapes, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / name).symlink_to(tmp_path / "elsewhere")
    digits = ["000"] if shapes == ONE else []
    with pytest.raises(InputError, match=f"{name} is a link to {tmp_path / 'elsewhere'}"):
        Results(tmp_path / "out", prepare(tmp_path / "in", shapes), "01", digits).check_free()


def test_unfinished_files_need_no_more_space(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs.outputs, "check_space", lambda out, needed: asked.append(needed))
    results = Results(tmp_path / "out", prepare(tmp_path / "in", ONE))
    results.check_free()
    (tmp_path / "out" / "unfinished" / "labels").mkdir(parents=True)
    (tmp_path / "out" / "unfinished" / "labels" / "a.tif").write_bytes(b"x" * 1000)
    results.check_free()
    assert asked == [6 * 3 * 8 * 9, 6 * 3 * 8 * 9 - 1000]  # float32 and uint16


def different(one, other):
    return {key for key in one if one[key] != other[key]}


def test_everything_that_changes_the_results_is_told_apart(tmp_path):
    (tmp_path / "m.npz").write_text("model")
    tasks, options = prepare(tmp_path / "in", ONE), (Reading(), tmp_path / "m.npz", "cpu")
    first = made_of(tasks, *options)
    assert made_of(plan(tmp_path / "in"), *options) == first
    assert first["--tile"] == [24]
    assert first["--threads"] == threads.count()

    def changed(**fields):
        return different(first, made_of(plan(tmp_path / "in", **fields), *options))

    labelling = Labelling((0, 1), True, None, Rule(smallest=1))
    assert changed(tiling=Tiling(36)) == {"--tile"}
    assert changed(tiling=Tiling(24, True)) == {"--step"}
    assert changed(tiling=Tiling(24, average="flips")) == {"--average"}
    assert changed(labelling=labelling._replace(threshold=0.25)) == {"--threshold"}
    rule = labelling.rule
    assert changed(labelling=labelling._replace(rule=rule._replace(extent=0.3))) == {"--extent"}
    connected = labelling._replace(rule=rule._replace(connectivity=8))
    assert changed(labelling=connected) == {"--connectivity"}
    assert changed(smallest=7) == {"--smallest"}
    # The minimum size follows the network pixels, unless it is given.
    assert changed(shrink=2.0) == {"--shrink", "--smallest"}
    assert changed(shrink=2.0, smallest=5) == {"--shrink"}
    assert changed(labelling=labelling._replace(cells=False)) == {"--labels"}
    assert changed(scale=Scale(0, 8)) == {"set of images"}
    for given, key in [(Reading(1), "--channel"), (Reading(None, 0), "--series")]:
        assert different(first, made_of(tasks, given, *options[1:])) == {key}
    assert different(first, made_of(tasks, *options[:2], "cuda")) == {"--device"}
    (tmp_path / "m.npz").write_text("Model")
    assert different(first, made_of(tasks, *options)) == {"model"}


def test_images_are_told_apart_by_name_size_and_time(tmp_path):
    (tmp_path / "m.npz").write_text("model")
    options, file = (Reading(), tmp_path / "m.npz", "cpu"), tmp_path / "in" / "a.tif"
    first = made_of(prepare(tmp_path / "in", ONE), *options)
    stat = file.stat()

    def changed():
        return different(first, made_of(plan(tmp_path / "in"), *options))

    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
    assert changed() == {"set of images"}
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert changed() == set()
    file.rename(file.with_name("a2.tif"))
    assert changed() == {"set of images"}
