# %% [markdown]
# # 2. Which way is downhill?
#
# *How does training find out in which direction to change each weight?*
#
# **After this chapter you can** explain backpropagation, derive the gradients of a layer, write
# `conv2d.backward`, and find a mistake in a gradient before it costs a training run.
#
# **Prerequisites:** [chapter 1](01_convolution.ipynb), partial derivatives and the chain rule, and
# the product and the transpose of matrices.
#
# **Time:** 70 minutes.
#
# This chapter explains the `backward` function of `minunet/ops/conv2d.py`, and
# `minunet/gradcheck.py`. Before: [1. What is a convolution?](01_convolution.ipynb) After:
# [3. ReLU and max-pooling: where does the gradient flow?](03_relu_and_maxpool.ipynb)

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from exercises.gradients import (
    check_backward,
    check_best_step,
    check_by_hand,
    check_dx_as_convolution,
)
from figures import show
from grids import squares

from minunet.gradcheck import STEP, adjoint_gap, check_gradients, numerical_gradient
from minunet.network.architecture import Architecture
from minunet.ops import conv2d
from minunet.ops.taps import over_pixels

rng = np.random.default_rng(1)

# %% [markdown]
# ## Slopes and gradients
#
# Training makes one number small: the *energy* $E$, which says how far the network's result is from
# the right one. Most texts call it the *loss*. (Chapter 5 says which energy the U-Net uses; until
# then any will do.) $E$ depends on all weights. For each weight, training asks the same question:
# if this weight gets a little larger, does $E$ rise or fall, and how fast? The answer is the
# *slope*, the partial derivative of $E$ with respect to this weight. If the slope is positive, the
# weight should get smaller; if it is negative, larger.
#
# For an array `y`, let `dy` be the array of the same shape that holds the slopes for all its
# entries: $dy[m] = \partial E / \partial y[m]$, where $m$ stands for all indices of an entry. This
# is the *gradient* of $E$ with respect to `y`. If `y` changes by a small array $\delta$, then
#
# $$E(y + \delta) \approx E(y) + \sum_m dy[m]\, \delta[m]$$
#
# The sum is a scalar product. Among all changes $\delta$ of the same small length, it is most
# negative for the one that points in the direction opposite to $dy$. So $-dy$ points downhill.
# Moving all weights a little in this direction, again and again, is called *gradient descent*.
#
# ## Backpropagation
#
# The layers of a network are computed by functions called *ops*. Each op has two parts. Its
# *forward* computes `y` from `x`. Its *backward* is given `dy` and returns `dx`, and also `dw` and
# `db` if the op has a kernel and a bias. The energy depends on $x[n]$ through each $y[m]$ that is
# computed from it, and the chain rule adds up these contributions:
#
# $$dx[n] = \sum_m dy[m] \; \frac{\partial y[m]}{\partial x[n]}$$
#
# Where does `dy` come from? The `y` of an op is the `x` of the next op, so the next op has returned
# it. This gives all gradients of a network in two passes. The *forward pass* calls the forwards
# from the first op to the last, and ends with $E$. The *backward pass* calls the backwards from the
# last op to the first, and each hands its `dx` to the op before it. This procedure is called
# *backpropagation*. It is the chain rule, applied to one op at a time.
#
# An op does not need to know $E$, or what the other ops do: `dy` contains all it needs. So this
# chapter can derive the backward of the convolution on its own. It only uses the sum above. For
# `dw` and `db` the sum is the same, with an entry of `w` or `b` in the place of $x[n]$.
#
# The figure shows the two passes for a network of two convolutions. The first has the kernel `v`
# and the bias `a`, and the second has `w` and `b`.

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(4.8, 2.5), layout="constrained")
for at, name in ((1.05, "conv\nv, a"), (3.05, "conv\nw, b"), (5.05, "energy")):
    box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.4"}
    ax.text(at, 0, name, ha="center", va="center", fontsize=11, bbox=box)
for at, name, gradient in ((0, "x", "dx"), (2, "y", "dy"), (4, "z", "dz"), (6, "E", "1")):
    ax.text(at, 0.55, name, ha="center", va="center", fontsize=12)
    ax.text(at, -0.55, gradient, ha="center", va="center", color="C1", fontsize=12)
for at in (0, 2, 4):
    for start, end, height, colour in ((0.3, 1.7, 0.55, "black"), (1.7, 0.3, -0.55, "C1")):
        arrow = {"arrowstyle": "->", "color": colour, "linewidth": 1.8}
        ax.annotate("", (at + end, height), (at + start, height), arrowprops=arrow)
for at, names in ((1.05, "dv, da"), (3.05, "dw, db")):
    ax.annotate("", (at, -1.2), (at, -0.6), arrowprops={"arrowstyle": "->", "color": "C1"})
    ax.text(at, -1.38, names, ha="center", va="center", color="C1", fontsize=12)
ax.text(3, 0.95, "forward pass", ha="center", fontsize=11)
ax.text(5.1, -1.1, "backward pass", ha="center", color="C1", fontsize=11)
ax.set(xlim=(-0.3, 6.3), ylim=(-1.6, 1.25))
ax.axis("off")
show(
    figure,
    "A chain of two convolutions and the energy. Black arrows, the forward pass: from x to y to z "
    "to E. Orange arrows, the backward pass: from 1, the slope of E for itself, to dz, dy and dx. "
    "At each convolution the gradients of its kernel and of its bias branch off.",
)

# %% [markdown]
# ## By hand
#
# Let the map be a row of four numbers, and the kernel a row of three taps:
#
# $$y[0] = b + w[0]\,x[0] + w[1]\,x[1] + w[2]\,x[2]$$
# $$y[1] = b + w[0]\,x[1] + w[1]\,x[2] + w[2]\,x[3]$$
#
# Where does $w[0]$ appear? It multiplies $x[0]$ in $y[0]$, and $x[1]$ in $y[1]$. So
# $dw[0] = dy[0]\,x[0] + dy[1]\,x[1]$.
#
# Where does $x[1]$ appear? It is multiplied by $w[1]$ in $y[0]$, and by $w[0]$ in $y[1]$. So
# $dx[1] = dy[0]\,w[1] + dy[1]\,w[0]$: it was read twice, and gets two contributions. $x[0]$ was
# read once, and $dx[0] = dy[0]\,w[0]$.
#
# The bias is added to both results, with slope 1. So $db = dy[0] + dy[1]$.
#
# The cell uses half the sum of squared differences from a target as its energy, whose gradient is
# `dy = y - target`.

# %%
x, w, b, target = np.array([1, 2, 0, 3]), np.array([2, -1, 1]), 1, np.array([2, 5])


def forward(w, b):
    return np.array([b + w @ x[0:3], b + w @ x[1:4]])


def energy(y):
    return np.sum((y - target) ** 2) / 2


y = forward(w, b)
dy = y - target
assert energy(y) == 5
assert np.array_equal(dy, [-1, 3])

dw = [-1 * 1 + 3 * 2, -1 * 2 + 3 * 0, -1 * 0 + 3 * 3]
dx = [-1 * 2, -1 * -1 + 3 * 2, -1 * 1 + 3 * -1, 3 * 1]
db = -1 + 3
assert (dw, dx, db) == ([5, -2, 9], [-2, 7, -4, 3], 2)

# %% [markdown]
# The package's backward gives the same numbers. And the gradient does point downhill: in the figure
# the weights move by `step` times the negative gradient. The energy begins to fall along the dashed
# line, whose slope is minus the sum of the squares of all entries of `dw` and `db`, here −114. A
# step of 0.07 leads close to the lowest energy in this direction. A step of 0.2 is too long: it
# leads to an energy higher than at the beginning.

# %%
row = conv2d.backward(dy.reshape(1, 2, 1), x.reshape(1, 4, 1), w.reshape(1, 3, 1, 1))
for package, by_hand in zip(row, (dx, dw, db), strict=True):
    assert np.array_equal(package.ravel(), np.ravel(by_hand))

lengths = np.linspace(0, 0.2, 101)
path = np.array([energy(forward(w - step * np.array(dw), b - step * db)) for step in lengths])
assert sum(slope**2 for slope in (*dw, db)) == 114
assert np.isclose((path[1] - path[0]) / lengths[1], -114, rtol=0.02)
assert np.isclose(lengths[path.argmin()], 0.07, atol=0.005)
assert path[-1] > path[0]

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(4.8, 3), layout="constrained")
ax.plot(lengths, path, color="black", label="energy")
ax.plot([0, 0.05], [5, 5 - 0.05 * 114], "C1--", label="slope −114")
ax.set(xlabel="step", ylabel="E", ylim=(-1, 14), xticks=[0, 0.05, 0.1, 0.15, 0.2])
ax.legend()
show(
    figure,
    "The energy against the length of the step: it falls from 5 along the dashed tangent, is "
    "lowest near a step of 0.07, and has risen above 5 at a step of 0.2.",
)

# %% [markdown]
# ## The bias and the kernel, with indices
#
# Here is the forward of chapter 1 again. We ask the same question of each number: where does it
# appear?
#
# $$y[r, c, o] = b[o] + \sum_{i, j} \sum_{k} x[r+i,\, c+j,\, k] \; w[i, j, k, o]$$
#
# $b[o]$ is added to $y[r, c, o]$ at every $(r, c)$, and to no other feature. Its slope is 1. So the
# chain rule leaves the sum over all pixels of this feature:
#
# $$db[o] = \sum_{r, c} dy[r, c, o]$$
#
# $w[i, j, k, o]$ appears once in each $y[r, c, o]$, at every $(r, c)$, where it multiplies
# $x[r+i, c+j, k]$. That is its slope:
#
# $$dw[i, j, k, o] = \sum_{r, c} x[r+i,\, c+j,\, k] \; dy[r, c, o]$$
#
# ## The input, with indices
#
# Take one number $x[p, q, k]$. For $y[r, c, o]$, tap $(i, j)$ reads $x[r+i, c+j, k]$. This is our
# number for one tap only: $i = p - r$ and $j = q - c$. So the slope is $w[p-r, q-c, k, o]$ if the
# kernel has such a tap, and 0 otherwise. The chain rule adds up over all $(r, c, o)$:
#
# $$dx[p, q, k] = \sum_{r, c} \sum_{o} dy[r, c, o] \; w[p-r,\, q-c,\, k, o]$$
#
# We can also count by taps: replace $r$ by $p - i$ and $c$ by $q - j$, and add up over the taps for
# which $(p-i, q-j)$ is a pixel of `dy`:
#
# $$dx[p, q, k] = \sum_{i, j} \sum_{o} dy[p-i,\, q-j,\, o] \; w[i, j, k, o]$$
#
# Note the minus signs. `dx` is the mathematical convolution of `dy` with the kernel, the one from
# the end of chapter 1. The picture shows why: the pixel in the middle of `x` is read through the
# last tap by the first window, and through the first tap by the last window.

# %%
read_through = [[f"{2 - r}, {2 - c}" for c in range(3)] for r in range(3)]
readers = np.zeros((5, 5), int)
for i, j in np.ndindex(3, 3):
    assert read_through[2 - i][2 - j] == f"{i}, {j}"
    readers[i : i + 3, j : j + 3] += 1
assert np.array_equal(readers, np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]))

# %% tags=["draws"]
figure, ((one, two), (three, unused)) = plt.subplots(
    2, 2, figsize=(4.8, 5), width_ratios=[5, 4], layout="constrained"
)
squares(one, [[""] * 5] * 5, "a pixel of x, p = q = 2", marked=(2, 2, 1, 1))
squares(two, read_through, "y: tap i, j that read it")
squares(three, readers, "how many y read each x")
unused.axis("off")
show(
    figure,
    "First, a 5 by 5 map x with its middle pixel marked. Second, the 3 by 3 result y with the tap "
    "through which each of its numbers read that pixel: from 2, 2 at the upper left to 0, 0 at the "
    "lower right, the kernel turned by 180 degrees. Third, how many numbers of y read each pixel "
    "of x: 1 in the corners, 9 in the middle.",
)

# %% [markdown]
# The next two cells compute all three formulas and test them. The test takes $E = \sum dy \cdot y$
# as its energy, because its slopes are `dy`. This energy is linear in `x`, in `w` and in `b`. So
# the $\approx$ of the first section becomes an exact $=$, for changes of any size.

# %%
x, w, b = rng.standard_normal((9, 6, 4)), rng.standard_normal((3, 2, 4, 8)), rng.standard_normal(8)
dy = rng.standard_normal((7, 5, 8))
dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.sum(dy, axis=(0, 1))

for i, j, k, o in np.ndindex(w.shape):
    dw[i, j, k, o] = np.sum(x[i : i + 7, j : j + 5, k] * dy[:, :, o])

for p, q, k in np.ndindex(x.shape):
    for i, j in np.ndindex(3, 2):
        r, c = p - i, q - j
        if 0 <= r < 7 and 0 <= c < 5:
            dx[p, q, k] += np.sum(dy[r, c, :] * w[i, j, k, :])

# %%
E = np.sum(dy * conv2d.forward(x, w, b))
nudge_x, nudge_w, nudge_b = (rng.standard_normal(array.shape) for array in (x, w, b))
for gradient, nudge, y in [
    (dx, nudge_x, conv2d.forward(x + nudge_x, w, b)),
    (dw, nudge_w, conv2d.forward(x, w + nudge_w, b)),
    (db, nudge_b, conv2d.forward(x, w, b + nudge_b)),
]:
    assert np.isclose(np.sum(dy * y) - E, np.sum(gradient * nudge), rtol=0, atol=1e-11)

# %% [markdown]
# ## The same loop, read backwards
#
# It is easy to get a sign or a border wrong in the formula for `dx`. There is a way to avoid both.
# Read the forward as a program. At first `y` is `b`, and then this line runs for all values of the
# six indices:
#
#     y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]
#
# In a product, the slope for one factor is the other factor. So each run of this line gives two
# contributions:
#
#     dx[r + i, c + j, k] += dy[r, c, o] * w[i, j, k, o]
#     dw[i, j, k, o]      += dy[r, c, o] * x[r + i, c + j, k]
#
# The loop and the indices are those of the forward. The backward adds to the places that the
# forward reads. It never touches a place outside the map, because the forward never reads one. It
# uses `+=`, because a number that was read twice gets two contributions: *where the forward copies,
# the backward adds*. For the same reason `db[o]` collects every `dy[r, c, o]`: each `y[r, c, o]`
# began as a copy of `b[o]`.


# %%
def term_by_term(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    (rows, columns, _), (kh, kw, channels, features) = dy.shape, w.shape
    for r, c, o in np.ndindex(rows, columns, features):
        for i, j, k in np.ndindex(kh, kw, channels):
            dx[r + i, c + j, k] += dy[r, c, o] * w[i, j, k, o]
            dw[i, j, k, o] += dy[r, c, o] * x[r + i, c + j, k]
    return dx, dw, dy.sum((0, 1))


for derived, formula in zip(term_by_term(dy, x, w), (dx, dw, db), strict=True):
    assert np.allclose(derived, formula, rtol=0, atol=1e-12)

# %% [markdown]
# ## One tap at a time
#
# Keep the tap $(i, j)$ fixed and treat all $P = oh \cdot ow$ pixels at once. Let $W$ be the matrix
# `w[i, j]`, $X$ the window `x[i : i + oh, j : j + ow]`, and $D$ the gradient `dy`, where $X$ and
# $D$ have one row for each pixel. Then the loops over $r, c, k, o$ become matrix products. They are
# the forward and the backward of a linear layer:
#
# | | | shapes |
# |---|---|---|
# | forward | $Y \mathrel{+}= X\,W$ | `(P, C) @ (C, O)` is `(P, O)` |
# | to the window of `dx` | $dX \mathrel{+}= D\,W^T$ | `(P, O) @ (O, C)` is `(P, C)` |
# | to `dw[i, j]` | $dW = X^T D$ | `(C, P) @ (P, O)` is `(C, O)` |
#
# The shapes leave no other choice. In NumPy, a window `(oh, ow, C)` becomes $X$ by
# `.reshape(-1, C)`, and `dy` becomes $D$ by `.reshape(-1, O)`. The product `dy @ w[i, j].T` needs
# neither.
#
# The cell prints the package's loop. Its `over_pixels` is $X^T D$. For each pixel this product
# multiplies all $C$ numbers by all $O$ numbers (the *outer product* $\otimes$), and then it adds up
# over the pixels.

# %%
print(inspect.getsource(conv2d.backward))
print(inspect.getsource(over_pixels))
for ours, formula in zip(conv2d.backward(dy, x, w), (dx, dw, db), strict=True):
    assert np.allclose(ours, formula, rtol=0, atol=1e-12)

# %% [markdown]
# ## Two layers
#
# Now backpropagation through the chain of the first figure: two convolutions in a row. The second
# convolution gets `dz`. The `dx` that it returns is the gradient for its input, which is the output
# `y` of the first. So it is handed to the first as its `dy`. The cell compares the slope for one
# weight of the *first* kernel with what happens when that weight is changed.

# %%
v, a = rng.standard_normal((2, 2, 1, 4)), rng.standard_normal(4)
image = rng.standard_normal((10, 7, 1))


def pair(v):
    y = conv2d.forward(image, v, a)
    return y, conv2d.forward(y, w, b)


y, z = pair(v)
dz = rng.standard_normal(z.shape)
dy_of_first, dw_of_second, _ = conv2d.backward(dz, y, w)
_, dv, da = conv2d.backward(dy_of_first, image, v)

nudged = v.copy()
nudged[1, 0, 0, 2] += 0.001
change = np.sum(dz * pair(nudged)[1]) - np.sum(dz * z)
assert np.isclose(change / 0.001, dv[1, 0, 0, 2], rtol=1e-6)

# %% [markdown]
# ## A backward is a transpose
#
# Without its bias, a convolution is linear in `x`. Write the numbers of `x` in one long column, and
# those of `y` in another. Then the convolution is a matrix: $y = A\,x$, so $y[m]$ has the slope
# $A[m, n]$ with respect to $x[n]$. The chain rule is now $dx[n] = \sum_m dy[m]\, A[m, n]$, which is
# $dx = A^T dy$. So the backward multiplies by the transpose of $A$.
#
# Let $\langle s, t \rangle$ be the sum of the products of the entries of $s$ and $t$. For any `x`
# and any `u` shaped like `y`, both sides of the next line are the sum of $u[m]\, A[m, n]\, x[n]$
# over all $m$ and $n$:
#
# $$\langle A x,\, u \rangle = \langle x,\, A^T u \rangle$$
#
# This is the *adjoint identity*. It tests a backward with one call of the forward and one of the
# backward, up to rounding, and without building $A$. A convolution is also linear in `w`, so the
# test works for `dw` too. It cannot see a mistake that was made in both: it only tests whether the
# forward and the backward belong together.
#
# The figure shows $A$ for a 4×4 map and a 3×3 kernel with four weights that are not 0.

# %%
kernel = np.array([[1, 0, -1], [0, 2, 0], [3, 0, 0]])[:, :, np.newaxis, np.newaxis]
pixels = np.eye(16, dtype=int).reshape(16, 4, 4, 1)
no_bias = np.zeros(1, int)
A = np.stack([conv2d.forward(pixel, kernel, no_bias).ravel() for pixel in pixels], axis=1)
u = np.array([1, -2, 3, 5])
transposed, _, _ = conv2d.backward(u.reshape(2, 2, 1), pixels[0], kernel)
assert np.array_equal(transposed.ravel(), A.T @ u)

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(4.8, 2.5), layout="constrained")
drawn = ax.imshow(A, cmap="PuOr", vmin=-3, vmax=3, aspect="auto")
ax.set(xlabel="the 16 numbers of x", ylabel="the 4 of y", xticks=range(16), yticks=range(4))
figure.colorbar(drawn, label="∂y / ∂x", ticks=[-3, 0, 3])
show(
    figure,
    "The matrix A of a 3 by 3 convolution of a 4 by 4 map: 4 rows, 16 columns. Each row holds the "
    "kernel's four weights that are not zero, shifted; read by columns, it is the backward.",
)

# %% [markdown]
# `adjoint_gap` in `minunet/gradcheck.py` computes the difference between the two sides, relative to
# their size. The cell first tests the package. Then it turns the kernel by 180° in the backward
# only: the gap shows the mistake. Last it turns the kernel in the forward *and* in the backward:
# the gap is 0 again, although both are wrong.

# %%
turned, no_bias = w[::-1, ::-1], np.zeros(8)


def gap(forward_w, backward_w):
    return adjoint_gap(
        lambda x: conv2d.forward(x, forward_w, no_bias),
        lambda u: conv2d.backward(u, x, backward_w)[0],
        x,
        dy,
    )


in_w = adjoint_gap(
    lambda w: conv2d.forward(x, w, no_bias), lambda u: conv2d.backward(u, x, w)[1], w, dy
)
assert max(gap(w, w), in_w) < 1e-14
assert gap(w, turned) > 1e-3
assert gap(turned, turned) < 1e-14

# %% [markdown]
# ## Change a number and look
#
# Any op, linear or not, can be tested by changing one number by a small $h$. By Taylor's series, as
# a function of this number $x$,
#
# $$\frac{E(x+h) - E(x)}{h} = E' + \frac{h}{2} E'' + \dots$$
# $$\frac{E(x+h) - E(x-h)}{2h} = E' + \frac{h^2}{6} E''' + \dots$$
#
# The second, the *central difference*, has a far smaller error. But $h$ must not be too small. A
# computer knows $E$ only up to an error of about $\varepsilon |E|$, where $1 + \varepsilon$ is the
# next float after 1. Dividing by $h$ makes this error large. The sum of the two errors, about $h^2$
# and $\varepsilon / h$, is smallest near $h = \varepsilon^{1/3}$. In float64, $\varepsilon$ is
# 2·10⁻¹⁶ and the best $h$ is about 6·10⁻⁶. The function `numerical_gradient` of `minunet.gradcheck`
# uses 10⁻⁵, and about nine digits are right.
#
# In float32 even the best step gives only about four digits. That is too few to tell a right
# gradient from a nearly right one, so gradients are checked in float64.
#
# The cell uses $E = \sum \sin y$, with $dy = \cos y$, because these errors show only if $E$ is
# curved.


# %%
def E(index, nudge, dtype=np.float64):
    nudged = w.astype(dtype)
    nudged[index] += nudge
    return np.sum(np.sin(conv2d.forward(x.astype(dtype), nudged, b.astype(dtype))))


forms = {
    "one-sided, float64": lambda n, h: (E(n, h) - E(n, 0)) / h,
    "central, float64": lambda n, h: (E(n, h) - E(n, -h)) / (2 * h),
    "central, float32": lambda n, h: (E(n, h, np.float32) - E(n, -h, np.float32)) / (2 * h),
}
_, dw, _ = conv2d.backward(np.cos(conv2d.forward(x, w, b)), x, w)
entries = [tuple(index) for index in rng.integers(0, w.shape, (24, 4))]
right = np.array([dw[index] for index in entries])
steps = 10.0 ** np.arange(-12, 0)
errors = {}
for name, form in forms.items():
    slopes = np.array([[form(index, h) for index in entries] for h in steps])
    errors[name] = np.linalg.norm(slopes - right, axis=1) / np.linalg.norm(right)

package = numerical_gradient(lambda: E((0, 0, 0, 0), 0), w, entries)
assert np.allclose(package, right, rtol=0, atol=1e-8 * np.linalg.norm(right))

# %%
one_sided, central, single = errors.values()
at = {round(np.log10(h)): place for place, h in enumerate(steps)}
assert np.isclose(central[at[-2]] / central[at[-3]], 100, rtol=0.05)  # as h²
assert np.isclose(one_sided[at[-2]] / one_sided[at[-3]], 10, rtol=0.05)  # as h
assert STEP == 1e-5
assert central[at[-5]] < 1e-9 < 1e-5 < single.min() < 1e-3
assert central.min() < one_sided.min() / 10
epsilon = np.finfo(np.float64).eps
assert (f"{epsilon:.0e}", f"{epsilon ** (1 / 3):.0e}") == ("2e-16", "6e-06")

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(4.8, 4.2), layout="constrained")
for (name, curve), style in zip(errors.items(), ("C0s--", "C1o-", "k^:"), strict=True):
    ax.loglog(steps, curve, style, label=name)
ax.set(xlabel="step h", ylabel="relative error of the slopes")
figure.legend(loc="outside upper center", ncols=1)
show(
    figure,
    "The error of numerical slopes for steps from 1e-12 to 0.1. Each curve is a valley. That of "
    "the central difference in float64 is the deepest, below 1e-9 at h = 1e-5; in float32 its "
    "floor lies near 1e-4.",
)

# %% [markdown]
# Why not train in this way, without any backward? Each slope takes one or two forward passes, and
# the U-Net has 31,030,658 weights. Backpropagation gives all slopes together. As the table above
# shows, the backward of a convolution takes two matrix products for each one of the forward. So all
# 31 million slopes cost about as much as two more forward passes.

# %%
assert Architecture().parameters() == 31_030_658

# %% [markdown]
# ## Plant a bug
#
# `check_gradients` compares every entry of a gradient with its central difference, for
# $E = \sum dy \cdot y$. It stops at the first array that is wrong, and names the worst entry. The
# next cell plants four mistakes, and it finds each of them.
#
# Two habits make such a test reliable. All sizes differ, so that no axis can be mistaken for
# another. And `dy` is random: with a `dy` of ones, the third mistake, `dy` turned by 180°, would
# not be found.


# %%
def overwriting(dy, x, w):
    _, dw, db = conv2d.backward(dy, x, w)
    dx = np.zeros_like(x)
    for i, j in np.ndindex(w.shape[:2]):
        dx[i : i + 7, j : j + 5] = dy @ w[i, j].T  # planted: = for +=
    return dx, dw, db


def verdict(backward, dy):
    gradients = dict(zip("xwb", backward(dy, x, w), strict=True))
    try:
        check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, gradients)
    except AssertionError as error:
        return str(error)
    return "no difference found"


# %%
planted = {
    "dx, overwritten": overwriting,
    "dx, kernel turned": lambda dy, x, w: conv2d.backward(dy, x, w[::-1, ::-1]),
    "dx, dy turned": lambda dy, x, w: conv2d.backward(dy[::-1, ::-1], x, w),
    "db, halved": lambda dy, x, w: (*conv2d.backward(dy, x, w)[:2], dy.sum((0, 1)) / 2),
}
assert len({*x.shape, *w.shape, *dy.shape}) == 8  # all sizes differ
for mistake, backward in planted.items():
    print(f"{mistake}: {verdict(backward, dy)}")
    assert verdict(backward, dy).startswith(f"{mistake[:2]}[")
assert verdict(conv2d.backward, dy) == "no difference found"
assert verdict(planted["dx, dy turned"], np.ones_like(dy)) == "no difference found"

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/gradients.py`.

# %%
# 1. By hand: dx (3, 3) and dw (2, 2), as lists of rows, and db, one number.
x = np.array([[1, 2, 0], [3, 1, 2], [0, 1, 4]])
w = np.array([[1, -1], [0, 2]])
dy = np.array([[1, 0], [0, 2]])
dx, dw, db = ..., ..., ...
check_by_hand((dx, dw, db))

# %%
# 2. The second derivative E'' takes three calls: (E(x+h) - 2 E(x) + E(x-h)) / h². The series has
#    an error of about h², and rounding one of about ε / h². Which power of ten is the best h in
#    float64? Answer with the number h itself.
answer = ...
check_best_step(answer)


# %%
# 3. The backward of a convolution, without looking back. For any sizes.
def backward(dy, x, w):
    """dy (H-kh+1, W-kw+1, O), x (H, W, C), w (kh, kw, C, O) → dx, dw, db.

    These have the shapes and the dtypes of x, w and b; b is (O,).
    """
    ...


check_backward(backward)


# %%
# 4. dx without a loop of your own: one call of conv2d.forward, on a dy with a border of zeros.
def dx_as_convolution(dy, w):
    """dy (oh, ow, O), w (kh, kw, C, O) → dx (oh+kh-1, ow+kw-1, C)."""
    ...


check_dx_as_convolution(dx_as_convolution)

# %% [markdown]
# The next chapter derives the backward of two ops that are not linear. One of them takes a maximum:
# what is the slope of a maximum?
#
# ## Summary
#
# - `dy` holds the slope of the energy for each entry of `y`; training moves the weights against
#   their gradient.
# - Backpropagation calls the forwards in order and the backwards in reverse; each op turns its `dy`
#   into `dx`, `dw` and `db`.
# - The backward of a convolution is the same loop: it adds to the places that the forward reads.
# - For each tap, forward and backward are matrix products: $XW$, $DW^T$ and $X^TD$.
# - Gradients are tested by the adjoint identity if the op is linear, and by central differences in
#   float64 if it is not.
#
# ## In other words
#
# The energy is also called the **loss**, the **cost** or the **objective**. A backward computes a
# **vector–Jacobian product**. Backpropagation is **reverse-mode automatic differentiation**;
# libraries such as PyTorch do it for you under the name **autograd**. Comparing a gradient with
# differences is called a **gradient check**. The convolution that gives `dx` is called a
# **transposed convolution**; chapter 4 uses one to enlarge a map.
#
# ## Further reading
#
# - D. E. Rumelhart, G. E. Hinton and R. J. Williams, *Learning representations by back-propagating
#   errors*, 1986: the paper that made backpropagation known.
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, *Automatic Differentiation in
#   Machine Learning: a Survey*, 2018: how libraries find such backwards by themselves.
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, 2016: the textbook; its chapter 6
#   derives backpropagation.
#
# Next: [3. ReLU and max-pooling: where does the gradient flow?](03_relu_and_maxpool.ipynb)
