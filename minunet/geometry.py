"""Print Figure 1 as a table: the size and the cost of every arrow.

python -m minunet.geometry 572
"""

from itertools import islice
from typing import get_args

from minunet.cli import Parser, at_least, run, say
from minunet.network import sizes
from minunet.network.architecture import RANGES, Architecture, Variant


def parse() -> tuple[int, Architecture]:
    """Parse the command line: the size of the tile and the architecture."""
    arch = Architecture()
    parser = Parser("geometry")
    parser.add_argument(
        "size",
        nargs="?",
        type=at_least(1, most=sizes.LARGEST),
        default=572,
        help="tile size in pixels (default: 572)",
    )
    for name, text in (
        ("depth", "number of 2x2 poolings"),
        ("channels", "feature channels at level 0"),
        ("in_channels", "image channels"),
        ("classes", "number of classes"),
    ):
        least, most = RANGES[name]
        default = getattr(arch, name)
        flag, text = "--" + name.replace("_", "-"), f"{text} (default: {default})"
        parser.add_argument(
            flag, type=at_least(least, most=most), default=default, metavar="N", help=text
        )
    parser.add_argument(
        "--variant",
        choices=get_args(Variant),
        default="paper",
        help="network as in the paper, or as in the authors' release (default: paper)",
    )
    args = vars(parser.parse_args())
    return args.pop("size"), Architecture(**args)


def main() -> None:
    """Print Figure 1 as a table."""
    size, arch = parse()
    rows = sizes.figure1(arch, size)
    say(f"{'stage':<10}{'arrow':<20}{'map':>16}{'parameters':>13}{'GFLOP':>9}{'MiB kept':>10}")
    for row in rows:
        extent = f"{row.size}² x {row.channels}"
        say(
            f"{row.stage:<10}{row.arrow:<20}{extent:>16}{row.parameters:>13,}"
            f"{row.flop / 1e9:>9.2f}{row.memory / 2**20:>10.1f}"
        )
    flop, memory = sum(row.flop for row in rows), sum(row.memory for row in rows)
    say(f"{'':<46}{arch.parameters():>13,}{flop / 1e9:>9.2f}{memory / 2**20:>10.1f}")
    first, second, third = islice(sizes.valid_sizes(arch.depth), 3)
    say(
        "",
        f"{size} → {sizes.output_size(size, arch.depth)}, margin {sizes.margin(arch.depth)} on "
        f"each side. Valid tile sizes: {first}, {second}, {third}, … pixels.",
        "A training step costs about three times these GFLOP.",
        f"Tiles join without a seam if their origins are a multiple of {2**arch.depth} pixels "
        f"apart.",
    )


if __name__ == "__main__":
    run(main, "geometry")
