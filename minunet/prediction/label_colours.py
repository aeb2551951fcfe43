"""The colours of classes, with which ImageJ shows label files."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from minunet.array import Array

RGB = tuple[int, int, int]

BACKGROUND: RGB = (0, 0, 0)

WHITE: RGB = (255, 255, 255)

COLOURS: tuple[RGB, ...] = (
    *((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189)),
    *((140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207)),
)
"""Ten colours that are easy to tell apart, those of Tableau; repeated for more classes."""


def table(values: Sequence[int], colours: Sequence[RGB] = ()) -> Array | None:
    """Return the colour of every 8-bit value of a label file.

    Parameters
    ----------
    values : sequence of int     value of each class, from 0 to 255
    colours : sequence of RGB    colour of each class, if the training labels had colours

    Returns
    -------
    (256, 3) uint8, or None : None for the values 0 and 255, whose grey values are easy to see.
        Of two values, the larger one is white, even if it is membrane
    """
    if len(colours) != len(values):
        values = sorted(values)
        if values == [0, 255]:
            return None
        several = cycle(COLOURS) if len(values) > 2 else [WHITE]
        colours = [BACKGROUND, *(one for one, _ in zip(several, values[1:], strict=False))]
    found = np.zeros((256, 3), np.uint8)
    found[list(values)] = colours
    return found
