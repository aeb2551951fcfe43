"""The description of an exported model: how to use it, its licence, its authors, its training."""

import json
import re
from typing import Any, NamedTuple

from minunet import __version__
from minunet.network import sizes
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import Settings

PLACES = ("images", "labels", "validation", "test", "start_from")
"""Settings that may be paths on the computer that trained the model."""

PAPER = (
    "Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, "
    "MICCAI 2015"
)
DOI = "10.1007/978-3-319-24574-4_28"

VALIDATION = """## Validation

Segment images that were not used for training, and compare the result with their labels. In
minunet, `python -m minunet.predict MODEL IMAGES -o OUT` segments images, and `python -m
minunet.evaluate OUT LABELS` prints V_Rand, V_Info, SEG, IoU and the pixel error, with their spread
over the images.
"""
"""Section that bioimage.io asks for in the documentation of a model."""

SCALED = {
    "image": "Scale each image so that its smallest grey value becomes 0 and its largest 1",
    "minmax": "Scale each stack so that its smallest grey value becomes 0 and its largest 1",
    "standard": "Scale each stack so that its grey values have mean 0 and standard deviation 1",
    "none": "Do not scale the grey values",
}
"""How to scale images for the network."""


class Description(NamedTuple):
    """What the author of a model says about it."""

    name: str
    license: str | None = None  # SPDX identifier, such as CC-BY-4.0
    authors: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    card: str | None = None  # in Markdown; None: minunet writes a summary


def meta(state: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint without its arrays, as JSON values; paths keep only their last part."""
    config = dict(state.settings)
    for name in PLACES:
        if config.get(name):
            config[name] = re.split(r"[/\\]", config[name].rstrip("/\\"))[-1]
    return checkpoint.about(state._replace(settings=config))


def properties(state: Checkpoint, about: Description) -> dict[str, str]:
    """Return the metadata of a safetensors or ONNX file; all values are texts."""
    settings = Settings.from_json(state.settings)
    arch = settings.architecture
    found = {
        "minunet": json.dumps(meta(state)),
        "minunet_version": __version__,
        "name": about.name,
        "architecture": json.dumps(
            {
                "depth": arch.depth,
                "channels": arch.channels,
                "in_channels": arch.in_channels,
                "classes": arch.classes,
                "variant": arch.variant,
                "margin": sizes.margin(arch.depth),
            }
        ),
        "label_values": json.dumps(settings.label_values),
        "scaling": settings.scaling,
        "training": training(state),
        "license": about.license or "",
        "authors": "; ".join(about.authors),
        "citations": "; ".join(about.citations),
    }
    return {key: value for key, value in found.items() if value}


def training(state: Checkpoint) -> str:
    """Summarize the training in one sentence."""
    settings = Settings.from_json(state.settings)
    if not state.step:
        return "The parameters come from another program."
    return (
        f"Trained with minunet for {state.step} steps on tiles of {settings.tile}x{settings.tile} "
        f"pixels, with the weight map {settings.weight_map!r}, the augmentation "
        f"{settings.augment!r} and the seed {settings.seed}."
    )


def label_names(settings: Settings) -> list[str]:
    """Return a name for each class, made from its label value in the training data."""
    return [f"label {value}" for value in settings.label_values]


def document(state: Checkpoint, about: Description) -> str:
    """Return the card of the model, or a summary of its settings, in Markdown."""
    settings = Settings.from_json(state.settings)
    arch = settings.architecture
    if about.card:
        return re.sub(r"!\[[^]]*\]\([^)]*\)\n*", "", about.card)  # without its pictures
    rule = f"{settings.threshold:g}" if settings.threshold is not None else "0.5"
    score = f" The best validation score was {state.best:.4f}." if state.best > 0 else ""
    return "\n".join(
        [
            f"# {about.name}",
            "",
            f"A U-Net as in the paper ({PAPER}), of depth {arch.depth} with {arch.channels} "
            f"channels: {arch.parameters():,} parameters, {arch.in_channels} input channel(s), "
            f"{arch.classes} classes ({', '.join(label_names(settings))}).",
            "",
            f"{training(state)}{score}",
            "",
            f"{SCALED[settings.scaling]}. "
            + (
                f"Threshold for the probability of the second class: {rule}."
                if arch.classes == 2
                else ""
            ),
            *_size_note(settings),
            "",
        ]
    )


def _size_note(settings: Settings) -> list[str]:
    """State the pixel size of the network, if it is known."""
    size = network_pixel(settings)
    if size:
        return ["", f"One pixel of the network is {size[0]:.4g} x {size[1]:.4g} µm."]
    if settings.shrink not in (1.0, "auto"):
        return ["", f"Shrink images by {settings.shrink:g} along each axis first."]
    return []


def network_pixel(settings: Settings) -> tuple[float, float] | None:
    """Return the height and width of a pixel of the network in micrometres; None if unknown."""
    if settings.pixel_size is None or settings.shrink == "auto":
        return None
    height, width = settings.pixel_size
    return height * settings.shrink, width * settings.shrink
