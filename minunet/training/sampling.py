"""Training tiles: where they lie, and how the next one is made while one is in use."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from minunet.augmentation import Augmentation, tile
from minunet.image import Sample
from minunet.network import sizes

T = TypeVar("T")


def tile_rng(seed: int, step: int) -> np.random.Generator:
    """Make the random generator for the tile of one step, independent of all earlier steps.

    So a run can be resumed at any step without storing any state. The streams of all steps are
    independent of each other, and of ``default_rng(seed)``.

    Parameters
    ----------
    seed : int     of the run
    step : int     from 0
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))


def sample(
    slices: Sequence[Sample],
    size: int,
    depth: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Sample:
    """Sample a tile whose centre is any pixel of any slice with equal chance, and augment it.

    The centre may lie at the very edge: image and labels are mirrored beyond it. So the network
    learns the corners of an image as well as its middle.

    Parameters
    ----------
    slices : sequence of Sample    whole images with their labels and weights
    size : int                     n, valid for `depth`
    depth : int                    of the network
    augmentation : Augmentation
    rng : numpy Generator          samples the pixel, then passed on to `augmentation.sample`

    Returns
    -------
    Sample : a tile; the batch of the paper is one of them

    Raises
    ------
    InputError
        If no tile of this size is valid.
    """
    margin = (size - sizes.output_size(size, depth)) // 2
    ends = np.cumsum([one.labels.size for one in slices])
    number = int(rng.integers(ends[-1]))
    k = int(np.searchsorted(ends, number, side="right"))
    labels = slices[k].labels
    pixel = divmod(number - int(ends[k]) + labels.size, labels.shape[1])
    return tile.sample(slices[k], pixel, size, margin, augmentation, rng)


def ahead(make: Callable[[int], T], first: int, last: int) -> Generator[T, None, None]:
    """Yield ``make(step)`` for every step, each made in the background while the last one is used.

    One thread makes one item ahead. It ends with the loop: close the generator
    (`contextlib.closing`) if the loop may be left early.

    Parameters
    ----------
    make : callable (step) -> item     must not depend on earlier items
    first, last : int                  the steps are first … last-1

    Raises
    ------
    Exception
        Whatever `make` raises, at the turn of that step.
    """
    if first >= last:
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        upcoming = thread.submit(make, first)
        for step in range(first + 1, last):
            made = upcoming.result()
            upcoming = thread.submit(make, step)
            yield made
        yield upcoming.result()
