"""Image files: which ones of a folder are read, in what order, and which ones belong together."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from minunet.errors import InputError

TIFF = (".tif", ".tiff", ".tf2", ".tf8", ".btf")
READABLE = (*TIFF, ".png")

HDF5 = (".h5", ".hdf5", ".hdf")

MARKS = ("zarr.json", ".zarray", ".zgroup", "attributes.json")
"""Files of which the folder of a Zarr or N5 array or group has one."""

INSIDE = "::"
"""Separates an HDF5 file from a path inside it."""

KIND = (
    r"(?:cp|masks?|labels?|lbl|seg|segmentations?|gt|truth|ground[ _-]?truth|annotations?"
    r"|im|img|images?|raw|prob|probabilit(?:y|ies)|pred|predictions?)"
)
WORDS = rf"(?i)^(?:{KIND}(?:[ _.-]+|(?=\d)))+|(?:[ _.-]+{KIND})+$"
"""Words at the start or the end of a file name that say whether it contains an image or labels."""

Name = Callable[[Path], str]
"""Function that returns the name by which a file is compared."""


def split_path(path: Path) -> tuple[Path, str]:
    """Split the path of a volume into that of its file or folder, and the path inside it.

    Examples
    --------
    >>> file, inside = split_path(Path("a.h5::/volumes/raw"))
    >>> file.name, inside
    ('a.h5', 'volumes/raw')
    """
    file, _, inside = str(path).partition(INSIDE)
    return Path(file), inside.strip("/")


def stat(path: Path) -> os.stat_result:
    """Return the status of a file, or of the file or folder that contains a volume."""
    return split_path(path)[0].stat()


def absolute(path: Path) -> Path:
    """Return the absolute path of a file, a folder or a volume."""
    file, inside = split_path(path)
    return Path(f"{file.resolve()}{INSIDE}/{inside}") if inside else file.resolve()


def is_volume(path: Path) -> bool:
    """Return whether a path is that of a volume, see `volumes`."""
    file, inside = split_path(path)
    named = inside != "" or file.suffix.lower() in (".zarr", ".n5", *HDF5)
    return named or any((path / mark).is_file() for mark in MARKS)


def check_outside_volumes(path: Path, option: str) -> None:
    """Raise an `InputError` if a file or folder to be written would lie inside a volume."""
    for parent in path.absolute().parents:
        if is_volume(parent):
            raise InputError(
                f"{option} {path} lies inside the volume {parent}, into which nothing is written; "
                "pass a path outside of it"
            )


def check_for_volumes(paths: Iterable[Path], options: Iterable[str]) -> None:
    """Raise an `InputError` if options of volumes are given, but no path is that of a volume."""
    if any(map(is_volume, paths)):
        return
    for option in options:
        raise InputError(
            f"{option} is for volumes (OME-Zarr, Zarr, N5, HDF5), but the images are other files; "
            "leave it out"
        )


def is_folder(path: Path) -> bool:
    """Return whether a path is that of a folder of image files."""
    return path.is_dir() and not is_volume(path)


def exists(path: Path) -> bool:
    """Return whether there is a file, a folder, or a file with volumes inside."""
    return split_path(path)[0].exists()


def name_of(path: Path) -> str:
    """Return the name of a file without its suffix, by which an image and its labels match.

    It is in Unicode normal form C: macOS decomposes accented letters, other systems do not.

    Examples
    --------
    >>> name_of(Path("images/a.b.ome.tif"))
    'a.b'
    """
    name = unicodedata.normalize("NFC", path.stem)
    return name[:-4] if name.lower().endswith(".ome") else name


def different_names(files: Iterable[Path]) -> dict[Path, str]:
    """Name different files: by `name_of`, or with their suffixes if two of those names are equal.

    Upper and lower case count as equal, because not every file system tells them apart.
    """
    names = {file: name_of(file) for file in files}
    unique = len({name.casefold() for name in names.values()}) == len(names)
    return names if unique else {file: file.name for file in names}


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names in natural order: numbers in them by their value.

    Examples
    --------
    >>> in_order(["img10", "img2", "img1"])
    ['img1', 'img2', 'img10']
    """
    return sorted(names, key=_natural)


def _natural(name: str) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", name.casefold())  # text, number, text, number, …, text
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], name


def files(path: Path) -> list[Path]:
    """List the image files of a folder in natural order; of a file or a volume, list only that."""
    if not exists(path):
        raise InputError(f"{split_path(path)[0]} does not exist")
    if is_volume(path):
        return [path]
    if not path.is_dir():
        _check_file(path)
        return [path]
    found = sorted(
        (
            file
            for file in path.iterdir()
            if file.suffix.lower() in READABLE and not (file.name.startswith(".") or file.is_dir())
        ),
        key=lambda p: (_natural(name_of(p)), p.name),  # without suffix: a.TIF, a.b.TIF as a.tif, …
    )
    if not found:
        raise InputError(f"{path} contains no images; minunet reads TIFF (.tif, .tiff) and PNG")
    for file in found:
        _check_file(file)
    return found


def _check_file(path: Path) -> None:
    """Raise an `InputError` for a pipe or a device, which could be read without end."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a pipe or a device; pass a file or a folder without such")


def by_file(files: Sequence[Path]) -> dict[Path, list[int]]:
    """Group the indices of slices by their files."""
    groups: dict[Path, list[int]] = {}
    for k, file in enumerate(files):
        groups.setdefault(file, []).append(k)
    return groups


def match(
    images: Sequence[Path], labels: Sequence[Path], what: str = "an image and its labels"
) -> dict[Path, Path]:
    """Find the label file of every image file, or the truth of every prediction.

    Names match if they are the same without suffix. If not all files match, names are compared
    again without suffix and `WORDS`.

    Raises
    ------
    InputError
        If a file has no partner, or several.

    Examples
    --------
    >>> found = match([Path("i/a.png"), Path("i/b.png")], [Path("l/a_mask.tif"), Path("l/b.tif")])
    >>> [path.name for path in found.values()]
    ['a_mask.tif', 'b.tif']
    """
    for name in (name_of, core):
        ours, theirs = ({name(path): path for path in paths} for paths in (images, labels))
        if ours.keys() == theirs.keys() and len(ours) == len(images) and len(theirs) == len(labels):
            return {path: theirs[key] for key, path in ours.items()}
    # Report the comparison that leaves fewer files without a partner.
    name = min(name_of, core, key=lambda name: len({*map(name, images)} ^ {*map(name, labels)}))
    _check_partners(images, labels, name, what)
    _check_partners(labels, images, name, what)
    one, other = _same(images, name) or _same(labels, name)
    raise InputError(
        f"{one} and {other.name} have the same name, {name(one)}, apart from suffix and words such "
        f"as mask, so {what} cannot be matched; move one of the two files to another folder"
    )


def core(path: Path) -> str:
    """Return the name of a file without suffix and without `WORDS`."""
    return re.sub(WORDS, "", name_of(path))


def _check_partners(have: Sequence[Path], others: Sequence[Path], name: Name, what: str) -> None:
    """Raise if a file has no partner by name; suggest one that has none either."""
    names, taken = {name(path): name_of(path) for path in others}, {name(path) for path in have}
    lack = [path for path in have if name(path) not in names]
    if lack:
        from difflib import get_close_matches

        near = get_close_matches(name(lack[0]), names.keys() - taken, 1)
        raise InputError(
            f"{len(lack)} of {len(have)} files in {have[0].parent} have no match in "
            f"{others[0].parent}: {', '.join(name_of(path) for path in lack[:3])}"
            + (f" (the name closest to {name_of(lack[0])} is {names[near[0]]})" if near else "")
            + f"; give {what} the same name"
        )


def _same(paths: Sequence[Path], name: Name) -> tuple[Path, ...]:
    """Find two files with the same name; return an empty tuple if there are none."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(name(path), path)
        if other != path:
            return other, path
    return ()
