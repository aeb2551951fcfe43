"""Augmentation (paper, section 3.1): a tile as the image might have been, had the tissue bent.

    python -m minunet.augment IMAGE LABELS -o SHEET.png

draws what it does to a tile. A tile is turned, flipped, bent and shifted in one interpolation,
read straight from the whole image: what a bent tile shows beyond its edges is real where the image
goes on, and mirrored where it ends. Labels and weights go where the grey values go.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from minunet import augment_sheet, deformation, grey_values, interpolation, tiling
from minunet.array import Array
from minunet.cli import Parser, at_least, run
from minunet.data import image_files
from minunet.data.scaling import scale
from minunet.errors import InputError

SYMMETRIES = 8

LINES = 8
"""Of the grid on a sheet, from edge to edge of a tile."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What may happen to a tile; as it is written here, nothing but a shift."""

    sigma: float = 0.0  # standard deviation of the displacement at the grid points, pixels
    spline: Literal["interpolating", "b-spline"] = "interpolating"  # see `deformation`
    rotation: Literal["none", "quarter", "any"] = "none"  # any: by any angle
    flip: bool = False
    grey: bool = False  # see `grey_values`
    order: Literal[1, 3] = 1  # of the interpolation of grey values: linear or cubic

    @property
    def exact(self) -> bool:
        """Whether pixels stay pixels: then none is interpolated."""
        return self.sigma == 0 and self.rotation != "any"


SETS = {
    "paper": Augmentation(sigma=10.0, rotation="any", flip=True, grey=True),
    "authors": Augmentation(sigma=10.0, spline="b-spline", rotation="any", grey=True),
    "symmetries": Augmentation(rotation="quarter", flip=True),
    "none": Augmentation(),
}
"""By name: what the paper describes; what its authors' later code does, which never flips; the 8
symmetries of the square, as an EM section has no up and no left; and only the shift."""


def tile(
    image: Array,
    labels: Array,
    weight_map: Array,
    pixel: tuple[int, int],
    size: int,
    margin: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Cut a tile around a pixel of an image, with its labels and weights, and vary it.

    Parameters
    ----------
    image : (H, W, C) float32         the whole of it
    labels : (H, W)
    weight_map : (H, W) float32
    pixel : (row, column)             index n // 2 of the tile, before it is moved
    size : int                        n of the tile, pixels
    margin : int                      m: labels and weights are of the n-2m central pixels
    augmentation : Augmentation
    rng : numpy Generator             draws the motion, then the grey values

    Returns
    -------
    x : (n, n, C) float32
    labels : (n-2m, n-2m)             only values of `labels`
    weight_map : (n-2m, n-2m) float32
    """
    turns, flipped = _turn(augmentation, rng)
    if augmentation.exact:
        which = int(turns) + 4 * flipped
        x, label, weights = (
            symmetry(_around(pixel, array, size - 2 * m), which)
            for array, m in ((image, 0), (labels, margin), (weight_map, margin))
        )
    else:
        motion = deformation.rigid(turns * np.pi / 2, flipped)
        at = _bend(pixel, size, augmentation, motion, rng)
        central = at[:, margin : size - margin, margin : size - margin]
        read = interpolation.cubic if augmentation.order == 3 else interpolation.linear
        x, weights = read(image, at), interpolation.linear(weight_map, central)
        label = interpolation.nearest(labels, central)
    if augmentation.grey:
        x = grey_values.vary(x, float(image.min()), float(image.max()), rng)
    return x, label, weights


def _turn(augmentation: Augmentation, rng: np.random.Generator) -> tuple[float, bool]:
    """Draw the number of quarter turns, whole or not, and then the flip."""
    turns = 0.0
    if augmentation.rotation == "quarter":
        turns = float(rng.integers(4))
    elif augmentation.rotation == "any":
        turns = rng.uniform(0, 4)
    return turns, augmentation.flip and bool(rng.integers(2))


def _around(pixel: tuple[int, int], array: Array, size: int) -> Array:
    """Cut a tile around a pixel: its pixel n // 2 is that one."""
    return tiling.cut(array, pixel[0] - size // 2, pixel[1] - size // 2, size, size)


def symmetry(x: Array, which: int) -> Array:
    """One of the eight symmetries of the square: a number of quarter turns, then perhaps a flip.

    Parameters
    ----------
    x : (H, W) or (H, W, C)
    which : int               0 … 7; 0 is the identity, 4 … 7 are flipped

    Returns
    -------
    (H, W, …) or (W, H, …), a view
    """
    x = np.rot90(x, which % 4)
    return np.flip(x, axis=1) if which >= 4 else x


def _bend(
    pixel: tuple[int, int],
    size: int,
    augmentation: Augmentation,
    motion: Array,
    rng: np.random.Generator,
) -> Array:
    """Draw the shift and the displacements; find where every pixel of the tile comes from."""
    row, column = pixel + rng.uniform(-0.5, 0.5, 2)  # anywhere on that pixel
    smooth = augmentation.spline == "b-spline"
    spline = deformation.b_spline(size) if smooth else deformation.interpolating(size)
    displacement = augmentation.sigma * rng.standard_normal((2, *2 * spline.points.shape))
    return deformation.source(size, spline, displacement, motion, (row, column))


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
    if args.out.exists():
        raise InputError(f"{args.out} is there already; name another file with -o")
    image, labels = read(args.image, args.labels)
    height, width = labels.shape
    middle = height // 2, width // 2
    lines = grid(labels.shape, middle, args.tile)
    rng = np.random.default_rng(args.seed)
    tiles = [
        # The grid goes where the weights go.
        tile(image, labels, lines, middle, args.tile, 0, augmentation, rng)
        for augmentation in [SETS["none"]] + args.samples * [SETS[args.augment]]
    ]
    augment_sheet.draw(args.out, tiles, f"tile of {args.tile} pixels, --augment {args.augment}")
    print(f"wrote     {args.out}")


if __name__ == "__main__":
    run(main, "augment")
