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
    "Each of 150,544 pixels costs ln 2: what every two-class network starts at.",
    "The answer is one number.",
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
        -pixels * pixel: "the minus sign of (1) is missing: an energy of probabilities is not < 0.",
        pixel: "that is one pixel, or the mean; (1) is a sum over all pixels.",
        388 * pixel: "that is one row of pixels.",
        572 * 572 * pixel: "that counts the pixels of the input tile; the sum is over the output.",
        float(pixels): "that takes the logarithm to base 2; log is the natural one.",
        pixels * math.log10(2): "that takes the logarithm to base 10; log is the natural one.",
        pixels / 2: "that sums 1 - p; the price of a pixel is −log p.",
        0.0: "an energy of 0 needs p = 1 for the truth; with equal activations p is ½.",
    }
    for wrong, why in slips.items():
        if math.isclose(given, wrong, rel_tol=1e-3):
            return why
    if not math.isclose(given, pixels * pixel, rel_tol=1e-3):
        return f"{given:.6g} is not it: what is p of either class, and what does one pixel cost?"
    return None


@exercise(
    "Then p is (¼, ¾): the best constant answer is the share of the classes.",
    "The answer is one number.",
)
def check_constant(answer: float) -> str | None:
    """Check the best constant difference of activations by the slope of the energy there.

    Parameters
    ----------
    answer : float
    """
    d = np.array([number("d", answer)])
    if math.isclose(d[0], 0.75) or math.isclose(d[0], math.log(0.75), rel_tol=1e-3):
        return "p_1 should be ¾; which d = a_1 - a_0 gives p_1 = exp(d) / (1 + exp(d)) = ¾?"
    if math.isclose(d[0], -math.log(3), rel_tol=1e-3):
        return "that is p_1 = ¼: class 1 is the frequent one."
    (slope,) = numerical_gradient(
        lambda: 3 * np.logaddexp(0, -d[0]) + np.logaddexp(0, d[0]), d, [(0,)]
    )
    if abs(slope) > 2e-3:
        side = "larger" if slope < 0 else "smaller"
        return f"at d = {d[0]:.6g} the energy still falls: a {side} d is better."
    return None


@exercise(
    "Only the difference counts, and log(1 + exp(s)) is s for large s.",
    "The function returns an array (N,), the energy of each pixel.",
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
            return "label is not used: the price is −log of the probability of the true class."
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
        return "at d = ±10,000 it is not finite: no exponent may be large and positive."
    if not np.allclose(energy, [1e4, 1e4, 0, 0, 800]):
        return (
            f"at d = ±10,000 a wrong pixel costs {energy[0]:.6g}, and should cost 10,000: "
            "a clipped probability hides how wrong it is."
        )
    return None


@exercise(
    "What the network says minus what is true, weighted.",
    "The function returns dlogits, an array (H, W, K).",
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
    return borrowed(answer, np.exp(logits), labels, weight_map)


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
        return "p was written to: the caller's array must stay as it is. Work on a copy."
    wrong = difference("dlogits", dlogits, expected, tolerance=1e-7)
    if wrong and dlogits.shape == expected.shape:
        weights = weight_map[..., np.newaxis]
        if np.allclose(dlogits * weights, expected, atol=1e-7):
            return "the weights are missing."
        if np.allclose(dlogits, weights * p, atol=1e-7):
            return "that is w·p: 1 must be subtracted where k is the label."
        one_hot = labels[..., np.newaxis] == np.arange(logits.shape[-1])
        if np.allclose(dlogits, weights * p - one_hot, atol=1e-7):
            return "the weight multiplies the 1 as well: it is w·(p - y)."
        if np.allclose(dlogits, -weights * one_hot / p, atol=1e-7):
            return "that is the gradient of p; the question is that of the activations."
        if np.allclose(dlogits, weights * (p - 1), atol=1e-7):
            return "1 is subtracted from every class; only from that of the label."
    return wrong
