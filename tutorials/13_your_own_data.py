# %% [markdown]
# # 13. Your own data
#
# *How does a stack of images from my microscope become segmented cells, and which numbers can I
# trust?*
#
# **After this chapter you can** train, segment and score with three commands, begin from a trained
# model, read the report of a run, compare scores fairly, and recognise the mistakes that minunet
# refuses and those that it accepts.
#
# **Prerequisites:** chapters 6, 8, 10 and 11. To use minunet on your own images, this chapter is
# enough.
#
# **Time:** 50 minutes.
#
# This chapter explains `minunet/train.py`, `predict.py`, `evaluate.py`, `minunet/report/page.py`
# and the readers in `minunet/data/`. Before: [12. Making it fast](12_speed.ipynb). Back to the
# start: [1. What is a convolution?](01_convolution.ipynb).

# %%
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import tifffile
from exercises.your_own_data import check_areas, check_honest, check_taken_for
from figures import show

import minunet
from minunet import evaluate, predict, runs, train
from minunet.data import __main__ as data
from minunet.data import scaling
from minunet.errors import InputError
from minunet.report import drawing, score_pictures

rng = np.random.default_rng(1)

# %% [markdown]
# ## A folder with two files
#
# A **stack** is a file with several images, the **slices**, or a folder of images. Its labels are
# another file or folder, of the same sizes and in the same order. minunet reads TIFF and PNG.
# Training finds both by their names: `train-volume.tif` with `train-labels.tif`; or `images/` with
# `labels/` or `masks/`; or the folders of the Cell Tracking Challenge. Labels are classes (0 and
# 255; 0 and 1; or 0 … K−1), or numbers of cells. minunet judges which from the values and their
# regions: a class has several regions, and a cell has one number and is one uniform region.
#
# In this chapter a synthetic stack of electron micrographs (EM), `lab`, stands for yours. A second
# one, `test`, stands for the images that you want to segment in the end. The function `command`
# does what `python -m minunet.…` does in a shell, here in a temporary folder. It prints what the
# command prints, except the lines on time, memory and device.

# %%
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name).resolve()
COMMANDS = {"data": data, "train": train, "predict": predict, "evaluate": evaluate}


def command(name, *arguments, only="", width=None):
    """Do `python -m minunet.NAME …`; return 0 if it did what it should, 2 if it refused."""
    words = [f"minunet.{name}", *map(str, arguments)]
    print("$ python -m", *words)
    said, progress, code = io.StringIO(), io.StringIO(), 0
    streams = contextlib.redirect_stdout(said), contextlib.redirect_stderr(progress)
    with contextlib.chdir(folder), mock.patch.object(sys, "argv", words), streams[0], streams[1]:
        try:
            COMMANDS[name].main()
        except InputError as error:
            said, code = io.StringIO(f"python -m minunet.{name}: {error}"), 2
    for text in said.getvalue().replace(f"{folder}/", "").splitlines():
        hidden = text.startswith(("time", "memory", "device", " " * 40))
        if not hidden and (code or text.startswith(only)):
            print(re.sub(r"( steps) in .*", r"\1", text)[:width])
    return code


# %%
size = ("--height", 224, "--width", 224)
command("data", "lab", *size)
command("data", "test", "--slices", 3, *size, "--seed", 4)
images, labels, numbered = (
    tifffile.imread(folder / "lab" / f"{name}.tif")
    for name in ("train-volume", "train-labels", "instances")
)
assert images.shape == labels.shape == (10, 224, 224) and set(np.unique(labels)) == {0, 255}
assert images[labels == 255].mean() > images[labels == 0].mean()  # cell is the bright class

# %% [markdown]
# **Look at the pixels before anything else.** Do the labels lie where the cells are? Is cell the
# class that you think it is?

# %% tags=["draws"]
plt.rcParams["font.size"] = 11  # so that figures can be read on a phone
view = np.s_[0, 60:172, 100:212]
figure, panels = plt.subplots(1, 3, figsize=(5, 2), layout="constrained")
panels[0].imshow(images[view], cmap="gray")
panels[1].imshow(images[view], cmap="gray")
panels[1].contour(labels[view], levels=[127], colors="tab:orange", linewidths=1.5)
panels[2].imshow(drawing.coloured(numbered[view]), interpolation="nearest")
for ax, title in zip(panels, ("image", "outlines", "numbered cells"), strict=True):
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "Part of the first slice; the same with the outlines of its labels, which run along the dark "
    "membranes; and its cells, each in a colour of its own.",
)

# %% [markdown]
# ## Train
#
# This is the preset `tiny`, made smaller still to fit this page. With your data, begin with
# `--experiment em --data FOLDER`, which takes some minutes. Before it starts, training says how it
# understood the files. **Read these lines**: they show most of the mistakes below.
#
# - `values`: the range of the grey values, and how they are scaled.
# - `labels`: which value is which class, and how frequent it is. With two classes, class 1 is cell.
# - `split`: which slices are held out. They are a block, because neighbouring slices are too alike
#   to be split at random. `--validation 7:10` holds out slices 7, 8 and 9; the end is not included.
# - `weights`: $w_c$ of equation (2), and the number of cells. Is it about what you would count?
# - `to beat`: the score of the trivial baseline, which gives every pixel the most frequent class.

# %%
small = ("--depth", 2, "--channels", 8, "--tile", 124)
lab = ("--data", "lab", "--validation", "7:10", *small)
assert command("train", *lab, "--steps", 600, "--validate-every", 100, "--out", "run") == 0

# %% [markdown]
# ## Read the report
#
# Everything about a run is in its folder. `report.html` is a single file to read or to send.
#
# - It begins with the few numbers that matter. They belong to the last step, which nothing chose,
#   at a threshold that was chosen on the training slices.
# - The held-out slices chose the step of `best.npz`, so its scores on these slices are
#   *optimistic*, and the report shows them apart. Slices that you set aside with `--test` choose
#   nothing.
# - Then come the learning curves, the best and the worst slice in pictures, all scores with a plot
#   of each over the thresholds, a table of the slices, what was found in the data, all settings,
#   and the commands to repeat the run.
#
# `scores.json` has the same numbers, and `log.csv` the curves. `weight_map.png` shows equation (2)
# on your first slice: **if the borders between your cells are not bright, stop here.**

# %%
print(*sorted(path.name for path in (folder / "run").iterdir()))
report = (folder / "run/report.html").read_text("utf-8")
said = re.search(r'class="where">(.*?)</p><p>(.*?)</p>', report).groups()
print("\nsections:", *re.findall("<h2>(.*?)</h2>", report), sep="\n  ")
print("\nit says:", *said, sep="\n  ")
written = json.loads((folder / "run/scores.json").read_text("utf-8"))
shown = re.findall(r'class="value">(.*?)<', report)
for key, text in zip(("v_rand", "v_info", "pixel_error"), shown, strict=True):
    value, spread = map(float, text.split(" ± "))  # mean and standard deviation over slices
    assert np.isclose(value, written[key]["value"], atol=spread / 10)
    assert np.isclose(spread, np.std(written[key]["slices"], ddof=1), rtol=0.1)
assert "3 validation slices (7 … 9)" in said[0] and "training slices" in said[1]

# %% [markdown]
# The files can be drawn with a few lines of your own. The threshold that is best for V_Rand is
# higher than the one that is best for the pixel error: V_Rand needs closed membranes, and thinning
# forgives their width (chapter 11).

# %%
scores = written["optimistic"]["scores"]
picked = scores["v_rand"]["threshold"]
assert picked == written["optimistic"]["threshold"]
print(f"V_Rand is best at {picked}, the pixel error at {scores['pixel_error']['threshold']}")
assert picked > scores["pixel_error"]["threshold"]

# %% tags=["draws"]
log = runs.read(folder / "run")
at = [row["step"] for row in log if "validation_v_rand" in row]
figure, (left, right) = plt.subplots(1, 2, figsize=(5, 2.9), sharey=True, layout="constrained")
for key, colour in (("v_rand", "tab:blue"), ("pixel_error", "tab:orange")):
    curve = [row[f"validation_{key}"] for row in log if "validation_v_rand" in row]
    left.plot(at, curve, "o-", color=colour, label=scores[key]["name"].split(",")[0])
    right.plot(np.arange(10) / 10, scores[key]["by_threshold"], "o-", color=colour)
    best = scores[key]["threshold"]
    right.plot(best, scores[key]["value"], "o", color=colour, markersize=13, fillstyle="none")
left.set(xlabel="step", title="held out", ylim=(0, 1))
left.legend(fontsize=10.5, loc="center")
right.set(xlabel="threshold", title="best.npz")
show(
    figure,
    "Drawn from the files of the run. Left: V_Rand and pixel error of the held-out slices at each "
    "validation. Right: both over ten thresholds, with a ring around the best: for V_Rand it is "
    "higher than for the pixel error.",
)

# %% [markdown]
# ## Segment
#
# `predict` takes images of any size. `probability.tif` is the probability of cell. `labels.tif`
# contains classes or, with `--labels cells`, a number for each cell. The threshold is stored in
# `best.npz`. As in Figure 4 of the paper, each cell that was found has its own colour, and the true
# cells have yellow outlines.

# %%
volume, cells = "test/train-volume.tif", ("--labels", "cells")
assert command("predict", "run/best.npz", volume, "-o", "found", *cells) == 0
p = tifffile.imread(folder / "found/probability.tif")
found = tifffile.imread(folder / "found/labels.tif")
test_images, test_cells = (
    tifffile.imread(folder / "test" / name) for name in ("train-volume.tif", "instances.tif")
)
assert p.dtype == np.float32 and found.dtype == np.uint16 and p.shape == found.shape

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(5, 5.2), layout="constrained")
maps = {"image": test_images[view], "probability of cell": p[view]}
for ax, (title, pixels) in zip(panels[0], maps.items(), strict=True):
    ax.imshow(pixels, cmap="gray")
    ax.set_title(title, fontsize=11)
maps = {"cells found, true outlines": found[view], "true cells": test_cells[view]}
for ax, (title, pixels) in zip(panels[1], maps.items(), strict=True):
    ax.imshow(drawing.coloured(pixels), interpolation="nearest")
    ax.set_title(title, fontsize=11)
panels[1, 0].contour(test_cells[view] > 0, levels=[0.5], colors="yellow", linewidths=1)
for ax in panels.flat:
    ax.set(xticks=[], yticks=[])
show(
    figure,
    "Part of a slice of the test stack, its probability of cell, the cells found with outlines of "
    "the true cells, and the true cells: most of the large ones are found, smaller than they are; "
    "some are split, a few missed.",
)

# %% [markdown]
# ## Score
#
# `evaluate` compares a result with the truth, so annotate a few slices more than you train on. For
# a probability, it prints the scores of chapter 11, each at its best threshold, and explains how
# each is computed (left out here). For numbered cells, it prints SEG and counts. (The two commands
# count different numbers of true cells. The labels do not say that two pieces in one slice belong
# to the same cell, and the numbers do.) The picture shows where cells are split or merged.

# %%
table = {"only": ("truth", "score", "V_", "pixel error", "SEG", "cells"), "width": 59}
truth, instances = "test/train-labels.tif", "test/instances.tif"
assert command("evaluate", "found/probability.tif", truth, **table) == 0
cell_scores = ("--scores", "found/cells.json")
assert command("evaluate", "found/labels.tif", instances, *cell_scores, **table) == 0

# %% tags=["draws"]
panels = score_pictures.em_panels(test_images[view], test_cells[view], p[view], picked)
figure = score_pictures.draw([[panels[1], panels[3]]])
figure.set_size_inches(5, 3.5)
for ax in figure.axes:
    ax.title.set_fontsize(11)
    note = ax.get_xlabel().replace("\n", " ").replace("; ", ";\n")
    ax.set_xlabel(note, fontsize=11)
show(
    figure,
    "Part of the first slice of the test stack: its true cells, and the slice with the pixels that "
    "split cells in red and those that merge cells in blue, each place with a ring around it.",
)

# %% [markdown]
# ## Start from a trained model
#
# minunet comes with a model of EM membranes, `em`, which was trained on synthetic EM only. Two
# uses:
#
# - **As it is**, `python -m minunet.predict em IMAGE -o OUT` segments your stack without a single
#   annotation.
# - **As a start**, `python -m minunet.train --start-from em --data FOLDER` trains it further on
#   your slices, which is called **fine-tuning**. This is the way to begin if you have only a few
#   annotated slices: the network knows already what membranes are, and learns what yours look like.
#
# On the stack of the paper, 300 steps from `em` score far better than 300 steps from random
# weights, for every number of slices from 1 to 19. They do not always score better than `em` as it
# is. So score both on held-out slices, and keep the better one. The numbers, with their spread over
# three seeds, are in [the
# benchmarks](../benchmarks/README.md#few-slices-from-a-model-that-has-seen-none).
#
# Here `em` segments the test stack. We will need its scores in the next section. (It has an easy
# time: our stacks come from the generator that made its training data. Your microscope does not.)

# %%
assert command("predict", "em", volume, "-o", "em_test", only=("threshold", "wrote")) == 0

# %% [markdown]
# ## Which numbers can you trust?
#
# As a rule, a network scores best on the slices that it was trained on, worse on held-out slices,
# and worst on test slices. There are two reasons for that, and a third one that often hides it.
#
# **A network also fits what is special in its training slices**, their noise included (chapter 10).
# To see this clearly, cut three pieces of 96×96 pixels out of `lab`, and train a network on each.
# For so small a piece, 400 steps without augmentation are enough to overfit. Then let every network
# segment all three pieces.


# %%
def lay(name, x, y, **how):
    """Write a stack and its labels; return the arguments with which `train` reads them."""
    (folder / name).mkdir()
    how = how or {"photometric": "minisblack"}
    tifffile.imwrite(folder / name / "train-volume.tif", x, **how)
    tifffile.imwrite(folder / name / "train-labels.tif", y, **how)
    return "--data", name


corners = ((0, 0, 0), (3, 0, 128), (6, 128, 0))  # slice, row and column
pieces = [np.s_[z : z + 1, r : r + 96, c : c + 96] for z, r, c in corners]
long = ("--steps", 400, "--validate-every", 400, "--augment", "none", "--validation", "none")
for k, piece in enumerate(pieces):
    its = lay(f"piece_{k}", images[piece], labels[piece])
    assert command("train", *its, *small, *long, "--out", f"only_{k}", only="done") == 0


# %%
def wrong_pixels(model, x, y):
    """Return the share of wrong pixels of each slice, at the threshold ½."""
    p = minunet.load(model).segment(x)[..., 1]
    return np.mean((p > 0.5) != (y > 0), axis=(1, 2))


crossed = np.array(
    [
        [wrong_pixels(folder / f"only_{k}/last.npz", images[x], labels[x])[0] for x in pieces]
        for k in range(3)
    ]
)
print("wrong pixels:     piece 0  piece 1  piece 2")
for k, row in enumerate(crossed):
    print(f"trained on {k}: {row[0]:>11.3f}{row[1]:>9.3f}{row[2]:>9.3f}")
on_own, on_others = np.diag(crossed), crossed[~np.eye(3, dtype=bool)].reshape(3, 2)
assert (crossed.argmin(axis=0) == range(3)).all()  # the best on each piece learned it
print(f"mean: trained on {on_own.mean():.3f}, new {on_others.mean():.3f}")

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for k, row in enumerate(crossed):
    new = np.arange(3) != k
    ax.plot(np.arange(3)[new], row[new], "o", color="tab:orange", label="new" if k == 0 else None)
    ax.plot(k, row[k], "D", color="tab:blue", label="trained on" if k == 0 else None)
ax.set(xticks=range(3), xlabel="piece", ylabel="wrong pixels", xlim=(-0.5, 2.5))
ax.set_ylim(0, 1.3 * crossed.max())
ax.legend(fontsize=10.5, ncols=2, loc="upper center")
show(
    figure,
    "Share of wrong pixels of three pieces, segmented by three networks: the network that was "
    "trained on a piece has far fewer wrong pixels there than the two that were not.",
)

# %% [markdown]
# On every piece, the network that was trained on it is far better than the other two. With pieces
# of another stack, the numbers differ and the order stays. How large the difference is depends on
# the run: with seven slices, augmentation and 600 steps, it is too small to be seen (chapter 10).
#
# **The held-out slices chose the step and the threshold** of `best.npz`. The next cell prints the
# V_Rand of the same three slices with these choices, and with choices that they had no part in: the
# last step, and the threshold that was best for training slices. The first number is optimistic.
#
# **Slices differ in difficulty.** So the mean of a few slices says little about a network. The cell
# prints the wrong pixels of our network of seven slices, mean ± standard deviation over slices. In
# this run, it has more on the slices that it was trained on. That does not mean that it segments
# new slices better. The groups differ by about as much as slices of one group do: the held-out
# slices happen to be easy. **Compare two networks on the same slices**, because much of the
# difficulty then cancels. The cell does so with `em` and the three test slices: the differences
# spread less than the shares of wrong pixels.
#
# How well a network does on new images is called its **generalization**. For your own work: **trust
# scores of slices that chose nothing, and use more than three of them.**

# %%
optimistic, plain = scores["v_rand"]["value"], written["v_rand"]["value"]
print(f"V_Rand of the held-out slices: {optimistic:.2f} chosen on them, {plain:.2f} not")
assert optimistic > plain

of_lab = wrong_pixels(folder / "run/best.npz", images, labels)
of_test = wrong_pixels(folder / "run/best.npz", test_images, test_cells)
groups = {"trained on": of_lab[:7], "held out": of_lab[7:], "test": of_test}
for group, each in groups.items():
    print(f"{group:<11} wrong pixels {each.mean():.3f} ± {each.std(ddof=1):.3f}")
spread = max(each.std(ddof=1) for each in groups.values())
assert np.ptp([each.mean() for each in groups.values()]) < 2 * spread

em_p = tifffile.imread(folder / "em_test/probability.tif")
of_em = np.mean((em_p > 0.5) != (test_cells > 0), axis=(1, 2))
less = of_test - of_em
print("our network less em, slice by slice:", *(f"{each:+.3f}" for each in less))
print(f"mean {less.mean():+.3f} ± {less.std(ddof=1):.3f}")
assert less.mean() > 0 and less.std() < of_test.std()

# %% [markdown]
# ## Scores that flatter
#
# Three more ways to believe too much:
#
# - **Nothing is held out.** The plan and the report then say so.
# - **Only the training energy is watched.** Chapter 10 has a network whose energy falls on its
#   training tile while it rises on others.
# - **The threshold is chosen on the test slices.** `evaluate` prints each score at the threshold
#   that is best on the very slices that it scores. The honest score uses the threshold of the
#   checkpoint, and it cannot be higher.

# %%
part, part_labels, part_cells = (a[:4, 64:160, 64:160] for a in (images, labels, numbered))


def once(name, x=part, y=part_labels, **how):
    """Write a stack and its labels; return the arguments of `train` for a single step."""
    tiny = ("--depth", 2, "--channels", 4, "--tile", 60, "--steps", 1)
    return (*lay(name, x, y, **how), *tiny)


nothing = (*once("few"), "--validation", "none")
assert command("train", *nothing, "--out", "none", only="split") == 0
report = (folder / "none/report.html").read_text("utf-8")
print(re.search(r'class="where">(.*?)</p>', report)[1], "\n")
assert "also used for training" in report

tested = json.loads((folder / "found/scores.json").read_text("utf-8"))["scores"]["v_rand"]
honest, best = tested["by_threshold"][round(10 * picked)], tested["value"]
print(f"test: V_Rand {honest:.3f} at the threshold of best.npz, {best:.3f} at its own best")
assert honest <= best

# %% [markdown]
# ## Mistakes that are refused
#
# A command that is given something invalid says so in one sentence, before it computes anything.
# Here are images and labels swapped; three grey values where two were meant; two numbered cells,
# which look like classes with gaps; a slice without labels; a tile size that is not valid; and a
# folder that is in use. The last one is a trap of TIFF: without `photometric`, `tifffile` stores a
# stack of 3 or 4 slices as one colour image. The message says what to do.

# %%
three = np.where(part_cells % 2, part_labels, part_labels // 2)
several = [part_cells == k for k in np.unique(part_cells)[1:4]]
some = np.select(several[:2], [3, 7])
swapped = ("--images", "lab/train-labels.tif", "--labels", "lab/train-volume.tif")
for given in (
    swapped,
    once("three", y=three),
    once("some", y=some.astype(np.uint8)),
    once("short", y=part_labels[:3]),
    (*once("fine"), "--tile", 62),
    (*lab, "--out", "run"),
    once("colour", compression=None),
):
    assert command("train", *given) == 2
    print()

# %% [markdown]
# Three numbered cells with the numbers 1, 2 and 3 are refused as well: each number fills one
# region, like a cell, but 0, 1, 2, 3 may also be four classes. Say what they are with
# `--labels-are`.

# %%
first_three = np.select(several, [1, 2, 3]).astype(np.uint8)
numbers = once("numbers", y=first_three)
assert command("train", *numbers) == 2
print()
again = (*numbers, "--labels-are", "cells", "--out", "of_cells")
assert command("train", *again, only=("labels", "weights")) == 0

# %% [markdown]
# ## Mistakes that are accepted
#
# Other mistakes are valid data. Each of them shows in one line of the plan.
#
# **Inverted classes**: class 1 is now membrane. The membranes of a slice are connected, so there
# are few "cells". After a single step, their V_Rand is more than twice that of the right labels. It
# says nothing.
#
# **A hot pixel**: in a 16-bit stack, one pixel of 65,535 takes the whole range, and the tissue lies
# below 0.07. Clip it before, or use `--scaling standard`.

# %%
hot = part.astype(np.uint16) * 16
hot[0, *rng.integers(64, size=2)] = 65535
for name, options, lines in (
    ("right", {}, ("labels", "values", "weights", "scores")),
    ("inverted", {"y": 255 - part_labels}, ("labels", "weights", "scores")),
    ("hot", {"x": hot}, "values"),
):
    assert command("train", *once(name, **options), "--out", f"of_{name}", only=lines) == 0
    print()

right, inverted = (
    json.loads((folder / name / "scores.json").read_text("utf-8"))["v_rand"]["value"]
    for name in ("of_right", "of_inverted")
)
assert inverted > 2 * right
tissue = np.delete(np.array(scaling.scale(list(hot[..., np.newaxis]), "minmax")), hot.argmax())
assert tissue.max() < 0.07

# %% tags=["draws"]
figure, panels = plt.subplots(1, 3, figsize=(5, 2.3), layout="constrained")
ways = {"minmax": part, "minmax,\nhot pixel": hot, "standard,\nhot pixel": hot}
for ax, (how, x) in zip(panels, ways.items(), strict=True):
    scaled = np.array(scaling.scale(list(x[..., np.newaxis]), how.split(",")[0]))
    low, high = (-3, 3) if "standard" in how else (0, 1)
    ax.imshow(scaled[0, :64, :64, 0], cmap="gray", vmin=low, vmax=high)
    ax.set(xticks=[], yticks=[])
    ax.set_title(how, fontsize=11)
show(
    figure,
    "Part of a slice scaled in three ways. By minimum and maximum: grey values over the whole "
    "range. The same with one hot pixel: black. By mean and standard deviation, with the hot "
    "pixel: visible.",
)

# %% [markdown]
# ## Real EM
#
# Set the environment variable `MINUNET_DATA` to a folder with your own `train-volume.tif` and
# `train-labels.tif` (or with a folder `isbi2012/` that contains them, such as the stack of the
# paper, which you get from the ISBI 2012 challenge), and start Jupyter from there. Then the cells
# below use a part of its first two slices.
#
# What you see in the committed version is synthetic: the licence of the paper's stack does not say
# that its images may be passed on, so no picture of it is published here. Without `MINUNET_DATA`,
# two slices with another tissue and another look stand in for it (`--varied`), as those of another
# microscope would.

# %%
named = Path(os.environ.get("MINUNET_DATA", "nowhere"))
places = [place for place in (named, named / "isbi2012") if (place / "train-volume.tif").is_file()]
if not places:
    varied = ("--slices", 2, "--height", 256, "--width", 256, "--seed", 2, "--varied")
    command("data", "other", *varied, only="none of its lines")
stack = places[0] if places else folder / "other"
print("two slices of", stack.name if places else "a synthetic stack")
(folder / "yours").mkdir()
for name in ("train-volume.tif", "train-labels.tif"):
    two = tifffile.imread(stack / name)[:2, :256, :256]
    tifffile.imwrite(folder / "yours" / name, two, photometric="minisblack")
yours, true = (tifffile.imread(folder / "yours" / f"train-{n}.tif") for n in ("volume", "labels"))

# %%
volume = "yours/train-volume.tif"
assert command("predict", "em", volume, "-o", "em_yours", *cells, only=("thres", "wrote")) == 0
table = {"only": ("score", "V_", "pixel error"), "width": 59}
assert command("evaluate", "em_yours/probability.tif", "yours/train-labels.tif", **table) == 0

# %% tags=["draws"]
figure, panels = plt.subplots(1, 2, figsize=(5, 2.8), layout="constrained")
panels[0].imshow(yours[0], cmap="gray")
panels[1].imshow(drawing.coloured(tifffile.imread(folder / "em_yours/labels.tif")[0]))
panels[1].contour(true[0] > 0, levels=[0.5], colors="yellow", linewidths=0.8)
for ax, title in zip(panels, ("image", "cells found, true outlines"), strict=True):
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "A slice that no network of this chapter was trained on, and the cells that em finds in it, "
    "each in a colour of its own, with the outlines of the annotation.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/your_own_data.py`.

# %%
# 1. Predict what `train` takes these label values for: "classes", "cells", or "refused".
answer = {
    "0, 255": ...,
    "0, 128, 255": ...,
    "0, 1, 2, each in many regions": ...,
    "0, 1, 3": ...,
    "0, 1, …, 40, in uniform regions": ...,
    "0, 1, …, 255, a blurred mask": ...,
}
check_taken_for(answer)


# %%
# 2. The honest score. Given are scores over the same thresholds, of which higher is better, on
#    held-out slices and on test slices.
def honest(held_out, test):
    """The score to report, from two arrays (N,) over N thresholds."""
    ...


check_honest(honest)


# %%
# 3. The table that a biologist needs.
def areas(labels, nanometres):
    """Dict: number of each cell -> its area in µm², where a pixel is so many nm wide and high."""
    ...


check_areas(areas)

# %% [markdown]
# ## Summary
#
# - Look at images and labels first, and read the plan that `train` prints: most mistakes show
#   there.
# - Three commands are enough: `train`, `predict`, `evaluate`.
# - With few annotated slices, start from `em`, and compare with `em` as it is.
# - A network scores best on what it was trained on. Slices differ in difficulty, so compare
#   networks on the same slices, and use more than three.
# - Choose the step and the threshold on held-out slices, and report scores of others.
#
# ## In other words
#
# - *Held-out slices*: **validation set**. *Slices set aside with* `--test`: **test set**.
# - *To start from a trained model*: **fine-tuning**, **transfer learning**. *The model that you
#   start from*: **pretrained model**.
# - *To segment new images*: **inference**. *New images from another microscope*: **domain shift**.
# - *Numbered cells*: **instance segmentation**. *The trivial baseline*: **majority-class
#   baseline**.
#
# ## Further reading
#
# - I. Arganda-Carreras and others, *Crowdsourcing the creation of image segmentation algorithms for
#   connectomics* (2015): the ISBI 2012 challenge and its scores.
# - V. Ulman and others, *An objective comparison of cell-tracking algorithms* (2017): the Cell
#   Tracking Challenge.
# - T. Falk and others, *U-Net: deep learning for cell counting, detection, and morphometry* (2019).
#
# This was the last chapter. Now write the core of `minunet` again from memory. It begins with nine
# shifted linear layers: [1. What is a convolution?](01_convolution.ipynb)
