"""Metrics: scores of a segmentation, each with its definition and its source.

| file             | what it is                                                                   |
|------------------|------------------------------------------------------------------------------|
| `score.py`       | `Score`: a value with its convention in words; the printed tables            |
| `em.py`          | all scores of a probability map, each at its best threshold                  |
| `cells.py`       | all scores of numbered cells                                                 |
| `volume.py`      | scores of whole volumes, whose cells may extend over many slices             |
| `classes.py`     | all scores of several classes                                                |
| `pixel.py`       | pixel error, IoU and Dice, from a confusion matrix                           |
| `rand.py`        | the Rand scores of the ISBI challenge: V_Rand, adapted Rand error            |
| `information.py` | the information score of the ISBI challenge: V_Info                          |
| `warping.py`     | the warping error of the ISBI challenge: splits and mergers                  |
| `seg.py`         | SEG, the score of the Cell Tracking Challenge                                |
| `segments.py`    | connected components, and the contingency table of two segmentations         |
| `thinning.py`    | border thinning, applied before V_Rand and V_Info                            |
| `topology.py`    | simple points: pixels that can be flipped without changing the topology      |
"""

from minunet.metrics.score import Score

__all__ = ["Score"]
