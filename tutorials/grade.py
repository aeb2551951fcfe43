"""Mark the exercises of the chapters: run students' notebooks and print a table per student.

Every file runs in a process of its own, with limits on time and memory. The checks are those of
this repository: a check that a student defines, imports or changes does not count. Code that runs
too long, needs too much memory or ends Python costs its own exercise only. The last answer to an
exercise counts. Notebooks can read and write files as you can, so run work that you do not trust in
a container or as another user.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import faulthandler
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

HERE = Path(__file__).resolve().parent
SUFFIXES = (".ipynb", ".py")
NOT_HOMEWORK = {"exercises", "solutions", "minunet", "tests", "00_overview.ipynb"}
"""Parts of the repository that a student may hand in, too. Chapter 0 only shows a check."""

WORKER = "--worker"
RIGHT, WRONG, OPEN, TIME_OUT = "right", "wrong", "open", "time-out"
STOPPED = "the code ended Python, or ran out of memory"
DEFINITIONS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
RESTORED = {"builtins", "math", "numpy", "scipy", "minunet"}
"""Packages that the checks use, and whose names an answer may have replaced."""


class Mark(NamedTuple):
    """The result of an exercise."""

    chapter: str
    exercise: str
    result: str
    note: str


class Limits(NamedTuple):
    """What a student's code may use."""

    seconds: float  # between one check and the next
    memory: int  # bytes


# What runs in the process of a notebook. It writes one JSON object per line to a file.


class Unit(NamedTuple):
    """Statements that run together, up to and including the calls of checks that end them."""

    statements: list[ast.stmt]
    calls: list[tuple[tuple[str, str], ast.expr]]  # (chapter, check) and its argument
    error: str = ""  # why the cell cannot run


def cells(path: Path) -> list[str]:
    """Return the text of each cell; that of markdown in a notebook as a comment."""
    text = path.read_text("utf-8-sig")
    if path.suffix == ".py":
        return re.split(r"^(?=# ?%%)", text, flags=re.MULTILINE)
    found = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        code = cell["cell_type"] == "code"
        found.append(source if code else textwrap.indent(source, "# ", lambda line: True))
    return found


def parse(cell: str) -> list[ast.stmt]:
    """Parse a cell, without IPython's `%` and `!` lines."""
    try:
        return ast.parse(cell).body
    except SyntaxError:
        return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", cell, flags=re.MULTILINE)).body


class Notebook:
    """The code of a student's file, in units.

    Parameters
    ----------
    path : file
    checks : chapter → names of its checks
    whole : whether to run everything, and not only definitions before the heading "Exercises"
    """

    def __init__(self, path: Path, checks: dict[str, set[str]], whole: bool) -> None:
        self.checks, self.bound, self.units = checks, {}, []
        self.chapters = [slug for slug in checks if path.stem.endswith(slug)]
        for slug in self.chapters:  # the file may lack its imports
            self.bound |= {name: (slug, name) for name in checks[slug]}
        texts = cells(path)
        heading = re.compile(r"^(# )*## Exercises", re.MULTILINE)
        first = next((k for k, text in enumerate(texts) if heading.search(text)), 0)
        for at, text in enumerate(texts):
            self._add(text, None if whole or at >= first else DEFINITIONS)

    def _add(self, text: str, kept: Any) -> None:
        """Add the units of a cell, of which only statements of some kind may be kept."""
        try:
            statements = parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            called = re.findall(r"\b(\w+)\s*\(", text)
            calls = [(self.bound[name], ast.Constant(...)) for name in called if name in self.bound]
            line = f" in line {error.lineno} of the cell" if isinstance(error, SyntaxError) else ""
            self.units.append(Unit([], calls, f"{type(error).__name__}{line}"))
            return
        unit = Unit([], [])
        for statement in statements:
            self._bind(statement)
            if kept and not isinstance(statement, kept):
                continue
            calls = list(self._calls(statement))
            if not (calls and isinstance(statement, ast.Expr)):
                unit.statements.append(statement)
            unit.calls.extend(calls)
            if calls:
                self.units.append(unit)
                unit = Unit([], [])
        self.units.append(unit)

    def _bind(self, statement: ast.stmt) -> None:
        """Remember under which names a statement imports checks."""
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and node.module:
                slug = node.module.rpartition(".")[2]
                if "exercises" in node.module and slug in self.checks:
                    if slug not in self.chapters:
                        self.chapters.append(slug)
                    for alias in node.names:
                        if alias.name in self.checks[slug]:
                            self.bound[alias.asname or alias.name] = slug, alias.name

    def _calls(self, statement: ast.stmt) -> Iterator[tuple[tuple[str, str], ast.expr]]:
        """Find calls of checks in a statement, each with the expression of its argument."""
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            return
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in self.bound and len(node.args) == 1:
                    yield self.bound[node.func.id], node.args[0]


def load() -> dict[str, dict[str, Callable[[Any], Any]]]:
    """Import the checks; what the student's code imports later is another copy of them."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    found = {}
    for path in sorted((HERE / "exercises").glob("*.py")):
        module = importlib.import_module(f"exercises.{path.stem}")
        checks = {name: c for name, c in vars(module).items() if name.startswith("check_")}
        if checks:
            found[path.stem] = checks
    for name in [name for name in sys.modules if name.partition(".")[0] == "exercises"]:
        del sys.modules[name]
    sys.modules["solutions"] = None  # so that no answer can import it
    return found


def limit_memory(size: int) -> None:
    """Limit the memory of this process, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def failure(error: BaseException) -> str:
    """Describe an exception in one line."""
    return " ".join(f"the cell raised {type(error).__name__}: {error}".split())


def execute(statements: list[ast.stmt], names: dict[str, Any]) -> str:
    """Run statements; say what they raised, or return an empty string."""
    for statement in statements:
        try:
            exec(compile(ast.Module([statement], []), "answer", "exec"), names)
        except MemoryError:  # what is left may not be enough to go on
            os._exit(1)
        except BaseException as error:  # SystemExit, too
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                return failure(error)
    return ""


def judge(check: Callable[[Any], Any], argument: ast.expr, names: dict[str, Any]) -> list[str]:
    """Return the result and a note on an answer."""
    try:
        answer = eval(compile(ast.Expression(argument), "answer", "eval"), names)
    except BaseException as error:
        return [WRONG, failure(error)]
    try:
        verdict = check(answer)
    except BaseException as error:  # SystemExit in an answer
        return [WRONG, failure(error)]
    if verdict.right:
        return [RIGHT, ""]
    is_open = verdict.message.startswith("Open")
    return [OPEN, ""] if is_open else [WRONG, verdict.message.removeprefix("Not yet: ")]


def work(order: dict[str, Any]) -> NoReturn:
    """Run a notebook in this process, and write what is found to a file."""
    report = os.open(order["report"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(**found: Any) -> None:
        os.write(report, (json.dumps(found) + "\n").encode())

    del sys.argv[1:]  # an answer need not know where the report is
    limit_memory(order["memory"])
    checks = load()
    try:
        notebook = Notebook(Path(order["path"]), checks, order["whole"])
    except Exception as error:
        tell(unreadable=type(error).__name__)
        os._exit(0)
    for slug in notebook.chapters:
        for name in checks[slug]:
            tell(exercise=[slug, name], mark=[OPEN, "the notebook does not call the check"])
    kept = [
        (module, dict(vars(module)))
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in RESTORED and isinstance(module, types.ModuleType)
    ]
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    for at, unit in enumerate(notebook.units):
        tell(at=at)
        stopped = order["stopped"].get(str(at))
        faulthandler.dump_traceback_later(order["seconds"], exit=True, file=report)
        wrong = unit.error or (not stopped and execute(unit.statements, vars(main)))
        for (slug, name), argument in unit.calls:
            mark = stopped or [WRONG, wrong]
            if not stopped and not wrong:
                for module, names in kept:
                    vars(module).update(names)
                mark = judge(checks[slug][name], argument, vars(main))
            tell(exercise=[slug, name], mark=mark)
    tell(done=True)
    os._exit(0)  # whatever threads the student's code has started


# What runs in the teacher's process.


def run(path: Path, limits: Limits, whole: bool) -> list[Mark]:
    """Run a file until it ends; leave out each unit that stopped the process, and begin again."""
    stopped: dict[int, tuple[str, str]] = {}
    while True:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report")
            order = {"path": str(path.resolve()), "whole": whole, "report": str(report)}
            order |= {"stopped": stopped, **limits._asdict()}
            _process(json.dumps(order), folder, 100 * limits.seconds)
            said = report.read_text("utf-8", "replace") if report.exists() else ""
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        marks = {tuple(line["exercise"]): line["mark"] for line in lines if "exercise" in line}
        at = next((line["at"] for line in reversed(lines) if "at" in line), None)
        failed = next((line["unreadable"] for line in lines if "unreadable" in line), "")
        if lines and "done" in lines[-1]:
            return [
                Mark(slug, name.removeprefix("check_"), *mark)
                for (slug, name), mark in marks.items()
            ]
        if failed or at is None or at in stopped:
            return [Mark("", path.name, WRONG, f"the file cannot be read ({failed or STOPPED})")]
        slow = TIME_OUT, f"stopped after {limits.seconds:g} s"
        stopped[at] = slow if "Timeout (" in said else (WRONG, STOPPED)


def _process(order: str, folder: str, seconds: float) -> None:
    """Run a worker to its end, and end whatever it has started."""
    quiet = {"MPLBACKEND": "Agg", "MPLCONFIGDIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    quiet |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, __file__, WORKER, order],
        cwd=folder,
        env=os.environ | quiet,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:  # an answer has switched off the limit on its time
        pass
    finally:
        with contextlib.suppress(OSError, AttributeError):  # it has ended; or this is Windows
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def grade(paths: list[Path], limits: Limits) -> list[Mark]:
    """Mark a student's files. Of several answers to an exercise, in several files, the best counts.

    Parameters
    ----------
    paths : files
    limits : of time and memory
    """
    best: dict[tuple[str, str], Mark] = {}
    order = (OPEN, TIME_OUT, WRONG, RIGHT)
    for path in paths:
        marks = run(path, limits, whole=False)
        if any("NameError" in mark.note for mark in marks):  # it needs what the chapter computes
            marks = run(path, limits, whole=True)
        for mark in marks:
            before = best.setdefault(mark[:2], mark)
            best[mark[:2]] = max(before, mark, key=lambda each: order.index(each.result))
    return list(best.values())


def submissions(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each student, by name."""
    students: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            students[path.name] = [
                file
                for file in sorted(path.rglob("*"))
                if file.suffix in SUFFIXES
                and not any(p.startswith(".") for p in file.relative_to(path).parts)
                and not NOT_HOMEWORK.intersection(file.relative_to(path).parts)
            ]
        elif path.suffix in SUFFIXES:
            students.setdefault(path.stem, []).append(path)
    return students


def table(student: str, marks: list[Mark]) -> list[str]:
    """Lay out a student's marks, a line for each."""
    right = sum(mark.result == RIGHT for mark in marks)
    lines = [f"{student}: {right} of {len(marks)} right" if marks else f"{student}: no exercises"]
    width = max(shutil.get_terminal_size().columns, 80)
    for mark in marks:
        line = f"  {mark.chapter:<16} {mark.exercise:<18} {mark.result:<9} "
        lines.append(line + textwrap.shorten(mark.note, width - len(line), placeholder=" …"))
    return [line.rstrip() for line in lines]


def main() -> None:
    """Run the command line."""
    from minunet.cli import Parser, at_least, parse_path, say
    from minunet.console import accept_any_text
    from minunet.prediction.memory import parse_bytes

    accept_any_text()
    description, _, epilog = __doc__.partition("\n\n")
    parser = Parser("grade", description)
    parser.prog, parser.epilog = "python tutorials/grade.py", epilog
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=parse_path,
        help="folder with a notebook (.ipynb), a script (.py) or a folder of them for each student",
    )
    parser.add_argument(
        "--csv", metavar="FILE", type=parse_path, help="also write the marks to this new file"
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=at_least(1, float, most=36_000),
        default=60.0,
        help="time limit for each exercise (default: 60)",
    )
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        type=parse_bytes,
        default=parse_bytes("4GB"),
        help="memory limit of each notebook; not on Windows and macOS (default: 4GB)",
    )
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        parser.error(f"{asked.folder} is not a folder")
    students = submissions(asked.folder)
    if not students:
        parser.error(f"{asked.folder} contains no notebook, script or folder")
    rows: list[tuple[str, ...]] = [("student", *Mark._fields)]
    with contextlib.ExitStack() as stack:
        if asked.csv:
            try:
                file = stack.enter_context(asked.csv.open("x", newline="", encoding="utf-8"))
            except OSError as error:
                parser.error(f"{asked.csv} cannot be created: {error.strerror}")
        for student, paths in students.items():
            marks = grade(paths, Limits(asked.seconds, asked.memory))
            rows += [(student, *mark) for mark in marks]
            say(*table(student, marks))
        if asked.csv:
            csv.writer(file).writerows(rows)


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        work(json.loads(sys.argv[2]))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
