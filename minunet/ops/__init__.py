"""The arrows of Figure 1 and the energy of section 3, each with a `forward` and a `backward`.

| file              | arrow in Figure 1                     |
|-------------------|---------------------------------------|
| `conv2d.py`       | conv 3x3 (blue), conv 1x1 (teal)      |
| `relu.py`         | ReLU (part of the blue arrows)        |
| `conv_relu.py`    | conv 3x3 and ReLU (blue)              |
| `maxpool.py`      | max pool 2x2 (red)                    |
| `upconv.py`       | up-conv 2x2 (green)                   |
| `crop_concat.py`  | copy and crop (grey)                  |
| `dropout.py`      | none: section 3.1, last sentence      |
| `cross_entropy.py`| none: the energy of section 3         |
| `taps.py`         | none: the loop over the kernel taps   |

A feature map is ``(H, W, C)``: one image, channels last. A backward takes the upstream gradient and
what it needs from the forward. It returns one gradient for each array argument of the forward, in
that order and with that argument's shape and dtype. No op writes to an argument.

These are the definitions. For float32, minunet runs `minunet.fast` on the CPU and `minunet.gpu` on
a GPU instead; their results equal those of the definitions up to rounding.
"""

from minunet.ops import (
    conv2d,
    conv_relu,
    crop_concat,
    cross_entropy,
    dropout,
    maxpool,
    relu,
    upconv,
)

__all__ = [
    "conv2d",
    "conv_relu",
    "crop_concat",
    "cross_entropy",
    "dropout",
    "maxpool",
    "relu",
    "upconv",
]
