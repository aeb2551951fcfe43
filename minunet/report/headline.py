"""The top of a report: the most important scores, and what they are worth."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple
from xml.etree.ElementTree import Element

from minunet.data.image_files import counted
from minunet.metrics.score import Score, number, value_and_spread
from minunet.report import tables
from minunet.report.tables import tag

Part = Literal["training", "validation", "test"]


class Scored(NamedTuple):
    """Scores on one part of the data, and where they come from."""

    checkpoint: str  # such as "best.npz, step 1600"
    part: Part
    slices: Sequence[int]  # numbers of the scored slices in the stack
    names: Sequence[str]  # their names: of files, or the numbers
    truth: str  # gold, silver; or empty, if there is only one kind
    scores: Sequence[Score]
    threshold: float | None  # of the probability of class 1; None: there is none
    chosen_on: Part  # part whose slices chose the threshold
    chosen_count: int  # number of these slices


USE = {
    "test": "which were used for nothing else: neither for training nor for choosing the step or "
    "the threshold.",
    "validation": "which were used neither for training nor for choosing this checkpoint or its "
    "threshold.",
    "training": "which were also used for training, because no slices were held out. These scores "
    "do not show how well the network performs on new images.",
}
"""What the slices of a part were used for besides the scores."""


def headline(shown: Sequence[Score], scored: Scored, baseline: float) -> Iterator[Element]:
    """Show the most important scores, and state their limits.

    Parameters
    ----------
    shown : sequence of Score     the most important ones of those in `scored`
    scored : Scored
    baseline : float              pixel error of the trivial baseline on the same slices
    """
    if shown:
        yield tag("ul", *map(_big, shown), class_="headline")
    slices = counted(len(scored.slices), scored.part)
    where = f"Scored on {slices} ({_names(scored)}), {USE[scored.part]}"
    if scored.threshold is None:
        where = where.replace(" or its threshold", "").replace(" or the threshold", "")
    if len(scored.slices) == 1:
        where = where.replace("which were ", "which was ")
    yield tag("p", where, class_="where")
    if scored.truth == "silver":
        text = "These scores are against silver truth, because no scored frame has gold truth."
        yield tag("p", text, class_="where")
    limits = f"Scores are for {scored.checkpoint}."
    if scored.threshold is not None:
        chosen = counted(scored.chosen_count, scored.chosen_on)
        limits += f" The threshold {scored.threshold:g} was chosen on {chosen}."
    if scored.truth == "gold":
        limits += " The scores are against gold truth only."
    if any(score.key == "pixel_error" for score in shown):
        limits += f" The pixel error of the trivial baseline on these slices is {number(baseline)}."
    yield tag("p", limits)


def optimistic(scored: Scored | None) -> Iterator[Element]:
    """Show the scores on the slices that chose the step and the thresholds, marked as such."""
    if scored is None:
        return
    each = "each threshold is also the best one for these slices"
    if scored.threshold is None:
        each = "this model has no threshold"
    elif not all(len(score.by_threshold) > 1 for score in scored.scores):
        each = f"the threshold {scored.threshold:g} was also chosen on these slices"
    slices = counted(len(scored.slices), scored.part)
    text = (
        f"Scores of {scored.checkpoint}, on the {slices} ({_names(scored)}) that chose "
        f"this step; {each}. These scores are too good: expect worse ones on new data."
    )
    yield tag("p", text)
    yield from tables.scores_table(scored.scores)


def gain(scored: Scored, start: Scored | None) -> Iterator[Element]:
    """Compare the scores with those of the model that the run started from, on the same slices."""
    if start is None:
        return
    at = ""
    if start.threshold is not None:
        slices = counted(start.chosen_count, start.chosen_on)
        at = f" Its threshold {start.threshold:g} was chosen on {slices}, like that of this run."
    text = "Scores of the model that this run started from, on the same slices, before any training"
    yield tag("p", f"{text} on these data.{at}")
    yield tables.change_table(start.scores, scored.scores)


def _big(score: Score) -> Element:
    """Show one of the most important scores."""
    better = "higher is better" if score.higher_is_better else "lower is better"
    at = "" if score.threshold is None else f"at threshold {score.threshold:g}; "
    return tag(
        "li",
        tag("span", score.name, class_="name"),
        tag("span", value_and_spread(score), class_="value"),
        tag("span", at + better, class_="quiet"),
    )


def _names(scored: Scored) -> str:
    """List the names of the scored slices; for a contiguous block, only the first and the last."""
    first, last = scored.slices[0], scored.slices[-1]
    if len(scored.slices) > 2 and list(scored.slices) == list(range(first, last + 1)):
        return f"{scored.names[0]} … {scored.names[-1]}"
    return ", ".join(scored.names)
