"""Faster versions of the ops in `minunet.ops`, for float32 on the CPU.

| file             | why it is faster                                                             |
|------------------|------------------------------------------------------------------------------|
| `conv_relu.py`   | bias, ReLU and gradients are computed while a band of the map is cached      |
| `direct.py`      | the tap loop without copies: a shifted window is a run of pixels             |
| `narrow.py`      | all taps of the image, and the bias, in one product                          |
| `winograd.py`    | 36 products instead of 144, for layers with many channels                    |
| `rectified.py`   | the gradient passed on by a ReLU, in the layout that both forms above need   |
| `upconv.py`      | four taps as one matrix product                                              |
| `maxpool.py`     | long rows: the columns of the blocks side by side, then the rows             |
| `crop_concat.py` | the definition, band by band                                                 |
| `items.py`       | pixels are copied whole                                                      |
| `blas.py`        | y += a · b without a temporary array for the product                         |
| `threads.py`     | every core works on bands of rows that fit into its cache                    |
| `cores.py`       | no more threads than the cores, quotas and environment of the process allow  |
| `allocator.py`   | freed memory is kept for the next arrays                                     |

`unet.ops_for` chooses between `minunet.fast` and `minunet.ops`. They have the same functions,
whose results are equal up to rounding. The other ops, `conv2d`, `dropout` and `relu`, are imported
from `minunet.ops`.
"""

from minunet.fast import conv_relu, crop_concat, maxpool, upconv
from minunet.ops import conv2d, dropout, relu

__all__ = ["conv2d", "conv_relu", "crop_concat", "dropout", "maxpool", "relu", "upconv"]
