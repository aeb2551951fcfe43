"""Typical faults of a hand-written backward, each planted in a small op at a given scale."""

from collections.abc import Callable

import numpy as np
from random_ops import Case

from minunet import fast
from minunet.ops import conv2d, conv_relu, crop_concat, cross_entropy, maxpool, relu, upconv

Array = np.ndarray
Scales = tuple[float, float]
"""Scale of the map, and of everything else."""


def _convolution(op, backward: Callable[..., dict[str, Array]]) -> Callable[[Scales], Case]:
    """Plant gradients in a convolution with as many rows as columns, and inputs as features."""

    def case(scales: Scales) -> Case:
        rng, (a, b) = np.random.default_rng(1), scales
        x, w = a * rng.standard_normal((6, 6, 2)), b * rng.standard_normal((3, 3, 2, 2))
        arguments = {"x": x, "w": w, "b": b * rng.standard_normal(2)}
        y = op.forward(*arguments.values())
        dy = rng.standard_normal(y.shape)
        return Case(op.forward, arguments, dy, backward(dy, y, x, w))

    return case


def _plain(backward: Callable[[Array, Array, Array], dict[str, Array]]):
    return _convolution(conv2d, lambda dy, y, x, w: backward(dy, x, w))


def _changed(name: str, change: Callable[[Array], Array]):
    """Change one gradient of a convolution."""
    return _plain(lambda dy, x, w: {name: change(conv2d.backward(dy, x, w)["xwb".index(name)])})


def _overwritten(dy: Array, x: Array, w: Array) -> dict[str, Array]:
    dx = np.zeros_like(x)
    for i, j in np.ndindex(w.shape[:2]):
        dx[i : i + dy.shape[0], j : j + dy.shape[1]] = dy @ w[i, j].T  # = instead of +=
    return {"x": dx}


def _without(index):
    def change(a: Array) -> Array:
        a = a.copy()
        a[index] = 0
        return a

    return change


def _rectified(backward: Callable[..., dict[str, Array]]):
    return _convolution(conv_relu, backward)


def _up(backward: Callable[[Array, Array, Array], dict[str, Array]]):
    def case(scales: Scales) -> Case:
        rng, (a, b) = np.random.default_rng(2), scales
        x, w = a * rng.standard_normal((3, 3, 2)), b * rng.standard_normal((2, 2, 2, 2))
        arguments = {"x": x, "w": w, "b": b * rng.standard_normal(2)}
        dy = rng.standard_normal((6, 6, 2))
        return Case(upconv.forward, arguments, dy, backward(dy, x, w))

    return case


def _pooling(backward: Callable[[Array, Array, Array], Array], ties: bool = False):
    def case(scales: Scales) -> Case:
        rng = np.random.default_rng(3)
        x = scales[0] * (rng.integers(1, 3, (4, 6, 2)) * 1.0 if ties else rng.random((4, 6, 2)))
        y, argmax = maxpool.forward(x)
        dy = scales[1] * rng.standard_normal(y.shape)
        return Case(maxpool.forward, {"x": x}, dy, {"x": backward(dy, argmax, x)})

    return case


def _crop(backward: Callable[[Array, tuple[int, ...]], dict[str, Array]]):
    def case(scales: Scales) -> Case:
        rng = np.random.default_rng(4)
        up, skip = rng.standard_normal((3, 4, 2)), rng.standard_normal((7, 8, 2))
        arguments = {"up": scales[0] * up, "skip": scales[1] * skip}
        dy = rng.standard_normal((3, 4, 4))
        return Case(crop_concat.forward, arguments, dy, backward(dy, skip.shape))

    return case


def _shifted(dy: Array, shape: tuple[int, ...]) -> dict[str, Array]:
    return {"skip": np.roll(crop_concat.backward(dy, shape)[1], 1, axis=0)}


def _energy(backward: Callable[[Array, Array, Array], Array]):
    def case(scales: Scales) -> Case:
        rng = np.random.default_rng(5)
        logits = scales[0] * rng.standard_normal((4, 5, 3))
        labels, weights = rng.integers(3, size=(4, 5)), scales[1] * rng.uniform(2, 5, (4, 5))

        def forward(logits):
            return cross_entropy.forward(logits, labels, weights)

        p = forward(logits)[1]
        return Case(forward, {"logits": logits}, 1.0, {"logits": backward(p, labels, weights)})

    return case


def _relu(backward: Callable[[Array, Array], Array]):
    def case(scales: Scales) -> Case:
        rng = np.random.default_rng(6)
        x, dy = (scale * rng.standard_normal((3, 4, 2)) for scale in scales)
        return Case(relu.forward, {"x": x}, dy, {"x": backward(dy, relu.forward(x))})

    return case


def _fast(change: Callable[[Array], Array]):
    def backward(dy: Array, y: Array, x: Array, w: Array) -> dict[str, Array]:
        dx, _, _ = fast.conv_relu.backward(*(a.astype(np.float32) for a in (dy, y, x, w)))
        return {"x": change(dx)}

    def case(scales: Scales) -> Case:
        return _rectified(backward)(scales)._replace(tolerance=1e-4)

    return case


FAULTS: dict[str, Callable[[Scales], Case]] = {
    "dx of the wrong sign": _changed("x", np.negative),
    "dw of the wrong sign": _changed("w", np.negative),
    "db of the wrong sign": _changed("b", np.negative),
    "dx without the flip": _plain(lambda dy, x, w: {"x": conv2d.backward(dy, x, w[::-1, ::-1])[0]}),
    "dx with the kernel transposed": _plain(
        lambda dy, x, w: {"x": conv2d.backward(dy, x, w.swapaxes(2, 3))[0]}
    ),
    "dx overwritten, not summed": _plain(_overwritten),
    "dx a row too low": _changed("x", lambda dx: np.roll(dx, 1, axis=0)),
    "dx a column too far right": _changed("x", lambda dx: np.roll(dx, 1, axis=1)),
    "dx without its last row": _changed("x", _without(-1)),
    "dx of zeros": _changed("x", np.zeros_like),
    "dx off by 1e-5": _changed("x", lambda dx: dx * (1 + 1e-5)),
    "dw flipped": _changed("w", lambda dw: dw[::-1, ::-1]),
    "dw with its channels transposed": _changed("w", lambda dw: dw.swapaxes(2, 3)),
    "dw with its axes transposed": _changed("w", lambda dw: dw.swapaxes(0, 1)),
    "dw twice as large": _changed("w", lambda dw: 2 * dw),
    "dw without one tap": _changed("w", _without((2, 0))),
    "db without its sum": _plain(lambda dy, x, w: {"b": dy[0, 0]}),
    "db averaged": _plain(lambda dy, x, w: {"b": dy.mean(axis=(0, 1))}),
    "db forgotten": _changed("b", np.zeros_like),
    "the mask of the ReLU forgotten": _rectified(
        lambda dy, y, x, w: dict(zip("xwb", conv2d.backward(dy, x, w), strict=True))
    ),
    "the mask of the ReLU inverted": _rectified(
        lambda dy, y, x, w: dict(zip("xwb", conv2d.backward(dy * (y <= 0), x, w), strict=True))
    ),
    "dx of an up-convolution with its taps flipped": _up(
        lambda dy, x, w: {"x": upconv.backward(dy, x, w[::-1])[0]}
    ),
    "db of an up-convolution from one tap of four": _up(
        lambda dy, x, w: {"b": dy[::2, ::2].sum(axis=(0, 1))}
    ),
    "pooling: the wrong pixel": _pooling(lambda dy, argmax, x: maxpool.backward(dy, 3 - argmax)),
    "pooling: rows for columns": _pooling(
        lambda dy, argmax, x: maxpool.backward(dy, np.array([0, 2, 1, 3], np.uint8)[argmax])
    ),
    "pooling: shared by all four": _pooling(
        lambda dy, argmax, x: np.repeat(np.repeat(dy / 4, 2, axis=0), 2, axis=1)
    ),
    "pooling: all winners of a tie": _pooling(
        lambda dy, argmax, x: (
            np.repeat(np.repeat(dy, 2, 0), 2, 1)
            * (x == np.repeat(np.repeat(maxpool.forward(x)[0], 2, 0), 2, 1))
        ),
        ties=True,
    ),
    "pooling: the last of a tie": _pooling(
        lambda dy, argmax, x: maxpool.backward(dy[::-1, ::-1], maxpool.forward(x[::-1, ::-1])[1])[
            ::-1, ::-1
        ],
        ties=True,
    ),
    "the crop off by one": _crop(_shifted),
    "the skip forgotten": _crop(lambda dy, shape: {"skip": np.zeros(shape)}),
    "the halves exchanged": _crop(lambda dy, shape: {"up": dy[..., 2:]}),
    "the weight forgotten": _energy(lambda p, k, w: cross_entropy.backward(p, k, np.ones_like(w))),
    "the label forgotten": _energy(lambda p, k, w: w[..., np.newaxis] * p),
    "the energy of the wrong sign": _energy(lambda p, k, w: -cross_entropy.backward(p, k, w)),
    "the energy averaged": _energy(lambda p, k, w: cross_entropy.backward(p, k, w) / w.size),
    "the classes rotated": _energy(
        lambda p, k, w: np.roll(cross_entropy.backward(p, k, w), 1, axis=-1)
    ),
    "a ReLU that passes everything on": _relu(lambda dy, y: dy),
    "a ReLU that leaks": _relu(lambda dy, y: np.where(y > 0, dy, 0.01 * dy)),
    "a fast form of the wrong sign": _fast(np.negative),
    "a fast form without its last row": _fast(_without(-1)),
}
"""The op with the fault, for the scales of the map and of everything else."""
