"""The U-Net of Ronneberger, Fischer and Brox (2015), from scratch in NumPy.

Reading order: `minunet/ops/`, one file per arrow of Figure 1; then `minunet/unet.py`, the graph
written out twice, down and back up; then `minunet/train.py`.

No command loads what it does not use, so `--help` is there at once: SciPy is imported whole, as
`import scipy`, and loads `scipy.ndimage` and its like when they are first named; Matplotlib,
tifffile, Pillow and tqdm are imported in the functions that use them.
"""

__version__ = "0.1.0"
