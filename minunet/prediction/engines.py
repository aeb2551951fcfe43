"""Run the tasks of a prediction in this process, in local workers, or on a Dask cluster.

A future carries the number of a task, never data, and only a few are in flight at a time, so the
scheduler's memory does not grow with the number of tasks. If a worker is lost, another one repeats
its tasks. A task that fails three times, or once with an `InputError`, is reported after all others
are done.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, count, islice
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

from minunet.cli import say
from minunet.errors import InputError, reason

IN_FLIGHT = 4
"""Number of tasks in flight, running or waiting, per worker thread."""

TRIES = 3

RECOUNT = 32
"""Number of tasks after which the workers are counted again: some may have joined or left."""

PATIENCE = "20s"
"""Maximum time to wait for a connection to the scheduler."""

Task: TypeAlias = Callable[[int], int]
Engine: TypeAlias = Callable[[Task, Sequence[int]], Iterator[int]]
"""Like `map`, runs a task for each number, and yields the numbers as their tasks are done."""


class Stage(NamedTuple):
    """Tasks that may run in any order, once the previous stage is done."""

    name: str  # of each of its tasks, such as "block"
    tasks: int
    is_done: Callable[[int], bool]
    run: Callable[[int], None]

    def left(self) -> list[int]:
        """Return the numbers of the tasks that are not done."""
        return [k for k in range(self.tasks) if not self.is_done(k)]


@contextmanager
def start(workers: int | None, address: str | None) -> Iterator[Engine]:
    """Yield an engine: this process, new workers, or those of a running scheduler.

    Parameters
    ----------
    workers : int or None     number of processes to start
    address : str or None     address of a running scheduler, such as tcp://HOST:8786

    Raises
    ------
    InputError
        If Dask is not installed, or if there is no scheduler at the address.
    """
    if workers is None and address is None:
        yield map
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise InputError(
            f"--workers and --scheduler need {error.name}, which is not installed; run pip install "
            f"{error.name}, or leave them out"
        ) from None
    local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}
    # Local workers inherit that Ctrl-C is ignored: this process stops them.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        client = Client(
            address, timeout=PATIENCE, set_as_default=False, **({} if address else local)
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no Dask scheduler at {address}: {error}; start one, or check the address"
        ) from None
    finally:
        signal.signal(signal.SIGINT, before)
    with client:
        say(f"dashboard {client.dashboard_link}")
        yield partial(run, client)


def check(client: Any) -> None:
    """Raise an `InputError` if the connection of a client to its scheduler is lost for good."""
    if client.status == "closed":
        raise InputError(
            "the connection to the Dask scheduler is lost; restart the scheduler if it has "
            "stopped, and repeat the command to continue"
        )


def run(client: Any, task: Task, numbers: Sequence[int]) -> Iterator[int]:
    """Run tasks on the workers of a client, and yield their numbers as they finish."""
    from dask.utils import key_split
    from distributed import as_completed

    name = f"block-{uuid4()}"  # new in every call, so that Dask never reuses an old result
    waiting, failed, broken = iter(numbers), Counter[int](), dict[int, BaseException]()
    running, window = as_completed(loop=client.loop), IN_FLIGHT
    for turn in count():
        if turn % RECOUNT == 0:
            with suppress(Exception):  # the connection may be lost; if so, Dask connects again
                window = IN_FLIGHT * max(sum(client.nthreads().values()), 1)
                client.run_on_scheduler(key_split.cache_clear)  # of 100,000 names of tasks
        if running.count() <= window // 2:
            # Several at a time, because the scheduler remembers every call of `map`. The first
            # element of a key names the group of a task: all belong to one.
            check(client)
            some = [*islice(waiting, window - running.count())]
            running.update(client.map(task, some, key=[(name, one, turn) for one in some]))
        while not running.has_ready() and not running.is_empty():
            check(client)  # without a connection, futures may never finish
            time.sleep(0.01)
        future = next(running, None)
        if future is None:
            break
        number = future.key[1]
        if future.status == "finished":
            yield number
            continue
        failed[number] += 1
        error = future.exception()
        if failed[number] < TRIES and not isinstance(error, InputError):
            waiting = chain([number], waiting)
        else:
            broken[number] = error
    if broken:
        number, error = min(broken.items())
        raise InputError(
            f"{len(broken)} of {len(numbers)} tasks failed; the first is task {number}: "
            f"{reason(error)}. The others are done; repeat the command to retry those that failed"
        )
