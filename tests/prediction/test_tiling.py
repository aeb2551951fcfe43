"""Tiles cover the mirrored image without gaps, and their results join without seams."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.errors import InputError
from minunet.image import cut, mirror
from minunet.network import Network, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.prediction import tiling
from minunet.prediction.averaging import probabilities
from minunet.prediction.tiling import Tiling

# Mirroring


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_mirror_matches_numpy_reflect_at_any_distance(size):
    axis = np.arange(size)
    far = np.pad(axis, 60, mode="reflect")  # goes back and forth as often as necessary
    for first, count in [(0, size), (-3, 5), (-60, 20), (-41, 90), (size - 1, 7), (size + 30, 11)]:
        expected = far[60 + first : 60 + first + count]
        np.testing.assert_array_equal(mirror(first, count, size), expected)


def test_mirror_by_hand():
    np.testing.assert_array_equal(mirror(-3, 10, size=3), [1, 2, 1, 0, 1, 2, 1, 0, 1, 2])
    np.testing.assert_array_equal(mirror(-2, 4, size=1), [0, 0, 0, 0])
    assert mirror(2, 0, size=5).size == 0


@pytest.mark.parametrize("shape", [(4, 7), (7, 4, 2), (1, 5, 3), (1, 1)])
def test_cut_is_a_window_of_the_padded_image(shape):
    image = np.random.default_rng(0).random(shape)
    around = [(15, 15), (15, 15), (0, 0)][: image.ndim]
    padded = np.pad(image, around, mode="reflect")
    for top, left, rows, columns in [(0, 0, *shape[:2]), (-15, -9, 20, 11), (3, -2, 4, 17)]:
        expected = padded[15 + top : 15 + top + rows, 15 + left : 15 + left + columns]
        tile = cut(image, top, left, rows, columns)
        np.testing.assert_array_equal(tile, expected)
        assert not np.shares_memory(tile, image)


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(-40, 40),
    st.integers(-40, 40),
    st.sampled_from(
        [lambda x: x, lambda x: np.rot90(x), lambda x: x[::-1, ::2], np.asfortranarray]
    ),
)
def test_cut_pixel_by_pixel_for_any_memory_layout(height, width, top, left, view):
    image = view(np.random.default_rng(0).integers(0, 99, (height, width, 2)))
    rows, columns = mirror(top, 7, len(image)), mirror(left, 5, image.shape[1])
    tile = cut(image, top, left, 7, 5)
    assert tile.flags.c_contiguous  # the layout that ops read fastest
    for r in range(7):
        for c in range(5):
            np.testing.assert_array_equal(tile[r, c], image[rows[r], columns[c]])


class Mapped:
    """An image that records which parts are read."""

    def __init__(self, shape):
        self.pixels, self.shape, self.asked = np.zeros(shape), shape, []

    def __getitem__(self, key):
        """Return a part and record it."""
        self.asked.append(key)
        return self.pixels[key]


@pytest.mark.parametrize(
    ("top", "left", "rows", "columns"),
    [(20, 30, slice(20, 30), slice(30, 42)), (-4, 55, slice(0, 6), slice(52, 60))],
)
def test_cut_reads_only_the_part_that_the_tile_needs(top, left, rows, columns):
    # The second case mirrors 4 rows at the top, and 7 of the 12 columns beyond the 60th.
    image = Mapped((50, 60, 1))
    cut(image, top, left, 10, 12)
    assert image.asked == [(rows, columns)]


# Covering


def test_aligned_step():
    assert tiling.aligned_step(572, depth=4) == 384  # 388 - 4
    assert tiling.aligned_step(204, depth=4) == 16
    assert tiling.aligned_step(700, depth=4) == 512
    assert tiling.aligned_step(24, depth=1) == 8
    for small in (188, 189, 93, -1):  # 188 is valid, but segments only 4 pixels
        with pytest.raises(InputError, match=rf"{small} pixels is too small: .* 16 pixels; .* 204"):
            tiling.aligned_step(small, depth=4)
    with pytest.raises(InputError, match="508 and 524"):
        tiling.aligned_step(512, depth=4)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_aligned_step_is_the_largest_multiple_that_leaves_no_gap(depth):
    for tile in islice(sizes.valid_sizes(depth), 12):
        output = tile - 2 * (6 * 2**depth - 4)
        multiples = [step for step in range(1, output + 1) if step % 2**depth == 0]
        if multiples:
            assert tiling.aligned_step(tile, depth) == multiples[-1]
        else:
            with pytest.raises(InputError, match=f"{2**depth}"):
                tiling.aligned_step(tile, depth)


@pytest.mark.parametrize("paper_step", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_cover_leaves_no_gap_and_no_idle_tile(depth, paper_step):
    margin = 6 * 2**depth - 4
    smallest = next(sizes.valid_sizes(depth))
    for tile in (smallest + 2**depth, smallest + 3 * 2**depth):
        for size in range(1, 90):
            axis = tiling.cover(size, depth, tile, paper_step)
            assert axis.tile <= tile
            assert axis.output == axis.tile - 2 * margin == sizes.output_size(axis.tile, depth)
            covered = np.zeros(size, int)
            for origin in axis.origins:
                covered[max(origin, 0) : origin + axis.output] += 1
                assert origin < size, "a tile that shows nothing of the image"
            assert covered.min() >= 1
            steps = np.diff(axis.origins)
            if paper_step:
                assert covered.max() == 1
                assert set(steps) <= {axis.output}
            else:
                assert all(steps % 2**depth == 0)
            # The last tile is needed: without it a pixel would be missing.
            if len(axis.origins) > 1:
                assert axis.origins[-2] + axis.output < size


def test_cover_by_hand():
    # An image of the ISBI challenge has 512 pixels: two outputs of 260 at a step of 256 suffice, as
    # would two of 388; or one large tile. The paper's step uses the given tile.
    assert tiling.cover(512, depth=4, tile=572) == (444, 260, [0, 256])
    assert tiling.cover(512, depth=4, tile=572, paper_step=True) == (572, 388, [0, 388])
    assert tiling.cover(512, depth=4, tile=700) == (700, 516, [0])
    assert tiling.cover(512, depth=4, tile=1500) == (700, 516, [0])
    assert tiling.cover(388, depth=4, tile=572) == (572, 388, [0])
    assert tiling.cover(389, depth=4, tile=572) == (396, 212, [0, 208])
    assert tiling.cover(1, depth=4, tile=572) == (188, 4, [0])
    assert tiling.cover(4, depth=4, tile=188) == (188, 4, [0])  # one tile needs no step
    assert tiling.cover(772, depth=4, tile=572) == (572, 388, [0, 384])
    assert tiling.cover(773, depth=4, tile=572) == (460, 276, [0, 272, 544])


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_cover_takes_the_smallest_tile_for_the_same_count(depth):
    margin = 6 * 2**depth - 4

    def reach(tile, count):
        return (count - 1) * tiling.aligned_step(tile, depth) + tile - 2 * margin

    valid = list(islice(sizes.valid_sizes(depth), 1, 9))
    for size in range(1, 200, 3):
        count = next(n for n in range(1, 200) if reach(valid[-1], n) >= size)
        least = next(tile for tile in valid if reach(tile, count) >= size)
        if count > 1:
            axis = tiling.cover(size, depth, valid[-1])
            assert (axis.tile, len(axis.origins)) == (least, count)


@pytest.mark.parametrize("paper_step", [False, True])
def test_an_invalid_tile_is_refused(paper_step):
    with pytest.raises(InputError, match="508 and 524"):
        tiling.cover(600, depth=4, tile=512, paper_step=paper_step)


# The proof: tiles at the aligned step equal one pass over the whole mirrored image
#
# BLAS may sum in a different order for each map shape, which changes the last bits of floats. Here
# parameters and image are small integers, so no sum is rounded and results must be identical.


def integer_network(arch, rng):
    """Draw parameters from {-1, 0, 1}, about five nonzero per neuron, so that sums stay small."""
    params = {}
    for name, shape in arch.shapes().items():
        nodes = np.prod(shape[:3]) if len(shape) == 4 else 1
        there = rng.random(shape) < 5 / nodes
        params[name] = there * rng.choice([-1.0, 1.0], shape)
    return params


def assert_exact(params, image_range, arch):
    """Check with |w| and a bound of |x| that all sums are integers that float64 holds exactly."""
    bound = {name: np.abs(w) for name, w in params.items()}
    tile = next(sizes.valid_sizes(arch.depth))
    x = np.full((tile, tile, arch.in_channels), float(image_range))
    logits, activations = unet.forward(bound, x, arch)
    assert max(logits.max(), *(a.max() for a in activations.values())) < 2**53


def one_pass(params, image, arch):
    """Compute the logits of the whole image, mirrored by NumPy, as a single tile."""
    margin = sizes.margin(arch.depth)
    pads = []
    for size in image.shape[:2]:
        _, whole = sizes.nearest_valid(size + 2 * margin, arch.depth)
        pads.append((margin, whole - size - margin))
    x = np.pad(image, [*pads, (0, 0)], mode="reflect")
    logits, _ = unet.forward(params, x, arch)
    return logits[: image.shape[0], : image.shape[1]]


def stitched(params, image, arch, tile, paper_step=False):
    """Compute the logits of the whole image tile by tile."""
    whole = np.full((*image.shape[:2], arch.classes), np.nan)
    for window, logits in tiling.windows(Network(params, arch), image, Tiling(tile, paper_step)):
        whole[window] = logits
    return whole


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


CASES = pytest.mark.parametrize(
    ("depth", "channels", "tile", "shape"),
    [(1, 3, 22, (27, 35)), (2, 3, 56, (31, 45)), (3, 4, 108, (33, 59)), (4, 4, 204, (21, 37))],
)


@CASES
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_aligned_tiles_equal_one_pass_bit_for_bit(depth, channels, tile, shape, variant):
    arch = Architecture(depth, channels, in_channels=2, classes=3, variant=variant)
    rng = np.random.default_rng(0)
    params = integer_network(arch, rng)
    image = rng.integers(0, 10, (*shape, 2)).astype(np.float64)
    assert_exact(params, 9, arch)

    whole = one_pass(params, image, arch)
    assert np.unique(whole).size > 100  # measured: at least 109; the output is not constant
    assert np.array_equal(stitched(params, image, arch, tile), whole)


@CASES
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_the_papers_step_equals_one_pass_only_where_it_is_aligned(
    depth, channels, tile, shape, variant
):
    # An output is 4 pixels more than a multiple of 2^depth. For one or two poolings that is a whole
    # number of periods, for three it is half a period, for the paper's four a quarter.
    arch = Architecture(depth, channels, in_channels=2, classes=3, variant=variant)
    rng = np.random.default_rng(0)
    params = integer_network(arch, rng)
    image = rng.integers(0, 10, (*shape, 2)).astype(np.float64)

    same = stitched(params, image, arch, tile, paper_step=True) == one_pass(params, image, arch)
    if depth < 3:
        assert same.all()
    else:
        assert same.mean() < 0.7  # measured: 0.40 … 0.52
        # The result is right where the first tile is.
        output = tile - 2 * sizes.margin(depth)
        assert same[:output, :output].all()


@CASES
def test_probabilities_equal_those_of_one_pass(depth, channels, tile, shape):
    arch = Architecture(depth, channels, in_channels=2, classes=3)
    rng = np.random.default_rng(10 + depth)
    params = initialization.gaussian(arch, rng, np.float64)
    image = rng.standard_normal((*shape, 2))
    whole = softmax(one_pass(params, image, arch))
    p = probabilities(Network(params, arch), image, Tiling(tile))
    paper = probabilities(Network(params, arch), image, Tiling(tile, True))
    assert np.max(np.abs(p - whole)) < 1e-12  # measured: 7e-16 at most
    if depth < 3:
        assert np.max(np.abs(paper - whole)) < 1e-12  # measured: 4e-16 at most
    else:
        assert np.max(np.abs(paper - whole)) > 0.1  # measured: 0.95 and 0.37


@pytest.mark.parametrize("paper_step", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (30, 1), (2, 3), (5, 41)])
def test_images_smaller_than_a_tile_or_one_pixel_wide(shape, paper_step):
    arch = Architecture(depth=1, channels=3, classes=3)
    rng = np.random.default_rng(20)
    params = initialization.gaussian(arch, rng, np.float64)
    image = rng.standard_normal((*shape, 1))
    p = probabilities(Network(params, arch), image, Tiling(28, paper_step))
    assert p.shape == (*shape, 3)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-14)
    if not paper_step:
        np.testing.assert_allclose(p, softmax(one_pass(params, image, arch)), atol=1e-12)


@pytest.mark.parametrize("paper_step", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_windows_do_not_overlap_even_if_outputs_do(depth, paper_step):
    # At depth 3 and 4, outputs overlap by 4 pixels at the aligned step.
    arch = Architecture(depth, channels=1)
    params = initialization.gaussian(arch, np.random.default_rng(0))
    tile = next(sizes.valid_sizes(depth)) + 2**depth
    seen = np.zeros((45, 21), int)
    image = np.zeros((45, 21, 1), np.float32)
    for window, logits in tiling.windows(Network(params, arch), image, Tiling(tile, paper_step)):
        assert logits.shape == (*seen[window].shape, 2)
        seen[window] += 1
    assert (seen == 1).all()


def test_windows_cover_the_image_once():
    arch = Architecture(depth=1, channels=2, classes=2)
    params = initialization.gaussian(arch, np.random.default_rng(22), np.float64)
    image = np.random.default_rng(23).random((13, 21, 1))
    seen = np.zeros((13, 21), int)
    windows = list(tiling.windows(Network(params, arch), image, Tiling(24)))
    for window, scores in windows:
        assert scores.shape == (*seen[window].shape, 2)
        seen[window] += 1
    assert seen.min() == 1
    # Outputs of 8 pixels: two for 13 rows, three for 21 columns.
    assert len(windows) == Tiling(24).tile_count((13, 21, 1), depth=1) == 6


def test_tiles_are_scaled_like_the_whole_image():
    arch = Architecture(depth=1, channels=2)
    rng = np.random.default_rng(27)
    params = initialization.gaussian(arch, rng)
    image = rng.integers(0, 256, (13, 21, 1), np.uint8)
    image.flags.writeable = False

    def scaled(x):
        return ((x - 7.0) / 250).astype(np.float32)

    whole = list(tiling.windows(Network(params, arch), scaled(image), Tiling(24)))
    tiles = list(tiling.windows(Network(params, arch, scaled), image, Tiling(24)))
    for (window, scores), (expected, theirs) in zip(tiles, whole, strict=True):
        assert window == expected
        np.testing.assert_array_equal(scores, theirs)


def test_no_activations_of_a_tile_are_kept(monkeypatch):
    arch = Architecture(depth=2, channels=2)
    params = initialization.gaussian(arch, np.random.default_rng(28))
    forward, kept = unet.forward, []

    def watched(*args, **how):
        logits, activations = forward(*args, **how)
        kept.append(activations)
        return logits, activations

    monkeypatch.setattr(unet, "forward", watched)
    list(tiling.windows(Network(params, arch), np.ones((13, 21, 1), np.float32), Tiling(56)))
    assert kept == [{}] * Tiling(56).tile_count((13, 21), depth=2)


def test_tile_counts_by_hand():
    assert Tiling(572).tile_count((512, 512, 1), depth=4) == 4
    assert Tiling(572).tile_count((773, 388, 1), depth=4) == 3
    assert Tiling(572, paper_step=True).tile_count((773, 388, 1), depth=4) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_the_dtype_and_does_not_modify_the_image(dtype):
    arch = Architecture(depth=1, channels=2, in_channels=3, classes=4)
    params = initialization.gaussian(arch, np.random.default_rng(24), dtype)
    image = np.random.default_rng(25).random((13, 21, 3)).astype(dtype)
    copy = image.copy()
    image.flags.writeable = False
    p = probabilities(Network(params, arch), image, Tiling(24))
    assert p.dtype == dtype
    assert p.shape == (13, 21, 4)
    np.testing.assert_array_equal(image, copy)


def test_wrong_channels_and_tiles_are_refused():
    arch = Architecture(depth=1, channels=2, in_channels=3)
    params = initialization.gaussian(arch, np.random.default_rng(26))
    with pytest.raises(InputError, match=r"\(H, W, 3\)"):
        probabilities(Network(params, arch), np.zeros((13, 21, 1), np.float32), Tiling(24))
    with pytest.raises(InputError, match="24 and 26"):
        probabilities(Network(params, arch), np.zeros((13, 21, 3), np.float32), Tiling(25))


def test_a_tiling_is_checked():
    Tiling(24).check(depth=1)
    Tiling(16 + 16, paper_step=True).check(depth=1)
    with pytest.raises(InputError, match="a tile of 25 pixels is not valid"):
        Tiling(25).check(depth=1)
    with pytest.raises(InputError, match="a tile of 25 pixels is not valid"):
        Tiling(25, paper_step=True).check(depth=1)
    for shrink in (2, (2,), (2, 0), (2, -2), (float("nan"), 2), "22", (1, 2, 3), None):
        with pytest.raises(InputError, match=r"^shrink is .*; it must be two positive numbers"):
            Tiling(188, shrink=shrink).check(4)
    with pytest.raises(InputError, match="average is 'turns'; it must be one of none, flips"):
        Tiling(24, average="turns").check(depth=1)


def test_a_tile_too_small_for_an_aligned_step_is_valid_with_the_papers_step():
    smallest = next(sizes.valid_sizes(3))
    assert sizes.output_size(smallest, 3) < 2**3
    Tiling(smallest, paper_step=True).check(depth=3)
    with pytest.raises(InputError, match="join exactly only at multiples of 8"):
        Tiling(smallest).check(depth=3)


@pytest.mark.parametrize(
    ("average", "versions"), [("none", 1), ("flips", 4), ("rotations", 4), ("symmetries", 8)]
)
def test_tile_count_covers_all_averaged_versions(average, versions):
    # Outputs of 8 pixels: three for 20 rows, four for 31 columns.
    assert Tiling(24, average=average).tile_count((20, 31), depth=1) == 12 * versions


def test_the_aligned_step_is_the_default():
    # At depth 3, a tile of 108 has an output of 20 pixels: the aligned step is 16, the paper's 20.
    assert Tiling(108) == (108, False, "none", (1, 1))
    assert tiling.cover(100, 3, 108) == tiling.cover(100, 3, 108, paper_step=False)
    arch = Architecture(depth=3, channels=2)
    params = initialization.gaussian(arch, np.random.default_rng(0), np.float64)
    image = np.random.default_rng(1).standard_normal((100, 9, 1))
    parts = list(tiling.windows(Network(params, arch), image, Tiling(108)))
    assert [window[0].start for window, _ in parts] == [0, 16, 32, 48, 64, 80]
    paper = list(tiling.windows(Network(params, arch), image, Tiling(108, True)))
    assert [window[0].start for window, _ in paper] == [0, 20, 40, 60, 80]
