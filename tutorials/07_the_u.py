# %% [markdown]
# # 7. The U
#
# *What does a pixel of the answer know of the image, and by which way does it know it?*
#
# Afterwards you can draw Figure 1 from three rules, write the network and its gradient line by
# line, say which pixels an output pixel sees, and choose weights with which 23 layers work.
#
# Explains `minunet/network/unet.py`, `sizes.py`, `architecture.py`, `initialization.py` and
# `minunet/ops/crop_concat.py`.
# Before: [6. Border weights](06_border_weights.ipynb).
# After: [8. Tiles without seams](08_tiles.ipynb).

# %%
import inspect
from itertools import islice, pairwise, product
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
from exercises.the_u import check_backward, check_three_numbers, check_through_skip
from figures import show
from matplotlib.patches import Rectangle

from minunet.gradcheck import check_gradients
from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, conv_relu, crop_concat, maxpool, upconv

rng = np.random.default_rng(1)

# %% [markdown]
# ## Three rules give every size
#
# Two 3×3 convolutions take 4 pixels off an axis, a pooling halves it, an up-convolution doubles it.
# With one pooling and a tile of 24 pixels: 24 → 20, halved 10 → 6, doubled 12 → 8.
#
# Now $d$ poolings, and $m$ pixels that reach the lowest level, the bottom. Back up the left side,
# a level of $s$ pixels has one of $2s + 4$ above it. So $s + 4$ doubles, $d$ times, and a tile has
# $n = 2^d (m + 4) - 4$ pixels; these sizes are *valid*, as every pooling meets an even one. The
# bottom leaves $m - 4$. On the right side $t$ becomes $2t - 4$: so $t - 4$ doubles, from $m - 8$,
# and the output has $2^d (m - 8) + 4$ pixels. Half the difference is the **margin**,
# $6 \cdot 2^d - 4$: 92 pixels at $d = 4$.


# %%
def walk(size, depth):
    sizes = []
    for arrow in ["down"] * depth + ["up"] * depth:
        sizes.append((size, size - 2, size - 4))  # two convolutions
        assert arrow == "up" or sizes[-1][-1] % 2 == 0, "a pooling meets an odd size"
        size = sizes[-1][-1] // 2 if arrow == "down" else sizes[-1][-1] * 2
    return [*sizes, (size, size - 2, size - 4)]


assert walk(24, depth=1) == [(24, 22, 20), (10, 8, 6), (12, 10, 8)]
for depth in (1, 2, 3, 4):
    margin = 6 * 2**depth - 4
    assert margin == sizes.margin(depth)
    for m in range(8, 14):
        n = 2**depth * (m + 4) - 4
        assert walk(n, depth) == [of_stage for _, of_stage in sizes.stages(n, depth)]
        assert walk(n, depth)[-1][-1] == 2**depth * (m - 8) + 4 == n - 2 * margin

assert sizes.margin(depth=4) == 92
assert sizes.output_size(572, depth=4) == 388
print("valid tiles at depth 4:", *islice(sizes.valid_sizes(4), 5), "…")

# %% [markdown]
# ## Figure 1
#
# Now the channels: 64 on level 0, full resolution, and twice as many on each level below. Blue
# arrows are a 3×3 convolution and ReLU, orange ones a max pooling. A green one, an up-convolution,
# halves the channels; beside its result is put a copy (grey; white boxes) of the map across,
# cropped to its centre by 4, 16, 40 and 88 pixels a side, lowest level first. Black is a 1×1
# convolution. Above each box stand its channels, below it its size.
#
# `sizes.figure1` lists the arrows. The next cell counts weights and biases a second way, from
# the channels: 31,030,658, in 18 + 4 + 1 = 23 layers.

# %%
paper = Architecture()
rows = sizes.figure1(paper, 572)


def double_conv(c, o):
    return 9 * c * o + o + 9 * o * o + o


left = sum(double_conv(c, o) for c, o in pairwise([1, 64, 128, 256, 512, 1024]))
right = sum(2 * 2 * 2 * o * o + o + double_conv(2 * o, o) for o in (512, 256, 128, 64))
assert left + right + (64 * 2 + 2) == paper.parameters() == 31_030_658
assert sum(row.parameters for row in rows) == paper.parameters()

layers = [row.arrow for row in rows if row.parameters]
assert [layers.count(a) for a in ("conv 3x3, ReLU", "up-conv 2x2", "conv 1x1")] == [18, 4, 1]

stages = dict(sizes.stages(572, depth=4))
crops = [(stages[f"contract{k}"][2] - stages[f"expand{k}"][0]) // 2 for k in (3, 2, 1, 0)]
assert crops == [4, 16, 40, 88]

# %%
figure = plt.figure(figsize=(8, 5.3))
axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.2, 7.6), ylim=(-5.1, 0.25))
axes.axis("off")


def arrow(start, end, colour):
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style, zorder=0)


column, across, end, top, bottom = 0, {}, 0, 0, 0
for stage, kind, size, channels, *_ in (row for row in rows if "up-conv" not in row.arrow):
    column += kind.startswith("conv")
    level = 4 if stage == "bottom" else int(stage[-1]) if stage[-1:].isdigit() else 0
    x, y = 0.385 * column, (0, -1.9, -3.15, -4.0, -4.65)[level + kind.startswith("max")]
    wide, low, middle = channels**0.5 / 110, y - size / 440, y - size / 880
    axes.add_patch(Rectangle((x, low), wide, y - low, facecolor="#A9CCE8", edgecolor="0.2"))
    axes.text(x + wide / 2, y + 0.05, channels, ha="center", fontsize=9)
    axes.text(x + wide / 2, low - 0.17, f"{size}²", ha="center", fontsize=9)
    if kind.startswith("copy"):
        axes.add_patch(Rectangle((x, low), wide / 2, y - low, facecolor="w", edgecolor="0.2"))
        arrow((across[level], middle), (x, middle), "0.6")
        arrow((x + 0.04, top + 0.2), (x + 0.04, low - 0.2), "#009E73")
    elif kind.startswith("max"):
        arrow((x + 0.04, bottom - 0.2), (x + 0.04, y + 0.2), "#D55E00")
    elif kind.startswith("conv"):
        arrow((end, middle), (x, middle), "black" if stage == "out" else "tab:blue")
        across[level] = x + wide
    end, top, bottom = x + wide, y, low
show(
    figure,
    "Figure 1 drawn from sizes.figure1: boxes for feature maps, from 572 pixels and 1 channel "
    "at the top left down to 28 pixels and 1024 channels, and up to 388 pixels and 2 channels.",
)

# %%
# The same in code: every arrow has its line. A stage is two blue arrows, and leaves in `kept` its
# input x, its first map a1 and its output a2; arch.below(level) is where the green arrow starts.
# `remember` is False in prediction; `rng` is for dropout (chapter 9), and relu_after_upconv for the
# authors' release. Copy and crop first: a map of 2×2 meets one of 6×6, so 2 pixels a side go.
up, skip = np.arange(8).reshape(2, 2, 2), -np.arange(36).reshape(6, 6, 1)
y = crop_concat.forward(up, skip)
assert np.array_equal(y[..., :2], up) and np.array_equal(y[..., 2:], skip[2:-2, 2:-2])

for function in (crop_concat.forward, unet.forward):
    print(inspect.getsource(function).split('"""')[2])

# %% [markdown]
# ## A copy is answered by a plus
#
# The output `a2` of a contracting stage goes two ways: down, into the pooling, and across. A number
# $a$ that goes two ways, $u(a)$ and $v(a)$, changes $E(u, v)$ by both:
#
# $$\frac{dE}{da} = \frac{\partial E}{\partial u}\frac{du}{da} +
# \frac{\partial E}{\partial v}\frac{dv}{da}$$
#
# With a pencil: $a = 3$, down goes $u = 2a$, across $v = a$, and $E = uv = 18$. Then
# $\partial E/\partial u = v = 3$ and $\partial E/\partial v = u = 6$. Together
# $3 \cdot 2 + 6 \cdot 1 = 12$, the slope of $2a^2$ at 3. Who forgets the way across says 6.
# `unet.backward` reads the forward from its last line to its first; there the plus is `dx +=`. What
# comes across is split off by `crop_concat.backward`, with 0 where the copy was cropped.


# %%
def energy(a):
    u, v = 2 * a, a
    return u * v


a, h = 3.0, 1e-5
u, v = 2 * a, a
down, across = v * 2, u * 1
assert (down, across) == (6, 6)
assert np.isclose(down + across, (energy(a + h) - energy(a - h)) / (2 * h))

dup, dskip = crop_concat.backward(y, skip.shape)  # any numbers may be dy; here y
assert np.array_equal(dup, up) and np.array_equal(dskip[2:-2, 2:-2], skip[2:-2, 2:-2])
assert np.count_nonzero(dskip) == 4  # of 36

print(inspect.getsource(unet.backward).split('"""')[2])

# %%
# Now without the plus: what comes back across is taken for 0. `mock.patch.object` puts another
# function in the place of the package's while its `with` lasts.
arch = Architecture(depth=2, channels=3)
params = initialization.gaussian(arch, rng, np.float64)
x, dlogits = rng.standard_normal((44, 48, 1)), rng.standard_normal((4, 8, 2))
split, how = crop_concat.backward, {"tolerance": np.inf, "entries": (8, rng)}


def network(*values):
    return unet.forward(dict(zip(params, values, strict=True)), x, arch)


def without_plus(dy, skip_shape):
    dup, dskip = split(dy, skip_shape)
    return dup, np.zeros_like(dskip)


grads = unet.backward(params, network(*params.values())[1], dlogits, arch)
with mock.patch.object(crop_concat, "backward", without_plus):
    wrong = unet.backward(params, network(*params.values())[1], dlogits, arch)
print("relative error       with the plus  without")
for k in (name for name, w in params.items() if w.ndim == 4):
    good, bad = (
        check_gradients(network, params, dlogits, {k: g[k]}, **how) for g in (grads, wrong)
    )
    print(f"{k:<16}{good:>18.0e}{bad:>9.0e}")
    assert good < 1e-6 and (bad > 0.1 if "contract" in k else bad < 1e-6)
assert sum(np.sum(grads[k] * wrong[k]) for k in params) > 0

# %% [markdown]
# Without the plus nothing complains. The shapes are right, and all wrong gradients together still
# point more along the right ones than against them: a small step lowers the energy. Central
# differences see it, and where: in the contracting path alone. (With an infinite tolerance
# `check_gradients` raises nothing and returns the largest error.)
#
# ## How far does a pixel see?
#
# Along one axis, walk back from the output pixel $r$. A 3×3 convolution reads $r \ldots r + 2$, an
# up-convolution $\lfloor r/2 \rfloor$, a pooling $2r$ and $2r + 1$. With a pencil, one pooling and
# $r = 0$: two convolutions 0…4, up-convolution 0…2, two convolutions 0…6, pooling 0…13, two
# convolutions 0…17. The way through the bottom sees most; a skip sees a part of that.
#
# Now measure it. Let `dlogits` be 1 at one pixel and 0 elsewhere: that pixel sees where the
# gradient of the image is not 0. In one network a ReLU or a pooling may stop it, so add up three.
# `unet.backward` computes that gradient but does not return it, since training does not need it; so
# replace its convolutions by ones that also store it.


# %%
def sees(r, depth):
    first = last = r
    for _ in range(depth):  # two convolutions, and the up-convolution before them
        first, last = first // 2, (last + 4) // 2
    last += 4  # the bottom
    for _ in range(depth):  # a pooling, and the two convolutions before it
        first, last = 2 * first, 2 * last + 1 + 4
    return first, last


def gradient_of_image(params, x, arch, r, c):
    def listen(dy, y, x, w):
        gradients = backward(dy, y, x, w)
        heard.append(gradients[0])
        return gradients

    logits, activations = unet.forward(params, x, arch)
    dlogits, backward, heard = np.zeros_like(logits), conv_relu.backward, []
    dlogits[r, c, 0] = 1
    with mock.patch.object(conv_relu, "backward", listen):
        unet.backward(params, activations, dlogits, arch)
    return heard[-1][..., 0]  # the last call of all: contract0's first convolution


assert sees(0, depth=1) == (0, 17)
widths = [1 + last - first for first, last in (sees(r, depth=4) for r in range(64))]
assert all(width == (188 if r % 16 < 4 else 204) for r, width in enumerate(widths))

# %%
arch = Architecture(channels=4)
x = rng.standard_normal((236, 236, 1))
nets = [initialization.gaussian(arch, rng, np.float64) for _ in range(3)]


def seen_by(r, c):
    return sum(np.abs(gradient_of_image(params, x, arch, r, c)) for params in nets)


dx, (first, last) = seen_by(20, 20), sees(20, depth=4)
assert dx[108:117, 108:117].mean() > 10 * dx[first : last + 1, first : last + 1].mean()
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
picture = left.imshow(np.log10(dx / dx.max() + 1e-6), cmap="viridis")
left.add_patch(Rectangle((first - 0.5, first - 0.5), 204, 204, fill=False, edgecolor="tab:orange"))
left.set(title="log₁₀ |dx| of output pixel 20, 20", xlabel="column of the tile", ylabel="row")
figure.colorbar(picture, ax=left)
for r in range(40):
    lit = np.nonzero(seen_by(r, r).any(axis=0))[0]
    assert (lit[0], lit[-1]) == sees(r, depth=4)
    right.plot([r, r], [lit[0] - r - 92, lit[-1] - r - 92], color="tab:blue")
right.set(title="the reach of 40 output pixels", xlabel="output pixel", ylabel="pixels from itself")
show(
    figure,
    "Left: what one output pixel sees of a tile fills the square that was derived, and is "
    "brightest in its middle. Right: how far output pixels see to either side, a saw-tooth of "
    "period 16.",
)

# %% [markdown]
# Along each axis a pixel sees 188 pixels where $r \bmod 16 < 4$, else 204. Brightest are the 9×9
# pixels that the skip of level 0 shows it, the shortest way: on average over ten times as bright as
# the whole square. Why 16 matters is the question of chapter 8.
#
# ## How large should the weights be?
#
# A neuron sums $N$ inputs, $y = \sum_n w_n x_n$. Draw the weights independently, of mean 0 and
# variance $\sigma^2$. On average over the draws the mixed terms of $y^2$ cancel:
# $\overline{y^2} = \sigma^2 \sum_n x_n^2 = \sigma^2 N\, \overline{x^2}$, the bar being a mean. $y$
# is as often positive as negative, so ReLU keeps half of it. From layer to layer the mean square
# stays the same if $\tfrac12 \sigma^2 N = 1$: $\sigma = \sqrt{2/N}$.
#
# With a pencil: $x = (3, 4)$, $N = 2$, so $\sigma = 1$; weights ±1. Then $y$ is 7, −1, 1 or −7, its
# mean square 25, after ReLU 12.5. That of $x$ is $(9 + 16)/2 = 12.5$.

# %%
x = np.array([3, 4])
y = np.array([np.dot(w, x) for w in product((1, -1), repeat=2)])
assert sorted(y) == [-7, -1, 1, 7]
assert np.mean(y**2) == 25 == np.sum(x**2)
assert np.mean(np.maximum(y, 0) ** 2) == 12.5 == np.mean(x**2)

shapes = paper.shapes()
for name, n in (("contract0.w2", 9 * 64), ("expand3.wu", 1024), ("out.w", 64)):
    assert initialization.incoming_nodes(name, shapes[name], paper) == n

print(inspect.getsource(initialization.gaussian).split('"""')[2])

# %% [markdown]
# $N$ counts what one output pixel adds up: 9 taps of 64 channels in the paper's example, 576; but
# one tap of 1024 channels in the first up-convolution.
#
# Now all 23 layers, with √(2/N), with √(1/N), and with σ = 0.01 throughout. With the first, the
# second convolution of a stage keeps, on average, the mean square that the first one gave. An
# up-convolution doubles it, as no ReLU follows; a pooling picks the largest of four, and so raises
# it, too. With the others the signal fades on the way down; the gradient of a low kernel fades
# twice, by what the kernel is given and by what comes back to it.

# %%
arch = Architecture(channels=32)
drawn = initialization.gaussian(arch, rng)
x, dlogits = (rng.standard_normal(s).astype(np.float32) for s in ((188, 188, 1), (4, 4, 2)))
kernels = [k for k, w in drawn.items() if w.ndim == 4]


def mean_squares(params):
    logits, kept = unet.forward(params, x, arch)
    maps = {k: v for k, v in kept.items() if not k.endswith("argmax")} | {"out.a": logits}
    for level in range(arch.depth):  # an up-convolved map: the first channels of the next input
        maps[f"expand{level}.au"] = kept[f"expand{level}.x"][..., : arch.width(level)]
    grads = unet.backward(params, kept, dlogits, arch)
    return [{k: np.mean(v.astype(float) ** 2) for k, v in d.items()} for d in (maps, grads)]


half = {k: w / np.float32(2**0.5) for k, w in drawn.items()}
small = {k: w * np.float32(0.01 / (w.std() or 1)) for k, w in drawn.items()}
measured = [mean_squares(params) for params in (drawn, half, small)]

y = measured[0][0]
stages = [k.removesuffix(".a2") for k in y if k.endswith(".a2")]
gains = [y[f"{stage}.a2"] / y[f"{stage}.a1"] for stage in stages]
assert len(gains) == 9 and 0.8 < np.exp(np.mean(np.log(gains))) < 1.25
for level in range(arch.depth):
    assert 1.5 < y[f"expand{level}.au"] / y[f"{arch.below(level)}.a2"] < 2.5
    assert y[f"{stages[level + 1]}.x"] > y[f"contract{level}.a2"]  # a pooling

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for label, marker, (y, g) in zip(("√(2/N)", "√(1/N)", "0.01"), "os^", measured, strict=True):
    outputs = [y[k.replace(".w", ".a")] for k in kernels]
    panels[0].semilogy(range(1, 24), outputs, marker=marker, markersize=4, label=label)
    panels[1].semilogy(range(1, 24), [g[k] for k in kernels], marker=marker, markersize=4)
panels[0].set(title="mean square of the output", xlabel="layer")
panels[1].set(title="mean square of the kernel's gradient", xlabel="layer")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
for stage in ("contract0", "contract1", "contract2", "contract3"):  # on the way down it fades
    assert all(y[f"{stage}.a2"] > 2 * y["bottom.a2"] for y, _ in measured[1:])
good, fading, faint = (g["bottom.w2"] / g["out.w"] for _, g in measured)
assert good > 1e-3 and fading < 1e-5 and faint < 1e-25
show(
    figure,
    "Mean square of the output of the 23 layers and of the gradients of their kernels. With √(2/N) "
    "both stay within a few powers of ten; with √(1/N) both sag towards the bottom of the U; with "
    "0.01 they fall below 1e-10 and 1e-30 there.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...`, and run the cell: it says whether the answer is right and, if not, what is
# likely to be wrong. The solutions are in `tutorials/solutions/the_u.py`.

# %%
# 1. Three numbers, with a pencil. A network of depth 3 is given a tile of 124 pixels: how many
#    reach the bottom, before its convolutions? How many come out? And what is √(2/N) for an
#    up-convolution with a kernel of the shape (2, 2, 1024, 512)?
bottom = ...
output = ...
std = ...

check_three_numbers((bottom, output, std))


# %%
# 2. The smallest U, without ReLU and without biases. Write its backward.
def little_u(a, w, wu):
    pooled, argmax = maxpool.forward(a)
    bottom = conv2d.forward(pooled, w, np.zeros(w.shape[3]))
    y = crop_concat.forward(upconv.forward(bottom, wu, np.zeros(wu.shape[3])), a)
    return y, argmax, pooled, bottom


def backward(dy, a, argmax, pooled, bottom, w, wu):
    """Gradients da, dw, dwu of the energy, given dy."""
    ...


check_backward(backward)


# %%
# 3. What a skip sees. Along one axis the output pixel r sees the input pixels first to last
#    if only the copy of `level` may carry. Of level 0 at depth 4: r + 88 to r + 96.
def through_skip(r, level, depth):
    """First and last input pixel, two integers."""
    ...


check_through_skip(through_skip)

# %% [markdown]
# Solutions: `tutorials/solutions/the_u.py`. [Chapter 8](08_tiles.ipynb) asks how an image of any
# size goes through a network whose answer is smaller than its question.
