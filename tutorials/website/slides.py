"""Slides of all chapters in one HTML file, made from the executed notebooks.

Each chapter has a slide with its title and question, a slide for each figure and one with its
summary. The caption of a figure is its alternative text, and its title is the heading above it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath
from mdit_py_plugins.dollarmath import dollarmath_plugin

TUTORIALS = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("slides.html")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")
"""A link to a file, which a single file cannot have."""

COMMANDS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}


def deck() -> str:
    """Return the slides as one page without any other file."""
    title = (TUTORIALS / "README.md").read_text("utf-8").splitlines()[0].removeprefix("# ")
    slides = []
    for path in sorted(TUTORIALS.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        name = "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")
        for number, content in enumerate(chapter(cells)):
            # The first one has the name of the file, to which the map of the course leads.
            slides.append((f"{path.stem}-{number}" if number else path.stem, name, content))
    sections = [
        f'<section id="{name}">\n{content}\n<footer><span>{escape(of)}</span>'
        f"<span>{number} / {len(slides)}</span></footer>\n</section>"
        for number, (name, of, content) in enumerate(slides, 1)
    ]
    page = TEMPLATE.read_text("utf-8").replace("{title}", escape(title))
    return page.replace("{slides}", "\n".join(sections))


def chapter(cells: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the slides of a chapter: its title, its figures and its summary."""
    heading, question, ability = "".join(cells[0]["source"]).split("\n\n")[:3]
    yield html("\n\n".join((heading, question, ability)))
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for _, heading in HEADING.findall("".join(cell["source"])):
                above = heading
        for output in cell.get("outputs", []):
            if picture := drawn(output):
                yield f"{html(f'## {above}')}\n<figure>{picture}</figure>"
    summary = "".join(cells[-1]["source"]).split("## Summary\n")[1].split("\n## ")[0]
    yield html(f"## Summary\n{summary}")


def drawn(output: dict[str, Any]) -> str:
    """Return a figure with its caption, or an empty string if the output is not a figure."""
    data = output.get("data", {})
    caption = f"<figcaption>{escape(''.join(data.get('text/plain', '')))}</figcaption>"
    if "image/png" in data:
        png = "".join(data["image/png"]).replace("\n", "")
        return f'<img src="data:image/png;base64,{png}" alt="">{caption}'
    if "image/svg+xml" in data:
        return (
            re.sub(r'href="(\w+)\.ipynb"', r'href="#\1"', "".join(data["image/svg+xml"])) + caption
        )
    return ""


def html(markdown: str) -> str:
    """Return Markdown with formulas as HTML, without links to files."""
    parser = MarkdownIt().use(dollarmath_plugin, renderer=lambda tex, options: formula(tex))
    return parser.render(LINK.sub(r"\1", markdown)).strip()


def formula(tex: str) -> str:
    r"""Draw a formula as SVG, in the size and the colour of the text around it.

    Raises a `ValueError` if Matplotlib, which draws it, does not know one of its commands.
    """
    grouped = re.sub(r"(\\math\w+) (\w)", r"\1{\2}", tex)  # Matplotlib needs the braces
    text = TextPath((0, 0), f"${grouped}$", size=1, prop=FontProperties(math_fontfamily="stix"))
    box = text.get_extents()
    parts = []
    for points, code in text.iter_segments(simplify=False, curves=True):
        pairs = " ".join(f"{x:.3f} {-y:.3f}" for x, y in points.reshape(-1, 2))
        parts.append("Z" if code == Outline.CLOSEPOLY else COMMANDS[code] + pairs)
    return (
        f'<svg class="tex" role="img" aria-label="{escape(tex)}" '
        f'viewBox="{box.x0:.3f} {-box.y1:.3f} {box.width:.3f} {box.height:.3f}" '
        f'style="--height:{box.height:.3f}em;--depth:{box.y0:.3f}em">'
        f'<path fill="currentColor" d="{"".join(parts)}"/></svg>'
    )
