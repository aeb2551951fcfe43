"""What people look at: the pictures of a run and its report.

| file                | what it is                                                     |
|---------------------|----------------------------------------------------------------|
| `page.py`           | `report.html`: one file with everything in it                  |
| `tables.py`         | its tables: scores, slices, settings                           |
| `style.css`         | its style                                                      |
| `run_pictures.py`   | curves and preview of a run                                    |
| `score_pictures.py` | where a segmentation is wrong: splits, mergers, missed cells   |
| `figure3.py`        | Figure 3 of the paper: from touching cells to the weight map   |
| `drawing.py`        | what the pictures share                                        |
"""

from minunet.report.page import Picture, Report, page, png, write

__all__ = ["Picture", "Report", "page", "png", "write"]
