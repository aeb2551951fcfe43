"""Data: read images and labels, compute weight maps, and generate synthetic EM stacks.

| file                   | what it is                                                        |
|------------------------|-------------------------------------------------------------------|
| `dataset.py`           | a data set to train on: `load` reads, scales and splits it        |
| `sources.py`           | reading images and label maps, wherever they are                  |
| `interpretation.py`    | what the labels of each part mean; gold and silver truth          |
| `pairs.py`             | images with their labels, file by file, in two folder layouts     |
| `ctc.py`               | reading and writing the layout of the Cell Tracking Challenge     |
| `split.py`             | which slices are held out for validation and for a final test     |
| `file_names.py`        | which files of a folder are read, in what order                   |
| `image_files.py`       | stacks, images and folders of them, slice by slice                |
| `volumes.py`           | OME-Zarr, Zarr, N5 and HDF5: slices that are read part by part    |
| `volume_files.py`      | arrays in these files, and what the metadata say                  |
| `sections.py`          | the slices of one volume, in any file that minunet reads          |
| `ome_zarr.py`          | writing OME-Zarr images and labels, chunk by chunk                |
| `tiff_files.py`        | the slices of a TIFF file: channels, series, pyramids             |
| `tiff_decoding.py`     | decoding of TIFF pages                                            |
| `tiff_limits.py`       | what a TIFF file can hold, whatever it claims                     |
| `png_files.py`         | the slice of a PNG file                                           |
| `page.py`              | a slice that is not loaded yet, and how to read it                |
| `calibration.py`       | size of pixels, distance of slices and frames: read and written   |
| `annotation.py`        | classes or cells of images, and how label files are to be read    |
| `label_files.py`       | the classes or the numbered cells of label files                  |
| `label_classes.py`     | the classes of label files, by value or by a threshold            |
| `membranes.py`         | which of two label values is membrane                             |
| `label_kind.py`        | what label values mean: classes, cells, or a mask with soft edges |
| `label_messages.py`    | label values in words: why they are refused, and what is doubtful |
| `scaling.py`           | scaling of grey values                                            |
| `object_size.py`       | by how much images are shrunk to suit the network                 |
| `targets.py`           | training targets: labels and weight maps                          |
| `weight_map.py`        | equation (2): class weights, separation of touching cells, border |
| `distances.py`         | d1 and d2: distances to the nearest and the second nearest cell   |
| `predictions.py`       | a prediction paired with its ground truth, for scoring            |
| `volume_pairs.py`      | labels of a volume and the ground truth, part by part             |
| `prediction_files.py`  | which file of a folder written by predict is scored               |
| `prediction_kind.py`   | what the values of a prediction and its truth mean                |
| `prediction_values.py` | their values as the scores need them                              |
| `matching.py`          | which slice of the truth belongs to which slice of a prediction   |
| `synthetic.py`         | synthetic EM stacks                                               |
| `look.py`              | what they look like: all parameters, and how they vary            |
| `painting.py`          | the grey values of their sections                                 |
| `tissue.py`            | simulated tissue: tubes that avoid one another, cut by planes     |
| `__main__.py`          | `python -m minunet.data` writes a synthetic stack                 |
"""
