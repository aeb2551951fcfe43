"""The exception raised for invalid user input."""


class InputError(ValueError):
    """An input is invalid.

    The message says what is wrong, with the value; what is valid; and the nearest valid choice. A
    command prints it as its only line and exits with 2 (see `minunet.cli`).
    """
