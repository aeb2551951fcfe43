"""The energy: pixel-wise soft-max and weighted cross-entropy (paper, section 3, equation (1)).

    p_k(x) = exp(a_k(x)) / Σ_k' exp(a_k'(x))
    E      = -Σ_x w(x) log p_ℓ(x)(x)

The paper prints E without the minus sign, although it minimises E; the sign is restored here. E is
a sum over the pixels x of the output tile Ω, not a mean.
"""

import numpy as np

from minunet.array import Array


def log_softmax(logits: Array) -> Array:
    """Compute the logarithm of the soft-max over the classes.

    Subtracting a pixel's largest activation before exponentiating changes no p_k, and activations
    of ±1e4 then neither overflow nor lead to log 0.

    Parameters
    ----------
    logits : (H, W, K)       activations a_k, output of the 1x1 convolution

    Returns
    -------
    log_p : (H, W, K)
    """
    a = np.moveaxis(logits, -1, 0).copy()  # (K, H, W): a short last axis is slow to reduce
    shifted = a - a.max(axis=0)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=0))
    return np.moveaxis(log_p, 0, -1)


def softmax(logits: Array) -> Array:
    """Compute the class probabilities p_k.

    Parameters
    ----------
    logits : (H, W, K)       activations a_k

    Returns
    -------
    p : (H, W, K)            sums to 1 over the classes
    """
    return np.exp(log_softmax(logits))


def forward(logits: Array, labels: Array, weight_map: Array) -> tuple[Array, Array]:
    """Compute the energy of a tile, and the soft-max on which it is based.

    Parameters
    ----------
    logits : (H, W, K)       activations a_k
    labels : (H, W)          integer, 0 … K-1: the true class ℓ(x)
    weight_map : (H, W)      float, w(x)

    Returns
    -------
    energy : ()              E
    p : (H, W, K)            soft-max of the activations
    """
    log_p = log_softmax(logits)
    log_p_label = np.take_along_axis(log_p, labels[..., np.newaxis], axis=-1)[..., 0]
    return -(weight_map * log_p_label).sum(), np.exp(log_p)


def backward(p: Array, labels: Array, weight_map: Array) -> Array:
    """Compute the gradient of the energy; there is no upstream gradient, since dE/dE = 1.

        dlogits[r, c, k] = w[r, c] · (p[r, c, k] - t)        t = 1 where k is the label, else 0

    Parameters
    ----------
    p : (H, W, K)            output of `forward`
    labels : (H, W)          argument of `forward`
    weight_map : (H, W)      argument of `forward`

    Returns
    -------
    dlogits : (H, W, K)
    """
    dlogits = np.empty_like(p, order="C")
    for k in range(p.shape[-1]):
        dlogits[..., k] = weight_map * (p[..., k] - (labels == k))
    return dlogits
