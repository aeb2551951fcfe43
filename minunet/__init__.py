"""The U-Net of Ronneberger, Fischer and Brox (2015), from scratch in NumPy.

    model = minunet.load("runs/em/best.npz")     a trained model; or load("em"), which is built in
    p = model.segment(image)                     class probabilities; the image may have any size
    cells = model.cells(image)                   numbered cells; 0 is background

| folder          | contents                                                              |
|-----------------|-----------------------------------------------------------------------|
| `ops/`          | the arrows of Figure 1, forward and backward: start reading here      |
| `fast/`         | faster versions of these ops, for float32 on the CPU                  |
| `gpu/`          | versions with fewer kernel launches, for float32 on a GPU             |
| `network/`      | the graph, its sizes and its initial weights                          |
| `data/`         | images and labels from files or synthetic; weight maps                |
| `augmentation/` | elastic deformation and other augmentations                           |
| `training/`     | SGD with momentum, one tile per step                                  |
| `prediction/`   | the overlap-tile strategy and the numbering of cells                  |
| `models/`       | trained models that come with minunet                                 |
| `exchange/`     | files of other programs: PyTorch, Caffe, ONNX, bioimage.io            |
| `runs/`         | the settings, the checkpoints and the folder of a run                 |
| `metrics/`      | one file per score                                                    |
| `report/`       | pictures and `report.html`                                            |
| `napari_plugin/`| the plugin for the viewer napari                                      |

The other modules are the commands (`python -m minunet` lists them) and the code that they share.

Importing minunet loads none of these. The commands import a library only when they need it, so that
`--help` appears at once: SciPy is imported as `import scipy`, which loads its submodules on first
use; Matplotlib, tifffile, Pillow and tqdm are imported in the functions that use them.
"""

import sys

if "-m" in sys.orig_argv[:-1] and sys.orig_argv[sys.orig_argv.index("-m") + 1][:7] == "minunet":
    # A command is starting. Ctrl-C while it imports its libraries ends it at once, without a
    # traceback; `cli.run` changes that when there is something to save.
    import os
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))

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
