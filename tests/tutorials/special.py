"""Wrong answers that are right for special cases only."""


def only(right, holds, wrong):
    """Make an answer that is right where something holds of its arguments, and wrong elsewhere."""
    return lambda *arguments: (right if holds(*arguments) else wrong)(*arguments)
