"""Convert a model of another program: safetensors from PyTorch, or the authors' Caffe model.

    python -m minunet.convert net.safetensors -o net.npz
    python -m minunet.convert phseg_v5.caffemodel -o phseg_v5.npz

The shapes of the kernels determine the architecture. The command prints where each parameter goes.
The model must be the network of the paper or of the authors' release: unpadded convolutions with a
bias, and no normalization.
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np

from minunet import files
from minunet.cli import Parser, command, parse_path, run, say
from minunet.data.scaling import Scaling
from minunet.errors import InputError
from minunet.exchange import caffe, tensors
from minunet.exchange.tensors import Foreign
from minunet.network import Architecture
from minunet.network.sizes import margin, nearest_valid
from minunet.runs import checkpoint, checkpoint_check
from minunet.runs.archive import AlteredError
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import Settings, from_options

READERS = {".safetensors": tensors.read, ".caffemodel": caffe.read}
"""Function that reads a file, by its suffix."""

TILE = 572
"""Tile size for a model of another program: that of the paper, or a valid size near it."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("convert")
    add = parser.add_argument
    add("file", type=parse_path, metavar="FILE", help=" or ".join(READERS) + " file to read")
    add("-o", "--out", type=parse_path, required=True, metavar="NPZ", help="model file to write")
    add(
        "--scaling",
        choices=get_args(Scaling),
        help="how grey values were scaled in training (default: image; for a file that minunet "
        "exported: the scaling stored in it)",
    )
    add(
        "--skip-first",
        action="store_true",
        help="for networks that concatenate the cropped map of the contracting path before the "
        "output of the up-convolution; minunet concatenates it after",
    )
    args = parser.parse_args()
    if args.file.suffix not in READERS:
        parser.error(f"{args.file} does not end with {' or '.join(READERS)}")
    if args.out.suffix != ".npz":
        parser.error(f"-o {args.out} does not end with .npz")
    return args


def state_of(foreign: Foreign, scaling: Scaling | None) -> Checkpoint:
    """Make a checkpoint from the parameters, with the settings that minunet exported, if any.

    Raises
    ------
    InputError
        If the settings are invalid, or belong to another network.
    """
    arch, meta = foreign.architecture, foreign.meta
    if meta is None:
        random_state = np.random.default_rng(0).bit_generator.state
        config = settings_of(arch).to_json()
        meta = checkpoint.about(Checkpoint({}, {}, 0, random_state, -1.0, config))
    try:
        settings = checkpoint_check.settings(meta)
    except AlteredError as error:
        why = "minunet cannot use it" if foreign.meta is None else "its metadata were altered"
        raise InputError(f"{why}: {error}") from None
    if settings.architecture.shapes() != arch.shapes():
        raise InputError(
            f"its metadata describe a {described(settings.architecture)}, but its tensors belong "
            f"to a {described(arch)}"
        )
    config = meta["config"] | ({"scaling": scaling} if scaling else {})
    return Checkpoint(foreign.params, {}, meta["step"], meta["random_state"], meta["best"], config)


def settings_of(arch: Architecture) -> Settings:
    """Return settings for a model of another program."""
    least = 2 * margin(arch.depth) + 2**arch.depth  # smaller tiles would leave gaps
    below, above = nearest_valid(max(TILE, least), arch.depth)
    return from_options(
        preset="paper",
        depth=arch.depth,
        channels=arch.channels,
        variant=arch.variant,
        tile=below if below is not None and below >= least else above,
        scaling="image",
        in_channels=arch.in_channels,
        label_values=tuple(range(arch.classes)),
    )


def described(arch: Architecture) -> str:
    """Describe an architecture in words."""
    return (
        f"{arch.variant} network of depth {arch.depth} with {arch.channels} channels, "
        f"{arch.in_channels} input channel{'' if arch.in_channels == 1 else 's'} and "
        f"{arch.classes} classes"
    )


def reordered(foreign: Foreign) -> Foreign:
    """Swap the input channels of the convolutions that follow a concatenation.

    Raises
    ------
    InputError
        If minunet has written the file, because its order is known.
    """
    if foreign.meta is not None:
        raise InputError("minunet exported it, so --skip-first does not apply; leave it out")
    params = dict(foreign.params)
    for level in range(foreign.architecture.depth):
        name, skip = f"expand{level}.w1", foreign.architecture.width(level)
        w = params[name]
        params[name] = np.concatenate([w[:, :, skip:], w[:, :, :skip]], axis=2)
    return foreign._replace(params=params)


def read(path: Path) -> Foreign:
    """Read a file of another program."""
    try:
        foreign = READERS[path.suffix](path)
    except ImportError as error:
        raise InputError(
            f"reading {path.suffix} needs {error.name or error}; install it with: pip install "
            "'minunet[export]'"
        ) from None
    for ours, w in foreign.params.items():
        if not np.isfinite(w).all():
            raise InputError(f"{foreign.names[ours]} contains NaN or infinity")
    return foreign


def main() -> None:
    """Read the file, write the model, and print where each parameter went."""
    args = parse()
    files.check_new_file(args.out, "-o")
    if not args.file.is_file():
        raise InputError(f"{args.file} is not a file")
    try:
        foreign = read(args.file)
        foreign = reordered(foreign) if args.skip_first else foreign
        state = state_of(foreign, args.scaling)
    except InputError as error:
        raise InputError(f"{args.file}: {error}") from None
    with files.new(args.out) as (part,):
        checkpoint.publish(part, state, np.float32)
    for ours, theirs in foreign.names.items():
        say(f"{ours:<14}{theirs:<34}{'x'.join(map(str, foreign.params[ours].shape))}")
    say(
        f"wrote     {args.out}: {described(foreign.architecture)}",
        f"segment   {command('predict', args.out, 'IMAGE.tif', '-o', 'OUT')}",
    )
    if foreign.meta is None:
        say(
            "Check that the network was trained with the scaling of --scaling (default: image). "
            "If it concatenates the cropped map before the output of the up-convolution, run this "
            "again with --skip-first."
        )


if __name__ == "__main__":
    run(main, "convert")
