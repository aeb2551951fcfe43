"""Train the network of a finished run again with Adam in PyTorch, and let minunet score it.

    python benchmarks/adam.py RUN --out TWIN [--rate 0.001] [--same time|steps]

The twin has the network, the initial weights, the tiles in the same order, the energy and the shape
of the learning-rate schedule of RUN; only the optimizer and the code that computes the gradients
differ. By default, it trains for as many seconds as RUN spent on its steps, without validations.
Adam has PyTorch's default constants and no clipping; PyTorch uses its fastest layout,
channels-last.

TWIN becomes the folder of a run that has done all of its steps, which `minunet.train --resume` then
scores like any other run: the same tiling, averages, thresholds and slices. Its settings are those
of RUN, except for the number of steps and the learning rate. A twin that is stopped before its last
step starts over. Requires the extras `test` and `oracles`.
"""

import argparse
import math
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import seeds
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import torch_unet

from minunet import runs
from minunet.fast import threads
from minunet.image import annotated_pixels
from minunet.training import loop, preparation, sampling
from minunet.training import state as states

FOREVER = 10**9
"""A number of steps that no twin reaches."""


def channels_last(tensor):
    """Return a tensor in the memory layout that is fastest for kernels and maps."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def to_torch(params):
    """Convert parameters to tensors that require gradients."""
    tensors = torch_unet.to_torch(params)
    return {k: channels_last(w.detach()).requires_grad_() for k, w in tensors.items()}


def energy_of(params, tile, arch):
    """Compute the energy of a tile as `loop.step` does: weighted, averaged over the pixels."""
    logits = torch_unet.forward(params, channels_last(torch_unet.map_to_torch(tile.x)), arch)
    labels, weights = (torch.tensor(a.copy()) for a in (tile.labels, tile.weight_map))
    return torch_unet.energy(logits, labels.long(), weights) / labels.numel()


def train(settings, data, rate, seconds):
    """Train with Adam.

    Parameters
    ----------
    settings : Settings         of the run
    data : Dataset
    rate : float                learning rate after the warm-up
    seconds : float or None     None: as many steps as in the settings

    Returns
    -------
    state : State
    log : list of dict          rows of `log.csv`
    """
    state, log, arch = states.start(settings, "cpu"), [], settings.architecture
    params = to_torch(state.params)
    adam = torch.optim.Adam(params.values())
    last = FOREVER if seconds else settings.steps
    begun = before = time.monotonic()
    with closing(sampling.ahead(loop.tiles(settings, data), 0, last)) as tiles:
        for tile in tiles:
            done = (before - begun) / seconds if seconds else state.step / settings.steps
            if done >= 1 and log:
                break
            warm = min(1.0, (state.step + 1) / settings.warm_up) if settings.warm_up else 1.0
            adam.param_groups[0]["lr"] = rate * warm * (1 + math.cos(math.pi * min(done, 1))) / 2
            adam.zero_grad()
            energy = energy_of(params, tile, arch)
            energy.backward()
            adam.step()
            state.step += 1
            now = time.monotonic()
            known = max(annotated_pixels(tile), 1) / tile.labels.size  # as in minunet's log
            row = {"step": state.step, "energy": energy.item() / known, "seconds": now - before}
            log.append(row | {"learning_rate": adam.param_groups[0]["lr"]})
            before = now
    state.params = {k: np.ascontiguousarray(w) for k, w in torch_unet.to_numpy(params).items()}
    return state, log


def write(folder, settings, state, log):
    """Write the twin as a run that has done all of its steps but has no scores yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        part = Path(beside) / "run"
        part.mkdir()
        runs.write_settings(part, settings.to_json())
        for row in log:
            runs.append(part, row)
        states.save(part / "last.npz", settings, state)
        part.rename(folder)  # complete or not there: resuming half a twin would use SGD


def main():
    """Train a twin, unless that is already done, and score it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("run", type=Path, help="folder of a finished run of minunet.train")
    parser.add_argument("--out", type=Path, required=True, help="folder for the twin")
    parser.add_argument(
        "--rate", type=float, default=1e-3, help="learning rate of Adam (default: 0.001)"
    )
    parser.add_argument(
        "--same", choices=["time", "steps"], default="time",
        help="what the twin has in common with the run (default: time)",
    )  # fmt: skip
    args = parser.parse_args()
    if not args.out.exists():
        settings = runs.read_settings(args.run)
        if settings.dropout:
            sys.exit(f"{args.run} has dropout, but a twin cannot; train with --dropout 0")
        threads.use(settings.threads or 1)
        torch.set_num_threads(settings.threads or 1)
        seconds = sum(row["seconds"] for row in runs.read(args.run))
        data = preparation.load(settings)
        same_time = seconds if args.same == "time" else None
        state, log = train(settings, data, args.rate, same_time)
        print(f"Adam: {state.step} steps in {sum(row['seconds'] for row in log):.0f} s", flush=True)
        changed = replace(settings, steps=state.step, learning_rate=args.rate)
        write(args.out, changed, state, log)
    sys.exit(seeds.start(["--resume", str(args.out)]).wait())


if __name__ == "__main__":
    main()
