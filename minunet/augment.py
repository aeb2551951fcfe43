"""Draw what augmentation does to a tile.

python -m minunet.augment IMAGE LABELS -o SHEET.png
"""

import argparse
from pathlib import Path

import numpy as np

from minunet import augment_sheet, files
from minunet.array import Array
from minunet.augmentation import SETS, sample
from minunet.cli import Parser, at_least, run
from minunet.data import image_files
from minunet.data.scaling import scale
from minunet.errors import InputError
from minunet.image import Sample

LINES = 8
"""Lines of the grid on a sheet, from edge to edge of a tile."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("augment", "Draw what augmentation does to a tile of an image.")
    add = parser.add_argument
    add("image", type=Path, metavar="IMAGE", help="TIFF or PNG; of a stack, the first slice")
    add("labels", type=Path, metavar="LABELS", help="its labels: classes, or numbered cells")
    add("-o", "--out", type=Path, required=True, metavar="SHEET.png", help="to write, new")
    add("--augment", choices=SETS, default="paper", help="(default: paper)")
    for name, least, default, text in (
        ("samples", 1, 4, "number of them"),
        ("tile", 2, 572, "its size, pixels"),
        ("seed", 0, 0, "of the samples"),
    ):
        text = f"{text} (default: {default})"
        add(f"--{name}", type=at_least(least), default=default, metavar="N", help=text)
    return parser.parse_args()


def read(path: Path, labels_path: Path) -> tuple[Array, Array]:
    """Read the first image of a file, scaled as its stack is in training, and its labels."""
    image = scale(image_files.read(path), "minmax")[0]
    labels = image_files.read(labels_path)[0]
    if labels.shape[2] != 1:
        raise InputError(f"{labels_path} is a colour image; labels are grey, one value per class")
    if image.shape[:2] != labels.shape[:2]:
        raise InputError(
            f"{path} is {image.shape[0]} x {image.shape[1]} pixels, its labels in {labels_path} "
            f"{labels.shape[0]} x {labels.shape[1]}"
        )
    return image, labels[..., 0]


def grid(shape: tuple[int, int], middle: tuple[int, int], size: int) -> Array:
    """Paint a regular grid (H, W) float32, 1 on its lines, that has a crossing in the middle."""
    step, width = max(size // LINES, 2), max(size // 200, 1)
    rows, columns = np.indices(shape, sparse=True)
    lines = ((rows - middle[0]) % step < width) | ((columns - middle[1]) % step < width)
    return lines.astype(np.float32)


def main() -> None:
    """Draw the sheet that the command line asks for."""
    args = parse()
    files.check_new_file(args.out, "-o")
    image, labels = read(args.image, args.labels)
    height, width = labels.shape
    middle = height // 2, width // 2
    lines = grid(labels.shape, middle, args.tile)
    rng = np.random.default_rng(args.seed)
    tiles = [
        # The grid goes where the weights go.
        sample(Sample(image, labels, lines), middle, args.tile, 0, augmentation, rng)
        for augmentation in [SETS["none"]] + args.samples * [SETS[args.augment]]
    ]
    augment_sheet.draw(args.out, tiles, f"tile of {args.tile} pixels, --augment {args.augment}")
    print(f"wrote     {args.out}")


if __name__ == "__main__":
    run(main, "augment")
