"""How much memory a GPU needs for a tile, counted from the shapes of the arrays.

The counts follow `unet.forward`, `unet.backward` and `sgd.step` line by line: an array is in use
from the line that makes it to the line after which no name refers to it. The forms of
`minunet.gpu` keep other arrays than those of the CPU, which work in bands: a convolution makes a
map three times as wide, in which each pixel lies beside its neighbours (`conv2d.beside`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from minunet.errors import InputError
from minunet.network import device, sizes
from minunet.network.architecture import Architecture
from minunet.prediction.memory import format_bytes

FLOAT = 4  # bytes

SPARE = 1.5
"""Ratio of the memory that CuPy's pool needs to the size of the arrays, because it cannot reuse all
of what is freed: 1.00 to 1.47, calculated by `benchmarks/gpu_memory.py`."""

KERNELS = 1e8
"""Bytes for what CUDA loads while the network runs; not measured."""


class GpuMemoryError(InputError):
    """The GPU does not have enough memory.

    Parameters
    ----------
    shortage : str         what was needed, and what there is
    tile : int or None     largest tile that fits, in pixels; None: none does
    """

    def __init__(self, shortage: str, tile: int | None) -> None:
        advice = f"pass --tile {tile} or less, or --device cpu" if tile else "pass --device cpu"
        super().__init__(f"{shortage}; {advice}")
        self.shortage, self.tile = shortage, tile


@contextmanager
def explained(
    arch: Architecture, rows: int, columns: int, training: bool = False
) -> Iterator[None]:
    """Say what is needed and what there is, if the memory of a GPU is not enough in this block.

    Parameters
    ----------
    arch : Architecture
    rows, columns : int     size of the tile, in pixels
    training : bool         True: a training step; False: a forward pass

    Raises
    ------
    GpuMemoryError
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not device.is_out_of_memory(error):
            raise
        raise _error(arch, rows, columns, training) from None


def _error(arch: Architecture, rows: int, columns: int, training: bool) -> GpuMemoryError:
    """Make the error for a tile that does not fit."""
    usable, total = device.memory()
    needs = of_training if training else of_prediction
    what = "a training step on a tile" if training else "a tile"
    tile = largest(arch, needs, usable, max(rows, columns))
    return GpuMemoryError(
        f"the GPU does not have enough memory: {what} of {rows} x {columns} pixels needs about "
        f"{format_bytes(needs(arch, rows, columns))}, but minunet can use "
        f"{format_bytes(usable)} of {format_bytes(total)}",
        tile,
    )


def largest(
    arch: Architecture,
    needs: Callable[[Architecture, int, int], float],
    usable: float,
    below: int,
) -> int | None:
    """Return the largest tile, smaller than `below`, that fits; None if none does.

    Parameters
    ----------
    arch : Architecture
    needs : callable     (architecture, rows, columns) → bytes that a tile needs
    usable : float       bytes
    below : int          pixels
    """
    _, least = sizes.nearest_valid(2 * sizes.margin(arch.depth) + 2**arch.depth, arch.depth)
    found = None
    for tile in range(least, below, 2**arch.depth):
        if needs(arch, tile, tile) > usable:
            break
        found = tile
    return found


def of_prediction(arch: Architecture, rows: int, columns: int) -> float:
    """Estimate the GPU memory, in bytes, that a prediction needs for a tile."""
    parameters = FLOAT * arch.parameters()
    return KERNELS + SPARE * (parameters + of_forward(arch, rows, columns))


def of_training(arch: Architecture, rows: int, columns: int) -> float:
    """Estimate the GPU memory, in bytes, that training needs for a tile.

    When the plan of a run times a step, the state before it stays in memory.
    """
    before = 2 * FLOAT * arch.parameters()
    return KERNELS + SPARE * (before + of_step(arch, rows, columns))


class Stage(NamedTuple):
    """Bytes of the arrays of a stage: its input, its two results, and its kernels."""

    x: int
    a1: int
    a2: int
    beside_x: int  # `conv2d.beside` of the input
    beside_a1: int
    up: int  # result of the up-convolution; 0 in the contracting path
    w: int  # both kernels
    wu: int  # kernel of the up-convolution


class Arrays:
    """Bytes of the arrays in use, and their maximum so far."""

    def __init__(self, used: int = 0) -> None:
        self.used = self.peak = used

    def make(self, *sizes: int) -> None:
        """Make arrays that stay in use."""
        self.used += sum(sizes)
        self.peak = max(self.peak, self.used)

    def free(self, *sizes: int) -> None:
        """Free arrays."""
        self.used -= sum(sizes)

    def need(self, *sizes: int) -> None:
        """Make arrays, and free them at once."""
        self.peak = max(self.peak, self.used + sum(sizes))


def of_forward(arch: Architecture, rows: int, columns: int) -> int:
    """Count the peak memory, in bytes, of a forward pass without a backward pass.

    The parameters are not counted.

    Parameters
    ----------
    arch : Architecture
    rows, columns : int     size of the tile, in pixels
    """
    arrays, stages = Arrays(), stages_of(arch, rows, columns)
    arrays.make(stages["contract0"].x)  # the tile, which stays
    previous = 0  # what the name `x` of `unet.forward` refers to, besides the tile
    for level in range(arch.depth):
        stage = stages[f"contract{level}"]
        _double_conv(arrays, stage)
        arrays.free(stage.a1)
        pooled = stage.a2 // 4
        arrays.make(pooled)
        arrays.free(previous)
        previous = pooled
    bottom = stages["bottom"]
    _double_conv(arrays, bottom)
    arrays.free(bottom.a1)
    below = bottom.a2
    for level in reversed(range(arch.depth)):
        stage = stages[f"expand{level}"]
        _upconv(arrays, arch, stage)
        arrays.free(below)
        arrays.make(stage.x)
        arrays.free(previous, stage.up, stages[f"contract{level}"].a2)
        _double_conv(arrays, stage)
        arrays.free(stage.a1)
        previous, below = stage.x, stage.a2
    arrays.need(2 * logits(arch, rows, columns))
    return arrays.peak


def of_step(arch: Architecture, rows: int, columns: int) -> int:
    """Count the peak memory, in bytes, of a training step with its parameters and velocities.

    Parameters
    ----------
    arch : Architecture
    rows, columns : int     size of the tile, in pixels
    """
    stages, parameters = stages_of(arch, rows, columns), FLOAT * arch.parameters()
    arrays = Arrays(2 * parameters)
    arrays.make(stages["contract0"].x)
    of_logits = logits(arch, rows, columns)
    arrays.make(2 * of_logits // arch.classes)  # weight map and labels
    outside = arrays.used
    _remembering(arrays, arch, stages)
    arrays.need(2 * of_logits)
    arrays.make(3 * of_logits)  # logits, p and dlogits
    _backward(arrays, arch, stages)
    # The update joins parameters, gradients and velocities, and makes three arrays for the new
    # velocities, while the old ones are in use.
    update = Arrays(outside + 3 * of_logits)
    update.need((9 - 2) * parameters)
    return max(arrays.peak, update.peak)


def stages_of(arch: Architecture, rows: int, columns: int) -> dict[str, Stage]:
    """Return the stages by name, in the order of `unet.forward`."""
    shapes, stages = arch.shapes(), {}

    def size(name: str) -> int:
        kh, kw, c, o = shapes.get(name, (0, 0, 0, 0))
        return FLOAT * kh * kw * c * o

    down, across = sizes.stages(rows, arch.depth), sizes.stages(columns, arch.depth)
    for (name, r), (_, c) in zip(down, across, strict=True):
        _, _, into, out = shapes[f"{name}.w1"]
        wu = f"{name}.wu"
        stages[name] = Stage(
            x=FLOAT * r[0] * c[0] * into,
            a1=FLOAT * r[1] * c[1] * out,
            a2=FLOAT * r[2] * c[2] * out,
            beside_x=3 * FLOAT * r[0] * c[1] * into,
            beside_a1=3 * FLOAT * r[1] * c[2] * out,
            up=FLOAT * r[0] * c[0] * shapes[wu][3] if wu in shapes else 0,
            w=size(f"{name}.w1") + size(f"{name}.w2"),
            wu=size(wu),
        )
    return stages


def logits(arch: Architecture, rows: int, columns: int) -> int:
    """Return the bytes of the logits of a tile."""
    down, across = (sizes.output_size(n, arch.depth) for n in (rows, columns))
    return FLOAT * down * across * arch.classes


def _double_conv(arrays: Arrays, stage: Stage) -> None:
    """Make the results of two convolutions; each also needs its product before it is added."""
    arrays.make(stage.a1)
    arrays.need(stage.beside_x, stage.a1)
    arrays.make(stage.a2)
    arrays.need(stage.beside_a1, stage.a2)


def _upconv(arrays: Arrays, arch: Architecture, stage: Stage) -> None:
    """Make the result of an up-convolution."""
    arrays.need(stage.up, stage.wu)
    arrays.need(2 * stage.up)  # as blocks, and in order; or before and after the ReLU
    arrays.make(stage.up)


def _remembering(arrays: Arrays, arch: Architecture, stages: dict[str, Stage]) -> None:
    """Make what a forward pass keeps for the backward pass; the tile is there."""
    for name, stage in stages.items():
        if name.startswith("expand"):
            _upconv(arrays, arch, stage)
            arrays.make(stage.x)
            if not arch.relu_after_upconv:
                arrays.free(stage.up)
        _double_conv(arrays, stage)
        if _drops(arch, name):
            arrays.make(stage.a2)  # the mask
            arrays.need(stage.a2)
        if name.startswith("contract"):
            pooled = stage.a2 // 4
            arrays.need(stage.a2, pooled, 2 * pooled + pooled // 4)
            arrays.make(pooled, pooled // 4)


def _backward(arrays: Arrays, arch: Architecture, stages: dict[str, Stage]) -> None:
    """Follow the backward pass, which frees what the forward pass has kept."""
    dx = stages["expand0"].a2
    arrays.make(dx)
    arrays.need(dx)
    dup = 0  # the gradient of the map that `dup` of `unet.backward` is a part of
    for level in range(arch.depth):
        name = f"expand{level}"
        stage, below = stages[name], stages[arch.below(level)]
        _double_conv_backward(arrays, arch, name, stage, dx)
        arrays.make(stages[f"contract{level}"].a2)  # dskip
        arrays.free(dup)
        dup = stage.x
        if arch.relu_after_upconv:
            arrays.need(stage.up, stage.up // 4)
            arrays.make(stage.up)
            arrays.free(stage.up)  # remembered
        arrays.make(below.a2, stage.wu)
        arrays.need(stage.up, stage.wu)  # the gradient in blocks
        arrays.need(stage.up, stage.wu, 0 if arch.relu_after_upconv else stage.up)
        if arch.relu_after_upconv:
            arrays.free(stage.x)
            dup = stage.up
        dx = below.a2
    _double_conv_backward(arrays, arch, "bottom", stages["bottom"], dx)
    for level in reversed(range(arch.depth)):
        name = f"contract{level}"
        stage = stages[name]
        arrays.make(stage.a2)
        arrays.need(stage.a2 // 4)  # the mask of the max pooling
        arrays.free(stage.a2 // 4, stage.a2 // 16, stage.a2)  # dx from below, argmax, dskip
        _double_conv_backward(arrays, arch, name, stage, stage.a2)


def _double_conv_backward(
    arrays: Arrays, arch: Architecture, name: str, stage: Stage, dx: int
) -> None:
    """Replace the gradient of a stage's result by that of its input; free its remembered maps."""
    if _drops(arch, name):
        arrays.make(stage.a2)  # the mask is freed afterwards
    for dy, beside, into in (
        (stage.a2, stage.beside_a1, stage.a1),
        (stage.a1, stage.beside_x, 0 if name == "contract0" else stage.x),
    ):
        arrays.make(dy)  # behind the ReLU
        arrays.need(dy // 4)
        arrays.need(beside)
        if into:
            arrays.need(2 * beside)  # with the product before it is added
            arrays.make(into)
            arrays.need(beside)
        arrays.free(dy)
    arrays.make(stage.w)
    if _drops(arch, name):
        arrays.free(2 * stage.a2)
    x = stage.x if name != "contract0" else 0  # the tile stays
    arrays.free(x, stage.a1, stage.a2, stage.a1, dx)


def _drops(arch: Architecture, name: str) -> bool:
    return arch.dropout > 0 and name in arch.dropout_stages
