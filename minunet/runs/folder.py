"""The folder of a run.

A new run needs a new or empty folder. minunet never deletes a file in the folder of a run.

    settings.json                             the settings
    log.csv                                   one row per step
    last.npz, best.npz                        checkpoints of the last step and of the best one
    curves.png, preview.png, weight_map.png   pictures
    scores.json                               scores of best.npz
    report.html                               all of these on one page
"""

import csv
import json
from pathlib import Path
from typing import Any

from minunet import files
from minunet.cli import shell

COLUMNS = (
    "step",
    "energy",
    "learning_rate",
    "seconds",
    "validation_energy",
    "validation_pixel_error",
    "validation_iou",
    "validation_v_rand",
    "validation_seg",
)
"""Columns of `log.csv`. Energies are means over annotated pixels; values not computed are empty."""

Row = dict[str, float]


def create(wanted: Path | None, name: str) -> Path:
    """Create the folder of a new run.

    Parameters
    ----------
    wanted : Path or None     None: runs/<name>, or runs/<name>-2, … if it exists
    name : str

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the folder exists and is not empty.
    """
    folder = wanted or files.free_name(Path("runs") / name)
    files.check_new_folder(
        folder,
        f"use {shell('--resume', folder)} to resume that run, or "
        f"{shell('--out', files.free_name(folder))}",
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Write `settings.json`."""
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    (folder / "settings.json").write_text(text)


def append(folder: Path, row: Row) -> None:
    """Append one step to `log.csv`."""
    path = folder / "log.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        if new:
            writer.writeheader()
        writer.writerow(row)


def read(folder: Path) -> list[Row]:
    """Read `log.csv`, omitting empty cells; return no rows if there is no such file."""
    path = folder / "log.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def rewind(folder: Path, step: int) -> None:
    """Remove the rows after `step` from `log.csv`: a resumed run repeats those steps."""
    rows = [row for row in read(folder) if row["step"] <= step]
    with files.atomic(folder / "log.csv") as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(row | {"step": int(row["step"])} for row in rows)
