"""Segment the slices of an image layer tile by tile, so that a panel can show progress and stop."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data.object_size import PixelSize
from minunet.errors import InputError
from minunet.napari_plugin.layers import LayerData, LayerSlices
from minunet.prediction.model import Model, check_two_classes
from minunet.prediction.stack import Labelling

Show = Literal["probability", "classes", "cells"]
"""What to compute from the probabilities: nothing, the most probable classes, or cells."""


class Progress(NamedTuple):
    """Progress of a job."""

    text: str
    done: int
    total: int  # 0: not yet known


def segment(
    model: Model,
    images: LayerSlices,
    show: Show,
    pixel_size: PixelSize | None = None,
    values: Sequence[int] = (),
) -> Generator[Progress, None, Array]:
    """Segment slices one by one; the result must fit into memory, but the images need not.

    Parameters
    ----------
    model : Model
    images : LayerSlices
    show : {"probability", "classes", "cells"}
    pixel_size : (height, width) or None     of the image, in micrometres; see `Model.tiling`
    values : sequence of int     labels of the classes; if empty, 1 … K, as napari does not show 0

    Yields
    ------
    Progress : after every tile

    Returns
    -------
    (…, H, W) : uint8 (classes), uint16 (cells) or float32 (probability of class 1)
    (K, …, H, W) : float32, the probability of each class, if there are three or more

    Raises
    ------
    InputError
        If the number of channels or the pixel size does not fit the model, or if `show` is "cells"
        and the model does not have two classes.
    """
    settings = model.settings
    if images.channels != settings.in_channels:
        raise InputError(
            f"the image has {images.channels} channel{'s' * (images.channels > 1)}, but the model "
            f"was trained on {settings.in_channels}; choose another layer or another model"
        )
    if show == "cells":
        check_two_classes(settings, "cells")
    tiling = model.tiling(pixel_size)
    plane, classes = (images.height, images.width), len(settings.label_values)
    labelling = Labelling(
        tuple(values) or tuple(range(1, classes + 1)),
        show == "cells",
        settings.threshold,
        model.rule(tiling.shrink),
    )
    maps = classes if show == "probability" and classes > 2 else 1
    dtype = {"probability": np.float32, "classes": np.uint8, "cells": np.uint16}[show]
    result = np.empty((maps, len(images), *plane), dtype)
    total = len(images) * tiling.tile_count(plane, model.architecture.depth)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1

    for k, parts in enumerate(model.slices(images, tiling, advance=advance)):
        p = np.empty((*plane, classes), np.float32)
        for at, part in parts:
            p[at] = part
            yield Progress("segmenting", done, total)
        result[:, k] = shown(p, show, labelling)
    result = result.reshape((maps, *images.leading, *plane))
    return result if maps > 1 else result[0]


def shown(p: Array, show: Show, labelling: Labelling) -> Array:
    """Convert the probabilities (H, W, K) of a slice to the result to show: (H, W) or (K, H, W)."""
    if show == "classes":
        return labelling.classes(p)
    if show == "cells":
        return labelling.rule.cells(p[..., 1])
    return np.moveaxis(p, -1, 0) if p.shape[-1] > 2 else p[..., 1]


def result_layers(
    result: Array, show: Show, name: str, place: Mapping[str, Any]
) -> list[LayerData]:
    """Return the layers that show a result of `segment`.

    Parameters
    ----------
    result : array
    show : {"probability", "classes", "cells"}
    name : str          first part of the names of the layers
    place : mapping     position of the image in the viewer, see `layers.PLACED`
    """
    if show != "probability":
        return [(result, {"name": f"{name} {show}", "opacity": 0.5, **place}, "labels")]
    several = result.ndim > len(place["scale"])
    maps = [(f" {k}", p) for k, p in enumerate(result)] if several else [("", result)]
    look = {"contrast_limits": (0.0, 1.0), "colormap": "gray", "blending": "translucent"}
    return [(p, {"name": f"{name} {show}{k}", **look, **place}, "image") for k, p in maps]
