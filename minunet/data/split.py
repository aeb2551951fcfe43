"""Hold out slices for validation."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePath
from unicodedata import normalize

from minunet.data.file_names import READABLE, name_of
from minunet.data.image_files import counted
from minunet.errors import InputError

MOST_NAMES = 6
"""Maximum number of held-out files that are named; of more, only the first and the last are."""


def split(validation: str, files: Sequence[Path]) -> tuple[list[int], list[int]]:
    """Hold out slices for validation.

    A random split would put near-identical neighbouring slices into both parts. So a block is
    contiguous, and a file is held out with all its slices.

    Parameters
    ----------
    validation : str
        "FIRST:END", without END itself; a fraction of the slices, taken from the end; "none"; a
        folder, of which all files are held out; or names of files or of the folders that contain
        them, separated by commas, with the wildcards * and ?
    files : sequence of Path     the file of every slice

    Returns
    -------
    training, held_out : list of int

    Raises
    ------
    InputError
        If the value is not valid, or leaves nothing to train on.

    Examples
    --------
    >>> stack = 5 * [Path("a.tif")]
    >>> split("2:4", stack)
    ([0, 1, 4], [2, 3])
    >>> split("0.2", stack)
    ([0, 1, 2, 3], [4])
    >>> split("a,c*", [Path("a.tif"), Path("a.tif"), Path("b.tif"), Path("c1.tif")])
    ([2], [0, 1, 3])
    """
    if is_block(validation):
        held_out = list(_block(validation, files))
    elif is_folder(validation):
        folder = Path(validation).resolve()
        held_out = [k for k, file in enumerate(files) if folder in file.resolve().parents]
        if not held_out:
            raise _invalid(validation, files)
    else:
        held_out = _named(validation, files)
    training = sorted(set(range(len(files))) - set(held_out))
    if not training:
        raise InputError(
            f"validation {validation} leaves none of the {len(files)} slices for training; hold "
            "out fewer"
        )
    return training, held_out


def is_block(validation: str) -> bool:
    """Return True if `validation` is none, a fraction or FIRST:END; see `split`."""
    try:
        if ":" in validation:
            return len([int(part) for part in validation.split(":")]) == 2
        return validation == "none" or 0 <= float(validation) < 1
    except ValueError:
        return False


def is_folder(validation: str) -> bool:
    """Return True if `validation` is an existing folder; see `split`."""
    return validation != "" and not is_block(validation) and Path(validation).is_dir()


def describe(held_out: Sequence[int], files: Sequence[Path]) -> str:
    """Describe which slices are held out; name their files if there are several files.

    Parameters
    ----------
    held_out : sequence of int
    files : sequence of Path     the file of every slice

    Examples
    --------
    >>> describe([3, 4], 5 * [Path("a.tif")])
    '5 slices: 3 for training, 2 held out for validation (3 … 4)'
    >>> describe([2], [Path("a.tif"), Path("b.tif"), Path("c.tif")])
    '3 slices: 2 for training, 1 held out for validation (c)'
    """
    count = counted(len(files))
    if not held_out:
        return f"{count} for training, none held out: scores are for the training data"
    levels = zip(*(file.parent.parts for file in files), strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))  # not named
    names = [
        "/".join((*file.parts[shared:-1], name_of(file)))
        for file in dict.fromkeys(files[k] for k in held_out)
    ]
    if len(set(files)) == 1:
        named = f"{held_out[0]}" + (f" … {held_out[-1]}" if len(held_out) > 1 else "")
    elif len(names) > MOST_NAMES:
        named = f"{len(names)} files: {names[0]} … {names[-1]}"
    else:
        named = ", ".join(names)
    training = len(files) - len(held_out)
    return f"{count}: {training} for training, {len(held_out)} held out for validation ({named})"


def _block(block: str, files: Sequence[Path]) -> range:
    """Return the slices that FIRST:END, a fraction or none selects."""
    count = len(files)
    if block == "none":
        return range(0)
    if ":" in block:
        first, end = (int(part) for part in block.split(":"))
        if not 0 <= first < end <= count:
            raise _invalid(block, files)
        return range(first, end)
    # With two or more slices, hold out at least one and leave at least one for training.
    slices = min(max(round(float(block) * count), 1), count - 1) if float(block) else 0
    return range(count - slices, count)


def _named(names: str, files: Sequence[Path]) -> list[int]:
    """Return the slices of the files with these names."""
    held_out = set[Path]()
    for name in [names] if any(_matches(names, file) for file in files) else names.split(","):
        found = {file for file in files if _matches(name.strip(), file)}
        if not found and len({file.parent for file in files}) > 1:  # such as sequence 02
            found = {file for file in files if file.parent.match(name.strip() or "/")}
        if not found:
            raise _invalid(names, files, name.strip())
        held_out |= found
    return [k for k, file in enumerate(files) if file in held_out]


def _matches(name: str, file: Path) -> bool:
    """Return True if a name, with or without suffix and folders, selects a file."""
    wanted = PurePath(normalize("NFC", name))
    if not wanted.name:
        return False
    wanted = wanted.with_suffix("") if wanted.suffix.lower() in READABLE else wanted
    stem = PurePath(normalize("NFC", str(file))).with_name(name_of(file))
    return str(wanted) == stem.name or stem.match(str(wanted))  # a name may contain brackets


def _invalid(validation: str, files: Sequence[Path], name: str = "") -> InputError:
    """Make the error for a value that is not valid, or for a name that no file has."""
    valid = (
        f"FIRST:END within 0:{len(files)}, a fraction (at least 0, less than 1), none, or a folder "
        "with its own images and labels"
    )
    stems = list(dict.fromkeys(name_of(file) for file in files))
    if len(stems) == 1:
        return InputError(f"validation is {validation}; valid values are {valid}")
    from difflib import get_close_matches

    near = get_close_matches(normalize("NFC", PurePath(name).stem), stems, 3) or stems[:3]
    which = f"; no image file is named {name}" if name else ""
    return InputError(
        f"validation is {validation}{which}; valid values are {valid}, or names of image files, "
        f"such as {', '.join(near)}"
    )
