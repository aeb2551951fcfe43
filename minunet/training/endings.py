"""Messages of a run that ends early: what is saved, and the command that continues the run."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from minunet.cli import command, say
from minunet.errors import InputError
from minunet.fast import threads
from minunet.prediction.gpu_memory import GpuMemoryError
from minunet.runs import checkpoint
from minunet.runs.settings import Settings
from minunet.training.state import DivergedError, State

REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Free some space"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "Allow minunet to read and write it"),
}
"""What to do before a run can continue, by error code."""


@contextmanager
def explained(folder: Path, again: str = "") -> Iterator[None]:
    """Say how to continue a run that a signal or an error of the system ends within this block.

    Parameters
    ----------
    folder : Path
    again : str       command that continues the run; default: the one that resumes it

    Raises
    ------
    SystemExit
        After a signal, with the exit code that a shell reports for it.
    InputError
        After an error of the system, or if the memory of a GPU is not enough.
    """
    again = again or command("train", "--resume", folder)
    try:
        yield
    except KeyboardInterrupt as stop:
        say(f"stopped; {saved(folder)}. To continue: {again}")
        sys.exit(getattr(stop, "code", 130))
    except OSError as error:
        raise InputError(failed(folder, error, again)) from None
    except GpuMemoryError as error:
        raise InputError(out_of_memory(folder, error)) from None


def stopped(folder: Path, step: int) -> str:
    """Say that a run was stopped, and saved after a step."""
    again = command("train", "--resume", folder)
    return f"stopped after step {step}; everything is saved. To continue: {again}"


def failed(folder: Path, error: OSError, again: str) -> str:
    """Say that the system refused to read or write a file of a run."""
    if not folder.is_dir():
        return f"{folder} no longer exists; move it back, or start the run again"
    remedy = REMEDIES.get(error.errno or 0, "Fix this")
    reason = f"{error.filename or folder}: {error.strerror or error}"
    return f"{reason}; {saved(folder)}. {remedy}, then continue: {again}"


def out_of_memory(folder: Path, error: GpuMemoryError) -> str:
    """Say that a run needs more memory than the GPU has, and how to train in spite of that."""
    on_cpu = command("train", "--resume", folder, "--device", "cpu")
    smaller = f"Start a new run with --tile {error.tile} or less, or c" if error.tile else "C"
    return f"{error.shortage}; {saved(folder)}. {smaller}ontinue on the CPU: {on_cpu}"


def diverged(folder: Path, settings: Settings, state: State, error: DivergedError) -> str:
    """Say why a run cannot take its next step, and what to change."""
    if state.step == 0:
        return (
            f"{error}. No step had been taken yet, so a lower learning rate will not help; check "
            "the values of the images and labels, and --w0"
        )
    if saved_step(folder) == state.step:
        return f"{error}; {saved(folder)}. Start a new run with a lower --learning-rate"
    rate = f"{settings.learning_rate / 3:.2g}"
    again = command("train", "--resume", folder, "--learning-rate", rate)
    return f"{error}; {saved(folder)}. Try a lower rate: {again}"


def threads_of_resumed(settings: Settings, wanted: int | None) -> tuple[Settings, str]:
    """Use the threads that a run was started with, unless another number is asked for.

    Parameters
    ----------
    settings : Settings        stored in the run; older runs did not store their threads
    wanted : int or None       given with --threads

    Returns
    -------
    settings : Settings        with the number of threads used
    note : str                 a line for the plan if that differs, or does not fit; or empty
    """
    stored, cores = settings.threads, threads.cores()
    threads.use(wanted or stored or threads.count())
    if stored and wanted and wanted != stored:
        note = (
            f"threads   {wanted} instead of the {stored} that the run was started with: the last "
            "bits of its weights may differ"
        )
    elif stored and not wanted and stored > cores:
        note = (
            f"threads   {stored}, as when the run was started, although {cores} are available "
            "here: the same bits, but slower"
        )
    else:
        note = ""
    return replace(settings, threads=wanted or stored), note


def saved(folder: Path) -> str:
    """Say which steps of a run `last.npz` holds."""
    step = saved_step(folder)
    if step is None:
        return "no step was saved"
    return f"last.npz contains {f'the run up to step {step}' if step else 'the initial weights'}"


def saved_step(folder: Path) -> int | None:
    """Return the number of steps after which `last.npz` was saved; None if it cannot be read."""
    try:
        return checkpoint.load(folder / "last.npz").step
    except (InputError, OSError, MemoryError):
        return None
