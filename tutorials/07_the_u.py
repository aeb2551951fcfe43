# %% [markdown]
# # 7. The U
#
# *How does a network look at a large part of the image and still answer for every pixel?*
#
# **After this chapter you can** compute every size in Figure 1 from three rules, write the network
# and its gradient line by line, say which pixels of the image an output pixel depends on, and
# choose initial weights with which 23 layers can be trained.
#
# **Prerequisites:** chapters 1 to 4 (convolution, gradients, max-pooling, up-convolution), and the
# energy of chapter 5.
#
# **Time:** 75 minutes.
#
# This chapter explains `minunet/network/unet.py`, `sizes.py`, `architecture.py`,
# `initialization.py` and `minunet/ops/crop_concat.py`.
# Before: [6. Border weights](06_border_weights.ipynb).
# After: [8. Tiles without seams](08_tiles.ipynb).

# %%
import inspect
from itertools import islice, pairwise, product

import matplotlib.pyplot as plt
import numpy as np
import u_shape
from exercises.the_u import check_backward, check_three_numbers, check_through_skip
from figures import show
from matplotlib.patches import Rectangle

import minunet
from minunet.data import weight_map
from minunet.data.synthetic import em_stack
from minunet.gradcheck import check_gradients
from minunet.network import Network, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, conv_relu, crop_concat, maxpool, relu, upconv
from minunet.prediction import averaging
from minunet.prediction.tiling import Tiling

rng = np.random.default_rng(1)

# %% [markdown]
# ## Why a U?
#
# To decide whether a dark line is the border of a cell or something inside it, a network must look
# at a large part of the image. A 3×3 convolution looks at 3 pixels along each axis. Max-pooling
# helps: after it, one step on the map is two pixels of the image. So the left side of the U
# alternates convolutions and poolings, down to a small map on which every number has looked at a
# large part of the image.
#
# But the answer must have a class for *every pixel*, and the small map no longer knows where
# exactly a border was. So the right side doubles the map again with up-convolutions. On every
# level, it also receives a copy of the left side's map, which still knows where things are. Such a
# path past the lower levels is called a **skip connection**.
#
# A few words that we need:
#
# - The **depth** $d$ is the number of poolings; the paper has 4.
# - **Level** 0 has the full resolution. Each level further down has half the resolution of the one
#   above. The lowest level, level $d$, is the **bottom**.
# - A **stage** is two 3×3 convolutions, each with its ReLU. Every level has one stage on the left
#   side and one on the right side; the bottom has a single stage.
# - A **tile** is the part of an image that the network is given at a time.
#
# ## Three rules give every size
#
# Follow the number of pixels along one axis. The rules come from chapters 1, 3 and 4:
#
# 1. The two convolutions of a stage remove 4 pixels.
# 2. A pooling halves the number.
# 3. An up-convolution doubles it.
#
# By hand, for $d = 1$ and a tile of 24 pixels: the left stage makes 20 of them, the pooling 10, the
# bottom 6, the up-convolution 12, and the right stage 8.


# %%
def walk(size, depth):
    """Sizes in every stage: what enters, and what leaves each of the two convolutions."""
    stages = []
    for arrow in ["down"] * depth + ["up"] * depth + ["end"]:
        stages.append((size, size - 2, size - 4))
        assert arrow != "down" or size % 2 == 0, "a pooling meets an odd size"
        size = {"down": (size - 4) // 2, "up": (size - 4) * 2, "end": None}[arrow]
    return stages


assert walk(24, depth=1) == [(24, 22, 20), (10, 8, 6), (12, 10, 8)]
print(walk(572, depth=4))

# %% [markdown]
# ## The sizes as a table
#
# Now start at the bottom. Let $m$ pixels enter it, and walk **up the left side, backwards**. The
# level above had twice as many pixels before its pooling, and 4 more before its convolutions:
# $m$ becomes $2m + 4$. Then **up the right side**: $m - 4$ pixels leave the bottom; the
# up-convolution doubles them, and the convolutions remove 4. Line by line:
#
# | level | enters left stage | leaves left stage | enters right stage | leaves right stage |
# |---|---|---|---|---|
# | bottom | $m$ | | | $m - 4$ |
# | 1 above | $2m + 4$ | $2m$ | $2m - 8$ | $2m - 12$ |
# | 2 above | $4m + 12$ | $4m + 8$ | $4m - 24$ | $4m - 28$ |
# | 3 above | $8m + 28$ | $8m + 24$ | $8m - 56$ | $8m - 60$ |
# | 4 above | $16m + 60$ | $16m + 56$ | $16m - 120$ | $16m - 124$ |
#
# The first column is easier if you add 4 to each entry: $m + 4$, $2m + 8$, $4m + 16$ … It doubles
# in every line, because $(2s + 4) + 4 = 2(s + 4)$. So the tile at depth $d$ has
#
# $$ n = 2^d (m + 4) - 4 $$
#
# pixels. In the last column, subtract 4 instead: $m - 8$, $2m - 16$, $4m - 32$ … It doubles too,
# because a size $t$ becomes $2t - 4$, and $(2t - 4) - 4 = 2(t - 4)$. So the output has
#
# $$ 2^d (m - 8) + 4 $$
#
# pixels. The tile is larger than the output by $12 \cdot 2^d - 8$. Half of that is lost on each
# side. It is called the **margin**: $6 \cdot 2^d - 4$, which is 92 pixels at $d = 4$.
#
# A size is **valid** if some $m$ gives it and pixels are left at the end. Then every pooling meets
# an even number. With $m = 32$ and $d = 4$ the tile has 572 pixels and the output 388: the numbers
# in the paper's Figure 1.

# %%
for depth in (1, 2, 3, 4):
    margin = 6 * 2**depth - 4
    assert margin == sizes.margin(depth)
    for m in range(9, 40):
        n = 2**depth * (m + 4) - 4
        stages = walk(n, depth)
        assert stages == [of_stage for _, of_stage in sizes.stages(n, depth)]
        for k in range(depth + 1):  # the lines of the table
            left, right = stages[depth - k], stages[depth + k]
            assert left[0] == 2**k * (m + 4) - 4
            assert right[-1] == 2**k * (m - 8) + 4
        assert n - stages[-1][-1] == 2 * margin
assert (sizes.margin(depth=4), sizes.output_size(572, depth=4)) == (92, 388)
print("valid tiles at depth 4:", *islice(sizes.valid_sizes(4), 5), "…")

# %% [markdown]
# ## Figure 1
#
# Now the channels. Level 0 has 64 of them, and each level below has twice as many. In the figure,
# a blue arrow is a 3×3 convolution with its ReLU, an orange arrow a max-pooling, and a green arrow
# an up-convolution, which halves the number of channels. A grey arrow copies a map across. The copy
# is cropped to the size of the map on the right, by 4, 16, 40 and 88 pixels on each side, from the
# lowest level upwards, and put beside it: the white half of a box. The black arrow is the last
# layer, a 1×1 convolution that gives one number per class. The channels stand above each stage, its
# sizes below it.
#
# A **layer** is an arrow with weights: 18 convolutions of 3×3, four up-convolutions and one
# convolution of 1×1, 23 in all. From the channels alone you can count their weights and biases:
# 31,030,658.

# %%
paper = Architecture()


def double_conv(c, o):
    """Weights and biases of a stage with c channels in and o channels out."""
    return (9 * c * o + o) + (9 * o * o + o)


left = sum(double_conv(c, o) for c, o in pairwise([1, 64, 128, 256, 512, 1024]))
right = sum((2 * 2 * 2 * o * o + o) + double_conv(2 * o, o) for o in (512, 256, 128, 64))
assert left + right + (64 * 2 + 2) == paper.parameters() == 31_030_658

kernels = [w for w in paper.shapes().values() if len(w) == 4]
assert [sum(w[0] == k for w in kernels) for k in (3, 2, 1)] == [18, 4, 1]

stages = dict(sizes.stages(572, depth=4))
crops = [(stages[f"contract{k}"][2] - stages[f"expand{k}"][0]) // 2 for k in (3, 2, 1, 0)]
assert crops == [4, 16, 40, 88]

# %% tags=["draws"]
plt.rcParams["font.size"] = 12  # so that figures can be read on a phone
GREYS = plt.get_cmap("gray", 32)  # for images, whose noise makes large files of 256 greys
figure = plt.figure(figsize=(5.4, 4.4))
u_shape.draw(figure.add_axes((0, 0, 1, 1)), paper, 572)
show(
    figure,
    "Figure 1 drawn from its sizes: boxes for feature maps, from 572 pixels and 1 channel at the "
    "top left down to 28 pixels and 1024 channels, and up again to 388 pixels and 2 channels. Grey "
    "arrows copy maps from the left side to the right side.",
)

# %% [markdown]
# ## The same in code
#
# Every arrow is a line. The names of the stages are `contract0`, `contract1` … on the left side
# (the *contracting path*), `bottom`, and … `expand1`, `expand0` on the right side (the *expanding
# path*). A stage stores its input `x`, its first map `a1` and its output `a2` in `kept`, because
# the backward pass needs them (chapters 2 and 3). `conv_relu` is the blue arrow: the convolution of
# chapter 1, and then the ReLU of chapter 3. Its backward calls their backwards, the ReLU's first.
#
# Before that, the grey arrow. A map of 2×2 pixels meets one of 6×6, so the copy loses 2 pixels on
# each side, and its channels are appended to those of the other map:

# %%
up, skip = np.arange(8).reshape(2, 2, 2), -np.arange(36).reshape(6, 6, 1)
joined = crop_concat.forward(up, skip)
assert joined.shape == (2, 2, 3)
assert np.array_equal(joined[..., :2], up)
assert np.array_equal(joined[..., 2:], skip[2:-2, 2:-2])

x, w, b = np.eye(5)[..., np.newaxis], np.eye(3).reshape(3, 3, 1, 1) - 0.5, np.zeros(1)
y = conv_relu.forward(x, w, b)
assert np.array_equal(y, relu.forward(conv2d.forward(x, w, b)))
by_two = conv2d.backward(relu.backward(y, y), x, w)
assert all(map(np.array_equal, conv_relu.backward(y, y, x, w), by_two))


# %%
def stage(params, name, x, kept):
    a1 = conv_relu.forward(x, params[f"{name}.w1"], params[f"{name}.b1"])
    a2 = conv_relu.forward(a1, params[f"{name}.w2"], params[f"{name}.b2"])
    kept |= {f"{name}.x": x, f"{name}.a1": a1, f"{name}.a2": a2}
    return a2


def forward(params, x, arch):
    """The U: logits (one number per class and pixel), and what the backward pass needs."""
    kept, skip = {}, {}
    for level in range(arch.depth):  # down the left side
        skip[level] = stage(params, f"contract{level}", x, kept)
        x, kept[f"contract{level}.argmax"] = maxpool.forward(skip[level])
    y = stage(params, "bottom", x, kept)
    for level in reversed(range(arch.depth)):  # up the right side
        name = f"expand{level}"
        up = upconv.forward(y, params[f"{name}.wu"], params[f"{name}.bu"])
        y = stage(params, name, crop_concat.forward(up, skip[level]), kept)
    return conv2d.forward(y, params["out.w"], params["out.b"]), kept


# %% [markdown]
# `unet.forward` in the package does the same. It also checks the size of the tile, can apply
# dropout (chapter 9), and can free maps that no longer matter. For a small network both give the
# same logits and the same maps.

# %%
arch = Architecture(depth=2, channels=3)
params = initialization.gaussian(arch, rng, np.float64)
x = rng.standard_normal((44, 48, 1))
logits, kept = forward(params, x, arch)
package_logits, package_kept = unet.forward(params, x, arch)

assert np.array_equal(logits, package_logits)
assert kept.keys() == package_kept.keys()
assert all(np.array_equal(kept[name], package_kept[name]) for name in kept)
print(f"a tile of {x.shape[:2]} pixels gives logits of {logits.shape[:2]} pixels")

# %% [markdown]
# ## The gradient of a copy is a sum
#
# The output `a2` of a left stage goes two ways: down into the pooling, and across to the right
# side. How does the energy depend on it? A number $a$ that goes two ways, as $u(a)$ and $v(a)$,
# changes $E(u, v)$ through both. The chain rule for two variables adds the two parts:
#
# $$\frac{dE}{da} = \frac{\partial E}{\partial u}\frac{du}{da} +
# \frac{\partial E}{\partial v}\frac{dv}{da}$$
#
# By hand: $a = 3$; let $u = 2a$ go down and $v = a$ go across, and let $E = uv = 18$. Then
# $\partial E/\partial u = v = 3$ and $\partial E/\partial v = u = 6$. Together
# $3 \cdot 2 + 6 \cdot 1 = 12$. That is the slope of $2a^2$ at 3. Forget the path across, and you
# get 6.


# %%
def energy(a):
    u, v = 2 * a, a
    return u * v


a, h = 3.0, 1e-5
u, v = 2 * a, a
down, across = v * 2, u * 1
assert (down, across) == (6, 6)
assert np.isclose(down + across, (energy(a + h) - energy(a - h)) / (2 * h))

dup, dskip = crop_concat.backward(joined, skip.shape)  # splits what forward joined
assert np.array_equal(dup, up)
assert np.array_equal(dskip[2:-2, 2:-2], skip[2:-2, 2:-2])
assert np.count_nonzero(dskip) == 4  # of 36: the pixels that were cropped have gradient 0

# %% [markdown]
# The backward pass of the network reads the forward pass from its last line to its first. This is
# **backpropagation**: the chain rule, one op at a time, from the energy back to every weight. The
# sum is one line, marked below.


# %%
def stage_backward(params, name, da2, kept, grads):
    x, a1, a2 = (kept[f"{name}.{k}"] for k in ("x", "a1", "a2"))
    w1, w2 = params[f"{name}.w1"], params[f"{name}.w2"]
    da1, grads[f"{name}.w2"], grads[f"{name}.b2"] = conv_relu.backward(da2, a2, a1, w2)
    dx, grads[f"{name}.w1"], grads[f"{name}.b1"] = conv_relu.backward(da1, a1, x, w1)
    return dx


# %%
def backward_of_u(params, kept, dlogits, arch, add=True):
    """Gradients of all parameters, and the gradient of the tile."""
    grads, dskip, last = {}, {}, kept["expand0.a2"]
    dy, grads["out.w"], grads["out.b"] = conv2d.backward(dlogits, last, params["out.w"])
    for level in range(arch.depth):  # down the right side
        name, below = f"expand{level}", kept[f"{arch.below(level)}.a2"]
        dx = stage_backward(params, name, dy, kept, grads)
        dup, dskip[level] = crop_concat.backward(dx, kept[f"contract{level}.a2"].shape)
        wu = params[f"{name}.wu"]
        dy, grads[f"{name}.wu"], grads[f"{name}.bu"] = upconv.backward(dup, below, wu)
    dx = stage_backward(params, "bottom", dy, kept, grads)
    for level in reversed(range(arch.depth)):  # up the left side
        dy = maxpool.backward(dx, kept[f"contract{level}.argmax"])
        if add:
            dy = dy + dskip[level]  # the sum: the map was copied
        dx = stage_backward(params, f"contract{level}", dy, kept, grads)
    return grads, dx


# %% [markdown]
# Now check it against central differences (chapter 2), once with the sum, and once as if nothing
# came back across. (`check_gradients` returns the largest relative error; with an infinite
# tolerance it raises no exception.)

# %%
dlogits = rng.standard_normal(logits.shape)
grads, _ = backward_of_u(params, kept, dlogits, arch)
wrong, _ = backward_of_u(params, kept, dlogits, arch, add=False)
ours = unet.backward(params, kept, dlogits, arch)
assert all(np.array_equal(grads[name], ours[name]) for name in params)


def network(*values):
    return forward(dict(zip(params, values, strict=True)), x, arch)[0]


print("relative error   with the sum   without")
for k in (name for name, w in params.items() if w.ndim == 4):
    good, bad = (
        check_gradients(network, params, dlogits, {k: g[k]}, tolerance=np.inf, entries=(8, rng))
        for g in (grads, wrong)
    )
    print(f"{k:<16}{good:>13.0e}{bad:>10.0e}")
    assert good < 1e-6 and (bad > 0.1 if "contract" in k else bad < 1e-6)
assert sum(np.sum(grads[k] * wrong[k]) for k in params) > 0

# %% [markdown]
# Without the sum, no line of code fails. All shapes are right, and taken together the wrong
# gradients still point more along the right ones than against them, so a small step still lowers
# the energy. Only the central differences find the mistake, and they show where it is: in the
# kernels of the left side.
#
# ## How far does a pixel see?
#
# The **receptive field** of an output pixel is the set of all input pixels that can change it. Walk
# back along one axis, from the output to the image. Each op needs a range of pixels of the map
# before it:
#
# | to compute pixels $a \ldots b$ of | these pixels of its input are needed |
# |---|---|
# | two 3×3 convolutions | $a \ldots b + 4$ |
# | an up-convolution | $\lfloor a/2 \rfloor \ldots \lfloor b/2 \rfloor$ |
# | a pooling | $2a \ldots 2b + 1$ |
#
# By hand, for one pooling and output pixel 0: the right stage needs 0…4, the up-convolution 0…2,
# the bottom 0…6, the pooling 0…13, and the left stage 0…17. The path through the bottom reaches
# farthest. It contains what comes across the skip connection: across, the right stage needs 0…4 of
# the copy. Cropping shifts this by 4, to 4…8, and the left stage needs 4…12.


# %%
def sees(r, depth):
    """First and last input pixel in the receptive field of output pixel r, along one axis."""
    first = last = r
    for _ in range(depth):  # a stage of the right side, and the up-convolution before it
        first, last = first // 2, (last + 4) // 2
    last += 4  # the bottom
    for _ in range(depth):  # a pooling, and the stage of the left side before it
        first, last = 2 * first, (2 * last + 1) + 4
    return first, last


assert sees(0, depth=1) == (0, 17)
widths = [1 + last - first for first, last in (sees(r, depth=4) for r in range(64))]
assert all(width == (188 if r % 16 < 4 else 204) for r, width in enumerate(widths))
print(sorted(set(widths)), "pixels wide at depth 4")

# %% [markdown]
# At depth 4 the receptive field is 188 or 204 pixels wide. Which of the two depends on the place of
# the pixel: it is 188 where $r \bmod 16 < 4$. (Chapter 8 asks why 16 matters.)
#
# We can also *measure* it, because `backward_of_u` returns the gradient of the tile. Let `dlogits`
# be 1 at one output pixel and 0 elsewhere. Then the gradient of an input pixel says how much it
# changes that output. A ReLU or a pooling may block some paths in one network, so add up the
# gradients of three networks with random weights.

# %%
arch = Architecture(channels=4)
em = em_stack((1, 236, 236), rng)
tile = em.images[0][..., np.newaxis] / 255
networks = [initialization.gaussian(arch, rng, np.float64) for _ in range(3)]
passes = [(params, *forward(params, tile, arch)) for params in networks]


def sensitivity(r, c):
    """How much each pixel of the tile changes the first logit of output pixel (r, c)."""
    total = np.zeros(tile.shape[:2])
    for params, logits, kept in passes:
        dlogits = np.zeros_like(logits)
        dlogits[r, c, 0] = 1
        total += np.abs(backward_of_u(params, kept, dlogits, arch)[1][..., 0])
    return total


for r in (0, 3, 4, 15, 16, 20, 31, 39):
    lit = np.nonzero(sensitivity(r, r).any(axis=0))[0]
    assert (lit[0], lit[-1]) == sees(r, depth=4)

# %%
seen, (first, last) = sensitivity(20, 20), sees(20, depth=4)
field = seen[first : last + 1, first : last + 1]
near = seen[108:117, 108:117]  # the 9×9 pixels around output pixel 20 + 92
assert field.shape == (204, 204) and near.mean() > 10 * field.mean()
print(
    f"near pixels change the output {near.mean() / field.mean():.0f} times as much as the average"
)

# %% tags=["draws"]
figure, (left, right) = plt.subplots(1, 2, figsize=(5.2, 3.3), layout="constrained")
left.imshow(tile[..., 0], cmap=GREYS)
shown = np.log10(seen / seen.max() + 1e-6)
picture = right.imshow(shown, cmap=plt.get_cmap("viridis", 48), vmin=-6, vmax=0)
bar = figure.colorbar(picture, ax=right, location="bottom", shrink=0.9)
bar.set_label("log₁₀ of the sensitivity")
for ax, title in ((left, "tile"), (right, "sensitivity")):
    for corner, size, colour in ((first, 204, "tab:orange"), (108, 9, "red")):
        box = (corner - 0.5, corner - 0.5)
        ax.add_patch(Rectangle(box, size, size, fill=False, edgecolor=colour, linewidth=1.5))
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "A tile of synthetic EM, and how strongly each of its pixels changes one output pixel. All "
    "pixels of the orange square of 204 pixels do; the red square of 9 pixels in its middle is "
    "the brightest part.",
)

# %% [markdown]
# The small red square is what the skip connection of level 0 shows to the output pixel: 9×9
# pixels. On average they change the output more than ten times as much as a pixel of the whole
# field. Below, the same two squares as the network is given them. Could you say from the left one
# alone whether its middle is a membrane between two cells? The lower levels see what is on the
# right, but blurred.

# %% tags=["draws"]
figure, (left, right) = plt.subplots(1, 2, figsize=(5.2, 3), layout="constrained")
left.imshow(tile[108:117, 108:117, 0], cmap=GREYS, vmin=0, vmax=1)
left.set(title="level 0: 9×9", xticks=[], yticks=[])
right.imshow(tile[first : last + 1, first : last + 1, 0], cmap=GREYS, vmin=0, vmax=1)
right.set(title="bottom: 204×204", xticks=[], yticks=[])
show(
    figure,
    "Left: 9 by 9 grey pixels, in which nothing can be recognised. Right: 204 by 204 pixels around "
    "the same place, with cells, membranes and organelles.",
)

# %% [markdown]
# ## With and without skip connections
#
# Are the skip connections needed? Try it: train the same small U-Net twice, with depth 3 and 8
# channels on level 0, and in the second one replace every copied map by zeros. Both networks see
# the same tiles of synthetic EM for 600 steps, and start from the same weights. (Where half of the
# inputs are zeros, the weights are $\sqrt 2$ times as large; the last section of this chapter
# explains why.) A script, `benchmarks/skips.py`, does this. It takes minutes, so the trained
# weights come with this chapter.
#
# Below, both are tested on a slice that neither has seen. The energy is that of chapter 5, averaged
# over the pixels. In the energy and in the share of wrong pixels, both classes weigh the same. So a
# network that gives every pixel the probability ½ has an energy of $\ln 2 = 0.69$, and a constant
# answer is wrong in one half.

# %%
trained = np.load("trained/skips.npz")
small = Architecture(depth=3, channels=8)
slices = em_stack((1, 256, 256), np.random.default_rng(100))
image, label = (slices.images[0] / np.float32(255))[..., np.newaxis], slices.labels[0]
w = weight_map.class_weights(slices.labels, 2)[label]


def answer(form):
    """Probability of cell, by the network with or without skip connections."""
    params = {name: trained[f"{form}/{name}"].astype(np.float32) for name in small.shapes()}
    if form == "without skips":  # zeros instead of copies are the same as weights of 0
        for level in range(small.depth):
            params[f"expand{level}.w1"][:, :, small.width(level) :] = 0
    return averaging.probabilities(Network(params, small), image, Tiling(348))[..., 1]


# %%
answers = {form: answer(form) for form in ("with skips", "without skips")}
energies, wrong = {}, {}
for form, p in answers.items():
    p_true = np.where(label == 1, p, 1 - p)
    energies[form] = np.average(-np.log(p_true), weights=w)
    wrong[form] = np.average(p_true <= 0.5, weights=w)
    print(f"{form:<14} energy {energies[form]:.2f}, wrong pixels {wrong[form]:.0%}")

assert energies["with skips"] < 0.6 and wrong["with skips"] < 0.25
assert abs(energies["without skips"] - np.log(2)) < 0.01
assert np.ptp(answers["without skips"]) < 0.1  # nearly the same everywhere

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(5, 5.3), layout="constrained")
shown = {"image": image[..., 0], "true label": label} | answers
for ax, (title, pixels) in zip(panels.flat, shown.items(), strict=True):
    ax.imshow(pixels, cmap=GREYS, vmin=0, vmax=1, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "A slice that was not in training, its true label, and the probabilities of two networks. With "
    "skip connections membranes are found; without, the answer is the same grey everywhere.",
)

# %% [markdown]
# Without skip connections, the network has learned nothing in the same time: it still gives every
# pixel a probability of about ½. Everything that it says about a pixel has to come through the
# bottom, where one number stands for 8×8 pixels. So it must first learn to write the position of a
# membrane inside such a square into the channels, and to read it again on the way up. A skip
# connection saves all that.
#
# Was it chance? The [benchmarks](../benchmarks/README.md#skip-connections) repeat this with three
# seeds, with the same result. They also try depth 2, where one number of the bottom stands for 4×4
# pixels. There, the network without skip connections has no more wrong pixels than the other one.
# So in this experiment, skip connections matter for the deeper network. (It is about 600 steps at
# one learning rate. It does not say what long training can reach.)

# %% [markdown]
# ## What the levels learn
#
# `em` is a network that comes with minunet: depth 3, 24 channels on level 0, trained to find
# membranes in synthetic EM. Give it a slice that it has not seen, and look inside. Every stage
# outputs 24 maps or more. For each stage, take the map whose correlation coefficient $r$ with the
# true label (1 in a cell, 0 on membrane) is farthest from 0. If $r$ is negative, turn the sign of
# the map, so that cells are bright. The list shows $|r|$.

# %%
model = minunet.load("em")
slices = em_stack((1, 300, 300), np.random.default_rng(7))
grey, truth = slices.images[0].astype(np.float32), slices.labels[0]
scaled = (grey - grey.min()) / np.ptp(grey)
_, kept = unet.forward(model.params, scaled[..., np.newaxis], model.architecture)
side = sizes.output_size(300, depth=3)  # the part for which the network answers


def middle(pixels):
    return pixels[crop_concat.centre((side, side), pixels.shape)]


def closest(stage, level):
    """The map of a stage that is closest to the label, enlarged to pixels of the image."""
    maps = middle(kept[f"{stage}.a2"].repeat(2**level, axis=0).repeat(2**level, axis=1))
    lively = [channel for channel in np.moveaxis(maps, -1, 0) if np.ptp(channel)]
    r = [np.corrcoef(middle(truth).ravel(), channel.ravel())[0, 1] for channel in lively]
    best = np.argmax(np.abs(r))
    return lively[best] * np.sign(r[best]), abs(r[best])


# %%
left = [closest(f"contract{level}", level) for level in range(3)] + [closest("bottom", 3)]
right = [closest(f"expand{level}", level) for level in range(3)]
for level in range(3):
    print(f"level {level}: r = {left[level][1]:.2f} left, {right[level][1]:.2f} right")
print(f"bottom:  r = {left[3][1]:.2f}")
assert all(right[level][1] > left[level][1] for level in range(3))

# %% tags=["draws"]
figure, panels = plt.subplots(4, 2, figsize=(4.4, 9.2), layout="constrained")
titles = [f"level {level}, {way}" for level in range(3) for way in ("left", "right")]
shown = [entry[level][0] for level in range(3) for entry in (left, right)]
shown += [left[3][0], middle(scaled)]
for ax, title, pixels in zip(panels.flat, [*titles, "bottom", "the image"], shown, strict=True):
    ax.imshow(pixels, cmap=GREYS, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "One learned feature map of each stage. On the left side the maps become coarser from level 0 "
    "to the bottom, whose pixels are 8 wide; on the right side they become finer again, and cells "
    "stand out more and more clearly from membranes.",
)

# %% [markdown]
# On the left side, level 0 is sharp and reacts to everything dark: organelles, noise and membranes
# alike. Levels 1 and 2 have found lines of one direction, and further down the maps become coarse.
# On the right side of a level, the same place has both: the position that came across, and the
# knowledge that came from below. The correlation with the label is higher on the right side than on
# the left side of every level.
#
# ## How large should the initial weights be?
#
# Training starts from random weights. If they are too small, the numbers shrink from layer to layer
# until nothing of the image is left; if they are too large, they explode.
#
# A **neuron** is one number of a feature map. It sums $N$ inputs, $y = \sum_n w_n x_n$, and then
# applies the ReLU. Draw the weights independently from a distribution that is symmetric about 0,
# such as a normal one, with variance $\sigma^2$. What is $y^2$, averaged over the draws? Squaring
# the sum gives terms $w_n^2 x_n^2$, whose average is $\sigma^2 x_n^2$, and mixed terms
# $w_n w_k x_n x_k$, whose average is 0. Write a bar for a mean, over the draws on the left and over
# the $N$ inputs on the right:
#
# $$ \overline{y^2} = \sigma^2 \sum_n x_n^2 = \sigma^2 N\, \overline{x^2} $$
#
# $y$ is positive as often as negative, so the ReLU keeps half of $\overline{y^2}$. The mean square
# stays the same from layer to layer if $\tfrac12 \sigma^2 N = 1$:
#
# $$ \sigma = \sqrt{2/N} $$
#
# By hand: $x = (3, 4)$ has $N = 2$, so $\sigma = 1$. Let each weight be 1 or −1, with equal
# probability. Then $y$ is 7, −1, 1 or −7. Its mean square is 25, and after the ReLU 12.5. The mean
# square of $x$ is $(9 + 16)/2 = 12.5$.

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
# $N$ counts the numbers that one output pixel sums. For a 3×3 convolution with 64 channels these
# are $9 \cdot 64 = 576$, the paper's example. An output pixel of the first up-convolution uses only
# one tap of 1024 channels (chapter 4), so $N$ is 1024.
#
# Now measure all 23 layers with three choices: $\sqrt{2/N}$, $\sqrt{1/N}$, and 0.01 for every
# layer.

# %%
arch = Architecture(channels=32)
drawn = initialization.gaussian(arch, rng)
x, dlogits = (rng.standard_normal(s).astype(np.float32) for s in ((188, 188, 1), (4, 4, 2)))
kernels = [k for k, w in drawn.items() if w.ndim == 4]


def mean_squares(params):
    """Mean squares of the output of every layer, and of the gradient of its kernel."""
    logits, kept = unet.forward(params, x, arch)
    maps = kept | {"out.a": logits}
    for level in range(arch.depth):  # an up-convolved map: the first channels of the next input
        maps[f"expand{level}.au"] = kept[f"expand{level}.x"][..., : arch.width(level)]
    grads = unet.backward(params, kept, dlogits, arch)
    outputs = [np.mean(maps[k.replace(".w", ".a")].astype(float) ** 2) for k in kernels]
    return outputs, [np.mean(grads[k].astype(float) ** 2) for k in kernels]


choices = {
    "√(2/N)": drawn,
    "√(1/N)": {k: w / np.float32(2**0.5) for k, w in drawn.items()},
    "0.01": {k: w * np.float32(0.01 / (w.std() or 1)) for k, w in drawn.items()},
}
measured = {name: mean_squares(params) for name, params in choices.items()}

# %%
outputs = dict(zip(kernels, measured["√(2/N)"][0], strict=True))
gains = [outputs[k] / outputs[k.replace("w2", "w1")] for k in kernels if k.endswith("w2")]
assert len(gains) == 9 and 0.8 < np.exp(np.mean(np.log(gains))) < 1.25  # a second convolution
for level in range(arch.depth):  # an up-convolution has no ReLU
    assert 1.5 < outputs[f"expand{level}.wu"] / outputs[f"{arch.below(level)}.w2"] < 2.5

lowest, last = kernels.index("bottom.w2"), kernels.index("out.w")
shares = {name: grads[lowest] / grads[last] for name, (_, grads) in measured.items()}
for name, share in shares.items():
    print(f"{name:>7}: gradient of the bottom's kernel, compared with the last layer's {share:.0e}")
assert shares["√(2/N)"] > 1e-3 and shares["√(1/N)"] < 1e-5 and shares["0.01"] < 1e-25

# %% tags=["draws"]
figure, panels = plt.subplots(2, 1, figsize=(5, 6.2), layout="constrained", sharex=True)
for marker, (label, (outputs, grads)) in zip("os^", measured.items(), strict=True):
    panels[0].semilogy(range(1, 24), outputs, marker=marker, markersize=4, label=label)
    panels[1].semilogy(range(1, 24), grads, marker=marker, markersize=4)
panels[0].set(title="the output: mean square")
panels[1].set(title="gradient of the kernel: mean square", xlabel="layer, from the tile on")
panels[0].legend(title="σ")
show(
    figure,
    "Mean square of the output of the 23 layers and of the gradients of their kernels. With √(2/N) "
    "both stay within a few powers of ten; with √(1/N) both sag towards the bottom of the U; with "
    "0.01 they fall below 1e-10 and 1e-30 there.",
)

# %% [markdown]
# With $\sqrt{2/N}$, the second convolution of a stage keeps the mean square that the first one
# gave, on average over the stages. (An up-convolution doubles it, because no ReLU follows; a
# pooling picks the largest of four numbers and raises it, too.) With the other choices, the signal
# fades on the way down, and the gradients of the lower kernels fade twice: a small map enters them,
# and a small gradient comes back. With 0.01, the bottom would hardly learn at all.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/the_u.py`.

# %%
# 1. Three numbers, by hand. A network of depth 3 is given a tile of 124 pixels. How many pixels
#    enter the bottom? How many come out? And what is √(2/N) for an up-convolution with a kernel of
#    the shape (2, 2, 1024, 512)?
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
# 3. What a skip connection sees. Suppose that only the copy of `level` is used. Along one axis,
#    output pixel r then sees the input pixels first to last. For level 0 at depth 4 these are
#    r + 88 to r + 96.
def through_skip(r, level, depth):
    """First and last input pixel, two integers."""
    ...


check_through_skip(through_skip)

# %% [markdown]
# ## Summary
#
# - A stage removes 4 pixels, a pooling halves, an up-convolution doubles. All sizes follow, and the
#   margin of $6 \cdot 2^d - 4$ pixels on each side.
# - The bottom sees a large part of the image; the skip connections bring back where things are.
# - A map that is copied receives two gradients, and they add.
# - At depth 4, an output pixel sees 188 or 204 pixels along each axis, and those nearby best.
# - Initial weights of standard deviation $\sqrt{2/N}$ keep the signal alive through all layers.
#
# ## In other words
#
# The left side is also called the **encoder**, the right side the **decoder**, and the bottom the
# **bottleneck**. Copy and crop is a **skip connection**, or concatenation; networks that *add* the
# copy instead have residual connections. The input pixels that an output can depend on are its
# **receptive field**. Running the chain rule from the energy back to all weights is
# **backpropagation**. $\sqrt{2/N}$ is **He initialization**, or Kaiming initialization.
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer, T. Brox: *U-Net: Convolutional Networks for Biomedical Image
#   Segmentation*, 2015. The paper of this course.
# - J. Long, E. Shelhamer, T. Darrell: *Fully Convolutional Networks for Semantic Segmentation*,
#   2015. The predecessor: upsampling, and skip connections that are added.
# - K. He, X. Zhang, S. Ren, J. Sun: *Delving Deep into Rectifiers*, 2015. Where $\sqrt{2/N}$ is
#   derived.
#
# [Chapter 8](08_tiles.ipynb) asks how an image of any size goes through a network whose answer is
# smaller than its input.
