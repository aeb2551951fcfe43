"""The U-Net of Figure 1, written out twice: `forward` down and up the U, `backward` its mirror.

Where the forward copies a map across the U, the backward adds the two gradients that come back.
Both speak of stages: `contract0` … `contract3`, `bottom`, `expand3` … `expand0`; level 0 is full
resolution. `params` and `grads` are flat dicts with the keys `<stage>.<name>`, and so is
`activations`, which holds all that the backward must remember:

    <stage>.x       input of the stage's two convolutions
    <stage>.a1      after its first ReLU
    <stage>.a2      after its second ReLU (and dropout): the output of the stage
    <stage>.mask    of the dropout, in training
    <stage>.argmax  of the max pooling that follows a contracting stage
    <stage>.up      the rectified up-convolution, in the release only
"""

from types import ModuleType

import numpy as np

from minunet import fast, ops
from minunet.array import Array, Tensors
from minunet.errors import InputError
from minunet.network import sizes
from minunet.network.architecture import Architecture

__all__ = ["Architecture", "backward", "forward", "ops_for"]


def ops_for(x: Array) -> ModuleType:
    """Choose the form of the ops: `minunet.fast` for float32 in NumPy, `minunet.ops` for the rest.

    Float64 is for checking, so it takes the definitions, and so does a GPU: the fast forms keep
    what they work on in the caches of a CPU, and leave their results equal up to rounding.
    """
    return fast if isinstance(x, np.ndarray) and x.dtype == np.float32 else ops


def forward(
    params: Tensors,
    x: Array,
    arch: Architecture,
    rng: np.random.Generator | None = None,
    remember: bool = True,
) -> tuple[Array, Tensors]:
    """Activations a_k of every class for the pixels at the centre of a tile.

    Parameters
    ----------
    params : dict                  as `initialization.gaussian` makes them
    x : (H, W, in_channels)        the tile; H and W legal, see `minunet.geometry`
    arch : Architecture
    rng : numpy Generator or None  given: training, with dropout; None: no dropout
    remember : bool                False in prediction: what only `backward` needs is let go

    Returns
    -------
    logits : (H-2m, W-2m, K)       no ReLU, no soft-max; m is `geometry.margin(arch.depth)`
    activations : dict             what `backward` needs; empty if not to be remembered

    Raises
    ------
    ValueError
        If the tile is of an illegal size, has the wrong number of channels, or is not of the
        parameters' dtype.
    """
    sizes.check_tile(x.shape, arch)
    if x.dtype != params["out.w"].dtype:
        raise InputError(
            f"the tile is {x.dtype} and the parameters are {params['out.w'].dtype}: give the tile "
            f"as {params['out.w'].dtype}"
        )
    op = ops_for(x)
    kept: Tensors = {}
    take = kept.__getitem__ if remember else kept.pop

    for level in range(arch.depth):  # contracting path, downwards
        stage = f"contract{level}"
        kept |= _double_conv_forward(params, stage, x, arch, rng, remember)
        x, argmax = op.maxpool.forward(kept[f"{stage}.a2"])
        if remember:
            kept[f"{stage}.argmax"] = argmax

    kept |= _double_conv_forward(params, "bottom", x, arch, rng, remember)

    for level in reversed(range(arch.depth)):  # expansive path, upwards
        stage, below, skip = f"expand{level}", f"{arch.below(level)}.a2", f"contract{level}.a2"
        up = op.upconv.forward(take(below), params[f"{stage}.wu"], params[f"{stage}.bu"])
        if arch.relu_after_upconv:
            up = op.relu.forward(up)
            if remember:
                kept[f"{stage}.up"] = up
        x = op.crop_concat.forward(up, take(skip))
        del up  # while the stage is computed, its memory is free
        kept |= _double_conv_forward(params, stage, x, arch, rng, remember)

    logits = op.conv2d.forward(take("expand0.a2"), params["out.w"], params["out.b"])
    return logits, kept


def backward(params: Tensors, activations: Tensors, dlogits: Array, arch: Architecture) -> Tensors:
    """Gradients of the energy with respect to every parameter: `forward`, bottom line first.

    Parameters
    ----------
    params, arch                   as given to `forward`
    activations : dict             what it returned; emptied, so that memory is free for gradients
    dlogits : (H-2m, W-2m, K)      gradient of the energy with respect to the logits

    Returns
    -------
    grads : dict                   the keys and shapes of `params`
    """
    op = ops_for(dlogits)
    kept, grads, dskip = activations, {}, {}
    dx, grads["out.w"], grads["out.b"] = op.conv2d.backward(
        dlogits, kept["expand0.a2"], params["out.w"]
    )

    for level in range(arch.depth):  # expansive path, downwards
        stage, below, skip = f"expand{level}", f"{arch.below(level)}.a2", f"contract{level}.a2"
        dx, double_conv_grads = _double_conv_backward(params, stage, dx, kept)
        grads |= double_conv_grads
        dup, dskip[level] = op.crop_concat.backward(dx, kept[skip].shape)
        if arch.relu_after_upconv:
            dup = op.relu.backward(dup, kept.pop(f"{stage}.up"))
        dx, grads[f"{stage}.wu"], grads[f"{stage}.bu"] = op.upconv.backward(
            dup, kept[below], params[f"{stage}.wu"]
        )

    dx, double_conv_grads = _double_conv_backward(params, "bottom", dx, kept)
    grads |= double_conv_grads

    for level in reversed(range(arch.depth)):  # contracting path, upwards
        stage = f"contract{level}"
        dx = op.maxpool.backward(dx, kept.pop(f"{stage}.argmax"))
        dx += dskip.pop(level)  # copied: so add
        dx, double_conv_grads = _double_conv_backward(params, stage, dx, kept)
        grads |= double_conv_grads

    return {name: grads[name] for name in params}


def _double_conv_forward(
    params: Tensors,
    stage: str,
    x: Array,
    arch: Architecture,
    rng: np.random.Generator | None,
    remember: bool,
) -> Tensors:
    """Two 3x3 convolutions, each with its ReLU; dropout at the end of the contracting path."""
    op = ops_for(x)
    a1 = op.conv_relu.forward(x, params[f"{stage}.w1"], params[f"{stage}.b1"])
    a2 = op.conv_relu.forward(a1, params[f"{stage}.w2"], params[f"{stage}.b2"])
    if not remember:
        return {f"{stage}.a2": a2}
    kept = {f"{stage}.x": x, f"{stage}.a1": a1, f"{stage}.a2": a2}
    if rng is not None and arch.dropout > 0 and stage in arch.dropout_stages:
        # Only the dropped map is kept: it goes on downwards and across, and where it is positive
        # the ReLU was, too.
        kept[f"{stage}.a2"], kept[f"{stage}.mask"] = op.dropout.forward(a2, arch.dropout, rng)
    return kept


def _double_conv_backward(
    params: Tensors, stage: str, da2: Array, kept: Tensors
) -> tuple[Array, Tensors]:
    """Gradients with respect to the stage's input and its four parameters."""
    op = ops_for(da2)
    x, a1, a2 = (kept.pop(f"{stage}.{name}") for name in ("x", "a1", "a2"))
    if f"{stage}.mask" in kept:
        da2 = op.dropout.backward(da2, kept.pop(f"{stage}.mask"))
    da1, dw2, db2 = op.conv_relu.backward(da2, a2, a1, params[f"{stage}.w2"])
    inside = stage != "contract0"  # whose input is the image
    dx, dw1, db1 = op.conv_relu.backward(da1, a1, x, params[f"{stage}.w1"], need_dx=inside)
    names = ("w1", "b1", "w2", "b2")
    return dx, {f"{stage}.{n}": g for n, g in zip(names, (dw1, db1, dw2, db2), strict=True)}
