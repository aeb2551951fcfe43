"""The annotation of images, and how to read it from label files."""

from typing import Literal, NamedTuple

from minunet.array import Array

Kind = Literal["auto", "classes", "cells", "membranes"]
"""Meaning of the values in label files; auto: see `label_kind.judge`; membranes: two values, the
larger of which is membrane (class 0)."""

Truth = Literal["gold", "silver", "both"]
"""Masks of the Cell Tracking Challenge to train on; see `ctc`."""


class Meaning(NamedTuple):
    """How to read label files."""

    kind: Kind = "auto"
    threshold: float | None = None  # values of at least this are one class; see `label_classes`
    ignore: float | None = None  # value of pixels that are not annotated
    expected: Kind = "auto"  # meaning of values that look like classes, or could be either


AUTO = Meaning()


class LabelValues(NamedTuple):
    """Grey values of the classes 0 … K-1 in the label files."""

    values: tuple[int, ...]  # ascending; descending if they are membranes
    fractions: tuple[float, ...]  # of the annotated pixels


class Annotation(NamedTuple):
    """The annotation of a set of images."""

    labels: list[Array]  # (H, W) uint8, 0 … K-1; 0 where not annotated
    values: LabelValues
    annotated: list[Array]  # (H, W) bool
    cells: list[Array] | None = None  # (H, W) int32, 0 = background, k = cell k
    doubts: tuple[str, ...] = ()  # warnings: what the values may mean instead
