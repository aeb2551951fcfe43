"""The drawing of Figure 1 has every arrow and every map of the paper, in proportion."""

from collections import Counter
from itertools import pairwise

import pytest
import u_shape
from matplotlib.figure import Figure

from minunet.network.architecture import Architecture


@pytest.fixture
def axes():
    """Draw the paper's network."""
    axes = Figure().add_subplot()
    u_shape.draw(axes, Architecture(), 572)
    return axes


def test_there_are_as_many_arrows_as_in_the_paper(axes):
    kinds = {colour: kind for kind, colour in u_shape.COLOURS.items()}
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None)]
    drawn = Counter(kinds[arrow.arrowprops["color"]] for arrow in arrows)
    assert drawn == {
        "convolution": 18,
        "max pooling": 4,
        "up-convolution": 4,
        "copy": 4,
        "1×1 convolution": 1,
    }


def test_the_labels_are_the_numbers_of_the_paper(axes):
    labels = [text.get_text() for text in axes.texts if text.get_text()]
    assert labels[::2] == [*"64 128 256 512 1024 512 256 128 64".split()]
    assert labels[1::2] == [
        "572 → 568",
        "284 → 280",
        "140 → 136",
        "68 → 64",
        "32 → 28",
        "56 → 52",
        "104 → 100",
        "200 → 196",
        "392 → 388",
    ]


def test_boxes_are_as_high_as_their_maps_and_do_not_overlap():
    boxes = u_shape._boxes(Architecture(), 572)
    sides = {
        stage: [round(box.high / u_shape.HEIGHT * 572) for box in boxes[stage]] for stage in boxes
    }
    assert sides["contract0"] == [572, 570, 568]
    assert sides["bottom"] == [32, 30, 28]
    assert sides["expand0"] == [392, 390, 388, 388]
    for maps in boxes.values():
        for before, after in pairwise(maps):
            assert before.x + before.wide < after.x
