"""Signals that ask a command to stop: it saves or removes what it has begun, and then ends."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
"""Ctrl-C, `kill`, a closed terminal, and Ctrl-\\; Windows has only the first two."""

SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


class Stopped(KeyboardInterrupt):
    """A signal has asked the process to stop, as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.code = 128 + number  # exit code, as a shell reports it


def stop(number: int, frame: FrameType | None) -> None:
    """Raise `Stopped`: the handler of all these signals in commands."""
    raise Stopped(number)


def install() -> None:
    """Raise `Stopped` on every signal of `SIGNALS` that the caller of the process does not ignore.

    `nohup` ignores SIGHUP, and a shell ignores SIGINT for a command in the background.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def ignore() -> None:
    """Ignore these signals from now on, because the process is about to end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def installed() -> Iterator[None]:
    """Handle signals as `install` does, until the end of the block."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        install()
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def at_once(asked: Callable[[], int]) -> Iterator[None]:
    """Within `requests`, do not wait for the end of the block: raise `Stopped` immediately.

    Parameters
    ----------
    asked : callable     yielded by `requests`; a signal may have arrived before the block
    """
    with installed():
        if asked():
            raise Stopped(asked())
        yield


@contextmanager
def requests() -> Iterator[Callable[[], int]]:
    """Only note these signals, so that a step can end; a second one stops immediately.

    Yields
    ------
    callable : returns the number of the first signal that arrived, or 0
    """
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        install()

    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, note)
        yield lambda: asked[0] if asked else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
