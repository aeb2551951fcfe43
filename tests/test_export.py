"""The command export: every format, and what it refuses; it leaves nothing half-written."""

import builtins
import json
import os
import shutil
import zipfile

import numpy as np
import pytest
import tifffile
from commands import call, refused
from exchange import state, write_state

from minunet import export
from minunet.errors import InputError
from minunet.exchange import bioimage, onnx_graph, tensors
from minunet.runs import checkpoint

LIBRARIES = {
    ".onnx": ("onnx", "onnxruntime"),
    ".safetensors": ("safetensors",),
    ".zip": ("onnx", "onnxruntime", "bioimageio.spec"),
    "": ("safetensors",),
}
"""Libraries that each format needs."""

DESCRIBED = ("--license", "MIT", "--author", "Ada Lovelace")

HOME = "/home/x/secret"


def needs(suffix):
    """Skip the test unless the libraries of a format are installed."""
    for name in LIBRARIES[suffix]:
        pytest.importorskip(name)


@pytest.fixture
def net(tmp_path):
    """Write a checkpoint of a run on a computer whose folders are nobody's business."""
    folder = tmp_path / "my-run"
    folder.mkdir()
    places = {name: f"{HOME}/{name}" for name in ("images", "labels", "validation", "start_from")}
    write_state(folder / "best.npz", values=(0, 255), **places)
    return folder / "best.npz"


def entries(folder):
    """List everything in a folder, with the sizes of the files."""
    return {
        str(path.relative_to(folder)): path.stat().st_size if path.is_file() else None
        for path in folder.rglob("*")
    }


def all_bytes(path):
    """Return the contents of a file, of a folder, or of a zip file."""
    if path.is_dir():
        return b"".join(one.read_bytes() for one in path.iterdir())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as package:
            return b"".join(map(package.read, package.namelist()))
    return path.read_bytes()


SUFFIXES = pytest.mark.parametrize("suffix", LIBRARIES, ids=lambda suffix: suffix or "folder")


@SUFFIXES
@pytest.mark.filterwarnings("ignore")  # of bioimageio.spec
def test_every_format(tmp_path, net, suffix):
    needs(suffix)
    out = tmp_path / f"net{suffix}"
    result = call("export", net, "-o", out, *DESCRIBED)
    assert (result.code, result.err) == (0, ""), result
    assert result.out.endswith(f"wrote     {out}: my-run as {export.FORMATS[suffix]}\n")
    assert out.is_dir() == (suffix == "")
    written = all_bytes(out)
    assert HOME.encode() not in written
    assert b"secret" not in written
    assert str(tmp_path).encode() not in written
    assert b"my-run" in written
    assert {path.name for path in tmp_path.iterdir()} == {"my-run", out.name}


@SUFFIXES
@pytest.mark.filterwarnings("ignore")
def test_what_exists_is_not_overwritten(tmp_path, net, suffix):
    out = tmp_path / f"net{suffix}"
    out.write_text("mine")
    words = f"{out} already exists; pass another file with -o"
    assert words in refused(call("export", net, "-o", out, *DESCRIBED))
    assert out.read_text() == "mine"
    missing = tmp_path / "none" / out.name
    words = f"{missing.parent} is not a folder"
    assert words in refused(call("export", net, "-o", missing, *DESCRIBED))
    assert not missing.parent.exists()


def test_a_folder_that_exists_is_not_written_into(tmp_path, net):
    (tmp_path / "net").mkdir()
    assert "already exists" in refused(call("export", net, "-o", tmp_path / "net"))
    assert list((tmp_path / "net").iterdir()) == []


@pytest.mark.parametrize(
    ("out", "arguments", "words"),
    [
        ("a.pt", (), "does not end with .onnx, .safetensors, .zip; to write a folder, use no"),
        ("a.ONNX", (), "does not end with"),
        ("a.npz", (), "does not end with"),
        ("a.zip", ("--author", "A"), "a bioimage.io package needs --license and at least one"),
        ("a.zip", ("--license", "MIT"), "a bioimage.io package needs --license and at least one"),
        ("a.safetensors", ("--padding", "valid"), "--padding and --output are for .onnx files"),
        ("a.zip", ("--output", "logits"), "--padding and --output are for .onnx files only"),
        ("a", ("--padding", "valid"), "--padding and --output are for .onnx files only"),
        ("a.onnx", ("--image", "a.tif"), "--image is for .zip files only"),
        ("a.onnx", ("--padding", "none"), "invalid choice: 'none'"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, net, out, arguments, words):
    before = entries(tmp_path)
    assert words in refused(call("export", net, "-o", tmp_path / out, *arguments))
    assert entries(tmp_path) == before


def test_a_model_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    for name in ("a.npz", "none.npz"):
        refused(call("export", tmp_path / name, "-o", tmp_path / "a.safetensors"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def without(monkeypatch, missing):
    """Let the import of a library fail, as where it is not installed."""
    original = builtins.__import__

    def importing(name, *args, **more):
        if name == missing or name.startswith(f"{missing}."):
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return original(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize(
    ("suffix", "missing"),
    [(suffix, library) for suffix, libraries in LIBRARIES.items() for library in libraries],
)
@pytest.mark.filterwarnings("ignore")
def test_a_missing_library_is_named(tmp_path, net, monkeypatch, suffix, missing):
    needs(suffix)
    before = entries(tmp_path)
    without(monkeypatch, missing)
    words = f"{export.FORMATS[suffix]} needs {missing.split('.')[0]}"
    message = refused(call("export", net, "-o", tmp_path / f"a{suffix}", *DESCRIBED))
    assert words in message
    assert message.endswith("; install it with: pip install 'minunet[export]'")
    assert entries(tmp_path) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@SUFFIXES
@pytest.mark.filterwarnings("ignore")
def test_what_is_interrupted_leaves_nothing(tmp_path, net, monkeypatch, suffix, error):
    needs(suffix)
    before = entries(tmp_path)

    def stop(*args, **more):
        raise error

    where = {
        ".onnx": (export, "say_checked"),  # after the file is written
        ".safetensors": (tensors, "to_torch"),
        ".zip": (bioimage, "_cover"),
        "": (tensors.json, "dumps"),  # after the first of three files
    }[suffix]
    monkeypatch.setattr(*where, stop)
    result = call("export", net, "-o", tmp_path / f"a{suffix}", *DESCRIBED)
    assert result.code == (130 if error is KeyboardInterrupt else 2)
    assert result.err.count("\n") == 1
    assert entries(tmp_path) == before


def test_a_folder_made_meanwhile_is_kept(tmp_path, net, monkeypatch):
    needs("")
    original = tensors.write_folder

    def meanwhile(folder, *args):
        original(folder, *args)
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "mine").write_text("mine")

    monkeypatch.setattr(tensors, "write_folder", meanwhile)
    assert "already exists" in refused(call("export", net, "-o", tmp_path / "a"))
    assert entries(tmp_path / "a") == {"mine": 4}
    assert {path.name for path in tmp_path.iterdir()} == {"my-run", "a"}


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("output", ["probabilities", "logits"])
def test_the_forms_of_the_graph(tmp_path, net, padding, output):
    needs(".onnx")
    import onnxruntime

    options = ("--padding", padding, "--output", output, "--name", "é", "--cite", "10.1/x")
    result = call("export", net, "-o", tmp_path / "a.onnx", *options)
    assert result.code == 0, result.err
    assert result.out.startswith("checked   ONNX Runtime and minunet differ by ")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    (found,) = session.get_outputs()
    assert found.name == output
    shape = (2, 1, 24, 28)
    (y,) = session.run(None, {"image": np.random.default_rng(0).random(shape, np.float32)})
    assert y.shape == ((2, 2, 24, 28) if padding == "same" else (2, 2, 8, 12))
    if output == "probabilities":
        np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
    meta = session.get_modelmeta().custom_metadata_map
    assert (meta["name"], meta["citations"]) == ("é", "10.1/x")
    assert json.loads(meta["minunet"])["config"]["images"] == "images"


def test_a_graph_that_differs_is_refused(tmp_path, net, monkeypatch):
    needs(".onnx")
    before = entries(tmp_path)
    build = onnx_graph.build

    def wrong(params, *args):
        changed = {**params, "contract0.b1": params["contract0.b1"] + np.float32(0.01)}
        return build(changed, *args)

    monkeypatch.setattr(onnx_graph, "build", wrong)
    message = refused(call("export", net, "-o", tmp_path / "a.onnx"))
    assert "ONNX Runtime and minunet differ by" in message
    assert "nothing was written" in message
    assert entries(tmp_path) == before


def test_a_graph_that_gives_nan_is_refused(tmp_path):
    needs(".onnx")
    made = state()
    made.params["contract0.w1"][:] = 1e30  # finite, but the activations are not
    made.params["contract0.w2"][:] = 1e30
    checkpoint.save(tmp_path / "a.npz", made)
    with np.errstate(all="ignore"):
        message = refused(call("export", tmp_path / "a.npz", "-o", tmp_path / "a.onnx"))
    assert "too large for float32" in message
    for suffix in (".onnx", ".zip"):
        with np.errstate(all="ignore"):
            again = refused(
                call("export", tmp_path / "a.npz", "-o", tmp_path / f"b{suffix}", *DESCRIBED)
            )
        assert "too large for float32" in again
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_names_that_are_not_unicode(tmp_path, net):
    needs(".onnx")
    name = os.fsdecode(b"x\xe9")
    shutil.copytree(net.parent, tmp_path / name)
    model, out = tmp_path / name / net.name, tmp_path / f"{name}.onnx"
    for where in (out, tmp_path / "a.safetensors", tmp_path / "b"):
        assert call("export", model, "-o", where, "--author", name).code == 0
        assert where.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", ".onnx"), "-o .onnx has no name before .onnx"),
        (("-o", "a.onnx", "--author", " "), "--author and --cite must not be empty"),
    ],
)
def test_invalid_options(tmp_path, net, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    before = entries(tmp_path)
    assert words in refused(call("export", net, *options))
    assert entries(tmp_path) == before


@pytest.mark.filterwarnings("ignore")
def test_the_image_of_the_package(tmp_path, net):
    needs(".zip")
    image = np.random.default_rng(0).integers(0, 60_000, (3, 70, 90)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    options = (*DESCRIBED, "--image", tmp_path / "a.tif")
    assert call("export", net, "-o", tmp_path / "a.zip", *options).code == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as package, package.open("test_image.npy") as file:
        found = np.load(file)
    np.testing.assert_array_equal(found[0, 0], image[0, 1:69, 1:89])
    colour = np.random.default_rng(0).integers(0, 255, (70, 90, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", colour, photometric="rgb")
    options = (*DESCRIBED, "--image", tmp_path / "rgb.tif")
    words = "rgb.tif has 3 channels; the model needs 1"
    assert words in refused(call("export", net, "-o", tmp_path / "b.zip", *options))
    words = "none.tif"
    options = (*DESCRIBED, "--image", tmp_path / "none.tif")
    assert words in refused(call("export", net, "-o", tmp_path / "b.zip", *options))
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("arguments", [("--license", "Free"), ("--cite", "A paper")])
@pytest.mark.filterwarnings("ignore")
def test_a_package_that_is_not_valid_leaves_nothing(tmp_path, net, arguments):
    needs(".zip")
    before = entries(tmp_path)
    refused(call("export", net, "-o", tmp_path / "a.zip", *DESCRIBED, *arguments))
    assert entries(tmp_path) == before


def test_built_in_models_have_a_licence_and_a_card(tmp_path):
    needs("")
    assert call("export", "em", "-o", tmp_path / "em").code == 0
    assert json.loads((tmp_path / "em" / "config.json").read_text("utf-8"))["license"] == "MIT"
    readme = (tmp_path / "em" / "README.md").read_text("utf-8")
    assert readme.startswith('---\nlicense: "mit"\n')
    assert "synthetic" in readme


def test_names_of_models(tmp_path, net):
    def name(path, *more):
        args = type("Args", (), {"model": path, "name": None, "license": None})
        args.author, args.cite = ["A"], []
        return export.describe(args).name

    assert name(net) == "my-run"
    assert name(net.with_name("last.npz")) == "my-run"
    assert name(net.with_name("other.npz")) == "other"
    assert name("em") == "minunet em"


def test_the_synthetic_sample():
    image = export.sample(None, 3)
    assert image.shape == (256, 256, 3)
    assert (image[..., 0] == image[..., 2]).all()
    with pytest.raises(InputError):
        export.sample(export.Path("none.tif"), 1)
