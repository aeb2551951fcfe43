"""Predict the probabilities, classes and cells of an image of any size.

| file               | contents                                                          |
|--------------------|-------------------------------------------------------------------|
| `tiling.py`        | the overlap-tile strategy of Figure 2                             |
| `averaging.py`     | the average over rotated and flipped versions of an image         |
| `model.py`         | a trained model in Python: load it and segment arrays             |
| `stack.py`         | segment a stack slice by slice, into files larger than memory     |
| `survey.py`        | one pass over the images before a prediction: damage and scale    |
| `instances.py`     | find and number the cells in a probability map                    |
| `tile_choice.py`   | the tile size with the least computation within a memory limit    |
| `memory.py`        | how much memory a prediction needs                                |
| `gpu_memory.py`    | how much memory of a GPU a prediction and a training step need    |
| `jobs.py`          | what `predict` does: a stack, or one job for every file           |
| `summary.py`       | what `predict` prints before it starts                            |
| `rectangle.py`     | the logits of any rectangle of an image, as in one pass           |
| `volume_plan.py`   | all that a prediction in blocks depends on                        |
| `blocks.py`        | a volume in blocks, each of which can be computed by itself       |
| `block_cells.py`   | the cells of slices that are larger than memory, block by block   |
| `union.py`         | components of several blocks that are one                         |
| `engines.py`       | who computes them: this process, its workers, or a Dask cluster   |
| `volume_job.py`    | what `predict` does if its output is an OME-Zarr image            |
| `label_colours.py` | the colours of classes, with which ImageJ shows labels            |
| `output_files.py`  | the result files of `predict`, memory-mapped while it runs        |
| `results.py`       | all results of `predict`, and what determines them                |
| `unfinished.py`    | results that are not complete, and how `--resume` continues them  |
"""

from minunet.prediction.model import Model, load
from minunet.prediction.tiling import Tiling

__all__ = ["Model", "Tiling", "load"]
