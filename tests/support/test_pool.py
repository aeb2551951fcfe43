"""The pool takes, splits, joins and gives back blocks as worked out by hand."""

from ledger import Entry
from pool import UNIT, Pool, fits, smallest_card


def array(number, units):
    return Entry("array", "", units * UNIT, number)


def end(number):
    return Entry("free", "", 0, number)


def test_sizes_are_rounded_up():
    pool = Pool(10 * UNIT)
    pool.take(1)
    pool.take(UNIT + 1)
    assert pool.taken == 3 * UNIT


def test_the_smallest_free_piece_that_fits_is_split():
    pool = Pool(100 * UNIT)
    large, small = pool.take(9 * UNIT), pool.take(4 * UNIT)
    between = pool.take(UNIT)
    pool.release(large)
    pool.release(small)
    assert pool.take(3 * UNIT) is small
    assert [small.size, small.after.size] == [3 * UNIT, UNIT]
    assert pool.take(2 * UNIT) is large
    assert pool.taken == 14 * UNIT
    assert between.before is between.after is None


def test_free_neighbours_are_joined_in_any_order():
    for order in ([0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]):
        pool = Pool(9 * UNIT)
        pool.release(pool.take(9 * UNIT))
        pieces = [pool.take(3 * UNIT) for _ in range(3)]
        assert pool.take(UNIT) is None
        for k in order:
            pool.release(pieces[k])
        assert pool.take(9 * UNIT).size == 9 * UNIT


def test_a_block_that_is_partly_in_use_is_not_given_back():
    # A block of 6 units, of which 2 are in use; no piece has room for 5 more.
    entries = [array(1, 6), end(1), array(2, 2), array(3, 5)]
    assert not fits(entries, 10 * UNIT)
    assert fits(entries, 11 * UNIT)
    # An unused block of 6 units is given back, so that 7 units have room.
    entries = [array(1, 6), end(1), array(2, 7)]
    assert fits(entries, 7 * UNIT)
    assert not fits([array(0, 1), *entries], 7 * UNIT)


def test_the_smallest_card():
    entries = [array(1, 600), end(1), array(2, 200), array(3, 500)]
    found = smallest_card([array(0, 100), *entries], 10**9)
    assert 1200 * UNIT <= found <= 1.005 * 1200 * UNIT
    assert smallest_card(entries, 100 * UNIT) == float("inf")
