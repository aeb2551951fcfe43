"""The U-Net of Ronneberger, Fischer and Brox (2015), from scratch in NumPy.

    model = minunet.load("runs/em/best.npz")     a trained model
    p = model.segment(image)                     class probabilities of an array of any size
    cells = model.cells(image)                   its cells, numbered

| room            | what is in it                                                         |
|-----------------|-----------------------------------------------------------------------|
| `ops/`          | the arrows of Figure 1, forward and backward: start reading here      |
| `fast/`         | the same on a CPU in float32                                          |
| `network/`      | the graph, its sizes, its first weights                               |
| `data/`         | from files to images, labels and weights                              |
| `augmentation/` | elastic deformation and the rest                                      |
| `training/`     | momentum SGD, one tile per step                                       |
| `prediction/`   | the overlap-tile strategy, and cells                                  |
| `runs/`         | settings, checkpoints and folder of a run                             |
| `metrics/`      | a file for each score                                                 |
| `report/`       | pictures and `report.html`                                            |

The files next to the rooms are commands (`python -m minunet` lists them) and what they share.

Importing minunet loads none of this. Commands do not load what they do not use either, so that
`--help` appears at once: SciPy is imported as `import scipy`, which loads its parts on first use;
Matplotlib, tifffile, Pillow and tqdm are imported in the functions that use them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minunet.prediction.model import Model, load
    from minunet.prediction.tiling import Tiling

__version__ = "0.1.0"

__all__ = ["Model", "Tiling", "__version__", "load"]


def __getattr__(name: str) -> object:
    """Import `load`, `Model` and `Tiling` on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'minunet' has no attribute {name!r}")
    from minunet import prediction

    return getattr(prediction, name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
