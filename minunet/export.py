"""Export a trained model to other programs: ONNX, safetensors, bioimage.io, Hugging Face.

    python -m minunet.export runs/em/best.npz -o net.onnx
    python -m minunet.export em -o em.safetensors
    python -m minunet.export em -o em.zip --license MIT --author "Ada Lovelace"
    python -m minunet.export em -o FOLDER

The suffix of -o chooses the format: `.onnx`, `.safetensors`, or `.zip` for a bioimage.io package.
Without a suffix, minunet writes a folder for Hugging Face.
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np

from minunet import files, models
from minunet.array import Array
from minunet.cli import Parser, parse_path, run, say
from minunet.data import image_files
from minunet.errors import InputError
from minunet.exchange import bioimage, description, onnx_graph, onnx_run, tensors
from minunet.exchange.description import Description
from minunet.models.shipped import card
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import Settings

FORMATS = {
    ".onnx": "an ONNX graph",
    ".safetensors": "parameters for PyTorch",
    ".zip": "a bioimage.io package",
    "": "a folder for Hugging Face",
}
"""What `export` writes, by the suffix of -o."""


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("export")
    add = parser.add_argument
    add(
        "model",
        type=parse_path,
        metavar="MODEL",
        help="best.npz or last.npz of a run, or a built-in model such as em",
    )
    add(
        "-o",
        "--out",
        type=parse_path,
        required=True,
        metavar="FILE",
        help="file or folder to write; the suffix chooses the format: "
        + ", ".join(f"{suffix or 'none'} for {text}" for suffix, text in FORMATS.items()),
    )
    graph = parser.add_argument_group("ONNX")
    graph.add_argument(
        "--padding",
        choices=get_args(onnx_graph.Padding),
        default="same",
        help="same: mirror the image at its edges, so that the output is as large as the image; "
        "valid: as in the paper (default: same)",
    )
    graph.add_argument(
        "--output",
        choices=get_args(onnx_graph.Output),
        default="probabilities",
        help="output of the graph (default: probabilities)",
    )
    add_description(parser)
    args = parser.parse_args()
    suffix = args.out.suffix or (args.out.name if args.out.name in FORMATS else "")
    if suffix not in FORMATS:
        known = ", ".join(filter(None, FORMATS))
        parser.error(f"-o {args.out} does not end with {known}; to write a folder, use no suffix")
    if suffix != ".onnx" and (args.padding, args.output) != ("same", "probabilities"):
        parser.error("--padding and --output are for .onnx files only")
    if suffix != ".zip" and args.image is not None:
        parser.error("--image is for .zip files only")
    if not args.out.suffix and suffix:
        parser.error(f"-o {args.out} has no name before {suffix}")
    if not all(text.strip() for text in (*args.author, *args.cite)):
        parser.error("--author and --cite must not be empty")
    if suffix == ".zip" and not (
        args.author and (args.license or str(args.model) in models.MODELS)
    ):
        parser.error("a bioimage.io package needs --license and at least one --author")
    return args


def add_description(parser: Parser) -> None:
    """Add the options that describe the model."""
    add = parser.add_argument_group("description").add_argument
    add("--name", help="name of the model (default: the name of its run or of its file)")
    add("--license", metavar="SPDX", help="licence of the model, such as CC-BY-4.0 or MIT")
    add("--author", action="append", default=[], metavar="NAME", help="author; may be repeated")
    add(
        "--cite",
        action="append",
        default=[],
        metavar="TEXT",
        help="publication to cite, with its DOI or URL; may be repeated",
    )
    add(
        "--image",
        type=parse_path,
        metavar="FILE",
        help="image for the test and for the cover of a bioimage.io package (default: synthetic "
        "EM)",
    )


def describe(args: argparse.Namespace) -> Description:
    """Return the description of the model that the command line gives."""
    model = str(args.model)
    name, license_, text = args.name, args.license, None
    if model in models.MODELS:
        name, license_, text = name or f"minunet {model}", license_ or "MIT", card(model)
    elif not name and args.model.stem in ("best", "last"):
        name = args.model.resolve().parent.name
    texts = (name or args.model.stem, license_ or "", *args.author, *args.cite)
    # A name of a file may contain bytes that are not Unicode.
    name, license_, *rest = (one.encode("utf-8", "replace").decode() for one in texts)
    authors, citations = rest[: len(args.author)], rest[len(args.author) :]
    return Description(name, license_ or None, tuple(authors), tuple(citations), text)


def sample(path: Path | None, channels: int) -> Array:
    """Return an image (H, W, C) of raw grey values: the first one in a file, or synthetic EM."""
    if path is None:
        from minunet.data.synthetic import em_stack

        grey = em_stack((1, 256, 256), np.random.default_rng(0)).images[0]
        return np.repeat(grey[..., np.newaxis], channels, axis=-1)
    image = image_files.read(path)[0]
    image = image[..., np.newaxis] if image.ndim == 2 else image
    if image.shape[2] != channels:
        raise InputError(f"{path} has {image.shape[2]} channels; the model needs {channels}")
    return image


def main() -> None:
    """Write the model in the format that the suffix chooses."""
    args = parse()
    files.check_new_file(args.out, "-o")
    state = checkpoint.load(models.find(args.model))
    about = describe(args)
    what = FORMATS[args.out.suffix]
    try:
        if not args.out.suffix:
            texts = description.properties(state, about), description.document(state, about)
            with files.new_folder(args.out) as folder:
                tensors.write_folder(folder, state.params, *texts)
        else:
            with files.new(args.out) as (part,):
                write_file(part, state, args, about)
    except ImportError as error:
        raise InputError(
            f"writing {what} needs {error.name or error}; install it with: pip install "
            "'minunet[export]'"
        ) from None
    say(f"wrote     {args.out}: {about.name} as {what}")


def write_file(part: Path, state: Checkpoint, args: argparse.Namespace, about: Description) -> None:
    """Write one file under a temporary name."""
    arch = Settings.from_json(state.settings).architecture
    if args.out.suffix == ".zip":
        difference = bioimage.write(part, state, about, sample(args.image, arch.in_channels))
        return say_checked(difference)
    properties = description.properties(state, about)
    if args.out.suffix == ".safetensors":
        return tensors.write(part, state.params, properties)
    form = args.padding, args.output
    graph = onnx_graph.build(state.params, arch, *form, properties)
    difference = onnx_run.check(graph, state.params, arch, *form)
    part.write_bytes(graph.SerializeToString())
    return say_checked(difference)


def say_checked(difference: float) -> None:
    """Print the difference between ONNX Runtime and minunet."""
    say(f"checked   ONNX Runtime and minunet differ by {difference:.1e} of the largest value")


if __name__ == "__main__":
    run(main, "export")
