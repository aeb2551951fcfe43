"""The data of a run are found, stored as absolute paths, and found again after they have moved."""

from pathlib import Path

import pytest

from minunet.errors import InputError
from minunet.runs import places
from minunet.runs.settings import from_options


def lay_out(folder, *parts):
    """Make folders, and a file in each; return the outermost folder."""
    for part in parts:
        (folder / part).mkdir(parents=True)
        (folder / part / "a.png").touch()
    return folder


def test_images_and_labels_in_a_folder(tmp_path):
    found = places.find(lay_out(tmp_path, "images", "masks"))
    assert found == {"images": str(tmp_path / "images"), "labels": str(tmp_path / "masks")}


def test_the_layout_of_the_cell_tracking_challenge(tmp_path):
    lay_out(tmp_path, "01", "01_GT/SEG", "val/01", "val/01_GT/SEG")
    assert places.find(tmp_path) == {
        **{"images": str(tmp_path), "labels": None},
        "validation": str(tmp_path / "val"),
    }


@pytest.mark.parametrize("name", ["val", "validation"])
def test_a_validation_folder_is_the_default_of_validation(tmp_path, name):
    parts = [f"{part}/{kind}" for part in ("train", name, "test") for kind in ("images", "masks")]
    lay_out(tmp_path, *parts)
    found = places.of_new_run({}, tmp_path)
    assert found == {
        "images": str(tmp_path / "train" / "images"),
        "labels": str(tmp_path / "train" / "masks"),
        "validation": str(tmp_path / name),
        "test": str(tmp_path / "test"),
    }
    assert places.of_new_run({"test": "none"}, tmp_path)["test"] == "none"
    assert places.of_new_run({"validation": "0.1"}, tmp_path)["validation"] == "0.1"


def test_paths_of_a_new_run_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(lay_out(tmp_path, "i", "l", "v", "t"))
    given = {"images": "i", "labels": "l", "validation": "v", "test": "t", "steps": 3}
    assert places.of_new_run(given, None) == {
        **{name: str(tmp_path / name[0]) for name in places.PLACES},
        "steps": 3,
    }
    for other in ("0.2", "none", "1:2", "img1,img2"):
        for name in ("validation", "test"):
            assert places.of_new_run({name: other}, None) == {name: other}


def stored(folder, validation="0.2"):
    return from_options(
        images=str(folder / "images"), labels=str(folder / "labels"), validation=validation
    )


def test_without_new_places_nothing_changes(tmp_path):
    lay_out(tmp_path, "images", "labels", "val/images", "val/labels")
    for validation in ("0.2", "img1", str(tmp_path / "val")):
        settings = stored(tmp_path, validation)
        assert places.of_resumed_run({"steps": 9}, None, settings) == {"steps": 9}
    synthetic = from_options()
    assert places.of_resumed_run({}, None, synthetic) == {}


def test_moved_data_are_found(tmp_path):
    new = lay_out(tmp_path / "new", "images", "labels", "val/images", "val/labels")
    both = {"images": str(new / "images"), "labels": str(new / "labels")}
    gone = tmp_path / "old"
    assert places.of_resumed_run({}, new, stored(gone)) == both
    assert places.of_resumed_run(both, None, stored(gone)) == both
    # The folder val/ moves with the data; a block stays what it was.
    for old in (str(gone / "val"), r"C:\\data\\val"):
        found = places.of_resumed_run({}, new, stored(gone, old))
        assert found == both | {"validation": str(new / "val")}
    only = {"validation": str(new / "val")}
    assert places.of_resumed_run(only, None, stored(new, str(gone / "other"))) == only


@pytest.mark.parametrize(
    ("kept", "given", "validation", "message"),
    [
        (
            ("labels",),
            {},
            "0.2",
            "images does not exist; if the data of the run have moved, pass -",
        ),
        (("images",), {}, "0.2", "pass --data NEWPLACE, or --images and --labels"),
        (("images", "labels"), {}, "/no/val", "/no/val does not exist; if the data of the run hav"),
        (("images", "labels"), {}, "/no/val", "pass --validation NEWPLACE"),
        (("images", "labels"), {"validation": "0.3"}, "0.2", "cannot change from 0.2 to 0.3 when"),
        (("images", "labels"), {"validation": "x"}, "/no/val", "cannot change from /no/val to x"),
        (("images",), {"labels": "none.tif"}, "0.2", "none.tif does not exist"),
    ],
)
def test_places_that_are_refused(tmp_path, kept, given, validation, message):
    lay_out(tmp_path, *kept)
    with pytest.raises(InputError) as refused:
        places.of_resumed_run(given, None, stored(tmp_path, validation))
    assert message in str(refused.value)


def test_the_sentence_about_data_that_differ():
    settings, run = stored(Path("/old")), Path("run")
    same = places.differ(settings, settings, run)
    assert same == "the data of run have changed; start a new run, without --resume"
    moved = places.differ(stored(Path("/new")), settings, run)
    assert moved.startswith(
        "the data in /new/images and /new/labels differ from those of run; pass"
    )
