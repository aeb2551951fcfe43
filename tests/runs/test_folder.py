"""The folder of a run is never overwritten, and `log.csv` holds every step exactly once."""

import csv
import json
from pathlib import Path

import pytest

from minunet import runs
from minunet.errors import InputError


def test_a_new_folder_and_an_empty_one(tmp_path):
    wanted = tmp_path / "deep" / "down"
    assert runs.create(wanted, "name") == wanted
    assert wanted.is_dir()
    assert runs.create(wanted, "name") == wanted


def test_a_folder_with_files_is_refused(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    (tmp_path / "taken-2").mkdir()
    with pytest.raises(InputError) as refused:
        runs.create(taken, "name")
    for words in (f"{taken} already exists", f"--resume {taken} ", f"--out {tmp_path / 'taken-3'}"):
        assert words in str(refused.value)
    with pytest.raises(InputError, match=r"mine\.txt already exists"):
        runs.create(taken / "mine.txt", "name")
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert not (tmp_path / "taken-3").exists()


def test_the_default_name_takes_the_next_free_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for expected in ("em-tiny", "em-tiny-2", "em-tiny-3"):
        assert runs.create(None, "em-tiny") == Path("runs") / expected
    assert runs.create(None, "other") == Path("runs/other")
    (tmp_path / "runs" / "em-tiny-2").rmdir()
    assert runs.create(None, "em-tiny") == Path("runs/em-tiny-2")


def test_settings_are_written_as_json(tmp_path):
    runs.write_settings(tmp_path, {"tile": 24, "images": "/é", "labels": None})
    text = (tmp_path / "settings.json").read_text()
    assert json.loads(text) == {"tile": 24, "images": "/é", "labels": None}
    assert text.endswith("}\n")


# log.csv

PLAIN = {"step": 1, "energy": 0.1 + 0.2, "learning_rate": 1e-4, "seconds": 0.5}
VALIDATED = {
    **{"step": 2, "energy": 2.5, "learning_rate": 1e-4, "seconds": 0.25},
    **{"validation_energy": 0.75, "validation_pixel_error": 0.125, "validation_iou": 1 / 3},
}


def test_log_round_trip(tmp_path):
    assert runs.read(tmp_path) == []
    runs.append(tmp_path, PLAIN)
    runs.append(tmp_path, VALIDATED)
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "step,energy,learning_rate,seconds,validation_energy,validation_pixel_error,validation_iou,"
        "validation_v_rand,validation_seg",
        "1,0.30000000000000004,0.0001,0.5,,,,,",
        "2,2.5,0.0001,0.25,0.75,0.125,0.3333333333333333,,",
    ]
    assert runs.read(tmp_path) == [PLAIN, VALIDATED]
    with (tmp_path / "log.csv").open(newline="") as file:
        assert [row["validation_energy"] for row in csv.DictReader(file)] == ["", "0.75"]


def test_a_score_of_zero_is_not_read_as_missing(tmp_path):
    runs.append(tmp_path, VALIDATED | {"validation_pixel_error": 0.0})
    assert runs.read(tmp_path)[0]["validation_pixel_error"] == 0.0


def test_rewind_removes_only_the_later_steps(tmp_path):
    for step in range(1, 10):
        row = VALIDATED if step % 3 == 0 else PLAIN
        runs.append(tmp_path, row | {"step": step})
    before = (tmp_path / "log.csv").read_bytes().splitlines(keepends=True)
    runs.rewind(tmp_path, 6)
    assert (tmp_path / "log.csv").read_bytes() == b"".join(before[:7])
    for step in (7, 8, 9):
        row = VALIDATED if step % 3 == 0 else PLAIN
        runs.append(tmp_path, row | {"step": step})
    assert (tmp_path / "log.csv").read_bytes() == b"".join(before)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_rewind_to_the_start(tmp_path):
    runs.append(tmp_path, PLAIN)
    runs.rewind(tmp_path, 0)
    assert runs.read(tmp_path) == []
    runs.append(tmp_path, PLAIN)
    assert runs.read(tmp_path) == [PLAIN]
