"""The exception raised for invalid user input, and what other exceptions say, in one line."""


class InputError(ValueError):
    """Raised for invalid input.

    The message names the invalid value and says what is valid and what to do. A command prints it
    as its only line and exits with 2 (see `minunet.cli`).
    """


def reason(error: BaseException, most: int | None = None) -> str:
    r"""Return what an error of a library says, in one line of at most `most` characters.

    Examples
    --------
    >>> reason(OSError("no such\n  file"), 10), reason(KeyError())
    ('no such fi', 'KeyError')
    """
    return " ".join(str(error).split())[:most] or type(error).__name__


def needed(error: MemoryError) -> str:
    """Return how much memory was needed, as the end of a clause; empty if the error does not say.

    Examples
    --------
    >>> import numpy as np
    >>> try:
    ...     np.empty((2**20, 2**30))
    ... except MemoryError as error:
    ...     print("not enough memory" + needed(error))
    not enough memory: 8.0 PiB for an array of 1048576 x 1073741824 float64
    """
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is None or dtype is None:  # not an error of NumPy
        return ""
    size = float(dtype.itemsize)
    for length in shape:
        size *= length
    units = iter(("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))
    unit = next(units)
    while size >= 1024 and unit != "EiB":
        size, unit = size / 1024, next(units)
    return f": {size:.1f} {unit} for an array of {' x '.join(map(str, shape))} {dtype.name}"
