"""A progress bar with the time left on a terminal; now and then a plain line elsewhere."""

import sys
import time

PLAIN_EVERY = 10.0
"""Seconds between plain lines: a log file wants to be read, not scrolled."""


def duration(seconds: float) -> str:
    """Write seconds the way people say them: 12 s, 4 min, 2 h 5 min.

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
    """How far a job is, on standard error.

    Parameters
    ----------
    total : int      units in the job
    unit : str       what is counted: "step", "tile"
    done : int       units done before
    """

    def __init__(self, total: int, unit: str, done: int = 0) -> None:
        from tqdm import tqdm

        self.total, self.unit, self.first, self.done = total, unit, done, done
        self.started = self.said = time.monotonic()
        terminal = sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=done, unit=unit, disable=not terminal, leave=False)

    def advance(self, shown: str) -> None:
        """Count one more unit, and show a few words beside it."""
        self.done += 1
        self.bar.set_postfix_str(shown, refresh=False)
        self.bar.update()
        now = time.monotonic()
        if self.bar.disable and (now - self.said > PLAIN_EVERY or self.done == self.total):
            self.said = now
            left = (now - self.started) / (self.done - self.first) * (self.total - self.done)
            self.line(f"{self.unit} {self.done}/{self.total}  {shown}  {duration(left)} left")

    def line(self, text: str) -> None:
        """Print a line of its own, above the bar if there is one."""
        self.bar.write(text, file=sys.stderr)
        sys.stderr.flush()

    def __enter__(self) -> "Progress":
        """Show the bar for the length of a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self.bar.close()
