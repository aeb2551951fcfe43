"""Watching how an answer gets its result: which functions of minunet it calls, what it copies."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

from exercises.verdict import ask


def calls(function: Callable[..., Any], *arguments: Any) -> Counter[str]:
    """Count the functions of minunet that an answer calls, by name, as `conv2d.forward`.

    A function that is called by one of them does not count; another name for it does not hide it.
    """
    seen: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back.f_globals.get("__name__", "") if frame.f_back else ""
        module = frame.f_globals.get("__name__", "")
        if event == "call" and _ours(module) and not _ours(caller):
            seen[f"{module.rpartition('.')[2]}.{frame.f_code.co_name}"] += 1

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        ask(function, *arguments)
    finally:
        sys.setprofile(before)
    return seen


def _ours(module: str) -> bool:
    return module.partition(".")[0] == "minunet"


def borrowed(function: Callable[..., Any], *arguments: Any) -> str | None:
    """Say which function of minunet does the work of an answer; None if it uses none."""
    for name in calls(function, *arguments):
        return f"the result is right, but `{name}` of minunet computed it. Write it yourself."
    return None


def only(name: str, function: Callable[..., Any], *arguments: Any) -> str | None:
    """Say if an answer does anything else of minunet than one call; None if it does that."""
    seen = calls(function, *arguments)
    others = [other for other in seen if other != name]
    if others:
        return (
            f"the result is right, but `{others[0]}` computed it. Use one call of {name} instead."
        )
    if seen[name] != 1:
        often = f"is called {seen[name]} times" if seen[name] else "is not called"
        return f"the result is right, but {name} {often}. The exercise asks for one call of it."
    return None


def peak(function: Callable[..., Any], *arguments: Any) -> int:
    """Memory, in bytes, that an answer takes at its highest, without its arguments."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        ask(function, *arguments)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not running:
            tracemalloc.stop()
