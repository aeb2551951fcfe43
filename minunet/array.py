"""The one array type of the project: a NumPy array, or a CuPy array that answers NumPy's calls.

Ops import only NumPy and run on either device: a CuPy array handles NumPy's own functions through
`__array_ufunc__` and `__array_function__`. That needs three rules:

1. a new array is made from an argument: ``np.zeros_like(x, shape=...)``, never ``np.zeros(...)``;
2. an op never mixes host arrays and device arrays;
3. an op uses only functions that both libraries have (`tests/support/standin.py` enforces this).
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

Tensors: TypeAlias = dict[str, Array]
"""Parameters, gradients, velocities, activations: arrays by name."""
