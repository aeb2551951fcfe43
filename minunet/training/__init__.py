"""Train a network and score the finished run.

| file             | what it is                                                    |
|------------------|---------------------------------------------------------------|
| `session.py`     | a run from the plan to the report: begun, resumed, printed    |
| `preparation.py` | a run before its first step, or where a stopped run continues |
| `fine_tuning.py` | the start from a trained model, with its settings             |
| `loop.py`        | `step`: one update; `train`: many steps                       |
| `state.py`       | what changes from step to step: made, saved and restored      |
| `journal.py`     | the log, checkpoints and validations, which survive a kill    |
| `endings.py`     | what is said when a run ends, and how to continue             |
| `sgd.py`         | gradient descent with momentum                                |
| `sampling.py`    | random tiles; the next one is made in the background          |
| `validation.py`  | scores on the held-out slices during training                 |
| `thresholds.py`  | the threshold of a probability, chosen on some slices         |
| `pictures.py`    | the pictures of a run                                         |
| `plan.py`        | what a run will do, and the time and memory it needs          |
| `scoring.py`     | the scores of a finished run, on slices that chose nothing    |
| `results.py`     | the files of a finished run: scores, thresholds, report       |
"""

from minunet.training.loop import learning_rate, step, train
from minunet.training.state import DivergedError, State, restore, start

__all__ = [
    "DivergedError",
    "State",
    "learning_rate",
    "restore",
    "start",
    "step",
    "train",
]
