"""Solutions pass, typical mistakes get a helpful message, and empty answers stay open."""

import importlib
import inspect
import runpy
from pathlib import Path

import numpy as np
import pytest
from chapters import CHAPTERS
from exercises.verdict import Verdict, ask, difference, exercise

SLUGS = [chapter.split("_", 1)[1] for chapter in CHAPTERS]


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
def test_a_chapter_has_three_to_five_exercises_each_with_wrong_answers(slug):
    assert 3 <= len(checks(slug)) <= 5
    assert set(wrong(slug)) == set(checks(slug))
    assert all(wrong(slug).values())


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
            assert "ZeroDivisionError: of the answer" in str(check(fails)), name
        assert not check(object()).right, name
        assert not check("words").right, name


@every
def test_a_check_is_deterministic(slug):
    for name, check in checks(slug).items():
        assert check(solution(slug, name)) == check(solution(slug, name))


@exercise("So it is.")
def check_double(answer):
    x = np.arange(6.0).reshape(2, 3)
    return difference("y", ask(answer, x), 2 * x)


def test_verdicts_of_right_open_and_missing_answers():
    assert repr(check_double(lambda x: 2 * x)) == "Right. So it is."
    assert check_double(lambda x: 2 * x) == Verdict(True, "Right. So it is.")
    assert repr(check_double(...)).startswith("Open")
    assert repr(check_double(lambda x: None)).startswith("Open")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: -2 * x, "with the other sign, it would be right"),
        (lambda x: 2 * x[::-1, ::-1], "turned by 180°"),
        (lambda x: 2 * x.T, "y has shape (3, 2), and should have (2, 3); with its first two axes"),
        (lambda x: x[0], "y has shape (3,), and should have (2, 3)."),
        (lambda x: 6 * x, "it should be 0.333333 times as large"),
        (lambda x: 2 * x + (x == 4), "y[1, 1] is 9, and should be 8."),
        (lambda x: x * np.nan, "y[0, 0] is nan, and should be 0."),
        (lambda x: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        (lambda x: "two", "Not yet: "),
        (lambda x: 0 * x, "y[1, 2] is 0, and should be 10."),
    ],
)
def test_a_difference_names_the_likeliest_mistake(answer, words):
    assert words in repr(check_double(answer))
    assert repr(check_double(answer)).startswith("Not yet: ")
