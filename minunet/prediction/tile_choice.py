"""Choose the tile size for a prediction, from the cost of the margin and the memory available.

At the aligned step, every tile size gives the same result (see `minunet.prediction.tiling`), so the
size affects only time and memory. Computing the margin is wasted work: a larger tile wastes a
smaller part of its computation, but its maps need more memory.
"""

from collections.abc import Callable
from itertools import islice

from minunet.errors import InputError
from minunet.network import sizes
from minunet.network.architecture import Architecture
from minunet.prediction.memory import format_bytes
from minunet.prediction.tiling import Tiling, aligned_step


def flop(arch: Architecture, rows: int, columns: int) -> int:
    """Count the floating-point operations of a forward pass; a multiply-add counts as two."""
    down, across = sizes.figure1(arch, rows), sizes.figure1(arch, columns)
    return sum(
        row.flop // row.size**2 * row.size * column.size
        for row, column in zip(down, across, strict=True)
    )


def endless(arch: Architecture) -> float:
    """Compute the operations per pixel of an infinitely large tile, whose margin is negligible.

    The operations for a tile of n x n pixels are a polynomial a·n² + b·n + c. The result
    is `a`, which three tile sizes determine.
    """
    tiles = list(islice(sizes.valid_sizes(arch.depth), 3))
    first, second, third = (flop(arch, n, n) for n in tiles)
    return (third - 2 * second + first) / (2 * (tiles[1] - tiles[0]) ** 2)


def overhead(arch: Architecture, tile: int) -> float:
    """Return the cost per pixel at the aligned step, relative to that of an infinitely large tile.

    Examples
    --------
    >>> [round(overhead(Architecture(), tile), 2) for tile in (572, 1084, 2108)]
    [1.39, 1.15, 1.07]
    """
    return flop(arch, tile, tile) / aligned_step(tile, arch.depth) ** 2 / endless(arch)


def computation(arch: Architecture, size: tuple[int, int], tiling: Tiling) -> int:
    """Count the floating-point operations for an image of size (H, W), without averaging."""
    down, across = tiling.cover(size, arch.depth)
    return len(down.origins) * len(across.origins) * flop(arch, down.tile, across.tile)


def best(
    arch: Architecture,
    size: tuple[int, int],
    limit: int,
    needs: Callable[[int, int], float],
    paper_step: bool = False,
    remedy: str = "",
) -> int:
    """Choose the tile size with the least computation for an image, among those that fit in memory.

    Parameters
    ----------
    arch : Architecture
    size : (H, W)         size of the image, in pixels
    limit : int           maximum memory, in bytes
    needs : callable      (rows, columns) of a tile → bytes that it needs
    paper_step : bool     see `tiling.cover`
    remedy : str          what to do if no tile fits; default: pass a larger --memory

    Returns
    -------
    int : a valid tile size, in pixels

    Raises
    ------
    InputError
        If even the smallest tile does not fit; the message gives the memory that it needs.
    """
    chosen, least = None, 0
    for tile in sizes.valid_sizes(arch.depth):
        if not paper_step and sizes.output_size(tile, arch.depth) < 2**arch.depth:
            continue  # the output is smaller than one aligned step
        tiling = Tiling(tile, paper_step)
        down, across = tiling.cover(size, arch.depth)
        need = needs(down.tile, across.tile)
        if need > limit:
            break
        computed = computation(arch, size, tiling)
        if chosen is None or computed < least:
            chosen, least = tile, computed
        if len(down.origins) == len(across.origins) == 1:
            break
    if chosen is None:
        raise InputError(
            f"{format_bytes(limit)} is not enough memory for the smallest valid tile, {down.tile} "
            f"x {across.tile} pixels; {remedy or f'pass --memory {format_bytes(need)} or more'}"
        )
    return chosen
