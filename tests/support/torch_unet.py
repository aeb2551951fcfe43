"""The same U-Net in PyTorch, the reference for tests and benchmarks.

It shares no code with `network/unet.py`: PyTorch has its own convolutions, and its autograd derives
the backward pass. The helpers convert between the layouts: here a feature map is (1, C, H, W), a
kernel (O, C, kh, kw), and the kernel of an up-convolution (C, O, 2, 2).
"""

import numpy as np
import torch
from torch.nn import functional

UPCONV = ".wu"
"""Suffix of the names of the up-convolutions' kernels."""


def kernel_axes(name, ndim):
    """Return the order of a parameter's axes in PyTorch."""
    if ndim == 1:
        return (0,)
    return (2, 3, 0, 1) if name.endswith(UPCONV) else (3, 2, 0, 1)


def to_torch(params):
    """Convert parameters to tensors that collect gradients."""
    return {
        name: torch.tensor(w.transpose(kernel_axes(name, w.ndim)).copy(), requires_grad=True)
        for name, w in params.items()
    }


def to_numpy(tensors):
    """Convert parameters, or tensors of their layout, to arrays in our layout."""
    return {
        name: w.detach().numpy().transpose(np.argsort(kernel_axes(name, w.ndim)))
        for name, w in tensors.items()
    }


def gradients(params):
    """Return the gradients that PyTorch's backward stored in the parameters, in our layout."""
    return to_numpy({name: w.grad for name, w in params.items()})


def map_to_torch(x):
    """Convert a feature map (H, W, C) to (1, C, H, W)."""
    return torch.tensor(x.transpose(2, 0, 1).copy())[None]


def map_to_numpy(x):
    """Convert a feature map (1, C, H, W) to (H, W, C)."""
    return x.detach()[0].numpy().transpose(1, 2, 0)


def forward(params, x, arch, masks=None):
    """Compute the logits (1, K, H-2m, W-2m) of a tile.

    Parameters
    ----------
    params : dict                  result of `to_torch`
    x : (1, C, H, W)               the tile, see `map_to_torch`
    arch : minunet Architecture    either variant
    masks : dict or None           stage → dropout mask (1, C, h, w); None: no dropout
    """
    masks, skips = masks or {}, []
    for level in range(arch.depth):
        skips.append(double_conv(params, f"contract{level}", x, masks))
        x = functional.max_pool2d(skips[-1], 2)
    x = double_conv(params, "bottom", x, masks)
    for level in reversed(range(arch.depth)):
        stage = f"expand{level}"
        x = functional.conv_transpose2d(x, params[f"{stage}.wu"], params[f"{stage}.bu"], stride=2)
        if arch.variant == "release":
            x = functional.relu(x)
        x = torch.cat([x, crop(skips[level], x.shape)], dim=1)
        x = double_conv(params, stage, x, masks)
    return functional.conv2d(x, params["out.w"], params["out.b"])


def double_conv(params, stage, x, masks):
    """Apply two unpadded convolutions with their ReLUs, then dropout if there is a mask."""
    for i in "12":
        x = functional.relu(functional.conv2d(x, params[f"{stage}.w{i}"], params[f"{stage}.b{i}"]))
    return x * masks[stage] if stage in masks else x


def crop(x, shape):
    """Crop a map to its centre, of the size of `shape`."""
    top, left = (x.shape[2] - shape[2]) // 2, (x.shape[3] - shape[3]) // 2
    return x[:, :, top : top + shape[2], left : left + shape[3]]


def energy(logits, labels, weight_map):
    """Compute equation (1), summed over the pixels; labels and weights are (H, W) tensors."""
    each = functional.cross_entropy(logits, labels[None], reduction="none")
    return (each * weight_map).sum()
