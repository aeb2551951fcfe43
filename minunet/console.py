"""Text for any console: control characters are escaped, and unknown characters get a substitute.

Names of files and labels of slices may contain anything. Written to a terminal as they are, they
could move its cursor, change its title or reverse the order of the text. Output that is redirected
on Windows, or in the locale C, cannot contain characters such as →, which has a form in ASCII.
"""

import codecs
import sys
import unicodedata
from io import TextIOWrapper

ASCII = {
    **{"→": "->", "×": "x", "…": "...", "–": "-", "−": "-", "·": "*", "²": "^2", "³": "^3"},
    **{"≥": ">=", "≤": "<=", "±": "+-", "µ": "u", "μ": "u", "σ": "sigma", "Σ": "sum", "∞": "inf"},
    **{"\u2019": "'", "“": '"', "”": '"', "←": "<-", "≈": "~", "°": " deg", "⌘": "Cmd"},
}
"""Substitutes for the characters in minunet's own texts, on consoles that lack them."""

HANDLER = "minunet"
"""Name of the error handler for characters that an encoding lacks."""


def printable(text: str) -> str:
    r"""Return a line of text in which every character that could act on a terminal is escaped.

    These are control characters, including a newline; marks that change the direction of text; and
    the bytes of a file name that are not UTF-8.

    Examples
    --------
    >>> printable("a\nb\x1b[2J\u202etxt"), printable("µ → é")
    ('a\\nb\\x1b[2J\\u202etxt', 'µ → é')
    """
    if text.isprintable():
        return text
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in text)


def _harmless(character: str) -> bool:
    """Return True for what is printed, including the spaces of all scripts."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def substitute(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks: an error handler, as in `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    escaped = (c.encode("ascii", "backslashreplace").decode() for c in lacking)
    return "".join(map(ASCII.get, lacking, escaped)), error.end


def accept_any_text() -> None:
    """Let standard output and standard error accept characters that their encodings lack."""
    codecs.register_error(HANDLER, substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=HANDLER)
