"""Augmentation: training tiles as the image might have been, had the tissue bent.

| file               | what it is                                                      |
|--------------------|-----------------------------------------------------------------|
| `tile.py`          | one tile, varied: turned, flipped, bent and shifted at once     |
| `deformation.py`   | the smooth displacement field of section 3.1                    |
| `interpolation.py` | reading an image between its pixels, mirrored beyond its edges  |
| `grey_values.py`   | a smooth monotone curve for the grey values                     |
"""

from minunet.augmentation.tile import SETS, Augmentation, Set, sample

__all__ = ["SETS", "Augmentation", "Set", "sample"]
