"""A trained model in Python: load a checkpoint and segment an array.

import minunet
model = minunet.load("runs/em/best.npz")
p = model.segment(image)
cells = model.cells(image)
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet import models
from minunet.array import Array, Tensors
from minunet.data import object_size
from minunet.data.object_size import PixelSize
from minunet.data.scaling import Scale, scale_of
from minunet.errors import InputError
from minunet.image import all_finite
from minunet.network import Architecture, Network
from minunet.network.device import Name, Wanted, choose, to_device
from minunet.network.device import of as device_of
from minunet.ops import cross_entropy
from minunet.prediction import averaging, instances
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling, Window
from minunet.resampling import Factors
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import Settings

OnTile = Callable[[int, int], object]
"""Called after every tile with the number of tiles done and the total number."""


class Model(NamedTuple):
    """The parameters of a trained network, with the settings they were trained with."""

    params: Tensors  # on any device
    settings: Settings
    step: int  # training step after which the parameters were saved

    def __repr__(self) -> str:
        """Return a summary without the parameters, which would fill thousands of lines."""
        arch = self.architecture
        return (
            f"<minunet.Model: depth {arch.depth}, {arch.channels} channels, {arch.classes} "
            f"classes, {arch.parameters():,} parameters, step {self.step}>"
        )

    @property
    def architecture(self) -> Architecture:
        """The architecture of the network."""
        return self.settings.architecture

    @property
    def device(self) -> Name:
        """The device that the parameters are on."""
        return device_of(self.params["out.b"])

    def tiling(self, pixel_size: PixelSize | None = None) -> Tiling:
        """Return the tile size used in training, and by how much an image is shrunk.

        Parameters
        ----------
        pixel_size : (height, width) or None     of the image, in micrometres; None: as in training

        Raises
        ------
        InputError
            If the pixel size is not valid, or very different from that of the training images.
        """
        trained = self.settings
        here = None if pixel_size is None else object_size.checked(pixel_size)
        shrink = object_size.factors(self.shrink, trained.pixel_size, here)
        return Tiling(trained.tile, shrink=shrink)

    def rule(self, shrink: Factors) -> Rule:
        """Return how cells are found in images that are shrunk by these factors.

        The minimum size of a seed stays the same in network pixels: if image pixels are half as
        wide and half as high as in training, it is four times as many image pixels.
        """
        return instances.rule(self.settings).scaled(prod(shrink) / prod(self.tiling().shrink))

    @property
    def shrink(self) -> float:
        """Image pixels per network pixel in training."""
        return 1.0 if self.settings.shrink == "auto" else self.settings.shrink

    def segment(
        self,
        image: Array,
        tiling: Tiling | None = None,
        progress: OnTile | None = None,
        pixel_size: PixelSize | None = None,
    ) -> Array:
        """Segment an image or a stack of any size in overlapping tiles.

        Grey values are scaled and the image is shrunk as in training.

        Parameters
        ----------
        image : (H, W), (Z, H, W) or (Z, H, W, C)     grey values in any real dtype. An array
                                     with three axes is a stack of greyscale slices
        tiling : Tiling or None      None: that of training, see `Model.tiling`
        progress : callable or None  called after every tile, see `OnTile`
        pixel_size : (height, width) or None     see `Model.tiling`; unused if `tiling` is given

        Returns
        -------
        p : (H, W, K) or (Z, H, W, K)     float32, the probability of every class

        Raises
        ------
        InputError
            If the image has an invalid shape or number of channels, if it contains values that are
            not finite real numbers, if the tiling is not valid, if the logits are not finite, or if
            the memory of the GPU is not enough for a tile.
        """
        image = np.asarray(image)
        stack = self._stack(image)
        tiling = tiling or self.tiling(pixel_size)
        tiling.check(self.architecture.depth)
        tiles = len(stack) * tiling.tile_count(stack.shape[1:], self.architecture.depth)
        done = count(1)

        def advance() -> None:
            if progress is not None:
                progress(next(done), tiles)

        p = np.empty((*stack.shape[:3], self.architecture.classes), self.params["out.b"].dtype)
        slices = self.slices(list(stack), tiling, advance=advance)
        for slice_p, parts in zip(p, slices, strict=True):
            for at, part in parts:
                slice_p[at] = part
        return p[0] if image.ndim == 2 else p

    def cells(
        self,
        image: Array,
        threshold: float | None = None,
        progress: OnTile | None = None,
        pixel_size: PixelSize | None = None,
    ) -> Array:
        """Segment an image or a stack, and number the cells of every slice.

        Parameters
        ----------
        image : (H, W), (Z, H, W) or (Z, H, W, C)     see `segment`
        threshold : float or None    for the seeds of cells, in [0, 1), see `instances.Rule`; None:
                                     the one chosen when the run finished, or 0.5
        progress : callable or None  see `segment`
        pixel_size : (height, width) or None     see `segment`

        Returns
        -------
        cells : (H, W) or (Z, H, W) uint16     0 is background, k is cell k of its slice

        Raises
        ------
        InputError
            As in `segment`; also if the model has more than two classes, or if the threshold is
            not in [0, 1).
        """
        check_two_classes(self.settings, "cells")
        tiling = self.tiling(pixel_size)
        rule = self.rule(tiling.shrink)
        if threshold is not None:
            if not 0 <= threshold < 1:
                raise InputError(f"threshold is {threshold}; it must be at least 0 and below 1")
            rule = rule._replace(threshold=threshold)
        image = np.asarray(image)
        p = self.segment(image, tiling, progress)[..., 1]
        return rule.cells(p) if image.ndim == 2 else np.stack([rule.cells(one) for one in p])

    def slices(
        self,
        images: Sequence[Array],
        tiling: Tiling,
        empty: averaging.Empty = np.empty,
        advance: Callable[[], None] = lambda: None,
        scale: Scale | None = None,
    ) -> Iterator[Iterator[Window]]:
        """Segment a stack slice by slice and window by window, so that it need not fit in memory.

        Parameters
        ----------
        images : sequence of (H, W, C)     may load each image when it is indexed
        tiling : Tiling
        empty : callable                   makes arrays for whole slices, see `averaging.windows`
        advance : callable                 called after every tile
        scale : Scale or None              of all images; None: it is computed from `images`

        Yields
        ------
        parts : iterator     windows of a slice, with their class probabilities (h, w, K); exhaust
                             it before taking the next slice
        """
        scaling = self.settings.scaling
        if scale is None and scaling != "image":
            scale = scale_of(images, scaling)
        for k in range(len(images)):
            image = images[k]
            own = scale or scale_of([image], scaling)
            network = Network(self.params, self.architecture, own.apply)
            parts = averaging.windows(network, image, tiling, empty, advance)
            yield _probabilities(parts, k)
            del image, parts  # before the next slice is loaded

    def _stack(self, image: Array) -> Array:
        """Reshape an image or a stack to (Z, H, W, C); check its shape and its values."""
        channels = self.architecture.in_channels
        stack = image[np.newaxis] if image.ndim == 2 else image
        stack = stack[..., np.newaxis] if stack.ndim == 3 else stack
        if stack.ndim != 4 or stack.shape[3] != channels or 0 in stack.shape:
            valid = "(H, W) or (Z, H, W)" if channels == 1 else f"(Z, H, W, {channels})"
            raise InputError(
                f"the image has the shape {image.shape}; this model needs {valid}"
                + ("" if channels == 1 else ": for a single image, pass image[np.newaxis]")
            )
        if image.dtype.kind not in "buif" or not all(map(all_finite, stack)):
            raise InputError(
                f"the image ({image.dtype}) contains values that are not finite real numbers"
            )
        return stack


def _probabilities(parts: Iterator[Window], k: int) -> Iterator[Window]:
    """Convert the logits in the windows of slice k to probabilities; refuse NaN and infinity."""
    for at, logits in parts:
        yield at, probabilities(logits, f"slice {k}")


def probabilities(logits: Array, of: str) -> Array:
    """Convert the logits (h, w, K) of something to probabilities; refuse NaN and infinity."""
    if not np.isfinite(logits).all():
        raise InputError(
            f"the logits of {of} contain NaN or infinity: the weights of this model, or the grey "
            "values, are too large for float32; use another checkpoint"
        )
    return cross_entropy.softmax(logits)


def check_two_classes(settings: Settings, purpose: str) -> None:
    """Raise an `InputError` unless the model has the two classes that `purpose` needs."""
    classes = len(settings.label_values)
    if classes != 2:
        raise InputError(f"{purpose} need a two-class model; this one has {classes} classes")


def of_checkpoint(saved: Checkpoint, name: Name) -> Model:
    """Make a model from a checkpoint, and put its parameters on a device."""
    params = to_device(saved.params, name)
    return Model(params, Settings.from_json(saved.settings), saved.step)


def load(path: str | Path, device: Wanted = "auto") -> Model:
    """Load a trained model.

    Parameters
    ----------
    path : str or Path                   `best.npz` or `last.npz` in the folder of a run; or the
                                         name of a model in `minunet.models`, such as "em"
    device : {"auto", "cpu", "cuda"}     auto: a GPU if there is one, else the CPU

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If the file is not a checkpoint, is damaged or altered, or "cuda" is not available.
    """
    name, _ = choose(device)
    return of_checkpoint(checkpoint.load(models.find(path)), name)
