"""The verdict on an answer: right, not yet and why, or not tried.

A check calls the reader's function with `ask`, and reads answers with `array`, `number`, `whole`,
`several` or `yes_or_no`. Each raises `Wrong`, with one sentence for the reader.
"""

from __future__ import annotations

import dis
import functools
import inspect
import math
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np

OPEN = "Open: replace the ... above with your answer."
"""What is said about an exercise that was not tried."""

FORGOTTEN = "it returned None: does every path through the function end with `return …`?"
"""What is said about a function that computes and returns nothing."""


class Sentence(str):
    """Text that a notebook shows without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The text itself."""
        return str(self)


@dataclass(frozen=True)
class Verdict:
    """What a check found, readable as the last line of a cell."""

    right: bool
    message: str
    progress: str = field(default="", compare=False)

    def __repr__(self) -> str:
        """The message, and in a line of its own how much of the chapter is right."""
        return "\n".join(filter(None, (self.message, self.progress)))


class Unanswered(Exception):
    """The answer is still the empty one of the notebook."""


class Wrong(Exception):
    """What is wrong with an answer, as a sentence for the reader."""


class Raised(Wrong):
    """The reader's function raised an exception."""


CHECKS: dict[str, dict[str, bool]] = {}
"""Module of a chapter → name of each of its checks → whether its last verdict was "Right"."""


class Check:
    """The check of an exercise: call it with an answer, or ask it for a hint."""

    def __init__(
        self, find: Callable[[Any], str | None], praise: str, asked: str, hints: tuple[str, str]
    ) -> None:
        functools.update_wrapper(self, find)
        self._find, self._praise, self._asked, self.hints = find, praise, asked, hints
        CHECKS.setdefault(self.__module__, {})[self.__name__] = False

    def __call__(self, answer: Any) -> Verdict:
        """Return the verdict on an answer, and count the exercise if it is right."""
        verdict = self._judge(answer)
        chapter = CHECKS[self.__module__]
        chapter[self.__name__] = verdict.right
        is_open = verdict.message == OPEN
        return verdict if is_open else replace(verdict, progress=_progress(chapter))

    def hint(self, number: int = 1) -> Sentence:
        """Return a hint: 1 is a pointer, and 2 is nearly the plan."""
        if number in (1, 2):
            return Sentence(self.hints[number - 1])
        chapter = self.__module__.rpartition(".")[2]
        return Sentence(
            "There are two hints, hint(1) and hint(2); the solution is in "
            f"tutorials/solutions/{chapter}.py."
        )

    def _judge(self, answer: Any) -> Verdict:
        try:
            if _is_open(answer):
                raise Unanswered
            with np.errstate(all="ignore"):
                wrong = self._find(answer)
        except Unanswered:
            return Verdict(False, OPEN)
        except Wrong as found:
            wrong = str(found)
        except Exception:  # the check could not read the answer, which may be anything
            wrong = f"your answer is of the wrong kind. {self._asked}"
        if wrong:
            return Verdict(False, f"Not yet: {wrong}")
        return Verdict(True, f"Right. {self._praise}")


def _progress(chapter: dict[str, bool]) -> str:
    """Say how many exercises of a chapter are right."""
    right, count = sum(chapter.values()), len(chapter)
    if right == count:
        return f"All {count} exercises of this chapter are right."
    return f"{right} of {count} exercises of this chapter {'is' if right == 1 else 'are'} right."


def exercise(
    praise: str, asked: str, hints: tuple[str, str]
) -> Callable[[Callable[[Any], str | None]], Check]:
    """Make a check of an answer from a function that says what is wrong with it, or None.

    Parameters
    ----------
    praise : what a right answer is told: what it shows, not only that it is right
    asked : the kind of answer that the exercise asks for, a sentence; for answers of another kind
    hints : a pointer, and nearly the plan; never the solution
    """
    return lambda find: Check(find, praise, asked, hints)


def _is_open(answer: Any) -> bool:
    """Whether an answer, or each part of it, is still `...`, or a function without a body."""
    if isinstance(answer, tuple | list) and len(answer):
        return all(part is ... for part in answer)
    if answer is None or answer is ...:
        return True
    code = getattr(answer, "__code__", None)
    if code is None:
        return False
    body = [i for i in dis.get_instructions(code) if i.opname not in ("RESUME", "NOP")]
    only_returns = {i.opname for i in body} <= {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return only_returns and (body[0].argval is None or body[0].argval is ...)


def ask(function: Callable[..., Any], *arguments: Any, hint: str = "", memory: int = 77) -> Any:
    """Result of the function that was answered.

    While it runs, np.empty finds the same number everywhere in the memory, so that an answer that
    does not fill its arrays is wrong each time, and wrong in the same way.

    Raises `Wrong` if it is not a function or returns None, and `Raised` if it raises an exception.

    Parameters
    ----------
    function : the answer
    arguments : what it is called with
    hint : sentences to add if it raises
    memory : what np.empty finds
    """
    if not callable(function):
        raise Wrong(
            f"the answer should be a function, but it is {kind(function)}. Write it with "
            "`def`, and pass its name to the check."
        )
    if not _takes(function, len(arguments)):
        count = len(arguments)
        takes = "one argument" if count == 1 else f"{count} arguments"
        raise Wrong(f"the function should take {takes}, as in the exercise.")
    try:
        with _memory_of(memory):
            result = function(*arguments)
    except Exception as error:  # an answer may fail in any way
        raise Raised(
            f"{_called_with(function, arguments)}it raised {type(error).__name__}"
            f"{_line(error, function)}: {_explained(error)}{hint}"
        ) from error
    if result is ...:
        raise Unanswered
    if result is None:
        raise Wrong(FORGOTTEN)
    return result


@contextmanager
def _memory_of(number: int) -> Iterator[None]:
    """Let np.empty and np.empty_like find one number everywhere."""

    def filled(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*arguments: Any, **options: Any) -> Any:
            array = make(*arguments, **options)
            array[...] = number
            return array

        return made

    with (
        patch.object(np, "empty", filled(np.empty)),
        patch.object(np, "empty_like", filled(np.empty_like)),
    ):
        yield


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments; True if that cannot be told."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _called_with(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """Tell the shapes of the arrays, and the numbers, that a function was called with."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_argcount != len(arguments):
        return ""
    parts = []
    for name, value in zip(code.co_varnames, arguments, strict=False):
        if isinstance(value, np.ndarray):
            parts.append(f"{name} {value.shape}")
        elif isinstance(value, int | float):
            parts.append(f"{name} = {value:.4g}")
    return f"with {_listed(parts)} " if parts else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _line(error: BaseException, function: Callable[..., Any]) -> str:
    """Tell in which line of an answer an error arose."""
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if code and frame.filename == code.co_filename]
    return f" in `{lines[-1]}`" if lines and lines[-1] else ""


SHAPE = r"\(([^()]*)\)"
NUMPY_SAYS = (
    (
        rf"broadcast together with (?:remapped )?shapes {SHAPE} {SHAPE}",
        "the shapes {} and {} do not fit together",
    ),
    (
        rf"input array from shape {SHAPE} into shape {SHAPE}",
        "an array of shape {} does not fit into one of shape {}",
    ),
    (
        rf"output operand with shape {SHAPE} .* shape {SHAPE}",
        "an array of shape {1} does not fit into one of shape {0}",
    ),
    (
        r"size (\d+) is different from (\d+)",
        "the inner dimensions of the matrix product are {1} and {0}, not equal",
    ),
    (rf"shapes {SHAPE} and {SHAPE} not aligned", "the inner dimensions of {} and {} differ"),
    (
        rf"reshape array of size (\d+) into shape {SHAPE}",
        "{} numbers do not fill an array of shape {}",
    ),
    (
        r"index (-?\d+) is out of bounds for axis \d+ with size (\d+)",
        "index {} is beyond the end of an axis of length {}",
    ),
    (r"array is (\d+)-dimensional, but (\d+) were", "an array with {} axes was given {} indices"),
    (r"inhomogeneous|array element with a sequence", "the rows of a list differ in length"),
    (
        r"could not convert string|ufunc .* (?:contain a loop|not supported)",
        "there is text among the numbers",
    ),
    (r"Cannot cast .* dtype\('(\w+)'\) to dtype\('(\w+)'\)", "{} does not fit into an array of {}"),
    (r"truth value of an array", "an array of several values is neither True nor False"),
    (
        r"array dimensions except for|must have same shape|axes don't match",
        "the shapes do not fit together",
    ),
)
"""What NumPy says, and what it means."""


def _explained(error: Exception) -> str:
    """The text of an error, as one sentence; what NumPy says in plain words."""
    said = str(error).strip().split("\n")[0]
    for pattern, words in NUMPY_SAYS:
        if found := re.search(pattern, said):
            groups = [f"({g})" if "," in g or not g else g for g in found.groups()]
            return f"{words.format(*groups)}."
    return said if said.endswith(".") else f"{said}."


def kind(value: Any) -> str:
    """Say what a value is, in words."""
    names = {str: "text", dict: "a dict", set: "a set", bool: "True or False", int: "one number"}
    names |= {float: "one number", list: "a list", tuple: "a tuple"}
    if value is None or value is ...:
        return str(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}" if value.ndim else "one number"
    if callable(value):
        return "a function"
    return names.get(type(value), f"a value of type {type(value).__name__}")


def array(name: str, given: Any, asked: str = "real numbers") -> np.ndarray:
    """What was answered, as an array of numbers; raise `Wrong` if it is none."""
    try:
        made = np.asarray(given)
        if made.dtype == object:  # fractions, whole numbers of any length
            made = np.array([float(value) for value in made.ravel()]).reshape(made.shape)
    except Exception:  # NumPy raises several
        if isinstance(given, list | tuple) and _is_ragged(given):
            raise Wrong(f"{name} should be an array, but its rows differ in length.") from None
        made = np.asarray("no number")
    if made.dtype.kind in "biuf":
        return made
    found = f"is {kind(given)}"
    if isinstance(given, list | tuple | np.ndarray):
        others = (each for each in _each(given) if not isinstance(each, float | int | np.number))
        found = f"contains {kind(next(others, None))}"
    raise Wrong(f"{name} should be {asked}, but it {found}.")


def _each(given: Any) -> Iterator[Any]:
    """Give each value of lists in lists."""
    if isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.ndim):
        for part in given:
            yield from _each(part)
    else:
        yield given


def _is_ragged(given: Sequence[Any]) -> bool:
    """Whether the rows of a list differ in length, at any depth."""
    rows = [row for row in given if isinstance(row, list | tuple)]
    lengths = {len(row) for row in rows} | ({-1} if len(rows) < len(given) else set())
    return len(lengths) > 1 or any(map(_is_ragged, rows))


def number(name: str, given: Any) -> float:
    """What was answered, as one finite number; raise `Wrong` if it is none."""
    made = array(name, given, "one number")
    if made.size != 1:
        raise Wrong(f"{name} should be one number, but it is {kind(given)}.")
    value = float(made.reshape(()))
    if not math.isfinite(value):
        raise Wrong(f"{name} should be a finite number, but it is {value}.")
    return value


def whole(name: str, given: Any) -> int:
    """What was answered, as a whole number; raise `Wrong` if it is none."""
    value = number(name, given)
    if value != round(value):
        raise Wrong(f"{name} should be a whole number, but it is {value:g}.")
    return round(value)


def yes_or_no(name: str, given: Any) -> bool:
    """What was answered, as True or False; raise `Wrong` if it is neither."""
    if isinstance(given, bool | np.bool_ | int | np.integer) and given in (0, 1):
        return bool(given)
    raise Wrong(f"{name} should be True or False, but it is {kind(given)}.")


def wholes(name: str, given: Any) -> list[int]:
    """What was answered, as whole numbers in a row or set; raise `Wrong` if it is none."""
    if not isinstance(given, tuple | list | set | frozenset | range | np.ndarray):
        raise Wrong(f"{name} should be several whole numbers, but your answer is {kind(given)}.")
    return [whole(f"each of {name}", value) for value in given]


def several(names: Sequence[str], given: Any) -> list[Any]:
    """What was answered, as so many things in a row; raise `Wrong` if it is something else."""
    count = ("one part", "two parts", "three parts")[len(names) - 1]
    asked = f"the answer has {count}, {_listed(names)}"
    if not isinstance(given, tuple | list) and not (isinstance(given, np.ndarray) and given.ndim):
        raise Wrong(f"{asked}; you gave {kind(given)}.")
    if len(given) != len(names):
        raise Wrong(f"{asked}; you gave {len(given)}.")
    return list(given)


def trials(seed: int, count: int = 6) -> Iterator[np.random.Generator]:
    """Give a generator for each of several trials, the same ones on every call of a check."""
    for trial in range(count):
        yield np.random.default_rng([seed, trial])


def drawn(rng: np.random.Generator, count: int, low: int, high: int) -> list[int]:
    """Draw whole numbers from `low` to `high`, no two of them equal: sizes that tell axes apart."""
    return [int(value) for value in low + rng.permutation(high - low + 1)[:count]]


def difference(name: str, given: Any, expected: Any, tolerance: float = 1e-9) -> str | None:
    """What is wrong with an array, and the likeliest slip if it is known; None if nothing is.

    Parameters
    ----------
    name : what the array is called in the exercise
    given : the answer
    expected : (…)   the right array
    tolerance : relative to the largest magnitude expected
    """
    made, expected = array(name, given), np.asarray(expected, float)
    given = made.astype(float)
    slips = _slips(given)
    if not given.shape and expected.shape:
        return f"{name} is one number, but it should be an array of shape {expected.shape}."
    if given.shape and not expected.shape:
        return f"{name} has shape {given.shape}, but it should be one number."
    if given.shape != expected.shape:
        swapped = next((s for s, a in slips.items() if _close(a, expected, tolerance)), None)
        hint = f"; {swapped}, it would be right" if swapped else ""
        return f"{name} has shape {given.shape}, but its shape should be {expected.shape}{hint}."
    if _close(given, expected, tolerance):
        return None
    if inexact := imprecise(name, made, expected):
        return inexact
    for slip, other in slips.items():
        if _close(other, expected, tolerance):
            return f"{name} is wrong; {slip}, it would be right."
    largest = np.sum(given * expected) / max(np.sum(given * given), np.finfo(float).tiny)
    if _close(given * largest, expected, tolerance):
        return f"{name} is wrong by a factor: it should be {largest:.6g} times as large."
    if not expected.shape:
        return f"{name} is {given:.6g}, but it should be {expected:.6g}."
    worst = np.unravel_index(np.argmax(np.abs(given - expected)), expected.shape)
    at = ", ".join(str(int(i)) for i in worst)
    return f"{name}[{at}] is {given[worst]:.6g}, but it should be {expected[worst]:.6g}."


def imprecise(name: str, given: np.ndarray, expected: np.ndarray) -> str | None:
    """Say that the numbers of an array are rounded; None if they are not, or if they differ."""
    if given.shape != expected.shape:
        return None
    off = np.abs(given - expected)
    if given.dtype.kind in "iu" and off.max(initial=0) < 1 and np.any(expected % 1):
        return f"{name} is of {given.dtype}, so fractions are lost. Begin with an array of floats."
    error = float(off.max(initial=0) / max(np.abs(expected).max(initial=0), np.finfo(float).tiny))
    if not 0 < error < 1e-3 or np.count_nonzero(off) <= np.count_nonzero(expected) / 2:
        return None  # what is wrong in a few places is not rounded
    digits = int(-math.log10(error))
    return f"{name} is right to about {digits} digits only. Was it rounded, or computed in float32?"


def _slips(given: np.ndarray) -> dict[str, np.ndarray]:
    """The answer with well-known slips undone."""
    slips = {"with the other sign": -given}
    if given.ndim >= 2:
        slips["turned by 180° in its first two axes"] = given[::-1, ::-1]
        slips["with its first two axes exchanged"] = np.swapaxes(given, 0, 1)
        slips["with its last two axes exchanged"] = np.swapaxes(given, -1, -2)
    return slips


def _close(given: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Whether two arrays have the same shape, and are equal up to rounding."""
    if given.shape != expected.shape:
        return False
    scale = max(float(np.max(np.abs(expected), initial=0)), np.finfo(float).tiny)
    return bool(np.all(np.abs(given - expected) <= tolerance * scale))
