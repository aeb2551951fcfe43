"""The benchmark of the memory of a GPU counts what it says."""

import gpu_memory

from minunet.runs.settings import from_options


def test_estimate_arrays_and_card_of_both_passes():
    settings = from_options(depth=1, channels=4, tile=40)
    names = []
    for name, estimate, used, card in gpu_memory.passes(settings):
        names.append(name)
        assert 0.98 < estimate / used < 1.03
        assert used <= card < 2 * used
    assert names == ["prediction", "training step"]
