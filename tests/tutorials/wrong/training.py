"""Plausible wrong answers to the exercises of chapter 10, each with words of its message."""

import numpy as np
from special import only


def _step(velocity_of, weight_of=lambda w, v, old: w + v):
    """Make a step from a rule for v(v, g, η, μ) and a rule for w(w, new v, old v)."""

    def step(params, grads, velocity, learning_rate, momentum):
        v = {k: velocity_of(velocity[k], grads[k], learning_rate, momentum) for k in params}
        return {k: weight_of(params[k], v[k], velocity[k]) for k in params}, v

    return step


def _in_place(params, grads, velocity, learning_rate, momentum):
    for name in params:
        velocity[name] *= momentum
        velocity[name] -= learning_rate * grads[name]
        params[name] += velocity[name]
    return params, velocity


def _exchanged(params, grads, velocity, learning_rate, momentum):
    v = {k: momentum * velocity[k] - learning_rate * grads[k] for k in params}
    return v, {k: params[k] + v[k] for k in params}


def _diagnosis(finite, same, one):
    def diagnose(energies, p):
        if not finite(energies, p):
            return "diverged"
        if same(energies, p):
            return "dead"
        return "one class" if one(energies, p) else "healthy"

    return diagnose


def _finite(energies, p):
    return np.isfinite(energies).all() and np.isfinite(p).all()


def _same(energies, p):
    return np.ptp(p[..., 1]) == 0


def _one(energies, p):
    return np.ptp(p.argmax(axis=-1)) == 0


WRONG = {
    "turnaround": {
        "at once": (1, "still points"),
        "the mean age": (99, "mean age"),
        "the sum of the weights": (100, "half of the weight"),
        "one too few": (68, "little of the old"),
        "the swings of a bowl": (138, "bowl"),
        "twice": (200, "too many"),
        "a guess": (20, "too few"),
    },
    "momentum_step": {
        "uphill": (_step(lambda v, g, rate, mu: mu * v + rate * g), "downhill"),
        "rate outside": (
            _step(
                lambda v, g, rate, mu: mu * v + g,
                lambda w, v, old: w - 0.5 * v,
            ),
            "inside the velocity",
        ),
        "a mean": (_step(lambda v, g, rate, mu: mu * v - (1 - mu) * rate * g), "1 - μ"),
        "no momentum": (_step(lambda v, g, rate, mu: -rate * g), "without momentum"),
        "no decay": (_step(lambda v, g, rate, mu: v - rate * g), "multiply it by μ"),
        "old velocity": (
            _step(lambda v, g, rate, mu: mu * v - rate * g, lambda w, v, old: w + old),
            "v first",
        ),
        "minus twice": (
            _step(lambda v, g, rate, mu: mu * v - rate * g, lambda w, v, old: w - v),
            "already points downhill",
        ),
        "in place": (_in_place, "writes to params"),
        "exchanged": (_exchanged, "params first"),
        "one dict": (lambda params, *others: params, "the answer has two parts"),
    },
    "diagnose": {
        "nan only": (
            _diagnosis(lambda e, p: not np.isnan(e).any(), _same, _one),
            "ends infinite",
        ),
        "energies only": (
            _diagnosis(lambda e, p: np.isfinite(e).all(), _same, _one),
            "answers are nan",
        ),
        "classes before answers": (
            lambda e, p: (
                "diverged"
                if not _finite(e, p)
                else "one class"
                if _one(e, p)
                else "dead"
                if _same(e, p)
                else "healthy"
            ),
            "'dead', not 'one class'",
        ),
        "dead is a half": (
            _diagnosis(_finite, lambda e, p: np.allclose(p, 0.5), _one),
            "p = 0.93",
        ),
        "one class is cell": (
            _diagnosis(_finite, _same, lambda e, p: p[..., 1].min() > 0.5),
            "0.01 to 0.4",
        ),
        "by the energy": (
            _diagnosis(_finite, lambda e, p: e[-1] > 0.6, _one),
            "p = 0.93",
        ),
        "another word": (lambda e, p: "fine", "is not one of"),
    },
}


_good = _step(lambda v, g, rate, mu: mu * v - rate * g)
_sound = _diagnosis(_finite, _same, _one)

WRONG["turnaround"] |= {"text": ("69", "is text")}
WRONG["momentum_step"] |= {
    "right for a momentum of 0.8": (
        lambda p, g, v, rate, mu: _good(p, g, v, rate, 0.8),
        "velocity[",
    ),
    "right for the names a and b": (
        lambda p, g, v, rate, mu: tuple(
            {k: t for k, t in d.items() if k in "ab"} for d in _good(p, g, v, rate, mu)
        ),
        "is missing",
    ),
    "right for maps, not for single numbers": (
        lambda p, g, v, rate, mu: tuple(
            {k: t if np.ndim(t) else t + 1 for k, t in d.items()} for d in _good(p, g, v, rate, mu)
        ),
        "should be",
    ),
    "arrays, not dicts": (lambda p, g, v, *_: (np.ones(3), np.ones(3)), "two dicts"),
}
WRONG["diagnose"] |= {
    "right for p of 6 rows": (
        only(_sound, lambda e, p: len(p) == 6, lambda e, p: "healthy"),
        "not 'healthy'",
    ),
    "right where most pixels agree": (
        _diagnosis(_finite, _same, lambda e, p: np.median(p[..., 1]) < 0.4 or _one(e, p)),
        "'healthy', not 'one class'",
    ),
    "one nan is overlooked": (
        _diagnosis(lambda e, p: np.isfinite(e).all() and np.isfinite(p).any(), _same, _one),
        "one answer is nan",
    ),
    "a number": (lambda e, p: 1, "should return one of"),
}
