# %% [markdown]
# # 5. What is the energy of a prediction?
#
# *How do you measure by one number how wrong a network is, so that training can make it smaller?*
#
# **After this chapter you can** write the paper's equation (1) so that logits of ±10,000 do it no
# harm, derive its gradient in a few lines, and say what one step of training does to one pixel.
#
# **Prerequisites:** chapter 2 (gradients); logarithm and exponential function.
#
# **Time:** 50 minutes.
#
# This chapter explains `minunet/ops/cross_entropy.py`.
# Before: [4. What is an up-convolution?](04_upconvolution.ipynb).
# After: [6. Border weights](06_border_weights.ipynb).

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
from exercises.energy import (
    check_constant,
    check_energy_backward,
    check_ignorance,
    check_two_class_energy,
)
from figures import show

from minunet.data.synthetic import em_stack
from minunet.gradcheck import check_gradients, numerical_gradient
from minunet.network import sizes
from minunet.ops import conv2d, cross_entropy

rng = np.random.default_rng(1)

# %% [markdown]
# ## Three words for one thing
#
# The network gives every pixel a probability for each class. Training needs one number that says
# how wrong all of these are together. The paper calls it the **energy**, after a similar quantity
# in physics. Most other texts call it the **loss**, and this particular loss the **cross-entropy**.
# In this course it is always called the energy, $E$. Smaller is better, and 0 is perfect.
#
# ## From logits to probabilities
#
# The last map of the network has $K$ channels, one for each class. Its *activation*
# $a_k(\mathbf{x})$ at the pixel $\mathbf{x}$, also called the **logit** of class $k$, can be any
# number; in the code it is `logits[r, c, k]`. The **soft-max** turns logits into probabilities. The
# exponential makes them positive, and the division makes the classes of a pixel sum to 1:
#
# $$ p_k(\mathbf{x}) = \frac{\exp(a_k(\mathbf{x}))}{\sum_{k'=1}^{K} \exp(a_{k'}(\mathbf{x}))} $$
#
# (Here, as in the paper, a bold $\mathbf{x}$ is the position of a pixel, not a map, and below,
# $w(\mathbf{x})$ is the weight of a pixel, not a kernel.)
#
# By hand: for the logits $0$ and $\ln 3$ the exponentials are 1 and 3, so the probabilities are
# $\tfrac14$ and $\tfrac34$. A number added to all logits of a pixel cancels. With two classes, only
# the difference $a_1 - a_0$ matters. (The paper counts classes from 1, the code from 0.)
#
# The name comes from a limit: multiply the logits by a large number, and the class with the largest
# logit gets nearly all of the probability. It is a soft maximum.


# %%
def softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


assert np.allclose(softmax([0, np.log(3)]), [1 / 4, 3 / 4])
assert np.allclose(softmax([5, 5 + np.log(3)]), [1 / 4, 3 / 4])  # 5 added to both: it cancels

three = np.array([0.5, 2.0, 1.0])
d = np.linspace(-5, 5, 11)
assert np.allclose(softmax(np.stack([0 * d, d], axis=-1))[:, 1], 1 / (1 + np.exp(-d)))
assert softmax(30 * three).max() > 0.999

# %% tags=["draws"]
plt.rcParams["font.size"] = 12  # so that figures can be read on a phone
figure, panels = plt.subplots(2, 2, figsize=(5.2, 4.6), layout="constrained")
for ax, title, values in (
    (panels[0, 0], "logits", three),
    (panels[0, 1], "exponentials", np.exp(three)),
    (panels[1, 0], "soft-max", softmax(three)),
    (panels[1, 1], "soft-max of 5 × logits", softmax(5 * three)),
):
    bars = ax.bar(range(3), values, color=["tab:blue", "tab:orange", "0.3"])
    ax.bar_label(bars, fmt="%.2f", fontsize=11)
    ax.set(title=title, xticks=range(3), yticks=(), ylim=(0, 1.2 * max(values)))
    ax.set_xlabel("class")
show(
    figure,
    "Bars for three classes. Logits 0.5, 2 and 1 become exponentials 1.65, 7.39 and 2.72, and "
    "probabilities 0.14, 0.63 and 0.23. With logits five times as large, the second class has "
    "nearly all of the probability.",
)

# %% [markdown]
# ## From probabilities to the energy
#
# Let $\ell(\mathbf{x})$ be the true class of a pixel, and $\Omega$ the pixels of the output. If the
# pixels are independent, the network gives the true label map the probability
# $\prod p_{\ell(\mathbf{x})}(\mathbf{x})$. Training should make that large.
#
# But a product of many small numbers is useless on a computer. The paper's output has 388 × 388 =
# 150,544 pixels. With a probability of 0.9 in each, the product is 0 in float64. Its natural
# logarithm is a sum, about −15,900. With a minus sign it becomes a price that is to be made small.
# A weight $w$ makes a pixel count as $w$ pixels. This is the energy:
#
# $$ E = -\sum_{\mathbf{x} \in \Omega} w(\mathbf{x}) \log p_{\ell(\mathbf{x})}(\mathbf{x})
#    \qquad (1) $$
#
# The paper prints (1) without the minus. Minimized as printed, it would drive the probability of
# the truth to 0. The code below takes 40 steps downhill with either sign, for one pixel. (The
# gradient that it uses is derived below.)

# %%
assert sizes.output_size(572, depth=4) ** 2 == 150_544
assert 0.9**150_544 == 0 and round(150_544 * np.log(0.9), -2) == -15_900

label, weight = np.array([[1]]), np.array([[1.0]])
for name, sign in (("with the minus", 1), ("as printed", -1)):
    a = np.zeros((1, 1, 2))
    for _ in range(40):
        _, p = cross_entropy.forward(a, label, weight)
        a -= 0.5 * sign * cross_entropy.backward(p, label, weight)
    print(f"{name}: the true class has the probability {p[0, 0, 1]:.2f}")
    assert p[0, 0, 1] > 0.95 if sign == 1 else p[0, 0, 1] < 0.05

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
q = np.linspace(0.002, 1, 500)
ax.plot(q, -np.log(q), color="tab:blue")
for at in (0.01, 0.1, 0.5, 0.9):
    ax.plot(at, -np.log(at), "o", color="tab:blue")
    ax.annotate(f"{-np.log(at):.2f}", (at, -np.log(at)), (6, 3), textcoords="offset points")
ax.set(xlabel="probability of the true class, p", ylabel="price, −log p")
show(
    figure,
    "The price of a pixel, minus the logarithm of the probability of its true class: 4.61 at 0.01, "
    "2.30 at 0.1, 0.69 at a half, 0.11 at 0.9, and 0 at 1.",
)

# %% [markdown]
# ## Two pixels by hand
#
# In the first pixel, the truth has probability $\tfrac14$ and weight 1: it costs
# $\ln 4 = 2 \ln 2$. In the second it has $\tfrac12$ and weight 2: again $2 \ln 2$. The energy is
# $4 \ln 2$, about 2.77. The code takes the logarithm of the soft-max, picks the class of the label
# in each pixel, and sums.

# %%
print(inspect.getsource(cross_entropy.forward).split('"""')[2])

# %%
logits = np.array([[[0, np.log(3)], [7, 7]]])  # (1, 2, 2): one row, two pixels, two classes
labels, weight_map = np.array([[0, 1]]), np.array([[1.0, 2]])
energy, p = cross_entropy.forward(logits, labels, weight_map)
assert np.allclose(p, [[[1 / 4, 3 / 4], [1 / 2, 1 / 2]]]) and np.allclose(p, softmax(logits))
assert np.isclose(energy, 4 * np.log(2)) and round(float(energy), 2) == 2.77

# %% [markdown]
# ## Stable at ±10,000
#
# Taken literally, the formulas fail for large logits: $e^{89}$ is infinite in float32, and
# $e^{710}$ in float64. Two remedies are needed:
#
# 1. Subtract the largest logit $m$ of the pixel from all of them. It cancels, and now no exponent
#    is above 0. But a $p$ can still become 0, and its logarithm infinite.
# 2. Never compute the logarithm of $p$. Write it out instead:
#
# $$ \log p_k = (a_k - m) - \log \sum_{k'} \exp(a_{k'} - m) $$
#
# The sum lies between 1 and $K$, so its logarithm is harmless.
#
# Some programs do something else: they *clip* $p$, so that it is at least $10^{-7}$. Then a very
# wrong pixel costs 16, however wrong it is. Its energy is constant there, so its gradient is 0, and
# training no longer corrects it.

# %%
print(inspect.getsource(cross_entropy.log_softmax).split('"""')[2])

# %%
d = np.linspace(0, 150, 601, dtype=np.float32)
a = np.stack([d, 0 * d], axis=-1)  # the true class is 1: wrong by d
with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
    literal = -np.log(softmax(a)[:, 1])
    p = softmax(a - a.max(axis=-1, keepdims=True))[:, 1]
    shifted, clipped = -np.log(p), -np.log(np.maximum(p, 1e-7))
    assert np.isinf(np.exp(np.float32(89))) and np.isinf(np.exp(710.0))
stable = -cross_entropy.log_softmax(a)[:, 1]
assert np.isinf(literal[d >= 89]).all() and np.isinf(shifted[d >= 104]).all()
assert round(clipped.max()) == 16 and np.ptp(clipped[d > 17]) == 0
assert np.allclose(stable, np.logaddexp(0, d), rtol=1e-6)
assert cross_entropy.log_softmax(np.array([1e4, -1e4])).tolist() == [0, -2e4]

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
for curve, name, colour, width in (
    (stable, "log_softmax", "0.65", 8),
    (shifted, "first remedy only", "tab:orange", 4),
    (literal, "literal", "tab:blue", 1.5),
    (clipped, "p clipped", "black", 1.5),
):
    ax.plot(d, curve, label=name, color=colour, linewidth=width)
ax.set(xlabel="$a_0 - a_1$, where class 1 is true", ylabel="energy of a pixel", ylim=(0, 150))
ax.legend(fontsize=11)
show(
    figure,
    "Energy of one pixel against how wrong it is, in float32. log_softmax is a straight line up to "
    "150. The literal formula ends at 88, the one with the largest subtracted at 103: from there "
    "they are infinite. With p clipped the energy is constant from 16 on.",
)

# %% [markdown]
# ## The gradient: p − y
#
# The logits of a pixel change the price of that pixel only, so the sum over pixels drops out. Let
# $\ell$ be the true class, and let $y_k$ be 1 for $k = \ell$ and 0 for the other classes. Insert
# the soft-max:
#
# $$ E = -w \log p_\ell = w \left( \log \sum_{k'} \exp(a_{k'}) - a_\ell \right) $$
#
# The derivative of the first part, by the chain rule, is the soft-max again:
#
# $$ \frac{\partial}{\partial a_k} \log \sum_{k'} \exp(a_{k'})
#    = \frac{\exp(a_k)}{\sum_{k'} \exp(a_{k'})} = p_k $$
#
# The derivative of $a_\ell$ with respect to $a_k$ is $y_k$: 1 if it is the same logit, else 0.
# Together:
#
# $$ \frac{\partial E}{\partial a_k} = w \, (p_k - y_k) $$
#
# This is what the network says minus what is true. The backward pass has to remember $p$, but not
# the logits. It needs no gradient from a later op, because the energy comes last.

# %%
print(inspect.getsource(cross_entropy.backward).split('"""')[2])

# %%
logits = rng.standard_normal((4, 5, 3))
labels, weight_map = rng.integers(0, 3, (4, 5)), rng.random((4, 5)) + 0.5
_, p = cross_entropy.forward(logits, labels, weight_map)
dlogits = cross_entropy.backward(p, labels, weight_map)
for r, c, k in np.ndindex(logits.shape):
    y_k = 1 if k == labels[r, c] else 0
    p_k = softmax(logits[r, c])[k]
    assert np.isclose(dlogits[r, c, k], weight_map[r, c] * (p_k - y_k), rtol=0, atol=1e-14)

arguments = {"logits": logits, "labels": labels, "weight_map": weight_map}
worst = check_gradients(cross_entropy.forward, arguments, 1.0, {"logits": dlogits})
print(f"relative error against central differences: {worst:.1e}")
assert np.allclose(dlogits.sum(axis=-1), 0, atol=1e-14)  # of a pixel: all classes sum to 0

# %% [markdown]
# ## One step, one pixel
#
# Three classes have the logits $\ln 1, \ln 2, \ln 5$, so $p = (1, 2, 5)/8$. The truth is class 0,
# so $p - y = (-7, 2, 5)/8$. A step of training subtracts the gradient $g$ times a number, the
# *learning rate* $\eta$. Let it be 1. The logit of the true class rises by $\tfrac78$; the others
# fall in proportion to their probability; and the sum of the logits stays the same. The probability
# of class 0 goes from 0.125 to 0.36, and the energy from 2.08 to 1.02. As $p$ comes close to $y$,
# the gradient becomes small, and so do the steps.
#
# A *short* step lowers $E$ by about $\eta$ times the sum of the squares of the gradient: insert
# $\delta = -\eta\, g$ into $E(y + \delta)$ of chapter 2. (In a network, a step cannot move the
# logits of one pixel alone, because all pixels share the same kernels.)

# %%
label, weight = np.array([[0]]), np.array([[1.0]])
start = np.log([[[1.0, 2, 5]]])
a, steps, energies = start.copy(), [], []
for _ in range(16):
    energy, p = cross_entropy.forward(a, label, weight)
    steps.append(p[0, 0])
    energies.append(energy)
    a -= cross_entropy.backward(p, label, weight)

gradient = steps[0] - [1, 0, 0]
assert np.allclose(8 * gradient, [-7, 2, 5])
assert np.round([steps[0][0], steps[1][0]], 3).tolist() == [0.125, 0.362]
assert np.round(energies[:2], 2).tolist() == [2.08, 1.02] and np.isclose(a.sum(), start.sum())
short = cross_entropy.forward(start - 1e-4 * gradient, label, weight)[0]
assert np.isclose((energies[0] - short) / 1e-4, (gradient**2).sum(), rtol=1e-3)

# %% tags=["draws"]
figure, panels = plt.subplots(2, 3, figsize=(5.2, 4.4), layout="constrained", sharey="row")
for step, (above, below) in zip((0, 1, 5), panels.T, strict=True):
    colours = ["tab:blue", "tab:orange", "0.3"]
    above.bar(range(3), steps[step], color=colours)
    below.bar(range(3), steps[step] - [1, 0, 0], color=colours)
    above.set(title=f"step {step}", ylim=(0, 1), xticks=())
    below.axhline(0, color="black", linewidth=0.8)
    below.set(ylim=(-1, 1), xticks=range(3), xlabel="class")
panels[0, 0].set(ylabel="p")
panels[1, 0].set(ylabel="gradient, p − y")
show(
    figure,
    "Probabilities of three classes, and the gradients of their logits, at steps 0, 1 and 5. Class "
    "0, the true one, grows from an eighth to most of the probability. Its gradient is negative, "
    "the others are positive, and all shrink.",
)

# %% [markdown]
# ## Why not the squared error?
#
# A simpler price would be $\frac{1}{2} \sum_k (p_k - y_k)^2$. Take two classes, of which 1 is true.
# As $p_0 = 1 - p_1$, the price is $(1 - p_1)^2$. What is its slope in $a_1$?
#
# 1. From the gradient above, $\log p_1$ has the slope $1 - p_1$.
# 2. So $p_1 = \exp(\log p_1)$ has the slope $p_1 (1 - p_1)$.
# 3. So $(1 - p_1)^2$ has the slope $-2 \, p_1 (1 - p_1)^2$.
#
# Where the network is most wrong, $p_1$ is close to 0, and so is this slope: the pixel that is most
# wrong is hardly corrected. With $-\log p_1$ there is no such factor. The more wrong the pixel is,
# the steeper is its slope $p_1 - 1$, whose size is never above 1.

# %%
d = np.linspace(-8, 8, 161)
p = softmax(np.stack([0 * d, d], axis=-1))


def squared_error():
    return 0.5 * np.sum((softmax(np.stack([0 * d, d], axis=-1)) - [0, 1]) ** 2)


squared = numerical_gradient(squared_error, d, list(np.ndindex(d.shape)))
assert np.allclose(squared, -2 * p[:, 1] * (1 - p[:, 1]) ** 2, rtol=0, atol=1e-7)
ones = np.ones((1, d.size), int)
logarithm = cross_entropy.backward(p[np.newaxis], ones, ones)[0, :, 1]
assert np.allclose(logarithm, p[:, 1] - 1)
assert abs(squared[0]) < 0.001 and abs(logarithm[0]) > 0.999

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5.2, 3), layout="constrained")
ax.plot(d, logarithm, color="tab:blue", label="−log p")
ax.plot(d, squared, color="tab:orange", label="squared error")
ax.set(xlabel="$a_1 - a_0$, where class 1 is true", ylabel="slope in $a_1$")
ax.text(-8, 0.06, "very wrong", ha="left")
ax.text(8, 0.06, "right", ha="right")
ax.set_ylim(-1.1, 0.25)
ax.legend(fontsize=11, loc="lower right")
show(
    figure,
    "Slopes against the difference of logits. That of −log p goes from −1 where the pixel is wrong "
    "to 0 where it is right. That of the squared error is 0 at both ends.",
)

# %% [markdown]
# ## A whole image: weights and the sum
#
# In place of a network, take a simple rule for an image from an electron microscope, in which the
# membranes between cells are dark: the brighter the 5×5 pixels around a pixel are, the more likely
# it is cell, class 1. Membrane, class 0, has the weight 3 here; chapter 6 has better weights.
#
# The prices differ widely: a fifth of the pixels costs more than half of the energy. These are pale
# membranes, dark places inside cells, and rims. The gradient of $a_1$ is negative in cells
# (violet), so that a step raises $a_1$ there, and positive on membranes (orange). The gradient of
# $a_0$ has the opposite sign.
#
# Equation (1) is a sum. So the same image twice has twice the energy, and the gradients of the
# kernels are twice as large. Training therefore divides the weight map by the number of pixels, so
# that the same learning rate suits images of any size.

# %%
stack = em_stack((1, 96, 128), rng)
image, labels = stack.images[0] / 255.0, stack.labels[0, 2:-2, 2:-2].astype(int)
blurred = conv2d.forward(image[..., np.newaxis], np.full((5, 5, 1, 1), 1 / 25), np.zeros(1))
logits = 20 * (blurred - 0.45) * [0, 1]
weight_map = np.where(labels == 0, 3.0, 1.0)

energy, p = cross_entropy.forward(logits, labels, weight_map)
da1 = cross_entropy.backward(p, labels, weight_map)[..., 1]
price = -weight_map * np.log(np.where(labels == 1, p[..., 1], p[..., 0]))
assert np.isclose(energy, price.sum())
assert (da1[labels == 1] <= 0).all() and (da1[labels == 0] >= 0).all()
assert np.sort(price, axis=None)[-price.size // 5 :].sum() > energy / 2

twice, _ = cross_entropy.forward(*(np.concatenate([m, m]) for m in (logits, labels, weight_map)))
assert np.isclose(twice, 2 * energy)
print(f"energy {energy:.0f}, or {energy / labels.size:.2f} per pixel")

# %% tags=["draws"]
figure, panels = plt.subplots(2, 2, figsize=(5.2, 5.4), layout="constrained")
maps = (image[2:-2, 2:-2], p[..., 1], price, da1)
titles = ("image", "$p_1$: cell", "price", "gradient of $a_1$")
looks = ({"cmap": "gray"}, {"cmap": "gray"}, {"cmap": "viridis"}, {"cmap": "PuOr_r", "vmin": -3})
for ax, shown, title, look in zip(panels.flat, maps, titles, looks, strict=True):
    drawn = ax.imshow(shown, interpolation="nearest", vmax=3 if "vmin" in look else None, **look)
    figure.colorbar(drawn, ax=ax, location="bottom", pad=0.03)
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Four panels of a synthetic EM slice: the image; the probability of cell, high where it is "
    "bright; the price of each pixel, high in few places; and the gradient of the logit of cell, "
    "negative in cells that are dark and positive on membranes that are pale.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/energy.py`.

# %%
# 1. All logits of the network are 0. What is the energy of the paper's output, 388×388 pixels, with
#    two classes and all weights 1? A number, or its formula in Python.
answer = ...
check_ignorance(answer)

# %%
# 2. Three of four pixels are cell, class 1, and all weights are 1. A network gives every pixel the
#    same logits, a_0 = 0 and a_1 = d. Which d has the lowest energy?
answer = ...
check_constant(answer)


# %%
# 3. Two classes. Write the energy of pixels without log_softmax, safe for d = ±10,000.
def two_class_energy(d, label):
    """-log p_label of each pixel, (N,), for d = a_1 - a_0 (N,) and label (N,), 0 or 1."""
    ...


check_two_class_energy(two_class_energy)


# %%
# 4. Write the backward pass from memory.
def energy_backward(p, labels, weight_map):
    """dlogits (H, W, K) from p (H, W, K), labels (H, W) and weight_map (H, W)."""
    ...


check_energy_backward(energy_backward)

# %% [markdown]
# ## Summary
#
# - The soft-max turns the logits of a pixel into probabilities that sum to 1.
# - The energy is the weighted sum of $-\log p$ of the true class over all pixels.
# - Computed as $(a_k - m) - \log \sum \exp(a_{k'} - m)$, it is safe for logits of any size.
# - Its gradient is $w\,(p_k - y_k)$: what the network says minus what is true.
# - Unlike the squared error, it corrects the most wrong pixels most.
#
# ## In other words
#
# The energy is the **loss**, cost or objective; this one is the **cross-entropy loss**, the
# negative log-likelihood, or log loss. With two classes, $p_1$ is the **sigmoid** or logistic
# function of the difference $a_1 - a_0$. $y$ is the **one-hot** label. Subtracting the largest
# logit is the **log-sum-exp trick**.
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer, T. Brox: *U-Net: Convolutional Networks for Biomedical Image
#   Segmentation*, 2015. Equation (1).
# - C. M. Bishop: *Pattern Recognition and Machine Learning*, 2006. Chapter 4 derives the
#   cross-entropy of a linear classifier.
# - I. Goodfellow, Y. Bengio, A. Courville: *Deep Learning*, 2016. Section 6.2.2, on output units.
#
# Which pixels deserve more weight? [6. Border weights](06_border_weights.ipynb)
