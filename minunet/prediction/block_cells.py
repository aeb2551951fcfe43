"""Find the cells of slices that may be larger than memory, block by block.

The result is what `instances.Rule.cells` finds in the whole slice, with the same numbers. A cell
may extend over many blocks. So one task for each block labels its components, and notes what is
needed to join them: their sizes, and the labels along the edges. Then one task for each slice joins
components that meet at an edge (`union`). This is done for the seeds and, once they have grown, for
the regions of background, some of which are holes. Only these notes are stored; the labels of a
block are computed again whenever they are needed.

With `--connect`, cells that overlap enough in neighbouring slices along z are joined, too.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import scipy

from minunet import files
from minunet.array import Array
from minunet.data.ome_zarr import Chunks
from minunet.errors import InputError
from minunet.metrics import segments
from minunet.metrics.segments import Table
from minunet.prediction import instances, union
from minunet.prediction.engines import Stage
from minunet.prediction.instances import EIGHT, REACH, Rule
from minunet.prediction.union import Note


class BlockCells:
    """The cells of a volume, block by block.

    Parameters
    ----------
    folder : Path            folder of the notes
    p : Chunks               probability of cell; each chunk is a block
    rule : Rule              how cells are found
    above : callable or None returns the number of the next slice along z, or None after the last
                             one; if it is None itself, slices are not joined
    overlap : float          cells of neighbouring slices are joined if they share more than this
                             fraction of their union
    """

    def __init__(
        self,
        folder: Path,
        p: Chunks,
        rule: Rule,
        above: Callable[[int], int | None] | None,
        overlap: float = 0.0,
    ) -> None:
        self.folder, self.p, self.rule, self.above = folder, p, rule, above
        self.overlap = overlap
        self.grid = p.array.cdata_shape[-2:]
        self.slices = prod(p.array.shape[:-2])
        # Cells that touch a region may lie in the next block: one more pixel around it is needed.
        self.margin = 1 + (REACH if rule.lowest < rule.threshold else 0)
        self._components = lru_cache(64)(self._label)
        self._united = lru_cache(4)(self._read)

    def stages(self) -> Iterator[Stage]:
        """Yield the stages that must be done before `cells` is called."""
        yield self._stage("seeds", len(self.p), self._note_seeds)
        yield self._stage("united-seeds", self.slices, self._unite_seeds)
        yield self._stage("holes", len(self.p), self._note_holes)
        yield self._stage("united-holes", self.slices, self._unite_holes)
        if self.above:
            yield self._stage("overlaps", len(self.p), self._note_overlaps)
            yield self._stage("united-slices", 1, self._unite_slices)

    def cells(self, number: int) -> Array:
        """Compute the numbered cells (h, w) of a block; 0 is background."""
        cells = self._flat(number)
        if not self.above:
            return cells
        slices = self._united("united-slices", 0)
        k, _ = self._where(number)
        return np.where(cells > 0, slices["numbers"][slices["before"][k] + cells], 0)

    # The seeds

    def _label(self, number: int) -> tuple[Array, int]:
        """Label and count the seeds of a block, regardless of the other blocks."""
        return self.rule.components(self._p(number))

    def _p(self, number: int) -> Array:
        """Read the probabilities (h, w) of a block."""
        p = self.p.read(number)
        return p.reshape(p.shape[-2:])

    def _note_seeds(self, number: int) -> Note:
        components, count = self._components(number)
        sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
        return {"sizes": sizes, **union.edges(components)}

    def _unite_seeds(self, k: int) -> Note:
        notes = self._notes("seeds", k)
        sizes = np.concatenate([[0], *(note["sizes"] for note in notes)])
        before = union.offsets([len(note["sizes"]) for note in notes])
        numbers = self._unite(notes, before, self.rule.connectivity == 8)
        large = np.bincount(numbers, sizes) >= self.rule.smallest
        return {"before": before, "numbers": np.where(large[numbers], numbers, 0)}

    def _seeds(self, number: int) -> Array:
        """Return the seeds (h, w) of a block; their numbers are unique in the slice, with gaps."""
        components, _ = self._components(number)
        k, at = self._where(number)
        seeds = self._united("united-seeds", k)
        return np.where(components > 0, seeds["numbers"][seeds["before"][at] + components], 0)

    # The grown cells, and their holes

    def _grown(self, number: int) -> Array:
        """Grow the seeds of a block; return it with one more pixel on each side (h + 2, w + 2)."""
        cells, more = self._around(number, self._seeds), self.margin - 1
        if more:
            extent = self._around(number, self._p) > self.rule.lowest
            cells = instances.grow(cells, extent, self.rule.neighbours)
        return cells[more : len(cells) - more, more : cells.shape[1] - more]

    def _around(self, number: int, of_block: Callable[[int], Array]) -> Array:
        """Assemble what a function returns for a block and its margin; 0 outside the slice."""
        *_, rows, columns = self.p.place(number)
        (height, width), (high, wide) = self.p.array.shape[-2:], self.p.array.chunks[-2:]
        top, bottom = max(rows.start - self.margin, 0), min(rows.stop + self.margin, height)
        left, right = max(columns.start - self.margin, 0), min(columns.stop + self.margin, width)
        first = number // prod(self.grid) * self.grid[0]
        down = range(top // high, -(-bottom // high))
        across = range(left // wide, -(-right // wide))
        blocks = [[of_block((first + i) * self.grid[1] + j) for j in across] for i in down]
        y, x = down.start * high, across.start * wide
        inside: Array = np.block(blocks)[top - y : bottom - y, left - x : right - x]
        above, before = top - rows.start + self.margin, left - columns.start + self.margin
        below, after = rows.stop + self.margin - bottom, columns.stop + self.margin - right
        return np.pad(inside, ((above, below), (before, after)))

    def _note_holes(self, number: int) -> Note:
        around = self._grown(number)
        grown = np.ascontiguousarray(around[1:-1, 1:-1])
        regions, count = scipy.ndimage.label(grown == 0, EIGHT)
        smallest, largest = instances.cells_around(np.pad(regions, 1), count, around)
        *_, rows, columns = self.p.place(number)
        height, width = self.p.array.shape[-2:]
        y, x = np.ogrid[rows, columns]
        at_end = (y == 0) | (y == height - 1) | (x == 0) | (x == width - 1)
        outside = np.zeros(count + 1, bool)
        outside[regions[at_end]] = True
        cells, first = np.unique(grown, return_index=True)
        return {
            "smallest": smallest[1:],
            "largest": largest[1:],
            "outside": outside[1:],
            "cells": cells,
            "first": (y * width + x).ravel()[first],  # index in the flattened slice
            **union.edges(regions),
        }

    def _unite_holes(self, k: int) -> Note:
        notes = self._notes("holes", k)

        def every(name: str) -> Array:
            return np.concatenate([note[name] for note in notes])

        before = union.offsets([len(note["outside"]) for note in notes])
        regions = self._unite(notes, before, diagonally=True)
        count, region = regions.max() + 1, regions[1:]
        smallest = np.full(count, np.iinfo(np.int64).max)
        largest, outside = np.zeros(count, np.int64), np.zeros(count, bool)
        np.minimum.at(smallest, region, every("smallest"))
        np.maximum.at(largest, region, every("largest"))
        outside[region[every("outside")]] = True
        fill = np.where(~outside & (smallest == largest), largest, 0)

        first = np.full(every("cells").max() + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, every("cells"), every("first"))
        first[0] = -1
        numbers = np.argsort(np.argsort(first))  # numbers that no cell has come last
        return {"before": before, "fill": numbers[fill][regions], "numbers": numbers}

    def _flat(self, number: int) -> Array:
        """Return the cells (h, w) of a block, numbered within its slice."""
        grown = self._grown(number)[1:-1, 1:-1]
        regions, _ = scipy.ndimage.label(grown == 0, EIGHT)
        k, at = self._where(number)
        holes = self._united("united-holes", k)
        fill = holes["fill"][holes["before"][at] + regions]
        return np.where(grown > 0, holes["numbers"][grown], fill)

    # Overlaps of neighbouring slices

    def _note_overlaps(self, number: int) -> Note:
        k, at = self._where(number)
        here, above = self._flat(number), self.above and self.above(k)
        if above is None:
            there = np.zeros_like(here)
        else:
            there = self._flat(above * prod(self.grid) + at)
        return segments.contingency(here, there)._asdict()

    def _unite_slices(self, _: int) -> Note:
        overlaps = [
            segments.together([Table(**note) for note in self._notes("overlaps", k)])
            for k in range(self.slices)
        ]
        sizes = [np.bincount(table.truth, table.pixels) for table in overlaps]
        before = union.offsets([len(one) - 1 for one in sizes])
        joined = [np.zeros((2, 0), np.int64)]
        for k, table in enumerate(overlaps):
            above = self.above and self.above(k)
            if above is not None:
                i, j, both = (column[(table.truth > 0) & (table.proposal > 0)] for column in table)
                enough = both > self.overlap * (sizes[k][i] + sizes[above][j] - both)
                joined.append(np.stack([i[enough] + before[k], j[enough] + before[above]]))
        return {
            "before": before,
            "numbers": union.unite(before[-1], np.concatenate(joined, axis=1)),
        }

    # Notes

    def _unite(self, notes: list[Note], before: Array, diagonally: bool) -> Array:
        wide = self.grid[1]
        rows = [notes[first : first + wide] for first in range(0, len(notes), wide)]
        return union.unite(before[-1], union.touching(rows, before, diagonally))

    def _where(self, number: int) -> tuple[int, int]:
        """Return the number of a block's slice, and the number of the block within that slice."""
        return divmod(number, prod(self.grid))

    def _stage(self, name: str, tasks: int, note: Callable[[int], Note]) -> Stage:
        path = partial(self._path, name)

        def run(number: int) -> None:
            path(number).parent.mkdir(parents=True, exist_ok=True)
            with files.atomic(path(number)) as beside, beside.open("wb") as file:
                np.savez(file, **note(number))

        return Stage(name, tasks, lambda number: path(number).is_file(), run)

    def _path(self, name: str, number: int) -> Path:
        k = () if name.startswith("united") else (str(number // prod(self.grid)),)
        return self.folder.joinpath(name, *k, f"{number}.npz")

    def _notes(self, name: str, k: int) -> list[Note]:
        """Read the notes of all blocks of slice k."""
        first = k * prod(self.grid)
        return [self._read(name, first + at) for at in range(prod(self.grid))]

    def _read(self, name: str, number: int) -> Note:
        path = self._path(name, number)
        try:
            with path.open("rb") as file, np.load(file) as saved:
                return dict(saved)
        except (EOFError, ValueError, BadZipFile):
            raise InputError(f"{path} is damaged; delete it, and repeat the command") from None
