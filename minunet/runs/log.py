"""The file `log.csv` of a run: one row per step.

The log is not needed to resume a run, so a damaged log never stops one: what cannot be read is left
out, and `repair` says what that is.
"""

import os
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from minunet import files

NAME = "log.csv"

COLUMNS = (
    "step",
    "energy",
    "learning_rate",
    "seconds",
    "validation_energy",
    "validation_pixel_error",
    "validation_iou",
    "validation_v_rand",
    "validation_seg",
)
"""Columns of `log.csv`. Energies are means over annotated pixels; values not computed are empty."""

REQUIRED = COLUMNS[:4]
"""Columns that have a value in every row."""

NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

Row = dict[str, float]


class Contents(NamedTuple):
    """What can be read of a log, and what cannot."""

    rows: dict[int, Row]  # by step, in the order of the file
    unreadable: list[int]  # numbers of lines, from 1
    repeated: list[int]  # numbers of lines whose step an earlier line has


def append(folder: Path, row: Row) -> None:
    """Append one step to `log.csv`; if that fails, leave the file as it was."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINKS
    file = os.open(folder / NAME, flags, 0o666)
    try:
        size = os.fstat(file).st_size
        rest = (b"" if size else _line(COLUMNS)) + _cells(row)
        try:
            while rest:  # a full disk may take only a part of a line
                rest = rest[os.write(file, rest) :]
        except BaseException:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def flush(folder: Path) -> None:
    """Wait until the rows of `log.csv` are on disk, where they survive a loss of power."""
    if (folder / NAME).is_file():
        file = os.open(folder / NAME, os.O_RDWR | NO_LINKS)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def read(folder: Path) -> list[Row]:
    """Read the rows of `log.csv` that can be read, by step, omitting empty cells."""
    rows = _contents(folder).rows
    return [rows[step] for step in sorted(rows)]


def amend(folder: Path, step: int, values: Row) -> None:
    """Add values to the row of a step in `log.csv`, if there is such a row."""
    _write(folder, [row | values if row["step"] == step else row for row in read(folder)])


def repair(folder: Path, step: int) -> str:
    """Remove the rows after `step` from `log.csv`, and everything that cannot be read.

    A resumed run repeats the steps after its checkpoint.

    Returns
    -------
    str : what was lost, in a sentence; empty if nothing was
    """
    rows, unreadable, repeated = _contents(folder)
    kept = [rows[k] for k in sorted(rows) if k <= step]
    missing = sorted(set(range(1, step + 1)) - rows.keys())
    lost = [
        f"{what}{'s' if len(numbers) > 1 else ''} {_ranges(numbers)}"
        for what, numbers in (
            ("unreadable line", unreadable),
            ("repeated line", repeated),
            ("missing step", missing),
        )
        if numbers
    ]
    if list(rows) != sorted(rows):
        lost.append("rows out of order")
    _write(folder, kept)
    if not lost:
        return ""
    return f"{folder / NAME} is damaged ({'; '.join(lost)}); its other rows were kept, in order"


def _contents(folder: Path) -> Contents:
    """Read `log.csv`, whatever it contains."""
    path = folder / NAME
    text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    found = Contents({}, [], [])
    names: Sequence[str] | None = None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\r")
        if number == 1 and line:
            names = _header(line)
            if names == tuple(line.split(",")):
                continue
        if not line and number == len(lines):
            break
        row = _row(line, names or (), complete=number < len(lines))
        if row is None:
            found.unreadable.append(number)
        elif row["step"] in found.rows:
            found.repeated.append(number)
        else:
            found.rows[int(row["step"])] = row
    return found


def _header(line: str) -> Sequence[str]:
    """Return the columns that the first line names, or that it named before it was damaged."""
    names = tuple(line.split(","))
    if set(REQUIRED) <= set(names) <= set(COLUMNS) and len(set(names)) == len(names):
        return names
    intact = sum(a == b for a, b in zip(names, COLUMNS, strict=False))
    damaged = intact > len(COLUMNS) // 2 or not line.isprintable() or "\ufffd" in line
    return COLUMNS if damaged or line[0].isdigit() else ()  # digits: the header is missing


def _row(line: str, names: Sequence[str], complete: bool) -> Row | None:
    """Read a line; return None if it is not a row. The last line may lack its end: not complete."""
    cells = line.split(",")
    if len(cells) != len(names) or not (complete or not cells[-1]):
        return None
    try:
        row = {name: float(cell) for name, cell in zip(names, cells, strict=True) if cell}
        known = [row[name] for name in REQUIRED]
    except (ValueError, KeyError):
        return None
    sound = all(map(isfinite, known)) and row["step"] >= 1 and row["step"].is_integer()
    return row if sound else None


def _write(folder: Path, rows: Iterable[Row]) -> None:
    """Replace `log.csv`; if there are no rows and no file, make none."""
    text = b"".join(map(_cells, rows))
    path = folder / NAME
    if not text and not os.path.lexists(path):
        return
    text = _line(COLUMNS) + text
    if path.is_symlink() or not path.is_file() or path.read_bytes() != text:
        with files.atomic(path) as beside:
            beside.write_bytes(text)


def _cells(row: Row) -> bytes:
    """Format a row as a line."""
    return _line(_cell(row, name) for name in COLUMNS)


def _cell(row: Row, name: str) -> str:
    """Format a value with all its digits, and the step without a decimal point."""
    if name not in row:
        return ""
    return str(int(row[name])) if name == "step" else repr(float(row[name]))


def _line(cells: Iterable[str]) -> bytes:
    """Join cells to a line as the `csv` module does."""
    return (",".join(cells) + "\r\n").encode()


def _ranges(numbers: Sequence[int], most: int = 4) -> str:
    """List whole numbers that increase, at most a few ranges of them.

    Examples
    --------
    >>> _ranges([1, 2, 3, 5, 8, 9])
    '1 … 3, 5, 8 … 9'
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    words = [f"{a} … {b}" if b > a else f"{a}" for a, b in ranges[:most]]
    more = sum(b - a + 1 for a, b in ranges[most:])
    return ", ".join(words) + (f" and {more} more" if more else "")
