# %% [markdown]
# # 10. Training
#
# *How do the gradients of single tiles become a network that segments, and how do you notice in
# time that they do not?*
#
# **After this chapter you can** write stochastic gradient descent with momentum and a learning-rate
# schedule, search for a learning rate, read a learning curve, and recognise a network that
# overfits and a run that has diverged, died, or answers with one class.
#
# **Prerequisites:** chapters 2, 5, 7 and 9. Two parts use complex numbers and variances; they are
# marked, and you can skip them.
#
# **Time:** 60 minutes.
#
# This chapter explains `minunet/training/sgd.py` and `minunet/training/loop.py`.
# Before: [9. Thirty images are enough](09_deformation.ipynb). After:
# [11. How good is it?](11_scores.ipynb).

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np
import scipy
from exercises.training import check_diagnose, check_momentum_step, check_turnaround
from figures import show

from minunet import augmentation, training
from minunet.data import weight_map
from minunet.data.synthetic import em_stack
from minunet.image import Sample
from minunet.network import Network, unet
from minunet.ops import cross_entropy
from minunet.prediction import averaging
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import PRESETS, from_options
from minunet.training import sampling, sgd

rng = np.random.default_rng(1)

# %% [markdown]
# ## Downhill, one tile at a time
#
# The **energy** of a tile (others say *loss*) is small where the network gives the right answers
# (chapter 5). Training looks for weights that make it small. Its gradient points uphill (chapter
# 2), so a step of training moves every weight a little against its gradient. The **learning rate**
# $\eta$ says how far: $w \leftarrow w - \eta\,g$.
#
# The goal is a small energy on average over all tiles of the annotated slices. The exact gradient
# of this average is the average of the gradients of all tiles, and it would cost thousands of
# forward and backward passes for a single step. **Stochastic gradient descent** (SGD) draws one
# tile at random, and steps against its gradient alone. *Stochastic* means random: the gradient of
# the tile that was drawn is the exact gradient plus noise. The tiles of one step are called a
# **batch**; the batch of the paper is a single tile.
#
# An **epoch** is a number of steps in which the network sees as many pixels as there are in the
# training data. Below there are seven training slices of 192×192 pixels, and a tile has 84×84
# labels, so an epoch has 37 steps. As every tile is drawn anew, minunet counts steps, not epochs.
#
# The images look like electron micrographs (EM), and are synthetic. The eighth slice is **held
# out**: no tile comes from it, so it shows what the network does with an image that it has not
# seen. The pixels have the weights $w_c$ of equation (2), so both classes have the same weight in
# total, and the mean weight is 1.

# %%
stack = em_stack((8, 192, 192), rng)
w_c = weight_map.class_weights(stack.labels[:7], 2)
slices = [
    Sample(np.float32(image / 255)[..., np.newaxis], labels, w_c[labels])
    for image, labels in zip(stack.images, stack.labels, strict=True)
]


def tiles_of(slices):
    """Return a function that draws the tile of a step: any place, in one of 8 symmetries."""
    kind = augmentation.SETS["symmetries"]
    return lambda step: sampling.sample(slices, 124, 2, kind, sampling.tile_rng(0, step))


tile = tiles_of(slices[:7])
labels = tile(0).labels
assert labels.shape == (84, 84) and round(7 * 192**2 / labels.size) == 37  # steps of an epoch
assert np.isclose(np.mean([s.weight_map for s in slices[:7]]), 1, atol=1e-5)

# %% [markdown]
# How much do the gradients of single tiles agree? We take 30 tiles and a small network (depth 2, 8
# channels) whose weights are still random. For every tile we compute the cosine of the angle
# between its gradient and the mean gradient of the other 29: 1 means the same direction, 0 a right
# angle.
#
# Most of the gradients agree with the mean of the others. So a step along the gradient of one tile
# usually helps the other tiles, too. We will ask again after training.


# %%
def gradient(params, tile, arch):
    """Return the energy of a tile, the mean over its pixels, and the gradients by tensor."""
    x, label, weights, _ = tile
    logits, activations = unet.forward(params, x, arch)
    energy, p = cross_entropy.forward(logits, label, weights / label.size)
    dlogits = cross_entropy.backward(p, label, weights / label.size)
    return energy, unet.backward(params, activations, dlogits, arch)


def agreement(params, arch):
    """Return, for each of 30 tiles, its cosine with the mean gradient of the others."""
    each = [gradient(params, tile(1000 + k), arch)[1] for k in range(30)]
    g = np.array([np.concatenate([one.ravel() for one in grads.values()]) for grads in each])
    others = (g.sum(axis=0) - g) / 29
    return np.sum(g * others, axis=1) / np.linalg.norm(g, axis=1) / np.linalg.norm(others, axis=1)


small = {"depth": 2, "channels": 8, "tile": 124, "warm_up": 20}
settings = from_options(**small)
state, arch = training.start(settings, "cpu"), settings.architecture
at_start = agreement(state.params, arch)
print(f"before training: mean cosine {at_start.mean():.2f}, {np.sum(at_start > 0)} of 30 positive")
assert np.sum(at_start > 0) > 25

# %% [markdown]
# ## A weight with a velocity
#
# The gradients of single tiles are noisy. Section 3 of the paper therefore gives every weight $w$ a
# **velocity** $v$, which remembers earlier gradients. With the gradient $g_t$ of step $t$, the
# learning rate $\eta$ and the **momentum** $\mu$:
#
# $$ v_t = \mu \, v_{t-1} - \eta \, g_t \qquad w_t = w_{t-1} + v_t $$
#
# By hand: let $\mu = ½$ and $\eta = 1$, start at rest at $w = 0$, and let the gradients be 8, 4 and
# −2. Then $v$ is $-8$, then $-4 - 4 = -8$, then $-4 + 2 = -2$, and $w$ is $-8$, $-16$, $-18$. The
# third gradient has the other sign, and the weight still moves on.
#
# To see what $v_t$ contains, replace $v_{t-1}$ by its own equation, then $v_{t-2}$, and so on:
#
# $$ v_t = -\eta \left( g_t + \mu\, g_{t-1} + \mu^2 g_{t-2} + \dots \right)
#    = -\eta \sum_{s = 0}^{t} \mu^s g_{t-s} $$
#
# Here $s$ is the age of a gradient, in steps. In the example, $v$ ends as
# $-(-2 + ½ \cdot 4 + ¼ \cdot 8) = -2$.

# %%
print(inspect.getsource(sgd.step).split('"""')[-1])

gradients = [8.0, 4, -2]
params, velocity, path = {"w": np.zeros(1)}, {"w": np.zeros(1)}, []
for t, g in enumerate(gradients):
    params, velocity = sgd.step(params, {"w": np.array([g])}, velocity, 1, 0.5)
    path.append((float(velocity["w"][0]), float(params["w"][0])))
    assert velocity["w"][0] == -sum(0.5**s * gradients[t - s] for s in range(t + 1))
assert path == [(-8, -8), (-8, -16), (-2, -18)]

# %% [markdown]
# ## A momentum of 0.99 averages over tiles
#
# The factors of that sum add up to $1 + \mu + \mu^2 + \dots = 1 / (1 - \mu)$. Multiplied by
# $1 - \mu$ they add up to 1, so that they are the weights of a mean $\bar g$ over recent tiles:
#
# $$ v_t = -\frac{\eta}{1 - \mu} \, \bar g_t \qquad \bar g_t = \sum_s (1 - \mu) \mu^s g_{t-s} $$
#
# The factor $\eta / (1 - \mu)$ is the **effective step**. With $\mu = 0.99$ it is 100 $\eta$.
#
# - The last 100 tiles have 63 % of the weight of the mean. The mean age of a gradient is
#   $\mu / (1 - \mu) = 99$ steps.
# - Suppose that every tile adds independent noise of variance 1 to the gradient. Variances of
#   independent numbers add, each times its weight squared, so the variance of the mean is
#
# $$ \sum_s (1 - \mu)^2 \mu^{2s} = \frac{(1 - \mu)^2}{1 - \mu^2} = \frac{1 - \mu}{1 + \mu} $$
#
# This is 1/199 for $\mu = 0.99$, and 1/19 for 0.9. So the *velocity* is as steady as the mean of a
# batch of 199 tiles, for the cost of one tile per step. The *weights* are not that steady:
# consecutive velocities share nearly all of their tiles, so their noise adds up from step to step.
# The next section shows by how much. There is a price, too: those gradients were computed where the
# weights were before.

# %%
age = np.arange(2000)
noisy = 1 + rng.standard_normal(40_000)  # the exact gradient is 1, the rest is noise
means = {}
for mu in (0.9, 0.99):
    weights = (1 - mu) * mu**age
    means[mu] = np.convolve(noisy, weights)[: len(noisy)]
    assert np.isclose(weights.sum(), 1)
    assert np.isclose((age * weights).sum(), mu / (1 - mu))  # the mean age
    assert np.isclose((weights**2).sum(), (1 - mu) / (1 + mu))
    assert 0.7 < np.var(means[mu][2000:]) / (weights**2).sum() < 1.3
assert round(weights[:100].sum(), 2) == 0.63 and round(1 / (weights**2).sum()) == 199
assert np.isclose((1 - 0.9) / (1 + 0.9), 1 / 19)

# %% tags=["draws"]
plt.rcParams["font.size"] = 11  # so that figures can be read on a phone
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.plot(noisy[:500], ".", color="0.6", markersize=3, label="of one tile")
for mu, colour in ((0.9, "tab:orange"), (0.99, "tab:blue")):
    ax.plot(means[mu][:500], color=colour, label=f"mean, μ = {mu}")
ax.set(xlabel="step", ylabel="gradient", ylim=(-3, 6.5))
ax.legend(fontsize=10.5, ncols=2, loc="upper center")
show(
    figure,
    "Gradients of single tiles scatter around 1. Their mean with a momentum of 0.9 follows with "
    "ripples; the mean with 0.99 climbs to 1 in about 300 steps and is smooth.",
)

# %% [markdown]
# ## What the average costs
#
# The simplest energy with a minimum is a bowl, $E = ½ \lambda w^2$. Its gradient is $\lambda w$,
# and the larger the curvature $\lambda$, the steeper the bowl. With $v_t = w_t - w_{t-1}$ the two
# equations become one:
#
# $$ w_{t+1} = w_t + \mu (w_t - w_{t-1}) - \eta \lambda w_t $$
#
# The figure follows a weight from $w = 1$, with the same effective step for three momenta. It shows
# three facts, which the code checks:
#
# - With momentum, the weight swings through the minimum like a ball in a bowl.
# - The swings halve every 13 steps for $\mu = 0.9$ and every 138 steps for 0.99, *whatever the
#   learning rate*, as long as there are swings.
# - Above $\eta \lambda = 2 (1 + \mu)$ the swings grow: the run **diverges**.
#
# **A momentum of 0.99 needs a run that is many times longer than 138 steps.** Our preset `paper`
# has 20,000 steps. A run of some hundred steps ends before the swings do, so the presets for short
# runs use 0.9.


# %%
def roll(mu, rate, steps):
    """Follow a weight down the bowl with λ = 1, from 1."""
    params, velocity = {"w": np.ones(1)}, {"w": np.zeros(1)}
    path = [1.0]
    for _ in range(steps):
        params, velocity = sgd.step(params, dict(params), velocity, rate, mu)
        path.append(float(params["w"][0]))
    return np.array(path)


paths = {mu: roll(mu, 0.5 * (1 - mu), 400) for mu in (0, 0.9, 0.99)}
for mu, half in ((0.9, 13), (0.99, 138)):
    assert paths[mu].min() < -0.3  # it swings through the minimum
    for effective in (0.5, 0.25):
        size = abs(roll(mu, effective * (1 - mu), 5 * half))
        first, second = (size[k * half : (k + 2) * half].max() for k in (1, 2))
        assert 0.35 < second / first < 0.65
for mu in paths:
    limit = 2 * (1 + mu)
    assert abs(roll(mu, 0.98 * limit, 3000)[-1]) < 1e-5
    assert abs(roll(mu, 1.02 * limit, 300)[-1]) > 1e4
assert PRESETS["paper"]["steps"] == 20000

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for (mu, path), colour in zip(paths.items(), ("tab:gray", "tab:orange", "tab:blue"), strict=True):
    ax.plot(path, color=colour, label=f"μ = {mu}, ηλ = {0.5 * (1 - mu):g}")
ax.set(xlabel="step", ylabel="w", ylim=(-1.1, 1.9))
ax.legend(fontsize=10.5, loc="upper right")
show(
    figure,
    "A weight in a bowl. Without momentum it falls to the minimum in a few steps. With 0.9 it "
    "swings through it a few times within 60 steps. With 0.99 it still swings after 400 steps.",
)

# %% [markdown]
# ### Why the swings halve like that (complex numbers; you can skip this)
#
# Look for solutions of the form $w_t = r^t$. Insert this, and divide by $r^{t-1}$:
#
# $$ r^2 - (1 + \mu - \eta \lambda) \, r + \mu = 0 $$
#
# The quadratic has two roots $r_1, r_2$. Every path of the weight is $w_t = a\, r_1^t + b\, r_2^t$,
# with two numbers $a$ and $b$ that the first two weights determine. The product of the two roots of
# $r^2 - pr + q$ is $q$, so $r_1 r_2 = \mu$.
#
# If $(1 + \mu - \eta\lambda)^2 < 4\mu$, the quadratic has no real root, but two complex ones that
# differ only in the sign of the imaginary part: $r = \varrho\,(\cos\varphi \pm i \sin\varphi)$.
# Their product is $\varrho^2 (\cos^2\varphi + \sin^2\varphi) = \varrho^2$. It is $\mu$, so $\varrho
# = \sqrt\mu$. Powers of complex numbers multiply angles: $r^t = \varrho^t (\cos t\varphi \pm i \sin
# t\varphi)$. So $w_t$ is $\sqrt\mu^{\,t}$ times a swing with the angle $t \varphi$. The swings
# halve after $\ln ½ / \ln \sqrt\mu$ steps, and $\eta$ does not occur in this number.
#
# As $\eta\lambda$ grows, the roots become real and negative. The first of them reaches $r = -1$
# where $1 + (1 + \mu - \eta \lambda) + \mu = 0$, which is $\eta \lambda = 2 (1 + \mu)$. Beyond it,
# $|r|^t$ grows without limit.

# %%
for mu, half in ((0.9, 13), (0.99, 138)):
    r = np.roots([1, -(1 + mu - 0.5 * (1 - mu)), mu])
    assert np.allclose(abs(r), np.sqrt(mu)) and (r.imag != 0).all()
    assert round(np.log(0.5) / np.log(np.sqrt(mu))) == half
    a, b = np.linalg.solve([[1, 1], r], paths[mu][:2])  # from the first two weights
    t = np.arange(401)
    assert np.allclose(a * r[0] ** t + b * r[1] ** t, paths[mu])
    assert np.isclose(min(np.roots([1, -(1 + mu - 2 * (1 + mu)), mu])), -1)

# %% [markdown]
# ## Does momentum calm the weight?
#
# What does the noise of the tiles do to the weight? Let every gradient have noise of variance 1.
# Then $w$ does not come to rest in the minimum; it scatters around it, and its variance settles.
# With the effective step $s = \eta / (1 - \mu)$,
#
# $$ \operatorname{Var} w = \frac{s}{\lambda} \cdot \frac{1}{2 - \eta \lambda / (1 + \mu)} $$
#
# For $s = 0.05$ and $\lambda = 1$ the variance is **0.0250 with $\mu = 0.99$, 0.0256 without
# momentum, and 0.00013 without momentum but with batches of 199 tiles**. So at the same effective
# step, momentum hardly calms the weight. A large batch does, and so does a smaller step at the end
# of a run.
#
# *The derivation (you can skip it).* Once settled, the means $A$ of $w^2$, $B$ of $wv$ and $C$ of
# $v^2$ stay the same from step to step. Write $v' = \mu v - \eta\lambda w - \eta n$ with noise $n$,
# $w' = w + v'$, and take the means of $v'^2$, $w'v'$ and $w'^2$:
#
# $$ C = \mu^2 C - 2 \mu\eta\lambda B + \eta^2\lambda^2 A + \eta^2 \qquad
#    B = \mu B - \eta\lambda A + C \qquad 0 = 2(\mu B - \eta\lambda A) + C $$
#
# The last two give $B = \eta\lambda A / (1 + \mu)$ and $C = 2B$. Insert both into the first, and
# solve for $A$.


# %%
def scatter(mu, step, tiles):
    """Return the variance of 4,000 weights that noisy gradients have moved for 2,000 steps."""
    rate, noise = step * (1 - mu), np.random.default_rng(10)
    params, velocity = {"w": np.zeros(4000)}, {"w": np.zeros(4000)}
    for _ in range(2000):
        grads = {"w": params["w"] + noise.standard_normal(4000) / np.sqrt(tiles)}
        params, velocity = sgd.step(params, grads, velocity, rate, mu)
    return params["w"].var()


for mu, tiles, expected in ((0.99, 1, "0.02500"), (0, 1, "0.02564"), (0, 199, "0.00013")):
    formula = 0.05 / (2 - 0.05 * (1 - mu) / (1 + mu)) / tiles
    simulated = scatter(mu, 0.05, tiles)
    print(f"μ = {mu:<4}  batch of {tiles:>3}: formula {formula:.5f}, simulated {simulated:.5f}")
    assert f"{formula:.5f}" == expected and np.isclose(simulated, formula, rtol=0.1)

# %% [markdown]
# ## A schedule, and a limit for the gradient
#
# A **schedule** changes the learning rate during a run. The paper gives none; this one is ours.
#
# - **Warm-up.** The first velocities average over very few tiles, so the rate rises in a straight
#   line during the first $W$ of $T$ steps.
# - **Decay.** At the end, only a smaller step calms the weights, as the last section showed. The
#   rate falls to 0 along half a cosine:
#
# $$ \eta_t = \eta \cdot \min\!\left(1, \frac{t + 1}{W}\right)
#    \cdot \frac{1 + \cos(\pi t / T)}{2} $$
#
# - **Clipping.** An unusual tile may have a very long gradient. `sgd.clip` shortens a gradient
#   whose norm, over all tensors together, is above a limit. Its direction stays: (3, 4) has norm 5,
#   and clipped to 1 it is (0.6, 0.8). The presets for short runs clip at 0.2, so that larger rates
#   are stable. The preset `paper` does not clip.

# %%
print(inspect.getsource(training.learning_rate).split('"""')[-1])

tiny = from_options(preset="tiny")
rates = np.array([training.learning_rate(step, tiny) for step in range(tiny.steps + 1)])
assert np.isclose(rates[0], 0.2 / 50) and np.argmax(rates) == 49 and rates[-1] == 0
assert np.isclose(rates[tiny.steps // 2], 0.1) and (np.diff(rates[50:]) < 0).all()
clipped = sgd.clip({"a": np.array([3.0]), "b": np.array([4.0])}, 1.0)
assert np.allclose([clipped["a"], clipped["b"]], [[0.6], [0.8]])
chosen = {name: (preset["momentum"], preset["clip"]) for name, preset in PRESETS.items()}
assert chosen == {"tiny": (0.9, 0.2), "laptop": (0.9, 0.2), "paper": (0.99, 0)}

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
ax.plot(rates, color="tab:blue")
ax.set(xlabel="step", ylabel="learning rate", title="preset tiny", ylim=(0, 0.22))
show(
    figure,
    "The learning rate of the preset tiny: it rises in a straight line to 0.2 in the first 50 of "
    "1700 steps, then falls to 0 like half a cosine.",
)

# %% [markdown]
# ## One step is the whole method
#
# A step is forward pass, energy, backward pass, update. Every line of `training.step` was a
# chapter. Our function `gradient` has the first three; with an update by hand it gives the same
# weights.

# %%
print(inspect.getsource(training.step).split('"""')[-1])

energy, grads = gradient(state.params, tile(0), arch)
by_hand = {name: w - 0.1 * grads[name] for name, w in state.params.items()}  # the first: v = 0
assert np.isclose(training.step(state, tile(0), arch, 0.1, 0.9), energy)
assert all(np.allclose(state.params[name], by_hand[name], atol=1e-6) for name in by_hand)

# %% [markdown]
# ## First test: overfit one tile
#
# Before a long run, show the network the same tile at every step. A network that cannot fit 84×84
# pixels has a fault that more data will not fix, such as a wrong gradient, labels that are shifted
# against the image, or a learning rate that is far off. The energy should approach 0.
#
# Before the network has learned anything, its best answer is ½ for both classes. With a mean weight
# of 1, this is an energy of $\ln 2 = 0.69$. **Know this number of your run before you start it.**
#
# `train` below is the loop of `training.train`, without its files. At some steps it also segments
# the held-out slice, whole, as in chapter 8. It records the energy of that slice and the share of
# wrong pixels, weighted as in training: an answer that is the same everywhere has about ½.
#
# A run of 300 steps is long enough for a momentum of 0.9. With 0.99 at the same effective step the
# energy swings as in the bowl, because 300 steps are only three mean ages.


# %%
def answer(params, whole):
    """Segment a slice; return its energy, the weighted share of wrong pixels, and p of cell."""
    x, labels, weights, _ = whole
    logits = averaging.logits(Network(params, arch), x, Tiling(124))
    energy, p = cross_entropy.forward(logits, labels, weights / weights.sum())
    wrong = np.average(p.argmax(axis=-1) != labels, weights=weights)
    return float(energy), float(wrong), p[..., 1]


def train(draw, look=(), **given):
    """Train; return the state, the energies of the tiles, and the answers at the steps `look`."""
    settings = from_options(**small | given)
    state, energies, answers = training.start(settings, "cpu"), [], {}
    fixed = settings.momentum, settings.clip
    for step in range(settings.steps + 1):
        if step in look:
            answers[step] = answer(state.params, slices[7])
        if step < settings.steps:
            rate = training.learning_rate(step, settings)
            energies.append(training.step(state, draw(step), arch, rate, *fixed))
    return state, np.array(energies), answers


# %%
one = tile(22)
look = (0, 10, 20, 50, 100, 150, 200, 250, 300)
state, one_energies, one_answers = train(lambda step: one, look, steps=300, learning_rate=0.1)
_, slow, _ = train(lambda step: one, steps=300, learning_rate=0.01, momentum=0.99)
logits, _ = unet.forward(state.params, one.x, arch)
wrong = np.mean(logits.argmax(axis=-1) != one.labels)
print(f"at the end: energy {one_energies[-10:].mean():.3f}, wrong pixels {wrong:.1%}")
assert one_energies[-10:].mean() < 0.1 < 0.2 < slow[-10:].mean() and wrong < 0.05

# %% tags=["draws"]
figure = plt.figure(figsize=(5, 4.6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(2.8, 1.8))
ax = above.subplots()
ax.plot(slow, color="tab:blue", label="μ = 0.99")
ax.plot(one_energies, color="tab:orange", label="μ = 0.9")
ax.axhline(np.log(2), color="0.5", linestyle=":", label="ln 2")
ax.set(xlabel="step", ylabel="energy", ylim=(0, 1.1))
ax.legend(fontsize=10.5, ncols=3, columnspacing=1, loc="upper right")
p = np.exp(cross_entropy.log_softmax(logits))[..., 1]
maps = {"tile": one.x[20:-20, 20:-20, 0], "labels": one.labels, "p of cell": p}
for ax, (title, pixels) in zip(below.subplots(1, 3), maps.items(), strict=True):
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "Above: energy of one tile that is shown 300 times. With momentum 0.9 it starts near ln 2 and "
    "falls to nearly 0; with 0.99 it swings, and stays above. Below: the tile, its labels, and the "
    "probability of cell that the first network learned, which looks like the labels.",
)

# %% [markdown]
# ## Search for a learning rate
#
# Training finds the weights, which are the **parameters** of the network. Numbers that training
# does not change, such as $\eta$, $\mu$, the depth and the number of steps, are called
# **hyperparameters**. We find them by trying, and compare the results on the held-out slice.
#
# The learning rate matters most, and its order of magnitude is unknown at first. So try powers of
# ten, each in a short run. All runs start from the same weights and see the same tiles. A rate that
# is too small has hardly left $\ln 2$ after 60 steps; one that is too large does not learn, or
# diverges. Then choose the best, and perhaps try its neighbours in steps of 2 or 3.

# %%
found = {}
for power in (-3, -2, -1, 0, 1):
    _, _, answers = train(tile, (60,), steps=60, learning_rate=10.0**power)
    found[power], wrong, _ = answers[60]
    print(f"η = 10^{power:<2}: energy of the held-out slice {found[power]:.3f}, wrong {wrong:.1%}")
assert min(found, key=found.get) == -1 and found[-1] < 0.6
assert all(e > 0.65 for power, e in found.items() if power != -1)

# %% tags=["draws"]
figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.plot([10.0**power for power in found], list(found.values()), "o-")
ax.axhline(np.log(2), color="0.5", linestyle=":", label="ln 2")
ax.set(xscale="log", xlabel="learning rate", ylabel="energy, held out", ylim=(0.35, 0.85))
ax.legend(fontsize=10.5)
show(
    figure,
    "Energy of the held-out slice after 60 steps against the learning rate, by powers of ten: near "
    "ln 2 for 0.001 and 0.01, lowest for 0.1, near ln 2 again for 1, and above it for 10.",
)

# %% [markdown]
# ## A run, and its learning curves
#
# Now 600 different tiles of the seven slices, with the preset's rate of 0.2. A **learning curve**
# shows the energy, or a score, against the step. Look at three things.
#
# - **The curve of single tiles jumps** by more than its mean falls in the second half of the run,
#   because some tiles are harder than others. Look at a running mean.
# - **The held-out slice follows**, but may get worse for a while as long as the rate is high, as at
#   step 100 here. That is no reason to stop. At the end the rate falls, and both curves settle.
# - **The answers**: the first steps tell light from dark. The checkerboard is the one of chapter
#   4, from taps that still differ.
#
# The share of wrong pixels falls from a half to a sixth here. Chapter 11 has better scores.

# %%
look = (0, 20, 50, 100, 200, 300, 400, 500, 600)
healthy, energies, all_answers = train(tile, look, steps=600)
for step, (energy, wrong, _) in all_answers.items():
    print(f"step {step:3}: held out: energy {energy:.3f}, wrong {wrong:.1%}")
mean = np.convolve(energies, np.full(50, 1 / 50), mode="valid")  # mean[k] ends with step k + 49
spread, gain = energies[300:].std(), mean[250] - mean[-1]
print(f"from tile to tile {spread:.2f}; the mean falls by {gain:.2f} from step 300 to 600")
assert spread > gain and mean[-1] < 0.7 * mean[0]
first, last = all_answers[0], all_answers[600]
assert last[0] < 0.7 * np.log(2) and 0.4 < first[1] and last[1] < 0.2
assert abs(np.average(slices[7].labels, weights=slices[7].weight_map) - 0.5) < 0.02

# %% tags=["draws"]
view = np.s_[80:176, 70:166]
figure, panels = plt.subplots(2, 3, figsize=(5, 3.7), layout="constrained")
maps = {"image": slices[7].x[..., 0], "labels": slices[7].labels}
maps |= {f"step {step}": all_answers[step][2] for step in (0, 20, 100, 600)}
for ax, (title, pixels) in zip(panels.flat, maps.items(), strict=True):
    ax.imshow(pixels[view], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "A part of the held-out slice, its labels, and the probability of cell after 0, 20, 100 and "
    "600 steps: first grey everywhere, then a grid with shades of the image, at the end white "
    "cells between dark membranes.",
)

# %% [markdown]
# Why must the rate fall at the end? Ask the 30 tiles again, now with the trained network. What all
# tiles have in common is learned, and the rest of their gradients points in many directions: noise.

# %%
at_end = agreement(healthy.params, arch)
print(f"before training: mean cosine {at_start.mean():.2f}, {np.sum(at_start > 0)} of 30 positive")
print(f"after training:  mean cosine {at_end.mean():.2f}, {np.sum(at_end > 0)} of 30 positive")
assert at_end.mean() < 0.5 * at_start.mean()

# %% [markdown]
# ## A network that overfits, and one that does not
#
# The network of the first test has overfitted one tile. What does it know about other images? Its
# answers for the held-out slice were recorded, too. In the left panel, both curves fall at first.
# From step 50 on, the energy of the tile goes on falling, and that of the held-out slice *rises*:
# the network learns what is special in this tile, its noise included, instead of what membranes
# have in common. This is **overfitting**. The right panel is the run with seven slices. It has the
# same network, but its tiles hardly ever repeat. Apart from the peak at step 100, the two curves
# stay close, and at the end they meet.
#
# The distance of the curves is the **generalization gap**: the energy on new images less the energy
# on those that were trained on. *A low energy on the training tiles says nothing about new images.*
# **Judge a run by slices that are held out.**
#
# What helps against overfitting, the best first: more annotated images; augmentation, which makes
# more of the images that there are (chapter 9); stopping early, where the curve of the held-out
# slices is lowest, which is why minunet keeps `best.npz`; a smaller network.
#
# Here the held-out slice is the next one of the same stack, so it is an easy exam. Chapter 13 uses
# another stack, and a third set of slices for testing.

# %%
held_out = {step: energy for step, (energy, _, _) in one_answers.items()}
best = min(held_out, key=held_out.get)
one_gap = held_out[300] - one_energies[-10:].mean()
all_gap = all_answers[600][0] - mean[-1]
print(f"one tile: held out {held_out[best]:.2f} at step {best}, {held_out[300]:.2f} at the end")
print(f"gap at the end: one tile {one_gap:.2f}, seven slices {all_gap:.2f}")
assert best == 50 and held_out[300] > 2 * held_out[50] > 2 * all_answers[600][0]
assert one_gap > 1 > 0.1 > abs(all_gap)

# %% tags=["draws"]
figure, panels = plt.subplots(1, 2, figsize=(5, 3.4), sharey=True, layout="constrained")
curves = ((np.arange(300), one_energies, one_answers), (np.arange(49, 600), mean, all_answers))
for ax, (at, trained, answers) in zip(panels, curves, strict=True):
    steps, validation = list(answers), [energy for energy, *_ in answers.values()]
    ax.plot(at, trained, color="tab:blue", label="trained on")
    ax.plot(steps, validation, "o-", color="tab:orange", markersize=4, label="held out")
    seen = np.interp(steps, at, trained)
    ax.fill_between(steps, seen, validation, color="tab:orange", alpha=0.15)
    ax.axhline(np.log(2), color="0.5", linestyle=":")
    ax.set(xlabel="step")
panels[0].set(title="one tile", ylabel="energy", ylim=(0, 1.8))
panels[1].set(title="seven slices")
panels[1].legend(fontsize=10.5)
show(
    figure,
    "Learning curves. Left, trained on one tile: the energy of the tile falls to 0, that of the "
    "held-out slice falls until step 50 and then rises to 1.35, far above ln 2; the gap is shaded. "
    "Right, trained on seven slices: that of the held-out slice has a peak at step 100, and then "
    "both curves fall together to less than 0.4.",
)

# %% [markdown]
# ## Three runs that went wrong
#
# **Diverged**: the rate is 100 times too large, with no warm-up and no clipping. The energy grows
# until it is no longer a finite number. `training.step` then stops, and names the first stage that
# overflowed.
#
# **Dead**: a rate of 5. A few giant steps happen to close every ReLU of the last stage. No gradient
# passes through a closed ReLU (chapter 3), so of all parameters only `out.b` still learns. The
# answer is the same at every pixel, and the energy stays around $\ln 2$ or above it.
#
# **One class**: here only the middle of wide membranes is labelled, 5 % of the pixels, and all
# pixels have the weight 1. "Cell" everywhere is right at 95 % of the pixels, and has a low energy.
# The network is alive: its logits differ from pixel to pixel, but none of them crosses over to the
# other class. The cure is $w_c$, and the table has that run, too.
#
# The answer to a single tile tells these runs apart. Is the energy finite? Do the answers differ
# from pixel to pixel? Do both classes occur?

# %%
wild = {"clip": 0.0, "warm_up": 0, "steps": 60}
exploding = []
state, settings = training.start(from_options(**small), "cpu"), from_options(**small | wild)
try:
    for step in range(settings.steps):
        exploding.append(training.step(state, tile(step), arch, 20.0, settings.momentum))
except training.DivergedError as error:
    print(f"diverged: {error}")
dead, flat, _ = train(tile, learning_rate=5, **wild)
assert max(exploding) > 1e6 and len(exploding) < 60

# %%
inside = [scipy.ndimage.distance_transform_edt(labels == 0) for labels in stack.labels]
middle = np.array([depth <= 3 for depth in inside]).astype(np.uint8)  # 0: the middle of a membrane
assert round(1 - middle[:7].mean(), 2) == 0.05


def with_weights(per_class):
    """Return a function that draws tiles with these labels, and one weight for each class."""
    return tiles_of([Sample(slices[k].x, middle[k], per_class[middle[k]]) for k in range(7)])


one_class, low, _ = train(with_weights(np.ones(2, np.float32)), steps=150)
balanced, _, _ = train(with_weights(weight_map.class_weights(middle[:7], 2)), steps=150)

# %%
states = {"healthy": healthy, "dead": dead, "one class": one_class, "with w_c": balanced}
last_tile, spread = tile(1000), {}
for name, state in states.items():
    logits, activations = unet.forward(state.params, last_tile.x, arch)
    a, is_open = logits[..., 1] - logits[..., 0], activations["expand0.a2"] > 0
    grads = gradient(state.params, last_tile, arch)[1]
    learning = [key for key, g in grads.items() if g.any()]
    spread[name] = np.ptp(a)
    print(f"{name:9}  a_1 - a_0 differs by {spread[name]:5.2f}, open ReLUs {is_open.mean():4.0%},")
    print(f"{'':9}  cell {np.mean(a > 0):4.0%}, learning: {len(learning)} of {len(grads)} tensors")
    assert (np.ptp(a) == 0) == (not is_open.any()) == (learning == ["out.b"]) == (name == "dead")
    assert (0.05 < np.mean(a > 0) < 0.99) == (name in ("healthy", "with w_c"))

# %% tags=["draws"]
figure = plt.figure(figsize=(5, 6.6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(2.9, 3.7))
ax = above.subplots()
named = {"healthy": energies[:150], "diverged": exploding, "dead": flat, "one class": low}
for (name, curve), colour in zip(named.items(), ("C2", "C3", "C1", "C0"), strict=True):
    ax.plot(curve, color=colour, label=name)
ax.axhline(np.log(2), color="0.5", linestyle=":", label="ln 2")
ax.set(xlabel="step", ylabel="energy", yscale="log", ylim=(0.02, 1e5))
ax.legend(fontsize=10.5, ncols=3, columnspacing=1)
maps = {"image": slices[7].x[..., 0], "middle labels": middle[7]}
maps |= {name: answer(state.params, slices[7])[2] for name, state in states.items()}
for ax, (title, pixels) in zip(below.subplots(2, 3).flat, maps.items(), strict=True):
    ax.imshow(pixels[view], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=11)
show(
    figure,
    "Above: energies on a logarithmic axis. The diverged run leaves the plot at once; the dead one "
    "stays around ln 2 or above; that of one class lies lower than the healthy one. Below: a part "
    "of a slice, the labels of the middle of its membranes, and the probability of cell: the "
    "healthy run shows membranes, the dead one a single grey, that of one class is white "
    "everywhere; with w_c the middles of membranes are dark.",
)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell: it says whether your answer is right and, if not, what is
# likely to be wrong. `check_NAME.hint(1)` gives a hint, and `hint(2)` a stronger one. The solutions
# are in `tutorials/solutions/training.py`.

# %%
# 1. Predict: μ = 0.99, and the gradient of a weight has been +1 for thousands of steps. From now on
#    it is -1. After how many gradients of -1 does the velocity point the other way?
answer = ...
check_turnaround(answer)


# %%
# 2. Write the update without looking it up.
def momentum_step(params, grads, velocity, learning_rate, momentum):
    """Return new params and velocity, two dicts; do not change the three that are given."""
    ...


check_momentum_step(momentum_step)


# %%
# 3. Say what became of a run: "diverged", "dead", "one class" or "healthy".
def diagnose(energies, p):
    """From the energies of its steps (N,), and p (H, W, 2) that it then gives for a tile."""
    ...


check_diagnose(diagnose)

# %% [markdown]
# ## Summary
#
# - A step of training draws one tile, and moves the weights against the gradient of its energy.
# - Momentum averages the gradients of recent tiles: 0.99 over about 100. It needs long runs.
# - Before a long run, overfit one tile, and try learning rates by powers of ten in short runs.
# - The rate warms up, and falls to 0 at the end, where the gradients of tiles are mostly noise.
# - Judge a run by held-out slices: a network that overfits has a low energy on its training tiles
#   only.
#
# ## In other words
#
# - *Energy*: **loss**, **cost**, **objective**. The energy of the held-out slices is the
#   **validation loss**, and these slices are the **validation set**.
# - *One tile per step*: a **batch size** of 1; more tiles are a **mini-batch**.
# - *Learning rate*: **step size**. Our schedule is **linear warm-up** and **cosine annealing**.
# - *Clipping*: **gradient clipping** by the global norm. *Dead*: **dying ReLUs**.
# - *A step of training*: an **iteration**. *To stop where the held-out curve is lowest*: **early
#   stopping**.
#
# ## Further reading
#
# - H. Robbins and S. Monro, *A stochastic approximation method* (1951).
# - L. Bottou, F. E. Curtis and J. Nocedal, *Optimization methods for large-scale machine learning*
#   (2018).
# - I. Sutskever, J. Martens, G. Dahl and G. Hinton, *On the importance of initialization and
#   momentum in deep learning* (2013).
# - R. Pascanu, T. Mikolov and Y. Bengio, *On the difficulty of training recurrent neural networks*
#   (2013): clipping.
#
# The share of wrong pixels is a poor judge of cells. What is a better one?
# [11. How good is it?](11_scores.ipynb)
