"""What the values of label maps mean, judged by the maps themselves."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy

from minunet.array import Array

Judgement = Literal["classes", "cells", "either", "soft", "grey"]

MOST_CLASSES = 16


def judge(maps: Sequence[Array]) -> Judgement:
    """Judge what the values of label maps (H, W) mean."""
    values, counts = np.unique(np.concatenate([one.ravel() for one in maps]), return_counts=True)
    if values.size <= MOST_CLASSES:
        for one in maps:
            for value in np.unique(one[one != 0]):
                if scipy.ndimage.label(one == value, np.ones((3, 3)))[1] > 1:
                    return "classes"
        return "either" if values.size > 2 else "classes"
    if (counts[0] + counts[-1]) / counts.sum() > 0.7 and counts[1:-1].max() < counts[-1] / 4:
        return "soft"
    whole = all((one == np.round(one)).all() for one in maps)
    alike = np.mean([np.mean(one[:, 1:] == one[:, :-1]) for one in maps])
    return "cells" if whole and alike > 0.8 else "grey"
