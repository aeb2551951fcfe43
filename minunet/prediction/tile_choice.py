"""Which tile to segment an image with: what its margin costs, and what fits into memory.

At the aligned step every tile gives the same answer (`minunet.tiling`), so that only time and
memory are at stake. What a tile computes for the sake of its margin is thrown away: the larger the
tile, the smaller that part, and the larger the maps that are in memory at once.
"""

from collections.abc import Callable
from itertools import islice

from minunet.errors import InputError
from minunet.network import sizes
from minunet.network.architecture import Architecture
from minunet.prediction import tiling
from minunet.prediction.memory import said


def flop(arch: Architecture, rows: int, columns: int) -> int:
    """Floating-point operations of the forward pass of a tile; a multiply-add is two."""
    down, across = sizes.figure1(arch, rows), sizes.figure1(arch, columns)
    return sum(
        row.flop // row.size**2 * row.size * column.size
        for row, column in zip(down, across, strict=True)
    )


def endless(arch: Architecture) -> float:
    """Floating-point operations for a pixel of a tile without end, which has no margin.

    Those of a tile of n pixels are a polynomial a·n² + b·n + c; this is a, from three tiles.
    """
    tiles = list(islice(sizes.valid_sizes(arch.depth), 3))
    first, second, third = (flop(arch, n, n) for n in tiles)
    return (third - 2 * second + first) / (2 * (tiles[1] - tiles[0]) ** 2)


def overhead(arch: Architecture, tile: int) -> float:
    """Compare the computation for a pixel, at the aligned step, with that of a tile without end.

    Examples
    --------
    >>> [round(overhead(Architecture(), tile), 2) for tile in (572, 1084, 2108)]
    [1.39, 1.15, 1.07]
    """
    return flop(arch, tile, tile) / tiling.aligned_step(tile, arch.depth) ** 2 / endless(arch)


def computation(
    arch: Architecture, size: tuple[int, int], tile: int, paper_step: bool = False
) -> int:
    """Floating-point operations for an image of a size (H, W); `tile` as of `tiling.cover`."""
    down, across = (tiling.cover(n, arch.depth, tile, paper_step) for n in size)
    return len(down.origins) * len(across.origins) * flop(arch, down.tile, across.tile)


def best(
    arch: Architecture,
    size: tuple[int, int],
    limit: int,
    needs: Callable[[int, int], float],
    paper_step: bool = False,
) -> int:
    """Choose the tile that computes least for an image, of those that fit into memory.

    Parameters
    ----------
    arch : Architecture
    size : (H, W)         of the image, pixels
    limit : int           bytes
    needs : callable      bytes for a tile of so many rows and columns
    paper_step : bool     see `tiling.cover`

    Returns
    -------
    int : a legal tile, pixels

    Raises
    ------
    InputError
        If even the smallest tile does not fit: the message says how much it needs.
    """
    chosen, least = None, 0
    for tile in sizes.valid_sizes(arch.depth):
        if not paper_step and sizes.output_size(tile, arch.depth) < 2**arch.depth:
            continue  # no room for one aligned step
        down, across = (tiling.cover(n, arch.depth, tile, paper_step) for n in size)
        need = needs(down.tile, across.tile)
        if need > limit:
            break
        computed = computation(arch, size, tile, paper_step)
        if chosen is None or computed < least:
            chosen, least = tile, computed
        if len(down.origins) == len(across.origins) == 1:
            break
    if chosen is None:
        raise InputError(
            f"{said(limit)} of memory are too few: the smallest tile, {down.tile} x {across.tile} "
            f"pixels, needs {said(need)}; --memory {said(need)} or more is legal"
        )
    return chosen
