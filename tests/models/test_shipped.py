"""The models that come with minunet: found by name, small, safe to load, and as good as they were.

A file whose hash has changed needs a new card, and new numbers in README and benchmarks.
"""

import hashlib

import numpy as np
import pytest
import real_data
import tifffile

import minunet
from minunet import models
from minunet.data.synthetic import varied_slices
from minunet.errors import InputError
from minunet.metrics import em
from minunet.models import shipped
from minunet.runs import checkpoint

SHA256 = {
    "em": "17907838801414d3364d699f15c28a23cc5fd2f96b8c0b84bd9b314e50680d54",
    "nuclei": "04a071ecc1d5d4738f8c4aaf9f9933276cea3c433ca7974e45c8bf3417590465",
}


@pytest.mark.parametrize("name", models.MODELS)
def test_the_file_is_the_one_that_was_scored(name):
    assert hashlib.sha256(models.find(name).read_bytes()).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", models.MODELS)
def test_a_model_is_small_and_needs_no_pickle(name):
    path = models.find(name)
    assert path.stat().st_size <= 2.5e6
    with np.load(path, allow_pickle=False) as arrays:
        weights = [arrays[key] for key in arrays.files if key != "meta"]
    assert {array.dtype for array in weights} == {np.dtype("float16")}
    assert checkpoint.load(path).velocity == {}


@pytest.mark.parametrize("name", models.MODELS)
def test_a_model_contains_no_path_and_has_a_threshold(name):
    settings = minunet.load(name, "cpu").settings
    assert settings.images is None
    assert settings.labels is None
    assert 0 < settings.threshold < 1
    assert settings.threshold_from in ("training", "validation")


@pytest.mark.parametrize("name", models.MODELS)
def test_a_card_says_what_a_user_must_know(name):
    card = shipped.card(name)
    for heading in ("# ", "## Data", "## Recipe", "## Scores", "## Where it fails"):
        assert heading in card
    assert f"python benchmarks/make_models.py {name}" in card


def test_a_name_means_the_built_in_model_wherever_one_is(tmp_path, monkeypatch):
    # Otherwise, a recorded command would mean something else in another folder.
    monkeypatch.chdir(tmp_path)
    assert models.find("em") == shipped.HERE / "em.npz"
    (tmp_path / "nuclei").mkdir()
    assert models.find("nuclei") == shipped.HERE / "nuclei.npz"
    (tmp_path / "em").write_bytes(b"")
    assert models.find("em") == shipped.HERE / "em.npz"
    assert models.find(tmp_path / "em") == tmp_path / "em"


def test_an_unknown_name_is_refused_with_the_way_to_the_list():
    with pytest.raises(InputError, match=r"eem is not a file; .* python -m minunet\.models"):
        minunet.load("eem")


def test_em_finds_the_membranes_of_slices_that_it_has_not_seen():
    # Another seed than that of the training slices.
    images, _, instances = varied_slices((2, 160, 160), np.random.default_rng(1), groups=())
    model = minunet.load("em", "cpu")
    p = [model.segment(image)[..., 1] for image in images]
    scores = {one.key: one.value for one in em.scores(instances, p, (model.settings.threshold,))}
    baseline = np.mean(instances == 0)  # error if all is cell: 0.22
    assert scores["pixel_error"] < 0.11 < baseline / 1.8  # 0.094
    assert scores["v_rand"] > 0.85  # 0.910


def test_em_finds_the_membranes_of_a_real_slice():
    folder = real_data.folder("isbi2012")
    names = ("train-volume.tif", "train-labels.tif")
    image, truth = (tifffile.imread(folder / name, key=3)[:260, :260] for name in names)
    model = minunet.load("em", "cpu")
    found = model.segment(image)[..., 1] > model.settings.threshold
    error = np.mean(found != (truth > 0))
    assert error < 0.1 < np.mean(truth == 0) / 1.5  # 0.076
