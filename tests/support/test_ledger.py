"""The ledger of the stand-in matches launches, new arrays and copies counted by hand."""

import ledger
import numpy as np
import pytest
from standin import StandIn

from minunet.ops import conv2d
from minunet.training import sgd

X = StandIn(np.arange(24.0).reshape(4, 3, 2))  # 192 bytes
W = StandIn(np.ones((2, 5)))
MASK = X[..., 0] > 5


def entries_of(call):
    with ledger.kept() as entries:
        call()
    return entries


# Call, number of launches, bytes of each new array
WORK = {
    "operator": (lambda: X + X, 1, [192]),
    "with a number": (lambda: 2.0 * X, 1, [192]),
    "ufunc": (lambda: np.maximum(X, 0), 1, [192]),
    "out=": (lambda: np.exp(X, out=X.copy()), 2, [192]),
    "in place": (lambda: X.copy().__imul__(2), 2, [192]),
    "comparison": (lambda: X > 5, 1, [24]),
    "sum to a scalar": (lambda: X.sum(), 1, [8]),
    "function": (lambda: np.concatenate([X, X]), 1, [384]),
    "function with out=": (
        lambda: np.concatenate([X, X], out=X.copy().repeat(2, 0)),
        3,
        [192, 384],
    ),
    "function that returns nothing": (lambda: np.copyto(X.copy(), X, where=X > 1), 3, [192, 24]),
    "memory as it is": (lambda: np.empty_like(X), 0, [192]),
    "zeros": (lambda: np.zeros_like(X, shape=(2,)), 1, [16]),
    "window": (lambda: X[1:, ::2], 0, []),
    "one element": (lambda: X[0, 0, 0], 0, []),
    "transposed": (lambda: X.T, 0, []),
    "axes moved": (lambda: np.moveaxis(X, -1, 0), 0, []),
    "another shape": (lambda: X.reshape(-1, 2), 0, []),
    "another shape of a window": (lambda: X[:, 1:].reshape(-1, 2), 1, [128]),
    "copy": (lambda: X[:, 1:].copy(), 1, [128]),
    "picked elements": (lambda: X[StandIn(np.array([0, 2]))], 1, [96]),
    "shape": (lambda: np.shape(X), 0, []),
    # A stack of matrices times a single one: three lists of four pointers, and the product.
    "product": (lambda: X @ W, 4, [32, 32, 32, 480]),
    "product of a window": (lambda: X[:, 1:] @ W, 5, [128, 32, 32, 32, 320]),
    "product with a transposed": (lambda: X @ W[:, :2].copy().T, 6, [32, 32, 32, 32, 32, 192]),
    "product of two matrices": (lambda: X[0] @ W, 1, [120]),
    "product, first transposed": (lambda: X[0].T @ X[0], 1, [32]),
    "product, first a window": (lambda: X[0, ::2] @ W, 2, [32, 80]),
}


@pytest.mark.parametrize(("call", "launches", "nbytes"), WORK.values(), ids=WORK.keys())
def test_launches_and_new_arrays_by_hand(call, launches, nbytes):
    entries = entries_of(call)
    assert len(ledger.of(entries, "launch")) == launches
    assert ledger.of(entries, "array") == nbytes
    assert ledger.of(entries, "in") == ledger.of(entries, "out") == []


@pytest.mark.parametrize(
    ("write", "launches"),
    [
        (lambda y: y.__setitem__(0, 1.0), 1),
        (lambda y: y.__setitem__(0, X[1]), 1),
        (lambda y: y.__setitem__(MASK, 1.0), 1),  # the number of elements is not needed
        (lambda y: y.__setitem__(np.s_[1:], y[1:]), 0),  # onto itself
        (lambda y: y.__setitem__(np.s_[1:], y[:-1]), 1),
        (lambda y: y.__setitem__(np.s_[1:], y[1:] + 1), 2),
    ],
)
def test_launches_of_assignments_by_hand(write, launches):
    y = X.copy()
    entries = entries_of(lambda: write(y))
    assert len(ledger.of(entries, "launch")) == launches
    assert ledger.of(entries, "out") == []


def test_adding_to_a_window_is_one_launch():
    y = X.copy()

    def add():
        y[1:] += 1

    assert [entry.kind for entry in entries_of(add)] == ["launch"]


# Call, bytes copied
OUT = {
    "get": (X.get, 192),
    "float": (lambda: float(X.sum()), 8),
    "int": (lambda: int(X[0, 0, 1]), 8),
    "if": (lambda: 1 if X[0, 0, 0] > 0 else 2, 1),
    "comparison of Python's": (lambda: max(X[0, 0, 0], X[0, 0, 1]), 1),
    "np.array_equal": (lambda: bool(np.array_equal(X, X)), 1),
    "item": (lambda: X.sum().item(), 8),
    "tolist": (X.tolist, 192),
    "print": (lambda: f"{X[0, 0]}", 16),
    "index by a mask": (lambda: X[MASK], 8),
    "assignment through a mask": (lambda: X.copy().__setitem__(MASK, X[0, 0]), 8),
    "nonzero": (lambda: np.nonzero(X), 8),
    "nonzero, the method": (X.nonzero, 8),
}


@pytest.mark.parametrize(("call", "nbytes"), OUT.values(), ids=OUT.keys())
def test_copies_to_the_host_by_hand(call, nbytes):
    entries = entries_of(call)
    assert ledger.of(entries, "out") == [nbytes]
    assert ledger.of(entries, "in") == []


IN = {
    "asarray": (lambda: np.asarray(np.arange(5.0), like=X), 40),
    "asarray of a list": (lambda: np.asarray([1.0, 2.0], like=X), 16),
    "index by a list": (lambda: X[[0, 2]], 16),
    "assignment through a list": (lambda: X.copy().__setitem__([0, 2], 1.0), 16),
}


@pytest.mark.parametrize(("call", "nbytes"), IN.values(), ids=IN.keys())
def test_copies_from_the_host_by_hand(call, nbytes):
    entries = entries_of(call)
    assert ledger.of(entries, "in") == [nbytes]
    assert ledger.of(entries, "out") == []


def test_a_device_array_is_not_copied_again():
    assert entries_of(lambda: np.asarray(X, like=X)) == []


def test_an_entry_names_the_function_that_caused_it():
    x = StandIn(np.ones((5, 4, 2)))
    w = StandIn(np.ones((3, 3, 2, 1)))

    def work():
        _ = x + x
        dy = conv2d.forward(x, w, w[0, 0, 0])
        conv2d.backward(dy, x, w)
        sgd.step({"w": w}, {"w": w}, {"w": w}, 0.1)

    kept = [entry for entry in entries_of(work) if entry.kind != "free"]
    places = list(dict.fromkeys(entry.place for entry in kept))
    assert places == ["elsewhere", "conv2d.forward", "conv2d.backward", "sgd.join", "sgd.step"]


def test_ledgers_may_be_nested_and_end_with_their_block():
    with ledger.kept() as outer:
        _ = X + X
        with ledger.kept() as inner:
            _ = X * X
    _ = X - X
    assert [len(ledger.of(entries, "launch")) for entries in (outer, inner)] == [2, 1]
    assert [len(ledger.of(entries, "array")) for entries in (outer, inner)] == [2, 1]


def test_an_array_ends_when_nothing_refers_to_its_memory():
    with ledger.kept() as entries:
        y = X + X
        view = y.reshape(-1)[3:]
        del y
        z = view + 1  # 168 bytes
        del view, z
    assert [(e.kind, e.nbytes) for e in entries if e.kind != "launch"] == [
        ("array", 192),
        ("array", 168),
        ("free", 192),
        ("free", 168),
    ]
    assert len({entry.number for entry in entries if entry.kind != "launch"}) == 2
    assert ledger.peak(entries) == 360


def test_the_largest_number_of_bytes_in_use_by_hand():
    def work():
        y = X + X  # 192 bytes
        y = y * 2  # while the first y is in use
        y += 1
        # A copy of 96 bytes, of a window, is in use with the product of 80 bytes.
        return y[0, ::2] @ W

    entries = entries_of(work)
    assert ledger.peak(entries) == 2 * 192
    assert ledger.peak(entries_of(lambda: X[0, ::2] @ W)) == 32 + 80


def test_an_array_made_before_the_ledger_does_not_end_in_it():
    y = X + X
    with ledger.kept() as entries:
        del y
    assert entries == []
