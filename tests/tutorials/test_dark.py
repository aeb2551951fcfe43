"""Figures have a version for dark pages, in which the images do not change."""

import base64
import colorsys
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from chapters import CHAPTERS, TUTORIALS, outputs
from PIL import Image

pytest.importorskip("docutils")
from website import dark

rng = np.random.default_rng(5)
NOISE = rng.random((40, 40))
CELLS = np.pad(np.kron([[1, 0, 1], [0, 1, 1], [1, 1, 0]], np.ones((12, 12))), 2)
ORANGE, BLUE, PALE = (255, 127, 14), (31, 119, 180), (206, 225, 242)


def pixels(png):
    """Return a picture as an array (H, W, 3)."""
    with Image.open(png) as image:
        return np.asarray(image.convert("RGB"))


def drawn(draw, panels=1):
    """Draw panels in a row, the way `figures.show` does; return the pixels."""
    figure, axes = plt.subplots(1, panels, figsize=(2.2 * panels, 2), squeeze=False)
    for ax, each in zip(axes[0], draw if panels > 1 else [draw], strict=True):
        each(ax)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=90, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    return pixels(png)


def image(values, framed=True, **options):
    """Return a function that draws an image, with or without a frame."""

    def draw(ax):
        ax.imshow(values, **{"cmap": "gray"} | options)
        ax.set(xticks=(), yticks=())
        if not framed:
            ax.axis("off")

    return draw


def bars(ax):
    ax.bar(range(3), (1, 2, 3), color=[np.array(ORANGE) / 255, np.array(BLUE) / 255, "0.3"])


def black_curve(ax):
    ax.plot(np.sin(np.arange(100) / 9), color="black", label="a curve")
    ax.legend()


def grey_stripes(ax):
    ax.axvspan(0, 0.6, color="0.87")
    ax.plot([0, 1], [0, 1], color=np.array(BLUE) / 255)


def grid(ax):
    """Numbers in pale cells, as `grids.py` draws them."""
    for k in range(9):
        square = plt.Rectangle(divmod(k, 3), 1, 1, facecolor=np.array(PALE) / 255, edgecolor="0.75")
        ax.add_patch(square)
        ax.text(k // 3 + 0.5, k % 3 + 0.5, str(k))
    ax.set(xlim=(0, 3), ylim=(0, 3))
    ax.axis("off")


IMAGES = {
    "micrograph": image(NOISE),
    "micrograph without a frame": image(NOISE, framed=False),
    "label map": image(CELLS),
    "nearly white label map": image(np.pad(np.zeros((3, 3)), 20, constant_values=1)),
    "heat map": image(NOISE, cmap="viridis"),
    "heat map with a white middle": image(CELLS - 0.5, cmap="PuOr", vmin=-1, vmax=1),
    "one grey value": image(CELLS * 0, vmin=-1, vmax=1),
    "a tick and a title": lambda ax: (image(NOISE)(ax), ax.set(xticks=(0, 20), title="noise")),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_does_not_change(name):
    figure = drawn(IMAGES[name])
    after = dark.darkened(figure)
    h, w = figure.shape[0] // 2, figure.shape[1] // 2
    assert np.array_equal(
        after[h - 40 : h + 40, w - 40 : w + 40], figure[h - 40 : h + 40, w - 40 : w + 40]
    )
    assert (after[0, 0] == dark.GROUND).all()


def test_a_white_image_without_a_frame_is_found_by_its_neighbours():
    figure, axes = plt.subplots(2, 2, figsize=(4, 4), dpi=90)
    label = 1 - np.pad(np.ones((8, 8)), 16)  # its edge is white, like the page
    for ax, values in zip(axes.flat, (NOISE, NOISE, NOISE, label), strict=True):
        image(values, framed=False)(ax)
    png = io.BytesIO()
    figure.savefig(png, format="png", facecolor="white")
    box = axes[1, 1].get_window_extent()  # y upwards
    plt.close(figure)
    was = pixels(png)
    rows = slice(round(len(was) - box.y1) + 2, round(len(was) - box.y0) - 2)
    columns = slice(round(box.x0) + 2, round(box.x1) - 2)
    after = dark.darkened(was)
    assert set(was[rows, columns].ravel()) == {0, 255}
    assert np.array_equal(after[rows, columns], was[rows, columns])


def test_text_and_axes_of_an_image_are_light():
    figure = drawn(lambda ax: (image(NOISE)(ax), ax.set(title="MMMM")))
    after = dark.darkened(figure)
    title, was = after[:14], figure[:14]
    assert was.min() == 0 and (title[was.max(axis=2) == 0] == dark.INK).all()
    assert (title[was.min(axis=2) == 255] == dark.GROUND).all()


@pytest.mark.parametrize("draw", [bars, black_curve, grey_stripes, grid])
def test_plots_and_grids_become_dark(draw):
    figure = drawn(draw)
    after = dark.darkened(figure).astype(int)
    assert (after[(figure == 255).all(axis=2)] == dark.GROUND).all()
    assert (after[(figure == 0).all(axis=2)] == dark.INK).all()
    # Everything that was darker than something else is lighter now.
    was = figure.astype(int).max(axis=2) + figure.astype(int).min(axis=2)
    now = after.max(axis=2) + after.min(axis=2)
    order = np.argsort(was.ravel())
    assert (np.diff(now.ravel()[order]) <= 4).all()  # with rounding


def test_a_plot_beside_an_image_becomes_dark():
    figure = drawn([image(NOISE), bars], panels=2)
    changed = (dark.darkened(figure) != figure).any(axis=2)
    h, w = figure.shape[0] // 2, figure.shape[1]
    assert not changed[h - 30 : h + 30, w // 4 - 30 : w // 4 + 30].any()
    assert changed[h - 30 : h + 30, 3 * w // 4 - 30 : 3 * w // 4 + 30].all()


@pytest.mark.parametrize("colour", [ORANGE, BLUE, PALE])
def test_hues_stay(colour):
    figure = np.full((60, 60, 3), 255, np.uint8)
    figure[20:30, 20:30] = colour
    after = dark.darkened(figure)[25, 25] / 255
    assert colorsys.rgb_to_hls(*after)[0] == pytest.approx(
        colorsys.rgb_to_hls(*np.array(colour) / 255)[0], abs=0.02
    )


def test_a_photograph_has_no_dark_version():
    assert dark.darkened((255 * np.dstack([NOISE] * 3)).astype(np.uint8)) is None


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_first_figure_of_a_chapter_has_a_dark_version(chapter):
    pngs = (output.get("data", {}).get("image/png") for output in outputs(chapter))
    figure = pixels(io.BytesIO(base64.b64decode("".join(next(filter(None, pngs))))))
    assert (dark.darkened(figure)[:3] == dark.GROUND).all()


def test_a_picture_of_the_readme_has_one_and_a_screenshot_has_none():
    assert (
        dark.darkened(pixels(TUTORIALS.parent / "benchmarks/pictures/few_slices.png")) is not None
    )
    assert dark.darkened(pixels(TUTORIALS / "pages" / "pictures" / "napari.png")) is None
