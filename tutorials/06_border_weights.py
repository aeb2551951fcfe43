# %% [markdown]
# # 6. Border weights
#
# *Which pixels must count more, and by how much?*
#
# Afterwards you can write equation (2) and redraw Figure 3 of the paper, choose $w_0$ and $\sigma$
# for your own cells, and say why a network trained with them draws its borders too thick.
#
# Explains `minunet/data/weight_map.py` and `distances.py`, `minunet/prediction/instances.py`, and
# the picture of `minunet/report/figure3.py`. Before: [5. The energy](05_energy.ipynb).
# After: [7. The U](07_the_u.ipynb).

# %%
import inspect

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

from minunet.data import distances, synthetic, weight_map
from minunet.ops import cross_entropy
from minunet.prediction import instances
from minunet.report import drawing

rng = np.random.default_rng(1)

# %% [markdown]
# ## A border has to be made
#
# Somebody has numbered the cells: 0 is background, $k$ is cell $k$. The network learns two classes,
# so the label is $\ell = 1$ on every cell and 0 elsewhere. Follow one row with a pencil:
#
#     cells   0 1 1 1 1 2 2 2 0
#     label   0 1 1 1 1 1 1 1 0    one piece
#
#     apart   0 1 1 1 0 0 2 2 0
#     label   0 1 1 1 0 0 1 1 0    two pieces
#
# In `apart`, every pixel that had another cell in its 3×3 neighbourhood became background. The
# paper makes such a border by "morphological operations" and does not name them; this is ours: a
# loop over pixels here, in the package nine shifted copies of the map, compared at once.
#
# Then the same on eight discs; where two overlap, a pixel goes to the disc it is deeper inside.
# Without a border their label has five pieces, with it eight. The border is one pixel in a hundred:
# a network that is wrong there alone has a pixel error of 1 %, and finds five cells.


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
assert np.array_equal(separate(row), weight_map.separate(row))

pieces_before, pieces_after = (scipy.ndimage.label(each > 0)[1] for each in (row, separate(row)))
assert (pieces_before, pieces_after) == (1, 2)
print(inspect.getsource(weight_map.separate).split('"""')[-1])


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
assert scipy.ndimage.label(cells > 0)[1] == 5
assert scipy.ndimage.label(apart > 0)[1] == 8
assert round(100 * border.mean()) == 1
print(f"{border.sum()} of {border.size} pixels are border: {100 * border.mean():.2f} %")

# %% [markdown]
# ## First term: every class the same share
#
# Let $n_k$ of the $|\Omega|$ pixels have class $k$, of $K$ classes. If each of them weighs
# $w_c[k]$, the class weighs $n_k\, w_c[k]$. We want all classes to weigh the same, call it $s$, and
# a mean weight of 1, so that a learning rate means the same with and without weights:
#
# $$n_k\, w_c[k] = s, \quad \sum_k n_k\, w_c[k] = K s = |\Omega|$$
#
# $$\Rightarrow\quad w_c[k] = \frac{s}{n_k} = \frac{|\Omega|}{K\, n_k}.$$
#
# By hand: 2 pixels of background and 6 of cell give $8/(2\cdot 2) = 2$ and $8/(2\cdot 6) = 2/3$.
# In a map, $w_c(\mathbf{x})$ is the $w_c[k]$ of the class of the pixel. The paper says that $w_c$
# is there "to balance the class frequencies", and prints no formula.

# %%
few = np.array([[0, 1, 1, 1], [0, 1, 1, 1]])
assert np.allclose(weight_map.class_weights([few], classes=2), [2, 2 / 3])

n = np.bincount(label.ravel())
w_c = weight_map.class_weights([label], classes=2)
assert np.allclose(w_c, label.size / (2 * n))
assert np.allclose(n * w_c, label.size / 2)  # every class the same share
assert np.isclose(w_c[label].mean(), 1)
print(f"background {w_c[0]:.3f}, cell {w_c[1]:.3f}: on our discs the classes are nearly even")

# %% [markdown]
# ## Second term: how narrow is the gap?
#
# $d_1$ is the distance of a pixel to the nearest cell, $d_2$ to the second nearest *cell*, from
# pixel to pixel: 1 beside a cell. A row, with dots for the background:
#
#     cells  1 1 1 . . 2 2 2 2 2 2 . . . . 3 3 3
#     d1           1 1             1 2 2 1
#     d2           2 2             4 3 3 4
#     d1+d2        3 3             5 5 5 5
#
# In a gap of $g$ pixels, a pixel at distance $t$ from one side is at $g + 1 - t$ from the other. So
# $d_1 + d_2 = g + 1$ all across: the sum measures the width of the gap and forgets where in it we
# are. Read literally: find the distance to every cell, sort, take the first two.


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
# `distances.two_nearest` gives the same bits without a map of distances for each cell. As $d^2$ is
# a square of rows plus a square of columns, it looks along every column once, and then along the
# rows; its docstring says how.
#
# ## Equation (2)
#
# $$w(\mathbf{x}) = w_c(\mathbf{x}) + w_0 \cdot
# \exp\left(-\frac{(d_1(\mathbf{x}) + d_2(\mathbf{x}))^2}{2\sigma^2}\right)$$
#
# The paper takes $w_0 = 10$ and $\sigma \approx 5$ pixels. Call the second term the *border term*.
# Where cells touched, the gap is 2 wide: $10\, e^{-9/50} = 8.35$. At 4 it is
# $10\, e^{-25/50} = 6.07$, and without a second cell $10\, e^{-\infty} = 0$. The gradient of a
# pixel is $w\,(p - y)$ (chapter 5): for the same $p$ it is ten times as large in a gap of 2 as on
# background far from any gap. The border term stands on the background only: the paper does not
# say so, but its Figure 3 suggests it.

# %%
term = 10 * np.exp(-((d1 + d2) ** 2) / (2 * 5**2))
w = np.where(apart > 0, w_c[1], w_c[0] + term)
assert np.allclose(w, weight_map.paper(cells, w_c), rtol=1e-6)  # that one is float32
assert np.allclose(10 * np.exp([-9 / 50, -25 / 50, -np.inf]), [8.35, 6.07, 0], atol=0.005)
assert round((w_c[0] + 8.35) / w_c[0]) == 10
assert weight_map.REACH == 9  # standard deviations
print(inspect.getsource(weight_map.paper).split('"""')[-1])

# %% [markdown]
# `paper` separates the cells itself, and takes a second cell beyond $9\,\sigma$ for none.
#
# ## Figure 3, and its two knobs
#
# Somebody looks at an image (a; here it is drawn from the discs) and numbers the cells (b).
# Separated, they are the label (c), and equation (2) is (d). In synthetic EM (e) the membranes are
# the gaps: (f) is brightest where they are thin.
#
# The second figure changes $\sigma$ and $w_0$ on a row of four cells with gaps of 2, 6 and 14
# pixels. On top, $d_1 + d_2$ is flat in each gap, at $g + 1$. $\sigma$ says which gaps are narrow:
# with 2 only the first one is, with 10 all three are. $w_0$ says how much that is worth.

# %%
thickness = np.sqrt(scipy.ndimage.distance_transform_edt(apart > 0))
grain = scipy.ndimage.gaussian_filter(rng.standard_normal(cells.shape), 1.5)
relief = scipy.ndimage.gaussian_filter(thickness + 2.5 * grain * (cells > 0), 1.2)
em = synthetic.em_stack((1, 128, 152), rng)
em_w = weight_map.paper(em.instances[0], weight_map.class_weights(em.labels, classes=2))

figure, panels = plt.subplots(3, 2, figsize=(7.5, 9.6), layout="constrained")
for ax, title, shown in (
    (panels[0, 0], "(a) image", np.add(*np.gradient(relief))),
    (panels[0, 1], "(b) cells", drawing.coloured(cells)),
    (panels[1, 0], "(c) label, cells separated", label),
    (panels[1, 1], "(d) weight map", w),
    (panels[2, 0], "(e) synthetic EM", em.images[0]),
    (panels[2, 1], "(f) its weight map", em_w),
):
    ax.set(title=title, xticks=[], yticks=[])
    if "weight" in title:
        drawn = ax.imshow(shown, vmin=0, vmax=w.max())
        figure.colorbar(drawn, ax=ax, shrink=0.8)
    else:
        ax.imshow(shown, cmap="gray")
show(
    figure,
    "Eight round cells, some touching: as an image, numbered in colours, as a label with black "
    "lines where they touch, and as a weight map that is bright on those lines and in narrow gaps. "
    "Below, synthetic EM, and its weight map, bright along all membranes.",
)

# %%
strip = np.repeat([1, 0, 2, 0, 3, 0, 4, 0], [14, 2, 18, 6, 18, 14, 18, 10])[np.newaxis]
d1, d2 = np.where(strip == 0, distances.two_nearest(strip), np.nan)[:, 0]
assert [*(d1 + d2)[[14, 38, 70]]] == [3, 7, 15]


def turned(**knob):
    return weight_map.paper(strip, np.ones(2), **knob)[0]


assert [*(turned(sigma=2)[[14, 38, 70]] > 2)] == [True, False, False]
assert np.all(turned(sigma=10)[[14, 38, 70]] > 2)
figure, panels = plt.subplots(3, 1, figsize=(7.5, 6.5), sharex=True, layout="constrained")
for ax, title, lines in (
    (panels[0], "pixels", {"$d_1$": d1, "$d_2$": d2, "$d_1 + d_2$": d1 + d2}),
    (panels[1], "$w$", {rf"$\sigma = {s}$": turned(sigma=s) for s in (2, 5, 10)}),
    (panels[2], "$w$", {f"$w_0 = {h}$": turned(w0=h) for h in (5, 10, 20)}),
):
    ax.bar(range(strip.size), strip[0] > 0, 1, color="0.87", transform=ax.get_xaxis_transform())
    for (name, line), style in zip(lines.items(), ("C0:", "C1-", "C0--"), strict=True):
        ax.plot(line, style, drawstyle="steps-mid", label=name)
    ax.set(ylabel=title, xlim=(-0.5, strip.size - 0.5), ylim=(0, 19))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
panels[0].set_title("four cells (grey) and their gaps", fontsize=11)
panels[2].set(xlabel="column")
show(
    figure,
    "Three curves over a row of four cells. The sum of distances is flat in each gap: 3, 7, 15. "
    "Weights for sigma 2, 5, 10: wider bells reach wider gaps. For w0 5, 10, 20: higher, as wide.",
)

# %% [markdown]
# ## To cells, not to pixels
#
# Two slips are easy to make.
#
# - $d_1$ and $d_2$ to the two nearest *pixels* of cell. The nearest mostly has a neighbour in its
#   cell, so that $d_2 \le d_1 + 1$, or $d_1 + \sqrt 2$ if the two meet at a corner only. (Beside a
#   cell of a single pixel there is no such limit.) So the sum is about twice the distance to one
#   cell: every rim weighs much, even that of a cell which is alone.
# - The cells numbered anew, as the pieces of a binary label. Cells that touch are then one cell: no
#   border between them is made, and none has weight. That is the very border that the term is for.

# %%
pixels = scipy.spatial.cKDTree(np.argwhere(apart > 0))
near, next_near = pixels.query(np.argwhere(apart == 0), k=2)[0].T
assert np.all(next_near <= near + 1)  # of these cells
by_corners = scipy.spatial.cKDTree(np.argwhere(np.eye(5)))  # pixels that meet at corners
gaps = np.diff(by_corners.query(list(np.ndindex(9, 9)), k=2)[0])
assert np.isclose(gaps.max(), np.sqrt(2))  # more than 1
to_pixels = np.zeros(cells.shape)
to_pixels[apart == 0] = 10 * np.exp(-((near + next_near) ** 2) / (2 * 5**2))
rim = scipy.ndimage.binary_dilation(apart > 0) & (apart == 0)
assert to_pixels[rim].min() > 8  # of every cell

merged = scipy.ndimage.label(cells > 0, np.ones((3, 3)))[0]
recounted = weight_map.paper(merged, np.zeros(2))

alone = np.where(cells == 4, cells, 0)
assert not weight_map.paper(alone, np.zeros(2)).any()  # one cell: no gap, no border term
assert term[border].min() > 5
assert not recounted[border].any()
figure, panels = plt.subplots(1, 3, figsize=(8, 2.6), layout="constrained")
titles = ("to cells", "to pixels: wrong", "numbered anew: wrong")
for ax, shown, title in zip(panels, (term, to_pixels, recounted), titles, strict=True):
    drawn = ax.imshow(np.where(apart > 0, 0, shown), vmin=0, vmax=10)
    ax.set(title=title, xticks=[], yticks=[])
figure.colorbar(drawn, cax=panels[-1].inset_axes([1.06, 0, 0.07, 1]))
show(
    figure,
    "Three maps of the border term. To cells: bright lines between touching cells only. To pixels: "
    "every cell has a bright rim. Numbered anew: the lines between touching cells are missing.",
)

# %% [markdown]
# ## What it costs, and the way back
#
# Take pixels that look the same to the network, for example beside a blurred line. A part $q$ of
# them is cell, of weight $u$; the rest is gap, of weight $v$. All get the same probability of cell,
# $p$. The energy, per pixel, is least at $p^*$:
#
# $$E(p) = -q\, u \log p - (1 - q)\, v \log(1 - p)$$
#
# $$\frac{dE}{dp} = -\frac{q\, u}{p} + \frac{(1 - q)\, v}{1 - p} = 0$$
#
# $$\Rightarrow\quad p^* = \frac{q\, u}{q\, u + (1 - q)\, v}$$
#
# With equal weights $p^* = q$. With $u = 1$ and $v = 1 + 8.35$, where nine of ten pixels are cell,
# $p^* = 0.49$: the network says border. So borders come out thick.
#
# `instances.Rule` turns $p$ into numbered cells again. The connected pieces above a high threshold
# are the seeds of the cells. They grow down to a lower threshold, and each pixel goes to the
# nearest seed. So the pixels that separation took come back, if their $p$ is between the two.

# %%
q, u, v = 0.9, 1.0, 1 + 8.35
p_best = q * u / (q * u + (1 - q) * v)
assert round(p_best, 2) == 0.49 and np.isclose(q * u / (q * u + (1 - q) * u), q)
tenths = np.array([[0] + 9 * [1]])
logits = np.zeros((1, 10, 2))
logits[..., 1] = np.log(p_best / (1 - p_best))
weights = np.where(tenths == 1, u, v)
_, p = cross_entropy.forward(logits, tenths, weights)
assert np.allclose(p[..., 1], p_best)
assert np.allclose(cross_entropy.backward(p, tenths, weights).sum(axis=(0, 1)), 0)  # the lowest E

p = np.where(label == 1, 0.98, np.where(border, p_best, 0.02))
found = instances.Rule(threshold=0.8, extent=0.4).cells(p)
assert found.max() == 8
assert np.array_equal(found > 0, cells > 0)  # every pixel that was taken came back, and no other
number = np.array([0, *(np.bincount(cells[found == k]).argmax() for k in range(1, 9))])
other = np.count_nonzero(number[found] != cells)
assert other < border.sum() / 10
print(f"{border.sum()} pixels taken, all given back, {other} of them to the other cell")

# %% [markdown]
# ## Exercises
#
# Replace each `...`; the last line says whether the answer is right, and if not, what is wrong.

# %%
# 1. Predict, with a pencil. Between two cells with straight walls are 3 pixels of background. What
#    is the border term at a pixel beside a wall, with the paper's w0 and sigma? To 0.01.
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

    In apart 0 is background and every cell has a number of its own, not always 1, 2, 3 …
    Loops are fine; `scipy.ndimage.distance_transform_edt(apart != k)` is the distance to cell k.
    Mind a map with one cell, and one with none.
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
# Solutions: `solutions/border_weights.py`. Now read `weight_map.later`, the variant of the authors'
# later plugin. [Chapter 7](07_the_u.ipynb) asks which network makes the logits of a whole tile.
