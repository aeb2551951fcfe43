"""Making the built-in model em in a short run: its slices, training, file and picture."""

import json
import sys

import make_models
import numpy as np
import pytest
import tifffile
from PIL import Image

import minunet
from minunet.data.synthetic import varied_slices

SHORT = ("--steps", "2", "--validate-every", "2", "--depth", "1", "--channels", "2", "--tile", "44")


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["make_models.py", *map(str, arguments)])
    make_models.main()


@pytest.fixture
def small(monkeypatch):
    for name, value in (("SLICES", 4), ("SIDE", 48), ("SHOWN_SIDE", 64)):
        monkeypatch.setattr(make_models, name, value)
    shorter = {make_models.VALIDATION: "2:3", make_models.TEST: "3:4"}
    given = [shorter.get(one, one) for one in make_models.RECIPES["em"]]
    monkeypatch.setitem(make_models.RECIPES, "em", given)


def test_em_in_a_short_run(tmp_path, small, monkeypatch, capfd):
    arguments = ("em", "--out", tmp_path, "--seed", 3, "--threads", 1, "--device", "cpu", *SHORT)
    call(monkeypatch, *arguments)
    slices = tifffile.imread(tmp_path / "em-data" / "train-volume.tif")
    expected = varied_slices((4, 48, 48), np.random.default_rng(3)).images
    np.testing.assert_array_equal(slices, expected)
    model = minunet.load(tmp_path / "em.npz", "cpu")
    settings = model.settings
    assert (settings.seed, settings.steps, settings.channels) == (3, 2, 2)
    assert (settings.scaling, settings.weight_map) == ("image", "paper")
    assert (settings.images, settings.labels) == (None, None)
    assert settings.pixel_size == (0.004, 0.004)
    assert settings.threshold_from == "validation"
    scores = json.loads((tmp_path / "em" / "scores.json").read_text())["optimistic"]["scores"]
    best = minunet.load(tmp_path / "em" / "best.npz", "cpu")
    by_v_rand = np.argmax(scores["v_rand"]["by_threshold"]) / 10
    assert settings.threshold == pytest.approx((best.settings.threshold + by_v_rand) / 2)
    for name, array in best.params.items():
        np.testing.assert_allclose(model.params[name], array, rtol=1e-3, atol=1e-7)
    with Image.open(tmp_path / "em.png") as picture:
        assert picture.size[0] > 600
    assert "commit " in capfd.readouterr().out
    before = (tmp_path / "em" / "last.npz").stat().st_mtime_ns
    call(monkeypatch, *arguments)  # the finished run is kept
    assert (tmp_path / "em" / "last.npz").stat().st_mtime_ns == before


@pytest.mark.parametrize("arguments", [("nuclei",), ("em", "--data", "folder")])
def test_data_is_for_nuclei_only(tmp_path, arguments, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, *arguments, "--out", tmp_path)
    assert ended.value.code == 2
    assert "pass --data for nuclei, and only for nuclei" in capsys.readouterr().err
