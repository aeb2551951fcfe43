"""Helpers for the tests of reports: example scores, and text and settings read from HTML."""

from minunet.metrics.score import Score

# Its spread: mean 0.93, √((0.03² + 0.02² + 0.01²) / 2) = 0.0265.
V_RAND = Score(
    key="v_rand",
    name="V_Rand, thinned",
    value=0.92134,
    slices=(0.9, 0.95, 0.94),
    convention="an F-score; 4-connected",
    threshold=0.4,
    by_threshold=(0.5, 0.55, 0.6, 0.7, 0.92134, 0.9, 0.85, 0.8, 0.7, 0.6),
)
# Its spread: mean 0.00035, √(2 · 0.00015² / 2) = 0.00015.
WARPING = Score(
    key="warping",
    name="warping error",
    value=0.0003526,
    slices=(0.0002, 0.0005, 0.00035),
    convention="of splits and mergers",
    higher_is_better=False,
    threshold=0.6,
    by_threshold=(0.01,) * 6 + (0.0003526,) + (0.01,) * 3,
)
MISSED = Score("missed", "cells missed", 17, (8, 1, 8), "a count", higher_is_better=False)


def text(element):
    """Return all text inside an element."""
    return "".join(element.itertext())


def settings(element):
    """List the settings in an element by group, each with its value and whether it is bold."""
    (table,) = element.findall(".//div[@class='settings']")
    return {
        text(group.find("h3")): [
            (*map(text, row), row.get("class") == "given") for row in group.iter("tr")
        ]
        for group in table.findall("div")
    }
