# %% [markdown]
# # 9. Thirty images are enough
#
# *How does one annotated tile become thousands, each as the tissue might have been?*
#
# Afterwards you can write the elastic deformation of section 3.1 of the paper, from nine random
# vectors to a warped tile with its labels, and say how much of it a tile bears.
#
# Explains `minunet/augmentation/`: `deformation.py`, `interpolation.py`, `grey_values.py` and
# `tile.py`; the command `minunet/augment.py`, `minunet/training/sampling.py` and
# `minunet/ops/dropout.py`.
# Before: [8. Tiles without seams](08_tiles.ipynb). After: [10. Training](10_training.ipynb).

# %%
import inspect

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
# ## Ask every pixel where it comes from
#
# The paper's EM stack has 30 annotated images. Tissue bends, and when we bend a tile, we know its
# new labels. (That this makes 30 *enough* is the paper's finding; here we make the tiles.)
#
# Moving the pixels forward leaves holes: stretch a row of 4 to 7, and 3 places get nothing. So we
# ask backward. Pixel $c$ of the new row shows the old row at $c + u[c]$: every place gets a value.
#
#     x        10   20   30   40
#     u         0  0.5  0.5  1.5
#     c + u     0  1.5  2.5  4.5
#     y        10   25   35   25
#
# 1.5 lies half-way between 20 and 30. Beyond the edge the row is mirrored, 10 20 30 40 30 20 …, and
# 4.5 lies between 30 and 20.

# %%
x = np.array([[10.0, 20, 30, 40], [10, 20, 30, 40]])
u = np.array([0, 0.5, 0.5, 1.5])
stretched = np.full(7, np.nan)
stretched[2 * np.arange(4)] = x[0]
assert np.isnan(stretched).sum() == 3  # forward leaves holes

at = np.stack([np.zeros((1, 4)), [np.arange(4) + u]])  # rows, then columns
assert np.array_equal(interpolation.linear(x, at), [[10, 25, 35, 25]])
assert 30 * 512**2 == 7_864_320  # labelled pixels of the stack: 30 images of 512×512

# %% [markdown]
# ## Between four pixels
#
# A place $(i + f,\ j + g)$ with $0 \le f, g < 1$ lies between four pixels. Interpolate along the
# upper row, along the lower row, and then between the two results:
#
# $$p = (1-g)\,x[i, j] + g\,x[i, j+1]$$
#
# $$q = (1-g)\,x[i+1, j] + g\,x[i+1, j+1]$$
#
# $$y = (1-f)\,p + f\,q$$
#
# Labels go the same way with the *nearest* pixel: half-way between class 0 and class 2 linear
# interpolation would say class 1, which nobody drew. As a loop:


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


image, anywhere = rng.random((6, 9)), rng.uniform(-20, 20, (2, 30, 20))
assert np.allclose(linear(image, anywhere), interpolation.linear(image, anywhere))

classes, middle = np.array([[0, 2], [0, 2]]), np.array([[[0.0]], [[0.5]]])
assert linear(classes, middle) == 1
assert interpolation.nearest(classes, middle) in classes

# %% [markdown]
# ## A curve through three points
#
# $u$ must be smooth, and is given at 3 points of an axis, at $t = 0, 1, 2$. Draw the *natural cubic
# spline*: a cubic between points, slope and curvature without a jump, no curvature at the ends. It
# is linear in the three values, so three curves $S_k$ give all: 1 at point $k$, 0 at the others.
#
# - $S_1$ is symmetric about $t = 1$. On $[0, 1]$ it is $at + bt^3$: no constant as $S_1(0) = 0$, no
#   $t^2$ as it has no curvature at 0. $S_1(1) = 1$ says $a + b = 1$, and a level top says
#   $a + 3b = 0$. Hence $S_1(t) = (3t - t^3)/2$, and $S_1(2 - t)$ on the other half.
# - A straight line is such a spline, too. $t/2$ has the values $(0, \frac12, 1)$; take off
#   $S_1/2$, and what is left is $(0, 0, 1)$: $S_2 = (t - S_1)/2$.
# - The constant 1 is one as well. So the three sum to 1:
#   $S_0 = 1 - S_1 - S_2 = 1 - (t + S_1)/2$.


# %%
def three_curves(size):
    t = np.linspace(0, 2, size)
    near = np.minimum(t, 2 - t)
    s1 = (3 * near - near**3) / 2
    return np.stack([1 - (t + s1) / 2, s1, (t - s1) / 2], axis=1)


S, points = deformation.interpolating(220)
assert np.allclose(S, three_curves(220))
assert [*points] == [0, 109.5, 219]

values = np.array([6, -9, 12])
figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.7), layout="constrained")
for k, style, place in ((0, "C0-", (18, 0.95)), (1, "C1--", (100, 0.85)), (2, "k:", (180, 0.95))):
    left.plot(S[:, k], style)
    left.text(*place, f"$S_{k}$")
right.plot(points, values, "o:", color="0.5", label="straight")
right.plot(S @ values, "C1", label="spline")
right.legend(loc="upper center")
left.set(title="three curves", xlabel="pixel of the axis")
right.set(title="6, −9 and 12 pixels", xlabel="pixel of the axis", ylabel="$u$")
show(
    figure,
    "Left: three smooth curves over 220 pixels, each 1 at its own point and 0 at the two others. "
    "Right: their sum with factors 6, −9, 12 runs smoothly through three dots.",
)

# %% [markdown]
# ## Nine vectors, one field
#
# The paper's "bicubic interpolation": along one axis, then along the other. Let `S[r, k]` be $S_k$
# at pixel $r$, where $t = 2r / (n - 1)$. For each component, rows and columns:
#
# $$u[r, c] = \sum_{i=0}^{2} \sum_{j=0}^{2} S[r, i]\; v[i, j]\; S[c, j]$$
#
# That is, $u = S\, v\, S^{\mathsf T}$.
#
# $v$ is the "coarse 3 by 3 grid" of the paper, each component normal with a standard deviation of
# 10 pixels. At the nine points $u$ has that too. Half-way between two of them it has about 8:
# variances of independent numbers add, each times its share squared. (The B-spline of the authors'
# later code passes near its points, and has 5 at them.)
#
# Below, on the left, arrows go from the grid points to where they read, and the net is where the
# straight lines of the tile come from. On the right it has been read: a straight net, a bent image.

# %%
v = 10 * rng.standard_normal((2, 3, 3))
field = S @ v @ S.T
for r, c in ((0, 0), (40, 170), (219, 101)):
    by_hand = sum(S[r, i] * v[:, i, j] * S[c, j] for i in range(3) for j in range(3))
    assert np.allclose(field[:, r, c], by_hand)

assert np.array_equal(three_curves(5)[::2], np.eye(3))
half_way = three_curves(5)[1]
assert np.allclose(half_way, [0.40625, 0.6875, -0.09375])
assert round(10 * np.sqrt(np.sum(half_way**2))) == 8
b_spline = deformation.b_spline(572).weights[0]  # at a grid point; its shares along both axes
assert np.isclose(10 * np.sqrt(np.sum(np.outer(b_spline, b_spline) ** 2)), 5)

# %%
em = synthetic.em_stack((1, 300, 300), rng)
image = scipy.ndimage.gaussian_filter(em.images[0] / np.float32(255), 1.6)[..., np.newaxis]
at = np.indices((220, 220)) + field + 40  # the tile begins at row 40, column 40
tile = interpolation.linear(image, at)
start = np.stack(np.meshgrid(points, points, indexing="ij")) + 40

figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.8), layout="constrained")
for ax, shown in ((left, image), (right, tile)):
    ax.imshow(shown, cmap=plt.get_cmap("gray", 32), vmin=0, vmax=1, interpolation="nearest")
for n in np.linspace(0, 219, 9).round().astype(int):
    for rows, columns in (at[:, n], at[:, :, n]):
        left.plot(columns, rows, color="C1", linewidth=1)
    right.axhline(n, color="C1", linewidth=1)
    right.axvline(n, color="C1", linewidth=1)
arrows = {"angles": "xy", "scale_units": "xy", "scale": 1, "color": "C0", "width": 0.012}
arrows |= {"headwidth": 2.5, "headlength": 2.5, "headaxislength": 2.5}
left.quiver(start[1], start[0], v[1], v[0], zorder=3, **arrows)
left.set(title="the image, and where the tile reads", xticks=[], yticks=[])
right.set(title="the tile", xticks=[], yticks=[])
show(
    figure,
    "Left: an EM image with a net of bent lines over it, and nine arrows from the points of a "
    "regular 3 by 3 grid to the corners, edges and middle of the net. Right: the tile that is read "
    "there, with a straight net, its membranes bent.",
)

# %% [markdown]
# ## Turn, flip, shift: all in one reading
#
# Each interpolation blurs (half-way between pixels it halves noise, and fine detail with it), so
# there is only one. Let $m$ be the middle of the tile, $A$ a 2×2 matrix that turns and perhaps
# flips (the paper names no flips), and `centre` the place that the middle shows. Pixel $x$ shows
#
# $$\text{source}(x) = \text{centre} + A\,(x + u(x) - m).$$
#
# $S$ reproduces straight lines: $S\,1 = 1$, and $S$ turns the points into the pixels. So the spline
# of the moved points is the moved spline. It is enough to move nine points: no cost per pixel.

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
for function in (deformation.source, augmentation.sample):
    print(inspect.getsource(function).split('"""')[-1])

# %% [markdown]
# ## How much can a tile bear?
#
# Two neighbours of a row read at $c + u[c]$ and $c + 1 + u[c+1]$. If $u$ falls by more than 1, they
# have changed places: the tissue is folded. In two dimensions, a small square is not turned over
# where
#
# $$\det\begin{pmatrix} 1 + \partial u_r / \partial r & \partial u_r / \partial c \\
# \partial u_c / \partial r & 1 + \partial u_c / \partial c \end{pmatrix} > 0.$$
#
# The nine vectors keep their length while the grid shrinks with the tile. So 10 pixels bend a tile
# of 196 three times as sharply as the paper's 572, and fold about one in five tiles of 92.


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

worst = draws[np.argmin(least[92])]
figure, panels = plt.subplots(1, 3, figsize=(6.6, 2.5), layout="constrained")
for ax, size in zip(panels, least, strict=True):
    S, _ = deformation.interpolating(size)
    rows, columns = np.indices((size, size)) + S @ worst @ S.T
    for n in np.linspace(0, size - 1, 9).round().astype(int):
        ax.plot(columns[n], -rows[n], "C0", columns[:, n], -rows[:, n], "C1", linewidth=1)
    ax.set(title=f"tile of {size}: {np.mean(least[size] <= 0):.0%} fold", aspect="equal")
    ax.axis("off")
show(
    figure,
    "A net bent by the same nine vectors on tiles of 572, 196 and 92 pixels: slightly, clearly, "
    "and so much that its lines cross.",
)

# %% [markdown]
# ## What else varies
#
# - The **place**: the middle of a tile is any pixel of the stack (`sampling.sample`), and anywhere
#   on that pixel. Beyond its edges a bent tile shows the image, and a mirror only where that ends.
# - The **grey values**: a smooth curve sends old to new. Its points are drawn: black in 0 … 0.1,
#   white in 0.9 … 1, with slopes in 0.8 … 1.2. The paper names the variation and no numbers; these
#   are of its authors' later code.
# - **Dropout**, which the paper counts as augmentation, too. In training, at the end of the
#   contracting path, each number becomes 0 with chance ½; the others are doubled, so that the mean
#   stays and prediction needs no change. $y$ is $x$ times a mask of 0 and 2, and so $dx$ is $dy$
#   times that mask. (The rate ½ and the two places, `contract3` and `bottom`, are the release's.)
#
# The last figure shows one place four times, with a grid painted on before it is bent; the labels
# below are read with the same field.

# %%
x, dy = np.ones((50, 50, 4)), rng.standard_normal((50, 50, 4))
y, mask = dropout.forward(x, 0.5, rng)
assert set(np.unique(mask)) == {0, 2} and abs(y.mean() - 1) < 0.1
assert np.array_equal(y, x * mask) and np.array_equal(dropout.backward(dy, mask), dy * mask)
paper = Architecture()
assert paper.dropout == 0.5 and paper.dropout_stages == ("contract3", "bottom")

curves = np.stack([grey_values.curve(rng) for _ in range(40)])
slopes = np.diff(curves) * 255
assert 0.8 <= slopes.min() and slopes.max() <= 1.2
assert np.all(np.abs(curves[:, 0] - 0.05) < 0.051) and np.all(np.abs(curves[:, -1] - 0.95) < 0.051)
grey = np.linspace(0, 1, 256)
figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.6), layout="constrained")
left.plot(grey, curves[:8].T, color="C0", linewidth=1)
left.plot(grey, grey, "k:", linewidth=1)
right.plot(grey[1:], slopes[:8].T, color="C0", linewidth=1)
left.set(title="eight curves", xlabel="grey value in the image", ylabel="in the tile")
right.set(title="their slopes", xlabel="grey value in the image", ylim=(0.78, 1.22))
show(
    figure,
    "Left: eight smooth rising curves near the diagonal, grey values before and after. Right: "
    "their slopes, all between 0.8 and 1.2.",
)

# %%
labels = em.labels[0]
lines = augment.grid(labels.shape, (150, 150), 220)
kinds = [augmentation.SETS["none"]] + 3 * [augmentation.SETS["paper"]]
whole = Sample(image, labels, lines)
samples = [augmentation.sample(whole, (150, 150), 220, 0, kind, rng) for kind in kinds]
for _, label, *_ in samples:
    assert set(np.unique(label)) <= {0, 1}  # nobody invents a class

figure, panels = plt.subplots(2, 4, figsize=(6.4, 3.4), layout="constrained")
for k, (x, label, grid, _) in enumerate(samples):
    panels[0, k].imshow(augment.painted(x, grid))
    panels[0, k].set_title(f"sample {k}" if k else "as it was", fontsize=10)
    panels[1, k].imshow(label, cmap="gray", interpolation="nearest")
for ax in panels.flat:
    ax.set(xticks=[], yticks=[])
show(
    figure,
    "One EM tile as it was and three times augmented, with a painted grid that shows the bend, and "
    "the labels below: turned, flipped and bent alike.",
)

weights = np.ones(labels.shape, np.float32)
rngs = sampling.tile_rng(1, step=7), sampling.tile_rng(1, step=7)
slices = [Sample(image, labels, weights)]
one, same = (sampling.sample(slices, 188, 4, kinds[1], rng) for rng in rngs)
assert one.x.shape == (188, 188, 1) and one.labels.shape == (4, 4)
assert np.array_equal(one.x, same.x)  # a tile depends on the seed and the step alone

# %% [markdown]
# ## Exercises
#
# Replace each `...`; the last line says whether it is right, and if not, what is likely wrong.

# %%
# Predict, with a pencil. The three values on an axis are 8, 0, 0 pixels. What is the displacement
# half-way between the first point and the second?
answer = ...
check_halfway(answer)


# %%
def turned(size, angle):
    """Places (2, size, size) in the image, rows then columns, that a tile reads if it is turned
    about its middle by `angle`, in radians, and nothing else.

    At π/2 the tile that is read there must be np.rot90(image).
    """
    ...


check_turned(turned)


# %%
def deform(image, labels, S, v):
    """Bend image (n, n) and labels (n, n) by the field of S (n, 3) and v (2, 3, 3).

    `interpolation` may be used. Returns the two.
    """
    ...


check_deform(deform)


# %%
def folds(v, size):
    """Whether the nine vectors v (2, 3, 3), rows then columns, fold a tile anywhere: True or False.

    `deformation.interpolating` and `np.gradient` may be used.
    """
    ...


check_folds(folds)

# %% [markdown]
# Solutions: `solutions/deformation.py`. `python -m minunet.augment IMAGE LABELS -o SHEET.png` draws
# the last figure of your own images: look at it before you train.
# [Chapter 10](10_training.ipynb) trains on such tiles.
