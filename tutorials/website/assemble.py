"""Write the sources of the site: chapters, pages, the reference and all linked files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from base64 import b64decode
from collections import Counter
from pathlib import Path, PurePosixPath

from website import reference
from website.interactive import add_figure

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = ROOT / "tutorials"
PAGES = TUTORIALS / "pages"
LINK = re.compile(r"(?<=\]\()(?![a-z+]+:|#)([^()\s#]+)(#[^()\s]*)?(?=\))")
MENTION = re.compile(r"\[[^\]]*\]\([^)]*\)|(?<!`)`([\w.-]+/[\w./-]*|\w+\.py)`(?!`)")
FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`[^`\n]+`)")
NOTEBOOK = re.compile(r'(?<=href=")(\w+)\.ipynb(?=")')
"""A link to another chapter, in a drawing."""

ORPHAN = "---\norphan: true\n---\n\n"
"""Front matter of a page that need not be in a table of contents."""

ASIDE = "---\norphan: true\nnosearch: true\n---\n\n"
"""Front matter of a page that the search leaves out as well."""

LANGUAGES = {".py": "python", ".toml": "toml", ".css": "css"}

START = """
```{{toctree}}
:hidden:
:caption: Chapters

{chapters}
```

```{{toctree}}
:hidden:
:caption: The package

files/README.md
{pages}
files/benchmarks/README.md
reference/index
```
"""


def toctree(names: list[str]) -> str:
    """Return a hidden table of contents, or an empty string without names."""
    listed = "\n".join(names)
    return f"\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n" if names else ""


class Sources:
    """A folder of sources for Sphinx, filled from the repository.

    Parameters
    ----------
    folder : an empty folder, or a new one
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules = {m.path: m.name for m in reference.modules(ROOT / "minunet")}
        counts = Counter(path.name for path in self.modules)
        self.once = {name for name, count in counts.items() if count == 1}
        """File names that occur only once in the package, so that texts may omit the folder."""
        self.written: set[PurePosixPath] = set()
        self.alternatives: dict[str, str] = {}
        """Alternative text of each figure, by the SHA-256 of its PNG."""

    def fill(self) -> None:
        """Write all pages."""
        chapters = sorted(TUTORIALS.glob("[0-9][0-9]_*.ipynb"))
        for path in chapters:
            self.chapter(path)
        readme = (TUTORIALS / "README.md").read_text("utf-8")
        text = self.linked(readme, TUTORIALS, PurePosixPath("index.md"))
        names = "\n".join(path.name for path in chapters)
        # In the order of the README.
        pages = dict.fromkeys(re.findall(r"\]\((pages/[\w.]+)\)", readme))
        self.write("index.md", text + START.format(chapters=names, pages="\n".join(pages)))
        self.file(ROOT / "README.md")
        self.file(ROOT / "benchmarks" / "README.md")
        self.reference()
        self.write("alternatives.json", json.dumps(self.alternatives))

    def write(self, name: str, text: str) -> None:
        """Write one page."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def chapter(self, path: Path) -> None:
        """Copy a notebook, rewriting its links; remember the alternative texts of its figures."""
        notebook = json.loads(path.read_text("utf-8"))
        add_figure(notebook["cells"], path.name[:2])
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                cell["source"] = self.linked(text, TUTORIALS, PurePosixPath(path.name))
            if "draws" in (tags := cell["metadata"].get("tags", [])):
                tags.append("hide-input")  # MyST-NB folds it
            for output in cell.get("outputs", []):
                if svg := output.get("data", {}).pop("image/svg+xml", None):
                    # Inline, not as an image, so that its links work and its size follows the page.
                    output["data"]["text/html"] = NOTEBOOK.sub(r"\1.html", "".join(svg))
                png = output.get("data", {}).get("image/png")
                if png:
                    key = hashlib.sha256(b64decode("".join(png))).hexdigest()
                    self.alternatives[key] = output["metadata"]["image/png"]["alt"]
        self.write(path.name, json.dumps(notebook))

    def reference(self) -> None:
        """Write a page for each module, and a list of modules by room."""
        found = reference.modules(ROOT / "minunet")
        known = reference.names(found)
        for module in found:
            inside = reference.inside(module, found)
            listed = toctree([one.name for one in inside])
            self.write(f"reference/{module.name}.md", reference.page(module, known) + listed)
        rooms = reference.rooms(found)
        parts = [
            "# Reference",
            "This reference is made from the docstrings of all modules. Where other projects give "
            "the type of an array, these docstrings give [its shape](../pages/notation.md). A room "
            "is a folder of the package.",
            "| room | contents |\n|---|---|\n"
            + "\n".join(f"| [`{room.short}`]({room.name}.md) | {room.title} |" for room in rooms),
        ]
        for room in rooms:
            parts += [f"## {room.short}", *reference.listing(room, found, known)]
        self.write(
            "reference/index.md", "\n\n".join(parts) + toctree([room.name for room in rooms])
        )

    def linked(self, text: str, home: Path, page: PurePosixPath) -> str:
        """Rewrite Markdown links to files of the repository so that they lead to pages of the site.

        Parameters
        ----------
        text : the Markdown
        home : the folder that its links are relative to
        page : path of its page in the site
        """

        def replace(match: re.Match[str]) -> str:
            path = Path(os.path.normpath(home / match[1]))
            if not path.exists() or not path.is_relative_to(ROOT):
                raise ValueError(f"{page} links to {match[1]}, which is not in the repository")
            target = self.target(path)
            up = "../" * (len(page.parts) - 1)
            if str(target).startswith("_modules/"):
                return f"source:{up}{target}"
            return f"{up}{target}{match[2] or ''}"

        def mention(match: re.Match[str]) -> str:
            if match[1] is None:  # already a link
                return match[0]
            homes = [ROOT / match[1], ROOT / "minunet" / match[1], home / match[1]]
            homes += (
                [p for p in self.modules if p.name == match[1]] if match[1] in self.once else []
            )
            path = next((Path(os.path.normpath(p)) for p in homes if p.exists()), None)
            here = path and os.path.relpath(path, home)
            return f"[{match[0]}]({here})" if path and path.is_relative_to(ROOT) else match[0]

        blocks = FENCE.split(text)  # code blocks have odd indices
        for i in range(0, len(blocks), 2):
            parts = CODE.split(MENTION.sub(mention, blocks[i]))
            parts[::2] = [LINK.sub(replace, part) for part in parts[::2]]
            blocks[i] = "".join(parts)
        return "".join(blocks)

    def target(self, path: Path) -> PurePosixPath:
        """Return the page for a file or folder of the repository; write it if necessary."""
        if path.is_dir():
            fronts = [path / name for name in ("__init__.py", "README.md")]
            if not any(front.exists() for front in fronts) or path.name == "exercises":
                return self.listing(path)
            path = next(front for front in fronts if front.exists())
        if path in self.modules:
            name = self.modules[path]
            tree = reference.ast.parse(path.read_text("utf-8"))
            if reference.public(tree.body) and path.name != "__init__.py":
                return PurePosixPath("_modules", f"{name.replace('.', '/')}.html")
            return PurePosixPath("reference", f"{name}.md")
        if path.parent == TUTORIALS and path.name == "README.md":
            return PurePosixPath("index.md")
        if path.parent == TUTORIALS and path.with_suffix(".ipynb").exists():
            return PurePosixPath(path.with_suffix(".ipynb").name)
        return self.file(path)

    def file(self, path: Path) -> PurePosixPath:
        """Write the page of a file: Markdown with rewritten links, a copy or a code block."""
        inside = PurePosixPath(path.relative_to(ROOT).as_posix())
        copied = path.suffix in (".png", ".svg", ".jpg", ".npz")
        ending = "" if copied or path.suffix == ".md" else ".md"
        page = PurePosixPath("files", f"{inside}{ending}")
        if path.parent == PAGES:
            page = PurePosixPath("pages", path.name)
        if page in self.written:
            return page
        self.written.add(page)
        if copied:
            (self.folder / page).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.folder / page)
        elif path.suffix == ".md":
            text = self.linked(path.read_text("utf-8"), path.parent, page)
            self.write(str(page), ORPHAN + text)
        else:
            language = LANGUAGES.get(path.suffix, "text")
            code = path.read_text("utf-8").rstrip()
            self.write(str(page), f"{ASIDE}# {inside}\n\n``````{language}\n{code}\n``````\n")
        return page

    def listing(self, path: Path) -> PurePosixPath:
        """Write a page that lists the files of a folder."""
        inside = path.relative_to(ROOT)
        page = PurePosixPath("files", inside.as_posix(), "index.md")
        if page not in self.written:
            self.written.add(page)
            rows = [f"- [{p.name}]({p.name})" for p in sorted(path.iterdir()) if p.is_file()]
            text = f"{ASIDE}# {inside}\n\n" + "\n".join(rows) + "\n"
            self.write(str(page), self.linked(text, path, page))
        return page
