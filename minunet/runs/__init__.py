"""Training runs: their settings, and their files on disk.

| file            | what it is                                                             |
|-----------------|------------------------------------------------------------------------|
| `settings.py`   | every setting: its type, default, presets, group and help              |
| `options.py`    | the same settings as command-line options                              |
| `places.py`     | where the data of a run are: found in a folder, or moved               |
| `checkpoint.py` | `last.npz` and `best.npz`: everything needed to resume a run exactly   |
| `folder.py`     | the folder of a run, and the file `log.csv` in it                      |
| `comparison.py` | the scores of several runs that differ only in their seed              |
"""

from minunet.runs.folder import COLUMNS, Row, append, create, read, rewind, write_settings

__all__ = ["COLUMNS", "Row", "append", "create", "read", "rewind", "write_settings"]
