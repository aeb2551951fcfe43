"""Solutions pass, mistakes get a helpful message, empty answers stay open, and hints only hint."""

import ast
import importlib
import inspect
import re
import runpy
import textwrap
from pathlib import Path

import numpy as np
import pytest
from chapters import WITH_EXERCISES
from exercises.verdict import Verdict, ask, difference, exercise
from unusual import RIGHT, WRONG

SLUGS = [chapter.split("_", 1)[1] for chapter in WITH_EXERCISES]


def checks(slug):
    """Return the check of each exercise of a chapter by name."""
    module = importlib.import_module(f"exercises.{slug}")
    return {
        name.removeprefix("check_"): function
        for name, function in vars(module).items()
        if name.startswith("check_") and function.__module__ == module.__name__
    }


def solution(slug, name):
    """Return the solution of an exercise."""
    return getattr(importlib.import_module(f"solutions.{slug}"), name)


def wrong(slug):
    """Return wrong answers to each exercise of a chapter, with words of the expected message."""
    return runpy.run_path(str(Path(__file__).parent / "wrong" / f"{slug}.py"))["WRONG"]


every = pytest.mark.parametrize("slug", SLUGS)


@every
def test_a_chapter_has_three_or_four_exercises_each_with_eight_wrong_answers(slug):
    assert 3 <= len(checks(slug)) <= 4
    assert set(wrong(slug)) == set(checks(slug))
    assert {name: len(slips) for name, slips in wrong(slug).items() if len(slips) < 8} == {}


@every
def test_the_solutions_are_right(slug):
    for name, check in checks(slug).items():
        verdict = check(solution(slug, name))
        assert verdict.right, f"{name}: {verdict}"
        assert str(verdict).startswith("Right. ")
        assert len(str(verdict)) > len("Right. ") + 10


@every
def test_typical_mistakes_are_recognized_and_explained(slug):
    for name, slips in wrong(slug).items():
        for slip, (answer, words) in slips.items():
            verdict = checks(slug)[name](answer)
            assert not verdict.right, f"{name}: {slip}"
            assert words in str(verdict), f"{name}: {slip}: {verdict}"
            assert words.strip()


@pytest.mark.parametrize("what", RIGHT)
@pytest.mark.filterwarnings("ignore")
def test_right_answers_in_another_style_are_right(what):
    slug, name, answer = RIGHT[what]
    assert checks(slug)[name](answer).right, checks(slug)[name](answer).message


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.filterwarnings("ignore")
def test_answers_that_are_nearly_right_are_explained(what):
    slug, name, answer, words = WRONG[what]
    verdict = checks(slug)[name](answer)
    assert not verdict.right
    assert words in verdict.message


@every
def test_empty_answers_are_open(slug):
    def stub(*arguments, **options): ...

    for name, check in checks(slug).items():
        empty = [..., None]
        if inspect.isfunction(solution(slug, name)):
            empty.append(stub)
        for answer in empty:
            verdict = check(answer)
            assert not verdict.right, name
            assert str(verdict).startswith("Open"), f"{name}: {verdict}"


@every
def test_an_answer_may_raise_or_have_any_type(slug):
    def fails(*arguments, **options):
        raise ZeroDivisionError("of the answer")

    for name, check in checks(slug).items():
        if inspect.isfunction(solution(slug, name)):
            assert "it raised ZeroDivisionError in `raise Zero" in str(check(fails)), name
            assert "`: of the answer." in str(check(fails)), name
        assert not check(object()).right, name
        assert not check("words").right, name


KINDS = {
    "text": "words",
    "a number as text": "12",
    "a ragged list": [[1, 2], [3]],
    "deeply ragged": ([[1, 2], [3]], 4, 5),
    "an empty dict": {},
    "a dict lacking keys": {"a": 1.0},
    "two such dicts": ({"a": 1.0}, {}),
    "an object": object(),
    "None in a list": [None, 1, 2],
    "None three times": (None, None, None),
    "a complex number": 3 + 4j,
    "not a number": float("nan"),
    "infinite": [float("inf")] * 3,
    "an empty list": [],
    "a set": {1.5, "two"},
    "a huge whole number": 10**400,
    "a function": len,
    "an array of text": np.array([["a", "b"]]),
    "four axes": np.zeros((2, 2, 2, 2)),
}

OF_NUMPY = re.compile(
    r"inhomogeneous|ufunc|could not convert|could not be broadcast|setting an array|operand|"
    r"core dimension|not iterable|not subscriptable|argument must be|NaN to integer|KeyError|"
    r"(?<!raised )(?:AttributeError|TypeError|OverflowError)|truth value of an array|too large"
)

SLIPS_OF_NUMPY = {
    "shapes that do not fit": lambda: np.zeros((2, 3)) + np.zeros(4),
    "a product that does not fit": lambda: np.zeros((2, 3)) @ np.zeros((4, 5)),
    "an index beyond the end": lambda: np.zeros(3)[7],
    "too many indices": lambda: np.zeros(3)[1, 2],
    "a window that does not fit": lambda: np.zeros((2, 3)).__setitem__(0, np.zeros(4)),
    "a shape that does not fit": lambda: np.zeros(6).reshape(4, 2),
    "ragged rows": lambda: np.array([[1, 2], [3]]),
    "text among numbers": lambda: np.array(["a"]) * 2.0,
    "text made a number": lambda: np.array(["a"]).astype(float),
    "several truth values": lambda: bool(np.zeros(3) == 0),
}


@every
def test_a_wrong_kind_of_answer_gets_one_sentence_of_ours(slug):
    for name, check in checks(slug).items():
        is_function = inspect.isfunction(solution(slug, name))
        for kind, value in KINDS.items():
            given = [value]
            if is_function:
                given.append(lambda *arguments, value=value: value)
            for answer in given:
                verdict = check(answer)
                assert not verdict.right, f"{name}: {kind}"
                assert str(verdict).startswith("Not yet: "), f"{name}: {kind}: {verdict}"
                assert 25 < len(str(verdict)) < 400, f"{name}: {kind}: {verdict}"
                assert not OF_NUMPY.search(str(verdict)), f"{name}: {kind}: {verdict}"


@every
def test_what_numpy_raises_is_said_in_our_words(slug):
    for name, check in checks(slug).items():
        if inspect.isfunction(solution(slug, name)):
            for slip, fails in SLIPS_OF_NUMPY.items():
                verdict = str(check(lambda *arguments, fails=fails: fails()))
                assert " in `" in verdict or slip in verdict, f"{name}: {verdict}"
                said = verdict.split("`: ")[-1]
                assert not OF_NUMPY.search(said), f"{name}: {slip}: {verdict}"


@every
def test_a_forgotten_return_is_named(slug):
    for name, check in checks(slug).items():
        right = solution(slug, name)
        if inspect.isfunction(right):

            def forgets(*arguments, right=right):
                result = right(*arguments)  # noqa: F841

            assert "it returned None: does every path" in str(check(forgets)), name


def code_of(value):
    """Return what a hint must not contain: pieces of a solution's code, or of its value."""
    if inspect.isfunction(value):
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
        names = ast.Name, ast.Attribute, ast.Constant
        pieces = [n for n in ast.walk(tree) if isinstance(n, ast.expr) and not isinstance(n, names)]
        return [code for code in map(ast.unparse, pieces) if len(code.replace(" ", "")) > 9]
    if isinstance(value, dict):
        return [f"{key!r}: {part!r}" for key, part in value.items()]
    if isinstance(value, tuple | list | set):
        parts = [code for part in value for code in code_of(part)]
        return [f"{value}", *(code for code in parts if len(code.lstrip("-")) > 1)]
    return [f"{value}", f"{value:.3g}"]


def test_code_of_a_solution_is_found_in_a_hint_that_tells_it():
    assert "np.where(y > 0, dy, dy / 10)" in code_of(solution("relu_and_maxpool", "leaky_backward"))
    assert code_of([[3, 1], 0.25]) == ["[[3, 1], 0.25]", "[3, 1]", "0.25", "0.25"]


@every
def test_every_check_has_two_hints_that_do_not_tell_the_solution(slug):
    for name, check in checks(slug).items():
        first, second = check.hint(1), check.hint(2)
        assert first != second
        assert check.hint() == first
        told = code_of(solution(slug, name))
        assert told
        for hint in (first, second):
            assert repr(hint) == str(hint)  # in a notebook, without quotation marks
            assert re.fullmatch(r"[^\s].{40,450}[.?]", hint), f"{name}: {hint}"
            assert not hint.startswith(("Not yet", "Right", "Open"))
            for code in told:
                assert not re.search(rf"(?<![\w.]){re.escape(code)}(?![\w.])", hint), (
                    f"{name}: {code}"
                )
        for number in (0, 3, "one"):
            assert check.hint(number) == (
                "There are two hints, hint(1) and hint(2); the solution is in "
                f"tutorials/solutions/{slug}.py."
            )


@every
def test_a_chapter_counts_what_is_right(slug):
    count = len(checks(slug))
    for name, check in checks(slug).items():
        verdict = check(solution(slug, name))
    assert repr(verdict).endswith(f"\nAll {count} exercises of this chapter are right.")
    verdict = check(next(iter(wrong(slug)[name].values()))[0])
    is_right = "is right" if count == 2 else "are right"
    assert repr(verdict).endswith(f"\n{count - 1} of {count} exercises of this chapter {is_right}.")


@pytest.fixture
def three_checks():
    """Make three checks of a chapter, of which 1 is the right answer."""
    from exercises.verdict import CHECKS

    def check(name):
        def find(answer):
            return None if answer == 1 else "it should be 1."

        find.__name__, find.__module__ = name, "exercises.fictional"
        return exercise("It is 1.", "The answer is 1.", ("Count.", "Count from 0."))(find)

    yield [check(name) for name in ("check_a", "check_b", "check_c")]
    del CHECKS["exercises.fictional"]


def test_the_progress_line_counts_the_last_answer_to_each_exercise(three_checks):
    a, b, c = three_checks
    assert repr(a(2)) == "Not yet: it should be 1.\n0 of 3 exercises of this chapter are right."
    assert repr(a(1)) == "Right. It is 1.\n1 of 3 exercises of this chapter is right."
    assert a(1).progress == "1 of 3 exercises of this chapter is right."  # again
    assert b(1).progress == "2 of 3 exercises of this chapter are right."
    assert a(2).progress == "1 of 3 exercises of this chapter is right."  # changed
    assert repr(c(...)) == "Open: replace the ... above with your answer."
    assert a(1).progress == "2 of 3 exercises of this chapter are right."
    assert c(1).progress == "All 3 exercises of this chapter are right."
    assert repr(b(...)).startswith("Open")  # no longer answered
    assert a(1).progress == "2 of 3 exercises of this chapter are right."


@every
def test_a_check_is_deterministic(slug):
    for name, check in checks(slug).items():
        assert check(solution(slug, name)) == check(solution(slug, name))


@exercise("So it is.", "The function returns y, an array (2, 3).", ("Twice?", "Add x to x."))
def check_double(answer):
    x = np.arange(6.0).reshape(2, 3)
    return difference("y", ask(answer, x), 2 * x)


def test_verdicts_of_right_open_and_missing_answers():
    assert check_double(lambda x: 2 * x).message == "Right. So it is."
    assert check_double(lambda x: 2 * x) == Verdict(True, "Right. So it is.")
    assert repr(check_double(...)).startswith("Open")
    assert repr(check_double(lambda x: None)).startswith("Open")

    def documented(x):
        """Double x."""
        ...

    def forgotten(x):
        y = 2 * x  # noqa: F841

    def one_way(x):
        if x is None:
            return 2 * x

    assert repr(check_double(documented)).startswith("Open")
    for answer in (forgotten, one_way):
        assert repr(check_double(answer)).startswith("Not yet: it returned None: does every path")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: -2 * x, "with the other sign, it would be right"),
        (lambda x: 2 * x[::-1, ::-1], "turned by 180°"),
        (
            lambda x: 2 * x.T,
            "y has shape (3, 2), but its shape should be (2, 3); with its first two axes",
        ),
        (lambda x: x[0], "y has shape (3,), but its shape should be (2, 3)."),
        (lambda x: 6 * x, "it should be 0.333333 times as large"),
        (lambda x: 2 * x + (x == 4), "y[1, 1] is 9, but it should be 8."),
        (lambda x: x * np.nan, "y[0, 0] is nan, but it should be 0."),
        (lambda x: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        (lambda x: "two", "Not yet: "),
        (lambda x: 0 * x, "y[1, 2] is 0, but it should be 10."),
    ],
)
def test_a_difference_names_the_likeliest_mistake(answer, words):
    assert words in repr(check_double(answer))
    assert repr(check_double(answer)).startswith("Not yet: ")
