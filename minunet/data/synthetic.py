"""Synthetic stacks that look like serial-section electron microscopy, with exact labels.

Neurites grow as tubes that avoid one another, and an additively weighted Voronoi diagram divides
the space between them. Each image is the projection of a 50 nm section, as in the microscope. This
reproduces what makes real stacks hard to segment: obliquely cut membranes are wide and pale, and
outlines move from slice to slice. The cells contain organelles, which look like membrane but are
labelled as cell.

Only general statistics are taken from real data, namely from the ISBI 2012 stack of a Drosophila
ventral nerve cord with 4 x 4 x 50 nm voxels (Cardona et al. 2010,
doi:10.1371/journal.pbio.1000502).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.data.tissue import Balls, Cut, Noise, divide, grow
from minunet.errors import InputError

MIN_SIDE = 16  # pixels: about half the width of a typical neurite
MAX_VOXELS = 2**26  # 256 slices of 512 x 512; keeps cell numbers well below the limit of uint16
SECTION = 12.5  # pixels of depth per slice: 50 nm sections, 4 nm pixels
PLANES = 3  # planes averaged per section; odd, so that labels can use the middle one

WARP = ((9.0, 45.0), (2.5, 14.0))  # amplitude and scale of membrane waviness, in pixels
JITTER = (1.5, 60.0)  # the same, sampled for each section: distortion from cutting
MEMBRANE = 2.9  # pixels from its middle to where the stain is 1/e; bilayers and cleft: about 25 nm
LABEL_DISTANCE = 2.7  # pixels are labelled as membrane if closer to its middle than this ...
LABEL_STAIN = 0.42  # ... or if stained more than this, relative to an edge-on membrane
FRAGMENT = 25  # square pixels; smaller pieces of cells are labelled as membrane

# Stain: 0 = bare resin, 1 = black. `*_SPREAD` are standard deviations.
RESIN = 210.0  # grey level of bare resin
CYTOPLASM, CYTOPLASM_SPREAD, GLIA = 0.26, 0.05, 0.14  # GLIA: added in a few dark, grainy cells
BILAYERS, SYNAPSE = 0.56, 0.12  # edge-on membrane; added at synapses
MATRIX, CRISTAE, RIM = 0.60, 0.10, 0.13  # mitochondria
VESICLE, TUBULE = 0.36, 0.15
VESICLES = ((0.8, 14e-4), (2.6, 22e-4), (3.6, 22e-4), (4.8, 12e-4))  # radius, number per pixel
PSF = 0.7  # standard deviation of the blur, in pixels
SHOT = 1.6  # noise as a multiple of the square root of the grey level
SLICE_SPREAD, CONTRAST_SPREAD = 0.07, 0.07  # relative; brightness and contrast of a slice
LIGHT_SPREAD = 0.06  # relative; brightness within a slice


class EMStack(NamedTuple):
    """A synthetic stack."""

    images: Array  # (Z, H, W) uint8
    labels: Array  # (Z, H, W) uint8, 0 = membrane, 1 = cell
    instances: Array  # (Z, H, W) uint16, 0 = membrane, k = cell k


def em_stack(shape: tuple[int, int, int], rng: np.random.Generator) -> EMStack:
    """Generate a stack; the same generator state gives the same stack, bit for bit.

    Parameters
    ----------
    shape : (Z, H, W)                slices, rows, columns; Z >= 1, H and W >= 16
    rng : numpy.random.Generator     source of all random numbers

    Returns
    -------
    EMStack
        A cell has the same number in all slices (some numbers occur in no slice). Different cells
        never touch, not even at a corner.

    Raises
    ------
    InputError
        If `shape` is not three integers within these limits, or has more than `MAX_VOXELS` voxels.
    """
    depth, height, width = _checked(shape)
    extent = (depth * SECTION, height, width)
    balls = grow(extent, rng)
    warp = [[(a, Noise(extent, scale, rng)) for a, scale in WARP] for _ in "yx"]
    painter = _Painter(balls, extent, rng)
    images = np.empty((depth, height, width), np.uint8)
    instances = np.empty((depth, height, width), np.uint16)
    for z in range(depth):
        jitter = [Noise((0, height, width), JITTER[1], rng).plane(0) for _ in "yx"]
        cuts = []
        for t in (z + (np.arange(PLANES) + 0.5) / PLANES) * SECTION:
            y, x = (
                grid + JITTER[0] * shift + sum(a * noise.plane(t) for a, noise in waves)
                for grid, shift, waves in zip(
                    np.indices((height, width), np.float32), jitter, warp, strict=True
                )
            )
            cuts.append(Cut(t, y, x, *divide(balls, t, y, x)))
        stain, middle = painter.membrane(cuts), cuts[PLANES // 2]
        instances[z] = _annotate(middle, stain)
        images[z] = painter.image(middle, instances[z], stain)
    return EMStack(images, (instances > 0).astype(np.uint8), instances)


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


def _annotate(cut: Cut, stain: Array) -> Array:
    """Return instances (H, W) as an annotator would draw them: separated, without specks."""
    meet = scipy.ndimage.maximum_filter(cut.cells, 3) != scipy.ndimage.minimum_filter(cut.cells, 3)
    membrane = meet | (cut.distance < LABEL_DISTANCE) | (stain > LABEL_STAIN)
    pieces, _ = scipy.ndimage.label(~membrane & (cut.cells > 0))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.where(sizes[pieces] < FRAGMENT, 0, cut.cells).astype(np.uint16)


class _Painter:
    """The appearance of the cells of a stack, shared by all of its images."""

    def __init__(
        self, balls: Balls, extent: tuple[float, int, int], rng: np.random.Generator
    ) -> None:
        self.rng = rng
        count = int(balls.cells.max()) + 1
        glia = rng.random(count) < 0.07
        self.stain = CYTOPLASM + rng.normal(0, CYTOPLASM_SPREAD, count) + GLIA * glia
        self.grain = rng.uniform(0.08, 0.13, count) + 0.03 * glia
        self.vesicles = rng.uniform(0.3, 1.5, count) * rng.choice([1, 0.15], count, p=[0.35, 0.65])
        self.thickness = Noise(extent, 30, rng)
        self.synapses = Noise(extent, 22, rng)
        self.tubules = Noise(extent, 10, rng)
        self.clusters = Noise(extent, 25, rng)
        self.light = Noise(extent, 200, rng)
        self.mitochondria = list(_mitochondria(balls, rng))

    def membrane(self, cuts: list[Cut]) -> Array:
        """Return the stain (H, W) of membranes, averaged over a section; 1 = edge-on."""
        depth = cuts[PLANES // 2].depth
        width = np.exp(0.2 * self.thickness.plane(depth) + 0.8 * self._dense(depth)) * MEMBRANE
        return np.mean([np.exp(-((cut.distance / width) ** 2)) for cut in cuts], 0)

    def image(self, cut: Cut, instances: Array, membrane: Array) -> Array:
        """Return the image (H, W) uint8 of one section."""
        rng, edge_on = self.rng, BILAYERS + SYNAPSE * self._dense(cut.depth)
        inner = cut.distance if instances.all() else scipy.ndimage.distance_transform_edt(instances)
        grain, lumps = (_texture(instances.shape, scale, rng) for scale in (0.8, 2.2))
        stain = scipy.ndimage.gaussian_filter(self.stain[cut.cells], 1.5)
        stain += self.grain[cut.cells] * (grain + 0.5 * lumps)
        clusters = self.clusters.plane(cut.depth)
        line = np.exp(-((self.tubules.plane(cut.depth) / 0.12) ** 2))
        stain += TUBULE * line * ((clusters > 1) & (inner > 4))
        stain += self._specks(self.vesicles[instances] * np.exp(clusters), inner)
        self._paint_mitochondria(stain, cut, instances, inner, 0.1 * grain)
        stain += edge_on * membrane
        stain *= 1 + CONTRAST_SPREAD * rng.normal()
        light = 1 + LIGHT_SPREAD * self.light.plane(cut.depth) + SLICE_SPREAD * rng.normal()
        grey = RESIN * light * scipy.ndimage.gaussian_filter(1 - stain, PSF)
        noise = scipy.ndimage.gaussian_filter(rng.standard_normal(grey.shape, np.float32), 0.5)
        grey += SHOT * np.sqrt(grey.clip(0, None)) * noise
        return np.rint(grey).clip(0, 255).astype(np.uint8)

    def _dense(self, depth: float) -> Array:
        """Return how dense membranes are (H, W), from 0 to 1: thick and dark at synapses."""
        return (self.synapses.plane(depth) - 1.6).clip(0, 1)

    def _specks(self, abundance: Array, inner: Array) -> Array:
        """Return the stain (H, W) of vesicles and microtubules: the rings and dots of a section."""
        stain = np.zeros_like(inner, np.float32)
        t = np.arange(-8, 9)
        for radius, density in VESICLES:
            ring = np.exp(-(((np.hypot(t[:, None], t) - radius) / 1.1) ** 2))
            here = self.rng.random(stain.shape) < density * abundance * (inner > radius + 2)
            depth = here * self.rng.uniform(0.5, 1, stain.shape)
            stain += scipy.ndimage.convolve(depth, ring, mode="constant")
        return VESICLE * np.minimum(stain, 1)

    def _paint_mitochondria(
        self, stain: Array, cut: Cut, instances: Array, inner: Array, grain: Array
    ) -> None:
        """Overwrite `stain` (H, W) with mitochondria, which stay away from the membrane."""
        boxes = scipy.ndimage.find_objects(instances)
        phase = 2 * self.tubules.plane(cut.depth)
        for cell, centre, axes, radii in self.mitochondria:
            box = boxes[cell - 1] if cell <= len(boxes) else None
            if box is None or abs(cut.depth - centre[0]) > radii.max():
                continue
            y, x = cut.y[box] - centre[1], cut.x[box] - centre[2]
            along = np.tensordot(axes, np.stack([np.full_like(y, cut.depth - centre[0]), y, x]), 1)
            r = np.sqrt(((along / radii[:, None, None]) ** 2).sum(0))
            depth = np.minimum((1 - r) * radii.min(), inner[box] - 3)
            body = MATRIX + CRISTAE * np.sin(1.1 * along[1] + phase[box]) + grain[box]
            body += RIM * np.exp(-(((depth - 1.5) / 1.3) ** 2))
            np.copyto(stain[box], body, where=(depth > 0) & (instances[box] == cell))


def _mitochondria(
    balls: Balls, rng: np.random.Generator
) -> Iterator[tuple[int, Array, Array, Array]]:
    """Yield mitochondria: ellipsoids along the wider tubes.

    Each is (cell, centre, axes as rows, radii), with lengths in pixels.
    """
    for i in np.flatnonzero(balls.radii[:-1] > 18):
        if balls.cells[i + 1] != balls.cells[i] or rng.random() > 0.08:
            continue
        lengthwise = balls.centres[i + 1] - balls.centres[i]
        axes, _ = np.linalg.qr(np.column_stack([lengthwise, rng.normal(size=(3, 2))]))
        thick = min(0.65 * balls.radii[i], rng.uniform(16, 30))
        radii = thick * np.array([rng.uniform(1.3, 3), 1, rng.uniform(0.8, 1)])
        off = rng.uniform(-0.3, 0.3, 3) * balls.radii[i]
        yield int(balls.cells[i]), balls.centres[i] + off, axes.T, radii


def _texture(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
    """Return noise (H, W) of unit variance with grains `scale` pixels wide."""
    noise = scipy.ndimage.gaussian_filter(
        rng.standard_normal(shape, np.float32), scale, mode="wrap"
    )
    return noise * np.float32(2 * np.sqrt(np.pi) * scale)
