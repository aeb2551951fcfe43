"""napari without a display: its layers and the model of its viewer need no Qt."""

import warnings
from types import ModuleType

import pytest


def imported(name: str) -> ModuleType:
    """Import napari or npe2, whose imports warn of what their libraries will remove."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


@pytest.fixture
def napari() -> ModuleType:
    """Return napari with its plugins."""
    found = imported("napari")
    for name in ("components", "layers", "plugins"):
        imported(f"napari.{name}")
    found.plugins._initialize_plugins()
    return found


@pytest.fixture
def npe2() -> ModuleType:
    """Return the library that reads manifests."""
    return imported("npe2")
