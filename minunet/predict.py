"""Segment an image or a stack of any size with a trained network (paper, Figure 2).

    python -m minunet.predict RUN/best.npz IMAGE.tif -o OUT

writes `probability.tif`, `labels.tif` and `preview.png` into OUT. Probabilities are float32:
those of class 1 if there are two classes, otherwise those of all classes. Labels are classes
(uint8, with the values of the training labels) or, after training on numbered cells, numbered cells
(uint16, 0 is background, k is cell k). If IMAGE is a sequence of the Cell Tracking Challenge, that
is, a folder with t000.tif and so on, the cells are also written as masks in the challenge's layout.

The image and the results may be larger than memory: uncompressed TIFF files are memory-mapped,
results are written tile by tile, and every slice is freed when it is done. A prediction that was
stopped keeps its finished slices in OUT/unfinished; the same command with --resume continues it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from minunet import files, lock, models
from minunet.cli import Parser, add_threads, at_least, command, parse_path, run, say
from minunet.data import file_names, object_size
from minunet.data.image_files import Reading, Slices, parse_axes, parse_channel
from minunet.data.ome_zarr import VERSIONS
from minunet.data.sections import Sections
from minunet.errors import InputError
from minunet.fast import threads
from minunet.image import Average
from minunet.models import MODELS
from minunet.network import device, sizes
from minunet.prediction import (
    engines,
    instances,
    jobs,
    memory,
    model,
    summary,
    unfinished,
    volume_job,
    volume_plan,
)
from minunet.prediction import output_files as outputs
from minunet.prediction.instances import Rule
from minunet.prediction.jobs import Job, Plan
from minunet.prediction.model import Model
from minunet.prediction.results import Results, made_of
from minunet.prediction.stack import Labelling
from minunet.prediction.survey import survey
from minunet.prediction.tiling import Tiling
from minunet.prediction.unfinished import State, Unfinished
from minunet.runs import checkpoint
from minunet.runs.options import flag
from minunet.runs.settings import Settings

ZARR = ".zarr"

OF_VOLUMES = ("workers", "scheduler", "part", "ome_zarr", "connect", "overlap")
"""Options that only apply to OME-Zarr outputs."""

OF_CELLS = ("extent", "smallest", "connectivity")
"""Options that only say how cells are found."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("predict")
    add = parser.add_argument
    text = f"checkpoint of a run, such as RUN/best.npz; or a built-in model: {', '.join(MODELS)}"
    add("model", type=parse_path, metavar="MODEL", help=text)
    text = "TIFF stack, TIFF or PNG image, folder of images, or volume (OME-Zarr, Zarr, N5, HDF5)"
    add("image", type=parse_path, metavar="IMAGE", help=text)
    text = f"folder for the results; a name that ends in {ZARR} becomes an OME-Zarr image"
    add("-o", "--out", type=parse_path, required=True, help=text)
    text = (
        "continue the unfinished prediction in OUT, if there is one; all other arguments must be "
        "the same as before"
    )
    add("--resume", action="store_true", help=text)
    add_reading(parser)
    add_tiling(parser)
    add_labels(parser)
    add(
        "--device",
        choices=get_args(device.Wanted),
        default="auto",
        help="device to run on; auto: a GPU if there is one (default: auto)",
    )
    add_threads(parser)
    add_volumes(parser)
    args = parser.parse_args()
    if is_zarr(args.out):
        reasons = {
            "--resume": args.resume and "the same command continues, without it",
            "--step paper": args.step == "paper" and "blocks join only at the aligned step",
            "--device cuda": args.device == "cuda" and "blocks are computed on the CPU",
        }
        for option, reason in reasons.items():
            if reason:
                parser.error(f"{option} does not go with an OME-Zarr output: {reason}")
        return args
    for name in OF_VOLUMES:
        if getattr(args, name) is not None:
            parser.error(f"{flag(name)} needs an OME-Zarr output, such as -o OUT{ZARR}")
    return args


def add_volumes(parser: Parser) -> None:
    """Add the options for volumes, whose results are OME-Zarr."""
    group = parser.add_argument_group(f"volumes (with -o OUT{ZARR})")
    add = group.add_mutually_exclusive_group().add_argument
    text = "number of processes, with one thread each unless --threads is given"
    add("--workers", type=at_least(1, most=10_000), metavar="N", help=text)
    text = (
        "address of a running Dask scheduler, such as tcp://HOST:8786; its workers compute the "
        "blocks"
    )
    add("--scheduler", metavar="ADDRESS", help=text)
    text = "compute every N-th block, beginning with the K-th; for job arrays"
    add("--part", type=volume_job.parse_part, metavar="K/N", help=text)
    text = f"version of the output; 0.4 is read by more programs (default: {VERSIONS[0]})"
    group.add_argument("--ome-zarr", choices=VERSIONS, help=text)
    text = (
        "sections: join cells that overlap in neighbouring slices along z (default: number the "
        "cells of each slice separately)"
    )
    group.add_argument("--connect", choices=("sections",), help=text)
    text = (
        "with --connect: join two cells if they share more than this fraction of their union; 0: "
        f"if they overlap at all (default: {volume_job.OVERLAP})"
    )
    group.add_argument("--overlap", type=at_least(0, float, below=1), metavar="F", help=text)


def is_zarr(out: Path) -> bool:
    """Return whether results are to be written as OME-Zarr, by the name of the output."""
    return out.name.lower().endswith(ZARR)


def add_reading(parser: Parser) -> None:
    """Add the options that choose what to read of the images."""
    group = parser.add_argument_group("images")
    add = group.add_mutually_exclusive_group().add_argument
    add(
        "--channel",
        type=parse_channel,
        metavar="N",
        help="channel to read, counted from 0, or its name in an OME-Zarr image (default: as in "
        "training)",
    )
    text = "convert colours to grey values (default: as in training)"
    add("--grey", action="store_const", const="grey", dest="channel", help=text)
    group.add_argument(
        "--axes",
        type=parse_axes,
        metavar="AXES",
        help="axes of a volume, one letter each, slowest first, such as zyx: t (time), "
        "c (channel), z, y, x (default: as in its metadata)",
    )
    group.add_argument(
        "--level",
        type=at_least(0),
        metavar="N",
        help="level of an OME-Zarr image to read; 0 has the full resolution (default: 0)",
    )
    group.add_argument(
        "--series",
        type=at_least(0),
        metavar="N",
        help="series of a TIFF file to read, counted from 0 (default: as in training, which is the "
        "largest unless --series was given)",
    )


def add_tiling(parser: Parser) -> None:
    """Add the options for the tiles and the averaging."""
    group = parser.add_argument_group("tiles")
    text = (
        "image pixels per network pixel (default: as in training; if both pixel sizes are known, "
        "as in training in micrometres)"
    )
    valid = at_least(object_size.SMALLEST, float, most=object_size.LARGEST)
    group.add_argument("--shrink", type=valid, metavar="N", help=text)
    size = group.add_mutually_exclusive_group().add_argument
    text = "tile size in pixels (default: as in training)"
    size("--tile", type=at_least(1, most=sizes.LARGEST), metavar="N", help=text)
    size(
        "--memory",
        type=memory.parse_bytes,
        metavar="SIZE",
        help="memory limit, such as 2GB; the tile size that needs the least computation within "
        "this limit is used; memory-mapped files do not count, because the system can drop their "
        "pages; on a GPU, a limit of its memory (default there: what is free, if that is not "
        "enough for the tile size of training)",
    )
    group.add_argument(
        "--step",
        choices=("aligned", "paper"),
        default="aligned",
        help="aligned: tiles join without seams, as in one pass over the image; paper: the outputs "
        "are laid edge to edge, as in the paper (default: aligned)",
    )
    group.add_argument(
        "--average",
        choices=get_args(Average),
        default="none",
        help="versions of the image over which the logits are averaged: 4 flips, 4 rotations or "
        "all 8 symmetries; a prediction takes 4 or 8 times as long; the sums are kept on disk, "
        "not in memory (default: none)",
    )


def add_labels(parser: Parser) -> None:
    """Add the options that turn probabilities into labels."""
    add = parser.add_argument_group("labels").add_argument
    add(
        "--labels",
        choices=("classes", "cells"),
        help="contents of the labels (default: the same as in the training labels); for a TIFF "
        f"file, finding cells takes {memory.LABELLING} bytes of memory per pixel of a slice",
    )
    add(
        "--threshold",
        type=at_least(0, float, below=1),
        metavar="P",
        help="probability of class 1 above which a pixel belongs to it (default: the one that "
        "was chosen at the end of the training run, or 0.5 if that run did not finish)",
    )
    add(
        "--extent",
        type=at_least(0, float, below=1),
        metavar="P",
        help="probability of class 1 down to which cells grow from their seeds, the regions above "
        "the threshold; if it equals the threshold, cells do not grow (default: the one that was "
        "chosen with the threshold; if that run did not finish, cells do not grow)",
    )
    add(
        "--smallest",
        type=at_least(1),
        metavar="N",
        help="minimum size of a seed, in pixels; smaller ones are dropped (default: as in "
        "training, in network pixels)",
    )
    add(
        "--connectivity",
        type=int,
        choices=(4, 8),
        help="connectivity of the pixels of a cell: 4 neighbours, or 8 with the diagonal ones "
        "(default: as in training)",
    )


def reading(args: argparse.Namespace, settings: Settings) -> Reading:
    """Return which pixels to read: those given by options, or the same as in training."""
    channel = settings.channel if args.channel is None else args.channel
    series = settings.series if args.series is None else args.series
    return Reading(channel, series, axes=args.axes, level=args.level)


def open_images(args: argparse.Namespace, settings: Settings) -> Slices:
    """Open the images, which get the channels of the training images.

    Raises
    ------
    InputError
        If no image can be read, or if the model needs colours and none of the images has any.
    """
    images = Slices(args.image, reading(args, settings), keep_going=True)
    images.channels = settings.in_channels
    if settings.in_channels > 1 and not any(page.colour for page in images.pages):
        raise InputError(
            f"{args.image} contains 1-channel images, but the model was trained on "
            f"{settings.in_channels}-channel images; convert them to colour without --channel and "
            "--grey, or use another model"
        )
    jobs.leave_out_mixed(images)
    return images


def labelling(args: argparse.Namespace, settings: Settings) -> Labelling:
    """Return how to make labels; raise an `InputError` if the model or an option does not fit."""
    cells = args.labels == "cells" or (args.labels is None and settings.cells)
    if cells or args.threshold is not None:
        model.check_two_classes(settings, "--labels cells and --threshold")
    unused = [flag(name) for name in OF_CELLS if getattr(args, name) is not None]
    if unused and not cells:
        other = ", or pass --labels cells" if len(settings.label_values) == 2 else ""
        raise InputError(
            f"{unused[0]} has no effect, because the labels are classes; leave out "
            f"{' and '.join(unused)}{other}"
        )
    threshold = settings.threshold if args.threshold is None else args.threshold
    given = {name: getattr(args, name) for name in Rule._fields if getattr(args, name) is not None}
    rule = instances.rule(settings)._replace(**given)
    if args.extent is not None and args.extent > rule.threshold:
        raise InputError(
            f"--extent {args.extent:g} is above the threshold {rule.threshold:g}, but cells grow "
            "to lower probabilities; pass a lower --extent or a higher --threshold"
        )
    return Labelling(settings.label_values, cells, threshold, rule)


def prepare(
    args: argparse.Namespace, model: Model, images: Slices, old: State | None = None
) -> list[Job]:
    """Check the options, read all images once, and prepare what to do with them.

    Parameters
    ----------
    args : Namespace
    model : Model
    images : Slices
    old : State or None     of the prediction to continue

    Raises
    ------
    InputError
        If the options do not fit the model or the images.
    """
    labels = labelling(args, model.settings)
    tile, usable = args.tile or model.settings.tile, None
    if model.device == "cuda" and not args.tile and args.memory is None:
        if old and old.tile:
            tile = old.tile  # another amount of memory may be free now
        else:
            usable, _ = device.memory()
    tiling = Tiling(tile, args.step == "paper", args.average)
    plan = Plan(model, labels, None, tiling, args.memory, args.shrink, args.smallest, usable)
    jobs.prepare(images, plan)  # refuses options before the images are read
    return jobs.prepare(images, plan._replace(scale=survey(images, model.settings.scaling)))


def frames(args: argparse.Namespace, tasks: Sequence[Job]) -> list[str]:
    """List the frame numbers of a Cell Tracking Challenge sequence; return [] for other images."""
    from minunet.data import ctc  # here: it slows down --help

    images = tasks[0].images
    if not (tasks[0].task.labelling.cells and ctc.is_sequence(args.image)):
        return []
    if len(tasks) > 1:
        raise InputError(
            f"the frames of {args.image} differ in size or pixel size, but those of a sequence "
            "must not; to segment them as single images, copy them to a folder that is not named "
            "with two digits"
        )
    every = zip(file_names.files(args.image), ctc.numbers(args.image), strict=True)
    digits = [number for file, number in every if file not in images.broken]
    return digits if len(digits) == len(images) else []  # frames of several slices have no masks


def predict(args: argparse.Namespace, again: str) -> None:
    """Segment an image, and write the results to a folder that this process owns.

    Parameters
    ----------
    args : Namespace
    again : str         command that continues the prediction
    """
    old = unfinished.find(args.out, args.resume)
    wanted = args.threads or (old.threads if old else None)
    threads.use(wanted or threads.count())
    if old is None or not old.complete:
        outputs.check_out(args.out)
    where, reason = device.choose(args.device)
    path = models.find(args.model)
    trained = model.of_checkpoint(checkpoint.load(path), where)
    images = open_images(args, trained.settings)
    tasks = prepare(args, trained, images, old)
    results = Results(args.out, tasks, args.image.resolve().name, frames(args, tasks))
    what = made_of(tasks, reading(args, trained.settings), path, where)
    kept = Unfinished(args.out, State(what, results.slices), results.names, old)
    if not kept.state.complete:
        results.check_free()
    say(*summary.images(args.image, reading(args, trained.settings), tasks))
    parameters = f"{trained.architecture.parameters():,} parameters"
    say(f"model     {args.model}, step {trained.step}, {parameters}")
    threshold = summary.threshold(trained.settings, args.model.name, args.threshold)
    say(*threshold, *summary.cells(tasks), f"device    {reason}", *summary.tiles(tasks))
    if old:
        say(f"resume    {old.finished} of {old.slices} slices are finished")
    say(*results.write(kept, again))
    if images.broken:
        say("left out:", *images.broken.values(), file=sys.stderr)
        sys.exit(2)


def overlap(args: argparse.Namespace) -> float | None:
    """Return the overlap with which cells of neighbouring slices are joined; None: never."""
    if args.connect is None:
        if args.overlap is not None:
            raise InputError("--overlap needs --connect sections; add it, or leave out --overlap")
        return None
    return volume_job.OVERLAP if args.overlap is None else float(args.overlap)


def predict_volume(args: argparse.Namespace) -> None:
    """Segment a volume block by block, and write the results as OME-Zarr."""
    several = args.workers or args.scheduler or args.part
    begun = volume_plan.read(args.out).threads if args.out.exists() else None
    threads.use(args.threads or begun or (1 if several else threads.count()))
    trained = model.load(args.model, "cpu")
    settings = trained.settings
    tiling = Tiling(args.tile or settings.tile, False, args.average)
    labels = labelling(args, settings)
    request = Plan(trained, labels, None, tiling, args.memory, args.shrink, args.smallest)
    sections = Sections(args.image, reading(args, settings))
    version = args.ome_zarr or VERSIONS[0]
    try:
        plan = volume_job.plan(request, args.model, sections, overlap(args), version)
        with engines.start(args.workers, args.scheduler) as engine:
            plan = volume_job.begin(args.out, plan, trained, sections)
            shape = " x ".join(map(str, plan.shape))
            with_threads = f"{plan.threads} thread{'s' * (plan.threads > 1)}"
            say(
                f"data      {args.image}: {shape}, {plan.dtype}",
                f"model     {args.model}, step {trained.step}",
                f"blocks    {plan.block[0]} x {plan.block[1]} pixels, computed with {with_threads}",
            )
            done = volume_job.compute(args.out, args.part or (1, 1), engine)
    except KeyboardInterrupt as error:
        kept = f"the blocks in {args.out} are kept; the same command continues"
        error.args = (f"{str(error) or 'SIGINT'}; {kept}",)
        raise
    if done:
        say(f"results   {args.out}, {args.out / 'labels' / plan.labels}")
    else:
        say(
            "part      done; other parts still have blocks left, which this command also computes "
            "without --part"
        )


def main() -> None:
    """Segment the image given on the command line."""
    args = parse()
    file_names.check_outside_volumes(args.out, "-o")
    of_volumes = [flag(name) for name in ("axes", "level") if getattr(args, name) is not None]
    file_names.check_for_volumes([args.image], of_volumes)
    args.out = files.resolved(args.out)
    if is_zarr(args.out):
        predict_volume(args)
        return
    again = command("predict", *(word for word in sys.argv[1:] if word != "--resume"), "--resume")
    with unfinished.explained(args.out, again), lock.created(args.out, outputs.ADVICE):
        predict(args, again)


if __name__ == "__main__":
    run(main, "predict")
