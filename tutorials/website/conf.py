"""Sphinx settings for the site built by `tutorials/build.py site`."""

import importlib.util
import json
import re
from pathlib import Path

from docutils import nodes
from website import dark, run_in_page

from minunet import __version__

project = "minunet"
version = release = __version__
html_title = "minunet"
author = ""
html_show_copyright = False
language = "en"

extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
nb_execution_mode = "off"
nb_code_prompt_show = "Show the code of this figure"
nb_code_prompt_hide = "Hide the code of this figure"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
myst_url_schemes = {"http": None, "https": None, "mailto": None, "source": "{{path}}"}

python_maximum_signature_line_length = 72
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
smartquotes_action = "q"  # quotes only, because `--` is part of commands
pygments_style = "default"

viewcode_follow_imported_members = False

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
pygments_dark_style = "github-dark"
html_theme_options = {"navigation_with_keys": True}

# MathJax with its glyphs in one file, because browsers may not load fonts for local pages.
offline = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
html_static_path = [
    str(Path(__file__).parent / "static"),
    str(Path(offline) / "static" / "mathjax" / "tex-svg.js"),
]
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"fontCache": "local"}}
html_favicon = str(Path(__file__).parent / "static" / "icon.svg")
html_css_files = ["style.css", "interactive.css"]
html_js_files = [("site.js", {"priority": 600})]

LONG = 34
"""Characters of a word of code that fit on a line of a phone, also in a list."""


def describe(app, doctree) -> None:
    """Set the alternative text of notebook figures, which MyST-NB names by their SHA-256."""
    texts = json.loads(Path(app.srcdir, "alternatives.json").read_text("utf-8"))
    for image in doctree.findall(nodes.image):
        image["alt"] = texts.get(Path(image["uri"]).stem, image.get("alt", ""))


def keep_together(app, doctree) -> None:
    """Keep punctuation on the line of its formula, and let only long words of code break."""
    for formula in list(doctree.findall(nodes.math)):
        around, place = formula.parent, formula.parent.index(formula)
        beside = [around[at] if 0 <= at < len(around) else None for at in (place - 1, place + 1)]
        before, after = (one if isinstance(one, nodes.Text) else "" for one in beside)
        opening = re.search(r"[(“]*$", before)[0]
        closing = re.match(r"[.,;:?!)”]*", after)[0]
        if not opening + closing:
            continue
        together = nodes.inline(classes=["together"])
        around[place] = together
        together += [nodes.Text(opening), formula, nodes.Text(closing)]
        if closing:
            around[place + 1] = nodes.Text(after.removeprefix(closing))
        if opening:
            around[place - 1] = nodes.Text(before.removesuffix(opening))
    for code in doctree.findall(nodes.literal):
        if max(map(len, code.astext().split()), default=0) > LONG:
            code["classes"].append("long")


def setup(app) -> None:
    """Register `describe`, `keep_together`, the dark figures and "Run" with Sphinx."""
    run_in_page.register(app)
    app.connect("doctree-read", describe)
    app.connect("doctree-read", keep_together)
    app.connect("doctree-read", dark.add)
