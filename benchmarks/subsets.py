"""Write some slices of a data set as a data set of its own, for `few_images.py`."""

import shutil
import tempfile
from pathlib import Path

import tifffile

SLICES = "slices"
"""Folder of the data sets, in the folder of the runs."""


def nested(slices):
    """Order slices so that the first n of them are about evenly spread, for every n.

    The order is that of the van der Corput sequence: 1/2, 0, 3/4, 1/4, … of the stack, each time
    halving the gaps. The first 2 slices contain the first one, the first 4 these 2, and so on.

    Examples
    --------
    >>> nested([10, 11, 12, 13, 14, 15, 16, 17])
    [14, 10, 16, 12, 15, 11, 17, 13]
    >>> nested([0, 1, 2])
    [1, 0, 2]
    """
    bits = max(len(slices) - 1, 0).bit_length()
    reversed_bits = (int(f"{k:0{bits}b}"[::-1], 2) if bits else 0 for k in range(2**bits))
    places = ((k + 2**bits // 2) % 2**bits for k in reversed_bits)
    return [slices[k] for k in dict.fromkeys(k * len(slices) >> bits for k in places)]


def write(folder, slices, raw):
    """Write slices into a folder in a layout that `minunet.train --data` reads.

    A folder that exists is kept: it was written by an earlier call.

    Parameters
    ----------
    folder : Path
    slices : sequence of int
    raw : Raw                   the whole data set, see `minunet.data.sources`
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        part = Path(beside) / "part"
        for k in sorted(slices):
            if raw.frames:
                copy_frame(raw.files[k], part)
            else:
                write_pair(part, f"{k:04}.tif", raw.images[k], raw.masks[k])
        part.rename(folder)  # complete, or not there at all


def copy_frame(frame, part):
    """Copy a frame of the Cell Tracking Challenge and its masks."""
    data, sequence = frame.parents[1], frame.parent.name
    masks = [
        data / f"{sequence}_{truth}" / "SEG" / f"man_seg{frame.stem.removeprefix('t')}.tif"
        for truth in ("GT", "ST")
    ]
    for path in (frame, *(mask for mask in masks if mask.exists())):
        copy = part / path.relative_to(data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def write_pair(part, name, image, mask):
    """Write an image (H, W, 1 or 3) and its label map (H, W, 1), as images/NAME and labels/NAME."""
    for kind, array in (("images", image), ("labels", mask)):
        path = part / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = "rgb" if array.shape[2] == 3 else "minisblack"
        one = array if array.shape[2] == 3 else array[..., 0]
        tifffile.imwrite(path, one, photometric=colour, metadata=None)
