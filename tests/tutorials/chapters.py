"""Helpers for the tests of the tutorials: the chapters, and parts of their notebooks."""

import json
import re
from pathlib import Path

TUTORIALS = Path(__file__).resolve().parents[2] / "tutorials"

CHAPTERS = (
    "00_overview",
    "01_convolution",
    "02_gradients",
    "03_relu_and_maxpool",
    "04_upconvolution",
    "05_energy",
    "06_border_weights",
    "07_the_u",
    "08_tiles",
    "09_deformation",
    "10_training",
    "11_scores",
    "12_speed",
    "13_your_own_data",
)

WITH_EXERCISES = CHAPTERS[1:]
"""Chapter 0 shows how exercises work, and has none of its own."""


def cells(chapter):
    """Return the cells of a committed notebook."""
    return json.loads((TUTORIALS / f"{chapter}.ipynb").read_text("utf-8"))["cells"]


def source(cell):
    """Return the text of a cell."""
    return "".join(cell["source"])


def outputs(chapter):
    """List all outputs of a committed notebook in order."""
    return [output for cell in cells(chapter) for output in cell.get("outputs", [])]


def figures(some):
    """List the alternative text of each figure among outputs, or None if it is missing."""
    return [
        output.get("metadata", {}).get("image/png", {}).get("alt")
        for output in some
        if "image/png" in output.get("data", {})
    ]


def text(some):
    """Return all text in outputs."""
    found = []
    for output in some:
        found += output.get("text", []), output.get("data", {}).get("text/plain", [])
    return "".join("".join(lines) for lines in found)


def links(markdown):
    """List the targets of all links of a Markdown text except web addresses."""
    return re.findall(r"\]\((?!https?:|#)([^()\s#]+)(?:#[^()\s]*)?\)", markdown)
