"""What a run is on disk.

| file            | what it is                                                           |
|-----------------|----------------------------------------------------------------------|
| `settings.py`   | every setting with its default, its help and its value in each preset |
| `checkpoint.py` | `last.npz` and `best.npz`: all that a run needs to continue exactly  |
| `folder.py`     | the folder of a run, and `log.csv` in it                             |
"""

from minunet.runs.folder import COLUMNS, Row, append, create, read, rewind, write_settings

__all__ = ["COLUMNS", "Row", "append", "create", "read", "rewind", "write_settings"]
