"""Checks of the exercises of chapter 5, the energy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from exercises.diagnosis import changed
from exercises.verdict import Raised, array, ask, difference, drawn, exercise, number, trials
from exercises.watching import borrowed
from minunet.array import Array
from minunet.gradcheck import numerical_gradient


@exercise(
    "Each of the 150,544 pixels costs ln 2. Every two-class network whose activations are 0 "
    "starts there.",
    "The answer is one number.",
    hints=(
        "If both activations are equal, the soft-max gives both classes the same probability. What "
        "does one pixel cost?",
        "One pixel costs −log p of its true class, with the natural logarithm. The energy is the "
        "sum over all pixels of the output tile, and all of them cost the same.",
    ),
)
def check_ignorance(answer: float) -> str | None:
    """Check the energy of a tile of 388×388 pixels with all activations 0.

    Parameters
    ----------
    answer : float
    """
    pixel, given = math.log(2), number("the energy", answer)
    pixels = 388 * 388
    slips = {
        -pixels
        * pixel: "the minus sign of equation (1) is missing. This energy is never negative.",
        pixel: (
            "that is the energy of one pixel, or the mean. Equation (1) is a sum over all pixels."
        ),
        388 * pixel: "that is one row of pixels.",
        572
        * 572
        * pixel: "that counts the pixels of the input tile. The sum is over the output tile.",
        2 * pixels * pixel: "that counts both classes, but only −log p of the true class counts.",
        float(pixels): "that uses the logarithm to base 2. The energy has the natural logarithm.",
        pixels
        * math.log10(
            2
        ): "that uses the logarithm to base 10. The energy has the natural logarithm.",
        pixels / 2: "that is the sum of 1 - p. The cost of a pixel is −log p.",
        0.0: "an energy of 0 needs p = 1 for the true class. With equal activations, p is ½.",
    }
    for wrong, why in slips.items():
        if math.isclose(given, wrong, rel_tol=1e-3):
            return why
    if math.isclose(given, pixels * pixel, rel_tol=1e-3):
        return None
    if math.isclose(given, pixels * pixel, rel_tol=2e-2):
        return f"{given:.6g} is close, but rounded too far: give five digits, or the formula."
    return f"{given:.6g} is not right. What is p of each class, and what does one pixel cost?"


@exercise(
    "Then p is (¼, ¾): the best constant answer is the share of each class.",
    "The answer is one number.",
    hints=(
        "Write the energy of the four pixels as a function of d, and find the d at which its slope "
        "is 0.",
        "The slope of the energy is 3 (p_1 - 1) + p_1. Solve for p_1 first. Then find the d with "
        "exp(d) / (1 + exp(d)) = p_1.",
    ),
)
def check_constant(answer: float) -> str | None:
    """Check the best constant difference of activations by the slope of the energy there.

    Parameters
    ----------
    answer : float
    """
    d = np.array([number("d", answer)])
    if math.isclose(d[0], 0.75) or math.isclose(d[0], math.log(0.75), rel_tol=1e-3):
        return "p_1 should be ¾. Which d gives p_1 = exp(d) / (1 + exp(d)) = ¾?"
    if math.isclose(d[0], 3):
        return "that is exp(d), the ratio of p_1 and p_0. Take its logarithm."
    if any(math.isclose(d[0], math.log(3, base), rel_tol=1e-3) for base in (2, 10)):
        return "take the natural logarithm, because the soft-max has exp(d)."
    if math.isclose(d[0], -math.log(3), rel_tol=1e-3):
        return "that gives p_1 = ¼, but class 1 is the frequent one."
    (slope,) = numerical_gradient(
        lambda: 3 * np.logaddexp(0, -d[0]) + np.logaddexp(0, d[0]), d, [(0,)]
    )
    if abs(slope) > 2e-3:
        side = "larger" if slope < 0 else "smaller"
        return f"at d = {d[0]:.6g} the energy is not at its minimum: a {side} d is better."
    return None


@exercise(
    "Only the difference counts, and log(1 + exp(s)) is close to s for large s.",
    "The function returns an array (N,), the energy of each pixel.",
    hints=(
        "For label 1 the energy is log(1 + exp(-d)). What is it for label 0?",
        "Choose the sign of d by the label, so that the energy is log(exp(0) + exp(s)) for both "
        "labels. NumPy has a function that computes the logarithm of a sum of two exponentials "
        "without overflow.",
    ),
)
def check_two_class_energy(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check the energy of two classes by the `math` module, and far out by its limits.

    Parameters
    ----------
    answer : callable (d, label) -> (N,)
    """
    d, label = np.array([-3.0, -0.5, 0, 1, 4, 2, -7]), np.array([1, 0, 1, 1, 0, 1, 0])
    wrong = _two_class_energy(answer, d, label)
    for rng in trials(5):
        n = int(rng.integers(1, 40))
        wrong = wrong or _two_class_energy(answer, rng.uniform(-8, 8, n), rng.integers(0, 2, n))
    wrong = wrong or _far_out(answer)
    return wrong or changed(answer, {"d": d, "label": label}) or borrowed(answer, d, label)


def _two_class_energy(
    answer: Callable[[Array, Array], Array], d: Array, label: Array
) -> str | None:
    """Say what is wrong with the energies of some pixels; None if nothing is."""
    signs = [1 if k == 0 else -1 for k in label]
    expected = [math.log(1 + math.exp(s * v)) for s, v in zip(signs, d, strict=True)]
    energy = array("the energy", ask(answer, d.copy(), label.copy()))
    if energy.shape == d.shape and len(d) > 4:
        turned = [math.log(1 + math.exp(-s * v)) for s, v in zip(signs, d, strict=True)]
        if np.allclose(energy, turned):
            return "the classes are exchanged: with label 1 a large d costs little."
        if any(np.allclose(energy, [math.log(1 + math.exp(s * v)) for v in d]) for s in (1, -1)):
            return "label is not used. The cost is −log of the probability of the true class."
        if np.allclose(energy, np.negative(expected)):
            return "the minus sign is missing: the energy is −log p."
    return difference("the energy", energy, expected)


def _far_out(answer: Callable[[Array, Array], Array]) -> str | None:
    """Say what is wrong with energies where p is 0 or 1; None if nothing is."""
    far, truth = np.array([1e4, -1e4, 1e4, -1e4, -800]), np.array([0, 1, 1, 0, 1])
    try:
        energy = array("the energy", ask(answer, far, truth))
    except Raised:  # of `math.exp` and of `math.log`
        energy = np.array([np.inf])
    if not np.isfinite(energy).all():
        return (
            "at d = ±10,000 the energy is not finite. No exponent may be large and positive, and "
            "no logarithm may be taken of a p that can become 0."
        )
    expected = np.array([1e4, 1e4, 0, 0, 800])
    if not np.allclose(energy, expected):
        k = int(np.argmax(np.abs(energy - expected)))
        return (
            f"with d = {far[k]:g} and label {truth[k]}, a pixel costs {energy[k]:.6g}, but it "
            f"should cost {expected[k]:g}. A clipped probability hides how wrong it is."
        )
    return None


@exercise(
    "What the network predicts minus the truth, times the weight.",
    "The function returns dlogits, an array (H, W, K).",
    hints=(
        "The gradient of one pixel is its weight times p - y, where y is 1 for the true class and "
        "0 for the others.",
        "To make y, give labels a last axis of length 1 and compare it with the class numbers 0 … "
        "K-1. weight_map needs the same last axis, so that it multiplies every class of a pixel.",
    ),
)
def check_energy_backward(answer: Callable[[Array, Array, Array], Array]) -> str | None:
    """Check the gradient of the energy by central differences of a literal sum over pixels.

    Parameters
    ----------
    answer : callable (p, labels, weight_map) -> dlogits
    """
    for shape, rng in zip(((3, 4, 5), (1, 1, 2), (3, 3, 3), None, None), trials(7), strict=False):
        *size, classes = shape or drawn(rng, 3, 2, 5)
        logits = 2 * rng.standard_normal((*size, classes))
        labels, weight_map = rng.integers(0, classes, size), 3 * rng.random(size)
        weight_map[0, 0] *= weight_map.size == 1 or rng.integers(0, 2)  # no weight is a weight
        wrong = _energy_backward(answer, logits, labels, weight_map)
        if wrong:
            return wrong
    arguments = {"p": np.exp(logits), "labels": labels, "weight_map": weight_map}
    return changed(answer, arguments) or borrowed(answer, *arguments.values())


def _energy_backward(
    answer: Callable[[Array, Array, Array], Array], logits: Array, labels: Array, weight_map: Array
) -> str | None:
    """Say what is wrong with the gradient of an energy; None if nothing is."""

    def probability(r: int, c: int, k: int) -> float:
        return math.exp(logits[r, c, k]) / sum(math.exp(a) for a in logits[r, c])

    def energy() -> float:
        return -sum(
            weight_map[r, c] * math.log(probability(r, c, int(labels[r, c])))
            for r, c in np.ndindex(labels.shape)
        )

    everywhere = list(np.ndindex(logits.shape))
    expected = numerical_gradient(energy, logits, everywhere).reshape(logits.shape)
    p = np.array([probability(*index) for index in everywhere]).reshape(logits.shape)
    kept = p.copy()
    dlogits = array("dlogits", ask(answer, p, labels.copy(), weight_map.copy()))
    if not np.array_equal(p, kept):
        return (
            "your function writes to p. The caller's array must stay as it is, so work on a copy."
        )
    wrong = difference("dlogits", dlogits, expected, tolerance=1e-7)
    if wrong and dlogits.shape == expected.shape:
        weights = weight_map[..., np.newaxis]
        if np.allclose(dlogits * weights, expected, atol=1e-7):
            return "the weights are missing."
        if np.allclose(dlogits, weights * p, atol=1e-7):
            return "that is w·p: 1 must be subtracted where k is the label."
        if np.allclose(dlogits, weights * (p - labels[..., np.newaxis]), atol=1e-7):
            return "the number of the class is subtracted. y is 1 for the true class, 0 for others."
        if labels.size > 1 and np.allclose(dlogits * labels.size, expected, atol=1e-7):
            return "dlogits was divided by the number of pixels, but equation (1) is a sum."
        one_hot = labels[..., np.newaxis] == np.arange(logits.shape[-1])
        if np.allclose(dlogits, weights * p - one_hot, atol=1e-7):
            return "the weight multiplies the 1 as well: it is w·(p - y)."
        if np.allclose(dlogits, -weights * one_hot / p, atol=1e-7):
            return (
                "that is the gradient with respect to p. The exercise asks for the one with "
                "respect to the logits."
            )
        if np.allclose(dlogits, weights * (p - 1), atol=1e-7):
            return "1 is subtracted from every class, but it belongs to the true class only."
    return wrong
