"""What the tests of the tutorials share: the chapters, and their cells."""

import json
import re
from pathlib import Path

TUTORIALS = Path(__file__).resolve().parents[2] / "tutorials"

CHAPTERS = (
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


def cells(chapter):
    """Cells of a committed notebook."""
    return json.loads((TUTORIALS / f"{chapter}.ipynb").read_text("utf-8"))["cells"]


def source(cell):
    """Text of a cell."""
    return "".join(cell["source"])


def outputs(chapter):
    """All outputs of a committed notebook, in their order."""
    return [output for cell in cells(chapter) for output in cell.get("outputs", [])]


def figures(some):
    """Alternative text of each figure among outputs; None where there is none."""
    return [
        output.get("metadata", {}).get("image/png", {}).get("alt")
        for output in some
        if "image/png" in output.get("data", {})
    ]


def text(some):
    """Everything that outputs print."""
    found = []
    for output in some:
        found += output.get("text", []), output.get("data", {}).get("text/plain", [])
    return "".join("".join(lines) for lines in found)


def links(markdown):
    """Target of each link of a Markdown text that is no address of the web."""
    return re.findall(r"\]\((?!https?:|#)([^()\s#]+)(?:#[^()\s]*)?\)", markdown)
