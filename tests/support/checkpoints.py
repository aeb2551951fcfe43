"""A checkpoint of a tiny network, and how two of them are compared."""

import numpy as np

from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options


def make(seed=0):
    """Make a random state with numbers that a text format would not preserve."""
    rng = np.random.default_rng(seed)
    settings = from_options(
        **{"depth": 1, "channels": 2, "tile": 24, "images": "/é/ü.tif", "label_values": (0, 255)}
    )
    shapes = settings.architecture.shapes()
    tensors = [
        {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
        for _ in range(2)
    ]
    tensors[0]["out.b"][:] = (1e-40, -0.0)
    return Checkpoint(*tensors, 12, rng.bit_generator.state, 0.1 + 0.2, settings.to_json())


def assert_same(one, other):
    for mine, theirs in ((one.params, other.params), (one.velocity, other.velocity)):
        assert list(mine) == list(theirs)
        for name, array in mine.items():
            assert array.dtype == theirs[name].dtype
            assert array.shape == theirs[name].shape
            assert array.tobytes() == theirs[name].tobytes()
    assert one[2:] == other[2:]
