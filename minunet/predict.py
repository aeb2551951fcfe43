"""Segment an image or a stack of any size with a trained network (paper, Figure 2).

    python -m minunet.predict RUN/best.npz IMAGE.tif -o OUT

OUT then holds `probability.tif` (float32: of class 1, or with more than two classes of each),
`labels.tif` (uint8, with the values of the training labels) and `preview.png`.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile

from minunet import checkpoint, device, figures, geometry, tiling
from minunet.architecture import Architecture
from minunet.array import Array
from minunet.cli import Parser, at_least, run
from minunet.config import Config
from minunet.data import image_files
from minunet.data.scaling import scale
from minunet.errors import InputError
from minunet.ops import cross_entropy
from minunet.progress import Progress

OUTPUTS = ("probability.tif", "labels.tif", "preview.png")
AXES = {2: "YX", 3: "ZYX", 4: "ZCYX"}


def check_out(out: Path) -> None:
    """Raise an `InputError` if anything in the folder `out` would be overwritten."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; -o names a folder to write {', '.join(OUTPUTS)} into")
    there = [name for name in OUTPUTS if (out / name).exists()]
    if there:
        raise InputError(f"{out} holds {', '.join(there)} already; name another folder with -o")


def write(out: Path, images: list[Array], stack: list[Array], values: tuple[int, ...]) -> None:
    """Write probabilities and labels as TIFF, and a picture.

    Parameters
    ----------
    out : Path                      folder, made if need be
    images : list of (H, W, C)      what was segmented
    stack : list of (H, W, K)       its class probabilities
    values : tuple of int           values of the classes in `labels.tif`
    """
    p = np.stack(stack)
    probability = p[..., 1] if p.shape[-1] == 2 else np.moveaxis(p, -1, 1)
    labels = np.array(values, np.uint8)[p.argmax(axis=-1)]
    if len(stack) == 1:
        labels, probability = labels[0], probability[0]
    out.mkdir(parents=True, exist_ok=True)
    for name, array in (("probability.tif", probability), ("labels.tif", labels)):
        axes = "CYX" if len(stack) == 1 and array.ndim == 3 else AXES[array.ndim]
        tifffile.imwrite(out / name, array, imagej=True, metadata={"axes": axes})
    shown = sorted({0, len(stack) - 1})
    figures.preview(
        out / "preview.png",
        [figures.Segmented(images[k], stack[k]) for k in shown],
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


def segment(
    params: dict[str, Array], images: list[Array], arch: Architecture, tile: int, paper_step: bool
) -> list[Array]:
    """Class probabilities (H, W, K) of every slice, with a progress bar over their tiles."""
    stack = []
    tiles = tiling.tile_count(images[0].shape, arch.depth, tile, paper_step)
    with Progress(tiles * len(images), "tile") as progress:
        for k, image in enumerate(images):
            windows = []
            for window in tiling.segment(params, image, arch, tile, paper_step):
                windows.append(window)
                progress.advance(f"slice {k}")
            stack.append(np.exp(cross_entropy.log_softmax(tiling.whole(windows, image))))
    return stack


def main() -> None:
    """Segment the image that the command line names."""
    args = parse()
    check_out(args.out)
    saved = checkpoint.load(args.model)
    settings = Config.from_json(saved.config)
    arch, tile = settings.architecture, args.tile or settings.tile
    geometry.sizes(tile, arch.depth)
    images = read(args.image, settings)
    where, reason = device.choose(args.device)
    height, width = images[0].shape[:2]
    print(f"image     {args.image}: {len(images)} slices of {height} x {width} pixels")
    print(f"model     {args.model}, step {saved.step}, {arch.parameters():,} parameters")
    print(f"device    {reason}", flush=True)
    params = device.to_device(saved.params, where)
    stack = segment(params, images, arch, tile, paper_step=args.step == "paper")
    write(args.out, images, stack, settings.label_values)
    print(f"wrote     {', '.join(str(args.out / name) for name in OUTPUTS)}")


if __name__ == "__main__":
    run(main, "predict")
