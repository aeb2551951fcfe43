"""Versions of the ops that need fewer kernel launches, for float32 on a GPU.

| file           | how it needs fewer launches                                                     |
|----------------|---------------------------------------------------------------------------------|
| `conv2d.py`    | one matrix product for each row of the kernel, instead of one for each tap      |
| `conv_relu.py` | the definition, but with the convolution of `conv2d.py`                         |
| `upconv.py`    | one matrix product for all four taps                                            |
| `maxpool.py`   | reductions over one axis with all four taps                                     |

For a small map, the CPU needs longer to launch a kernel than the GPU needs to run it, so the number
of launches limits the speed. The functions call only NumPy, and run on whatever kind of array they
are given. Their results equal those of `minunet.ops` up to rounding. `unet.ops_for` chooses between
the two.
"""

from minunet.gpu import conv2d, conv_relu, maxpool, upconv
from minunet.ops import crop_concat, dropout, relu

__all__ = ["conv2d", "conv_relu", "crop_concat", "dropout", "maxpool", "relu", "upconv"]
