"""Settings of every test: no window is opened, and hypothesis draws the same shapes each time."""

import os

import pytest
from hypothesis import settings

from minunet.fast import threads

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("minunet", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("minunet")

# A helper, not a test; collected for doctests it would fail where PyTorch is not installed.
collect_ignore = ["support/torch_unet.py"]


@pytest.fixture
def torch():
    """Lend PyTorch with one thread: on maps this small, threads wait for one another."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


@pytest.fixture
def threads_as_before():
    """Let a test set the number of threads, for itself."""
    before = threads.count()
    yield
    threads.use(before)
