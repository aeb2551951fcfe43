"""Run the tasks of a prediction here, on workers of this machine, or on a Dask cluster.

A future carries the number of a task, never data, and only a few are in flight at a time, so the
scheduler needs the same memory for any number of them. What a lost worker was doing is done again
by another one. A task that fails three times is reported after all others are done.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count, islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

from minunet.errors import InputError

IN_FLIGHT = 4
"""Tasks per thread of a worker that are running or waiting."""

TRIES = 3

RECOUNT = 32
"""Tasks after which the workers are counted again: some may have joined, or left."""

FORGET = 2_000
"""Tasks after which the scheduler forgets the names of finished ones."""

PATIENCE = "20s"
"""How long to wait for a scheduler."""

Task: TypeAlias = Callable[[int], int]
Engine: TypeAlias = Callable[[Task, Sequence[int]], Iterator[int]]
"""Run a task for each of some numbers, and yield the numbers of those that are done."""


class Stage(NamedTuple):
    """Tasks that may run in any order, once the previous stage is done."""

    name: str  # of a task
    tasks: int
    is_done: Callable[[int], bool]
    run: Callable[[int], None]

    def left(self) -> list[int]:
        """Return the numbers of the tasks that are not done."""
        return [k for k in range(self.tasks) if not self.is_done(k)]


def here(task: Task, numbers: Sequence[int]) -> Iterator[int]:
    """Run tasks in this process."""
    for number in numbers:
        yield task(number)


@contextmanager
def _environment_as_before() -> Iterator[None]:
    """Restore the environment: Dask sets OMP_NUM_THREADS and others for the processes it starts."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def cluster(workers: int | None, address: str | None) -> Iterator[tuple[Engine, str]]:
    """Start workers on this machine, or connect to a scheduler; yield the engine and its dashboard.

    Parameters
    ----------
    workers : int or None     number of processes to start
    address : str or None     of a running scheduler, such as tcp://HOST:8786

    Raises
    ------
    InputError
        If Dask is not installed, or if there is no scheduler at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise InputError(
            f"--workers and --scheduler need {error.name} (pip install {error.name}); install it, "
            "or leave them out"
        ) from None
    with _environment_as_before():
        if address is None:
            with _ignoring_ctrl_c():
                started = LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=":0"
                )
        try:
            where = started if address is None else address
            client = Client(where, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"there is no Dask scheduler at {address}: {error}; start one, or check the address"
            ) from None
        try:
            yield _Dask(client), client.dashboard_link
        finally:
            client.close()
            if address is None:
                started.close()


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Ignore Ctrl-C within the block, and in processes that it starts: their parent stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Dask:
    """An engine that keeps a few tasks in flight on every worker of a cluster."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __call__(self, task: Task, numbers: Sequence[int]) -> Iterator[int]:
        """Run tasks, and yield their numbers in the order in which they are done."""
        waiting, failed = iter(numbers), Counter[int]()
        in_flight: dict[Any, int] = {}  # number of each future; Dask drops what nobody holds
        broken: dict[int, BaseException] = {}
        name = f"block-{uuid4()}"  # new in every call, so that Dask never reuses an old result
        finished: SimpleQueue[Any] = SimpleQueue()

        def submit(numbers: list[int]) -> None:
            # The scheduler keeps something for every group of tasks, which the first of a tuple
            # names, and for every call.
            keys = [(name, number, failed[number]) for number in numbers]
            try:
                futures = self.client.map(task, numbers, key=keys)
            except Exception:
                self._check()
                raise
            in_flight.update(zip(futures, numbers, strict=True))
            for future in futures:
                future.add_done_callback(finished.put)

        window = 0
        for turn in count():
            if turn % RECOUNT == 0:
                window = self._window()
            if turn % FORGET == 0:
                self._forget()
            if len(in_flight) <= window // 2:
                submit([*islice(waiting, window - len(in_flight))])
            if not in_flight:
                break
            future = self._next(finished)
            number = in_flight.pop(future)
            if future.status == "finished":
                yield number
                continue
            failed[number] += 1
            error = future.exception()
            if failed[number] < TRIES and not isinstance(error, InputError):
                submit([number])
            else:
                broken[number] = error
        if broken:
            number, error = min(broken.items())
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{len(broken)} of {len(numbers)} tasks failed; the first is task {number}: "
                f"{reason}. The others are done; repeat the command to try again"
            )

    def _window(self) -> int:
        """Return how many tasks may be in flight."""
        try:
            return IN_FLIGHT * max(sum(self.client.nthreads().values()), 1)
        except OSError:  # no connection now; whoever waits for a task notices if it is for good
            return IN_FLIGHT

    def _forget(self) -> None:
        """Make the scheduler forget the names of finished tasks, of which Dask keeps 100,000."""
        from dask.utils import key_split

        with suppress(OSError):
            self.client.run_on_scheduler(key_split.cache_clear)

    def _next(self, finished: "SimpleQueue[Any]") -> Any:
        """Wait for a future; those that are submitted while a connection breaks never finish."""
        while True:
            try:
                return finished.get(timeout=1)
            except Empty:
                self._check()

    def _check(self) -> None:
        if self.client.status == "closed":
            raise InputError(
                "the connection to the Dask scheduler is lost; start the scheduler again if it has "
                "stopped: the same command continues with what is not done yet"
            )
