# %% [markdown]
# # 10. Training
#
# *How do the gradients of single tiles become a network that sees, and how do I notice in time
# that they do not?*
#
# Afterwards you can write momentum descent and its schedule, test a network on one tile, and tell
# a dead, a diverged and a one-class run from a healthy one.
#
# Before: [9. Thirty images are enough](09_deformation.ipynb). After:
# [11. How good is it?](11_scores.ipynb). Explains `minunet/training/sgd.py` and `loop.py`.

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
# ## A weight with a velocity
#
# Section 3 of the paper reduces the batch to a single tile and takes a momentum of 0.99. Every
# weight $w$ has a velocity $v$. With the gradient $g_t$ of step $t$, the learning rate $\eta$ and
# the momentum $\mu$:
#
# $$ v_t = \mu \, v_{t-1} - \eta \, g_t \qquad w_t = w_{t-1} + v_t $$
#
# With a pencil: $\mu = ½$, $\eta = 1$, at rest at $w = 0$; the gradients are 8, 4 and −2. Then $v$
# is $-8$, $-4 - 4 = -8$, $-4 + 2 = -2$, and $w$ is $-8$, $-16$, $-18$. The third gradient points
# the other way, and the weight still goes on. Insert the first equation into itself, again and
# again:
#
# $$ v_t = -\eta \sum_{s = 0}^{t} \mu^s g_{t-s} $$
#
# where $s$ is the age of a gradient. Here $-(-2 + ½ \cdot 4 + ¼ \cdot 8) = -2$.

# %%
print(inspect.getsource(sgd.step))

gradients = [8.0, 4, -2]
params, velocity, path = {"w": np.zeros(1)}, {"w": np.zeros(1)}, []
for t, g in enumerate(gradients):
    params, velocity = sgd.step(params, {"w": np.array([g])}, velocity, 1, 0.5)
    path.append((float(velocity["w"][0]), float(params["w"][0])))
    assert velocity["w"][0] == -sum(0.5**s * gradients[t - s] for s in range(t + 1))
assert path == [(-8, -8), (-8, -16), (-2, -18)]

# %% [markdown]
# ## 0.99 is an average over tiles
#
# The weights of that sum add up to $1 + \mu + \mu^2 + \dots = 1 / (1 - \mu)$. Divided by it they
# add up to 1:
#
# $$ v_t = -\frac{\eta}{1 - \mu} \, \bar g_t \qquad \bar g_t = \sum_s (1 - \mu) \mu^s g_{t-s} $$
#
# So $\bar g$ is a mean over tiles, and the **effective step** is $\eta / (1 - \mu)$: 100 $\eta$ for
# 0.99. The last 100 tiles have 63 % of the weight; the mean age is $\mu / (1 - \mu) = 99$ steps. If
# every tile adds noise of variance 1, independent of the others, the variance of the mean is
#
# $$ \sum_s (1 - \mu)^2 \mu^{2s} = \frac{(1 - \mu)^2}{1 - \mu^2} = \frac{1 - \mu}{1 + \mu} $$
#
# 1/199 for 0.99, 1/19 for 0.9. So the *velocity* is as steady as the mean of a batch of 199 tiles,
# and costs one tile a step. The weights are not that steady: consecutive velocities share nearly
# all of their tiles, so their noise adds up from step to step. The next section shows by how much.
# The price is age: those gradients were taken where the weights were before.

# %%
age = np.arange(2000)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
noisy = 1 + rng.standard_normal(len(age))  # gradient 1 and the noise of tiles
right.plot(noisy[:500], ".", color="0.8", markersize=3, label="of one tile")
for mu, colour in ((0.9, "tab:orange"), (0.99, "tab:blue")):
    weights = (1 - mu) * mu**age
    mean = np.convolve(noisy, weights)[: len(age)]
    left.plot(age[:200], weights[:200], color=colour, label=f"μ = {mu}")
    right.plot(mean[:500], color=colour, label=f"μ = {mu}")
    assert np.isclose(weights.sum(), 1) and np.isclose((age * weights).sum(), mu / (1 - mu))
    assert np.isclose((weights**2).sum(), (1 - mu) / (1 + mu))
    assert 0.7 < np.var(mean[500:]) / (weights**2).sum() < 1.3
assert round(weights[:100].sum(), 2) == 0.63 and round(1 / (weights**2).sum()) == 199
assert np.isclose((1 - 0.9) / (1 + 0.9), 1 / 19)
left.set(xlabel="age of a gradient, steps", ylabel="weight in the mean")
right.set(xlabel="step", ylabel="gradient", ylim=(-3, 5.8))
left.legend(fontsize=9)
right.legend(fontsize=9, ncols=3, loc="upper center")
show(
    figure,
    "Left: the weight of a gradient in the mean falls with its age, from 0.1 within some 20 steps "
    "for μ = 0.9, from 0.01 over 200 steps and more for 0.99. Right: gradients of single tiles "
    "scatter around 1; the mean of 0.9 follows with ripples, that of 0.99 climbs to 1 in about "
    "300 steps and is smooth.",
)

# %% [markdown]
# ## What the average costs
#
# In a bowl $E = ½ \lambda w^2$ the gradient is $\lambda w$. With $v_t = w_t - w_{t-1}$:
#
# $$ w_{t+1} = w_t + \mu (w_t - w_{t-1}) - \eta \lambda w_t $$
#
# Try $w_t = r^t$: $r^2 - (1 + \mu - \eta \lambda) \, r + \mu = 0$. The product of the two roots is
# $\mu$. If they are complex, both have the length $\sqrt \mu$: the weight swings through the
# minimum, and the swings halve every 13 steps for 0.9, every 138 for 0.99, whatever the rate. The
# first root to leave the unit circle does so at $r = -1$, where $\eta \lambda = 2 (1 + \mu)$; from
# there on the run diverges. The figure gives all three the same effective step. **0.99 needs a run
# of many times 138 steps**: our preset `paper` has 20,000. A run of some hundred is over before the
# swings are, so the presets for short runs take 0.9.
#
# And what does the noise of the tiles do to the weight? With noise of variance 1 in every gradient,
# $w$ does not come to rest at 0, but scatters around it. Its variance settles where a step leaves
# the covariance of $(w, v)$ as it was, and with the effective step $s = \eta / (1 - \mu)$ that is
#
# $$ \operatorname{Var} w = \frac{s}{\lambda} \cdot \frac{1}{2 - \eta \lambda / (1 + \mu)} $$
#
# At $s = 0.05$ and $\lambda = 1$ it is **0.0250 with μ = 0.99, 0.0256 without momentum, and 0.00013
# without momentum with batches of 199 tiles**. At the same effective step, momentum hardly calms
# the weight; a large batch does, and so does a smaller step at the end of a run.


# %%
def roll(mu, rate, steps):
    """Follow a weight down the bowl of λ = 1, from 1."""
    params, velocity = {"w": np.ones(1)}, {"w": np.zeros(1)}
    path = [1.0]
    for _ in range(steps):
        params, velocity = sgd.step(params, dict(params), velocity, rate, mu)
        path.append(float(params["w"][0]))
    return np.array(path)


def scatter(mu, step, tiles):
    """Variance of a weight that noisy gradients keep moving, in theory and of 4,000 weights."""
    rate, noise = step * (1 - mu), np.random.default_rng(10)
    A, b = np.array([[1 - rate, mu], [-rate, mu]]), np.array([[rate], [rate]])  # w, v; noise
    exact = scipy.linalg.solve_discrete_lyapunov(A, b @ b.T / tiles)[0, 0]
    params, velocity = {"w": np.zeros(4000)}, {"w": np.zeros(4000)}
    for _ in range(2000):
        grads = {"w": params["w"] + noise.standard_normal(4000) / np.sqrt(tiles)}
        params, velocity = sgd.step(params, grads, velocity, rate, mu)
    assert np.isclose(exact, step / (2 - rate / (1 + mu)) / tiles)
    assert np.isclose(params["w"].var(), exact, rtol=0.1)
    return exact


for mu, tiles, expected in ((0.99, 1, "0.02500"), (0, 1, "0.02564"), (0, 199, "0.00013")):
    variance = f"{scatter(mu, 0.05, tiles):.5f}"
    print(f"μ = {mu:<4}  tiles in a batch: {tiles:>3}  variance of w: {variance}")
    assert variance == expected

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for mu, colour in ((0.0, "black"), (0.9, "tab:orange"), (0.99, "tab:blue")):
    ax.plot(roll(mu, 0.5 * (1 - mu), 400), color=colour, label=f"μ = {mu}, ηλ = {0.5 * (1 - mu):g}")
    roots = np.roots([1, -(1 + mu - 0.5 * (1 - mu)), mu])
    assert mu == 0 or np.allclose(abs(roots), mu**0.5)
    limit = 2 * (1 + mu)
    assert abs(roll(mu, 0.98 * limit, 3000)[-1]) < 1e-5
    assert abs(roll(mu, 1.02 * limit, 300)[-1]) > 1e4
halves = [round(np.log(0.5) / np.log(mu**0.5)) for mu in (0.9, 0.99)]
assert halves == [13, 138] and PRESETS["paper"]["steps"] == 20000
ax.set(xlabel="step", ylabel="w", title="the same effective step, 0.5 / λ")
ax.legend(fontsize=9)
show(
    figure,
    "A weight in a bowl. Without momentum it falls to the minimum in a few steps. With 0.9 it "
    "swings through it a few times within 60 steps. With 0.99 it still swings after 400 steps.",
)

# %% [markdown]
# ## Warm-up, half a cosine, and a cut
#
# The paper says nothing of a schedule; this one is ours. The first velocities average over very few
# tiles, so the rate **warms up** linearly, in $W$ of $T$ steps. At the end the gradient of a single
# tile is as noisy as ever, and only a smaller step settles: the rate falls to 0 along **half a
# cosine**:
#
# $$ \eta_t = \eta \cdot \min\!\left(1, \frac{t + 1}{W}\right)
#    \cdot \frac{1 + \cos(\pi t / T)}{2} $$
#
# One odd tile may have a very long gradient. `sgd.clip` cuts what is longer than a given length to
# that length, all tensors together, so the direction stays: (3, 4) has length 5, and cut to 1 it is
# (0.6, 0.8). The presets for short runs cut at 0.2, and so bear a large rate. `paper` does not cut.
#
# **One step is the whole method**: forward, energy, backward, update. Each line of `training.step`,
# printed further down, was a chapter. Written out once more for a small network (depth 2, 8
# channels, tiles of 124 pixels of which 84 come out), the lines give the same weights. The stack
# has eight slices of synthetic EM; the last one is held out. The pixels weigh $w_c$ of equation (2)
# alone: both classes have the same weight in total, and the mean is 1.

# %%
print(inspect.getsource(training.learning_rate))

tiny = from_options(preset="tiny")
rates = np.array([training.learning_rate(step, tiny) for step in range(tiny.steps + 1)])
assert np.isclose(rates[0], 0.2 / 50) and np.argmax(rates) == 49 and rates[-1] == 0
assert np.isclose(rates[tiny.steps // 2], 0.1) and (np.diff(rates[50:]) < 0).all()
cut = sgd.clip({"a": np.array([3.0]), "b": np.array([4.0])}, 1.0)
assert np.allclose([cut["a"], cut["b"]], [[0.6], [0.8]])
settled = {name: (preset["momentum"], preset["clip"]) for name, preset in PRESETS.items()}
assert settled == {"tiny": (0.9, 0.2), "laptop": (0.9, 0.2), "paper": (0.99, 0)}

figure, ax = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
ax.plot(rates, color="black")
ax.set(xlabel="step", ylabel="learning rate", title="preset tiny")
show(
    figure,
    "The learning rate of the preset tiny: it rises in a straight line to 0.2 in the first 50 of "
    "1700 steps, then falls to 0 like half a cosine.",
)

# %%
print(inspect.getsource(training.step))

stack = em_stack((8, 192, 192), rng)
images = [np.float32(image / 255)[..., np.newaxis] for image in stack.images]
w_c = weight_map.class_weights(stack.labels[:7], 2)


def tile(step, labels=stack.labels, w_c=w_c):
    """The tile of a step: any place of the first seven slices, in one of 8 symmetries."""
    turned, tile_rng = augmentation.SETS["symmetries"], sampling.tile_rng(0, step)
    slices = [Sample(images[k], labels[k], w_c[labels[k]]) for k in range(7)]
    return sampling.sample(slices, 124, 2, turned, tile_rng)


small = {"depth": 2, "channels": 8, "tile": 124, "warm_up": 20}
settings = from_options(**small)
state, arch = training.start(settings, "cpu"), settings.architecture
params, (x, label, weights, _) = state.params, tile(0)
logits, activations = unet.forward(params, x, arch)
energy, p = cross_entropy.forward(logits, label, weights / label.size)
dlogits = cross_entropy.backward(p, label, weights / label.size)
grads = unet.backward(params, activations, dlogits, arch)
by_hand = {name: w - 0.1 * grads[name] for name, w in params.items()}

assert np.isclose(training.step(state, tile(0), arch, 0.1, 0.9), energy)
assert all(np.allclose(state.params[name], by_hand[name], atol=1e-6) for name in params)
assert label.shape == (84, 84) and np.isclose(w_c[stack.labels[:7]].mean(), 1, atol=1e-5)
assert np.isclose(*(w_c[k] * np.sum(stack.labels[:7] == k) for k in (0, 1)), rtol=1e-5)

# %% [markdown]
# ## First test: one tile by heart
#
# Before a long run, show the network the same tile at every step. One that cannot learn 84×84
# pixels by heart has a fault that no amount of data mends: a wrong gradient, labels in another
# place than the image, a rate far off. The right curve goes towards 0.
#
# Before it has learned anything, the best answer is ½ for both classes: at a mean weight of 1, an
# energy of $\ln 2 = 0.69$. **Know this number of your run before you start it.** With 0.99 at the
# same effective step the energy swings, as in the bowl: 300 steps are three mean ages.


# %%
def run(settings, draw):
    """The loop of `training.train`, without its files: state and energies."""
    state, energies, arch = training.start(settings, "cpu"), [], settings.architecture
    momentum, clip = settings.momentum, settings.clip
    try:
        for step in range(settings.steps):
            rate = training.learning_rate(step, settings)
            energies.append(training.step(state, draw(step), arch, rate, momentum, clip))
    except training.DivergedError as error:
        print(f"step {step} diverged: {error}")
    return state, energies


def by_heart(**given):
    return run(from_options(**small, steps=300, **given), lambda step: tile(22))


quick_run, slow_run = by_heart(learning_rate=0.1), by_heart(learning_rate=0.01, momentum=0.99)
(state, quick), (_, slow) = quick_run, slow_run
x, label, *_ = tile(22)
logits, _ = unet.forward(state.params, x, arch)
wrong = np.mean(logits.argmax(axis=-1) != label)
print(f"energy {np.mean(quick[-10:]):.3f}, wrong pixels {wrong:.1%}")
assert np.mean(quick[-10:]) < 0.2 < np.mean(slow[-10:]) and wrong < 0.1

figure, (ax, *panels) = plt.subplots(
    1, 4, figsize=(8, 2.5), layout="constrained", width_ratios=(2, 1, 1, 1)
)
for curve, colour, name in ((slow, "tab:blue", "0.99"), (quick, "tab:orange", "0.9")):
    ax.plot(curve, color=colour, label=f"μ = {name}")
ax.axhline(np.log(2), color="0.5", linestyle=":", label="ln 2")
ax.set(xlabel="step", ylabel="energy", ylim=(0, 1.2))
ax.legend(fontsize=9, ncols=2, columnspacing=1)
p = np.exp(cross_entropy.log_softmax(logits))[..., 1]
maps = {"x": x[20:-20, 20:-20, 0], "label": label, "p": p}
for ax, (title, pixels) in zip(panels, maps.items(), strict=True):
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Left: energy of one tile that is shown 300 times. With momentum 0.9 it starts near ln 2 and "
    "falls to nearly 0; with 0.99 it swings, and stays above. Right: the tile, its label, and the "
    "probability of cell that the first network learned, which looks like the label.",
)

# %% [markdown]
# ## A run, and its curves
#
# Now 600 different tiles, and from time to time the slice held out, whole, as in chapter 8. Its
# score here is the share of wrong pixels, weighted as in training: a constant answer has about
# one half. Chapter 11 has better ones.
#
# The energy of single tiles jumps by more than a hundred steps gain, as some tiles are harder than
# others: look at a running mean. The first steps already tell light from dark; the checkerboard is
# that of chapter 4, from taps that still differ. While the rate is high, the slice held out may
# score worse than before, which is no reason to stop. At the end the rate falls, and all settles.

# %%
settings = from_options(**small, steps=600)
state, energies, answers, scores = training.start(settings, "cpu"), [], {}, []
momentum, clip, weights = settings.momentum, settings.clip, w_c[stack.labels[7]]
for step in range(settings.steps + 1):
    if step in (0, 20, 50, 100, 200, 400, 600):
        logits = averaging.logits(Network(state.params, arch), images[7], Tiling(124))
        energy, p = cross_entropy.forward(logits, stack.labels[7], weights / weights.sum())
        wrong = np.average(p.argmax(axis=-1) != stack.labels[7], weights=weights)
        answers[f"step {step}"] = p[..., 1]
        scores.append((step, energy, wrong))
        print(f"step {step:3}: energy {energy:.3f}, wrong {wrong:.1%}")
    if step < settings.steps:
        rate = training.learning_rate(step, settings)
        energies.append(training.step(state, tile(step), arch, rate, momentum, clip))
healthy = state
assert scores[-1][1] < np.log(2) and scores[-1][2] < 0.3 < scores[0][2]
assert abs(np.average(stack.labels[7], weights=weights) - 0.5) < 0.02

# %%
mean = np.convolve(energies, np.full(50, 1 / 50), mode="valid")
spread, gain = np.std(energies[300:]), mean[250] - mean[350]
print(f"from tile to tile {spread:.2f}; gained from step 300 to 400 {gain:.2f}")
assert mean[-1] < mean[0] and spread > gain

del answers["step 400"]
view = np.s_[80:176, 70:166]
figure = plt.figure(figsize=(8, 7.6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(4.8, 2.8))
maps = {"image": images[7][..., 0], "label": stack.labels[7]} | answers
for ax, (title, pixels) in zip(above.subplots(2, 4).flat, maps.items(), strict=True):
    ax.imshow(pixels[view], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
left, right = below.subplots(1, 2)
left.plot(energies, color="0.8", linewidth=0.7, label="each tile")
left.plot(np.arange(49, 600), mean, color="tab:blue", label="mean of 50")
steps, validation, wrong = zip(*scores, strict=True)
left.plot(steps, validation, "o-", color="tab:orange", markersize=4, label="held out")
left.axhline(np.log(2), color="0.5", linestyle=":", label="ln 2")
left.set(xlabel="step", ylabel="energy", ylim=(0, 2))
left.legend(fontsize=9, ncols=2)
right.plot(steps, wrong, "o-", color="tab:orange", markersize=4)
right.axhline(0.5, color="0.5", linestyle=":")
right.set(xlabel="step", ylabel="wrong, weighted", ylim=(0, 0.6))
show(
    figure,
    "Above: a part of a slice that was never trained on, its label, and the probability of cell "
    "after 0, 20, 50, 100, 200 and 600 steps: first grey everywhere, then a grid with shades of "
    "the image, at the end white cells between dark membranes. Below: energies of tiles scatter, "
    "their mean falls below ln 2; the share of wrong pixels falls from a half to a fifth.",
)

# %% [markdown]
# ## Three runs that went wrong
#
# **Diverged**: a rate 100 times too large, no warm-up, no cut. The energy grows until it is no
# finite number. `training.step` then stops and names the first stage that overflowed.
#
# **Dead**: rate 3. A few giant steps shut every ReLU of the last stage. Through a shut ReLU no
# gradient comes back (chapter 3): of all parameters only `out.b` still learns. The answer is the
# same at every pixel, and the energy stays around $\ln 2$ or above it.
#
# **One class**: only the middle of wide membranes is marked, 6 % of the pixels, and all pixels
# weigh 1. "Cell" everywhere has 94 % right and a low energy. The network lives: its activations
# differ from pixel to pixel, but none crosses to the other class. The cure is $w_c$, and the table
# below has that run, too.
#
# So one tile tells them apart: is the energy finite, do the answers differ, are there two classes?

# %%
depth_inside = [scipy.ndimage.distance_transform_edt(label == 0) for label in stack.labels]
middle = np.array([d <= 3 for d in depth_inside]).astype(np.uint8)
wild, ones = small | {"clip": 0.0, "warm_up": 0, "steps": 60}, np.ones(2, np.float32)
_, exploding = run(from_options(**wild, learning_rate=20), tile)
dead, flat = run(from_options(**wild, learning_rate=3), tile)
short = from_options(**small, steps=150)
one_class, low = run(short, lambda step: tile(step, middle, ones))
balance = weight_map.class_weights(middle[:7], 2)
balanced, _ = run(short, lambda step: tile(step, middle, balance))
assert max(exploding) > 1e6 and len(exploding) < 60 and round(1 - middle[:7].mean(), 2) == 0.06

x, label, weights, _ = tile(1000)
states = {"healthy": healthy, "dead": dead, "one class": one_class, "with w_c": balanced}
for name, state in states.items():
    logits, activations = unet.forward(state.params, x, arch)
    a, is_open = logits[..., 1] - logits[..., 0], activations["expand0.a2"] > 0
    _, p = cross_entropy.forward(logits, label, weights)
    dlogits = cross_entropy.backward(p, label, weights)
    grads = unet.backward(state.params, activations, dlogits, arch)
    learning = [key for key, g in grads.items() if g.any()]
    print(
        f"{name:9}  a_1 - a_0 differs by {np.ptp(a):5.2f}, open ReLUs {is_open.mean():4.0%},",
        end="",
    )
    print(f" cell {np.mean(a > 0):4.0%}, learning: {len(learning)} of {len(grads)} tensors")
    assert (np.ptp(a) == 0) == (not is_open.any()) == (learning == ["out.b"]) == (name == "dead")
    assert (0.05 < np.mean(a > 0) < 0.99) == (name in ("healthy", "with w_c"))

# %%
figure = plt.figure(figsize=(8, 4.9), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(2.8, 2.0))
ax = above.subplots()
for curve, colour, name in (
    (energies[:150], "0.75", "healthy"),
    (exploding, "black", "diverged"),
    (flat, "tab:orange", "dead"),
    (low, "tab:blue", "one class"),
):
    ax.plot(curve, color=colour, label=name)
ax.axhline(np.log(2), color="0.5", linestyle=":", label="ln 2")
ax.set(xlabel="step", ylabel="energy", yscale="log", ylim=(0.02, 1e4))
ax.legend(fontsize=9, ncols=3)
panels = below.subplots(1, 5)
maps = {"image": images[7][..., 0]}
for name, state in states.items():
    logits = averaging.logits(Network(state.params, arch), images[7], Tiling(124))
    maps[name] = np.exp(cross_entropy.log_softmax(logits))[..., 1]
assert np.ptp(maps["dead"]) < 1e-6 < 0.1 < np.ptp(maps["one class"])
for ax, (title, pixels) in zip(panels, maps.items(), strict=True):
    ax.imshow(pixels[view], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(title=title, xticks=[], yticks=[])
show(
    figure,
    "Above: energies on a logarithmic axis. The diverged run leaves the plot at once; the dead one "
    "stays around ln 2 or above; that of one class lies lower than the healthy one. Below: a "
    "part of a slice and the probability of cell: the healthy run shows membranes, the dead one a "
    "single grey, that of one class nearly white with faint membranes; with w_c these are dark.",
)

# %% [markdown]
# ## Exercises

# %%
# 1. Predict: μ = 0.99, and the gradient of a weight has been +1 for thousands of steps. From now on
#    it is -1. After how many gradients of -1 does the velocity point the other way?
answer = ...
check_turnaround(answer)


# %%
# 2. Write the update, without looking up.
def momentum_step(params, grads, velocity, learning_rate, momentum):
    """New params and velocity, two dicts; the three given stay as they are."""
    ...


check_momentum_step(momentum_step)


# %%
# 3. Say what became of a run: "diverged", "dead", "one class" or "healthy".
def diagnose(energies, p):
    """From the energies of its steps (N,), and p (H, W, 2) that it gives a tile afterwards."""
    ...


check_diagnose(diagnose)

# %% [markdown]
# Solutions: `solutions/training.py`. The share of wrong pixels is a poor judge of cells. What is a
# better one? [11. How good is it?](11_scores.ipynb)
