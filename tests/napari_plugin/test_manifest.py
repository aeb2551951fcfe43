"""The manifest of the plugin: npe2 accepts it, and every function in it exists."""

import tomllib
from importlib import import_module
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_entry_point_names_the_manifest():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    package, name = project["entry-points"]["napari.manifest"]["minunet"].split(":")
    assert (files(import_module(package)) / name).is_file()
    assert not any(line.startswith(("napari", "npe2")) for line in project["dependencies"])


def test_npe2_accepts_the_manifest_and_finds_its_functions(npe2):
    manifest = npe2.PluginManifest.from_file(ROOT / "minunet/napari_plugin/napari.yaml")
    assert manifest.name == "minunet"
    manifest.validate_imports()
    commands = {one.id for one in manifest.contributions.commands}
    used = [
        *manifest.contributions.readers,
        *manifest.contributions.writers,
        *manifest.contributions.widgets,
    ]
    assert {one.command for one in used} == commands
