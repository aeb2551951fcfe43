"""Draw what augmentation does to the grey values and the labels of a tile, and to a regular grid.

python -m minunet.augment IMAGE LABELS -o SHEET.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.augmentation import SETS, sample, warnings
from minunet.cli import SEEDS, Parser, at_least, parse_path, run, say
from minunet.data import image_files
from minunet.data.page import DEFAULT, Reading
from minunet.data.scaling import scale
from minunet.errors import InputError
from minunet.image import Sample
from minunet.network import sizes
from minunet.report import drawing
from minunet.runs.options import add_some

SQUARES = 8
"""Number of grid squares along each side of a tile."""

COLOUR = (1.0, 0.75, 0.0)
"""Colour of the grid."""

COLUMNS = 5
"""Maximum number of tiles per row of the picture."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("augment")
    add = parser.add_argument
    add(
        "image",
        type=parse_path,
        metavar="IMAGE",
        help="TIFF or PNG file; only the first slice is used",
    )
    add(
        "labels",
        type=parse_path,
        metavar="LABELS",
        help="labels of IMAGE: classes or numbered cells",
    )
    add(
        *("-o", "--out"),
        type=parse_path,
        required=True,
        metavar="SHEET.png",
        help="PNG file to write; it must not exist yet",
    )
    add(
        "--augment",
        choices=SETS,
        default="paper",
        help="augmentation: as in the paper, as in the authors' later code, as in the paper "
        "without the elastic deformation (rigid), the 8 symmetries of the square, or none "
        "(default: paper)",
    )
    for name, least, most, default, text in (
        ("samples", 1, 100, 4, "number of augmented tiles"),
        ("tile", 2, sizes.LARGEST, 572, "tile size in pixels"),
        ("seed", 0, SEEDS, 0, "random seed for the augmented tiles"),
    ):
        text = f"{text} (default: {default})"
        valid = at_least(least, most=most)
        add(f"--{name}", type=valid, default=default, metavar="N", help=text)
    add_some(parser, "channel", "series", "axes", "level", "label_threshold", "ignore")
    return parser.parse_args()


def read(path: Path, labels_path: Path, reading: Reading = DEFAULT) -> tuple[Array, Array]:
    """Read the first image of a file, scaled with its whole stack as in training, and its labels.

    Parameters
    ----------
    path, labels_path : Path
    reading : Reading           which pixels of the image to read

    Raises
    ------
    InputError
        If the labels have more than one channel, or differ in size from the image.
    """
    image = scale(image_files.read(path, reading), "minmax")[0]
    labels = image_files.read(labels_path, reading.of_labels())[0]
    if labels.shape[2] != 1:
        raise InputError(
            f"{labels_path} has {labels.shape[2]} channels; save the labels as a greyscale image, "
            "with one value per class or per cell"
        )
    if image.shape[:2] != labels.shape[:2]:
        raise InputError(
            f"{path} is {image.shape[0]} x {image.shape[1]} pixels, but its labels in "
            f"{labels_path} are {labels.shape[0]} x {labels.shape[1]}; pass labels of the same size"
        )
    return image, labels[..., 0]


def interpret(labels: Array, threshold: float | None, ignore: float | None) -> Array:
    """Return labels (H, W) with 0 where nothing is annotated, and as 0 and 1 given a threshold."""
    annotated = labels != ignore
    return (labels if threshold is None else (labels >= threshold).astype(np.uint8)) * annotated


def grid(shape: tuple[int, int], middle: tuple[int, int], size: int) -> Array:
    """Return a regular grid (H, W) float32: 1 on its lines, two of which cross at pixel `middle`.

    `size` is the size of the tile, which determines the spacing of the lines.
    """
    step, width = max(size // SQUARES, 2), max(size // 200, 1)
    rows, columns = np.indices(shape, sparse=True)
    lines = ((rows - middle[0]) % step < width) | ((columns - middle[1]) % step < width)
    return lines.astype(np.float32)


def painted(x: Array, lines: Array) -> Array:
    """Return the grey values with the grid painted over them, (n, n, 3) in [0, 1]."""
    grey = np.clip(x.mean(axis=-1, keepdims=True), 0, 1)
    return grey + lines[..., np.newaxis] * (COLOUR - grey)


def draw(path: Path, tiles: Sequence[Sample], title: str) -> None:
    """Draw tiles, each with its labels below it; the first one is the original.

    Parameters
    ----------
    path : Path           PNG file to write
    tiles : sequence of Sample     x: grey values in [0, 1]; labels: classes, or numbered cells;
        weight_map: a grid, 1 on its lines and 0 elsewhere
    title : str
    """
    columns = min(len(tiles), COLUMNS)
    rows = -(-len(tiles) // columns)
    figure = drawing.figure(3.6 * columns, 7.2 * rows + 0.4)
    panels = figure.subplots(2 * rows, columns, squeeze=False)
    for ax in panels.flat:
        ax.set_axis_off()
    values = np.unique(tiles[0].labels)
    for k, (x, labels, lines, _) in enumerate(tiles):
        row, column = divmod(k, columns)
        upper, lower = panels[2 * row : 2 * row + 2, column]
        upper.imshow(painted(x, lines))
        upper.set_title(f"sample {k}" if k else "original", fontsize="medium")
        if len(values) <= 2:
            lower.imshow(labels > 0, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        else:
            lower.imshow(drawing.coloured(labels), interpolation="nearest")
    figure.suptitle(title, fontsize="medium")
    drawing.write(figure, path)


def main() -> None:
    """Draw the central tile of an image, and augmented samples of it."""
    args = parse()
    files.check_new_file(args.out, "-o")
    reading = Reading(args.channel, args.series, axes=args.axes, level=args.level)
    image, labels = read(args.image, args.labels, reading)
    labels = interpret(labels, args.label_threshold, args.ignore)
    height, width = labels.shape
    middle = height // 2, width // 2
    lines = grid(labels.shape, middle, args.tile)
    rng = np.random.default_rng(args.seed)
    tiles = [
        # The grid takes the place of the weight map, which is deformed in the same way.
        sample(Sample(image, labels, lines), middle, args.tile, 0, augmentation, rng)
        for augmentation in [SETS["none"]] + args.samples * [SETS[args.augment]]
    ]
    with files.new(args.out) as (beside,):
        draw(beside, tiles, f"tile of {args.tile} pixels, --augment {args.augment}")
    say(*warnings(args.augment, args.tile), f"wrote     {args.out}")


if __name__ == "__main__":
    run(main, "augment")
