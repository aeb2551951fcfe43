# %% [markdown]
# # 8. Tiles without seams
#
# *How does an image of any size go through a network whose answer is smaller than its input?*
#
# **After this chapter you can** extend an image by its mirror image, cut it into tiles and put the
# answers together so that nothing shows where a tile ended, and explain why a step of 384 pixels
# does that and 388 does not.
#
# **Prerequisites:** chapter 7 (sizes, margin, receptive field).
#
# **Time:** 50 minutes.
#
# This chapter explains `minunet/prediction/tiling.py` and `averaging.py`.
# Before: [7. The U](07_the_u.ipynb). After: [9. Thirty images are enough](09_deformation.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np
from exercises.tiles import check_average_flips, check_mirrored, check_origins, check_steps
from figures import show
from matplotlib.patches import Rectangle

import minunet
from minunet.data.synthetic import em_stack
from minunet.image import AVERAGED, cut, mirror, symmetry
from minunet.network import Network, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, conv_relu, crop_concat, cross_entropy, maxpool, upconv
from minunet.prediction import averaging, tiling
from minunet.prediction.tiling import Tiling

rng = np.random.default_rng(1)

# %% [markdown]
# ## Why tiles, and what is missing at the edges
#
# A large image does not fit into memory with all its feature maps, so the network is given one
# square part at a time, a **tile**. Its convolutions use no padding: they compute only outputs for
# which all inputs exist (chapter 1). At depth 4 a tile loses 92 pixels on each side (chapter 7). To
# answer for the first pixel of an image, the network needs 92 pixels before it, which do not exist.
#
# The paper fills them in by **mirroring**. The axis 0 1 2 3 continues as
# … 3 2 1 **0 1 2 3** 2 1 0 1 …: the edge pixel is not repeated. An index $i < 0$ is reflected to
# $-i$, and one beyond the end to $2(n - 1) - i$; repeat until it is inside. Two reflections make a
# period of $P = 2(n - 1)$, here 6. So there is a shortcut: let $k = i \bmod P$, and take the
# smaller of $k$ and $P - k$. By hand, for $i = -2$ these are 4 and 2, which gives 2. For $i = 9$
# both are 3.


# %%
def reflected(i, size):
    while not 0 <= i < size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i


assert [reflected(i, 4) for i in range(-3, 8)] == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
assert reflected(-2, 4) == 2 and reflected(9, 4) == 3
for size in (2, 3, 4, 9):
    naive = [reflected(i, size) for i in range(-50, 50)]
    assert np.array_equal(mirror(-50, 100, size), naive)  # the package's, by the shortcut
    assert np.array_equal(np.pad(np.arange(size), 50, mode="reflect")[:100], naive[:100])

# %% [markdown]
# ## Figure 2
#
# To answer for the yellow square, the network needs the image in the blue one: 92 pixels more on
# each side. Beyond the edge of the image (white) its mirror image continues. The image is mirrored
# once, as a whole. If each tile were mirrored at its own edges, it would see a reflection where
# its neighbour has the real tissue.

# %%
stack = em_stack((1, 772, 772), rng)
grey, labels = stack.images[0], stack.labels[0]
mirrored = cut(grey, -92, -92, 772 + 2 * 92, 772 + 2 * 92)
assert np.array_equal(mirrored, np.pad(grey, 92, mode="reflect"))

# %% tags=["draws"]
plt.rcParams["font.size"] = 12  # so that figures can be read on a phone
figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 3.1), layout="constrained")
left.imshow(mirrored, cmap="gray", extent=(-92, 864, 864, -92))
answer = np.where(np.arange(772) < 388, labels, np.nan)
right.imshow(np.where(np.arange(772)[:, np.newaxis] < 388, answer, np.nan), cmap="gray")
for axes in (left, right):
    for first, size, colour in ((0, 772, "white"), (-92, 572, "#56B4E9"), (0, 388, "#F0E442")):
        square = Rectangle((first, first), size, size, fill=False, edgecolor=colour, linewidth=2)
        axes.add_patch(square)
    axes.set(xlim=(-104, 876), ylim=(876, -104), xticks=(0, 388, 772), yticks=())
    axes.set_facecolor("0.6")
left.set(title="needed: 572² pixels")
right.set(title="answered: 388² pixels")
show(
    figure,
    "Figure 2 redrawn. Left: a synthetic EM image of 772 pixels, with its mirror image around it, "
    "and in its corner a blue square of 572 pixels around a yellow one of 388. Right: the true "
    "labels of the yellow square.",
)

# %% [markdown]
# ## Why not pad with zeros?
#
# Most networks today do it differently: before every convolution they add a rim of zeros, so that
# the output is as large as the input. That is convenient, and no margin is lost. What does it cost?
#
# `em` is a trained network that comes with minunet. It finds membranes, at depth 3, so its margin
# is 44 pixels. Below, its own weights are used in two ways: without padding, in one pass over a
# large image; and padded with zeros, in tiles of 128 pixels laid edge to edge. (The tiles begin at
# pixel 2, because then the poolings of both ways join the same pixels. The next sections explain
# why this matters.)

# %%
model = minunet.load("em")
em = Network(model.params, model.architecture)
scaled = ((grey - grey.min()) / np.ptp(grey)).astype(np.float32)[:516, :516, np.newaxis]
valid = averaging.probabilities(em, scaled, Tiling(604))[..., 1]  # one tile for all
assert sizes.output_size(604, depth=3) == 516 and sizes.margin(depth=3) == 44


# %%
def padded_stage(params, name, x):
    for k in "12":
        x = np.pad(x, ((1, 1), (1, 1), (0, 0)))  # zeros
        x = conv_relu.forward(x, params[f"{name}.w{k}"], params[f"{name}.b{k}"])
    return x


def padded(params, x, depth):
    """Probability of cell, from a network whose convolutions are padded."""
    skip = {}
    for level in range(depth):
        skip[level] = padded_stage(params, f"contract{level}", x)
        x, _ = maxpool.forward(skip[level])
    y = padded_stage(params, "bottom", x)
    for level in reversed(range(depth)):
        up = upconv.forward(y, params[f"expand{level}.wu"], params[f"expand{level}.bu"])
        y = padded_stage(params, f"expand{level}", crop_concat.forward(up, skip[level]))
    return cross_entropy.softmax(conv2d.forward(y, params["out.w"], params["out.b"]))[..., 1]


# %%
inside = np.s_[2:514, 2:514]
in_tiles = np.zeros((512, 512))
for top, left in np.ndindex(4, 4):
    part = np.s_[128 * top : 128 * top + 128, 128 * left : 128 * left + 128]
    in_tiles[part] = padded(em.params, scaled[inside][part], 3)
error = np.abs(in_tiles - valid[inside])

# %%
to_edge = np.minimum(np.arange(512) % 128, 127 - np.arange(512) % 128)
distance = np.minimum.outer(to_edge, to_edge)  # pixels between a pixel and the edge of its tile
mean_error = [error[distance == k].mean() for k in range(64)]
assert mean_error[0] > 0.2 and max(mean_error[48:]) < 1e-5
print("distance from the edge of the tile, and mean error of the probability:")
for k in (0, 1, 2, 4, 8, 16, 32, 48):
    print(f"{k:>3}  {mean_error[k]:.6f}")

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(5.4, 5.8), layout="constrained")
close = np.s_[0:256, 0:256]
for ax, title, shown in (
    (panels[0, 0], "image", scaled[inside][..., 0][close]),
    (panels[0, 1], "without padding", valid[inside][close]),
    (panels[1, 0], "tiles padded with zeros", in_tiles[close]),
    (panels[1, 1], "difference", error[close]),
):
    cmap = "viridis" if title == "difference" else "gray"
    drawn = ax.imshow(shown, cmap=cmap, vmin=0, vmax=1, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
figure.colorbar(drawn, ax=panels, location="bottom", label="difference", shrink=0.6)
show(
    figure,
    "Membranes found in synthetic EM without padding and in four tiles padded with zeros. The "
    "padded tiles differ along all of their edges, where a cross of wrong lines appears; in their "
    "middle they do not differ.",
)

# %% [markdown]
# At the edge of a tile, the probability is wrong by more than 0.2 on average. The error fades with
# the distance, and 48 pixels from the edge it is only rounding: there, no zero is in sight any
# more. So padding does not save the margin. It computes answers for it, and these are worse.
#
# To be fair: `em` was not trained with zeros at its edges. A network that was trained with padding
# gets used to them. But it cannot know what lies beyond the edge either, and its answer there still
# depends on where a tile happened to end.
#
# ## Under which shifts is the network equivariant?
#
# Tiles join without seams if the answer for a pixel does not depend on where its tile began. So
# shift the input by $s$ pixels. Is the output the same, only shifted? If so, the network is
# **equivariant** under that shift.
#
# - A convolution is, for every $s$: $y[r] = \sum_i w[i]\, x[r + i]$ becomes
#   $\sum_i w[i]\, x[r + s + i] = y[r + s]$.
# - A pooling is not: $y[r] = \max(x[2r], x[2r+1])$ becomes $\max(x[2r+s], x[2r+1+s])$. If $s$ is
#   even, that is $y[r + s/2]$. If $s$ is odd, it joins pixels that were in different pairs.
#
# The next pooling sees a shift of $s/2$, which has to be even again, and so on. After $d$ poolings,
# $s$ must be a multiple of $2^d$. On the way up, every up-convolution doubles the shift, until it
# is $s$ again.

# %%
row = np.array([1, 5, 2, 3, 4, 0, 7, 6])


def pooled(row):
    return maxpool.forward(np.stack([row, row])[..., np.newaxis])[0][0, :, 0].tolist()


assert pooled(row) == [5, 3, 4, 7]
assert pooled(row[2:]) == [3, 4, 7]  # shifted by two: the same, shifted by one
assert pooled(row[1:7]) == [5, 4, 7]  # shifted by one: the 3 is gone

# %% [markdown]
# ## Integers, so that equal means equal
#
# We want to test whether two answers are *exactly* the same. With floating-point numbers this is
# hard, because a sum depends on the order of its terms, and a matrix product may choose its order
# by the size of the tile. Integers up to $2^{53}$ do not have this problem: float64 holds them
# exactly. So draw the weights from −1, 0 and 1, with about three per neuron that are not 0, and use
# grey values, 0 to 255, as the input. How large can a sum become? Make every weight positive and
# every pixel 255, and take the largest number in the network.

# %%
assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


def integer_network(arch, rng):
    params = {}
    for name, shape in arch.shapes().items():
        share = min(1, 3 / np.prod(shape[:-1]))  # of weights that are not 0; all biases
        params[name] = rng.choice([-1.0, 0.0, 1.0], shape, p=[share / 2, 1 - share, share / 2])
    return params


arch = Architecture(channels=4)
params = integer_network(arch, rng)
image = grey[..., np.newaxis].astype(float)

bound = {name: np.abs(w) for name, w in params.items()}
logits, activations = unet.forward(bound, np.full((188, 188, 1), 255.0), arch)
largest = max(logits.max(), *(a.max() for a in activations.values()))
print(f"{largest:.1e} at most, of {2**53:.1e}")
assert largest < 2**53

# %%
same = np.zeros((4, 25), bool)
for depth in (1, 2, 3, 4):
    shallower = Architecture(depth=depth, channels=4)
    weights = integer_network(shallower, rng)
    still, _ = unet.forward(weights, image[:220, :220], shallower)
    for s in range(25):
        shifted, _ = unet.forward(weights, image[:220, s : s + 220], shallower)
        both = still.shape[1] - s  # columns for which both answer
        same[depth - 1, s] = np.array_equal(still[:, s:], shifted[:, :both])
        assert same[depth - 1, s] == (s % 2**depth == 0)

# %% tags=["draws"]
figure, axes = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
for marker, colour, which, name in (
    ("o", "tab:blue", same, "the same, shifted"),
    ("x", "tab:orange", ~same, "different"),
):
    rows, shifts = np.nonzero(which)
    axes.plot(shifts, rows + 1, marker, color=colour, label=name)
axes.set(xlabel="shift of the input, pixels", ylabel="depth", ylim=(4.5, 0.5))
axes.set(xticks=range(0, 25, 4), yticks=range(1, 5))
figure.legend(loc="outside upper center", ncols=2, frameon=False)
show(
    figure,
    "For depths 1 to 4 and shifts of 0 to 24 pixels: the answer is the same, shifted, at multiples "
    "of 2, of 4, of 8 and of 16, and different at all other shifts.",
)

# %% [markdown]
# ## 388 is 24 · 16 + 4
#
# Now lay the outputs edge to edge, as the paper's Figure 2 suggests. The paper's tile has an output
# of 388 pixels, so its tiles begin 388 pixels apart. The output has $2^d (m - 8) + 4$ pixels
# (chapter 7): always 4 more than a multiple of $2^d$. With one or two poolings this does no harm,
# since 4 is a multiple of 2 and 4. With the paper's four poolings it does: at steps of 388, the
# tiles are shifted by 0, 4, 8, 12 pixels modulo 16. At steps of 384, all are shifted by 0, and
# neighbours overlap by 4 pixels.
#
# Below is the method without refinements: mirror once, cut a tile, run the network, write down the
# answer. The package does the same without holding the mirrored image in memory.


# %%
def stitch(params, image, arch, tile, step):
    margin, (height, width) = sizes.margin(arch.depth), image.shape[:2]
    size = tile - 2 * margin
    mirrored = np.pad(image, ((margin, margin + size), (margin, margin + size), (0, 0)), "reflect")
    logits = np.full((height, width, arch.classes), np.nan)
    for top in range(0, height, step):
        for left in range(0, width, step):
            answer, _ = unet.forward(params, mirrored[top : top + tile, left : left + tile], arch)
            rows, columns = min(size, height - top), min(size, width - left)
            logits[top : top + rows, left : left + columns] = answer[:rows, :columns]
    return logits


outputs = [sizes.output_size(next(sizes.valid_sizes(d)), d) for d in (1, 2, 3, 4)]
assert [output % 2**d for d, output in enumerate(outputs, start=1)] == [0, 0, 4, 4]
assert [388 * k % 16 for k in range(5)] == [0, 4, 8, 12, 0] and 384 % 16 == 0
assert tiling.aligned_step(572, depth=4) == 384

# %%
one_pass = stitch(params, image, arch, tile=956, step=772)  # a tile for the whole image
aligned = stitch(params, image, arch, tile=572, step=384)
edge_to_edge = stitch(params, image, arch, tile=572, step=388)
for paper_step, logits in ((False, aligned), (True, edge_to_edge)):
    windows = tiling.windows(Network(params, arch), image, Tiling(572, paper_step))
    assert np.array_equal(tiling.assemble(windows, image), logits)  # the package's answer

# %%
alone = np.empty_like(one_pass)
for top, left in np.ndindex(2, 2):  # each quarter mirrored by itself
    part = np.s_[384 * top : 384 * top + 388, 384 * left : 384 * left + 388]
    alone[part] = stitch(params, image[part], arch, tile=572, step=388)

answers = {"step 384": aligned, "step 388": edge_to_edge, "mirrored alone": alone}
errors = {name: np.abs(each - one_pass).max(axis=-1) for name, each in answers.items()}
wrong = {name: np.mean(error > 0) for name, error in errors.items()}
print(", ".join(f"{name}: {share:.0%} of the pixels differ" for name, share in wrong.items()))

assert wrong["step 384"] == 0
assert wrong["step 388"] > 0.3 and not errors["step 388"][:388, :388].any()  # the first is right
far = np.abs(np.arange(772) - 384) > 108  # too far from the inner borders to see them
assert wrong["mirrored alone"] > 0.1 and not errors["mirrored alone"][far][:, far].any()

# %% tags=["draws"]
figure, panels = plt.subplots(1, 3, figsize=(5.6, 2.9), layout="constrained")
for axes, (name, error) in zip(panels, errors.items(), strict=True):
    picture = axes.imshow(np.log10(1 + error), cmap="viridis", vmin=0, vmax=5)
    axes.set(title=name, xticks=(0, 384), yticks=())
figure.colorbar(picture, ax=panels, location="bottom", label="log₁₀ (1 + error)", shrink=0.6)
show(
    figure,
    "Errors of tiled answers against one pass over the whole image. Tiles at a step of 384: none. "
    "At 388: in all tiles but the first. Each tile mirrored by itself: along the inner borders.",
)

# %% [markdown]
# ## And with a trained network?
#
# Random weights of −1 and 1 exaggerate. What does the wrong step do to a network that was trained?
# `em` has depth 3, so its steps must be multiples of 8. Its tile of 348 pixels has an output of
# 260: the wrong step is 260, and the right one is 256.

# %%
assert tiling.cover(516, depth=3, tile=348) == (348, 260, [0, 256])
assert tiling.cover(516, depth=3, tile=348, paper_step=True) == (348, 260, [0, 260])
right = averaging.probabilities(em, scaled, Tiling(348))[..., 1]
wrong = averaging.probabilities(em, scaled, Tiling(348, paper_step=True))[..., 1]
right_error, wrong_error = np.abs(right - valid), np.abs(wrong - valid)

print(f"step 256: largest error of a probability {right_error.max():.0e}")
print(f"step 260: largest error of a probability {wrong_error.max():.2f}")
changed = np.mean((wrong > 0.5) != (valid > 0.5))
print(f"step 260: {changed:.1%} of the pixels change their class")
assert right_error.max() < 1e-4 and wrong_error.max() > 0.3
assert 0.01 < changed < 0.02
assert wrong_error[:260, :260].max() < 1e-4  # the first tile is right

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(5.4, 5.9), layout="constrained")
close = np.s_[200:328, 200:328]
for ax, title, shown, top in (
    (panels[0, 0], "step 256", right[close], 1),
    (panels[0, 1], "step 260", wrong[close], 1),
    (panels[1, 0], "image", scaled[..., 0][close], 1),
    (panels[1, 1], "difference", wrong_error[close], 0.3),
):
    cmap = "viridis" if title == "difference" else "gray"
    drawn = ax.imshow(
        shown, cmap=cmap, vmin=0, vmax=top, extent=(200, 328, 328, 200), interpolation="nearest"
    )
    ax.set(title=title, xticks=(200, 260, 328), yticks=())
figure.colorbar(drawn, ax=panels, location="bottom", label="difference", shrink=0.6)
show(
    figure,
    "Membranes around the place where four tiles meet, at pixel 260. The answers at a step of 256 "
    "and of 260 look alike; their difference is 0 in the first tile, and above 0.1 in many "
    "places of the other three.",
)

# %% [markdown]
# At the right step, the tiled answer is that of one pass, up to the rounding of float32. At the
# wrong step single probabilities are off by more than 0.3, and one to two pixels in a hundred
# change their class. Yet by eye you would not notice. That is what makes this mistake dangerous:
# there are no visible seams, but the answer depends on the size of the tile. The right step costs
# nothing.
#
# `python -m minunet.predict` takes the right step. With `--step paper` it takes the other one.
#
# ## The average over rotations and flips
#
# If you rotate or flip an image, the network's answer is *not* just the old answer rotated or
# flipped. So one can ask it several times and average. The paper averages "7 rotated versions" and
# says no more; the authors' release averages 4 flips. The package offers these, the 4 rotations,
# and all 8 symmetries of the square: 4 rotations, each with or without a flip.
#
# Call the symmetries $g$, and the network $f$. Rotate the whole image, run the network, rotate the
# logits back, and average them before the soft-max:
#
# $$ A(x) = \tfrac18 \sum_g g^{-1} f(g x) $$
#
# Here $g^{-1}$ undoes $g$. What is the average for an image that is itself rotated by some symmetry
# $h$? Insert $hx$ for $x$, step by step:
#
# 1. $A(hx) = \tfrac18 \sum_g g^{-1} f(g h x)$. First $h$ and then $g$ is again one of the eight
#    symmetries. Call it $k = gh$.
# 2. As $g$ runs through all eight, $k$ runs through all eight, too. So we can sum over $k$.
# 3. From $k = gh$ follows $g = k h^{-1}$, and so $g^{-1} = h k^{-1}$: to undo two steps, undo the
#    last one first.
# 4. Therefore $A(hx) = \tfrac18 \sum_k h k^{-1} f(k x) = h A(x)$.
#
# So the average rotates with the image, whatever the network is. With integers this holds to the
# last bit.


# %%
def averaged(image, average):
    return averaging.logits(Network(params, arch), image, Tiling(572, average=average))


part = image[:101, :130]
upright = {average: averaged(part, average) for average in ("none", "flips", "symmetries")}
follows = {average: [] for average in upright}
for which in range(8):
    for average, logits in upright.items():
        turned = averaged(symmetry(part, which), average)
        follows[average].append(np.array_equal(turned, symmetry(logits, which)))
assert all(follows["symmetries"])
assert [which for which in range(8) if follows["flips"][which]] == [*AVERAGED["flips"]]
assert [which for which in range(8) if follows["none"][which]] == [0]

back = [np.rot90(averaged(np.rot90(part, k), "none"), -k) for k in range(4)]
assert np.array_equal(averaged(part, "rotations"), sum(back) / 4)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/tiles.py`.

# %%
# 1. Without running it: what does mirror(-3, 9, size=3) return, the 9 indices from -3 on?
indices = ...

check_mirrored(indices)

# %%
# 2. At depth 3 a tile of 124 pixels answers 36. Of the steps 36, 32, 30, 28, 24, 20, 16, 12 and 8,
#    which give the answer of one pass? A set, such as {30, 12}.
steps = ...

check_steps(steps)


# %%
# 3. Cover one axis of an image with as few tiles as possible at the aligned step, the largest
#    multiple of 2^depth that leaves no gap. A tile's output has `sizes.output_size(tile, depth)`.
def origins(size, depth, tile):
    """Where the outputs of the tiles begin: a list of pixels, the first of them 0."""
    ...


check_origins(origins)


# %%
# 4. Average the logits over the 4 flips: none, up-down, left-right, both.
#    scores_of(image) gives the logits (H, W, K) of an image (H, W, C).
def average_flips(scores_of, image):
    """The averaged logits (H, W, K) of an image (H, W, C)."""
    ...


check_average_flips(average_flips)

# %% [markdown]
# ## Summary
#
# - The network answers for the middle of a tile only; at the edge of the image its mirror image
#   fills the margin.
# - Padding with zeros computes answers for the margin as well, and they are worse and depend on the
#   tile.
# - After $d$ poolings the network is equivariant under shifts by multiples of $2^d$, and no others.
# - Tiles whose steps are multiples of $2^d$ give exactly the answer of one pass: 384, not 388.
# - An average over all 8 symmetries rotates and flips with the image, whatever the network is.
#
# ## In other words
#
# Convolutions without padding are called **valid**, those padded to the same size **same**. The
# method of this chapter is the **overlap-tile strategy**, elsewhere **sliding-window inference**;
# tiles are also called patches. Mirroring is **reflection padding**. Averaging over symmetries is
# **test-time augmentation**. That poolings are not equivariant under all shifts is discussed as
# **shift equivariance**, or aliasing.
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer, T. Brox: *U-Net: Convolutional Networks for Biomedical Image
#   Segmentation*, 2015. Figure 2 is the overlap-tile strategy.
# - R. Zhang: *Making Convolutional Networks Shift-Invariant Again*, 2019. Poolings that tolerate
#   more shifts.
# - T. S. Cohen, M. Welling: *Group Equivariant Convolutional Networks*, 2016. Networks that rotate
#   with their input by construction.
#
# [Chapter 9](09_deformation.ipynb) asks how a network can learn from thirty images.
