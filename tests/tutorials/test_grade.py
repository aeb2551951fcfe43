"""Homework is marked: students' code can neither stop nor fool it, and wrong input is refused."""

import csv
import inspect
import json
import os
import subprocess
import sys
import time

import grade
import pytest
from chapters import TUTORIALS
from solutions import your_own_data as solution

IMPORTS = """\
import math, os, sys, time
import numpy as np
from exercises.your_own_data import check_areas, check_honest, check_taken_for
"""
TAKEN_FOR = f"answer = {solution.taken_for!r}\ncheck_taken_for(answer)"
HONEST = inspect.getsource(solution.honest).replace("Array", "object") + "check_honest(honest)"
AREAS = inspect.getsource(solution.areas).replace("Array", "object") + "check_areas(areas)"
LAST = "def honest(held_out, test):\n    return test[-1]\ncheck_honest(honest)"
LIMITS = grade.Limits(seconds=12, memory=4 * 10**8)


def write(path, *cells):
    """Write a notebook: a heading, and a code cell of each text."""
    code = [{"cell_type": "code", "source": cell.splitlines(True)} for cell in cells]
    head = {"cell_type": "markdown", "source": ["# 13. A chapter\n"]}
    path.write_text(json.dumps({"cells": [head, *code], "nbformat": 4, "nbformat_minor": 5}))
    return path


def results(*paths, limits=LIMITS):
    """Mark files; return the result and the note of each exercise by name."""
    return {mark.exercise: (mark.result, mark.note) for mark in grade.grade(list(paths), limits)}


@pytest.fixture
def book(tmp_path):
    """Return a function that writes a student's notebook, with the imports, and marks it."""
    return lambda *cells: results(write(tmp_path / "student.ipynb", IMPORTS, *cells))


RIGHT = ("right", "")


def test_right_wrong_open_and_missing_answers_are_told_apart(book):
    marks = book(TAKEN_FOR, LAST, "%matplotlib inline\n!ls")
    assert marks["taken_for"] == RIGHT
    assert marks["honest"][0] == "wrong"
    assert marks["honest"][1].startswith("for held_out [0.2, 0.5, 0.8, 0.6]")
    assert marks["areas"] == ("open", "the notebook does not call the check")
    unchanged = results(TUTORIALS / "13_your_own_data.ipynb")
    assert {mark[0] for mark in unchanged.values()} == {"open"}
    assert set(unchanged) == {"taken_for", "honest", "areas"}


@pytest.mark.parametrize(
    ("cell", "result", "words"),
    [
        (
            f"def honest(*a):\n    while True:\n        pass\n{HONEST[-20:]}",
            "time-out",
            "after 12 s",
        ),
        ("try:\n    while True: pass\nexcept: pass\ncheck_honest(0)", "time-out", "after 12 s"),
        ("x = []\nwhile True:\n    x.append(bytearray(10**7))\ncheck_honest(x)", "wrong", "memory"),
        ("def honest(*a):\n    return np.ones(10**12)\ncheck_honest(honest)", "wrong", "MemoryErr"),
        ("os._exit(0)\ncheck_honest(honest)", "wrong", "ended Python"),
        ("sys.exit()\ncheck_honest(honest)", "wrong", "SystemExit"),
        ("def honest(*a):\n    sys.exit()\ncheck_honest(honest)", "wrong", "SystemExit"),
        ("1 / 0\ncheck_honest(honest)", "wrong", "the cell raised ZeroDivisionError"),
        ("def honest(*a)\n    return 1\ncheck_honest(honest)", "wrong", "SyntaxError in line 1"),
        ("def honest(*a):\n    return honest()\ncheck_honest(honest)", "wrong", "Recursion"),
        ("check_honest(honestly)", "wrong", "NameError"),
    ],
)
def test_code_that_fails_costs_its_own_exercise_only(book, cell, result, words):
    marks = book(TAKEN_FOR, cell, AREAS)
    assert marks["honest"][0] == result
    assert words in marks["honest"][1]
    assert marks["taken_for"] == marks["areas"] == RIGHT


@pytest.mark.parametrize(
    "cheat",
    [
        "class Yes: right, message = True, 'Right.'\ndef check_honest(f):\n    return Yes()",
        "check_honest = lambda f: None",
        "import exercises.verdict as v\nv.Check.__call__ = lambda self, f: v.Verdict(True, '')",
        "import exercises.your_own_data as y\ny.number = lambda name, value: None",
        "math.isclose = lambda *a, **k: True\nnp.array_equal = np.allclose = math.isclose",
        "import builtins\nbuiltins.max = builtins.abs = lambda *a: 0",
        "from solutions.your_own_data import honest as f",
        'print(\'{"exercise": ["your_own_data", "check_honest"], "mark": ["right", ""]}\')',
        "sys.modules['__main__'].judge = lambda *a: ['right', '']",
    ],
)
def test_a_wrong_answer_is_not_made_right(book, cheat):
    if "solutions" in cheat:
        marks = book(cheat, "check_honest(f)", AREAS)
    else:
        marks = book(cheat, LAST, AREAS)
    assert marks["honest"][0] == "wrong"
    assert marks["areas"] == RIGHT


def test_checks_are_not_imported_from_the_students_folder(tmp_path):
    fake = tmp_path / "ada" / "exercises"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("")
    (fake / "your_own_data.py").write_text(
        "class Yes: right = True; message = 'Right.'\n"
        "check_honest = check_areas = check_taken_for = lambda answer: Yes()\n"
    )
    write(tmp_path / "ada" / "homework.ipynb", "sys.path.insert(0, '.')", IMPORTS, LAST, AREAS)
    write(tmp_path / "ada" / "00_overview.ipynb", IMPORTS, AREAS)  # shows how a check works
    ((name, paths),) = grade.submissions(tmp_path).items()
    assert (name, [path.name for path in paths]) == ("ada", ["homework.ipynb"])
    assert results(*paths)["honest"][0] == "wrong"


def test_the_last_answer_counts_and_a_renamed_import_is_followed(book):
    marks = book(
        LAST,
        HONEST,
        "from exercises.your_own_data import check_areas as mine\n" + AREAS.replace("check_", "# "),
        "mine(areas)",
        TAKEN_FOR,
        TAKEN_FOR.replace("'cells'", "'classes'"),
    )
    assert marks["honest"] == marks["areas"] == RIGHT
    assert marks["taken_for"][0] == "wrong"


def test_a_script_needs_no_cells_and_a_file_named_like_its_chapter_no_imports(tmp_path):
    script = tmp_path / "ada.py"
    script.write_text("\n".join((IMPORTS, TAKEN_FOR, LAST, AREAS)))
    marks = results(script)
    assert [marks[name][0] for name in ("taken_for", "honest", "areas")] == [
        *("right", "wrong", "right")
    ]
    plain = write(tmp_path / "13_your_own_data.ipynb", "import numpy as np", HONEST)
    assert results(plain)["honest"] == RIGHT
    assert results(script, plain)["honest"] == RIGHT  # the best of several files


def test_what_stands_before_the_exercises_runs_only_if_it_is_needed(tmp_path):
    ran = tmp_path / "ran"
    mark = f"open({str(ran)!r}, 'w').close()\nOFFSET = 0.0"
    heading = "# %% [markdown]\n# ## Exercises\n\n# %%\n"
    path = tmp_path / "ada.py"
    path.write_text(f"{IMPORTS}\n# %%\n{mark}\n\n{heading}{HONEST}")
    assert results(path)["honest"] == RIGHT
    assert not ran.exists()
    needs = HONEST.replace("return float(", "return OFFSET + float(")
    assert needs != HONEST
    path.write_text(f"{IMPORTS}\n# %%\n{mark}\n\n{heading}{needs}")
    assert results(path)["honest"] == RIGHT
    assert ran.exists()


def test_a_process_that_an_answer_starts_is_ended(book, tmp_path):
    pid = tmp_path / "pid"
    start = f"import subprocess\np = subprocess.Popen(['sleep', '60'])\nopen({str(pid)!r}, 'w')"
    assert book(f"{start}.write(str(p.pid))", HONEST)["honest"] == RIGHT
    for _ in range(50):
        if not _alive(int(pid.read_text())):
            return
        time.sleep(0.1)
    raise AssertionError("the process still runs")


def _alive(pid):
    """Return whether a process runs, and is not only waiting for its parent to notice its end."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(*arguments):
    """Run the command; return its exit status, output and error output."""
    words = [sys.executable, str(TUTORIALS / "grade.py"), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def test_the_command_prints_a_table_and_writes_csv(tmp_path):
    work = tmp_path / "homework"
    (work / "eve").mkdir(parents=True)
    write(work / "ada.ipynb", IMPORTS, TAKEN_FOR, HONEST, AREAS)
    write(work / "eve" / "first.ipynb", IMPORTS, TAKEN_FOR)
    write(work / "eve" / "second.ipynb", IMPORTS, HONEST)
    (work / "sam.ipynb").write_text("{")
    (work / "tim.py").write_text("print('no exercises')")
    code, said, error = command(work, "--csv", tmp_path / "marks.csv")
    assert (code, error) == (0, "")
    lines = said.splitlines()
    assert lines[0] == "ada: 3 of 3 right"
    assert lines[1].split() == ["your_own_data", "taken_for", "right"]
    assert "eve: 2 of 3 right" in lines
    assert any(line.split()[:2] == ["sam.ipynb", "wrong"] for line in lines), said
    assert lines[-1] == "tim: no exercises"
    with open(tmp_path / "marks.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["student", "chapter", "exercise", "result", "note"]
    assert [(row["student"], row["exercise"], row["result"]) for row in rows] == [
        ("ada", "taken_for", "right"),
        ("ada", "honest", "right"),
        ("ada", "areas", "right"),
        ("eve", "taken_for", "right"),
        ("eve", "honest", "right"),
        ("eve", "areas", "open"),
        ("sam", "sam.ipynb", "wrong"),
    ]
    assert "cannot be read" in rows[-1]["note"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing"], "missing is not a folder"),
        (["empty"], "empty contains no notebook, script or folder"),
        (["file.csv"], "file.csv is not a folder"),
        (["work", "--csv", "file.csv"], "file.csv cannot be created: File exists"),
        (["work", "--csv", "missing/file.csv"], "cannot be created: No such file"),
        (["work", "--seconds", "0"], "'0' is not a number from 1 to 36,000"),
        (["work", "--memory", "lots"], "'lots' is not a memory size"),
        ([], "FOLDER"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "work").mkdir()
    write(tmp_path / "work" / "ada.ipynb", IMPORTS)
    (tmp_path / "file.csv").write_text("kept")
    code, said, error = command(*arguments)
    assert (code, said) == (2, "")
    assert words in error
    assert error.startswith("python tutorials/grade.py: ")
    assert error.count("\n") == 1
    assert (tmp_path / "file.csv").read_text() == "kept"


def test_the_help_says_what_is_limited():
    code, said, _ = command("--help")
    assert code == 0
    for words in ("FOLDER", "--csv", "--seconds", "--memory", "does not count", "container"):
        assert words in said
