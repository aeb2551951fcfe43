# %% [markdown]
# # 13. Your own data
#
# *How does a stack of images from my microscope become segmented cells, and whom do I believe?*
#
# Afterwards you can train, segment and score with three commands, read the report of a run, and
# know the mistakes that a program refuses and those that it takes.
#
# Before: [12. Making it fast](12_speed.ipynb). Back to the start:
# [1. What is a convolution?](01_convolution.ipynb). Explains `minunet/train.py`, `predict.py`,
# `evaluate.py`, `minunet/report/page.py` and the readers in `minunet/data/`.

# %%
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tifffile
from exercises.your_own_data import check_areas, check_honest, check_taken_for
from figures import show

from minunet import runs
from minunet.data import scaling
from minunet.metrics import em
from minunet.report import drawing, score_pictures

rng = np.random.default_rng(1)

# %% [markdown]
# ## A folder with two files
#
# A stack is a file, or a folder of images; its labels are another, of the same sizes, in the same
# order. TIFF and PNG are read. Training finds them by their names: `train-volume.tif` with
# `train-labels.tif`; or `images/` with `labels/` or `masks/`; or the folders of the Cell Tracking
# Challenge. Labels are classes (0 and 255; 0 and 1; 0 … K-1), or number the cells.
#
# Here a synthetic stack stands for yours, `lab`, and a second one, `test`, for the images that the
# network is wanted for. `command` starts `python -m minunet.…` in a temporary folder, as you would
# in a shell, and prints what it prints, less the lines on time, memory and device. **Look at the
# pixels before anything else**: do labels lie where the cells are, and is cell the bright class?


# %%
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name).resolve()


def command(module, *arguments, only="", width=None):
    """Run `python -m minunet.MODULE …`; 0 if it did what it should, 2 if it refused."""
    line = ["-m", f"minunet.{module}", *map(str, arguments)]
    print("$ python", *line)
    done = subprocess.run([sys.executable, *line], cwd=folder, capture_output=True, text=True)
    said = done.stderr if done.returncode else done.stdout
    for text in said.replace(f"{folder}/", "").splitlines():
        hidden = text.startswith(("time", "memory", "device", " " * 40))
        if not hidden and (done.returncode or text.startswith(only)):
            print(re.sub(r"( steps) in .*", r"\1", text)[:width])
    return done.returncode


size = ("--height", 224, "--width", 224)
assert command("data", "lab", *size) == 0
assert command("data", "test", "--slices", 3, *size, "--seed", 4) == 0
images, labels, numbered = (
    tifffile.imread(folder / "lab" / f"{name}.tif")
    for name in ("train-volume", "train-labels", "instances")
)
assert images.shape == labels.shape == (10, 224, 224) and set(np.unique(labels)) == {0, 255}
assert images[labels == 255].mean() > images[labels == 0].mean()

view = np.s_[0, 60:172, 100:212]
figure, panels = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
panels[0].imshow(images[view], cmap="gray")
panels[1].imshow(images[view], cmap="gray")
panels[1].contour(labels[view], levels=[127], colors="tab:orange", linewidths=1.5)
panels[2].imshow(drawing.coloured(numbered[view]), interpolation="nearest")
for ax, title in zip(panels, ("image", "outlines of the labels", "numbered cells"), strict=True):
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Part of the first slice; the same with the outlines of its labels, which run along the dark "
    "membranes; and its cells, each in a colour of its own.",
)

# %% [markdown]
# ## Train
#
# The preset `tiny`, made smaller still to fit this page; on your data begin with
# `--experiment em --data FOLDER`, which takes minutes. Before it starts, training says what it
# takes the files for. **Read these lines**: most of the mistakes below can be seen in them.
#
# - `values`: the range of the grey values, and how they are scaled.
# - `labels`: which value is which class, and how frequent. With two, class 1 is cell.
# - `split`: which slices are held out: a block, as neighbours are too alike to split at random.
#   `--validation 7:10` holds out 7, 8 and 9: the end is not included.
# - `weights`: $w_c$ of equation (2), and the number of cells. Is it about what you would count?
# - `to beat`: the score of the trivial baseline, which gives every pixel the most frequent class.

# %%
small = ("--depth", 2, "--channels", 8, "--tile", 124)
lab = ("--data", "lab", "--validation", "7:10", *small)
assert command("train", *lab, "--steps", 600, "--validate-every", 100, "--out", "run") == 0

# %% [markdown]
# ## Read the report
#
# A run lives in its folder. `report.html` is one file to read and to send. It begins with the few
# numbers that matter: of the last step, which nothing chose, at a threshold chosen on slices that
# were trained on. The slices held out chose `best.npz`, so its scores on them are shown apart, as
# optimistic; slices set aside with `--test` choose nothing. It holds the curves, the best and the
# worst slice in pictures, all scores with a small plot of each over the thresholds, a table slice
# by slice, what was found in the data, all settings, and the lines to type to repeat it. The same
# numbers are in `scores.json`, the curves in `log.csv`. `weight_map.png` shows equation (2) on your
# first slice: **if its borders are not bright between your cells, stop here.**

# %%
print(*sorted(path.name for path in (folder / "run").iterdir()))
report = (folder / "run/report.html").read_text()
written = json.loads((folder / "run/scores.json").read_text())
scores, names = written["optimistic"]["scores"], written["slice_names"]
said = re.search(r'class="where">(.*?)</p><p>(.*?)</p>', report).groups()
print("\nsections:", *re.findall("<h2>(.*?)</h2>", report), sep="\n  ")
print("\nit says:", *said, sep="\n  ")
shown = re.findall(r'class="value">(.*?)<', report)
keys = ("v_rand", "v_info", "pixel_error")
for key, text in zip(keys, shown, strict=True):
    value, spread = map(float, text.split(" ± "))
    assert np.isclose(value, written[key]["value"], atol=spread / 10)
    assert np.isclose(spread, np.std(written[key]["slices"], ddof=1), rtol=0.1)
assert report.count("<img") == 3 and report.count("<svg") == len(scores)
assert "3 validation slices (7 … 9)" in said[0] and "training slices" in said[1]

# %%
log = runs.read(folder / "run")
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8, 3.1), layout="constrained")
energy = [row["energy"] for row in log]
left.plot(energy, color="0.8", linewidth=0.7)
left.plot(np.arange(49, 600), np.convolve(energy, np.full(50, 1 / 50), "valid"), color="tab:blue")
left.set(xlabel="step", title="energy", ylim=(0, 2.5))
at = [row["step"] for row in log if "validation_v_rand" in row]
for key, colour in (("v_rand", "tab:blue"), ("pixel_error", "tab:orange")):
    curve = [row[f"validation_{key}"] for row in log if "validation_v_rand" in row]
    middle.plot(at, curve, "o-", color=colour, label=scores[key]["name"].split(",")[0])
    thresholds = np.arange(10) / 10
    right.plot(thresholds, scores[key]["by_threshold"], "o-", color=colour)
    best = scores[key]["threshold"]
    right.plot(best, scores[key]["value"], "o", color=colour, markersize=12, fillstyle="none")
middle.set(xlabel="step", title="slices held out", ylim=(0, 1))
middle.legend(fontsize=9, loc="center")
right.set(xlabel="threshold", title="best.npz", ylim=(0, 1))
show(
    figure,
    "Drawn from the files of the run. Left: the energy of single tiles, and its mean over 50, "
    "which falls. Middle: V_Rand and pixel error at each validation. Right: both over ten "
    "thresholds, with a ring around the best: for V_Rand it is higher than for the pixel error.",
)
picked = scores["v_rand"]["threshold"]
assert picked == written["optimistic"]["threshold"]
print(f"V_Rand is best at {picked}, the pixel error at {scores['pixel_error']['threshold']}")
assert picked > scores["pixel_error"]["threshold"]
assert np.isclose(scores["v_rand"]["by_threshold"][round(10 * picked)], scores["v_rand"]["value"])

# %% [markdown]
# ## Segment
#
# `predict` takes images of any size. `probability.tif` is the probability of cell; `labels.tif`
# holds classes or, with `--labels cells`, a number for each cell. The threshold is in `best.npz`:
# walls must be closed, and thinning forgives their width (chapter 11), so it is higher than the one
# with the fewest wrong pixels. As in Figure 4 of the paper, every cell found has a colour of its
# own and the true cells have yellow outlines.

# %%
volume, truth = "test/train-volume.tif", "test/train-labels.tif"
cells = ("--labels", "cells")
assert command("predict", "run/best.npz", volume, "-o", "found", *cells) == 0
p = tifffile.imread(folder / "found/probability.tif")
found = tifffile.imread(folder / "found/labels.tif")
test_images, test_cells = (
    tifffile.imread(folder / "test" / name) for name in ("train-volume.tif", "instances.tif")
)
assert p.dtype == np.float32 and found.dtype == np.uint16 and p.shape == found.shape

figure, panels = plt.subplots(1, 4, figsize=(8, 2.4), layout="constrained")
panels[0].imshow(test_images[view], cmap="gray")
panels[1].imshow(p[view], cmap="gray", vmin=0, vmax=1)
panels[2].imshow(drawing.coloured(found[view]), interpolation="nearest")
panels[2].contour(test_cells[view] > 0, levels=[0.5], colors="yellow", linewidths=1)
panels[3].imshow(drawing.coloured(test_cells[view]), interpolation="nearest")
for ax, title in zip(panels, ("image", "probability", "cells found", "true cells"), strict=True):
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Part of a slice of the test stack, its probability of cell, the cells found with outlines of "
    "the true cells, and the true cells: most of the large ones are found, smaller than they are; "
    "some are split, a few missed.",
)

# %% [markdown]
# ## Score
#
# `evaluate` wants the truth, so annotate a few slices more. Beside a probability it prints the
# scores of chapter 11, each at its best threshold, and how each is computed (cut off here); beside
# numbered cells, SEG and counts. The picture shows where cells are split and merged.

# %%
table = {"only": ("truth", "score", "V_", "pixel error", "SEG", "cells")}
found_p, found_cells = "found/probability.tif", "found/labels.tif"
assert command("evaluate", found_p, truth, **table, width=59) == 0
cell_scores = ("--scores", "found/cells.json")
instances = "test/instances.tif"
assert command("evaluate", found_cells, instances, *cell_scores, **table, width=59) == 0

panels = score_pictures.em_panels(test_images[view], test_cells[view], p[view], picked)
figure = score_pictures.draw([[panels[1], panels[3]]])
figure.set_size_inches(7, 4.1)
for ax in figure.axes:
    ax.xaxis.label.set_fontsize(10)
show(
    figure,
    "Part of the first slice of the test stack: its true cells, and the slice with the pixels that "
    "split cells in red and those that merge cells in blue, each place with a ring around it.",
)

# %% [markdown]
# ## Mistakes that are refused
#
# A command that is given something illegal says so in one sentence, before it computes anything.
# Here: images and labels swapped; three grey values where two were meant; two numbered cells,
# which look like classes with gaps; a slice without a label; a tile that does not fit; a folder in
# use. And a trap of TIFF: without `photometric`, `tifffile` stores a stack of 3 or 4 slices as one
# colour image; the message names the cure.

# %%
part, part_labels, part_cells = (a[:4, 64:160, 64:160] for a in (images, labels, numbered))


def lay(name, x=part, y=part_labels, **how):
    """Write a stack and its labels into a folder; what to give `train` to try one step on it."""
    (folder / name).mkdir()
    how = how or {"photometric": "minisblack"}
    tifffile.imwrite(folder / name / "train-volume.tif", x, **how)
    tifffile.imwrite(folder / name / "train-labels.tif", y, **how)
    return "--data", name, "--depth", 2, "--channels", 4, "--tile", 60, "--steps", 1


three = np.where(part_cells % 2, part_labels, part_labels // 2)
several = [part_cells == k for k in np.unique(part_cells)[1:4]]
some = np.select(several[:2], [3, 7])
first_three = np.select(several, [1, 2, 3]).astype(np.uint8)
swapped = ("--images", "lab/train-labels.tif", "--labels", "lab/train-volume.tif")
for given in (
    swapped,
    lay("three", y=three),
    lay("some", y=some.astype(np.uint8)),
    lay("numbers", y=first_three),
    lay("short", y=part_labels[:3]),
    (*lay("fine"), "--tile", 62),
    (*lab, "--out", "run"),
    lay("colour", compression=None),
):
    assert command("train", *given) == 2
    print()

# %% [markdown]
# ## Mistakes that are taken
#
# Other mistakes are legal data. **Inverted classes**: class 1 is now membrane, and the membranes of
# a slice hang together, so there are few "cells". Their V_Rand after a single step is above 0.9: it
# says nothing. **A hot pixel**: in a 16-bit stack a single one at
# 65,535 takes the whole range, and the tissue lies below 0.07; cut it off before, or scale by
# `--scaling standard`. Each shows in one line of the plan.

# %%
hot = part.astype(np.uint16) * 16
hot[0, *rng.integers(64, size=2)] = 65535
for name, options, lines in (
    ("right", {}, ("labels", "values", "weights", "scores")),
    ("inverted", {"y": 255 - part_labels}, ("labels", "weights", "scores")),
    ("hot", {"x": hot}, "values"),
):
    assert command("train", *lay(name, **options), "--out", f"of_{name}", only=lines) == 0
    print()
again = ("--data", "numbers", "--labels-are", "cells", *small, "--steps", 1)
assert command("train", *again, "--out", "of_cells", only=("labels", "weights")) == 0

right, inverted = (
    json.loads((folder / name / "scores.json").read_text())["optimistic"]["scores"]["v_rand"][
        "value"
    ]
    for name in ("of_right", "of_inverted")
)
assert inverted > 0.9 > right

figure, panels = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
for ax, (how, x) in zip(
    panels,
    {"minmax": part, "minmax, hot pixel": hot, "standard, hot pixel": hot}.items(),
    strict=True,
):
    scaled = np.array(scaling.scale(list(x[..., np.newaxis]), how.split(",")[0]))
    tissue = np.delete(scaled.ravel(), np.argmax(hot))
    low, high = (-3, 3) if "standard" in how else (0, 1)
    ax.imshow(scaled[0, :64, :64, 0], cmap="gray", vmin=low, vmax=high)
    said = f"tissue: {tissue.min():.2f} … {tissue.max():.2f}"
    ax.set(title=how, xticks=[], yticks=[], xlabel=said)
    assert "minmax, hot" not in how or tissue.max() < 0.07
show(
    figure,
    "Part of a slice scaled in three ways. By minimum and maximum: grey values over the whole "
    "range. The same with one hot pixel: black. By mean and standard deviation, with the hot "
    "pixel: visible.",
)

# %% [markdown]
# ## Scores that flatter
#
# Three ways to believe too much. **Nothing held out**: the plan says "none held out", the report
# "trained on". **Too few slices**: slices differ, so the mean of a few says little; below is every
# slice of `lab` and of `test`, at the threshold of `best.npz`, and those held out may well look
# easier than those trained on. **A threshold picked on the
# test slices**: `evaluate` prints each score at the threshold that is best on the very slices that
# it scores. The honest number takes the threshold of the checkpoint. It cannot be higher.

# %%
nothing = ("--data", "right", "--depth", 2, "--channels", 4, "--tile", 60, "--steps", 1)
split = {"only": "split"}
assert command("train", *nothing, "--validation", "none", "--out", "none", **split) == 0
report = (folder / "none/report.html").read_text()
print(re.search(r'class="where">(.*?)</p>', report)[1], "\n")
assert command("predict", "run/best.npz", "lab/train-volume.tif", "-o", "back", only="wrote") == 0
back = tifffile.imread(folder / "back/probability.tif")
each = {
    "trained on": em.v_rand(list(numbered[:7]), list(back[:7]), (picked,)).slices,
    "held out": em.v_rand(list(numbered[7:]), list(back[7:]), (picked,)).slices,
    "test": em.v_rand(list(test_cells), list(p), (picked,)).slices,
}
tested = json.loads((folder / "found/scores.json").read_text())["scores"]["v_rand"]
honest, best = tested["by_threshold"][round(10 * picked)], tested["value"]
print(f"test: V_Rand {honest:.3f} at the threshold of best.npz, {best:.3f} at its own best")
assert honest <= best and np.isclose(honest, np.mean(each["test"]), atol=0.05)

figure, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
for k, values in enumerate(each.values()):
    ax.plot(np.full(len(values), k), values, "o", color="tab:blue", fillstyle="none")
    ax.plot([k - 0.2, k + 0.2], [np.mean(values)] * 2, color="black")
ax.set(xticks=range(3), xticklabels=list(each), ylabel=f"V_Rand at {picked}", xlim=(-0.5, 2.5))
show(
    figure,
    "V_Rand of every slice, with the mean of each group: seven slices trained on, three "
    "held out, three of the test stack. Slices of one group differ widely.",
)

# %% [markdown]
# ## Exercises

# %%
# 1. Predict what `train` takes these label values for: "classes", "cells", or "refused".
answer = {
    "0, 255": ...,
    "0, 128, 255": ...,
    "0, 1, 2": ...,
    "0, 1, 3": ...,
    "0, 1, …, 40, in even regions": ...,
    "0, 1, …, 255, a blurred mask": ...,
}
check_taken_for(answer)


# %%
# 2. The honest score: scores over the same thresholds, higher is better, on slices held out and on
#    test slices.
def honest(held_out, test):
    """The score to report, from two arrays (N,) over N thresholds."""
    ...


check_honest(honest)


# %%
# 3. The table that a biologist wants.
def areas(labels, nanometres):
    """Dict: number of each cell -> its area in µm², where a pixel is so many nm wide and high."""
    ...


check_areas(areas)

# %% [markdown]
# Solutions: `solutions/your_own_data.py`. This was the last chapter. Now write `minunet` again from
# memory; it begins with nine shifted linear layers:
# [1. What is a convolution?](01_convolution.ipynb)
