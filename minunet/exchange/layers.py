"""Find the architecture that the parameters of another program belong to, by their shapes.

Other programs use other layer names, but the shapes of the kernels determine the U-Net and the
place of nearly every kernel in it. At each level, one kernel of the contracting path and one of the
expansive path have the same shape; the names of neighbouring layers tell which is which.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import permutations, takewhile

from minunet.array import Array
from minunet.errors import InputError
from minunet.network import Architecture
from minunet.network.architecture import RANGES, Variant

Shape = tuple[int, ...]

VARIANTS: tuple[Variant, ...] = ("paper", "release")

MOST = 20 * RANGES["depth"][1]
"""Maximum number of tensors in a file: more than a U-Net of the largest depth has."""


def architecture(kernels: Mapping[str, Shape]) -> Architecture:
    """Return the architecture whose kernels have these shapes, in any order.

    Parameters
    ----------
    kernels : dict     name → shape (kh, kw, C, O)

    Raises
    ------
    InputError
        If no minunet U-Net has these kernels; the message says what does not fit.
    """
    shapes = Counter(kernels.values())
    last = [shape for shape in shapes.elements() if shape[:2] == (1, 1)]
    depth = sum(shape[:2] == (2, 2) for shape in shapes.elements())
    if len(last) != 1 or depth == 0:
        raise InputError(
            f"it has {depth} kernels of 2x2 and {len(last)} of 1x1; a minunet U-Net has one kernel "
            "of 2x2 for each level, and one of 1x1"
        )
    *_, channels, classes = last[0]
    if classes < RANGES["classes"][0]:
        name = next(name for name, shape in kernels.items() if shape == last[0])
        raise InputError(
            f"{name} has {classes} output channel{'' if classes == 1 else 's'}; a minunet U-Net "
            "has one for each class, and at least 2 classes"
        )
    firsts = sorted({shape[2] for shape in shapes if shape[3] == channels}) or [1]
    tried = [
        Architecture(depth, channels, first, classes, 0.0, variant)
        for variant in VARIANTS
        for first in firsts
    ]
    best = min(tried, key=lambda arch: sum(_difference(shapes, arch), Counter[Shape]()).total())
    _check_fit(kernels, best)
    return best


def _difference(shapes: Counter[Shape], arch: Architecture) -> tuple[Counter[Shape], ...]:
    """Return the shapes that do not belong to an architecture, and those that are missing."""
    needed = Counter(kernels_of(arch).values())
    return shapes - needed, needed - shapes


def _check_fit(kernels: Mapping[str, Shape], arch: Architecture) -> None:
    """Raise an `InputError` unless these are exactly the kernels of the architecture."""
    odd, missing = _difference(Counter(kernels.values()), arch)
    order = "height, width, input and output channels"
    net = f"a U-Net of depth {arch.depth} with {arch.channels} channels"
    for shape in odd:
        name = [name for name, found in kernels.items() if found == shape][-1]
        raise InputError(f"{name} has the shape {shape} ({order}), which does not fit {net}")
    for shape in missing:
        raise InputError(f"it lacks a kernel of shape {shape} ({order}), which {net} needs")


def kernels_of(arch: Architecture) -> dict[str, Shape]:
    """Return the shapes of the kernels, without the biases."""
    return {name: shape for name, shape in arch.shapes().items() if len(shape) == 4}


def places(kernels: Mapping[str, Shape], arch: Architecture) -> dict[str, str]:
    """Find the place of each kernel in the U-Net: our name → the name in the file.

    Parameters
    ----------
    kernels : dict     name → shape (kh, kw, C, O), those of the architecture
    arch : Architecture

    Raises
    ------
    InputError
        If neither the shapes nor the names tell two kernels apart.
    """
    free: dict[Shape, list[str]] = {}
    for name in sorted(kernels, key=_natural):
        free.setdefault(kernels[name], []).append(name)
    wanted: dict[Shape, list[str]] = {}
    for ours, shape in kernels_of(arch).items():
        wanted.setdefault(shape, []).append(ours)
    found = {names[0]: free[shape][0] for shape, names in wanted.items() if len(names) == 1}
    order = sorted(kernels, key=_natural)
    for shape, names in wanted.items():
        if len(names) > 1:
            found |= _told_apart(names, free[shape], found, order)
    return {ours: found[ours] for ours in kernels_of(arch)}


def _told_apart(
    ours: Sequence[str], theirs: Sequence[str], found: Mapping[str, str], order: Sequence[str]
) -> dict[str, str]:
    """Assign kernels of equal shapes to stages by their names.

    A kernel belongs to the stage whose first kernel has the most similar name; in a list of
    numbered layers, to the stage whose first kernel has the nearest number.
    """
    first = {name: found.get(f"{name.partition('.')[0]}.w1") for name in ours}
    near = [*theirs, *filter(None, first.values())]
    listed = len({re.sub(r"_?\d+", "", name) for name in near}) == 1  # conv, conv_1, conv_2 …

    def likeness(choice: Sequence[str]) -> tuple[int, int]:
        shared = distance = 0
        for name, candidate in zip(ours, choice, strict=True):
            known = first[name]
            if known is not None:
                shared += _shared(candidate, known)
                distance += abs(order.index(candidate) - order.index(known)) if listed else 0
        return shared, -distance

    ranked = sorted(permutations(theirs), key=likeness, reverse=True)
    if likeness(ranked[0]) == likeness(ranked[1]):
        raise InputError(
            f"{', '.join(theirs)} have the same shape, and their names do not tell which is "
            f"{' and which is '.join(ours)}; rename them as in the PyTorch module of minunet's "
            "tutorials"
        )
    return dict(zip(ours, ranked[0], strict=True))


def _shared(a: str, b: str) -> int:
    """Count the words and numbers that two names share: twice at the start, once at the end.

    Examples
    --------
    >>> _shared("up1.conv2", "up1.conv1"), _shared("up1.conv2", "up10.conv2")
    (6, 4)
    """
    one, other = (re.findall(r"\d+|[^\W\d_]+", name) for name in (a, b))
    pairs = (zip(one, other, strict=False), zip(one[::-1], other[::-1], strict=False))
    start, end = (len(list(takewhile(lambda pair: pair[0] == pair[1], some))) for some in pairs)
    return 2 * start + end


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in names by value: conv2 before conv10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def in_order(layers: Sequence[tuple[str, Array, Array]], arch: Architecture) -> dict[str, Array]:
    """Return the parameters of layers that are in the order of the forward pass.

    Parameters
    ----------
    layers : sequence of (name, kernel, bias)     kernels (kh, kw, C, O), biases (O,)
    arch : Architecture                           the one with these kernels

    Raises
    ------
    InputError
        If a shape differs; the message names the layer.
    """
    params: dict[str, Array] = {}
    for (name, kernel, bias), ours in zip(layers, kernels_of(arch), strict=True):
        shape = arch.shapes()[ours]
        if kernel.shape != shape:
            raise InputError(
                f"layer {name} has a kernel of shape {kernel.shape}, but its place, {ours}, needs "
                f"{shape} (height, width, input and output channels)"
            )
        params |= {ours: kernel, bias_of(ours): bias}
    return params


def bias_of(kernel: str) -> str:
    """Return the name of the bias that belongs to a kernel.

    Examples
    --------
    >>> bias_of("contract0.w1"), bias_of("out.w")
    ('contract0.b1', 'out.b')
    """
    stage, _, name = kernel.partition(".")
    return f"{stage}.b{name[1:]}"


def check_biases(kernels: Collection[Shape], biases: Collection[Shape]) -> None:
    """Raise an `InputError` unless there is one bias for each kernel."""
    needed = Counter((shape[3],) for shape in kernels)
    if needed != Counter(biases):
        raise InputError(
            f"it has {len(kernels)} kernels and {len(biases)} biases, whose shapes do not match; "
            "in the paper's network, every convolution has a bias, and there is no normalization"
        )
