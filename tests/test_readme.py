"""Examples in the README and pages run; their commands, options and links exist."""

import importlib.util
import re
from pathlib import Path

import commands
import numpy as np
import pytest

from minunet.network.architecture import Architecture
from minunet.runs.options import flag
from minunet.runs.settings import from_options, options

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted((ROOT / "tutorials" / "pages").glob("*.md"))
GUIDES = [ROOT / "README.md", *PAGES]
LINKING = [*GUIDES, ROOT / "tutorials" / "README.md", ROOT / "benchmarks" / "README.md"]


def named(path):
    """Return the path of a file as a test ID."""
    return path.relative_to(ROOT).as_posix()


guides = pytest.mark.parametrize("path", GUIDES, ids=named)


def page(name):
    """Read one of the pages."""
    return (ROOT / "tutorials" / "pages" / name).read_text("utf-8")


def modules(text):
    """List the modules of minunet that a text runs."""
    return re.findall(r"python -m (minunet[.\w]*)", text)


def example(text):
    """Return the only Python example of a text."""
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return code


def test_readme_is_short():
    assert len(README.encode()) <= 9000
    assert [line for line in README.splitlines() if len(line) > 120] == []


def test_example_of_the_checks_runs():
    names = {}
    exec(compile(example(page("checks.md")), "checks.md", "exec"), names)
    assert names["dw"].shape == names["w"].shape


def test_example_of_the_readme_runs(tmp_path):
    data, run = commands.write_stack(tmp_path / "data"), tmp_path / "em"
    options = ("--data", data, "--out", run, "--steps", 1, "--validate-every", 1)
    assert commands.call("train", *options, *commands.TINY).code == 0
    code = example(README)
    assert code.count('"runs/em/best.npz"') == 1
    (image,), _ = commands.draw_stack((1, 50, 60))
    names = {"image": image}
    exec(compile(code.replace('"runs/em/', f'"{run}/'), "README.md", "exec"), names)
    assert {"params", "architecture", "settings"} <= set(dir(names["model"]))
    assert names["p"].shape == (50, 60, 2)
    np.testing.assert_allclose(names["p"].sum(axis=-1), 1, atol=1e-6)
    assert names["cells"].shape == (50, 60)
    assert np.issubdtype(names["cells"].dtype, np.integer)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        (README, {"train", "predict", "evaluate"}),
        (page("files.md"), {"train", "predict", "evaluate", "augment", "geometry", "data"}),
    ],
    ids=["README", "files"],
)
def test_the_important_commands_are_shown(text, least):
    assert {f"minunet.{name}" for name in least} <= set(modules(text))


@guides
def test_commands_exist(path):
    for module in modules(path.read_text("utf-8")):
        assert importlib.util.find_spec(module), module


@guides
def test_options_exist(path):
    settings = {flag(option.name) for option in options()}
    files = [*(ROOT / "minunet").rglob("*.py"), *(ROOT / "tutorials").glob("*.py")]
    source = "".join(path.read_text("utf-8") for path in files)
    found = re.findall(r"(?<=[` ])--[a-z][\w-]*", _without_shell(path.read_text("utf-8")))
    for option in set(found) - {"--help"}:
        assert option in settings or f'"{option}"' in source, option


def _without_shell(text):
    """Remove lines with options of other commands, such as pip."""
    others = ("pip install --quiet", "chromium --headless")
    return "\n".join(line for line in text.splitlines() if not any(o in line for o in others))


@pytest.mark.parametrize("path", LINKING, ids=named)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    assert links or path in PAGES
    for link in links:
        if not link.startswith("https://"):
            file, _, anchor = link.partition("#")
            target = path.parent / file if file else path
            assert target.exists(), link
            assert not anchor or anchor in _headings(target), link


def _headings(path):
    """Return the anchors of the headings of a Markdown file."""
    lines = path.read_text("utf-8").splitlines()
    titles = (line.lstrip("# ").lower() for line in lines if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def test_readme_links_to_every_page():
    neighbours = (ROOT / "tutorials/pages/other_programs.md").read_text("utf-8")
    tutorials = (ROOT / "tutorials/README.md").read_text("utf-8")
    for path in PAGES:
        linked = f"]({path.relative_to(ROOT).as_posix()})" in README
        linked = linked or f"]({path.name})" in neighbours
        assert linked or f"](pages/{path.name})" in tutorials, path.name


SYNONYMS = {
    "energy": "loss",
    "up-convolution": "transposed convolution",
    "receptive field": "field of view",
    "skip connection": "shortcut",
    "backpropagation": "backward pass",
    "overfitting": "memorising",
    "epoch": "pass over the data",
    "stochastic gradient descent": "SGD",
    "learning rate": "step size",
    "momentum": "heavy ball",
    "logits": "activations before the soft-max",
    "soft-max": "softmax",
    "cross-entropy": "log loss",
    "augmentation": "data augmentation",
    "tile": "patch",
    "margin": "halo",
    "instance segmentation": "cell segmentation",
    "semantic segmentation": "pixel-wise classification",
    "ground truth": "gold standard",
    "validation": "held-out set",
}


def test_the_glossary_explains_the_words_of_the_field_once_in_order():
    words = {}
    for part in page("glossary.md").split("\n## ")[1:]:
        _, rows = _rows(part)
        names = [row[0] for row in rows]
        assert names == sorted(names, key=str.lower)
        assert not words.keys() & set(names)
        for name, others, meaning in rows:
            assert 20 < len(meaning) < 250, name
            assert re.findall(r"\]\(((?:\.\./\d\d_)?\w+\.(?:ipynb|md))\)", meaning), name
            words[name] = others
    for word, other in SYNONYMS.items():
        assert other in words[word], word


@pytest.mark.parametrize(
    ("arch", "count"), [(Architecture(), "31,030,658"), (Architecture.release(), "31,100,354")]
)
def test_parameter_counts_are_correct(arch, count):
    assert f"{arch.parameters():,}" == count
    assert count in page("departures.md")


def _rows(text):
    """Return the head and the rows of the first table in a text."""
    lines = text[text.index("\n|") :].strip().split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return rows[0], rows[2:]


def test_table_of_presets_matches_the_code():
    part = page("departures.md").split("## What the presets and experiments change\n")[1]
    head, rows = _rows(part)
    chosen = [dict([column.strip("`-").split()]) for column in head[1:]]
    assert chosen == [
        *({"preset": name} for name in ("paper", "tiny", "laptop")),
        *({"experiment": name} for name in ("em", "cells")),
    ]
    paper, *others = (from_options(**column) for column in chosen)
    names = {option.name for option in options()} - {"preset", "experiment"}
    wrote = {
        flag(name): [str(getattr(paper, name))]
        + [
            f"**{value}**" if (value := getattr(one, name)) != getattr(paper, name) else str(value)
            for one in others
        ]
        for name in names
        if any(getattr(one, name) != getattr(paper, name) for one in others)
    }
    assert {row[0].strip("`"): row[1:] for row in rows} == wrote


def test_default_architecture_matches_the_preset_paper():
    assert from_options(preset="paper").architecture == Architecture()


def test_ci_finds_exactly_one_test_command_in_the_readme():
    pattern = re.search(r"sed -n '(s/.*?/p)'", (ROOT / ".ci" / "run").read_text())[1]
    expression = re.match(r"s/(.*)/\\1/p", pattern)[1].replace(r"\(", "(").replace(r"\)", ")")
    commands = [line for line in README.splitlines() if re.search(expression, line)]
    assert len(commands) == 1
