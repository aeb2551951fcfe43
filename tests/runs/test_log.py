"""`log.csv` holds every step exactly once, and damage to it never blocks a run."""

import csv
import os
import random

import pytest

from minunet import runs
from minunet.runs import log

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


def test_repair_removes_only_the_later_steps(tmp_path):
    for step in range(1, 10):
        row = VALIDATED if step % 3 == 0 else PLAIN
        runs.append(tmp_path, row | {"step": step})
    before = (tmp_path / "log.csv").read_bytes().splitlines(keepends=True)
    assert runs.repair(tmp_path, 6) == ""
    assert (tmp_path / "log.csv").read_bytes() == b"".join(before[:7])
    for step in (7, 8, 9):
        row = VALIDATED if step % 3 == 0 else PLAIN
        runs.append(tmp_path, row | {"step": step})
    assert (tmp_path / "log.csv").read_bytes() == b"".join(before)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_repair_to_the_start(tmp_path):
    runs.append(tmp_path, PLAIN)
    assert runs.repair(tmp_path, 0) == ""
    assert runs.read(tmp_path) == []
    runs.append(tmp_path, PLAIN)
    assert runs.read(tmp_path) == [PLAIN]


# A damaged log


def lines(*steps):
    """Write the rows of these steps as in a log; every third is validated."""
    rows = ((VALIDATED if step % 3 == 0 else PLAIN) | {"step": step} for step in steps)
    cells = ([repr(row[name]) if name in row else "" for name in runs.COLUMNS] for row in rows)
    return [(",".join(one) + "\r\n").encode() for one in cells]


HEADER = (",".join(runs.COLUMNS) + "\r\n").encode()
SHUFFLED = ("seconds", "learning_rate", "energy", "step")


@pytest.mark.parametrize(
    ("content", "steps", "said"),
    [
        ([HEADER, *lines(1, 2, 3, 4), b"\0" * 300], [1, 2, 3, 4], "unreadable line 6"),
        (
            [HEADER, *lines(1, 2, 3), lines(4)[0][:-9]],
            [1, 2, 3],
            "line 5; missing step 4",
        ),
        ([HEADER, *lines(1, 2, 3, 4), b"5,0.3"], [1, 2, 3, 4], "unreadable line 6"),
        ([HEADER, *lines(1, 2, 4)], [1, 2, 4], "(missing step 3)"),
        ([HEADER, *lines(4)], [4], "(missing steps 1 … 3)"),
        ([HEADER, *lines(1, 2, 2, 3, 4, 4)], [1, 2, 3, 4], "(repeated lines 4, 7)"),
        ([HEADER, *lines(1, 3, 2, 4)], [1, 2, 3, 4], "(rows out of order)"),
        ([*lines(1, 2, 3, 4)], [1, 2, 3, 4], None),
        ([b"\0" * len(HEADER), *lines(2, 3, 4)], [3, 4], "line 1; missing steps 1 … 2"),
        ([b"\0" * 90 + b"\r\n", *lines(1, 2, 3, 4)], [1, 2, 3, 4], "unreadable line 1"),
        ([b"a,b,c\r\n", *lines(1, 2, 3, 4)], [], "unreadable lines 1 … 5; missing steps 1 … 4"),
        ([HEADER, b"\xff\xfe\x80,2\n", *lines(1, 2, 3, 4)], [1, 2, 3, 4], "unreadable line 2"),
        ([HEADER, b'"', b"\n", *lines(1, 2, 3, 4)], [1, 2, 3, 4], "unreadable line 2"),
        ([HEADER, b"nan,1,1,1,,,,,\n", *lines(1, 2, 3, 4)], [1, 2, 3, 4], "unreadable line 2"),
        ([HEADER, b"1.5,1,1,1,,,,,\n", *lines(1, 2, 3, 4)], [1, 2, 3, 4], "unreadable line 2"),
        ([HEADER, b"2,inf,1,1,,,,,\n", *lines(1, 2, 3, 4)], [1, 2, 3, 4], "unreadable line 2"),
        ([HEADER, *lines(1, 2, 3, 4, 5, 6, 99)], [1, 2, 3, 4], None),
        ([], [], "(missing steps 1 … 4)"),
        ([os.urandom(5000)], [], "unreadable line"),
        ([b"\0" * 5000], [], "unreadable line 1; missing steps 1 … 4"),
        ([HEADER, *lines(1, 2, 3), lines(4)[0].rstrip()], [1, 2, 3, 4], None),
    ],
)
def test_what_cannot_be_read_is_dropped_with_one_sentence(tmp_path, content, steps, said):
    (tmp_path / "log.csv").write_bytes(b"".join(content))
    found = runs.repair(tmp_path, 4)
    assert said in found if said else found == ""
    assert "\n" not in found
    kept = (tmp_path / "log.csv").read_bytes()
    assert kept == b"".join([HEADER, *lines(*steps)]) or not (content or kept)
    assert [row["step"] for row in runs.read(tmp_path)] == steps
    assert runs.repair(tmp_path, 4).count("missing") == (len(steps) < 4)


def test_columns_in_another_order_and_fewer_of_them(tmp_path):
    rows = [",".join(SHUFFLED).encode(), b"0.5,0.0001,0.25,1", b""]
    (tmp_path / "log.csv").write_bytes(b"\n".join(rows))
    row = {"step": 1, "energy": 0.25, "learning_rate": 0.0001, "seconds": 0.5}
    assert runs.read(tmp_path) == [row]


def test_random_damage_never_raises_and_never_invents_a_row(tmp_path):
    draw = random.Random(1)
    whole = b"".join([HEADER, *lines(*range(1, 30))])
    (tmp_path / "log.csv").write_bytes(whole)
    sound = {row["step"] for row in runs.read(tmp_path)}
    for _ in range(200):
        damaged = bytearray(whole)
        start = draw.randrange(len(damaged))
        damaged[start : start + draw.randrange(1, 400)] = draw.randbytes(draw.randrange(400))
        (tmp_path / "log.csv").write_bytes(bytes(damaged))
        runs.repair(tmp_path, 29)
        assert {row["step"] for row in runs.read(tmp_path)} <= sound


def test_a_log_that_is_not_a_file(tmp_path):
    (tmp_path / "log.csv").symlink_to("/dev/zero")  # without end
    assert "missing steps 1 … 2" in runs.repair(tmp_path, 2)
    assert not (tmp_path / "log.csv").is_symlink()


def test_nothing_is_written_through_a_link(tmp_path):
    target = tmp_path / "precious"
    target.write_bytes(b"".join([HEADER, *lines(1, 2)]))
    before = target.read_bytes()
    (tmp_path / "log.csv").symlink_to(target)
    with pytest.raises(OSError):
        runs.append(tmp_path, PLAIN | {"step": 3})
    runs.repair(tmp_path, 1)
    assert target.read_bytes() == before
    assert not (tmp_path / "log.csv").is_symlink()
    assert [row["step"] for row in runs.read(tmp_path)] == [1]


def test_a_row_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path, monkeypatch):
    runs.append(tmp_path, PLAIN)
    before, write = (tmp_path / "log.csv").read_bytes(), os.write

    def full(file, text):
        monkeypatch.setattr(log.os, "write", fail)
        return write(file, text[:5])

    def fail(file, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.os, "write", full)
    with pytest.raises(OSError):
        runs.append(tmp_path, VALIDATED)
    assert (tmp_path / "log.csv").read_bytes() == before


def test_amend_completes_the_row_of_one_step(tmp_path):
    for step in (1, 2, 3):
        runs.append(tmp_path, PLAIN | {"step": step})
    runs.amend(tmp_path, 2, {"validation_iou": 0.5})
    assert [row.get("validation_iou") for row in runs.read(tmp_path)] == [None, 0.5, None]
    before = (tmp_path / "log.csv").read_bytes()
    runs.amend(tmp_path, 9, {"validation_iou": 0.5})
    assert (tmp_path / "log.csv").read_bytes() == before


def test_flush_waits_for_the_disk_and_needs_no_log(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(log.os, "fsync", lambda file: flushed.append(os.fstat(file).st_ino))
    runs.flush(tmp_path)
    runs.append(tmp_path, PLAIN)
    runs.flush(tmp_path)
    assert flushed == [(tmp_path / "log.csv").stat().st_ino]
