"""The jobs of `work.py` in minunet, and in simpler forms of a convolution."""

from collections.abc import Callable
from typing import Any

import forms
import numpy as np
import scipy
from threadpoolctl import threadpool_info, threadpool_limits
from work import Job, Layer, Network, Product

from minunet import ops
from minunet.array import Array, Tensors
from minunet.fast import direct, threads, winograd
from minunet.network import device, unet
from minunet.ops import cross_entropy, relu
from minunet.training import sgd

MOMENTUM, RATE = 0.99, 1e-4

Convolution = Callable[[Array, Array, Array], Array]


def _rectified(convolution: Convolution) -> Convolution:
    return lambda x, w, b: relu.forward(convolution(x, w, b))


FORMS: dict[str, Convolution] = {
    "naive loop": _rectified(forms.naive_loop),
    "product a pixel": _rectified(forms.pixel_loop),
    "im2col": _rectified(forms.im2col),
    "taps": ops.conv_relu.forward,
    "bands, one thread": direct.forward,
    "bands": direct.forward,
    "Winograd, one thread": winograd.forward,
    "Winograd": winograd.forward,
}
"""Forms of Figure 1's blue arrow, from the slowest to those in use; "taps" is the definition."""


class Side:
    """The minunet side, which does jobs in its own process, with the methods of `torch_side.Side`.

    Parameters
    ----------
    name : str         "minunet", or one of `FORMS`
    where : str        "cpu" or "cuda"
    count : int        number of threads
    """

    def __init__(self, name: str, where: device.Name, count: int) -> None:
        self.name, self.where = name, where
        self.count = 1 if name.endswith("one thread") else count
        threads.use(self.count)

    def prepare(self, job: Job) -> Callable[[], Tensors]:
        """Prepare a job; return a function that does it and returns arrays by name."""
        if isinstance(job, Product):
            return self._product(*self._to_device(*job.arrays()))
        if isinstance(job, Network):
            return self._network(job)
        return self._layer(job)

    def _to_device(self, *arrays: Array) -> list[Array]:
        """Copy arrays to the device."""
        named = {str(k): a for k, a in enumerate(arrays)}
        return list(device.to_device(named, self.where).values())

    def _product(self, a: Array, b: Array) -> Callable[[], Tensors]:
        def product() -> Tensors:
            with threadpool_limits(self.count, "blas"):  # `threads.use` allows BLAS only one
                return {"product": a @ b}

        return product

    def _layer(self, job: Layer) -> Callable[[], Tensors]:
        x, w, b, dy = self._to_device(*job.arrays())
        if self.name in FORMS:
            return lambda: {"y": FORMS[self.name](x, w, b)}
        op = getattr(unet.ops_for(x), job.arrow)
        if job.arrow == "maxpool":
            argmax = op.forward(x)[1]
            if job.backward:
                return lambda: {"dx": op.backward(dy, argmax)}
            return lambda: {"y": op.forward(x)[0]}
        if not job.backward:
            return lambda: {"y": op.forward(x, w, b)}
        given = (dy, x, w)
        if job.arrow == "conv_relu":
            given = (dy, op.forward(x, w, b), x, w)
        names = ("dx", "dw", "db")
        unused = {"dx"} if job.of_image else set()  # computed, but not compared
        return lambda: {
            name: array
            for name, array in zip(names, op.backward(*given), strict=True)
            if name not in unused
        }

    def _network(self, job: Network) -> Callable[[], Tensors]:
        arch = job.architecture
        params, *others = job.arrays()
        params = device.to_device(params, self.where)
        x, labels, weights = self._to_device(*others)
        if not job.step:
            return lambda: {"logits": unet.forward(params, x, arch, remember=False)[0]}
        state = params, sgd.start(params)

        def step() -> Tensors:
            nonlocal state
            logits, activations = unet.forward(state[0], x, arch)
            energy, p = cross_entropy.forward(logits, labels, weights)
            dlogits = cross_entropy.backward(p, labels, weights)
            grads = unet.backward(state[0], activations, dlogits, arch, release=True)
            state = sgd.step(state[0], grads, state[1], RATE, MOMENTUM)
            # Training reads the energy, so waiting for it on a GPU is part of the step.
            return {"logits": logits, "energy": np.array(float(energy)), **grads}

        return step

    def to_numpy(self, results: Tensors) -> Tensors:
        """Copy results to the host."""
        return {name: device.to_host(array) for name, array in results.items()}

    def wait(self) -> None:
        """Wait until the device has finished its work."""
        if self.where == "cuda":
            import cupy

            cupy.cuda.Device().synchronize()

    def device_peak(self) -> int | None:
        """Return the peak GPU memory in bytes: the size of the pool, which never shrinks."""
        if self.where == "cpu":
            return None
        import cupy

        return cupy.get_default_memory_pool().total_bytes()

    def about(self) -> dict[str, Any]:
        """Return the versions, the number of threads, and the kernels chosen by BLAS."""
        blas = [
            f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')})"
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        ]
        found = {"NumPy": np.__version__, "SciPy": scipy.__version__, "BLAS": sorted(set(blas))}
        if self.where == "cuda":
            found["GPU"] = device.choose("cuda")[1]
        return found | {"threads": threads.count()}
