"""The cells of a chapter run in its page, in a browser that reaches nothing but the site."""

import base64
import functools
import hashlib
import importlib
import inspect
import io
import json
import os
import re
import runpy
import subprocess
import sys
import threading
import time
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import browser
import numpy as np
import pytest
from chapters import CHAPTERS as ALL
from chapters import TUTORIALS, cells, figures, outputs, text
from PIL import Image
from website import dark, pyodide_folder, run_in_page
from website.assemble import Sources

SCRIPT = TUTORIALS / "website" / "pyodide_folder.py"
CHAPTER, GREY = "03_relu_and_maxpool", "12_speed"
OWN = "00_cells"
CELLS = [
    "import sys\nimport time\nbegan = time.process_time()\n"
    "sum(range(10**6))\nassert time.process_time() > began\nx = 6",
    "x += 1\nprint(x)\nsys.stderr.write('careful')\nx * 6",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
    "from course import show_map\nshow_map()",
    "def half(n):\n    return n / 0\n\n\nhalf(x)",
    "while True:\n    pass",
]
TITLE = "# Cells\n\n<details><summary>Answers</summary>\n\n*Seven.*\n\n</details>"
EXERCISE = "print('x is', x)" + " # This comment is longer than a line on paper." * 3
PREDICT = """
os.chdir(tempfile.mkdtemp())
tifffile.imwrite("a.tif", rng.integers(256, size=(90, 90), dtype=np.uint8))
sys.argv = ["predict", "em", "a.tif", "-o", "out"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    predict.main()
print(np.ptp(tifffile.imread("out/probability.tif")) > 0, *sorted(os.listdir("out")))
"""
"""A prediction with what the last chapter imports."""

SECONDS = 300
"""Time limit of a click, on a busy machine."""


# The folder of Pyodide.


def lock(**packages):
    """Make a lock file from packages: name=(content, names of what it needs)."""
    return {
        "packages": {
            name: {
                "file_name": f"{name}-1.whl",
                "sha256": hashlib.sha256(content).hexdigest(),
                "depends": depends,
            }
            for name, (content, depends) in packages.items()
        }
    }


@pytest.fixture
def core(tmp_path, monkeypatch):
    """Make the core of a Pyodide with two packages, one of which needs the other."""
    folder = tmp_path / "core"
    folder.mkdir()
    for name in pyodide_folder.CORE:
        (folder / name).write_bytes(b"core")
    listed = lock(scipy=(b"right", ["openblas"]), openblas=(b"blas", []), other=(b"other", []))
    (folder / pyodide_folder.LOCK).write_text(json.dumps(listed))
    monkeypatch.setattr(pyodide_folder, "PACKAGES", ("scipy",))
    return folder


def test_a_file_is_found_by_its_hash_in_folders_and_zips(core, tmp_path):
    (tmp_path / "wheels" / "deep").mkdir(parents=True)
    (tmp_path / "wheels" / "scipy-1.whl").write_bytes(b"wrong")
    (tmp_path / "wheels" / "deep" / "openblas-1.whl").write_bytes(b"blas")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a/b/scipy-1.whl", b"right")
    places = [tmp_path / "wheels", tmp_path / "all.zip"]
    size = pyodide_folder.fill(tmp_path / "out", core, places)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    expected = {pyodide_folder.LOCK, *pyodide_folder.CORE, "scipy-1.whl", "openblas-1.whl"}
    assert set(files) == expected
    assert (files["scipy-1.whl"], files["openblas-1.whl"]) == (b"right", b"blas")
    assert size == sum(map(len, files.values()))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"changed", "scipy-1.whl has hash [0-9a-f]{64}, and should have"), (None, "was not found")],
)
def test_nothing_is_written_with_a_changed_or_missing_file(core, tmp_path, content, message):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "openblas-1.whl").write_bytes(b"blas")
    if content:
        (tmp_path / "wheels" / "scipy-1.whl").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        pyodide_folder.fill(tmp_path / "out", core, [tmp_path / "wheels"])
    assert not (tmp_path / "out").exists()


def test_a_changed_core_is_refused(tmp_path, monkeypatch):
    def pack(command, **options):
        (tmp_path / f"pyodide-{pyodide_folder.VERSION}.tgz").write_bytes(b"changed")

    monkeypatch.setattr(subprocess, "run", pack)
    with pytest.raises(ValueError, match=r"pyodide-[\d.]+tgz has hash"):
        pyodide_folder.core(tmp_path)


def test_a_folder_without_pyodide_is_one_sentence_before_anything_is_built(
    tmp_path, monkeypatch, capsys
):
    pytest.importorskip("sphinx")
    out, empty = tmp_path / "site", tmp_path / "empty"
    monkeypatch.setattr("sys.argv", ["build.py", "site", str(out), "--pyodide", str(empty)])
    with pytest.raises(SystemExit) as left:
        importlib.import_module("build").main()
    assert left.value.code == 2
    assert f"{empty} contains no pyodide-lock.json; pass a URL, or" in capsys.readouterr().err
    assert not out.exists()


# The course.


def test_the_course_contains_what_chapters_import_and_no_solution():
    names = {name for _, name in run_in_page.course()}
    assert {"minunet/ops/conv2d.py", "minunet/models/em.npz", "tutorials/kernel.py"} <= names
    assert {"tifffile/tifffile.py", "tqdm/std.py"} <= names
    assert "benchmarks/pictures/few_images.json" in names
    assert {"tutorials/figures.py", "tutorials/exercises/verdict.py"} <= names
    assert not any("solutions" in name or "__pycache__" in name for name in names)


# The cells that an exercise needs.

kernel = runpy.run_path(str(TUTORIALS / "website" / "kernel.py"))
needed, names = kernel["needed"], kernel["_names"]


@pytest.mark.parametrize(
    ("above", "exercise", "expected"),
    [
        (["import a", "b = a.c", "d = 1", "e = b + 1"], "print(e)", [0, 1, 3]),
        (["import check", "slow = 1"], "answer = ...\ncheck(answer)", [0]),
        (["from a import (b as c)", "b = 1"], "c", [0]),
        (["def f():\n    return g()", "def g():\n    return h", "h = 1", "i = 1"], "f", [0, 1, 2]),
        (["class A: ...", "a = [A() for _ in range(3)]", "x = 1"], "[x for x in a]", [0, 1]),
        (["x = {}", "x['a'] = 1", "x.y.z = 2", "x.pop()", "print(x)"], "x", [0, 1, 2, 3]),
        (["x = 1", "def f(x):\n    y = x\n    return y", "y = 2"], "f(3)", [1]),
        (["x = 1", "x += 1", "def f():\n    return x"], "f()", [0, 1, 2]),
        (["x = 1", "this is no Python"], "x +", []),
        (["def answer(): ...", "x = answer()"], "answer = ...\nprint(answer)", []),
        (["import check", "f = 1"], "def f(n):\n    return f(n - 1)\ncheck(f)", [0]),
        (["x = 1", "y = 2"], "if y:\n    x = 3\nprint(x)", [0, 1]),
        (["x = {}"], "x['a'] = 1\nprint(x)", [0]),
    ],
)
def test_an_exercise_needs_the_cells_that_bind_or_change_its_names(above, exercise, expected):
    assert needed([*above, exercise]) == expected


# Pages in a browser.


@pytest.fixture(scope="module")
def pyodide(tmp_path_factory):
    """Return a folder of Pyodide: $MINUNET_PYODIDE, or one assembled within a minute."""
    if given := os.environ.get("MINUNET_PYODIDE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("pyodide") / "folder"
    try:
        subprocess.run(
            [sys.executable, str(SCRIPT), str(folder)], check=True, capture_output=True, timeout=60
        )
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"the folder of Pyodide could not be assembled: {error}")
    return folder


def notebook():
    """Make a notebook with the cells of this test."""
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    for number, source in enumerate([TITLE, *CELLS, "## Exercises", EXERCISE]):
        cell = {"cell_type": "markdown", "id": f"c{number}", "metadata": {}, "source": source}
        if not source.startswith("#"):
            cell |= {"cell_type": "code", "outputs": [], "execution_count": None}
        made["cells"].append(cell)
    return made


def build(folder, where):
    """Build a site of two chapters and the cells of this test; return its folder."""
    for module in ("sphinx", "myst_nb", "furo", "tornado"):
        pytest.importorskip(module)
    sources = Sources(folder / "sources")
    for chapter in (CHAPTER, GREY):
        sources.chapter(TUTORIALS / f"{chapter}.ipynb")
    sources.write(f"{OWN}.ipynb", json.dumps(notebook()))
    listed = "\n".join([CHAPTER, GREY, OWN])
    sources.write("index.md", f"# Index\n\n```{{toctree}}\n{listed}\n```\n")
    sources.write("alternatives.json", json.dumps(sources.alternatives))
    command = [sys.executable, "-m", "sphinx", "-Q", "-c", str(TUTORIALS / "website")]
    command += ["-D", f"pyodide={where}", "-D", "extensions=myst_nb,sphinx.ext.mathjax"]
    paths = os.pathsep.join([str(TUTORIALS), str(TUTORIALS.parent)])
    command += [str(folder / "sources"), str(folder / "site")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": paths}, timeout=SECONDS)
    return folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a small site that expects the official Pyodide."""
    return build(tmp_path_factory.mktemp("official"), run_in_page.OFFICIAL)


@pytest.fixture(scope="module")
def local(tmp_path_factory, pyodide):
    """Build a small site that contains Pyodide."""
    return build(tmp_path_factory.mktemp("local"), pyodide)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Start a browser."""
    if browser.found() is None:
        pytest.skip(f"none of {', '.join(browser.BROWSERS)} is installed")
    started = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, *arguments):
        """Print nothing."""


@pytest.fixture
def serve():
    """Return a function that serves a folder, and returns its address."""
    servers = []

    def start(folder):
        handler = functools.partial(Quiet, directory=folder)
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


STATE = """[...document.querySelectorAll("div.cell")].map(cell => ({
  text: [...cell.querySelectorAll(".cell_output pre")].map(pre => pre.textContent).join(""),
  kinds: [...cell.querySelectorAll(".cell_output > .highlight")].map(out => out.className),
  images: [...cell.querySelectorAll(".cell_output img:not(.on-dark)")]
    .map(img => [img.alt, img.naturalWidth]),
  links: [...cell.querySelectorAll(".cell_output a")].map(a => a.getAttribute("href")),
  status: cell.querySelector(".run-bar .status").textContent,
  disabled: cell.querySelector(".run-bar .run").disabled,
  button: cell.querySelector(".run-bar .run").textContent,
  editable: !!cell.querySelector("textarea"),
}))"""


class Page:
    """A page with cells: what a reader does, and what they see."""

    def __init__(self, opened, address):
        self.browser, self.address = opened, address
        opened.open(address, 1280)

    def cells(self):
        """Return what each cell shows."""
        return self.browser.evaluate(STATE)

    def click(self, number):
        """Click the button of a cell."""
        self.browser.evaluate(f"document.querySelectorAll('.run-bar .run')[{number}].click()")

    def until(self, ready):
        """Wait until the state of the cells is as expected, and return it."""
        ends = time.monotonic() + SECONDS
        while not ready(state := self.cells()):
            assert time.monotonic() < ends, state
            time.sleep(0.2)
        return state

    def run(self, number):
        """Click the button of a cell, and wait until all is done."""
        self.click(number)
        return self.until(lambda state: all(cell["button"] == "Run" for cell in state))

    def elsewhere(self):
        """List all requests of the page and its workers to other servers."""
        allowed = (self.address.rsplit("/", 1)[0], "data:", "blob:")
        return [url for url in self.browser.requests() if not url.startswith(allowed)]


def shown(words):
    """Return words with every number replaced, since the last digits may differ."""
    return re.sub(r"[-+]?\b\d[\w.]*([-+]\d+)?", "#", words).split()


def seen(opened, number, scheme):
    """List the class of each figure of a cell, and whether it is seen in a colour scheme."""
    preferred = {"name": "prefers-color-scheme", "value": scheme}
    opened.call("Emulation.setEmulatedMedia", features=[preferred])
    images = f"document.querySelectorAll('div.cell')[{number}].querySelectorAll('img')"
    found = opened.evaluate(f"[...{images}].map(img => [img.className, img.checkVisibility()])")
    return [tuple(one) for one in found]


def drawn(opened, number):
    """Return the pixels (H, W, 3) of each figure that a cell has drawn in the page."""
    images = f"document.querySelectorAll('div.cell')[{number}].querySelectorAll('img')"
    pngs = opened.evaluate(f"[...{images}].map(img => img.src.split('base64,')[1])")
    pictures = [Image.open(io.BytesIO(base64.b64decode(png))) for png in pngs]
    return [np.asarray(image.convert("RGB")) for image in pictures]


def test_a_chapter_and_an_exercise_run_without_any_request_elsewhere(local, opened, serve):
    page = Page(opened, serve(local) + f"{CHAPTER}.html")
    committed = [cell for cell in cells(CHAPTER) if cell["cell_type"] == "code"]
    last = max(n for n, cell in enumerate(page.cells()) if not cell["editable"])
    page.run(last)  # and all above
    page.run(len(committed) - 1)  # the last exercise, alone
    state = page.run(len(committed) - 2)
    assert [cell["status"] for cell in state] == [""] * len(committed)
    for now, then in zip(state, committed, strict=True):
        alternatives = figures(then["outputs"])
        assert [alt for alt, _ in now["images"]] == alternatives
        assert all(width > 50 for _, width in now["images"])
        if not alternatives:
            assert shown(now["text"]) == shown(text(then["outputs"]))
    assert sum(len(cell["images"]) for cell in state) == len(figures(outputs(CHAPTER))) > 0

    at = next(n for n, c in enumerate(committed) if "check_leaky_backward(" in "".join(c["source"]))
    assert state[at]["text"].startswith("Open")
    answer = inspect.getsource(importlib.import_module("solutions.relu_and_maxpool").leaky_backward)
    answer = re.sub(r": Array|-> Array", "", answer) + "check_leaky_backward(leaky_backward)\n"
    editor = f"document.querySelectorAll('div.cell')[{at}].querySelector('textarea')"
    opened.evaluate(f"{editor}.value = {json.dumps(answer)}")
    assert page.run(at)[at]["text"].startswith("Right. ")
    opened.evaluate(f"{editor}.value = {json.dumps(answer.replace('/ 10', '/ 9'))}")
    assert not page.run(at)[at]["text"].startswith("Right. ")

    asked = {url.rsplit("/", 1)[1].split("?")[0] for url in page.browser.requests()}
    assert {"course.zip", "pyodide.asm.wasm", "run_worker.js"} <= asked  # so workers are watched
    assert page.elsewhere() == []

    # What is loaded is as much as the page says; its progress leaves out what is not fetched.
    files = [*(local / "_static" / "pyodide").iterdir(), local / "_static" / "course.zip"]
    fetched = sum(path.stat().st_size for path in files if path.suffix != ".js")
    script = (TUTORIALS / "website" / "static" / "run.js").read_text("utf-8")
    assert abs(fetched / 1e6 - int(re.search(r"MEGABYTES = (\d+)", script)[1])) < 1


def test_cells_show_what_they_do_can_be_stopped_and_compute_what_chapters_do(local, opened, serve):
    page = Page(opened, serve(local) + f"{OWN}.html")
    state = page.run(6)  # an exercise, which needs the first two
    assert [cell["text"] for cell in state] == ["", "7\ncareful42\n", "", "", "", "", "x is 7\n"]
    state = page.run(3)  # runs those above first that have not run
    assert state[1]["text"] == "7\ncareful42\n"
    assert [kinds.split()[-1] for kinds in state[1]["kinds"]] == [
        "run-stdout",
        "run-stderr",
        "run-stdout",
    ]
    assert state[2]["images"][0][1] > 50
    assert seen(opened, 2, "light") == [("on-light", True), ("on-dark", False)]
    assert seen(opened, 2, "dark") == [("on-light", False), ("on-dark", True)]
    light, other = drawn(opened, 2)
    assert np.array_equal(other, dark.darkened(light))
    assert {*state[3]["links"]} == {f"{name}.html" for name in ALL[1:]}
    assert page.run(1)[1]["text"] == "8\ncareful48\n"  # only this one, again

    state = page.run(5)
    assert re.fullmatch(
        r"Traceback .*\n"
        r'  File "<cell 5>", line 5, in <module>\n    half\(x\)\n'
        r'  File "<cell 5>", line 2, in half\n    return n / 0\n.*'
        r"ZeroDivisionError: division by zero\n",
        state[4]["text"],
        re.DOTALL,
    )
    assert "kernel.py" not in state[4]["text"]
    assert state[5]["status"] == "cell 5 above ended with an error."

    opened.evaluate("document.querySelectorAll('.run-bar .edit')[4].click()")
    opened.evaluate("document.querySelector('textarea').value = 'x'")
    page.click(5)
    state = page.until(lambda state: state[4]["text"] and "Running" in state[5]["status"])
    assert [cell["disabled"] for cell in state] == [True] * 5 + [False, True]
    page.click(5)
    state = page.until(lambda state: state[5]["button"] == "Run")
    assert state[5]["status"].startswith("Stopped.")
    assert page.run(1)[1]["text"] == "7\ncareful42\n"  # afresh

    first = [next(c for c in cells(name) if c["cell_type"] == "code") for name in ALL]
    imports = "\n".join("".join(cell["source"]) for cell in first)
    assert imports.count("import numpy as np") == len(ALL)
    editor = "[...document.querySelectorAll('textarea')].at(-1)"
    opened.evaluate(f"{editor}.value = {json.dumps(imports + PREDICT)}")
    state = page.run(6)
    assert state[6]["text"] == "True labels.tif preview.png probability.tif\n"
    assert page.elsewhere() == []


def test_the_page_says_if_python_cannot_be_loaded(site, opened, serve):
    page = Page(opened, serve(site) + f"{OWN}.html")
    assert page.elsewhere() == []  # nothing is loaded before a click
    state = page.run(0)
    assert state[0]["status"].startswith("Python could not be loaded (")
    assert page.elsewhere() == [run_in_page.OFFICIAL + "pyodide.js"]


def test_cells_that_cannot_run_are_grey_and_say_why(local, opened, serve):
    page = Page(opened, serve(local) + f"{GREY}.html")
    codes = ["".join(cell["source"]) for cell in cells(GREY) if cell["cell_type"] == "code"]
    state = page.cells()
    grey = [number for number, cell in enumerate(state) if cell["disabled"]]
    assert {n for n, code in enumerate(codes) if re.search(r"race\(|use\(2\)", code)} <= {*grey}
    for number in grey:
        assert re.fullmatch(r"It .* in a browser .*: use Jupyter\.", state[number]["status"])

    # An exercise runs if it needs none of them.
    last = len(state) - 1
    after = page.run(last)
    assert after[last]["status"] == ""
    assert after[last]["text"].startswith("Open")
    editor = f"document.querySelectorAll('div.cell')[{last}].querySelector('textarea')"
    opened.evaluate(f"{editor}.value = 'print(yardstick)'")
    first = next(number for number in grey if "yardstick =" in codes[number])
    after = page.run(last)
    assert after[last]["status"].startswith(f"It needs cell {first + 1}, ")
    assert [after[number] for number in grey] == [state[number] for number in grey]
    assert page.elsewhere() == []


def test_a_cell_that_can_run_takes_no_name_from_one_that_cannot(site, opened, serve):
    state = Page(opened, serve(site) + f"{GREY}.html").cells()
    codes = ["".join(cell["source"]) for cell in cells(GREY) if cell["cell_type"] == "code"]
    grey = [number for number, cell in enumerate(state) if cell["disabled"]]
    assert 0 < len(grey) < len(codes) == len(state)
    bound = {}  # each name, and the last cell that bound it
    for number, code in enumerate(codes):
        changed, used = names(code)
        if number not in grey and not state[number]["editable"]:
            missing = {name for name in used - changed if bound.get(name) in grey}
            assert not missing, (number, missing)
        bound |= dict.fromkeys(changed, number)


def test_only_exercises_are_editable_at_once(site, opened, serve):
    page = Page(opened, serve(site) + f"{CHAPTER}.html")
    expected, exercises = [], False
    for cell in cells(CHAPTER):
        exercises |= "## Exercises\n" in "".join(cell["source"]) + "\n"
        if cell["cell_type"] == "code":
            expected.append(exercises)
    assert [cell["editable"] for cell in page.cells()] == expected
    assert len(set(expected)) == 2


def test_editors_and_answers_are_complete_on_paper(site, opened, serve):
    opened.open(serve(site) + f"{OWN}.html", 700)
    opened.call("Emulation.setEmulatedMedia", media="print")
    found = opened.evaluate("""(() => {
      const editor = document.querySelector("textarea");
      return {
        wide: editor.scrollWidth - editor.clientWidth,
        high: editor.scrollHeight - editor.clientHeight,
        answer: document.querySelector("details em").checkVisibility(),
      };
    })()""")
    opened.call("Emulation.setEmulatedMedia", media="")
    assert found == {"wide": 0, "high": 0, "answer": True}


def test_a_page_opened_from_a_folder_says_that_it_needs_a_server(site, opened):
    opened.open(f"{site.as_uri()}/{CHAPTER}.html", 1280)
    opened.evaluate("document.querySelector('.run-bar .run').click()")
    state = opened.evaluate(STATE)
    assert "open this page from a web server" in state[0]["status"]
    assert not any(cell["editable"] for cell in state)
    assert opened.complaints() == []
