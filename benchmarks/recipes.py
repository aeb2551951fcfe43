"""Compare learning rates, momenta and other settings on one network and one sequence of tiles.

    python benchmarks/recipes.py FOLDER/isbi2012 [--only NAME …] [--steps 1000] [--channels 16]

Trains the network of the preset `laptop` (depth 3, 16 channels, tile 348) without dropout and with
uniform weights, in PyTorch, which is faster for this network. The first 19 of 24 slices are used
for training, the other five for scoring. All recipes start from the same weights and use the same
tiles in the same order; the learning rate falls to 0 along half a cosine. Adam is included for
comparison. Writes `recipes.csv` and `recipes.png` to the folder --out, and prints a Markdown table.
Requires the extras `test` and `oracles`.
"""

import argparse
import csv
import math
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import torch_unet

from minunet import augmentation
from minunet.data import dataset, pairs
from minunet.data.targets import Weighting
from minunet.image import cut
from minunet.metrics import em
from minunet.network import initialization, sizes
from minunet.network.architecture import Architecture
from minunet.report import drawing
from minunet.training import sampling

WARM_UP, RAMP, TILE, DEPTH = 50, 500, 348, 3
RECIPES = {
    "Adam 1e-3": {"adam": True, "rate": 1e-3},
    "momentum 0.9, 3e-2": {"momentum": 0.9, "rate": 3e-2},
    "momentum 0.9, 1e-1, clipped at 1": {"momentum": 0.9, "rate": 1e-1, "clip": 1.0},
    "momentum 0.9, 2e-1, clipped at 0.2": {"momentum": 0.9, "rate": 2e-1, "clip": 0.2},
    "momentum 0.9, 3e-1, clipped at 0.3": {"momentum": 0.9, "rate": 3e-1, "clip": 0.3},
    "momentum 0.99, 3e-3": {"momentum": 0.99, "rate": 3e-3},
    "momentum 0.99, 1e-2, clipped at 1": {"momentum": 0.99, "rate": 1e-2, "clip": 1.0},
    "momentum 0.9 to 0.99, 1e-1, clipped at 1": {
        **{"momentum": 0.9, "last_momentum": 0.99, "rate": 1e-1, "clip": 1.0},
    },
    "momentum 0.9, 1e-1, clipped at 1, input - 0.5": {
        **{"momentum": 0.9, "rate": 1e-1, "clip": 1.0, "shift": -0.5},
    },
    "momentum 0.9, 3e-2, standardised": {"momentum": 0.9, "rate": 3e-2, "scaling": "standard"},
    "momentum 0.9, 2e-1, clipped at 0.2, bias of the class frequencies": {
        **{"momentum": 0.9, "rate": 2e-1, "clip": 0.2, "bias": True},
    },
    "momentum 0.95, 1e-1, clipped at 0.2": {"momentum": 0.95, "rate": 1e-1, "clip": 0.2},
}
"""Settings by name.

The momentum reaches `last_momentum` after RAMP steps. The learning rate changes with it, so that
rate / (1 - momentum) stays the same.
"""


def schedule(recipe, step, steps):
    """Return the learning rate and the momentum at a step."""
    first, last = recipe.get("momentum", 0), recipe.get("last_momentum", recipe.get("momentum", 0))
    ramped = min(1, step / RAMP)
    momentum = 1 - (1 - first) ** (1 - ramped) * (1 - last) ** ramped
    rate = recipe["rate"] * (1 - momentum) / (1 - first) * min(1, (step + 1) / WARM_UP)
    return rate * (1 + math.cos(math.pi * step / steps)) / 2, momentum


def train(recipe, data, channels, steps, seed):
    """Train with one recipe; return parameters, architecture, and the energy of each step."""
    arch = Architecture(depth=DEPTH, channels=channels, dropout=0.0)
    start = initialization.gaussian(arch, np.random.default_rng(seed), dtype=np.float32)
    part = data.part(data.training)
    if recipe.get("bias"):
        cell = np.mean([sample.labels.mean() for sample in part])
        start["out.b"] = np.log([1 - cell, cell]).astype(np.float32)
    params = torch_unet.to_torch(start)
    velocity = {name: torch.zeros_like(w) for name, w in params.items()}
    adam = torch.optim.Adam(params.values()) if recipe.get("adam") else None
    energies = []
    for step in range(steps):
        rng = sampling.tile_rng(seed, step)
        tile = sampling.sample(part, TILE, DEPTH, augmentation.SETS["symmetries"], rng)
        x = torch_unet.map_to_torch(tile.x + np.float32(recipe.get("shift", 0)))
        logits = torch_unet.forward(params, x, arch)
        labels = torch.tensor(tile.labels.astype(np.int64))
        energy = functional.cross_entropy(logits, labels[None])
        grads = torch.autograd.grad(energy, params.values())
        rate, momentum = schedule(recipe, step, steps)
        if adam:
            adam.param_groups[0]["lr"] = rate
            for w, g in zip(params.values(), grads, strict=True):
                w.grad = g
            adam.step()
        else:
            length = torch.sqrt(sum((g**2).sum() for g in grads))
            factor = min(1.0, recipe.get("clip", math.inf) / float(length))
            with torch.no_grad():
                for name, g in zip(params, grads, strict=True):
                    velocity[name].mul_(momentum).sub_(rate * factor * g)
                    params[name].add_(velocity[name])
        energies.append(float(energy.detach()))
    return params, arch, energies


def score(recipe, data, params, arch):
    """Return energy per pixel, lowest pixel error and highest V_Rand on the held-out slices."""
    margin, energy, found = sizes.margin(DEPTH), [], []
    for k in data.held_out:
        image = data.images[k] + np.float32(recipe.get("shift", 0))
        rows, columns = (
            sizes.nearest_valid(size + 2 * margin, DEPTH)[1] for size in image.shape[:2]
        )
        x = torch_unet.map_to_torch(cut(image, -margin, -margin, rows, columns))
        with torch.no_grad():
            logits = torch_unet.forward(params, x, arch)
        logits = logits[..., : image.shape[0], : image.shape[1]]
        labels = torch.tensor(data.labels[k].astype(np.int64))[None]
        energy.append(float(functional.cross_entropy(logits, labels)))
        found.append(torch.softmax(logits, dim=1)[0, 1].numpy())
    scores = em.scores([data.cells[k] for k in data.held_out], found)
    values = {one.key: one.value for one in scores}
    return float(np.mean(energy)), values["pixel_error"], values["v_rand"]


def draw(path, curves):
    """Draw the energies of all recipes as running means over 50 tiles."""
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    axes = figure.subplots()
    for k, (name, energies) in enumerate(curves.items()):
        window = min(50, len(energies))
        mean = np.convolve(energies, np.full(window, 1 / window), mode="valid")
        style = {"color": "black", "linewidth": 2} if "Adam" in name else {"color": f"C{k % 10}"}
        axes.plot(np.arange(window, len(energies) + 1), mean, label=name, **style)
    axes.set(xlabel="step", ylabel="energy per pixel, mean of 50 tiles", ylim=(0.15, 0.7))
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    drawing.write(figure, path)


def main():
    """Train with each recipe, print the table, and write the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the ISBI 2012 stacks")
    parser.add_argument(
        "--only",
        nargs="*",
        default=list(RECIPES),
        choices=RECIPES,
        metavar="NAME",
        help="recipes to train with (default: all)",
    )
    parser.add_argument(
        "--steps", type=int, default=1000, help="number of training steps (default: 1000)"
    )
    parser.add_argument(
        "--channels", type=int, default=16, help="number of channels at level 0 (default: 16)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("recipes"), help="output folder (default: recipes)"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    images, labels = map(str, pairs.find(args.data))
    curves = {}
    print("| recipe | energy | pixel error | V_Rand |\n|---|---|---|---|", flush=True)
    for name in args.only:
        recipe = RECIPES[name]
        scaling = recipe.get("scaling", "minmax")
        source = dataset.Source(images, labels)
        data = dataset.load(source, "0.2", scaling, Weighting("none"))
        params, arch, curves[name] = train(recipe, data, args.channels, args.steps, args.seed)
        values = score(recipe, data, params, arch)
        print(f"| {name} | {values[0]:.4f} | {values[1]:.4f} | {values[2]:.3f} |", flush=True)
    with (args.out / "recipes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *curves])
        writer.writerows(zip(range(1, args.steps + 1), *curves.values(), strict=True))
    draw(args.out / "recipes.png", curves)


if __name__ == "__main__":
    main()
