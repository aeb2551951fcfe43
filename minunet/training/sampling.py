"""Training tiles: sample them at random; make the next one while the current one is in use."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from minunet.augmentation import Augmentation, tile
from minunet.fast.cores import can_start_threads
from minunet.image import Sample
from minunet.network import sizes

T = TypeVar("T")


def tile_rng(seed: int, step: int) -> np.random.Generator:
    """Make the random generator for the tile of one step, independent of all earlier steps.

    A run can therefore resume at any step without a stored generator state. The streams of all
    steps are independent of each other, and of ``default_rng(seed)``.

    Parameters
    ----------
    seed : int     seed of the run
    step : int     number of the step, from 0
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))


def sample(
    slices: Sequence[Sample],
    size: int,
    depth: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Sample:
    """Sample a tile centred on a pixel drawn at random from all slices, and augment it.

    All pixels are equally likely, even those at the edge, beyond which image and labels are
    mirrored. The network therefore learns the corners of an image as well as its middle.

    Parameters
    ----------
    slices : sequence of Sample    whole images with their labels and weights
    size : int                     side n of the tile, in pixels; valid for `depth`
    depth : int                    depth of the network
    augmentation : Augmentation
    rng : numpy Generator          draws the pixel, then the augmentation

    Returns
    -------
    Sample : one tile, the batch of the paper

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
    """Yield ``make(step)`` for every step, made in the background during the previous step.

    A thread makes one item in advance, and ends with the loop. If the loop may end early, close the
    generator with `contextlib.closing`. Where threads cannot start, each item is made when needed.

    Parameters
    ----------
    make : callable (step) -> item     must not depend on earlier items
    first, last : int                  the steps are first … last-1

    Raises
    ------
    Exception
        Whatever `make` raises, when the loop reaches that step.
    """
    if first >= last:
        return
    if not can_start_threads():
        yield from map(make, range(first, last))
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        upcoming = thread.submit(make, first)
        for step in range(first + 1, last):
            made = upcoming.result()
            upcoming = thread.submit(make, step)
            yield made
        yield upcoming.result()
