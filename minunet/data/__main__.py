"""Write a synthetic EM stack, in the layout of the ISBI 2012 challenge.

    python -m minunet.data FOLDER
    python -m minunet.data FOLDER --varied      every slice with its own tissue and its own look

FOLDER then contains `train-volume.tif`, `train-labels.tif` (0 = membrane, 255 = cell) and
`instances.tif` (0 = membrane, k = cell k). Use these files to try out training and prediction.
"""

import argparse

import numpy as np

from minunet import files, lock
from minunet.cli import SEEDS, Parser, at_least, parse_path, run, say
from minunet.data.synthetic import MIN_SIDE, em_stack, varied_slices


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("data")
    add = parser.add_argument
    add("folder", type=parse_path, metavar="FOLDER", help="new or empty folder to write to")
    for name, least, most, default, text in (
        ("slices", 1, 10**5, 10, "number of slices"),
        ("height", MIN_SIDE, 10**5, 256, "height of a slice, in pixels"),
        ("width", MIN_SIDE, 10**5, 256, "width of a slice, in pixels"),
        ("seed", 0, SEEDS, 0, "random seed for the stack"),
    ):
        text = f"{text} (default: {default})"
        valid = at_least(least, most=most)
        add(f"--{name}", type=valid, default=default, metavar="N", help=text)
    text = (
        "give every slice its own tissue and its own look: pixel size, stain, organelles, blur, "
        "noise, damage (default: one stack that looks like ISBI 2012)"
    )
    add("--varied", action="store_true", help=text)
    return parser.parse_args()


def main() -> None:
    """Write a synthetic stack, its labels and its instances."""
    args = parse()
    folder = files.resolved(args.folder)
    files.check_new_folder(folder, "pass a new folder")
    import tifffile

    shape = (args.slices, args.height, args.width)
    make = varied_slices if args.varied else em_stack
    stack = make(shape, np.random.default_rng(args.seed))
    arrays = {
        "train-volume.tif": stack.images,
        "train-labels.tif": stack.labels * np.uint8(255),
        "instances.tif": stack.instances,
    }
    with (
        lock.created(folder, "pass a new folder"),
        files.new(*(folder / name for name in arrays)) as parts,
    ):
        for part, array in zip(parts, arrays.values(), strict=True):
            tifffile.imwrite(part, array, imagej=True, metadata={"axes": "ZYX"})
    for name, array in arrays.items():
        say(f"wrote {folder / name}: {array.shape}, {array.dtype}")


if __name__ == "__main__":
    run(main, "data")
