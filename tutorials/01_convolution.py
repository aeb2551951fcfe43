# %% [markdown]
# # 1. What is a convolution?
#
# *How does a network look at a pixel together with its neighbours, and what does that cost?*
#
# **After this chapter you can** compute a convolution by hand, write one in six lines of NumPy, and
# calculate its cost.
#
# **Prerequisites:** NumPy arrays and slices, and
# [chapter 0](00_overview.ipynb).
#
# **Time:** 50 minutes.
#
# This chapter explains the `forward` function of `minunet/ops/conv2d.py`. Before:
# [0. What the network does](00_overview.ipynb). After:
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
from minunet.ops import conv2d, cross_entropy, relu

rng = np.random.default_rng(1)

# %% [markdown]
# ## Why look at the neighbours?
#
# The U-Net, the network of [chapter 0](00_overview.ipynb), is given an image of nerve tissue, taken
# with an electron microscope (EM). For each pixel it decides whether the pixel belongs to a cell or
# to a *membrane*, the thin dark wall between two cells. This is called *segmentation*.
#
# A *network* is a chain of functions called *layers*. Each layer makes one array out of another.
# Most layers contain adjustable numbers, the *weights*. *Training* adjusts the weights until the
# decisions agree with images in which a person has already marked the membranes.
#
# A layer that looks at one pixel at a time cannot make this decision. The image is noisy, so many
# dark pixels lie inside a cell. But a membrane is a dark *line*: its pixels are darker than
# the pixels on both sides of the line. To see that, a layer must compare each pixel with its
# neighbours. The layer that does so is the *convolution*, and most layers of the U-Net are of this
# kind.
#
# ## One number, by hand
#
# Here is a tiny image `x` of 4×4 grey values, from 0 (black) to 9 (white). Its third column is a
# membrane. The *kernel* `w` holds 3×3 weights. This kernel is positive on the left and on the
# right, and negative in the middle, so it measures how much darker a column is than the columns on
# both sides of it.
#
# Lay the kernel on the upper left corner of the image. Multiply the nine pairs of numbers that lie
# on top of each other, and add up the products. Then add one more number `b`, the *bias*. This
# gives the first number of the result `y`. Now move the kernel by one pixel and repeat.
#
# $$y[r, c] = b + \sum_{i} \sum_{j} x[r+i,\, c+j] \; w[i, j]$$
#
# Here $(r, c)$ is a row and a column of the result. The pair $(i, j)$ is a position in the kernel,
# called a *tap*; a 3×3 kernel has nine taps. The nine pixels under the kernel are its *window*. The
# weights and the bias are the same for every window.

# %%
x = np.array([[9, 8, 2, 9], [8, 9, 1, 8], [9, 7, 2, 9], [8, 9, 1, 8]])
w = np.array([[1, -2, 1], [1, -2, 1], [1, -2, 1]])
b = -10

# The first window: its three columns add up to 26, 24 and 5.
assert 26 - 2 * 24 + 5 + b == -27

y = np.zeros((2, 2), int)
for r in range(2):
    for c in range(2):
        y[r, c] = b + np.sum(x[r : r + 3, c : c + 3] * w)
assert np.array_equal(y, [[-27, 30], [-31, 32]])

# %% tags=["draws"]
figure, ((one, two), (three, unused)) = plt.subplots(
    2, 2, figsize=(4.6, 4.6), layout="constrained", width_ratios=[4, 3], height_ratios=[4, 2]
)
squares(one, x, "x, and its first window", marked=(0, 0, 3, 3))
squares(two, w, "w (b = −10)")
squares(three, y, "y", marked=(0, 0, 1, 1))
unused.axis("off")
show(
    figure,
    "Three grids of integers: the image x with its upper left 3 by 3 window marked, the kernel w, "
    "and the 2 by 2 result y with its upper left number, -27, marked.",
)

# %% [markdown]
# The right column of `y` is positive. There the middle of the kernel lies on the membrane. The left
# column is negative, because there the middle of the kernel lies beside the membrane. The bias sets
# the limit: with $b = -10$, a line that is only a little darker than its surroundings gives a
# negative number.
#
# ## Why the result is smaller
#
# The whole kernel must lie on the image. In an image of $H$ rows, a kernel of $kh$ rows has
# $H - kh + 1$ positions, and likewise $W - kw + 1$ in $W$ columns. So a 3×3 kernel makes the result
# two rows and two columns smaller. The paper on the U-Net (Ronneberger, Fischer and Brox, 2015)
# calls this an *unpadded* convolution; signal processing calls it *valid*.
#
# A frame of zeros around the image would keep its size (this is *zero padding*). But then the
# results along the border are computed from pixels that nobody measured. The next cell takes the
# mean of 3×3 pixels in an image of ones. Without padding, the mean is 1 everywhere. With zeros
# around the image, it is 4/9 in the corners.

# %%
ones, mean = np.ones((5, 6, 1)), np.full((3, 3, 1, 1), 1 / 9)
unpadded = conv2d.forward(ones, mean, np.zeros(1))
padded = conv2d.forward(np.pad(ones, ((1, 1), (1, 1), (0, 0))), mean, np.zeros(1))
print(padded[:, :, 0].round(2))

assert unpadded.shape == (3, 4, 1)
assert padded.shape == ones.shape
assert np.allclose(unpadded, 1)
assert np.isclose(padded[0, 0, 0], 4 / 9)

# %% [markdown]
# ## Nine shifted windows
#
# The formula takes one pixel of the result and asks what each tap contributes. Turn the question
# round: for each tap, which pixels does it read? Keep $(i, j)$ fixed and let $(r, c)$ run over the
# whole result. Then $x[r+i, c+j]$ runs over a part of `x` that is as large as `y`: the slice
# `x[i : i + oh, j : j + ow]`, where $oh$ and $ow$ are the rows and columns of the output. All of
# this part is multiplied by the same number, `w[i, j]`.
#
# So `y` is a weighted sum of nine shifted copies of `x`. The loop runs nine times, whatever the
# size of the image.

# %%
oh, ow = x.shape[0] - 3 + 1, x.shape[1] - 3 + 1
by_taps = np.full((oh, ow), b)
for i in range(3):
    for j in range(3):
        by_taps += x[i : i + oh, j : j + ow] * w[i, j]
assert np.array_equal(by_taps, y)

# %% tags=["draws"]
figure, panels = plt.subplots(3, 3, figsize=(4.8, 5.4), layout="constrained")
for i, j in np.ndindex(3, 3):
    squares(panels[i, j], x, f"w[{i}, {j}] = {w[i, j]}", marked=(i, j, oh, ow))
show(
    figure,
    "The image x nine times, once for each tap of the kernel. The 2 by 2 part that the tap is "
    "multiplied with is marked: it starts at row i and column j.",
)

# %% [markdown]
# ## Channels and features
#
# A colour image has three numbers per pixel: red, green and blue. These are its *channels*. An EM
# image has one channel. Inside the network there are more: each layer makes an array of the shape
# `(H, W, C)`, called a *feature map* or simply a map, in which a pixel `x[r, c]` is a vector of $C$
# channels. (The capital $C$ is the number of channels; $c$ is a column.)
#
# A convolution usually looks for several things at once, for example lines in several directions.
# Each of these is a *feature*, and has its own weights and its own bias. With $O$ features the
# result has $O$ channels. One number of the result, a feature at one pixel, is called a *neuron*.
#
# A feature needs a weight for each channel of each pixel in the window. So `w` has the shape
# `(kh, kw, C, O)`, and one tap `w[i, j]` is a matrix that turns $C$ numbers into $O$ numbers. A
# layer that multiplies a vector by a matrix of weights is called a *linear layer*.
#
# $$y[r, c, o] = b[o] + \sum_{i, j} \sum_{k} x[r+i,\, c+j,\, k] \; w[i, j, k, o]$$
#
# NumPy's `@` multiplies along the last axes: `(oh, ow, C) @ (C, O)` has the shape `(oh, ow, O)`. In
# the loop above, `*` becomes `@`, and nothing else changes. A 3×3 convolution is nine linear
# layers, shifted and added. A 1×1 convolution is a single linear layer, applied to each pixel; it
# is the last layer of the U-Net.
#
# The next cell computes the formula number by number and compares the package's loop with it.
# `np.ndindex(5, 4, 4)` yields all triples of indices from (0, 0, 0) to (4, 3, 3). In the package's
# loop, `taps(w)` yields all pairs $(i, j)$, and `np.empty_like` makes an array with the dtype of
# `x` whose entries are not set yet.

# %%
x, w, b = rng.standard_normal((7, 6, 2)), rng.standard_normal((3, 3, 2, 4)), rng.standard_normal(4)

y = np.zeros((5, 4, 4))
for r, c, o in np.ndindex(5, 4, 4):
    y[r, c, o] = b[o]
    for i, j, k in np.ndindex(3, 3, 2):
        y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]

print(inspect.getsource(conv2d.forward))
assert np.allclose(conv2d.forward(x, w, b), y, rtol=0, atol=1e-13)

one_tap = w[:1, :1]  # a 1×1 convolution is a linear layer
assert np.allclose(conv2d.forward(x, one_tap, b), x @ w[0, 0] + b, rtol=0, atol=1e-13)

# %% [markdown]
# ## Four kernels made by hand
#
# Here are four kernels, applied to a synthetic EM image as four features of one convolution.
#
# - *Mean* blurs the image.
# - *Left − right* and *upper − lower* respond to edges, each in one direction: to places where the
#   image is brighter on one side than on the other. Such a kernel is called an *edge filter*.
# - *Around − middle* is large where a pixel is darker than its neighbours, as on a membrane.
#
# The weights of the last three kernels add up to zero. So they respond to differences only: if the
# whole image gets brighter, their results do not change.

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
features = conv2d.forward(image, w, np.zeros(4))
assert features.shape == (158, 158, 4)

brighter = conv2d.forward(image + 0.5, w, np.zeros(4))
assert np.allclose(brighter - features, [0.5, 0, 0, 0], rtol=0, atol=1e-12)

# %% [markdown]
# *Around − middle* is made for membranes, but a 3×3 window is too small: the noise drowns the
# membranes. Blur the image first, with six means in a row, and the same kernel shows them clearly.
# The seven convolutions together see 15×15 pixels, since each adds two rows and two columns.
#
# To measure this, take the mean result on the membranes minus the mean result in the cells, and
# divide by the standard deviation in the cells. This *contrast* is 0 if a feature does not tell
# membranes from cells. It is below 0.3 for the 3×3 kernel, and above 1 after the six means.


# %%
def contrast(response, labels):
    """Compute how many standard deviations lie between membrane and cell, for one feature."""
    edge = (len(labels) - len(response)) // 2
    cell = labels[edge:-edge, edge:-edge] == 1
    return (response[~cell].mean() - response[cell].mean()) / response[cell].std()


smooth = image
for _ in range(6):
    smooth = conv2d.forward(smooth, w[..., :1], np.zeros(1))
lines = conv2d.forward(smooth, w[..., 3:], np.zeros(1))
assert 160 - len(lines) == 15 - 1
assert 0 < contrast(features[..., 3], stack.labels[0]) < 0.3
assert 1 < contrast(lines[..., 0], stack.labels[0]) < 2

# %% tags=["draws"]
panels = {"image": image} | {name: features[..., o] for o, name in enumerate(kernels)}
panels["around − middle\nof six means"] = lines
figure, axes = plt.subplots(3, 2, figsize=(4.8, 7.6), layout="constrained")
for ax, (name, panel) in zip(axes.flat, panels.items(), strict=True):
    low, high = np.percentile(panel, [1, 99])
    ax.imshow(panel, cmap="gray", vmin=low, vmax=high)
    ax.set_title(name, fontsize=11)
    ax.axis("off")
alt = "A synthetic electron micrograph; its mean of 3 by 3 pixels; two maps of edges; a map of "
alt += "pixels darker than those around, all noise; and the same after six means: bright membranes."
show(figure, alt)

# %% [markdown]
# ## Kernels that a network has learned
#
# Nobody makes the kernels of a network by hand. The next cell trains a very small network of three
# layers: a convolution with six kernels of 9×9, a function that replaces negative numbers by 0 (the
# ReLU of chapter 3), and a 1×1 convolution that makes two numbers per pixel, one for membrane and
# one for cell. These two are called *logits*. The larger one is the network's decision.
#
# All kernels begin as small random numbers. Then the loop runs 1,000 times. Each time it takes a
# random piece of one of three images, and changes all weights by a small step, in the direction in
# which the decisions for this piece get better. How that direction is computed is the subject of
# chapters 2 and 3, what "better" means that of chapter 5, and the steps that of chapter 10. You
# need not follow the code yet: read it again when you have finished chapter 5.

# %%
seed = np.random.default_rng(2)
four = em_stack((4, 192, 192), seed)
images = four.images[..., np.newaxis].astype(np.float32) / 255
images -= images.mean()
labels = four.labels.astype(int)  # 0: membrane, 1: cell
shapes = {"w1": (9, 9, 1, 6), "b1": (6,), "w2": (1, 1, 6, 2), "b2": (2,)}
spread = {"w1": 0.03, "b1": 0, "w2": 0.5, "b2": 0}
weights = {
    name: (spread[name] * seed.standard_normal(shape)).astype(np.float32)
    for name, shape in shapes.items()
}


def decide(x):
    positive = relu.forward(conv2d.forward(x, weights["w1"], weights["b1"]))
    return positive, conv2d.forward(positive, weights["w2"], weights["b2"])


# %%
def gradients(x, truth):
    """Compute the slope for each weight, for one piece x of an image: see chapters 2, 3 and 5."""
    positive, logits = decide(x)
    _, p = cross_entropy.forward(logits, truth, np.float32(1) / truth.size)
    dlogits = cross_entropy.backward(p, truth, np.float32(1) / truth.size)
    dpositive, dw2, db2 = conv2d.backward(dlogits, positive, weights["w2"])
    _, dw1, db1 = conv2d.backward(relu.backward(dpositive, positive), x, weights["w1"])
    return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}


velocity = {name: np.zeros_like(value) for name, value in weights.items()}
for _ in range(1000):
    z, (r, c) = seed.integers(3), seed.integers(0, 192 - 64, 2)
    piece, truth = images[z, r : r + 64, c : c + 64], labels[z, r + 4 : r + 60, c + 4 : c + 60]
    for name, slope in gradients(piece, truth).items():
        velocity[name] = 0.9 * velocity[name] - 0.1 * slope
        weights[name] += velocity[name]

# %% [markdown]
# The fourth image was not used in training. How many of its pixels does the network decide
# correctly? To judge that number, compare it with the *trivial baseline*: an answer of "cell" for
# every pixel.

# %%
truth = labels[3, 4:-4, 4:-4]
positive, logits = decide(images[3])
right, baseline = np.mean(logits.argmax(-1) == truth), np.mean(truth == 1)
print(f"right: {right:.0%} of the pixels; the trivial baseline: {baseline:.0%}")
assert right > baseline + 0.02

# %%
learned = conv2d.forward(images[3], weights["w1"], weights["b1"])
edges = conv2d.forward(images[3], w[..., 1:3], np.zeros(2))
contrasts = [contrast(learned[..., o], labels[3]) for o in range(6)]
of_edges = [contrast(edges[..., o], labels[3]) for o in range(2)]
print("contrast of the six learned kernels:", ", ".join(f"{c:.1f}" for c in contrasts))
print("contrast of the two edge filters:", ", ".join(f"{c:.1f}" for c in of_edges))
assert max(contrasts) > 1 > 0.3 > np.abs(of_edges).max()

best = int(np.argmax(contrasts))
rim = np.ones((9, 9), bool)
rim[1:-1, 1:-1] = False
kernel = weights["w1"][:, :, 0, best]
assert kernel[rim].mean() > 0 > kernel[3:6, 3:6].mean()

# %% [markdown]
# The learned kernel with the largest contrast is negative in the middle and positive along its rim.
# So training has found *around − middle* by itself, and at a size that the noise does not drown.
# The edge filters have a contrast close to 0: an edge is bright on one side, but a membrane is dark
# between two bright sides.
#
# The first figure shows the six learned kernels. Red weights are positive, and blue ones are
# negative. Several kernels are of the kind *around − middle*. One is the opposite. One is positive
# nearly everywhere, so it measures the mean brightness around a pixel. The 1×1 convolution weighs
# the six results against each other. Other random numbers at the beginning lead to other kernels.
#
# The second figure shows the fourth image, two responses and the decision. The decision has gaps in
# the membranes, and spots inside the cells: this network sees only 9×9 pixels, and has only one
# layer of features. The U-Net has many layers, so each of its decisions depends on far more pixels.

# %% tags=["draws"]
figure, axes = plt.subplots(2, 3, figsize=(4.8, 3.8), layout="constrained")
for o, ax in enumerate(axes.flat):
    shown = weights["w1"][:, :, 0, o]
    limit = np.abs(shown).max()
    ax.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set(title=f"contrast {contrasts[o]:.1f}".replace("-", "−"), xticks=[], yticks=[])
show(
    figure,
    "Six learned kernels of 9 by 9 weights. Those with the largest contrasts are blue, negative, "
    "in the middle and red, positive, at the rim. Those with a negative contrast are red.",
)

# %% tags=["draws"]
figure, axes = plt.subplots(2, 2, figsize=(4.8, 5.2), layout="constrained")
panels = {
    "image": images[3],
    "edge filter\nleft − right": edges[..., 0],
    "learned kernel of the\nlargest contrast": learned[..., best],
    "decision: cell is white": logits.argmax(-1),
}
for ax, (name, panel) in zip(axes.flat, panels.items(), strict=True):
    low, high = np.percentile(panel, [1, 99])
    ax.imshow(panel, cmap="gray", vmin=low, vmax=high)
    ax.set_title(name, fontsize=11)
    ax.axis("off")
show(
    figure,
    "The fourth image; the edge filter's response to it, grey relief all over; the response of the "
    "best learned kernel, bright on the membranes; and the decision of the network, in which the "
    "membranes are black lines with some gaps.",
)

# %% [markdown]
# ## What a convolution costs
#
# One number of `y` takes $kh \cdot kw \cdot C$ multiplications and as many additions. There are
# $oh \cdot ow \cdot O$ such numbers, so a convolution takes $2\, kh\, kw\, C\, O\, oh\, ow$
# operations. The second convolution of the paper's network makes a map of 568×568 pixels out of one
# of 570×570, each with 64 channels. It takes 23.8 billion operations. It has 36,928 weights,
# including the biases; this number does not depend on the size of the image.
#
# The number is so small because all pixels share the weights. A linear layer with its own weight
# for each pair of pixels, from one channel of 572×572 to one of 570×570, would have 10¹¹ weights.
# The convolution has nine, and a bias.

# %%
oh = ow = 568
operations = 2 * 3 * 3 * 64 * 64 * oh * ow
parameters = 3 * 3 * 64 * 64 + 64
assert round(operations / 1e9, 1) == 23.8
assert parameters == 36_928

second = [row for row in figure1(Architecture(), 572) if row.stage == "contract0"][1]
assert (second.size, second.flop, second.parameters) == (568, operations, parameters)

pairs = (572 * 572) * (570 * 570)
assert 1e11 < pairs < 1.1e11
print(f"{operations:,} operations, {parameters:,} weights; {pairs:,} pairs of pixels")

# %% [markdown]
# ## Convolution or correlation?
#
# Mathematics calls what we computed a *cross-correlation*. Its convolution has minus signs,
# $x[r-i, c-j]\, w[i, j]$, so that the kernel is turned by 180° before it is laid on the image.
# Papers on networks, including that on the U-Net, say convolution and do not turn the kernel. It
# makes no difference to them, because the kernel is learned: with the other definition, training
# would find the turned kernel.
#
# An image with a single 1 shows the difference. The mathematical convolution leaves a copy of the
# kernel, and the correlation a turned copy. We need the mathematical convolution in chapter 2, for
# a gradient.

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

# %% tags=["draws"]
figure, axes = plt.subplots(
    2, 2, figsize=(4.8, 5.2), width_ratios=[5, 3.4], height_ratios=[5, 3], layout="constrained"
)
named = {"x": spot, "w": kernel, "correlation (ours)": correlated, "convolution": convolved}
for ax, (name, entries) in zip(axes.flat, named.items(), strict=True):
    squares(ax, entries, name)
show(
    figure,
    "A 5 by 5 image with a single 1, the kernel with the numbers 1 to 9, the correlation, which is "
    "the kernel turned by 180 degrees, and the mathematical convolution, which is the kernel.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/convolution.py`.

# %%
# 1. By hand: y, as a list of its two rows.
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
# 4. Two convolutions in a row, without biases, are the same as one with a larger kernel. Find it.
def two_in_one(v, w):
    """First kernel v (3, 3, C, M), second w (3, 3, M, O) → the kernel of both, (5, 5, C, O)."""
    ...


check_two_in_one(two_in_one)

# %% [markdown]
# Exercise 4 shows that two convolutions in a row can do no more than one. So there must be
# something else between them, and chapter 3 says what. First, chapter 2 asks how training finds the
# weights of a kernel.
#
# ## Summary
#
# - A convolution lays a kernel on each window of a map, multiplies, adds up, and adds a bias.
# - Without padding, a kernel of $kh \times kw$ makes the map $kh - 1$ rows and $kw - 1$ columns
#   smaller.
# - With channels, each tap of the kernel is a linear layer, a matrix from $C$ to $O$ numbers.
# - It costs $2\, kh\, kw\, C\, O\, oh\, ow$ operations. The number of weights does not depend on
#   the size of the image.
# - Training finds kernels that respond to membranes, such as *around − middle*, by itself.
#
# ## In other words
#
# A kernel is also called a **filter**, and a feature an **output channel** or **activation map**.
# An unpadded convolution is a **valid convolution**, in libraries `padding=0` or `"valid"`. A 1×1
# convolution is a **linear**, **dense** or **fully connected layer**, applied to each pixel. A
# neuron is also called a **unit**. The pixels that a neuron depends on are its **receptive field**:
# 3×3 after one convolution of 3×3, and 15×15 after seven.
#
# ## Further reading
#
# - Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-Based Learning Applied to Document
#   Recognition*, 1998: networks of convolutions, trained.
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, 2016: sizes,
#   padding and strides, with drawings.
# - M. D. Zeiler and R. Fergus, *Visualizing and Understanding Convolutional Networks*, 2014: what
#   learned kernels respond to, in deeper layers as well.
#
# Next: [2. Which way is downhill?](02_gradients.ipynb)
