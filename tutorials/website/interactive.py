"""The interactive figures of the chapters.

    python tutorials/website/interactive.py      # write their first states again, with Node.js

A figure is plain JavaScript: `static/compute.js` computes, `static/NAME.js` draws, and
`static/interactive.js` reacts to the reader. The page also contains the first state of the figure
as HTML, for print and for browsers without JavaScript.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
TEXTS = HERE / "interactive"

FIGURES = {
    "01": ("convolution", "forward"),
    "02": ("convolution", "backward"),
    "06": ("border_weights", ""),
    "07": ("receptive_field", ""),
    "08": ("receptive_field", ""),
    "09": ("deformation", ""),
}
"""Name and start of the figure of each chapter; `TEXTS` has the text around it."""

EXERCISES = re.compile(r"^(?=## Exercises\b)", re.MULTILINE)


def scripts(name: str) -> list[str]:
    """List the scripts of a figure, in the order in which they run."""
    return ["compute.js", "interactive.js", f"{name}.js"]


def state_file(name: str, start: str) -> Path:
    """Return the file with the first state of a figure."""
    return TEXTS / f"{'_'.join(filter(None, (name, start)))}.html"


def block(chapter: str) -> str:
    """Return the text and the figure of a chapter, in Markdown."""
    name, start = FIGURES[chapter]
    loads = [f'<script defer src="_static/{script}"></script>' for script in scripts(name)]
    figure = f'<div class="interactive" data-figure="{name}" data-start="{start}">'
    html = [figure + state_file(name, start).read_text("utf-8").rstrip() + "</div>", *loads]
    text = (TEXTS / f"{chapter}.md").read_text("utf-8")
    return text.replace("{figure}", "```{raw} html\n" + "\n".join(html) + "\n```") + "\n"


def add_figure(cells: list[dict[str, Any]], chapter: str) -> None:
    """Put the figure of a chapter into its notebook, before the heading of the exercises.

    Raises a `ValueError` if there is not exactly one such heading.
    """
    if chapter not in FIGURES:
        return
    found = [
        cell
        for cell in cells
        if cell["cell_type"] == "markdown" and EXERCISES.search("".join(cell["source"]))
    ]
    if len(found) != 1:
        raise ValueError(f"chapter {chapter} has {len(found)} headings '## Exercises', not one")
    text = "".join(found[0]["source"])
    found[0]["source"] = EXERCISES.sub(lambda _: block(chapter), text)


def first_state(name: str, start: str) -> str:
    """Let Node.js write the first state of a figure."""
    program = "".join((STATIC / script).read_text("utf-8") for script in scripts(name))
    program += f"const figure = interactive.figures[{json.dumps(name)}];"
    program += f"process.stdout.write(figure.html(figure.start({json.dumps(start)})));"
    command = [shutil.which("node") or "node", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout + "\n"


def main() -> None:
    """Write the first state of every figure."""
    for name, start in sorted(set(FIGURES.values())):
        state_file(name, start).write_text(first_state(name, start), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
