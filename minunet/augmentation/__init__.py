"""Data augmentation (paper, section 3.1).

| file               | what it is                                                      |
|--------------------|-----------------------------------------------------------------|
| `tile.py`          | an augmented tile: rotated, flipped, deformed and shifted       |
| `deformation.py`   | the smooth displacement field                                   |
| `interpolation.py` | interpolation between pixels, with mirroring beyond the edges   |
| `grey_values.py`   | a random smooth, monotone curve for the grey values             |
"""

from minunet.augmentation.tile import SETS, Augmentation, Set, sample, warnings

__all__ = ["SETS", "Augmentation", "Set", "sample", "warnings"]
