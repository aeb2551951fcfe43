"""Train a network and score the finished run.

| file            | what it is                                                       |
|-----------------|------------------------------------------------------------------|
| `loop.py`       | `step`: one update; `train`: many steps, validations and saving  |
| `sgd.py`        | gradient descent with momentum                                   |
| `sampling.py`   | random tiles; the next one is made in the background             |
| `validation.py` | scores on the held-out slices during training                    |
| `thresholds.py` | the threshold of a probability, chosen on some slices            |
| `pictures.py`   | the pictures of a run                                            |
| `plan.py`       | what a run will do, and the time and memory it needs             |
| `scoring.py`    | the scores of a finished run, on slices that chose nothing       |
| `results.py`    | the files of a finished run: scores, thresholds, report          |
"""

from minunet.training.loop import (
    DivergedError,
    State,
    learning_rate,
    restore,
    start,
    step,
    train,
)

__all__ = [
    "DivergedError",
    "State",
    "learning_rate",
    "restore",
    "start",
    "step",
    "train",
]
