"""bioimage.io packages: they are valid offline, and other programs predict what minunet does."""

import socket
import warnings
import zipfile

import numpy as np
import pytest
from exchange import state

from minunet import models
from minunet.errors import InputError
from minunet.exchange import bioimage, onnx_graph
from minunet.exchange.description import Description
from minunet.network import sizes
from minunet.prediction.model import Model
from minunet.prediction.tiling import Tiling
from minunet.runs import checkpoint
from minunet.runs.settings import Settings

ABOUT = Description("A model", "MIT", ("Ada Lovelace",))


@pytest.fixture
def offline(monkeypatch):
    """Let every look-up of a host name fail."""

    def refuse(*args, **more):
        raise OSError("there is no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def core(monkeypatch, tmp_path_factory):
    """Return bioimageio.core, which warns and logs a lot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("bioimageio.core")
        pytest.importorskip("onnxruntime")
        yield found


@pytest.fixture
def spec():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("bioimageio.spec")
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        yield pytest.importorskip("yaml")


def grey(height=150, width=170, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 200, (height, width, channels)).astype(np.uint8)


def write(path, made=None, about=ABOUT, image=None):
    made = made or state()
    channels = Settings.from_json(made.settings).in_channels
    bioimage.write(path, made, about, grey(channels=channels) if image is None else image)
    return made


def rdf(path, yaml):
    with zipfile.ZipFile(path) as package:
        return yaml.safe_load(package.read("rdf.yaml"))


@pytest.mark.parametrize("depth", range(1, 9))
def test_sizes_of_blocks(depth):
    halo, smallest, step = bioimage.block(depth)
    assert sizes.margin(depth) <= halo < sizes.margin(depth) + 2**depth
    assert halo % 2**depth == 0
    assert step % 2 ** (depth + 1) == 0
    assert smallest % step == 0
    assert smallest > 2 * halo  # something is left inside
    assert smallest >= onnx_graph.edges(depth).smallest


@pytest.mark.parametrize("depth", [1, 3, 4, 6])
@pytest.mark.parametrize("shape", [(1, 1), (100, 3000), (512, 130)])
def test_the_size_of_the_test_image_is_valid(depth, shape):
    _, smallest, step = bioimage.block(depth)
    for side, given in zip(bioimage.test_size(depth, shape), shape, strict=True):
        assert side >= smallest
        assert (side - smallest) % step == 0
        assert side <= max(smallest, min(given, bioimage.SIDE))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("em", "U-Net em"),
        ("", "U-Net"),
        ("a/b: c*d\nx", "a b  c d x"),
        ("x" * 500, "x" * 128),
        ("dic (2)", "dic (2)"),
        ("??????", "U-Net"),
        ("Zürich é/ü", "Zurich e u"),
    ],
)
def test_names_that_the_format_accepts(name, expected):
    assert bioimage.model_name(name) == expected


def test_what_the_package_says(tmp_path, spec, offline):
    made = state(values=(0, 7, 255), in_channels=3, depth=2, tile=60, pixel_size=(0.5, 0.25))
    about = Description(
        "é/ü",
        "CC-BY-4.0",
        ("Ada Lovelace", "Grace"),
        ("A paper, 10.1234/ab.c.", "https://a.org/x."),
    )
    write(tmp_path / "p.zip", made, about)
    with zipfile.ZipFile(tmp_path / "p.zip") as package:
        names = set(package.namelist())
        text = package.read("README.md").decode()
        assert package.read("cover.png").startswith(b"\x89PNG")
    assert names == {
        *("rdf.yaml", "weights.onnx", "README.md", "cover.png"),
        *("test_image.npy", "test_probabilities.npy"),
    }
    assert "## Validation" in text
    found = rdf(tmp_path / "p.zip", spec)
    assert (found["type"], found["name"]) == ("model", "U-Net e u")
    assert found["format_version"].startswith("0.5.")
    assert found["license"] == "CC-BY-4.0"
    assert [author["name"] for author in found["authors"]] == ["Ada Lovelace", "Grace"]
    assert [one.get("doi", one.get("url")) for one in found["cite"]] == [
        *("10.1234/ab.c", "https://a.org/x", "10.1007/978-3-319-24574-4_28")
    ]
    assert found["weights"]["onnx"]["opset_version"] <= 17
    assert "git_repo" not in found
    (image,), (p,) = found["inputs"], found["outputs"]
    halo, smallest, step = bioimage.block(2)
    for tensor, channels in ((image, 3), (p, 3)):
        batch, channel, *sides = tensor["axes"]
        assert batch["type"] == "batch"
        assert "size" not in batch
        assert len(channel["channel_names"]) == channels  # Fiji fails without
        assert [side["id"] for side in sides] == ["y", "x"]
        assert [side["scale"] for side in sides] == [0.5, 0.25]
    assert p["axes"][1]["channel_names"] == ["label 0", "label 7", "label 255"]
    assert found["config"]["bioimageio"]["nickname"]  # Fiji fails without
    assert [side["size"] for side in image["axes"][2:]] == [{"min": smallest, "step": step}] * 2
    for side in p["axes"][2:]:
        assert side["halo"] == halo
        assert side["size"] == {"tensor_id": "image", "axis_id": side["id"]}


def check(core, path):
    """Let bioimageio.core run its tests on a package."""
    summary = core.test_model(path)
    assert summary.status == "passed", summary.format()


def predicted(core, path, image, blocks=None, first=None):
    """Let bioimageio.core predict an image (H, W, C), whole or in blocks of this parameter.

    Before it, the same program may predict another image.
    """
    from bioimageio.core.digest_spec import create_sample_for_model

    model = core.load_description(path)
    pipeline = core.create_prediction_pipeline(model)
    for one in (image,) if first is None else (first, image):
        given = one.astype(np.float32).transpose(2, 0, 1)[np.newaxis]
        sample = create_sample_for_model(model, inputs={"image": given})
        if blocks is None:
            done = pipeline.predict_sample_without_blocking(sample)
        else:
            done = pipeline.predict_sample_with_blocking(sample, ns=blocks)
    (p,) = done.members.values()
    return np.asarray(p.data)[0].transpose(1, 2, 0)


def by_minunet(made, image, tile):
    """Segment an image (H, W, C) with minunet."""
    model = Model(dict(made.params), Settings.from_json(made.settings), 7)
    return model.segment(image[np.newaxis], Tiling(tile))[0]


def assert_equal_inside(found, expected, depth):
    halo = bioimage.block(depth).halo
    inside = (slice(halo, -halo), slice(halo, -halo))
    assert found[inside].size > 100
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=3e-6)


@pytest.mark.parametrize("scaling", ["none", "standard", "minmax", "image"])
def test_each_scaling(tmp_path, core, offline, capfd, scaling):
    made = write(tmp_path / "p.zip", state(scaling=scaling))
    check(core, tmp_path / "p.zip")
    _, smallest, step = bioimage.block(1)
    image = grey(smallest + 5 * step, smallest + 9 * step, seed=1)
    image = (image / 200).astype(np.float32) if scaling == "none" else image
    in_blocks = predicted(core, tmp_path / "p.zip", image, blocks=2, first=image / 3 + 40)
    # Measured: 3e-7
    assert_equal_inside(in_blocks, by_minunet(made, image, 24), 1)
    # bioimageio.core mirrors a whole image before it computes the mean, but not before blocks.
    if scaling != "standard":
        whole = predicted(core, tmp_path / "p.zip", image)
        np.testing.assert_array_equal(in_blocks, whole)


@pytest.mark.parametrize(
    "given",
    [
        {"depth": 2, "tile": 60, "variant": "release", "values": (0, 1, 2), "in_channels": 3},
        {"depth": 3, "tile": 108, "channels": 2},
    ],
    ids=["release", "paper"],
)
def test_blocks_equal_the_whole_image(tmp_path, core, offline, capfd, given):
    made = write(tmp_path / "p.zip", state(scaling="image", **given))
    check(core, tmp_path / "p.zip")
    depth = given["depth"]
    _, smallest, step = bioimage.block(depth)
    shape = (smallest + 20 * step, smallest + 16 * step, given.get("in_channels", 1))
    image = grey(*shape, seed=1)
    whole = predicted(core, tmp_path / "p.zip", image)
    for blocks in (0, 3):
        np.testing.assert_array_equal(predicted(core, tmp_path / "p.zip", image, blocks), whole)
    assert_equal_inside(whole, by_minunet(made, image, given["tile"]), depth)


def test_em(tmp_path, core, offline, capfd):
    made = write(tmp_path / "em.zip", checkpoint.load(models.find("em")), image=grey(200, 300))
    check(core, tmp_path / "em.zip")
    _, smallest, step = bioimage.block(3)
    image = grey(smallest + 4 * step, smallest + 2 * step, seed=1)
    whole = predicted(core, tmp_path / "em.zip", image)
    np.testing.assert_array_equal(predicted(core, tmp_path / "em.zip", image, 1), whole)
    assert_equal_inside(whole, by_minunet(made, image, 196), 3)


def test_the_test_tensors_are_those_of_the_runtime(tmp_path, spec, offline):
    made = write(tmp_path / "p.zip", state(scaling="image"), image=grey(300, 40))
    with zipfile.ZipFile(tmp_path / "p.zip") as package:
        package.extractall(tmp_path)
    image, p = (np.load(tmp_path / f"test_{name}.npy") for name in ("image", "probabilities"))
    assert (image.dtype, p.dtype) == (np.float32, np.float32)
    assert image.shape[1:] == (1, *bioimage.test_size(1, (300, 40)))
    np.testing.assert_array_equal(image[0, 0], grey(300, 40)[22:278, :, 0])
    expected = by_minunet(made, image[0].transpose(1, 2, 0), 24)
    np.testing.assert_allclose(p[0].transpose(1, 2, 0), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (ABOUT._replace(license="Free"), "bioimage.io does not know the licence 'Free'; pass an "),
        (ABOUT._replace(license="MIT\nfoo: 3"), r"does not know the licence 'MIT\nfoo: 3'; pass"),
        (
            ABOUT._replace(citations=("A paper of 2015",)),
            "--cite 'A paper of 2015' contains neither a DOI nor a URL",
        ),
        (ABOUT._replace(authors=("a/b",)), "bioimage.io does not accept authors"),
    ],
)
def test_what_the_format_does_not_accept_is_one_sentence(tmp_path, spec, offline, about, words):
    with pytest.raises(InputError) as refused:
        write(tmp_path / "p.zip", about=about)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_black_image_is_refused(tmp_path, spec):
    with pytest.raises(InputError, match=r"all grey values .* are below 0\.0001.*another --image"):
        write(tmp_path / "p.zip", image=np.zeros((50, 60, 1)))
    assert list(tmp_path.iterdir()) == []
