"""Every setting of a training run, declared once: type, default, presets, group and help."""

# ruff: noqa: RUF009  `setting` and `found` are `dataclasses.field` with metadata

from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from minunet.augmentation import Set
from minunet.cli import SEEDS, at_least
from minunet.data import image_files
from minunet.data.annotation import Kind, Truth
from minunet.data.object_size import Shrink, parse_shrink
from minunet.data.scaling import Scaling
from minunet.data.targets import Form
from minunet.image import Average
from minunet.network.architecture import RANGES, Architecture, Variant
from minunet.network.device import Wanted
from minunet.network.sizes import LARGEST

Preset = Literal["tiny", "laptop", "paper"]
Experiment = Literal["em", "cells"]
Ranking = Literal["iou", "v_rand", "seg"]
"""Scores that can select the best step of a run."""

Group = Literal["data", "network", "training", "evaluation", "run"]
"""Groups of settings, in the order of `--help` and of the report."""

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "depth": 3,
        "channels": 12,
        "tile": 196,
        "dropout": 0.0,
        "steps": 1700,
        "learning_rate": 0.2,
        "momentum": 0.9,
        "clip": 0.2,
        "warm_up": 50,
        "augment": "symmetries",
    },
    "laptop": {
        "depth": 3,
        "channels": 16,
        "tile": 348,
        "dropout": 0.0,
        "steps": 4500,
        "validate_every": 500,
        "learning_rate": 0.2,
        "momentum": 0.9,
        "clip": 0.2,
        "warm_up": 50,
        "augment": "paper",
    },
    "paper": {
        "depth": 4,
        "channels": 64,
        "tile": 572,
        "dropout": 0.5,
        "steps": 20000,
        "validate_every": 500,
        "learning_rate": 0.002,
        "momentum": 0.99,
        "clip": 0.0,
        "warm_up": 300,
        "augment": "paper",
    },
}
"""Bundles of defaults.

In `paper`, the depth, channels, tile, dropout and momentum are those of the paper. The authors
published neither a learning rate nor a number of steps, so those are ours. So far, only `tiny` and
`laptop` have been trained to the end. Both omit dropout: networks this narrow do not overfit."""

EXPERIMENTS: dict[str, dict[str, Any]] = {
    "em": {"preset": "laptop", "average": "symmetries"},
    "cells": {
        "preset": "laptop",
        "steps": 10000,
        "learning_rate": 0.1,
        "warm_up": 200,
        "scaling": "image",
        "shrink": "auto",
        "average": "symmetries",
    },
}
"""Defaults for the paper's two experiments; they override those of the preset.

em: membranes, for data in the layout of the ISBI 2012 challenge. cells: touching cells, for data in
the layout of the Cell Tracking Challenge."""

MOST_THREADS = 2**16
"""Largest number of threads in a file; a run without --threads has one for every core."""

TUNED: Any = MISSING
"""Marks a setting that has no default of its own, because every preset defines it."""

CHANGEABLE = ("steps", "learning_rate", "device")
"""Settings that may change when a run is resumed; changing any other makes it a different run."""

RENAMED = {("augment", "authors"): "later"}
"""Current names of values that have another name in older checkpoints, by setting and old name."""


def setting(default: Any, group: Group, text: str, **option: Any) -> Any:
    """Declare a field of `Settings` that is also a command-line option.

    Parameters
    ----------
    default : JSON value
    group : str
    text : str                help of the option
    **option : any            type and metavar, as in `argparse`; choices come from the annotation
    """
    return field(default=default, metadata={"group": group, "help": text, **option})


def found(default: Any, group: Group, **valid: Any) -> Any:
    """Declare a field of `Settings` that is read from the data, so it is not an option.

    Parameters
    ----------
    default : JSON value, or tuple
    group : str
    **valid : any     type, as in `argparse`: checks the value in a file
    """
    return field(default=default, metadata={"group": group, **valid})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run, as stored in `settings.json` and in every checkpoint."""

    images: str | None = setting(
        None, "data", "image stack, single image or folder of images (TIFF or PNG)", metavar="PATH"
    )
    labels: str | None = setting(
        None,
        "data",
        "labels of the images: classes (0 and 255, 0 and 1, or 0 … K-1; see --labels-are for "
        "others) or numbered cells",
        metavar="PATH",
    )
    labels_are: Kind = setting(
        "auto",
        "data",
        "meaning of the label values; classes: 2 to 16 whole numbers from 0 to 255; membranes: two "
        "values, the larger of which is membrane (in ISBI 2012, the smaller is); auto: judged from "
        "the label maps, as the tutorials' page on image and label files explains; with "
        "--experiment cells, what looks like classes is also read as cells",
    )
    label_threshold: float | None = setting(
        None,
        "data",
        "smallest label value of class 1 (with --labels-are membranes, of membrane), for masks "
        "with soft edges and for probabilities",
        type=at_least(-1e308, float, most=1e308),
        metavar="VALUE",
    )
    ignore: float | None = setting(
        None,
        "data",
        "label value of pixels that are not annotated, such as 255, -1 or 65535",
        type=at_least(-1e308, float, most=1e308),
        metavar="VALUE",
    )
    channel: image_files.Channel = setting(
        None,
        "data",
        "channel of the images to read, counted from 0, or its name in an OME-Zarr image; or grey, "
        "to convert colours to grey values",
        type=image_files.parse_channel,
        metavar="N",
    )
    series: int | None = setting(
        None,
        "data",
        "series of the TIFF files to read, counted from 0; none: the largest",
        type=at_least(0),
        metavar="N",
    )
    axes: str | None = setting(
        None,
        "data",
        "axes of a volume, one letter each of t, c, z, y and x; none: as in its metadata. Its "
        "labels have the same axes but c",
        type=image_files.parse_axes,
        metavar="AXES",
    )
    level: int | None = setting(
        None,
        "data",
        "level of an OME-Zarr image to read; none: 0, which has the full resolution",
        type=at_least(0),
        metavar="N",
    )
    truth: Truth = setting(
        "both",
        "data",
        "Cell Tracking Challenge masks to train on; both: gold where available, silver elsewhere",
    )
    validation: str = setting(
        "0.2",
        "data",
        "slices to hold out: FIRST:END (counted from 0, END excluded); a fraction of the stack, "
        "taken from its end; none; a folder with its own images and labels; or names of image "
        "files, such as img3,spec2_*. The best step and the threshold are chosen on these slices",
        metavar="SLICES",
    )
    test: str = setting(
        "none",
        "data",
        "slices to set aside for the final scores only; takes the same values as --validation",
        metavar="SLICES",
    )
    scaling: Scaling = setting(
        "minmax",
        "data",
        "grey-value scaling, the same for all slices and computed from the training slices; image: "
        "minmax for each image separately",
    )
    shrink: Shrink = setting(
        1.0,
        "data",
        "image pixels per network pixel, along each axis; above 1, images are shrunk so that large "
        "objects fit the network; auto: chosen from the median diameter of the training cells. "
        "--tile, --sigma and the elastic deformation count network pixels, all other options "
        "image pixels",
        type=parse_shrink,
    )
    depth: int = setting(
        TUNED, "network", "number of 2x2 poolings", type=at_least(1, most=RANGES["depth"][1])
    )
    channels: int = setting(
        TUNED,
        "network",
        "feature channels at full resolution",
        type=at_least(1, most=RANGES["channels"][1]),
    )
    variant: Variant = setting(
        "paper", "network", "network as in the paper, or as in the authors' 2015 release"
    )
    dropout: float = setting(
        TUNED,
        "network",
        "dropout rate at the end of the contracting path",
        type=at_least(0, float, below=1),
    )
    weight_map: Form = setting(
        "paper",
        "training",
        "pixel weights: equation (2), the authors' later form, class balance w_c only, or all 1",
    )
    w0: float = setting(
        10.0,
        "training",
        "height of the border term in equation (2)",
        type=at_least(0, float, most=1e6),
    )
    sigma: float = setting(
        5.0,
        "training",
        "width of the border term in equation (2), in pixels",
        type=at_least(0.1, float, most=1e6),
    )
    augment: Set = setting(
        TUNED,
        "training",
        "augmentation: elastic as in the paper or in the authors' later code; rigid, as in the "
        "paper without the elastic deformation; the 8 symmetries only; or none",
    )
    tile: int = setting(
        TUNED, "training", "size of the input tile, in pixels", type=at_least(1, most=LARGEST)
    )
    start_from: str | None = setting(
        None,
        "training",
        "model to train further: a checkpoint of another run, or a built-in model (python -m "
        "minunet.models); it determines the network, the preset and the scaling, and by default "
        "the tile, --shrink, --weight-map and the experiment; the defaults of --steps, "
        "--learning-rate and --warm-up suit fine-tuning",
        metavar="MODEL",
    )
    steps: int = setting(
        TUNED, "training", "total number of steps; each trains on one tile", type=at_least(1)
    )
    learning_rate: float = setting(
        TUNED,
        "training",
        "step size, for the energy averaged over pixels",
        type=at_least(0, float),
    )
    momentum: float = setting(TUNED, "training", "SGD momentum", type=at_least(0, float, below=1))
    clip: float = setting(
        TUNED, "training", "maximum gradient norm; 0 disables clipping", type=at_least(0, float)
    )
    weight_decay: float = setting(
        0.0,
        "training",
        "weight decay: this factor times a kernel is added to its gradient; biases do not decay",
        type=at_least(0, float),
    )
    bias_rate: float = setting(
        1.0,
        "training",
        "ratio of the learning rate of biases to that of kernels; 2 in the authors' solver",
        type=at_least(0, float),
    )
    warm_up: int = setting(
        TUNED,
        "training",
        "number of steps over which the learning rate rises to its full value",
        type=at_least(0),
    )
    score: Literal["auto", Ranking] = setting(
        "auto",
        "evaluation",
        "score that selects best.npz: mean IoU of the classes, V_Rand after thinning, or SEG; "
        "auto: V_Rand for two classes, SEG for numbered cells, IoU otherwise",
    )
    average: Average = setting(
        "none",
        "evaluation",
        "symmetries over which the report averages predictions: 4 flips, 4 rotations or all 8",
    )
    smallest: int | None = setting(
        None,
        "evaluation",
        "minimum size of a seed from which a cell grows, in pixels; smaller ones are dropped. "
        "Default for numbered cells: chosen at the end of the run; until then, 5",
        type=at_least(1),
    )
    connectivity: Literal[4, 8] = setting(
        4,
        "evaluation",
        "connectivity of the pixels of a cell: 4 neighbours, or 8 with the diagonal ones",
        type=int,
    )
    validate_every: int = setting(
        200, "evaluation", "number of steps between validations (and checkpoints)", type=at_least(1)
    )
    preset: Preset = setting(
        "tiny", "run", "bundle of defaults: tiny (2 minutes), laptop (8 minutes) or paper"
    )
    experiment: Experiment | None = setting(
        None,
        "run",
        "defaults for one of the paper's experiments: em (membranes) or cells (touching cells)",
    )
    seed: int = setting(
        0, "run", "random seed for weights, tiles and dropout", type=at_least(0, most=SEEDS)
    )
    device: Wanted = setting("auto", "run", "device to compute on; cuda needs CuPy and a GPU")

    label_values: tuple[int, ...] = found((0, 1), "data")
    label_colours: tuple[tuple[int, int, int], ...] = found((), "data")  # of the classes; or empty
    cells: bool = found(False, "data")  # True: the labels are numbered cells
    fingerprint: str = found("", "data")
    scale: tuple[float, float] | None = found(None, "data")  # offset and spread, see `Scale`
    pixel_size: tuple[float, float] | None = found(None, "data")  # height and width, in µm
    in_channels: int = found(1, "network")
    start_checksum: str = found("", "training")  # SHA-256 of the file of the model
    # Number of threads of the CPU; None: not recorded by an older version.
    threads: int | None = found(None, "run", type=at_least(1, most=MOST_THREADS))
    # Of class 1, chosen when a run finishes, and the part whose slices chose it.
    threshold: float | None = found(None, "evaluation", type=at_least(0, float, below=1))
    threshold_from: Literal["", "training", "validation", "test"] = found("", "evaluation")
    # Of numbered cells, chosen with the threshold; see `prediction.instances`.
    extent: float | None = found(None, "evaluation", type=at_least(0, float, below=1))
    smallest_chosen: int | None = found(None, "evaluation", type=at_least(1))

    @property
    def architecture(self) -> Architecture:
        """Architecture of the network."""
        return Architecture(
            depth=self.depth,
            channels=self.channels,
            in_channels=self.in_channels,
            classes=len(self.label_values),
            dropout=self.dropout,
            variant=self.variant,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {name: _nested(list, value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Settings":
        """Restore settings from the result of `to_json`, in this version or an earlier one."""
        kept = {name: _nested(tuple, value) for name, value in values.items()}
        return cls(**{name: RENAMED.get((name, value), value) for name, value in kept.items()})


def _nested(kind: type[list[Any]] | type[tuple[Any, ...]], value: Any) -> Any:
    """Convert nested lists or tuples to lists or to tuples; JSON has only lists."""
    return kind(_nested(kind, one) for one in value) if isinstance(value, (list, tuple)) else value


def options() -> list[Field[Any]]:
    """List the fields of `Settings` that are command-line options."""
    return [each for each in fields(Settings) if "help" in each.metadata]


def groups() -> dict[Group, list[str]]:
    """List the names of all settings by group."""
    return {
        group: [each.name for each in fields(Settings) if each.metadata["group"] == group]
        for group in get_args(Group)
    }


def from_options(**given: Any) -> Settings:
    """Complete the given settings with defaults: from the experiment first, then from the preset.

    Parameters
    ----------
    **given : JSON values     the keys are names of fields of `Settings`
    """
    given = EXPERIMENTS.get(given.get("experiment", ""), {}) | given
    return Settings(**PRESETS[given.get("preset", "tiny")] | given)
