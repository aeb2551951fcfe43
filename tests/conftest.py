"""Settings for all tests: Matplotlib opens no window, and Hypothesis is deterministic."""

import os

import pytest
from hypothesis import settings

from minunet.fast import threads

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("minunet", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("minunet")

# A helper that imports PyTorch; doctest collection would fail where PyTorch is not installed.
collect_ignore = ["support/torch_unet.py"]


@pytest.fixture
def torch():
    """Return PyTorch limited to one thread; more threads slow down maps this small."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


@pytest.fixture
def threads_as_before():
    """Restore the number of threads after the test."""
    before = threads.count()
    yield
    threads.use(before)
