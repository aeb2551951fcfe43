# %% [markdown]
# # 9. Thirty images are enough
#
# *How does one annotated tile become thousands, each as the tissue might have been?*
#
# **After this chapter you can** write the elastic deformation of section 3.1 of the paper, from
# nine random vectors to a bent tile with its labels; say how much bending is too much; and say what
# augmentation is worth when few images are annotated.
#
# **Prerequisites:** chapters 5 and 8. You need derivatives of polynomials, matrix products and a
# 2×2 determinant.
#
# **Time:** 60 minutes.
#
# This chapter explains `deformation.py`, `interpolation.py`, `grey_values.py` and `tile.py` in
# `minunet/augmentation/`, `minunet/augment.py`, `minunet/training/sampling.py` and
# `minunet/ops/dropout.py`.
# Before: [8. Tiles without seams](08_tiles.ipynb). After: [10. Training](10_training.ipynb).

# %%
import inspect
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy
from exercises.deformation import check_deform, check_folds, check_halfway, check_turned
from figures import show

from minunet import augment, augmentation
from minunet.augmentation import deformation, grey_values, interpolation
from minunet.data import synthetic
from minunet.image import Sample
from minunet.network.architecture import Architecture
from minunet.ops import dropout
from minunet.training import sampling

rng = np.random.default_rng(1)

# %% [markdown]
# ## Few images
#
# To **annotate** an image is to draw its labels. One electron micrograph (EM) takes a person hours.
# The paper trains on 30 slices of 512×512 pixels. Its most useful claim is that *very few annotated
# images are enough*, if they are **augmented**. Augmentation makes new training tiles from those
# that are annotated, by changes under which the labels stay known. Tissue may lie at any angle, and
# it bends. So turn and bend a tile, move its labels with it, and you have another tile that the
# microscope might have recorded.
#
# This chapter first makes such tiles. Its last section measures on trained networks what they are
# worth.
#
# ## Ask every pixel where it comes from
#
# We move pixels by a **displacement** $u$, in pixels. Moving them forward leaves holes: stretch a
# row of 4 pixels to 7, and 3 places get nothing. So ask backward. Pixel $c$ of the new row shows
# the old row at $c + u[c]$. Then every place gets a value.
#
#     x        10   20   30   40
#     u         0  0.5  0.5  1.5
#     c + u     0  1.5  2.5  4.5
#     y        10   25   35   25
#
# The place 1.5 is half-way between 20 and 30. Beyond its edge the row is mirrored,
# 10 20 30 40 30 20 …, and 4.5 is half-way between 30 and 20.

# %%
x = np.array([[10.0, 20, 30, 40], [10, 20, 30, 40]])
u = np.array([0, 0.5, 0.5, 1.5])
stretched = np.full(7, np.nan)
stretched[2 * np.arange(4)] = x[0]
assert np.isnan(stretched).sum() == 3  # forward leaves holes

at = np.stack([np.zeros((1, 4)), [np.arange(4) + u]])  # rows, then columns
assert np.array_equal(interpolation.linear(x, at), [[10, 25, 35, 25]])

# %% [markdown]
# ## Between four pixels
#
# In an image, a place $(i + f,\ j + g)$ with $0 \le f, g < 1$ is between four pixels. Interpolate
# along the upper row, along the lower row, and then between the two results:
#
# $$p = (1-g)\,x[i, j] + g\,x[i, j+1]$$
#
# $$q = (1-g)\,x[i+1, j] + g\,x[i+1, j+1]$$
#
# $$y = (1-f)\,p + f\,q$$
#
# Labels are read at the same places, but from the *nearest* pixel. Half-way between class 0 and
# class 2, linear interpolation would say class 1, which nobody annotated. As a loop:


# %%
def mirror(k, n):
    k = k % (2 * n - 2)
    return min(k, 2 * n - 2 - k)


def linear(image, at):
    height, width = image.shape
    y = np.zeros(at.shape[1:])
    for place in np.ndindex(y.shape):
        i, j = np.floor(at[:, *place]).astype(int)
        f, g = at[:, *place] - (i, j)
        for row, share_of_row in ((i, 1 - f), (i + 1, f)):
            for column, share in ((j, 1 - g), (j + 1, g)):
                value = image[mirror(row, height), mirror(column, width)]
                y[place] += share_of_row * share * value
    return y


# %%
image, anywhere = rng.random((6, 9)), rng.uniform(-20, 20, (2, 30, 20))
assert np.allclose(linear(image, anywhere), interpolation.linear(image, anywhere))

classes, middle = np.array([[0, 2], [0, 2]]), np.array([[[0.0]], [[0.5]]])
assert linear(classes, middle) == 1  # nobody annotated this class
assert interpolation.nearest(classes, middle) in classes

# %% [markdown]
# ## A curve through three points
#
# The displacement must be smooth: neighbouring pixels move nearly together. It is given at only 3
# points of each axis, at $t = 0, 1, 2$, and a curve through these values fills in the rest. We take
# the **natural cubic spline**: between two points it is a cubic polynomial; at the middle point,
# slope and curvature do not jump; at the two ends, the curvature is 0.
#
# These conditions are linear in the three values. So three curves $S_0, S_1, S_2$ are enough, where
# $S_k$ is 1 at point $k$ and 0 at the other two: the spline through $a, b, c$ is
# $a S_0 + b S_1 + c S_2$.
#
# - **$S_1$** is symmetric about $t = 1$. On $[0, 1]$ it has the form $at + bt^3$: no constant, as
#   $S_1(0) = 0$, and no $t^2$, as its curvature at 0 is 0. From $S_1(1) = 1$ follows $a + b = 1$.
#   At the top it is level, so $a + 3b = 0$. Hence $b = -½$, $a = \frac32$, and $S_1(t) = (3t -
#   t^3)/2$. The other half is its mirror image, $S_1(2 - t)$.
# - **$S_2$**: a straight line meets all the conditions, so it is such a spline, too. The line $t/2$
#   has the values $(0, ½, 1)$. Subtract $S_1/2$, and $(0, 0, 1)$ is left: $S_2 = (t - S_1)/2$.
# - **$S_0$**: the constant 1 is such a spline with the values $(1, 1, 1)$, so the three curves add
#   up to 1, and $S_0 = 1 - S_1 - S_2 = 1 - (t + S_1)/2$.


# %%
def three_curves(size):
    t = np.linspace(0, 2, size)
    near = np.minimum(t, 2 - t)
    s1 = (3 * near - near**3) / 2
    return np.stack([1 - (t + s1) / 2, s1, (t - s1) / 2], axis=1)


S, points = deformation.interpolating(220)
assert np.allclose(S, three_curves(220))
assert [*points] == [0, 109.5, 219]

# %% tags=["draws"]
plt.rcParams["font.size"] = 11  # so that figures can be read on a phone
values = np.array([6, -9, 12])
figure, (above, below) = plt.subplots(2, 1, figsize=(5, 4.4), sharex=True, layout="constrained")
for k, style in enumerate(("C0-", "C1--", "C2:")):
    above.plot(S[:, k], style, label=f"$S_{k}$")
below.plot(points, values, "o:", color="0.5", label="straight lines")
below.plot(S @ values, "C1", label="spline")
above.legend(fontsize=10.5, ncols=3, loc="lower center")
below.legend(fontsize=10.5, loc="upper center")
above.set(title="three curves", ylim=(-0.55, 1.1))
below.set(title="through 6, −9 and 12 pixels", xlabel="pixel of the axis", ylabel="$u$")
show(
    figure,
    "Above: three smooth curves over 220 pixels, each 1 at its own point and 0 at the two others. "
    "Below: their sum with factors 6, −9, 12 runs smoothly through three dots.",
)

# %% [markdown]
# ## Nine vectors, one field
#
# The paper samples displacements on a "coarse 3 by 3 grid" and fills in the rest by "bicubic
# interpolation": along one axis, and then along the other. Let `S[r, k]` be $S_k$ at pixel $r$,
# where $t = 2r / (n - 1)$ for a tile of $n$ pixels. Then for each of the two components, rows and
# columns,
#
# $$u[r, c] = \sum_{i=0}^{2} \sum_{j=0}^{2} S[r, i]\; v[i, j]\; S[c, j]$$
#
# which is a product of three matrices, $u = S\, v\, S^{\mathsf T}$.
#
# Each component of the nine vectors $v$ is normal with a standard deviation of 10 pixels. At the
# nine points, $u$ has the same standard deviation. Half-way between two of them it has about 8:
# variances of independent numbers add, each times its weight squared. (The B-spline of the authors'
# later code passes near its points, not through them, and has 5 there.)

# %%
v = 10 * rng.standard_normal((2, 3, 3))
field = S @ v @ S.T
for r, c in ((0, 0), (40, 170), (219, 101)):
    by_hand = sum(S[r, i] * v[:, i, j] * S[c, j] for i in range(3) for j in range(3))
    assert np.allclose(field[:, r, c], by_hand)

assert np.array_equal(three_curves(5)[::2], np.eye(3))  # at a grid point: one vector alone
half_way = three_curves(5)[1]
assert np.allclose(half_way, [0.40625, 0.6875, -0.09375])
assert round(10 * np.sqrt(np.sum(half_way**2))) == 8
b_spline = deformation.b_spline(572).weights[0]  # at a grid point
assert np.isclose(10 * np.sqrt(np.sum(np.outer(b_spline, b_spline) ** 2)), 5)

# %% [markdown]
# In the figure, arrows go from the grid points to the places that they read. The net in the left
# panel shows where the straight lines of the tile come from. On the right, the tile has been read
# there: the net is straight, and the image is bent.

# %%
em = synthetic.em_stack((1, 300, 300), rng)
image = scipy.ndimage.gaussian_filter(em.images[0] / np.float32(255), 1.6)[..., np.newaxis]
at = np.indices((220, 220)) + field + 40  # the tile begins at row 40, column 40
tile = interpolation.linear(image, at)

# %% tags=["draws"]
figure, (left, right) = plt.subplots(1, 2, figsize=(5, 2.9), layout="constrained")
for ax, shown in ((left, image), (right, tile)):
    ax.imshow(shown, cmap=plt.get_cmap("gray", 32), vmin=0, vmax=1, interpolation="nearest")
for n in np.linspace(0, 219, 7).round().astype(int):
    for rows, columns in (at[:, n], at[:, :, n]):
        left.plot(columns, rows, color="C1", linewidth=1.2)
    right.axhline(n, color="C1", linewidth=1.2)
    right.axvline(n, color="C1", linewidth=1.2)
start = np.stack(np.meshgrid(points, points, indexing="ij")) + 40
heads = {"width": 0.014, "headwidth": 2.5, "headlength": 2.5, "headaxislength": 2.5}
scale = {"angles": "xy", "scale_units": "xy", "scale": 1}
left.quiver(start[1], start[0], v[1], v[0], color="C0", zorder=3, **scale, **heads)
for ax, title in ((left, "where the tile reads"), (right, "the tile")):
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "Left: an EM image with a net of bent lines over it, and nine arrows from the points of a "
    "regular 3 by 3 grid to the corners, edges and middle of the net. Right: the tile that is read "
    "there, with a straight net, its membranes bent.",
)

# %% [markdown]
# ## Turn, flip and shift in the same reading
#
# Every interpolation blurs: half-way between pixels it halves the noise, and fine detail with it.
# So there should be only one. Let $m$ be the middle of the tile, $A$ a 2×2 matrix that turns and
# perhaps flips (the paper does not mention flips), and `centre` the place in the image that the
# middle shows. Pixel $x$ of the tile shows
#
# $$\text{source}(x) = \text{centre} + A\,(x + u(x) - m).$$
#
# This costs nothing more per pixel. $S$ reproduces straight lines: the sum of each of its rows is
# 1, and it turns the three points into the pixels. So a spline through moved points is the moved
# spline, and it is enough to move nine points.

# %%
pixels = np.arange(220)
assert np.allclose(S.sum(axis=1), 1) and np.allclose(S @ points, pixels)

A = deformation.rigid(0.4, flipped=False)
assert np.allclose(A, [[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
assert np.allclose(deformation.rigid(0.4, flipped=True), A @ np.diag([1, -1]))
centre = 150.3, 148.9
moved = np.indices((220, 220)) + field - 109.5
at = np.einsum("ij,jrc->irc", A, moved) + np.reshape(centre, (2, 1, 1))
spline = deformation.interpolating(220)
assert np.allclose(at, deformation.source(220, spline, v, A, centre))

noise = rng.standard_normal((200, 200))
assert round(interpolation.linear(noise, np.indices((199, 199)) + 0.5).std(), 1) == 0.5
print(inspect.getsource(deformation.source).split('"""')[-1])

# %% [markdown]
# ## How much bending is too much?
#
# Two neighbours in a row read at $c + u[c]$ and $c + 1 + u[c+1]$. If $u$ falls by more than 1 from
# one to the next, they have changed places: the tissue is *folded*, which never happens in a real
# slice. In two dimensions, a small square keeps its orientation where this determinant is positive
# (the change of area in a change of variables):
#
# $$\det\begin{pmatrix} 1 + \partial u_r / \partial r & \partial u_r / \partial c \\
# \partial u_c / \partial r & 1 + \partial u_c / \partial c \end{pmatrix} > 0.$$
#
# The nine vectors keep their length if the tile gets smaller, and the grid shrinks with the tile.
# So 10 pixels bend a tile of 196 three times as sharply as the paper's tile of 572, and fold about
# one in five tiles of 92.


# %%
def determinant(v, size):
    S, _ = deformation.interpolating(size)
    slope = np.gradient(S, axis=0)
    (rr, cr), (rc, cc) = slope @ v @ S.T, S @ v @ slope.T
    return (1 + rr) * (1 + cc) - rc * cr


down, across = np.gradient(np.indices((220, 220)) + field, axis=(1, 2))
assert np.allclose(determinant(v, 220), down[0] * across[1] - down[1] * across[0])
draws = 10 * np.random.default_rng(1).standard_normal((200, 2, 3, 3))
least = {size: np.array([determinant(d, size).min() for d in draws]) for size in (572, 196, 92)}
assert round(np.median(1 - least[196]) / np.median(1 - least[572])) == 3
assert (least[196] > 0).all() and 0.15 < np.mean(least[92] <= 0) < 0.25

# %% tags=["draws"]
worst = draws[np.argmin(least[92])]
figure, panels = plt.subplots(1, 3, figsize=(5, 2.2), layout="constrained")
for ax, size in zip(panels, least, strict=True):
    S, _ = deformation.interpolating(size)
    rows, columns = np.indices((size, size)) + S @ worst @ S.T
    for n in np.linspace(0, size - 1, 9).round().astype(int):
        ax.plot(columns[n], -rows[n], "C0", columns[:, n], -rows[:, n], "C1", linewidth=1)
    ax.set(aspect="equal")
    ax.set_title(f"{size} pixels:\n{np.mean(least[size] <= 0):.0%} fold", fontsize=11)
    ax.axis("off")
show(
    figure,
    "A net bent by the same nine vectors on tiles of 572, 196 and 92 pixels: slightly, clearly, "
    "and so much that its lines cross.",
)

# %% [markdown]
# ## What else varies
#
# - The **place**: `sampling.sample` draws the pixel in the middle of a tile from all pixels of the
#   training slices. A bent tile shows the image beyond the tile's own square, and mirrored pixels
#   only where the image ends.
# - The **grey values**: a smooth curve maps old values to new ones. Its ends are drawn at random,
#   black in 0 … 0.1 and white in 0.9 … 1, and its slopes lie in 0.8 … 1.2. The paper mentions this
#   variation without numbers; these numbers are those of its authors' later code.

# %%
curves = np.stack([grey_values.curve(rng) for _ in range(40)])
slopes = np.diff(curves) * 255
assert 0.8 <= slopes.min() and slopes.max() <= 1.2
assert np.all(np.abs(curves[:, 0] - 0.05) < 0.051) and np.all(np.abs(curves[:, -1] - 0.95) < 0.051)

# %% tags=["draws"]
grey = np.linspace(0, 1, 256)
figure, ax = plt.subplots(figsize=(4.6, 2.9), layout="constrained")
ax.plot(grey, curves[:8].T, color="C0", linewidth=1)
ax.plot(grey, grey, color="0.5", linestyle=":")
ax.set(xlabel="grey value in the image", ylabel="in the tile")
show(figure, "Eight smooth rising curves near the diagonal, grey values before and after.")

# %% [markdown]
# - **Dropout**, which the paper counts as augmentation, too. In training, at the end of the
#   contracting path, each number becomes 0 with a probability of ½, and the others are doubled. So
#   the mean stays the same, and prediction needs no change. The network cannot rely on any single
#   number. With a random mask of zeros and twos, $y$ is $x$ times the mask, and so $dx$ is $dy$
#   times the mask. (The probability ½ and the two places, `contract3` and `bottom`, are those of
#   the authors' release.)

# %%
x, dy = np.ones((50, 50, 4)), rng.standard_normal((50, 50, 4))
y, mask = dropout.forward(x, 0.5, rng)
assert set(np.unique(mask)) == {0, 2} and abs(y.mean() - 1) < 0.1
assert np.array_equal(y, x * mask) and np.array_equal(dropout.backward(dy, mask), dy * mask)
paper = Architecture()
assert paper.dropout == 0.5 and paper.dropout_stages == ("contract3", "bottom")

# %% [markdown]
# The figure shows one place as it was and three times augmented. A grid was painted on the image
# before it was bent, so you see the bend. The labels are read with the same field, and no class
# occurs in them that was not there before.

# %%
labels = em.labels[0]
whole = Sample(image, labels, augment.grid(labels.shape, (150, 150), 220))
kinds = [augmentation.SETS["none"]] + 3 * [augmentation.SETS["paper"]]
samples = [augmentation.sample(whole, (150, 150), 220, 0, kind, rng) for kind in kinds]
assert all(set(np.unique(sample.labels)) <= {0, 1} for sample in samples)

weights = np.ones(labels.shape, np.float32)
rngs = sampling.tile_rng(1, step=7), sampling.tile_rng(1, step=7)
slices = [Sample(image, labels, weights)]
one, same = (sampling.sample(slices, 188, 4, kinds[1], rng) for rng in rngs)
assert one.x.shape == (188, 188, 1) and one.labels.shape == (4, 4)
assert np.array_equal(one.x, same.x)  # a tile depends on the seed and the step alone

# %% tags=["draws"]
figure, panels = plt.subplots(4, 2, figsize=(4.4, 9), layout="constrained")
for k, (x, label, grid, _) in enumerate(samples):
    panels[k, 0].imshow(augment.painted(x, grid))
    panels[k, 0].set_title(f"sample {k}" if k else "as it was", fontsize=11)
    panels[k, 1].imshow(label, cmap="gray", interpolation="nearest")
    panels[k, 1].set_title("its labels", fontsize=11)
for ax in panels.flat:
    ax.set(xticks=[], yticks=[])
show(
    figure,
    "One EM tile as it was and three times augmented, with a painted grid that shows the bend, and "
    "the labels beside it: turned, flipped and bent alike.",
)

# %% [markdown]
# ## What is it worth? Small networks on few slices
#
# Chapter 10 explains training. Its result can be read before: a network learns some annotated
# slices, the *training slices*, and is then scored on others, the **held-out** slices. A network
# that **overfits** fits its training slices, noise included, and fails on others.
#
# `benchmarks/annotated_slices.py` trained the same small network on 1, 2, 4 and 8 small slices of
# synthetic EM (96×96 pixels, each of another tissue), 300 steps each time. It did so in three ways:
#
# - without augmentation, where tiles are only cut at random places;
# - with turns, flips and grey values (`--augment rigid`);
# - with the elastic deformation as well (`--augment paper`).
#
# It used three random seeds, which differ in slices, initial weights and tiles. You can repeat the
# command without any data:
#
#     python benchmarks/annotated_slices.py --out FOLDER --seeds 0 1 2
#
# The figure shows the energy of eight held-out slices (lower is better; the answer ½ everywhere has
# $\ln 2 = 0.69$) and the share of wrong pixels, with both classes counted the same (the same answer
# everywhere has ½). The bars are the standard deviation over the seeds.

# %%
PICTURES = Path("../benchmarks/pictures")
measured = json.loads((PICTURES / "annotated_slices.json").read_text("utf-8"))
WAYS = {"none": "no augmentation", "rigid": "rigid", "paper": "rigid and elastic"}


def of_seeds(way, count, score, part="held_out"):
    """Return a score of the networks with all seeds."""
    runs = measured["scores"][way][str(count)].values()
    return np.array([run[part][score] for run in runs])


counts = {way: [int(n) for n, runs in measured["scores"][way].items() if runs] for way in WAYS}
print(f"energy after {measured['steps']} steps, mean ± standard deviation over the seeds")
for way, name in WAYS.items():
    for n in counts[way]:
        trained, held_out = (
            of_seeds(way, n, "energy", part) for part in ("trained_on", "held_out")
        )
        shown = [f"{e.mean():.2f} ± {e.std(ddof=1):.2f}" for e in (trained, held_out)]
        print("{:<17} slices: {}   trained on: {}   held out: {}".format(name, n, *shown))

# %%
mean = {n: of_seeds("none", n, "energy").mean() for n in counts["none"]}
assert mean[1] > mean[2] > mean[4]
gap = {n: mean[n] - of_seeds("none", n, "energy", "trained_on").mean() for n in mean}
assert gap[1] > 5 * gap[8]
for way in ("rigid", "paper"):
    augmented = of_seeds(way, 1, "energy")
    assert (augmented < of_seeds("none", 1, "energy")).all() and augmented.mean() > mean[2]
bent = np.array([of_seeds("paper", n, "energy") - of_seeds("rigid", n, "energy") for n in mean])
print("what the elastic deformation adds to the energy, for 1, 2, 4 and 8 slices:")
print(*(f"{each.mean():+.3f} ± {each.std(ddof=1):.3f}" for each in bent), sep=", ")
assert abs(bent.mean()) < bent.std(ddof=1) / np.sqrt(bent.size)

# %% tags=["draws"]
figure, panels = plt.subplots(2, 1, figsize=(5, 5.6), sharex=True, layout="constrained")
for ax, score in zip(panels, ("energy", "error"), strict=True):
    for k, (way, name) in enumerate(WAYS.items()):
        values = np.array([of_seeds(way, count, score) for count in counts[way]])
        at = np.log2(counts[way]) + 0.06 * k  # beside, not on top of each other
        ax.errorbar(at, values.mean(1), values.std(1, ddof=1), fmt="o-", capsize=3, label=name)
    ax.set_xticks(np.log2(counts["none"]), list(map(str, counts["none"])))
    ax.grid(alpha=0.3)
panels[0].axhline(np.log(2), color="0.5", linestyle=":")
panels[0].text(3, np.log(2), "ln 2", ha="right", va="bottom")
panels[0].set(ylabel="energy, held out", ylim=(0.4, 0.75))
panels[1].set(ylabel="wrong pixels, held out", xlabel="annotated slices")
panels[1].legend(fontsize=10.5)
show(
    figure,
    "Energy and share of wrong pixels of held-out slices against 1, 2, 4 and 8 annotated slices. "
    "Both fall from one slice to four. With one slice, the two augmented networks are better, with "
    "and without elastic deformation; from two slices on, the three curves are the same within "
    "their error bars.",
)

# %% [markdown]
# **More slices help.** Without augmentation, the energy of the held-out slices falls from one slice
# to two and to four, and then no further. With a single slice the network overfits: its energy is
# far lower on that slice than on others, and with eight slices the two are nearly the same.
#
# **Augmentation helps where slices are few.** With a single slice, the energy of the held-out
# slices is lower with augmentation for each of the three seeds, by very little for one of them, and
# the share of wrong pixels is lower for two of the three. It does not replace a second
# slice: one augmented slice is still worse than two without augmentation. From two slices on, the
# difference is within the noise, because a few slices are enough for what this small network can
# learn in 300 steps.
#
# **The elastic deformation adds nothing that can be measured here.** The curves of `rigid` and of
# `rigid and elastic` lie on top of each other, so the gain comes from turns, flips and grey values.
# This short experiment supports augmentation, but not the paper's claim that bending is the key.
#
# ## And on real data?
#
# The same question for the stack of the paper (ISBI 2012) and for images of nuclei, with larger
# networks and three seeds. These commands measured it, and need the data:
#
#     python benchmarks/few_images.py nuclei-dsb2018 --out R/nuclei --experiment cells \
#         --tile 212 --steps 1000 --validate-every 500 --average none
#     python benchmarks/few_images.py isbi2012 --out R/isbi --experiment em \
#         --tile 212 --steps 600 --validate-every 300 --average none
#
# SEG and V_Rand are scores of chapter 11; higher is better. **All the curves are flat.** In runs
# this short, one slice is enough for what the network can learn, and the elastic deformation makes
# no difference that could be told from the noise. The code below takes the difference of each pair
# of runs that differ in nothing else. For both data sets, the mean of the 15 differences is smaller
# than its standard error.
#
# So these runs do not show that the elastic deformation is worth anything, and they do not show the
# opposite. The claim of the paper is about long runs: its network trained for ten hours. In a long
# run, a network would overfit a single one of these slices, too. We have not made such runs on
# these data.

# %%
published = json.loads((PICTURES / "few_images.json").read_text("utf-8"))
for one in published:
    elastic, rigid = (np.array(one["values"][f"--augment {way}"]) for way in ("paper", "rigid"))
    assert one["counts"] == [1, 2, 4, 8, 16] and elastic.shape == rigid.shape == (5, 3)
    difference = (elastic - rigid).ravel()
    error = difference.std(ddof=1) / np.sqrt(difference.size)
    print(f"{one['data']}: elastic less rigid {difference.mean():+.4f}, standard error {error:.4f}")
    assert abs(difference.mean()) < error

# %% tags=["draws"]
figure, panels = plt.subplots(2, 1, figsize=(5, 5.2), sharex=True, layout="constrained")
for ax, one in zip(panels, published, strict=True):
    for way, colour, name in (("rigid", "C1", "rigid"), ("paper", "C2", "rigid and elastic")):
        values = np.array(one["values"][f"--augment {way}"])
        at = np.log2(one["counts"]) + (0.06 if way == "paper" else 0)
        spread = values.std(axis=1, ddof=1)
        ax.errorbar(at, values.mean(1), spread, fmt="o-", color=colour, capsize=3, label=name)
    ax.set_xticks(np.log2(one["counts"]), list(map(str, one["counts"])))
    ax.set(ylabel=one["score"].split(",")[0], ylim=(0.6, 0.85))
    ax.set_title(f"{one['data']}, {one['held_out']} held-out images", fontsize=11)
    ax.grid(alpha=0.3)
panels[1].set(xlabel="annotated slices")
panels[0].legend(fontsize=10.5, loc="lower right")
show(
    figure,
    "SEG of nuclei above, V_Rand of the ISBI 2012 stack below, against 1, 2, 4, 8 and 16 training "
    "slices, with and without elastic deformation: all four curves are flat, and their error bars "
    "overlap.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/deformation.py`.

# %%
# 1. Predict by hand. The three values on an axis are 8, 0, 0 pixels. What is the displacement
#    half-way between the first point and the second?
answer = ...
check_halfway(answer)


# %%
# 2. Where does a turned tile read?
def turned(size, angle):
    """Places (2, size, size) in the image, rows then columns, that a tile reads if it is turned
    about its middle by `angle`, in radians, and nothing else.

    At π/2 the tile that is read there must be np.rot90(image).
    """
    ...


check_turned(turned)


# %%
# 3. Bend an image and its labels.
def deform(image, labels, S, v):
    """Bend image (n, n) and labels (n, n) by the field of S (n, 3) and v (2, 3, 3).

    You may use `interpolation`. Returns the two.
    """
    ...


check_deform(deform)


# %%
# 4. Is the tissue folded?
def folds(v, size):
    """Whether the nine vectors v (2, 3, 3), rows then columns, fold a tile anywhere: True or False.

    You may use `deformation.interpolating` and `np.gradient`.
    """
    ...


check_folds(folds)

# %% [markdown]
# ## Summary
#
# - Augmentation makes new training tiles by changes under which the labels stay known.
# - Ask every pixel of the tile where it reads; image and labels are read at the same places.
# - Nine random vectors and a spline make a smooth field, $u = S\, v\, S^{\mathsf T}$, for each
#   component.
# - The same vectors bend a small tile more sharply: look at your tiles, and avoid folds.
# - With one annotated slice, augmentation lowers the energy of held-out slices; with more, short
#   runs show no difference.
#
# ## In other words
#
# - *Augmentation*: **data augmentation**. *Elastic deformation*: **elastic transform**,
#   **warping**.
# - *Displacement field*: **deformation field**, **flow**. *Asking backward*: **inverse
#   warping**, **backward mapping**.
# - *Linear interpolation* in two directions: **bilinear interpolation**.
# - *Overfitting*: **memorization**. Augmentation and dropout reduce it; they are forms of
#   **regularization**.
#
# ## Further reading
#
# - P. Y. Simard, D. Steinkraus and J. C. Platt, *Best practices for convolutional neural networks
#   applied to visual document analysis* (2003): elastic deformation.
# - A. Dosovitskiy, J. T. Springenberg, M. Riedmiller and T. Brox, *Discriminative unsupervised
#   feature learning with convolutional neural networks* (2014): which the paper cites on
#   augmentation.
# - N. Srivastava and others, *Dropout: a simple way to prevent neural networks from overfitting*
#   (2014).
#
# `python -m minunet.augment IMAGE LABELS -o SHEET.png` draws the augmented tiles of your own
# images: look at them before you train. Next: [10. Training](10_training.ipynb)
