"""The report of a run, and the pictures that the commands draw.

| file                | what it is                                                     |
|---------------------|----------------------------------------------------------------|
| `page.py`           | `report.html`: everything about a run in one file              |
| `headline.py`       | the most important scores, and what they are worth             |
| `tables.py`         | the tables of the report: scores, slices, settings             |
| `style.css`         | the style sheet of the report                                  |
| `run_pictures.py`   | learning curves and preview of a run                           |
| `score_pictures.py` | errors of a segmentation: splits, mergers, missed cells        |
| `run_scores.py`     | scores of several runs: every slice, every run, and the mean   |
| `figure3.py`        | Figure 3 of the paper: image, cells, label and weight map      |
| `drawing.py`        | helpers shared by the pictures                                 |
"""

from minunet.report.headline import Scored
from minunet.report.page import Picture, Report, page, png, write

__all__ = ["Picture", "Report", "Scored", "page", "png", "write"]
