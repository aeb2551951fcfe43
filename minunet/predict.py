"""Segment an image or a stack of any size with a trained network (paper, Figure 2).

    python -m minunet.predict RUN/best.npz IMAGE.tif -o OUT

OUT then holds `probability.tif` (float32: of class 1, or with more than two classes of each),
`labels.tif` and `preview.png`. Labels are classes (uint8, with the values of the training labels)
or, after training on numbered cells, cells (uint16, 0 is background, k is cell k). Of the frames of
a sequence of the Cell Tracking Challenge, SEQUENCE/t000.tif, cells are also written in its layout.

Image and results may be larger than memory: uncompressed TIFF files are mapped, results are written
as the tiles come, and nothing of a slice is kept once it is done.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import TypeAlias, get_args

from minunet.array import Array, Tensors
from minunet.cli import Parser, add_threads, at_least, run
from minunet.data import ctc
from minunet.data.image_files import Slices
from minunet.errors import InputError
from minunet.fast import threads
from minunet.image import Average
from minunet.network import device, sizes
from minunet.prediction import memory, tile_choice, tiling
from minunet.prediction import output_files as outputs
from minunet.prediction.stack import Maps, Task, preview, segment
from minunet.runs import checkpoint
from minunet.runs.settings import Settings

Needs: TypeAlias = Callable[[int, int], float]
"""Bytes of memory for a tile of so many rows and columns."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("predict", "Segment an image or a stack of any size by overlapping tiles.")
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL.npz", help="checkpoint of a run")
    add("image", type=Path, metavar="IMAGE", help="TIFF stack, or TIFF or PNG image")
    add("-o", "--out", type=Path, required=True, help="folder for the results")
    add_tiling(parser)
    add_labels(parser)
    add("--device", choices=get_args(device.Wanted), default="auto", help="(default: auto)")
    add_threads(parser)
    return parser.parse_args()


def add_tiling(parser: Parser) -> None:
    """Add the options that say how an image is cut into tiles, and how often it is segmented."""
    size = parser.add_mutually_exclusive_group().add_argument
    size("--tile", type=at_least(1), metavar="N", help="size of a tile (default: as in training)")
    size(
        "--memory",
        type=memory.amount,
        metavar="SIZE",
        help="take the tile that computes least within this memory, such as 2GB; what is mapped "
        "of files is not counted, the system drops it where memory is short",
    )
    add = parser.add_argument
    add(
        "--step",
        choices=("aligned", "paper"),
        default="aligned",
        help="aligned: tiles join exactly as in one pass; paper: edge to edge (default: aligned)",
    )
    add(
        "--average",
        choices=get_args(Average),
        default="none",
        help="of the scores of the image turned and flipped: 4 flips, 4 rotations, or all 8 "
        "symmetries; takes so many times as long, and the disk, not memory, holds the scores of a "
        "slice meanwhile (default: none)",
    )


def add_labels(parser: Parser) -> None:
    """Add the options that say what becomes of the probabilities."""
    add = parser.add_argument
    add(
        "--labels",
        choices=("classes", "cells"),
        help="what labels.tif holds (default: what the training labels were); cells are found in "
        f"a whole slice at once: {memory.LABELLING} bytes of memory a pixel",
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


def check_images(path: Path, images: Slices, settings: Settings) -> tuple[int, int, int]:
    """Look at every slice to segment; return their number, height and width.

    Raises
    ------
    InputError
        If one cannot be read, has not the channels of training, or is of another size.
    """
    shapes = {image.shape for image in images}
    for *_, channels in sorted(shapes):
        if channels != settings.in_channels:
            raise InputError(
                f"{path} has {channels} channels; the model was trained on {settings.in_channels}"
            )
    if len(shapes) > 1:
        raise InputError(f"{path} holds images of several sizes; segment them one by one")
    height, width, _ = shapes.pop()
    return len(images), height, width


def check_labels(args: argparse.Namespace, settings: Settings) -> bool:
    """Whether cells are wanted; raise an `InputError` if the classes do not allow it."""
    count = len(settings.label_values)
    cells = args.labels == "cells" or (args.labels is None and settings.cells)
    if count != 2 and (cells or args.threshold is not None):
        raise InputError(f"cells and a threshold want two classes; the model has {count}")
    return cells


def prepare(args: argparse.Namespace, settings: Settings, images: Slices) -> tuple[Task, Needs]:
    """Tell what is to be done, and what memory a tile needs.

    Raises
    ------
    InputError
        If model, images and options do not go together.
    """
    arch, paper_step = settings.architecture, args.step == "paper"
    cells = check_labels(args, settings)
    shape = check_images(args.image, images, settings)
    held = 0 if images.mapped else images[0].nbytes
    labelled = prod(shape[1:]) if cells else 0
    needs = partial(memory.of_prediction, arch, held=held, labelled=labelled)
    if args.memory is None:
        tile = args.tile or settings.tile
        check = sizes.stages if paper_step else tiling.aligned_step
        check(tile, arch.depth)  # legal, however small the image
    else:
        tile = tile_choice.best(arch, shape[1:], args.memory, needs, paper_step)
    smallest = args.smallest or settings.smallest
    task = Task(settings, shape, tile, paper_step, args.average, cells, args.threshold, smallest)
    return task, needs


def frames(args: argparse.Namespace, cells: bool) -> list[str]:
    """Digits of the frames, if cells of a sequence of the Cell Tracking Challenge are wanted."""
    if not (cells and ctc.is_sequence(args.image)):
        return []
    ctc.check_out(args.out, args.image.resolve().name)
    return ctc.numbers(args.image)


def plan(task: Task, needs: Needs) -> list[str]:
    """Describe the tiles and what they cost."""
    arch, size = task.settings.architecture, task.shape[1:]
    down, across = (tiling.cover(n, arch.depth, task.tile, task.paper_step) for n in size)
    computed = tile_choice.computation(arch, size, task.tile, task.paper_step)
    times = computed / (prod(size) * tile_choice.endless(arch))
    labelling = f", {memory.said(memory.LABELLING * prod(size))} of it to find the cells of a slice"
    return [
        f"tile      {down.tile} x {across.tile} → {down.output} x {across.output} pixels, "
        f"{task.tiles} to a slice; their margins make it {times:.2f} times the computation",
        f"memory    about {memory.said(needs(down.tile, across.tile))}"
        f"{labelling if task.cells else ''}; what is mapped of files is not counted",
    ]


def space(task: Task, files: Sequence[outputs.Layout], masks: bool) -> int:
    """Bytes on the disk, but for the preview; of the average, until it is known."""
    slices, height, width = task.shape
    size = sum(file.size for file in files)
    size += 2 * slices * height * width if masks else 0
    averaged = task.average != "none"
    return size + (4 * height * width * len(task.settings.label_values) if averaged else 0)


def write(
    folder: Path, params: Tensors, images: Slices, task: Task, files: Sequence[outputs.Layout]
) -> Array:
    """Write the results of a prediction into a folder; return the labels (Z, H, W)."""
    slices, height, width = task.shape
    p, labels = (outputs.create(folder, file) for file in files)
    maps = Maps(p.reshape(slices, -1, height, width), labels.reshape(task.shape))
    total = None
    if task.average != "none":
        bias = params["out.b"]
        total = outputs.scratch(folder, (height, width, len(bias)), bias.dtype)
    segment(params, images, task, maps, total)
    preview(folder / "preview.png", images, maps, task.cells)
    p.flush()
    labels.flush()
    return maps.labels


def main() -> None:
    """Segment the image that the command line names."""
    args = parse()
    if args.threads:
        threads.use(args.threads)
    outputs.check_out(args.out)
    # The velocity is as large as the parameters, and of no use here.
    saved = checkpoint.load(args.model)._replace(velocity={})
    images = Slices(args.image)
    task, needs = prepare(args, Settings.from_json(saved.config), images)
    digits, sequence = frames(args, task.cells), args.image.resolve().name
    arch, (slices, height, width) = task.settings.architecture, task.shape
    files = outputs.layouts(task.shape, arch.classes, task.cells)
    outputs.check_space(args.out, space(task, files, bool(digits)))
    where, reason = device.choose(args.device)
    stack = "1 slice" if slices == 1 else f"{slices} slices"
    print(f"image     {args.image}: {stack} of {height} x {width} pixels")
    print(f"model     {args.model}, step {saved.step}, {arch.parameters():,} parameters")
    print(f"device    {reason}")
    print("\n".join(plan(task, needs)), flush=True)
    params = device.to_device(saved.params, where)
    with outputs.unfinished(args.out) as folder:
        labels = write(folder, params, images, task, files)
        if digits:
            ctc.write(folder, sequence, list(labels), digits)
    print(f"wrote     {', '.join(str(args.out / name) for name in outputs.OUTPUTS)}")
    if digits:
        print(f"          {args.out / sequence}_RES: {len(digits)} masks")


if __name__ == "__main__":
    run(main, "predict")
