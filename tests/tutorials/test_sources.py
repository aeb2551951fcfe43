"""Committed notebooks are complete and match their sources; no kernel is started."""

import ast
import re
from base64 import b64decode

import numpy as np
import pytest
from chapters import (
    CHAPTERS,
    TUTORIALS,
    WITH_EXERCISES,
    cells,
    figures,
    links,
    outputs,
    source,
    text,
)

every = pytest.mark.parametrize("chapter", CHAPTERS)


def test_there_are_no_other_chapters():
    for kind in ("py", "ipynb"):
        assert sorted(p.stem for p in TUTORIALS.glob(f"[0-9]*.{kind}")) == list(CHAPTERS)


@every
def test_the_notebook_has_the_cells_of_its_source(chapter):
    pytest.importorskip("jupytext")
    import build

    fresh = build.read(TUTORIALS / f"{chapter}.py").cells
    kept = cells(chapter)
    assert [cell.source for cell in fresh] == [source(cell) for cell in kept]
    for ours, theirs in zip(fresh, kept, strict=True):
        assert (ours.id, ours.cell_type) == (theirs["id"], theirs["cell_type"])
        assert ours.metadata == theirs["metadata"]


@every
def test_the_notebook_ran_once_from_top_to_bottom(chapter):
    code = [cell for cell in cells(chapter) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"
            assert output.get("execution_count") in (None, cell["execution_count"])


@every
def test_the_text_of_figures_can_be_read_on_a_phone(chapter):
    size = 10.0  # of matplotlib, in points
    for cell in cells(chapter):
        for changed in re.findall(r'"font(?:\.size"\] = |", size=)([\d.]+)', source(cell)):
            size = float(changed)
        smallest = min([size, *map(float, re.findall(r"fontsize[=(]([\d.]+)", source(cell)))])
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                width = int.from_bytes(b64decode("".join(png))[16:20], "big")
                # 90 pixels per inch, shown on a screen of 390 pixels from edge to edge
                assert smallest / 72 * 90 * min(390 / width, 1) >= 11, source(cell)


@every
def test_the_notebook_is_not_too_large(chapter):
    assert (TUTORIALS / f"{chapter}.ipynb").stat().st_size < 1e6


@every
def test_the_chapter_begins_with_its_question_and_its_imports(chapter):
    begins = (TUTORIALS / f"{chapter}.py").read_text("utf-8")
    assert begins.startswith(f"# %% [markdown]\n# # {int(chapter[:2])}. ")
    question, imports = cells(chapter)[:2]
    assert source(question).startswith(f"# {int(chapter[:2])}. ")
    assert imports["cell_type"] == "code"
    assert imports["outputs"] == []
    *statements, seed = ast.parse(source(imports)).body
    assert {type(node) for node in statements} <= {ast.Import, ast.ImportFrom}
    assert re.fullmatch(r"rng = np\.random\.default_rng\(\d+\)", ast.unparse(seed))
    later = "\n".join(source(c) for c in cells(chapter)[2:] if c["cell_type"] == "code")
    assert not re.search(r"^(import|from) ", later, re.MULTILINE)


@every
def test_every_figure_is_shown_and_has_alternative_text(chapter):
    assert figures(outputs(chapter))
    for cell in cells(chapter):
        called = len(re.findall(r"^\s*show\(", source(cell), re.MULTILINE))
        alternatives = figures(cell.get("outputs", []))
        if cell["cell_type"] == "code":
            assert bool(alternatives) == bool(called), source(cell)
        assert len(alternatives) >= called
        assert all(alternative and len(alternative) >= 40 for alternative in alternatives)


@every
def test_the_notebook_does_not_reveal_the_machine_it_ran_on(chapter):
    said = text(outputs(chapter)) + "".join(source(cell) for cell in cells(chapter))
    assert not re.findall(r" at 0x[0-9a-f]{6}|/tmp/|/home/|/root/|/work/|site-packages", said)


@pytest.mark.parametrize("chapter", WITH_EXERCISES)
def test_the_chapter_ends_with_open_exercises(chapter):
    page = [source(cell) for cell in cells(chapter)]
    at = next(i for i, cell in enumerate(page) if cell.startswith("## Exercises"))
    imports = [node for node in ast.parse(page[1]).body if isinstance(node, ast.ImportFrom)]
    of_exercises = [node for node in imports if node.module.startswith("exercises.")]
    imported = {name.name for node in of_exercises for name in node.names}
    asked = [check for cell in page[at:] for check in re.findall(r"^(check_\w+)\(", cell, re.M)]
    assert set(asked) == imported
    assert len(asked) == len(imported)
    for cell in cells(chapter)[at:]:
        if re.search(r"^check_\w+\(", source(cell), re.MULTILINE):
            assert "Open" in text(cell["outputs"]), source(cell)


@every
def test_the_chapter_has_at_least_as_many_asserts_as_figures(chapter):
    trees = [ast.parse(source(c)) for c in cells(chapter) if c["cell_type"] == "code"]
    asserts = sum(isinstance(node, ast.Assert) for tree in trees for node in ast.walk(tree))
    assert asserts >= len(figures(outputs(chapter)))


@every
def test_links_of_the_chapter_lead_to_files(chapter):
    for cell in cells(chapter):
        if cell["cell_type"] == "markdown":
            for target in links(source(cell)):
                assert (TUTORIALS / target).exists(), target


def _table(title):
    """Return the rows of the table below a heading of the README."""
    readme = (TUTORIALS / "README.md").read_text("utf-8")
    part = readme.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [[field.strip() for field in row] for row in rows[2:]]


def _minutes(chapter):
    """Return the minutes that the first cell of a chapter gives."""
    return re.search(r"\*\*Time:\*\* (\d+) minutes", source(cells(chapter)[0]))[1]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_minutes_of_a_chapter_are_the_same_everywhere(chapter):
    rows = {links(row[0])[0]: row[1] for row in _table("The chapters")}
    assert rows[f"{chapter}.ipynb"] == _minutes(chapter)
    overview = "\n".join(source(cell) for cell in cells(CHAPTERS[0]))
    in_overview = re.findall(rf"^\| .*\({chapter}\.ipynb\).* \| (\d+) \|$", overview, re.MULTILINE)
    assert in_overview == [_minutes(chapter)] * (chapter in WITH_EXERCISES)


def test_the_readme_lists_every_chapter_once_in_order():
    rows = _table("The chapters")
    assert [links(row[0])[0] for row in rows] == [f"{chapter}.ipynb" for chapter in CHAPTERS]
    for row, chapter in zip(rows, CHAPTERS, strict=True):
        title = source(cells(chapter)[0]).splitlines()[0].removeprefix("# ")
        assert f"[{title}]" in row[0]


OF_THE_PAPER = (
    *(f"Equation ({i})" for i in (1, 2)),
    *(f"Figure {i}" for i in (1, 2, 3, 4)),
    *(f"Table {i}" for i in (1, 2)),
    *("The soft-max", "Momentum", "Initial weights", "Elastic deformation"),
)


def test_the_readme_locates_every_part_of_the_paper():
    rows = _table("From the paper to the chapters")
    whats = [row[0] for row in rows]
    assert len(set(whats)) == len(whats)
    for what in OF_THE_PAPER:
        assert sum(name.startswith(what) for name in whats) == 1, what
    for what, chapter, files in rows:
        assert len(links(chapter)) == 1, what
        name = links(chapter)[0].removesuffix(".ipynb")
        assert name in CHAPTERS, what
        if numbered := re.match(r"(Equation|Figure|Table) \(?\d\)?", what):
            said = "".join(source(cell) for cell in cells(name)).lower()
            assert numbered[0].lower() in said, what
        assert links(files), what
        for file in links(files):
            assert (TUTORIALS / file).is_file(), file


def test_links_of_the_readme_lead_to_files():
    for target in links((TUTORIALS / "README.md").read_text("utf-8")):
        assert (TUTORIALS / target).exists(), target


def test_figures_are_small_and_not_of_one_colour():
    import base64
    import io

    from PIL import Image

    for chapter in CHAPTERS:
        for output in outputs(chapter):
            if "image/png" in output.get("data", {}):
                png = base64.b64decode("".join(output["data"]["image/png"]))
                with Image.open(io.BytesIO(png)) as image:
                    assert image.width <= 800, chapter
                    assert len(np.unique(np.asarray(image.convert("L")))) > 2, chapter
