"""Which slice of the truth belongs to which slice of a prediction.

- Two folders: files with the same name belong together, page by page.
- Otherwise: slices with the same name, if both have names, such as the labels that ImageJ stores in
  a stack, and `minunet.predict` with them.
- Otherwise: slices in their order, if both have the same number of slices.
"""

import unicodedata
from pathlib import Path
from typing import NamedTuple

from minunet.data import file_names
from minunet.data.image_files import Slices
from minunet.errors import InputError


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
        return _by_file(prediction, truth), found.names
    names, others = _names(found), _names(expected)
    if set(names) & set(others):
        for have, lack in ((prediction, truth), (truth, prediction)):
            missing = set(_names(have.slices)) - set(_names(lack.slices))
            if missing:
                raise InputError(
                    f"{lack.path} has no slice for {_some(missing)} of {have.path}; the names of "
                    "the slices must match"
                )
        return [others.index(name) for name in names], found.names
    if len(found) != len(expected):
        raise InputError(
            f"{prediction.path} holds {len(found)} slices, but {truth.path} holds {len(expected)}; "
            "they must match"
        )
    return list(range(len(found))), found.names if names else expected.names


def _names(slices: Slices) -> list[str]:
    """Return the names of slices by which they match, or [] if they are only numbered."""
    names = [unicodedata.normalize("NFC", name) for name in slices.names]
    if not slices.in_folder and names == [str(k) for k in range(len(names))]:
        return []
    # ImageJ names the slices of a sequence after its files, with their suffix.
    files = [Path(name) for name in names]
    readable = all(file.suffix.lower() in file_names.READABLE for file in files)
    names = [file_names.name_of(file) for file in files] if readable else names
    return names if len(set(names)) == len(names) else []


def _by_file(prediction: Source, truth: Source) -> list[int]:
    """Match the slices of two folders, file by file."""
    of_prediction, of_truth = _by_name(prediction), _by_name(truth)
    for have, lack, a, b in (
        (of_prediction, of_truth, prediction, truth),
        (of_truth, of_prediction, truth, prediction),
    ):
        missing = have.keys() - lack.keys()
        if missing:
            raise InputError(
                f"{len(missing)} of {len(have)} files in {a.path} have no match in {b.path}: "
                f"{_some(missing)}; give a prediction and its truth the same name"
            )
    order = []
    for name, indices in of_prediction.items():
        if len(indices) != len(of_truth[name]):
            file, other = prediction.slices.files[indices[0]], truth.slices.files[of_truth[name][0]]
            raise InputError(
                f"{file} holds {len(indices)} slices, but {other} holds {len(of_truth[name])}; "
                "they must match"
            )
        order.extend(of_truth[name])
    return order


def _by_name(source: Source) -> dict[str, list[int]]:
    """Return the indices of the slices of each file in a folder, by the name of the file."""
    found: dict[str, list[int]] = {}
    files = source.slices.files
    for k, file in enumerate(files):
        indices = found.setdefault(file_names.name_of(file), [])
        if indices and files[indices[0]] != file:
            raise InputError(
                f"{files[indices[0]]} and {file.name} have the same name without suffix; remove "
                "or rename one of them"
            )
        indices.append(k)
    return found


def _some(names: set[str]) -> str:
    """List the first of these names."""
    return ", ".join(file_names.in_order(names)[:3]) + (", …" if len(names) > 3 else "")
