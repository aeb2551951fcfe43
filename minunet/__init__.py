"""The U-Net of Ronneberger, Fischer and Brox (2015), from scratch in NumPy.

Reading order: `minunet/ops/`, one file per arrow of Figure 1; then `minunet/unet.py`, the graph
written out twice, down and back up; then `minunet/train.py`.
"""

__version__ = "0.1.0"
