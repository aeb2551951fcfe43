"""List the models that come with minunet, or print the card of one.

python -m minunet.models [NAME]
"""

import argparse
from collections.abc import Iterator

from minunet.cli import Parser, run, say
from minunet.models import MODELS, find
from minunet.models.shipped import card
from minunet.runs import checkpoint
from minunet.runs.settings import Settings


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("models")
    text = "model whose card to print (default: list all models)"
    parser.add_argument("name", nargs="?", choices=MODELS, metavar="NAME", help=text)
    return parser.parse_args()


def overview() -> Iterator[str]:
    """Yield lines about all models."""
    for name, purpose in MODELS.items():
        path = find(name)
        settings = Settings.from_json(checkpoint.load(path).settings)
        yield f"{name:<10}{purpose}"
        arch = settings.architecture
        network = f"depth {arch.depth}, {arch.channels} channels"
        yield f"{'':<10}{arch.parameters():,} parameters: {network}"
        yield f"{'':<10}{path} ({path.stat().st_size / 1e6:.1f} MB)"
    yield ""
    yield "python -m minunet.models NAME prints the card of a model: its data and its scores."
    yield "python -m minunet.predict NAME IMAGE.tif -o OUT segments an image with it."


def main() -> None:
    """Print the list, or a card."""
    name = parse().name
    say(*(card(name).splitlines() if name else overview()))


if __name__ == "__main__":
    run(main, "models")
