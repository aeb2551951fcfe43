"""A progress bar with the remaining time; in a log file, a line every ten seconds instead.

A job that takes less time leaves no trace, so that a message which follows is the only line.
"""

import sys
import time

from minunet.console import printable

PLAIN_EVERY = 10.0
"""Seconds between lines in a log file, so that it stays short."""


def duration(seconds: float) -> str:
    """Format a duration given in seconds: 12 s, 4 min 5 s, 2 h 5 min.

    Examples
    --------
    >>> [duration(s) for s in (12.3, 245, 7500)]
    ['12 s', '4 min 5 s', '2 h 5 min']
    """
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60} s"
    return f"{s // 3600} h {s % 3600 // 60} min"


class Progress:
    """The progress of a job, on standard error.

    Parameters
    ----------
    total : int      number of units in the job
    unit : str       name of a unit, such as "step" or "tile"
    done : int       number of units already done
    """

    def __init__(self, total: int, unit: str, done: int = 0) -> None:
        from tqdm import tqdm

        self.total, self.unit, self.first, self.done = total, unit, done, done
        self.started = self.printed = time.monotonic()
        terminal = sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=done, unit=unit, disable=not terminal, leave=False)

    def advance(self, text: str) -> None:
        """Count one more unit and show `text` next to the count."""
        self.done += 1
        self.bar.set_postfix_str(printable(text), refresh=False)
        self.bar.update()
        now = time.monotonic()
        ends = self.done == self.total and self.printed > self.started
        if self.bar.disable and (ends or now - self.printed > PLAIN_EVERY):
            self.printed = now
            left = (now - self.started) / (self.done - self.first) * (self.total - self.done)
            self.line(f"{self.unit} {self.done}/{self.total}  {text}  {duration(left)} left")

    def line(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        self.bar.write(printable(text), file=sys.stderr)
        sys.stderr.flush()

    def __enter__(self) -> "Progress":
        """Return this object; the bar is visible until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self.bar.close()
