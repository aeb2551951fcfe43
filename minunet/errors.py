"""The exception raised for invalid user input."""


class InputError(ValueError):
    """Raised for invalid input.

    The message names the invalid value and says what is valid and what to do. A command prints it
    as its only line and exits with 2 (see `minunet.cli`).
    """
