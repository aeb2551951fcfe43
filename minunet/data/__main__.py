"""Write a synthetic EM stack, in the layout of the ISBI 2012 challenge.

    python -m minunet.data FOLDER

FOLDER then holds `train-volume.tif`, `train-labels.tif` (0 membrane, 255 cell) and `instances.tif`
(0 membrane, k cell k): something to train on, to predict, and to look at.
"""

from pathlib import Path

import numpy as np

from minunet import files
from minunet.cli import Parser, at_least, run
from minunet.data.synthetic import em_stack


def main() -> None:
    """Write the stack that the command line asks for."""
    parser = Parser("data", "Write a synthetic EM stack with its labels.")
    parser.add_argument("folder", type=Path, help="to write into, new or empty")
    for name, default in (("slices", 10), ("height", 256), ("width", 256)):
        parser.add_argument(
            f"--{name}",
            type=at_least(1),
            default=default,
            metavar="N",
            help=f"(default: {default})",
        )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="(default: 0)")
    args = parser.parse_args()
    files.check_new_folder(args.folder, "name a new folder")
    import tifffile

    shape = (args.slices, args.height, args.width)
    stack = em_stack(shape, np.random.default_rng(args.seed))
    args.folder.mkdir(parents=True, exist_ok=True)
    for name, array in (
        ("train-volume.tif", stack.images),
        ("train-labels.tif", stack.labels * np.uint8(255)),
        ("instances.tif", stack.instances),
    ):
        tifffile.imwrite(args.folder / name, array, imagej=True, metadata={"axes": "ZYX"})
        print(f"wrote {args.folder / name}: {array.shape}, {array.dtype}")


if __name__ == "__main__":
    run(main, "data")
