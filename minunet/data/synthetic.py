"""Synthetic stacks that look like serial-section electron microscopy, with exact labels.

Neurites grow as tubes that avoid one another, and an additively weighted Voronoi diagram divides
the space between them. Each image is the projection of a section, 50 nm thick by default, as in the
microscope. This reproduces what makes real stacks hard to segment: obliquely cut membranes are wide
and pale, and outlines move from slice to slice. The cells contain organelles, which look like
membrane but are labelled as cell.

A `Look` says what a stack looks like, from the size of a pixel to the dirt on a section.
`varied_slices` gives every slice its own.
"""

from collections.abc import Collection
from typing import NamedTuple, get_args

import numpy as np
import scipy

from minunet.array import Array
from minunet.data.look import ISBI_2012, Group, Look, check, varied
from minunet.data.painting import Painter
from minunet.data.tissue import MARGIN, Balls, Block, Cut, Noise, divide, grow
from minunet.errors import InputError

MIN_SIDE = 16  # pixels: about half the width of a typical neurite
MAX_VOXELS = 2**26  # 256 slices of 512 x 512
MAX_TISSUE = 4.1e11  # nm³ with its margin: 8192 x 8192 usual pixels
MAX_CELLS = 2**16 - 1  # the largest uint16
PLANES = 3  # planes averaged per section; odd, so that labels can use the middle one

WARP = ((36.0, 180.0), (10.0, 56.0))  # amplitude and scale of membrane waviness, in nanometres
JITTER = (6.0, 240.0)  # the same, sampled for each section: distortion from cutting
LOST = (150.0, 400.0)  # nanometres of tissue lost between two slices at a jump
# Half the width of a labelled membrane, relative to `Look.membrane`; what is stained more than
# `Look.filled` is labelled as membrane, too.
LABEL_WIDTH = 10.8 / 11.6
FRAGMENT = 400.0  # square nanometres; smaller pieces of cells are labelled as membrane


class EMStack(NamedTuple):
    """A synthetic stack."""

    images: Array  # (Z, H, W) uint8
    labels: Array  # (Z, H, W) uint8, 0 = membrane, 1 = cell
    instances: Array  # (Z, H, W) uint16, 0 = membrane, k = cell k


def em_stack(
    shape: tuple[int, int, int], rng: np.random.Generator, look: Look = ISBI_2012
) -> EMStack:
    """Generate a stack; the same generator state gives the same stack, bit for bit.

    Parameters
    ----------
    shape : (Z, H, W)                slices, rows, columns; Z >= 1, H and W >= 16
    rng : numpy.random.Generator     source of all random numbers
    look : Look                      how the stack looks

    Returns
    -------
    EMStack
        A cell has the same number in all slices (some numbers occur in no slice). Different cells
        never touch, not even at a corner.

    Raises
    ------
    InputError
        If `shape` is not three integers within these limits, if it has more than `MAX_VOXELS`
        voxels or more tissue than `MAX_TISSUE`, or if a value of `look` is not valid.
    """
    depth, height, width = _checked(shape)
    check(look)
    depths = _depths(depth, look, rng)
    block = Block(float(depths[-1] + look.section), height, width, look.pixel)
    balls = _grow(block, look, rng)
    warp = [[(a, Noise(block, scale, rng)) for a, scale in WARP] for _ in "yx"]
    painter = Painter(balls, block, look, rng)
    images = np.empty((depth, height, width), np.uint8)
    instances = np.empty((depth, height, width), np.uint16)
    grid = np.indices((height, width), np.float32) * np.float32(look.pixel)
    for z, top in enumerate(depths):
        jitter = [Noise(block._replace(depth=0), JITTER[1], rng).plane(0) for _ in "yx"]
        cuts = []
        for t in top + (np.arange(PLANES) + 0.5) / PLANES * look.section:
            y, x = (
                at
                + JITTER[0] * shift
                + look.waviness * sum(a * noise.plane(t) for a, noise in waves)
                for at, shift, waves in zip(grid, jitter, warp, strict=True)
            )
            cuts.append(painter.beside(Cut(t, y, x, *divide(balls, t, y, x, look.pixel))))
        stain, middle = painter.membrane(cuts), cuts[PLANES // 2]
        instances[z] = _annotate(middle, stain, painter.sheath, look)
        images[z] = painter.image(middle, instances[z], stain)
    return EMStack(images, (instances > 0).astype(np.uint8), instances)


def varied_slices(
    shape: tuple[int, int, int],
    rng: np.random.Generator,
    groups: Collection[Group] = get_args(Group),
) -> EMStack:
    """Generate slices that do not belong together: each has its own tissue and its own look.

    Parameters
    ----------
    shape : (Z, H, W)                as for `em_stack`
    rng : numpy.random.Generator     source of all random numbers
    groups : collection of str       groups of parameters that vary, see `look.RANGES`

    Returns
    -------
    EMStack
        Slice k does not depend on Z. Numbers of cells start again in every slice: equal numbers in
        two slices do not mean the same cell.
    """
    depth, height, width = _checked(shape)
    stacks = []
    for own in rng.spawn(depth):
        tissue, looks = own.spawn(2)
        stacks.append(em_stack((1, height, width), tissue, varied(looks, groups)))
    return EMStack(*(np.concatenate(arrays) for arrays in zip(*stacks, strict=True)))


def _checked(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    whole = len(shape) == 3 and all(isinstance(n, int | np.integer) for n in shape)
    if not whole or shape[0] < 1 or min(shape[1:]) < MIN_SIDE:
        raise InputError(
            f"shape must be integers (Z, H, W) with Z >= 1 and H, W >= {MIN_SIDE}, got {shape}"
        )
    depth, height, width = (int(n) for n in shape)
    if depth * height * width > MAX_VOXELS:
        raise InputError(
            f"shape {shape} has more than {MAX_VOXELS} voxels; generate several smaller stacks"
        )
    return depth, height, width


def _depths(count: int, look: Look, rng: np.random.Generator) -> Array:
    """Return the depths of the tops of the sections in the tissue, in nanometres."""
    lost = np.zeros(count)
    if look.jump:
        lost[1:] = rng.uniform(*LOST, count - 1) * (rng.random(count - 1) < look.jump)
    return np.arange(count) * look.section + np.cumsum(lost)


def _grow(block: Block, look: Look, rng: np.random.Generator) -> Balls:
    """Grow the tissue of a stack, unless it has too many cells."""
    sides = np.array(block.extent)
    if np.prod(sides + 2 * MARGIN) <= MAX_TISSUE:
        balls = grow(block.extent, rng, look.radius, look.radius_spread)
        if balls.cells.max() <= MAX_CELLS:
            return balls
    size = " x ".join(f"{side / 1000:.3g}" for side in sides)
    raise InputError(
        f"a stack of {size} µm has too much tissue or too many cells; generate several smaller "
        f"stacks, or choose a look with smaller pixels (now {look.pixel} nm)"
    )


def _annotate(cut: Cut, stain: Array, sheath: Array, look: Look) -> Array:
    """Return instances (H, W) as an annotator would draw them: separated, without specks.

    `sheath` is the width of the myelin of every cell.
    """
    meet = scipy.ndimage.maximum_filter(cut.cells, 3) != scipy.ndimage.minimum_filter(cut.cells, 3)
    width = LABEL_WIDTH * look.membrane
    membrane = meet | (cut.distance < width) | (stain > look.filled)
    membrane |= cut.distance < sheath[cut.cells]
    pieces, _ = scipy.ndimage.label(~membrane & (cut.cells > 0))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.where(sizes[pieces] < FRAGMENT / look.pixel**2, 0, cut.cells).astype(np.uint16)
