"""The ops of `minunet.ops` for float32 on the CPU: same names, same results, less time.

| file             | what makes it fast                                                           |
|------------------|------------------------------------------------------------------------------|
| `conv_relu.py`   | bias, ReLU and gradients are computed while a band of the map is in cache    |
| `direct.py`      | the tap loop without copies: a shifted window is a run of pixels             |
| `winograd.py`    | 36 products instead of 144, for layers with many channels                    |
| `rectified.py`   | the upstream gradient of a ReLU, laid out for both forms above               |
| `upconv.py`      | four taps as one matrix product                                              |
| `maxpool.py`     | the definition, band by band                                                 |
| `crop_concat.py` | the definition, band by band                                                 |
| `blas.py`        | y += a · b without a temporary for the product                               |
| `threads.py`     | every core works on bands of rows that fit into its cache                    |
| `allocator.py`   | freed memory is kept for the next arrays                                     |

`unet.ops_for` chooses between `minunet.fast` and `minunet.ops`. The other ops, `conv2d`, `dropout`
and `relu`, are the definitions themselves.
"""

from minunet.fast import conv_relu, crop_concat, maxpool, upconv
from minunet.ops import conv2d, dropout, relu

__all__ = ["conv2d", "conv_relu", "crop_concat", "dropout", "maxpool", "relu", "upconv"]
