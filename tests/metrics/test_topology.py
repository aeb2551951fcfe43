"""Simple points match two other definitions for all 512 patches; neighbour codes are correct."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.metrics import topology

PATCHES = [np.reshape(bits, (3, 3)) for bits in product([0, 1], repeat=9)]


@pytest.mark.parametrize(
    "rows, expected",
    [
        ("... ##. ...", True),  # the end of a line
        ("... ### ...", False),  # the middle of a line: the line would break
        ("... #.# ...", False),  # a gap in a line: it would close
        ("#.. ##. ...", True),  # the neighbours are one piece
        ("..# ##. ...", True),  # the piece at the corner is not affected
        ("#.. .#. ...", False),  # a cell of one pixel would vanish
        ("... ... ...", False),  # a new cell would appear
        ("### ### ###", False),  # a hole would appear
        ("### #.# ###", False),  # a hole would vanish
        ("### ### #.#", True),  # membrane would grow by a side
        ("### ### ##.", True),  # or by a corner, which connects membrane
        (".## ### ##.", False),  # two pieces of membrane would join
        ("##. ##. .##", False),
    ],
)
def test_simple_points_by_hand(rows, expected):
    patch = np.array([[pixel == "#" for pixel in row] for row in rows.split()])
    assert topology.is_simple(patch) == expected


def count_pieces(pixels, adjacent):
    """Count the connected pieces of a set of pixels by flooding."""
    pixels, pieces = set(pixels), 0
    while pixels:
        pieces += 1
        reached = [pixels.pop()]
        for pixel in reached:
            found = {other for other in pixels if adjacent(pixel, other)}
            pixels -= found
            reached.extend(found)
    return pieces


def topology_of(patch):
    """Count the cells (by sides) and the pieces of membrane (by sides or corners)."""
    cells = count_pieces(
        zip(*np.nonzero(patch), strict=True),
        lambda a, b: abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1,
    )
    membranes = count_pieces(
        zip(*np.nonzero(patch == 0), strict=True),
        lambda a, b: max(abs(a[0] - b[0]), abs(a[1] - b[1])) == 1,
    )
    return cells, membranes


def crossings(patch):
    """Count the crossings around the centre (Yokoi et al. 1975); a simple point has one."""
    ring = patch[[1, 0, 0, 0, 1, 2, 2, 2], [2, 2, 1, 0, 0, 0, 1, 2]].astype(int)
    return sum(ring[k] * (1 - ring[k + 1] * ring[(k + 2) % 8]) for k in (0, 2, 4, 6))


def test_a_flip_of_a_simple_centre_keeps_the_number_of_pieces_in_all_512_patches():
    simple = 0
    for patch in PATCHES:
        flipped = patch.copy()
        flipped[1, 1] = 1 - flipped[1, 1]
        assert topology.is_simple(patch) == (topology_of(patch) == topology_of(flipped)), patch
        simple += topology.is_simple(patch)
    assert simple == 232  # the same number as in Fiji's test


def test_against_the_number_of_crossings():
    for patch in PATCHES:
        assert topology.is_simple(patch) == (crossings(patch) == 1), patch


def test_the_table_matches_the_definition():
    table = topology.simple_codes()
    assert len(table) == 256
    for patch in PATCHES:
        code = topology.codes(patch.astype(bool))[1, 1]
        assert table[code] == topology.is_simple(patch), patch


def test_codes_by_hand():
    # Neighbours in reading order: 1 2 4 / 8 · 16 / 32 64 128.
    image = np.array([[True, False], [True, True]])
    np.testing.assert_array_equal(topology.codes(image), [[64 + 128, 8 + 32 + 64], [2 + 16, 1 + 8]])
    assert topology.codes(image).dtype == np.uint8


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_codes_against_a_loop(height, width, seed):
    image = np.random.default_rng(seed).random((height, width)) < 0.5
    image.flags.writeable = False
    codes = topology.codes(image)
    for y, x in np.ndindex(height, width):
        expected = 0
        for k, (dy, dx) in enumerate(topology.NEIGHBOURS):
            inside = 0 <= y + dy < height and 0 <= x + dx < width
            expected += 2**k * bool(inside and image[y + dy, x + dx])
        assert codes[y, x] == expected
