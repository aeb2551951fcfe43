"""Training runs: their settings, and their files on disk.

| file                    | what it is                                                           |
|-------------------------|----------------------------------------------------------------------|
| `settings.py`           | every setting: its type, default, presets, group and help            |
| `options.py`            | the same settings as command-line options                            |
| `places.py`             | where the data of a run are: found in a folder, or moved             |
| `folder.py`             | the folder of a run, which one process owns                          |
| `log.py`                | the file `log.csv`, which may be damaged                             |
| `checkpoint.py`         | `last.npz` and `best.npz`: everything needed to resume a run exactly |
| `checkpoint_reading.py` | reading a checkpoint; what is wrong with other files                 |
| `checkpoint_check.py`   | are the contents of a checkpoint those of its own settings?          |
| `settings_check.py`     | are the settings in a checkpoint valid?                              |
| `archive.py`            | the arrays of an `.npz` file, read with care                         |
| `comparison.py`         | the scores of several runs that differ only in their seed            |
"""

from minunet.runs.folder import existing, new, read_settings, write_settings
from minunet.runs.log import COLUMNS, Row, amend, append, flush, read, repair

__all__ = [
    "COLUMNS",
    "Row",
    "amend",
    "append",
    "existing",
    "flush",
    "new",
    "read",
    "read_settings",
    "repair",
    "write_settings",
]
