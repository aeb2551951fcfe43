"""The one type of the project: a NumPy array, or a CuPy array that answers NumPy's calls.

Ops say `import numpy as np` and never ask where their data lives: a CuPy array answers NumPy's own
functions through `__array_ufunc__` and `__array_function__`. Three rules keep that true:

1. a new array is made from an argument: ``np.zeros_like(x, shape=...)``, never ``np.zeros(...)``;
2. arrays of the host and of the device never meet in an op;
3. an op uses only functions that both libraries have (`tests/support/standin.py` holds it to that).
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

Tensors: TypeAlias = dict[str, Array]
"""Parameters, gradients, velocities, activations: arrays by name."""
