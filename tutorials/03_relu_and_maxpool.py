# %% [markdown]
# # 3. ReLU and max-pooling: where does the gradient flow?
#
# *What stands between two convolutions, and what does it do to the gradient on its way back?*
#
# **After this chapter you can** write both backward passes from memory, say what each forward must
# remember, and say what the slope is at a kink.
#
# **Prerequisites:** [chapter 2](02_gradients.ipynb).
#
# **Time:** 45 minutes.
#
# This chapter explains `minunet/ops/relu.py` and `minunet/ops/maxpool.py`. Before:
# [2. Which way is downhill?](02_gradients.ipynb) After:
# [4. What is an up-convolution?](04_upconvolution.ipynb)

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from exercises.relu_and_maxpool import (
    check_leaky_backward,
    check_maxpool_backward,
    check_order,
    check_pooled_by_hand,
)
from figures import show
from grids import arrow, squares

from minunet.data.synthetic import em_stack
from minunet.gradcheck import check_gradients, numerical_gradient
from minunet.network.architecture import Architecture
from minunet.network.sizes import figure1
from minunet.ops import conv2d, maxpool, relu

rng = np.random.default_rng(1)

# %% [markdown]
# ## Why there must be a kink
#
# Two convolutions in a row are the same as one convolution with a larger kernel. For example, take
# the row of pixels `2 2 5 5 1` and the kernel `-1 1`, which subtracts each pixel from its right
# neighbour. Applied once, it gives `0 3 0 -4`. Applied twice, it gives `3 -3 -4`. The kernel
# `1 -2 1` gives the same in one step: its first result is $2 - 2 \cdot 2 + 5 = 3$, and so on.
#
# So without something between them, many layers can do no more than one layer. The U-Net has 18
# convolutions of 3×3. Eighteen of them in a row would be a single convolution of 37×37.
#
# What the U-Net has between them is the ReLU, which replaces negative numbers by 0. It has a *kink*
# at 0: a point where its slope jumps. In the example it makes `0 3 0 0` of `0 3 0 -4`, and the
# second convolution then gives `3 -3 0`. No single convolution does the same. To see that, suppose
# that $f$ is a convolution and $b$ its bias. Then $f(x) + f(-x) = 2b$ at every pixel, because all
# products of a weight and a pixel cancel. But for $-x$ the two layers with the ReLU between them
# give `0 0 4`, and the sums are `3 -3 4`: three different numbers.

# %%
x = np.array([[2.0, 2, 5, 5, 1]])[..., np.newaxis]  # (1, 5, 1): one row, one channel
once = np.array([-1.0, 1]).reshape(1, 2, 1, 1)
twice = np.array([1.0, -2, 1]).reshape(1, 3, 1, 1)
b = np.zeros(1)


def with_relu(x):
    return conv2d.forward(relu.forward(conv2d.forward(x, once, b)), once, b)


linear = conv2d.forward(conv2d.forward(x, once, b), once, b)
assert linear.ravel().tolist() == [3, -3, -4]
assert np.array_equal(linear, conv2d.forward(x, twice, b))
assert with_relu(x).ravel().tolist() == [3, -3, 0]
assert with_relu(-x).ravel().tolist() == [0, 0, 4]
assert sum(shape[:2] == (3, 3) for shape in Architecture().shapes().values()) == 18
assert 1 + 18 * (3 - 1) == 37

# %% [markdown]
# ## ReLU, forward and backward
#
# The *rectified linear unit*, or ReLU, treats each number on its own: $y = \max(x, 0)$. Its slope
# is 1 for a positive $x$ and 0 for a negative $x$. So by the chain rule
#
# $$ dx = dy \cdot \frac{\partial y}{\partial x}
#       = \begin{cases} dy & x > 0 \\ 0 & x \le 0 \end{cases} $$
#
# The ReLU works like a gate for each number. If $x$ is positive, the gate is open, and both the
# number and its gradient pass unchanged. If not, both become 0.
#
# The backward does not need $x$ to know which gates were open, because $x > 0$ exactly where
# $y > 0$. The next convolution keeps $y$ in any case, as its own input. So the ReLU needs no memory
# of its own.

# %%
print(inspect.getsource(relu.forward))
print(inspect.getsource(relu.backward))

x = np.array([[3, -1, 2], [-4, 5, -2]])
y = relu.forward(x)
dy = np.array([[10, 20, 30], [40, 50, 60]])
dx = relu.backward(dy, y)
assert y.tolist() == [[3, 0, 2], [0, 5, 0]]
assert np.array_equal(x > 0, y > 0)
assert dx.tolist() == [[10, 0, 30], [0, 50, 0]]

# %% tags=["draws"]
gates = np.where(x > 0, "#cfe8cf", "0.85")
figure, axes = plt.subplots(
    2, 3, figsize=(4.8, 3.7), width_ratios=[3, 1.2, 3], layout="constrained"
)
for ax, entries, name in ((axes[0, 0], x, "x"), (axes[0, 2], y, "y = max(x, 0)")):
    squares(ax, entries, name, shades=gates)
for ax, entries, name in ((axes[1, 0], dx, "dx"), (axes[1, 2], dy, "dy")):
    squares(ax, entries, name, shades=gates)
arrow(axes[0, 1], "forward")
arrow(axes[1, 1], "backward", back=True)
show(
    figure,
    "The ReLU on a 2 by 3 map. Forward, at the top: green squares are positive and pass unchanged, "
    "grey squares become 0. Backward, at the bottom: the gradient passes the green squares "
    "unchanged and becomes 0 in the grey ones.",
)

# %% [markdown]
# ## What is the slope at the kink?
#
# At $x = 0$ the slope is 0 on the left and 1 on the right, so there is no derivative. The central
# difference of chapter 2 gives a number all the same. For a step $h$ and $|x| < h$ it is
#
# $$ \frac{\max(x + h, 0) - \max(x - h, 0)}{2h} = \frac{x + h - 0}{2h}
#    = \frac{1}{2} + \frac{x}{2h} $$
#
# At 0 this is ½, however small the step. On both sides it is a ramp from 0 to 1, of width $2h$. The
# backward must choose a value, and it chooses 0. This does no harm in training, because a float is
# almost never exactly 0 there. It does matter for a gradient check: near a kink, central
# differences disagree with a backward that is right.

# %%
x = np.linspace(-1, 1, 201)
everywhere = [(k,) for k in range(x.size)]
differences = {}
for h in (0.5, 0.1):
    slope = numerical_gradient(lambda: relu.forward(x).sum(), x, everywhere, step=h)
    inside = np.abs(x) < h
    assert np.allclose(slope[inside], 0.5 + x[inside] / (2 * h), atol=1e-12)
    differences[h] = slope

# %% tags=["draws"]
figure, (upper, lower) = plt.subplots(2, 1, figsize=(4.8, 5), sharex=True, layout="constrained")
upper.plot(x, relu.forward(x), color="black")
upper.set(ylabel="y", title="ReLU")
lower.plot(x, relu.backward(np.ones_like(x), relu.forward(x)), color="black", label="backward")
for (h, slope), colour in zip(differences.items(), ("tab:blue", "tab:orange"), strict=True):
    lower.plot(x, slope, color=colour, label=f"differences, h = {h}")
lower.set(xlabel="x", ylabel="slope", title="its slope")
lower.legend(loc="upper left", fontsize=10)
show(
    figure,
    "Top: ReLU, flat up to 0, then a line of slope 1. Bottom: its backward jumps from 0 to 1 at "
    "x = 0; central differences climb from 0 to 1 along a ramp from -h to h, and all cross ½ at 0.",
)

# %% [markdown]
# ## Max-pooling by hand
#
# *Max-pooling* keeps the largest number of each 2×2 block, and so halves both sides of the map. It
# treats each channel on its own. In the figure below, cover `y` and work it out before you look.
#
# The position of the largest number in its block is kept in `argmax`, as the number of its tap:
# 0 and 1 for the upper row of the block, 2 and 3 for the lower row. In the upper right block there
# are three 2s; the first in reading order wins.
#
# In the backward, the winner gets the whole gradient of its block. For the `dy` of the figure, 10
# goes to the 3, 20 to the first 2, 30 to the 7 and 40 to the 8. The other twelve pixels get 0.

# %%
x = np.array([[1, 3, 2, 2], [0, 2, 1, 2], [5, 4, 0, 0], [6, 7, 8, 0]])[..., np.newaxis]
y, argmax = maxpool.forward(x)
assert y[..., 0].tolist() == [[3, 2], [7, 8]]
assert argmax[..., 0].tolist() == [[1, 0], [3, 2]]

dy = np.array([[10, 20], [30, 40]])[..., np.newaxis]
dx = maxpool.backward(dy, argmax)
assert dx[..., 0].tolist() == [[0, 10, 20, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 30, 40, 0]]

# %% tags=["draws"]
blocks = np.array([["#cfe2f3", "#fce0c4"], ["#d3ead3", "#e8d9f0"]])
of_pixels = blocks.repeat(2, axis=0).repeat(2, axis=1)
ratios = {"width_ratios": [4, 2, 2.4], "height_ratios": [4, 4, 2.4]}
figure, axes = plt.subplots(3, 3, figsize=(4.8, 6.4), layout="constrained", **ratios)
squares(axes[0, 0], x[..., 0], "x", shades=of_pixels)
squares(axes[0, 2], y[..., 0], "y: the largest", shades=blocks)
squares(axes[1, 0], dx[..., 0], "dx", shades=of_pixels)
squares(axes[1, 2], dy[..., 0], "dy", shades=blocks)
squares(axes[2, 0], [[0, 1], [2, 3]], "the taps of a block")
squares(axes[2, 2], argmax[..., 0], "argmax", shades=blocks)
arrow(axes[0, 1], "forward")
arrow(axes[1, 1], "backward", back=True)
axes[2, 1].axis("off")
for r, c in np.ndindex(2, 2):
    i, j = divmod(int(argmax[r, c, 0]), 2)
    for ax in axes[:2, 0]:
        corner = (2 * c + j + 0.08, 2 * r + i + 0.08)
        ax.add_patch(plt.Rectangle(corner, 0.84, 0.84, fill=False, edgecolor="black", linewidth=2))
show(
    figure,
    "Max-pooling of a 4 by 4 map x with four coloured blocks: in each block the largest number is "
    "framed, and it alone appears in the 2 by 2 result y. Backward: each number of dy goes to the "
    "framed pixel of its block in dx, and all others are 0. Below, the numbers 0 to 3 of the taps "
    "of a block, and argmax: 1, 0, 3, 2.",
)

# %% [markdown]
# ## Max-pooling, forward and backward
#
# Pixel $(r, c)$ of the output is the largest of four input pixels. Let $(i^*, j^*)$ be the tap of
# the winner, which depends on $r$ and $c$:
#
# $$ y[r, c] = \max_{i, j \in \{0, 1\}} x[2r + i,\, 2c + j] = x[2r + i^*,\, 2c + j^*] $$
#
# Change the winner a little, and $y$ changes equally: slope 1. Change another pixel a little, and
# $y$ stays: slope 0. The blocks do not overlap, so input pixel $(2r + i, 2c + j)$ is read by one
# output pixel only, and the sum of the chain rule has a single term:
#
# $$ dx[2r + i,\, 2c + j] = \begin{cases} dy[r, c] & (i, j) = (i^*, j^*) \\ 0 & \mathrm{otherwise}
#    \end{cases} $$
#
# The code treats all blocks at once: `x[i::2, j::2]` is tap $(i, j)$ of every block. A tap replaces
# the winner only if it is larger than all taps before it.

# %%
print(inspect.getsource(maxpool.forward))
print(inspect.getsource(maxpool.backward))

# %%
x = rng.integers(0, 9, (6, 8, 3)).astype(float)  # small integers, so that there are many ties
y, argmax = maxpool.forward(x)
dy = rng.standard_normal(y.shape)
dx = np.zeros_like(x)
for r, c, channel in np.ndindex(y.shape):
    block = x[2 * r : 2 * r + 2, 2 * c : 2 * c + 2, channel]
    i, j = divmod(int(block.argmax()), 2)  # in NumPy's argmax, too, the first wins
    assert (y[r, c, channel], argmax[r, c, channel]) == (block.max(), 2 * i + j)
    dx[2 * r + i, 2 * c + j, channel] = dy[r, c, channel]
assert np.array_equal(dx, maxpool.backward(dy, argmax))

# %% [markdown]
# ## Ties
#
# A tie is a kink as well. If two pixels share the largest value, raising one of them raises $y$,
# but lowering it does not lower $y$, because then the other one wins. Again the backward must
# choose. It gives all of $dy$ to the first, so the sum of the gradient is kept.
#
# After a ReLU, ties are common: a block of four zeros is a tie. There the choice makes no
# difference, because a 0 means that the gate of the ReLU is closed, and the ReLU's backward removes
# the gradient. To show this, the next cell lets the last of the equal pixels win, by pooling the
# map turned by 180°. The two gradients differ, but they are equal after the ReLU's backward.

# %%
z = rng.standard_normal((40, 60, 3)) - 0.5
a = relu.forward(z)
y, argmax = maxpool.forward(a)
dy = rng.standard_normal(y.shape)
first = maxpool.backward(dy, argmax)
last = maxpool.backward(dy[::-1, ::-1], maxpool.forward(a[::-1, ::-1])[1])[::-1, ::-1]
print(f"{np.mean(y == 0):.0%} of the blocks are four zeros")
assert np.mean(y == 0) > 0.2
assert not np.array_equal(first, last)
assert np.array_equal(relu.backward(first, a), relu.backward(last, a))
assert np.isclose(first.sum(), dy.sum())

# %% [markdown]
# At a tie of positive numbers, the gradient check of chapter 2 fails, and says that there is a
# kink.

# %%
x = np.array([[2.0, 2], [0, 1]])[..., np.newaxis]
y, argmax = maxpool.forward(x)
dy = np.ones_like(y)
try:
    check_gradients(maxpool.forward, {"x": x}, dy, {"x": maxpool.backward(dy, argmax)})
    raise RuntimeError("the check did not see the kink")
except AssertionError as found:
    print(found)
    assert "kink" in str(found)

# %% [markdown]
# ## What must be remembered?
#
# Compare the parameters of the two backwards: `relu.backward(dy, y)` and
# `maxpool.backward(dy, argmax)`. Neither needs its input `x`. In the paper's network, with an input
# of 572×572 pixels, the first max-pooling reads a map of 568×568 pixels and 64 channels. In float32
# this map takes 83 MB. The argmax has one byte for each block and channel, 5 MB in all: a
# sixteenth.
#
# The network keeps this map in any case, for the ReLU before it and for the copy of chapter 7. So
# the winners could be found again from the map. Remembering them costs 5 MB and saves this work.

# %%
side = [row.size for row in figure1(Architecture(), 572) if row.stage == "contract0"][1]
map_bytes = side * side * 64 * np.dtype(np.float32).itemsize
_, argmax = maxpool.forward(np.zeros((4, 4, 1), np.float32))
winner_bytes = (side // 2) ** 2 * 64 * argmax.itemsize
print(f"map {map_bytes / 1e6:.0f} MB, argmax {winner_bytes / 1e6:.0f} MB")
assert (side, round(map_bytes / 1e6), round(winner_bytes / 1e6)) == (568, 83, 5)
assert map_bytes == 16 * winner_bytes

# %% [markdown]
# ## The way back through an image
#
# Here is backpropagation through three ops: a convolution, a ReLU and a max-pooling. The
# convolution has one feature that is positive where the image is dark. Its kernel is nine times
# $-1/9$ and its bias 0.5, so $z$ is 0.5 minus the mean of 3×3 pixels. Then come $a = \max(z, 0)$,
# the max-pooling, and the energy $E = \frac{1}{2} \sum y^2$, whose gradient is $dy = y$.
#
# Follow the gradient back in the figure. The max-pooling gives it to one pixel in each block of
# four. The ReLU removes it where $z \le 0$, that is, where the image is bright. The convolution
# spreads each remaining pixel over 3×3 pixels of the image, and its weights of $-1/9$ make the
# gradient negative: the brighter the image is, the smaller are $z$ and $E$.

# %%
image = em_stack((1, 96, 128), rng).images[0] / 255.0
x = image[30:64, 40:82, np.newaxis]
w, b = np.full((3, 3, 1, 1), -1 / 9), np.array([0.5])
z = conv2d.forward(x, w, b)
a = relu.forward(z)
y, argmax = maxpool.forward(a)

da = maxpool.backward(y, argmax)
dz = relu.backward(da, a)
dx, dw, db = conv2d.backward(dz, x, w)
assert np.count_nonzero(dz) == np.count_nonzero(y) < z.size / 4
assert not dz[z <= 0].any()

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(4.8, 4.6), layout="constrained")
titles = ("image x", "after the ReLU: a", "gradient dz", "gradient dx")
colours = ("gray", "viridis", "viridis", "viridis_r")
for ax, shown, title, cmap in zip(panels.flat, (x, a, dz, dx), titles, colours, strict=True):
    drawn = ax.imshow(shown[..., 0], cmap=cmap)
    figure.colorbar(drawn, ax=ax, location="bottom", pad=0.03)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "Four panels: a piece of a synthetic EM image with dark membranes; the ReLU's output, positive "
    "on membranes and other dark places; the gradient dz, single pixels in the same places, at "
    "most one in each 2 by 2 block; and the gradient dx, where each of them is spread over 3 by 3.",
)

# %% [markdown]
# With a bias of −1, the feature is 0 at every pixel. Then all gradients are 0, including those of
# the kernel and of the bias, so training can never change it again. Such a neuron is called *dead*.
# Chapter 10 shows networks that died.

# %%
dead = relu.forward(conv2d.forward(x, w, b - 1.5))
upstream = rng.standard_normal(dead.shape)
assert not dead.any()
for gradient in conv2d.backward(relu.backward(upstream, dead), x, w):
    assert not gradient.any()

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/relu_and_maxpool.py`.

# %%
# 1. Predict, without running maxpool: the output and the argmax of these two blocks,
#        4 4 | -1 -2
#        9 9 | -3 -1
#    as two lists of two numbers each.
answer = ...  # ([y, y], [argmax, argmax])
check_pooled_by_hand(answer)

# %%
# 2. The U-Net pools after the ReLU. Suppose that it pooled before: relu(maxpool(x)) instead of
#    maxpool(relu(x)). Would the output be the same for every x? Would the gradient of x be the
#    same, ties apart?
answer = ...  # (True or False, True or False)
check_order(answer)


# %%
# 3. The leaky ReLU of the authors' later networks: y = x where x > 0, else x / 10.
def leaky_backward(dy, y):
    """dx, shaped like dy: from dy, the gradient of y, and y, the *output* of the forward."""
    ...


check_leaky_backward(leaky_backward)


# %%
# 4. Write the backward of max-pooling, for any map with even sides.
def maxpool_backward(dy, argmax):
    """dx (H, W, C), from dy and argmax, both (H/2, W/2, C); argmax holds taps, 0 to 3."""
    ...


check_maxpool_backward(maxpool_backward)

# %% [markdown]
# The U-Net pools four times, so it halves the map four times. But its answer must have a value for
# each pixel. The next chapter shows how a map grows again.
#
# ## Summary
#
# - Without a ReLU between them, convolutions in a row are one convolution.
# - ReLU: the gradient passes where $y > 0$, and is 0 elsewhere; the backward needs `dy` and `y`.
# - Max-pooling: the winner of each block gets the whole gradient; the backward needs `dy` and
#   `argmax`.
# - At a kink or a tie there is no derivative; the backward chooses one, and a gradient check can
#   disagree with it.
# - A feature that is 0 everywhere gets no gradient, and cannot be trained any more.
#
# ## In other words
#
# The ReLU is a **nonlinearity** or **activation function**; other networks use the **sigmoid**, the
# **tanh** or the **leaky ReLU** of exercise 3. The value that the backward chooses at a kink is a
# **subgradient**. Max-pooling is a kind of **downsampling** or **subsampling**; **average pooling**
# takes the mean instead. A map that is pooled less often has a higher **resolution**.
#
# ## Further reading
#
# - V. Nair and G. E. Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines*, 2010:
#   the name ReLU.
# - X. Glorot, A. Bordes and Y. Bengio, *Deep Sparse Rectifier Neural Networks*, 2011: deep networks
#   with ReLUs, and why they train well.
# - J. T. Springenberg, A. Dosovitskiy, T. Brox and M. Riedmiller, *Striving for Simplicity: The All
#   Convolutional Net*, 2015: networks without max-pooling, by a group that includes an author of
#   the U-Net.
#
# Next: [4. What is an up-convolution?](04_upconvolution.ipynb)
