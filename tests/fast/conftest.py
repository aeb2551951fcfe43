"""Fixtures for the tests of fast ops: one to three threads, and small bands."""

import pytest

from minunet.fast import direct, threads, winograd


@pytest.fixture(params=[1, 2, 3])
def thread_count(request, threads_as_before):
    """Run a test with one, two and three threads."""
    threads.use(request.param)


@pytest.fixture
def small_bands(monkeypatch):
    """Make bands so small that the test maps are cut into several."""
    monkeypatch.setattr(threads, "CACHE", 4000)
    monkeypatch.setattr(direct, "RUN", 1)
    monkeypatch.setattr(winograd, "BLOCKS", 3)
