"""Read every slice once before a prediction: find damaged files, and compute the scale.

The results of a stack are written while it is segmented, which may take hours. Damaged pages must
therefore be found first: in a folder, their files are left out before the size of the results is
fixed. The same pass computes the scale. It takes almost no time if the slices are
memory-mapped integers and every one has its own scale, because then there is nothing to read.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from minunet.array import Array
from minunet.data.image_files import Slices
from minunet.data.scaling import Scale, Scaling, scale_of
from minunet.errors import InputError
from minunet.image import bands


def survey(images: Slices, scaling: Scaling) -> Scale | None:
    """Leave out files that cannot be read, and compute one scale for all others.

    Returns
    -------
    Scale or None : None if every image has its own scale

    Raises
    ------
    InputError
        If `images` is not a folder and a slice cannot be read, or if no file is left.
    """
    if scaling in ("image", "none"):
        gather(images, lambda band: None)
    return None if scaling == "image" else scale_of(images, scaling, gather)


def gather(images: Slices, function: Callable[[Array], Any]) -> list[Any]:
    """Apply a function to every band of all slices; in a folder, leave out damaged files."""
    found, damaged = [], {}
    for file, numbers in groupby(range(len(images)), key=[*images.files].__getitem__):
        try:
            of_file = [
                function(image[rows])
                for image in map(images.__getitem__, numbers)
                for rows in bands(image.shape)
            ]
        except InputError as error:
            if not images.in_folder:
                raise
            damaged[file] = str(error)
        else:
            found += of_file
    for file, reason in damaged.items():
        images.leave_out(file, reason)
    images.check_not_empty()
    return found
