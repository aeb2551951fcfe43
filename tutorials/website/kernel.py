"""Run the cells of a chapter, one after another, in the Pyodide of its page.

The page receives each piece of output by a call of `emit(kind, content)`: text on stdout or
stderr, HTML, or an error. A figure is `emit("image", png, alternative, dark)`; both PNGs are in
base 64, and `dark` is None if the figure has no version for dark pages.
"""

from __future__ import annotations

import ast
import base64
import io
import linecache
import logging
import symtable
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import Any

Emit = Callable[..., None]


def needed(sources: Sequence[str]) -> list[int]:
    """List the cells that the last one needs, by the names that they bind or change, and use.

    So an exercise can run without everything else that its chapter computes.
    """
    *above, last = map(_names, sources)
    wanted, found = last[1], set[int]()
    while more := {k for k, (changed, _) in enumerate(above) if changed & wanted} - found:
        found |= more
        wanted = wanted.union(*(above[k][1] for k in more))
    return sorted(found)


def _names(source: str) -> tuple[set[str], set[str]]:
    """Return the variables that a cell binds or changes, and those of other cells that it uses."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set(), set()
    changed, used, own = set[str](), set[str](), set[str]()
    for statement in tree.body:
        of_it, needs = _names_of_statement(statement)
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            needs.discard(statement.name)  # it is bound before it is called
        changed |= of_it
        used |= needs - own
        if not isinstance(statement, ast.If | ast.For | ast.While | ast.Try | ast.AugAssign):
            own |= of_it - needs  # from here on, the cell uses its own
    return changed, used


def _names_of_statement(tree: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the variables that a statement binds or changes, and those that it uses."""
    cell = symtable.symtable(ast.unparse(tree), "cell", "exec")
    changed = {s.get_name() for s in cell.get_symbols() if s.is_assigned() or s.is_imported()}
    used: set[str] = set()
    tables = [cell]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for s in table.get_symbols():
            if s.is_referenced() and (s.is_global() or table is cell):
                used.add(s.get_name())
    for node in ast.walk(tree):
        inside = isinstance(getattr(node, "ctx", None), ast.Store)  # x[0] = …, x.y = …
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            node, inside = node.value.func, True  # x.append(…)
        while inside and isinstance(node, ast.Subscript | ast.Attribute):
            node = node.value
            if isinstance(node, ast.Name):
                changed.add(node.id)
    return changed, used


class Stream(io.TextIOBase):
    """Text for one output of the page."""

    def __init__(self, emit: Emit, kind: str) -> None:
        self.emit, self.kind = emit, kind

    def write(self, text: str) -> int:
        """Show the text at once."""
        self.emit(self.kind, text)
        return len(text)


class Kernel:
    """The variables of one page, and the way to its output.

    Parameters
    ----------
    emit : shows a piece of output
    """

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        main = ModuleType("__main__")
        self.variables = main.__dict__
        sys.modules["__main__"] = main  # so that inspect finds the source of what a cell defines
        self._provide_display()
        if sys.platform == "emscripten":  # its processor time is always 0
            time.process_time = time.perf_counter
        # Matplotlib lists the fonts when it is first imported, and warns that this takes a moment.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

    def _provide_display(self) -> None:
        """Provide `IPython.display.display`, which `figures.show` calls, without IPython."""
        package, module = ModuleType("IPython"), ModuleType("IPython.display")
        package.display = module  # type: ignore[attr-defined]
        package.get_ipython = lambda: None  # type: ignore[attr-defined]  # Matplotlib asks
        module.display = self._display  # type: ignore[attr-defined]
        sys.modules |= {"IPython": package, "IPython.display": module}

    def _display(self, *values: Any, metadata: Any = None, raw: bool = False) -> None:
        for value in values:
            data = value if raw else {"text/plain": repr(value)}
            if "image/png" in data:
                self._image(base64.b64decode(data["image/png"]), data.get("text/plain", ""))
            elif drawn := data.get("image/svg+xml", data.get("text/html")):
                self.emit("html", drawn)
            else:
                self.emit("stdout", f"{data['text/plain']}\n")

    def _image(self, png: bytes, alternative: str = "") -> None:
        from website.dark import version  # not sooner, because it imports SciPy

        dark = version(png)
        light, other = (one and base64.b64encode(one).decode() for one in (png, dark))
        self.emit("image", light, alternative, other)

    def run(self, name: str, source: str) -> bool:
        """Run a cell; return whether it ran to its end.

        As in Jupyter, the value of an expression in the last line is shown.
        """
        file = f"<{name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        with (
            redirect_stdout(Stream(self.emit, "stdout")),
            redirect_stderr(Stream(self.emit, "stderr")),
        ):
            try:
                body = ast.parse(source, file).body
                last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
                exec(compile(ast.Module(body, []), file, "exec"), self.variables)
                if last is not None:
                    value = eval(compile(ast.Expression(last.value), file, "eval"), self.variables)
                    if value is not None and not source.rstrip().endswith(";"):
                        self._display(value)
                self._show_open_figures()
            except BaseException as error:
                self.emit("error", self._told(error))
                return False
        return True

    def _show_open_figures(self) -> None:
        """Show and close the figures that a cell left open."""
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            for number in pyplot.get_fignums():
                png = io.BytesIO()
                pyplot.figure(number).savefig(png, format="png", bbox_inches="tight")
                self._image(png.getvalue())
            pyplot.close("all")

    def _told(self, error: BaseException) -> str:
        """Return the traceback of an error, from the cell on."""
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        return "".join(traceback.format_exception(type(error), error, trace))
