"""The map of the course shows the numbers of Figure 1, and each arrow leads to its chapter."""

import re
from base64 import b64decode
from collections import Counter
from xml.etree import ElementTree

import pytest
from chapters import CHAPTERS, TUTORIALS, WITH_EXERCISES, cells

pytest.importorskip("IPython")

from course import drawing, image_map

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def figure():
    """Parse the drawing."""
    return ElementTree.fromstring(drawing())


def test_the_numbers_are_those_of_the_papers_figure(figure):
    written = [text.text for text in figure.findall(f"{SVG}text")]
    channels, sizes = written[:9], written[9:]
    assert channels == "64 128 256 512 1024 512 256 128 64".split()
    # Of the tile and the output; then into each stage on the way down, out of it on the way up.
    assert sizes == [f"{n}²" for n in (572, 388, 284, 140, 68, 32, 52, 100, 196)]


def test_every_arrow_leads_to_the_chapter_of_its_operation(figure):
    links = [link for link in figure.findall(f"{SVG}a") if link.find(f"{SVG}line") is not None]
    arrows = Counter(link.get("href") for link in links)
    assert arrows == {
        "01_convolution.ipynb": 18 + 1,  # and the 1×1 convolution at the end
        "03_relu_and_maxpool.ipynb": 4,
        "04_upconvolution.ipynb": 4,
        "07_the_u.ipynb": 4,
    }


def test_every_chapter_has_a_number_that_leads_to_it(figure):
    found = {}
    for link in figure.findall(f"{SVG}a"):
        if (badge := link.find(f"{SVG}text")) is not None:
            found[link.get("href")] = badge.text.split()[0]
            assert link.find(f"{SVG}title").text.startswith(f"{badge.text.split()[0]}. ")
    assert found == {f"{name}.ipynb": str(int(name[:2])) for name in WITH_EXERCISES}
    assert all((TUTORIALS / name).exists() for name in found)


def test_the_image_map_has_the_links_of_the_drawing(figure):
    image, areas = image_map().split("<map name")
    linked = re.findall(r'shape="(\w+)" coords="([\d,]+)" href="([\w.]+)"', areas)
    drawn = [link.get("href") for link in figure.findall(f"{SVG}a")]
    assert [href for *_, href in reversed(linked)] == drawn
    for shape, coordinates, _ in linked:
        numbers = [int(number) for number in coordinates.split(",")]
        assert len(numbers) == {"circle": 3, "rect": 4}[shape]
        assert all(0 <= number <= 520 for number in numbers)
    picture = ElementTree.fromstring(b64decode(re.search(r"base64,([^\"]+)", image)[1]))
    assert picture.findall(f"{SVG}a") == []
    assert [text.text for text in picture.findall(f"{SVG}text")][:14] == [
        text.text for text in figure.findall(f"{SVG}text")
    ][:14]


def test_the_overview_shows_the_map():
    outputs = [output for cell in cells(CHAPTERS[0]) for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "text/html" in output.get("data", {})]
    assert ["".join(data["text/html"]) for data in shown] == [image_map()]
    assert ["".join(data["image/svg+xml"]) for data in shown] == [drawing()]
