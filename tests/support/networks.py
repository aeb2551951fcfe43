"""Helpers for tests with small networks, and everything that a training step needs."""

from itertools import islice

import numpy as np
import pytest

from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import cross_entropy

VARIANTS = pytest.mark.parametrize("variant", ["paper", "release"])
DEPTHS = pytest.mark.parametrize("depth", [1, 2, 3])


def small(depth, variant, channels=3, **fields):
    return Architecture(
        depth, channels=channels, in_channels=2, classes=3, variant=variant, **fields
    )


def valid_tile(depth):
    """Return the two smallest valid sizes as height and width, so that the tile is not square."""
    return tuple(islice(sizes.valid_sizes(depth), 2))


def draw_params(arch, rng):
    """Draw initial weights and nonzero biases: biases of 0 could hide a wrong gradient."""
    params = initialization.gaussian(arch, rng, np.float64)
    return {
        name: w if w.ndim == 4 else 0.1 * rng.standard_normal(w.shape) for name, w in params.items()
    }


def flop_by_hand(rows, columns):
    """Count the operations at depth 1 with 2 channels: two per weight and pixel."""
    # The bottom: (n - 4) / 2, minus 2 and 4 after its convolutions.
    down, across = rows // 2, columns // 2
    return 2 * (
        (rows - 2) * (columns - 2) * 9 * 1 * 2
        + (rows - 4) * (columns - 4) * 9 * 2 * 2
        + (down - 4) * (across - 4) * 9 * 2 * 4
        + (down - 6) * (across - 6) * 9 * 4 * 4
        + (rows - 12) * (columns - 12) * 4 * 2
        + (rows - 14) * (columns - 14) * 9 * 4 * 2
        + (rows - 16) * (columns - 16) * 9 * 2 * 2
        + (rows - 16) * (columns - 16) * 2 * 2
    )


class Problem:
    """A network, a tile with labels and weights, and its energy."""

    def __init__(self, arch, seed=0):
        rng = np.random.default_rng(seed)
        height, width = valid_tile(arch.depth)
        lost = 2 * sizes.margin(arch.depth)
        self.arch, self.seed = arch, seed
        self.params = draw_params(arch, rng)
        self.x = rng.standard_normal((height, width, arch.in_channels))
        self.labels = rng.integers(0, arch.classes, (height - lost, width - lost))
        self.weight_map = rng.uniform(0.5, 2, self.labels.shape)

    def forward(self, params, training=True):
        """Compute the energy; every call uses the same seed and therefore the same dropout."""
        rng = np.random.default_rng(self.seed) if training else None
        logits, activations = unet.forward(params, self.x, self.arch, rng)
        energy, p = cross_entropy.forward(logits, self.labels, self.weight_map)
        return float(energy), p, activations

    def gradients(self, training=True):
        """Compute the gradient of the energy for every parameter."""
        _, p, activations = self.forward(self.params, training)
        dlogits = cross_entropy.backward(p, self.labels, self.weight_map)
        return unet.backward(self.params, activations, dlogits, self.arch)
