"""What the README says can be run: its example, its commands, its options, its links."""

import importlib.util
import re
from pathlib import Path

import pytest

from minunet.network.architecture import Architecture
from minunet.runs.options import flag
from minunet.runs.settings import options

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["dw"].shape == names["w"].shape


def test_commands_exist():
    modules = set(re.findall(r"python -m (minunet[.\w]*)", README))
    assert {"minunet.train", "minunet.predict", "minunet.geometry", "minunet.data"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_options_exist():
    settings = {flag(option.name) for option in options()}
    source = "".join(path.read_text() for path in (ROOT / "minunet").rglob("*.py"))
    for option in set(re.findall(r"`(--[\w-]+)", README)) - {"--help"}:
        assert option in settings or f'"{option}"' in source, option


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    headings = {
        "#" + re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("#")
    }
    assert links
    for link in links:
        if link.startswith("#"):
            assert link in headings, link
        elif not link.startswith("https://"):
            assert (ROOT / link).exists(), link


@pytest.mark.parametrize(
    ("arch", "count"), [(Architecture(), "31,030,658"), (Architecture.release(), "31,100,354")]
)
def test_parameter_counts_are_true(arch, count):
    assert f"{arch.parameters():,}" == count
    assert count in README


def test_command_of_the_tests_is_the_one_that_ci_runs():
    pattern = re.search(r"sed -n '(s/.*?/p)'", (ROOT / ".ci" / "run").read_text())[1]
    expression = re.match(r"s/(.*)/\\1/p", pattern)[1].replace(r"\(", "(").replace(r"\)", ")")
    commands = [line for line in README.splitlines() if re.search(expression, line)]
    assert len(commands) == 1
