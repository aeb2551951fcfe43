"""From an image of any size to probabilities, classes and cells.

| file              | what it is                                                        |
|-------------------|-------------------------------------------------------------------|
| `tiling.py`       | the overlap-tile strategy of Figure 2                             |
| `averaging.py`    | the average over turned and flipped versions of an image          |
| `model.py`        | a trained model in a notebook: load it, segment an array          |
| `stack.py`        | a stack, slice by slice, into files larger than memory            |
| `instances.py`    | numbered cells from the probability of cell                       |
| `tile_choice.py`  | which tile computes least within the memory there is              |
| `memory.py`       | how much memory a prediction takes                                |
| `output_files.py` | the TIFF files that `predict` writes, mapped while they are made  |
"""

from minunet.prediction.model import Model, load
from minunet.prediction.tiling import Tiling

__all__ = ["Model", "Tiling", "load"]
