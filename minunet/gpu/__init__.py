"""The ops in forms that need few kernel launches, for float32 on a GPU.

| file           | how it needs fewer launches                                                     |
|----------------|---------------------------------------------------------------------------------|
| `conv2d.py`    | one matrix product for each row of the kernel, instead of one for each tap      |
| `conv_relu.py` | the definition, with the convolution of this room                               |
| `upconv.py`    | four taps as one matrix product                                                 |
| `maxpool.py`   | the four taps along one axis                                                    |

A GPU computes a small map faster than the CPU can launch its kernels, so their number limits the
speed. The functions use NumPy's names only, and run on whatever array they are given. They equal
those of `minunet.ops` up to rounding. `unet.ops_for` chooses between the two.
"""

from minunet.gpu import conv2d, conv_relu, maxpool, upconv
from minunet.ops import crop_concat, dropout, relu

__all__ = ["conv2d", "conv_relu", "crop_concat", "dropout", "maxpool", "relu", "upconv"]
