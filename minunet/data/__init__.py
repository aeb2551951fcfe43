"""Data: from files to images, labels and weight maps; and synthetic EM with exact labels.

| file             | what it is                                                                   |
|------------------|------------------------------------------------------------------------------|
| `dataset.py`     | a data set to train on: `load` reads, scales and splits it                   |
| `readers.py`     | images with their labels: classes or numbered cells, in two folder layouts   |
| `ctc.py`         | the layout of the Cell Tracking Challenge, read and written                  |
| `image_files.py` | TIFF and PNG files, stacks and folders of them, slice by slice               |
| `scaling.py`     | scaling of grey values                                                       |
| `targets.py`     | what the network is trained towards: labels and weight maps                  |
| `weight_map.py`  | equation (2): class weights, separation of touching cells, the border term   |
| `distances.py`   | d1 and d2: distances to the nearest and the second nearest cell              |
| `predictions.py` | a prediction with its ground truth, to be scored                             |
| `synthetic.py`   | synthetic EM stacks                                                          |
| `tissue.py`      | the tissue in them: tubes that avoid one another, and planes cut through it  |
| `__main__.py`    | `python -m minunet.data` writes a synthetic stack                            |
"""
