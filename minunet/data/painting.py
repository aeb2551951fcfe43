"""The appearance of synthetic tissue: the grey values of a section (see `synthetic`)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.data.look import Look
from minunet.data.tissue import Balls, Block, Cut, Noise

LUMEN = 0.7  # stain in vacuoles, relative to that of cytoplasm
VESICLE = 0.36  # stain
# Radius, and number in a square micrometre of a cell with usual abundance.
VESICLES = ((3.2, 87.5), (10.4, 137.5), (14.4, 137.5), (19.2, 75.0))
CORE = 0.6  # stain of dense-core vesicles
CORES = ((16.0, 25.0), (24.0, 12.5))
DENSITY = 60.0  # from a synapse to where the dense cytoplasm beside it has faded to 1/e
SHEATH, LAMELLA = 90.0, 18.0  # width of myelin, and of one of its layers


class Painter:
    """The appearance of the cells of a block, shared by all of its sections."""

    def __init__(self, balls: Balls, block: Block, look: Look, rng: np.random.Generator) -> None:
        self.look, self.rng = look, rng
        count = int(balls.cells.max()) + 1
        glia = rng.random(count) < look.dark_cells
        self.stain = look.cytoplasm + rng.normal(0, look.cytoplasm_spread, count) + look.dark * glia
        self.grain = look.grain * (rng.uniform(0.08, 0.13, count) + 0.03 * glia)
        abundance = rng.uniform(0.3, 1.5, count) * rng.choice([1, 0.15], count, p=[0.35, 0.65])
        self.vesicles = look.vesicles * abundance
        scales = (120, 88, 40, 100, 800)
        self.thickness, self.synapses, self.tubules, self.clusters, self.light = (
            Noise(block, scale, rng) for scale in scales
        )
        self.mitochondria = list(mitochondria(balls, look, rng))
        # Drawn last, and only if needed: the usual look then stays the same, bit for bit.
        self.sheets, self.patches, self.reticulum = (
            Noise(block, scale, rng) if wanted else None
            for wanted, scale in ((look.glia, 500), (look.wash, 350), (look.reticulum, 60))
        )
        self.sheath = np.zeros(count)
        if look.myelin:
            self.sheath[rng.random(count) < look.myelin] = SHEATH

    def beside(self, cut: Cut) -> Cut:
        """Return the cut with distances to the sheets of glia, where these replace membranes."""
        if self.sheets is None:
            return cut
        half = self.look.glia * (self.sheets.plane(cut.depth) - 0.3).clip(0, 1)
        return cut._replace(distance=(cut.distance - half).clip(0, None))

    def membrane(self, cuts: list[Cut]) -> Array:
        """Return the stain (H, W) of membranes, averaged over a section; 1 = edge-on."""
        depth = cuts[len(cuts) // 2].depth
        width = np.exp(0.2 * self.thickness.plane(depth) + 0.8 * self._dense(depth))
        width *= self.look.membrane
        return np.mean([np.exp(-((cut.distance / width) ** 2)) for cut in cuts], 0)

    def image(self, cut: Cut, instances: Array, membrane: Array) -> Array:
        """Return the image (H, W) uint8 of one section.

        Parameters
        ----------
        cut : Cut
        instances : (H, W) uint16     numbers of the cells, 0 = membrane
        membrane : (H, W)             stain of membranes; 1 = edge-on
        """
        look = self.look
        stain = self._cells(cut, instances)
        stain += (look.bilayers + look.synapse * self._dense(cut.depth)) * membrane
        if look.myelin:
            layers = 0.5 + 0.5 * np.cos(2 * np.pi * cut.distance / LAMELLA)
            stain += look.bilayers * layers * (cut.distance < self.sheath[cut.cells])
        if look.folds or look.scratches or look.dust:
            damage(stain, look, self.rng)
        return self._photograph(stain, cut.depth)

    def _cells(self, cut: Cut, instances: Array) -> Array:
        """Return the stain (H, W) of cytoplasm and organelles; parameters as in `image`."""
        look, depth = self.look, cut.depth
        inner = cut.distance
        if not instances.all():
            inner = scipy.ndimage.distance_transform_edt(instances) * look.pixel
        grain, lumps = (
            _texture(instances.shape, scale / look.pixel, self.rng) for scale in (3.2, 8.8)
        )
        stain: Array = scipy.ndimage.gaussian_filter(self.stain[cut.cells], 6 / look.pixel)
        stain += self.grain[cut.cells] * (grain + 0.5 * lumps)
        if self.patches is not None:
            stain *= 1 - look.wash * (self.patches.plane(depth) - 0.5).clip(0, 1)
        clusters = self.clusters.plane(depth)
        stain += look.tubule * _lines(self.tubules, depth, 0.12) * ((clusters > 1) & (inner > 16))
        if self.reticulum is not None:
            stain += look.reticulum * _lines(self.reticulum, depth, 0.1) * (inner > 24)
        if look.density:
            fades = np.exp(-((inner / DENSITY) ** 2)) * (1 + 0.3 * grain)
            stain += look.density * self._dense(depth) * fades
        abundance = self.vesicles[instances] * np.exp(clusters)
        stain += VESICLE * self._specks(VESICLES, abundance, inner, _ring)
        if look.dense_cores:
            stain += CORE * self._specks(CORES, look.dense_cores * abundance, inner, _disc)
        self._paint_mitochondria(stain, cut, instances, inner, 0.1 * grain)
        return stain

    def _photograph(self, stain: Array, depth: float) -> Array:
        """Return the image (H, W) uint8 that the microscope takes of a section."""
        rng, look = self.rng, self.look
        stain = stain * (look.contrast * (1 + look.slice_spread * rng.normal()))
        light = 1 + look.light * self.light.plane(depth) + look.slice_spread * rng.normal()
        blurred = scipy.ndimage.gaussian_filter(1 - stain, look.blur / look.pixel)
        grey = look.resin * light * blurred
        noise = scipy.ndimage.gaussian_filter(rng.standard_normal(grey.shape, np.float32), 0.5)
        grey += look.shot * np.sqrt(grey.clip(0, None)) * noise
        return np.rint(grey).clip(0, 255).astype(np.uint8)

    def _dense(self, depth: float) -> Array:
        """Return how dense membranes are (H, W), from 0 to 1: thick and dark at synapses."""
        return (self.synapses.plane(depth) - 1.6).clip(0, 1)

    def _specks(
        self,
        kinds: Sequence[tuple[float, float]],
        abundance: Array,
        inner: Array,
        profile: Callable[[Array], Array],
    ) -> Array:
        """Return the stain (H, W) of small round organelles, from 0 to 1.

        Parameters
        ----------
        kinds : sequence of (radius, number)     nanometres; in a square micrometre
        abundance : (H, W)                       factor of the number
        inner : (H, W)                           distance to the membrane in nanometres
        profile : callable                       stain by the distance from the radius
        """
        pixel = self.look.pixel
        stain = np.zeros_like(inner, np.float32)
        reach = int(32 / pixel)
        t = np.arange(-reach, reach + 1) * pixel
        for radius, number in kinds:
            often = number * (pixel / 1000) ** 2 * abundance * (inner > radius + 8)
            here = self.rng.random(stain.shape) < often
            depth = here * self.rng.uniform(0.5, 1, stain.shape)
            shape = profile(np.hypot(t[:, None], t) - radius)
            stain += scipy.ndimage.convolve(depth, shape, mode="constant")
        return np.minimum(stain, 1)

    def _paint_mitochondria(
        self, stain: Array, cut: Cut, instances: Array, inner: Array, grain: Array
    ) -> None:
        """Overwrite `stain` (H, W) with mitochondria, which stay away from the membrane."""
        look = self.look
        boxes = scipy.ndimage.find_objects(instances)
        phase = 2 * self.tubules.plane(cut.depth)
        for cell, centre, axes, radii, is_vacuole in self.mitochondria:
            box = boxes[cell - 1] if cell <= len(boxes) else None
            if box is None or abs(cut.depth - centre[0]) > radii.max():
                continue
            y, x = cut.y[box] - centre[1], cut.x[box] - centre[2]
            along = np.tensordot(axes, np.stack([np.full_like(y, cut.depth - centre[0]), y, x]), 1)
            r = np.sqrt(((along / radii[:, None, None]) ** 2).sum(0))
            depth = np.minimum((1 - r) * radii.min(), inner[box] - 12)
            if is_vacuole:
                body, rim = LUMEN * look.cytoplasm, look.rim + look.matrix - look.cytoplasm
            else:
                body = look.matrix + look.cristae * np.sin(0.275 * along[1] + phase[box])
                rim = look.rim
            body = body + grain[box] + rim * np.exp(-(((depth - 6) / 5.2) ** 2))
            np.copyto(stain[box], body, where=(depth > 0) & (instances[box] == cell))


class Organelle(NamedTuple):
    """A mitochondrion or a vacuole: an ellipsoid, with lengths in nanometres."""

    cell: int
    centre: Array  # (3,)  z, y, x
    axes: Array  # (3, 3)  as rows
    radii: Array  # (3,)
    is_vacuole: bool = False


def mitochondria(balls: Balls, look: Look, rng: np.random.Generator) -> Iterator[Organelle]:
    """Yield mitochondria, and vacuoles in place of some of them, along the wider tubes."""
    for i in np.flatnonzero(balls.radii[:-1] > 72):
        if balls.cells[i + 1] != balls.cells[i] or rng.random() > 0.08 * look.mitochondria:
            continue
        lengthwise = balls.centres[i + 1] - balls.centres[i]
        axes, _ = np.linalg.qr(np.column_stack([lengthwise, rng.normal(size=(3, 2))]))
        widest = min(0.65 * look.swelling, 0.9) * balls.radii[i]
        thick = min(widest, look.swelling * rng.uniform(64, 120))
        radii = thick * np.array([rng.uniform(1.3, 3), 1, rng.uniform(0.8, 1)])
        off = rng.uniform(-0.3, 0.3, 3) * balls.radii[i]
        is_vacuole = look.vacuoles > 0 and rng.random() < look.vacuoles
        yield Organelle(int(balls.cells[i]), balls.centres[i] + off, axes.T, radii, is_vacuole)


def damage(stain: Array, look: Look, rng: np.random.Generator) -> None:
    """Add folds (dark bands), scratches (pale lines) and dirt (black grains) to `stain` (H, W)."""
    y, x = np.indices(stain.shape, np.float32) * np.float32(look.pixel)
    for number, width, change in ((look.folds, 45.0, 0.35), (look.scratches, 8.0, -0.3)):
        for _ in range(rng.poisson(number)):
            angle = rng.uniform(0, np.pi)
            across = np.cos(angle) * y + np.sin(angle) * x
            along = np.cos(angle) * x - np.sin(angle) * y
            bend = 4 * width * np.sin(along / rng.uniform(200, 800) + rng.uniform(0, 6))
            middle = across.ravel()[rng.integers(across.size)]
            half = width * rng.uniform(0.5, 1.5)
            stain += change * np.exp(-(((across - middle + bend) / half) ** 2))
    area = stain.size * (look.pixel / 1000) ** 2
    for _ in range(rng.poisson(look.dust * area)):
        row, column = (rng.integers(n) * look.pixel for n in stain.shape)
        radius = rng.uniform(6, 30)
        stain[(y - row) ** 2 + (x - column) ** 2 < radius**2] = 1


def _lines(noise: Noise, depth: float, width: float) -> Array:
    """Return thin lines (H, W), from 0 to 1: where noise crosses 0. `width` is in its units."""
    return np.exp(-((noise.plane(depth) / width) ** 2))


def _ring(distance: Array) -> Array:
    """Return the stain of a vesicle's membrane by the distance to it."""
    return np.exp(-((distance / 4.4) ** 2))


def _disc(distance: Array) -> Array:
    """Return the stain of a filled vesicle by the distance to its edge, which is soft."""
    return 1 / (1 + np.exp(distance / 2))


def _texture(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
    """Return noise (H, W) of unit variance with grains `scale` pixels wide."""
    noise = scipy.ndimage.gaussian_filter(
        rng.standard_normal(shape, np.float32), scale, mode="wrap"
    )
    return noise * np.float32(2 * np.sqrt(np.pi) * scale)
