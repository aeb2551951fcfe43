"""Find the place of every parameter of another program's U-Net: by its shape, then by its name.

The shapes of the kernels determine the architecture, and the place of nearly every kernel. At each
level, one kernel of the contracting path and one of the expansive path have the same shape. If the
layers are in the order of the forward pass, the order tells which is which; otherwise, the names of
neighbouring layers do.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import permutations, zip_longest
from typing import get_args

from minunet.errors import InputError
from minunet.network import Architecture
from minunet.network.architecture import RANGES, Variant

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

MOST = 20 * RANGES["depth"][1]
"""Maximum number of kernels in a file: more than a U-Net of the largest depth has."""

OURS = {"1": "conv1", "2": "conv2", "u": "upconv"}
"""Layers of a stage: suffix of our name → name in the PyTorch module of minunet's tutorials."""


def torch_name(ours: str) -> str:
    """Return the PyTorch name of a parameter.

    Examples
    --------
    >>> torch_name("contract0.w1"), torch_name("expand0.bu"), torch_name("out.w")
    ('contract0.conv1.weight', 'expand0.upconv.bias', 'out.weight')
    """
    stage, _, name = ours.partition(".")
    layer = f"{stage}.{OURS[name[1:]]}" if name[1:] else stage
    return f"{layer}.{'weight' if name[0] == 'w' else 'bias'}"


def kernels_of(arch: Architecture) -> dict[str, Shape]:
    """Return the shapes of the kernels, without the biases."""
    return {name: shape for name, shape in arch.shapes().items() if len(shape) == 4}


def recognize(
    shapes: Shapes,
    ends: tuple[str, str],
    placed: Callable[[Shapes, Architecture], dict[str, str]],
) -> tuple[Architecture, dict[str, str]]:
    """Find the architecture, and the name that each of its parameters has in the file.

    Parameters
    ----------
    shapes : dict        name → shape (kh, kw, C, O) of a kernel, or (O,) of its bias
    ends : (str, str)    ends of the names of a kernel and of its bias
    placed : callable    `in_order` or `by_name`

    Raises
    ------
    InputError
        If these are not the parameters of a minunet U-Net; the message names the one that does not
        fit.
    """
    kernels = {name: shape for name, shape in shapes.items() if len(shape) == 4}
    bias_of = {name: name.removesuffix(ends[0]) + ends[1] for name in kernels}
    for name in sorted(shapes.keys() - {*bias_of.keys(), *bias_of.values()}):
        raise InputError(
            f"{name} has the shape {shapes[name]}; the paper's network has only convolutions with "
            "a bias, and no normalization"
        )
    arch = architecture(kernels)
    places = placed(kernels, arch)
    names: dict[str, str] = {}
    for ours in kernels_of(arch):
        names |= {ours: places[ours], ours.replace(".w", ".b"): bias_of[places[ours]]}
    for ours, shape in arch.shapes().items():
        found = shapes.get(names[ours])
        if found != shape:
            has = f"has the shape {found}" if found else "is missing"
            raise InputError(f"{names[ours]} {has}, but its place, {ours}, needs {shape}")
    return arch, names


def architecture(kernels: Shapes) -> Architecture:
    """Return the architecture whose kernels have these shapes, in any order.

    Raises
    ------
    InputError
        If no minunet U-Net has these kernels; the message says what does not fit.
    """
    shapes = Counter(kernels.values())
    last = {name: shape for name, shape in kernels.items() if shape[:2] == (1, 1)}
    depth = sum(shape[:2] == (2, 2) for shape in kernels.values())
    if len(last) != 1 or depth == 0 or len(kernels) > MOST:
        raise InputError(
            f"it has {len(kernels)} kernels, {depth} of 2x2 and {len(last)} of 1x1; a minunet "
            "U-Net has one of 2x2 for each level, and one of 1x1"
        )
    ((name, (*_, channels, classes)),) = last.items()
    if classes < RANGES["classes"][0]:
        raise InputError(
            f"{name} has {classes} output channel{'' if classes == 1 else 's'}; a minunet U-Net "
            "has at least 2, one for each class"
        )
    firsts = {shape[2] for shape in shapes if shape[3] == channels} or {1}
    tried = [
        Architecture(depth, channels, first, classes, 0.0, variant)
        for variant in get_args(Variant)
        for first in sorted(firsts)
    ]
    best = min(tried, key=lambda arch: (shapes - Counter(kernels_of(arch).values())).total())
    needed = Counter(kernels_of(best).values())
    odd = [name for name, shape in kernels.items() if shape in shapes - needed]
    net = f"a U-Net of depth {depth} with {channels} channels"
    order = "height, width, input and output channels"
    if odd:
        raise InputError(
            f"{odd[-1]} has the shape {kernels[odd[-1]]} ({order}), which does not fit {net}"
        )
    for shape in needed - shapes:
        raise InputError(f"it lacks a kernel of shape {shape} ({order}), which {net} needs")
    return best


def in_order(kernels: Shapes, arch: Architecture) -> dict[str, str]:
    """Return the name in the file of each kernel, for layers in the order of the forward pass."""
    return dict(zip(kernels_of(arch), kernels, strict=True))


def by_name(kernels: Shapes, arch: Architecture) -> dict[str, str]:
    """Return the name in the file of each kernel, for layers in any order.

    Kernels of equal shapes go to the stages whose first kernels have the nearest names.

    Raises
    ------
    InputError
        If neither the shapes nor the names tell two kernels apart.
    """
    stages: dict[Shape, list[str]] = {}
    for ours, shape in kernels_of(arch).items():
        stages.setdefault(shape, []).append(ours)
    found: dict[str, str] = {}
    for shape, wanted in sorted(stages.items(), key=lambda item: len(item[1])):
        theirs = sorted(name for name in kernels if kernels[name] == shape)
        near = [found.get(f"{name.partition('.')[0]}.w1", torch_name(name)) for name in wanted]
        ranked = sorted(
            (tuple(map(sum, zip(*map(distance, choice, near), strict=True))), choice)
            for choice in permutations(theirs)
        )
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise InputError(
                f"{', '.join(theirs)} have the same shape, and their names do not tell which is "
                f"{' and which is '.join(wanted)}; rename them as in the PyTorch module of "
                "minunet's tutorials"
            )
        found |= zip(wanted, ranked[0][1], strict=True)
    return found


def distance(a: str, b: str) -> tuple[int, int]:
    """Return how many words of two names differ, and by how much their numbers differ.

    Examples
    --------
    >>> distance("up1.conv2", "up1.conv1"), distance("up1.conv2", "down10.conv2")
    ((0, 1), (1, 9))
    """
    words = zip_longest(*(re.findall(r"[^\W\d_]+", name) for name in (a, b)))
    numbers = zip_longest(*(re.findall(r"\d{1,9}", name) for name in (a, b)), fillvalue=0)
    return sum(x != y for x, y in words), sum(abs(int(x) - int(y)) for x, y in numbers)
