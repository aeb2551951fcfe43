"""A stand-in for a CuPy array, so that the rules for ops are checked on machines without a GPU.

It wraps a NumPy array and handles NumPy's calls as `cupy.ndarray` does, through `__array_ufunc__`
and `__array_function__`. Like CuPy, it raises a `TypeError` for

- an implicit conversion to a host array, ``np.asarray(device)``; use `get`;
- a host array in an operator, a function, an assignment or an index; the only way to the device is
  ``np.asarray(host, like=device)``;
- a function, a method or a keyword that the installed CuPy does not have under the same name.

The last rule reads CuPy's own signatures, so it needs CuPy, but no GPU; without CuPy it is not
checked. The stand-in checks rules, not CuPy's numbers: `test_device.py` checks those on a GPU.

The `ledger` records what a GPU would have to do. A call counts as one kernel, except for a matrix
product, which CuPy prepares (see `ledger.product`). Other calls that launch several kernels, such
as `np.take_along_axis` or a long sum, are counted too low.
"""

import functools
import inspect
import re

import ledger
import numpy as np

try:
    import cupy
except ImportError:
    cupy = None


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that pretends to be on a device; `get` copies it to the host."""

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, host):
        self._host = np.asarray(host)

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    T = property(lambda self: StandIn(self._host.T))

    def __array__(self, dtype=None, copy=None):
        """Raise, as CuPy does; use `get`."""
        raise TypeError("implicit conversion of a device array to a host array; use get()")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """Compute an operator or an elementwise function."""
        if method != "__call__":
            raise TypeError(f"CuPy does not support np.{ufunc.__name__}.{method}")
        require(counterpart(ufunc.__name__), f"np.{ufunc.__name__}", inputs, kwargs)
        ends = ledger.product(*inward(inputs)) if ufunc is np.matmul else []
        results = ufunc(*inward(inputs), **inward(kwargs))
        ledger.note("launch")
        for result in [] if "out" in kwargs else ledger.arrays(results):
            ledger.made(result)
        for end in ends:
            ledger.add(end)
        return kwargs["out"][0] if "out" in kwargs else outward(results)

    def __array_function__(self, func, types, args, kwargs):
        """Compute any other NumPy function."""
        path = ".".join([*func.__module__.split(".")[1:], func.__name__])
        require(counterpart(path), f"np.{path}", args, kwargs)
        if func is np.asarray and not isinstance(args[0], StandIn):
            host = np.array(*args, **kwargs)
            ledger.note("in", host.nbytes)
            ledger.made(host)
            return StandIn(host)
        results = func(*inward(args), **inward(kwargs))
        if isinstance(results, bool):  # np.array_equal, for example; CuPy keeps it on the device
            results = np.bool_(results)
        ledger.answer(func.__name__, inward(args), inward(kwargs), results)
        return outward(results)

    def __getitem__(self, index):
        """Return a window as a view, or a copy of selected elements."""
        result = self._host[inward(index)]
        if note_index(index):
            ledger.note("launch")
            ledger.made(result)
        return outward(result)

    def __setitem__(self, index, value):
        """Write a scalar or a device array."""
        # `x[index] += y` ends by writing a window onto itself, which CuPy skips, as NumPy does.
        itself = isinstance(value, StandIn) and same(value._host, self._host[inward(index)])
        self._host[inward(index)] = inward(value)
        if not itself:
            note_index(index, counted=isinstance(value, StandIn))
            ledger.note("launch")

    def __getattr__(self, name):
        """Find a method that `cupy.ndarray` and a NumPy array share, without underscore.

        In particular no `__array_interface__`, with which `np.asarray` would bypass `__array__`.
        """
        method = None if name.startswith("_") else getattr(np.ndarray, name, None)
        if not callable(method):
            raise AttributeError(f"a device array has no {name}")

        @functools.wraps(method)
        def call(*args, **kwargs):
            require(counterpart(f"ndarray.{name}"), f"ndarray.{name}", (self, *args), kwargs)
            result = method(self._host, *inward(args), **inward(kwargs))
            ledger.answer(name, (self._host, *inward(args)), inward(kwargs), result)
            return outward(result)

        return call

    def get(self):
        """Copy to the host."""
        ledger.note("out", self.nbytes)
        return self._host.copy()

    def __len__(self):
        """Count the rows."""
        return len(self._host)

    def __iter__(self):
        """Iterate over the rows."""
        return (outward(part) for part in self._host)

    def __float__(self):
        """Return the value of an array of one element; CuPy waits for the device here."""
        return float(self.get())

    def __int__(self):
        """Return the value of an array of one element."""
        return int(self.get())

    def __bool__(self):
        """Return the truth value of an array of one element."""
        return bool(self.get())

    def __repr__(self):
        """Show the values."""
        return f"StandIn({self.get()!r})"


def inward(argument):
    """Unwrap the device arrays of an argument; raise for a host array."""
    if isinstance(argument, StandIn):
        return argument._host
    if isinstance(argument, np.ndarray):
        raise TypeError(f"a host array of shape {argument.shape} is mixed with a device array")
    if isinstance(argument, (tuple, list)):
        return type(argument)(map(inward, argument))
    if isinstance(argument, dict):
        return {name: inward(value) for name, value in argument.items()}
    return argument


def outward(result):
    """Wrap the arrays of a result; as in CuPy, a scalar is a zero-dimensional array."""
    if isinstance(result, (np.ndarray, np.generic)):
        return StandIn(result)
    if isinstance(result, (tuple, list)):
        return type(result)(map(outward, result))
    return result


def same(a, b):
    """Return whether two arrays are the same view of the same memory."""
    return a.__array_interface__ == b.__array_interface__


def note_index(index, counted=True):
    """Record the cost of an index, and return whether it selects single elements.

    If a mask must be `counted`, the number of elements it selects sets a shape, and the host waits.
    """
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, list):
            ledger.note("in", np.asarray(part).nbytes)
        elif counted and isinstance(part, StandIn) and part.dtype == bool:
            ledger.note("out", np.intp().nbytes)
    return any(isinstance(part, (StandIn, list)) for part in parts)


def counterpart(path):
    """Return CuPy's own function of a dotted name, or None."""
    try:
        return functools.reduce(getattr, path.split("."), cupy)
    except AttributeError:
        return None


def require(function, name, args, kwargs):
    """Raise a `TypeError` unless CuPy has the function and takes these arguments."""
    if cupy is None:
        return
    # Some of CuPy's names are NumPy's own functions, which do not take device arrays.
    if function is None or getattr(function, "__module__", "").startswith("numpy"):
        raise TypeError(f"CuPy has no {name}")
    try:
        signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"CuPy's {name} does not take these arguments: {error}") from None


@functools.cache
def signature(function):
    """Return a CuPy function's signature; the docstring of a compiled one begins with it."""
    try:
        return inspect.signature(function)
    except ValueError:
        first = function.__doc__.strip().splitlines()[0]
        arguments = first[first.index("(") + 1 : first.rindex(")")]
        # Remove what is not Python: "\\*", "[, out1, out2]", and the C type in "int axis=-1".
        arguments = re.sub(r"\\|\[.*?\]|\b\w+ (?=\w)", "", arguments)
        return inspect.signature(eval(f"lambda {arguments}: None"))


def to_device(value):
    """Copy an array, or the arrays of a dict or tuple, to the pretended device."""
    if isinstance(value, dict):
        return {name: to_device(array) for name, array in value.items()}
    if isinstance(value, tuple):
        return tuple(map(to_device, value))
    return StandIn(value.copy()) if isinstance(value, np.ndarray) else value


def to_host(value):
    """Copy results back from the pretended device; raise for anything that is not on it."""
    if isinstance(value, dict):
        return {name: to_host(array) for name, array in value.items()}
    if isinstance(value, tuple):
        return tuple(map(to_host, value))
    if not isinstance(value, StandIn):
        raise TypeError(f"{type(value).__name__} is not on the device")
    return value.get()
