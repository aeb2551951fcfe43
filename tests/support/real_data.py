"""Real data, where it is there: in the folder that MINUNET_DATA names, or in ../shared/data."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("MINUNET_DATA", BESIDE))


def folder(name):
    """Return the folder of a data set; skip the test if it is not there."""
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not there")
    return DATA / name
