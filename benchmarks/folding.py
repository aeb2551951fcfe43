"""Simulate how often the paper's elastic deformation folds a tile, by the size of the tile.

    python benchmarks/folding.py [--sizes 92 124 138 140 148 172 196] [--samples 60000]

A deformation x + u(x) folds where the determinant of 1 + ∇u is not positive. The displacements at
the 3 x 3 grid points of the tile are N(0, 10 pixels); the derivatives of the natural cubic spline
through them are exact, and the determinant is computed at 41 x 41 points of the tile. Prints a
Markdown table; `augmentation.deformation.FOLDS` comes from it.
"""

import argparse

import numpy as np
from scipy.interpolate import CubicSpline

SIGMA, POINTS, BATCH = 10.0, 41, 2000


def folded(size, samples, rng):
    """Return the share of tiles with a point where the determinant is not positive."""
    grid, at = np.linspace(0, size - 1, 3), np.linspace(0, size - 1, POINTS)
    spline = CubicSpline(grid, np.eye(3), bc_type="natural")
    value, slope = spline(at), spline(at, 1)
    count = 0
    for first in range(0, samples, BATCH):
        g = SIGMA * rng.standard_normal((min(BATCH, samples - first), 2, 3, 3))
        down, right = slope @ g @ value.T, value @ g @ slope.T
        determinant = (1 + down[:, 0]) * (1 + right[:, 1]) - down[:, 1] * right[:, 0]
        count += np.count_nonzero(determinant.min(axis=(1, 2)) <= 0)
    return count / samples


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [60, 92, 124, 138, 140, 148, 172, 196]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, help="tile sizes in pixels")
    parser.add_argument("--samples", type=int, default=60000, help="tiles per size")
    args = parser.parse_args()
    shares = [folded(n, args.samples, np.random.default_rng(0)) for n in args.sizes]
    print(f"| n | {' | '.join(map(str, args.sizes))} |")
    print("|---" * (1 + len(shares)) + "|")
    print(f"| tiles that fold | {' | '.join(f'{100 * share:.3g} %' for share in shares)} |")


if __name__ == "__main__":
    main()
