"""The command convert: files of other programs become models, or are refused with one line."""

import json
import subprocess
import sys

import numpy as np
import pytest
from commands import call, one_line, refused
from exchange import (
    LIMITED,
    caffemodel,
    draw,
    field,
    mutations,
    release,
    released,
    state,
    varint,
    write_state,
)

import minunet
from minunet import convert, models
from minunet.errors import InputError
from minunet.exchange import description, layers, tensors
from minunet.exchange.tensors import Foreign
from minunet.network.architecture import Architecture
from minunet.runs import checkpoint
from minunet.runs.settings import Settings


def write(path, params, **metadata):
    """Write a safetensors file."""
    pytest.importorskip("safetensors")
    tensors.write(path, params, metadata)
    return path


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_equal(found, params):
    assert list(found) == list(params)
    for name, w in params.items():
        assert found[name].dtype == np.float32
        assert found[name].shape == w.shape
        assert found[name].tobytes() == w.tobytes()


def round_trip(folder, model):
    """Export a model as safetensors and convert it back; return both checkpoints."""
    pytest.importorskip("safetensors")
    there, back = folder / "a.safetensors", folder / "back.npz"
    assert call("export", model, "-o", there).code == 0
    result = call("convert", there, "-o", back)
    assert (result.code, result.err) == (0, ""), result
    return checkpoint.load(models.find(model)), checkpoint.load(back), result.out


def test_a_run_there_and_back(tmp_path):
    given = {"values": (0, 7, 255), "in_channels": 3, "variant": "release", "scaling": "standard"}
    places = {"images": "/home/x/a.tif", "labels": "/home/x/b.tif"}
    write_state(tmp_path / "best.npz", **given, **places)
    before, after, out = round_trip(tmp_path, tmp_path / "best.npz")
    assert_equal(after.params, before.params)
    assert after.velocity == {}
    assert (after.step, after.best) == (before.step, before.best)
    assert after.random_state == before.random_state
    assert after.settings == before.settings | {"images": "a.tif", "labels": "b.tif"}
    assert "release network of depth 1 with 3 channels, 3 input channels and 3 classes" in out
    assert "Check that the network" not in out
    assert f"python -m minunet.predict {tmp_path / 'back.npz'} IMAGE.tif -o OUT" in out


@pytest.mark.parametrize("name", models.MODELS)
def test_built_in_models_there_and_back(tmp_path, name):
    before, after, _ = round_trip(tmp_path, name)
    assert_equal(after.params, before.params)
    places = {place: after.settings[place] for place in description.PLACES}
    assert after.settings == before.settings | places
    image = np.random.default_rng(0).integers(0, 255, (40, 50)).astype(np.uint8)
    found = minunet.load(tmp_path / "back.npz").segment(image)
    np.testing.assert_array_equal(found, minunet.load(models.find(name)).segment(image))


def test_the_folder_for_hugging_face_is_read_again(tmp_path):
    pytest.importorskip("safetensors")
    made = write_state(tmp_path / "best.npz")
    assert call("export", tmp_path / "best.npz", "-o", tmp_path / "f").code == 0
    file = tmp_path / "f" / "model.safetensors"
    assert call("convert", file, "-o", tmp_path / "b.npz").code == 0
    assert_equal(checkpoint.load(tmp_path / "b.npz").params, made.params)


def test_the_mapping_is_printed(tmp_path):
    arch = Architecture(1, 2, 3, 4)
    result = call(
        "convert", write(tmp_path / "a.safetensors", draw(arch)), "-o", tmp_path / "b.npz"
    )
    lines = [line.split() for line in result.out.splitlines()]
    names = list(arch.shapes())
    assert [line[0] for line in lines[: len(names)]] == names
    assert lines[0][1:] == ["contract0.conv1.weight", "3x3x3x2"]
    assert lines[5][1:] == ["bottom.conv1.bias", "4"]
    assert "Check that the network was trained with the scaling of --scaling" in result.out


@pytest.mark.parametrize("scaling", ["minmax", "standard", "image", "none", None])
def test_scaling_of_other_models(tmp_path, scaling):
    file = write(tmp_path / "a.safetensors", draw(Architecture(1, 2)))
    options = ("--scaling", scaling) if scaling else ()
    assert call("convert", file, "-o", tmp_path / "b.npz", *options).code == 0
    model = minunet.load(tmp_path / "b.npz")
    assert model.settings.scaling == (scaling or "image")
    assert model.step == 0


def test_scaling_of_an_exported_model_can_be_changed(tmp_path):
    pytest.importorskip("safetensors")
    write_state(tmp_path / "best.npz", scaling="standard")
    file = tmp_path / "a.safetensors"
    call("export", tmp_path / "best.npz", "-o", file)
    for options, expected in (((), "standard"), (("--scaling", "none"), "none")):
        out = tmp_path / f"{expected}.npz"
        assert call("convert", file, "-o", out, *options).code == 0
        assert checkpoint.load(out).settings["scaling"] == expected


@pytest.mark.parametrize("legacy", [True, False], ids=["2015", "current"])
def test_a_caffe_model_there_and_back(tmp_path, legacy):
    pytest.importorskip("google.protobuf")
    made = write_state(tmp_path / "best.npz", variant="release", depth=2, tile=60, channels=4)
    file = tmp_path / "phseg.caffemodel"
    file.write_bytes(caffemodel(released(made.params, 2), legacy))
    result = call("convert", file, "-o", tmp_path / "b.npz")
    assert (result.code, result.err) == (0, ""), result
    assert "expand1.wu    upconv_d2c_u1a, blob 0" in result.out
    found = checkpoint.load(tmp_path / "b.npz")
    assert_equal(found.params, made.params)
    assert Settings.from_json(found.settings).architecture.variant == "release"


@pytest.mark.parametrize("depth", range(1, 11))
def test_converted_networks_of_any_depth_can_be_used(tmp_path, depth):
    arch = Architecture(depth, 1)
    params = {  # no memory is used for the zeros
        name: np.broadcast_to(np.float32(0), shape) for name, shape in arch.shapes().items()
    }
    made = convert.state_of(Foreign(arch, params, {}), None)
    settings = Settings.from_json(made.settings)
    assert settings.architecture.shapes() == arch.shapes()
    if depth > 6:
        return
    checkpoint.publish(tmp_path / "a.npz", made, np.float32)
    assert minunet.load(tmp_path / "a.npz").settings == settings
    assert settings.tile == {4: 572, 5: 572}.get(depth, settings.tile)


@pytest.mark.parametrize(
    "arch", [Architecture(14, 1), Architecture(16, 1), Architecture(1, 1, 1, 300)], ids=str
)
def test_networks_that_minunet_cannot_use_are_refused(arch):
    with pytest.raises(InputError, match=r"^minunet cannot use it: "):
        convert.state_of(Foreign(arch, {}, {}), None)


@pytest.mark.parametrize("classes", [2, 5, 256])
def test_classes_of_other_models(classes):
    made = convert.state_of(Foreign(Architecture(1, 1, 1, classes), {}, {}), None)
    assert made.settings["label_values"] == list(range(classes))


def meta_of(**changes):
    """Return what minunet writes about a small model, changed; None removes a key."""
    found = description.meta(state())
    found |= {key: value for key, value in changes.items() if key in found}
    config = found["config"] if isinstance(found["config"], dict) else {}
    config |= {key: value for key, value in changes.items() if key not in found}
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"step": None}, "its metadata were altered: its meta lacks step"),
        ({"step": -1}, "its step is -1"),
        ({"step": "7"}, "its step is '7'"),
        ({"best": float("nan")}, "its best score is nan"),
        ({"random_state": {}}, "its random state"),
        ({"config": 3}, "its settings are not a JSON object"),
        ({"config": {}}, "it lacks the setting images"),
        ({"depth": 10**9}, "its setting depth is not valid"),
        ({"unknown": 1}, "its setting 'unknown' is unknown"),
        ({"scaling": "sqrt"}, "its setting scaling is 'sqrt'"),
        (
            {"depth": 2, "tile": 60},
            "its metadata describe a paper network of depth 2 with 3 channels, 1 input channel "
            "and 2 classes, but its tensors belong to a paper network of depth 1 with 3 channels,",
        ),
        ({"variant": "release"}, "describe a release network"),
        ({"label_values": [0, 1, 2]}, "1 input channel and 3 classes, but"),
    ],
)  # fmt: skip
def test_altered_metadata_are_refused(tmp_path, changes, words):
    text = json.dumps(meta_of(**changes))
    file = write(tmp_path / "a.safetensors", state().params, minunet=text)
    message = refused(call("convert", file, "-o", tmp_path / "b.npz"))
    assert f"{file}: " in message
    assert words in message
    assert listing(tmp_path) == ["a.safetensors"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(tmp_path, bad):
    params = draw(release(1, 2))
    params["expand0.wu"][0, 1, 0, 0] = bad
    file = write(tmp_path / "a.safetensors", params)
    words = "expand0.upconv.weight contains NaN or infinity"
    assert words in refused(call("convert", file, "-o", tmp_path / "b.npz"))
    pytest.importorskip("google.protobuf")
    file = tmp_path / "a.caffemodel"
    file.write_bytes(caffemodel(released(params, 1), True, "<f8"))
    words = f"{file}: upconv_d1c_u0a, blob 0 contains NaN or infinity"
    assert words in refused(call("convert", file, "-o", tmp_path / "b.npz"))
    assert listing(tmp_path) == ["a.caffemodel", "a.safetensors"]


def test_numbers_beyond_float32_are_refused_without_a_warning(tmp_path):
    pytest.importorskip("google.protobuf")
    params = {name: w.astype(np.float64) for name, w in draw(release(1, 2)).items()}
    params["out.b"][0] = 1e300
    file = tmp_path / "a.caffemodel"
    file.write_bytes(caffemodel(released(params, 1), True, "<f8"))
    words = "conv_u0d-score, blob 1 contains NaN or infinity"
    assert words in refused(call("convert", file, "-o", tmp_path / "b.npz"))


@pytest.mark.parametrize(
    ("file", "out", "words"),
    [
        ("a.pt", "b.npz", "does not end with .safetensors or .caffemodel"),
        ("a.onnx", "b.npz", "does not end with .safetensors or .caffemodel"),
        ("a.safetensors", "b.pt", "does not end with .npz"),
        ("a.safetensors", "b.npz", "a.safetensors is not a file"),
        ("a.caffemodel", "b.npz", "a.caffemodel is not a file"),
        ("a.safetensors", "none/b.npz", "none is not a folder"),
    ],
)
def test_paths_that_do_not_fit_are_refused(tmp_path, file, out, words):
    assert words in refused(call("convert", tmp_path / file, "-o", tmp_path / out))
    assert listing(tmp_path) == []


@pytest.mark.parametrize("suffix", [".safetensors", ".caffemodel"])
def test_what_exists_is_not_overwritten(tmp_path, suffix):
    (tmp_path / "b.npz").write_text("mine")
    (tmp_path / f"a{suffix}").write_text("")
    words = "b.npz already exists; pass another file with -o"
    assert words in refused(call("convert", tmp_path / f"a{suffix}", "-o", tmp_path / "b.npz"))
    assert (tmp_path / "b.npz").read_text() == "mine"


@pytest.mark.parametrize(
    ("suffix", "missing"), [(".safetensors", "safetensors"), (".caffemodel", "google.protobuf")]
)
def test_a_missing_library_is_named(tmp_path, monkeypatch, suffix, missing):
    (tmp_path / f"a{suffix}").write_text("")
    convert.caffe.net_parameter.cache_clear()
    for name in [name for name in sys.modules if name.startswith(missing)]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, missing, None)
    message = refused(call("convert", tmp_path / f"a{suffix}", "-o", tmp_path / "b.npz"))
    assert f"reading {suffix} needs {missing}" in message
    assert message.endswith("; install it with: pip install 'minunet[export]'")
    assert listing(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_is_interrupted_leaves_nothing(tmp_path, monkeypatch, error):
    file = write(tmp_path / "a.safetensors", draw(Architecture(1, 2)))

    def stop(*args, **more):
        raise error

    monkeypatch.setattr(np, "savez", stop)
    result = call("convert", file, "-o", tmp_path / "b.npz")
    assert result.code == (130 if error is KeyboardInterrupt else 2)
    assert listing(tmp_path) == ["a.safetensors"]


@pytest.mark.parametrize("suffix", [".safetensors", ".caffemodel"])
def test_damaged_files_are_one_line(tmp_path, suffix):
    """Convert 60 damaged files: each becomes a model that loads, or one line and nothing."""
    params = draw(release(1, 2))
    good, file, out = tmp_path / f"good{suffix}", tmp_path / f"a{suffix}", tmp_path / "b.npz"
    if suffix == ".safetensors":
        write(good, params, minunet=json.dumps(meta_of(variant="release", channels=2)))
    else:
        pytest.importorskip("google.protobuf")
        good.write_bytes(caffemodel(released(params, 1), False))
    codes = []
    for data in mutations(good.read_bytes(), 60, seed=1):
        file.write_bytes(data)
        result = call("convert", file, "-o", out)
        codes.append(result.code)
        if result.code == 0:
            minunet.load(out)
            out.unlink()
        else:
            refused(result)
        assert listing(tmp_path) == sorted([file.name, good.name])
    assert set(codes) == {0, 2}


HOSTILE = {
    "header.safetensors": (2**62).to_bytes(8, "little") + b"{}",
    "long_header.safetensors": (99_999_999).to_bytes(8, "little") + b'{"a":' * 1000,
    "shape.safetensors": b"",
    "pickle.safetensors": b"\x80\x04cos\nsystem\n(S'touch PICKLED'\ntR.",
    "pickle.caffemodel": b"\x80\x04cos\nsystem\n(S'touch PICKLED'\ntR.",
    "groups.caffemodel": varint(99 << 3 | 3) * 10**6,
    "layers.caffemodel": field(100, b"") * 10**6,
    "shape.caffemodel": field(
        100, field(1, b"a") + 2 * field(7, field(7, field(1, varint(2**62) * 4)))
    ),
}
HEADER = b'{"a":{"dtype":"F32","shape":[4294967296,4294967296,3,3],"data_offsets":[0,4]}}'
HOSTILE["shape.safetensors"] = len(HEADER).to_bytes(8, "little") + HEADER + b"1234"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_need_little_memory(tmp_path, name):
    pytest.importorskip("safetensors")
    pytest.importorskip("google.protobuf")
    (tmp_path / name).write_bytes(HOSTILE[name])
    more = 200_000_000 + 30 * len(HOSTILE[name])
    command = [sys.executable, "-c", LIMITED, str(more), name, "-o", "b.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert one_line(done.stderr).startswith(f"python -m minunet.convert: {name}: ")
    assert "memory" not in done.stderr
    assert listing(tmp_path) == [name]


def test_every_parameter_has_a_name_in_the_other_file():
    arch = Architecture(2, 3)
    names = {ours: layers.torch_name(ours) for ours in arch.shapes()}
    assert len(set(names.values())) == len(names)
    for ours, theirs in names.items():
        if ours.split(".")[1].startswith("w"):
            assert names[ours.replace(".w", ".b")] == theirs.replace("weight", "bias")


def test_networks_that_concatenate_in_the_other_order(tmp_path):
    arch = Architecture.release(depth=2, channels=4, in_channels=3)
    params = draw(arch)
    swapped = dict(params)
    for level in range(arch.depth):
        up, skip = np.split(params[f"expand{level}.w1"], [arch.upconv_width(level)], axis=2)
        swapped[f"expand{level}.w1"] = np.concatenate([skip, up], axis=2)
    path = write(tmp_path / "net.safetensors", swapped)
    assert call("convert", path, "-o", tmp_path / "a.npz", "--skip-first").code == 0
    assert_equal(checkpoint.load(tmp_path / "a.npz").params, params)


def test_the_order_of_exported_models_is_known(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "em.safetensors"
    assert call("export", "em", "-o", path).code == 0
    line = refused(call("convert", path, "-o", tmp_path / "a.npz", "--skip-first"))
    assert "leave it out" in line
    assert not (tmp_path / "a.npz").exists()
