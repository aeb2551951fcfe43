"""Helpers for the tests of finished runs: settings, data and networks of every kind."""

import numpy as np
from commands import draw_stack

from minunet.data.dataset import Dataset
from minunet.image import Sample
from minunet.metrics import segments
from minunet.network import Network, initialization
from minunet.runs.settings import from_options

KINDS = ("em", "cells", "classes")


def settings(kind, **changed):
    given = {"depth": 1, "channels": 3, "tile": 24, "smallest": 2, "average": "flips"}
    values = (0, 1, 2) if kind == "classes" else (0, 1)
    return from_options(**given | changed, label_values=values, cells=kind == "cells")


def draw(kind, held_out=(1, 3)):
    """Draw a data set of four slices with classes, components or numbered cells."""
    images, labels = draw_stack(classes=3 if kind == "classes" else 2)
    labels = [np.repeat(np.repeat(one[::6, ::6], 6, 0), 6, 1)[:30, :41] for one in labels]
    x = [(image / 255).astype(np.float32)[..., np.newaxis] for image in images]
    numbered = None if kind == "classes" else [segments.components(one) for one in labels]
    known = [np.ones(one.shape, bool) for one in labels]
    weights = [np.ones(one.shape, np.float32) for one in labels]
    samples = [Sample(*one) for one in zip(x, labels, weights, known, strict=True)]
    training = [k for k in range(4) if k not in held_out]
    return Dataset(
        *(x, labels, samples, known, numbered),
        *(
            kind == "cells",
            training,
            list(held_out),
            settings(kind).label_values,
            "",
            ["split     in two"],
        ),
        *(["0", "1", "2", "3"], ()),
    )


def network(kind):
    arch = settings(kind).architecture
    return Network(initialization.gaussian(arch, np.random.default_rng(1)), arch)
