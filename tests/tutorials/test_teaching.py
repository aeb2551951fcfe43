"""The page for teachers agrees with the chapters, the exercises, the licence and `grade.py`."""

import importlib
import re

from chapters import CHAPTERS, TUTORIALS, cells, links, source
from exercises.verdict import CHECKS

PAGE = (TUTORIALS / "pages" / "teaching.md").read_text("utf-8")


def table(title):
    """Return the rows of the table below a heading of the page, without its head."""
    part = re.split(r"\n## ", PAGE.split(f"## {title}")[1])[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[field.strip() for field in row] for row in rows[2:]]


def minutes(number):
    """Return the minutes that the first cell of a chapter says, or None if it does not."""
    for chapter in CHAPTERS:
        if int(chapter[:2]) == number:
            found = re.search(r"\*\*Time:\*\* (\d+) minutes", source(cells(chapter)[0]))
            return found and int(found[1])
    return None


def numbers(text):
    """List the chapters that a field names."""
    return [int(number) for number in re.findall(r"(?<![\w./])\d+", re.sub(r"\(.*?\)", "", text))]


def test_the_lecture_takes_90_minutes():
    assert sum(int(row[0]) for row in table("One lecture")) == 90


def test_the_minutes_are_those_of_the_chapters():
    weeks = table("A semester")
    assert [int(row[0]) for row in weeks] == list(range(1, 15))
    assert [numbers(row[1]) for row in weeks] == [[number] for number in range(14)]
    each = {number: int(row[2]) for number, row in enumerate(weeks)}
    for number in each:
        assert minutes(number) in (None, each[number]), number
    days = table("A weekend")
    for row in days:
        assert int(row[1]) == sum(each[number] for number in numbers(row[2])), row[0]
    assert sorted(n for row in days for n in numbers(row[2])) == [n for n in range(14) if n != 12]


def test_the_exercises_exist_and_belong_to_the_chapters_of_the_row():
    for path in (TUTORIALS / "exercises").glob("*.py"):
        importlib.import_module(f"exercises.{path.stem}")
    for row in table("A weekend"):
        for of, number in re.findall(r"(\d+)\.(\d+)", row[3]):
            (chapter,) = (each for each in CHAPTERS if int(each[:2]) == int(of))
            assert int(of) in numbers(row[2])
            assert 1 <= int(number) <= len(CHECKS[f"exercises.{chapter[3:]}"])


def test_links_and_the_licence_line_hold():
    for target in links(PAGE):
        assert (TUTORIALS / "pages" / target).exists(), target
    licence = (TUTORIALS.parent / "LICENSE").read_text("utf-8")
    (line,) = re.findall(r"© (.*?), MIT", PAGE)
    assert licence.startswith("MIT License")
    assert f"Copyright (c) {line}" in licence
