"""Data sets made in memory, for tests that train without reading files."""

import numpy as np

from minunet.data import label_files, pairs
from minunet.data.annotation import AUTO, Annotation, LabelValues
from minunet.data.dataset import Dataset
from minunet.data.targets import Weighting, targets


def dataset_of(images, labels, training, held_out, description=()):
    """Make a data set of two classes, with weights balanced over the training slices."""
    annotated = [np.ones(label.shape, bool) for label in labels]
    annotation = Annotation(labels, LabelValues((0, 1), ()), annotated)
    made = targets(annotation, training, Weighting("balance"))
    return Dataset(
        images=images,
        labels=labels,
        samples=made.samples(images),
        annotated=annotated,
        cells=made.cells,
        numbered=False,
        training=training,
        held_out=held_out,
        label_values=(0, 1),
        fingerprint="",
        description=list(description),
        names=[str(k) for k in range(len(images))],
        label_colours=(),
    )


def read_pair(images, labels):
    """Read images and their annotation, in files or folders."""
    found = pairs.read((images, labels))
    return found.images, label_files.annotate(found.masks, AUTO, labels)
