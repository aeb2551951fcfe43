# %% [markdown]
# # 12. Making it fast
#
# *How much of what the machine can do does a convolution use, and how does it use more?*
#
# Afterwards you can compute the rate of a layer, derive the forms in `minunet/fast/` from the
# definition, Winograd's among them, and say which of them pays when, and what it costs in rounding.
#
# Explains `minunet/fast/` (`direct.py`, `winograd.py`, `blas.py`, `threads.py`). Before:
# [11. How good is it?](11_scores.ipynb). After: [13. Your own data](13_your_own_data.ipynb).

# %%
import cProfile
import inspect
import pstats
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from exercises.speed import check_by_list, check_four_products, check_start
from figures import show
from numpy.lib.stride_tricks import sliding_window_view

from minunet import fast, training
from minunet.fast import direct, threads, winograd
from minunet.image import Sample
from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, conv_relu, cross_entropy, relu
from minunet.runs.settings import from_options

rng = np.random.default_rng(1)

# %% [markdown]
# ## How fast could it be?
#
# A convolution costs $2 \cdot \text{rows} \cdot \text{columns} \cdot k_h k_w \cdot C \cdot O$
# operations, as each product is followed by a sum. Divided by the seconds that is a rate, in
# GFLOP/s: 10⁹ operations a second. All of them are products of numbers that are added up, and
# nothing does those faster than a product of two large matrices, which BLAS, the library behind
# NumPy's `@`, was tuned for. Its rate is our yardstick.
#
# Two layers: `wide` has many pixels and 16 channels, as at the top of a small U; `deep` has fewer
# and 64. They take 0.17 and 1.21 GFLOP. All on one core first (`threads.use(1)`). What is measured
# here depends on the machine, so it is drawn and not asserted, but for two differences that are
# large everywhere; results always are.


# %%
def rate(operations, function, *arguments):
    """GFLOP/s, of the best of some runs: other work can only make one slower."""
    function(*arguments)
    best, end = np.inf, time.perf_counter() + 0.1
    while time.perf_counter() < end:
        began = time.perf_counter()
        function(*arguments)
        best = min(best, time.perf_counter() - began)
    return operations / best / 1e9


def layer(size, channels):
    x = rng.standard_normal((size, size, channels), dtype=np.float32)
    w = rng.standard_normal((3, 3, channels, channels), dtype=np.float32) / (3 * channels**0.5)
    return x, w, rng.standard_normal(channels, dtype=np.float32)


def flop(x, w):
    return 2 * (x.shape[0] - 2) * (x.shape[1] - 2) * w.size


threads.use(1)
a = rng.standard_normal((1024, 1024), dtype=np.float32)
yardstick = rate(2 * 1024**3, np.matmul, a, a)
layers = {"wide": layer(194, 16), "deep": layer(130, 64)}
work = {name: flop(x, w) for name, (x, w, _) in layers.items()}
assert work == {"wide": 2 * 192 * 192 * 9 * 16 * 16, "deep": 2 * 128 * 128 * 9 * 64 * 64}
assert [round(work[name] / 1e9, 2) for name in layers] == [0.17, 1.21]
print(f"product of matrices, one core: {yardstick:.0f} GFLOP/s")

# %% [markdown]
# ## The loop, the table, the taps
#
# *Six loops*, the definition read aloud: thousands of times too slow, as the interpreter handles
# every product by itself. Its rate is that of any piece, so we time a piece of 4×4 outputs.
#
# *im2col*: copy the $k_h k_w C$ numbers under every window into a row of a table. Then one large
# product does it all. But the table is as large as nine maps: 709 MiB for a paper-size layer of 64
# channels at 568². And each number in it, written and read again, serves $2 O$ operations only.
#
# *Taps* (chapter 1): nine products with shifted windows, summed. No table. But each product is
# written to memory and then added to $y$, which is read and written nine times; and with 16
# channels the products are thin.


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


rates = {"six loops": {}, "im2col": {}, "taps": {}}
for name, (x, w, b) in layers.items():
    y, piece = conv2d.forward(x, w, b), np.ascontiguousarray(x[:6, :6])
    assert np.allclose(six_loops(piece, w, b), y[:4, :4], rtol=0, atol=1e-5)
    assert np.allclose(im2col(x, w, b), y, rtol=0, atol=1e-5)
    rates["six loops"][name] = rate(flop(piece, w), six_loops, piece, w, b)
    rates["im2col"][name] = rate(work[name], im2col, x, w, b)
    rates["taps"][name] = rate(work[name], conv_relu.forward, x, w, b)
    assert rates["six loops"][name] < rates["taps"][name] / 1000  # a very safe distance
assert round(568**2 * 9 * 64 * 4 / 2**20) == 709

# %% [markdown]
# ## A window is a run of pixels
#
# In memory the rows of a map $(H, W, C)$ follow each other: the map is a list of pixels, and
# $x[r, c]$ is number $q = rW + c$ of it. What does tap $(i, j)$ read? $x[r + i, c + j]$ is number
# $(r + i)W + c + j = q + iW + j$: **the same list, begun $iW + j$ pixels later.** No gap, no copy:
#
#     list      0  1  2  3 | 4  5  6  7 | 8  9 10 11      W = 4, a kernel of 2×2
#     tap 0,0   ^ from 0       tap 0,1 from 1       tap 1,0 from 4       tap 1,1 from 5
#     outputs   0  1  2  x | 4  5  6  x
#
# For $q = 3$ a tap reads across the end of a row: the output is nonsense, and is thrown away. That
# is one output in $W$ here, $k_w - 1$ in general.
#
# A matrix product is slow when its inner side $K$ is thin. So join what lies side by side: pixels
# $q$, $q + 1$, $q + 2$ are $3C$ numbers in a row, as the taps $w[i, 0], w[i, 1], w[i, 2]$ below one
# another are a matrix $(3C, O)$. Rows of a matrix may not overlap for BLAS, so take every third
# run, then those begun one later, then two. Nine products as before, each with $3C$ for $C$; and
# `sgemm`, the product of BLAS that SciPy hands out, adds to $y$ by itself (`blas.py`). With `wide`
# below, $K$ grows from 16 to 48. How much that gains depends on the machine and its BLAS: the next
# cell prints both rates, and the next figure shows the rate over $K$. Where the curve is flat from
# 16 to 48, joining taps gains little.


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

inner = (4, 8, 16, 32, 48, 64, 128, 192, 256)
thin = []
for k in inner:
    pixels, matrix = (rng.standard_normal(s, dtype=np.float32) for s in ((2048, k), (k, 16)))
    thin.append(rate(2 * 2048 * k * 16, np.matmul, pixels, matrix))
one, three = thin[inner.index(16)], thin[inner.index(48)]
print(f"a product with K = 16: {one:.0f} GFLOP/s, with K = 48: {three:.0f} GFLOP/s\n")
print("    def work" + inspect.getsource(direct.forward).split("def work")[1])

# %% [markdown]
# ## Bands in the cache, and threads
#
# `direct.py` does not make the whole list at once. A core's cache is nearer than memory, so all is
# done for a *band* of rows that fits: bias, nine products, ReLU. Then the next. `threads.CACHE`
# says how many bytes a band may have: with too many, each of the nine products fetches it from
# farther away again; with too few, BLAS spends its time on preparing. The figure says which matters
# on this machine.
#
# In the usual build of Python only one thread at a time may run Python code; the free-threaded
# builds, from 3.13 on, have no such lock. NumPy and BLAS release the lock while they compute, so
# plain threads can share the bands in any build (`threads.over`). Each takes an equal number of
# neighbouring bands. Which band is whose follows from sizes alone, so that the same number of
# threads gives the same bits every time.

# %%
x, w, b = layer(386, 16)
caches, by_size, standard = [2**k for k in range(14, 27)], [], threads.CACHE
for size in caches:
    threads.CACHE = size
    by_size.append(rate(flop(x, w), direct.forward, x, w, b))
threads.CACHE = standard

figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained", sharey=True)
left.plot(inner, thin, "o-")
left.set(title="a product (2048, K) · (K, 16)", xlabel="K", ylabel="GFLOP/s", xscale="log")
left.set(xticks=(4, 16, 48, 192), xticklabels=(4, 16, 48, 192))
right.plot(np.array(caches) / 2**10, by_size, "o-")
right.axvline(standard / 2**10, color="C1", linestyle=":")
right.set(title="runs in bands, 386² × 16", xlabel="KiB of a band", xscale="log", ylim=(0, None))
show(
    figure,
    "Left: the rate of a matrix product grows with its inner side K. Right: the rate of a "
    "convolution over the size of its bands, with a dotted line at the size that minunet takes.",
)

done = []
print(inspect.getsource(threads.over).split('"""')[-1])
threads.use(2)
threads.over(100, 8, lambda first, n, thread: done.append((first, n, thread)))
done.sort()
assert [first for first, _, _ in done] == np.cumsum([0] + [n for _, n, _ in done[:-1]]).tolist()
assert sum(n for _, n, _ in done) == 100 and max(n for _, n, _ in done) <= 8
assert [thread for _, _, thread in done] == 7 * [0] + 7 * [1]
assert np.array_equal(direct.forward(x, w, b), direct.forward(x, w, b))  # bit for bit
threads.use(1)

# %% [markdown]
# ## Winograd: four products for six
#
# Two outputs of a kernel of three taps are $y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2$ and
# $y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2$: six products. With $d$ = 1 2 3 4, $g$ = 2 4 6, $y$ = 28 40.
# Now
#
#     m0 = (d0 - d2)  g0                  -2 ·  2 = -4          y0 = m0 + m1 + m2 = 28
#     m1 = (d1 + d2) (g0 + g1 + g2)/2      5 ·  6 = 30          y1 = m1 - m2 + m3 = 40
#     m2 = (d2 - d1) (g0 - g1 + g2)/2      1 ·  2 =  2
#     m3 = (d3 - d1)  g2                   2 ·  6 = 12          two outputs, three taps: F(2, 3)
#
# Where does it come from? Weigh the outputs $y_a = \sum_k d_{a+k}\, g_k$ by any $u_a$, and sum:
#
# $$\sum_a u_a y_a = \sum_n d_n s_n, \qquad s_n = \sum_{a + k = n} u_a g_k.$$
#
# $s_n$ are the coefficients of a product of polynomials, $s(t) = u(t)\, g(t)$. At a point $t$ that
# is *one* product of two numbers. And the $N$ coefficients of $s$ are known from its values at $N$
# points: with $V$ the matrix of powers $t^n$, $V s = (A u) \circ (G g)$, where $A$ and $G$ have the
# powers for $u$ and $g$, and $\circ$ is elementwise. (One point may be ∞: the highest coefficient
# of $s$ is the product of those of $u$ and $g$.) Three vectors are multiplied number by number and
# summed up, so they may change places:
#
# $$u^T y = d^T V^{-1} \big[(A u) \circ (G g)\big]
# = u^T A^T \big[(G g) \circ (V^{-T} d)\big] \text{ for all } u
# \quad\Rightarrow\quad y = A^T \big[(G g) \circ (B^T d)\big], \ B^T = V^{-T}.$$
#
# The points 0, 1, −1, ∞ give the lines above. With 0, ±1, ±2, ∞ six products give four outputs:
# F(4, 3).


# %%
def transforms(points, outputs):
    """Bᵀ, G and Aᵀ of F(outputs, 3), from all points but ∞."""

    def powers(count):
        return np.vstack([np.vander(points, count, increasing=True), np.eye(count)[-1]])

    return np.linalg.inv(powers(outputs + 2)).T, powers(3), powers(outputs).T


def three_taps(d, g):
    return [sum(d[a + k] * g[k] for k in range(3)) for a in range(len(d) - 2)]


BT, G, AT = transforms([0, 1, -1], 2)
d, g = np.array([1, 2, 3, 4]), np.array([2, 4, 6])
assert three_taps(d, g) == [28, 40]
assert np.allclose((G @ g) * (BT @ d), [-4, 30, 2, 12])
assert [*AT @ ((G @ g) * (BT @ d)).round(12)] == [28, 40]

BT, G, AT = transforms([0, 1, -1, 2, -2], 4)
d, g = rng.standard_normal(6), rng.standard_normal(3)
assert np.allclose(AT @ ((G @ g) * (BT @ d)), three_taps(d, g))
share = np.sum(G * winograd.G, axis=1, keepdims=True) / np.sum(G * G, axis=1, keepdims=True)
assert np.allclose(share * G, winograd.G) and np.allclose(BT / share, winograd.BT)
assert np.array_equal(AT, winograd.AT)

# %% [markdown]
# The package has the same matrices. It has moved a factor of each row of $B^T$ to $G$, which is
# used once for a whole map, so that $B^T$ has integers.
#
# ## Two dimensions, channels, rounding
#
# Rows first, then columns: $Y = A^T \big[ (G g G^T) \circ (B^T d B) \big] A$. A block of 6×6 inputs
# gives 4×4 outputs, by 36 products in place of $16 \cdot 9 = 144$. Written as a vector, row by row,
# a block is transformed by one matrix: $M X M^T$ is $(M \otimes M)$ times $X$, which is what the
# Kronecker product means.
#
# With channels, product number $p$ of a block is a row of $C$ numbers times a matrix $(C, O)$. With
# $n$ blocks, nine matrix products of $16n$ rows become 36 of $n$ rows: a quarter of the operations.
# The transforms cost extra, so it pays with many channels only (`winograd.pays`).
#
# The price is rounding. $B^T$ multiplies by up to 5, $A^T$ by up to 8, and what cancels in exact
# arithmetic leaves its last bits in float32. F(2, 3), F(4, 3) and F(6, 3) save more and more, and
# round worse and worse.


# %%
def by_blocks(x, w, points):
    """Convolution of a map whose result has a multiple of m = len(points) - 1 rows and columns."""
    m = len(points) - 1
    inputs, kernels, back = (np.kron(a, a).astype(x.dtype) for a in transforms(points, m))
    d = sliding_window_view(x, (m + 2, m + 2), axis=(0, 1))[::m, ::m]
    down, across, channels = d.shape[:3]
    v = np.moveaxis(d.reshape(down * across, channels, -1) @ inputs.T, 2, 0)
    u = (kernels @ w.reshape(9, -1)).reshape((m + 2) ** 2, channels, -1)
    y = (back @ (v @ u).reshape((m + 2) ** 2, -1)).reshape(m, m, down, across, -1)
    return y.transpose(2, 0, 3, 1, 4).reshape(m * down, m * across, -1)


M, X = winograd.BT, rng.standard_normal((6, 6))
assert np.allclose(np.kron(M, M) @ X.ravel(), (M @ X @ M.T).ravel())
assert (abs(M).max(), abs(winograd.AT).max(), np.kron(M, M).shape) == (5, 8, (36, 36))

x, w, b = layer(50, 64)
exact = x.astype(float), w.astype(float)
truth = conv2d.forward(*exact, np.zeros(64))
largest = np.abs(truth).max()
errors = {9: np.abs(conv2d.forward(x, w, 0 * b) - truth).max() / largest}
for points in ([0, 1, -1], [0, 1, -1, 2, -2], [0, 1, -1, 2, -2, 0.5, -0.5]):
    assert np.allclose(by_blocks(*exact, points), truth, rtol=0, atol=1e-9)
    products = (len(points) + 1) ** 2 / (len(points) - 1) ** 2
    errors[products] = np.abs(by_blocks(x, w, points) - truth).max() / largest
assert [*errors] == [9, 4, 36 / 16, 64 / 36] and sorted(errors.values()) == [*errors.values()]
y = relu.forward(truth + b)
assert errors[36 / 16] < 1e-4 and np.allclose(winograd.forward(x, w, b), y, atol=1e-4 * largest)
print("    def work" + inspect.getsource(winograd._correlate).split("def work")[1])

# %% [markdown]
# ## All forms side by side
#
# Rates count the operations of the definition, so Winograd's form may pass the yardstick: it does
# fewer. `fast.conv_relu` takes it for `deep`, the runs for `wide`, and all cores for both. One
# layer in a loop finds its map in the cache, where a network does not; whole steps of training
# beside PyTorch's are measured in [benchmarks/README.md](../benchmarks/README.md).
#
# Where does a step of training spend its time? A profile tells, op by op (below, the preset
# `laptop`): the convolutions with their ReLU, and their backward most of all, as it makes two
# products, for dx and for dw, where the forward makes one.

# %%
forms = {"runs, bands": direct, "Winograd": winograd, "fast, all cores": fast.conv_relu}
for form, module in forms.items():
    threads.use(threads.cores() if module is fast.conv_relu else 1)
    rates[form] = {name: rate(work[name], module.forward, *layers[name]) for name in layers}
all_cores = max(rate(2 * 1024**3, np.matmul, a, a) for _ in range(5))
print(f"product of matrices, all cores: {all_cores:.0f} GFLOP/s")
assert not winograd.pays(192, 192, layers["wide"][1]) and winograd.pays(128, 128, layers["deep"][1])

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), width_ratios=(3, 2))
places = np.arange(len(rates))
for shift, name, colour in ((-0.2, "wide", "C0"), (0.2, "deep", "C1")):
    measured = [one[name] for one in rates.values()]
    bars = left.barh(places + shift, measured, 0.4, color=colour, label=name)
    texts = [f"{one:.0f}" if one >= 1 else f"{one:.3f}" for one in measured]
    left.bar_label(bars, texts, padding=2, fontsize=9, bbox={"color": "white", "pad": 0})
left.axvline(yardstick, color="k", linestyle="--", zorder=0, label="product, one core")
left.axvline(all_cores, color="k", linestyle=":", zorder=0, label="product, all cores")
left.set(yticks=places, yticklabels=[*rates], xlabel="GFLOP/s", ylim=(5.6, -0.6))
left.margins(x=0.13)
left.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2)
right.semilogy([*errors], [*errors.values()], "o")
for (products, error), name in zip(errors.items(), ("taps", "F(2)", "F(4)", "F(6)"), strict=True):
    right.annotate(name, (products, error), (7, 3), textcoords="offset points")
right.set(xlabel="products for an output", xlim=(0, 11.5), ylim=(1e-7, 3e-5))
right.set_title("largest error, float32")
figure.tight_layout()
show(
    figure,
    "Left: bars of the rate of each form of a convolution for two layers, from six loops to the "
    "fast forms, with lines at the rate of a matrix product. Right: the largest relative error "
    "grows as products are saved, from the taps to F(2), F(4) and F(6).",
)

# %%
settings = from_options(preset="laptop")
n, m = settings.tile, sizes.output_size(settings.tile, settings.depth)
x, labels = rng.random((n, n, 1), np.float32), rng.integers(2, size=(m, m))
tile, state = Sample(x, labels, np.ones((m, m), np.float32)), training.start(settings, "cpu")
for profile in cProfile.Profile(), cProfile.Profile():  # the first one finds nothing prepared
    with profile:
        for _ in range(3):
            training.step(state, tile, settings.architecture, 0.01, 0.9, settings.clip)
stats = pstats.Stats(profile)
seconds = {(file, name): row[3] for (file, _, name), row in stats.stats.items()}
ops = fast.conv_relu, fast.upconv, fast.maxpool, fast.crop_concat, fast.conv2d, cross_entropy
spent = np.array([[seconds[op.__file__, way] for way in ("forward", "backward")] for op in ops])
forward, backward = 1000 / 3 * spent.T  # of one step
rest = 1000 * stats.total_tt / 3 - np.sum(forward + backward)
assert forward[0] + backward[0] > np.sum((forward + backward)[1:])  # a safe distance

figure, ax = plt.subplots(figsize=(7, 2.9), layout="constrained")
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
# ## What changes on a GPU
#
# Every op calls `np`. CuPy is NumPy for GPUs, and its arrays accept calls of NumPy's own functions.
# So the definitions run on a GPU without changes. But the time goes elsewhere. For each NumPy call
# that computes, the host launches a *kernel* on the GPU. A launch costs the host the same time for
# a large map and for a small one, so a network with small maps spends its time waiting for
# launches. That is why we count them. Below, we use an array that counts the arithmetic calls in a
# step of the definitions. Every level needs the same number of calls, for any tile size.
#
# The bands, runs and threads above are designed for the caches of a CPU. For float32 on a GPU,
# `unet.ops_for` returns `minunet/gpu/` instead: the same ops in forms that need fewer launches. Its
# convolution joins each pixel with its two neighbours to the right, so each row of the kernel needs
# one product instead of three. `benchmarks/gpu_launches.py` counts the launches of a whole step,
# without a GPU: about 500 at depth 3, while the definitions need 2,500. Its tables are in
# [benchmarks/README.md](../benchmarks/README.md). We have counted all this, not measured it.


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


tiles = [[*zip(range(2), sizes.valid_sizes(depth), strict=False)] for depth in (1, 2, 3)]
counts = [[calls(depth, n) for _, n in some] for depth, some in zip((1, 2, 3), tiles, strict=True)]
assert all(small == large for small, large in counts)
assert counts[2][0] - counts[1][0] == counts[1][0] - counts[0][0] > 0
print("arithmetic calls at depth 1, 2, 3:", [small for small, _ in counts])
print(inspect.getsource(unet.ops_for).split('"""')[-1])

# %% [markdown]
# ## Exercises
#
# Replace each `...`; the last line says whether it is right, and if not, what is likely wrong.

# %%
# Predict: in the list of pixels of a map of 9 rows and 7 columns, with which number does the window
# of tap (2, 1) begin? And how many of the list's outputs of a 3x3 kernel are thrown away, if a list
# of whole rows is computed, 7 outputs for each row of the result?
answer = ...  # (number, thrown away)
check_start(answer)


# %%
def by_list(x, w):
    """Convolution (H-kh+1, W-kw+1, O) without bias, tap by tap, of windows that are not copied.

    Reshape x (H, W, C) once; then slice the list of pixels, and nothing else.
    """
    ...


check_by_list(by_list)


# %%
def four_products(d, g):
    """y0, y1 of a kernel g (g0, g1, g2) along d (d0, d1, d2, d3), with four products of d and g.

    Sums, differences and halves are free. The check counts.
    """
    ...


check_four_products(four_products)

# %% [markdown]
# Solutions: `solutions/speed.py`. Backward, `direct.py` puts the rows of dz that lie under each
# other side by side: read how. [Chapter 13](13_your_own_data.ipynb) runs all of it on your own
# images.
