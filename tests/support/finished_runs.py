"""Helper for tests of several runs: write the folder of a run, as training leaves it."""

import json

import numpy as np

from minunet import runs
from minunet.metrics.score import Score
from minunet.network import initialization
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options


def write_run(folder, seed, seg=(0.5, 0.7), merged=(3, 4), steps=6, done=6, **changed):
    """Write a run with two slices that has done some of its steps; return its folder."""
    given = {"depth": 1, "channels": 2, "tile": 24, "fingerprint": "abc"} | changed
    settings = from_options(**given, seed=seed, steps=steps)
    folder.mkdir(parents=True)
    runs.write_settings(folder, settings.to_json())
    params = initialization.gaussian(settings.architecture, np.random.default_rng(0))
    state = np.random.default_rng(0).bit_generator.state
    velocity = {name: np.zeros_like(w) for name, w in params.items()}
    save = Checkpoint(params, velocity, done, state, 0.5, settings.to_json())
    checkpoint.save(folder / "last.npz", save)
    if done >= steps:
        scores = [
            Score("seg", "SEG", sum(seg) / len(seg), seg, "a mean"),
            Score("cells_merged", "cells merged", sum(merged), merged, "a count", False),
        ]
        contents = {one.key: one.to_json() for one in scores}
        contents |= {"slice_names": ["7", "8"], "optimistic": {"seg": {"other": 1}}}
        contents |= {"scored": {"checkpoint": "last.npz", "part": "test", "step": 6}}
        (folder / "scores.json").write_text(json.dumps(contents))
    return folder
