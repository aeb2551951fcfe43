"""Data: read images and labels, compute weight maps, and generate synthetic EM stacks.

| file             | what it is                                                                   |
|------------------|------------------------------------------------------------------------------|
| `dataset.py`     | a data set to train on: `load` reads, scales and splits it                   |
| `pairs.py`       | images with their labels, in two folder layouts                              |
| `label_files.py` | label files: classes or numbered cells                                       |
| `split.py`       | which slices are held out for validation                                     |
| `ctc.py`         | reading and writing the layout of the Cell Tracking Challenge                |
| `image_files.py` | TIFF and PNG files, stacks and folders of them, slice by slice               |
| `tiff_files.py`  | the slices of a TIFF file: channels, series, pyramids                        |
| `calibration.py` | size of pixels, distance of slices and frames, axes: read and written        |
| `png_files.py`   | the slice of a PNG file                                                      |
| `page.py`        | a slice that is not loaded yet, and how to read it                           |
| `scaling.py`     | scaling of grey values                                                       |
| `targets.py`     | training targets: labels and weight maps                                     |
| `weight_map.py`  | equation (2): class weights, separation of touching cells, and border term   |
| `distances.py`   | d1 and d2: distances to the nearest and the second nearest cell              |
| `predictions.py` | a prediction paired with its ground truth, for scoring                       |
| `prediction_files.py` | which file of a folder written by predict is scored                     |
| `prediction_kind.py` | what the values of a prediction and its truth mean                       |
| `prediction_values.py` | their values as the scores need them                                   |
| `matching.py`    | which slice of the truth belongs to which slice of a prediction              |
| `synthetic.py`   | synthetic EM stacks                                                          |
| `tissue.py`      | simulated tissue: tubes that avoid one another, and planes cut through them  |
| `__main__.py`    | `python -m minunet.data` writes a synthetic stack                            |
"""
