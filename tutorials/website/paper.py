"""The course on paper: all chapters of the site in one page, which a browser prints to a PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from html import escape
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
"""Browsers that can print without a window, by the names of their programs."""

SECONDS = 600
"""Time limit of the browser, in seconds."""

PAGE = "_course.html"
ARTICLE = re.compile(r'<article role="main".*?</article>', re.DOTALL)
SCRIPT = re.compile(r"<script\b.*?</script>\s*", re.DOTALL)
DARK = re.compile(r'<img[^>]* class="on-dark"[^>]*>\s*')
FOLDED = re.compile(r'<details class="[^"]*\bhide\b.*?</details>', re.DOTALL)
HREF = re.compile(r' href="([^"]*)"')

STYLE = """
@page { size: A4; margin: 18mm 17mm 20mm;
        @bottom-center { content: counter(page); font: 9pt sans-serif; } }
body { font-size: 9.5pt; line-height: 1.4; }
article { break-before: page; }
article:first-of-type { break-before: auto; }
h1 { font-size: 22pt; } h2 { font-size: 15pt; } h3 { font-size: 12pt; }
h1, h2, h3 { break-after: avoid; }
pre { font-size: 7.5pt; line-height: 1.35; }
p, li { orphans: 3; widows: 3; }
div.cell_output img { max-width: 150mm; max-height: 200mm; padding: 0; break-inside: avoid; }
svg.course { max-height: 200mm; break-inside: avoid; }
a { color: inherit; text-decoration: none; }
a.headerlink { display: none; }
"""


def browser() -> str:
    """Return the path of a browser.

    Raises a `ValueError` if none is installed.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise ValueError(f"printing needs a browser; install one of {', '.join(BROWSERS)}")
    return found


def bound(site: Path) -> str:
    """Return all chapters of a built site as one page, without the code that only draws.

    Links between chapters lead to the chapter in the page, and other links to files are removed.
    """
    pages = {path.name: path.read_text("utf-8") for path in sorted(site.glob("[0-9][0-9]_*.html"))}
    index = (site / "index.html").read_text("utf-8")
    title = re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)<a", index, re.DOTALL)[1])
    articles = [_article(name, page, set(pages)) for name, page in pages.items()]
    first = next(iter(pages.values()))
    styles = re.findall(r'<link rel="stylesheet"[^>]*>|<style>.*?</style>', first, re.DOTALL)
    # Of the scripts, only those that draw formulas; pages without formulas do not have them.
    scripts = dict.fromkeys(
        one
        for page in pages.values()
        for one in SCRIPT.findall(page)
        if "window.MathJax" in one or "tex-svg" in one
    )
    names = "".join(
        f'<li><a href="#{name}">{re.search(r"<h1>(.*?)<a", page, re.DOTALL)[1]}</a></li>'
        for name, page in pages.items()
    )
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>{"".join(styles)}'
    contents = f'<article><h1>{title}</h1><ul style="list-style: none">{names}</ul></article>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style>{"".join(scripts)}'
        f'</head>\n<body data-theme="light">{contents}{"".join(articles)}</body></html>\n'
    )


def _article(name: str, page: str, names: set[str]) -> str:
    """Return the text of a chapter; its anchors begin with its name, so that they are unique."""
    text = ARTICLE.search(page)[0]
    for unwanted in (SCRIPT, DARK, FOLDED):
        text = unwanted.sub("", text)

    def link(match: re.Match[str]) -> str:
        file, _, anchor = match[1].partition("#")
        if ":" in file:  # a web address
            return match[0]
        if (file or name) not in names:
            return ""
        return f' href="#{file or name}{anchor and "-" + anchor}"'

    text = re.sub(r'(?<= id=")(?=[^"])|(?<=url\(#)', f"{name}-", HREF.sub(link, text))
    return re.sub(r'<article role="main"[^>]*>', f'<article id="{name}">', text)


def printed(site: Path, out: Path) -> None:
    """Print the chapters of a built site to a PDF.

    Raises a `ValueError` if there is no browser, or if it fails.
    """
    program = browser()
    page = site / PAGE
    page.write_text(bound(site), "utf-8")
    try:
        with tempfile.TemporaryDirectory() as profile:
            command = [program, "--headless", "--disable-gpu", "--no-pdf-header-footer"]
            command += ["--generate-pdf-document-outline", f"--user-data-dir={profile}"]
            if getattr(os, "geteuid", lambda: 1)() == 0:
                command += ["--no-sandbox"]  # which Chromium does not have for this user
            # The clock of the page stands still while it loads and draws, so the formulas are done.
            command += ["--virtual-time-budget=60000", f"--print-to-pdf={out.resolve()}"]
            done = subprocess.run(
                [*command, page.resolve().as_uri()], capture_output=True, text=True, timeout=SECONDS
            )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{program} did not print the course within {SECONDS} s") from None
    finally:
        page.unlink()
    if done.returncode or not out.is_file():
        last = (done.stderr.strip().splitlines() or ["it wrote no file"])[-1]
        raise ValueError(f"{program} did not print the course: {last}")
