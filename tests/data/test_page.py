"""Colours become grey values; channels are parsed; errors while decoding become one sentence."""

import argparse
import logging

import numpy as np
import pytest
from pictures import draw
from PIL import Image

from minunet.data import page
from minunet.errors import InputError


def test_grey_values_agree_with_pillow():
    colours = draw((20, 31, 3))
    expected = np.array(Image.fromarray(colours).convert("L"))  # rounds in 16 bits
    assert np.abs(page.luma(colours).astype(int) - expected).max() <= 1


def test_a_colour_with_equal_channels_keeps_its_value():
    for dtype in (np.uint8, np.uint16, np.int16, np.float32):
        values = np.array([0, 1, 77, 255, 126, 100], dtype)
        colours = np.stack([values] * 4, axis=-1)[np.newaxis]  # the fourth channel is not used
        grey = page.luma(colours)
        assert grey.dtype == dtype
        np.testing.assert_allclose(grey, [values], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "channel"), [("0", 0), ("12", 12), ("grey", "grey"), ("DAPI", "DAPI")]
)
def test_a_channel_is_a_number_or_grey_or_a_name(text, channel):
    assert page.parse_channel(text) == channel


@pytest.mark.parametrize("text", ["-1", "", "x" * 41])
def test_other_channels_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not a channel"):
        page.parse_channel(text)


def test_any_exception_becomes_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"a\.tif cannot be read as an image: deep inside"):
        with page.decoding(tmp_path / "a.tif"):
            raise ZeroDivisionError("deep inside")
    with pytest.raises(InputError, match=r"^as it is$"):
        with page.decoding(tmp_path / "a.tif"):
            raise InputError("as it is")


def test_an_error_that_tifffile_only_logs_is_raised(tmp_path, caplog):
    logger = logging.getLogger("tifffile")
    with pytest.raises(InputError, match=r"a\.tif is damaged: a page is missing"):
        with page.decoding(tmp_path / "a.tif"):
            logger.warning("not serious")
            logger.error("a page is missing")
    assert not caplog.records


@pytest.mark.parametrize("axes", ["yx", "zyx", "xyz", "tczyx"])
def test_axes_are_letters(axes):
    assert page.parse_axes(axes) == axes


@pytest.mark.parametrize("text", ["", "zx", "zyy", "ZYX", "zyxq", "yx "])
def test_other_axes_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"one letter for each axis .* zyx$"):
        page.parse_axes(text)


def test_labels_have_the_axes_of_the_image_without_channels():
    reading = page.Reading(channel=1, series=2, axes="czyx", level=1)
    assert reading.of_labels() == page.Reading(indices=True, axes="zyx", level=1)
    assert page.Reading().of_labels() == page.Reading(indices=True)
