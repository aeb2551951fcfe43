"""What is said about a model: everything that its user needs, and no path of its author."""

import json

import pytest
from exchange import state

from minunet import models
from minunet.exchange import description
from minunet.exchange.description import Description
from minunet.models import shipped
from minunet.runs import checkpoint
from minunet.runs.settings import Settings

HOME = "/home/x/secret"
SECRET = {
    **{"images": f"{HOME}/train/images", "labels": r"C:\Users\x\secret\labels"},
    **{"validation": f"{HOME}/val/", "test": f"{HOME}/test", "start_from": f"{HOME}/a/best.npz"},
}


def settings(**given):
    return Settings.from_json(state(**given).settings)


def test_of_paths_only_the_last_part_is_kept():
    made = state(**SECRET)
    found = description.meta(made)
    assert "secret" not in json.dumps(found)
    assert {name: found["config"][name] for name in SECRET} == {
        **{"images": "images", "labels": "labels", "validation": "val", "test": "test"},
        "start_from": "best.npz",
    }
    assert made.settings["images"] == SECRET["images"]  # the checkpoint itself is not changed
    same = {k: v for k, v in found["config"].items() if k not in SECRET}
    assert same == {k: v for k, v in made.settings.items() if k not in SECRET}
    assert (found["step"], found["best"]) == (7, 0.5)
    assert found["random_state"] == made.random_state


def test_places_are_all_settings_that_can_be_paths():
    assert set(description.PLACES) == {*SECRET}


@pytest.mark.parametrize("value", ["0.2", "none", "3:8", "img3,spec2_*", "em"])
def test_values_that_are_no_paths_are_kept(value):
    found = description.meta(state(validation=value, start_from=value))["config"]
    assert (found["validation"], found["start_from"]) == (value, value)


def test_properties():
    made = state(values=(0, 255), in_channels=3, variant="release", depth=2, tile=60, **SECRET)
    about = Description("é", "MIT", ("Ada", "Grace"), ("10.1/x",))
    found = description.properties(made, about)
    assert all(isinstance(text, str) for text in found.values())
    assert "secret" not in "".join(found.values())
    assert json.loads(found["architecture"]) == {
        **{"depth": 2, "channels": 3, "in_channels": 3, "classes": 2},
        **{"variant": "release", "margin": 20},
    }
    assert json.loads(found["label_values"]) == [0, 255]
    assert found["scaling"] == "minmax"
    assert found["license"] == "MIT"
    assert found["authors"] == "Ada; Grace"
    assert found["citations"] == "10.1/x"
    assert "7 steps on tiles of 60x60" in found["training"]
    assert json.loads(found["minunet"]) == json.loads(json.dumps(description.meta(made)))


def test_nothing_is_said_about_what_is_not_known():
    found = description.properties(state(), Description("a"))
    assert not {"license", "authors", "citations"} & found.keys()
    other = state()._replace(step=0)
    assert description.training(other) == "The parameters come from another program."


def test_the_summary():
    made = state(values=(0, 255), scaling="image", pixel_size=(0.5, 0.25), shrink=2.0)
    text = description.document(made, Description("My model"))
    assert text.startswith("# My model\n")
    assert "of depth 1 with 3 channels: 944 parameters" in text
    assert "2 classes (label 0, label 255)" in text
    assert "The best validation score was 0.5000." in text
    assert "Scale each image so that its smallest grey value becomes 0" in text
    assert "One pixel of the network is 1 x 0.5 µm." in text
    assert "score" not in description.document(made._replace(best=-1.0), Description("m"))
    plain = description.document(state(shrink=2.0), Description("m"))
    assert "Shrink images by 2 along each axis first." in plain
    assert "Shrink" not in description.document(state(), Description("m"))


@pytest.mark.parametrize("name", models.MODELS)
def test_the_card_of_a_built_in_model_has_no_links_into_the_repository(name):
    made = checkpoint.load(models.find(name))
    text = description.document(made, Description(name, card=shipped.card(name)))
    assert text.startswith("# ")
    assert "![" not in text
    assert "](.." not in text
    assert "/home/" not in json.dumps(description.meta(made))


def test_the_pixel_of_the_network():
    found = description.network_pixel
    assert found(settings()) is None
    assert found(settings(pixel_size=(0.5, 0.25))) == (0.5, 0.25)
    assert found(settings(pixel_size=(0.5, 0.25), shrink=3.0)) == (1.5, 0.75)
    assert found(settings(pixel_size=(0.5, 0.25), shrink="auto")) is None


def test_classes_are_named_by_their_labels():
    assert description.label_names(settings(values=(0, 7, 255))) == [
        *("label 0", "label 7", "label 255")
    ]
