"""What training leaves on disk: rows of the log, checkpoints, and pictures of validations.

The order in which these are written makes a resumed run equal an uninterrupted one, whenever it is
stopped or killed: a checkpoint is saved after the rows of its steps, and `best.npz` before the
`last.npz` that knows its score.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minunet import runs, stopping
from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.runs.settings import Settings
from minunet.stopping import Stopped
from minunet.training import state as states
from minunet.training.state import State
from minunet.training.validation import Validation, validate

OnValidation = Callable[[Validation, list[Array]], None]
"""Called after every validation with its scores and the probabilities of its slices."""

SAVE_EVERY = 180.0
"""Seconds after which the state is saved, even if no validation is due."""


@dataclass
class Journal:
    """What `train` leaves on disk: rows of the log, checkpoints and pictures."""

    folder: Path
    settings: Settings
    data: Dataset
    state: State
    on_validation: OnValidation
    shown: str = ""  # the last validation, for the progress bar
    saved: float = 0.0  # time of the last checkpoint

    def open(self, stopped: Callable[[], int]) -> int:
        """Save the state with its settings, and validate it if that was interrupted.

        Returns
        -------
        int : as for `write`
        """
        logged = {row["step"] for row in runs.read(self.folder) if "validation_energy" in row}
        last = self.state.step == self.settings.steps  # its pictures may be missing
        self.save()
        if self.state.step and self._is_due() and (last or self.state.step not in logged):
            return self._validate(None, stopped)
        return 0

    def write(self, row: runs.Row, stopped: Callable[[], int]) -> int:
        """Log a step, and validate or save the state if that is due.

        Returns
        -------
        int : number of the signal that interrupted the validation, or 0
        """
        if self._is_due():
            return self._validate(row, stopped)
        runs.append(self.folder, row)
        if time.monotonic() - self.saved > SAVE_EVERY:
            self.save()
        return 0

    def save(self) -> None:
        """Save the state as `last.npz`; the log goes to disk first, so it is never behind."""
        runs.flush(self.folder)
        states.save(self.folder / "last.npz", self.settings, self.state)
        self.saved = time.monotonic()

    def _is_due(self) -> bool:
        """Return whether the state is validated: at regular intervals, and after the last step."""
        step, settings = self.state.step, self.settings
        return step % settings.validate_every == 0 or step == settings.steps

    def _validate(self, row: runs.Row | None, stopped: Callable[[], int]) -> int:
        """Validate the state, log that with the row of its step, and save and draw it.

        A signal does not wait for the end of the validation. The row is then logged without it, and
        a resumed run makes up for it.

        Parameters
        ----------
        row : dict or None     None: the row of this step is in the log
        stopped : callable

        Returns
        -------
        int : number of the signal that interrupted this, or 0
        """
        states.check_finite(self.state)
        try:
            with stopping.at_once(stopped):
                scores, p = validate(self.state.params, self.data, self.settings)
        except Stopped as stop:
            if row:
                runs.append(self.folder, row)
            return stop.number
        found = {f"validation_{k}": v for k, v in scores._asdict().items() if v is not None}
        if row:  # saved after it is logged, so that the log is never behind a checkpoint
            runs.append(self.folder, row | found)
        self._keep(getattr(scores, self.settings.score))
        if not row:  # logged after it is saved: until then, a resumed run validates again
            runs.amend(self.folder, self.state.step, found)
        self.shown = f"  validation {scores.summary(self.settings.score)}"
        try:
            with stopping.at_once(stopped):
                self.on_validation(scores, p)
        except Stopped as stop:
            return stop.number
        return 0

    def _keep(self, score: float) -> None:
        """Save the state as `last.npz` and, if its score is the best so far, as `best.npz`."""
        best = self.folder / "best.npz"
        improved = score > self.state.best or not best.exists()
        self.state.best = max(self.state.best, score)
        if improved:  # first: a run killed in between resumes from last.npz and repeats this step
            states.save(best, self.settings, self.state)
        self.save()
