"""The ops of `minunet.ops` as the CPU runs them in float32: same names, same results, less time.

| file             | what makes it fast                                                           |
|------------------|------------------------------------------------------------------------------|
| `conv_relu.py`   | bias, ReLU and both gradients while a band of the map is in the cache        |
| `direct.py`      | the tap loop without a copy: a shifted window is a run of pixels             |
| `winograd.py`    | 36 products for 144, where channels are many                                 |
| `upconv.py`      | four taps as one matrix product                                              |
| `maxpool.py`, `crop_concat.py` | the definition, band by band                                   |
| `blas.py`        | y += a · b without the product in between                                    |

All of them share the cores by `minunet.threads`. `unet.ops_for` chooses between the two packages.
The ops that are not in the table are the definitions themselves.
"""

from minunet.fast import conv_relu, crop_concat, maxpool, upconv
from minunet.ops import conv2d, dropout, relu

__all__ = ["conv2d", "conv_relu", "crop_concat", "dropout", "maxpool", "relu", "upconv"]
