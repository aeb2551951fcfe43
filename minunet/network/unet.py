"""The U-Net of Figure 1, written out twice: `forward`, and `backward` as its mirror image.

Where the forward copies a map across the U, the backward adds the two gradients that come back.
The stages are `contract0` … `contract3`, `bottom`, `expand3` … `expand0`; level 0 is full
resolution. `params`, `grads` and `activations` are flat dicts with the keys `<stage>.<name>`.
`activations` holds everything that the backward needs from the forward:

    <stage>.x       input of the stage's two convolutions
    <stage>.a1      output of its first ReLU
    <stage>.a2      output of its second ReLU (and of the dropout): the output of the stage
    <stage>.mask    mask of the dropout, in training only
    <stage>.argmax  argmax of the max pooling that follows a contracting stage
    <stage>.up      output of the ReLU after the up-convolution, in the release only
"""

from types import ModuleType

import numpy as np

from minunet import fast, gpu, ops
from minunet.array import Array, Tensors
from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import sizes
from minunet.network.architecture import Architecture

__all__ = ["Architecture", "backward", "forward", "ops_for"]


def ops_for(x: Array) -> ModuleType:
    """Return the ops for an array: in float32, `minunet.fast` on the CPU, `minunet.gpu` on a GPU.

    Float64 is used for checking, so it runs the definitions in `minunet.ops`. The results of all
    three are equal up to rounding.
    """
    if x.dtype != np.float32:
        return ops
    return fast if isinstance(x, np.ndarray) else gpu


@threads.one_blas_thread()
def forward(
    params: Tensors,
    x: Array,
    arch: Architecture,
    rng: np.random.Generator | None = None,
    remember: bool = True,
) -> tuple[Array, Tensors]:
    """Compute the logits a_k of every class for the central pixels of a tile.

    Parameters
    ----------
    params : dict                  see `initialization.gaussian`
    x : (H, W, in_channels)        the tile; H and W are valid, see `sizes.is_valid`
    arch : Architecture
    rng : numpy Generator or None  draws the dropout masks in training; None: no dropout
    remember : bool                False frees each activation after its last use in the forward

    Returns
    -------
    logits : (H-2m, W-2m, K)       no ReLU, no soft-max; m is `sizes.margin(arch.depth)`
    activations : dict             what `backward` needs; empty if `remember` is False

    Raises
    ------
    InputError
        If the tile has an invalid size, the wrong number of channels, or a dtype that differs from
        that of the parameters.
    """
    _check_tile(x, params, arch)
    op = ops_for(x)
    activations: Tensors = {}
    skip: dict[int, Array] = {}

    for level in range(arch.depth):  # contracting path, downwards
        stage = f"contract{level}"
        y, kept = _double_conv_forward(params, stage, x, arch, rng, remember)
        activations |= kept
        skip[level] = y
        if remember:
            x, activations[f"{stage}.argmax"] = op.maxpool.forward(y)
        else:
            x = op.maxpool.largest(y)

    y, kept = _double_conv_forward(params, "bottom", x, arch, rng, remember)
    activations |= kept

    for level in reversed(range(arch.depth)):  # expansive path, upwards
        stage = f"expand{level}"
        y = op.upconv.forward(y, params[f"{stage}.wu"], params[f"{stage}.bu"])
        if arch.relu_after_upconv:
            y = op.relu.forward(y)
            if remember:
                activations[f"{stage}.up"] = y
        x = op.crop_concat.forward(y, skip.pop(level))
        del y  # frees its memory for the two convolutions
        y, kept = _double_conv_forward(params, stage, x, arch, rng, remember)
        activations |= kept

    logits = op.conv2d.forward(y, params["out.w"], params["out.b"])
    return logits, activations


@threads.one_blas_thread()
def backward(
    params: Tensors,
    activations: Tensors,
    dlogits: Array,
    arch: Architecture,
    *,
    release: bool = False,
) -> Tensors:
    """Compute the gradient of the energy with respect to every parameter: `forward` in reverse.

    Parameters
    ----------
    params, arch                   arguments of `forward`
    activations : dict             result of `forward`
    dlogits : (H-2m, W-2m, K)      gradient of the energy with respect to the logits
    release : bool                 True frees each activation after its last use in the backward

    Returns
    -------
    grads : dict                   with the keys and shapes of `params`
    """
    op = ops_for(dlogits)
    kept = activations if release else dict(activations)
    grads, dskip = {}, {}
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
        dx += dskip.pop(level)  # the map was copied, so the gradients add
        dx, double_conv_grads = _double_conv_backward(params, stage, dx, kept)
        grads |= double_conv_grads

    return {name: grads[name] for name in params}


def _check_tile(x: Array, params: Tensors, arch: Architecture) -> None:
    """Raise an `InputError` unless the network accepts this tile."""
    sizes.check_tile(x.shape, arch)
    dtype = params["out.w"].dtype
    if x.dtype != dtype:
        raise InputError(
            f"the tile is {x.dtype}, but the parameters are {dtype}: convert the tile to {dtype}"
        )


def _double_conv_forward(
    params: Tensors,
    stage: str,
    x: Array,
    arch: Architecture,
    rng: np.random.Generator | None,
    remember: bool,
) -> tuple[Array, Tensors]:
    """Return the stage's output and, if `remember` is True, what its backward needs.

    A stage consists of two 3x3 convolutions, each followed by a ReLU. In training, the last
    two stages of the contracting path end with dropout.
    """
    op = ops_for(x)
    a1 = op.conv_relu.forward(x, params[f"{stage}.w1"], params[f"{stage}.b1"])
    a2 = op.conv_relu.forward(a1, params[f"{stage}.w2"], params[f"{stage}.b2"])
    kept = {f"{stage}.x": x, f"{stage}.a1": a1}
    if rng is not None and arch.dropout > 0 and stage in arch.dropout_stages:
        # The backward needs a2 only after dropout: where the mask is 0, the gradient is 0 anyway.
        a2, kept[f"{stage}.mask"] = op.dropout.forward(a2, arch.dropout, rng)
    kept[f"{stage}.a2"] = a2
    return a2, kept if remember else {}


def _double_conv_backward(
    params: Tensors, stage: str, da2: Array, kept: Tensors
) -> tuple[Array | None, Tensors]:
    """Return the gradients of the stage's input and parameters; remove its maps from `kept`."""
    op = ops_for(da2)
    x, a1, a2 = (kept.pop(f"{stage}.{name}") for name in ("x", "a1", "a2"))
    if f"{stage}.mask" in kept:
        da2 = op.dropout.backward(da2, kept.pop(f"{stage}.mask"))
    da1, dw2, db2 = op.conv_relu.backward(da2, a2, a1, params[f"{stage}.w2"])
    if stage == "contract0":  # x is the image, which needs no gradient
        dx = None
        dw1, db1 = op.conv_relu.parameter_gradients(da1, a1, x, params[f"{stage}.w1"])
    else:
        dx, dw1, db1 = op.conv_relu.backward(da1, a1, x, params[f"{stage}.w1"])
    names = ("w1", "b1", "w2", "b2")
    return dx, {f"{stage}.{n}": g for n, g in zip(names, (dw1, db1, dw2, db2), strict=True)}
