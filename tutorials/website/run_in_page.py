"""What the pages of the chapters load to run their cells: the course, and perhaps Pyodide."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from website.pyodide_folder import LOCK, VERSION

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
"""The official distribution of Pyodide."""

COPIED = ("tifffile", "tqdm")
"""Packages in Python alone that minunet needs and the folder of Pyodide does not contain."""

APART = {"__pycache__", "pages", "solutions", "website"}
"""Folders that no chapter reads."""


def folder_of(pyodide: str) -> Path | None:
    """Return the folder that the setting `pyodide` names, or None if it is a URL.

    Raises a `ValueError` if there is no Pyodide in that folder.
    """
    if "://" in pyodide:
        return None
    if not Path(pyodide, LOCK).is_file():
        raise ValueError(
            f"{pyodide} contains no {LOCK}; pass a URL, or make the folder with "
            f"python tutorials/website/pyodide_folder.py {pyodide}"
        )
    return Path(pyodide)


def register(app: Sphinx) -> None:
    """Register the script of "Run" with Sphinx, and the setting `pyodide`: a URL or a folder."""
    app.add_config_value("pyodide", OFFICIAL, "html", str)
    app.connect("config-inited", _load)
    app.connect("build-finished", _finish)


def _load(app: Sphinx, config: Config) -> None:
    """Load the script on every page; it finds Pyodide at a URL, or in the copied folder."""
    app.add_css_file("run.css")
    where = "pyodide/" if folder_of(config.pyodide) else config.pyodide
    app.add_js_file("run.js", **{"data-pyodide": where})


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Write the course beside the scripts of the site, and copy Pyodide if it is a folder."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    with zipfile.ZipFile(static / "course.zip", "w") as archive:
        for path, name in course():
            # Without the time of the file, so that the archive is the same wherever it is made.
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    if folder := folder_of(app.config.pyodide):
        shutil.copytree(folder, static / "pyodide")


def course() -> Iterator[tuple[Path, str]]:
    """Yield every file that the chapters may import or read, with its name in the archive."""
    for top in ("minunet/**/*", "tutorials/**/*", "benchmarks/pictures/*.json"):
        for path in sorted(ROOT.glob(top)):
            inside = path.relative_to(ROOT)
            hidden = any(part in APART or part[0] in "._" for part in inside.parts[1:-1])
            if path.is_file() and not hidden and path.suffix not in (".ipynb", ".md"):
                yield path, inside.as_posix()
    for package in COPIED:
        for file in metadata.files(package) or ():
            if file.suffix == ".py" or "LICEN" in file.name.upper():
                yield Path(file.locate()), file.as_posix()
    yield Path(__file__).with_name("kernel.py"), "tutorials/kernel.py"
    yield Path(__file__).with_name("dark.py"), "tutorials/website/dark.py"
