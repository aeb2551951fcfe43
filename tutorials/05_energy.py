# %% [markdown]
# # 5. What is the energy of a prediction?
#
# Afterwards you can write the paper's equation (1) so that activations of ±10,000 do it no harm,
# derive its gradient in three lines, and say what one step of training does to one pixel.
#
# Before: [4. What is an up-convolution?](04_upconvolution.ipynb). After:
# [6. Border weights](06_border_weights.ipynb). The file explained here is
# `minunet/ops/cross_entropy.py`.

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

from minunet import training
from minunet.data.synthetic import em_stack
from minunet.gradcheck import check_gradients, numerical_gradient
from minunet.network import sizes
from minunet.ops import conv2d, cross_entropy

rng = np.random.default_rng(1)

# %% [markdown]
# ## From activations to probabilities
#
# The last map has $K$ channels, one for each class. Its *activation* $a_k(\mathbf{x})$ at the pixel
# $\mathbf{x}$, in code `logits[r, c, k]`, is any number. The soft-max makes it positive, and the
# classes of a pixel sum to 1:
#
# $$ p_k(\mathbf{x}) = \frac{\exp(a_k(\mathbf{x}))}{\sum_{k'=1}^{K} \exp(a_{k'}(\mathbf{x}))} $$
#
# For the activations $0$ and $\ln 3$ the exponentials are 1 and 3, so $p$ is ¼ and ¾. A number
# added to all activations of a pixel cancels. So with two classes only $a_1 - a_0$ counts (the
# paper counts classes from 1, the code from 0). The paper calls $p_k$ the approximated
# maximum-function: multiply the activations by a large number, and the class of the largest gets
# nearly all.


# %%
def softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


assert np.allclose(softmax([0, np.log(3)]), [1 / 4, 3 / 4])
assert np.allclose(softmax([5, 5 + np.log(3)]), [1 / 4, 3 / 4])

figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
d = np.linspace(-5, 5, 401)
for stretch, colour in ((1, "tab:blue"), (3, "tab:orange"), (30, "black")):
    p = softmax(np.stack([0 * d, stretch * d], axis=-1))[:, 1]
    assert np.allclose(p, 1 / (1 + np.exp(-stretch * d)))
    ax.plot(d, p, color=colour, label=f"activations × {stretch}")
ax.set(xlabel="$a_1 - a_0$", ylabel="$p_1$", title="soft-max of two classes")
ax.legend(fontsize=9)
show(
    figure,
    "The probability of class 1 against the difference of the activations: an S from 0 to 1 that "
    "crosses ½ at 0. With the activations stretched it nears a step, the maximum.",
)

# %% [markdown]
# ## From probabilities to the energy
#
# Let $\ell(\mathbf{x})$ be the true class of a pixel, and $\Omega$ the pixels of the output tile.
# If pixels are independent, the network gives the true label map the probability
# $\prod p_{\ell(\mathbf{x})}(\mathbf{x})$. Training should make that large. The paper's output tile
# has 150,544 pixels: with 0.9 in each, the product is 0 in float64. Its natural logarithm is a sum,
# about −15,900. With a minus it is a price, to be made small. With a weight $w$ a pixel counts as
# $w$ pixels. This is the energy:
#
# $$ E = -\sum_{\mathbf{x} \in \Omega} w(\mathbf{x}) \log p_{\ell(\mathbf{x})}(\mathbf{x})
#    \qquad (1) $$
#
# The paper prints (1) without the minus. Minimised as printed, it drives the probability of the
# truth to 0. The cell goes downhill on one pixel with either sign (the gradient is derived below).

# %%
assert sizes.output_size(572, depth=4) ** 2 == 150_544
assert 0.9**150_544 == 0 and round(150_544 * np.log(0.9), -2) == -15_900

label, weight = np.array([[1]]), np.array([[1.0]])
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.1), layout="constrained")
q = np.linspace(0.002, 1, 500)
left.plot(q, -np.log(q), color="black")
left.set(xlabel="probability of the true class", ylabel="−log p", title="price of a pixel")
for name, sign, colour in (("minus", 1, "tab:blue"), ("as printed", -1, "tab:orange")):
    a, curve = np.zeros((1, 1, 2)), []
    for _ in range(40):
        _, p = cross_entropy.forward(a, label, weight)
        curve.append(p[0, 0, 1])
        a -= 0.5 * sign * cross_entropy.backward(p, label, weight)
    assert curve[-1] > 0.95 if sign == 1 else curve[-1] < 0.05
    right.plot(curve, color=colour, label=name)
right.set(xlabel="step", ylabel="probability of the true class", title="downhill", ylim=(0, 1))
right.legend(fontsize=9, loc="center right")
show(
    figure,
    "Left: −log p falls from large values at p = 0 to 0 at p = 1. Right: going downhill from ½, "
    "the probability of the true class climbs towards 1 with the minus, and falls to 0 as printed.",
)

# %% [markdown]
# ## Two pixels by hand
#
# In the first pixel the truth has probability ¼ and weight 1: it costs $\ln 4 = 2 \ln 2$. In the
# second it has ½ and weight 2: $2 \ln 2$. The energy is $4 \ln 2$, about 2.77. The code takes the
# logarithm of the soft-max, picks the class of the label in each pixel, and sums.

# %%
print(inspect.getsource(cross_entropy.forward))

logits = np.array([[[0, np.log(3)], [7, 7]]])  # (1, 2, 2): one row, two pixels, two classes
labels, weight_map = np.array([[0, 1]]), np.array([[1.0, 2]])
energy, p = cross_entropy.forward(logits, labels, weight_map)
assert np.allclose(p, [[[1 / 4, 3 / 4], [1 / 2, 1 / 2]]]) and np.allclose(p, softmax(logits))
assert np.isclose(energy, 4 * np.log(2)) and round(float(energy), 2) == 2.77

# %% [markdown]
# ## Stable at ±10,000
#
# Taken literally, the formulas break: $e^{89}$ is infinite in float32, $e^{710}$ in float64. First
# remedy: subtract the largest activation $m$ of the pixel, which cancels. Now no exponent is above
# 0. But a $p$ can still be 0, and its logarithm infinite. Second remedy: never form the logarithm
# of $p$,
#
# $$ \log p_k = (a_k - m) - \log \sum_{k'} \exp(a_{k'} - m) $$
#
# where the sum lies between 1 and $K$. Some programs let no $p$ be below $10^{-7}$ instead; they
# *clip* it. Then a very wrong pixel costs 16, however wrong it is: its energy is flat, its gradient
# is 0, and it no longer asks to be corrected.

# %%
print(inspect.getsource(cross_entropy.log_softmax))

d = np.linspace(0, 150, 601, dtype=np.float32)
a = np.stack([d, 0 * d], axis=-1)  # the true class is 1: wrong by d
p = softmax(a - a.max(axis=-1, keepdims=True))[:, 1]
with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
    literal, shifted, clipped = -np.log(softmax(a)[:, 1]), -np.log(p), -np.log(np.maximum(p, 1e-7))
    assert np.isinf(np.exp(np.float32(89))) and np.isinf(np.exp(710.0))
stable = -cross_entropy.log_softmax(a)[:, 1]
assert np.isinf(literal[d >= 89]).all() and np.isinf(shifted[d >= 104]).all()
assert round(clipped.max()) == 16 and np.ptp(clipped[d > 17]) == 0
assert np.allclose(stable, np.logaddexp(0, d), rtol=1e-6)
assert cross_entropy.log_softmax(np.array([1e4, -1e4])).tolist() == [0, -2e4]

figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for curve, name, colour, width in (
    (stable, "log_softmax", "0.8", 8),
    (shifted, "m subtracted, then log p", "tab:orange", 4),
    (literal, "literal", "tab:blue", 1.5),
    (clipped, "p clipped", "black", 1.5),
):
    ax.plot(d, curve, label=name, color=colour, linewidth=width)
ax.set(xlabel="$a_0 - a_1$, where 1 is the true class", ylabel="energy", title="float32")
ax.legend(fontsize=9)
show(
    figure,
    "Energy of one pixel against how wrong it is, in float32. log_softmax is a straight line up to "
    "150. The literal formula ends at 88, the one with the largest subtracted at 103: from there "
    "they are infinite. With p clipped the energy is flat from 16 on.",
)

# %% [markdown]
# ## The gradient: p − y
#
# No other pixel depends on the activations of this one, so the sum over pixels drops. With the true
# class $\ell$, and $y_k = 1$ for $k = \ell$ and 0 for the others:
#
# $$ E = -w \log p_\ell = w \left( \log \sum_{k'} \exp(a_{k'}) - a_\ell \right) $$
#
# $$ \frac{\partial}{\partial a_k} \log \sum_{k'} \exp(a_{k'})
#    = \frac{\exp(a_k)}{\sum_{k'} \exp(a_{k'})} = p_k $$
#
# $$ \frac{\partial a_\ell}{\partial a_k} = y_k $$
#
# $$ \frac{\partial E}{\partial a_k} = w \, (p_k - y_k) $$
#
# What the network says minus what is true. The backward must remember $p$, and no activations. It
# takes no $dE$, as $\partial E / \partial E = 1$.

# %%
print(inspect.getsource(cross_entropy.backward))

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
print(f"against central differences: {worst:.1e}")
assert np.allclose(dlogits.sum(axis=-1), 0, atol=1e-14)

# %% [markdown]
# ## One step, one pixel
#
# Three classes, with activations $\ln 1, \ln 2, \ln 5$, so $p = (1, 2, 5)/8$. The truth is class 0,
# and $p - y = (-7, 2, 5)/8$. A step subtracts the gradient times a number, the *learning rate*.
# Let it be 1: the activation of the true class rises by ⅞, the others fall in proportion to their
# probability, and the sum stays. The probability of class 0 goes from 0.125 to 0.36, the energy
# from 2.08 to 1.02.
#
# A short step lowers $E$ by the learning rate times the sum of the squares of the gradient: in
# chapter 2's $E(y + \delta)$, $\delta$ is the step. When $p$ nears $y$ the gradient goes to 0. (A
# step of the network cannot move each activation by itself: all pixels share its kernels.)

# %%
label, weight = np.array([[0]]), np.array([[1.0]])
start = np.log([[[1.0, 2, 5]]])
a, steps, energies = start.copy(), [], []
for _ in range(16):
    energy, p = cross_entropy.forward(a, label, weight)
    steps.append(p[0, 0])
    energies.append(energy)
    a -= cross_entropy.backward(p, label, weight)
steps = np.array(steps)
gradient = steps[0] - [1, 0, 0]
assert np.allclose(8 * gradient, [-7, 2, 5])
assert np.round([steps[0, 0], steps[1, 0]], 3).tolist() == [0.125, 0.362]
assert np.round(energies[:2], 2).tolist() == [2.08, 1.02] and np.isclose(a.sum(), start.sum())
short = cross_entropy.forward(start - 1e-4 * gradient, label, weight)[0]
assert np.isclose((energies[0] - short) / 1e-4, (gradient**2).sum(), rtol=1e-3)

figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for k, colour in enumerate(("tab:blue", "tab:orange", "black")):
    ax.plot(steps[:, k], "o-", color=colour, markersize=4, label=f"class {k}")
ax.set(xlabel="step", ylabel="$p_k$", title="one pixel of class 0", ylim=(0, 1))
ax.legend(fontsize=9, loc="center right")
show(
    figure,
    "Probabilities of three classes over 15 steps. Class 0, the true one, climbs from an eighth to "
    "near 1; class 2, which had most, falls fastest at first.",
)

# %% [markdown]
# ## Why not the squared error?
#
# Take $\frac{1}{2} \sum_k (p_k - y_k)^2$, and two classes of which 1 is true. As $p_0 = 1 - p_1$,
# it is $(1 - p_1)^2$. By the gradient above, $\log p_1$ has the slope $1 - p_1$ in $a_1$. So
# $p_1 = \exp(\log p_1)$ has the slope $p_1 (1 - p_1)$, and the squared error
# $-2 \, p_1 (1 - p_1)^2$. Where the network is most wrong, $p_1$ is near 0, and so is this
# gradient: the pixel that is most wrong is corrected least. With $-\log p_1$ there is no such
# factor: $p_1 - 1$ is the stronger, the more wrong the pixel is, and never above 1 in size.

# %%
d = np.linspace(-8, 8, 161)
p = softmax(np.stack([0 * d, d], axis=-1))
truth = np.array([0, 1])


def squared_error():
    return 0.5 * np.sum((softmax(np.stack([0 * d, d], axis=-1)) - truth) ** 2)


squared = numerical_gradient(squared_error, d, list(np.ndindex(d.shape)))
assert np.allclose(squared, -2 * p[:, 1] * (1 - p[:, 1]) ** 2, rtol=0, atol=1e-7)
ones = np.ones((1, d.size), int)
logarithm = cross_entropy.backward(p[np.newaxis], ones, ones)[0, :, 1]
assert np.allclose(logarithm, p[:, 1] - 1)
assert abs(squared[0]) < 0.001 and abs(logarithm[0]) > 0.999

figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.plot(d, logarithm, color="tab:blue", label="−log p")
ax.plot(d, squared, color="tab:orange", label="squared error")
ax.set(xlabel="$a_1 - a_0$, where 1 is the true class", ylabel="gradient of $a_1$")
ax.legend(fontsize=9, loc="lower right")
show(
    figure,
    "Gradients against the difference of activations. That of −log p goes from −1 where the pixel "
    "is wrong to 0 where it is right. That of the squared error is 0 at both ends.",
)

# %% [markdown]
# ## A tile: weights and the sum
#
# In place of a network, take a rule: the brighter the 5×5 pixels around, the likelier is class 1,
# cell. Membrane, class 0, weighs 3 here; chapter 6 has better weights. The prices differ widely. A
# fifth of the pixels costs more than half of the energy: pale membrane, dark places in cells, rims.
# The gradient of $a_1$ is negative in cells (violet), so that a step raises $a_1$, and positive on
# membrane (orange). That of $a_0$ has the other sign.
#
# (1) is a sum: the same tile twice has twice the energy, and the gradients of the kernels are twice
# as large. Training therefore divides the weight map by the number of pixels. Then one learning
# rate fits tiles of any size.

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
lines = inspect.getsource(training.step).splitlines()
print(*(line.strip() for line in lines if "weight_map / labels.size" in line))

figure, panels = plt.subplots(2, 2, figsize=(8, 5.4), layout="constrained")
maps = (image[2:-2, 2:-2], p[..., 1], price, da1)
titles = ("image", "$p_1$, cell", "price, $-w\\, \\log p$", "gradient of $a_1$")
looks = ({"cmap": "gray"}, {"cmap": "gray"}, {"cmap": "viridis"}, {"cmap": "PuOr_r", "vmin": -3})
for ax, shown, title, look in zip(panels.flat, maps, titles, looks, strict=True):
    drawn = ax.imshow(shown, interpolation="nearest", vmax=3 if look is looks[3] else None, **look)
    figure.colorbar(drawn, ax=ax)
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Four panels of a synthetic EM slice: the image; the probability of cell, high where it is "
    "bright; the price of each pixel, high in few places; and the gradient of the activation of "
    "cell, negative in cells that are dark and positive on membrane that is pale.",
)

# %% [markdown]
# ## Exercises

# %%
# 1. Predict: all activations of the network are 0. What is the energy of the paper's output tile,
#    388×388 pixels, two classes, all weights 1? A number, or its formula in Python.
answer = ...
check_ignorance(answer)

# %%
# 2. Three of four pixels are cell, class 1, and all weights are 1. A network gives every pixel the
#    same activations, a_0 = 0 and a_1 = d. Which d has the least energy?
answer = ...
check_constant(answer)


# %%
# 3. Two classes. Write the energy of pixels without log_softmax, safe for d = ±10,000.
def two_class_energy(d, label):
    """-log p_label of each pixel, (N,), for d = a_1 - a_0 (N,) and label (N,), 0 or 1."""
    ...


check_two_class_energy(two_class_energy)


# %%
# 4. Write the backward, without looking up.
def energy_backward(p, labels, weight_map):
    """dlogits (H, W, K) from p (H, W, K), labels (H, W) and weight_map (H, W)."""
    ...


check_energy_backward(energy_backward)

# %% [markdown]
# Solutions: `solutions/energy.py`. Which pixels deserve more weight?
# [6. Border weights](06_border_weights.ipynb)
