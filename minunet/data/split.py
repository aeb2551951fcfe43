"""Hold out slices for validation and for a final test."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path, PurePath
from typing import NamedTuple
from unicodedata import normalize

from minunet.data.file_names import READABLE, name_of
from minunet.data.image_files import counted
from minunet.errors import InputError

MOST_NAMES = 6
"""Maximum number of held-out files that are named; of more, only the first and the last are."""


class Parts(NamedTuple):
    """The numbers of the slices in each part of a data set; no slice is in two of them."""

    training: list[int]
    held_out: list[int]  # for validation, which chooses the step and the threshold
    test: list[int]  # only scored, at the end


def split(validation: str, files: Sequence[Path], test: str = "none") -> Parts:
    """Hold out slices for validation and for a final test.

    A random split would put near-identical neighbouring slices into two parts. So a block is
    contiguous, and a file is held out with all its slices. A fraction is taken from the end of
    the slices that the other value does not name; of two fractions, the test comes last.

    Parameters
    ----------
    validation : str
        "FIRST:END", without END itself; a fraction of the slices, taken from the end; "none"; a
        folder, of which all files are held out; or names of files or of the folders that contain
        them, separated by commas, with the wildcards * and ?
    files : sequence of Path     the file of every slice
    test : str                   like `validation`

    Returns
    -------
    Parts

    Raises
    ------
    InputError
        If a value is not valid, if validation and test share a slice, or if a part is left empty.

    Examples
    --------
    >>> stack = 5 * [Path("a.tif")]
    >>> split("2:4", stack)
    Parts(training=[0, 1, 4], held_out=[2, 3], test=[])
    >>> split("0.2", stack, "0.4")
    Parts(training=[0, 1], held_out=[2], test=[3, 4])
    >>> split("a,c*", [Path("a.tif"), Path("a.tif"), Path("b.tif"), Path("c1.tif")]).held_out
    [0, 1, 3]
    """
    chosen = {part: list[int]() for part in ("validation", "test")}
    values = {"test": test, "validation": validation}
    for part, value in values.items():
        if _fraction(value) is None:
            chosen[part] = _select(part, value, files)
    for part, value in values.items():
        if fraction := _fraction(value):
            chosen[part] = _last(fraction, _rest(files, chosen.values()))
    _check_parts(chosen, values, files)
    training = _rest(files, chosen.values())
    return Parts(training, chosen["validation"], chosen["test"])


def _rest(files: Sequence[Path], chosen: Iterable[Sequence[int]]) -> list[int]:
    """List the slices that are in none of the chosen parts."""
    return sorted(set(range(len(files))).difference(*chosen))


def _last(fraction: float, slices: Sequence[int]) -> list[int]:
    """Return a fraction of some slices, from their end: at least one, but not all of them."""
    count = min(max(round(fraction * len(slices)), 1), len(slices) - 1)
    return list(slices[len(slices) - count :]) if count > 0 else []


def _check_parts(
    chosen: dict[str, list[int]], values: dict[str, str], files: Sequence[Path]
) -> None:
    """Raise unless the parts are disjoint, and every part that was asked for has a slice."""
    both = sorted(set(chosen["validation"]) & set(chosen["test"]))
    if both:
        raise InputError(
            f"validation {values['validation']} and test {values['test']} share "
            f"{counted(len(both))} ({_named_slices(both, files)}); pass values without common "
            "slices to --validation and --test"
        )
    given = [f"{part} {values[part]}" for part in ("validation", "test") if chosen[part]]
    if not _rest(files, chosen.values()):
        raise InputError(
            f"{' and '.join(given)} {'leaves' if len(given) == 1 else 'leave'} no slice for "
            f"training, of {len(files)} in all; hold out fewer"
        )
    if _fraction(values["test"]) and not chosen["test"]:
        raise InputError(
            f"test {values['test']} is empty, because there is only {counted(len(files))} to "
            "divide; add images, or leave out --test"
        )
    if chosen["test"] and _fraction(values["validation"]) and not chosen["validation"]:
        raise InputError(
            f"validation {values['validation']} is empty, because {given[0]} leaves only one "
            "slice; test on fewer slices, or pass --validation none"
        )


def is_block(validation: str) -> bool:
    """Return True if a value is none, a fraction or FIRST:END; see `split`."""
    try:
        if ":" in validation:
            return len([int(part) for part in validation.split(":")]) == 2
        return validation == "none" or 0 <= float(validation) < 1
    except ValueError:
        return False


def _fraction(value: str) -> float | None:
    """Return the fraction that a value asks for; None for a value of another form."""
    return None if ":" in value or value == "none" or not is_block(value) else float(value)


def is_folder(validation: str) -> bool:
    """Return True if `validation` is an existing folder; see `split`."""
    return validation != "" and not is_block(validation) and Path(validation).is_dir()


def describe(held_out: Sequence[int], files: Sequence[Path], test: Sequence[int] = ()) -> str:
    """Describe which slices are held out; name their files if there are several files.

    Parameters
    ----------
    held_out : sequence of int     for validation
    files : sequence of Path       the file of every slice
    test : sequence of int         for the final test

    Examples
    --------
    >>> describe([3], 5 * [Path("a.tif")], [4])
    '5 slices: 3 for training, 1 held out for validation (3), 1 for the final test (4)'
    >>> describe([2], [Path("a.tif"), Path("b.tif"), Path("c.tif")])
    '3 slices: 2 for training, 1 held out for validation (c)'
    """
    count = counted(len(files))
    training = len(files) - len(held_out) - len(test)
    last = f", {len(test)} for the final test ({_named_slices(test, files)})" if test else ""
    if not held_out and not test:
        return f"{count} for training, none held out: scores are for the training data"
    if not held_out:
        return f"{count}: {training} for training, none held out for validation{last}"
    named = _named_slices(held_out, files)
    return (
        f"{count}: {training} for training, {len(held_out)} held out for validation ({named}){last}"
    )


def _named_slices(slices: Sequence[int], files: Sequence[Path]) -> str:
    """Name some slices: by their files if there are several, otherwise by their numbers."""
    levels = zip(*(file.parent.parts for file in files), strict=False)
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))  # not named
    names = [
        "/".join((*file.parts[shared:-1], name_of(file)))
        for file in dict.fromkeys(files[k] for k in slices)
    ]
    if len(set(files)) == 1:
        return f"{slices[0]}" + (f" … {slices[-1]}" if len(slices) > 1 else "")
    if len(names) > MOST_NAMES:
        return f"{len(names)} files: {names[0]} … {names[-1]}"
    return ", ".join(names)


def _select(part: str, value: str, files: Sequence[Path]) -> list[int]:
    """Return the slices that FIRST:END, none, a folder or names select."""
    if value == "none":
        return []
    if is_block(value):
        first, end = (int(number) for number in value.split(":"))
        if not 0 <= first < end <= len(files):
            raise _invalid(part, value, files)
        return list(range(first, end))
    if is_folder(value):
        folder = Path(value).resolve()
        found = [k for k, file in enumerate(files) if folder in file.resolve().parents]
        if not found:
            raise _invalid(part, value, files)
        return found
    return _named(part, value, files)


def _named(part: str, names: str, files: Sequence[Path]) -> list[int]:
    """Return the slices of the files with these names."""
    held_out = set[Path]()
    for name in [names] if any(_matches(names, file) for file in files) else names.split(","):
        found = {file for file in files if _matches(name.strip(), file)}
        if not found and len({file.parent for file in files}) > 1:  # such as sequence 02
            found = {file for file in files if file.parent.match(name.strip() or "/")}
        if not found:
            raise _invalid(part, names, files, name.strip())
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


def _invalid(part: str, value: str, files: Sequence[Path], name: str = "") -> InputError:
    """Make the error for a value that is not valid, or for a name that no file has."""
    valid = (
        f"FIRST:END within 0:{len(files)}, a fraction (at least 0, less than 1), none, or a folder "
        "with its own images and labels"
    )
    stems = list(dict.fromkeys(name_of(file) for file in files))
    if len(stems) == 1:
        return InputError(f"{part} is {value}; valid values are {valid}")
    from difflib import get_close_matches

    near = get_close_matches(normalize("NFC", PurePath(name).stem), stems, 3) or stems[:3]
    which = f"; no image file is named {name}" if name else ""
    return InputError(
        f"{part} is {value}{which}; valid values are {valid}, or names of image files, "
        f"such as {', '.join(near)}"
    )
