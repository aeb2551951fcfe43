"""The site of the tutorials builds, its links work, and a browser displays it."""

import functools
import json
import re
import subprocess
import sys
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import browser
import pytest
from chapters import CHAPTERS, TUTORIALS, WITH_EXERCISES, cells, figures, outputs, source
from PIL import Image
from test_glossary import SEARCHES
from website import paper
from website.assemble import Sources

for module in ("sphinx", "myst_nb", "furo", "tornado"):
    pytest.importorskip(module)

CHAPTER_PAGES = [f"{chapter}.html" for chapter in CHAPTERS]
PAGES = [
    "index.html",
    *CHAPTER_PAGES,
    "files/README.html",
    *(f"pages/{path.stem}.html" for path in sorted((TUTORIALS / "pages").glob("*.md"))),
    "files/benchmarks/README.html",
    "reference/index.html",
    "reference/minunet.ops.conv2d.html",
    "reference/minunet.network.html",
    "reference/minunet.network.architecture.html",
    "_modules/minunet/network/unet.html",
    "files/tutorials/solutions/convolution.py.html",
    "search.html",
    "genindex.html",
]
PHONE = 480
"""Width of the widest telephone, in CSS pixels."""

MEASURE = """
(async () => {
  if (window.MathJax) await MathJax.startup.promise;
  for (let i = 0; location.search && i < 100 && !/finished/.test(document.body.innerText); i++)
    await new Promise(done => setTimeout(done, 100));
  const images = [...document.images].filter(image => image.getClientRects().length);
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map(image => image.decode().catch(() => 0)));
  const all = selector => [...document.querySelectorAll(selector)];
  const style = getComputedStyle(document.body), content = document.querySelector(".content");
  const mark = formula => {
    const text = formula.nextSibling, range = document.createRange();
    if (text?.nodeType !== Node.TEXT_NODE || !/^[.,;:?!)]/.test(text.data)) return null;
    range.setStart(text, 0);
    range.setEnd(text, 1);
    return range.getBoundingClientRect();
  };
  return {
    too_wide: Math.max(document.documentElement.scrollWidth - innerWidth,
      content ? content.scrollWidth - content.clientWidth : 0),
    stray: all("article span.math").filter(formula => {
      const found = mark(formula);
      return found && found.left < formula.getBoundingClientRect().left;
    }).map(formula => formula.nextSibling.data.slice(0, 20)),
    broken: all("article code:not(.long) > span.pre")
      .filter(word => word.getClientRects().length > 1).map(word => word.textContent),
    images: images.map(image => [image.alt, image.naturalWidth, image.clientWidth]),
    files: images.map(image => image.getAttribute("src")),
    displayed: all("mjx-container[display=true] > svg").length,
    inline: all("mjx-container:not([display]) > svg").length,
    wrong: all("mjx-merror").length,
    outside: all("pre, table, mjx-container, img").filter(element => {
      let right = element.getBoundingClientRect().right;
      for (let up = element; up && up !== document.body; up = up.parentElement)
        if (getComputedStyle(up).overflowX !== "visible")
          right = Math.min(right, up.getBoundingClientRect().right);
      return right > innerWidth + 1;
    }).length,
    ground: style.backgroundColor,
    ink: style.color,
    results: all("#search-results li > a").map(a => a.textContent),
  };
})()
"""


class Page(HTMLParser):
    """The links, files, anchors and images of a page; the dark versions of figures apart."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors, self.math = [], [], set(), []
        self.images, self.dark, self.files = [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        """Collect what one element contributes."""
        have = dict(attributes)
        self.anchors |= {have[key] for key in ("id", "name") if have.get(key)}
        if tag == "a" and have.get("href"):
            self.links.append(have["href"])
        if tag == "link" and have.get("rel") not in ("canonical",):
            self.loads.append(have["href"])
        if have.get("src"):
            self.loads.append(have["src"])
        if tag == "img":
            dark = "on-dark" in (have.get("class") or "")
            (self.dark if dark else self.images).append(have.get("alt"))
            self.files.append((dark, have["src"]))
        if "math" in (have.get("class") or "").split():
            self.math.append(tag)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site with the command; return its folder."""
    out = tmp_path_factory.mktemp("site") / "pages"
    command = [sys.executable, str(TUTORIALS / "build.py"), "site", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr  # Sphinx warnings are errors
    assert f"open {out / 'index.html'}" in done.stdout
    return out


@functools.cache
def parsed(path):
    """Parse a page; results are cached."""
    return Page(path)


@pytest.fixture(scope="module")
def measure(site, tmp_path_factory):
    """Return a function that measures a page in a browser; skip the test without a browser."""
    if browser.found() is None:
        pytest.skip(f"none of {', '.join(browser.BROWSERS)} is installed")
    opened = browser.Browser(tmp_path_factory.mktemp("profile"))

    def measured(page, width, scheme="light", script=MEASURE):
        opened.open(f"{site.as_uri()}/{page}", width, scheme)
        found = opened.evaluate(script)
        assert opened.complaints() == []
        return found

    yield measured
    opened.close()


def test_every_link_leads_somewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 100
    broken = []
    for path in pages:
        for link in parsed(path).links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto"):
                continue
            target = path
            if parts.path:
                target = (path.parent / unquote(parts.path)).resolve()
            if parts.scheme or not target.is_file():
                broken.append((str(path.relative_to(site)), link))
            elif parts.fragment and target.suffix == ".html":
                if unquote(parts.fragment) not in parsed(target).anchors:
                    broken.append((str(path.relative_to(site)), link))
    assert broken == []


def test_nothing_is_loaded_from_the_network(site):
    for path in site.rglob("*.html"):
        for load in parsed(path).loads:
            assert not urlsplit(load).scheme and not load.startswith("//"), (path, load)
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", path.read_text("utf-8")), path


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_page_has_all_figures_and_equations_of_its_chapter(site, chapter):
    page = parsed(site / f"{chapter}.html")
    assert page.images == page.dark == figures(outputs(chapter))
    prose = "\n\n".join(source(c) for c in cells(chapter) if c["cell_type"] == "markdown")
    assert page.math.count("div") == len(re.findall(r"\$\$.+?\$\$", prose, re.DOTALL))


def test_cells_that_draw_are_folded(site):
    for chapter in CHAPTERS:
        drawn = [c for c in cells(chapter) if "draws" in c["metadata"].get("tags", [])]
        page = (site / f"{chapter}.html").read_text("utf-8")
        assert len(re.findall(r'<details class="[^"]*hide above-input', page)) == len(drawn)
        assert page.count("Show the code of this figure") == len(drawn)


MAP = """
(() => {
  const svg = document.querySelector("svg.course"), scale = svg.getBoundingClientRect().width / 520;
  const boxes = [...svg.querySelectorAll("text, circle")].map(e => [e, e.getBoundingClientRect()]);
  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  const leads = [...svg.querySelectorAll("a")].map(link => {
    link.scrollIntoView({block: "center", behavior: "instant"});
    const box = (link.querySelector(".touch") || link.querySelector("circle, rect"))
      .getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const hit = document.elementFromPoint(x, y)?.closest("a");
    return [link.getAttribute("href"), hit && hit.getAttribute("href")];
  });
  const beside = boxes.filter(([e]) => e.parentNode === svg || e.tagName === "circle");
  return {
    text: parseFloat(getComputedStyle(svg).fontSize) * scale,
    overlapping: beside.flatMap(([e, a], i) => beside.slice(i + 1)
      .filter(([f, b]) => overlap(a, b)).map(([f]) => [e.textContent, f.textContent])),
    leads,
  };
})()
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_the_map_of_the_course_can_be_read_and_clicked(measure, width):
    found = measure(f"{CHAPTERS[0]}.html", width, script=MAP)
    assert found["text"] >= 11
    assert found["overlapping"] == []
    assert {there for there, _ in found["leads"]} == {f"{name}.html" for name in WITH_EXERCISES}
    missed = [lead for lead in found["leads"] if lead[0] != lead[1]]
    assert all(hit and hit.startswith("07") for _, hit in missed)  # badge 7 lies on its arrow


def test_a_file_named_in_a_chapter_is_linked(site):
    links = parsed(site / "01_convolution.html").links
    assert "_modules/minunet/ops/conv2d.html" in links
    assert any(link.startswith("files/tutorials/solutions/convolution.py") for link in links)


def test_the_reference_contains_the_docstrings(site):
    page = (site / "reference" / "minunet.ops.conv2d.html").read_text("utf-8")
    assert {"minunet.ops.conv2d.forward", "minunet.ops.conv2d.backward"} <= parsed(
        site / "reference" / "minunet.ops.conv2d.html"
    ).anchors
    text = unescape(re.sub(r"<[^>]+>", "", page))
    assert "dw[i, j]         = Σ_{r,c} x[r+i, c+j, :] ⊗ dy[r, c, :]" in text
    assert "w : (kh, kw, C, O) — kernel" in text
    for path in (TUTORIALS.parent / "minunet").rglob("*.py"):
        parts = path.relative_to(TUTORIALS.parent).with_suffix("").parts
        if not parts[-1].startswith("__"):
            assert (site / "reference" / f"{'.'.join(parts)}.html").exists()


def test_the_reference_is_grouped_by_room(site):
    package, index = TUTORIALS.parent / "minunet", parsed(site / "reference" / "index.html")
    for path in package.glob("*/__init__.py"):
        room = f"minunet.{path.parent.name}"
        assert f"{room}.html" in index.links
        assert path.parent.name in index.anchors
        for file in path.parent.glob("[!_]*.py"):
            assert f"{room}.{file.stem}.html" in index.links
            assert f"{room}.{file.stem}.html" in parsed(site / "reference" / f"{room}.html").links


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_browser_renders_every_page(site, measure, page, width):
    found, meant = measure(page, width), parsed(site / page)
    assert found["too_wide"] <= 0
    assert found["outside"] == 0
    assert len(found["images"]) == len(meant.images)
    for alternative, natural, shown in found["images"]:
        assert alternative
        assert natural > 50  # it loaded
        if width > PHONE:
            assert 50 < shown <= width
        elif page in CHAPTER_PAGES:
            assert shown == min(natural, width)
        else:
            assert shown == natural  # it scrolls
    assert found["stray"] == []  # punctuation on the line below its formula
    assert found["broken"] == []  # words of code on two lines
    assert found["wrong"] == 0
    assert found["displayed"] == meant.math.count("div")
    assert found["inline"] == meant.math.count("span")
    assert _brightness(found["ground"]) > 200 > 80 > _brightness(found["ink"])


def _brightness(colour):
    """Return the mean of red, green and blue."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    "page", ["index.html", "05_energy.html", "reference/minunet.network.unet.html"]
)
def test_pages_are_dark_for_readers_who_prefer_a_dark_theme(site, measure, page, width):
    found = measure(page, width, "dark")
    assert _brightness(found["ground"]) < 60 < 150 < _brightness(found["ink"])
    assert found["too_wide"] <= 0
    assert found["files"] == [file for dark, file in parsed(site / page).files if dark]
    for file in found["files"]:
        with Image.open(site / file) as image:
            assert f"rgb{image.convert('RGB').getpixel((0, 0))}" == found["ground"]


def test_figures_of_the_light_page_are_those_of_the_notebook(site):
    for chapter in CHAPTERS:
        shown = [file for dark, file in parsed(site / f"{chapter}.html").files if not dark]
        pngs = (output.get("data", {}).get("image/png") for output in outputs(chapter))
        assert [(site / file).read_bytes() for file in shown] == [
            b64decode("".join(png)) for png in pngs if png
        ]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("up-convolution", "4. What is an up-convolution?"),
        ("overlap-tile", "prediction.tiling"),
        ("check_gradients", "minunet.gradcheck.check_gradients"),
        ("loss", "Glossary"),
        ("backpropagation", "Glossary"),
        ("receptive field", "Glossary"),
        ("overfitting", "Glossary"),
    ],
)
def test_the_search_finds_chapters_and_modules(measure, words, title):
    assert title in measure(f"search.html?q={words}", 1280)["results"]


@pytest.fixture(scope="module")
def index(site):
    """Read the index of the search: a function from a query to the pages that it finds."""
    import snowballstemmer

    written = (site / "searchindex.js").read_text("utf-8")
    found = json.loads(written.removeprefix("Search.setIndex(").removesuffix(")"))
    stem = snowballstemmer.stemmer("english").stemWord

    def pages(query):
        kept = [word for word in re.findall(r"\w+", query.lower()) if word != "over"]
        of_words = [
            {
                found["docnames"][number]
                for kind in ("terms", "titleterms")
                for numbers in [found[kind].get(stem(word), [])]
                for number in (numbers if isinstance(numbers, list) else [numbers])
            }
            for word in kept
        ]
        return set.intersection(*of_words)

    return pages


@pytest.mark.parametrize("query", SEARCHES)
def test_the_search_finds_the_glossary_for_a_word_of_the_field(index, query):
    assert "pages/glossary" in index(query)


def test_the_search_finds_no_page_for_a_word_that_is_nowhere(index):
    assert index("xylophone") == set()


@pytest.fixture(scope="module")
def bound(site):
    """Write the page that is printed beside the pages of the site; return its path."""
    path = site / "bound.html"
    path.write_text(paper.bound(site), "utf-8")
    yield path
    path.unlink()


def test_the_page_to_print_has_all_chapters_in_order(site, bound):
    text, page = bound.read_text("utf-8"), Page(bound)
    assert re.findall(r'<article id="([^"]+)"', text) == CHAPTER_PAGES
    assert page.images == [one for chapter in CHAPTERS for one in figures(outputs(chapter))]
    assert page.dark == []
    chapters = [parsed(site / name) for name in CHAPTER_PAGES]
    for tag in ("div", "span"):
        assert page.math.count(tag) == sum(one.math.count(tag) for one in chapters) > 50
    assert "Show the code" not in text
    assert "def softmax" in re.sub(r"<[^>]+>", "", text)  # code that does not only draw


def test_links_of_the_page_to_print_stay_on_it(bound):
    text, page = bound.read_text("utf-8"), Page(bound)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(set(ids)) == len(ids)
    assert {f"#{name}" for name in CHAPTER_PAGES} <= set(page.links)
    for link in page.links:
        assert link.startswith(("http", "mailto:")) or link.removeprefix("#") in ids, link
    scripts = re.findall(r"<script[^>]*", text)
    assert len(scripts) == 2 and "tex-svg.js" in scripts[1]


PRINTED = """
(async () => {
  await MathJax.startup.promise;
  const all = selector => [...document.querySelectorAll(selector)];
  await Promise.all([...document.images].map(image => image.decode()));
  return {
    displayed: all("mjx-container[display=true] > svg").length,
    inline: all("mjx-container:not([display]) > svg").length,
    wrong: all("mjx-merror").length,
    figures: all("div.cell_output img, svg.course").map(one => [getComputedStyle(one).breakInside,
      one.getBoundingClientRect().width, one.getBoundingClientRect().height]),
  };
})()
"""
PAPER = (297 - 38) / 25.4 * 96, (210 - 34) / 25.4 * 96
"""Height and width of what is printed on a page, in CSS pixels."""


def test_formulas_and_figures_are_complete_on_paper(measure, bound):
    found, page = measure(bound.name, 700, script=PRINTED), Page(bound)
    assert found["wrong"] == 0
    assert found["displayed"] == page.math.count("div")
    assert found["inline"] == page.math.count("span")
    assert len(found["figures"]) == len(page.images) + 1  # and the map of the course
    for breaks, width, height in found["figures"]:
        assert breaks == "avoid"
        assert 100 < height < PAPER[0]
        assert 100 < width < PAPER[1]


def test_a_browser_prints_the_course(site, measure, tmp_path):
    some = tmp_path / "site"  # of two chapters, because printing all takes long
    some.mkdir()
    chapters = CHAPTER_PAGES[0], CHAPTER_PAGES[5]
    for name in ("_static", "_images", "index.html", *chapters):
        (some / name).symlink_to(site / name)
    before = set(some.iterdir())
    paper.printed(some, tmp_path / "course.pdf")
    assert set(some.iterdir()) == before
    pdf = (tmp_path / "course.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) > 12
    drawn = sum(len(parsed(site / name).images) for name in chapters)
    assert pdf.count(b"/Subtype /Image") >= drawn > 8


def test_a_dead_link_is_an_error(tmp_path):
    sources = Sources(tmp_path)
    for link in ("nothing.md", "../nothing.md", "../../nothing.md", "../.git/../../tests"):
        with pytest.raises(ValueError, match=f"index.md links to {link}, which is not"):
            sources.linked(f"[see]({link})", TUTORIALS, PurePosixPath("index.md"))


def test_code_is_not_rewritten(tmp_path):
    code = "see\n\n```sh\n[x](nothing.md) `minunet/network/unet.py`\n```\n`no/such.py` `[a](b.md)`"
    assert Sources(tmp_path).linked(code, TUTORIALS, PurePosixPath("index.md")) == code
