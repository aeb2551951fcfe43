"""Tasks are done here and on a cluster, also if some fail or a worker is lost."""

import operator
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from unittest import mock

import pytest
from commands import call, refused

from minunet.errors import InputError
from minunet.prediction import engines


def test_tasks_in_this_process_run_one_by_one(tmp_path):
    with engines.start(None, None) as run:
        for done, _ in enumerate(run(partial(note, tmp_path), [3, 1, 2]), start=1):
            assert len([*tmp_path.iterdir()]) == done


def note(folder, number):
    """Append a line to a file for every time that a task runs."""
    with (folder / str(number)).open("a") as file:
        file.write("once\n")
    return number


def fail_twice(folder, number):
    note(folder, number)
    if number == 2 and len((folder / "2").read_text().split()) < 3:
        raise OSError("the disk is away for a moment")
    return number


def fail_always(folder, number):
    note(folder, number)
    if number in (1, 4):
        raise OSError(f"disk {number} is broken")
    return number


def refuse(folder, number):
    note(folder, number)
    raise InputError("the image has changed")


def kill_once(folder, number):
    note(folder, number)
    if number == 3 and len((folder / "3").read_text().split()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return number


@pytest.fixture(scope="module", autouse=True)
def environment():
    """Restore the environment, which Dask changes for its workers."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="module")
def workers(environment):
    pytest.importorskip("distributed")
    with engines.start(2, None) as run:
        yield run


def times(folder):
    return {int(one.name): len(one.read_text().split()) for one in folder.iterdir()}


def test_every_task_runs_once_and_few_are_in_flight(tmp_path, workers, monkeypatch):
    futures, most = set(), 0
    (client,) = workers.args
    submit = client.map

    def counted(*args, **options):
        nonlocal most
        new = submit(*args, **options)
        futures.update(new)
        most = max(most, sum(not one.done() for one in futures))
        return new

    monkeypatch.setattr(client, "map", counted)
    numbers = list(range(5, 105))
    assert sorted(workers(partial(note, tmp_path), numbers)) == numbers
    assert times(tmp_path) == dict.fromkeys(numbers, 1)
    assert 2 <= most <= 2 * engines.IN_FLIGHT  # 2 workers with one thread each


def test_a_task_that_fails_is_tried_three_times_and_the_others_go_on(tmp_path, workers):
    assert sorted(workers(partial(fail_twice, tmp_path), range(6))) == list(range(6))
    assert times(tmp_path) == {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 1}


def test_tasks_that_fail_for_good_are_named_when_all_others_are_done(tmp_path, workers):
    done = []
    with pytest.raises(InputError, match=r"^2 of 6 tasks failed; the first is task 1: disk 1 is"):
        done.extend(workers(partial(fail_always, tmp_path), range(6)))
    assert times(tmp_path) == {0: 1, 1: 3, 2: 1, 3: 1, 4: 3, 5: 1}


def test_input_that_is_not_valid_is_not_tried_again(tmp_path, workers):
    with pytest.raises(InputError, match="the image has changed"):
        list(workers(partial(refuse, tmp_path), [7]))
    assert times(tmp_path) == {7: 1}


@pytest.mark.filterwarnings("ignore")
def test_what_a_lost_worker_was_doing_is_done_by_another(tmp_path, workers):
    assert sorted(workers(partial(kill_once, tmp_path), range(20))) == list(range(20))
    counts = times(tmp_path)
    assert counts[3] == 2
    # Besides, only what waited in the memory of the lost worker runs again.
    assert sum(counts.values()) - 20 <= engines.IN_FLIGHT


def test_workers_write_what_one_process_writes(tmp_path, begun):
    pytest.importorskip("distributed")
    from volume_tests import arrays

    from minunet.prediction import blocks

    _, args = begun
    assert call("predict", *args, "-o", tmp_path / "one.zarr", "--threads", 1).code == 0
    blocks.stages.cache_clear()
    found = call("predict", *args, "-o", tmp_path / "two.zarr", "--workers", 2)
    assert found.code == 0, found.err
    assert "dashboard http://" in found.out
    assert arrays(tmp_path / "two.zarr") == arrays(tmp_path / "one.zarr")


def test_no_scheduler_at_an_address(tmp_path, begun, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(engines, "PATIENCE", "1s")
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        out = tmp_path / "out.zarr"
        text = refused(call("predict", *begun[1], "-o", out, "--scheduler", address))
        assert f"there is no Dask scheduler at {address}" in text


@pytest.mark.filterwarnings("ignore")
def test_a_lost_scheduler_is_one_sentence(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(engines, "PATIENCE", "2s")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    options = "--no-dashboard", "--host", "127.0.0.1", "--port", port
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *options]
    scheduler = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard"]
    worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(60):  # until it listens
            with suppress(OSError), distributed.Client(address, timeout="1s"):
                break
        done = []
        with engines.start(None, address) as run, pytest.raises(InputError) as lost:
            for number in run(operator.index, range(10**6)):  # its workers know no test
                done.append(number)
                scheduler.kill()
        assert "the connection to the Dask scheduler is lost" in str(lost.value)
        assert 1 <= len(done) < 10**6
    finally:
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()


@pytest.mark.parametrize("error", [RuntimeError("ConnectionPool is closed"), OSError("refused")])
@pytest.mark.parametrize("call", ["nthreads", "run_on_scheduler", "map"])
def test_whatever_dask_raises_without_a_connection_is_one_sentence(call, error):
    pytest.importorskip("dask")

    class Closed:
        status = "closed"

        def __getattr__(self, name):
            return raising if name == call else lambda *given, **options: {}

    def raising(*given, **options):
        raise error

    with pytest.raises(InputError, match="the connection to the Dask scheduler is lost"):
        list(engines.run(Closed(), operator.index, range(3)))


def test_the_scheduler_forgets_the_names_of_tasks(workers):
    from dask.utils import key_split

    assert len(list(workers(operator.index, range(1000)))) == 1000
    assert key_split.cache_info().currsize < 500
