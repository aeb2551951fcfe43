"""The convolution for a GPU equals the definition, for any shape and kernel."""

import ledger
import numpy as np
import standin
from gpu_checks import assert_equals, draw
from hypothesis import given
from hypothesis import strategies as st

from minunet import ops
from minunet.gpu import conv2d

SMALL = st.integers(1, 5)


@given(kh=st.integers(1, 4), kw=st.integers(1, 4), more=st.tuples(SMALL, SMALL), c=SMALL, o=SMALL)
def test_forward_and_backward_equal_the_definition(kh, kw, more, c, o):
    height, width = kh + more[0], kw + more[1]
    x, w, b = draw(0, (height, width, c), (kh, kw, c, o), (o,))
    assert_equals(conv2d.forward, ops.conv2d.forward, x, w, b)
    (dy,) = draw(1, (height - kh + 1, width - kw + 1, o))
    assert_equals(conv2d.backward, ops.conv2d.backward, dy, x, w, tolerance=5e-6)


def test_maps_that_are_parts_of_others():
    wide, w, b = draw(0, (9, 11, 8), (3, 3, 4, 5), (5,))
    (dy,) = draw(1, (7, 9, 10))
    assert_equals(conv2d.forward, ops.conv2d.forward, wide[..., :4], w, b)
    assert_equals(
        conv2d.backward, ops.conv2d.backward, dy[..., 5:], wide[..., :4], w, tolerance=5e-6
    )


def test_neighbours_by_hand():
    x = np.arange(8).reshape(1, 4, 2)
    np.testing.assert_array_equal(conv2d.beside(x, 3), [[[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]]])
    assert conv2d.beside(x, 1) is x


def test_few_launches():
    x, w, b = map(standin.to_device, draw(0, (9, 11, 4), (3, 3, 4, 5), (5,)))
    with ledger.kept() as entries:
        conv2d.forward(x, w, b)
    # One to put neighbours beside each other, one for the bias; a product and a sum for each row.
    assert len(ledger.of(entries, "launch")) == 2 + 3 * 2


def test_the_backward_frees_the_neighbours_of_x_before_it_makes_those_of_dx():
    x, w, dy = map(standin.to_device, draw(0, (9, 11, 4), (3, 3, 4, 5), (7, 9, 5)))
    with ledger.kept() as entries:
        conv2d.backward(dy, x, w)
    neighbours, product, dw, db = 9 * 9 * 12, 7 * 9 * 12, 9 * 4 * 5, 5
    assert ledger.peak(entries) == 4 * (neighbours + product + dw + db)
