# %% [markdown]
# # 8. Tiles without seams
#
# *How does an image of any size go through a network whose answer is smaller than its question?*
#
# Afterwards you can mirror an image, cut it into tiles, and put the answers together so that not
# one bit tells where a tile ended; and you can say why a step of 384 does that and 388 does not.
#
# Explains `minunet/prediction/tiling.py` and `averaging.py`.
# Before: [7. The U](07_the_u.ipynb). After: [9. Thirty images are enough](09_deformation.ipynb).

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from exercises.tiles import check_average_flips, check_mirrored, check_origins, check_steps
from figures import show
from matplotlib.patches import Rectangle

from minunet.data.synthetic import em_stack
from minunet.image import AVERAGED, cut, mirror, symmetry
from minunet.network import Network, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import maxpool
from minunet.prediction import averaging, tiling
from minunet.prediction.tiling import Tiling

rng = np.random.default_rng(1)

# %% [markdown]
# ## Mirroring
#
# At depth 4 a tile loses 92 pixels on each side (chapter 7). To answer for the first pixel of an
# image, the network must be shown 92 pixels before it, which are not there. The paper mirrors.
#
# With a pencil: the axis 0 1 2 3 goes on as … 3 2 1 **0 1 2 3** 2 1 0 1 …, and the edge pixel is
# not repeated. An index $i < 0$ is reflected to $-i$, one beyond the end to $2(n - 1) - i$; again,
# until it is inside. Two reflections make the period $P = 2(n - 1)$, here 6. So in one go: let
# $k = i \bmod P$, and take the smaller of $k$ and $P - k$. For $i = -2$ these are 4 and 2, which
# gives 2; for $i = 9$ both are 3.


# %%
def reflected(i, size):
    while not 0 <= i < size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i


assert [reflected(i, 4) for i in range(-3, 8)] == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
assert reflected(-2, 4) == 2 and reflected(9, 4) == 3
for size in (2, 3, 4, 9):
    naive = [reflected(i, size) for i in range(-50, 50)]
    assert np.array_equal(mirror(-50, 100, size), naive)
    assert np.array_equal(np.pad(np.arange(size), 50, mode="reflect")[:100], naive[:100])

print(inspect.getsource(mirror).split('"""')[2])

# %% [markdown]
# ## Figure 2
#
# The answer for the yellow area needs the image in the blue one: 92 pixels more on each side. Where
# the image ends (white line), its mirror image goes on. The image is mirrored once, as a whole: a
# tile that mirrored itself at each of its edges would see a reflection where the neighbour has
# real tissue.

# %%
stack = em_stack((1, 772, 772), rng)
grey, labels = stack.images[0], stack.labels[0]
mirrored = cut(grey, -92, -92, 772 + 2 * 92, 772 + 2 * 92)
assert np.array_equal(mirrored, np.pad(grey, 92, mode="reflect"))

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
left.imshow(mirrored, cmap="gray", extent=(-92, 864, 864, -92))
answer = np.where(np.arange(772) < 388, labels, np.nan)
right.imshow(np.where(np.arange(772)[:, np.newaxis] < 388, answer, np.nan), cmap="gray")
for axes in (left, right):
    for first, size, colour in ((0, 772, "white"), (-92, 572, "#56B4E9"), (0, 388, "#F0E442")):
        square = Rectangle((first, first), size, size, fill=False, edgecolor=colour, linewidth=2)
        axes.add_patch(square)
    axes.set(xlim=(-104, 876), ylim=(876, -104), xticks=(0, 388, 772), yticks=(0, 388, 772))
    axes.set_facecolor("0.6")
left.set(title="the image, mirrored: 572² needed")
right.set(title="388² answered (here by the true labels)")
show(
    figure,
    "Figure 2 redrawn. Left: a synthetic EM image of 772 pixels, with its mirror image around it, "
    "and in its corner a blue square of 572 pixels around a yellow one of 388. Right: the labels "
    "of the yellow square.",
)

# %% [markdown]
# ## Which shifts does a network bear?
#
# Tiles join without a seam if the answer for a pixel does not depend on where its tile began. So
# shift the input by $s$: is the output the same, shifted? A convolution allows any $s$:
# $y[r] = \sum_i w[i]\, x[r + i]$ becomes $\sum_i w[i]\, x[r + s + i] = y[r + s]$. A pooling does
# not. $y[r] = \max(x[2r], x[2r+1])$ becomes $\max(x[2r+s], x[2r+1+s])$. If $s$ is even, that is
# $y[r + s/2]$; if $s$ is odd, it pairs pixels that were in different pairs.
#
# The next pooling wants $s/2$ even, and so on: after $d$ poolings, $s$ is a multiple of $2^d$. On
# the way up, an up-convolution doubles a shift, and $s$ is restored.

# %%
row = np.array([1, 5, 2, 3, 4, 0, 7, 6])


def pooled(row):
    return maxpool.forward(np.stack([row, row])[..., np.newaxis])[0][0, :, 0].tolist()


assert pooled(row) == [5, 3, 4, 7]
assert pooled(row[2:]) == [3, 4, 7]  # two pixels on: the same, one on
assert pooled(row[1:7]) == [5, 4, 7]  # one pixel on: the 3 has gone for good

# %% [markdown]
# ## Integers, so that equal means equal
#
# To see whether two answers are the same to the last bit, nothing may be rounded: a sum of floats
# depends on its order, and a matrix product may choose its order by the size of the tile. Integers
# up to $2^{53}$ have no such trouble: float64 holds them exactly. So let the weights be −1, 0 or 1,
# about three of each neuron's not 0, and the pixels grey levels. How large can a sum get? Give all
# weights and pixels their largest magnitude, and look.

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
figure, axes = plt.subplots(figsize=(7.8, 2.4), layout="constrained")
for depth in (1, 2, 3, 4):
    shallower = Architecture(depth=depth, channels=4)
    weights = integer_network(shallower, rng)
    still, _ = unet.forward(weights, image[:236, :236], shallower)
    for s in range(33):
        shifted, _ = unet.forward(weights, image[:236, s : s + 236], shallower)
        both = still.shape[1] - s  # columns that both answer for
        same = np.array_equal(still[:, s:], shifted[:, :both])
        assert same == (s % 2**depth == 0)
        axes.plot(s, depth, "o" if same else "x", color="tab:blue" if same else "tab:orange")
axes.set(xlabel="shift of the input, pixels", ylabel="depth", ylim=(4.5, 0.5))
axes.set(xticks=range(0, 33, 4), yticks=range(1, 5))
axes.set(title="the same answer, shifted (blue dot), or another (orange cross)")
show(
    figure,
    "For depths 1 to 4 and shifts of 0 to 32 pixels: the answer is the same, shifted, at multiples "
    "of 2, of 4, of 8 and of 16, and another at all other shifts.",
)

# %% [markdown]
# ## 388 is 24 · 16 + 4
#
# The output has $2^d (m - 8) + 4$ pixels (chapter 7): always 4 more than a multiple of $2^d$. One
# or two poolings do not mind, as 2 and 4 divide 4. The paper's four do: outputs laid edge to edge,
# at steps of 388, come from tiles that are shifted by 4, 8, 12 and 0 pixels, modulo 16. At steps of
# 384 all are shifted by 0, and overlap by 4 pixels.
#
# Below is the naive form: mirror once, cut, ask, put down. The package's does the same without
# holding the mirrored image, and spares tiles that show nothing new.


# %%
def stitch(params, image, arch, tile, step):
    margin, (height, width) = sizes.margin(arch.depth), image.shape[:2]
    size = tile - 2 * margin
    mirrored = np.pad(image, ((margin, margin + size), (margin, margin + size), (0, 0)), "reflect")
    scores = np.full((height, width, arch.classes), np.nan)
    for top in range(0, height, step):
        for left in range(0, width, step):
            logits, _ = unet.forward(params, mirrored[top : top + tile, left : left + tile], arch)
            rows, columns = min(size, height - top), min(size, width - left)
            scores[top : top + rows, left : left + columns] = logits[:rows, :columns]
    return scores


outputs = [sizes.output_size(next(sizes.valid_sizes(d)), d) for d in (1, 2, 3, 4)]
assert [output % 2**d for d, output in enumerate(outputs, start=1)] == [0, 0, 4, 4]
assert [388 * k % 16 for k in range(5)] == [0, 4, 8, 12, 0] and 384 % 16 == 0
assert tiling.aligned_step(572, depth=4) == 384
assert tiling.cover(772, depth=4, tile=572) == (572, 388, [0, 384])

one_pass = stitch(params, image, arch, tile=956, step=772)  # a tile for all
aligned = stitch(params, image, arch, tile=572, step=384)
edge_to_edge = stitch(params, image, arch, tile=572, step=388)
for paper_step, scores in ((False, aligned), (True, edge_to_edge)):
    windows = tiling.windows(Network(params, arch), image, Tiling(572, paper_step))
    assert np.array_equal(tiling.assemble(windows, image), scores)

print(inspect.getsource(tiling.windows).split('"""')[2])

# %%
alone = np.empty_like(one_pass)
for top, left in np.ndindex(2, 2):  # each quarter mirrored by itself
    part = np.s_[384 * top : 384 * top + 388, 384 * left : 384 * left + 388]
    alone[part] = stitch(params, image[part], arch, tile=572, step=388)

figure, panels = plt.subplots(1, 3, figsize=(8, 3.3), layout="constrained")
answers = {"step 384": aligned, "step 388": edge_to_edge, "tiles mirrored alone": alone}
wrong = {}
for axes, (name, scores) in zip(panels, answers.items(), strict=True):
    error = np.abs(scores - one_pass).max(axis=-1)
    wrong[name] = np.mean(error > 0)
    picture = axes.imshow(np.log10(1 + error), cmap="viridis", vmin=0, vmax=5)
    axes.set(title=f"{name}:\n{100 * wrong[name]:.0f} % differ", xticks=(0, 384, 772), yticks=())
figure.colorbar(picture, ax=panels, label="log₁₀ (1 + error)", shrink=0.7)

assert np.array_equal(aligned, one_pass) and wrong["step 384"] == 0
assert np.array_equal(edge_to_edge[:388, :388], one_pass[:388, :388])  # the first tile is right
far = np.abs(np.arange(772) - 384) > 108  # from the borders: out of sight (chapter 7)
assert np.array_equal(alone[far][:, far], one_pass[far][:, far])
assert wrong["step 388"] > 0.3 and wrong["tiles mirrored alone"] > 0.1
show(
    figure,
    "Errors of tiled answers against one pass over the whole image. Tiles at a step of 384: none. "
    "At 388: in all tiles but the first. Each tile mirrored by itself: along the inner borders.",
)

# %% [markdown]
# ## And with real weights
#
# Real weights are rounded, and last bits may differ. But compare the two errors. The weights here
# are random (chapter 7) and nothing is trained. To see what the step does to a network of your own,
# run `python -m minunet.predict` once with and once without `--step paper`; without, it takes the
# aligned step.

# %%
drawn = initialization.gaussian(arch, rng, np.float64)
scaled = image / 255
network = Network(drawn, arch)
p = averaging.probabilities(network, scaled, Tiling(956))
rounding = np.abs(averaging.probabilities(network, scaled, Tiling(572)) - p).max()
seams = np.abs(averaging.probabilities(network, scaled, Tiling(572, paper_step=True)) - p).max()
print(f"largest error of a probability: {rounding:.0e} at a step of 384, {seams:.2f} at 388")
assert rounding < 1e-12 and seams > 0.01

# %% [markdown]
# ## The average of turned and flipped images
#
# Of a turned or flipped image the network does not give the answer turned or flipped. The paper
# averages over "7 rotated versions" and says no more; the authors' release averages 4 flips. The
# package offers these, the 4 rotations, and all 8 symmetries $g$ of the square. Turn the whole
# image, segment it, turn the scores back, and average them, before the soft-max:
# $A(x) = \tfrac18 \sum_g g^{-1} f(g x)$.
#
# Now give it a turned image $hx$. As $g$ runs through all eight, so does $k = gh$, and
# $g^{-1} = h k^{-1}$. Hence $A(hx) = \tfrac18 \sum_k h k^{-1} f(k x) = h A(x)$: whatever $f$ is,
# the average turns with the image, and with integers to the last bit.


# %%
def averaged(image, average):
    return averaging.logits(Network(params, arch), image, Tiling(572, average=average))


part = image[:101, :130]
upright = {average: averaged(part, average) for average in ("none", "flips", "symmetries")}
commutes = {average: [] for average in upright}
for which in range(8):
    for average, scores in upright.items():
        turned = averaged(symmetry(part, which), average)
        commutes[average].append(np.array_equal(turned, symmetry(scores, which)))
back = [np.rot90(averaged(np.rot90(part, k), "none"), -k) for k in range(4)]
assert np.array_equal(averaged(part, "rotations"), sum(back) / 4)
print(inspect.getsource(averaging.averaged).split('"""')[2])
assert all(commutes["symmetries"])
assert [which for which in range(8) if commutes["flips"][which]] == [*AVERAGED["flips"]]
assert [which for which in range(8) if commutes["none"][which]] == [0]

# %% [markdown]
# ## Exercises
#
# Replace each `...`, and run the cell: it says whether the answer is right and, if not, what is
# likely to be wrong.

# %%
# 1. Without running it: what does mirror(-3, 9, size=3) return?
indices = ...

check_mirrored(indices)

# %%
# 2. At depth 3 a tile of 124 pixels answers 36. Of the steps 36, 32, 30, 28, 24, 20, 16, 12 and 8,
#    which give the answer of one pass? A set, such as {30, 12}.
steps = ...

check_steps(steps)


# %%
# 3. Cover one axis of an image with as few tiles as the aligned step, the largest multiple of
#    2^depth that leaves no gap, allows. A tile's output is of `sizes.output_size(tile, depth)`.
def origins(size, depth, tile):
    """Where the outputs of the tiles begin: a list of pixels, the first of them 0."""
    ...


check_origins(origins)


# %%
# 4. Average the scores over the 4 flips: none, up-down, left-right, both.
#    scores_of(image) gives (H, W, K) for an image (H, W, C).
def average_flips(scores_of, image):
    """The averaged scores (H, W, K) of an image (H, W, C)."""
    ...


check_average_flips(average_flips)

# %% [markdown]
# Solutions: `tutorials/solutions/tiles.py`. [Chapter 9](09_deformation.ipynb) asks how a network
# can learn from thirty images.
