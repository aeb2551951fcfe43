# %% [markdown]
# # 4. What is an up-convolution?
#
# *How does a map that was halved become large again, and where do checkerboards come from?*
#
# **After this chapter you can** write an up-convolution and its backward pass, say of which
# convolution it is the transpose, and explain where checkerboards come from.
#
# **Prerequisites:** [chapter 2](02_gradients.ipynb), and the transpose of a matrix.
#
# **Time:** 45 minutes.
#
# This chapter explains `minunet/ops/upconv.py`, the green arrows of the paper's Figure 1. Before:
# [3. ReLU and max-pooling: where does the gradient flow?](03_relu_and_maxpool.ipynb) After:
# [5. What is the energy of a prediction?](05_energy.ipynb)

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from exercises.upconvolution import (
    check_as_convolution,
    check_nearest_kernel,
    check_stamped,
    check_upconv_backward,
)
from figures import show
from grids import arrow, squares

from minunet.data.synthetic import em_stack
from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.network import sizes
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, upconv

rng = np.random.default_rng(1)

# %% [markdown]
# ## By hand: four stamps
#
# The network's answer is a *segmentation*: it must say for each pixel of the image what the pixel
# belongs to. But four max-poolings have halved the sides of the map four times. So four
# up-convolutions double them again.
#
# An up-convolution works like a rubber stamp. Each pixel of $x$ prints the kernel, multiplied by
# the value of the pixel, into a 2×2 block of $y$. The stamps lie edge to edge, without a gap and
# without an overlap. In the end the bias, here 0, is added to every pixel.
#
# In the figure, a map of 2×2 pixels becomes one of 4×4. The first digit of each number of $y$ tells
# which tap made it, and the number of zeros tells from which pixel. (The last pixel of $x$ is 0, so
# its stamp is 0.)

# %%
x = np.array([[1, 10], [100, 0]])[..., np.newaxis]
w = np.array([[1, 2], [3, 4]]).reshape(2, 2, 1, 1)
y = upconv.forward(x, w, np.zeros(1))
assert y[..., 0].tolist() == [[1, 2, 10, 20], [3, 4, 30, 40], [100, 200, 0, 0], [300, 400, 0, 0]]

# %% tags=["draws"]
pixels = np.array([["#cfe2f3", "#fce0c4"], ["#d3ead3", "#e8d9f0"]])
figure, axes = plt.subplots(
    2, 3, figsize=(4.8, 4), width_ratios=[2, 1.6, 4], height_ratios=[1, 1], layout="constrained"
)
squares(axes[0, 0], x[..., 0], "x", shades=pixels)
squares(axes[1, 0], w[..., 0, 0], "w")
gridspec = axes[0, 2].get_gridspec()
for ax in axes[:, 1:].flat:
    ax.remove()
squares(
    figure.add_subplot(gridspec[:, 2]),
    y[..., 0],
    "y",
    shades=pixels.repeat(2, axis=0).repeat(2, axis=1),
)
arrow(figure.add_subplot(gridspec[:, 1]), "stamp")
show(
    figure,
    "x, a 2 by 2 map whose pixels have four colours; w, the 2 by 2 kernel; y, a 4 by 4 map of four "
    "blocks, each the kernel times one pixel of x and in that pixel's colour.",
)

# %% [markdown]
# ## The transpose of a convolution with stride
#
# Now go the other way. A convolution with *stride* 2 moves its kernel by two pixels at a time, so
# it computes only every second row and every second column. With a 2×2 kernel, it turns a 4×4 map
# $u$ into a 2×2 map $z$:
#
# $$ z[r, c] = \sum_{i, j} u[2r + i,\, 2c + j] \; w[i, j] $$
#
# This is linear. If $u$ is written as a column of 16 numbers and $z$ as a column of 4, it is a
# matrix $A$ of 4 rows and 16 columns: $z = A u$. To find column $n$ of $A$, set pixel $n$ of $u$ to
# 1 and all others to 0, and compute $z$.
#
# The up-convolution turns 4 numbers into 16. Its matrix is the transpose of $A$: each stamp of the
# figure above is a column of $A^T$. Hence its other name, *transposed convolution*.


# %%
def strided(u, w):
    """Convolution with stride 2, from O channels to C: w is (2, 2, C, O), here both are 1."""
    return conv2d.forward(u, w.swapaxes(2, 3), np.zeros(w.shape[2]))[::2, ::2]


units = np.eye(16).reshape(16, 4, 4, 1)
A = np.stack([strided(u, w).ravel() for u in units], axis=1)
assert A.shape == (4, 16)
assert (np.count_nonzero(A.T, axis=1) == 1).all()  # one tap in each row of Aᵀ
assert np.array_equal(A.T @ x.ravel(), y.ravel())

# %% tags=["draws"]
figure, (upper, lower) = plt.subplots(
    2, 1, figsize=(4.8, 6.8), height_ratios=(4, 16), layout="constrained"
)
titles = ("A: convolution with stride 2", "Aᵀ: up-convolution")
for ax, matrix, name in zip((upper, lower), (A, A.T), titles, strict=True):
    ax.imshow(matrix, cmap="Blues", vmax=8)
    for r, c in np.argwhere(matrix):
        ax.text(c, r, f"{matrix[r, c]:.0f}", ha="center", va="center", fontsize=10)
    ax.set(xlabel="pixel that is read", ylabel="result")
    ax.set(xticks=range(matrix.shape[1]), yticks=range(matrix.shape[0]))
    ax.set_title(name, fontsize=11)
show(
    figure,
    "Two matrices. A, 4 by 16: each row holds the taps 1, 2, 3, 4 at the four pixels of one block. "
    "Its transpose, 16 by 4: each row holds a single tap.",
)

# %% [markdown]
# ## With channels and indices
#
# Each row of $A^T$ holds a single tap. In words: **each output pixel depends on one input pixel,
# through one tap.** Write the position of the output pixel as $(2r + i, 2c + j)$, where $i$ and $j$
# are 0 or 1. There is exactly one way to do so. With channels, numbered $k$ in the input and $o$ in
# the output,
#
# $$ y[2r + i,\, 2c + j,\, o] = b[o] + \sum_{k} x[r, c, k] \; w[i, j, k, o] $$
#
# The sum over $k$ is the product of the vector $x[r, c, :]$ with the matrix $w[i, j]$, a linear
# layer:
#
# $$ y[2r + i,\, 2c + j,\, :] = b + x[r, c, :] \cdot w[i, j] $$
#
# There is no sum over $i$ and $j$, unlike in a convolution. In the code, `y[i::2, j::2]` is all
# pixels of tap $(i, j)$.

# %%
print(inspect.getsource(upconv.forward))

x, w = rng.standard_normal((3, 5, 4)), rng.standard_normal((2, 2, 4, 2))
b = rng.standard_normal(2)
y = np.empty((6, 10, 2))
for r, c, i, j, o in np.ndindex(3, 5, 2, 2, 2):
    y[2 * r + i, 2 * c + j, o] = b[o] + sum(x[r, c, k] * w[i, j, k, o] for k in range(4))
assert np.allclose(y, upconv.forward(x, w, b), rtol=0, atol=1e-12)

# %% [markdown]
# ## A transpose, not an inverse
#
# The up-convolution turns $C$ channels into $O$, so its transpose turns $O$ into $C$. This is why
# `strided` swaps the last two axes of `w`. The adjoint identity of chapter 2,
# $\langle A u, x \rangle = \langle u, A^T x \rangle$, tests that the two are transposes.
#
# Some libraries and papers call the up-convolution a *deconvolution*, as if it undid a convolution.
# It does not: $A^T A u$ is not $u$. Four numbers cannot hold the information of sixteen.

# %%
u = rng.standard_normal((6, 10, 2))
no_bias = np.zeros(2)
gap = adjoint_gap(lambda u: strided(u, w), lambda x: upconv.forward(x, w, no_bias), u, x)
print(f"adjoint identity: gap {gap:.1e}")
assert gap < 1e-14
assert not np.allclose(upconv.forward(strided(u, w), w, no_bias), u)

# %% [markdown]
# The paper describes an up-convolution as "upsampling of the feature map followed by a 2×2
# convolution". This is the same, if upsampling means putting zeros between the pixels. Then each
# 2×2 window holds a single pixel of $x$. The cell shows it with a function of chapter 2: the `dx`
# that `conv2d.backward` returns is a mathematical convolution of its `dy`, which leaves a copy of
# the kernel at each pixel, as a stamp does. So the cell passes it $x$, with zeros between its
# pixels, as `dy`.

# %%
with_zeros = np.zeros((5, 9, 4))
with_zeros[::2, ::2] = x
du, _, _ = conv2d.backward(with_zeros, u, w.swapaxes(2, 3))  # u only gives du its shape
assert np.allclose(du, upconv.forward(x, w, no_bias), rtol=0, atol=1e-12)

# %% [markdown]
# ## Its backward
#
# What depends on $x[r, c, k]$? The four pixels of its stamp, in each output channel. The chain rule
# adds up over them. $w[i, j]$ is used by all pixels of its tap, and $b$ by all pixels:
#
# $$ dx[r, c, k] = \sum_{i, j} \sum_o dy[2r + i,\, 2c + j,\, o] \; w[i, j, k, o] $$
#
# $$ dw[i, j, k, o] = \sum_{r, c} x[r, c, k] \; dy[2r + i,\, 2c + j,\, o] $$
#
# $$ db[o] = \sum_{r, c} dy[r, c, o] $$
#
# The first line is the formula of $z$ above with $dy$ in the place of $u$, so it is **a convolution
# with stride 2**. This agrees with chapter 2: a backward is the transpose of its forward, and the
# transpose of $A^T$ is $A$.

# %%
print(inspect.getsource(upconv.backward))

dy = rng.standard_normal(y.shape)
dx, dw, db = upconv.backward(dy, x, w)
assert np.allclose(dx, strided(dy, w), rtol=0, atol=1e-12)
for i, j, k, o in np.ndindex(w.shape):
    by_formula = np.sum(x[:, :, k] * dy[i::2, j::2, o])
    assert np.isclose(dw[i, j, k, o], by_formula, rtol=0, atol=1e-12)
assert np.allclose(db, dy.sum(axis=(0, 1)), rtol=0, atol=1e-12)

worst = check_gradients(upconv.forward, {"x": x, "w": w, "b": b}, dy, {"x": dx, "w": dw, "b": db})
print(f"largest relative error against central differences: {worst:.1e}")

# %% [markdown]
# ## Checkerboards from stamps that overlap
#
# The results of up-convolutions often show a *checkerboard*: a fine, regular pattern that is not in
# the image. There are two causes.
#
# The first is overlap. Why is the kernel 2×2, and not 3×3 as in the convolutions? Stamps of 3×3 at
# every second pixel overlap their neighbours by one row or one column. Then an output pixel adds up
# 1, 2 or 4 taps, depending on where it lies. Even if all pixels and all taps are equal, the result
# has this pattern (Odena, Dumoulin and Olah, 2016). The distance from one stamp to the next, 2
# pixels here, is the stride of an up-convolution. If the size of the kernel is a multiple of the
# stride, every pixel inside adds up the same number of taps: one for 2×2, four for 4×4.
#
# The figure shows how many taps each pixel adds up, and what an image looks like after stamps of
# 3×3 equal taps.

# %%
image = em_stack((1, 96, 128), rng).images[0] / 255.0
x = image.reshape(48, 2, 64, 2).mean(axis=(1, 3))[10:30, 16:36, np.newaxis]
stamped = np.zeros((41, 41))
for i, j in np.ndindex(3, 3):
    stamped[i : i + 40 : 2, j : j + 40 : 2] += x[..., 0]

counts = {}
for size in (2, 3, 4):
    count = np.zeros((2 * 3 + size, 2 * 3 + size), int)
    for r, c in np.ndindex(4, 4):
        count[2 * r : 2 * r + size, 2 * c : 2 * c + size] += 1
    inside = set(count[2:-2, 2:-2].ravel().tolist())
    assert inside == {2: {1}, 3: {1, 2, 4}, 4: {4}}[size]
    counts[size] = count

# %% tags=["draws"]
figure, axes = plt.subplots(2, 2, figsize=(4.8, 5.2), layout="constrained")
*panels, last = axes.flat
for ax, (size, count) in zip(panels, counts.items(), strict=True):
    ax.imshow(count, cmap="viridis", vmin=0, vmax=4)
    for r, c in np.ndindex(count.shape):
        shade = "black" if count[r, c] > 2 else "white"
        ax.text(c, r, count[r, c], ha="center", va="center", color=shade, fontsize=10)
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"{size}×{size}, stride 2", fontsize=11)
last.imshow(stamped[1:-1, 1:-1], cmap="gray")
last.set(xticks=[], yticks=[])
last.set_title("3×3, on an image", fontsize=11)
show(
    figure,
    "How many taps each output pixel adds up, for 4 by 4 input pixels. 2 by 2: one everywhere. "
    "3 by 3: a grid of 1, 2 and 4. 4 by 4: four everywhere inside, fewer along the edge. Last, a "
    "piece of synthetic EM stamped with 3 by 3 equal taps: a grid of bright dots covers it.",
)

# %% [markdown]
# ## Checkerboards from taps that differ
#
# The second cause remains with 2×2. Each output pixel adds up one tap, but the four taps are four
# different linear layers. So even a constant map comes out with a pattern that repeats every two
# pixels, unless all four taps are equal. Random taps are not. Four taps of 1 repeat each pixel four
# times, which is called *nearest-neighbour upsampling*.
#
# The convolutions after an up-convolution can remove the pattern. For example, take the kernel with
# the rows `1 2 1`, `2 4 2` and `1 2 1`, divided by 16. Wherever it lies, its weights on the pixels
# of one tap of the up-convolution add up to 4/16, for each of the four taps. So its result is the
# mean of the four taps everywhere, and a constant map is constant again. Whether a network learns
# such kernels depends on its training.

# %%
unequal = np.abs(np.random.default_rng(11).standard_normal((2, 2, 1, 1)))
smooth = np.outer([1, 2, 1], [1, 2, 1]).reshape(3, 3, 1, 1) / 16
b = np.zeros(1)

y = upconv.forward(x, unequal, b)
nearest = upconv.forward(x, np.ones((2, 2, 1, 1)), b)
smoothed = conv2d.forward(y, smooth, b)
assert np.array_equal(nearest, x.repeat(2, axis=0).repeat(2, axis=1))

constant = upconv.forward(np.ones_like(x), unequal, b)
assert np.ptp(constant) > 0.1
assert np.array_equal(constant[2:, 2:], constant[:-2, :-2])
assert all(smooth[i::2, j::2].sum() == 4 / 16 for i, j in np.ndindex(2, 2))
flat = conv2d.forward(constant, smooth, b)
assert np.ptp(flat) < 1e-12

# %% tags=["draws"]
figure, panels = plt.subplots(3, 2, figsize=(4.8, 7.4), layout="constrained")
maps = {
    "x": x,
    "four taps of 1": nearest,
    "four random taps": y,
    "random taps,\nthen 1 2 1": smoothed,
    "constant map,\nrandom taps": constant[:12, :12],
    "constant map,\nrandom taps, then 1 2 1": flat[:12, :12],
}
for ax, (title, shown) in zip(panels.flat, maps.items(), strict=True):
    limits = {"vmin": 0, "vmax": constant.max()} if "constant" in title else {}
    ax.imshow(shown[..., 0], cmap="gray", **limits)
    ax.set(xticks=[], yticks=[], xlabel=f"{shown.shape[0]}×{shown.shape[1]} pixels")
    ax.set_title(title, fontsize=11)
show(
    figure,
    "A piece of synthetic EM, 20 by 20 pixels. With taps of 1 each pixel becomes a square of 2 by "
    "2. Up-convolved with four random taps, it carries a checkerboard. With random taps and then "
    "the smoothing kernel there is none. Below, a constant map: a clear checkerboard with random "
    "taps, and a uniform grey after the smoothing kernel.",
)

# %% [markdown]
# ## Shapes in the paper
#
# In the U-Net, an up-convolution doubles both sides of the map and halves the number of channels.
# The network then puts a map from earlier beside the result, one with the same number of channels
# (chapter 7). All four up-convolutions together have 2,786,240 of the network's 31,030,658 weights
# (kernels and biases), which is 9 %. Each number of the output costs $C$ multiplications. A 2×2
# convolution of the larger map would cost $4C$. No ReLU follows, because the paper mentions none
# here.

# %%
arch = Architecture()
shapes, stages = arch.shapes(), dict(sizes.stages(572, arch.depth))
costs = {row.stage: row.flop for row in sizes.figure1(arch, 572) if "up-conv" in row.arrow}
total = 0
for level in reversed(range(arch.depth)):
    kernel = shapes[f"expand{level}.wu"]
    small, large = stages[arch.below(level)][2], stages[f"expand{level}"][0]
    print(f"{small:3}² × {kernel[2]:4}  →  {large:3}² × {kernel[3]:3}    w {kernel}")
    assert large == 2 * small
    assert kernel[2] == 2 * kernel[3]
    assert kernel[3] == shapes[f"contract{level}.w2"][3]
    multiplications = large**2 * kernel[3] * kernel[2]
    assert costs[f"expand{level}"] == 2 * multiplications  # and as many additions
    total += np.prod(kernel) + kernel[3]
assert (total, arch.parameters()) == (2_786_240, 31_030_658)
assert round(100 * total / arch.parameters()) == 9
assert not arch.relu_after_upconv

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/upconvolution.py`.

# %%
# 1. Predict y, without running upconv: x is one row of two pixels, 2 -1, the kernel has the rows
#    1 0 and 3 2, and the bias is 1.
answer = ...  # [[…], […]], two rows of four numbers
check_stamped(answer)


# %%
# 2. Choose the kernel that repeats every pixel of a map of C channels four times, as a 2×2 block.
def nearest_kernel(channels):
    """The kernel (2, 2, C, C) with which upconv.forward is nearest-neighbour upsampling."""
    ...


check_nearest_kernel(nearest_kernel)


# %%
# 3. Write the backward, without looking up.
def upconv_backward(dy, x, w):
    """dx, dw, db from dy (2H, 2W, O), x (H, W, C) and w (2, 2, C, O)."""
    ...


check_upconv_backward(upconv_backward)


# %%
# 4. Upsampling, then a convolution: put zeros between and around the pixels of x (H, W, C), and
#    call conv2d.forward with the right kernel, so that the result is upconv.forward(x, w, b).
def as_convolution(x, w, b):
    """y (2H, 2W, O), by one call of conv2d.forward."""
    ...


check_as_convolution(as_convolution)

# %% [markdown]
# The last map of the network has one channel for each class of pixel, here membrane and cell. The
# next chapter asks how wrong such an answer is.
#
# ## Summary
#
# - An up-convolution doubles the sides of a map: each pixel stamps the kernel, times its value,
#   into a 2×2 block.
# - Each output pixel depends on one input pixel, through one tap.
# - It is the transpose of a 2×2 convolution with stride 2, not the inverse of a convolution.
# - Its backward is that convolution with stride 2.
# - Checkerboards come from stamps that overlap, and from taps that differ; later convolutions can
#   remove them.
#
# ## In other words
#
# An up-convolution is called **transposed convolution** in PyTorch (`ConvTranspose2d`) and in Keras
# (`Conv2DTranspose`), and elsewhere **deconvolution** or **fractionally strided convolution**.
# Enlarging a map is **upsampling**; common ways without weights are **nearest-neighbour** and
# **bilinear interpolation**. The side of the network with the up-convolutions is its **decoder**,
# and the side with the max-poolings its **encoder**. A **strided convolution** is often used in the
# place of max-pooling.
#
# ## Further reading
#
# - A. Odena, V. Dumoulin and C. Olah, *Deconvolution and Checkerboard Artifacts*, Distill, 2016.
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, 2016: other
#   kernel sizes, strides and paddings, with drawings.
# - J. Long, E. Shelhamer and T. Darrell, *Fully Convolutional Networks for Semantic Segmentation*,
#   2015: the network that the U-Net builds on.
#
# Next: [5. What is the energy of a prediction?](05_energy.ipynb)
