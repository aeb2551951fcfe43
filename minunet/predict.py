"""Segment an image or a stack of any size with a trained network (paper, Figure 2).

    python -m minunet.predict RUN/best.npz IMAGE.tif -o OUT

OUT then holds `probability.tif` (float32: of class 1, or with more than two classes of each),
`labels.tif` and `preview.png`. Labels are classes (uint8, with the values of the training labels)
or, after training on numbered cells, cells (uint16, 0 is background, k is cell k). Of the frames of
a sequence of the Cell Tracking Challenge, SEQUENCE/t000.tif, cells are also written in its layout.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile

from minunet import averaging, checkpoint, device, figures, geometry, instances
from minunet.array import Array
from minunet.cli import Parser, at_least, run
from minunet.config import Config
from minunet.data import ctc, image_files
from minunet.data.scaling import scale
from minunet.errors import InputError

OUTPUTS = ("probability.tif", "labels.tif", "preview.png")
AXES = {2: "YX", 3: "ZYX", 4: "ZCYX"}


def check_out(out: Path) -> None:
    """Raise an `InputError` if anything in the folder `out` would be overwritten."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; -o names a folder to write {', '.join(OUTPUTS)} into")
    there = [name for name in OUTPUTS if (out / name).exists()]
    if there:
        raise InputError(f"{out} holds {', '.join(there)} already; name another folder with -o")


def classes(p: Array, values: tuple[int, ...], threshold: float | None) -> Array:
    """Most probable class of every pixel (H, W) uint8; with a threshold, 1 where p_1 exceeds it."""
    which = p.argmax(axis=-1) if threshold is None else (p[..., 1] > threshold).astype(np.intp)
    return np.array(values, np.uint8)[which]


def write(
    out: Path, images: list[Array], stack: list[Array], labels: list[Array], cells: bool
) -> None:
    """Write probabilities and labels as TIFF, and a picture.

    Parameters
    ----------
    out : Path                      folder, made if need be
    images : list of (H, W, C)      what was segmented
    stack : list of (H, W, K)       its class probabilities
    labels : list of (H, W)         its classes uint8, or cells uint16
    cells : bool                    which of the two
    """
    p = np.stack(stack)
    probability = p[..., 1] if p.shape[-1] == 2 else np.moveaxis(p, -1, 1)
    written = [("probability.tif", probability), ("labels.tif", np.stack(labels))]
    out.mkdir(parents=True, exist_ok=True)
    for name, array in written:
        array = array[0] if len(stack) == 1 else array
        axes = "CYX" if len(stack) == 1 and array.ndim == 3 else AXES[array.ndim]
        tifffile.imwrite(out / name, array, imagej=True, metadata={"axes": axes})
    shown = sorted({0, len(stack) - 1})
    figures.preview(
        out / "preview.png",
        [figures.Segmented(images[k], stack[k], cells=labels[k] if cells else None) for k in shown],
        f"slices {', '.join(map(str, shown))} of {len(stack)}",
    )


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("predict", "Segment an image or a stack of any size by overlapping tiles.")
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL.npz", help="checkpoint of a run")
    add("image", type=Path, metavar="IMAGE", help="TIFF stack, or TIFF or PNG image")
    add("-o", "--out", type=Path, required=True, help="folder for the results")
    add("--tile", type=at_least(1), metavar="N", help="size of a tile (default: as in training)")
    add(
        "--step",
        choices=("aligned", "paper"),
        default="aligned",
        help="aligned: tiles join exactly as in one pass; paper: edge to edge (default: aligned)",
    )
    add(
        "--average",
        choices=tuple(averaging.VERSIONS),
        default="none",
        help="of the scores of the image turned and flipped: 4 flips, 4 rotations, or all 8 "
        "symmetries; takes so many times as long (default: none)",
    )
    add(
        "--labels",
        choices=("classes", "cells"),
        help="what labels.tif holds (default: what the training labels were)",
    )
    add(
        "--threshold",
        type=at_least(0, float, below=1),
        metavar="P",
        help="cell is what is more probably cell than this (default: 0.5)",
    )
    add(
        "--smallest",
        type=at_least(1),
        metavar="N",
        help="cells of fewer pixels are dropped (default: as in training)",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    return parser.parse_args()


def read(path: Path, settings: Config) -> list[Array]:
    """Read and scale the slices to segment, all of one size and with the channels of training."""
    images = scale(image_files.read(path), settings.scaling)
    channels = images[0].shape[2]
    if channels != settings.in_channels:
        raise InputError(
            f"{path} has {channels} channels; the model was trained on {settings.in_channels}"
        )
    if len({image.shape for image in images}) > 1:
        raise InputError(f"{path} holds images of several sizes; segment them one by one")
    return images


def check_labels(args: argparse.Namespace, settings: Config) -> bool:
    """Whether cells are wanted; raise an `InputError` if the classes do not allow it."""
    count = len(settings.label_values)
    cells = args.labels == "cells" or (args.labels is None and settings.cells)
    if count != 2 and (cells or args.threshold is not None):
        raise InputError(f"cells and a threshold want two classes; the model has {count}")
    return cells


def main() -> None:
    """Segment the image that the command line names."""
    args = parse()
    check_out(args.out)
    saved = checkpoint.load(args.model)
    settings = Config.from_json(saved.config)
    arch, tile = settings.architecture, args.tile or settings.tile
    geometry.sizes(tile, arch.depth)
    cells = check_labels(args, settings)
    images = read(args.image, settings)
    digits = ctc.numbers(args.image) if cells and ctc.is_sequence(args.image) else []
    if digits:
        ctc.check_out(args.out, args.image.resolve().name)
    where, reason = device.choose(args.device)
    height, width = images[0].shape[:2]
    print(f"image     {args.image}: {len(images)} slices of {height} x {width} pixels")
    print(f"model     {args.model}, step {saved.step}, {arch.parameters():,} parameters")
    print(f"device    {reason}", flush=True)
    params = device.to_device(saved.params, where)
    stack = averaging.probabilities(
        params, images, arch, tile, paper_step=args.step == "paper", average=args.average
    )
    if cells:
        threshold = 0.5 if args.threshold is None else args.threshold
        smallest = args.smallest or settings.smallest
        labels = [instances.from_probability(p[..., 1], threshold, smallest) for p in stack]
    else:
        labels = [classes(p, settings.label_values, args.threshold) for p in stack]
    write(args.out, images, stack, labels, cells)
    print(f"wrote     {', '.join(str(args.out / name) for name in OUTPUTS)}")
    if digits:
        ctc.write(args.out, args.image.resolve().name, labels, digits)
        print(f"          {args.out / args.image.resolve().name}_RES: {len(digits)} masks")


if __name__ == "__main__":
    run(main, "predict")
