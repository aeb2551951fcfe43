"""Answers in another style than the solutions, and wrong ones that are nearly right.

`RIGHT` and `WRONG` list chapter, exercise and answer by what is unusual, `WRONG` also words of the
message.
"""

import collections
import itertools
import math
from fractions import Fraction

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view as swv

from minunet.augmentation import deformation
from minunet.network import sizes
from minunet.ops import conv2d, maxpool, upconv

RIGHT, WRONG = {}, {}


def right(slug, name, what, answer):
    """Add a right answer."""
    RIGHT[f"{slug}.{name}: {what}"] = slug, name, answer


def wrong(slug, name, what, words, answer):
    """Add a wrong answer."""
    WRONG[f"{slug}.{name}: {what}"] = slug, name, answer, words


right(
    "convolution",
    "convolution",
    "einsum windows",
    lambda x, w, b: np.einsum("rckij,ijko->rco", swv(x, w.shape[:2], axis=(0, 1)), w) + b,
)


def loops(x, w, b):
    kh, kw, _, features = w.shape
    oh, ow = (x.shape[0] - kh + 1, x.shape[1] - kw + 1)
    y = np.zeros((oh, ow, features), dtype=x.dtype)
    for row in range(oh):
        for c in range(ow):
            for o in range(features):
                y[row, c, o] = (x[row : row + kh, c : c + kw] * w[..., o]).sum() + b[o]
    return y


right("convolution", "convolution", "loops", loops)


def recursive(x, w, b, i=0, j=0):
    kh, kw = w.shape[:2]
    oh, ow = (x.shape[0] - kh + 1, x.shape[1] - kw + 1)
    here = x[i : i + oh, j : j + ow] @ w[i, j]
    if j + 1 < kw:
        return here + recursive(x, w, b, i, j + 1)
    if i + 1 < kh:
        return here + recursive(x, w, b, i + 1, 0)
    return here + b


right("convolution", "convolution", "recursive", recursive)
right(
    "convolution",
    "convolution",
    "scipy",
    lambda x, w, b: (
        np.concatenate(
            [
                scipy.signal.correlate(x, w[..., o], mode="valid", method="direct")
                for o in range(w.shape[3])
            ],
            axis=2,
        )
        + b
    ),
)


def im2col(signal, kernel, offset):
    kh, kw, _, o = kernel.shape
    v = swv(signal, (kh, kw), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    return v.reshape(v.shape[0], v.shape[1], -1) @ kernel.reshape(-1, o) + offset


right("convolution", "convolution", "im2col other names", im2col)
right("convolution", "by_hand", "float32", np.float32([[15, 4, 5], [4, 13, 4]]))
right("convolution", "by_hand", "tuples", ((15, 4, 5), (4, 13, 4)))
right("convolution", "pixel_below", "bool", np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]], bool))
right(
    "convolution",
    "two_in_one",
    "convolve2d",
    lambda v, w: np.stack(
        [
            np.stack(
                [
                    sum(
                        scipy.signal.convolve2d(v[:, :, c, m], w[:, :, m, o])
                        for m in range(v.shape[3])
                    )
                    for o in range(w.shape[3])
                ],
                -1,
            )
            for c in range(v.shape[2])
        ],
        2,
    ),
)
right(
    "convolution",
    "two_in_one",
    "einsum pad",
    lambda v, w: sum(
        np.pad(np.einsum("cm,ijmo->ijco", v[i, j], w), ((i, 2 - i), (j, 2 - j), (0, 0), (0, 0)))
        for i in range(3)
        for j in range(3)
    ),
)
right(
    "gradients",
    "by_hand",
    "arrays",
    (np.array([[1, -1, 0], [0, 4, -2], [0, 0, 4]]), ((3, 6), (5, 9)), [3]),
)
right("gradients", "best_step", "fraction", Fraction(1, 10000))
right("gradients", "best_step", "f32", np.float32(0.0001))
right("gradients", "best_step", "0-d", np.array(0.0001))


def bw(dy, x, w):
    v = swv(x, w.shape[:2], axis=(0, 1))
    dw = np.einsum("rckij,rco->ijko", v, dy).astype(x.dtype)
    dx = np.zeros_like(x)
    for row, c in np.ndindex(dy.shape[:2]):
        dx[row : row + w.shape[0], c : c + w.shape[1]] += np.einsum("ijko,o->ijk", w, dy[row, c])
    return [dx, dw, np.einsum("rco->o", dy)]


right("gradients", "backward", "einsum list", bw)
right(
    "gradients",
    "dx_as_convolution",
    "flip",
    lambda dy, w: conv2d.forward(
        np.pad(dy, [(w.shape[0] - 1,) * 2, (w.shape[1] - 1,) * 2, (0, 0)]),
        np.flip(w, (0, 1)).transpose(0, 1, 3, 2),
        np.zeros(w.shape[2]),
    ),
)
fw = conv2d.forward


def dxz(dy, w):
    kh, kw, channels, features = w.shape
    z = np.zeros((dy.shape[0] + 2 * kh - 2, dy.shape[1] + 2 * kw - 2, features))
    z[kh - 1 : kh - 1 + dy.shape[0], kw - 1 : kw - 1 + dy.shape[1]] = dy
    return fw(z, np.moveaxis(np.rot90(w, 2), 3, 2), np.zeros(channels))


right("gradients", "dx_as_convolution", "alias", dxz)
right("relu_and_maxpool", "pooled_by_hand", "array", np.array([[9, -1], [2, 0]]))
right("relu_and_maxpool", "order", "array", np.array([True, True]))
right("relu_and_maxpool", "order", "ints", [1, 1])
right("relu_and_maxpool", "leaky_backward", "arith", lambda dy, y: dy * ((y > 0) + 0.1 * (y <= 0)))
right(
    "relu_and_maxpool",
    "leaky_backward",
    "vectorize",
    np.vectorize(lambda d, v: d if v > 0 else d / 10),
)


def lk(g, out):
    res = g.copy()
    res[out <= 0] *= 0.1
    return res


right("relu_and_maxpool", "leaky_backward", "mask", lk)
right(
    "relu_and_maxpool",
    "leaky_backward",
    "list",
    lambda dy, y: np.where(y > 0, dy, dy / 10).tolist(),
)


def mp(dy, a):
    height, width, channels = dy.shape
    dx = np.zeros((height, width, channels, 4))
    np.put_along_axis(dx, a[..., None].astype(int), dy[..., None], -1)
    return (
        dx.reshape(height, width, channels, 2, 2)
        .transpose(0, 3, 1, 4, 2)
        .reshape(2 * height, 2 * width, channels)
    )


right("relu_and_maxpool", "maxpool_backward", "reshape", mp)


def mp2(dy, a):
    height, width, channels = dy.shape
    i, j, k = np.indices(dy.shape)
    dx = np.zeros((2 * height, 2 * width, channels))
    dx[2 * i + a // 2, 2 * j + a % 2, k] = dy
    return dx


right("relu_and_maxpool", "maxpool_backward", "fancy", mp2)
right(
    "relu_and_maxpool",
    "maxpool_backward",
    "tile",
    lambda dy, a: (
        np.repeat(np.repeat(dy, 2, 0), 2, 1)
        * (
            np.repeat(np.repeat(a, 2, 0), 2, 1)
            == np.tile(
                np.array([[0, 1], [2, 3]])[..., None], (dy.shape[0], dy.shape[1], dy.shape[2])
            )
        )
    ),
)
right(
    "upconvolution",
    "nearest_kernel",
    "tile int",
    lambda n: np.tile(np.eye(n, dtype=int), (2, 2, 1, 1)),
)
right(
    "upconvolution",
    "nearest_kernel",
    "lists",
    lambda n: [[[[float(a == b) for b in range(n)] for a in range(n)] for _ in "ab"] for _ in "ab"],
)


def ub(dy, x, w):
    height, width, _ = x.shape
    g = dy.reshape(height, 2, width, 2, -1)
    return (
        np.einsum("hiwjo,ijco->hwc", g, w),
        np.einsum("hwc,hiwjo->ijco", x, g),
        dy.sum(0).sum(0).tolist(),
    )


right("upconvolution", "upconv_backward", "einsum", ub)


def ac(x, w, b):
    height, width, channels = x.shape
    z = np.zeros((2 * height + 2, 2 * width + 2, channels))
    z[1:-1:2, 1:-1:2] = x
    return conv2d.forward(z, np.rot90(w, 2), b)[: 2 * height, : 2 * width]


right("upconvolution", "as_convolution", "crop", ac)
right("energy", "ignorance", "neg", -(388**2) * np.log(0.5))
right("energy", "constant", "1.1", 1.1)
right("energy", "constant", "log", math.log(0.75 / 0.25))
right(
    "energy",
    "two_class_energy",
    "log1p",
    lambda d, labels_: np.log1p(np.exp(-abs(d))) + np.maximum((1 - 2 * labels_) * d, 0),
)
right(
    "energy",
    "two_class_energy",
    "log_expit",
    lambda d, labels_: -scipy.special.log_expit((2 * labels_ - 1) * d),
)
right(
    "energy",
    "two_class_energy",
    "list",
    lambda d, labels_: [
        max(s, 0) + math.log1p(math.exp(-abs(s)))
        for s in (-v if k else v for v, k in zip(d, labels_, strict=True))
    ],
)
right(
    "energy",
    "energy_backward",
    "eye",
    lambda p, labels_, m: (p - np.eye(p.shape[2])[labels_]) * m[:, :, None],
)


def eb(p, labels_, m):
    g = p.copy()
    h, v = labels_.shape
    g[np.arange(h)[:, None], np.arange(v), labels_] -= 1
    return np.moveaxis(np.moveaxis(g, 2, 0) * m, 0, 2)


right("energy", "energy_backward", "fancy view", eb)
right("border_weights", "gap_term", "7.26", 7.26)
right(
    "border_weights",
    "sigma_for",
    "root",
    lambda g: scipy.optimize.brentq(
        lambda s: math.exp(-((g + 1) ** 2) / (2 * s * s)) - 0.5, 0.01, 1000
    ),
)
right("border_weights", "sigma_for", "f32", lambda g: np.float32((g + 1) / math.sqrt(math.log(4))))


def wt(apart, w_c, w0, sigma):
    w = np.where(apart > 0, w_c[1], w_c[0]).astype(float)
    ks = [k for k in set(apart.ravel().tolist()) if k]
    if len(ks) < 2:
        return w
    for p in np.argwhere(apart == 0):
        ds = sorted(scipy.spatial.distance.cdist([p], np.argwhere(apart == k)).min() for k in ks)
        w[tuple(p)] += w0 * math.exp(-((ds[0] + ds[1]) ** 2) / 2 / sigma**2)
    return w.tolist()


right("border_weights", "weights", "cdist list", wt)
right(
    "border_weights",
    "threshold",
    "minimize",
    lambda u, v: (
        scipy.optimize.minimize_scalar(
            lambda p: -u * np.log(p) - v * np.log(1 - p),
            bounds=(1e-06, 1 - 1e-06),
            method="bounded",
            options={"xatol": 1e-09},
        ).x
    ),
)
right("the_u", "three_numbers", "list", [12.0, np.int64(36), 0.0442])


def tb(g, a, am, p, bo, w, wu):
    n = wu.shape[3]
    da = maxpool.backward(
        (res := conv2d.backward((u := upconv.backward(g[..., :n], bo, wu))[0], p, w))[0], am
    )
    da[2:-2, 2:-2] += g[..., n:]
    return [da, res[1], u[1]]


def tb2(dy, a, am, p, bo, w, wu):
    n = wu.shape[3]
    ub_ = upconv.backward(dy[..., :n], bo, wu)
    cb = conv2d.backward(ub_[0], p, w)
    da = maxpool.backward(cb[0], am)
    k = (a.shape[0] - dy.shape[0]) // 2
    da[k : a.shape[0] - k, k : a.shape[1] - k] += dy[..., n:]
    return (da, cb[1], ub_[1])


right("the_u", "backward", "by hand", tb2)


def ts(row, level, depth):
    crop = 6 * 2 ** (depth - level) - 8
    px = np.arange(row, row + 5)
    for _ in range(level):
        px = (px[:, None] // 2 + np.arange(5)).ravel()
    px = (px[:, None] + crop + np.arange(5)).ravel()
    for _ in range(level):
        px = (2 * px[:, None] + np.arange(6)).ravel()
        px = np.unique(px)
    return np.array([px.min(), px.max()])


right("the_u", "through_skip", "sets", ts)
right("tiles", "mirrored", "array", np.pad(np.arange(3), 3, "reflect"))
right("tiles", "steps", "list", [8, 16, 16, 24, 32])
right("tiles", "steps", "frozen", frozenset({32, 24, 16, 8}))


def og(size, depth, tile):
    out = sizes.output_size(tile, depth)
    step = out - out % 2**depth
    at = 0
    found = [at]
    while at + out < size:
        at += step
        found.append(at)
    return tuple(found)


right("tiles", "origins", "while", og)


def og2(size, depth, tile):
    out = sizes.output_size(tile, depth)
    step = out // 2**depth * 2**depth
    return np.arange(max(1, math.ceil((size - out) / step) + 1)) * step


right("tiles", "origins", "arange", og2)
right(
    "tiles",
    "average_flips",
    "mean",
    lambda f, im: np.mean(
        [np.flip(f(np.flip(im, ax)), ax) for ax in ((), (0,), (1,), (0, 1))], axis=0
    ),
)


def af(f, im):
    t = f(im)
    t += f(im[::-1])[::-1]
    t += f(im[:, ::-1])[:, ::-1]
    t += np.rot90(f(np.ascontiguousarray(np.rot90(im, 2))), 2)
    t /= 4
    return t


right("tiles", "average_flips", "in place", af)
right("deformation", "halfway", "fraction", Fraction(13, 4))


def tc(n, a):
    m = (n - 1) / 2
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    z = (j - m - 1j * (i - m)) * np.exp(-1j * a)
    return [m - z.imag, m + z.real]


right("deformation", "turned", "complex", tc)


def tm(n, a):
    m = (n - 1) / 2
    rc = np.indices((n, n)).reshape(2, -1) - m
    return (np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) @ rc + m).reshape(2, n, n)


right("deformation", "turned", "matrix", tm)


def dm(image, labels, S, v, order=1, mode="mirror"):
    at = np.indices(image.shape) + np.einsum("ri,kij,cj->krc", S, v, S)
    return (
        scipy.ndimage.map_coordinates(image, at, order=order, mode=mode),
        scipy.ndimage.map_coordinates(labels, at, order=0, mode=mode),
    )


right("deformation", "deform", "map_coordinates", dm)
right("deformation", "deform", "stack", lambda *a: np.stack(dm(*a)))


def fo(v, size):
    S, _ = deformation.interpolating(size)
    at = np.indices((size, size)) + S @ v @ S.T
    J = np.stack([np.stack(np.gradient(at[0])), np.stack(np.gradient(at[1]))])
    return int((np.linalg.det(J.transpose(2, 3, 0, 1)) < 0).any())


right("deformation", "folds", "gradient of places", fo)


def fo2(v, size):
    S, _ = deformation.interpolating(size)
    at = np.indices((size, size)) + S @ v @ S.T
    a = np.diff(at, axis=1)[:, :, :-1]
    b = np.diff(at, axis=2)[:, :-1]
    return (a[0] * b[1] - a[1] * b[0] <= 0).any()


right("deformation", "folds", "diff", fo2)
right("training", "turnaround", "ceil", math.ceil(math.log(0.5) / math.log(0.99)))


def ms(p, g, v, lr, mu):
    p, v = ({k: np.array(t) for k, t in d.items()} for d in (p, v))
    for k in p:
        v[k] *= mu
        v[k] -= lr * g[k]
        p[k] += v[k]
    return (collections.OrderedDict(p), v)


right("training", "momentum_step", "copies", ms)


def dg(e, p):
    if not math.isfinite(sum(e)) or not math.isfinite(p.sum()):
        return "diverged"
    c = p[..., 1] > p[..., 0]
    if (p == p[0, 0]).all():
        return "dead"
    return "one class" if c.all() or not c.any() else "healthy"


right("training", "diagnose", "sums", dg)


def vr(t, a):
    s = t > 0
    t, a = (t[s], a[s])
    a = np.where(a == 0, -1 - np.arange(a.size), a)
    n = collections.Counter(zip(t.tolist(), a.tolist(), strict=True))
    A = collections.Counter(t.tolist())
    B = collections.Counter(a.tolist())

    def q(c):
        return sum(x * x for x in c.values())

    return 2 * q(n) / (q(A) + q(B))


right("scores", "v_rand", "Counter", vr)


def al(patch):

    def n(p):
        q = np.pad(p, 1)
        return (scipy.ndimage.label(q)[1], scipy.ndimage.label(~q, np.ones((3, 3)))[1])

    f = patch.copy()
    f[1, 1] = not f[1, 1]
    return np.bool_(n(f) == n(patch))


right("scores", "allowed", "brute", al)


def sb(truth):
    a = (truth > 0).astype(float)
    k = np.bincount(truth[truth > 0]).argmax()
    c = np.nonzero(truth == k)[1]
    a[:, int(np.median(c))] = 0
    return a


right("scores", "sabotage", "column float", sb)
right("scores", "pairs", "array", np.array([4, 9, 7]))
right("speed", "start", "list", [15, 14.0])


def bl(x, w):
    kh, kw, channels, features = w.shape
    height, width, _ = x.shape
    px = x.reshape(height * width, channels)
    n = (height - kh) * width + width - kw + 1
    y = np.zeros(((height - kh + 1) * width, features))
    for i, j in itertools.product(range(kh), range(kw)):
        np.add(y[:n], np.dot(px[i * width + j :][:n], w[i, j]), out=y[:n])
    return y.reshape(-1, width, features)[:, : width - kw + 1]


right("speed", "by_list", "dot out", bl)


def bl2(x, w):
    kh, kw, channels, features = w.shape
    height, width, _ = x.shape
    px = x.reshape(-1, channels)
    n = (height - kh + 1) * width - kw + 1
    y = sum(px[i * width + j : i * width + j + n] @ w[i, j] for i in range(kh) for j in range(kw))
    out = np.empty((height - kh + 1, width - kw + 1, features))
    for row in range(height - kh + 1):
        out[row] = y[row * width : row * width + width - kw + 1]
    return out


right("speed", "by_list", "row by row cut", bl2)


def fp(d, g):
    d, g = (np.array(d), np.array(g))
    m = [
        (d[0] - d[2]) * g[0],
        (d[1] + d[2]) * (0.5 * (g[0] + g[1] + g[2])),
        (d[2] - d[1]) * (0.5 * (g[0] - g[1] + g[2])),
        (d[1] - d[3]) * g[2],
    ]
    return np.array([sum(m[:3]), m[1] - m[2] - m[3]])


right("speed", "four_products", "arrays", fp)
right(
    "your_own_data",
    "honest",
    "max",
    lambda h, t: (
        max(range(len(h)), key=lambda k: h[k]) is not None
        and t[max(range(len(h)), key=lambda k: h[k])]
    ),
)
right(
    "your_own_data",
    "areas",
    "Counter",
    lambda labels_, nm: collections.defaultdict(
        float,
        {
            k: n * (nm * 0.001) ** 2
            for k, n in collections.Counter(labels_.ravel().tolist()).items()
            if k
        },
    ),
)
right(
    "your_own_data",
    "areas",
    "bincount",
    lambda labels_, nm: {
        k: n * nm**2 / 1000000.0
        for k, n in enumerate(np.bincount(labels_.ravel().astype(int)))
        if k and n
    },
)


def int_zeros(x, w, b):
    oh, ow = (x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1)
    y = np.zeros((oh, ow, w.shape[3]), int)
    for i, j in np.ndindex(w.shape[:2]):
        y += x[i : i + oh, j : j + ow] @ w[i, j]
    return y + b


wrong(
    "convolution",
    "convolution",
    "int zeros",
    "float64 does not fit into an array of int64",
    int_zeros,
)


def int_assign(x, w, b):
    oh, ow = (x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1)
    y = np.zeros((oh, ow, w.shape[3]), int)
    y[:] = sum((x[i : i + oh, j : j + ow] @ w[i, j] for i, j in np.ndindex(w.shape[:2]))) + b
    return y


wrong(
    "convolution",
    "convolution",
    "int truncates",
    "y is of int64, so fractions are lost",
    int_assign,
)
wrong(
    "convolution",
    "convolution",
    "kh for kw",
    "right where the kernel is 3×3",
    lambda x, w, b: (
        sum(
            (
                x[i : i + x.shape[0] - w.shape[0] + 1, j : j + x.shape[1] - w.shape[0] + 1]
                @ w[i, j]
                for i, j in np.ndindex(w.shape[0], w.shape[0])
            )
        )
        + b
    ),
)
wrong(
    "convolution",
    "convolution",
    "result not function",
    "the answer should be a function, but it is an array",
    np.zeros((9, 7, 5)),
)
wrong("convolution", "convolution", "two args", "should take 3 arguments", lambda x, w: x)
wrong(
    "convolution",
    "convolution",
    "generator",
    "a value of type generator",
    lambda x, w, b: (v for v in x),
)
wrong(
    "convolution",
    "two_in_one",
    "float32",
    "right to about 7 digits only",
    lambda v, w: sum(
        np.pad(np.einsum("cm,ijmo->ijco", v[i, j], w), ((i, 2 - i), (j, 2 - j), (0, 0), (0, 0)))
        for i in range(3)
        for j in range(3)
    ).astype(np.float32),
)
wrong(
    "convolution",
    "two_in_one",
    "commuted",
    "turned by 180°",
    lambda v, w: sum(
        np.pad(np.einsum("cm,ijmo->ijco", v[i, j], w), ((2 - i, i), (2 - j, j), (0, 0), (0, 0)))
        for i in range(3)
        for j in range(3)
    ),
)
wrong("convolution", "by_hand", "channel axis", "its shape should be (2, 3)", np.zeros((2, 3, 1)))
wrong("gradients", "best_step", "exponent", "If you gave the exponent", -4)
wrong("gradients", "best_step", "cube root", "not a power of ten", 6e-06)
wrong(
    "gradients",
    "by_hand",
    "dx rows",
    "dx has shape (2, 2)",
    ([[1, -1], [0, 4]], [[3, 6], [5, 9]], 3),
)
wrong(
    "gradients",
    "backward",
    "dw from dx window",
    "dx and db are right. dw[",
    lambda dy, x, w: (lambda g: (g[0], g[1] * 0, g[2]))(conv2d.backward(dy, x, w)),
)
wrong(
    "gradients",
    "backward",
    "dx returned twice",
    "dx and db are right. dw has shape",
    lambda dy, x, w: (lambda g: (g[0], g[0], g[2]))(conv2d.backward(dy, x, w)),
)
wrong(
    "gradients",
    "backward",
    "float32 result",
    "right to about 7 digits only",
    lambda dy, x, w: tuple(np.float32(g) for g in bw(dy, x, w)),
)
wrong(
    "gradients",
    "dx_as_convolution",
    "same pad kh//2",
    "The border has kh - 1 = 2 rows",
    lambda dy, w: conv2d.forward(
        np.pad(dy, [(w.shape[0] // 2,) * 2, (w.shape[1] // 2,) * 2, (0, 0)]),
        np.flip(w, (0, 1)).transpose(0, 1, 3, 2),
        np.zeros(w.shape[2]),
    ),
)
wrong(
    "gradients",
    "dx_as_convolution",
    "bias features",
    "the bias is C zeros",
    lambda dy, w: conv2d.forward(
        np.pad(dy, [(w.shape[0] - 1,) * 2, (w.shape[1] - 1,) * 2, (0, 0)]),
        np.flip(w, (0, 1)).transpose(0, 1, 3, 2),
        np.zeros(w.shape[3]),
    ),
)
wrong(
    "relu_and_maxpool",
    "leaky_backward",
    "1/10 everywhere",
    "but it should be",
    lambda dy, y: dy / 10,
)
wrong(
    "relu_and_maxpool",
    "leaky_backward",
    "sign of dy",
    "the sign of y should",
    lambda dy, y: np.where(dy > 0, dy, dy / 10),
)
wrong(
    "relu_and_maxpool",
    "leaky_backward",
    "0.01",
    "but it should be",
    lambda dy, y: np.where(y > 0, dy, 0.01 * dy),
)
wrong(
    "relu_and_maxpool",
    "maxpool_backward",
    "uint8 result",
    "but it should be",
    lambda dy, a: mp(dy, a).astype(np.uint8),
)
wrong(
    "relu_and_maxpool",
    "maxpool_backward",
    "transposed channels",
    "with its first two axes exchanged",
    lambda dy, a: mp(dy, a).swapaxes(0, 1),
)
wrong(
    "upconvolution",
    "stamped",
    "interleaved cols",
    "the bias is missing",
    [[2, 0, -1, 0], [6, 4, -3, -2]],
)
wrong(
    "upconvolution",
    "as_convolution",
    "repeat",
    "not copies",
    lambda x, w, b: conv2d.forward(
        np.pad(x.repeat(2, 0).repeat(2, 1), ((1, 0), (1, 0), (0, 0))), np.rot90(w, 2), b
    ),
)
wrong(
    "upconvolution",
    "as_convolution",
    "transposed kernel",
    "i and j of the taps are exchanged",
    lambda x, w, b: ac(x, w.swapaxes(0, 1), b),
)
wrong(
    "upconvolution",
    "upconv_backward",
    "mean db",
    "db is wrong by a factor",
    lambda dy, x, w: (*ub(dy, x, w)[:2], dy.mean((0, 1))),
)
wrong("energy", "ignorance", "rounded", "rounded too far", 104000)
wrong("energy", "ignorance", "per class", "counts both classes", 2 * 388**2 * math.log(2))
wrong("energy", "constant", "3/4 logit base10", "natural logarithm", math.log10(3))
wrong(
    "energy",
    "two_class_energy",
    "where literal",
    "not finite",
    lambda d, labels_: np.where(labels_ == 1, np.log(1 + np.exp(-d)), np.log(1 + np.exp(d))),
)
wrong(
    "energy",
    "two_class_energy",
    "log2",
    "wrong by a factor",
    lambda d, labels_: np.logaddexp(0, (1 - 2 * labels_) * d) / np.log(2),
)
wrong(
    "energy",
    "energy_backward",
    "labels as class 0/1",
    "dlogits[",
    lambda p, labels_, m: (
        m[..., None]
        * (p - np.stack([labels_ == 0, labels_ == 1] + [0 * labels_] * (p.shape[2] - 2), -1))
    ),
)
wrong(
    "energy",
    "energy_backward",
    "sqrt weights",
    "dlogits[",
    lambda p, labels_, m: np.sqrt(m)[..., None] * (p - np.eye(p.shape[2])[labels_]),
)
wrong("border_weights", "gap_term", "7.3", "rounded too far", 7.3)
wrong(
    "border_weights",
    "gap_term",
    "middle pixel w/ 4.5",
    "is not right",
    10 * math.exp(-(4.5**2) / 50),
)
wrong(
    "border_weights",
    "sigma_for",
    "int",
    "not half of w0",
    lambda g: round((g + 1) / math.sqrt(math.log(4))),
)


def wr(apart, w_c, w0, sigma):
    ds = [scipy.ndimage.distance_transform_edt(apart != k) for k in range(1, apart.max() + 1)]
    ds += [np.full(apart.shape, np.inf)] * 2
    d = np.sort(ds, 0)
    return np.where(apart > 0, w_c[1], w_c[0] + w0 * np.exp(-((d[0] + d[1]) ** 2) / 2 / sigma**2))


wrong("border_weights", "weights", "range numbers", "numbers of the cells may have gaps", wr)
wrong(
    "border_weights",
    "weights",
    "uint8",
    "w[",
    lambda a, c, w0, s: (lambda z: np.asarray(wt(z, c, w0, s)))(a.astype(np.uint8)),
)
wrong(
    "border_weights",
    "weights",
    "squares added",
    "added first, and then squared",
    lambda a, c, w0, s: np.where(
        a > 0,
        c[1],
        c[0]
        + w0
        * np.exp(
            -np.add(
                *[
                    q**2
                    for q in np.sort(
                        [
                            *(
                                scipy.ndimage.distance_transform_edt(a != k)
                                for k in np.unique(a[a > 0])
                            ),
                            *[np.full(a.shape, np.inf)] * 2,
                        ],
                        0,
                    )[:2]
                ]
            )
            / 2
            / s**2
        ),
    ),
)
wrong("border_weights", "threshold", "odds", "least at p", lambda u, v: v / u)
wrong("the_u", "three_numbers", "0.04", "rounded too far", (12, 36, 0.04))
wrong("the_u", "three_numbers", "depth 4", "Each level removes 4 and halves", (4, 20, 0.0442))
wrong("the_u", "through_skip", "swapped", "They are exchanged", lambda *a: ts(*a)[::-1])
wrong("tiles", "mirrored", "shifted", "entry 0 of your list", [2, 1, 0, 1, 2, 1, 0, 1, 2])
wrong("tiles", "mirrored", "3..", "entry 0 of your list", [-3, -2, -1, 0, 1, 2, 3, 4, 5])
wrong("tiles", "steps", "with 12", "12 can be halved 2 times", {32, 24, 16, 12, 8})
wrong("tiles", "steps", "empty-ish", "36 can be halved 2 times", {36})
wrong("tiles", "origins", "generator", "a value of type generator", lambda *a: (v for v in og(*a)))
wrong(
    "tiles",
    "average_flips",
    "flipped back wrong axis",
    "in the same way as their images",
    lambda f, im: np.mean(
        [
            np.flip(f(np.flip(im, ax)), bx)
            for ax, bx in (((), ()), ((0,), (1,)), ((1,), (0,)), ((0, 1), (0, 1)))
        ],
        axis=0,
    ),
)
wrong(
    "tiles",
    "average_flips",
    "argmax",
    "in the same way as their images",
    lambda f, im: np.mean(
        [np.flip(f(np.flip(im, ax)), ax) > 0 for ax in ((), (0,), (1,), (0, 1))], axis=0
    ),
)
wrong("deformation", "halfway", "3.3", "give the exact number", 3.3)
wrong(
    "deformation",
    "turned",
    "float32",
    "right to about 7 digits only",
    lambda n, a: np.float32(tm(n, a)),
)
wrong(
    "deformation",
    "turned",
    "rounded",
    "right to about 3 digits only",
    lambda n, a: np.round(tm(n, a), 3),
)


wrong(
    "deformation",
    "deform",
    "reflect",
    "mirrored at the edges",
    lambda *a: dm(*a, mode="reflect"),
)


wrong("deformation", "deform", "cubic", "interpolated linearly", lambda *a: dm(*a, order=3))
wrong(
    "deformation",
    "folds",
    "trace",
    "columns are read in reverse order",
    lambda v, n: bool(
        (
            np.gradient(
                (deformation.interpolating(n)[0] @ v @ deformation.interpolating(n)[0].T)[0], axis=0
            )
            < -1
        ).any()
    ),
)
wrong("training", "turnaround", "68.97", "the count should be a whole number", 68.97)
wrong("training", "turnaround", "70", "70 is too many", 70)
wrong(
    "training",
    "momentum_step",
    "nesterov",
    "params[",
    lambda p, g, v, lr, mu: (lambda n: ({k: p[k] + mu * n[k] - lr * g[k] for k in p}, n))(
        {k: mu * v[k] - lr * g[k] for k in p}
    ),
)
wrong(
    "training",
    "momentum_step",
    "one scalar",
    "velocity is one number",
    lambda p, g, v, lr, mu: (p, 0),
)
wrong(
    "training",
    "diagnose",
    "std",
    "np.std may round",
    lambda e, p: (
        "diverged"
        if not (np.isfinite(e).all() and np.isfinite(p).all())
        else "dead"
        if p[..., 1].std() == 0
        else "one class"
        if len(np.unique(p.argmax(-1))) == 1
        else "healthy"
    ),
)
wrong("training", "diagnose", "capital", "is not one of", lambda e, p: dg(e, p).capitalize())
wrong("scores", "v_rand", "float32", "It is close", lambda t, a: np.float32(vr(t, a)))
wrong("scores", "v_rand", "split only", "exchanged", lambda t, a: vr(a, t))
wrong(
    "scores",
    "allowed",
    "no pad 4-conn",
    "2 of 512",
    lambda p: (
        scipy.ndimage.label(p)[1]
        == scipy.ndimage.label(np.where(np.arange(9).reshape(3, 3) == 4, ~p, p))[1]
    ),
)
wrong(
    "scores",
    "sabotage",
    "two pixels",
    "V_Rand is still",
    lambda t: np.where(np.arange(t.size).reshape(t.shape) % 997 == 0, t == 0, t > 0),
)


def blw(x, w, f):
    oh, ow = (x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1)
    return sum((f(x[i : i + oh, j : j + ow], w[i, j]) for i, j in np.ndindex(w.shape[:2])))


wrong(
    "speed",
    "by_list",
    "einsum of windows",
    "Slice the list of pixels",
    lambda x, w: blw(x, w, lambda a, b: np.einsum("rck,ko->rco", a, b)),
)
wrong(
    "speed", "by_list", "dot of windows", "Slice the list of pixels", lambda x, w: blw(x, w, np.dot)
)
wrong(
    "speed",
    "by_list",
    "inner of windows",
    "Slice the list of pixels",
    lambda x, w: blw(x, w, lambda a, b: np.inner(a, b.T)),
)
wrong(
    "speed",
    "by_list",
    "tensordot",
    "a window or the whole list is copied",
    lambda x, w: blw(x, w, lambda a, b: np.tensordot(a, b, 1)),
)
wrong(
    "speed",
    "by_list",
    "mult sum",
    "a window or the whole list is copied",
    lambda x, w: blw(x, w, lambda a, b: (a[..., None] * b).sum(2)),
)
wrong(
    "speed",
    "by_list",
    "swv einsum",
    "Slice the list of pixels",
    lambda x, w: np.einsum("rckij,ijko->rco", swv(x, w.shape[:2], axis=(0, 1)), w),
)


def padlist(x, w):
    kh, kw, channels, features = w.shape
    height, width, _ = x.shape
    px = np.concatenate([x.reshape(-1, channels), np.zeros((kw - 1, channels))])
    n = (height - kh + 1) * width
    return sum(
        px[i * width + j : i * width + j + n] @ w[i, j] for i in range(kh) for j in range(kw)
    ).reshape(-1, width, features)[:, : width - kw + 1]


wrong("speed", "by_list", "padded list", "a window or the whole list is copied", padlist)
wrong(
    "speed",
    "four_products",
    "const added",
    "only numbers made of d and g",
    lambda d, g: (d[0] * g[0] + 1, d[1] * g[0]),
)
wrong(
    "speed",
    "four_products",
    "square",
    "each product should be",
    lambda d, g: (d[0] * d[1], g[0] * g[1]),
)
wrong("speed", "four_products", "floats", "y0 should be made of d and g", lambda d, g: (1.0, 2.0))
wrong(
    "speed",
    "four_products",
    "first ok second not",
    "y1 should be made of d and g",
    lambda d, g: (d[0] * g[0], 2.0),
)
wrong(
    "your_own_data",
    "honest",
    "median",
    "the score is 0.6",
    lambda h, t: t[np.argsort(h)[len(h) // 2]],
)
wrong(
    "your_own_data",
    "honest",
    "tuple",
    "but it is a tuple",
    lambda h, t: (np.argmax(h), t[np.argmax(h)]),
)
wrong(
    "your_own_data",
    "areas",
    "rounded",
    "6.4e-05 µm², not 0",
    lambda labels_, nm: {
        int(k): round((labels_ == k).sum() * nm**2 / 1000000.0, 3) for k in np.unique(labels_) if k
    },
)
wrong(
    "your_own_data",
    "areas",
    "zero for gaps",
    "there is no cell 1",
    lambda labels_, nm: {
        k: (labels_ == k).sum() * nm**2 / 1000000.0 for k in range(1, int(labels_.max()) + 1)
    },
)
