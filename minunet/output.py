"""Keep standard output and error from stopping a command: a closed pipe or terminal is ignored.

After `command | head` has ended, or the terminal has been closed, every write would raise an error.
From then on, the output goes nowhere, and the command does its work to the end.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

GONE = {errno.EPIPE, errno.EIO, errno.EBADF}
"""Error codes of a closed pipe, of a terminal without a window, and of a closed file.

Others, such as a full disk, may pass."""


class Lasting:
    """A text stream whose writes never fail."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text, or lose it."""
        try:
            self.stream.write(text)
        except UnicodeError:
            raise
        except (OSError, ValueError) as error:  # ValueError: the stream has been closed
            _silence(self.stream, error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, or lose what it contains."""
        try:
            self.stream.flush()
        except (OSError, ValueError) as error:
            _silence(self.stream, error)

    def isatty(self) -> bool:
        """Return whether the stream is a terminal that is still open."""
        try:
            return self.stream.isatty()
        except (OSError, ValueError):
            return False

    def __getattr__(self, name: str) -> object:
        """Return an attribute of the stream."""
        return getattr(self.stream, name)


def _silence(stream: TextIO, error: Exception) -> None:
    """Connect a stream that has lost its other end to the null device."""
    if isinstance(error, OSError) and error.errno in GONE:
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


@contextmanager
def lasting() -> Iterator[None]:
    """Let no write to standard output or error fail, until the end of the block."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # instead of None: closed at the start
        streams = [Lasting(stream or nowhere) for stream in before]
        sys.stdout, sys.stderr = streams
        try:
            yield
        finally:
            for stream in streams:
                stream.flush()
            sys.stdout, sys.stderr = before
