"""Networks without skip connections see zeros in place of copies; the scores are those by hand."""

import sys

import numpy as np
import pytest
import skips

from minunet import fast
from minunet.image import Sample
from minunet.network import Architecture, initialization, unet


def test_copies_and_their_gradients_are_zeros_only_inside_the_block():
    up, skip = np.ones((2, 2, 3), np.float32), np.full((6, 6, 1), 7, np.float32)
    with skips.without_skips():
        inside = fast.crop_concat.forward(up, skip)
        dup, dskip = fast.crop_concat.backward(inside + 1, skip.shape)
    assert (inside == [1, 1, 1, 0]).all()
    assert (dup == 2).all()
    assert not dskip.any()
    assert (fast.crop_concat.forward(up, skip) == [1, 1, 1, 7]).all()
    assert fast.crop_concat.backward(inside + 1, skip.shape)[1].any()


def test_zeros_for_copies_are_the_same_as_no_weights_that_read_them():
    arch = Architecture(depth=2, channels=3)  # chapter 7 relies on this
    params = initialization.gaussian(arch, np.random.default_rng(0))
    x = np.random.default_rng(1).random((44, 52, 1), np.float32)
    with_copies, _ = unet.forward(params, x, arch)
    with skips.without_skips():
        without, _ = unet.forward(params, x, arch)
    for level in range(2):
        params[f"expand{level}.w1"][:, :, arch.width(level) :] = 0
    assert np.allclose(without, unet.forward(params, x, arch)[0], atol=1e-5)
    assert not np.allclose(without, with_copies, atol=0.01)


@pytest.mark.parametrize(
    ("right", "energy", "wrong"),
    [(0.9, -np.log(0.9), 0), (0.5, np.log(2), 1), (0.2, -np.log(0.2), 1)],
)
def test_the_scores_of_an_answer(monkeypatch, right, energy, wrong):
    label = np.ones((20, 20), int)
    label[:, 10] = 0
    one = Sample(np.zeros((20, 20, 1)), label, np.where(label, 1, 19))
    p = np.where(label == 1, right, 1 - right)
    answer = np.stack([1 - p, p], axis=-1)
    monkeypatch.setattr(skips.averaging, "probabilities", lambda network, x, tiling: answer)
    found = skips.score(None, [one], 100)
    assert found[:2] == pytest.approx((energy, wrong))
    if right > 0.5:
        assert found[2] == pytest.approx(1)


def test_both_networks_of_a_seed_are_trained_and_saved(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(skips, "SIDE", 64)
    monkeypatch.setattr(skips.threads, "use", lambda count: None)
    file = tmp_path / "weights.npz"
    words = f"skips.py --depths 1 --seeds 5 --steps 2 --save {file}"
    monkeypatch.setattr(sys, "argv", words.split())
    skips.main()
    printed = capsys.readouterr().out
    assert "| 1 | with skips | " in printed
    assert "| 1 | without skips | " in printed
    with np.load(file) as saved:
        shapes = Architecture(depth=1, channels=skips.CHANNELS).shapes()
        for form in skips.FORMS.values():
            assert {name: saved[f"{form}/{name}"].shape for name in shapes} == shapes
        ratio = (
            saved["without skips/expand0.w1"][:, :, 8:] / saved["with skips/expand0.w1"][:, :, 8:]
        )
    assert np.median(ratio) == pytest.approx(2**0.5, rel=0.01)  # the same weights, scaled


def test_both_classes_weigh_the_same_in_the_scores(monkeypatch):
    label = np.ones((20, 20), int)
    label[:, 10] = 0
    one = Sample(np.zeros((20, 20, 1)), label, np.where(label, 10 / 19, 10))
    answer = np.broadcast_to([0.1, 0.9], (20, 20, 2))  # cell everywhere
    monkeypatch.setattr(skips.averaging, "probabilities", lambda network, x, tiling: answer)
    energy, wrong, _ = skips.score(None, [one], 100)
    assert energy == pytest.approx(-(np.log(0.9) + np.log(0.1)) / 2)
    assert wrong == pytest.approx(0.5)
