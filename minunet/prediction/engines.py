"""Run the tasks of a prediction in this process, in local workers, or on a Dask cluster.

A future carries the number of a task, never data, and only a few are in flight at a time, so the
scheduler's memory does not grow with the number of tasks. If a worker is lost, another one repeats
its tasks. A task that fails three times, or once with an `InputError`, is reported after all others
are done.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

from minunet.errors import InputError, reason

IN_FLIGHT = 4
"""Number of tasks in flight, running or waiting, per worker thread."""

TRIES = 3

RECOUNT = 32
"""Number of tasks after which the workers are counted again: some may have joined or left."""

FORGET = 2_000
"""Number of tasks after which the scheduler is made to forget the names of finished ones."""

PATIENCE = "20s"
"""Maximum time to wait for a connection to the scheduler."""

Task: TypeAlias = Callable[[int], int]
Engine: TypeAlias = Callable[[Task, Sequence[int]], Iterator[int]]
"""Runs a task for each number, and yields each number when its task is done."""


class Stage(NamedTuple):
    """Tasks that may run in any order, once the previous stage is done."""

    name: str  # of each of its tasks, such as "block"
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
    """Restore the environment at the end: Dask sets OMP_NUM_THREADS and others for its workers."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def cluster(workers: int | None, address: str | None) -> Iterator[tuple[Engine, str]]:
    """Start local workers, or connect to a scheduler; yield the engine and its dashboard's address.

    Parameters
    ----------
    workers : int or None     number of processes to start
    address : str or None     address of a running scheduler, such as tcp://HOST:8786

    Raises
    ------
    InputError
        If Dask is not installed, or if there is no scheduler at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise InputError(
            f"--workers and --scheduler need {error.name}, which is not installed; run pip install "
            f"{error.name}, or leave them out"
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
                f"there is no Dask scheduler at {address or started.scheduler_address}: {error}; "
                "start one, or check the address"
            ) from None
        try:
            yield _Dask(client), client.dashboard_link
        finally:
            client.close()
            if address is None:
                started.close()


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Ignore Ctrl-C in a `with` body, and in processes started there: their parent stops them."""
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
        """Run tasks, and yield their numbers as they finish."""
        waiting, failed = iter(numbers), Counter[int]()
        in_flight: dict[Any, int] = {}  # number by future; Dask drops futures that nobody holds
        broken: dict[int, BaseException] = {}
        name = f"block-{uuid4()}"  # new in every call, so that Dask never reuses an old result
        finished: SimpleQueue[Any] = SimpleQueue()

        def submit(numbers: list[int]) -> None:
            # The scheduler keeps some state for every group of tasks and every call of `map`. The
            # first element of a key names the group, so all tasks share one.
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
            raise _failed(broken, len(numbers))

    def _window(self) -> int:
        """Return how many tasks may be in flight."""
        try:
            return IN_FLIGHT * max(sum(self.client.nthreads().values()), 1)
        except Exception:  # of many types if there is no connection now, or no more
            self._check()
            return IN_FLIGHT

    def _forget(self) -> None:
        """Make the scheduler forget the names of finished tasks; Dask would keep 100,000."""
        from dask.utils import key_split

        try:
            self.client.run_on_scheduler(key_split.cache_clear)
        except Exception:  # nothing depends on it
            self._check()

    def _next(self, finished: "SimpleQueue[Any]") -> Any:
        """Wait for a future, and check the connection: without it, futures may never finish."""
        while True:
            try:
                return finished.get(timeout=1)
            except Empty:
                self._check()

    def _check(self) -> None:
        if self.client.status == "closed":
            raise InputError(
                "the connection to the Dask scheduler is lost; restart the scheduler if it has "
                "stopped, and repeat the command to continue"
            )


def _failed(broken: dict[int, BaseException], tasks: int) -> InputError:
    """Return an error that says how many tasks failed, and why the first of them did."""
    number, error = min(broken.items())
    return InputError(
        f"{len(broken)} of {tasks} tasks failed; the first is task {number}: {reason(error)}. The "
        "others are done; repeat the command to retry those that failed"
    )
