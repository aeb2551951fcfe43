"""Measure the time and memory of a prediction for images of 1, 4, 16 and 64 megapixels.

    python benchmarks/large_images.py [--preset laptop] [--channels 16] [--rounds 3]

`python -m minunet.predict` segments uncompressed TIFF files of noise with an untrained network;
neither the noise nor the weights affect the cost. Each run has its own process, and the sizes
alternate, so that a change in the machine's speed affects all of them. The seconds per megapixel
are those for segmenting and writing, after a warm-up tile; start-up and preview, whose time does
not depend on the image size, have their own column. The files are in the page cache, so disk access
is not timed. Memory is read from /proc while a process runs (Linux only). Anonymous memory belongs
to the process alone; resident memory also includes the pages of mapped files, which the kernel
keeps until it needs the space.

Another table, printed first, shows what the margin costs for each tile size, both as computed and
as measured for a forward pass. All tables are in Markdown. With the defaults, the script needs
about 6 minutes on 2 cores and 700 MB of disk space.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout, suppress
from pathlib import Path

import numpy as np
import tifffile

from minunet import predict
from minunet.fast.allocator import keep_memory
from minunet.image import bands
from minunet.network import Network, initialization, unet
from minunet.prediction import jobs, tile_choice, tiling
from minunet.prediction.memory import format_bytes, of_prediction
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import PRESETS, from_options

TILES = (204, 252, 316, 348, 444, 572, 700, 828, 1084, 1340, 1596, 2108)
"""Tile sizes that are valid at depth 4, and therefore at smaller depths."""

POLL = 0.005
"""Seconds between two readings of a process's memory."""


def write_image(path, side):
    """Write a square image of noise band by band, without holding all of it in memory."""
    rng = np.random.default_rng(0)
    image = tifffile.memmap(path, shape=(side, side), dtype=np.uint8, photometric="minisblack")
    for rows in bands(image.shape):
        image[rows] = rng.integers(256, size=image[rows].shape, dtype=np.uint8)
    image.flush()


def write_model(path, settings):
    """Write a checkpoint of an untrained network."""
    rng = np.random.default_rng(0)
    params = initialization.gaussian(settings.architecture, rng)
    state = rng.bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 0, state, 0.0, settings.to_json()))


def child(*arguments):
    """Predict; print as JSON the seconds in total, and those for segmenting and writing."""
    fill, seconds = jobs.fill, []

    def timed(task, images, *given, **more):
        network = Network(task.model.params, task.model.architecture, np.float32)
        next(tiling.windows(network, images[0], task.tiling))  # warm up: imports and allocates
        started = time.perf_counter()
        yield from fill(task, images, *given, **more)
        seconds.append(time.perf_counter() - started)

    jobs.fill = timed
    sys.argv = ["predict", *arguments]
    started = time.perf_counter()
    with redirect_stdout(sys.stderr):
        predict.main()
    print(json.dumps({"whole": time.perf_counter() - started, "segmenting": seconds[0]}))


def memory(pid):
    """Return the anonymous and the resident memory of a process in bytes; 0 if it has ended."""
    found = {"RssAnon": 0, "VmRSS": 0}
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = 1024 * int(value.split()[0])
    return found


def watch(process):
    """Return the peaks of the anonymous and the resident memory of a process, in bytes."""
    peak = {"RssAnon": 0, "VmRSS": 0}
    while process.poll() is None:
        peak = {name: max(peak[name], value) for name, value in memory(process.pid).items()}
        time.sleep(POLL)
    return peak


def measure(model, image, out):
    """Run one prediction in a new process; return its times and its memory peaks."""
    command = [sys.executable, __file__, "--child", model, image, "-o", out]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = watch(process)
    printed, errors = process.communicate()
    if process.returncode:
        sys.exit(errors)
    return json.loads(printed) | peak


def measure_all(settings, sides, rounds):
    """Run all sizes alternately, in a temporary folder; return the results by size."""
    results = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "model.npz", settings)
        for side in sides:
            write_image(folder / f"{side}.tif", side)
        for _ in range(rounds):
            for side in sides:
                with tempfile.TemporaryDirectory(dir=folder) as out:
                    paths = folder / "model.npz", folder / f"{side}.tif", out
                    results[side].append(measure(*map(str, paths)))
    return results


def print_growth(settings, sides, results):
    """Print the table of seconds and memory by image size."""
    print("| image | tile | tiles | seconds per megapixel: median (min – max) | ÷ first ", end="")
    print("| other seconds | anonymous memory | estimated | resident memory |")
    print("|---|---|---|---|---|---|---|---|---|")
    arch, first = settings.architecture, None
    for side in sides:
        axis = tiling.cover(side, arch.depth, settings.tile)
        runs, megapixels = results[side], side**2 / 1e6
        each = [run["segmenting"] / megapixels for run in runs]
        other = statistics.median(run["whole"] - run["segmenting"] for run in runs)
        first = first or statistics.median(each)
        anonymous, resident = (
            format_bytes(max(run[k] for run in runs)) for k in ("RssAnon", "VmRSS")
        )
        print(
            f"| {side}² | {axis.tile} | {len(axis.origins) ** 2} "
            f"| {statistics.median(each):.3f} ({min(each):.3f} – {max(each):.3f}) "
            f"| {statistics.median(each) / first:.2f} | {other:.1f} | {anonymous} "
            f"| {format_bytes(of_prediction(arch, axis.tile, axis.tile))} | {resident} |"
        )


def print_overhead(settings, rounds, largest):
    """Print the table of the margin's cost: computed for two networks, measured for one."""
    arch, rng = settings.architecture, np.random.default_rng(0)
    params = initialization.gaussian(arch, rng)
    seconds = {tile: [] for tile in TILES if tile <= largest}
    for turn in range(rounds + 1):  # the first round, which allocates memory, is not counted
        for tile, each in seconds.items():
            x = rng.random((tile, tile, 1), np.float32)
            started = time.perf_counter()
            unet.forward(params, x, arch, remember=False)
            if turn:
                pixels = tiling.aligned_step(tile, arch.depth) ** 2
                each.append((time.perf_counter() - started) / pixels)
    least = min(statistics.median(each) for each in seconds.values())
    presets = [from_options(preset=preset) for preset in ("paper", "laptop")]
    print("| tile | computation, paper | computation, laptop | s per megapixel | ÷ least |")
    print("|---|---|---|---|---|")
    for tile in TILES:
        paper, laptop = (tile_choice.overhead(one.architecture, tile) for one in presets)
        default = "".join(f", default of {one.preset}" for one in presets if one.tile == tile)
        row = f"| {tile}{default} | {paper:.2f} | {laptop:.2f} |"
        if tile in seconds:
            median = statistics.median(seconds[tile])
            row += f" {1e6 * median:.3f} | {median / least:.2f} |"
        else:
            row += " – | – |"
        print(row)


def main():
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--preset",
        choices=PRESETS,
        default="laptop",
        help="preset of the network (default: laptop)",
    )
    add("--channels", type=int, help="number of channels at level 0 (default: the preset's)")
    add("--tile", type=int, help="tile size, in pixels (default: the preset's)")
    add(
        "--megapixels",
        type=int,
        nargs="+",
        default=[1, 4, 16, 64],
        help="image sizes, in units of 1024² pixels (default: 1 4 16 64)",
    )
    add("--rounds", type=int, default=3, help="number of runs per size (default: 3)")
    add(
        "--largest",
        type=int,
        default=1084,
        help="largest tile whose forward pass is timed, in pixels (default: 1084)",
    )
    add("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args()
    keep_memory()  # as the commands do
    if args.child:
        return child(*args.child)
    given = {name: getattr(args, name) for name in ("preset", "channels", "tile")}
    settings = from_options(**{name: value for name, value in given.items() if value})
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, NumPy {np.__version__}; depth "
        f"{settings.depth}, {settings.channels} channels, tile {settings.tile}\n"
    )
    print_overhead(settings, args.rounds, args.largest)
    print()
    sides = [round(1024 * megapixels**0.5) for megapixels in args.megapixels]
    print_growth(settings, sides, measure_all(settings, sides, args.rounds))


if __name__ == "__main__":
    main()
