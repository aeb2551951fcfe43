"""The napari plugin: segment, annotate and train in a viewer.

napari finds `napari.yaml` through the entry point `napari.manifest`, and imports a module when it
is first used. Nothing else in minunet imports this room. Only `panels.py` needs napari.

| file            | contents                                                            |
|-----------------|---------------------------------------------------------------------|
| `napari.yaml`   | the manifest: what the plugin offers, with the function for each    |
| `layers.py`     | slices, pixel size and position of layers                           |
| `reading.py`    | reader for the output of `predict`                                  |
| `writing.py`    | writers for labels, and for training folders that `train` reads     |
| `segmenting.py` | segment the slices of a layer, tile by tile                         |
| `training.py`   | train on annotated slices with `python -m minunet.train`            |
| `panels.py`     | the two panels of the viewer, Segment and Train                     |
"""
