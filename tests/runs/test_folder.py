"""The folder of a run is never overwritten, and one process owns it."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from minunet import lock, runs
from minunet.errors import InputError
from minunet.runs.settings import from_options


def create(wanted, name="name"):
    """Create the folder of a run, and let go of it."""
    with runs.new(wanted, name) as folder:
        return folder


def test_a_new_folder_and_an_empty_one(tmp_path):
    wanted = tmp_path / "deep" / "down"
    assert create(wanted) == wanted
    assert wanted.is_dir()
    assert create(wanted) == wanted
    assert not list(wanted.iterdir())


def test_a_folder_with_files_is_refused(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    (tmp_path / "taken-2").mkdir()
    with pytest.raises(InputError) as refused:
        create(taken)
    for words in (f"{taken} already exists", f"--resume {taken} ", f"--out {tmp_path / 'taken-3'}"):
        assert words in str(refused.value)
    with pytest.raises(InputError, match=r"mine\.txt already exists"):
        create(taken / "mine.txt")
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert not (tmp_path / "taken-3").exists()


def test_what_a_killed_run_left_before_it_began_is_no_run(tmp_path):
    for name in (lock.NAME, "settings.json.part", "settings.json.123.part"):
        (tmp_path / name).write_text("{")
    assert create(tmp_path) == tmp_path
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(InputError, match="not empty"):
        create(tmp_path)


def test_a_folder_that_is_just_being_used_names_its_owner(tmp_path):
    with runs.new(tmp_path / "run", "name") as folder:
        (folder / "settings.json").write_text("{}")
        with pytest.raises(InputError, match="in use by process"):
            create(folder)
        with pytest.raises(InputError, match="in use by process"), runs.existing(folder):
            pytest.fail("two owners")


def test_another_process_may_use_the_folder_between_the_two_checks(tmp_path, monkeypatch):
    mkdir = Path.mkdir

    def other(path, *args, **how):
        mkdir(path, *args, **how)
        (path / "last.npz").write_text("of the other")

    monkeypatch.setattr(Path, "mkdir", other)
    with pytest.raises(InputError, match="not empty"):
        create(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["last.npz"]


def test_the_default_name_takes_the_next_free_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ExitStack() as owned:
        for expected in ("em-tiny", "em-tiny-2", "em-tiny-3"):
            folder = owned.enter_context(runs.new(None, "em-tiny"))
            assert folder == Path("runs") / expected
    assert create(None, "other") == Path("runs/other")
    (tmp_path / "runs" / "em-tiny-2").rmdir()
    assert create(None, "em-tiny") == Path("runs/em-tiny-2")
    (tmp_path / "runs" / "em-tiny-4").symlink_to("nowhere")
    assert create(None, "em-tiny") == Path("runs/em-tiny-5")


def test_only_a_folder_can_be_resumed(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("none", "file"):
        with pytest.raises(InputError, match=f"{name} is not a folder"):
            with runs.existing(tmp_path / name):
                pytest.fail("not a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_settings_round_trip(tmp_path):
    settings = from_options(preset="laptop", images="/\udce9/é", threads=3, label_values=(0, 7))
    runs.write_settings(tmp_path, settings.to_json())
    assert runs.read_settings(tmp_path) == settings


def test_settings_are_not_written_through_a_link(tmp_path):
    target = tmp_path / "precious"
    target.write_text("text")
    (tmp_path / "settings.json").symlink_to(target)
    runs.write_settings(tmp_path, {"tile": 24})
    assert target.read_text() == "text"
    assert json.loads((tmp_path / "settings.json").read_text()) == {"tile": 24}


@pytest.mark.parametrize(
    "text", ["", "{", '{"til', "[]", "null", '{"unknown": 1}', "\0" * 40, "{}"]
)
def test_settings_that_were_not_written_to_the_end_say_what_to_do(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(InputError, match="no step was saved; start the run again") as refused:
        runs.read_settings(tmp_path)
    assert str(tmp_path / "settings.json") in str(refused.value)


def test_a_folder_without_settings_says_what_to_do(tmp_path):
    (tmp_path / lock.NAME).write_text("")
    with pytest.raises(InputError, match=f"is empty: .* start it again with --out {tmp_path}"):
        runs.read_settings(tmp_path)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(InputError, match="does not contain a run"):
        runs.read_settings(tmp_path)


def test_settings_are_written_as_json(tmp_path):
    runs.write_settings(tmp_path, {"tile": 24, "images": "/é", "labels": None})
    text = (tmp_path / "settings.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"tile": 24, "images": "/é", "labels": None}
    assert text.endswith("}\n")
