"""Segmenting the slices of a layer gives what `Model` gives, tile by tile."""

from dataclasses import replace

import numpy as np
import pytest
from jobs import finished

from minunet.errors import InputError
from minunet.napari_plugin.layers import LayerSlices
from minunet.napari_plugin.segmenting import result_layers, segment
from minunet.network import initialization
from minunet.prediction.model import Model
from minunet.runs.settings import from_options


def model(values=(0, 1), **given):
    """Make an untrained network whose tiles of 24 pixels segment the central 8."""
    settings = from_options(depth=1, channels=2, tile=24, label_values=values, **given)
    params = initialization.gaussian(settings.architecture, np.random.default_rng(0))
    return Model(params, settings, 1)


def images(shape=(2, 3, 21, 30)):
    return np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)


def test_probabilities_are_those_of_the_model():
    data, net = images(), model()
    steps, p = finished(segment(net, LayerSlices(data), "probability"))
    expected = net.segment(data.reshape(6, 21, 30))[..., 1]
    np.testing.assert_array_equal(p, expected.reshape(data.shape))
    assert p.dtype == np.float32
    assert [step.done for step in steps] == [*range(1, steps[-1].total + 1)]
    assert steps[-1].total > 6


def test_a_single_slice_keeps_its_two_axes():
    data = images((21, 30))
    _, p = finished(segment(model(), LayerSlices(data), "probability"))
    assert p.shape == data.shape


def test_every_class_of_three_has_its_probability():
    data, net = images((2, 21, 30)), model((0, 1, 2))
    _, p = finished(segment(net, LayerSlices(data), "probability"))
    np.testing.assert_array_equal(p, np.moveaxis(net.segment(data), -1, 0))


def test_classes_are_numbered_from_1_or_have_the_given_values():
    data, net = images((2, 21, 30)), model((0, 255))
    expected = net.segment(data).argmax(-1)
    assert 0 < expected.mean() < 1
    _, found = finished(segment(net, LayerSlices(data), "classes"))
    np.testing.assert_array_equal(found, expected + 1)
    _, found = finished(segment(net, LayerSlices(data), "classes", values=(7, 9)))
    np.testing.assert_array_equal(found, np.where(expected, 9, 7))


def test_classes_use_the_threshold_of_the_model():
    data, net = images((2, 21, 30)), model()
    net = net._replace(settings=replace(net.settings, threshold=0.2))
    _, found = finished(segment(net, LayerSlices(data), "classes"))
    np.testing.assert_array_equal(found, 1 + (net.segment(data)[..., 1] > 0.2))


def test_cells_are_those_of_the_model():
    data, net = images((2, 21, 30)), model()
    median = float(np.median(net.segment(data)[..., 1]))
    net = net._replace(settings=replace(net.settings, threshold=median))
    _, found = finished(segment(net, LayerSlices(data), "cells"))
    np.testing.assert_array_equal(found, net.cells(data))
    assert found.max() > 0


def test_the_pixel_size_shrinks_the_image_as_in_the_model():
    net = model(pixel_size=(0.01, 0.01))
    data = images((2, 42, 60))
    _, p = finished(segment(net, LayerSlices(data), "probability", (0.005, 0.005)))
    expected = net.segment(data, pixel_size=(0.005, 0.005))[..., 1]
    np.testing.assert_array_equal(p, expected)
    assert not np.array_equal(p, net.segment(data)[..., 1])


def test_what_does_not_fit_the_model_is_refused():
    with pytest.raises(InputError, match="3 channels, but the model was trained on 1"):
        next(segment(model(), LayerSlices(images((21, 30, 3)), rgb=True), "classes"))
    with pytest.raises(InputError, match="two-class model"):
        next(segment(model((0, 1, 2)), LayerSlices(images()), "cells"))


def test_layers_lie_where_the_image_lies():
    place = {"scale": (50, 4, 4), "translate": (1, 2, 3)}
    labels, p = np.zeros((2, 5, 6), np.uint8), np.zeros((3, 2, 5, 6), np.float32)
    ((data, shown, kind),) = result_layers(labels, "classes", "em", place)
    assert data is labels
    assert (kind, shown["name"], shown["translate"]) == ("labels", "em classes", (1, 2, 3))
    found = result_layers(p, "probability", "em", place)
    assert [shown["name"] for _, shown, _ in found] == [f"em probability {k}" for k in range(3)]
    assert all(data.shape == (2, 5, 6) for data, *_ in found)
    ((_, shown, kind),) = result_layers(p[0], "probability", "em", place)
    assert (kind, shown["contrast_limits"], shown["scale"]) == ("image", (0, 1), (50, 4, 4))


def test_napari_takes_the_layers(napari):
    data = images((2, 21, 30))
    _, found = finished(segment(model(), LayerSlices(data), "cells"))
    (one,) = result_layers(found, "cells", "em", {"scale": (50.0, 4.0, 4.0)})
    layer = napari.layers.Layer.create(*one)
    assert isinstance(layer, napari.layers.Labels)
    assert tuple(layer.scale) == (50, 4, 4)
