"""Every chapter runs from top to bottom in a fresh kernel and reproduces its outputs."""

import json
import re

import pytest
from chapters import CHAPTERS, TUTORIALS, cells, figures, text

build = pytest.importorskip("build")
for module in ("nbclient", "jupytext", "ipykernel"):
    pytest.importorskip(module)

# nbclient does not close its event loops, which is noticed whenever Python collects garbage.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def shown(some):
    """Return each cell's output types, alternative texts and words; numbers are replaced by #."""
    number = re.compile(r"[-+]?\b\d[\w.]*([-+]\d+)?|\b(nan|inf)\b")
    return [
        (
            [(o["output_type"], sorted(o.get("data", {}))) for o in outputs],
            figures(outputs),
            number.sub("#", text(outputs)).split(),
        )
        for outputs in (cell.get("outputs", []) for cell in some)
    ]


@pytest.mark.notebooks
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_reproduces_its_committed_outputs(chapter):
    fresh = build.execute(TUTORIALS / f"{chapter}.py").cells
    for at, (now, then) in enumerate(zip(shown(fresh), shown(cells(chapter)), strict=True), 1):
        assert now == then, f"cell {at}: python tutorials/build.py run {chapter}"


SOURCE = """\
# %% [markdown]
# # 1. What is this?

# %%
import numpy as np

# %%
print("this")
np.arange(3)
"""


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Make a folder for chapters; return a function that writes a chapter."""
    monkeypatch.setattr(build, "HERE", tmp_path)

    def write(name, *more):
        path = tmp_path / f"{name}.py"
        path.write_text(SOURCE + "".join(f"\n# %%\n{cell}\n" for cell in more), "utf-8")
        return path

    return write


def test_run_writes_the_same_notebook_every_time(chapter, capsys):
    path = chapter("01_what_is_this").with_suffix(".ipynb")
    assert build.run(["1"]) == 0
    once = path.read_bytes()
    assert build.run(["what_is_this"]) == 0
    assert path.read_bytes() == once
    assert b'"execution_count": 2' in once
    assert not re.search(rb'"(version|iopub.*|timestamp)"', once)
    assert re.search(r"01_what_is_this +\d+\.\d s   written", capsys.readouterr().out)
    assert [p.name for p in path.parent.iterdir() if p.suffix not in (".py", ".ipynb")] == []


def test_a_cell_that_draws_is_folded_and_other_tags_are_errors(chapter, capsys):
    path = chapter("01_draws")
    written = path.read_text("utf-8")
    path.write_text(written.replace("# %%\nprint", '# %% tags=["draws"]\nprint'), "utf-8")
    assert build.run([]) == 0
    notebook = json.loads(path.with_suffix(".ipynb").read_text("utf-8"))
    folded = {"tags": ["draws"], "jupyter": {"source_hidden": True}}
    assert [cell["metadata"] for cell in notebook["cells"]] == [{}, {}, folded]
    path.write_text(written.replace("# %%\nprint", '# %% tags=["drawn"]\nprint'), "utf-8")
    assert build.run([]) == 1
    assert 'cell (print("this")) has an unknown tag: drawn' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("assert 1 == 2, 'no'", "cell 4 of 4 (assert 1 == 2, 'no')"),
        ("np.ones(1) / 0", "cell 4 of 4 (np.ones(1) / 0) wrote to stderr"),
        ("import os; os._exit(3)", "the kernel died"),
        ("print(", "SyntaxError"),
    ],
)
def test_run_keeps_the_old_notebook_if_a_cell_fails(chapter, capsys, cell, words):
    path = chapter("01_good").with_suffix(".ipynb")
    chapter("02_bad")
    assert build.run([]) == 0
    before = path.with_name("02_bad.ipynb").read_bytes()
    chapter("02_bad", cell)
    assert build.run([]) == 1
    said = capsys.readouterr()
    assert path.with_name("02_bad.ipynb").read_bytes() == before
    assert "02_bad: " in said.err
    assert words in said.err
    assert "\x1b" not in said.err
    assert re.search(r"^02_bad +\d+\.\d s   failed", said.out, re.MULTILINE)


def test_a_cell_that_hangs_times_out(chapter, monkeypatch):
    monkeypatch.setattr(build, "CELL_SECONDS", 1)
    with pytest.raises(build.ChapterError, match=r"01_slow: cell 4 of 4 \(import time.* over 1 s"):
        build.execute(chapter("01_slow", "import time; time.sleep(60)"))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("1", "01_first"),
        ("02", "02_second"),
        ("second", "02_second"),
        ("tutorials/01_first.ipynb", "01_first"),
        ("02_second.py", "02_second"),
    ],
)
def test_a_chapter_can_be_named_by_number_slug_or_file(chapter, name, stem):
    chapter("01_first"), chapter("02_second")
    assert [path.stem for path in build.chosen([name])] == [stem]
    assert [path.stem for path in build.chosen([])] == ["01_first", "02_second"]


def test_the_error_for_a_wrong_name_suggests_the_nearest(chapter, capsys, monkeypatch):
    chapter("01_first"), chapter("02_second")
    monkeypatch.setattr("sys.argv", ["build.py", "run", "secnd"])
    with pytest.raises(SystemExit) as left:
        build.main()
    assert left.value.code == 2
    assert "no chapter is called secnd; the nearest is 02_second" in capsys.readouterr().err


def test_outputs_never_show_the_data_of_whoever_runs_the_chapter(chapter, monkeypatch):
    monkeypatch.setenv("MINUNET_DATA", "private")
    path = chapter("01_data", "import os; print('data:', os.environ.get('MINUNET_DATA'))")
    assert "data: None" in text(build.execute(path).cells[-1]["outputs"])
