"""Read the parameters of another program: safetensors from PyTorch, or the authors' Caffe model.

    python -m minunet.convert net.safetensors -o net.npz
    python -m minunet.convert phseg_v5.caffemodel -o phseg_v5.npz

The shapes of the kernels determine the architecture. The command prints where each parameter goes.
Other programs must have trained the network of the paper or of the authors' release: unpadded
convolutions with a bias, and no normalization.
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np

from minunet import files
from minunet.cli import Parser, parse_path, run, say
from minunet.data.scaling import Scaling
from minunet.errors import InputError
from minunet.exchange import caffe, tensors
from minunet.exchange.tensors import Foreign
from minunet.network.sizes import nearest_valid
from minunet.runs import checkpoint, checkpoint_check, settings_check
from minunet.runs.archive import AlteredError
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

READERS = {".safetensors": tensors.read, ".caffemodel": caffe.read}
"""Function that reads a file, by its suffix."""

TILE = 572
"""Size of the tiles of a network that another program has trained, at most: that of the paper."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("convert")
    add = parser.add_argument
    add("file", type=parse_path, metavar="FILE", help=" or ".join(READERS) + " file to read")
    add("-o", "--out", type=parse_path, required=True, metavar="NPZ", help="model to write")
    add(
        "--scaling",
        choices=get_args(Scaling),
        help="how grey values were scaled in training (default: image; for a model that minunet "
        "has exported: its own)",
    )
    args = parser.parse_args()
    if args.file.suffix not in READERS:
        parser.error(f"{args.file} does not end with {' or '.join(READERS)}")
    if args.out.suffix != ".npz":
        parser.error(f"-o {args.out} does not end with .npz")
    return args


def state_of(foreign: Foreign, scaling: Scaling | None) -> Checkpoint:
    """Make a checkpoint of the parameters; its settings are those that minunet exported, if any.

    Raises
    ------
    InputError
        If those settings are not valid, or are of another network.
    """
    arch = foreign.architecture
    if foreign.meta is None:
        settings = from_options(
            preset="paper",
            depth=arch.depth,
            channels=arch.channels,
            variant=arch.variant,
            tile=nearest_valid(TILE, arch.depth)[0] or nearest_valid(TILE, arch.depth)[1],
            scaling=scaling or "image",
            in_channels=arch.in_channels,
            label_values=tuple(range(arch.classes)),
        )
        random_state = np.random.default_rng(0).bit_generator.state
        return Checkpoint(foreign.params, {}, 0, random_state, -1.0, settings.to_json())
    try:
        checkpoint_check.present(foreign.meta)
        settings = settings_check.restore(foreign.meta["config"])
        checkpoint_check.numbers(foreign.meta, settings)
    except AlteredError as error:
        raise InputError(f"its metadata were altered: {error}") from None
    if settings.architecture.shapes() != arch.shapes():
        raise InputError(
            f"its metadata describe a network of depth {settings.depth} with {settings.channels} "
            f"channels, but its tensors are of depth {arch.depth} with {arch.channels} channels"
        )
    config = foreign.meta["config"] | ({"scaling": scaling} if scaling else {})
    meta = foreign.meta
    return Checkpoint(foreign.params, {}, meta["step"], meta["random_state"], meta["best"], config)


def read(path: Path) -> Foreign:
    """Read a file of another program; an error names the file."""
    if not path.is_file():
        raise InputError(f"{path} is not a file")
    try:
        foreign = READERS[path.suffix](path)
    except ImportError as error:
        raise InputError(
            f"reading {path.suffix} needs {error.name}; install it with: pip install "
            "'minunet[export]'"
        ) from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for ours, w in foreign.params.items():
        if not np.isfinite(w).all():
            raise InputError(f"{path}: {foreign.names[ours]} contains NaN or infinity")
    return foreign


def main() -> None:
    """Read the file, say where each parameter goes, and write the model."""
    args = parse()
    files.check_new_file(args.out, "-o")
    foreign = read(args.file)
    state = state_of(foreign, args.scaling)
    with files.new(args.out) as (part,):
        checkpoint.publish(part, state, np.float32)
    arch = foreign.architecture
    for ours, theirs in foreign.names.items():
        say(f"{ours:<14}{theirs:<34}{'x'.join(map(str, foreign.params[ours].shape))}")
    say(
        f"wrote     {args.out}: {arch.variant} network, depth {arch.depth}, {arch.channels} "
        f"channels, {arch.in_channels} input channels, {arch.classes} classes",
        f"segment   python -m minunet.predict {args.out} IMAGE.tif -o OUT",
    )
    if foreign.meta is None:
        say("Images are scaled as --scaling says; check that the network was trained so.")


if __name__ == "__main__":
    run(main, "convert")
