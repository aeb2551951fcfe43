"""The report has the right contents, is safe for any text and opens in a browser."""

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
from matplotlib.figure import Figure
from PIL import Image
from reports import MISSED, V_RAND, WARPING, settings, text

from minunet import report
from minunet.report import Scored
from minunet.report.page import Picture, Report
from minunet.runs.settings import from_options

NASTY = """<script src="//x">alert("1")</script> & 'x' </title></style> --> &amp; é→𝛿"""


def solid(colour: str, size: tuple[int, int]) -> bytes:
    """Make a PNG of one colour."""
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


SCORED = Scored(
    checkpoint="best.npz, step 2",
    part="test",
    slices=(21, 22, 23),
    names=("21", "22", "23"),
    truth="",
    scores=[V_RAND, WARPING, MISSED],
    threshold=0.4,
    chosen_on="validation",
    chosen_count=5,
)

REPORT = Report(
    title="a run",
    settings=from_options(images="em.tif", labels="cells.tif", steps=3).to_json(),
    description=["data      em.tif: 24 slices", "split     21 slices to train on"],
    log=[{"step": float(k), "energy": e, "seconds": 2.0} for k, e in ((1, 1), (2, 0.5), (3, 0.3))],
    scored=SCORED,
    optimistic=SCORED._replace(part="validation"),
    baseline=0.25,
    headline=("v_rand", "missed"),
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
    """HTML parser that requires elements to be closed in reverse order of opening."""

    def __init__(self) -> None:
        super().__init__()
        self.tree, self.open = TreeBuilder(), []

    def handle_starttag(self, tag, attrs):
        """Open an element."""
        assert len(dict(attrs)) == len(attrs)  # no attribute occurs twice
        self.tree.start(tag, dict(attrs))
        self.open.append(tag)
        if tag in ("meta", "img"):  # void elements
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        """Close the element that was opened last."""
        assert self.open.pop() == tag
        self.tree.end(tag)

    def handle_data(self, data):
        """Add text to the open element."""
        if self.open:
            self.tree.data(data)
        else:
            assert data.isspace()


def parse(html: str) -> Element:
    """Parse a page."""
    assert html.startswith("<!DOCTYPE html>\n")
    reader = Strict()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader.tree.close()


@pytest.fixture
def made(tmp_path):
    """Return a function that writes a report with some fields replaced, and parses it.

    Fields of `Scored` are replaced in the headline and in the optimistic scores.
    """

    def make(**replaced):
        of_scored = {k: replaced.pop(k) for k in [*replaced] if k in Scored._fields}
        for name in ("scored", "optimistic"):
            replaced[name] = getattr(REPORT, name)._replace(**of_scored)
        report.write(tmp_path / "report.html", REPORT._replace(**replaced))
        return parse((tmp_path / "report.html").read_text(encoding="utf-8"))

    return make


def test_the_page_is_one_file_that_loads_nothing(made):
    page = made()
    allowed = {"meta", "title", "style", "img", "a", "svg", "line", "polyline", "circle"}
    allowed |= set("html head body header h1 main nav section h2 h3 footer p span small".split())
    allowed |= set("div table thead tbody tr th td ul li dl dt dd figure figcaption pre".split())
    assert {element.tag for element in page.iter()} <= allowed | {"code"}  # no scripts
    for element in page.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        assert element.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert element.get("href", "#").startswith("#")
    style = text(page.find("head/style"))
    assert "@import" not in style
    assert "url(" not in style
    (policy,) = page.findall(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy.get("content").startswith("default-src 'none';")


def test_title_headings_links_and_scopes(made):
    page = made()
    assert page.get("lang") == "en"
    assert page.find("head/meta").get("charset") == "utf-8"  # the first element
    assert text(page.find("head/title")) == "a run"
    assert [text(h1) for h1 in page.iter("h1")] == ["a run"]
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    assert [f"#{name}" for name in ids] == [link.get("href") for link in page.iter("a")]
    headings = [text(h2) for h2 in page.iter("h2")]
    assert headings == [text(link) for link in page.iter("a")]
    assert len(headings) == 8
    heads = [head.get("scope") for head in page.findall(".//thead//th")]
    assert set(heads) == {"col"}
    assert {head.get("scope") for head in page.findall(".//tbody//th")} == {"row"}
    assert "3 steps in 4 min 5 s · CPU, 2 cores" in text(page.find("body/header"))
    assert "minunet 1.2.3" in text(page.find("body/footer"))


def test_pictures_are_embedded_with_their_size_and_a_description(made):
    images = list(made().iter("img"))
    given = [REPORT.curves, *(picture.png for picture in REPORT.pictures)]
    assert [b64decode(image.get("src").split(",")[1]) for image in images] == given
    sizes = [(image.get("width"), image.get("height")) for image in images]
    assert sizes == [("90", "36"), ("50", "70"), ("120", "40")]
    assert "Two plots against the step" in images[0].get("alt")
    assert [image.get("alt") for image in images[1:]] == ["four panels", "four more"]


def test_captions(made):
    captions = [text(caption) for caption in made().iter("figcaption")]
    assert captions == [
        "Energy per pixel: 1 at the first step, 0.6000 averaged over the last 3 steps.",
        "Best: slice 22",
        "Worst: slice 21",
    ]


def test_the_last_energy_is_a_mean_of_50(made):
    log = [{"step": float(k), "energy": 9.0 if k <= 60 else 0.25} for k in range(1, 111)]
    caption = text(made(log=log).find(".//figcaption"))
    assert caption.endswith("9 at the first step, 0.2500 averaged over the last 50 steps.")


def test_the_headline_scores(made):
    shown = [[text(part) for part in item] for item in made().iter("li")]
    assert shown == [
        ["V_Rand, thinned", "0.921 ± 0.026", "at threshold 0.4; higher is better"],
        ["cells missed", "17", "lower is better"],
    ]


@pytest.mark.parametrize("nothing", [nan, None, inf])
def test_scores_without_a_value(made, nothing):
    empty = V_RAND._replace(
        value=nothing, slices=(nothing, 0.5, 0.7), threshold=None, by_threshold=(nothing,) * 10
    )
    page = made(scores=[empty, MISSED._replace(slices=(nothing,) * 3)])
    assert text(page.find(".//li/span[@class='value']")) == "–"
    assert page.find(".//svg") is None
    assert not {"nan", "inf", "None"} & set(text(page.find("body/main")).split())


def test_empty_sections_are_left_out(made):
    page = made(scores=[], pictures=[], commands=[])
    sections = [section.get("id") for section in page.iter("section")]
    assert sections == ["training", "optimistic", "data", "settings"]
    assert [link.get("href")[1:] for link in page.iter("a")] == sections
    assert page.find(".//ul") is None


def test_the_description_of_the_data(made):
    (listed,) = made().iter("dl")
    assert [(part.tag, text(part)) for part in listed] == [
        *(("dt", "data"), ("dd", "em.tif: 24 slices")),
        *(("dt", "split"), ("dd", "21 slices to train on")),
    ]


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
    # Title, h1, device, checkpoint (twice), caption, headline, name (three times), convention
    # (twice), data, two settings, command, its purpose and the version: each exactly as given.
    assert text(hostile).count(NASTY) == 18


def test_a_path_that_is_not_valid_text_does_not_stop_the_report(made):
    path = b"caf\xe9/train.tif".decode("utf-8", "surrogateescape")
    page = made(settings=REPORT.settings | {"images": path})
    assert ("images", "caf?/train.tif", True) in settings(page)["Data"]


def test_an_interrupted_write_keeps_the_old_report(tmp_path, monkeypatch):
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
        # 200 dots per inch, and a margin of 0.1 inch on every side.
        assert width == pytest.approx(200 * (wide * smaller + 0.2), abs=4)
        assert height == pytest.approx(200 * (4 * smaller + 0.2), abs=4)


def test_a_figure_is_not_cut_off():
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
"""A page that opens the report at two widths and writes its measurements to its own title."""


@pytest.fixture
def browse(tmp_path):
    """Return a function that opens a file in a browser; skip if no browser can read it."""
    found = browser.found()
    if found is None:
        pytest.skip(f"none of {', '.join(browser.BROWSERS)} is installed")

    def open_in_browser(name, *options):
        flags = ("--allow-file-access-from-files", "--virtual-time-budget=10000")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [found, *browser.FLAGS, *flags, profile, "--enable-logging=stderr", *options]
        address = (tmp_path / name).as_uri()
        done = subprocess.run([*command, address], capture_output=True, text=True, timeout=100)
        assert ":CONSOLE" not in done.stderr, done.stderr  # errors of the page
        return done.stdout

    (tmp_path / "try.html").write_text("<!DOCTYPE html><p>it can be read</p>")
    if "it can be read" not in open_in_browser("try.html", "--dump-dom"):
        pytest.skip(f"{found} cannot read files of {tmp_path}")
    return open_in_browser


def test_a_browser_parses_the_page_as_written(tmp_path, browse):
    long = "a" * 300
    nasty = REPORT._replace(
        title=long,
        settings=REPORT.settings | {"images": long, "fingerprint": "0" * 64},
        description=[f"data      {long}"],
        scored=SCORED._replace(
            scores=[*SCORED.scores, *(V_RAND._replace(name=f"{NASTY} {k}") for k in range(9))],
            checkpoint=long,
        ),
        commands=[(long, long)],
    )
    report.write(tmp_path / "report.html", nasty)
    written = [element.tag for element in parse((tmp_path / "report.html").read_text()).iter()]
    (tmp_path / "probe.html").write_text(PROBE)
    dom = browse("probe.html", "--dump-dom")
    pages = json.loads(unescape(dom.split("<title>")[1].split("</title>")[0]))
    assert len(pages) == 2
    for page in pages:  # 1200 and 400 pixels wide
        assert page["tags"] == written  # a browser moves, adds or drops misplaced elements
        assert page["pictures"] == [[90, 36], [50, 70], [120, 40]]
        assert page["too_wide"] == 0


def test_a_browser_renders_the_page(tmp_path, browse):
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


def test_scores_by_threshold_have_a_section_of_their_own(made):
    assert "thresholds" not in {section.get("id") for section in made().iter("section")}
    picture = Picture("SEG by threshold of the seeds.", "a plot", solid("lime", (80, 50)))
    page = made(thresholds=[picture])
    ids = [section.get("id") for section in page.iter("section")]
    assert ids[ids.index("scores") + 1] == "thresholds"
    (section,) = (one for one in page.iter("section") if one.get("id") == "thresholds")
    assert text(section.find("h2")) == "Scores by threshold"
    assert text(section.find("figure/figcaption")) == "SEG by threshold of the seeds."
    (image,) = section.iter("img")
    assert image.get("alt") == "a plot"
    assert "#thresholds" in {link.get("href") for link in page.iter("a")}
