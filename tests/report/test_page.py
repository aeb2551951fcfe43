"""The report: what it says, that any text is safe in it, and that a browser shows it."""

import json
import subprocess
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from math import inf, nan
from xml.etree.ElementTree import Element, TreeBuilder

import browser
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from minunet import report
from minunet.metrics.score import Score, number
from minunet.report.page import Picture, Report
from minunet.runs.settings import PRESETS, from_options

NASTY = """<script src="//x">alert("1")</script> & 'x' </title></style> --> &amp; é→𝛿"""


def solid(colour: str, size: tuple[int, int]) -> bytes:
    """Make a PNG of one colour."""
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


V_RAND = Score(
    key="v_rand",
    name="V_Rand, thinned",
    value=0.92134,
    slices=(0.9, 0.95, 0.94),
    convention="an F-score; 4-connected",
    threshold=0.4,
    by_threshold=(0.5, 0.55, 0.6, 0.7, 0.92134, 0.9, 0.85, 0.8, 0.7, 0.6),
)
WARPING = Score(
    key="warping",
    name="warping error",
    value=0.0003526,
    slices=(0.0002, 0.0005, 0.00035),
    convention="of splits and mergers",
    higher_is_better=False,
    threshold=0.6,
    by_threshold=(0.01,) * 6 + (0.0003526,) + (0.01,) * 3,
)
MISSED = Score("missed", "cells missed", 17.0, (8.0, 1.0, 8.0), "a count", higher_is_better=False)

REPORT = Report(
    title="a run",
    settings=from_options(images="em.tif", labels="cells.tif", steps=3).to_json(),
    description=["data      em.tif: 24 slices", "split     21 slices to train on"],
    log=[{"step": float(k), "energy": e, "seconds": 2.0} for k, e in ((1, 1), (2, 0.5), (3, 0.3))],
    scores=[V_RAND, WARPING, MISSED],
    headline=("v_rand", "missed"),
    slices=(21, 22, 23),
    trained_on=False,
    checkpoint="best.npz, step 2",
    picked=True,
    curves=solid("magenta", (90, 36)),
    pictures=[
        Picture("Best: slice 22", "four panels", solid("lime", (50, 70))),
        Picture("Worst: slice 21", "four more", solid("cyan", (120, 40))),
    ],
    seconds=245.0,
    device="CPU, 2 cores",
    version="1.2.3",
    commands=[("Train", "python -m minunet.train --steps 3")],
)


class Strict(HTMLParser):
    """Reads HTML in which every element is closed, in the reverse order of opening."""

    def __init__(self) -> None:
        super().__init__()
        self.tree, self.open = TreeBuilder(), []

    def handle_starttag(self, tag, attrs):
        """Open an element."""
        assert len(dict(attrs)) == len(attrs)  # none twice
        self.tree.start(tag, dict(attrs))
        self.open.append(tag)
        if tag in ("meta", "img"):  # these have no end
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        """Close the element that was opened last."""
        assert self.open.pop() == tag
        self.tree.end(tag)

    def handle_data(self, data):
        """Take in a text."""
        if self.open:
            self.tree.data(data)
        else:
            assert data.isspace()


def parse(html: str) -> Element:
    """Read a page."""
    assert html.startswith("<!DOCTYPE html>\n")
    reader = Strict()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader.tree.close()


@pytest.fixture
def made(tmp_path):
    """Lend a function that writes a report, with some of it replaced, and reads it."""

    def make(**replaced):
        report.write(tmp_path / "report.html", REPORT._replace(**replaced))
        return parse((tmp_path / "report.html").read_text(encoding="utf-8"))

    return make


def text(element):
    return "".join(element.itertext())


def rows(page, section):
    """List the rows of the table in a section: of each, its cells."""
    return [list(row) for row in page.findall(f".//section[@id='{section}']//tbody/tr")]


def words(page, section):
    """List the rows of the table in a section: of each, the texts of its cells."""
    return [[text(cell) for cell in row] for row in rows(page, section)]


def test_one_file_that_loads_nothing(made):
    page = made()
    allowed = {"meta", "title", "style", "img", "a", "svg", "line", "polyline", "circle"}
    allowed |= set("html head body header h1 main nav section h2 h3 footer p span small".split())
    allowed |= set("div table thead tbody tr th td ul li dl dt dd figure figcaption pre".split())
    assert {element.tag for element in page.iter()} <= allowed | {"code"}  # so, no script
    for element in page.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        assert element.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert element.get("href", "#").startswith("#")
    style = text(page.find("head/style"))
    assert "@import" not in style
    assert "url(" not in style
    (policy,) = page.findall(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy.get("content").startswith("default-src 'none';")


def test_what_a_page_needs(made):
    page = made()
    assert page.get("lang") == "en"
    assert page.find("head/meta").get("charset") == "utf-8"  # the first thing in it
    assert text(page.find("head/title")) == "a run"
    assert [text(h1) for h1 in page.iter("h1")] == ["a run"]
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    assert [f"#{name}" for name in ids] == [link.get("href") for link in page.iter("a")]
    headings = [text(h2) for h2 in page.iter("h2")]
    assert headings == [text(link) for link in page.iter("a")]
    assert len(headings) == 7
    heads = [head.get("scope") for head in page.findall(".//thead//th")]
    assert set(heads) == {"col"}
    assert {head.get("scope") for head in page.findall(".//tbody//th")} == {"row"}
    assert "3 steps in 4 min 5 s · CPU, 2 cores" in text(page.find("body/header"))
    assert "minunet 1.2.3" in text(page.find("body/footer"))


def test_pictures_are_in_the_file_with_their_size_and_in_words(made):
    images = list(made().iter("img"))
    given = [REPORT.curves, *(picture.png for picture in REPORT.pictures)]
    assert [b64decode(image.get("src").split(",")[1]) for image in images] == given
    sizes = [(image.get("width"), image.get("height")) for image in images]
    assert sizes == [("90", "36"), ("50", "70"), ("120", "40")]
    assert "Two plots over the steps" in images[0].get("alt")
    assert [image.get("alt") for image in images[1:]] == ["four panels", "four more"]


def test_captions(made):
    captions = [text(caption) for caption in made().iter("figcaption")]
    assert captions == [
        "Energy per pixel: 1 at the first step, 0.6000 in the mean of the last 3.",
        "Best: slice 22",
        "Worst: slice 21",
    ]


def test_the_last_energy_is_a_mean_of_50(made):
    log = [{"step": float(k), "energy": 9.0 if k <= 60 else 0.25} for k in range(1, 111)]
    caption = text(made(log=log).find(".//figcaption"))
    assert caption.endswith("9 at the first step, 0.2500 in the mean of the last 50.")


def test_every_score_with_its_threshold_and_convention(made):
    assert [[cell.strip() for cell in row] for row in words(made(), "scores")] == [
        ["V_Rand, thinned an F-score; 4-connected", "0.9213 ↑", "0.4", ""],
        ["warping error of splits and mergers", "0.000353 ↓", "0.6", ""],
        ["cells missed a count", "17 ↓", "", ""],
    ]


def test_the_numbers_that_matter(made):
    shown = [[text(part) for part in item] for item in made().iter("li")]
    assert shown == [
        ["V_Rand, thinned", "0.9213", "at threshold 0.4; higher is better"],
        ["cells missed", "17", "lower is better"],
    ]


def test_a_small_plot_over_the_thresholds(made):
    by_threshold = (0.2, 0.4, nan, 0.6, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3)
    page = made(scores=[V_RAND._replace(by_threshold=by_threshold, threshold=0.3)])
    (plot,) = page.iter("svg")
    # From 4 to 124 for 0.0 … 0.9, and from 32, the lowest value, up to 4, the highest.
    points = [tuple(map(float, p.split(","))) for p in plot.find("polyline").get("points").split()]
    assert points[:3] == [(4, 32), (17.3, 18), (44, 4)]
    assert points[-1] == (124, 25)
    assert len(points) == 9  # without that of nan
    circle = plot.find("circle")
    assert (float(circle.get("cx")), float(circle.get("cy"))) == (44, 4)
    said = "V_Rand, thinned: 0.2000 at 0, 0.4000 at 0.1, 0.6000 at 0.3, 0.2000 at 0.4,"
    assert plot.get("aria-label").startswith(said)


def test_a_flat_plot(made):
    page = made(scores=[V_RAND._replace(by_threshold=(0.5,) * 9 + (nan,), threshold=0.9)])
    points = page.find(".//svg/polyline").get("points").split()
    assert {point.split(",")[1] for point in points} == {"32.0"}
    assert page.find(".//svg/circle") is None  # the value at the threshold being unknown


def test_slice_by_slice(made):
    page = made()
    heads = [text(head) for head in page.findall(".//section[@id='slices']//thead/tr/th")]
    assert heads == ["slice", "V_Rand, thinned", "warping error", "cells missed"]
    assert words(page, "slices") == [
        ["21", "0.9000worst", "0.000200best", "8worst"],
        ["22", "0.9500best", "0.000500worst", "1best"],
        ["23", "0.9400", "0.000350", "8worst"],
        ["all", "0.9213", "0.000353", "17"],
    ]
    shades = [[cell.get("style") for cell in row[1:]] for row in rows(page, "slices")]
    # 0.94 is a fifth of the way from the best, 0.95, to the worst, 0.9; 0.00035 is half way.
    assert shades == [
        ["--bad: 1.00", "--bad: 0.00", "--bad: 1.00"],
        ["--bad: 0.00", "--bad: 1.00", "--bad: 0.00"],
        ["--bad: 0.20", "--bad: 0.50", "--bad: 1.00"],
        [None, None, None],
    ]


def test_slices_that_are_alike_are_not_ranked(made):
    page = made(scores=[V_RAND._replace(slices=(0.9, nan, 0.9))])
    assert [row[1] for row in words(page, "slices")[:3]] == ["0.9000", "–", "0.9000"]
    assert {row[1].get("style") for row in rows(page, "slices")} == {None}


@pytest.mark.parametrize("nothing", [nan, None, inf])
def test_scores_without_a_value(made, nothing):
    empty = V_RAND._replace(
        value=nothing, slices=(nothing, 0.5, 0.7), threshold=None, by_threshold=(nothing,) * 10
    )
    page = made(scores=[empty, MISSED._replace(slices=(nothing,) * 3)])
    assert words(page, "scores")[0][1:] == ["– ↑", "", ""]
    assert [row[1:] for row in words(page, "slices")] == [
        ["–", "–"],
        ["0.5000worst", "–"],
        ["0.7000best", "–"],
        ["–", "17"],
    ]
    assert text(page.find(".//li/span[@class='value']")) == "–"
    assert page.find(".//svg") is None
    assert not {"nan", "inf", "None"} & set(text(page.find("body/main")).split())


def test_without_scores_and_pictures_their_sections_are_left_out(made):
    page = made(scores=[], pictures=[], commands=[])
    sections = [section.get("id") for section in page.iter("section")]
    assert sections == ["training", "data", "settings"]
    assert [link.get("href")[1:] for link in page.iter("a")] == sections
    assert page.find(".//ul") is None


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        ({}, "Slices 21 … 23: 3 slices that were not trained on."),
        ({"slices": (3, 4)}, "Slices 3, 4: 2 slices that were not trained on."),
        ({"slices": (1, 2, 4)}, "Slices 1, 2, 4: 3 slices that were not trained on."),
        ({"slices": (7,)}, "Slice 7: 1 slice that was not trained on."),
        (
            {"trained_on": True},
            "Slices 21 … 23: trained on, since none were held out. How good the network is on "
            "images that it has not seen, these numbers do not say.",
        ),
        ({"slices": (7,), "trained_on": True}, "Slice 7: trained on, since none were held out."),
    ],
)
def test_what_was_scored(made, replaced, said):
    where = text(made(scores=[], **replaced).find(".//p[@class='where']"))
    assert where.startswith(said)
    assert ("not trained on" in where) != ("none were held out" in where)


def test_what_the_scored_slices_had_decided_before(made):
    def said(**replaced):
        return text(made(**replaced).findall("body/main/p")[1])

    picked = "It was picked by these slices, as the step that scores best on them"
    thresholds = "Each threshold is the one that is best on these slices."
    assert said().startswith(f"Scored is best.npz, step 2. {picked}: expect a little less on ")
    assert said().endswith(thresholds)
    assert said(picked=False) == f"Scored is best.npz, step 2. {thresholds}"
    assert said(picked=False, scores=[MISSED]) == "Scored is best.npz, step 2."


def test_the_description_of_the_data(made):
    (listed,) = made().iter("dl")
    assert [(part.tag, text(part)) for part in listed] == [
        *(("dt", "data"), ("dd", "em.tif: 24 slices")),
        *(("dt", "split"), ("dd", "21 slices to train on")),
    ]


def settings(page):
    """Return the settings of a page by group: each with its value and whether it is bold."""
    (section,) = page.findall(".//section[@id='settings']")
    return {
        text(group.find("h3")): [
            (*map(text, row), row.get("class") == "given") for row in group.iter("tr")
        ]
        for group in section.findall("div/div")
    }


def test_settings_that_were_given_come_first_and_bold(made):
    clip = PRESETS["tiny"]["clip"]  # given, but no other than without
    chosen = from_options(
        experiment="em", preset="tiny", images="a", labels="b", clip=clip, seed=3, dropout=0.25
    )
    found = {"label_values": [0, 255], "cells": True, "in_channels": 3, "fingerprint": "f"}
    shown = settings(made(settings=chosen.to_json() | found))
    given = [(group, name) for group, of in shown.items() for name, _, bold in of if bold]
    assert given == [
        *(("Data", "images"), ("Data", "labels"), ("Network", "dropout")),
        *(("Training", "preset"), ("Training", "experiment"), ("Training", "seed")),
    ]
    for of in shown.values():
        bold = [row[2] for row in of]
        assert bold == sorted(bold, reverse=True)
    assert ("dropout", "0.25", True) in shown["Network"]
    assert ("label values", "0, 255", False) in shown["Data"]
    assert ("cells", "yes", False) in shown["Data"]


def test_every_setting_is_shown_once(made):
    shown = settings(made())
    names = [name for of in shown.values() for name, _, _ in of]
    assert sorted(names) == sorted(name.replace("_", " ") for name in REPORT.settings)
    assert list(shown) == ["Data", "Network", "Training", "Scoring"]
    assert ("cells", "no", False) in shown["Data"]
    assert ("experiment", "–", False) in shown["Training"]
    assert ("preset", "tiny", False) in shown["Training"]
    assert ("steps", "3", True) in shown["Training"]


def test_what_comes_with_an_experiment_is_not_bold(made):
    page = made(settings=from_options(experiment="cells").to_json())
    shown = settings(page)
    assert [row for of in shown.values() for row in of if row[2]] == [("experiment", "cells", True)]
    assert "comes with experiment cells and preset laptop." in text(page)
    assert "comes with preset tiny." in text(made())


def test_commands(made):
    (section,) = made().findall(".//section[@id='commands']")
    assert text(section.find("p")) == "Train"
    assert text(section.find("pre/code")) == "python -m minunet.train --steps 3"


def test_no_text_can_break_the_page(made):
    hostile = made(
        title=NASTY,
        settings=REPORT.settings | {"images": NASTY, "label_values": [NASTY, 1]},
        description=[f"data      {NASTY}"],
        scores=[V_RAND._replace(name=NASTY, convention=NASTY)],
        checkpoint=NASTY,
        pictures=[Picture(NASTY, NASTY, solid("lime", (5, 5)))],
        device=NASTY,
        version=NASTY,
        commands=[(NASTY, NASTY)],
    )
    plain = made(scores=[V_RAND], pictures=REPORT.pictures[:1], description=["data x"])
    assert [element.tag for element in hostile.iter()] == [element.tag for element in plain.iter()]
    assert text(hostile.find("head/title")) == NASTY
    assert hostile.findall(".//img")[1].get("alt") == NASTY
    assert hostile.find(".//svg").get("aria-label").startswith(f"{NASTY}: ")
    # Title and h1, device, checkpoint, caption, headline, name twice, convention, data, two
    # settings, command and what it is for, version: each as it was given, and no more than once.
    assert text(hostile).count(NASTY) == 15


def test_a_path_that_is_no_text_does_not_stop_the_report(made):
    path = b"caf\xe9/train.tif".decode("utf-8", "surrogateescape")
    page = made(settings=REPORT.settings | {"images": path})
    assert ("images", "caf?/train.tif", True) in settings(page)["Data"]


def test_a_report_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    written = type(path).write_bytes

    def crash(self, data):
        written(self, data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "write_bytes", crash)
    with pytest.raises(KeyboardInterrupt):
        report.write(path, REPORT)
    assert path.read_text() == "old"
    monkeypatch.undo()
    report.write(path, REPORT)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@given(st.floats(1e-9, 0.00999))
def test_small_numbers_have_three_digits(value):
    shown = number(value)
    assert "e" not in shown
    # Half of the last of three digits is at most 1/200 of the number.
    assert abs(float(shown) - value) <= value / 200 * (1 + 1e-9)
    assert 3 <= len(shown.replace(".", "").lstrip("0")) <= 4  # 0.0099999 is 0.01000


@given(st.floats(0.01, 9.9))
def test_other_numbers_have_four_decimals(value):
    shown = number(value)
    assert abs(float(shown) - value) <= 0.00005 * (1 + 1e-9)
    assert shown == f"{value:.0f}" or len(shown.split(".")[1]) == 4


def size(data):
    with Image.open(BytesIO(data)) as image:
        assert image.format == "PNG"
        return image.size


def test_a_figure_as_png_is_no_wider_than_the_page():
    for wide, smaller in ((22, 0.5), (5, 1)):
        figure = Figure(figsize=(wide, 4))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xticks=[], yticks=[])
        width, height = size(report.png(figure))
        # 200 dots to the inch, and an edge of 0.1 inch around.
        assert width == pytest.approx(200 * (wide * smaller + 0.2), abs=4)
        assert height == pytest.approx(200 * (4 * smaller + 0.2), abs=4)


def test_nothing_of_a_figure_is_cut_off():
    figure = Figure(figsize=(3, 2))
    figure.text(0.9, 0.5, "a line of text that does not end here", color=(1, 0, 0))
    with Image.open(BytesIO(report.png(figure))) as image:
        reds = (np.asarray(image.convert("RGB"))[..., 1] < 100).any(axis=0)
    assert reds.any()
    assert not reds[-3:].any()


PROBE = """
<!DOCTYPE html><title></title>
<iframe src="report.html" style="width: 1200px; height: 900px"></iframe>
<iframe src="report.html" style="width: 400px; height: 900px"></iframe>
<script>
onload = () => {
  const pages = [...document.querySelectorAll("iframe")].map(frame => frame.contentDocument);
  document.title = JSON.stringify(pages.map(page => ({
    tags: [...page.querySelectorAll("*")].map(element => element.localName),
    pictures: [...page.images].map(image => [image.naturalWidth, image.naturalHeight]),
    too_wide: page.documentElement.scrollWidth - page.documentElement.clientWidth,
  })));
};
</script>
"""
"""A page that measures how the browser took the report, and says so in its title."""


@pytest.fixture
def browse(tmp_path):
    """Lend a function that opens a file in a browser; skip if there is none that can read it."""
    found = browser.found()
    if found is None:
        pytest.skip(f"none of {', '.join(browser.BROWSERS)} is installed")

    def open_in_browser(name, *options):
        flags = ("--allow-file-access-from-files", "--virtual-time-budget=10000")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [found, *browser.FLAGS, *flags, profile, "--enable-logging=stderr", *options]
        address = (tmp_path / name).as_uri()
        done = subprocess.run([*command, address], capture_output=True, text=True, timeout=100)
        assert ":CONSOLE" not in done.stderr, done.stderr  # where a page's errors are reported
        return done.stdout

    (tmp_path / "try.html").write_text("<!DOCTYPE html><p>it can be read</p>")
    if "it can be read" not in open_in_browser("try.html", "--dump-dom"):
        pytest.skip(f"{found} cannot read files of {tmp_path}")
    return open_in_browser


def test_a_browser_reads_it_as_it_was_meant(tmp_path, browse):
    long = "a" * 300
    nasty = REPORT._replace(
        title=long,
        settings=REPORT.settings | {"images": long, "fingerprint": "0" * 64},
        description=[f"data      {long}"],
        scores=[*REPORT.scores, *(V_RAND._replace(name=f"{NASTY} {k}") for k in range(9))],
        checkpoint=long,
        commands=[(long, long)],
    )
    report.write(tmp_path / "report.html", nasty)
    meant = [element.tag for element in parse((tmp_path / "report.html").read_text()).iter()]
    (tmp_path / "probe.html").write_text(PROBE)
    dom = browse("probe.html", "--dump-dom")
    pages = json.loads(unescape(dom.split("<title>")[1].split("</title>")[0]))
    assert len(pages) == 2
    for page in pages:  # 1200 and 400 pixels wide
        assert page["tags"] == meant  # a browser moves, adds and drops elements that are amiss
        assert page["pictures"] == [[90, 36], [50, 70], [120, 40]]
        assert page["too_wide"] == 0


def test_a_browser_shows_it(tmp_path, browse):
    report.write(tmp_path / "report.html", REPORT)
    shot = tmp_path / "shot.png"
    browse("report.html", f"--screenshot={shot}", "--window-size=1200,3500")
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (3500, 1200, 3)
    for colour, area in (((255, 0, 255), 90 * 36), ((0, 255, 0), 50 * 70), ((0, 255, 255), 4800)):
        assert (pixels == colour).all(axis=-1).sum() == area  # every pixel of the pictures
    assert (pixels == 255).all(axis=-1).mean() > 0.5  # on white
    assert (pixels.max(axis=-1) < 60).sum() > 1000  # dark text


def test_a_count_has_no_arrow_and_no_best_slice():
    count = Score("n", "cells in the truth", 9.0, (4.0, 5.0), "a count", higher_is_better=None)
    shown = REPORT._replace(scores=[count], headline=(), slices=[0, 1])
    text = "".join(report.page(shown).itertext())
    assert "↑" not in text.replace("↑ higher is better, ↓ lower is better.", "")
    assert "best" not in text.split("Slice by slice")[-1].split("Shaded")[0]
