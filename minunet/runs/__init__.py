"""Training runs: their settings, and their files on disk.

| file            | what it is                                                             |
|-----------------|------------------------------------------------------------------------|
| `settings.py`   | every setting: its type, default, presets, group and help              |
| `options.py`    | the same settings as command-line options                              |
| `places.py`     | where the data of a run are: found in a folder, or moved               |
| `checkpoint.py` | `last.npz` and `best.npz`: everything needed to resume a run exactly   |
| `checkpoint_check.py` | are the contents of a checkpoint those of its own settings?         |
| `settings_check.py` | are the settings in a checkpoint valid?                             |
| `archive.py`    | the arrays of an `.npz` file, read with care                           |
| `folder.py`     | the folder of a run, and the file `log.csv` in it                      |
"""

from minunet.runs.folder import COLUMNS, Row, append, create, read, rewind, write_settings

__all__ = ["COLUMNS", "Row", "append", "create", "read", "rewind", "write_settings"]
