"""Make the models that come with minunet: minunet/models/em.npz and nuclei.npz.

    python benchmarks/make_models.py em --out RUNS
    python benchmarks/make_models.py nuclei --out RUNS --data FOLDER/nuclei-dsb2018 --seed 2

em is trained on synthetic EM only, whose slices and looks all come from the seed; nuclei is trained
on the images of the 2018 Data Science Bowl that are in the public domain. Writes RUNS/NAME, the run
with its report, RUNS/NAME.npz, the model to publish, and for em RUNS/em.png, which shows it on two
synthetic slices of another seed. The script can be stopped and started again: it resumes a run that
was stopped. The same commit, seed and number of threads give the same weights on the same kind of
machine.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import generator
import numpy as np
import seeds

import minunet
from minunet.data.synthetic import varied_slices
from minunet.report import run_pictures
from minunet.report.run_pictures import Segmented
from minunet.runs import checkpoint
from minunet.runs.settings import Settings
from minunet.training.results import SCORES

SLICES, SIDE, VALIDATION, TEST = 256, 512, "240:248", "248:256"
"""Number and side (in pixels) of the synthetic slices; those on which the threshold is chosen; and
those that are scored."""

PIXEL = (0.004, 0.004)
"""Typical pixel size of the synthetic slices, in micrometres."""

SHOWN_SEED, SHOWN_SIDE = 1000, 240
"""Seed and side of the slices in the picture; no other slices have this seed."""

RECIPES = {
    "em": [
        *("--experiment", "em", "--validation", VALIDATION, "--test", TEST),
        *("--scaling", "image", "--channels", "24", "--steps", "6000", "--validate-every", "2000"),
        *("--score", "iou", "--average", "none"),
    ],
    "nuclei": ["--experiment", "cells", "--steps", "4500"],
}
"""Options of `minunet.train`."""


def publish(run: Path, model: Path, name: str) -> None:
    """Write a checkpoint of a run as a model; paths of this machine are left out.

    nuclei is the last step. em is the step that is best on the validation slices. Its threshold is
    halfway between those of their highest mean IoU and of their highest V_Rand.
    """
    saved = checkpoint.load(run / ("best.npz" if name == "em" else "last.npz"))
    settings = Settings.from_json(saved.settings)
    settings = replace(settings, images=None, labels=None)
    if name == "em":
        found = json.loads((run / SCORES).read_text(encoding="utf-8"))["optimistic"]["scores"]
        between = round((settings.threshold + found["v_rand"]["threshold"]) / 2, 2)
        settings = replace(settings, pixel_size=PIXEL, threshold=between)
    checkpoint.publish(model, saved._replace(settings=settings.to_json()))
    print(f"{model}: {model.stat().st_size / 1e6:.2f} MB", flush=True)


def draw(path: Path, model: Path) -> None:
    """Draw what a model finds in two synthetic slices that it has not seen."""
    shown = varied_slices((2, SHOWN_SIDE, SHOWN_SIDE), np.random.default_rng(SHOWN_SEED))
    loaded = minunet.load(model)
    slices = [
        Segmented(image[..., np.newaxis], loaded.segment(image), labels)
        for image, labels in zip(shown.images, shown.labels, strict=True)
    ]
    run_pictures.preview(path, slices, "em on synthetic slices that it has not seen")


def main() -> None:
    """Train a model, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="RUNS", help="folder for the run"
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="training images of nuclei")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    args, options = parser.parse_known_args()
    if (args.data is None) != (args.name == "em"):
        parser.error("pass --data for nuclei, and only for nuclei")
    data = args.data or args.out / f"{args.name}-data"
    if args.name == "em":
        generator.write_slices(data, (SLICES, SIDE, SIDE), args.seed, generator.FORMS["all"])
    run = args.out / args.name
    if not seeds.is_finished(run):
        given = [*RECIPES[args.name], "--data", str(data), "--seed", str(args.seed), *options]
        seeds.train({run: given})
    model = args.out / f"{args.name}.npz"
    publish(run, model, args.name)
    if args.name == "em":
        draw(model.with_suffix(".png"), model)
    print(f"commit {seeds.commit()}")


if __name__ == "__main__":
    sys.exit(main())
