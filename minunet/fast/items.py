"""The pixels of a map as items: NumPy copies them several times faster than C numbers each."""

import numpy as np

from minunet.array import Array


def items(x: Array) -> Array:
    """View a map (…, C), whose channels are contiguous, as items of one pixel each, (…)."""
    return x.view(np.dtype((np.void, x.shape[-1] * x.itemsize)))[..., 0]
