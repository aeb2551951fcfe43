# %% [markdown]
# # 6. Border weights
#
# *Which pixels must count more so that touching cells come out as separate cells, and by how much?*
#
# **After this chapter you can** write equation (2) and redraw Figure 3 of the paper, choose $w_0$
# and $\sigma$ for your own cells, and say what the border term gains and what it costs.
#
# **Prerequisites:** chapter 5 (the energy and its gradient).
#
# **Time:** 60 minutes.
#
# This chapter explains `minunet/data/weight_map.py` and `distances.py`, and
# `minunet/prediction/instances.py`. Before: [5. The energy](05_energy.ipynb).
# After: [7. The U](07_the_u.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np
import scipy
from exercises.border_weights import (
    check_gap_term,
    check_sigma_for,
    check_threshold,
    check_weights,
)
from figures import show

from minunet import augmentation, training
from minunet.data import distances, synthetic, weight_map
from minunet.image import Sample
from minunet.metrics.cells import count
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import averaging, instances
from minunet.prediction.tiling import Tiling
from minunet.report import drawing
from minunet.runs.settings import from_options
from minunet.training import sampling

rng = np.random.default_rng(1)

# %% [markdown]
# ## A border has to be made
#
# Somebody has numbered the cells of an image: 0 is background, $k$ is cell $k$. But the network of
# this course has two classes, cell and background. Its label is 1 on every cell, whatever its
# number, and 0 elsewhere. To count cells in its answer, we look for connected pieces of class 1.
# That fails where two cells touch. One row as an example:
#
#     cells   0 1 1 1 1 2 2 2 0
#     label   0 1 1 1 1 1 1 1 0    one piece
#
#     apart   0 1 1 1 0 0 2 2 0
#     label   0 1 1 1 0 0 1 1 0    two pieces
#
# In `apart`, every pixel with another cell in its 3×3 neighbourhood has become background. The
# paper makes such a border with "morphological operations" and does not say which; this rule is
# ours. Below it is a loop over pixels. The package compares nine shifted copies of the map at once.


# %%
def separate(cells):
    apart = cells.copy()
    for r, c in np.argwhere(cells > 0):
        near = cells[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]
        if np.any((near > 0) & (near != cells[r, c])):
            apart[r, c] = 0
    return apart


row = np.array([[0, 1, 1, 1, 1, 2, 2, 2, 0]])
assert np.array_equal(separate(row), [[0, 1, 1, 1, 0, 0, 2, 2, 0]])
pieces = [scipy.ndimage.label(each > 0)[1] for each in (row, separate(row))]
assert pieces == [1, 2]

# %% [markdown]
# Now eight discs. Where two overlap, a pixel belongs to the disc in which it lies deeper. Their
# label has five pieces before the separation and eight after it. The border is about one pixel in a
# hundred. So a network that is wrong on the border and nowhere else has a pixel error of only 1 %,
# and finds five cells instead of eight.


# %%
def discs(centres, radii, shape):
    rows, columns = np.indices(shape)
    outside = [
        np.hypot(rows - r, columns - c) - radius
        for (r, c), radius in zip(centres, radii, strict=True)
    ]
    return np.where(np.min(outside, axis=0) < 0, np.argmin(outside, axis=0) + 1, 0)


centres = [(40, 36), (38, 76), (72, 54), (104, 30), (94, 96), (22, 112), (62, 124), (108, 132)]
cells = discs(centres, [24, 22, 20, 17, 25, 16, 19, 13], (128, 152))
apart = separate(cells)
label = (apart > 0).astype(np.uint8)
border = (cells > 0) & (apart == 0)

assert np.array_equal(apart, weight_map.separate(cells))
assert [scipy.ndimage.label(each > 0)[1] for each in (cells, apart)] == [5, 8]
assert round(100 * border.mean()) == 1
print(f"{border.sum()} of {border.size} pixels are border: {100 * border.mean():.2f} %")

# %% [markdown]
# ## First term: the same share for every class
#
# In equation (1) of chapter 5 every pixel has a weight. The paper builds the weights from two
# terms. The first one balances the classes: if there is much more cell than background, a pixel of
# background should weigh more.
#
# Let the image have $|\Omega|$ pixels and $K$ classes, and let $n_k$ pixels have class $k$. If each
# of them weighs $w_c[k]$, the class weighs $n_k\, w_c[k]$ in total. We ask for two things: all
# classes weigh the same, $n_k\, w_c[k] = s$; and the mean weight is 1, so that a learning rate
# means the same with and without weights. The second says that all weights sum to $|\Omega|$:
#
# $$ \sum_k n_k\, w_c[k] = K s = |\Omega| \quad\Rightarrow\quad
# w_c[k] = \frac{s}{n_k} = \frac{|\Omega|}{K\, n_k} $$
#
# By hand: 2 pixels of background and 6 of cell give $8/(2\cdot 2) = 2$ and $8/(2\cdot 6) = 2/3$.
# As a map, $w_c(\mathbf{x})$ is the $w_c[k]$ of the class of pixel $\mathbf{x}$. (The paper says
# that $w_c$ is there "to balance the class frequencies", and prints no formula.)

# %%
few = np.array([[0, 1, 1, 1], [0, 1, 1, 1]])
assert np.allclose(weight_map.class_weights([few], classes=2), [2, 2 / 3])

n = np.bincount(label.ravel())
w_c = weight_map.class_weights([label], classes=2)
assert np.allclose(n * w_c, label.size / 2)  # every class has the same share
assert np.isclose(w_c[label].mean(), 1)
print(f"background {w_c[0]:.3f}, cell {w_c[1]:.3f}: our discs cover about half of the image")

# %% [markdown]
# ## Second term: how narrow is the gap?
#
# The second term makes narrow gaps between cells count. For a pixel of background, let $d_1$ be the
# distance to the nearest cell and $d_2$ the distance to the second nearest *cell*. A pixel beside a
# cell has $d_1 = 1$. A row, with dots for the background:
#
#     cells  1 1 1 . . 2 2 2 2 2 2 . . . . 3 3 3
#     d1           1 1             1 2 2 1
#     d2           2 2             4 3 3 4
#     d1+d2        3 3             5 5 5 5
#
# In a gap of $g$ pixels, a pixel at distance $t$ from one cell is at distance $g + 1 - t$ from the
# other. So $d_1 + d_2 = g + 1$ everywhere in the gap: the sum measures how wide the gap is,
# and not where in the gap a pixel lies. Written literally: compute the distance to every cell, sort
# the distances, and take the first two.


# %%
def to_cell(cells, k):
    rows, columns = np.indices(cells.shape)
    squared = np.full(cells.shape, np.inf)
    for r, c in np.argwhere(cells == k):
        squared = np.minimum(squared, (rows - r) ** 2 + (columns - c) ** 2)
    return np.sqrt(squared)


def two_nearest(cells):
    each = [to_cell(cells, k) for k in np.unique(cells[cells > 0])]
    never = np.full(cells.shape, np.inf)
    return np.sort([*each, never, never], axis=0)[:2]


gaps = np.array([[1, 1, 1, 0, 0, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 3, 3, 3]])
d1, d2 = two_nearest(gaps)
assert np.array_equal(d1[gaps == 0], [1, 1, 1, 2, 2, 1])
assert np.array_equal(d2[gaps == 0], [2, 2, 4, 3, 3, 4])
d1, d2 = two_nearest(apart)
assert np.array_equal((d1, d2), distances.two_nearest(apart))  # bit for bit

# %% [markdown]
# `distances.two_nearest` gives the same numbers, bit for bit, without a map for each cell. Because
# $d^2$ is the square of a number of rows plus the square of a number of columns, it can look along
# every column once, and then along the rows. Its docstring explains how.
#
# ## Equation (2)
#
# $$w(\mathbf{x}) = w_c(\mathbf{x}) + w_0 \cdot
# \exp\left(-\frac{(d_1(\mathbf{x}) + d_2(\mathbf{x}))^2}{2\sigma^2}\right)$$
#
# The paper takes $w_0 = 10$ and $\sigma \approx 5$ pixels. We call the second term the *border
# term*. Where two cells touched, the gap is 2 pixels wide after the separation, and the border term
# is $10\, e^{-9/50} = 8.35$. In a gap of 4 it is $10\, e^{-25/50} = 6.07$. Where there is no second
# cell, $d_2 = \infty$ and it is 0.
#
# What does this do to training? The gradient at a pixel is $w\,(p - y)$ (chapter 5). For the same
# $p$ it is about ten times as large in a gap of 2 as on background far from any gap. The border
# term applies to background only. The paper does not say so, but its Figure 3 suggests it.

# %%
term = 10 * np.exp(-((d1 + d2) ** 2) / (2 * 5**2))
w = np.where(apart > 0, w_c[1], w_c[0] + term)
assert np.allclose(w, weight_map.paper(cells, w_c), rtol=1e-6)  # that one is float32
assert np.allclose(10 * np.exp([-9 / 50, -25 / 50, -np.inf]), [8.35, 6.07, 0], atol=0.005)
assert round((w_c[0] + 8.35) / w_c[0]) == 10

# %% [markdown]
# `weight_map.paper` separates the cells itself. It treats a second cell farther away than
# $9\,\sigma$ as if there were none.
#
# ## Figure 3
#
# From top to bottom: an image (a), here computed from the discs, whose cells somebody has numbered
# (b); the label after the separation (c), and the weight map of equation (2) (d). In synthetic EM
# (e), an artificial electron micrograph, the membranes are the gaps between the cells. Its weight
# map (f) is brightest where they are thin.

# %% tags=["draws"]
plt.rcParams["font.size"] = 12  # so that figures can be read on a phone
thickness = np.sqrt(scipy.ndimage.distance_transform_edt(apart > 0))
grain = scipy.ndimage.gaussian_filter(rng.standard_normal(cells.shape), 1.5)
relief = scipy.ndimage.gaussian_filter(thickness + 2.5 * grain * (cells > 0), 1.2)
em = synthetic.em_stack((1, 128, 152), rng)
em_w = weight_map.paper(em.instances[0], weight_map.class_weights(em.labels, classes=2))
figure, panels = plt.subplots(3, 2, figsize=(5.4, 7.4), layout="constrained")
for ax, title, shown in (
    (panels[0, 0], "(a) image", np.add(*np.gradient(relief))),
    (panels[0, 1], "(b) cells", drawing.coloured(cells)),
    (panels[1, 0], "(c) label", label),
    (panels[1, 1], "(d) weight map", w),
    (panels[2, 0], "(e) synthetic EM", em.images[0]),
    (panels[2, 1], "(f) its weight map", em_w),
):
    ax.set(title=title, xticks=[], yticks=[])
    weights = {"vmin": 0, "vmax": w.max()} if "weight" in title else {"cmap": "gray"}
    drawn = ax.imshow(shown, **weights)
figure.colorbar(drawn, ax=panels, location="bottom", label="weight, in (d) and (f)", shrink=0.6)
show(
    figure,
    "Eight round cells, some touching: as an image, numbered in colours, as a label with black "
    "lines where they touch, and as a weight map that is bright on those lines and in narrow gaps. "
    "Below, synthetic EM, and its weight map, bright along all membranes.",
)

# %% [markdown]
# ## What σ and w0 do
#
# Four cells in a row, with gaps of 2, 6 and 14 pixels. At the top, $d_1 + d_2$ is constant in each
# gap: 3, 7 and 15. $\sigma$ decides which gaps count as narrow: with 2 only the first does, with 10
# all three do. $w_0$ decides how much a narrow gap is worth.

# %%
strip = np.repeat([1, 0, 2, 0, 3, 0, 4, 0], [14, 2, 18, 6, 18, 14, 18, 10])[np.newaxis]
d1, d2 = np.where(strip == 0, distances.two_nearest(strip), np.nan)[:, 0]
assert [*(d1 + d2)[[14, 38, 70]]] == [3, 7, 15]


def row_of_weights(**changed):
    return weight_map.paper(strip, np.ones(2), **changed)[0]


assert [*(row_of_weights(sigma=2)[[14, 38, 70]] > 2)] == [True, False, False]
assert np.all(row_of_weights(sigma=10)[[14, 38, 70]] > 2)

# %% tags=["draws"]
figure, panels = plt.subplots(3, 1, figsize=(5.2, 6.6), sharex=True, layout="constrained")
for ax, title, lines in (
    (panels[0], "pixels", {"$d_1$": d1, "$d_2$": d2, "$d_1 + d_2$": d1 + d2}),
    (panels[1], "weight", {rf"$\sigma = {s}$": row_of_weights(sigma=s) for s in (2, 5, 10)}),
    (panels[2], "weight", {f"$w_0 = {h}$": row_of_weights(w0=h) for h in (5, 10, 20)}),
):
    ax.bar(range(strip.size), strip[0] > 0, 1, color="0.87", transform=ax.get_xaxis_transform())
    for (name, line), style in zip(lines.items(), ("C0:", "C1-", "C0--"), strict=True):
        ax.plot(line, style, drawstyle="steps-mid", label=name)
    ax.set(ylabel=title, xlim=(-0.5, strip.size - 0.5), ylim=(0, 19))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=3, frameon=False)
panels[2].set(xlabel="column; cells are grey")
show(
    figure,
    "Three curves over a row of four cells. The sum of distances is flat in each gap: 3, 7, 15. "
    "Weights for sigma 2, 5, 10: larger sigma reaches wider gaps. For w0 5, 10, 20: higher weights "
    "in the same gaps.",
)

# %% [markdown]
# ## Does it help?
#
# Train the same small network twice: once with $w_c$ alone, and once with the border term. The
# images show bright, overlapping discs. Where two touch, there is a darker line, blurred and noisy.
# Everything else is the same: the images, the initial weights of the network, the order of the
# tiles. (A tile is a part of an image. Chapter 10 explains training; here it is enough to know that
# a step lowers the energy of one tile a little, as in chapter 2.) Because chance could decide, do
# all of it three times, with three seeds of the random numbers.


# %%
def scene(rng, side=128, count=24):
    """An image of discs (side, side, 1) and their numbers (side, side)."""
    cells = discs(rng.uniform(0, side, (count, 2)), rng.uniform(9, 16, count), (side, side))
    line = (cells > 0) & (weight_map.separate(cells) == 0)
    brightness = np.array([0, *rng.uniform(0.6, 0.9, count)])[cells]
    blurred = scipy.ndimage.gaussian_filter(brightness * (1 - 0.6 * line), 1.2)
    noisy = blurred + 0.1 * rng.standard_normal(cells.shape)
    return np.float32(noisy)[..., np.newaxis], cells


def samples(scenes, border_term):
    """The scenes with their labels, and with the weights of equation (2)."""
    labels = [(weight_map.separate(cells) > 0).astype(np.uint8) for _, cells in scenes]
    w_c = weight_map.class_weights(np.array(labels), 2)
    w0 = 10 if border_term else 0
    return [
        Sample(image, label, weight_map.paper(cells, w_c, w0=w0))
        for (image, cells), label in zip(scenes, labels, strict=True)
    ]


# %%
def train(scenes, seed, border_term):
    settings = from_options(depth=1, channels=8, tile=92, steps=400, warm_up=20, seed=seed)
    state, arch = training.start(settings, "cpu"), settings.architecture
    known, turned = samples(scenes, border_term), augmentation.SETS["symmetries"]
    for step in range(settings.steps):
        tile = sampling.sample(known, 92, 1, turned, sampling.tile_rng(seed, step))
        rate = training.learning_rate(step, settings)
        training.step(state, tile, arch, rate, settings.momentum, settings.clip)
    return Network(state.params, arch)


# %% [markdown]
# Ten scenes are for training and four for the test. A cell is *merged* if the piece that covers
# most of it also covers most of another cell, and *missed* if no piece covers most of it. A piece
# that does not cover most of any cell is one *too many*. In the cell, `averaging.probabilities`
# applies the network to a whole scene, tile by tile (chapter 8).


# %%
def test(network, scenes):
    """Probabilities of cell, the cells found in them, and the share of wrong pixels."""
    p = [averaging.probabilities(network, x, Tiling(92))[..., 1] for x, _ in scenes]
    found = [instances.Rule().cells(each) for each in p]
    wrong = [
        np.mean((each > 0.5) != (separate(c) > 0)) for each, (_, c) in zip(p, scenes, strict=True)
    ]
    counts = [count(c, f) for (_, c), f in zip(scenes, found, strict=True)]
    return p, found, np.mean(wrong), np.sum(counts, axis=0)


results = {}
print("seed  border term  cells  merged  missed  too many  wrong pixels")
for seed in range(3):
    drawn = np.random.default_rng(seed)
    scenes = [scene(drawn) for _ in range(14)]
    for with_term in (False, True):
        network = train(scenes[:10], seed, with_term)
        p, found, wrong, (truth, _, missed, merged, extra) = test(network, scenes[10:])
        results[seed, with_term] = (scenes[10], p[0], found[0], wrong, merged)
        name = "yes" if with_term else "no"
        print(f"{seed:<6}{name:<13}{truth:>5}{merged:>8}{missed:>8}{extra:>10}{wrong:>14.1%}")

errors, mergers = (
    np.array([[results[seed, t][k] for t in (False, True)] for seed in range(3)]) for k in (3, 4)
)
assert (mergers[:, 1] < mergers[:, 0] / 2).all()
assert errors[:, 1].mean() > errors[:, 0].mean()

# %% tags=["draws"]
(image, truth), p_without, without, *_ = results[1, False]
_, p_with, with_term, *_ = results[1, True]
figure, panels = plt.subplots(3, 2, figsize=(5, 7.8), layout="constrained")
for ax, title, shown in zip(
    panels.flat,
    ("image", "true cells", "p, $w_c$ alone", "p, border term", "cells found", "cells found"),
    (
        image[..., 0],
        drawing.coloured(truth),
        p_without,
        p_with,
        drawing.coloured(without),
        drawing.coloured(with_term),
    ),
    strict=True,
):
    ax.imshow(shown, cmap="gray", interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "A test image of touching discs, its true cells, and the answers of two trained networks. "
    "Without the border term several discs have the same colour, because they are found as one "
    "cell. With it they are separate, and the dark lines between them are thick.",
)

# %% [markdown]
# With the border term, fewer than half as many cells are merged, for every seed. But the pixel
# error is *higher*, on average over the seeds: the lines between cells come out thick. A few more
# cells are missed, mostly small ones that lose more than half of their pixels. A score that counts
# pixels prefers the network that merges cells. Chapter 11 has scores that do not.
#
# On real data the effect is the same, but smaller. For microscope images of nuclei, the
# [benchmarks](../benchmarks/README.md#what-the-border-term-does-for-touching-cells) compare both
# weight maps with three seeds: with the border term, fewer cells are merged, but a few more are
# missed, and more pieces are found that match no cell.
#
# ## Why the borders come out thick
#
# Take pixels that look the same to the network, for example beside a blurred line. A share $q$ of
# them is cell, with weight $u$; the others are gap, with weight $v$. The network has to give all of
# them the same probability of cell, $p$. Their energy, per pixel, is
#
# $$E(p) = -q\, u \log p - (1 - q)\, v \log(1 - p)$$
#
# and it is lowest where its derivative is 0:
#
# $$\frac{dE}{dp} = -\frac{q\, u}{p} + \frac{(1 - q)\, v}{1 - p} = 0
# \quad\Rightarrow\quad p^* = \frac{q\, u}{q\, u + (1 - q)\, v}$$
#
# With equal weights $p^* = q$. With $u = 1$ and $v = 1 + 8.35$, where nine of ten pixels are cell,
# $p^* = 0.49$: the network says border, although it would be wrong in nine of ten cases.

# %%
q, u, v = 0.9, 1.0, 1 + 8.35
p_best = q * u / (q * u + (1 - q) * v)
assert round(p_best, 2) == 0.49 and np.isclose(q * u / (q * u + (1 - q) * u), q)

tenths = np.array([[0] + 9 * [1]])  # one gap, nine cells; all get the same logits
logits = np.zeros((1, 10, 2))
logits[..., 1] = np.log(p_best / (1 - p_best))
weights = np.where(tenths == 1, u, v)
_, p = cross_entropy.forward(logits, tenths, weights)
assert np.allclose(p[..., 1], p_best)
assert np.allclose(cross_entropy.backward(p, tenths, weights).sum(axis=(0, 1)), 0)  # the lowest E

# %% [markdown]
# ## From probabilities back to cells
#
# `instances.Rule` turns the probabilities into numbered cells. The connected pieces above a high
# threshold are the seeds of the cells (not to be confused with the seeds of random numbers). They
# grow into the pixels above a lower threshold, called `extent` in the code, and each pixel goes to
# the nearest seed. So the pixels that were taken by the separation come back if their $p$ lies
# between the two thresholds.

# %%
p = np.where(label == 1, 0.98, np.where(border, p_best, 0.02))
found = instances.Rule(threshold=0.8, extent=0.4).cells(p)
assert found.max() == 8
assert np.array_equal(found > 0, cells > 0)  # every pixel that was taken is back, and no other

number = np.array([0, *(np.bincount(cells[found == k]).argmax() for k in range(1, 9))])
other = np.count_nonzero(number[found] != cells)
assert other < border.sum() / 10
print(f"{border.sum()} pixels taken, all given back, {other} of them to the other cell")

# %% [markdown]
# ## Two mistakes that are easy to make
#
# - **Distances to the two nearest pixels instead of cells.** The nearest pixel of a cell mostly has
#   a neighbour in the same cell, so $d_2 \le d_1 + 1$, or $d_1 + \sqrt 2$ if the two meet at a
#   corner only. (Beside a cell of a single pixel there is no such limit.) The sum is then about
#   twice the distance to *one* cell, and the rim of every cell gets a large weight, even if the
#   cell is alone.
# - **Cells numbered anew, as the pieces of a binary label.** Cells that touch are then one cell, no
#   border is made between them, and none gets a weight. Yet this border is what the term is for.

# %%
pixels = scipy.spatial.cKDTree(np.argwhere(apart > 0))
near, next_near = pixels.query(np.argwhere(apart == 0), k=2)[0].T
assert np.all(next_near <= near + 1)  # for these discs
diagonal = scipy.spatial.cKDTree(np.argwhere(np.eye(5)))  # pixels that meet at corners
assert np.isclose(np.diff(diagonal.query(list(np.ndindex(9, 9)), k=2)[0]).max(), np.sqrt(2))

to_pixels = np.zeros(cells.shape)
to_pixels[apart == 0] = 10 * np.exp(-((near + next_near) ** 2) / (2 * 5**2))
rim = scipy.ndimage.binary_dilation(apart > 0) & (apart == 0)
assert to_pixels[rim].min() > 8  # the rim of every cell
alone = np.where(cells == 4, cells, 0)
assert not weight_map.paper(alone, np.zeros(2)).any()  # right: a cell alone has no border term

merged = scipy.ndimage.label(cells > 0, np.ones((3, 3)))[0]
recounted = weight_map.paper(merged, np.zeros(2))
assert term[border].min() > 5 and not recounted[border].any()

# %% tags=["draws"]
figure, panels = plt.subplots(1, 3, figsize=(5.2, 2.8), layout="constrained")
titles = ("right", "to pixels", "renumbered")
for ax, shown, title in zip(panels, (term, to_pixels, recounted), titles, strict=True):
    drawn = ax.imshow(np.where(apart > 0, 0, shown), vmin=0, vmax=10)
    ax.set(title=title, xticks=[], yticks=[])
figure.colorbar(drawn, ax=panels, location="bottom", label="border term", shrink=0.6)
show(
    figure,
    "Three maps of the border term. Right: bright lines between touching cells, and bright spots "
    "in narrow gaps. With distances to pixels: every cell has a bright rim. With cells numbered "
    "anew: the lines between touching cells are missing.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/border_weights.py`.

# %%
# 1. By hand: between two cells with straight walls are 3 pixels of background. What is the border
#    term at a pixel beside a wall, with the paper's w0 and sigma? To 0.01.
answer = ...
check_gap_term(answer)


# %%
# 2. Choose σ for your own cells.
def sigma_for(gap):
    """σ at which the border term, in a gap of so many pixels, is half of w0."""
    ...


check_sigma_for(sigma_for)


# %%
# 3. Write equation (2), without minunet.
def weights(apart, w_c, w0, sigma):
    """Equation (2) for cells that are separated already: apart (H, W), w_c (2,) -> (H, W).

    In apart, 0 is background and every cell has a number of its own, not always 1, 2, 3 …
    Loops are fine; `scipy.ndimage.distance_transform_edt(apart != k)` is the distance to cell k.
    Think of a map with one cell, and of one with none.
    """
    ...


check_weights(weights)


# %%
# 4. The network was trained with the weights u for cell and v for gap, and p = p*. Which p means
#    that cell and gap are equally likely, q = 1/2?
def threshold(u, v):
    """p above which a pixel is more likely cell than gap."""
    ...


check_threshold(threshold)

# %% [markdown]
# ## Summary
#
# - Cells that touch have one connected label; before training, a border of background is made
#   between them.
# - $w_c = |\Omega| / (K\, n_k)$ gives every class the same total weight, and a mean weight of 1.
# - $d_1 + d_2$ measures the width of a gap; the border term gives narrow gaps a large weight.
# - With the border term, our networks merged fewer than half as many cells, at a higher pixel
#   error.
# - The weights shift the probabilities: $p^* = q u / (q u + (1 - q) v)$, so borders come out thick.
#
# ## In other words
#
# A weight per class is **class weighting**, a cure for **class imbalance**; a weight per pixel is a
# **pixel-wise loss weight**. Finding the class of every pixel is **semantic segmentation**; telling
# one cell from the next is **instance segmentation**. Growing from seeds is related to the
# **watershed**. Maps of $d_1$ are **distance transforms**.
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer, T. Brox: *U-Net: Convolutional Networks for Biomedical Image
#   Segmentation*, 2015. Equation (2) and Figure 3.
# - T. Falk and others: *U-Net: Deep Learning for Cell Counting, Detection, and Morphometry*, Nature
#   Methods, 2019. The plugin whose weights `weight_map.later` computes.
# - J. C. Caicedo and others: *Nucleus Segmentation across Imaging Experiments: the 2018 Data
#   Science Bowl*, Nature Methods, 2019. Where the nuclei of our benchmark come from.
#
# [Chapter 7](07_the_u.ipynb) puts the ops of chapters 1 to 4 together into the network.
