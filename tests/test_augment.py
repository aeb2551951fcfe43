"""`python -m minunet.augment` writes a sheet with the right grid, colours and panels."""

import numpy as np
import pytest
import tifffile
from commands import call, draw_stack, refused, write_stack
from PIL import Image

from minunet import augment, augmentation
from minunet.image import Sample
from minunet.report import drawing


@pytest.fixture
def figures(monkeypatch):
    """Collect figures in a list instead of writing them."""
    seen = []
    monkeypatch.setattr(drawing, "write", lambda figure, path: seen.append(figure))
    return seen


def test_the_grid_is_painted_over_the_grey_values():
    x = np.array([[[0.5], [0.5], [2.0]]])
    lines = np.array([[0.0, 1.0, 0.0]])
    r, g, b = augment.COLOUR
    np.testing.assert_array_equal(
        augment.painted(x, lines), [[[0.5, 0.5, 0.5], [r, g, b], [1, 1, 1]]]
    )
    half = augment.painted(x[:, :1], np.array([[0.5]]))
    np.testing.assert_allclose(half[0, 0], [(0.5 + r) / 2, (0.5 + g) / 2, (0.5 + b) / 2])


def test_colour_images_are_shown_in_grey():
    x = np.array([[[0.0, 0.3, 0.6]]])
    painted = augment.painted(x, np.zeros((1, 1)))
    np.testing.assert_allclose(painted, np.full((1, 1, 3), 0.3))


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ([[0, 1]], [[0, 1]]),
        ([[0, 255]], [[0, 1]]),
        ([[0, 1, 2]], drawing.coloured(np.array([[0, 1, 2]]))),  # numbered cells or classes
    ],
)
def test_two_labels_are_black_and_white_and_more_are_coloured(tmp_path, figures, labels, shown):
    labels = np.array(labels, np.uint8)
    x = np.zeros((*labels.shape, 1))
    augment.draw(tmp_path / "sheet.png", [Sample(x, labels, np.zeros(labels.shape))], "")
    (picture,) = figures[0].axes[1].get_images()
    np.testing.assert_allclose(picture.get_array(), shown)


@pytest.mark.parametrize(
    ("samples", "columns", "rows"), [(1, 1, 1), (5, 5, 1), (6, 5, 2), (11, 5, 3)]
)
def test_layout_and_titles_of_the_panels(tmp_path, figures, samples, columns, rows):
    maps = [
        Sample(np.full((4, 4, 1), k / 16), np.full((4, 4), k), np.zeros((4, 4)))
        for k in range(samples)
    ]
    augment.draw(tmp_path / "sheet.png", maps, "some title")
    (figure,) = figures
    panels = np.reshape(figure.axes, (2 * rows, columns))
    titles = []
    for k in range(rows * columns):
        upper, lower = panels[2 * (k // columns) : 2 * (k // columns) + 2, k % columns]
        assert len(upper.images) == len(lower.images) == (k < samples)
        titles += [upper.get_title()] if k < samples else []
        if k < samples:
            np.testing.assert_allclose(upper.images[0].get_array(), k / 16)
    assert titles == ["original", *(f"sample {k}" for k in range(1, samples))]
    assert figure.get_suptitle() == "some title"


def drawn(monkeypatch, *arguments):
    """Run the command; return the tiles and the title that it passed to `draw`."""
    seen, draw = [], augment.draw
    monkeypatch.setattr(
        augment,
        "draw",
        lambda path, tiles, title: (seen.append((tiles, title)), draw(path, tiles, title)),
    )
    result = call("augment", *arguments)
    assert result.code == 0, result.err
    (only,) = seen
    return only


def test_the_command_draws_the_first_slice_and_samples_of_it(tmp_path, monkeypatch):
    folder, out = write_stack(tmp_path / "data"), tmp_path / "sheet.png"
    images, labels = draw_stack()
    tiles, title = drawn(
        monkeypatch,
        *(folder / "train-volume.tif", folder / "train-labels.tif", "-o", out),
        *("--samples", 3, "--tile", 24),
    )
    with Image.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.size == (4 * 360, 760)
    assert title == "tile of 24 pixels, --augment paper"
    assert len(tiles) == 4
    x, label, lines, _ = tiles[0]
    # Of 30 x 41 pixels, rows 15 ± 12 and columns 20 ± 12, scaled with the whole stack.
    scaled = (images[0, 3:27, 8:32].astype(float) - images.min()) / np.ptp(images)
    np.testing.assert_allclose(x[..., 0], scaled, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(label, labels[0, 3:27, 8:32])
    crossing = np.arange(24) % 3 == 0  # a line every 24 // 8 pixels, one of them at pixel 12
    np.testing.assert_array_equal(lines, crossing[:, None] | crossing)
    for k, (sample, label, lines, _) in enumerate(tiles):
        assert sample.shape == (24, 24, 1)
        assert label.shape == lines.shape == (24, 24)
        for other, *_ in tiles[:k]:
            assert np.abs(sample - other).max() > 0.1


def test_the_grid_follows_the_grey_values(tmp_path, monkeypatch):
    # The image is the grid itself, so both must be deformed in the same way.
    image = augment.grid((60, 71), (30, 35), 48)
    tifffile.imwrite(tmp_path / "x.tif", image)
    tifffile.imwrite(tmp_path / "y.tif", (image > 0).astype(np.uint8))
    tiles, _ = drawn(
        monkeypatch,
        *(tmp_path / "x.tif", tmp_path / "y.tif", "-o", tmp_path / "sheet.png"),
        *("--tile", 48, "--augment", "symmetries"),
    )
    for x, label, lines, _ in tiles:
        np.testing.assert_array_equal(x[..., 0], lines)
        np.testing.assert_array_equal(label, lines)


def test_a_grid_by_hand():
    # Lines every 600 // 8 = 75 pixels, 600 // 200 = 3 pixels wide, starting at the centre.
    lines = augment.grid((180, 100), (90, 20), 600)
    assert lines.dtype == np.float32
    np.testing.assert_array_equal(np.flatnonzero(lines[0]), [20, 21, 22, 95, 96, 97])
    rows = [15, 16, 17, 90, 91, 92, 165, 166, 167]
    np.testing.assert_array_equal(np.flatnonzero(lines[:, 0]), rows)
    np.testing.assert_array_equal(lines[16], np.ones(100))


@pytest.mark.parametrize("name", augmentation.SETS)
def test_every_set_and_numbered_cells_and_colour(tmp_path, name):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 33, 3), np.uint8)).save(tmp_path / "x.png")
    tifffile.imwrite(tmp_path / "y.tif", rng.integers(0, 900, (20, 33)).astype(np.uint16))
    result = call(
        *("augment", tmp_path / "x.png", tmp_path / "y.tif", "-o", tmp_path / "sheet.png"),
        *("--augment", name, "--samples", 5, "--tile", 60),
    )
    assert (result.code, result.err) == (0, "")
    *warning, written = result.out.splitlines()
    assert written == f"wrote     {tmp_path / 'sheet.png'}"
    assert warning == augmentation.warnings(name, 60)
    assert bool(warning) == (name == "paper")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (5 * 360, 2 * 720 + 40)


def test_the_seed_determines_the_samples(tmp_path):
    folder, sheets = write_stack(tmp_path / "data"), []
    for k, seed in enumerate((1, 1, 2)):
        out = tmp_path / f"{k}.png"
        images, labels = folder / "train-volume.tif", folder / "train-labels.tif"
        call("augment", images, labels, "-o", out, "--seed", seed, "--samples", 1, "--tile", 24)
        sheets.append(out.read_bytes())
    assert sheets[0] == sheets[1] != sheets[2]


def test_an_existing_sheet_is_refused(tmp_path):
    folder, out = write_stack(tmp_path / "data"), tmp_path / "sheet.png"
    images, labels = folder / "train-volume.tif", folder / "train-labels.tif"
    out.write_text("mine")
    message = refused(call("augment", images, labels, "-o", out))
    assert message.endswith(f"{out} already exists; pass another file with -o")
    assert out.read_text() == "mine"
    new = ("-o", tmp_path / "new.png")
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((30, 40), np.uint8))
    message = refused(call("augment", images, tmp_path / "small.tif", *new))
    assert message.endswith(
        f"is 30 x 41 pixels, but its labels in {tmp_path / 'small.tif'} are 30 x 40; "
        "pass labels of the same size"
    )
    colour = np.random.default_rng(0).integers(0, 256, (30, 41, 3), np.uint8)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    assert "has 3 channels" in refused(call("augment", images, tmp_path / "colour.png", *new))
    assert "does not exist" in refused(call("augment", images, tmp_path / "none.tif", *new))
    for wrong in (("--augment", "all"), ("--samples", 0), ("--tile", 1), ("--seed", -1)):
        refused(call("augment", images, labels, *new, *wrong))
    refused(call("augment", images, labels))
    refused(call("augment", images, labels, "-o", tmp_path / "no folder" / "new.png"))
    assert not (tmp_path / "new.png").exists()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), [[0, 1, 127], [128, 200, 255]]),
        (("--label-threshold", 128), [[0, 0, 0], [1, 1, 1]]),
        (("--ignore", 255), [[0, 1, 127], [128, 200, 0]]),
        (("--label-threshold", 1, "--ignore", 200), [[0, 1, 1], [1, 0, 1]]),
    ],
)
def test_labels_are_read_as_in_training(tmp_path, monkeypatch, options, wanted):
    blocks = np.kron([[0, 1, 127], [128, 200, 255]], np.ones((10, 10))).astype(np.uint8)
    for name in ("x.png", "y.png"):
        Image.fromarray(blocks).save(tmp_path / name)
    paths = tmp_path / "x.png", tmp_path / "y.png", "-o", tmp_path / "sheet.png"
    tiles, _ = drawn(monkeypatch, *paths, "--tile", 20, "--augment", "none", *options)
    # Columns 5 … 24 of 30, 10 rows a block.
    np.testing.assert_array_equal(tiles[0][1][::10, [0, 10, 19]], wanted)


@pytest.mark.parametrize(("options", "band"), [(("--channel", 1), 1), (("--channel", "2"), 2)])
def test_one_channel_of_a_colour_image(tmp_path, monkeypatch, options, band):
    colours = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "x.png")
    Image.fromarray(colours[..., 0] % 2).save(tmp_path / "y.png")
    paths = tmp_path / "x.png", tmp_path / "y.png", "-o", tmp_path / "sheet.png"
    tiles, _ = drawn(monkeypatch, *paths, "--tile", 24, *options)
    one = colours[..., band].astype(float)
    np.testing.assert_allclose(tiles[0][0][..., 0], (one - one.min()) / np.ptp(one), atol=1e-6)
