"""The napari plugin: segment, annotate and train in a viewer.

Nothing else in minunet imports this room, and it needs napari only where it shows something: napari
finds `napari.yaml` through the entry point `napari.manifest`, and imports a module when it is used.

| file            | contents                                                            |
|-----------------|---------------------------------------------------------------------|
| `napari.yaml`   | the manifest: what the plugin offers, and which function does it    |
| `layers.py`     | slices, pixel size and position of layers                           |
| `reading.py`    | reader for what `predict` writes                                    |
| `writing.py`    | writer of images and labels in a layout that `train` reads          |
| `segmenting.py` | segment the slices of a layer, tile by tile                         |
| `training.py`   | train on annotated slices with `python -m minunet.train`            |
| `panels.py`     | the two panels of the viewer, Segment and Train                     |
"""
