# %% [markdown]
# # 1. What is a convolution?
#
# Afterwards you can compute a convolution with a pencil, write one in six lines of NumPy, and say
# what it costs.
#
# It explains `minunet/ops/conv2d.py`, its `forward`. Before: nothing but NumPy. Next:
# [2. Which way is downhill?](02_gradients.ipynb)

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
import scipy
from exercises.convolution import (
    check_by_hand,
    check_convolution,
    check_pixel_below,
    check_two_in_one,
)
from figures import show
from grids import squares

from minunet.data.synthetic import em_stack
from minunet.network.sizes import figure1
from minunet.network.unet import Architecture
from minunet.ops import conv2d

rng = np.random.default_rng(1)

# %% [markdown]
# ## One number, with a pencil
#
# Take a map `x` of 4×4 integers and a kernel `w` of 3×3. Lay the kernel on the upper left corner of
# the map. Multiply the nine pairs of numbers that lie on one another, and add up the products. Add
# `b`, the bias. That is one number of the result `y`. Then move the kernel by one pixel, and
# repeat.
#
# $$y[r, c] = b + \sum_{i} \sum_{j} x[r+i,\, c+j] \; w[i, j]$$
#
# $(r, c)$ is a row and a column of the result. $(i, j)$ is a place in the kernel, called a *tap*: a
# 3×3 kernel has nine. The same kernel and the same bias serve at every place of the map.

# %%
x = np.array([[1, 2, 3, 0], [0, 1, 2, 4], [5, 0, 1, 2], [3, 1, 0, 2]])
w = np.array([[1, 0, -1], [0, 2, 0], [3, 0, 0]])
b = 10

# The kernel on the upper left corner: four taps are not zero.
assert 1 * 1 - 1 * 3 + 2 * 1 + 3 * 5 + b == 25

y = np.zeros((2, 2), int)
for r in range(2):
    for c in range(2):
        y[r, c] = b + np.sum(x[r : r + 3, c : c + 3] * w)
assert np.array_equal(y, [[25, 16], [17, 12]])

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.8), width_ratios=[4, 3, 2])
squares(left, x, "x, and the first window", marked=(0, 0, 3, 3))
squares(middle, w, "w;  b = 10")
squares(right, y, "y", marked=(0, 0, 1, 1))
show(
    figure,
    "Three grids of integers: the map x with its upper left 3 by 3 window marked, the kernel w, "
    "and the 2 by 2 result y with its upper left number, 25, marked.",
)

# %% [markdown]
# ## Why the map shrinks
#
# All taps must lie on the map. So a kernel of $kh$ rows has $H - kh + 1$ places to stand on in a
# map of $H$ rows, and likewise $W - kw + 1$ in $W$ columns: a 3×3 kernel takes two from each. The
# paper calls this an *unpadded* convolution; *valid* is the word of signal processing.
#
# Zeros around the map would keep its size. But then the results along the border come from pixels
# that nobody measured. Below, the mean of 3×3 pixels of a map of ones: unpadded it is one
# everywhere; padded with zeros it is 4/9 in the corners.

# %%
ones, mean = np.ones((5, 6, 1)), np.full((3, 3, 1, 1), 1 / 9)
unpadded = conv2d.forward(ones, mean, np.zeros(1))
padded = conv2d.forward(np.pad(ones, ((1, 1), (1, 1), (0, 0))), mean, np.zeros(1))

assert unpadded.shape == (3, 4, 1)
assert padded.shape == ones.shape
assert np.allclose(unpadded, 1)
assert np.isclose(padded[0, 0, 0], 4 / 9)
print(padded[:, :, 0].round(2))

# %% [markdown]
# ## Nine shifted layers
#
# The formula asks for every pixel: which taps? Turn it round, and ask for every tap: which pixels?
# Hold $(i, j)$ and let $(r, c)$ run over all the result. Then $x[r+i, c+j]$ runs over a window of
# `x` as large as `y`, the slice `x[i : i + oh, j : j + ow]`; $oh$ and $ow$ are the rows and columns
# of the output. The whole window is multiplied by one number, `w[i, j]`.
#
# So `y` is the sum of nine windows, shifted against each other, each with a weight of its own. The
# loop has nine rounds, whatever the size of the map.

# %%
oh, ow = x.shape[0] - 3 + 1, x.shape[1] - 3 + 1
by_taps = np.full((oh, ow), b)
figure, panels = plt.subplots(3, 3, figsize=(6, 6.4), layout="constrained")
for i in range(3):
    for j in range(3):
        by_taps += x[i : i + oh, j : j + ow] * w[i, j]
        squares(panels[i, j], x, f"times w[{i}, {j}] = {w[i, j]}", marked=(i, j, oh, ow))
assert np.array_equal(by_taps, y)
show(
    figure,
    "The map x nine times, once for each tap of the kernel. The 2 by 2 window that the tap is "
    "multiplied with is marked: it starts at row i and column j.",
)

# %% [markdown]
# ## Channels: a number becomes a matrix
#
# A feature map is `(H, W, C)`: a pixel `x[r, c]` is a vector of $C$ channels (a capital; $c$ is a
# column). The result has $O$ of them, called features. So a tap needs a weight for every pair: `w`
# is `(kh, kw, C, O)`, and `w[i, j]` is a matrix that makes $O$ numbers of $C$. That is a linear
# layer, applied to every pixel alike.
#
# $$y[r, c, o] = b[o] + \sum_{i, j} \sum_{k} x[r+i,\, c+j,\, k] \; w[i, j, k, o]$$
#
# NumPy's `@` acts on the last axes, `(oh, ow, C) @ (C, O)` is `(oh, ow, O)`: in the loop above `*`
# becomes `@`, and nothing else changes. A convolution is nine linear layers, shifted and summed.
# One with a 1×1 kernel is one linear layer; the U-Net ends with one.
#
# Below, the formula is written out with all its indices, and the package's loop is printed. There
# `taps(w)` is all pairs $(i, j)$, and `np.empty_like` an array of the dtype of `x`, not yet filled.

# %%
x, w, b = rng.standard_normal((7, 6, 2)), rng.standard_normal((3, 3, 2, 4)), rng.standard_normal(4)

y = np.zeros((5, 4, 4))
for r, c, o in np.ndindex(5, 4, 4):
    y[r, c, o] = b[o]
    for i, j, k in np.ndindex(3, 3, 2):
        y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]

print(inspect.getsource(conv2d.forward))
assert np.allclose(conv2d.forward(x, w, b), y, rtol=0, atol=1e-13)

one_tap = w[:1, :1]
assert np.allclose(conv2d.forward(x, one_tap, b), x @ w[0, 0] + b, rtol=0, atol=1e-13)

# %% [markdown]
# ## What a kernel sees
#
# Four kernels made by hand, on a synthetic electron micrograph with values from 0 (black) to 1.
# They are the four features of one convolution. *Mean* blurs. *Left − right* and *upper − lower*
# answer to edges, each to one direction of them. *Around − middle* is large where a pixel is darker
# than its neighbours, as membranes are; but here noise drowns it. After six means in a row the same
# kernel shows the membranes: the seven convolutions together see 15×15 pixels.
#
# The weights of the last three add up to zero: they see differences only, and a brighter image
# gives them the same answer. A network finds such kernels by itself: chapter 2 begins to tell how.

# %%
stack = em_stack((1, 160, 160), rng)
image = stack.images[0, :, :, np.newaxis] / 255
kernels = {
    "mean": np.full((3, 3), 1 / 9),
    "left − right": np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
    "upper − lower": np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]),
    "around − middle": np.array([[1, 1, 1], [1, -8, 1], [1, 1, 1]]),
}
w = np.stack(list(kernels.values()), axis=-1)[:, :, np.newaxis, :]
assert w.shape == (3, 3, 1, 4)
features = conv2d.forward(image, w, np.zeros(4))
assert features.shape == (158, 158, 4)

brighter = conv2d.forward(image + 0.5, w, np.zeros(4))
assert np.allclose(w.sum((0, 1)), [1, 0, 0, 0])
assert np.allclose(brighter - features, [0.5, 0, 0, 0], rtol=0, atol=1e-12)

# %%
smooth = image
for _ in range(6):
    smooth = conv2d.forward(smooth, w[..., :1], np.zeros(1))
lines = conv2d.forward(smooth, w[..., 3:], np.zeros(1))
assert 160 - lines.shape[0] == 15 - 1

# How much brighter membrane is than cell, in standard deviations of the cell.
for response, least, most in [(features[..., 3:], 0, 0.3), (lines, 1, 2)]:
    edge = (160 - len(response)) // 2
    cell = stack.labels[0, edge:-edge, edge:-edge] == 1
    contrast = response[~cell].mean() - response[cell].mean()
    assert least < contrast / response[cell].std() < most

panels = {"image": image} | {name: features[..., o] for o, name in enumerate(kernels)}
panels["around − middle of six means"] = lines
figure, axes = plt.subplots(2, 3, figsize=(7, 4.9), layout="constrained")
for ax, (name, panel) in zip(axes.flat, panels.items(), strict=True):
    low, high = np.percentile(panel, [1, 99])
    ax.imshow(panel, cmap="gray", vmin=low, vmax=high)
    ax.set_title(name, fontsize=10)
    ax.axis("off")
alt = "A synthetic electron micrograph; its mean of 3 by 3 pixels; two maps of edges; a map of "
alt += "pixels darker than those around, all noise; and the same after six means: bright membranes."
show(figure, alt)

# %% [markdown]
# ## What it costs
#
# A number of `y` takes $kh \cdot kw \cdot C$ multiplications and as many additions. There are
# $oh \cdot ow \cdot O$ such numbers, so a convolution takes $2\, kh\, kw\, C\, O\, oh\, ow$
# operations. The second convolution of the paper's network, from 570 to 568 pixels with 64 channels
# each, takes 23.8 billion. Its number of weights, 36,928 with the biases, does not depend on the
# image at all.
#
# Sharing is what makes that possible. A linear layer with a weight for every pair of pixels, from
# one channel of 572×572 to one of 570×570, would have 10¹¹ weights. The convolution has nine and a
# bias.

# %%
oh = ow = 568
operations = 2 * 3 * 3 * 64 * 64 * oh * ow
weights = 3 * 3 * 64 * 64 + 64
assert round(operations / 1e9, 1) == 23.8
assert weights == 36_928

second = [row for row in figure1(Architecture(), 572) if row.stage == "contract0"][1]
assert (second.size, second.flop, second.parameters) == (568, operations, weights)

pairs = (572 * 572) * (570 * 570)
assert 1e11 < pairs < 1.1e11
print(f"{operations:,} operations, {weights:,} weights; {pairs:,} pairs of pixels")

# %% [markdown]
# ## Convolution or correlation?
#
# Mathematics calls what we computed a *cross-correlation*. In its convolution the signs of $i$ and
# $j$ are minus, $x[r-i, c-j]\, w[i, j]$: the kernel is turned by 180° before it is laid on the map.
# Papers on networks, the U-Net's too, say convolution and leave the kernel as it is. As the kernel
# is learnt, nothing is lost: training would find the turned one.
#
# A map with a single 1 tells the two apart. Convolution leaves an image of the kernel; correlation
# leaves it turned. In chapter 2 the true convolution comes back, as a gradient.

# %%
spot = np.zeros((5, 5), int)
spot[2, 2] = 1
kernel = np.arange(1, 10).reshape(3, 3)
correlated = scipy.signal.correlate2d(spot, kernel, mode="valid")
convolved = scipy.signal.convolve2d(spot, kernel, mode="valid")
ours = conv2d.forward(spot[:, :, np.newaxis], kernel[:, :, np.newaxis, np.newaxis], np.zeros(1))

assert np.array_equal(ours[:, :, 0], correlated)
assert np.array_equal(correlated, kernel[::-1, ::-1])
assert np.array_equal(convolved, kernel)

figure, axes = plt.subplots(2, 2, figsize=(5, 5), width_ratios=[5, 3], height_ratios=[5, 3])
named = {"x": spot, "w": kernel, "correlation: ours": correlated, "true convolution": convolved}
for ax, (name, entries) in zip(axes.flat, named.items(), strict=True):
    squares(ax, entries, name)
show(
    figure,
    "A 5 by 5 map with a single 1, the kernel with the numbers 1 to 9, the correlation, which is "
    "the kernel turned by 180 degrees, and the true convolution, which is the kernel itself.",
)

# %% [markdown]
# ## Exercises
#
# Replace the `...` and run the cell. The last line tells what is right, or what went wrong.

# %%
# 1. With a pencil: y, as a list of its rows. Then run the cell.
x = np.array([[2, 0, 1, 3], [1, 4, 0, 1], [0, 1, 2, 0]])
w = np.array([[1, -1], [0, 2]])
b = 5
answer = ...
check_by_hand(answer)

# %%
# 2. A 3×3 kernel whose result is the pixel below the middle one: y[r, c] = x[r + 2, c + 1].
answer = ...
check_pixel_below(answer)


# %%
# 3. Without looking up: the convolution of a whole map.
def convolution(x, w, b):
    """Map x (H, W, C), kernel w (kh, kw, C, O), bias b (O,) → y (H-kh+1, W-kw+1, O).

    For any sizes; y has the dtype of x.
    """
    ...


check_convolution(convolution)


# %%
# 4. Two convolutions in a row, without biases, are a single one with a larger kernel. Find it.
def two_in_one(v, w):
    """First kernel v (3, 3, C, M), second w (3, 3, M, O) → the kernel of both, (5, 5, C, O)."""
    ...


check_two_in_one(two_in_one)

# %% [markdown]
# Solutions: `tutorials/solutions/convolution.py`. Exercise 4 says that depth alone adds nothing:
# what must stand between two convolutions is the subject of chapter 3. Before it,
# [chapter 2](02_gradients.ipynb) asks how the numbers of a kernel are found: which way is downhill?
