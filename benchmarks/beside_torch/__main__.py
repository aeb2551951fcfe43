"""Compare the time and memory of minunet with those of PyTorch, on the same machine.

    python benchmarks/beside_torch [--quick] [--save FOLDER] [--only forward step] [--widths 16]
    python benchmarks/beside_torch --again FOLDER
    python benchmarks/beside_torch --precision [--tile 572] [--channels 64]
    python benchmarks/beside_torch --device cuda

Measures single layers, several forms of a convolution (from a naive loop to the one in use),
inference and a training step, and prints Markdown tables. A training step consists of forward pass,
energy, backward pass and update, without dropout, because PyTorch would draw different masks. All
sides start from the same weights and the same tile; their results are compared before anything is
timed (see `timing.CLOSE`). Networks of 64 channels or more have the depth and tile of the preset
`paper`, narrower networks those of `laptop`. --save writes the numbers and a picture; --again makes
the tables and the picture from saved numbers. --precision instead compares float32 with float64, in
minunet only. With the defaults, the benchmark takes about 10 minutes on 2 cores; with --quick,
about one minute.

With --device cuda, the tables show inference and the training step in CuPy and in PyTorch on a GPU.
We have never run this on a GPU.

| file              | contents                                                             |
|-------------------|----------------------------------------------------------------------|
| `__main__.py`     | the command: plan, measure, save                                     |
| `work.py`         | the jobs that are timed: products, layers, networks, and their data  |
| `timing.py`       | one process per side: compares results, then times sides alternately |
| `minunet_side.py` | the jobs in minunet                                                  |
| `forms.py`        | simple forms of a convolution                                        |
| `torch_side.py`   | the jobs in PyTorch                                                  |
| `precision.py`    | float32 compared with float64                                        |
| `tables.py`       | the tables                                                           |
| `picture.py`      | the picture                                                          |
"""

import argparse
import importlib.util
import json
import platform
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import picture
import precision
import tables
import work
from timing import Options, Worker, take_turns

from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import device
from minunet.progress import Progress

SECTIONS = ("layers", "road", "forward", "step")
SIDES = ("minunet", "torch", "torch channels-last")
COMPILED = "torch channels-last, compiled"
WHOLE_ROAD = (
    "product a pixel",
    "im2col",
    "taps",
    "bands, one thread",
    "bands",
    "Winograd, one thread",
    "Winograd",
    "torch",
    "torch channels-last",
)
CORNER, CORNER_ROAD = 6, ("naive loop", "taps")
"""Side, in pixels, of a map small enough for the naive loop, and the forms that are timed on it."""

ROAD = {
    16: work.Layer("laptop, contract0 conv 2", "conv_relu", 346, 16, 16),
    128: work.Layer("paper, contract1 conv 2", "conv_relu", 282, 128, 128),
}


def plan(args: argparse.Namespace) -> list[tuple[str, tuple[str, ...], list[work.Job]]]:
    """Return what to measure, in order: sections, their sides, and the jobs of these sides."""
    found: list[tuple[str, tuple[str, ...], list[work.Job]]] = [
        ("product", SIDES[:2], [work.Product(3000)])
    ]
    if "layers" in args.only:
        for width in args.layers:
            found.append(("layers", SIDES, list(work.Network.of_width(width).layers())))
    if "road" in args.only:
        for layer in [ROAD[16]] if args.quick else ROAD.values():
            found.append(("road", CORNER_ROAD, [layer._replace(size=CORNER)]))
            found.append(("road", WHOLE_ROAD, [layer]))
    networks = (*SIDES, COMPILED) if args.compile else SIDES
    for section in ("forward", "step"):
        if section in args.only:
            for width in args.widths:
                job = work.Network.of_width(width, step=section == "step")
                found.append((section, networks, [job]))
    return found


def measure(args: argparse.Namespace, options: Options) -> dict[str, Any]:
    """Measure everything in the plan; return the results as JSON values."""
    planned = plan(args)
    measured: dict[str, Any] = {"machine": machine(options), "entries": []}
    with Progress(sum(len(jobs) for *_, jobs in planned), "job") as progress:
        for section, sides, jobs in planned:
            progress.line(f"{section}: {', '.join(sides)}")
            with ExitStack() as stack:
                workers = [stack.enter_context(Worker(side, options)) for side in sides]
                # A network has many layers: each gets a fifth of the patience.
                each = options._replace(patience=options.patience / (5 if len(jobs) > 1 else 1))
                for job in jobs:
                    result = take_turns(workers, job, each)
                    if len(jobs) == 1:  # the peak of a later job would include that of earlier jobs
                        for worker in workers:
                            result[worker.side]["peak"] = worker.ask("peak")
                    measured["entries"].append(
                        {"section": section, "job": work.to_json(job), "sides": result}
                    )
                    progress.advance(tables.named(job))
            if args.save:  # so that an interruption loses only one section
                write(args.save, measured)
    return measured


def machine(options: Options) -> dict[str, Any]:
    """Describe the machine as the processes of the benchmark see it."""
    found: dict[str, Any] = {"cores": threads.cores(), "Python": platform.python_version()}
    found["CPU"] = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            found["CPU"] = line.partition(":")[2].strip()
    found |= {"device": options.device, "rounds": options.rounds, "as_is": options.as_is}
    for side in SIDES[:2]:
        with Worker(side, options) as worker:
            found[side] = worker.ask("about")
    return found


def write(folder: Path, measured: dict[str, Any]) -> None:
    """Write the measured numbers to `beside_torch.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "beside_torch.json").write_text(json.dumps(measured, indent=1) + "\n")


def check(args: argparse.Namespace) -> None:
    """Raise an `InputError` if PyTorch or the GPU is missing."""
    if importlib.util.find_spec("torch") is None:
        raise InputError("PyTorch is not installed; run pip install -e '.[oracles]'")
    if args.device == "cuda":
        device.choose("cuda")
        import torch

        if not torch.cuda.is_available():
            raise InputError("PyTorch finds no CUDA GPU; install a CUDA build of PyTorch")


def parse() -> argparse.Namespace:
    """Parse the command line; --quick and --device cuda reduce what is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="For details, see the docstring of benchmarks/beside_torch/__main__.py.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="measure only 8 and 16 channels, in 2 rounds: about a minute",
    )
    add("--only", nargs="+", choices=SECTIONS, help="sections to measure (default: all)")
    add(
        "--widths",
        nargs="+",
        type=int,
        metavar="N",
        help="numbers of channels of the networks (default: 8 16 32 64)",
    )
    add(
        "--layers",
        nargs="+",
        type=int,
        metavar="N",
        help="numbers of channels of the networks whose layers are timed (default: 16 64)",
    )
    add("--rounds", type=int, help="minimum number of turns per side (default: 5)")
    add(
        "--patience",
        type=float,
        help="seconds after which a job ends once it has had --rounds turns; it ends in any case "
        "after four times as many turns (default: 10)",
    )
    add(
        "--threads",
        type=int,
        default=threads.cores(),
        help="number of threads per side (default: all cores)",
    )
    add(
        "--as-is",
        action="store_true",
        help="keep the shell's variables OPENBLAS_*, OMP_*, MKL_* and GOTO_*",
    )
    add("--compile", action="store_true", help="also time torch.compile; needs a C++ compiler")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="device to run on (default: cpu)")
    add("--save", type=Path, metavar="FOLDER", help="output folder for beside_torch.json and .png")
    add(
        "--again",
        type=Path,
        metavar="FOLDER",
        help="folder written by --save: print its tables and redraw its picture without measuring",
    )
    add("--precision", action="store_true", help="only compare float32 with float64")
    add("--channels", type=int, default=64, help="number of channels for --precision (default: 64)")
    add(
        "--tile",
        type=int,
        help="tile size for --precision, in pixels (default: that of the preset)",
    )
    args = parser.parse_args()
    quick = {"widths": [8, 16], "layers": [16], "rounds": 2, "patience": 0.0}
    whole = {"widths": [8, 16, 32, 64], "layers": [16, 64], "rounds": 5, "patience": 10.0}
    for name, value in (quick if args.quick else whole).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    sections = SECTIONS[2:] if args.device == "cuda" else SECTIONS
    args.only = [section for section in sections if section in (args.only or SECTIONS)]
    return args


def main() -> None:
    """Measure and print the tables."""
    args = parse()
    if args.precision:
        return precision.main(args.channels, args.tile)
    if args.again:
        measured = json.loads((args.again / "beside_torch.json").read_text())
    else:
        check(args)
        options = Options(args.rounds, args.patience, args.threads, args.device, args.as_is)
        measured = measure(args, options)
    print(tables.text(measured))
    if folder := args.again or args.save:
        picture.draw(folder / "beside_torch.png", measured)


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(print(f"beside_torch: {error}", file=sys.stderr) or 2)
