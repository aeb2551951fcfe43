"""Compare finished runs that differ only in their seed: the mean and the spread of every score.

A run is a folder with `settings.json`, `last.npz` and, once it is finished, `scores.json`.
"""

import json
from collections.abc import Sequence
from itertools import combinations
from math import fsum, isfinite, sqrt
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

from minunet.cli import command
from minunet.errors import InputError
from minunet.metrics.score import WIDTH, Score, aligned, deviation, number, with_spread
from minunet.runs import checkpoint, settings_check
from minunet.runs.archive import AlteredError
from minunet.runs.options import flag
from minunet.runs.settings import Settings, options

MAY_DIFFER = ("seed", "threads")
"""Settings in which runs of one comparison may differ."""


class FinishedRun(NamedTuple):
    """A run, as its folder describes it."""

    folder: Path
    settings: Settings
    scores: dict[str, Score]  # by key
    slices: list[str]  # names of the scored slices
    scored: str  # what was scored, in words; empty in runs of earlier versions
    fingerprint: str | None = None  # of the scored slices; None in runs of earlier versions


class Compared(NamedTuple):
    """A score of several runs."""

    score: Score  # of the first run
    values: tuple[float, ...]  # of each run
    over_slices: float | None  # spread over the slices, root mean square over the runs

    @property
    def mean(self) -> float:
        """Mean over the runs; nan if a run has no value."""
        return fsum(self.values) / len(self.values)

    @property
    def spread(self) -> float | None:
        """Sample standard deviation over the runs; None if a run has no value."""
        return deviation(self.values) if isfinite(self.mean) else None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values; nan becomes null."""
        return {
            "name": self.score.name,
            "higher_is_better": self.score.higher_is_better,
            "values": [value if isfinite(value) else None for value in self.values],
            "mean": self.mean if isfinite(self.mean) else None,
            "spread_over_runs": self.spread,
            "spread_over_slices": self.over_slices,
        }


def is_run(folder: Path) -> bool:
    """Return True for the folder of a run that has begun to train."""
    return (folder / "settings.json").is_file() and (folder / "last.npz").is_file()


def are_runs(paths: Sequence[Path]) -> bool:
    """Return True if these are runs, not a prediction and its truth.

    A run that was stopped before its first checkpoint has only `settings.json`; it is recognized
    beside another run.
    """
    begun = all((path / "settings.json").is_file() for path in paths)
    return len(paths) > 2 or (begun and any(map(is_run, paths)))


def read(folders: Sequence[Path]) -> list[FinishedRun]:
    """Read the settings and the scores of runs that can be compared.

    Raises
    ------
    InputError
        If a folder is not that of a finished run, or if two runs are the same, have different data,
        or differ in a setting other than the seed.
    """
    for a, b in combinations(folders, 2):
        if a.resolve() == b.resolve():
            raise InputError(f"{b} is given twice; pass every run once")
    found = [_read(folder) for folder in folders]
    for other in found[1:]:
        _check_comparable(found[0], other)
    for one, other in combinations(found, 2):
        if one.settings.seed == other.settings.seed:
            raise InputError(
                f"{one.folder} and {other.folder} are the same run: both have seed "
                f"{one.settings.seed}; pass runs with different seeds"
            )
    return found


def _read(folder: Path) -> FinishedRun:
    """Read a run; raise an `InputError` unless it is finished."""
    if not (folder / "settings.json").is_file():
        raise InputError(
            f"{folder} is not the folder of a run: it has no settings.json; pass the folders of "
            "finished runs, or one prediction and its truth"
        )
    settings = _parsed(folder / "settings.json", settings_check.restore)
    step = checkpoint.load(folder / "last.npz").step if is_run(folder) else 0
    done = f"{step} of {settings.steps} steps"
    if step < settings.steps or not (folder / "scores.json").is_file():
        done += ", but has no scores" if step >= settings.steps else ""
        raise InputError(f"{folder} is not finished: it has done {done}; {_finish(folder)}")
    scores, slices, scored = _parsed(folder / "scores.json", _scores)
    if scored and checkpoint.load(folder / scored["checkpoint"]).step != scored["step"]:
        raise InputError(
            f"{folder} is not finished: {scored['checkpoint']} is newer than its scores; "
            + _finish(folder)
        )
    words = f"{scored['checkpoint']}, {scored['part']} part" if scored else ""
    return FinishedRun(folder, settings, scores, slices, words, scored.get("fingerprint"))


def _finish(folder: Path) -> str:
    """Say how to finish a run."""
    return f"finish it with {command('train', '--resume', folder)}"


def _parsed(path: Path, parse: Any) -> Any:
    """Parse a JSON file of a run."""
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, AlteredError):
        raise InputError(
            f"{path} is damaged, or another version of minunet wrote it; pass another run"
        ) from None


def _scores(contents: dict[str, Any]) -> tuple[dict[str, Score], list[str], dict[str, Any]]:
    """Take from `scores.json` the scores, the names of the slices, and which step was scored."""
    found = {
        key: Score.from_json(one)
        for key, one in contents.items()
        if isinstance(one, dict) and "value" in one
    }
    scored = contents.get("scored")  # missing in runs of earlier versions
    which = {key: scored[key] for key in ("step", "part")} if scored else {}
    which |= {"fingerprint": scored.get("fingerprint")} if scored else {}
    which |= {"checkpoint": Path(scored["checkpoint"]).name} if scored else {}
    names = list(map(str, contents["slice_names"]))
    if any(len(one.slices) != len(names) for one in found.values()):
        raise ValueError("a score does not have one value for each slice")
    return found, names, which


def _check_comparable(first: FinishedRun, other: FinishedRun) -> None:
    """Raise an `InputError` if two runs have different data, settings or scores."""
    both = f"{first.folder} and {other.folder}"
    if first.settings.fingerprint != other.settings.fingerprint:
        raise InputError(f"{both} were trained on different data; pass runs on the same data")
    if None not in (scored := {first.fingerprint, other.fingerprint}) and len(scored) > 1:
        raise InputError(f"{both} were scored on different data; pass runs on the same data")
    different = [
        f"{flag(name)} ({_shown(mine)} and {_shown(its)})"
        for name in (option.name for option in options())
        if (mine := getattr(first.settings, name)) != (its := getattr(other.settings, name))
        and not (name in MAY_DIFFER or (_is_path(mine) and _is_path(its)))
    ]
    if different:
        raise InputError(
            f"{both} differ in {', '.join(different)}; pass runs that differ only in --seed"
        )
    if (first[3:5], first.scores.keys()) != (other[3:5], other.scores.keys()):
        raise InputError(
            f"{both} were scored on different slices or by different versions of minunet; train "
            "them with the same version"
        )


def _is_path(value: object) -> bool:
    """Return True for an absolute path: the fingerprint tells whether its data are the same."""
    return isinstance(value, str) and Path(value).is_absolute()


def _shown(value: object) -> str:
    """Format the value of a setting as on the command line."""
    return "none" if value is None else str(value)


def rows(runs: Sequence[FinishedRun]) -> list[Compared]:
    """Collect every score of the runs, in the order of the first one."""
    return [
        Compared(
            first,
            tuple(run.scores[key].value for run in runs),
            _root_mean_square([run.scores[key].spread for run in runs]),
        )
        for key, first in runs[0].scores.items()
    ]


def _root_mean_square(spreads: Sequence[float | None]) -> float | None:
    """Return √(Σ spread² / n), or None if a spread is not known."""
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads):
        return None
    return sqrt(fsum(spread**2 for spread in known) / len(known))


def table(runs: Sequence[FinishedRun]) -> list[str]:
    """Return the lines of a table: each score with its values, their mean and the spreads."""
    heads = "".join(f" {f'seed {run.settings.seed}':>10}" for run in runs)
    lines = [f"{'score':31}{heads}    {'mean ± over runs':19}± over slices"]
    for row in rows(runs):
        values = (with_spread(value, row.spread).partition(" ")[0] for value in row.values)
        over_slices = "" if row.score.is_count else two_digits(row.over_slices)
        line = f"{row.score.name:31}" + "".join(f" {aligned(value):10}" for value in values)
        lines.append(
            f"{line}  {aligned(with_spread(row.mean, row.spread)):21}{over_slices}".rstrip()
        )
    legend = (
        f"± over runs: sample standard deviation over the {len(runs)} runs. ± over slices: sample "
        "standard deviation over the slices of a run, averaged over the runs as a root mean "
        "square; counts have none."
    )
    return [*lines, "", *wrap(legend, WIDTH)]


def two_digits(spread: float | None) -> str:
    """Format a spread by itself."""
    return number(None) if spread is None else with_spread(spread, spread).partition(" ")[0]


def to_json(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Return the comparison as JSON values."""
    return {
        "runs": [str(run.folder) for run in runs],
        "seeds": [run.settings.seed for run in runs],
        "slices": runs[0].slices,
        "scores": {row.score.key: row.to_json() for row in rows(runs)},
    }
