"""Tissue for synthetic EM: tubes that avoid one another, and planes cut through them.

Neurites grow as chains of balls, and an additively weighted Voronoi diagram divides the space
between them. All lengths, including depths, are in nanometres.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minunet.array import Array

RADIUS, RADIUS_MAX = 50.0, 220.0  # of tubes: usual median, and maximum
TUBE_VOLUME = 8.64e6  # cubic nanometres of tissue per attempted tube of the usual radius
GAP = 40.0  # radius of the tubes that fill the remaining gaps
MARGIN = 160.0  # width of the tissue around the stack, so that the edges of the stack cut cells
NODE = 20.0  # distance between the grid nodes at which free space is tracked
REACH = 88.0  # a ball competes for space up to this distance from its surface; > 2 GAP


class Block(NamedTuple):
    """A block of tissue that is cut into sections."""

    depth: float  # nanometres
    height: int  # pixels
    width: int  # pixels
    pixel: float = 1.0  # side of a pixel, in nanometres

    @property
    def extent(self) -> tuple[float, float, float]:
        """Size of the block in nanometres."""
        return self.depth, self.height * self.pixel, self.width * self.pixel


class Noise:
    """Smooth 3D Gaussian noise of unit variance, evaluated one plane (H, W) at a time.

    Random numbers on a grid of knots `scale` nanometres apart are interpolated by Gaussians.
    """

    def __init__(self, block: Block, scale: float, rng: np.random.Generator) -> None:
        self.scale, self.pixel, self.sides = scale, block.pixel, (block.height, block.width)
        self.knots = rng.standard_normal([int(n / scale) + 6 for n in block.extent])

    def plane(self, z: float) -> Array:
        """Return the noise (H, W) at depth `z`."""
        rows, columns = (np.arange(n) * self.pixel for n in self.sides)
        deep, down, across = (
            self._weights(np.asarray(at, float), knots)
            for at, knots in zip(([z], rows, columns), self.knots.shape, strict=True)
        )
        noise: Array = down @ np.tensordot(deep[0], self.knots, 1) @ across.T
        return noise.astype(np.float32)

    def _weights(self, at: Array, knots: int) -> Array:
        w: Array = np.exp(-((at[:, None] / self.scale + 2 - np.arange(knots)) ** 2))
        w /= np.sqrt((w**2).sum(1, keepdims=True))  # norm 1 keeps the variance at 1
        return w


class Balls(NamedTuple):
    """Tubes as chains of balls."""

    centres: Array  # (N, 3)  z, y, x
    radii: Array  # (N,)
    cells: Array  # (N,)  number of the cell, from 1


def grow(
    extent: tuple[float, float, float],
    rng: np.random.Generator,
    radius: float = RADIUS,
    spread: float = 0.5,
) -> Balls:
    """Fill a box of size `extent`, plus a margin around it, with tubes that avoid one another.

    Parameters
    ----------
    extent : (depth, height, width)     in nanometres
    rng : numpy Generator
    radius : float                      of the tubes: median
    spread : float                      standard deviation of its logarithm
    """
    nodes = np.ceil((np.array(extent) + 2 * MARGIN) / NODE).astype(int)
    # Distance to the nearest tube; negative inside a tube.
    room = np.full(nodes, RADIUS_MAX, np.float32)
    # Squared, not cubed: the surfaces of a stack cut tubes short, wide ones most.
    count = int(np.prod(nodes * NODE) / (TUBE_VOLUME * (radius / RADIUS) ** 2))
    widths = (radius * np.exp(spread * rng.standard_normal(count))).clip(GAP, RADIUS_MAX)
    # Widest first: wide tubes would not fit between narrow ones.
    balls: list[tuple[Array, float, int]] = []
    cell = 0
    for width in itertools.chain(np.sort(widths)[::-1], itertools.repeat(GAP)):
        free = np.flatnonzero(room > 1.1 * width)
        if not free.size:
            if width == GAP:
                break
            continue
        cell += 1
        start = np.stack(np.unravel_index(rng.choice(free), room.shape)) * NODE - MARGIN
        way = rng.normal(size=3) * (1.6, 1, 1)  # mostly perpendicular to the sections
        tube = [(start, width), *_walk(start, way, width, room, rng)]
        tube += _walk(start, -way, width, room, rng)
        for centre, radius in tube:
            _occupy(room, centre, radius, width)
            balls.append((centre, radius, cell))
    centres, radii, cells = zip(*balls, strict=True)
    return Balls(np.array(centres), np.array(radii), np.array(cells))


def _walk(
    centre: Array, way: Array, width: float, room: Array, rng: np.random.Generator
) -> Iterator[tuple[Array, float]]:
    """Yield balls (centre, radius) of a tube that wanders from `centre` until it is blocked."""
    swelling = 0.0
    for _ in range(12):
        ways = way / np.linalg.norm(way) + 0.35 * rng.normal(size=(8, 3))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        steps = centre + 0.6 * width * ways
        at = np.rint((steps + MARGIN) / NODE).astype(int)
        inside = ((at >= 0) & (at < room.shape)).all(1)
        space = np.where(inside, room[tuple(at.T.clip(0, np.array(room.shape)[:, None] - 1))], -1)
        best = int(space.argmax())
        if space[best] < 0.6 * width:
            return
        swelling = 0.8 * swelling + 0.15 * rng.normal()  # varicosities
        centre, way = steps[best], ways[best]
        yield centre, min(width * float(np.exp(swelling)), float(space[best]) + 8)


def _occupy(room: Array, centre: Array, radius: float, width: float) -> None:
    """Lower `room` around a ball, out to where it affects tubes of at most `width`."""
    middle, reach = (centre + MARGIN) / NODE, (radius + 1.1 * width) / NODE + 1
    low = np.maximum(middle - reach, 0).astype(int)
    high = np.minimum(middle + reach + 1, room.shape).astype(int)
    z, y, x = (np.arange(a, b) - c for a, b, c in zip(low, high, middle, strict=True))
    window = room[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) * NODE - radius
    np.minimum(window, distance, out=window, casting="same_kind")


class Cut(NamedTuple):
    """A plane through the tissue; all fields except `depth` are (H, W)."""

    depth: float
    y: Array  # position of each pixel in the tissue, downwards
    x: Array  # position of each pixel in the tissue, to the right
    cells: Array  # number of the cell at each pixel
    distance: Array  # approximate distance to the middle of the membrane


def divide(
    balls: Balls, depth: float, y: Array, x: Array, pixel: float = 1.0
) -> tuple[Array, Array]:
    """Divide the plane at `depth` among the cells: return `cells` and `distance` of a `Cut`.

    A pixel belongs to the cell with the nearest surface (additively weighted Voronoi diagram). All
    balls of a cell count as one; only the nearest and the second nearest cell matter.
    """
    cells = np.zeros(y.shape, np.int32)
    nearest = np.full(y.shape, 2 * REACH, np.float32)
    second = np.full(y.shape, 4 * REACH, np.float32)
    rows, columns = np.indices(y.shape, np.float32) * np.float32(pixel)
    slack = max(float(np.abs(y - rows).max()), float(np.abs(x - columns).max()))
    reaches = np.sqrt(((balls.radii + REACH) ** 2 - (balls.centres[:, 0] - depth) ** 2).clip(0))
    middle = np.array(y.shape) * pixel / 2
    offside = np.abs(balls.centres[:, 1:] - middle) - middle
    near = (reaches > 0) & (offside < (reaches + slack)[:, None]).all(1)
    for i in np.flatnonzero(near):
        (cz, cy, cx), radius, cell = balls.centres[i], balls.radii[i], balls.cells[i]
        reach = reaches[i] + slack
        window = tuple(
            slice(max(int((c - reach) / pixel), 0), max(int((c + reach) / pixel) + 2, 0))
            for c in (cy, cx)
        )
        dy, dx = y[window] - np.float32(cy), x[window] - np.float32(cx)
        d = np.sqrt(dy * dy + dx * dx + np.float32((depth - cz) ** 2)) - np.float32(radius)
        a, b, k = nearest[window], second[window], cells[window]
        np.minimum(b, np.maximum(a, d), out=b, where=k != cell)
        np.copyto(k, cell, where=d < a)
        np.minimum(a, d, out=a)
    gap = second - nearest
    # 2 where cells face each other, less at oblique borders
    slope = np.hypot(*np.gradient(gap)) / np.float32(pixel)
    return cells, gap / slope.clip(1, 2)
