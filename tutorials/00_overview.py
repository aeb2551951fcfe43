# %% [markdown]
# # 0. What the network does
#
# *What does a U-Net make of an image, and how does it learn to do it?*
#
# **After this chapter you can** say what segmentation is for, train a small network, compare its
# answer with that of a simpler method, and choose your way through the course.
#
# **Prerequisites:** some Python, and NumPy arrays.
#
# **Time:** 20 minutes.
#
# This chapter uses `minunet/training/loop.py` and `minunet/prediction/model.py`; later chapters
# explain them. After: [1. What is a convolution?](01_convolution.ipynb)

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import scipy
from course import show_map
from exercises.convolution import check_by_hand
from figures import show

import minunet
from minunet import augmentation, training
from minunet.data import weight_map
from minunet.data.synthetic import em_stack
from minunet.image import Sample
from minunet.metrics import em
from minunet.prediction.instances import Rule
from minunet.report.drawing import coloured
from minunet.runs.settings import from_options
from minunet.training import sampling

rng = np.random.default_rng(0)

# %% [markdown]
# ## The image, and the question
#
# Nerve tissue can be cut into slices 50 nanometres thick, and an electron microscope can take an
# image of each. Such an image is an **EM slice**, and the slices of one piece of tissue are a
# **stack**. An EM slice shows nerve cells cut across: each **cell** is a pale patch, and the dark
# line around it is its **membrane**. If you can tell which patch in one slice continues which patch
# in the next, you can follow every nerve fibre, and draw the wiring of a brain. But a cubic
# millimetre of brain has 20,000 such slices, far too many to outline by hand.
#
# The first step is **segmentation**: dividing the image into its parts, by deciding for each pixel
# whether it is cell or membrane. These two are the **classes**. The correct class of a pixel is its
# **label**, and all labels together are the **ground truth**. Usually a person draws them. Doctors,
# foresters and car makers have the same problem: which pixels are tumour, tree or road?
#
# This chapter needs images with perfect labels, so minunet draws a synthetic stack of eight
# slices. About a quarter of its pixels are membrane. All random numbers follow from a fixed
# **seed**, so you get about the same result each time.

# %%
stack = em_stack((8, 256, 256), rng)
low, high = (limit(stack.images, axis=(1, 2), keepdims=True) for limit in (np.min, np.max))
images = np.float32((stack.images - low) / (high - low))  # in each slice, 0 is black and 1 white
labels, cells = stack.labels, stack.instances  # 0 is membrane; the cells are numbered
print(f"{len(images)} slices; membrane: {np.mean(labels == 0):.0%} of all pixels")
assert 0.2 < np.mean(labels == 0) < 0.3

# %% tags=["draws"]
plt.rcParams["font.size"] = 11  # so that figures can be read on a phone
figure, panels = plt.subplots(2, 2, figsize=(5, 5.4), layout="constrained")
panels[0, 0].imshow(images[7], cmap="gray")
panels[0, 1].imshow(labels[7], cmap="gray")
panels[1, 0].imshow(coloured(cells[7]), interpolation="nearest")
panels[1, 1].imshow(images[7], cmap="gray")
panels[1, 1].imshow(coloured(cells[7]), interpolation="nearest", alpha=0.4)
titles = ("EM slice", "labels", "cells", "cells on the slice")
for ax, title in zip(panels.flat, titles, strict=True):
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "A synthetic EM slice with grey cells, dark membranes and noise; its labels, white for cell "
    "and black for membrane; its cells, each in a colour of its own; and these colours laid over "
    "the slice.",
)

# %% [markdown]
# ## A simple method
#
# Membranes are dark. So blur the image a little to remove the noise, and choose a grey value, the
# **threshold**: anything darker is membrane. Each connected patch of the rest is a cell.
#
# How good is that? We use **V_Rand**, the score of the challenge for which the U-Net was built. It
# looks at all pairs of pixels that lie in cells: do the answer and the ground truth agree on
# whether both lie in the same cell? V_Rand is 1 if they always do, and falls with each cell that is
# split or merged ([chapter 11](11_scores.ipynb) explains it). We choose the threshold on slices 4
# and 5, and score slices 6 and 7. Never score a method only on the images that you adjusted it to.


# %%
def score(answers):
    """V_Rand on slices 6 and 7, and the threshold, which is the best one for slices 4 and 5."""
    best = em.v_rand(cells[4:6], answers[4:6]).threshold
    return em.v_rand(cells[6:], answers[6:], [best]).value, best


blurred = scipy.ndimage.gaussian_filter(images, (0, 1.5, 1.5))
simple, darkest = score(blurred)
print(f"blur and threshold: V_Rand {simple:.2f}")

# %% [markdown]
# ## A network
#
# The grey value of a pixel is not enough, because some parts of a cell are as dark as its membrane.
# A **network** also looks at the neighbourhood of the pixel. It is a function that contains many
# numbers, its **weights**, and the weights determine what it computes. It is made of **layers**.
# Each layer takes an array, combines neighbouring numbers in a simple way, and passes the result to
# the next layer. The U-Net got its name from a drawing of its layers, which is further down.
#
# The output is one number between 0 and 1 for each pixel: the probability that it is cell. We begin
# with random weights, whose answer means nothing. The network of this chapter is a small one: the
# U-Net of the paper has `depth=4` and `channels=64` (chapter 7), and 31 million weights.

# %%
settings = from_options(depth=2, channels=8, tile=124, steps=800, scaling="image")
state = training.start(settings, "cpu")  # random weights


def answer(some):
    """Probability of cell, from the network as it is now; it has the shape of the images."""
    return minunet.Model(state.params, settings, state.step).segment(some)[..., 1]


answers = {0: answer(images[7])}
assert 0 <= answers[0].min() and answers[0].max() <= 1
print(f"{settings.architecture.parameters():,} weights")

# %% [markdown]
# ## Training
#
# **Training** finds good weights by showing the network examples. It repeats one step:
#
# 1. Cut a square from a random place of slices 0 to 5. This square is called a **tile**.
# 2. Compute the answer of the network, and compare it with the labels. The **energy** is a number
#    that says how wrong the answer is. This is the word of the paper; most people say **loss**.
# 3. Compute for each weight how fast the energy grows with it. These numbers are the **gradient**.
# 4. Change each weight a little in the direction in which the energy falls.
#
# That is all. Nobody tells the network what a membrane looks like. The first cell below prepares
# the slices. It also gives each pixel an importance, so that thin walls between cells count
# ([chapter 6](06_border_weights.ipynb)). The second cell trains, in less than two minutes. Now and
# then it saves the answer for slice 7, which is never trained on. Its `rate`, `momentum` and `clip`
# say how far a step goes; [chapter 10](10_training.ipynb) explains them.

# %%
w_c = weight_map.class_weights(labels[:6], 2)
slices = [
    Sample(images[k, :, :, np.newaxis], labels[k], weight_map.paper(cells[k].astype(int), w_c))
    for k in range(6)
]


def tile():
    """A tile at a random place of a random slice, turned and flipped at random."""
    turned = augmentation.SETS["symmetries"]
    return sampling.sample(slices, settings.tile, settings.depth, turned, rng)


# %%
energies, began = [], time.process_time()
network, momentum, clip = settings.architecture, settings.momentum, settings.clip
for step in range(settings.steps):
    rate = training.learning_rate(step, settings)
    energies.append(training.step(state, tile(), network, rate, momentum, clip))
    if state.step in (50, 100, 200, 800):
        answers[state.step] = answer(images[7])
print(f"{state.step} steps took {time.process_time() - began:.0f} seconds of processor time")
assert np.mean(energies[-100:]) < 0.7 * np.mean(energies[:20])

# %% tags=["draws"]
figure = plt.figure(figsize=(5, 5.9), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(3.8, 2.1))
part = np.s_[60:220, 60:220]
shown = {"EM slice 7": images[7]} | {f"step {step}": p for step, p in answers.items()}
for ax, (title, pixels) in zip(above.subplots(2, 3).flat, shown.items(), strict=True):
    ax.imshow(pixels[part], cmap="gray", vmin=0, vmax=1)
    ax.set(title=title, xticks=[], yticks=[])
ax = below.subplots()
ax.plot(energies, color="0.7", linewidth=0.7, label="each tile")
mean = np.convolve(energies, np.full(50, 1 / 50), mode="valid")
ax.plot(np.arange(49, len(energies)), mean, color="tab:blue", label="mean of 50 tiles")
ax.set(xlabel="step", ylabel="energy", ylim=(0, 1.5))
ax.legend()
show(
    figure,
    "Above: part of an EM slice, and the probability of cell after 0, 50, 100, 200 and 800 steps. "
    "It is meaningless at first, then follows the grey values, and finally shows bright cells "
    "between dark lines. Below: the energy of each tile, which jumps up and down, and its mean "
    "over 50 tiles, which falls with ups and downs.",
)

# %% [markdown]
# Early answers follow the grey values. Later, most of the small dark spots inside cells disappear,
# and the membranes stay. The energy differs from tile to tile, because some tiles are harder than
# others. Its mean over 50 tiles falls to little more than half, with ups and downs.
#
# The score is clearly higher than that of the simple method. It is still far from 1, because one
# gap in a membrane is enough to join two cells, even if all other pixels are right.

# %%
trained = answer(images)
learned, threshold = score(trained)
print(f"blur and threshold: V_Rand {simple:.2f};  network: V_Rand {learned:.2f}")
assert learned > simple + 0.05

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(5, 5.4), layout="constrained")
shown = {
    "EM slice 7": np.repeat(images[7, ..., np.newaxis], 3, axis=-1),
    "ground truth": coloured(cells[7]),
    "blur and threshold": coloured(Rule(darkest).cells(blurred[7])),
    "network": coloured(Rule(threshold).cells(trained[7])),
}
for ax, (title, pixels) in zip(panels.flat, shown.items(), strict=True):
    ax.imshow(pixels, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Slice 7, and its cells, each in a colour of its own. With blur and threshold, nearly all "
    "large cells are joined in one patch. With the network, far fewer are joined.",
)

# %% [markdown]
# ## A map of the course
#
# This is the U-Net of the paper, drawn as in its Figure 1. A tile of 572×572 pixels enters at the
# upper left, and the probabilities leave at the upper right. Each bar is an array. The numbers
# above the bars count its **features**, which are the values that it holds for each pixel. A number
# such as 284² beside a bar gives its size, here 284×284 pixels. Each arrow is an operation, and
# **each arrow and each number in a circle is a link** to the chapter that explains it. (In Jupyter,
# the links work once you have run the cell.) The list below has the same links.

# %%
show_map()

# %% [markdown]
# | chapter | what it explains | minutes |
# |---|---|---|
# | [1](01_convolution.ipynb) | convolution, the blue arrows | 50 |
# | [2](02_gradients.ipynb) | gradients, computed backwards through the network | 70 |
# | [3](03_relu_and_maxpool.ipynb) | ReLU, and max-pooling, the red arrows | 45 |
# | [4](04_upconvolution.ipynb) | up-convolution, the green arrows | 45 |
# | [5](05_energy.ipynb) | the energy | 50 |
# | [6](06_border_weights.ipynb) | the weights that keep touching cells apart | 60 |
# | [7](07_the_u.ipynb) | the whole network, and the grey arrows | 75 |
# | [8](08_tiles.ipynb) | segmenting large images tile by tile | 50 |
# | [9](09_deformation.ipynb) | bending images, to learn from few of them | 60 |
# | [10](10_training.ipynb) | training: learning rate, momentum, and what can go wrong | 60 |
# | [11](11_scores.ipynb) | scores | 60 |
# | [12](12_speed.ipynb) | speed | 75 |
# | [13](13_your_own_data.ipynb) | your own images | 50 |
#
# **What you need.** Chapters 1 to 9 need first-year mathematics: sums, matrices and the chain rule.
# Chapters 10 to 12 need more in places: complex roots of a quadratic equation (10), connected sets
# in the plane (11), interpolation by polynomials (12). You can skip these parts, and all of chapter
# 12. If you only want to segment your own images, read chapters 11 and 13 next.
#
# **The exercises.** Chapters 1 to 13 end with three or four exercises each. You replace each `...`
# and run the cell: it says whether your answer is right and, if not, what is likely to be wrong.
# The first exercise of chapter 1 asks for six numbers. Here is what you see if you forget `b`:

# %%
x = np.array([[2, 0, 1, 3], [1, 4, 0, 1], [0, 1, 2, 0]])
w, b = np.array([[1, -1], [0, 2]]), 5
check_by_hand([[10, -1, 0], [-1, 8, -1]])

# %% [markdown]
# ## Summary
#
# - Segmentation decides for each pixel what it shows, here cell or membrane.
# - A network is a function with many weights. It computes a probability for each pixel.
# - A training step cuts a tile, computes the energy and its gradient, and changes the weights.
# - Score a network on images that it was not trained on, next to a simple method.
# - Each arrow of the U is an operation, and each operation has a chapter.
#
# ## In other words
#
# The energy is also called **loss**, **cost** or **objective**. The labels are **targets** or
# **annotations**, and a tile is a **patch** or **crop**. Deciding between cell and membrane at each
# pixel is **semantic segmentation**; numbering the cells is **instance segmentation**. The training
# above is **stochastic gradient descent**. All weights together are the **parameters** of the
# **model**, and its layers and their sizes are its **architecture**. In images of cells that lie
# apart, all that is not cell is **background**.
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer and T. Brox, *U-Net: Convolutional Networks for Biomedical Image
#   Segmentation*, 2015: the paper that this course explains, eight pages.
# - I. Arganda-Carreras and others, *Crowdsourcing the creation of image segmentation algorithms for
#   connectomics*, 2015: the challenge, its images and its scores.
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, 2016: a textbook.
#
# Next: [1. What is a convolution?](01_convolution.ipynb)
