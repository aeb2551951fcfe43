"""The one exception of the public door."""


class InputError(ValueError):
    """Something that was given is not legal.

    The message names what was given, what is legal, and the nearest legal choice; a command prints
    it as its only line and exits with 2 (`minunet.cli`).
    """
