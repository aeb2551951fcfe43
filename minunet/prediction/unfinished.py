"""A prediction that is not finished is kept in a folder, and `predict --resume` continues it.

    OUT/unfinished/probability.tif, …     the results, as they will be in OUT
    OUT/unfinished/progress.json          what is predicted, and how many slices are finished

`progress.json` counts a slice only once its results are on the disk. If the process is killed, or
the power fails, at most the slices after that are computed again, with the same bits. When
all files are complete, they are moved to OUT one by one, and this can also be resumed.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from minunet import files
from minunet.errors import InputError
from minunet.prediction import output_files
from minunet.prediction.gpu_memory import GpuMemoryError
from minunet.prediction.output_files import Layout, Mapped

NAME = "unfinished"
"""Name of the folder inside the output folder."""

PROGRESS = "progress.json"

SHARE = 50
"""At most one part in this many of the time is spent on waiting for the disk."""


class State(NamedTuple):
    """What `progress.json` says."""

    made_of: dict[str, Any]  # what determines the results: model, images, options
    slices: int  # of all jobs
    finished: int = 0
    complete: bool = False  # all files are complete; some may have been moved

    @property
    def threads(self) -> int | None:
        """Number of threads that the prediction was begun with."""
        count = self.made_of.get("--threads")
        return count if isinstance(count, int) and count > 0 else None

    @property
    def tile(self) -> int | None:
        """Tile size that the prediction was begun with; None if images have several."""
        match self.made_of.get("--tile"):
            case [int(tile)] if tile > 0:
                return tile
        return None


def find(out: Path, resume: bool) -> State | None:
    """Return the state of the unfinished prediction in a folder, or None if there is none.

    Raises
    ------
    InputError
        If there is one that is not to be resumed, or that cannot be.
    """
    folder = out / NAME
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(
            f"{folder} is not a folder, but unfinished results need a folder of this name; move it "
            "away, or pass another folder with -o"
        )
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise InputError(f"{path} is a link, which minunet does not follow; remove {folder}")
    files.remove_left_behind(folder)
    if not folder.exists() or not any(folder.iterdir()):
        return None
    state = _read(folder)
    if not resume:
        raise InputError(
            f"{folder} contains an unfinished prediction ({state.finished} of {state.slices} "
            "slices finished); add --resume to continue it, or remove that folder to begin again"
        )
    return state


def _read(folder: Path) -> State:
    """Read the state of the prediction in the folder `unfinished`."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        state = State(**json.loads((folder / PROGRESS).read_text(encoding="utf-8")))
        counts = state.finished, state.slices
        if set(map(type, counts)) == {int} and 0 <= state.finished <= state.slices:
            if isinstance(state.made_of, dict):
                return state
    raise InputError(
        f"the prediction in {folder} cannot be resumed, because its {PROGRESS} is missing or "
        "damaged; remove that folder to begin again, or pass another output folder with -o"
    )


@contextmanager
def explained(out: Path, again: str) -> Iterator[None]:
    """Say how to continue, if a signal or an error of the system ends this block.

    Parameters
    ----------
    out : Path
    again : str     command that continues the prediction
    """
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        raise _explained(error, out, again) from None


def _explained(error: BaseException, out: Path, again: str) -> BaseException:
    """Return an error that also says which slices are kept, and how to continue."""
    kept, folder = "", out / NAME
    if os.path.lexists(folder):
        with suppress(InputError):
            state = _read(folder)
            then = "To" if isinstance(error, KeyboardInterrupt) else "Fix this, then"
            kept = f"; {state.finished} of {state.slices} slices are kept in {folder}. "
            if isinstance(error, GpuMemoryError):  # another tile could not continue these slices
                then = "Free some of the GPU's memory, then"
            kept += f"{then} continue: {again}"
    if isinstance(error, KeyboardInterrupt):
        error.args = (f"{str(error) or 'SIGINT'}{kept}",)
        return error
    reason = error.shortage if kept and isinstance(error, GpuMemoryError) else str(error)
    if isinstance(error, OSError):
        kept = kept or "; no slice is kept. Remove the cause, then run predict again"
        reason = f"{error.filename or folder}: {error.strerror or error}"
    return InputError(reason + kept)


class Unfinished:
    """The results of a prediction until they are complete.

    Parameters
    ----------
    out : Path                 folder for the results; this process owns it
    new : State                of a prediction that begins
    names : sequence of str    all result files, relative to `out`
    old : State or None        of the prediction to continue

    Raises
    ------
    InputError
        If the old prediction was made of something else.
    """

    def __init__(self, out: Path, new: State, names: Sequence[str], old: State | None) -> None:
        self.out, self.folder, self.names = out, out / NAME, names
        new = new._replace(made_of=json.loads(json.dumps(new.made_of)))
        if old is not None:
            self._check(new, old)
        self.state = self.saved = old or new
        self.maps: list[Mapped] = []
        self.due = 0.0  # time from which it is worth waiting for the disk again

    def _check(self, new: State, old: State) -> None:
        """Raise an `InputError` unless the old prediction has the same results as the new one."""
        for key in {**new.made_of, **old.made_of}:
            was, now = (state.made_of.get(key) for state in (old, new))
            if was != now:
                values = f" ({was}, not {now})" if key.startswith("--") else ""
                raise InputError(
                    f"{self.folder} was begun with another {key}{values}; use the same model, "
                    "images and options as then, or remove that folder to begin again"
                )
        if new.slices != old.slices:
            raise InputError(
                f"{self.folder} was begun with {old.slices} slices, not {new.slices}; use the same "
                "images as then, or remove that folder to begin again"
            )

    @contextmanager
    def kept(self, again: str) -> Iterator[None]:
        """Within the block, files are written; at its end, they are complete and are moved.

        A signal or an error keeps the finished slices; if there are none, nothing is left.

        Parameters
        ----------
        again : str     command that continues the prediction
        """
        try:
            self.folder.mkdir(exist_ok=True)
            self.record()
            yield
            self._finish()
        except BaseException as error:
            if isinstance(error, OSError) and not self.folder.is_dir():
                raise InputError(
                    f"{self.folder} was removed or renamed while predict used it; run predict again"
                ) from None
            with suppress(OSError):  # then what was recorded before remains valid
                self.record()
            if not self.saved.finished:
                self._remove()
            if isinstance(error, InputError):
                raise _explained(error, self.out, again) from None
            raise

    def map(self, layout: Layout, begun: bool) -> Mapped:
        """Map a result file for writing; create it unless some of its slices are finished."""
        path = self.folder / layout.name
        if not begun:
            path.unlink(missing_ok=True)  # of a process that was killed before its first slice
            self.maps.append(output_files.create(self.folder, layout))
        else:
            self.maps.append(output_files.reopen(self.folder, layout))
        return self.maps[-1]

    def count(self) -> None:
        """Count one more finished slice; record it, unless the disk would take too much time."""
        self.state = self.state._replace(finished=self.state.finished + 1)
        if time.monotonic() >= self.due:
            self.record()

    def close(self) -> None:
        """Wait until the mapped files are on the disk, and forget them."""
        for one in self.maps:
            one.flush()
        self.maps = []

    def record(self) -> None:
        """Wait until the finished slices are on the disk, and write their number."""
        started = time.monotonic()
        for one in self.maps:
            one.flush()
        with files.atomic(self.folder / PROGRESS) as beside:
            beside.write_text(json.dumps(self.state._asdict(), indent=1), encoding="utf-8")
        self.saved = self.state
        ended = time.monotonic()
        self.due = ended + SHARE * (ended - started)

    def _finish(self) -> None:
        """Move the complete files to the output folder."""
        self.close()
        if not self.state.complete:
            for name in self.names:
                files.sync(self.folder / name)
            self.state = self.state._replace(complete=True)
            self.record()
        for name in self.names:
            source, target = self.folder / name, self.out / name
            if source.exists() or not target.exists():  # else it was moved before
                target.parent.mkdir(exist_ok=True)
                files.move(source, target)
        for folder in {(self.out / name).parent for name in self.names}:
            files.sync(folder)
        self._remove()

    def remove(self, names: Iterable[str]) -> None:
        """Remove files of the folder `unfinished`."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def _remove(self) -> None:
        """Remove the folder `unfinished` with the files that minunet has made there."""
        with suppress(OSError):  # someone may have removed it, or have put something into it
            files.remove_left_behind(self.folder)
            self.remove(self.names)
            for folder in {(self.folder / name).parent for name in self.names} - {self.folder}:
                if folder.exists():
                    folder.rmdir()
            self.remove([PROGRESS])  # last: a kill before this leaves what can be resumed
            self.folder.rmdir()
