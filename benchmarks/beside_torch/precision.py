"""Measure the errors of float32 in the energy, logits and gradients, compared with float64."""

import time

import numpy as np
import work

from minunet.array import Array, Tensors
from minunet.network import unet
from minunet.ops import cross_entropy

LOGITS, GRADIENTS = 1e-4, 1e-3
"""Largest errors allowed, relative to the largest magnitude of the tensor."""


def run(job: work.Network, dtype: type[np.floating]) -> tuple[Tensors, float]:
    """Compute logits, energy and gradients in a dtype; return them and the seconds taken.

    The arguments are drawn in float32 for both dtypes, so that only the computation differs.
    """
    params, x, labels, weights = job.arrays()
    params = {name: w.astype(dtype) for name, w in params.items()}
    started = time.perf_counter()
    logits, activations = unet.forward(params, x.astype(dtype), job.architecture)
    energy, p = cross_entropy.forward(logits, labels, weights.astype(dtype))
    dlogits = cross_entropy.backward(p, labels, weights.astype(dtype))
    grads = unet.backward(params, activations, dlogits, job.architecture)
    seconds = time.perf_counter() - started
    return {"logits": logits, "energy": np.array(energy), **grads}, seconds


def off(found: Array, exact: Array) -> tuple[float, float]:
    """Return the difference relative to `exact`, by the largest magnitude and by the norm."""
    difference = found - exact
    largest = np.abs(difference).max() / np.abs(exact).max()
    return float(largest), float(np.linalg.norm(difference) / np.linalg.norm(exact))


def main(channels: int, tile: int | None) -> None:
    """Print the errors of the energy, the logits and the five least exact gradients.

    Raises
    ------
    AssertionError
        If an error is larger than allowed.
    """
    job = work.Network.of_width(channels, step=True)
    job = job._replace(tile=tile or job.tile)
    print(
        f"float32 compared with float64: {channels} channels, depth {job.depth}, tile {job.tile}\n"
    )
    found, fast = run(job, np.float32)
    exact, slow = run(job, np.float64)
    errors = {name: off(found[name], exact[name]) for name in exact}
    grads = {name: e for name, e in errors.items() if name not in ("logits", "energy")}
    worst = sorted(grads, key=lambda name: -grads[name][0])[:5]
    print("| | largest difference ÷ largest magnitude | norm of difference ÷ norm | allowed |")
    print("|---|---|---|---|")
    for name in ("energy", "logits", *worst):
        allowed = GRADIENTS if name in grads else LOGITS
        title = f"gradient of `{name}`" if name in grads else name
        print(f"| {title} | {errors[name][0]:.1e} | {errors[name][1]:.1e} | {allowed:.0e} |")
    middle = float(np.median([e[0] for e in grads.values()]))
    print(f"| the median of all {len(grads)} gradients | {middle:.1e} | | |")
    print(f"\nfloat32 {fast:.1f} s, float64 (the definitions) {slow:.1f} s.")
    assert errors["logits"][0] < LOGITS
    assert max(e[0] for e in grads.values()) < GRADIENTS
