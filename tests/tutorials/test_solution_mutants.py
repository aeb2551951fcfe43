"""No check accepts a changed solution, or one that is right for some arguments only."""

import importlib
import inspect
from fractions import Fraction

import numpy as np
import pytest
from chapters import WITH_EXERCISES
from exercises.speed import Number
from exercises.verdict import Verdict
from solution_mutants import mutants

FUNCTIONS = [
    (slug, name.removeprefix("check_"))
    for slug in (chapter.split("_", 1)[1] for chapter in WITH_EXERCISES)
    for name in vars(importlib.import_module(f"exercises.{slug}"))
    if name.startswith("check_")
    and inspect.isfunction(
        getattr(importlib.import_module(f"solutions.{slug}"), name.removeprefix("check_"))
    )
]

EQUIVALENT = {
    "order: (0, 1)": "axes to sum over have no order",
    "order: (1, -1)": "flips have no order",
    "order: (i, j)": "two names exchanged, in a loop over all pairs",
    "order: (p, q)": "two names exchanged, in a loop over all pairs",
    "order: (d1, d2)": "only their sum is used",
    "order: [*each, never, never]": "they are sorted",
    "arguments: max(0, -(-(size - output) // step))": "the larger of two has no order",
    "arguments: w[::-1, ::-1].swapaxes(2, 3)": "axes exchanged have no order",
    "arguments: np.logaddexp(0, wrong)": "a sum has no order",
    "comparison: y > 0": "a leaky ReLU has no slope at 0",
    "comparison: (1 + rr) * (1 + cc) - rc * cr <= 0": "a determinant is never exactly 0",
    "constant - 1: 1": "the probabilities of two classes vary alike",
    "another function: p.argmax(axis=-1)": "all are smallest where all are largest",
    "another function: np.zeros_like(w)": "every number of it is written",
    "another function: np.zeros_like(dy, shape=(2 * rows, 2 * columns, channels))": "so here",
    "twice: return answer": "True is any number above 0",
    "half: return answer": "True is any number above 0",
    "call left out: bool(np.any((1 + rr) * (1 + cc) - rc * cr <= 0))": "np.bool_ will do",
    "call left out: float(test[np.argmax(held_out)])": "np.float64 will do",
    "call left out: float(n * pixel)": "np.float64 will do",
    "call left out: int(k)": "np.int64 will do",
    "constant + 1: 1": "to reshape, -2 is -1",
}
"""Changes that are none, each with the reason."""


def check_of(slug, name):
    """Return the check of an exercise, and its solution."""
    modules = (importlib.import_module(f"{folder}.{slug}") for folder in ("exercises", "solutions"))
    return [
        getattr(module, prefix + name)
        for module, prefix in zip(modules, ("check_", ""), strict=True)
    ]


@pytest.mark.parametrize(("slug", "name"), FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_no_mutant_of_a_solution_is_right(slug, name):
    check, _ = check_of(slug, name)
    count = 0
    for word, mutant in mutants(slug, name):
        count += 1
        verdict = check(mutant)
        assert isinstance(verdict, Verdict)
        assert not verdict.right or word in EQUIVALENT, f"{word}: {verdict}"
    assert count >= 10


def key(value):
    """Describe arguments by their shapes, and numbers by their values."""
    if isinstance(value, np.ndarray):
        return value.shape
    if isinstance(value, dict):
        return tuple((name, key(part)) for name, part in value.items())
    if isinstance(value, tuple | list):
        return tuple(map(key, value))
    if isinstance(value, Number):
        return value.value
    return value if isinstance(value, int | float) else type(value).__name__


def spoiled(value):
    """Return another answer of the same kind."""
    if isinstance(value, dict):
        return {name: spoiled(part) for name, part in value.items()} or {1: 1.0}
    if isinstance(value, list):
        return [*value, 7]
    if isinstance(value, tuple) and value and isinstance(value[0], Number):
        return value[0], value[1] + value[1] * Fraction(1, 3) + value[0]
    if isinstance(value, tuple):
        return tuple(map(spoiled, value))
    if isinstance(value, str):
        return "healthy" if value == "dead" else "dead"
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return ~value
    return value + 1


@pytest.mark.parametrize(("slug", "name"), FUNCTIONS)
def test_an_answer_must_be_right_for_every_size_that_is_drawn(slug, name):
    check, solution = check_of(slug, name)
    seen = {}

    def record(*arguments):
        seen.setdefault(key(arguments), len(seen))
        return solution(*arguments)

    assert check(record).right
    assert len(seen) >= (1 if name in ("allowed", "sabotage") else 4), seen  # 512 patches, 3 slices
    for wrong_at in seen:

        def fails(*arguments, wrong_at=wrong_at):
            result = solution(*arguments)
            return spoiled(result) if key(arguments) == wrong_at else result

        verdict = check(fails)
        assert not verdict.right, wrong_at
        assert "another kind" not in str(verdict), wrong_at

    for right_at in list(seen)[:1]:

        def lucky(*arguments, right_at=right_at):
            result = solution(*arguments)
            return result if key(arguments) == right_at else spoiled(result)

        assert len(seen) == 1 or not check(lucky).right, right_at


@pytest.mark.parametrize(("slug", "name"), FUNCTIONS)
def test_an_answer_must_be_right_for_every_call(slug, name):
    check, solution = check_of(slug, name)
    calls = 0

    def first_only(*arguments):
        nonlocal calls
        calls += 1
        result = solution(*arguments)
        return result if calls == 1 else spoiled(result)

    assert not check(first_only).right
