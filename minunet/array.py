"""The array type of the project: a NumPy array, or a CuPy array passed to NumPy's functions.

Ops import only NumPy but run on either device: given a CuPy array, a NumPy function calls its
counterpart in CuPy through `__array_ufunc__` or `__array_function__`. This works if every op
follows three rules:

1. create a new array from an argument: ``np.zeros_like(x, shape=...)``, never ``np.zeros(...)``;
2. never mix host arrays and device arrays;
3. use only functions that both libraries have (`tests/support/standin.py` enforces this).
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

Tensors: TypeAlias = dict[str, Array]
"""Arrays by name: parameters, gradients, velocities or activations."""
