"""The script trains on nested sets of slices, scores others, and does not repeat finished runs."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import annotated_slices
import numpy as np
import pytest

from minunet import training
from minunet.image import Sample
from minunet.network import Network
from minunet.runs.settings import from_options
from minunet.training import sampling


def test_slices_of_a_seed_have_tissues_of_their_own_and_never_change():
    trained, held_out = annotated_slices.slices(0)
    again = annotated_slices.slices.__wrapped__(0)
    assert (len(trained), len(held_out)) == (8, 8)
    every = [*trained, *held_out]
    for k, one in enumerate(every):
        assert one.x.shape == (96, 96, 1)
        np.testing.assert_array_equal(one.x, [*again[0], *again[1]][k].x)
        assert not any(np.array_equal(one.labels, other.labels) for other in every[:k])
    assert not np.array_equal(annotated_slices.slices.__wrapped__(1)[0][0].x, trained[0].x)


@pytest.mark.parametrize("answer", [0, 1])
def test_the_same_answer_everywhere_has_an_error_of_a_half(answer):
    arch = from_options(**annotated_slices.SETTINGS).architecture
    state = training.start(from_options(**annotated_slices.SETTINGS), "cpu")
    params = {name: np.zeros_like(w) for name, w in state.params.items()}
    params["out.b"] = np.float32([0, 2 * answer - 1])  # logits 0 and ±1 at every pixel
    labels = np.zeros((40, 40), np.uint8)
    labels[:10] = 1  # a quarter of the pixels, with weights so that the classes count the same
    weights = np.where(labels == 1, 2, 2 / 3).astype(np.float32)
    one = Sample(np.zeros((40, 40, 1), np.float32), labels, weights)
    found = annotated_slices.scores(Network(params, arch), [one])
    assert found["error"] == 0.5
    likely, unlikely = np.log1p(np.exp(-1)), np.log1p(np.exp(1))
    assert found["energy"] == pytest.approx((likely + unlikely) / 2, rel=1e-5)


def test_a_run_trains_on_the_first_slices_only(monkeypatch):
    drawn = []

    def sample(slices, *arguments):
        drawn.append(len(slices))
        assert slices[0] is annotated_slices.slices(0)[0][0]
        return real(slices, *arguments)

    real = sampling.sample
    monkeypatch.setattr(sampling, "sample", sample)
    found = annotated_slices.run(2, "paper", 0, 3)
    assert drawn == [2] * 3
    assert found.keys() == {"trained_on", "held_out"}


@pytest.fixture
def called(monkeypatch):
    """Replace training by numbers that can be added by hand; return what was asked for."""
    asked = []

    def run(count, augment, seed, steps):
        asked.append((augment, count, seed, steps))
        held_out = {"energy": count + seed / 10, "error": len(augment) / 10 + seed / 100}
        return {"trained_on": {"energy": 0.0, "error": 0.0}, "held_out": held_out}

    monkeypatch.setattr(annotated_slices, "run", run)
    monkeypatch.setattr(annotated_slices, "ProcessPoolExecutor", ThreadPoolExecutor)
    return asked


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["annotated_slices.py", *map(str, arguments)])
    annotated_slices.main()


def test_the_table_and_the_file(called, monkeypatch, tmp_path, capsys):
    call(monkeypatch, "--out", tmp_path, "--seeds", 0, 1, 2)
    said = capsys.readouterr().out
    energies, errors = said.split("error of the held-out slices:")
    assert "| annotated slices | `none` | `rigid` | `paper` |" in energies
    assert "| 4 | 4.10 ± 0.10 | 4.10 ± 0.10 | 4.10 ± 0.10 |" in energies  # of 4.0, 4.1, 4.2
    assert "| 4 | 0.410 ± 0.010 | 0.510 ± 0.010 | 0.510 ± 0.010 |" in errors
    assert len(set(called)) == len(called) == 3 * 4 * 3
    found = json.loads((tmp_path / "annotated_slices.json").read_text("utf-8"))
    assert found["steps"] == 300
    assert found["scores"]["paper"]["8"]["2"]["held_out"] == {"energy": 8.2, "error": 0.52}


def test_finished_runs_are_not_repeated(called, monkeypatch, tmp_path):
    call(monkeypatch, "--out", tmp_path, "--seeds", 0)
    called.clear()
    call(monkeypatch, "--out", tmp_path, "--seeds", 0, 3)
    assert {seed for _, _, seed, _ in called} == {3}
    with pytest.raises(SystemExit):
        call(monkeypatch, "--out", tmp_path, "--steps", 5)
