"""The pictures of a run: which slices are drawn, and what is written."""

import numpy as np
import pytest
from finished import draw, network, settings

from minunet import runs
from minunet.metrics.score import Score
from minunet.training import pictures, results


@pytest.mark.parametrize("held_out", [(1, 2, 3), (2,), ()])
def test_the_first_and_the_last_slice_are_drawn_as_training_goes(tmp_path, monkeypatch, held_out):
    shown = []
    monkeypatch.setattr(
        "minunet.report.run_pictures.preview", lambda path, slices, title: shown.extend(slices)
    )
    runs.append(tmp_path, {"step": 1, "energy": 0.5, "learning_rate": 0.1, "seconds": 2.0})
    data = draw("em", held_out)
    slices = held_out or (0, 1, 2, 3)
    p = [np.full((*data.labels[k].shape, 2), k / 8) for k in slices]
    pictures.draw_progress(tmp_path, data, p, "step 1")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    ends = sorted({slices[0], slices[-1]})
    assert len(shown) == len(ends)
    for one, k in zip(shown, ends, strict=True):
        assert one.image is data.images[k]
        assert one.labels is data.labels[k]
        assert one.p is p[slices.index(k)]


@pytest.mark.parametrize(
    ("values", "higher", "said"),
    [
        ((0.25, 0.75), True, ["best slice (slice 3)", "worst slice (slice 1)"]),
        ((0.25, 0.75), False, ["best slice (slice 1)", "worst slice (slice 3)"]),
        ((float("nan"), 0.75), True, ["best slice (slice 3)"]),
        ((float("nan"), float("nan")), True, []),
    ],
)
def test_the_best_and_the_worst_slice_are_drawn(values, higher, said):
    data = draw("em")
    p = results.probabilities(network("em"), data, settings("em"))
    score = Score("v_rand", "V_Rand", 0.5, values, "", higher, 0.5)
    drawn = pictures.draw_best_and_worst(data, p, score, settings("em"))
    assert len(drawn) == len(said)
    assert all(words in one.caption for words, one in zip(said, drawn, strict=True))
    assert all(one.png.startswith(b"\x89PNG") for one in drawn)


def test_a_single_slice_is_drawn_once():
    data = draw("cells", held_out=(2,))
    p = results.probabilities(network("cells"), data, settings("cells"))
    ranking = results.score(data, p, settings("cells"))[0]
    assert ranking.key == "seg"
    drawn = pictures.draw_best_and_worst(data, p, ranking, settings("cells"))
    assert len(drawn) == 1
