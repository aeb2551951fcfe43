"""The benchmark of large images runs the real command, in processes of its own."""

import sys

import large_images
import pytest

from minunet.runs.settings import from_options


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc elsewhere")
def test_every_size_is_measured_in_every_round():
    settings = from_options(
        depth=1, channels=2, tile=24, label_values=(0, 1), in_channels=1, fingerprint="0"
    )
    results = large_images.measure_all(settings, (30, 60), 1)
    assert results.keys() == {30, 60}
    for ((found),) in results.values():
        assert 0 < found["segmenting"] < found["whole"]
        assert 0 < found["RssAnon"] <= found["VmRSS"]
