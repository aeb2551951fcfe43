"""Run the chapters, and build their site, slides and PDF.

    python tutorials/build.py run [CHAPTER …]   # sources NN_name.py → NN_name.ipynb with outputs
    python tutorials/build.py site [OUT]        # a static site of all chapters, which run in it
    python tutorials/build.py slides OUT.html   # slides of all chapters, in one file
    python tutorials/build.py pdf OUT.pdf       # all chapters on paper

The sources are the `.py` files, in jupytext's percent format.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}
"""Metadata of every notebook, without anything about the machine that ran it."""

CELL_SECONDS = 600
"""Time limit of a cell, in seconds."""


FOLDED = {"draws": {"jupyter": {"source_hidden": True}}}
"""Tags that a cell of a source may have, and what the tag adds to the metadata of the cell.

The code of a cell that only draws is folded, in Jupyter and on the site."""


class ChapterError(Exception):
    """The exception raised when a chapter fails; the message names the cell."""


def sources() -> list[Path]:
    """List the sources of all chapters, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def chosen(names: list[str]) -> list[Path]:
    """Find chapters by number, name or file; return all chapters if `names` is empty.

    Raises a `ValueError` for an unknown name.
    """
    known = {}
    for path in sources():
        number, slug = path.stem.split("_", 1)
        known |= dict.fromkeys((path.stem, slug, number, str(int(number))), path)
    paths = []
    for name in names:
        stem = re.sub(r"\.(py|ipynb)$", "", Path(name).name)
        if stem not in known:
            stems = [path.stem for path in sources()]
            near = difflib.get_close_matches(stem, known, 1, 0)
            nearest = known[near[0]].stem if near else "none"
            raise ValueError(
                f"no chapter is called {name}; the nearest is {nearest}; the chapters are "
                f"{', '.join(stems) or 'none'}"
            )
        paths.append(known[stem])
    return list(dict.fromkeys(paths)) or sources()


def read(source: Path) -> NotebookNode:
    """Read a source as a notebook without outputs; cell IDs are hashes of the cell's text.

    Raises a `ChapterError` for a tag that is not in `FOLDED`.
    """
    import jupytext
    import nbformat

    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    names: set[str] = set()
    for cell in notebook.cells:
        text = cell.source
        while (name := hashlib.sha256(text.encode()).hexdigest()[:8]) in names:
            text += "\n"
        names.add(name)
        tags = cell.metadata.get("tags", [])
        if unknown := set(tags) - set(FOLDED):
            first = cell.source.splitlines()[0]
            raise ChapterError(f"{source.stem}: cell ({first}) has an unknown tag: {unknown.pop()}")
        metadata = {"tags": tags} if tags else {}
        for tag in tags:
            metadata |= FOLDED[tag]
        cell.id, cell.metadata = name, nbformat.from_dict(metadata)
    return notebook


def execute(
    source: Path, each: Callable[[int, int], None] = lambda done, cells: None
) -> NotebookNode:
    """Run a source from top to bottom in a fresh kernel; return the notebook with its outputs.

    Parameters
    ----------
    source : the `.py` file
    each : called before each cell with the number of finished cells and the total

    Raises a `ChapterError` that names the cell if one raises an exception or writes a warning.
    """
    import nbclient
    import nbformat

    notebook = read(source)
    cells, at = notebook.cells, 0
    metadata = [deepcopy(cell.metadata) for cell in cells]

    def started(cell: object, cell_index: int) -> None:
        nonlocal at
        at = cell_index
        each(at, len(cells))

    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        on_cell_start=started,
    )
    # Committed outputs show no image of the reader's own, whose licence may not allow it.
    environment = {name: os.environ[name] for name in os.environ.keys() - {"MINUNET_DATA"}}
    wrong = ""
    with tempfile.TemporaryDirectory() as profile:  # without the user's startup files
        try:
            client.execute(env=environment | {"IPYTHONDIR": profile})
        except nbclient.exceptions.CellExecutionError as error:
            wrong = re.sub(r"\x1b\[[\d;]*m", "", f"raised an exception:\n{error}")
        except nbclient.exceptions.CellTimeoutError:
            wrong = f"ran over {CELL_SECONDS} s"
        except nbclient.exceptions.DeadKernelError:
            wrong = "ended: the kernel died (out of memory?)"
    for i, cell in enumerate(cells):
        warned = [o.text for o in cell.get("outputs", []) if o.get("name") == "stderr"]
        if warned and not wrong:
            at, wrong = i, f"wrote to stderr:\n{''.join(warned)}"
    if wrong:
        first = cells[at].source.splitlines()[0]
        raise ChapterError(f"{source.stem}: cell {at + 1} of {len(cells)} ({first}) {wrong}")
    nbformat.validate(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell, as_read in zip(cells, metadata, strict=True):
        cell.metadata = as_read
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, replacing an old one atomically."""
    import nbformat

    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, suffix=".tmp") as file:
        file.write(nbformat.writes(notebook) + "\n")
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def run(names: list[str]) -> int:
    """Execute chapters and write their notebooks; return the number of failures."""
    took, failures = {}, []
    terminal = sys.stdout.isatty()
    for source in chosen(names):
        began = time.monotonic()

        def each(done: int, cells: int, source: Path = source, began: float = began) -> None:
            if terminal:
                place = f"cell {done + 1:>2}/{cells}  {time.monotonic() - began:4.0f} s"
                print(f"\r{source.stem:<24}{place}", end="", flush=True)

        verdict = "written"
        try:
            write(execute(source, each), source.with_suffix(".ipynb"))
        except ChapterError as error:
            verdict = "failed"
            failures.append(error)
        took[source] = time.monotonic() - began
        start = "\r" if terminal else ""
        print(f"{start}{source.stem:<24}{took[source]:7.1f} s   {verdict:<8}", flush=True)
    print(f"{'sum':<24}{sum(took.values()):7.1f} s")
    for failure in failures:
        print(f"\n{failure}", file=sys.stderr)
    return len(failures)


BUILT = ".minunet-site"
"""File of a site that lists all files of the site."""


def replaceable(out: Path) -> None:
    """Raise a `ValueError` if anything in a folder was not written by `site`."""
    if not out.exists():
        return
    listed = out / BUILT
    ours = set(listed.read_text("utf-8").splitlines()) if listed.is_file() else set()
    files = [out] if not out.is_dir() else sorted(p for p in out.rglob("*") if not is_folder(p))
    for path in files:
        if path.relative_to(out).as_posix() not in ours:
            raise ValueError(
                f"{path} is not part of a site built by this command, which would delete it; "
                "pass another folder, or delete it yourself"
            )


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, and not a link to one."""
    return path.is_dir() and not path.is_symlink()


def site(out: Path, pyodide: str | None = None) -> int:
    """Build the static site, replacing an earlier one; treat warnings as errors.

    Parameters
    ----------
    out : folder of the site
    pyodide : folder or URL of the Pyodide that runs the cells; None: its official distribution

    Raises a `ValueError` if `pyodide` contains no Pyodide, or `out` contains anything else.
    """
    from website.run_in_page import folder_of

    if pyodide:
        folder_of(pyodide)  # raises if it is missing
    out = out.resolve()
    replaceable(out)
    with tempfile.TemporaryDirectory() as name:
        code = pages(Path(name), pyodide)
        if code == 0:
            built = Path(name, "site")
            files = [p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()]
            (built / BUILT).write_text("\n".join([*sorted(files), BUILT, ""]), "utf-8")
            replaceable(out)  # the build took minutes
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(built, out)
            print(f"open {out / 'index.html'}")
    return code


def pages(folder: Path, pyodide: str | None = None) -> int:
    """Build the site in the folder `site` of an empty folder; return the exit code of Sphinx."""
    from sphinx.cmd.build import main as sphinx
    from website.assemble import Sources

    Sources(folder / "sources").fill()
    options = ["-W", "--keep-going", "-q", "-E", "-j", "auto"]
    options += ["-c", str(HERE / "website"), "-d", str(folder / "trees")]
    options += ["-D", f"pyodide={pyodide}"] if pyodide else []
    return sphinx([*options, str(folder / "sources"), str(folder / "site")])


def unused(out: Path) -> None:
    """Raise a `ValueError` if a file exists, or the folder that is to contain it does not."""
    if out.exists():
        raise ValueError(f"{out} already exists; pass another name")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent} is not a folder; make it first")


def slides(out: Path) -> int:
    """Write the slides of all chapters to a new file."""
    from website.slides import deck

    unused(out)
    out.write_text(deck(), "utf-8")
    print(f"open {out}")
    return 0


def pdf(out: Path) -> int:
    """Build the site, and print its chapters to a new PDF.

    Raises a `ValueError` if there is no browser to print with.
    """
    from website.paper import browser, printed

    unused(out)
    browser()  # raises if there is none, before the build, which takes minutes
    with tempfile.TemporaryDirectory() as name:
        code = pages(Path(name))
        if code == 0:
            printed(Path(name, "site"), out)
            print(f"open {out}")
    return code


def main() -> NoReturn:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python tutorials/build.py", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("run", help="execute chapters and write their notebooks")
    one.add_argument("chapter", nargs="*", help="number, name or file of a chapter (default: all)")
    two = commands.add_parser("site", help="build the static site of all chapters")
    two.add_argument(
        "out",
        nargs="?",
        default=HERE / "_site",
        type=Path,
        help="folder of the site; replaces an earlier site and nothing else (default: %(default)s)",
    )
    two.add_argument(
        "--pyodide",
        metavar="FOLDER|URL",
        help="where pages find the Pyodide that runs their cells: a folder, which is copied (see "
        "website/pyodide_folder.py), or a URL (default: its official distribution)",
    )
    three = commands.add_parser("slides", help="write slides of all chapters to one HTML file")
    three.add_argument("out", type=Path, help="new HTML file")
    four = commands.add_parser("pdf", help="print all chapters to one PDF, with a browser")
    four.add_argument("out", type=Path, help="new PDF")
    asked = parser.parse_args()
    try:
        if asked.command == "run":
            sys.exit(run(asked.chapter) > 0)
        if asked.command == "site":
            sys.exit(site(asked.out, asked.pyodide))
        sys.exit(slides(asked.out) if asked.command == "slides" else pdf(asked.out))
    except ValueError as error:
        wrong = str(error)
    except ModuleNotFoundError as error:
        wrong = f"{error.name} is not installed; run pip install -e '.[tutorials]'"
    parser.exit(2, f"{parser.prog}: {wrong}\n")


if __name__ == "__main__":
    main()
