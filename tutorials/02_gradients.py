# %% [markdown]
# # 2. Which way is downhill?
#
# Afterwards you can derive the gradients of an op, write `conv2d.backward`, and find a slip in one
# before it costs a training run.
#
# It explains `backward` in `minunet/ops/conv2d.py`, and `minunet/gradcheck.py`. Before:
# [1. What is a convolution?](01_convolution.ipynb) Next:
# [3. ReLU and max-pooling](03_relu_and_maxpool.ipynb)

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
from minunet.ops import conv2d
from minunet.ops.taps import over_pixels

rng = np.random.default_rng(1)

# %% [markdown]
# ## The slopes of an array
#
# Training makes one number small: the *energy* $E$, which says how far the network's answer is from
# the right one. For an array `y` on the way to it, `dy` is an array of the same shape that holds
# all slopes, $dy[m] = \partial E / \partial y[m]$, where $m$ stands for all indices of an entry:
# the *gradient* of $E$. Nudge `y` by a little array $\delta$, and
#
# $$E(y + \delta) \approx E(y) + \sum_m dy[m]\, \delta[m]$$
#
# So $-dy$ points downhill. An *op*, such as a convolution, has two parts: its *forward* makes `y`
# of `x`; its *backward* is given `dy` and answers with `dx`, and with `dw` and `db` if it has a
# kernel and a bias. The energy depends on $x[n]$ through every $y[m]$ that has read it, and the
# chain rule adds them up:
#
# $$dx[n] = \sum_m dy[m] \; \frac{\partial y[m]}{\partial x[n]}$$
#
# The op never asks what $E$ is. This sum is all that the chapter needs; for `dw` and `db` it is the
# same one, with an entry of `w` or `b` in the place of $x[n]$.
#
# ## With a pencil
#
# Let the map be a row of four numbers, and the kernel one of three taps:
#
# $$y[0] = b + w[0]\,x[0] + w[1]\,x[1] + w[2]\,x[2]$$
# $$y[1] = b + w[0]\,x[1] + w[1]\,x[2] + w[2]\,x[3]$$
#
# Where does $w[0]$ stand? Beside $x[0]$ in $y[0]$, beside $x[1]$ in $y[1]$. So
# $dw[0] = dy[0]\,x[0] + dy[1]\,x[1]$. And $x[1]$? Beside $w[1]$ in $y[0]$, beside $w[0]$ in $y[1]$.
# So $dx[1] = dy[0]\,w[1] + dy[1]\,w[0]$: it was read twice, and collects twice. $x[0]$ was read
# once: $dx[0] = dy[0]\,w[0]$. And $b$ stands alone in both: $db = dy[0] + dy[1]$.

# %%
x, w, b, target = np.array([1, 2, 0, 3]), np.array([2, -1, 1]), 1, np.array([2, 5])


def forward(w, b):
    return np.array([b + w @ x[0:3], b + w @ x[1:4]])


def energy(y):
    return np.sum((y - target) ** 2) / 2


y = forward(w, b)
dy = y - target  # the slopes of this energy
assert energy(y) == 5
assert np.array_equal(dy, [-1, 3])

dw = [-1 * 1 + 3 * 2, -1 * 2 + 3 * 0, -1 * 0 + 3 * 3]
dx = [-1 * 2, -1 * -1 + 3 * 2, -1 * 1 + 3 * -1, 3 * 1]
db = -1 + 3
assert (dw, dx, db) == ([5, -2, 9], [-2, 7, -4, 3], 2)

row = conv2d.backward(dy.reshape(1, 2, 1), x.reshape(1, 4, 1), w.reshape(1, 3, 1, 1))
for package, pencil in zip(row, (dx, dw, db), strict=True):
    assert np.array_equal(package.ravel(), np.ravel(pencil))

below = energy(forward(w - 0.01 * np.array(dw), b - 0.01 * db))
assert below < energy(y)
print(f"energy {energy(y)}; after a small step downhill {below:.2f}")

# %% [markdown]
# ## The bias and the kernel, with indices
#
# The forward of chapter 1, and the same question twice: where does it stand?
#
# $$y[r, c, o] = b[o] + \sum_{i, j} \sum_{k} x[r+i,\, c+j,\, k] \; w[i, j, k, o]$$
#
# $b[o]$ stands alone in $y[r, c, o]$, at every $(r, c)$, and in no other feature. Its slope there
# is 1, so of the sum over all of `y` the pixels of one feature are left:
#
# $$db[o] = \sum_{r, c} dy[r, c, o]$$
#
# $w[i, j, k, o]$ stands once in each $y[r, c, o]$, at every $(r, c)$, beside $x[r+i, c+j, k]$. That
# is its slope:
#
# $$dw[i, j, k, o] = \sum_{r, c} x[r+i,\, c+j,\, k] \; dy[r, c, o]$$

# %% [markdown]
# ## The input, with indices
#
# Take one number $x[p, q, k]$. In $y[r, c, o]$ the tap $(i, j)$ reads $x[r+i, c+j, k]$. That is
# ours for one tap only, $i = p - r$ and $j = q - c$, so the slope is $w[p-r, q-c, k, o]$ if the
# kernel has such a tap, and 0 if not. Add up over all $(r, c, o)$:
#
# $$dx[p, q, k] = \sum_{r, c} \sum_{o} dy[r, c, o] \; w[p-r,\, q-c,\, k, o]$$
#
# Or, with $r = p - i$ and $c = q - j$, over the taps for which $(p-i, q-j)$ lies on `dy`:
#
# $$dx[p, q, k] = \sum_{i, j} \sum_{o} dy[p-i,\, q-j,\, o] \; w[i, j, k, o]$$
#
# Mind the minus signs: `dx` is the true convolution of `dy` with the kernel, which is turned by
# 180° in the picture below. To test all three, take $E = \sum dy \cdot y$, whose slopes are `dy`.
# It is linear in `x`, in `w` and in `b`: then the $\approx$ of the first section is $=$, for a
# nudge of any size.

# %%
x, w, b = rng.standard_normal((9, 6, 4)), rng.standard_normal((3, 2, 4, 8)), rng.standard_normal(8)
dy = rng.standard_normal((7, 5, 8))
assert len({*x.shape, *w.shape, *dy.shape}) == 8  # all sizes differ
dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.sum(dy, axis=(0, 1))

for i, j, k, o in np.ndindex(w.shape):
    dw[i, j, k, o] = np.sum(x[i : i + 7, j : j + 5, k] * dy[:, :, o])

for p, q, k in np.ndindex(x.shape):
    for i, j in np.ndindex(3, 2):
        r, c = p - i, q - j
        if 0 <= r < 7 and 0 <= c < 5:
            dx[p, q, k] += np.sum(dy[r, c, :] * w[i, j, k, :])

E = np.sum(dy * conv2d.forward(x, w, b))
nudge_x, nudge_w, nudge_b = (rng.standard_normal(array.shape) for array in (x, w, b))
for gradient, nudge, y in [
    (dx, nudge_x, conv2d.forward(x + nudge_x, w, b)),
    (dw, nudge_w, conv2d.forward(x, w + nudge_w, b)),
    (db, nudge_b, conv2d.forward(x, w, b + nudge_b)),
]:
    assert np.isclose(np.sum(dy * y) - E, np.sum(gradient * nudge), rtol=0, atol=1e-11)

# %%
readers = [[f"{2 - r}, {2 - c}" for c in range(3)] for r in range(3)]
count = np.zeros((5, 5), int)
for i, j in np.ndindex(3, 3):
    assert readers[2 - i][2 - j] == f"{i}, {j}"
    count[i : i + 3, j : j + 3] += 1
assert np.array_equal(count, np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]))

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8, 3), width_ratios=[5, 4, 5])
squares(left, [[""] * 5] * 5, "one pixel of x, p = q = 2", marked=(2, 2, 1, 1))
squares(middle, readers, "y: the tap i, j it used")
squares(right, count, "how many y read each x")
show(
    figure,
    "Left, a 5 by 5 map x with its middle pixel marked. Middle, the 3 by 3 result y with the tap "
    "through which each of its numbers read that pixel: from 2, 2 at the upper left to 0, 0 at the "
    "lower right, the kernel turned by 180 degrees. Right, how many numbers of y read each pixel "
    "of x: 1 in the corners, 9 in the middle.",
)

# %% [markdown]
# ## The same loop, read backwards
#
# The formula for `dx` has signs and borders to get wrong. There is a way without. Read the forward
# as a program: `y` begins as `b`, and for all six indices one line is run,
#
#     y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]
#
# The slope of a product is its other factor, so each run of the line owes two slopes:
#
#     dx[r + i, c + j, k] += dy[r, c, o] * w[i, j, k, o]
#     dw[i, j, k, o]      += dy[r, c, o] * x[r + i, c + j, k]
#
# The same loop, the same indices. What the forward reads, the backward adds to. A place off the map
# is never touched, since the forward never read it. And `+=`, for what was read twice collects
# twice: *where the forward copies, the backward adds*. `y[r, c, o]` began as a copy of `b[o]`, so
# `db[o]` collects each `dy[r, c, o]`, once.
#
# ## A tap at a time
#
# Hold the tap $(i, j)$ and do all $P = oh \cdot ow$ pixels at once. Write $W$ for the matrix
# `w[i, j]`, $X$ for the window `x[i : i + oh, j : j + ow]` and $D$ for `dy`, both with a row for
# each pixel. The loops over $r, c, k, o$ that are left are products of matrices, those of a linear
# layer:
#
# | | | shapes |
# |---|---|---|
# | forward | $Y \mathrel{+}= X\,W$ | `(P, C) @ (C, O)` is `(P, O)` |
# | to the window of `dx` | $dX \mathrel{+}= D\,W^T$ | `(P, O) @ (O, C)` is `(P, C)` |
# | to `dw[i, j]` | $dW = X^T D$ | `(C, P) @ (P, O)` is `(C, O)` |
#
# The shapes leave no other choice. A window `(oh, ow, C)` becomes $X$ by `.reshape(-1, C)`, `dy`
# becomes $D$ by `.reshape(-1, O)`; `dy @ w[i, j].T` needs neither. Below, the loop term by term,
# and the package's. Its `over_pixels` is $X^T D$: at each pixel the products of all $C$ numbers
# with all $O$, the *outer product* $\otimes$, summed over the pixels.


# %%
def term_by_term(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    (rows, columns, _), (kh, kw, channels, features) = dy.shape, w.shape
    for r, c, o in np.ndindex(rows, columns, features):
        for i, j, k in np.ndindex(kh, kw, channels):
            dx[r + i, c + j, k] += dy[r, c, o] * w[i, j, k, o]
            dw[i, j, k, o] += dy[r, c, o] * x[r + i, c + j, k]
    return dx, dw, dy.sum((0, 1))


print(inspect.getsource(conv2d.backward))
print(inspect.getsource(over_pixels))
derived, package = term_by_term(dy, x, w), conv2d.backward(dy, x, w)
for formula, term, array in zip((dx, dw, db), derived, package, strict=True):
    assert np.allclose(term, formula, rtol=0, atol=1e-12)
    assert np.allclose(array, formula, rtol=0, atol=1e-12)

# %% [markdown]
# ## A backward is a transpose
#
# Without its bias a convolution is linear in `x`. With the numbers of `x` and of `y` each in one
# long column, it is a matrix: $y = A\,x$. Then
# $E = \langle dy, A x \rangle = \langle A^T dy, x \rangle$, where $\langle a, b \rangle$ is the sum
# of the products of their entries; so $dx = A^T dy$. For any `x` and any `u` shaped like `y`,
#
# $$\langle A x,\, u \rangle = \langle x,\, A^T u \rangle$$
#
# This is the *adjoint identity*. It tests a backward with one call of each side, exact up to
# rounding, and nobody needs to build $A$. It holds in `w` as well. What it does not see is a slip
# made in both: it asks whether forward and backward belong together.

# %%
kernel = np.array([[1, 0, -1], [0, 2, 0], [3, 0, 0]])[:, :, np.newaxis, np.newaxis]
pixels = np.eye(16, dtype=int).reshape(16, 4, 4, 1)
none = np.zeros(1, int)
A = np.stack([conv2d.forward(pixel, kernel, none).ravel() for pixel in pixels], axis=1)
u = np.array([1, -2, 3, 5])
transposed, _, _ = conv2d.backward(u.reshape(2, 2, 1), pixels[0], kernel)
assert np.array_equal(transposed.ravel(), A.T @ u)

figure, ax = plt.subplots(figsize=(7.5, 2.5), layout="constrained")
drawn = ax.imshow(A, cmap="PuOr", vmin=-3, vmax=3)
ax.set(xlabel="the 16 numbers of x", ylabel="those of y", xticks=range(16), yticks=range(4))
figure.colorbar(drawn, label="slope")
show(
    figure,
    "The matrix A of a 3 by 3 convolution of a 4 by 4 map: 4 rows, 16 columns. Each row holds the "
    "kernel's four weights that are not zero, shifted; read by columns, it is the backward.",
)

# %%
turned, none = w[::-1, ::-1], np.zeros(8)


def gap(forward_w, backward_w):
    return adjoint_gap(
        lambda x: conv2d.forward(x, forward_w, none),
        lambda u: conv2d.backward(u, x, backward_w)[0],
        x,
        dy,
    )


in_w = adjoint_gap(
    lambda w: conv2d.forward(x, w, none), lambda u: conv2d.backward(u, x, w)[1], w, dy
)
assert max(gap(w, w), in_w) < 1e-14
assert gap(w, turned) > 1e-3
assert gap(turned, turned) < 1e-14  # the same slip in both
print(inspect.getsource(adjoint_gap))

# %% [markdown]
# ## Nudge and look
#
# Any op can be tested by nudging one number by $h$. By Taylor's series, with $E$ a function of it,
#
# $$\frac{E(x+h) - E(x)}{h} = E' + \frac{h}{2} E'' + \dots$$
# $$\frac{E(x+h) - E(x-h)}{2h} = E' + \frac{h^2}{6} E''' + \dots$$
#
# The second, the *central difference*, is far better. But $h$ must not be too small: a computer
# knows $E$ only to about $\varepsilon |E|$, where $1 + \varepsilon$ is the float after 1, and
# dividing by $h$ makes that error large.
# The sum of $h^2$ and $\varepsilon / h$ has its valley near $h = \varepsilon^{1/3}$. In float64,
# where $\varepsilon$ is 2·10⁻¹⁶, that is 6·10⁻⁶; `minunet.gradcheck` takes 10⁻⁵, and nine digits
# come out. In float32 even the best step leaves about four, too few to tell a right gradient from a
# nearly right one. Hence float64.
#
# The energy below is $E = \sum \sin y$, with $dy = \cos y$: it must bend, or there is no $h^2$ to
# see.


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

print(inspect.getsource(numerical_gradient))
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

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, curve), style in zip(errors.items(), ("C0s--", "C1o-", "k^:"), strict=True):
    ax.loglog(steps, curve, style, label=name)
ax.set(xlabel="step h", ylabel="error of the slopes, relative")
figure.legend(loc="outside upper center", ncols=3)
show(
    figure,
    "The error of numerical slopes for steps from 1e-12 to 0.1. Each curve is a valley. That of "
    "the central difference in float64 is the deepest, below 1e-9 at h = 1e-5; in float32 its "
    "floor lies near 1e-4.",
)

# %% [markdown]
# ## Plant a bug
#
# `check_gradients` compares every entry with its central difference, for $E = \sum dy \cdot y$. It
# stops at the first array that differs, and names its worst entry. Four slips are planted below; it
# finds each.
#
# Two habits make it hard to fool. The sizes all differ, so that no axis passes for another. And
# `dy` is drawn at random: with a `dy` of ones the third slip, `dy` turned by 180°, goes unseen.


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


planted = {
    "dx, overwritten": overwriting,
    "dx, kernel turned": lambda dy, x, w: conv2d.backward(dy, x, w[::-1, ::-1]),
    "dx, dy turned": lambda dy, x, w: conv2d.backward(dy[::-1, ::-1], x, w),
    "db, halved": lambda dy, x, w: (*conv2d.backward(dy, x, w)[:2], dy.sum((0, 1)) / 2),
}
for slip, backward in planted.items():
    print(f"{slip}: {verdict(backward, dy)}")
    assert verdict(backward, dy).startswith(f"{slip[:2]}[")
assert verdict(conv2d.backward, dy) == "no difference found"
assert verdict(planted["dx, dy turned"], np.ones_like(dy)) == "no difference found"

# %% [markdown]
# ## Exercises
#
# Replace the `...` and run the cell. The last line tells what is right, or what went wrong.

# %%
# 1. With a pencil: dx (3, 3) and dw (2, 2), as lists of rows, and db, one number. Run the cell.
x = np.array([[1, 2, 0], [3, 1, 2], [0, 1, 4]])
w = np.array([[1, -1], [0, 2]])
dy = np.array([[1, 0], [0, 2]])
dx, dw, db = ..., ..., ...
check_by_hand((dx, dw, db))

# %%
# 2. The second slope E'' takes three calls: (E(x+h) - 2 E(x) + E(x-h)) / h². The series leaves an
#    error of about h², rounding one of about ε / h². Which power of ten is the best h in float64?
#    Answer with the number h itself.
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
# Solutions: `tutorials/solutions/gradients.py`. Next come the ops that bend and choose:
# [chapter 3](03_relu_and_maxpool.ipynb) asks what the slope of a maximum is.
