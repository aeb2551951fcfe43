"""Settings for all tests: Matplotlib opens no window, and Hypothesis is deterministic."""

import math
import os

import pytest
from hypothesis import settings

from minunet.fast import threads

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("minunet", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("minunet")

# Helpers that import PyTorch or Zarr; doctest collection would fail where they are not installed.
collect_ignore = ["support/torch_unet.py", "support/volume_tests.py"]


@pytest.fixture(autouse=True)
def no_progress_lines(monkeypatch):
    """Print no line of progress, however slow the machine is: tests read the other lines."""
    monkeypatch.setattr("minunet.progress.PLAIN_EVERY", math.inf)


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


@pytest.fixture
def opened_anew(threads_as_before):
    """Forget the volumes that this process has opened, as a new process would."""
    from minunet.prediction import blocks

    blocks.stages.cache_clear()
    yield
    blocks.stages.cache_clear()


@pytest.fixture
def begun(tmp_path, opened_anew):
    """Write an image and a tiny model; return the image and the first arguments of predict."""
    pytest.importorskip("zarr")
    from volume_tests import write_image, write_net

    image, path = write_image(tmp_path / "in.zarr"), tmp_path / "in.zarr"
    return image, (write_net(tmp_path / "net.npz"), path)
