"""All gradients of the network are correct, and the check finds planted faults."""

import numpy as np
import pytest
from networks import DEPTHS, VARIANTS, Problem, small

from minunet.network.architecture import Architecture
from minunet.ops import conv2d, crop_concat, cross_entropy, dropout, maxpool, relu, upconv

# Gradients, tensor by tensor


def pieces(activations):
    """Return the choices of all ReLUs and poolings; while they do not change, E is smooth."""
    return [
        a if name.endswith("argmax") else a > 0
        for name, a in activations.items()
        if name.split(".")[1] in ("a1", "a2", "up", "argmax")
    ]


def directional_derivative(problem, name, direction):
    """Compute a central difference of the energy along a direction of one parameter.

    Some of the hundred thousand ReLUs are closer to their kink than any fixed step, so the step
    shrinks until both ends lie on the same smooth piece.
    """
    for step in (1e-5, 1e-6, 1e-7):
        energies, ends = [], []
        for signed in (step, -step):
            nudged = problem.params | {name: problem.params[name] + signed * direction}
            energy, _, activations = problem.forward(nudged)
            energies.append(energy)
            ends.append(pieces(activations))
        if all(np.array_equal(one, other) for one, other in zip(*ends, strict=True)):
            break
    return (energies[0] - energies[1]) / (2 * step)


def assert_gradients(problem):
    """Compare the gradient of each parameter with the energy's slope in a random direction."""
    rng = np.random.default_rng(100)
    grads = problem.gradients()
    assert list(grads) == list(problem.params)
    for name, gradient in grads.items():
        assert gradient.shape == problem.params[name].shape
        direction = rng.standard_normal(gradient.shape)
        claimed = np.sum(gradient * direction)
        measured = directional_derivative(problem, name, direction)
        # A slope in a random direction is about as large as the gradient, but may be near 0.
        error = abs(claimed - measured) / max(abs(measured), np.linalg.norm(gradient))
        assert error < 1e-6, (  # measured: 3e-8 at most
            f"d{name}: backward gives {claimed:.8g}, central differences give {measured:.8g}"
        )


@DEPTHS
@VARIANTS
def test_every_gradient(depth, variant):
    assert_gradients(Problem(small(depth, variant)))


@VARIANTS
def test_every_gradient_without_dropout(variant):
    assert_gradients(Problem(small(2, variant, dropout=0.0), seed=1))


def test_every_gradient_of_unusual_networks():
    assert_gradients(Problem(Architecture(2, channels=1, in_channels=3, classes=5), seed=2))
    assert_gradients(Problem(Architecture.release(depth=1, channels=5, dropout=0.2), seed=3))


# The check itself: realistic faults in a backward pass must fail

conv, up = conv2d.backward, upconv.backward
crop, pool, entropy = crop_concat.backward, maxpool.backward, cross_entropy.backward


def forgotten_skip(dy, skip_shape):
    dup, dskip = crop(dy, skip_shape)
    return dup, np.zeros_like(dskip)


def skip_before_up(dy, skip_shape):
    channels = skip_shape[-1]
    return dy[..., channels:], crop(np.roll(dy, -channels, axis=-1), skip_shape)[1]


def skip_off_centre(dy, skip_shape):
    dup, dskip = crop(dy, skip_shape)
    return dup, np.roll(dskip, 1, axis=1)


def transposed_dw(dy, x, w):
    dx, dw, db = conv(dy, x, w)
    return dx, dw.transpose(0, 1, 3, 2) if w.shape[2] == w.shape[3] else dw, db


def swapped_taps(dy, x, w):
    dx, dw, db = conv(dy, x, w)
    return dx, dw.transpose(1, 0, 2, 3), db


def flipped_dw(dy, x, w):
    dx, dw, db = conv(dy, x, w)
    return dx, dw[::-1, ::-1], db


def flipped_kernel(dy, x, w):
    return conv(dy, x, w[::-1, ::-1])[0], *conv(dy, x, w)[1:]


def mean_db(dy, x, w):
    dx, dw, db = conv(dy, x, w)
    return dx, dw, db / dy[..., 0].size


def upconv_swapped_taps(dy, x, w):
    dx, dw, db = up(dy, x, w)
    return dx, dw.transpose(1, 0, 2, 3), db


def upconv_swapped_kernel(dy, x, w):
    return up(dy, x, w.transpose(1, 0, 2, 3))[0], *up(dy, x, w)[1:]


FAULTS = {
    "no + dskip": (crop_concat, forgotten_skip),
    "skip and up swapped": (crop_concat, skip_before_up),
    "skip off centre": (crop_concat, skip_off_centre),
    "dw transposed": (conv2d, transposed_dw),
    "taps of dw swapped": (conv2d, swapped_taps),
    "dw flipped": (conv2d, flipped_dw),
    "kernel flipped": (conv2d, flipped_kernel),
    "db averaged": (conv2d, mean_db),
    "taps of upconv's dw swapped": (upconv, upconv_swapped_taps),
    "axes of upconv's kernel swapped": (upconv, upconv_swapped_kernel),
    "ReLU ignored": (relu, lambda dy, y: dy),
    "dropout forgotten": (dropout, lambda dy, mask: dy),
    "not the winner of the pooling": (maxpool, lambda dy, argmax: pool(dy, 3 - argmax)),
    "weights forgotten": (cross_entropy, lambda p, labels, w: entropy(p, labels, np.ones_like(w))),
}


@pytest.mark.parametrize(("op", "fault"), FAULTS.values(), ids=FAULTS.keys())
@VARIANTS
def test_a_planted_fault_is_caught(monkeypatch, op, fault, variant):
    problem = Problem(small(2, variant))
    monkeypatch.setattr(op, "backward", fault)
    with pytest.raises(AssertionError, match="backward gives"):
        assert_gradients(problem)
