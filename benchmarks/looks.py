"""Draw a sheet of 24 synthetic EM samples, each with a look of its own.

    python benchmarks/looks.py
    python benchmarks/looks.py --out FOLDER --real isbi2012/train-volume.tif vnc-sstem/raw-00-15.tif

Writes `looks.png` into benchmarks/pictures, or into the folder --out. With --real, the left column
shows crops of real stacks: of each FILE in turn, from slices that are evenly spread. That picture
contains images of others, so it is written only to the folder that you name. All samples and crops
have 220 x 220 pixels, at their own pixel size.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from minunet import files
from minunet.data import image_files
from minunet.data.synthetic import varied_slices
from minunet.errors import InputError

PICTURES = Path(__file__).with_name("pictures")
SIDE, ROWS, COLUMNS, GAP = 220, 4, 6, 4
STEP = 8
"""Step between the grey levels that are drawn: noise hides it, and it halves the file."""


def grey(image):
    """Scale an image (H, W) to uint8, unless that is what it is."""
    if image.dtype == np.uint8:
        return image
    return np.interp(image, (image.min(), image.max()), (0, 255)).astype(np.uint8)


def crops(paths, rng):
    """Return the crops (ROWS, SIDE, SIDE) of real stacks, at places that `rng` chooses."""
    found = []
    for k in range(ROWS):
        path = paths[k % len(paths)]
        images = image_files.grey(image_files.read(path), path)
        image = images[k * len(images) // ROWS]
        if min(image.shape) < SIDE:
            raise InputError(
                f"{path} has images of {image.shape[0]} x {image.shape[1]} pixels; --real needs "
                f"{SIDE} x {SIDE} or more"
            )
        row, column = (rng.integers(side - SIDE, endpoint=True) for side in image.shape)
        found.append(grey(image[row : row + SIDE, column : column + SIDE]))
    return np.array(found)


def sheet(samples, real=()):
    """Arrange samples (ROWS * COLUMNS, SIDE, SIDE), and crops (ROWS, SIDE, SIDE) at their left."""
    lines = []
    for k in range(ROWS):
        panels = [np.pad(one, GAP, constant_values=255) for one in real[k : k + 1]]
        if panels:
            panels.append(np.full((SIDE + 2 * GAP, 4 * GAP), 255, np.uint8))
        row = samples[k * COLUMNS : (k + 1) * COLUMNS] // STEP * STEP
        lines.append(np.hstack([*panels, *(np.pad(x, GAP, constant_values=255) for x in row)]))
    return np.vstack(lines)


def main():
    """Draw the sheet."""
    import PIL.Image

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, help="folder for looks.png (default: pictures)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument(
        "--real", type=Path, nargs="+", default=[], metavar="FILE", help="real stacks; needs --out"
    )
    args = parser.parse_args()
    out = args.out or PICTURES
    if args.real and out.resolve() == PICTURES.resolve():
        parser.error("pass --out with a folder for the real images, which are not ours to publish")
    try:
        real = crops(args.real, np.random.default_rng(args.seed)) if args.real else ()
        stack = varied_slices((ROWS * COLUMNS, SIDE, SIDE), np.random.default_rng(args.seed))
        out.mkdir(parents=True, exist_ok=True)
        with files.atomic(out / "looks.png") as beside:
            PIL.Image.fromarray(sheet(stack.images, real)).save(beside, format="png", optimize=True)
    except (InputError, OSError) as error:
        sys.exit(f"looks.py: {error}")
    print(f"wrote {out / 'looks.png'}")


if __name__ == "__main__":
    main()
