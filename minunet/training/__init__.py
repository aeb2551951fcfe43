"""Training, from the tile of a step to the scores of a finished run.

| file            | what it is                                                       |
|-----------------|------------------------------------------------------------------|
| `loop.py`       | the method: `step`; and `train`, which repeats it and saves      |
| `sgd.py`        | gradient descent with momentum                                   |
| `sampling.py`   | where the tiles lie, and how the next one is made ahead          |
| `validation.py` | scores on the slices held out, while training                    |
| `pictures.py`   | the pictures of a run                                            |
| `plan.py`       | what a run will do and cost, printed before it starts            |
| `results.py`    | the scores and the report of a finished run                      |
"""

from minunet.training.loop import (
    DivergedError,
    State,
    first_not_finite,
    interruption,
    learning_rate,
    restore,
    save,
    start,
    step,
    tiles,
    train,
)

__all__ = [
    "DivergedError",
    "State",
    "first_not_finite",
    "interruption",
    "learning_rate",
    "restore",
    "save",
    "start",
    "step",
    "tiles",
    "train",
]
