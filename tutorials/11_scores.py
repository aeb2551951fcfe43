# %% [markdown]
# # 11. How good is it?
#
# *Which number says that the cells were found, and not only their pixels?*
#
# **After this chapter you can** compute four scores from their definitions, say which mistakes
# each of them notices and which it misses, choose a threshold, and compare a score with that of a
# trivial baseline.
#
# **Prerequisites:** [chapter 5](05_energy.ipynb) for the probability of a class, and
# [chapter 6](06_border_weights.ipynb) for cells that touch. No further mathematics.
#
# **Time:** 60 minutes.
#
# This chapter explains `minunet/metrics/`: `pixel.py`, `rand.py`, `segments.py`, `thinning.py`,
# `topology.py`, `warping.py`, `seg.py` and `em.py`. Before: [10. Training](10_training.ipynb).
# After: [12. Making it fast](12_speed.ipynb).

# %%
import matplotlib.pyplot as plt
import numpy as np
import scipy
from exercises.scores import check_allowed, check_pairs, check_sabotage, check_v_rand
from figures import show
from matplotlib.colors import ListedColormap

from minunet.data.synthetic import em_stack
from minunet.metrics import em, pixel, rand, seg, segments, thinning, topology, warping
from minunet.metrics.score import THRESHOLDS
from minunet.report import drawing, score_pictures

rng = np.random.default_rng(1)

# %% [markdown]
# ## Four answers to one row
#
# The labels that a person drew are the *truth*. What a network says about the same image is its
# *answer*. In both, a pixel is either part of a cell or part of a *wall*, the membrane between
# cells.
#
# Pixels of cell that are connected form a *segment*. We give every segment a number, and a pixel of
# wall the number 0. Truth and answer are numbered independently, so only the grouping counts: cell
# 2 of the truth may be segment 3 of the answer.
#
# The smallest example is a row of nine pixels. The truth has two cells with a wall between them.
# Here are four answers. In `beside`, the wall is one pixel beside its place. In `thick`, it is
# three pixels wide. In `split`, there is a wall where none should be. In `merger`, there is no wall
# at all.


# %%
def row(text):
    return np.array([[0 if sign == "." else int(sign) for sign in text.split()]])


truth = row("1 1 1 1 . 2 2 2 2")
answers = {
    "beside": row("1 1 1 . 2 2 2 2 2"),
    "thick": row("1 1 1 . . . 2 2 2"),
    "split": row("1 1 . 2 . 3 3 3 3"),
    "merger": row("1 1 1 1 1 1 1 1 1"),
}

# %% tags=["draws"]
plt.rc("font", size=12)
COLOURS = ListedColormap(["0.25", "#9ecae1", "#fdae6b", "#a1d99b"])


def squares(ax, numbers, signs, size=12):
    ax.imshow(numbers, cmap=COLOURS, vmin=0, vmax=3)
    for (r, c), sign in np.ndenumerate(signs):
        colour = "black" if numbers[r, c] else "white"
        ax.text(c, r, sign, color=colour, ha="center", va="center", fontsize=size)
    ax.set(xticks=np.arange(0.5, numbers.shape[1] - 1), yticks=np.arange(0.5, len(numbers) - 1))
    ax.set(xticklabels=[], yticklabels=[])
    ax.grid(color="white", linewidth=2)
    ax.tick_params(length=0)


figure, axes = plt.subplots(5, 1, figsize=(5, 3.2), layout="constrained")
for ax, (name, numbers) in zip(axes, {"truth": truth, **answers}.items(), strict=True):
    squares(ax, numbers, np.where(numbers > 0, numbers, "wall"), 11)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
show(
    figure,
    "A row of nine pixels in the truth and in four answers, coloured by segment: the wall is one "
    "pixel beside its place, too thick, in the wrong place as well, or missing.",
)

# %% [markdown]
# If you count cells or trace a neuron, `beside` and `thick` are good enough: both have two cells on
# the two sides of a wall. The other two are useless.
#
# The simplest score does not see it that way. The *pixel error* is the number of wrong pixels,
# divided by the number of all pixels. It is 2/9 for the two good answers and 1/9 for the two bad
# ones. It does not know what a cell is.


# %%
def pixel_error(truth, answer):
    return np.mean((truth > 0) != (answer > 0))


for name, wrong in {"beside": 2, "thick": 2, "split": 1, "merger": 1}.items():
    assert pixel_error(truth, answers[name]) == wrong / 9
    table = pixel.confusion(truth > 0, answers[name] > 0, 2)
    assert np.isclose(pixel.pixel_error(table), wrong / 9)
    print(f"{name:8}{wrong} of 9 pixels are wrong")

# %% [markdown]
# ## Rand: ask pairs of pixels
#
# We need a score that does not depend on how the segments are numbered. Rand's idea (1971) is to
# look at *pairs* of pixels and to ask one question: are the two pixels in the same segment? Truth
# and answer can agree on that whatever their numbers are.
#
# Two rules make this fit images of cells. First, we look only at the $n$ pixels that are cell in
# the truth, because the exact course of a wall is not the question. Second, a pixel that the answer
# calls wall is together with no other pixel.
#
# Now count three kinds of pairs:
#
# - $P$: together in the truth;
# - $Q$: together in the answer;
# - $T$: together in both.
#
# A segment of $x$ pixels has $x(x-1)/2$ pairs. Here the column of the true wall is left out, and
# `.` is wall in the answer:
#
#     truth   1 1 1 1  2 2 2 2   P = 6+6 = 12
#
#     split   1 1 . 2  3 3 3 3   Q = 1+0+6 = 7
#                                T = 7
#     merger  1 1 1 1  1 1 1 1   Q = 28
#                                T = 12
#
# *Precision* asks which part of the answer's pairs is true. *Recall* asks which part of the true
# pairs was found. Their harmonic mean is the *F-score*:
#
# $$\begin{aligned}
# \text{precision} &= \frac{T}{Q}, & \text{recall} &= \frac{T}{P}, \\
# F &= \frac{2\,T}{P + Q}.
# \end{aligned}$$
#
# The split loses recall (7/12), and the merger loses precision (12/28). The *Rand error* of the
# 2012 challenge for membranes in electron micrographs (EM) is $1 - F$. The challenge was organized
# for a conference, ISBI, and the paper's first table has its results.


# %%
def pairs(truth, answer):
    a, b = truth[truth > 0], answer[truth > 0]
    counts = np.zeros(3, int)  # T, P, Q
    for one in range(len(a)):
        for other in range(one):
            in_truth = a[one] == a[other]
            in_answer = b[one] == b[other] and b[one] > 0
            counts += (in_truth and in_answer, in_truth, in_answer)
    return counts


assert [*pairs(truth, answers["split"])] == [7, 12, 7]
assert [*pairs(truth, answers["merger"])] == [12, 12, 28]

# %% [markdown]
# ### From pairs to squares
#
# Since 2015, the challenge has counted in a slightly different way. It counts ordered pairs, so
# that every pair counts twice. It also pairs each pixel with itself. A segment of $x$ pixels then
# has $2 \cdot x(x-1)/2 + x = x^2$ pairs. A pixel that the answer calls wall is a segment of one
# pixel.
#
# If the true cells have $a_1, a_2, \ldots$ pixels, the three counts become
#
# $$\begin{aligned}
# A &= 2P + n = \sum_i a_i^2, & AB &= 2T + n, \\
# B &= 2Q + n, & F &= \frac{2\,AB}{A + B}.
# \end{aligned}$$
#
# ($AB$ is the name of one number, not a product.) This $F$ is called $V_{Rand}$. Before it is
# computed, the answer is thinned, as the next section explains. For a stack of images (*slices*),
# $V_{Rand}$ is the mean over the slices. 1 is perfect.
#
# The package computes both forms from a table of how many pixels each true cell shares with each
# segment. We compare our loop over pairs with it, on the row and on a piece of synthetic tissue
# that is compared with a random answer.

# %%
stack = em_stack((2, 160, 160), rng)
cells = [segments.components(label) for label in stack.labels]
corner = cells[0][90:122, 16:48]
noisy = segments.components(rng.random((32, 32)) < 0.7)

for true, answer in ((truth, answers["split"]), (truth, answers["merger"]), (corner, noisy)):
    table = segments.contingency(true, answer)
    counts, n = pairs(true, answer), np.sum(true > 0)
    assert np.array_equal(counts, rand.pairs(table))
    both, in_truth, in_answer = 2 * counts + n
    assert np.isclose(rand.adapted(table).f, 2 * both / (in_truth + in_answer))
    assert in_truth == sum(np.sum(true == k) ** 2 for k in np.unique(true[true > 0]))

# %% [markdown]
# ## Thinning: the width of a wall is forgiven
#
# A thick wall hides pixels of cells, and every hidden pixel costs all of its pairs. The width of a
# wall should not count. So the challenge first makes all walls of the answer one pixel thin. This
# is *border thinning*.
#
# The answer's segments grow into its walls, all at the same time. In each round they grow by one
# layer: the pixels of wall that share a side with a segment are decided, in reading order. A pixel
# that touches one segment joins it. A pixel that touches two different segments becomes part of a
# *line*. A line is final, and nothing grows across it.
#
#     thick      1 1 1 . . . 2 2 2
#     round 1    1 1 1 1 . 2 2 2 2
#     round 2    1 1 1 1 | 2 2 2 2     the truth


# %%
def around(image, r, c):
    return image[[r - 1, r, r, r + 1], [c, c - 1, c + 1, c]]


def thin(answer):
    image = np.pad(segments.components(answer), 1, constant_values=-1)  # 0 is free, -1 line
    grown = True
    while grown:
        before, grown = image.copy(), False
        for r, c in np.argwhere(before == 0):
            if around(before, r, c).max() > 0:
                touched = {k for k in around(image, r, c) if k > 0}
                image[r, c] = touched.pop() if len(touched) == 1 else -1
                grown = True
    return np.maximum(image[1:-1, 1:-1], 0)


for answer in (cells[0] > 0, noisy, rng.random((40, 30)) < 0.4):
    assert np.array_equal(thin(answer), thinning.thin(answer))

# %% [markdown]
# Now the two good answers come first: `thick` has the perfect score.

# %%
v_rand = {}
for name, answer in answers.items():
    v_rand[name] = rand.adapted(segments.contingency(truth, thin(answer))).f
    print(f"{name:8}V_Rand {v_rand[name]:.3f}")
    assert np.isclose(v_rand[name], em.v_rand([truth], [answer > 0.0], [0.5]).value)
assert [*v_rand.values()] == [52 / 58, 1, 44 / 54, 64 / 96]
assert sorted(v_rand, key=v_rand.get, reverse=True) == ["thick", "beside", "split", "merger"]

# %% [markdown]
# ## Warping: bend the truth first
#
# The second score of the challenge starts from the same thought: a wall in a slightly different
# place is not a mistake. So before truth and answer are compared, the truth is bent towards the
# answer as far as possible. Bending must change neither which cells there are nor which walls
# separate them; this is called the *topology* of the image. What still differs afterwards is a real
# mistake. We build the score in five steps.
#
# **Step 1: what is one piece?** Two pixels of cell are connected if they share a *side*. Two pixels
# of wall are connected if they share a side *or a corner*. There must be two rules, because a wall
# can run diagonally. In this corner of an image, the wall `.` is one piece that separates cell 1
# from cell 2:
#
#     1 1 .
#     1 . 2
#     . 2 2
#
# If cells were connected by corners, too, both cells would be one. Everything beyond the edge of
# the image counts as wall.
#
# **Step 2: which pixels may change?** To bend the truth, we *flip* single pixels, from cell to wall
# or from wall to cell. A flip is allowed if it changes neither the number of pieces of cell nor the
# number of pieces of wall.


# %%
def pieces(image):
    padded = np.pad(image, 1)
    cells = scipy.ndimage.label(padded)[1]
    walls = scipy.ndimage.label(~padded, np.ones((3, 3)))[1]
    return np.array([cells, walls])


def change(image, r, c):
    """Change in the number of pieces of cell, and of wall, if pixel (r, c) is flipped."""
    flipped = image.copy()
    flipped[r, c] = not image[r, c]
    return (*(pieces(flipped) - pieces(image)),)


# %% [markdown]
# Here is an example to do by hand: 5×5 pixels with three cells. Cell 3 is a single pixel. Cover the
# figure below, and decide for each pixel whether it may be flipped.
#
#     1 1 1 . 2
#     1 1 1 . 2
#     1 1 1 . 2
#     . . 1 . .
#     . 1 1 . 3
#
# Four things can go wrong. A pixel of wall between two cells would *join* them. A pixel in a narrow
# place would *cut* a cell in two. A pixel in the middle of a cell would make a *hole*, which is a
# new piece of wall. The only pixel of cell 3 would take the cell away: it would be *gone*.

# %%
small = np.array([[1, 1, 1, 0, 2], [1, 1, 1, 0, 2], [1, 1, 1, 0, 2], [0, 0, 1, 0, 0]])
small = np.vstack([small, [0, 1, 1, 0, 3]])
kinds = {
    (True, 0, 0): "ok",  # a pixel of cell
    (True, 1, 0): "cut",
    (True, 0, 1): "hole",
    (True, -1, 0): "gone",
    (False, 0, 0): "ok",  # a pixel of wall
    (False, -1, 0): "joins",
}
verdicts = np.array(
    [[kinds[small[r, c] > 0, *change(small > 0, r, c)] for c in range(5)] for r in range(5)]
)
assert [np.sum(verdicts == kind) for kind in ("ok", "cut", "hole", "gone")] == [14, 4, 1, 1]

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(4.2, 4.2), layout="constrained")
squares(ax, small, np.where(verdicts == "ok", "✓", verdicts), 13)
show(
    figure,
    "The 5 by 5 pixels, coloured by cell. A tick marks the 14 pixels that may be flipped. Most "
    "pixels of wall would join two cells, the narrow places of cells 1 and 2 would be cut, the "
    "middle of cell 1 would be a hole, and cell 3 would be gone.",
)

# %% [markdown]
# A tick holds for one flip. After it, the pieces are the same but their shapes are new, so the
# ticks must be found again. Pixel by pixel, a wall can move far.
#
# **Step 3: eight neighbours are enough.** *(You can skip this step on a first reading.)* Counting
# pieces in the whole image for every flip would be slow. Pixels that may be flipped are known as
# *simple points*, and they can be recognized from their eight neighbours (Bertrand and Malandain,
# 1994). Number the pieces of cell and wall among these eight neighbours alone. The pixel is simple
# if both statements hold:
#
# - exactly one piece of cell shares a side with the pixel;
# - there is exactly one piece of wall.
#
# In the left patch, the cells above and below the centre `x` are not connected by the eight
# neighbours. If `x` is wall, a flip connects them. If `x` is cell, a flip separates them. Either
# way, a number of pieces changes. In the right patch, they are connected along the right side:
#
#     . 1 .        . 1 1
#     . x .        . x 1
#     . 1 .        . 1 1
#
# There are $2^9 = 512$ patches of 3×3 pixels. The rule gives the right answer for all of them.

# %%
for bits in np.ndindex(9 * (2,)):
    patch = np.reshape(bits, (3, 3)) > 0
    assert topology.is_simple(patch) == (change(patch, 1, 1) == (0, 0))
left, right = (np.vstack(3 * [row(line)]) for line in (". 1 .", ". 1 1"))
assert not topology.is_simple(left) and topology.is_simple(right)

# %% [markdown]
# **Step 4: bend as far as possible.** List the pixels where truth and answer differ. Go through the
# list, and flip every pixel of the truth that may be flipped at that moment. Then begin again with
# the pixels that are left. Stop after a round without a flip.
#
# The order of the list matters, because one flip can forbid another one. The network gives each
# pixel a probability $p$ of cell, and a pixel counts as cell if $p$ is above a threshold $t$. The
# pixels with the largest $|p - t|$, where the network is most certain, come first. Of pixels with
# equal $|p - t|$, the one in the leftmost column comes first, then the uppermost one.
#
# Follow it for `beside`. Two pixels differ: the wall must move from the fifth pixel to the fourth.
#
#     truth      1 1 1 1 . 2 2 2 2
#     4th to .   1 1 1 . . 2 2 2 2  allowed
#     5th to 2   1 1 1 . 2 2 2 2 2  allowed
#
# The other order needs a second round. The fifth pixel, tried first, would join the two cells, so
# it has to wait until the fourth one is wall.


# %%
def warp(truth, p, t):
    image, flipped = truth > 0, True
    while flipped:
        differ, flipped = np.argwhere((image != (p > t)).T)[:, ::-1], False
        for r, c in sorted(differ, key=lambda at: -abs(np.float32(p[*at] - t))):
            if change(image, r, c) == (0, 0):
                image[r, c] = not image[r, c]
                flipped = True
    return image


assert np.array_equal(warp(truth, answers["beside"] > 0.0, 0.5), answers["beside"] > 0)
for p in (rng.random(corner.shape), (noisy > 0) * 1.0):
    assert np.array_equal(warp(corner, p, 0.4), warping.warp(corner, p, 0.4))

# %% [markdown]
# **Step 5: count what is left.** Each pixel that still differs is a mistake. In `split`, the third
# pixel is left: to flip it would cut cell 1. In `merger`, the fifth pixel is left: to flip it would
# join the cells. The package sorts these pixels into six kinds (`warping.Kind`). The challenge
# counts two kinds, *splits* and *mergers*, and divides by the number of all pixels. That is the
# *warping error*.

# %%
for name, expected in {"beside": 0, "thick": 0, "split": 1, "merger": 1}.items():
    found = warping.errors(truth, answers[name] > 0.0, 0.5)
    left_over = warp(truth, answers[name] > 0.0, 0.5) != (answers[name] > 0)
    assert np.sum(left_over) == found.splits + found.mergers == expected
    print(f"{name:8}{found.splits} split, {found.mergers} merged, error {expected}/9")

# %% [markdown]
# ## Intersection over union: cell by cell
#
# The fourth score asks how well each single cell was found. Take a true cell $R$. Its partner is
# the segment $S$ that covers more than half of its pixels. There can be only one. The *intersection
# over union* (IoU) is the number of pixels in both, divided by the number of pixels in at least one
# of them:
#
# $$\text{IoU} = \frac{|R \cap S|}{|R \cup S|}.$$
#
# A cell without a partner gets 0. The score, called SEG, is the mean over all true cells. It looks
# at the answer as it is, without thinning.

# %%
iou = {name: seg.jaccard(truth, answer).tolist() for name, answer in answers.items()}
assert iou["beside"] == [3 / 4, 4 / 5] and iou["thick"] == [3 / 4, 3 / 4]
assert iou["split"] == [0, 1]  # half of cell 1 is not more than half
assert iou["merger"] == [4 / 9, 4 / 9]
for name, of_cells in iou.items():
    print(f"{name:8}IoU {of_cells[0]:.2f} and {of_cells[1]:.2f}, SEG {np.mean(of_cells):.2f}")

# %% [markdown]
# ## What each score notices, and what it misses
#
# Now we plant six mistakes, one per answer, in a slice of synthetic tissue:
#
# - `moved`: all walls are one pixel too far to the right;
# - `thick`: all walls are one pixel thicker on each side;
# - `hole`: a dot of 3×3 pixels of wall inside a cell;
# - `lost`: the smallest cell, 50 pixels, is missing;
# - `split`: a line of wall, 49 pixels long, runs across one cell;
# - `merger`: a gap of three rows, 17 pixels in all, in one wall.

# %%
true = cells[0]
exact = true > 0
sizes = np.bincount(true[exact])[1:]
dot, line, gap = np.zeros((3, *true.shape), bool)
dot[78:81, 103:106] = True
line[:, 125] = true[:, 125] == true[80, 125]
gap[119:122, 20:50] = ~exact[119:122, 20:50]
planted = {
    "moved": np.hstack([exact[:, :1], exact[:, :-1]]),
    "thick": scipy.ndimage.binary_erosion(exact, border_value=1),
    "hole": exact & ~dot,
    "lost": exact & (true != 1 + sizes.argmin()),
    "split": exact & ~line,
    "merger": exact | gap,
}
assert (sizes.min(), line.sum(), gap.sum()) == (50, 49, 17)
assert np.all(true[dot] == true[79, 104]) and exact[79, 104]

# %% tags=["draws"]
figure, axes = plt.subplots(3, 2, figsize=(5, 7.9), layout="constrained")
places = {"hole": (79, 104), "split": (80, 125), "merger": (120, 33)}
places["lost"] = scipy.ndimage.center_of_mass(true == 1 + sizes.argmin())
for ax, (name, answer) in zip(axes.flat, planted.items(), strict=True):
    _, coloured, _ = score_pictures.cells_panels(None, true, segments.components(answer))
    ax.imshow(coloured.pixels, interpolation="nearest")
    ax.set(title=name, xticks=[], yticks=[])
    if name in places:
        y, x = places[name]
        ring = {"facecolors": "none", "edgecolors": "white", "linewidths": 2.5}
        ax.scatter(x, y, s=700, **ring)
ax.figure.axes[0].contour(true == 0, levels=[0.5], colors="white", linewidths=0.6)
show(
    figure,
    "Six answers to one slice, each coloured by segment on black walls. The white outlines in the "
    "first one are the true walls. A white ring marks the dot, the place of the lost cell, the "
    "line that gives one cell two colours, and the gap that gives two cells one colour.",
)

# %% [markdown]
# All answers are certain: $p$ is 0 or 1, so the threshold does not matter. All four scores are
# turned into errors, so that 0 is perfect.


# %%
def four_errors(true, answer):
    scores = em.scores([true], [answer.astype(float)], [0.5], processes=1)
    value = {score.key: score.value for score in scores}
    found = seg.jaccard(true, segments.components(answer))
    places = value["warping_splits_mergers"] * true.size
    return value["pixel_error"], 1 - value["v_rand"], places, 1 - found.mean()


errors = {name: four_errors(true, answer) for name, answer in planted.items()}
wrong, rand_error, warped, unmatched = (
    dict(zip(errors, column, strict=True)) for column in zip(*errors.values(), strict=True)
)

# %% tags=["draws"]
columns = ("pixel error", "$1 - V_{Rand}$", "warping,\npixels", "$1 -$ SEG")
numbers = np.array([*errors.values()])
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.imshow(numbers / numbers.max(axis=0), cmap="Oranges", vmax=1.6, aspect="auto")
for (r, c), number in np.ndenumerate(numbers):
    text = f"{number:.0f}" if c == 2 else f"{number:.4f}"
    ax.text(c, r, text, ha="center", va="center", fontsize=13)
ax.set(xticks=range(4), xticklabels=columns, yticks=range(6), yticklabels=[*errors])
ax.tick_params(length=0, top=True, labeltop=True, labelbottom=False)
show(
    figure,
    "A table of the six mistakes and four errors; the darker a field, the larger the error within "
    "its column. Pixel error is dark for moved and thick walls, V_Rand for split and merger, "
    "warping for thick walls, then merger and split, and SEG for thick walls, then moved ones.",
)

# %% [markdown]
# Read the table column by column:
#
# - **Pixel error** is largest for walls that are moved or thick, although every cell is found. A
#   merger of two cells hardly changes it.
# - **$V_{Rand}$** turns this round. It hardly notices moved or thick walls and holes. It weighs by
#   pairs, so a mistake in a large cell costs much, and a lost cell of 50 pixels costs almost
#   nothing.
# - **Warping** counts pixels where topology is broken. The split counts 1, however long it is: the
#   truth can grow a wall into the cell from both ends, until the last pixel would cut it. The gap
#   counts 3, one for each row. The 5 of `thick` are narrow necks that the thick walls have closed.
#   It misses holes and lost cells, because the challenge does not count these kinds.
# - **SEG** gives each cell the same weight. It notices a lost cell more than any other score does.
#   But it has no thinning, so thick walls cost more than a merger.
#
# No score sees everything. Report at least two.

# %%
assert min(wrong["moved"], wrong["thick"]) > 5 * max(
    wrong[k] for k in ("hole", "lost", "split", "merger")
)
assert sorted(wrong, key=wrong.get)[:2] == ["hole", "merger"]
assert min(rand_error["split"], rand_error["merger"]) > 0.04
assert max(rand_error[k] for k in ("moved", "thick", "hole", "lost")) < 0.002
counted = {k: round(v) for k, v in warped.items()}
assert counted == {"moved": 0, "thick": 5, "hole": 0, "lost": 0, "split": 1, "merger": 3}
assert unmatched["thick"] > unmatched["moved"] > unmatched["merger"]
assert np.isclose(unmatched["lost"], 1 / len(sizes))
assert unmatched["lost"] > 10 * max(wrong["lost"], rand_error["lost"])

# %% [markdown]
# ## Thresholds
#
# A network answers with probabilities. Somebody must choose the threshold above which a pixel
# counts as cell. The challenge tried ten thresholds, 0.0, 0.1, … 0.9, and took the best one. It
# used *the same threshold for all slices*.
#
# To see what a threshold does, we make an answer like those of a network. It is certain inside
# cells and on thick walls, and in doubt where walls are thin.


# %%
def doubtful(true, rng):
    outside = scipy.ndimage.distance_transform_edt(true == 0)
    inside = scipy.ndimage.distance_transform_edt(true > 0) - outside
    noise = scipy.ndimage.gaussian_filter(rng.standard_normal(true.shape), 2)
    return 1 / (1 + np.exp(-(inside - 0.5 + 2 * noise / noise.std()) / 1.5))


p = [doubtful(true, np.random.default_rng(k)) for k, true in enumerate(cells)]
score = {one.key: one for one in em.scores(cells, p, processes=1)}
best, least = score["v_rand"], score["pixel_error"]
assert THRESHOLDS == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

# %% tags=["draws"]
figure, axes = plt.subplot_mosaic("aa;bc", figsize=(5, 5.2), layout="constrained")
axes["a"].plot(THRESHOLDS, best.by_threshold, "C0o-", label="$V_{Rand}$")
axes["a"].plot(THRESHOLDS, least.by_threshold, "C1s-", label="pixel error")
axes["a"].set(xlabel="threshold", ylim=(0, 1.05), xticks=np.arange(0, 1, 0.2))
axes["a"].legend(loc="upper left")
for key, t in (("b", 0.4), ("c", 0.8)):
    axes[key].imshow(drawing.coloured(segments.components(p[0] > t)), interpolation="nearest")
    axes[key].set(title=f"cells above {t}", xticks=[], yticks=[])
show(
    figure,
    "Above: V_Rand rises with the threshold and is highest at 0.8; the pixel error is lowest at "
    "0.4. Below: at 0.4 most cells have run together into one colour, at 0.8 they are apart.",
)

# %% [markdown]
# At a threshold of 0.4, the fewest pixels are wrong (0.080). But the walls have gaps, and
# $V_{Rand}$ is only 0.567. At 0.8, the walls are closed and too thick: $V_{Rand}$ is 0.989, with
# nearly twice as many wrong pixels. The best threshold depends on the question.
#
# What if each slice had its own threshold? The two slices would choose 0.8 and 0.7, and the mean of
# their best values is 0.993. The answer is the same as before. The score is higher only because we
# looked at the labels once more. So choose the threshold on slices whose score you do not report.

# %%
assert (least.threshold, round(least.value, 3)) == (0.4, 0.080)
assert (best.threshold, round(best.value, 3)) == (0.8, 0.989)
assert round(best.by_threshold[4], 3) == 0.567
assert 1.8 < least.by_threshold[8] / least.value < 2
each = [em.v_rand([true], [one]) for true, one in zip(cells, p, strict=True)]
assert [one.threshold for one in each] == [0.8, 0.7]
assert round(np.mean([one.value for one in each]), 3) == 0.993

# %% [markdown]
# ## 79 % for nothing
#
# Let $q$ be the fraction of pixels that are cell. It is 0.789 in the real slices of the challenge
# that [benchmarks/README.md](../benchmarks/README.md) scores, and 0.758 here. An answer that says
# "everything is cell" has this fraction of pixels right without looking at the image.
#
# So a score means something only next to that of a *trivial baseline*, an answer that ignores the
# image. `minunet.train` prints it. There are two: everything is cell, and everything is wall. For
# the wrong pixels, the formulas are short:
#
# | | all cell | all wall |
# |---|---|---|
# | pixel error | $1 - q$ | $q$ |
# | that of 2012 | $\frac{1 - q}{1 + q}$ | $1$ |
#
# The pixel error of 2012 is $1 - F$, with precision and recall of the pixels of cell. For
# $V_{Rand}$, let $n = \sum_i a_i$ be the number of pixels of true cells. A single segment has
# $AB = A$ and $B = n^2$, and no segment at all has $AB = B = n$:
#
# $$\begin{aligned}
# F_\text{cell} &= \frac{2 \sum_i a_i^2}{\sum_i a_i^2 + n^2}, \\
# F_\text{wall} &= \frac{2\, n}{\sum_i a_i^2 + n}.
# \end{aligned}$$
#
# With $K$ equal cells, the first one is $2/(1 + K)$: it is the 2/3 of `merger` in our row.

# %%
q = stack.labels.mean()
assert round(q, 3) == 0.758
every, none = ([np.full(true.shape, p) for true in cells] for p in (1.0, 0.0))
full = {one.key: one.value for one in em.scores(cells, every, [0.5], processes=1)}
empty = {one.key: one.value for one in em.scores(cells, none, [0.5], processes=1)}
assert np.allclose([full["pixel_error"], empty["pixel_error"]], [1 - q, q])
assert np.isclose(full["challenge_pixel_error"], (1 - q) / (1 + q))
assert empty["challenge_pixel_error"] == 1
sizes = [np.bincount(true[true > 0])[1:] for true in cells]
assert np.isclose(full["v_rand"], np.mean([2 * a @ a / (a @ a + a.sum() ** 2) for a in sizes]))
assert np.isclose(empty["v_rand"], np.mean([2 * a.sum() / (a @ a + a.sum()) for a in sizes]))

# %%
print("                    all cell  all wall")
names = ("pixel_error", "challenge_pixel_error", "v_rand", "v_info", "warping_splits_mergers")
for name in names:
    print(f"{name:22}{full[name]:6.3f}{empty[name]:10.3f}")
assert full["v_info"] == empty["warping_splits_mergers"] == 0
assert warping.errors(cells[0], none[0], 0.5).objects_deleted == cells[0].max()

# %% [markdown]
# `v_info` is another score of the challenge, $V_{Info}$. It measures agreement in bits of
# information (`information.py`), and 1 is perfect.
#
# The last number is not a slip: the warping error of "everything is wall" is 0. While the truth is
# bent towards this answer, every cell shrinks to a single pixel. That pixel is a lost cell, and
# lost cells are not counted. So a network that finds nothing has a perfect warping error. This is
# one more reason to print several scores.

# %% [markdown]
# ## The paper's tables
#
# Table 1 has the results of the EM challenge on 6 March 2015. These are five of its rows. All
# numbers are errors, so low is good; the warping error is in millionths.
#
# | | warping | Rand | pixel |
# |---|---|---|---|
# | u-net | 353 | .0382 | .0611 |
# | DIVE-SCI | 355 | .0305 | .0584 |
# | IDSIA | 420 | .0504 | .0613 |
# | DIVE | 430 | .0545 | .0582 |
# | IDSIA-SCI | 653 | .0189 | .1027 |
#
# Of these rows, U-Net is the best in warping alone. On 30 slices of 512×512 pixels, a warping error
# of 353 millionths is 2,776 pixels.
#
# Table 2 has the IoU (our SEG) of two sets of cells from light microscopy. It is 0.9203 for
# PhC-U373, where the next best had 0.83, and 0.7756 for DIC-HeLa, where the next best had 0.46.

# %%
table_1 = {
    "u-net": (353, 382, 611),
    "DIVE-SCI": (355, 305, 584),
    "IDSIA": (420, 504, 613),
    "DIVE": (430, 545, 582),
    "IDSIA-SCI": (653, 189, 1027),
}
best_of = [min(table_1, key=lambda name: table_1[name][k]) for k in range(3)]
assert best_of == ["u-net", "IDSIA-SCI", "DIVE"]
assert round(353e-6 * 30 * 512**2) == 2776

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/scores.py`.

# %%
# By hand: how many pairs are together in both (T), in the truth (P) and in the answer (Q)?
#     truth     1 1 1 . 2 2 2 2
#     answer    1 1 1 1 1 . 2 2
answer = ...  # (T, P, Q)
check_pairs(answer)


# %%
def v_rand(truth, thinned):
    """Return F = 2 AB / (A + B) of one slice by counting squares; both (H, W) integer, 0 is wall.

    Do not use minunet. Think of the pixels of true cells where the answer has a wall.
    """
    ...


check_v_rand(v_rand)


# %%
def allowed(patch):
    """Return True if the centre of a patch (3, 3), True where cell, may be flipped in warping.

    You may use `scipy.ndimage.label`.
    """
    ...


check_allowed(allowed)


# %%
def sabotage(truth):
    """Return an answer (H, W), True where cell: pixel error below 1 % and V_Rand below 0.8.

    truth (H, W) has the numbered cells of 128 × 128 pixels of tissue; 0 is wall.
    """
    ...


check_sabotage(sabotage)

# %% [markdown]
# ## Summary
#
# - The pixel error counts wrong pixels. It does not know what a cell is.
# - $V_{Rand}$ asks of pairs of pixels whether they are together, after the walls were thinned. It
#   punishes splits and mergers of large cells.
# - The warping error bends the truth towards the answer without changing its topology, and counts
#   the splits and mergers that are left.
# - SEG is the mean intersection over union of the true cells. Each cell has the same weight.
# - Choose a threshold on slices that you do not report, and compare every score with that of a
#   trivial baseline.
#
# ## In other words
#
# | here | elsewhere |
# |---|---|
# | truth | **ground truth**, reference, gold standard |
# | 1 − pixel error | **accuracy** |
# | segment | **connected component**, instance |
# | IoU | **Jaccard index** |
# | F-score of pixels | **Dice coefficient**, F1 |
# | merger | **under-segmentation**, false merge |
# | split | **over-segmentation**, false split |
# | trivial baseline | **majority-class classifier** |
#
# ## Further reading
#
# - W. M. Rand: *Objective criteria for the evaluation of clustering methods*, 1971. Pairs.
# - V. Jain and others: *Boundary learning by optimization with topological constraints*, 2010. The
#   warping error.
# - I. Arganda-Carreras and others: *Crowdsourcing the creation of image segmentation algorithms for
#   connectomics*, 2015. The EM challenge, $V_{Rand}$ and $V_{Info}$.
# - G. Bertrand and G. Malandain: *A new characterization of three-dimensional simple points*, 1994.
#
# Next: [12. Making it fast](12_speed.ipynb) asks how fast all of this can be computed.
