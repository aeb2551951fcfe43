"""Figures for dark pages: light lines and text on the ground of the page.

The lightness of a figure is inverted, and its hues are kept. The images in it, such as micrographs
and heat maps, do not change. A picture without a white edge is no figure, and has no dark version.
"""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

if TYPE_CHECKING:
    from docutils import nodes
    from numpy.typing import NDArray
    from sphinx.application import Sphinx

GROUND = np.array([19, 20, 22])
"""What white becomes: the ground of the dark theme."""

INK = np.array([226, 226, 226])
"""What black becomes."""

SIDES = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])
"""The sides of a picture, as indices."""

LONG, SHORT = 40, 9
"""Minimum of the longer and of the shorter side of an image, in pixels; a colour bar is 11 high."""


def version(png: bytes) -> bytes | None:
    """Return the dark version of a figure, both as PNG, or None if it has none."""
    with Image.open(io.BytesIO(png)) as opened:
        dark = darkened(np.asarray(opened.convert("RGB")))
    if dark is None:
        return None
    written = io.BytesIO()
    Image.fromarray(dark).save(written, "png", optimize=True)
    return written.getvalue()


def darkened(figure: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the dark version of a figure (H, W, 3), or None if its edge is not white."""
    edge = np.concatenate([figure[side] for side in SIDES])
    if (edge == 255).mean() < 0.99:
        return None
    # The lightness of HLS, (max + min) / 2, becomes 1 minus itself; hue and chroma stay.
    light = figure + (255.0 - figure.max(axis=2) - figure.min(axis=2))[..., np.newaxis]
    dark = GROUND + light / 255 * (INK - GROUND)
    kept = images(figure)[..., np.newaxis]
    return np.where(kept, figure, dark.round().clip(0, 255)).astype(np.uint8)


def images(figure: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark the pixels of the images in a figure, without their black frames."""
    white = np.pad((figure == 255).all(axis=2), 1, constant_values=True)
    outside = ndimage.label(white)[0] == 1  # the part of the white that the corner belongs to
    solid = _opened(~outside[1:-1, 1:-1], 7)  # without ticks and most of the text
    found = np.zeros_like(solid)
    rows, columns = [], []
    for panel in ndimage.find_objects(ndimage.label(solid)[0]):
        if solid[panel].mean() > 0.97 and _is_image(figure[panel]):
            found[panel] = True
            rows.append(panel[0])
            columns.append(panel[1])
            if _framed(figure[panel]):
                for side in (0, -1):
                    found[panel][side] = found[panel][:, side] = False
    # A white image without a frame: it lies in the rows of one image and the columns of another.
    for panel in product(rows, columns):
        if not found[panel].any() and _is_image(figure[panel]):
            found[panel] = True
    return found


def _is_image(panel: NDArray[np.uint8]) -> bool:
    """Return whether a rectangle of a figure is an image, not a plot or a grid of numbers."""
    if max(panel.shape[:2]) < LONG or min(panel.shape[:2]) < SHORT:
        return False
    inner = panel[2:-2, 2:-2].astype(int)
    white = (inner == 255).all(axis=2)
    if (np.ptp(inner, axis=2) > 8).mean() < 0.003:  # grey: an image has spots, a plot has lines
        return bool(_opened(~white, 5).any())
    flat = (np.diff(inner, axis=0)[:, 1:] == 0) & (np.diff(inner, axis=1)[1:] == 0)
    return white.mean() < 0.15 and (_framed(panel) or flat.all(axis=2).mean() < 0.6)


def _opened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Return a mask without the parts into which no square of this side fits."""
    return ndimage.maximum_filter(ndimage.minimum_filter(mask, side), side)


def _framed(panel: NDArray[np.uint8]) -> bool:
    """Return whether the outermost pixels of a panel are black."""
    return all((panel[side] < 60).all(axis=-1).mean() > 0.95 for side in SIDES)


def add(app: Sphinx, doctree: nodes.document) -> None:
    """Put the dark version of each figure after it; `style.css` shows one of the two."""
    from docutils import nodes  # the kernel of a page imports this file without it

    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if path.suffix != ".png":
            continue
        dark = version(path.read_bytes())
        if dark is None:
            continue
        uri = f"dark/{path.stem}-dark.png"
        Path(app.srcdir, "dark").mkdir(exist_ok=True)
        Path(app.srcdir, uri).write_bytes(dark)
        app.env.images.add_file(app.env.current_document.docname, uri)
        other = image.copy()
        other.attributes.update({"uri": uri, "candidates": {"*": uri}, "loading": "lazy"})
        image["classes"] = [*image["classes"], "on-light"]
        other["classes"] = [*other["classes"], "on-dark"]
        image.parent.insert(image.parent.index(image) + 1, other)
