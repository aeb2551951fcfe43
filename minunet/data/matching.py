"""Which slice of the truth belongs to which slice of a prediction.

- Two folders: files with the same name belong together, page by page; see `file_names.match`.
- Otherwise: slices with the same name, if both have names, such as the slice labels that ImageJ and
  `minunet.predict` store in a stack.
- Otherwise: slices in their order, if both have the same number of slices.
"""

import unicodedata
from pathlib import Path
from typing import NamedTuple

from minunet.data import file_names
from minunet.data.image_files import Slices, counted
from minunet.errors import InputError

WHAT = "a prediction and its truth"


class Source(NamedTuple):
    """Slices, and the path that the user gave for them."""

    path: Path
    slices: Slices


def match(prediction: Source, truth: Source) -> tuple[list[int], list[str]]:
    """Find the slice of the truth for every slice of a prediction.

    Returns
    -------
    order : list of int     for every slice of the prediction, the index of its slice in the truth
    names : list of str     names of the slices of the prediction

    Raises
    ------
    InputError
        If a slice or a file has no match; the message names it.
    """
    found, expected = prediction.slices, truth.slices
    if found.in_folder and expected.in_folder:
        return _by_file(found, expected), found.names
    names, others = _names(found), _names(expected)
    if names and others and (set(names) & set(others) or _cores(names) & _cores(others)):
        partners = file_names.match(names, others, WHAT)
        return [others.index(partners[name]) for name in names], found.names
    if len(found) != len(expected):
        raise InputError(
            f"{prediction.path} holds {counted(len(found))}, but {truth.path} holds "
            f"{counted(len(expected))}; both must have the same number of slices"
        )
    return list(range(len(found))), found.names if names else expected.names


def _names(slices: Slices) -> list[Path]:
    """Return the files that slices are named after, or [] if they are only numbered."""
    if slices.in_folder:
        return slices.files if len(set(slices.files)) == len(slices) else []
    names = [unicodedata.normalize("NFC", name) for name in slices.names]
    if names == [str(k) for k in range(len(names))]:
        return []
    # ImageJ names the slices of a sequence after its files, with their suffix.
    suffix = all(Path(name).suffix.lower() in file_names.READABLE for name in names)
    return [slices.files[0] / (name if suffix else f"{name}.tif") for name in names]


def _cores(names: list[Path]) -> set[str]:
    return {file_names.core(name) for name in names}


def _by_file(found: Slices, expected: Slices) -> list[int]:
    """Match the slices of two folders, file by file."""
    ours, theirs = file_names.by_file(found.files), file_names.by_file(expected.files)
    order = []
    for file, other in file_names.match([*ours], [*theirs], WHAT).items():
        if len(ours[file]) != len(theirs[other]):
            raise InputError(
                f"{file} holds {counted(len(ours[file]))}, but {other} holds "
                f"{counted(len(theirs[other]))}; both must have the same number of slices"
            )
        order.extend(theirs[other])
    return order
