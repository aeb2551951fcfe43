"""Segment an image or a stack of any size with a trained network (paper, Figure 2).

    python -m minunet.predict RUN/best.npz IMAGE.tif -o OUT

writes `probability.tif`, `labels.tif` and `preview.png` into OUT. Probabilities are float32:
those of class 1 if there are two classes, otherwise those of all classes. Labels are classes
(uint8, with the values of the training labels) or, after training on numbered cells, numbered cells
(uint16, 0 is background, k is cell k). If IMAGE is a sequence of the Cell Tracking Challenge, that
is, a folder with t000.tif and so on, the cells are also written as masks in the challenge's layout.

The image and the results may be larger than memory: uncompressed TIFF files are memory-mapped,
results are written tile by tile, and every slice is freed when it is done.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import TypeAlias, get_args

from minunet.array import Array
from minunet.cli import Parser, add_threads, at_least, run
from minunet.data import ctc
from minunet.data.image_files import Slices
from minunet.errors import InputError
from minunet.fast import threads
from minunet.image import Average
from minunet.network import device
from minunet.prediction import memory, model, tile_choice
from minunet.prediction import output_files as outputs
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling, Maps, Task, fill, preview
from minunet.prediction.tiling import Tiling
from minunet.progress import Progress
from minunet.runs import checkpoint
from minunet.runs.settings import Settings

Needs: TypeAlias = Callable[[int, int], float]
"""Returns the memory that a tile needs, in bytes, given its rows and columns."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("predict")
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL.npz", help="checkpoint of a run, such as RUN/best.npz")
    text = "TIFF stack, TIFF or PNG image, or folder of images"
    add("image", type=Path, metavar="IMAGE", help=text)
    add("-o", "--out", type=Path, required=True, help="folder for the results")
    add_tiling(parser)
    add_labels(parser)
    add(
        "--device",
        choices=get_args(device.Wanted),
        default="auto",
        help="device to run on; auto: a GPU if there is one (default: auto)",
    )
    add_threads(parser)
    return parser.parse_args()


def add_tiling(parser: Parser) -> None:
    """Add the options for the tiles and the averaging."""
    group = parser.add_argument_group("tiles")
    size = group.add_mutually_exclusive_group().add_argument
    text = "tile size in pixels (default: as in training)"
    size("--tile", type=at_least(1), metavar="N", help=text)
    size(
        "--memory",
        type=memory.parse_bytes,
        metavar="SIZE",
        help="memory limit, such as 2GB; the tile size that needs the least computation within "
        "this limit is used; memory-mapped files do not count, because the system can drop their "
        "pages",
    )
    group.add_argument(
        "--step",
        choices=("aligned", "paper"),
        default="aligned",
        help="aligned: tiles join without seams, as in one pass over the image; paper: the outputs "
        "are laid edge to edge, as in the paper (default: aligned)",
    )
    group.add_argument(
        "--average",
        choices=get_args(Average),
        default="none",
        help="versions of the image over which the logits are averaged: 4 flips, 4 rotations or "
        "all 8 symmetries; a prediction takes 4 or 8 times as long; the sums are kept on disk, "
        "not in memory (default: none)",
    )


def add_labels(parser: Parser) -> None:
    """Add the options that turn probabilities into labels."""
    add = parser.add_argument_group("labels").add_argument
    add(
        "--labels",
        choices=("classes", "cells"),
        help="contents of labels.tif (default: the same as in the training labels); finding "
        f"cells needs {memory.LABELLING} bytes of memory per pixel of a slice",
    )
    add(
        "--threshold",
        type=at_least(0, float, below=1),
        metavar="P",
        help="probability of class 1 above which a pixel belongs to it (default: 0.5)",
    )
    add(
        "--smallest",
        type=at_least(1),
        metavar="N",
        help="minimum size of a cell, in pixels; smaller ones are dropped "
        "(default: as in training)",
    )


def check_images(path: Path, images: Slices, settings: Settings) -> tuple[int, int, int]:
    """Check every slice; return the number of slices, their height and their width.

    Raises
    ------
    InputError
        If a slice cannot be read, differs in size from the others, or does not have the channels of
        the training images.
    """
    shapes = {image.shape for image in images}
    for *_, channels in sorted(shapes):
        if channels != settings.in_channels:
            raise InputError(
                f"{path} contains {channels}-channel images, but the model was trained on "
                f"{settings.in_channels}-channel images; convert them, or use another model"
            )
    if len(shapes) > 1:
        (h, w, _), (other_h, other_w, _) = sorted(shapes)[:2]
        raise InputError(
            f"{path} contains images of several sizes, such as {h} x {w} and {other_h} x {other_w} "
            "pixels; segment the images of each size separately"
        )
    height, width, _ = shapes.pop()
    return len(images), height, width


def labelling(args: argparse.Namespace, settings: Settings) -> Labelling:
    """Return how to make labels; raise an `InputError` if that needs a two-class model."""
    cells = args.labels == "cells" or (args.labels is None and settings.cells)
    if cells or args.threshold is not None:
        model.check_two_classes(settings, "--labels cells and --threshold")
    smallest = args.smallest or settings.smallest
    return Labelling(settings.label_values, cells, args.threshold, smallest)


def prepare(args: argparse.Namespace, model: Model, images: Slices) -> tuple[Task, Needs]:
    """Prepare the task, and a function that estimates the memory that a tile needs.

    Raises
    ------
    InputError
        If the options do not fit the model or the images.
    """
    arch, paper_step = model.architecture, args.step == "paper"
    labels = labelling(args, model.settings)
    shape = check_images(args.image, images, model.settings)
    held = 0 if images.mapped else images[0].nbytes
    labelled = prod(shape[1:]) if labels.cells else 0
    needs = partial(memory.of_prediction, arch, held=held, labelled=labelled)
    tile = args.tile or model.settings.tile
    if args.memory is not None:
        tile = tile_choice.best(arch, shape[1:], args.memory, needs, paper_step)
    tiling = Tiling(tile, paper_step, args.average)
    tiling.check(arch.depth)
    return Task(model, shape, tiling, labels), needs


def frames(args: argparse.Namespace, cells: bool) -> list[str]:
    """List the frame numbers of a Cell Tracking Challenge sequence; return [] for other images."""
    if not (cells and ctc.is_sequence(args.image)):
        return []
    ctc.check_out(args.out, args.image.resolve().name)
    return ctc.numbers(args.image)


def plan(task: Task, needs: Needs) -> list[str]:
    """Return the lines to print about the tiles, their computation and their memory."""
    arch, size = task.model.architecture, task.shape[1:]
    down, across = task.tiling.cover(size, arch.depth)
    computed = tile_choice.computation(arch, size, task.tiling)
    times = computed / (prod(size) * tile_choice.endless(arch))
    labelled = memory.format_bytes(memory.LABELLING * prod(size))
    finding = f" (finding the cells of a slice takes {labelled})" if task.labelling.cells else ""
    return [
        f"tile      {down.tile} x {across.tile} → {down.output} x {across.output} pixels, "
        f"{task.tiles} per slice; the margins multiply the computation by {times:.2f}",
        f"memory    about {memory.format_bytes(needs(down.tile, across.tile))}{finding}, "
        "not counting memory-mapped files",
    ]


def space(task: Task, files: Sequence[outputs.Layout], masks: bool) -> int:
    """Return the bytes needed on disk for averaging and for the results except the preview."""
    slices, height, width = task.shape
    size = sum(file.size for file in files)
    size += 2 * slices * height * width if masks else 0
    averaged = task.tiling.average != "none"
    return size + (4 * height * width * task.model.architecture.classes if averaged else 0)


def write(folder: Path, images: Slices, task: Task, files: Sequence[outputs.Layout]) -> Array:
    """Write the results of a prediction into a folder; return the labels (Z, H, W)."""
    slices, height, width = task.shape
    p, labels = (outputs.create(folder, file) for file in files)
    maps = Maps(p.reshape(slices, -1, height, width), labels.reshape(task.shape))
    total = None
    if task.tiling.average != "none":
        bias = task.model.params["out.b"]
        total = outputs.scratch(folder, (height, width, len(bias)), bias.dtype)
    with Progress(slices * task.tiles, "tile") as progress:
        fill(
            *(task, images, maps, total),
            advance=lambda: progress.advance(f"slice {progress.done // task.tiles}"),
        )
    preview(folder / "preview.png", images, maps, task.labelling.cells)
    p.flush()
    labels.flush()
    return maps.labels


def main() -> None:
    """Segment the image given on the command line."""
    args = parse()
    if args.threads:
        threads.use(args.threads)
    outputs.check_out(args.out)
    where, reason = device.choose(args.device)
    trained = model.of_checkpoint(checkpoint.load(args.model), where)
    images = Slices(args.image)
    task, needs = prepare(args, trained, images)
    cells, arch = task.labelling.cells, trained.architecture
    digits, sequence = frames(args, cells), args.image.resolve().name
    slices, height, width = task.shape
    files = outputs.layouts(task.shape, arch.classes, cells)
    outputs.check_space(args.out, space(task, files, bool(digits)))
    stack = "1 slice" if slices == 1 else f"{slices} slices"
    print(f"image     {args.image}: {stack} of {height} x {width} pixels")
    print(f"model     {args.model}, step {trained.step}, {arch.parameters():,} parameters")
    print(f"device    {reason}")
    print("\n".join(plan(task, needs)), flush=True)
    with outputs.unfinished(args.out) as folder:
        labels = write(folder, images, task, files)
        if digits:
            ctc.write(folder, sequence, list(labels), digits)
    print(f"wrote     {', '.join(str(args.out / name) for name in outputs.OUTPUTS)}")
    if digits:
        print(f"          {args.out / sequence}_RES: {len(digits)} masks")


if __name__ == "__main__":
    run(main, "predict")
