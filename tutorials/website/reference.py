"""The reference: a page in MyST Markdown for each module of minunet, from its docstrings.

The modules are parsed, not imported. Their docstrings are Markdown with numpydoc sections, which
give the shape of an array where other projects write its type:

    x : (H, W, C)          feature map
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

SECTION = re.compile(r"^(Parameters|Returns|Yields|Raises|Examples)\n-+\n", re.MULTILINE)
NAME = re.compile(r"(?<!`)`([A-Za-z_][\w.]*/?)(\([^`]*\))?`(?!`)")
ORDER = (
    *("minunet", "ops", "fast", "network", "data", "augmentation", "training", "prediction"),
    *("runs", "metrics", "report"),
)
"""Rooms in the order in which to read them."""

Definition = ast.FunctionDef | ast.ClassDef


class Module(NamedTuple):
    """A module with its name, its file and its syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def title(self) -> str:
        """First line of its docstring, without the full stop."""
        return (ast.get_docstring(self.tree) or self.name).splitlines()[0].rstrip(".:")

    @property
    def short(self) -> str:
        """Name within the package."""
        return self.name.removeprefix("minunet.")

    @property
    def is_room(self) -> bool:
        """Whether the module is a package (a room or minunet itself)."""
        return self.path.name == "__init__.py"


class Scope(NamedTuple):
    """The place of a docstring, which determines what its names refer to."""

    module: str
    names: set[str]
    imported: dict[str, str]
    """Full names of imported names."""
    arguments: set[str] = frozenset()

    def link(self, match: re.Match[str]) -> str:
        """Turn a name in backticks into a link to a file of the room or to a public name."""
        name, call = match[1], match[2] or ""
        if name in self.arguments:
            return match[0]
        package, _, last = self.module.rpartition(".")
        if name.endswith((".py", "/")):
            stem = name.removesuffix(".py").removesuffix("/")
            files = (f"{home}.{stem}" for home in (self.module, package))
            page = next((file for file in files if file in self.names), None)
            return f"[{match[0]}]({page}.md)" if page and stem != last else match[0]
        homes = (f"{self.module}.", f"{package}.", "minunet.", "minunet.ops.", "")
        found = next((home + name for home in homes if home + name in self.names), None)
        same = found in (None, self.module) or name == last
        return match[0] if same else f"{{py:obj}}`{name}{call} <{found}>`"


class Full(ast.NodeTransformer):
    """Replace names in annotations by full names, which Sphinx links and shortens."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Replace a public name by its full name."""
        full = self.scope.imported.get(node.id, f"{self.scope.module}.{node.id}")
        return ast.Name(full) if full in self.scope.names else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Resolve an annotation written as a string; keep the values of a `Literal`."""
        if isinstance(node.value, str) and node.value.isidentifier() and node.value.istitle():
            return self.visit_Name(ast.Name(node.value))
        return node

    def text(self, node: ast.AST) -> str:
        """Return the code of an annotation."""
        return ast.unparse(self.visit(node))


def modules(package: Path) -> list[Module]:
    """List the public modules of a package, sorted by name."""
    found = []
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            found.append(Module(".".join(parts), path, ast.parse(path.read_text("utf-8"))))
    return sorted(found)


def rooms(found: list[Module]) -> list[Module]:
    """List minunet itself and then its rooms in reading order."""
    places = {name: place for place, name in enumerate(ORDER)}
    packages = [module for module in found if module.is_room]
    return sorted(packages, key=lambda room: places.get(room.short, len(places)))


def inside(room: Module, found: list[Module]) -> list[Module]:
    """List the modules of a room; return an empty list for any other module."""
    beside = [module for module in found if module.path.parent == room.path.parent]
    return [module for module in beside if not module.is_room] if room.is_room else []


def listing(room: Module, found: list[Module], known: set[str]) -> list[str]:
    """Return the room's own table of files, then a list of modules missing from it."""
    doc = ast.get_docstring(room.tree) or ""
    lines = doc.splitlines() if room.name != room.short else []  # minunet's own table lists rooms
    table = "\n".join(line for line in lines if line.startswith("|"))
    rest = [m for m in inside(room, found) if f"`{m.path.name}`" not in table]
    parts = [NAME.sub(Scope(room.name, known, {}).link, table)] if table else []
    lines = [f"- [`{module.short}`]({module.name}.md): {module.title}" for module in rest]
    return [*parts, *(["\n".join(lines)] if lines else [])]


def public(body: list[ast.stmt]) -> list[tuple[str, ast.stmt, str]]:
    """List the public definitions among statements, each as name, node and docstring.

    A value is public if a docstring follows it.
    """
    found = []
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, Definition):
            found.append((node.name, node, ast.get_docstring(node) or ""))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(target, ast.Name) and said:
                found.append((target.id, node, after.value.value))
    return [(name, node, doc) for name, node, doc in found if not name.startswith("_")]


def names(found: list[Module]) -> set[str]:
    """Return the full names of everything public."""
    every = {module.name for module in found}
    for module in found:
        for name, node, _ in public(module.tree.body):
            every.add(f"{module.name}.{name}")
            if isinstance(node, ast.ClassDef):
                every |= {f"{module.name}.{name}.{inner}" for inner, _, _ in public(node.body)}
    return every


def page(module: Module, known: set[str]) -> str:
    """Write the page of a module."""
    imports = [node for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom)]
    imported = {a.asname or a.name: f"{n.module}.{a.name}" for n in imports for a in n.names}
    scope = Scope(module.name, known, imported)
    parts = [f"# {module.short}", f"```{{py:module}} {module.name}\n```"]
    parts.append(markdown(ast.get_docstring(module.tree) or "", scope))
    parts += [entry(name, node, doc, scope) for name, node, doc in public(module.tree.body)]
    return "\n\n".join(parts) + "\n"


def entry(name: str, node: ast.stmt, doc: str, scope: Scope, owner: str = "") -> str:
    """Write the directive of a function, class or value, with its docstring."""
    inner: list[str] = []
    options = ""
    if isinstance(node, ast.FunctionDef):
        made_by = {ast.unparse(decorator) for decorator in node.decorator_list}
        kind = "method" if owner else "function"
        if made_by & {"property", "functools.cached_property"}:
            kind, title = "property", name
            options = f":type: {Full(scope).text(node.returns)}\n" if node.returns else ""
        else:
            title = name + signature(node, scope, bool(owner) and "staticmethod" not in made_by)
        options += ":classmethod:\n" if "classmethod" in made_by else ""
        arguments = {n.arg for n in ast.walk(node.args) if isinstance(n, ast.arg)}
        scope = scope._replace(arguments=arguments)
    elif isinstance(node, ast.ClassDef):
        bases = " ".join(ast.unparse(base) for base in node.bases)
        kind = "exception" if re.search("Error|Exception", bases) else "class"
        made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        title = name + (signature(made[0], scope, True) if made else fields(node, scope))
        inner = [entry(*member, scope, name) for member in public(node.body)]
    else:
        kind, title = "attribute" if owner else "data", name
        if isinstance(node, ast.AnnAssign):
            options = f":type: {Full(scope).text(node.annotation)}\n"
        if node.value is not None and len(value := ast.unparse(node.value)) < 60:
            options += f":value: {value}\n"
    fence = ":" * (4 if owner else 6)
    full = f"{owner}.{title}" if owner else title
    content = "\n\n".join([markdown(doc, scope), *inner])
    return f"{fence}{{py:{kind}}} {full}\n{options}\n{content}\n{fence}"


def signature(node: ast.FunctionDef, scope: Scope, bound: bool) -> str:
    """Write the parameters and the result of a function, without `self`."""
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg) and argument.annotation:
            argument.annotation = Full(scope).visit(argument.annotation)
    arguments = ast.unparse(node.args)
    if bound:
        arguments = re.sub(r"^(self|cls)(, )?", "", arguments)
    shown = node.returns and node.name != "__init__"
    return f"({arguments})" + (f" -> {Full(scope).text(node.returns)}" if shown else "")


def fields(node: ast.ClassDef, scope: Scope) -> str:
    """Write the parameters of a named tuple or data class: its fields."""
    values = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    for value in values:
        value.annotation = Full(scope).visit(value.annotation)
    return f"({', '.join(ast.unparse(value) for value in values)})" if values else ""


def markdown(doc: str, scope: Scope) -> str:
    """Turn a docstring into Markdown, with links from public names."""
    body, *sections = SECTION.split(_linked(doc, scope))
    parts = [_fenced(body)]
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        shown = _fenced(text) if title == "Examples" else _entries(text)
        parts.append(f"**{title}**\n\n{shown}")
    return "\n\n".join(parts)


def _linked(text: str, scope: Scope) -> str:
    """Turn the names in backticks into links, except in equations and examples."""
    lines = text.split("\n")
    code = re.compile(r"    |>>>|\.\.\.")
    section = re.compile(r" {4,}\w+ : |    (?! )")  # indented lines in sections are prose
    at = next(iter(SECTION.finditer(text)), None)
    first = text[: at.start()].count("\n") if at else len(lines)
    for i, line in enumerate(lines):
        if not code.match(line) or (i > first and section.match(line)):
            lines[i] = NAME.sub(scope.link, line)
    return "\n".join(lines)


def _fenced(text: str) -> str:
    """Put examples and equations into fenced blocks."""
    parts: list[str] = []
    for part in re.split(r"\n{2,}", text.strip("\n")):
        if part.startswith(">>>"):
            part = f"```pycon\n{part}\n```"
        elif part.startswith("    ") and not (parts and parts[-1].startswith("- ")):
            lines = [line.removeprefix("    ") for line in part.split("\n")]
            part = "```text\n" + "\n".join(lines) + "\n```"
        parts.append(part)
    return "\n\n".join(parts).replace("\n```\n\n```text\n", "\n\n")


def _entries(text: str) -> str:
    """Turn a section into a list: each name, its shape, and its meaning."""
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        depth, said = len(line) - len(line.lstrip()), line.strip()
        head, colon, rest = said.partition(" : ")
        if depth and not (colon and re.fullmatch(r"\w+", head)):  # a continued line
            lines[-1] += f" {said}" if " — " in lines[-1] else f" — {said}"
        elif colon and re.fullmatch(r"[\w, *]+", head) and " of " not in head:
            lines.append(f"{' ' * depth}- **{head}** : {_typed(rest)}")
        elif said:
            lines.append(f"- *{head}*" + (f" — {rest}" if colon else ""))
    return "\n".join(lines)


def _typed(rest: str) -> str:
    """Put a shape or type in italics before its meaning."""
    shape, _, meaning = (part.strip() for part in re.split(r"( {2,}|$)", rest, maxsplit=1))
    if meaning:
        return f"*{shape}* — {meaning}"
    return f"*{shape}*" if shape.startswith("(") or " " not in shape else shape
