"""Hold out slices for validation."""

from minunet.errors import InputError


def split(block: str, count: int) -> tuple[list[int], list[int]]:
    """Hold out a contiguous block of slices for validation.

    A random split would put near-identical neighbouring slices into both parts.

    Parameters
    ----------
    block : str     "FIRST:END", without END itself; a fraction of the slices, taken from the end
                    of the stack; or "none"
    count : int     number of slices

    Returns
    -------
    training, held_out : list of int

    Raises
    ------
    InputError
        If the block is not valid, or leaves nothing to train on.

    Examples
    --------
    >>> split("2:4", 5)
    ([0, 1, 4], [2, 3])
    >>> split("0.2", 5)
    ([0, 1, 2, 3], [4])
    """
    held_out = _block(block, count)
    training = [k for k in range(count) if k not in held_out]
    if not training:
        raise InputError(
            f"validation {block} leaves none of the {count} slices for training; hold out fewer"
        )
    return training, list(held_out)


def _block(block: str, count: int) -> range:
    """Return the slices that a validation block selects."""
    valid = f"FIRST:END within 0:{count}, a fraction (at least 0, less than 1), or none"
    if block == "none":
        return range(0)
    try:
        if ":" in block:
            first, end = (int(part) for part in block.split(":"))
            if not 0 <= first < end <= count:
                raise ValueError
            return range(first, end)
        fraction = float(block)
        if not 0 <= fraction < 1:
            raise ValueError
    except ValueError:
        raise InputError(f"validation is {block}; valid values are {valid}") from None
    # With two or more slices, hold out at least one and leave at least one for training.
    slices = min(max(round(fraction * count), 1), count - 1) if fraction else 0
    return range(count - slices, count)
