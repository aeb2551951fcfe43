"""Every word of the glossary is introduced where the glossary says, and the search finds it."""

import re
from pathlib import Path

import pytest
from chapters import CHAPTERS, TUTORIALS, cells, links, source

PAGES = TUTORIALS / "pages"

SEARCHES = (
    *("loss", "backpropagation", "gradient descent", "stochastic", "epoch", "batch"),
    *("overfitting", "receptive field", "skip connection", "transposed convolution", "encoder"),
    *("decoder", "feature map", "kernel", "padding", "stride", "data augmentation"),
    *("learning rate", "momentum", "softmax", "cross-entropy", "semantic segmentation"),
    *("instance segmentation", "ground truth", "dice", "intersection over union"),
)
"""Words that a reader who comes from elsewhere types into the search of the site."""


def entries():
    """List the rows of the glossary: word, synonyms, meaning, and the files that it names."""
    text = (PAGES / "glossary.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if row[0] != "word"]
    assert {len(row) for row in rows} == {3}
    return [
        (word, said.split(", "), meaning.rpartition(" ([")[0], links(meaning))
        for word, said, meaning in rows
    ]


def plain(text):
    """Return words in lower case, without hyphens, plural endings and links, for comparison."""
    text = re.sub(r"\]\([^)]*\)", " ", text.lower())
    words = re.findall(r"[a-zη-ω²0-9_]+", re.sub(r"[-‑]", "", text))  # noqa: RUF001
    return " ".join(re.sub(r"(?<=ss)es$|(?<!s)s$", "", word) for word in words)


def introduced(markdown):
    """List what a text introduces: words in bold or in italics, headings, and table entries."""
    prose = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\*[^$\n]*\$", " ", markdown, flags=re.DOTALL)
    prose = re.sub(r"[${}]", "", prose)  # $V_{Rand}$ is a word
    found = re.findall(r"(?<!\*)\*\*?(?=[^\s*])((?:[^*\n]|\n(?!\n))+?)\*\*?(?!\*)", prose)
    found += re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    found += re.findall(r"^\| ([^|]+) \|", prose, re.MULTILINE)
    return [plain(some) for some in found]


def names(word, synonyms):
    """List the ways to write a word of the glossary."""
    parts = [word, *word.split(" and "), *(one for one in synonyms if one != "–")]
    return {plain(re.sub(r"\(.*?\)", "", part)) for part in parts}


def text_of(path):
    """Return the text of a chapter or page."""
    if path.suffix == ".ipynb":
        page = cells(path.stem)
        return "\n\n".join(source(cell) for cell in page if cell["cell_type"] == "markdown")
    return path.read_text("utf-8")


def chapters_and_pages():
    """Return, for each linked file, the words that it has to introduce, each with its names."""
    wanted = {}
    for word, synonyms, _, files in entries():
        for file in files:
            path = Path(PAGES / file).resolve()
            wanted.setdefault(path, {})[word] = names(word, synonyms)
    return wanted


@pytest.mark.parametrize(
    ("path", "wanted"), chapters_and_pages().items(), ids=lambda one: getattr(one, "stem", "")
)
def test_a_chapter_or_page_introduces_the_words_that_link_to_it(path, wanted):
    said = introduced(text_of(path))
    missing = [
        word
        for word, written in wanted.items()
        if not any(re.search(rf"\b{name}\b", some) for name in written for some in said)
    ]
    assert missing == []


def test_every_chapter_introduces_a_word():
    linked = {path.stem for path in chapters_and_pages()}
    assert linked >= set(CHAPTERS) - {"12_speed"}  # its words are those of this computer


def test_every_row_is_complete_and_in_order():
    rows = entries()
    assert len(rows) > 90
    assert len({word for word, *_ in rows}) == len(rows)
    for word, _, meaning, files in rows:
        assert files, word
        assert meaning.endswith("."), word
    sections = (PAGES / "glossary.md").read_text("utf-8").split("\n## ")[1:]
    for section in sections:
        words = re.findall(r"^\| (?!word |---)([^|]+) \|", section, re.MULTILINE)
        assert words == sorted(words, key=str.lower)


@pytest.mark.parametrize("query", SEARCHES)
def test_a_word_of_the_field_is_an_entry_or_a_synonym(query):
    assert [
        word
        for word, synonyms, _, _ in entries()
        if any(re.search(rf"\b{plain(query)}\b", name) for name in names(word, synonyms))
    ]


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("A **tile** is cut.", ["tile"]),
        ("It is called a\n*receptive\nfield*, for short.", ["receptive field"]),
        ("## What is a convolution?", ["what i a convolution"]),
        ("| kernel | w |", ["kernel"]),
        ("The product $a * b * c$ and `x * y`.", []),
        ("Up-convolutions are **transposed convolutions**.", ["transposed convolution"]),
        ("The score is called **$V_{Rand}$**.", ["v_rand"]),
        ("Two *classes* of *stress*.", ["class", "stress"]),
        ("No word.", []),
    ],
)
def test_what_a_text_introduces(markdown, words):
    assert introduced(markdown) == words
