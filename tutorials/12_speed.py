# %% [markdown]
# # 12. Making it fast
#
# *How much of what the machine can do does a convolution use, and how can it use more?*
#
# **After this chapter you can** compute how many operations a second a layer runs at, derive the
# forms of the convolution in `minunet/fast/`, Winograd's among them, and say when each of them
# pays and what it costs in rounding.
#
# **Prerequisites:** [chapter 1](01_convolution.ipynb) for convolution and taps, and products of
# matrices. Three sections are marked *(can be skipped)*. The first of them uses polynomials and the
# inverse of a matrix. Of it, only the function `transforms` is used later.
#
# **Time:** 75 minutes. Without the sections that can be skipped, it takes 50.
#
# This chapter explains `minunet/fast/` (`direct.py`, `winograd.py`, `blas.py`, `threads.py`).
# Before: [11. How good is it?](11_scores.ipynb). After:
# [13. Your own data](13_your_own_data.ipynb).

# %%
import cProfile
import pstats
import time
from functools import partial
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from exercises.speed import check_by_list, check_four_products, check_start
from figures import show
from numpy.lib.stride_tricks import sliding_window_view

from minunet import fast, training
from minunet.fast import blas, direct, threads, winograd
from minunet.image import Sample
from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, conv_relu, cross_entropy, relu
from minunet.runs.settings import from_options

rng = np.random.default_rng(1)

# %% [markdown]
# ## How fast could it be?
#
# A convolution with a kernel of $k_h \times k_w$ taps, from $C$ to $O$ channels, needs
# $k_h k_w C$ products for each output number, and as many sums. So it costs
#
# $$2 \cdot \text{rows} \cdot \text{columns} \cdot k_h k_w \cdot C \cdot O$$
#
# operations. Divided by the seconds that it takes, this is its *rate*. We state rates in GFLOP/s:
# 10⁹ floating-point operations a second.
#
# What rate can we hope for? A convolution multiplies numbers and adds up the products. The fastest
# program that does this is the product of two large matrices. NumPy's `@` calls a library for it,
# *BLAS*, which has been tuned for decades. The rate of a large matrix product is our yardstick.
#
# Rates depend on the machine, and on what else it is doing. We therefore measure processor time,
# which stops while other programs have the core. Other programs also fill the caches, which can
# only make a function slower, so we keep the best of many runs. Functions that we compare take
# turns.


# %%
def race(calls, seconds=0.4):
    """Return the rates in GFLOP/s of calls, name → (operations, function, arguments…)."""
    best = dict.fromkeys(calls, np.inf)
    end = time.process_time() + seconds * len(calls)
    while time.process_time() < end:
        for name, (_, function, *arguments) in calls.items():
            began = time.process_time()
            function(*arguments)
            best[name] = min(best[name], time.process_time() - began)
    return {name: calls[name][0] / best[name] / 1e9 for name in calls}


threads.use(1)
a = rng.standard_normal((1024, 1024), dtype=np.float32)
yardstick = race({"product": (2 * 1024**3, np.matmul, a, a)}, 2)["product"]
print(f"large product, one core: {yardstick:.0f} GFLOP/s")

# %% [markdown]
# We compare the forms of the convolution on two layers. `wide` has many pixels and 16 channels, as
# at the top of a small U. `deep` has fewer pixels and 64 channels. They cost 0.17 and 1.21 GFLOP.
# Everything runs on one core at first: `threads.use(1)`.


# %%
def layer(size, channels):
    x = rng.standard_normal((size, size, channels), dtype=np.float32)
    w = rng.standard_normal((3, 3, channels, channels), dtype=np.float32) / (3 * channels**0.5)
    return x, w, rng.standard_normal(channels, dtype=np.float32)


def flop(x, w):
    return 2 * (x.shape[0] - 2) * (x.shape[1] - 2) * w.size


layers = {"wide": layer(194, 16), "deep": layer(130, 64)}
work = {name: flop(x, w) for name, (x, w, _) in layers.items()}
assert [round(work[name] / 1e9, 2) for name in layers] == [0.17, 1.21]

# %% [markdown]
# ## Six loops, a table, nine taps
#
# **Six loops** are the definition, read aloud: rows, columns, features, and for each of them the
# taps and channels that are summed. Python handles every product by itself. That is thousands of
# times slower than BLAS.
#
# **A table**, called *im2col*: copy the $k_h k_w C$ numbers under every window into one row of a
# table. Then a single large product does the rest. But the table is nine times as large as the map.
# For a layer of the paper's size, 64 channels at 568×568 pixels, it takes 709 MiB. Writing and
# reading it takes time.
#
# **Nine taps**, as in chapter 1: nine products with shifted windows, summed. No table is needed.
# But every product is written to memory first and then added to $y$, so $y$ is read and written
# nine times.


# %%
def six_loops(x, w, b):
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    y = np.empty((height - kh + 1, width - kw + 1, features), x.dtype)
    for r, c, o in np.ndindex(y.shape):
        y[r, c, o] = b[o]
        for i, j, k in np.ndindex(kh, kw, channels):
            y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]
    return y


def im2col(x, w, b):
    windows = sliding_window_view(x, (3, 3), axis=(0, 1))  # (rows, columns, C, 3, 3)
    table = windows.transpose(0, 1, 3, 4, 2).reshape(-1, w[..., 0].size)
    return (table @ w.reshape(-1, w.shape[3]) + b).reshape(*windows.shape[:2], -1)


assert round(568**2 * 9 * 64 * 4 / 2**20) == 709  # MiB; a float32 has 4 bytes

# %% [markdown]
# All forms give the same result up to rounding. The loops are so slow that we time them on a piece
# of 4×4 outputs.

# %%
loops = {}
for name, (x, w, b) in layers.items():
    y, piece = conv2d.forward(x, w, b), np.ascontiguousarray(x[:6, :6])
    assert np.allclose(im2col(x, w, b), y, rtol=0, atol=1e-5)
    assert np.allclose(six_loops(piece, w, b), y[:4, :4], rtol=0, atol=1e-5)
    calls = {"loops": (flop(piece, w), six_loops, piece, w, b)}
    calls["taps"] = (work[name], conv_relu.forward, x, w, b)
    rates = race(calls)
    loops[name] = rates["loops"]
    assert rates["loops"] < rates["taps"] / 1000
    print(f"{name}: loops {rates['loops']:.4f}, taps {rates['taps']:.0f} GFLOP/s")

# %% [markdown]
# ## A window is a part of a list
#
# In memory, the rows of a map $(H, W, C)$ follow each other. So the map is a list of pixels, and
# pixel $x[r, c]$ has the number $q = rW + c$ in it. Which pixel does tap $(i, j)$ read for the
# output at $(r, c)$? It reads $x[r + i, c + j]$, which has the number
#
# $$(r + i)\,W + (c + j) = q + (iW + j).$$
#
# The shift $iW + j$ does not depend on $r$ and $c$. So each tap reads **the same list, from pixel
# $iW + j$ on**: one contiguous part of memory that BLAS can read without a copy.
#
# The figure shows it for a map of 3×4 pixels and a kernel of 2×2 taps. In the row of a tap, the
# number in a square is the output to which this pixel contributes.

# %% tags=["draws"]
plt.rc("font", size=12)
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
shifts = {"tap 0,0": 0, "tap 0,1": 1, "tap 1,0": 4, "tap 1,1": 5}
rows = ["pixel", *shifts]
for q in range(12):
    ax.add_patch(plt.Rectangle((q, 0), 1, 1, facecolor=("#dddddd", "#bbbbbb")[q // 4 % 2]))
    ax.text(q + 0.5, 0.5, q, ha="center", va="center", fontsize=11)
for k, shift in enumerate(shifts.values(), 1):
    for q in range(7):
        fill, text = ("#f4f4f4", "×") if q == 3 else ("#9ecae1", q)
        ax.add_patch(plt.Rectangle((q + shift, k), 1, 1, facecolor=fill, edgecolor="white"))
        ax.text(q + shift + 0.5, k + 0.5, text, ha="center", va="center", fontsize=11)
ax.set(xlim=(0, 12), ylim=(5, 0), xticks=[], yticks=np.arange(5) + 0.5, yticklabels=rows)
ax.tick_params(length=0)
show(
    figure,
    "The list of 12 pixels, and below it the part that each of four taps reads: seven pixels from "
    "pixel 0, 1, 4 and 5 on. In each part, the fourth square is crossed out.",
)

# %% [markdown]
# The price is a little waste. For $q = 3$, the taps read across the end of a row. This output,
# marked ×, is meaningless and is thrown away. In each row of $W$ outputs, there are $k_w - 1$ of
# them.
#
# ### Joining the taps of a row
#
# A product of matrices is slow if its inner side is short. (The inner side $K$ of a product
# $(N, K) \cdot (K, O)$ is the number of products in each sum.) Here $K$ is the number of channels,
# which is 16 for `wide`.
#
# Three taps in a row of the kernel read neighbouring pixels. Pixels $q$, $q + 1$ and $q + 2$ are
# $3C$ numbers in a row in memory. The taps $w[i, 0]$, $w[i, 1]$ and $w[i, 2]$, one below the other,
# are a matrix $(3C, O)$. One product with $K = 3C$ does the work of three.
#
# BLAS does not accept a matrix whose rows overlap in memory, so one product covers every third
# output only. Three products, each beginning one pixel later, cover them all:
#
#     0 1 2 | 3 4 5 | 6 7 8      outputs 0, 3, 6
#       1 2 3 | 4 5 6 | 7 8 9    outputs 1, 4, 7
#         2 3 4 | 5 6 7 | 8 …    outputs 2, 5, 8
#
# With three rows in the kernel, this makes nine products as before. Each has a third of the rows
# and is three times as wide. (In the backward pass, `direct.py` joins the pixels of `dz` that lie
# below one another, for the same reason.)


# %%
def by_runs(x, w, b):
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    pixels, rows = x.reshape(-1, channels), height - kh + 1
    y = np.tile(b, (rows * width, 1))
    for phase in range(kw):
        every = y[phase : len(y) - kw + 1 : kw]
        for i in range(kh):
            start = i * width + phase
            runs = pixels[start : start + kw * len(every)].reshape(len(every), kw * channels)
            every += runs @ w[i].reshape(kw * channels, features)
    return y.reshape(rows, width, features)[:, : width - kw + 1]


for x, w, b in layers.values():
    y = conv2d.forward(x, w, b)
    assert np.allclose(by_runs(x, w, b), y, rtol=0, atol=1e-5)
    assert np.allclose(direct.forward(x, w, b), relu.forward(y), rtol=0, atol=1e-5)

# %% [markdown]
# How much does joining gain? We measure exactly this difference: nine products added to a map of
# 9,216 pixels, tap by tap and joined, for several numbers of channels. `add_product` adds a product
# to $y$ within BLAS, without a temporary array (`blas.py`). NumPy's `@` cannot do that.


# %%
def nine(y, a, w):
    for _ in range(9):
        blas.add_product(y, a, w)


def products(rows, inner, features):
    shapes = (rows, inner), (inner, features)
    y = np.zeros((rows, features), np.float32)
    return 18 * rows * inner * features, nine, y, *map(partial(rng.random, dtype="f4"), shapes)


channels, pixels = (4, 8, 16, 32, 64), 9216
calls = {(c, 1): products(pixels, c, c) for c in channels}
calls |= {(c, 3): products(pixels // 3, 3 * c, c) for c in channels}
rates = race(calls)
for c in channels:
    print(f"{c} channels: {rates[c, 3] / rates[c, 1]:.2f} × as fast as tap by tap")
assert rates[4, 3] > rates[4, 1]

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for joined, label in ((1, "tap by tap"), (3, "three joined")):
    ax.plot(channels, [rates[c, joined] for c in channels], "o-", label=label)
ax.axhline(yardstick, color="k", linestyle="--", zorder=0, label="large product")
ax.set(xlabel="channels", ylabel="GFLOP/s", xscale="log", ylim=(0, None))
ax.set_xticks(channels, channels)
ax.minorticks_off()
ax.legend()
show(
    figure,
    "The rates of nine products tap by tap and joined, over the number of channels. Both rise with "
    "the channels. The joined products are faster with few channels, and the lines come together.",
)

# %% [markdown]
# Both lines rise with the number of channels. The joined products are ahead where channels are few,
# and the gain shrinks as the channels grow: with 32 or 64 of them, a single tap is wide enough. So
# joining helps the layers at the top of a small U, and does not matter in the others.
#
# ## Bands in the cache, and threads
#
# A core has a *cache*, a small memory that is much faster than main memory. `direct.py` therefore
# does not compute the whole map at once. It takes a *band* of rows that fits into the cache, does
# everything for it (bias, nine products, ReLU), and goes on to the next band. `threads.CACHE` is
# the size of a band in bytes.
#
# There are two ways to choose it badly. With bands that are too small, the products are short, and
# BLAS spends its time on preparing them. With bands that are too large, each of the nine products
# fetches the band from main memory again. Which of the two matters depends on the machine, so we
# measure.

# %%
x, w, b = layer(386, 16)
caches, standard = [2**k for k in range(14, 27)], threads.CACHE


def banded(size):
    threads.CACHE = size
    direct.forward(x, w, b)


rates = race({size: (flop(x, w), banded, size) for size in caches})
threads.CACHE = standard
top = max(rates.values())
print(f"smallest bands: {rates[caches[0]] / top:.0%} of the best rate")
print(f"minunet's bands: {rates[standard] / top:.0%} of the best rate")
print(f"largest bands: {rates[caches[-1]] / top:.0%} of the best rate")
assert rates[caches[0]] < top / 1.5

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(np.array(caches) / 2**10, [*rates.values()], "o-")
ax.axvline(standard / 2**10, color="C1", linestyle=":", label="minunet's choice")
ax.set(xlabel="KiB of a band", ylabel="GFLOP/s", xscale="log", ylim=(0, None))
ax.legend(loc="lower right")
show(
    figure,
    "The rate of a convolution over the size of its bands, from 16 KiB to 64 MiB, with a dotted "
    "line at the size that minunet takes. It rises steeply until about 1 MiB.",
)

# %% [markdown]
# Small bands are clearly bad. The cost of bands that are too large depends on the caches of the
# machine: compare the right end of the curve with its top. The printed lines give both in numbers.
#
# The bands are also what is shared among the cores. A *thread* is a part of a program that runs at
# the same time as its other parts, and every core can run one. In the usual build of Python, only
# one thread at a time may run Python code, because of a lock (the *GIL*). Free-threaded builds of
# Python, from 3.13 on, have no such lock. NumPy and BLAS release it while they compute, so plain
# threads can work on different bands at the same time in any build. But for every call, a thread
# has to get it back: with two threads, a tenth to a seventh of a training step is spent on waiting
# for it ([benchmarks](../benchmarks/README.md#more-threads)).
#
# BLAS has threads of its own. After a product, they wait in a loop for the next one, for some
# milliseconds, on the cores that our bands need. If BLAS keeps its usual two threads, a training
# step can take a third longer. So BLAS gets one thread during a pass through the network
# (`threads.one_blas_thread`).
#
# `threads.over` gives each thread an equal number of neighbouring bands. Which band belongs to
# which thread follows from the sizes alone. So a repeated run gives the same bits. Here two
# threads share 100 rows, in bands of at most 8.

# %%
done = []
threads.use(2)
threads.over(100, 8, lambda first, n, thread: done.append((thread, first, n)))
done.sort()
assert [first for _, first, _ in done] == np.cumsum([0] + [n for *_, n in done[:-1]]).tolist()
assert sum(n for *_, n in done) == 100 and max(n for *_, n in done) <= 8
assert [thread for thread, *_ in done] == 7 * [0] + 7 * [1]
assert np.array_equal(direct.forward(x, w, b), direct.forward(x, w, b))  # bit for bit
threads.use(1)
for k in range(2):
    print(f"thread {k}: bands from row", *(first for thread, first, _ in done if thread == k))

# %% [markdown]
# ## Winograd: four products instead of six
#
# All forms so far do the same products in a different order. Now we do fewer.
#
# Take the smallest case. A kernel of three taps $g_0, g_1, g_2$ moves along four numbers
# $d_0, d_1, d_2, d_3$. It has two outputs, which cost six products:
#
# $$\begin{aligned}
# y_0 &= d_0 g_0 + d_1 g_1 + d_2 g_2, \\
# y_1 &= d_1 g_0 + d_2 g_1 + d_3 g_2.
# \end{aligned}$$
#
# Winograd's form (1980) needs four products:
#
# $$\begin{aligned}
# m_0 &= (d_0 - d_2)\; g_0 \\
# m_1 &= (d_1 + d_2)\; (g_0 + g_1 + g_2)/2 \\
# m_2 &= (d_2 - d_1)\; (g_0 - g_1 + g_2)/2 \\
# m_3 &= (d_3 - d_1)\; g_2
# \end{aligned}$$
#
# The outputs are sums of them:
#
# $$\begin{aligned}
# y_0 &= m_0 + m_1 + m_2, \\
# y_1 &= m_1 - m_2 + m_3.
# \end{aligned}$$
#
# This form is called F(2, 3), for two outputs of three taps. An example with $d$ = 1, 2, 3, 4 and
# $g$ = 2, 4, 6:
#
#     m0 = -2 · 2 = -4    y0 = -4 + 30 + 2 = 28
#     m1 =  5 · 6 = 30    y1 = 30 - 2 + 12 = 40
#     m2 =  1 · 2 =  2
#     m3 =  2 · 6 = 12
#
# The definition gives the same: 1·2 + 2·4 + 3·6 = 28 and 2·2 + 3·4 + 4·6 = 40.
#
# **Why is it exact?** Write $h = g_0 + g_2$ and add $m_1$ and $m_2$. Half of the terms cancel:
#
# $$\begin{aligned}
# 2\,(m_1 + m_2) &= (d_1 + d_2)(h + g_1) \\
# &\quad + (d_2 - d_1)(h - g_1) \\
# &= 2\,(d_2 h + d_1 g_1).
# \end{aligned}$$
#
# So $m_1 + m_2 = d_2 g_0 + d_2 g_2 + d_1 g_1$.
#
# Now add $m_0 = d_0 g_0 - d_2 g_0$. The term $d_2 g_0$ cancels, and $y_0$ remains. In the same way,
# $m_1 - m_2 = d_1 h + d_2 g_1$, and adding $m_3 = d_3 g_2 - d_1 g_2$ leaves $y_1$.
#
# **Why is it a gain?** There are more sums than before. But the sums of taps are computed once for
# the whole map. And with channels, each $d$ is a list of $C$ numbers, and each $g$ is a matrix
# $(C, O)$. Then a sum of two $d$ costs $C$ operations, and a product costs $2\,C\,O$.
#
# The three kinds of sums can be written as three matrices. With $\circ$ for the product number by
# number,
#
# $$y = A^T \big[ (G\, g) \circ (B^T d) \big].$$

# %%
BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
AT = np.array([[1, 1, 1, 0], [0, 1, -1, 1]])


def three_taps(d, g):
    return [sum(d[a + k] * g[k] for k in range(3)) for a in range(len(d) - 2)]


d, g = [1, 2, 3, 4], [2, 4, 6]
assert [*(G @ g) * (BT @ d)] == [-4, 30, 2, 12]
assert [*AT @ ((G @ g) * (BT @ d))] == three_taps(d, g) == [28, 40]

# %% [markdown]
# The same can be proved by trying. Both sides are linear in $d$ and linear in $g$. So they are
# equal for all numbers if they are equal whenever $d$ has a single 1 and $g$ has a single 1. These
# are 4 · 3 = 12 cases.

# %%
for d in np.eye(4):
    for g in np.eye(3):
        assert [*AT @ ((G @ g) * (BT @ d))] == three_taps(d, g)

# %% [markdown]
# ## Where the four products come from *(can be skipped)*
#
# **Step 1: multiply two polynomials.** Take $u(t) = u_0 + u_1 t$ and
# $g(t) = g_0 + g_1 t + g_2 t^2$. Their product $s(t)$ has four coefficients:
#
# $$\begin{aligned}
# s_0 &= u_0 g_0, & s_1 &= u_0 g_1 + u_1 g_0, \\
# s_3 &= u_1 g_2, & s_2 &= u_0 g_2 + u_1 g_1.
# \end{aligned}$$
#
# Computed like this, they cost six products. But *at a point* $t$, the value of the product is the
# product of two values: $s(t) = u(t)\,g(t)$ costs one product. A polynomial with four coefficients
# is determined by its values at four points. So four products are enough.
#
# We choose points where the values are cheap: 0, 1 and −1. For the fourth, look at very large $t$.
# Divide $s(t) = u(t)\, g(t)$ by $t^3$:
#
# $$\frac{s(t)}{t^3} = \frac{u(t)}{t} \cdot \frac{g(t)}{t^2}.$$
#
# As $t$ grows, everything but the highest coefficients goes to 0, and $s_3 = u_1 g_2$ remains. This
# is called *the value at infinity*. It is simply the product of the highest coefficients.
#
# The four values are
#
# $$\begin{aligned}
# v_0 &= u_0 g_0, \\
# v_1 &= (u_0 + u_1)(g_0 + g_1 + g_2), \\
# v_{-1} &= (u_0 - u_1)(g_0 - g_1 + g_2), \\
# v_\infty &= u_1 g_2.
# \end{aligned}$$
#
# To get the coefficients back, use $v_1 = s_0 + s_1 + s_2 + s_3$ and
# $v_{-1} = s_0 - s_1 + s_2 - s_3$. Half their sum is $s_0 + s_2$, and half their difference is
# $s_1 + s_3$:
#
# $$\begin{aligned}
# s_0 &= v_0, & s_1 &= \tfrac{v_1 - v_{-1}}{2} - v_\infty, \\
# s_3 &= v_\infty, & s_2 &= \tfrac{v_1 + v_{-1}}{2} - v_0.
# \end{aligned}$$
#
# **Step 2: write it with matrices.** Let $V$ be the matrix that takes four coefficients to the four
# values. Its rows are the powers $1, t, t^2, t^3$ of the points, and $0, 0, 0, 1$ for infinity. Let
# $A$ do the same for the two coefficients of $u$, and $G$ for the three of $g$. Then
# $V s = (A u) \circ (G g)$, and
#
# $$s = V^{-1} \big[ (A u) \circ (G g) \big].$$


# %%
def powers(points, count):
    """Rows 1, t, t², … for the points, and the row of infinity: 0, …, 0, 1."""
    return np.vstack([np.vander(points, count, increasing=True), np.eye(count)[-1]])


u, g, points = np.array([1, 3]), np.array([2, 4, 6]), [0, 1, -1]
values = (powers(points, 2) @ u) * (powers(points, 3) @ g)
s = np.linalg.inv(powers(points, 4)) @ values
print("values:", values)
print("coefficients:", s)
assert np.allclose(s, np.convolve(u, g)) and [*values] == [2, 48, -8, 18]

# %% [markdown]
# **Step 3: find the polynomial in the convolution.** The convolution is not this product, but it is
# closely related. Take any weights $u_0$ and $u_1$, and form the weighted sum of the two outputs,
# $u_0 y_0 + u_1 y_1$. Sort its terms by $d$:
#
# $$\begin{aligned}
# & d_0\,(u_0 g_0) + d_1\,(u_0 g_1 + u_1 g_0) \\
# & + d_2\,(u_0 g_2 + u_1 g_1) + d_3\,(u_1 g_2).
# \end{aligned}$$
#
# In the brackets are the four coefficients $s_0, s_1, s_2, s_3$ of step 1. In short,
#
# $$u^T y = d^T s = d^T V^{-1} \big[ (A u) \circ (G g) \big].$$
#
# **Step 4: change places.** Call $e = V^{-T} d$, where $V^{-T}$ is the transpose of the inverse.
# Then $d^T V^{-1} = e^T$, and the right side is a sum over the four points $p$, each term a product
# of three numbers:
#
# $$u^T y = \sum_p e_p\, (A u)_p\, (G g)_p.$$
#
# In each term, the order of the three factors does not matter. Put $A u$ first:
#
# $$\begin{aligned}
# u^T y &= (A u)^T \big[ (G g) \circ e \big] \\
# &= u^T A^T \big[ (G g) \circ (V^{-T} d) \big].
# \end{aligned}$$
#
# **Step 5: remove $u$.** This holds for every $u$. With $u = (1, 0)$ it says what $y_0$ is, and
# with $u = (0, 1)$ what $y_1$ is. Together, with $B^T = V^{-T}$,
#
# $$y = A^T \big[ (G g) \circ (B^T d) \big].$$
#
# This is Winograd's form. The matrix $A$, which took the coefficients of $u$ to values, now appears
# transposed on the side of the outputs.
#
# **Step 6: move factors.** Two rows of this $B^T$ contain halves. Multiply them by 2, and divide
# the same rows of $G$ by 2: the products stay the same. The result is the three matrices above.


# %%
def transforms(points, outputs):
    """Bᵀ, G and Aᵀ of F(outputs, 3), from all points but infinity."""
    V = powers(points, outputs + 2)
    return np.linalg.inv(V).T, powers(points, 3), powers(points, outputs).T


ours = transforms([0, 1, -1], 2)
factors = np.array([[1], [2], [2], [1]])
assert np.allclose(factors * ours[0], BT)
assert np.allclose(ours[1] / factors, G)
assert np.allclose(ours[2], AT)

# %% [markdown]
# The same steps work for more outputs, with more points. Six points, such as 0, ±1, ±2 and ∞, give
# F(4, 3): four outputs with six products instead of twelve. Any six points do. Which of them are
# best, we will see below. `winograd.py` has chosen 0, ±2/3, ±3/2 and ∞.

# %%
d, g = rng.standard_normal(6), rng.standard_normal(3)
for points in ([0, 1, -1, 2, -2], winograd.POINTS):
    BT, G, AT = transforms(points, 4)
    assert np.allclose(AT @ ((G @ g) * (BT @ d)), three_taps(d, g))
assert np.allclose(BT, winograd.BT) and np.allclose(G, winograd.G) and np.allclose(AT, winograd.AT)

# %% [markdown]
# ## Two dimensions and channels
#
# A map has rows and columns. Apply the form along the columns first and along the rows then. A
# matrix that stands on the left acts on columns, and its transpose on the right acts on rows:
#
# $$Y = A^T \big[ (G\, g\, G^T) \circ (B^T d\, B) \big]\, A.$$
#
# With F(2, 3) in both directions, a block $d$ of 4×4 inputs gives 2×2 outputs with 16 products
# instead of 36. With F(4, 3), a block of 6×6 inputs gives 4×4 outputs with 36 products instead of
# $16 \cdot 9 = 144$. That is a quarter. minunet uses this one, F(4×4, 3×3).

# %%
BT, G, AT = winograd.BT, winograd.G, winograd.AT
d, g = rng.standard_normal((6, 6)), rng.standard_normal((3, 3))
y = AT @ ((G @ g @ G.T) * (BT @ d @ BT.T)) @ AT.T
assert np.allclose(y, six_loops(d[..., None], g[..., None, None], [0])[..., 0])
print(f"{d.size} inputs, {(BT @ d).size} products, {y.size} outputs")

# %% [markdown]
# A map is cut into blocks that begin 4 pixels apart, so that their outputs meet. With channels,
# each of the 36 products becomes a matrix product: the $C$ channels of all blocks at this place,
# times a matrix $(C, O)$. A quarter of the products are left, and the transforms are added. They
# pay only where there are many channels, because a product grows with $C \cdot O$ and a transform
# with $C$ alone. `winograd.pays` decides.


# %%
def by_blocks(x, w, points):
    """Convolution of a map whose result has a multiple of m = len(points) - 1 rows and columns."""
    m = len(points) - 1
    BT, G, AT = (each.astype(x.dtype) for each in transforms(points, m))
    d = sliding_window_view(x, (m + 2, m + 2), axis=(0, 1))[::m, ::m]
    v = BT @ d @ BT.T  # (down, across, C, m+2, m+2)
    u = G @ w.transpose(2, 3, 0, 1) @ G.T  # (C, O, m+2, m+2)
    products = np.einsum("rckij,koij->rcoij", v, u, optimize=True)
    y = AT @ products @ AT.T  # (down, across, O, m, m)
    return y.transpose(0, 3, 1, 4, 2).reshape(m * len(y), m * y.shape[1], -1)


x, w, b = layer(50, 64)
exact = x.astype(float), w.astype(float)
truth = conv2d.forward(*exact, np.zeros(64))
assert np.allclose(by_blocks(*exact, [0, 1, -1, 2, -2]), truth, rtol=0, atol=1e-9)
assert np.allclose(winograd.forward(x, w, b), relu.forward(truth + b), rtol=0, atol=1e-3)

# %% [markdown]
# ### One matrix for both directions *(can be skipped)*
#
# `winograd.py` writes a block of 6×6 numbers as a vector of 36, row after row. Then the two
# multiplications $M X M^T$ become one, by a matrix of 36×36 numbers. It consists of 6×6 copies of
# $M$, and copy $(i, j)$ is multiplied by $M_{ij}$. This is the *Kronecker product* $M \otimes M$. A
# single matrix product then transforms all blocks and channels.

# %%
M, X = winograd.BT, rng.standard_normal((6, 6))
assert np.allclose(np.kron(M, M) @ X.ravel(), (M @ X @ M.T).ravel())
assert np.array_equal(np.kron(M, M)[:6, 12:18], M[0, 2] * M)

# %% [markdown]
# ### What it costs in rounding
#
# A float32 has about seven decimal digits. With the points 0, ±1, ±2 and ∞, $A^T$ multiplies by
# powers up to $2^3 = 8$, and then large numbers cancel. In exact arithmetic nothing is lost. In
# float32, rounding errors of the large numbers remain. More outputs need more points and higher
# powers, so they save more products and round worse.
#
# The points can be chosen. Powers of a point beyond 1 grow, and those of a point below 1 shrink.
# The points of `winograd.py`, ±3/2 and their reciprocals ±2/3, balance the two, and the largest
# entry of $A^T$ is only $(3/2)^3 = 27/8$. The number of products stays the same, and the error
# falls to about a quarter. (Barabasz and others, 2020, arXiv:1803.10986, searched for good points.)

# %%
assert winograd.AT.max() == (3 / 2) ** 3
largest = np.abs(truth).max()
errors = {"taps": (9, np.abs(conv2d.forward(x, w, 0 * b) - truth).max() / largest)}
forms = {"F(2)": [0, 1, -1], "F(4)": [0, 1, -1, 2, -2], "F(4), better points": winograd.POINTS}
for name, points in (forms | {"F(6)": [0, 1, -1, 2, -2, 0.5, -0.5]}).items():
    per_output = (len(points) + 1) ** 2 / (len(points) - 1) ** 2
    errors[name] = per_output, np.abs(by_blocks(x, w, points) - truth).max() / largest
for name, (per_output, error) in errors.items():
    print(f"{name}: {per_output:.2f} products, error {error:.1e}")
better = errors.pop("F(4), better points")
assert better[1] < errors["F(4)"][1] / 2
assert sorted(error for _, error in errors.values()) == [error for _, error in errors.values()]

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for name, (per_output, error) in errors.items():
    ax.semilogy(per_output, error, "o", color="C0")
    down = 12 * (name == "F(4)")
    ax.annotate(name, (per_output, error), (8, 2 - down), textcoords="offset points")
ax.semilogy(*better, "o", color="C1")
ax.annotate("F(4), better points", better, (8, -10), textcoords="offset points", color="C1")
ax.set(xlabel="products for an output", ylabel="largest relative error")
ax.set(xlim=(0, 11), ylim=(1e-7, 1e-4))
show(
    figure,
    "The largest relative error in float32 over the products for an output: it grows as products "
    "are saved, from the nine taps to F(2), F(4) and F(6). With better points, F(4) has about a "
    "quarter of its error.",
)

# %% [markdown]
# minunet takes F(4) with the better points. An error of about 2·10⁻⁶ of the largest output is the
# price of saving three quarters of the products.
#
# ## All forms side by side
#
# The rates count the operations of the definition. Winograd's form does fewer, so its rate can pass
# that of the matrix product.

# %%
forms = {"im2col": im2col, "taps": conv_relu.forward}
forms |= {"runs, bands": direct.forward, "Winograd": winograd.forward}
rates = {"six loops": loops} | {form: {} for form in forms}
for name in layers:
    calls = {form: (work[name], function, *layers[name]) for form, function in forms.items()}
    for form, measured in race(calls, 0.7).items():
        rates[form][name] = measured
assert rates["runs, bands"]["wide"] > rates["Winograd"]["wide"]
assert rates["runs, bands"]["deep"] < rates["Winograd"]["deep"]
assert not winograd.pays(192, 192, layers["wide"][1]) and winograd.pays(128, 128, layers["deep"][1])

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
places = np.arange(len(rates))
for shift, name, colour in ((-0.2, "wide", "C0"), (0.2, "deep", "C1")):
    measured = [one[name] for one in rates.values()]
    bars = ax.barh(places + shift, measured, 0.4, color=colour, label=name)
    texts = [f"{one:.0f}" if one >= 1 else f"{one:.3f}" for one in measured]
    ax.bar_label(bars, texts, padding=3, bbox={"color": "white", "pad": 0})
ax.axvline(yardstick, color="k", linestyle="--", zorder=0, label="large product")
ax.set(yticks=places, yticklabels=[*rates], xlabel="GFLOP/s", ylim=(len(rates) - 0.4, -0.6))
ax.margins(x=0.15)
figure.legend(loc="outside upper center", ncols=3, fontsize=11)
show(
    figure,
    "Bars of the rate of each form of a convolution for two layers, from six loops to Winograd, "
    "with a line at the rate of a large matrix product. Winograd's bar is the longest for the deep "
    "layer; for the wide layer, runs in bands are faster than Winograd.",
)

# %% [markdown]
# For `deep`, Winograd's form is faster than the runs in bands. For `wide`, with its 16 channels, it
# is slower, because the transforms cost more than they save. `fast.conv_relu` takes the better form
# for each layer, and shares its bands among all cores. On $n$ cores that have nothing else to do,
# this can be at most $n$ times as fast.
#
# One layer, computed again and again, finds its map in the cache. In a network it does not. Whole
# training steps, compared with PyTorch's, are measured in
# [benchmarks/README.md](../benchmarks/README.md).
#
# ## Where a training step spends its time
#
# A *profile* counts the seconds that are spent in each function. Here is one of three training
# steps with the preset `laptop`, again on one core.

# %%
settings = from_options(preset="laptop")
n, m = settings.tile, sizes.output_size(settings.tile, settings.depth)
x, labels = rng.random((n, n, 1), np.float32), rng.integers(2, size=(m, m))
tile, state = Sample(x, labels, np.ones((m, m), np.float32)), training.start(settings, "cpu")
threads.use(1)  # the time of two threads would be added up
for _ in range(2):  # the first time includes preparations
    with cProfile.Profile(time.process_time) as profile:
        for _ in range(3):
            training.step(state, tile, settings.architecture, 0.01, 0.9, settings.clip)
stats = pstats.Stats(profile)
seconds = {(file, name): row[3] for (file, _, name), row in stats.stats.items()}
ops = fast.conv_relu, fast.upconv, fast.maxpool, fast.crop_concat, fast.conv2d, cross_entropy
spent = np.array([[seconds[op.__file__, way] for way in ("forward", "backward")] for op in ops])
forward, backward = 1000 / 3 * spent.T  # milliseconds of one step
rest = 1000 * stats.total_tt / 3 - np.sum(forward + backward)
assert forward[0] + backward[0] > np.sum((forward + backward)[1:])
assert backward[0] > forward[0]

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
places = np.arange(len(ops))
ax.barh(places - 0.2, forward, 0.4, label="forward")
ax.barh(places + 0.2, backward, 0.4, label="backward")
ax.barh(len(ops), rest, 0.4, color="0.5")
names = [Path(op.__file__).stem for op in ops]
ax.set(yticks=[*places, len(ops)], yticklabels=[*names, "all the rest"], xlabel="ms of a step")
ax.legend(loc="lower right")
ax.invert_yaxis()
show(
    figure,
    "Milliseconds of a training step by op: the backward of convolutions with their ReLU takes "
    "most, their forward comes next, and all other ops take little.",
)

# %% [markdown]
# The convolutions with their ReLU take more time than all other ops together. Their backward pass
# takes the most, because it computes two products, for `dx` and for `dw`, where the forward pass
# computes one.
#
# ## What changes on a GPU *(can be skipped)*
#
# Every op calls NumPy. CuPy is a version of NumPy for GPUs, and its arrays accept the calls of
# NumPy's own functions. So the definitions run on a GPU without changes. But the time goes
# elsewhere.
#
# For each NumPy call that computes, the computer starts a small program on the GPU. It is called a
# *kernel*, like the kernel of a convolution, but has nothing to do with it. Starting (*launching*)
# a kernel takes the same time for a small map and for a large one. A network with small maps
# therefore waits for launches most of the time. So on a GPU, we count launches.
#
# The next cell counts the arithmetic calls of a forward and a backward pass, by means of an array
# that counts. The number depends on the depth of the network, and not on the size of the tile.


# %%
class Counted(np.ndarray):
    """An array that counts the arithmetic calls that it meets."""

    calls = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        Counted.calls += 1
        inputs, plain = ([np.asarray(x) for x in some] for some in (inputs, out))
        result = getattr(ufunc, method)(*inputs, out=tuple(plain) or None, **options)
        return out[0] if out else np.asarray(result).view(Counted)


def calls(depth, n):
    arch = Architecture(depth=depth, channels=4)
    params = initialization.gaussian(arch, rng, dtype=np.float64)
    params = {name: w.view(Counted) for name, w in params.items()}
    Counted.calls = 0
    logits, kept = unet.forward(params, rng.random((n, n, 1)).view(Counted), arch)
    unet.backward(params, kept, np.ones_like(logits), arch)
    return Counted.calls


# %%
tiles = {depth: [*islice(sizes.valid_sizes(depth), 2)] for depth in (1, 2, 3)}
counts = {depth: [calls(depth, n) for n in two] for depth, two in tiles.items()}
for depth, (small, large) in counts.items():
    print(f"depth {depth}: {small} calls for tiles of {tiles[depth]}")
    assert small == large
assert counts[3][0] - counts[2][0] == counts[2][0] - counts[1][0] > 0

# %% [markdown]
# Bands, runs and threads are made for the caches of a CPU. For float32 on a GPU, `unet.ops_for`
# returns the ops of `minunet/gpu/`, which are written with fewer launches. Its convolution also
# joins each pixel with its two neighbours to the right, so that a row of the kernel needs one
# product instead of three. `benchmarks/gpu_launches.py` counts the launches of a whole training
# step: about 500 at depth 3, where the definitions need 2,500. It counts without a GPU. We have not
# measured the time on one.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/speed.py`.

# %%
# By hand: in the list of pixels of a map of 9 rows and 7 columns, with which number does the window
# of tap (2, 1) begin? The outputs of a 3×3 kernel are computed for whole rows of the list, 7 for
# each row of the result. How many of them are thrown away?
answer = ...  # (number, thrown away)
check_start(answer)


# %%
def by_list(x, w):
    """Return the convolution (H-kh+1, W-kw+1, O) without bias, tap by tap, without copying windows.

    Reshape x (H, W, C) once. Then slice the list of pixels, and nothing else.
    """
    ...


check_by_list(by_list)


# %%
def four_products(d, g):
    """Return y0, y1 of a kernel g (g0, g1, g2) along d (d0, d1, d2, d3).

    Use four products of a d with a g. Sums, differences and halves are free. The check counts.
    """
    ...


check_four_products(four_products)

# %% [markdown]
# ## Summary
#
# - The rate of a layer is its operations divided by its seconds; the yardstick is a large matrix
#   product.
# - A shifted window is a part of the list of pixels, so no table and no copy is needed. A few
#   outputs at the ends of rows are thrown away.
# - Joining the taps of a row helps where channels are few. Bands keep the work in the cache, and
#   are shared among threads.
# - Winograd's F(4×4, 3×3) needs a quarter of the products. It pays with many channels, and rounds
#   worse.
# - On a GPU, the number of launches decides. The convolutions take most of a training step.
#
# ## In other words
#
# | here | elsewhere |
# |---|---|
# | rate | **throughput**, FLOPS |
# | product of matrices | **GEMM** (`sgemm` in float32) |
# | the table | **im2col**, unfold |
# | bands | **cache blocking**, loop tiling |
# | limited by arithmetic | **compute-bound** |
# | limited by memory | **memory-bound** |
# | point at infinity | **Toom–Cook** with evaluation at ∞ |
#
# ## Further reading
#
# - S. Winograd: *Arithmetic Complexity of Computations*, 1980.
# - A. Lavin and S. Gray: *Fast algorithms for convolutional neural networks*, 2016. F(4×4, 3×3) on
#   GPUs.
# - K. Goto and R. van de Geijn: *Anatomy of high-performance matrix multiplication*, 2008. What
#   BLAS does with the cache.
# - S. Williams, A. Waterman and D. Patterson: *Roofline: an insightful visual performance model for
#   multicore architectures*, 2009.
#
# Next: [13. Your own data](13_your_own_data.ipynb) runs all of it on your own images.
