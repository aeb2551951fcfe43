"""The slides contain every chapter, need no other file, and can be shown and printed."""

import re
from base64 import b64decode
from html import unescape

import browser
import pytest
from chapters import CHAPTERS, TUTORIALS, cells, figures, outputs, source

pytest.importorskip("mdit_py_plugins")
from website import slides

MAP = ("Figure 1 of the paper; every arrow and every number in a circle leads to a chapter.",)
"""Caption of the map of the course, which is no PNG."""


@pytest.fixture(scope="module")
def deck():
    """Return the slides."""
    return slides.deck()


def split(deck, chapter):
    """List the slides of a chapter."""
    return re.findall(rf'<section id="{chapter}(?:-\d+)?">.*?</section>', deck, re.DOTALL)


def words(html):
    """Return the text of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def summary(chapter):
    """Return the summary of a chapter."""
    return source(cells(chapter)[-1]).split("## Summary\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_title_its_figures_and_its_summary(deck, chapter):
    first, *drawn, last = split(deck, chapter)
    title, question = source(cells(chapter)[0]).split("\n\n")[:2]
    assert f"<h1>{title.removeprefix('# ')}</h1>" in unescape(first)
    assert words(question.strip("*")) in words(first)
    captions = [words(re.search(r"<figcaption>(.*)</figcaption>", one)[1]) for one in drawn]
    expected = [" ".join(alternative.split()) for alternative in figures(outputs(chapter))]
    assert [one for one in captions if one not in MAP] == expected
    assert len(captions) - len(expected) == (chapter == CHAPTERS[0])
    items = re.findall(r"^- ", summary(chapter), re.MULTILINE)
    assert last.count("<li>") == len(items) > 2
    assert last.count('<svg class="tex"') == len(re.findall(r"\$[^$]+\$", summary(chapter)))
    assert "$" not in words(first + last)


def test_the_map_of_the_course_is_where_the_page_for_teachers_says(deck):
    page = (TUTORIALS / "pages" / "teaching.md").read_text("utf-8")
    number = int(re.search(r"On slide (\d+), the map", " ".join(page.split()))[1])
    sections = re.findall(r"<section .*?</section>", deck, re.DOTALL)
    assert 'svg class="course"' in sections[number - 1]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_title_of_a_figure_is_the_heading_above_it(deck, chapter):
    headings, above = [], None
    for cell in cells(chapter):
        if cell["cell_type"] == "markdown":
            above = (re.findall(r"^#+ (.+)$", source(cell), re.MULTILINE) or [above])[-1]
        headings += [above] * len(figures(cell.get("outputs", [])))
    titles = [
        words(re.search(r"<h2>(.*)</h2>", one)[1])
        for one in split(deck, chapter)
        if 'src="data:image/png' in one
    ]
    plain = [re.sub(r"\*(.+?)\*", r"\1", heading) for heading in headings]
    assert titles == plain


def test_the_pictures_are_those_of_the_notebooks(deck):
    shown = re.findall(r'src="data:image/png;base64,([^"]+)"', deck)
    pngs = [
        "".join(output["data"]["image/png"])
        for chapter in CHAPTERS
        for output in outputs(chapter)
        if "image/png" in output.get("data", {})
    ]
    assert list(map(b64decode, shown)) == list(map(b64decode, pngs))


def test_nothing_is_outside_the_file(deck):
    ids = set(re.findall(r'<section id="([^"]+)"', deck))
    assert len(ids) == deck.count("<section")
    for target in re.findall(r'(?:src|href)="([^"]*)"', deck):
        assert target.startswith("data:") or target.removeprefix("#") in ids, target[:80]
    assert not re.search(r"@import|url\(|<link|fetch\(", deck)


def test_a_formula_stands_on_the_line_of_the_text():
    def numbers(tex):
        return map(
            float, re.search(r"--height:(.+)em;--depth:(.+)em", slides.formula(tex)).groups()
        )

    height, depth = numbers("x")
    assert 0.3 < height < 0.6
    assert -0.05 < depth <= 0
    tall, below = numbers(r"\frac{x}{y}")
    assert tall > 1.5 * height
    assert below < -0.15
    assert 'aria-label="x &lt; 1"' in slides.formula("x < 1")
    with pytest.raises(ValueError, match="nosuch"):
        slides.formula(r"\nosuch{x}")


@pytest.fixture(scope="module")
def opened(deck, tmp_path_factory):
    """Open the slides in a browser; skip the test without one."""
    if browser.found() is None:
        pytest.skip(f"none of {', '.join(browser.BROWSERS)} is installed")
    pytest.importorskip("tornado")
    path = tmp_path_factory.mktemp("slides") / "slides.html"
    path.write_text(deck, "utf-8")
    one = browser.Browser(tmp_path_factory.mktemp("profile"))
    one.open(path.as_uri(), 1280)
    yield one
    assert one.complaints() == []
    one.close()


SHOWN = """[...document.querySelectorAll("section")]
  .filter(slide => slide.getClientRects().length).map(slide => slide.id)"""


def press(opened, key):
    """Press a key, and return the slides that are shown then."""
    opened.evaluate(f"dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}'}}))")
    opened.evaluate("new Promise(done => setTimeout(done, 50))")
    return opened.evaluate(SHOWN)


def test_keys_clicks_and_links_change_the_slide(opened):
    first, last = CHAPTERS[0], CHAPTERS[-1]
    assert press(opened, "Home") == [first]
    assert press(opened, "ArrowLeft") == [first]
    assert press(opened, "ArrowRight") == [f"{first}-1"]
    assert press(opened, " ") == [f"{first}-2"]
    assert press(opened, "PageUp") == [f"{first}-1"]
    assert press(opened, "x") == [f"{first}-1"]
    opened.evaluate("document.querySelector('section.current').click()")
    assert press(opened, "x") == [f"{first}-2"]
    (end,) = press(opened, "End")
    assert end.startswith(last)
    assert press(opened, "ArrowRight") == [end]
    for chapter in CHAPTERS[1:]:
        script = f"document.querySelector('svg.course a[href=\"#{chapter}\"]')"
        opened.evaluate(f"{script}.dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
        assert press(opened, "x") == [chapter]


def test_everything_fits_on_its_slide(opened):
    found = opened.evaluate("""slides.map(slide => {
      slide.classList.add("current");
      const picture = slide.querySelector("figure > :first-child");
      const size = [slide.id, slide.scrollWidth, slide.scrollHeight,
                    picture ? picture.getBoundingClientRect().height * 720
                      / slide.getBoundingClientRect().height : 720];
      slide.classList.toggle("current", slide === slides[at]);
      return size;
    })""")
    assert [slide for slide in found if slide[1] > 1280 or slide[2] > 720] == []
    assert [slide for slide in found if slide[3] < 300] == []


def test_each_slide_is_printed_on_a_page(opened, deck):
    printed = opened.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", b64decode(printed["data"]))
    assert len(pages) == deck.count("<section")
