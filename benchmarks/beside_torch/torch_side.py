"""The jobs of `work.py` in PyTorch: default layout, channels-last, and compiled."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from work import Job, Layer, Network, Product

from minunet.array import Array, Tensors

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
import torch_unet

MOMENTUM, RATE = 0.99, 1e-4

TF32 = os.environ.get("CUPY_TF32") == "1"
"""Whether to use TF32 on a GPU; CuPy reads the same variable."""

Results = Mapping[str, torch.Tensor]


class Side:
    """The PyTorch side, which does jobs in its own process, with `minunet_side.Side`'s methods.

    Parameters
    ----------
    name : str         may contain "channels-last" and "compiled"
    where : str        "cpu" or "cuda"
    count : int        number of threads
    """

    def __init__(self, name: str, where: str, count: int) -> None:
        last = "channels-last" in name
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.where = torch.device(where)
        self.forward = torch_unet.forward
        if "compiled" in name:
            self.forward = torch.compile(torch_unet.forward)
        torch.set_num_threads(count)
        torch.backends.cuda.matmul.allow_tf32 = TF32  # as in minunet
        torch.backends.cudnn.allow_tf32 = TF32
        torch.backends.cudnn.benchmark = True  # use the fastest kernels

    def prepare(self, job: Job) -> Callable[[], Results]:
        """Prepare a job; return a function that does it and returns tensors by name."""
        if isinstance(job, Product):
            a, b = (torch.from_numpy(m).to(self.where) for m in job.arrays())
            return lambda: {"product": a @ b}
        if isinstance(job, Network):
            return self._network(job)
        return self._layer(job)

    def _to_device(self, tensor: torch.Tensor, learns: bool = False) -> torch.Tensor:
        """Copy a map or a kernel to the device, in the layout of this side."""
        tensor = tensor.detach().to(self.where)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=self.layout)
        return tensor.requires_grad_(learns)

    def _layer(self, job: Layer) -> Callable[[], Results]:
        x, w, b, dy = job.arrays()
        x, dy = (self._to_device(torch_unet.map_to_torch(a)) for a in (x, dy))
        kernel = ".wu" if job.arrow == "upconv" else ".w"
        params = torch_unet.to_torch({kernel: w, ".b": b})
        w, b = (self._to_device(p, job.backward) for p in params.values())
        run = {
            "conv_relu": lambda: functional.relu(functional.conv2d(x, w, b)),
            "upconv": lambda: functional.conv_transpose2d(x, w, b, stride=2),
            "maxpool": lambda: functional.max_pool2d(x, 2),
        }[job.arrow]
        if not job.backward:

            def forward() -> Results:
                with torch.inference_mode():
                    return {"y": run()}

            return forward
        named = {"dx": x, "dw" + kernel: w, "db": b}
        if job.arrow == "maxpool":
            named = {"dx": x}
        elif job.of_image:
            del named["dx"]
        x.requires_grad_("dx" in named)
        y = run()
        return lambda: dict(
            zip(named, torch.autograd.grad(y, named.values(), dy, retain_graph=True), strict=True)
        )

    def _network(self, job: Network) -> Callable[[], Results]:
        arch = job.architecture
        params, x, labels, weights = job.arrays()
        x = self._to_device(torch_unet.map_to_torch(x))
        labels, weights = (self._to_device(torch.tensor(a)) for a in (labels, weights))
        params = {k: self._to_device(p, job.step) for k, p in torch_unet.to_torch(params).items()}

        def infer() -> Results:
            with torch.inference_mode():
                return {"logits": self.forward(params, x, arch)}

        if not job.step:
            return infer
        optimizer = torch.optim.SGD(params.values(), lr=RATE, momentum=MOMENTUM)

        def step() -> Results:
            optimizer.zero_grad()
            logits = self.forward(params, x, arch)
            energy = torch_unet.energy(logits, labels, weights)
            energy.backward()
            optimizer.step()
            grads = {name: w.grad for name, w in params.items()}
            return {"logits": logits.detach(), "energy": torch.tensor(energy.item()), **grads}

        return step

    def to_numpy(self, results: Results) -> Tensors:
        """Copy results to the host, in minunet's layout and with its names."""
        return dict(self._to_minunet(name, t.detach().cpu()) for name, t in results.items())

    def _to_minunet(self, name: str, tensor: torch.Tensor) -> tuple[str, Array]:
        if name in ("y", "dx", "logits"):
            return name, torch_unet.map_to_numpy(tensor)
        if tensor.ndim < 4:
            return name, tensor.numpy()
        axes = np.argsort(torch_unet.kernel_axes(name, tensor.ndim))
        name = "dw" if name.startswith("dw.") else name
        return name, tensor.numpy().transpose(axes)

    def wait(self) -> None:
        """Wait until the device has finished its work."""
        if self.where.type == "cuda":
            torch.cuda.synchronize()

    def device_peak(self) -> int | None:
        """Return the peak size of PyTorch's pool of GPU memory, in bytes."""
        return torch.cuda.max_memory_reserved() if self.where.type == "cuda" else None

    def about(self) -> dict[str, Any]:
        """Return the version, the number of threads, and the kernels chosen by PyTorch."""
        found = {
            "PyTorch": torch.__version__,
            "kernels": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
        }
        if self.where.type == "cuda":
            found["GPU"] = torch.cuda.get_device_name()
        return found
