"""Every chapter has the same first and last cell, short code cells, and figures that are folded."""

import re
from statistics import median

import pytest
from chapters import CHAPTERS, TUTORIALS, cells, links, source

LONGEST, TYPICAL = 25, 12
"""Lines of the longest code cell, and of the median."""

FIRST = (
    r"# {number}\. [^\n]+\n\n",
    r"\*[^*]+\?\*\n",
    r"\*\*After this chapter you can\*\* ",
    r"\*\*Prerequisites:\*\* ",
    r"\*\*Time:\*\* \d+ minutes\.",
)
"""What the first cell contains, in this order: title, question, aim, prerequisites, time."""


def length(cell):
    """Count the lines of a cell that are not blank."""
    return sum(bool(line.strip()) for line in source(cell).splitlines())


def faults(chapter, page, neighbours=()):
    """List what a chapter lacks.

    Parameters
    ----------
    chapter : its name, such as 07_the_u
    page : the cells of its notebook
    neighbours : names of the chapters that its first cell must link to
    """
    code = [cell for cell in page if cell["cell_type"] == "code"]
    first, last = source(page[0]), source(page[-1])
    found = [
        f"a cell of {length(cell)} lines: {source(cell).splitlines()[0]}"
        for cell in code
        if length(cell) > LONGEST
    ]
    if (half := median(map(length, code))) > TYPICAL:
        found.append(f"the median cell has {half} lines")
    place = 0
    for pattern in FIRST:
        part = re.compile(pattern.format(number=int(chapter[:2]))).search(first, place)
        if part is None:
            found.append(f"the first cell lacks {pattern}, or has it in another place")
        else:
            place = part.end()
    for neighbour in neighbours:
        if f"{neighbour}.ipynb" not in links(first):
            found.append(f"the first cell does not link to {neighbour}")
    found += last_cell(last)
    following = neighbours[-1] if neighbours and neighbours[-1] > chapter else None
    if following and f"{following}.ipynb" not in links(last):
        found.append(f"the last cell does not link to {following}")
    for cell in code:
        draws = "draws" in cell["metadata"].get("tags", [])
        if draws != cell["metadata"].get("jupyter", {}).get("source_hidden", False):
            found.append(f"folded without the tag, or not folded: {source(cell).splitlines()[0]}")
        if draws and not re.search(r"^\s*show\(", source(cell), re.MULTILINE):
            found.append(f"folded, but shows no figure: {source(cell).splitlines()[0]}")
    return found


def last_cell(text):
    """List what the last cell lacks: the summary, the other words, further reading."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    titles, bodies = parts[::2], parts[1::2]
    if titles[-3:] != ["Summary", "In other words", "Further reading"]:
        return ["the last cell is not Summary, In other words, Further reading"]
    summary, words, reading = bodies[-3:]
    found = []
    if (count := len(_items(summary))) != 5:
        found.append(f"the summary has {count} lines, not five")
    for item in _items(summary):
        if len(item.split()) > 35:
            found.append(f"a line of the summary is long: {item[:40]}…")
    if not re.search(r"\*\*.+?\*\*", words, re.DOTALL):
        found.append("In other words: no word is bold")
    titles = _items(reading)
    if not 2 <= len(titles) <= 4:
        found.append(f"Further reading has {len(titles)} titles, not two to four")
    if not all(re.search(r"\b(?:1[6-9]|20)\d\d\b", title) for title in titles):
        found.append("Further reading: a title without its year")
    return found


def _items(markdown):
    """List the items of a Markdown list."""
    return re.split(r"^- ", markdown, flags=re.MULTILINE)[1:]


def neighbours(chapter):
    """Return the names of the chapters before and after."""
    at = CHAPTERS.index(chapter)
    return [*CHAPTERS[max(at - 1, 0) : at], *CHAPTERS[at + 1 : at + 2]]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_has_the_form_of_all_chapters(chapter):
    assert faults(chapter, cells(chapter), neighbours(chapter)) == []


FIRST_CELL = """\
# 3. Title

*What is
asked?*

**After this chapter you can** do it.

**Prerequisites:** chapter 2.

**Time:** 40 minutes.

It explains `a.py`. Before: [2](02_b.ipynb). After: [4](04_d.ipynb).
"""

LAST_CELL = """\
## Summary

- One.
- Two, which
  is longer.
- Three.
- Four.
- Five.

## In other words

Others call it a **thing**.

## Further reading

- A. Author, *A-Title*, 2015.
- B. Author, *Another*,
  Journal, 1999.

Next: [4](04_d.ipynb)
"""


def small(first=FIRST_CELL, last=LAST_CELL, code=("x = 1", "y = 2"), metadata=()):
    """Make the cells of a small chapter 3."""
    page = [{"cell_type": "markdown", "source": [first], "metadata": {}}]
    for text in code:
        page.append({"cell_type": "code", "source": [text], "metadata": dict(metadata)})
    return [*page, {"cell_type": "markdown", "source": [last], "metadata": {}}]


def test_a_chapter_in_this_form_has_no_faults():
    assert faults("03_c", small(), ["02_b", "04_d"]) == []
    folded = {"tags": ["draws"], "jupyter": {"source_hidden": True}}
    assert faults("03_c", small(code=["show(figure, 'it')"], metadata=folded)) == []
    assert faults("03_c", small(code=["x\n\n" * LONGEST, "x\n" * 3, "x"])) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first": FIRST_CELL.replace("# 3.", "# 4.")}, "number"),
        ({"first": FIRST_CELL.replace("asked?", "asked.")}, "[^*]+"),
        ({"first": FIRST_CELL.replace("After this chapter you", "You")}, "After this chapter"),
        ({"first": FIRST_CELL.replace("Prerequisites", "Before")}, "Prerequisites"),
        ({"first": FIRST_CELL.replace("40 minutes", "forty minutes")}, "Time"),
        ({"first": FIRST_CELL.replace("02_b", "01_a")}, "does not link to 02_b"),
        ({"last": LAST_CELL.replace("04_d", "05_e")}, "last cell does not link to 04_d"),
        ({"last": LAST_CELL.replace("- Five.\n", "")}, "4 lines, not five"),
        ({"last": LAST_CELL.replace("One.", "word " * 36)}, "is long"),
        ({"last": LAST_CELL.replace("**", "")}, "no word is bold"),
        ({"last": LAST_CELL.replace("## In other words", "## Words")}, "is not Summary"),
        ({"last": LAST_CELL.replace("1999", "ninety-nine")}, "without its year"),
        ({"last": LAST_CELL.replace("- B. Author", "and B. Author")}, "1 titles"),
        ({"code": ["x\n" * (LONGEST + 1), "y", "z"]}, "a cell of 26 lines"),
        ({"code": ["x\n" * 13, "y\n" * 13, "z"]}, "the median cell has 13"),
        ({"metadata": {"tags": ["draws"]}, "code": ["show()"]}, "not folded"),
        (
            {"metadata": {"tags": ["draws"], "jupyter": {"source_hidden": True}}},
            "shows no figure",
        ),
    ],
)
def test_a_fault_of_the_form_is_found(change, words):
    found = "\n".join(faults("03_c", small(**change), ["02_b", "04_d"]))
    assert words in found


def test_sources_have_no_other_tags_than_those_that_fold():
    pytest.importorskip("jupytext")
    import build

    for chapter in CHAPTERS:
        build.read(TUTORIALS / f"{chapter}.py")
