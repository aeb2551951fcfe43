# %% [markdown]
# # 3. ReLU and max-pooling: where does the gradient flow?
#
# Afterwards you can write both backwards from memory, and say for each what its forward must
# remember, and what a gradient is worth at a kink.
#
# Before: [2. Which way is downhill?](02_gradients.ipynb). After:
# [4. What is an up-convolution?](04_upconvolution.ipynb). The files explained here are
# `minunet/ops/relu.py` and `minunet/ops/maxpool.py`.

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

from minunet.data.synthetic import em_stack
from minunet.gradcheck import check_gradients, numerical_gradient
from minunet.network.architecture import Architecture
from minunet.network.sizes import figure1
from minunet.ops import conv2d, maxpool, relu

rng = np.random.default_rng(1)

# %% [markdown]
# ## Why there must be a kink
#
# Two convolutions in a row are one convolution. Take a map of one row, `2 2 5 5 1`, and the kernel
# `-1 1`, which subtracts each pixel from its right neighbour. Once: `0 3 0 -4`. Twice: `3 -3 -4`.
# The kernel `1 -2 1` gives the same at once: $2 - 2 \cdot 2 + 5 = 3$, and so on. Without something
# between them, 18 convolutions of 3×3 in a row, as many as the network has, would be one of 37×37.
#
# The ReLU between them sets what is negative to 0: `0 3 0 0`, and then `3 -3 0`. No single
# convolution does that. If $f$ is one, and $b$ its bias, then $f(x) + f(-x) = 2b$ at every pixel.
# But $-x$ gives `0 0 4`, and the sums are `3 -3 4`, not one number.

# %%
x = np.array([[2.0, 2, 5, 5, 1]])[..., np.newaxis]  # (1, 5, 1): one row, one channel
once = np.array([-1.0, 1]).reshape(1, 2, 1, 1)
twice = np.array([1.0, -2, 1]).reshape(1, 3, 1, 1)
b = np.zeros(1)


def kinked(x):
    return conv2d.forward(relu.forward(conv2d.forward(x, once, b)), once, b)


linear = conv2d.forward(conv2d.forward(x, once, b), once, b)
assert linear.ravel().tolist() == [3, -3, -4]
assert np.array_equal(linear, conv2d.forward(x, twice, b))
assert kinked(x).ravel().tolist() == [3, -3, 0]
assert kinked(-x).ravel().tolist() == [0, 0, 4]
assert sum(shape[:2] == (3, 3) for shape in Architecture().shapes().values()) == 18
assert 1 + 18 * (3 - 1) == 37

# %% [markdown]
# ## ReLU, both ways
#
# The rectified linear unit acts on every number alone: $y = \max(x, 0)$. Its slope is 1 above 0 and
# 0 below, so by the chain rule
#
# $$ dx = dy \cdot \frac{\partial y}{\partial x}
#       = \begin{cases} dy & x > 0 \\ 0 & x \le 0 \end{cases} $$
#
# It is a gate: what was let through forwards is let through backwards, unchanged. To know which
# gates were open, $x$ is not needed: $x > 0$ exactly where $y > 0$. The next convolution keeps $y$
# in any case, as its own input. So the ReLU remembers nothing of its own.

# %%
print(inspect.getsource(relu.forward))
print(inspect.getsource(relu.backward))

x = np.array([-2.0, -1, 0, 1, 3])
y = relu.forward(x)
assert y.tolist() == [0, 0, 0, 1, 3]
assert np.array_equal(x > 0, y > 0)
assert relu.backward(np.array([5.0, 6, 7, 8, 9]), y).tolist() == [0, 0, 0, 8, 9]

# %% [markdown]
# ## What is the slope at the kink?
#
# At $x = 0$ the slope is 0 to the left and 1 to the right: there is no derivative. The
# central differences of chapter 2 give an answer all the same. With a step $h$ and $|x| < h$:
#
# $$ \frac{\max(x + h, 0) - \max(x - h, 0)}{2h} = \frac{x + h - 0}{2h}
#    = \frac{1}{2} + \frac{x}{2h} $$
#
# At 0 that is ½, however small the step: a ramp from 0 to 1, as wide as $2h$. A backward must
# choose one of the values, and takes 0. The choice does no harm, as almost no float is exactly 0.
# The checker is another matter: at a kink it finds an error in code that is right.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.1), layout="constrained")
x = np.linspace(-1, 1, 201)
everywhere = [(k,) for k in range(x.size)]
left.plot(x, relu.forward(x), color="black")
left.set(xlabel="x", ylabel="y", title="ReLU")
right.plot(x, relu.backward(np.ones_like(x), relu.forward(x)), color="black", label="backward")
for h, colour in ((0.5, "tab:blue"), (0.1, "tab:orange")):
    slope = numerical_gradient(lambda: relu.forward(x).sum(), x, everywhere, step=h)
    inside = np.abs(x) < h
    assert np.allclose(slope[inside], 0.5 + x[inside] / (2 * h), atol=1e-12)
    right.plot(x, slope, color=colour, label=f"differences, h = {h}")
right.set(xlabel="x", ylabel="slope", title="its slope")
figure.legend(loc="outside lower center", ncols=3, fontsize=9)
show(
    figure,
    "Left: ReLU, flat up to 0, then a line of slope 1. Right: its backward jumps from 0 to 1 at "
    "x = 0; central differences climb from 0 to 1 along a ramp from -h to h, and all cross ½ at 0.",
)

# %% [markdown]
# ## Max-pooling by hand
#
# Max-pooling keeps the largest number of every 2×2 block, and so halves each side of the map. It
# does so in each channel alone. Cover the numbers on the right before you look.
#
#     x = 1 3 | 2 2     y = 3 2     argmax = 1 0     taps of a block: 0 1
#         0 2 | 1 2         7 8              3 2                      2 3
#         ----+----
#         5 4 | 0 0
#         6 7 | 8 0
#
# The winner of a block is remembered in `argmax` by its tap's number, from 0 to 3 in reading order.
# In the block with three 2s the first one wins. Backwards, the winner takes all: if the rows of
# $dy$ are `10 20` and `30 40`, then 10 goes to the 3, 20 to the first 2, 30 to the 7, 40 to the 8,
# and 0 to the twelve others.

# %%
x = np.array([[1.0, 3, 2, 2], [0, 2, 1, 2], [5, 4, 0, 0], [6, 7, 8, 0]])[..., np.newaxis]
y, argmax = maxpool.forward(x)
assert y[..., 0].tolist() == [[3, 2], [7, 8]]
assert argmax[..., 0].tolist() == [[1, 0], [3, 2]]

dx = maxpool.backward(np.array([[10.0, 20], [30, 40]])[..., np.newaxis], argmax)
assert dx[..., 0].tolist() == [[0, 10, 20, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 30, 40, 0]]

# %% [markdown]
# ## Max-pooling, both ways
#
# Pixel $(r, c)$ of the output looks at four taps of the input, and the winner is $(i^*, j^*)$,
# which depends on $r$ and $c$:
#
# $$ y[r, c] = \max_{i, j \in \{0, 1\}} x[2r + i,\, 2c + j] = x[2r + i^*,\, 2c + j^*] $$
#
# Nudge the winner, and $y$ follows it: slope 1. Nudge a loser, and $y$ stays: slope 0. The blocks
# do not overlap, so pixel $(2r + i, 2c + j)$ is seen by one output only, and the sum of the chain
# rule over all outputs has one term:
#
# $$ dx[2r + i,\, 2c + j] = \begin{cases} dy[r, c] & (i, j) = (i^*, j^*) \\ 0 & \mathrm{else}
#    \end{cases} $$
#
# In the code all blocks go at once: `x[i::2, j::2]` is tap $(i, j)$ of every block. A tap wins only
# if it is larger than all before it, and the last tap that did so is the winner.

# %%
print(inspect.getsource(maxpool.forward))
print(inspect.getsource(maxpool.backward))

x = rng.integers(0, 9, (6, 8, 3)).astype(float)  # small integers: many ties
y, argmax = maxpool.forward(x)
dy = rng.standard_normal(y.shape)
dx = np.zeros_like(x)
for r, c, channel in np.ndindex(y.shape):
    block = x[2 * r : 2 * r + 2, 2 * c : 2 * c + 2, channel]
    i, j = divmod(int(block.argmax()), 2)  # NumPy's argmax: the first wins as well
    assert (y[r, c, channel], argmax[r, c, channel]) == (block.max(), 2 * i + j)
    dx[2 * r + i, 2 * c + j, channel] = dy[r, c, channel]
assert np.array_equal(dx, maxpool.backward(dy, argmax))

# %% [markdown]
# ## Ties
#
# A tie is a kink as well: raise one of two equal winners, and $y$ follows; lower it, and the other
# one wins. To give all of $dy$ to the first is a choice again, and the sum of the gradient is kept.
#
# Are ties rare? After a ReLU they are not: a block of four zeros is a tie. There the choice does
# not matter: the gradient of a zero meets a closed gate of the ReLU before it. The cell lets the
# last of equals win, by pooling the map turned by 180°. The two gradients differ, but no longer
# when the ReLU's backward has been applied. At a tie of positive numbers the checker names the
# kink.

# %%
z = rng.standard_normal((40, 60, 3)) - 0.5
a = relu.forward(z)
y, argmax = maxpool.forward(a)
dy = rng.standard_normal(y.shape)
first = maxpool.backward(dy, argmax)
last = maxpool.backward(dy[::-1, ::-1], maxpool.forward(a[::-1, ::-1])[1])[::-1, ::-1]
print(f"{np.mean(y == 0):.0%} of the blocks are four zeros")
assert np.mean(y == 0) > 0.2 and not np.array_equal(first, last)
assert np.array_equal(relu.backward(first, a), relu.backward(last, a))
assert np.isclose(first.sum(), dy.sum())

x = np.array([[2.0, 2], [0, 1]])[..., np.newaxis]
y, argmax = maxpool.forward(x)
dy = np.ones_like(y)
try:
    check_gradients(maxpool.forward, {"x": x}, dy, {"x": maxpool.backward(dy, argmax)})
    raise RuntimeError("the checker saw no kink")
except AssertionError as found:
    print(found)
    assert "kink" in str(found)

# %% [markdown]
# ## What must be remembered?
#
# The parameters of a backward are the answer: `relu.backward(dy, y)`,
# `maxpool.backward(dy, argmax)`. Neither asks for its input `x`. In the paper's
# network, with an input of 572×572, the first pooling takes a map of 568×568 pixels and 64
# channels. In float32 the map fills 83 MB; the winners, one byte each for a quarter of the pixels,
# 5 MB: a sixteenth.
#
# The network keeps that map in any case, for the ReLU before it and for the copy of chapter 7. So
# the winners could be found again from it; remembering them costs 5 MB and saves that work.

# %%
side = [row.size for row in figure1(Architecture(), 572) if row.stage == "contract0"][1]
map_bytes = side * side * 64 * np.dtype(np.float32).itemsize
_, argmax = maxpool.forward(np.zeros((4, 4, 1), np.float32))
winner_bytes = (side // 2) ** 2 * 64 * argmax.itemsize
print(f"map {map_bytes / 1e6:.0f} MB, winners {winner_bytes / 1e6:.0f} MB")
assert (side, round(map_bytes / 1e6), round(winner_bytes / 1e6)) == (568, 83, 5)
assert map_bytes == 16 * winner_bytes

# %% [markdown]
# ## The way back through an image
#
# One neuron that fires where it is dark: a kernel of nine times $-1/9$ and a bias of 0.5 make
# $z = 0.5 -$ (mean of the 3×3 neighbourhood). Then $a = \max(z, 0)$, then the pooling, then
# $E = \frac{1}{2} \sum y^2$, whose gradient is $dy = y$. Follow it back. At most one pixel in a
# block of four receives a gradient, and none where $z \le 0$, where it is bright. The convolution
# spreads each of them over 3×3 pixels of the image.
#
# With a bias of $-1$ the neuron fires nowhere. Then all gradients are 0, that of the bias too, and
# no step can wake it: it is *dead*. Chapter 10 meets such networks.

# %%
image = em_stack((1, 96, 128), rng).images[0] / 255.0
x = image[30:64, 40:82, np.newaxis]
w, b = np.full((3, 3, 1, 1), -1 / 9), np.array([0.5])
z = conv2d.forward(x, w, b)
a = relu.forward(z)
y, argmax = maxpool.forward(a)
dz = relu.backward(maxpool.backward(y, argmax), a)
dx, dw, db = conv2d.backward(dz, x, w)
assert np.count_nonzero(dz) == np.count_nonzero(y) < z.size / 4 and not dz[z <= 0].any()

dead = relu.forward(conv2d.forward(x, w, b - 1.5))
assert not dead.any() and not relu.backward(rng.standard_normal(dead.shape), dead).any()

figure, panels = plt.subplots(2, 2, figsize=(6.6, 4.8), layout="constrained")
titles = ("image x", "after the ReLU: a", "gradient of z: dz", "gradient of the image: dx")
colours = ("gray", "viridis", "viridis", "viridis_r")
for ax, shown, title, cmap in zip(panels.flat, (x, a, dz, dx), titles, colours, strict=True):
    drawn = ax.imshow(shown[..., 0], cmap=cmap)
    figure.colorbar(drawn, ax=ax)
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Four panels: a piece of a synthetic EM image with dark membranes; the ReLU's output, positive "
    "on the membranes; its gradient, single pixels, at most one in each 2 by 2 block and only on "
    "the membranes; and the gradient of the image, the same pixels each spread over 3 by 3.",
)

# %% [markdown]
# ## Exercises
#
# Each cell ends with a check that says what it found. Begin with a pencil.

# %%
# 1. Predict, without running maxpool: the output and the argmax of these two blocks,
#        4 4 | -1 -2
#        9 9 | -3 -1
#    as two lists of two numbers each.
answer = ...  # ([y, y], [argmax, argmax])
check_pooled_by_hand(answer)

# %%
# 2. The U-Net pools after the ReLU. If it pooled before, relu(maxpool(x)) for maxpool(relu(x)):
#    would the output be the same for every x? Would the gradient of x be (ties apart)?
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
# Solutions: `tutorials/solutions/relu_and_maxpool.py`. The network pools four times and so halves
# the map four times. How does it grow again?
# [4. What is an up-convolution?](04_upconvolution.ipynb)
