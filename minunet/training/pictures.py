"""Pictures of a run: progress during training, and the best and the worst slice at the end."""

from collections.abc import Sequence
from pathlib import Path

from minunet import report, runs
from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.metrics.score import Score, best_and_worst, number
from minunet.prediction.instances import Rule
from minunet.report import run_pictures, score_pictures
from minunet.report.run_pictures import Segmented
from minunet.training.scoring import Chosen
from minunet.training.thresholds import USUAL
from minunet.training.validation import baseline_error, validation_slices


def draw_progress(folder: Path, data: Dataset, p: Sequence[Array], title: str) -> None:
    """Draw the log so far as `curves.png`, and the first and last slices as `preview.png`.

    Parameters
    ----------
    folder : Path
    data : Dataset
    p : sequence of (H, W, K)     class probabilities of the validation slices
    title : str
    """
    slices = validation_slices(data)
    drawn = {slices[0]: p[0], slices[-1]: p[-1]}
    shown = [Segmented(data.images[k], one, data.labels[k]) for k, one in drawn.items()]
    title += f" (slice {' and slice '.join(data.names[k] for k in drawn)})"
    run_pictures.curves(folder / "curves.png", runs.read(folder), baseline_error(data))
    run_pictures.preview(folder / "preview.png", shown, title)


def draw_best_and_worst(
    data: Dataset,
    slices: Sequence[int],
    p: Sequence[Array],
    ranking: Score,
    rule: Rule,
) -> list[report.Picture]:
    """Draw the best and the worst of some slices.

    Parameters
    ----------
    data : Dataset
    slices : sequence of int
    p : sequence of (H, W, K)     their class probabilities
    ranking : Score               the score that ranks them
    rule : Rule                   how numbered cells are found
    """
    drawn = []
    for word, n in zip(("best", "worst"), best_and_worst(ranking), strict=False):
        value = f"{ranking.name} = {number(ranking.slices[n])}"
        caption = f"The {word} slice (slice {data.names[slices[n]]}): {value}"
        png = _draw(data, slices[n], p[n], ranking, rule)
        drawn.append(
            report.Picture(caption, f"Image, truth, result and errors of the {word} slice", png)
        )
    return drawn


def draw_thresholds(chosen: Chosen, score: Score, part: str) -> list[report.Picture]:
    """Draw a score by threshold, on the slices that chose the threshold and on the scored ones.

    Return no picture if one of them is unknown.

    Parameters
    ----------
    chosen : Chosen
    score : Score     of the scored slices
    part : str        of the scored slices
    """
    if chosen.rule is None or not (chosen.by_threshold and score.by_threshold):
        return []
    curves = {
        f"{chosen.part} slices (for the choice)": chosen.by_threshold,
        f"{part} slices (scored)": score.by_threshold,
    }
    figure = run_pictures.by_threshold(curves, chosen.rule.threshold, score.name)
    caption = f"{score.name} by threshold of the seeds. Chosen: {chosen.rule.in_words()}."
    alt = f"Plot of {score.name} against the threshold"
    return [report.Picture(caption, alt, report.png(figure))]


def _draw(data: Dataset, k: int, p: Array, ranking: Score, rule: Rule) -> bytes:
    """Draw a slice, its truth and its segmentation."""
    image, annotated = data.images[k].mean(axis=-1), data.annotated[k]
    threshold = USUAL if ranking.threshold is None else ranking.threshold
    if data.cells is None:
        names = [str(value) for value in data.label_values]
        panels = score_pictures.classes_panels(
            image, data.labels[k], p.argmax(axis=-1), names, annotated
        )
        figure = score_pictures.draw([panels])
    elif data.numbered:
        found = rule.cells(p[..., 1])
        figure = score_pictures.cells_slice(image, data.cells[k], found, annotated)
    else:
        figure = score_pictures.em_slice(image, data.cells[k], p[..., 1], threshold, annotated)
    return report.png(figure)
