"""Label values in words: why they are refused, and what they may mean instead."""

from collections.abc import Sequence

from minunet.array import Array
from minunet.data.annotation import Kind
from minunet.data.label_kind import MOST_CLASSES

NOT_ANNOTATED = (255, 65535, -1)
"""Values that often mark pixels that are not annotated; a message suggests --ignore for them."""

LARGEST = tuple(2**bits - 1 for bits in (8, 16, 31, 32, 63, 64))
"""Largest values of integers, which no cell number reaches by counting."""


def plain(value: float) -> str:
    """Return a number in words, with all digits of whole numbers."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def few(values: Sequence[float] | Array) -> str:
    """List the first few of some values."""
    return ", ".join(plain(v) for v in values[:6]) + (", …" if len(values) > 6 else "")


def not_classes(values: Sequence[float], source: object, kind: Kind = "auto") -> str:
    """Say why values are not those of classes, and what to do.

    Parameters
    ----------
    values : sequence of float     distinct and sorted
    source : Path or str           where they come from
    kind : Kind                    their meaning, as the user gives it
    """
    if len(values) == 1:
        return (
            f"all labels in {source} are {few(values)}; training needs at least two classes: pass "
            "other labels"
        )
    found = f"the labels in {source} have {len(values)} values ({few(values)})"
    if len(values) > MOST_CLASSES:
        return (
            f"{found}, but at most {MOST_CLASSES} can be classes; pass --labels-are cells if they "
            "are cell numbers, or --label-threshold V for a mask with soft edges"
        )
    if kind != "auto" and not are_bytes(values):
        return _not_bytes(found, values, kind)
    return _not_clear(values, source)


def _not_bytes(found: str, values: Sequence[float], kind: Kind) -> str:
    """Say that labels.tif, which has 8 bits, cannot hold these values."""
    wrong = [value for value in values if not are_bytes([value])]
    marks = f"--ignore {plain(wrong[0])} if it marks pixels that are not annotated, "
    return (
        f"{found}, but with --labels-are {kind} all must be whole numbers from 0 to 255, and "
        f"{plain(wrong[0])} is not; pass {marks if len(wrong) == 1 else ''}--label-threshold V to "
        "make two classes, or save the labels with other values"
    )


def _not_clear(values: Sequence[float], source: object) -> str:
    """Say which options make these values classes or something else; see `not_classes`."""
    found = f"the labels in {source} have the values {few(values)}"
    valid = "valid values are 0 and 255, 0 and 1, or 0 … K-1"
    for ignored in NOT_ANNOTATED:
        others = [value for value in values if value != ignored]
        if ignored in values and len(others) > 1 and are_classes(others):
            return (
                f"{found}; if {ignored} marks pixels that are not annotated, pass --ignore "
                f"{ignored}"
                + "; if it is a class, pass --labels-are classes" * are_bytes(values)
                + (
                    "; if 1 and 255 both mean class 1, pass --label-threshold 1"
                    * (list(values) == [0, 1, 255])
                )
            )
    if are_bytes(values):
        order = ", ".join(f"{plain(v)} → {k}" for k, v in enumerate(values[:6]))
        return (
            f"{found}; pass --labels-are classes if they are classes ({order}"
            f"{', …' if len(values) > 6 else ''}), --labels-are cells if they are cell numbers, or "
            "--label-threshold V if they are grey values"
        )
    if len(values) == 2:
        low, high = map(plain, values)
        return (
            f"{found}; pass --label-threshold {high}, which makes {high} class 1 and {low} class "
            "0, or --labels-are cells if they are cell numbers"
        )
    nearest = ", ".join(f"{plain(v)} → {k}" for k, v in enumerate(values[:6]))
    return (
        f"{found}; {valid}: change {nearest}; or pass --labels-are cells if they are cell "
        "numbers, or --label-threshold V if they are grey values"
    )


def are_classes(values: Sequence[float]) -> bool:
    """Return whether distinct and sorted values are {0, 255} or 0 … K-1."""
    return list(values) in ([0, 255], list(range(len(values))))


def are_bytes(values: Sequence[float]) -> bool:
    """Return whether values are whole numbers from 0 to 255, which labels.tif can hold."""
    return all(0 <= value <= 255 and value == int(value) for value in values)


def grey(values: Array, soft: bool, source: object) -> str:
    """Say that label values look like grey values, or those of a mask with soft edges.

    Parameters
    ----------
    values : (N,)            distinct and sorted
    soft : bool              True: a mask with soft edges
    source : Path or str     where they come from
    """
    half = plain(values[-1] / 2 if values.dtype.kind == "f" else (int(values[-1]) + 1) // 2)
    what = "a mask with soft edges" if soft else "grey values"
    classes = len(values) <= MOST_CLASSES and are_bytes(values.tolist())
    return (
        f"the labels in {source} have {len(values)} values ({few(values)}) and look like {what}; "
        f"pass --label-threshold {half} to make values of at least {half} class 1 and the others "
        f"class 0, {'--labels-are classes if they are classes, ' * classes}or --labels-are cells "
        "if they are cell numbers"
    )


def marker(numbers: Sequence[float] | Array) -> str | None:
    """Return the cell number that probably marks pixels that are not annotated, in words, or None.

    Parameters
    ----------
    numbers : sequence of numbers     distinct and sorted

    Examples
    --------
    >>> marker([0, 1, 2, 65535]), marker([0, 254, 255]), marker([0, 65535])
    ('65535', None, None)
    """
    if len(numbers) < 3 or int(numbers[-1]) not in LARGEST or numbers[-1] - numbers[-2] <= 1:
        return None
    return plain(numbers[-1])


def doubts(
    numbers: Sequence[float] | Array, unused: float | None, net: int | None = None
) -> tuple[str, ...]:
    """List warnings: what the values of label files may mean instead.

    Parameters
    ----------
    numbers : sequence of numbers     cell numbers, sorted; empty if they are not cell numbers
    unused : float or None            value of --ignore that does not occur
    net : int or None                 value of class 1 if this looks like membranes
    """
    found = []
    if net is not None:
        found.append(inverted(net))
    if unused is not None:
        found.append(f"no label has the value {plain(unused)}, which was passed with --ignore")
    largest = marker(numbers)
    if largest is not None:
        found.append(
            f"the value {largest} is read as a cell number; pass --ignore {largest} if it "
            "marks pixels that are not annotated"
        )
    return tuple(found)


def inverted(value: float) -> str:
    """Warn that class 1 looks like membranes; `value` is its label value."""
    return (
        f"{plain(value)} looks like membranes (one net around many regions), but counts as cell; "
        "pass --labels-are membranes if it is membrane, or --labels-are classes if it is cell"
    )
