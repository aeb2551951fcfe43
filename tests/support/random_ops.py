"""Ops with random small shapes and scales, correct or with a planted fault, for gradient checks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minunet import fast
from minunet.ops import conv2d, conv_relu, crop_concat, cross_entropy, maxpool, relu, upconv

Tensors = dict[str, np.ndarray]


class Case(NamedTuple):
    """The arguments of `check_gradients` for one op."""

    forward: Callable[..., Any]
    arguments: Tensors
    dy: Any
    gradients: Tensors
    tolerance: float = 1e-6


Scale = Callable[[], float]
"""Returns the scale of the next array: the same for all, or another for each."""


def decades(rng: np.random.Generator, least: float = -6, most: float = 6) -> Scale:
    """Draw a scale from 1e-6 to 1e6, in its logarithm."""
    return lambda: float(10 ** rng.uniform(least, most))


def _normal(rng: np.random.Generator, shape: tuple[int, ...], scale: Scale) -> np.ndarray:
    return scale() * rng.standard_normal(shape)


def _sizes(rng: np.random.Generator, n: int, least: int = 1, most: int = 5) -> list[int]:
    return [int(size) for size in rng.integers(least, most, n, endpoint=True)]


def convolution(rng: np.random.Generator, scale: Scale, op: Any = conv2d) -> Case:
    """Make a convolution, or one with a ReLU."""
    (kh, kw), (rows, columns, c, o) = _sizes(rng, 2, 1, 3), _sizes(rng, 4)
    shapes = {"x": (rows + kh - 1, columns + kw - 1, c), "w": (kh, kw, c, o), "b": (o,)}
    arguments = {name: _normal(rng, shape, scale) for name, shape in shapes.items()}
    if rng.random() < 0.2:
        arguments["b"][:] = 0
    y = op.forward(*arguments.values())
    dy = _normal(rng, y.shape, scale)
    before = (dy, y) if op is conv_relu else (dy,)
    gradients = op.backward(*before, arguments["x"], arguments["w"])
    return Case(op.forward, arguments, dy, dict(zip("xwb", gradients, strict=True)))


def rectified(rng: np.random.Generator, scale: Scale) -> Case:
    """Make a convolution with a ReLU."""
    return convolution(rng, scale, conv_relu)


def up(rng: np.random.Generator, scale: Scale) -> Case:
    """Make an up-convolution."""
    rows, columns, c, o = _sizes(rng, 4)
    shapes = {"x": (rows, columns, c), "w": (2, 2, c, o), "b": (o,)}
    arguments = {name: _normal(rng, shape, scale) for name, shape in shapes.items()}
    dy = _normal(rng, (2 * rows, 2 * columns, o), scale)
    gradients = upconv.backward(dy, arguments["x"], arguments["w"])
    return Case(upconv.forward, arguments, dy, dict(zip("xwb", gradients, strict=True)))


def pooling(rng: np.random.Generator, scale: Scale) -> Case:
    """Make a max-pooling."""
    rows, columns, c = _sizes(rng, 3)
    x = _normal(rng, (2 * rows, 2 * columns, c), scale)
    dy = _normal(rng, (rows, columns, c), scale)
    dx = maxpool.backward(dy, maxpool.forward(x)[1])
    return Case(maxpool.forward, {"x": x}, dy, {"x": dx})


def rectifier(rng: np.random.Generator, scale: Scale) -> Case:
    """Make a ReLU."""
    shape = tuple(_sizes(rng, 3))
    x, dy = _normal(rng, shape, scale), _normal(rng, shape, scale)
    return Case(relu.forward, {"x": x}, dy, {"x": relu.backward(dy, relu.forward(x))})


def crop(rng: np.random.Generator, scale: Scale) -> Case:
    """Make a crop with concatenation."""
    (rows, columns, c, d), margins = _sizes(rng, 4), 2 * rng.integers(0, 3, 2)
    arguments = {
        "up": _normal(rng, (rows, columns, c), scale),
        "skip": _normal(rng, (rows + margins[0], columns + margins[1], d), scale),
    }
    dy = _normal(rng, (rows, columns, c + d), scale)
    gradients = crop_concat.backward(dy, arguments["skip"].shape)
    named = dict(zip(arguments, gradients, strict=True))
    return Case(crop_concat.forward, arguments, dy, named)


def energy(rng: np.random.Generator, scale: Scale) -> Case:
    """Make a weighted cross-entropy, whose weights may be 0."""
    rows, columns, classes = *_sizes(rng, 2), int(rng.integers(2, 5))
    logits = _normal(rng, (rows, columns, classes), scale)
    labels = rng.integers(classes, size=(rows, columns))
    weights = np.abs(_normal(rng, (rows, columns), scale)) * (rng.random((rows, columns)) < 0.9)

    def forward(logits: np.ndarray) -> Any:
        return cross_entropy.forward(logits, labels, weights)

    dlogits = cross_entropy.backward(forward(logits)[1], labels, weights)
    return Case(forward, {"logits": logits}, 1.0, {"logits": dlogits})


def fast_form(rng: np.random.Generator, scale: Scale) -> Case:
    """Make an op whose backward is the fast form in float32, and whose forward is its definition.

    float32 holds numbers up to 3e38, so products of a few scales of 1e6 fit.
    """
    kind = [rectified, up, pooling, crop][rng.integers(4)]
    drawn = kind(rng, scale)
    single = {name: a.astype(np.float32) for name, a in drawn.arguments.items()}
    arguments = {name: a.astype(np.float64) for name, a in single.items()}
    dy = drawn.dy.astype(np.float32)
    y = drawn.forward(*arguments.values())
    if kind is rectified:
        found = fast.conv_relu.backward(dy, y.astype(np.float32), single["x"], single["w"])
    elif kind is up:
        found = fast.upconv.backward(dy, single["x"], single["w"])
    elif kind is pooling:
        found = (fast.maxpool.backward(dy, y[1]),)
    else:
        found = fast.crop_concat.backward(dy, single["skip"].shape)
    gradients = dict(zip(arguments, found, strict=True))
    return Case(drawn.forward, arguments, dy.astype(np.float64), gradients, 1e-4)


OPS = (convolution, up, pooling, rectifier, crop, energy, rectified, fast_form)


def correct(seed: int) -> Case:
    """Make a correct op, with another scale for every array or, half the time, one for all."""
    rng = np.random.default_rng(seed)
    op, each, one = OPS[seed % len(OPS)], decades(rng), decades(rng)()
    return op(rng, each if seed // len(OPS) % 2 else lambda: one)
