"""Real data, if available: in the folder named by MINUNET_DATA, or in ../shared/data."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("MINUNET_DATA", BESIDE))


def folder(name):
    """Return the folder of a data set; skip the test if it does not exist."""
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} does not exist")
    return DATA / name
