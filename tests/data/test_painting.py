"""Every parameter of a look paints what its comment says, and only where it says.

Most tests paint two cells side by side, without any texture: then every grey value can be computed
by hand. A bare section has the grey level 200, and stain 0.25 leaves 150 of it.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr

from minunet.data import painting
from minunet.data.look import Look
from minunet.data.painting import Painter
from minunet.data.tissue import Balls, Block, Cut

H, W, PIXEL = 40, 60, 4.0
BLOCK = Block(50.0, H, W, PIXEL)
FLAT = {
    **dict.fromkeys(("cytoplasm_spread", "grain", "bilayers", "synapse"), 0.0),
    **dict.fromkeys(("mitochondria", "vesicles", "tubule"), 0.0),
    **dict.fromkeys(("blur", "shot", "light", "slice_spread"), 0.0),
    **{"resin": 200.0, "cytoplasm": 0.25},
}
"""A look with stain in the cytoplasm and nothing else."""


def plane(value):
    """Return a noise with the same value everywhere."""
    return SimpleNamespace(plane=lambda depth: np.full((H, W), value, np.float32))


def tubes(cells=2, radius=50.0, balls=1):
    """Make balls, `balls` in a row for each cell."""
    number = np.repeat(np.arange(1, cells + 1), balls)
    centres = np.zeros((len(number), 3))
    centres[:, 0] = np.tile(30.0 * np.arange(balls), cells)
    return Balls(centres, np.full(len(number), radius), number)


def painter(seed=0, **changed):
    """Make a painter of two cells; neither is a glia cell, and membranes are equally thick."""
    block = BLOCK._replace(pixel=changed.get("pixel", PIXEL))
    made = Painter(tubes(), block, Look(**FLAT | changed), np.random.default_rng(seed))
    made.stain[:] = made.look.cytoplasm
    made.thickness = made.synapses = plane(0.0)
    return made


def two_cells(distance=None, pixel=PIXEL):
    """Return a cut, with a straight membrane between columns 29 and 30, and its instances."""
    y, x = np.indices((H, W), np.float32) * np.float32(pixel)
    cells = np.where(np.arange(W) < 30, 1, 2) * np.ones((H, 1), int)
    if distance is None:
        distance = np.abs(x - 29.5 * pixel)
    instances = np.where(distance < 9, 0, cells).astype(np.uint16)
    return Cut(25.0, y, x, cells, distance), instances


def grey(by, membrane=0.0, cut=None):
    """Paint the two cells; return the grey levels (H, W)."""
    cut, instances = cut or two_cells(pixel=by.look.pixel)
    return by.image(cut, instances, np.full((H, W), membrane)).astype(float)


def inner(pixel=PIXEL):
    """Return the distance of every pixel to the membrane, which is 4 pixels wide."""
    return np.abs(np.arange(W) - 29.5).clip(1.5, None) * np.ones((H, 1)) * pixel - 1.5 * pixel


# Cytoplasm


def test_cytoplasm_contrast_and_resin_by_hand():
    assert (grey(painter()) == 150).all()
    assert (grey(painter(cytoplasm=0.5)) == 100).all()
    assert (grey(painter(contrast=2.0)) == 100).all()
    assert (grey(painter(resin=100.0, cytoplasm=0.1)) == 90).all()


def many_cells(**changed):
    return Painter(tubes(20_000), BLOCK, Look(**FLAT | changed), np.random.default_rng(0))


def test_the_stain_of_cells_and_its_spread():
    for spread in (0.02, 0.08):
        stain = many_cells(cytoplasm=0.3, cytoplasm_spread=spread).stain
        # Median and quartile distance hardly depend on the few dark cells.
        low, middle, high = np.quantile(stain, (0.25, 0.5, 0.75))
        assert middle == pytest.approx(0.3, abs=0.01)
        assert (high - low) / 1.349 == pytest.approx(spread, rel=0.15)


def test_a_few_cells_are_dark_and_grainy():
    dark = many_cells().stain > 0.3
    assert dark.mean() == pytest.approx(0.07, abs=0.01)
    np.testing.assert_allclose(many_cells().stain[dark], 0.25 + 0.14)
    grain = many_cells(grain=2.0).grain
    assert grain[dark].min() >= 2 * 0.11
    assert grain[~dark].max() <= 2 * 0.13


def test_the_number_of_dark_cells_and_their_stain():
    stain = many_cells(dark_cells=0.2, dark=0.3).stain
    usual = many_cells(dark_cells=0.0).stain
    assert np.mean(stain > 0.41) == pytest.approx(0.2, abs=0.02)
    assert stain.mean() - usual.mean() == pytest.approx(0.2 * 0.3, abs=0.01)


def test_grain_is_texture_in_proportion():
    spread = [grey(painter(grain=grain)).std() for grain in (0.0, 1.0, 2.0)]
    assert spread[0] == 0
    assert spread[1] > 10
    assert spread[2] == pytest.approx(2 * spread[1], rel=0.1)


def test_grain_has_the_same_size_in_nanometres_at_every_pixel_size():
    def alike(pixel, apart):
        images = [grey(painter(seed, grain=1.0, pixel=pixel)) for seed in range(8)]
        pairs = [(image[:, apart:].ravel(), image[:, :-apart].ravel()) for image in images]
        return np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs])

    assert alike(4.0, 1) - alike(4.0, 2) > 0.2
    assert alike(2.0, 2) == pytest.approx(alike(4.0, 1), abs=0.05)  # both 4 nm apart


@pytest.mark.parametrize("pixel", [1.0, 3.0])
def test_cells_of_different_stain_meet_softly(pixel):
    made = painter(pixel=pixel)
    made.stain[1:] = 0.2, 0.4
    at = (np.arange(W) - 29.5) * pixel / 6  # standard deviations of 6 nm
    expected = 200 * (1 - 0.2 - 0.2 * ndtr(at)) * np.ones((H, 1))
    assert np.abs(grey(made) - expected).max() < 1


def test_wash_takes_its_fraction_of_the_stain_away_in_patches():
    for patch, expected in ((0.5, 150), (1.0, 160), (1.5, 170), (9.0, 170)):  # 200 (1 - 0.25 · 0.6)
        made = painter(wash=0.4)
        made.patches = plane(patch)
        assert (grey(made) == expected).all()


# Membranes


def test_a_membrane_by_hand():
    # At the middle of the membrane, as far as it is wide, and far away: 0.25 + 0.5 exp(-d²).
    distance = np.full((H, W), 100.0)
    distance[10], distance[20] = 0, 12
    made = painter(membrane=12.0, bilayers=0.5)
    cut, instances = two_cells(distance)
    membrane = made.membrane([cut] * 3)
    np.testing.assert_allclose(membrane[[10, 20, 30], 0], [1, np.exp(-1), 0], atol=1e-6)
    image = made.image(cut, instances, membrane)
    np.testing.assert_array_equal(image[[10, 20, 30], 0], [50, round(150 - 100 / np.e), 150])


def test_a_membrane_is_averaged_over_the_section():
    made = painter(membrane=10.0)
    cuts = [two_cells(np.full((H, W), d))[0] for d in (0.0, 10.0, 20.0)]
    np.testing.assert_allclose(made.membrane(cuts), (1 + np.exp(-1) + np.exp(-4)) / 3, rtol=1e-6)


def test_membranes_are_not_equally_thick():
    made = painter(membrane=10.0)
    made.thickness = plane(1.0)
    cut, _ = two_cells(np.full((H, W), 10 * np.exp(0.2)))
    np.testing.assert_allclose(made.membrane([cut] * 3), np.exp(-1), rtol=1e-5)


def test_synapses_thicken_and_darken():
    made = painter(membrane=10.0, bilayers=0.5, synapse=0.2)
    made.synapses = plane(2.1)  # half as dense as the densest ones
    cut, _ = two_cells(np.full((H, W), 10 * np.exp(0.4)))
    np.testing.assert_allclose(made.membrane([cut] * 3), np.exp(-1), rtol=1e-5)
    assert (grey(made, membrane=1) == 30).all()  # stain 0.25 + 0.5 + 0.1
    made.synapses = plane(9.0)
    assert (grey(made, membrane=1) == 10).all()  # stain 0.25 + 0.5 + 0.2


def test_a_synapse_darkens_the_cytoplasm_beside_it():
    made = painter(density=0.4)
    assert (grey(made) == 150).all()
    made.synapses = plane(2.1)  # half as dense as the densest ones
    stain = 1 - grey(made) / 200
    # The texture of what is added is random, with a spread of 0.3 of it; columns average it out.
    expected = 0.25 + 0.2 * np.exp(-((inner() / 60) ** 2))
    np.testing.assert_allclose(stain.mean(0), expected[0], atol=0.03)
    assert (stain - stain.mean(0))[:, 28:32].std() == pytest.approx(0.3 * 0.2, rel=0.3)


def test_sheets_of_glia_are_wide_membranes():
    cut, _ = two_cells()
    assert painter().beside(cut) is cut
    made = painter(glia=20.0)
    for at, half in ((0.3, 0), (0.8, 10), (1.3, 20), (9.0, 20)):
        made.sheets = plane(at)
        expected = (cut.distance - half).clip(0, None)
        np.testing.assert_allclose(made.beside(cut).distance, expected, atol=1e-5)


def test_myelin_is_layers_of_membrane_around_a_fraction_of_the_cells():
    made = painter(myelin=1.0, bilayers=0.5)
    np.testing.assert_array_equal(made.sheath[1:], [90, 90])
    cut, instances = two_cells(np.full((H, W), 100.0))
    made.sheath[2] = 0  # cell 2 has none
    for distance, expected in ((0, 50), (9, 150), (18, 50), (81, 150), (89.9, 50), (90, 150)):
        cut.distance[:] = distance
        image = made.image(cut, instances, np.zeros((H, W)))
        assert np.abs(image[:, :30] - float(expected)).max() <= 1, distance
        assert (image[:, 30:] == 150).all()
    assert np.mean(many_cells(myelin=0.3).sheath == 90) == pytest.approx(0.3, abs=0.02)
    assert not many_cells().sheath.any()


# Organelles


def ball(x, radius, is_vacuole=False):
    """Return a round organelle in cell 1."""
    centre = np.array([25.0, 80, x])
    return painting.Organelle(1, centre, np.eye(3), np.full(3, float(radius)), is_vacuole)


def test_mitochondria_are_as_dark_as_their_matrix_and_stay_in_their_cell():
    made = painter(matrix=0.6)
    # A ball of radius 80 nm in the middle of the membrane, which belongs to cell 1.
    made.mitochondria = [ball(118, 80)]
    made.tubules = plane(0.0)
    image = grey(made)
    y, x = np.indices((H, W)) * PIXEL
    body = (np.hypot(y - 80, x - 118) < 80) & (inner() > 12) & (x < 118)
    assert (image[~body] == 150).all()
    assert np.mean(image[body] < 140) > 0.97
    deep = body & (np.hypot(y - 80, x - 118) < 55) & (inner() > 40)
    assert image[deep].mean() == pytest.approx(200 * (1 - 0.6), abs=6)  # cristae are waves
    pale = painter(matrix=0.3)
    pale.mitochondria, pale.tubules = made.mitochondria, made.tubules
    assert grey(pale)[deep].mean() == pytest.approx(200 * (1 - 0.3), abs=6)


def test_mitochondria_do_not_reach_into_a_cell_that_lies_in_the_arms_of_theirs():
    made = painter()
    made.mitochondria = [ball(40, 90)]
    cut, instances = two_cells()
    instances[10:30, 5:15] = 2
    image = made.image(cut, instances, np.zeros((H, W)))
    assert (image[10:30, 5:15] == 150).all()
    assert np.mean(image[10:30, 15:20] < 140) > 0.9


def test_the_abundance_of_mitochondria():
    def count(abundance, radius=80.0):
        balls = tubes(cells=1, radius=radius, balls=2001)
        look = Look(mitochondria=abundance)
        return len(list(painting.mitochondria(balls, look, np.random.default_rng(0))))

    assert count(0) == 0
    assert count(1) == pytest.approx(160, abs=40)  # 2000 · 0.08
    assert count(2) == pytest.approx(320, abs=60)
    assert count(2, radius=70.0) == 0  # too narrow


@pytest.mark.parametrize(
    ("swelling", "widest"), [(0.5, 0.325), (1.0, 0.65), (1.3, 0.845), (2.0, 0.9)]
)
def test_mitochondria_fill_their_tube_as_far_as_they_are_swollen(swelling, widest):
    def thickness(radius):
        balls = tubes(cells=1, radius=radius, balls=2001)
        made = painting.mitochondria(balls, Look(swelling=swelling), np.random.default_rng(0))
        return np.array([one.radii[1] for one in made])

    narrow, wide = thickness(75.0), thickness(1000.0)
    np.testing.assert_allclose(narrow[wide > widest * 75], widest * 75)
    assert swelling * 64 <= wide.min() < swelling * 70
    assert swelling * 114 < wide.max() <= swelling * 120


def test_a_fraction_of_the_mitochondria_are_vacuoles():
    def fraction(vacuoles):
        balls = tubes(cells=1, radius=80.0, balls=5001)
        made = painting.mitochondria(balls, Look(vacuoles=vacuoles), np.random.default_rng(0))
        return np.mean([one.is_vacuole for one in made])

    assert fraction(0.0) == 0
    assert fraction(0.3) == pytest.approx(0.3, abs=0.07)
    assert fraction(1.0) == 1


def rings(**changed):
    """Return the mean stain deep in an organelle of radius 44 nm, and at its rim."""
    made = painter(resin=200.0, **changed)
    made.mitochondria, made.tubules = [ball(58, 44, "vacuoles" in changed)], plane(0.0)
    y, x = np.indices((H, W)) * PIXEL
    r = np.hypot(y - 80, x - 58)
    stain = 1 - grey(made) / 200
    return stain[r < 22].mean(), stain[abs(r - 38) < 2].mean()  # the rim is 6 nm inside


def test_a_vacuole_is_a_dark_ring_that_is_pale_inside():
    inside, rim = rings(cytoplasm=0.25, matrix=0.6, rim=0.13, vacuoles=1.0)
    assert inside == pytest.approx(0.7 * 0.25, abs=0.03)  # grain
    assert rim == pytest.approx(0.7 * 0.25 + 0.13 + 0.6 - 0.25, abs=0.06)


def test_the_rim_of_a_mitochondrion_in_proportion():
    inside, none = rings(matrix=0.4, rim=0.0, cristae=0.0)
    assert inside == pytest.approx(0.4, abs=0.03)  # grain
    pale, dark = (rings(matrix=0.4, rim=rim, cristae=0.0)[1] - none for rim in (0.1, 0.3))
    assert pale > 0.06
    assert dark == pytest.approx(3 * pale, rel=0.1)


def test_cristae_in_proportion():
    def variance(cristae):
        made = painter(matrix=0.5, cristae=cristae, rim=0.0)
        made.mitochondria, made.tubules = [ball(60, 60)], plane(0.0)
        y, x = np.indices((H, W)) * PIXEL
        return np.var(grey(made)[np.hypot(y - 80, x - 60) < 40] / 200)

    grain = variance(0.0)
    assert variance(0.1) - grain == pytest.approx(0.1**2 / 2, rel=0.5)  # waves, in part
    assert variance(0.2) - grain == pytest.approx(0.2**2 / 2, rel=0.3)


@pytest.mark.parametrize("pixel", [2.0, 4.0, 8.0])
def test_the_number_of_specks_in_a_square_micrometre(pixel):
    made = painter(pixel=pixel)
    shape = (round(2000 / pixel), round(3000 / pixel))  # 6 µm²
    stain = made._specks(
        [(10.0, 40.0)], np.full(shape, 2.0), np.full(shape, 50.0), lambda d: d < -9
    )
    assert np.count_nonzero(stain) == pytest.approx(2 * 40 * 6, rel=0.15)


@pytest.mark.parametrize("pixel", [2.0, 8.0])
def test_the_size_of_a_speck_in_nanometres(pixel):
    once = np.zeros((41, 41))
    once[20, 20] = 1e9
    stain = painter(pixel=pixel)._specks([(9.0, 1.0)], once, once + 99, lambda d: d < 1)
    y, x = (np.indices(once.shape) - 20) * pixel
    np.testing.assert_array_equal(stain > 0, np.hypot(y, x) < 10)
    assert stain.min() == 0
    assert 0.5 <= stain.max() <= 1


def test_specks_stay_away_from_the_membrane():
    here = inner() * np.ones((H, W))
    stain = painter()._specks([(12.0, 1e9)], np.ones((H, W)), here, lambda d: d < -11)
    np.testing.assert_array_equal(stain > 0, here > 20)


def test_profiles_by_hand():
    distance = np.array([-8.8, -4.4, 0, 4.4])
    np.testing.assert_allclose(painting._ring(distance), np.exp([-4.0, -1, 0, -1]))
    np.testing.assert_allclose(
        painting._disc(np.array([-1e3, 0, 2, 1e3])), [1, 1 / 2, 1 / (1 + np.e), 0], atol=1e-9
    )


def stained(seed=0, **changed):
    """Return how much darker organelles make the cells, from 0 to 1."""
    made = painter(seed, **changed)
    made.clusters = plane(0.0)
    made.vesicles[1:] = made.look.vesicles
    return 1 - grey(made) / 150


def test_vesicles_in_proportion():
    assert not stained().any()
    usual, many = stained(vesicles=1.0), stained(vesicles=3.0)
    assert many.mean() == pytest.approx(3 * usual.mean(), rel=0.4)  # they overlap
    assert usual.mean() > 0.01
    assert many.max() < 0.5  # 200 · 0.36 of 150
    assert many[inner() < 4].max() < 0.03  # rings are soft
    assert np.mean(many_cells(vesicles=2.0).vesicles) == pytest.approx(
        2 * np.mean(many_cells(vesicles=1.0).vesicles)
    )


def test_dense_cores_are_darker_than_vesicles():
    pale = np.array([stained(seed, vesicles=2.0) for seed in range(20)])
    few, many = (
        np.array([stained(seed, vesicles=2.0, dense_cores=n) for seed in range(20)]) - pale
        for n in (0.5, 1.0)
    )
    assert min(few.min(), many.min()) > -0.01
    assert many.max() > 1.3 * pale.max()
    dark = np.mean(many > 0.3)
    assert dark > 0.01
    assert np.mean(few > 0.3) == pytest.approx(0.5 * dark, rel=0.4)
    assert not stained(dense_cores=1.0).any()  # their number is relative to that of vesicles


@pytest.mark.parametrize("pixel", [2.0, 4.0])
def test_microtubules_along_the_section(pixel):
    made = painter(tubule=0.2, pixel=pixel)
    made.tubules, made.clusters = plane(0.0), plane(2.0)
    cut, instances = two_cells(pixel=PIXEL)
    np.testing.assert_array_equal(
        grey(made, cut=(cut, instances)), np.where(inner(pixel) > 16, 110, 150)
    )
    made.clusters = plane(0.9)
    assert (grey(made) == 150).all()
    made.tubules, made.clusters = plane(0.12), plane(2.0)  # beside the middle of a line
    assert grey(made)[0, 0] == round(150 - 40 / np.e)


def test_the_reticulum_is_lines_in_the_cells():
    made = painter(reticulum=0.2)
    made.reticulum = plane(0.0)
    np.testing.assert_array_equal(grey(made), np.where(inner() > 24, 110, 150))
    made.reticulum = plane(0.1)
    assert grey(made)[0, 0] == round(150 - 40 / np.e)


# Microscope


@pytest.mark.parametrize(("pixel", "sigma"), [(4.0, 3.0), (8.0, 1.5)])
def test_blur_is_a_gaussian_in_nanometres(pixel, sigma):
    made = painter(pixel=pixel, blur=12.0, cytoplasm=0.0)
    line = np.zeros((H, W))
    line[:, 30] = 1
    cut, instances = two_cells(pixel=pixel)
    made.look = Look(**FLAT | {"pixel": pixel, "blur": 12.0, "bilayers": 1.0})
    image = made.image(cut, instances, line)
    at = (np.arange(W) - 30) / sigma
    expected = 200 * (1 - np.exp(-(at**2) / 2) / (np.sqrt(2 * np.pi) * sigma))
    assert np.abs(image - expected).max() < 1.5


def test_shot_noise_grows_with_the_root_of_the_grey_level():
    def spread(shot, stain):
        return grey(painter(shot=shot, cytoplasm=stain)).std()

    assert spread(1.0, 0.25) > 5
    assert spread(2.0, 0.25) == pytest.approx(2 * spread(1.0, 0.25), rel=0.05)
    assert spread(1.0, 0.25 + 0.75 * 0.75) == pytest.approx(spread(1.0, 0.25) / 2, rel=0.05)


def test_light_varies_within_a_slice():
    made = painter(light=0.1)
    ramp = np.linspace(-1, 1, W) * np.ones((H, 1))
    made.light = SimpleNamespace(plane=lambda depth: ramp)
    assert np.abs(grey(made) - 150 * (1 + 0.1 * ramp)).max() <= 0.5


def test_slices_differ_in_brightness_and_contrast():
    def levels(stain):
        made = painter(slice_spread=0.05)
        made.light = plane(0.0)
        return np.array([made._photograph(np.full((H, W), stain), 0).mean() for _ in range(400)])

    assert levels(0.0).std() == pytest.approx(200 * 0.05, rel=0.15)
    # Brightness by 5 %, and the stain by 5 % of its own.
    assert levels(0.5).std() == pytest.approx(100 * np.hypot(0.05, 0.05), rel=0.15)


# Damage


def damaged(seed=0, pixel=PIXEL, shape=(200, 300), **changed):
    stain = np.full(shape, 0.5)
    look = Look(**FLAT | changed, pixel=pixel)
    painting.damage(stain, look, np.random.default_rng(seed))
    return stain - 0.5


def test_without_damage_a_section_stays_as_it_is():
    assert not damaged().any()


@pytest.mark.parametrize(("name", "least", "most"), [("folds", 0, 0.35), ("scratches", -0.3, 0)])
def test_folds_are_dark_and_scratches_pale(name, least, most):
    changes = [damaged(seed, **{name: 1.0}) for seed in range(60)]
    none = np.mean([not change.any() for change in changes])
    assert none == pytest.approx(np.exp(-1), abs=0.15)  # Poisson
    one = [change for change in changes if 0.25 < np.abs(change).max() <= 0.351]
    assert len(one) > 10
    for change in one:
        assert least - 1e-3 <= change.min() <= change.max() <= most + 1e-3


@pytest.mark.parametrize(("name", "width"), [("folds", 45.0), ("scratches", 8.0)])
def test_the_width_of_folds_and_scratches_is_in_nanometres(name, width):
    for pixel in (4.0, 8.0):
        area = np.mean([
            (np.abs(damaged(seed, pixel, **{name: 1.0})) > 0.3 / np.e).mean() for seed in range(40)
        ])  # fmt: skip
        # A line crosses about the shorter side (200 pixels) of the section; it is 2 `width` wide.
        assert 0.5 < area / (2 * width / (200 * pixel)) < 2


def test_dust_is_black_grains_in_proportion_to_the_area():
    for pixel in (2.0, 4.0):
        covered = np.mean([
            np.mean(damaged(seed, pixel, dust=20.0) == 0.5) for seed in range(30)
        ])  # fmt: skip
        # Radii from 6 to 30 nm: 372 nm² on average, times pi; they overlap a little.
        assert covered == pytest.approx(20e-6 * np.pi * 372, rel=0.2)
    assert set(np.unique(damaged(dust=20.0))) == {0, 0.5}


@pytest.mark.parametrize("name", ["folds", "scratches", "dust"])
def test_damage_is_seen_in_the_image(name):
    image = grey(painter(**{name: 50.0}))
    assert (image.max() > 155) == (name == "scratches")
    assert (image.min() < 145) == (name != "scratches")
    assert (image[image != 150].min() == 0) == (name == "dust" or image.min() == 0)
