"""The end of a run: what is scored, on which slices, which are drawn, and what is written."""

import json

import numpy as np
import pytest
from commands import draw_stack
from matplotlib.figure import Figure

from minunet import runs
from minunet.data.dataset import Dataset
from minunet.metrics import cells, em, segments
from minunet.metrics.score import Score
from minunet.network import initialization
from minunet.prediction import averaging, instances
from minunet.runs.settings import from_options
from minunet.training import results

KINDS = ("em", "cells", "classes")


def settings(kind, **changed):
    given = {"depth": 1, "channels": 3, "tile": 24, "smallest": 2, "average": "flips"}
    values = (0, 1, 2) if kind == "classes" else (0, 1)
    return from_options(**given | changed, label_values=values)


def draw(kind, held_out=(1, 3)):
    """Draw four slices: classes, components of class 1, or numbered cells."""
    images, labels = draw_stack(classes=3 if kind == "classes" else 2)
    labels = [np.repeat(np.repeat(one[::6, ::6], 6, 0), 6, 1)[:30, :41] for one in labels]
    x = [(image / 255).astype(np.float32)[..., np.newaxis] for image in images]
    numbered = None if kind == "classes" else [segments.components(one) for one in labels]
    maps = [np.ones(one.shape, np.float32) for one in labels]
    training = [k for k in range(4) if k not in held_out]
    return Dataset(
        *(x, labels, maps, numbered, kind == "cells", training, list(held_out)),
        *((0, 1), "", ["split     in two"]),
    )


def parameters(kind):
    return initialization.gaussian(settings(kind).architecture, np.random.default_rng(1))


def softmax(a):
    e = np.exp(a.astype(np.float64))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_held_out_slices_are_segmented_with_the_average(kind):
    data, params = draw(kind), parameters(kind)
    found = results.segment(params, data, settings(kind))
    assert len(found) == 2
    for p, k in zip(found, (1, 3), strict=True):
        a = averaging.scores(
            params, data.images[k], settings(kind).architecture, 24, average="flips"
        )
        np.testing.assert_allclose(p, softmax(a), atol=1e-6)  # measured: 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_its_scores(kind):
    data = draw(kind)
    p = results.segment(parameters(kind), data, settings(kind))
    assert results.kind(data) == kind
    found = results.score(data, p, settings(kind))
    assert set(results.HEADLINES[kind]) <= {one.key for one in found}
    if kind == "em":
        truth = [data.cells[k] for k in (1, 3)]
        assert found == em.scores(truth, [one[..., 1] for one in p], processes=1)
    elif kind == "cells":
        proposals = [instances.from_probability(one[..., 1], smallest=2) for one in p]
        assert found == cells.scores([data.cells[k] for k in (1, 3)], proposals)
    else:
        wrong = [
            np.mean(one.argmax(-1) != data.labels[k]) for one, k in zip(p, (1, 3), strict=True)
        ]
        error = next(one for one in found if one.key == "pixel_error")
        np.testing.assert_allclose(error.slices, wrong, rtol=1e-12)
        assert error.value == pytest.approx(np.mean(wrong), rel=1e-12)  # slices of one size


@pytest.mark.parametrize(
    ("values", "higher", "said"),
    [
        ((0.25, 0.75), True, ["best slice, 3", "worst slice, 1"]),
        ((0.25, 0.75), False, ["best slice, 1", "worst slice, 3"]),
        ((float("nan"), 0.75), True, ["best slice, 3"]),
        ((float("nan"), float("nan")), True, []),
    ],
)
def test_the_best_and_the_worst_slice_are_drawn(values, higher, said):
    data = draw("em")
    p = results.segment(parameters("em"), data, settings("em"))
    score = Score("v_rand", "V_Rand", 0.5, values, "", higher, 0.5)
    drawn = results.pictures(data, p, [score], settings("em"))
    assert len(drawn) == len(said)
    assert all(words in one.caption for words, one in zip(said, drawn, strict=True))
    assert all(one.png.startswith(b"\x89PNG") for one in drawn)


def test_a_single_slice_is_drawn_once():
    data = draw("cells", held_out=(2,))
    p = results.segment(parameters("cells"), data, settings("cells"))
    drawn = results.pictures(data, p, results.score(data, p, settings("cells")), settings("cells"))
    assert len(drawn) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written(tmp_path, kind):
    (tmp_path / "curves.png").write_bytes(results.report.png(Figure()))
    runs.append(tmp_path, {"step": 1, "energy": 0.5, "learning_rate": 0.1, "seconds": 2.0})
    data, given = draw(kind), settings(kind)
    scores = results.finish(
        tmp_path, given, data, parameters(kind), "best.npz, step 1", "a machine", [("go", "go on")]
    )
    written = json.loads((tmp_path / "scores.json").read_text())
    assert {key: one["value"] for key, one in written.items()} == {
        one.key: pytest.approx(one.value, nan_ok=True) for one in scores
    }
    page = (tmp_path / "report.html").read_text()
    for words in ("best.npz, step 1", "a machine", "go on", "Slices 1, 3", scores[0].name):
        assert words in page
