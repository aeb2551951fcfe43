"""An architecture with its parameters, ready to run."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minunet.array import Array, Tensors
from minunet.network import device, unet
from minunet.network.architecture import Architecture


class Network(NamedTuple):
    """Parameters, their architecture, and the scaling of the input.

    Parameters
    ----------
    params : dict           arrays on any device, see `Architecture.shapes`
    arch : Architecture
    scaled : callable       scales the values of a tile as in training; default: no scaling
    """

    params: Tensors
    arch: Architecture
    scaled: Callable[[Array], Array] = np.asarray

    def to_device(self, array: Array) -> Array:
        """Copy an array to the device of the parameters, unless it is already there."""
        return np.asarray(array, like=self.params["out.b"])

    def logits(self, tile: Array) -> Array:
        """Run a tile through the network, without keeping activations for a backward pass.

        Parameters
        ----------
        tile : (H, W, C)     on the host, of a valid size; see `minunet.network.sizes`

        Returns
        -------
        logits : (H-2m, W-2m, K)     activations a_k of the central pixels, on the host
        """
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the logits
            x = self.to_device(self.scaled(tile))
            logits, _ = unet.forward(self.params, x, self.arch, remember=False)
        return device.to_host(logits)
