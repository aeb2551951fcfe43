"""The picture of several runs shows every slice, every run, and the mean with its spread."""

import numpy as np
from finished_runs import write_run

from minunet.report import drawing, run_scores
from minunet.runs import comparison


def test_slices_runs_mean_and_spread_are_drawn(tmp_path):
    # SEG 0.6 and 0.8: mean 0.7, spread √(2 · 0.01) = 0.1414. The count has no panel.
    folders = [write_run(tmp_path / "a", 0), write_run(tmp_path / "b", 4, (0.9, 0.7))]
    figure = run_scores.draw(comparison.read(folders))
    (panel,) = (ax for ax in figure.axes if ax.axison)
    lines = [(*line.get_data(),) for line in panel.lines]
    expected = [
        ([0, 0], [0.5, 0.7]),
        ([-0.25, 0.25], [0.6, 0.6]),
        ([1, 1], [0.9, 0.7]),
        ([0.75, 1.25], [0.8, 0.8]),
        ([0, 1], [0.7, 0.7]),
    ]
    for found, wanted in zip(lines, expected, strict=True):
        np.testing.assert_allclose(found, wanted)
    (band,) = panel.patches
    np.testing.assert_allclose((band.get_y(), band.get_height()), (0.7 - 0.02**0.5, 2 * 0.02**0.5))
    assert panel.get_title() == "SEG, higher is better"
    assert [text.get_text() for text in panel.get_xticklabels()] == ["0", "4"]
    assert panel.get_xlabel() == "seed; mean 0.70 ± 0.14"
    drawing.write(figure, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000
