# %% [markdown]
# # 4. What is an up-convolution?
#
# Afterwards you can write its forward and its backward, say of which convolution it is the
# transpose, and say where checkerboards come from.
#
# Before: [3. ReLU and max-pooling](03_relu_and_maxpool.ipynb). After:
# [5. What is the energy of a prediction?](05_energy.ipynb). The file explained here is
# `minunet/ops/upconv.py`, the green arrows of the paper's Figure 1.

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

from minunet.data.synthetic import em_stack
from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.network import sizes
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, upconv

rng = np.random.default_rng(1)

# %% [markdown]
# ## By hand: four stamps
#
# Four poolings have halved the sides of the map four times, and the segmentation needs every pixel
# again. So four up-convolutions double them. Like a stamp, each pixel of $x$ prints the kernel,
# multiplied by its own value, into a 2×2 block of $y$. The stamps lie edge to edge. In this example
# the first digit of a number of $y$ tells the tap that made it, its zeros the pixel:
#
#     x =   1  10       w =  1  2
#         100   0            3  4
#
#     y =   1   2 |  10  20
#           3   4 |  30  40
#         --------+--------
#         100 200 |   0   0
#         300 400 |   0   0
#
# A map of 2×2 pixels became one of 4×4. The bias, 0 here, is added to every pixel.

# %%
x = np.array([[1.0, 10], [100, 0]])[..., np.newaxis]
w = np.array([[1.0, 2], [3, 4]]).reshape(2, 2, 1, 1)
y = upconv.forward(x, w, np.zeros(1))
assert y[..., 0].tolist() == [[1, 2, 10, 20], [3, 4, 30, 40], [100, 200, 0, 0], [300, 400, 0, 0]]

figure, panels = plt.subplots(1, 3, figsize=(7, 3.5), layout="constrained", width_ratios=(2, 2, 4))
stamps = np.arange(4).reshape(2, 2)
owners = (stamps, stamps, stamps.repeat(2, axis=0).repeat(2, axis=1))
for ax, array, owner, name in zip(panels, (x, w, y), owners, "xwy", strict=True):
    ax.imshow(owner, cmap="tab10", vmin=0, vmax=9, alpha=0.45 if name != "w" else 0)
    for (r, c), number in np.ndenumerate(array.squeeze()):
        ax.text(c, r, f"{number:.0f}", ha="center", va="center", fontsize=11)
    ax.set(title=name, xticks=[], yticks=[])
show(
    figure,
    "x, a 2 by 2 map whose pixels have four colours; w, the 2 by 2 kernel; y, a 4 by 4 map of four "
    "blocks, each the kernel times one pixel of x and in that pixel's colour.",
)

# %% [markdown]
# ## The transpose of a strided convolution
#
# Go the other way. A 2×2 convolution with *stride* 2 keeps every second row and every second column
# of what the convolution of chapter 1 gives. It takes a 4×4 map $u$ to a 2×2 map $z$:
#
# $$ z[r, c] = \sum_{i, j} u[2r + i,\, 2c + j] \; w[i, j] $$
#
# It is linear. With $u$ written as a column of 16 numbers it is a matrix $A$ of 4×16, $z = A u$.
# Column $n$ of $A$ is what comes out when pixel $n$ of $u$ is 1 and the others are 0. The
# up-convolution takes 4 numbers to 16: its matrix is $A^T$. Hence its other name, *transposed
# convolution*.


# %%
def strided(u, w):
    """Convolution with stride 2, from O channels to C: w is (2, 2, C, O), here both are 1."""
    return conv2d.forward(u, w.swapaxes(2, 3), np.zeros(w.shape[2]))[::2, ::2]


units = np.eye(16).reshape(16, 4, 4, 1)
A = np.stack([strided(u, w).ravel() for u in units], axis=1)
assert A.shape == (4, 16) and (np.count_nonzero(A.T, axis=1) == 1).all()
assert np.array_equal(A.T @ x.ravel(), y.ravel())

figure, panels = plt.subplots(1, 2, figsize=(7.5, 3.9), layout="constrained", width_ratios=(16, 6))
for ax, matrix, name in zip(panels, (A, A.T), ("A: stride 2", "Aᵀ: up-convolution"), strict=True):
    ax.imshow(matrix, cmap="Blues", vmax=8)
    for r, c in np.argwhere(matrix):
        ax.text(c, r, f"{matrix[r, c]:.0f}", ha="center", va="center", fontsize=9)
    ax.set(title=name, xlabel="pixel that goes in", ylabel="pixel that comes out")
    ax.set(xticks=range(matrix.shape[1]), yticks=range(matrix.shape[0]))
show(
    figure,
    "Two matrices. A, 4 by 16: each row holds the taps 1, 2, 3, 4 at the four pixels of one block. "
    "Its transpose, 16 by 4: each row holds a single tap.",
)

# %% [markdown]
# ## With channels and indices
#
# Each row of $A^T$ holds one tap: **an output pixel sees one input pixel, through one tap.** Write
# its position as $(2r + i, 2c + j)$, with $i$ and $j$ 0 or 1; there is one way to do so. Here it is
# with channels, from $k$ to $o$, and then as a product of the vector $x[r, c, :]$ with the matrix
# $w[i, j]$:
#
# $$ y[2r + i,\, 2c + j,\, o] = b[o] + \sum_{k} x[r, c, k] \; w[i, j, k, o] $$
#
# $$ y[2r + i,\, 2c + j,\, :] = b + x[r, c, :] \cdot w[i, j] $$
#
# Nothing is summed over $i$ and $j$. In the code `y[i::2, j::2]` are the pixels of tap $(i, j)$.

# %%
print(inspect.getsource(upconv.forward))

x, w = rng.standard_normal((3, 5, 4)), rng.standard_normal((2, 2, 4, 2))
b = rng.standard_normal(2)
y = np.empty((6, 10, 2))
for r, c, i, j, o in np.ndindex(3, 5, 2, 2, 2):
    y[2 * r + i, 2 * c + j, o] = b[o] + sum(x[r, c, k] * w[i, j, k, o] for k in range(4))
assert np.allclose(y, upconv.forward(x, w, b), rtol=0, atol=1e-12)

# %% [markdown]
# ## Transpose, not inverse
#
# The up-convolution takes $C$ channels to $O$, so its transpose takes $O$ to $C$: `strided`
# exchanges the last two axes of `w`. Chapter 2's adjoint identity
# $\langle A u, x \rangle = \langle u, A^T x \rangle$ tests it.
#
# The up-convolution is also called *deconvolution*, as if it undid a convolution. It does not:
# $A^T A u$ is not $u$. Four numbers cannot hold sixteen.
#
# The paper describes it as upsampling and then a 2×2 convolution. That is the same, if upsampling
# puts zeros between the pixels: then each 2×2 window holds one pixel of $x$. The last lines do so.
# Chapter 2 found that the `dx` of `conv2d.backward` is a convolution of `dy`; they give it $x$ with
# zeros between the pixels as `dy`, and the up-convolution comes out.

# %%
u = rng.standard_normal((6, 10, 2))
no_bias = np.zeros(2)
gap = adjoint_gap(lambda u: strided(u, w), lambda x: upconv.forward(x, w, no_bias), u, x)
print(f"adjoint identity: gap {gap:.1e}")
assert gap < 1e-14
assert not np.allclose(upconv.forward(strided(u, w), w, no_bias), u)

with_zeros = np.zeros((5, 9, 4))
with_zeros[::2, ::2] = x
du, _, _ = conv2d.backward(with_zeros, u, w.swapaxes(2, 3))
assert np.allclose(du, upconv.forward(x, w, no_bias), rtol=0, atol=1e-12)

# %% [markdown]
# ## Its backward
#
# What depends on $x[r, c, k]$? The four pixels of its stamp, in every channel. The chain rule sums
# over them. $w[i, j]$ is in the pixels of its tap, and $b$ in all pixels:
#
# $$ dx[r, c, k] = \sum_{i, j} \sum_o dy[2r + i,\, 2c + j,\, o] \; w[i, j, k, o] $$
#
# $$ dw[i, j, k, o] = \sum_{r, c} x[r, c, k] \; dy[2r + i,\, 2c + j,\, o] $$
#
# $$ db[o] = \sum_{r, c} dy[r, c, o] $$
#
# The first line is the formula of $z$ above with $u = dy$: **a convolution with stride 2**. It must
# be so, since the transpose of a transpose is the matrix itself.

# %%
print(inspect.getsource(upconv.backward))

dy = rng.standard_normal(y.shape)
dx, dw, db = upconv.backward(dy, x, w)
assert np.allclose(dx, strided(dy, w), rtol=0, atol=1e-12)
for i, j in np.ndindex(2, 2):
    tap = np.einsum("rck,rco->ko", x, dy[i::2, j::2])
    assert np.allclose(dw[i, j], tap, rtol=0, atol=1e-12)
assert np.allclose(db, dy.sum(axis=(0, 1)), rtol=0, atol=1e-12)
worst = check_gradients(upconv.forward, {"x": x, "w": w, "b": b}, dy, {"x": dx, "w": dw, "b": db})
print(f"against central differences: {worst:.1e}")

# %% [markdown]
# ## Checkerboards, first kind: stamps that overlap
#
# Why 2×2, and not 3×3 as everywhere else? A stamp of 3×3 every 2 pixels overlaps the next ones by a
# row or a column. A pixel then sums 1, 2 or 4 taps, in a fixed pattern. If all pixels and all taps
# are equal, the result is a grid all the same (Odena, Dumoulin and Olah, 2016). If the stride
# divides the size of the kernel, all pixels inside sum equally many taps: one for 2×2, four for
# 4×4.

# %%
figure, panels = plt.subplots(1, 3, figsize=(8, 3.1), layout="constrained")
for ax, size in zip(panels, (2, 3, 4), strict=True):
    seen = np.zeros((2 * 4 + size, 2 * 4 + size), int)
    for r, c in np.ndindex(5, 5):
        seen[2 * r : 2 * r + size, 2 * c : 2 * c + size] += 1
    inside = set(seen[2:8, 2:8].ravel().tolist())
    assert inside == {2: {1}, 3: {1, 2, 4}, 4: {4}}[size]
    ax.imshow(seen, cmap="viridis", vmin=0, vmax=4)
    for r, c in np.ndindex(seen.shape):
        shade = "black" if seen[r, c] > 2 else "white"
        ax.text(c, r, seen[r, c], ha="center", va="center", color=shade, fontsize=9)
    ax.set(title=f"kernel {size}×{size}, stride 2", xticks=[], yticks=[])
show(
    figure,
    "How many taps each output pixel sums, for 5 by 5 input pixels. 2 by 2: one everywhere. "
    "3 by 3: a grid of 1, 2 and 4. 4 by 4: four everywhere inside, fewer at the rim.",
)

# %% [markdown]
# ## Checkerboards, second kind: taps that differ
#
# With 2×2 no pixel is favoured, but the four taps are four different linear layers. A flat map
# comes out with a pattern that repeats every 2 pixels, unless the taps are equal; random ones are
# not. Four taps of 1 repeat each pixel four times: *nearest-neighbour upsampling*.
#
# The convolutions that follow can mend this. Take the kernel with rows `1 2 1`, `2 4 2` and
# `1 2 1`, divided by 16. Wherever it lies, the pixels of each of the four taps get 4/16 together:
# so it makes a flat map flat again, whatever the taps. Whether a network learns such kernels is up
# to its training.

# %%
image = em_stack((1, 96, 128), rng).images[0] / 255.0
x = image.reshape(48, 2, 64, 2).mean(axis=(1, 3))[10:34, 16:46, np.newaxis]
unequal = np.abs(rng.standard_normal((2, 2, 1, 1)))
smooth = np.outer([1, 2, 1], [1, 2, 1]).reshape(3, 3, 1, 1) / 16
b = np.zeros(1)
y = upconv.forward(x, unequal, b)
nearest = upconv.forward(x, np.ones((2, 2, 1, 1)), b)
assert np.array_equal(nearest, x.repeat(2, axis=0).repeat(2, axis=1))

flat = upconv.forward(np.ones_like(x), unequal, b)
assert np.ptp(flat) > 0.1 and np.array_equal(flat[2:, 2:], flat[:-2, :-2])
assert all(smooth[i::2, j::2].sum() == 4 / 16 for i, j in np.ndindex(2, 2))
assert np.ptp(conv2d.forward(flat, smooth, b)) < 1e-12

figure, panels = plt.subplots(2, 2, figsize=(7.5, 6.3), layout="constrained")
maps = (x, y, nearest, conv2d.forward(y, smooth, b))
titles = ("x", "four random taps", "four taps of 1", "random taps, then 1 2 1")
for ax, shown, title in zip(panels.flat, maps, titles, strict=True):
    ax.imshow(shown[..., 0], cmap="gray")
    ax.set(title=f"{title} ({shown.shape[0]}×{shown.shape[1]})", xticks=[], yticks=[])
show(
    figure,
    "A piece of synthetic EM, 24 by 30 pixels. Up-convolved with four random taps, it carries a "
    "checkerboard. With taps of 1 each pixel becomes a square of 2 by 2. With random taps and "
    "then the smoothing kernel there is no checkerboard.",
)

# %% [markdown]
# ## Shapes in the paper
#
# An up-convolution doubles both sides and halves the channels. The network will put a map from its
# way down beside the result (chapter 7); both have equally many channels. All four up-convolutions
# have 2,786,240 of the network's 31,030,658 parameters, 9 %. Each number of the output costs $C$
# multiplications, where a 2×2 convolution of the larger map would cost $4C$. No ReLU follows: the
# paper mentions none here.

# %%
arch = Architecture()
shapes, stages = arch.shapes(), dict(sizes.stages(572, arch.depth))
costs = {row.stage: row.flop for row in sizes.figure1(arch, 572) if "up-conv" in row.arrow}
total = 0
for level in reversed(range(arch.depth)):
    kernel = shapes[f"expand{level}.wu"]
    small, large = stages[arch.below(level)][2], stages[f"expand{level}"][0]
    print(f"{small:3}² × {kernel[2]:4}  →  {large:3}² × {kernel[3]:3}    w {kernel}")
    assert large == 2 * small and kernel[:2] == (2, 2) and kernel[2] == 2 * kernel[3]
    assert kernel[3] == shapes[f"contract{level}.w2"][3]
    multiplications = large**2 * kernel[3] * kernel[2]
    assert costs[f"expand{level}"] == 2 * multiplications  # and as many additions
    total += np.prod(kernel) + kernel[3]
assert (total, arch.parameters()) == (2_786_240, 31_030_658)
assert round(100 * total / arch.parameters()) == 9 and not arch.relu_after_upconv

# %% [markdown]
# ## Exercises

# %%
# 1. Predict y, without running upconv: x is one row of two pixels, 2 -1, the kernel has the rows
#    1 0 and 3 2, the bias is 1.
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
# 4. Upsampling, then a convolution: put x (H, W, C) between zeros, and call conv2d.forward with
#    the right kernel, so that the result is upconv.forward(x, w, b).
def as_convolution(x, w, b):
    """y (2H, 2W, O), by one call of conv2d.forward."""
    ...


check_as_convolution(as_convolution)

# %% [markdown]
# Solutions: `solutions/upconvolution.py`. The last map of the network has a channel for each class.
# How wrong is it? [5. What is the energy of a prediction?](05_energy.ipynb)
