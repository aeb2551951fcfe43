"""Change a module in small ways, and list the changes that its tests do not notice.

    python benchmarks/mutants.py ops/relu.py
    python benchmarks/mutants.py metrics/rand.py --count 50 --tests tests/metrics/test_em.py

Each mutant has one change: another operator or comparison, a constant off by one, a flipped
default, two arguments swapped, a condition negated, a statement removed, a slice without one of its
ends, or a related function (max for min). For each, the tests that mirror the module run in a
temporary copy of the repository; the working tree is not touched. A mutant that passes survives:
either a test is missing, or the change is equivalent (no input can tell the two apart), which is
for a person to judge. Exit code 0, whether or not mutants survive; 2 if the tests fail without any
change.
"""

import argparse
import ast
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "*.ipynb")

OPERATORS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Div, ast.Mult],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.BitXor: [ast.BitOr],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
"""Operators, and those that may replace them."""

PAIRS = [
    *(("max", "min"), ("maximum", "minimum"), ("argmax", "argmin"), ("any", "all")),
    *(("sum", "mean"), ("floor", "ceil"), ("zeros", "ones"), ("zeros_like", "ones_like")),
    *(("float32", "float64"), ("sqrt", "square"), ("exp", "log"), ("rows", "columns")),
]
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
"""Names of functions and types, and those that may replace them."""

BUILT_IN = ("max", "min", "any", "all", "sum")
SYMMETRIC = ("max", "min", "maximum", "minimum", "logical_and", "logical_or", "isclose")
"""Functions whose first two arguments may be swapped without a difference."""


LONGEST = 10.0
"""Seconds that a mutant may take in addition to three times the time of the original."""


class Mutant(NamedTuple):
    """A module with one change."""

    line: int
    change: str  # `before → after`, and the line in which it is
    source: str


def mutants(source: str) -> list[Mutant]:
    """Make all mutants of a module, in the order of its lines."""
    tree = ast.parse(source)
    original = ast.dump(tree)
    found, lines = [], source.splitlines()
    for number, node in enumerate(ast.walk(tree)):
        node.number = number  # type: ignore[attr-defined]
    for place in list(_places(tree)):
        for change in range(len(list(_changes(deepcopy(place))))):
            copy = deepcopy(tree)
            node = next(n for n in ast.walk(copy) if n.number == place.number)  # type: ignore
            before = ast.unparse(node)
            after = list(_changes(node))[change]
            _replace(copy, node, after)
            ast.fix_missing_locations(copy)
            if ast.dump(copy) != original:
                line = place.lineno  # type: ignore[attr-defined]
                change = f"{_described(before, after)}    in: {lines[line - 1].strip()}"
                found.append(Mutant(line, change, ast.unparse(copy)))
    return sorted(found, key=lambda mutant: mutant.line)


def _described(before: str, after: ast.AST) -> str:
    """Describe a change in one line."""
    texts = (" ".join(text.split()) for text in (before, ast.unparse(after)))
    return " → ".join(text if len(text) <= 70 else text[:67] + "…" for text in texts)


def _places(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that may be changed: no docstrings, types, imports, messages, decorators."""
    for field, value in ast.iter_fields(tree):
        skipped = ("annotation", "returns", "decorator_list", "type_params", "bases")
        if field in skipped or isinstance(tree, (ast.Raise, ast.Assert)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.JoinedStr, ast.alias)):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            yield child
            yield from _places(child)


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Replace a node of a tree."""
    if new is old:  # changed in place
        return
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(child is old for child in value):
                value[:] = [new if child is old else child for child in value]


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the changes of a node, each a new node."""
    if isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)):
        for other in OPERATORS.get(type(node.op), []):
            yield _with(node, op=other())
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            for other in OPERATORS[type(op)]:
                yield _with(node, ops=[*node.ops[:k], other(), *node.ops[k + 1 :]])
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Slice):
        for end in ("lower", "upper", "step"):
            value = getattr(node, end)
            if value is not None and ast.unparse(value) != "0":
                yield _with(node, **{end: None})
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] not in SYMMETRIC:
        for k in range(len(node.args) - 1):
            if not any(isinstance(arg, ast.Starred) for arg in node.args[k : k + 2]):
                first, second = node.args[k : k + 2]
                yield _with(node, args=[*node.args[:k], second, first, *node.args[k + 2 :]])
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield _with(node, attr=NAMES[node.attr])
    elif isinstance(node, ast.Name) and node.id in BUILT_IN:
        yield _with(node, id=NAMES[node.id])
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    if _removable(node):
        yield ast.Pass()


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    """Yield other constants: the other truth value, or numbers that are one larger and smaller."""
    if isinstance(node.value, bool):
        yield _with(node, value=not node.value)
    elif isinstance(node.value, (int, float)):
        yield from (_with(node, value=node.value + off) for off in (1, -1))


def _removable(node: ast.AST) -> bool:
    """Return whether a statement can be removed so that the names that follow still exist."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, (ast.Subscript, ast.Attribute)) for target in node.targets)
    return isinstance(node, (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break))


def _with(node: ast.AST, **changed: object) -> ast.AST:
    """Copy a node, with some fields changed."""
    fields = {name: deepcopy(value) for name, value in ast.iter_fields(node)} | changed
    return ast.copy_location(type(node)(**fields), node)


def find(name: str) -> Path:
    """Return the path of a module from the root: ops/relu.py, ops.relu and minunet.ops.relu."""
    stem = name.removesuffix(".py").replace(".", "/").removeprefix("minunet/")
    return Path("minunet", f"{stem}.py")


def mirrored(module: Path) -> Path:
    """Return the path of the tests of a module."""
    return Path("tests", *module.parts[1:-1], f"test_{module.stem.strip('_')}.py")


def run(copy: Path, module: Path, source: str, tests: Sequence[str], limit: float | None) -> bool:
    """Return whether the tests pass in a copy whose module has another source."""
    (copy / module).write_text(source, "utf-8")
    for cached in (copy / module).parent.glob(f"__pycache__/{module.stem}.*"):
        cached.unlink()  # two mutants of one second and one length would look the same
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, timeout=limit, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return False
    if limit is None and done.returncode:
        print("\n".join(done.stdout.splitlines()[-15:]), file=sys.stderr)
    return done.returncode == 0


class Bar:
    """Progress on standard error: a bar in a terminal, else a line every ten seconds."""

    def __init__(self, total: int) -> None:
        self.total, self.started, self.printed = total, time.monotonic(), time.monotonic()

    def show(self, done: int, survivors: int) -> None:
        """Show how many mutants are done and how long the others take."""
        now = time.monotonic()
        left = (now - self.started) / done * (self.total - done)
        filled = 30 * done // self.total
        text = (
            f"{'█' * filled:░<30} {done}/{self.total} mutants, {survivors} survived, "
            f"{left // 60:.0f} min {left % 60:02.0f} s left"
        )
        if sys.stderr.isatty():
            end = "\r" if done < self.total else "\r\x1b[K"
            print(text, end=end, file=sys.stderr, flush=True)
        elif now - self.printed > 10:
            print(text, file=sys.stderr, flush=True)
            self.printed = now


def survivors(
    chosen: Sequence[Mutant],
    copies: Sequence[Path],
    module: Path,
    tests: Sequence[str],
    limit: float,
) -> list[Mutant]:
    """Run the tests on all mutants, one in each copy at a time; return those that pass."""
    free: queue.Queue[Path] = queue.Queue()
    for copy in copies:
        free.put(copy)

    def passes(mutant: Mutant) -> bool:
        copy = free.get()
        try:
            return run(copy, module, mutant.source, tests, limit)
        finally:
            free.put(copy)

    found, bar = [], Bar(len(chosen))
    with ThreadPoolExecutor(len(copies)) as pool:
        jobs = {pool.submit(passes, mutant): mutant for mutant in chosen}
        for done, job in enumerate(as_completed(jobs), start=1):
            if job.result():
                found.append(jobs[job])
            bar.show(done, len(found))
    return sorted(found)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    first, *rest = (__doc__ or "").split("\n\n")
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        description=first, epilog="\n\n".join(rest), formatter_class=form
    )
    parser.add_argument("module", metavar="MODULE", help="module to change, such as ops/relu.py")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the choice of mutants")
    parser.add_argument("--count", type=int, default=100, help="maximum number of mutants (100)")
    parser.add_argument("--tests", nargs="*", default=[], help="further tests to run")
    parser.add_argument("--jobs", type=int, default=1, help="number of mutants at a time (1)")
    parser.add_argument("--list", action="store_true", help="list the mutants; run nothing")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command."""
    args = parse(argv)
    module = find(args.module)
    if not (root / module).is_file():
        print(f"{args.module} is not a module of minunet; pass ops/relu.py", file=sys.stderr)
        return 2
    source = (root / module).read_text("utf-8")
    every = mutants(source)
    chosen = sorted(random.Random(args.seed).sample(every, min(args.count, len(every))))
    if args.list:
        print(*(f"{module}:{mutant.line}: {mutant.change}" for mutant in chosen), sep="\n")
        return 0
    tests = [str(path) for path in [mirrored(module)] if (root / path).is_file()] + args.tests
    if not tests:
        print(f"there is no {mirrored(module)}; name tests with --tests", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Path(folder, str(k)) for k in range(max(args.jobs, 1))]
        for copy in copies:
            shutil.copytree(root, copy, ignore=LEFT_OUT, symlinks=True)
        started = time.monotonic()
        if not run(copies[0], module, source, tests, None):
            print("the tests fail without any change", file=sys.stderr)
            return 2
        limit = LONGEST + 3 * args.jobs * (time.monotonic() - started)
        found = survivors(chosen, copies, module, tests, limit)
    for mutant in found:
        print(f"{module}:{mutant.line}: {mutant.change}")
    killed = len(chosen) - len(found)
    print(
        f"{module}: {len(chosen)} of {len(every)} mutants, {killed} killed, {len(found)} survived"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
