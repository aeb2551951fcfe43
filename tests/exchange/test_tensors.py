"""safetensors files: PyTorch computes the same with them, and what is no U-Net is refused."""

import json
import struct

import numpy as np
import pytest
from commands import call
from exchange import (
    assert_damage_is_noticed_or_harmless,
    blocks,
    draw,
    twin,
)
from networks import draw_params, valid_tile

import minunet
from minunet.errors import InputError
from minunet.exchange import layers, tensors
from minunet.network import unet
from minunet.network.architecture import Architecture

SMALL = Architecture(1, 2)


def pack(arrays, metadata=None):
    """Encode a safetensors file by hand: name → array, or (dtype, shape, bytes)."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, array in arrays.items():
        kinds = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64"}
        if not isinstance(array, tuple):
            array = (kinds[array.dtype.name], array.shape, array.tobytes())
        dtype, shape, body = array
        ends = [len(data), len(data) + len(body)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": ends}
        data += body
    return wrap(json.dumps(header).encode(), data)


def wrap(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


def small(arch=SMALL, dtype=np.float32):
    """Draw parameters in PyTorch's layout."""
    return {name: w.astype(dtype) for name, w in tensors.to_torch(draw(arch)).items()}


def read(path, data):
    pytest.importorskip("safetensors")
    path.write_bytes(data)
    return tensors.read(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


ARCHITECTURES = pytest.mark.parametrize(
    "arch",
    [
        Architecture(1, 2, 1, 2, 0.0),
        Architecture(2, 3, 3, 5, 0.0),
        Architecture.release(1, 2, 2, 3, 0.0),
        Architecture.release(3, 2, 1, 4, 0.0),
    ],
    ids=str,
)


def test_names_and_layouts_by_hand():
    w = np.arange(2 * 2 * 4 * 3).reshape(2, 2, 4, 3)  # an up-convolution from 4 to 3 channels
    up = tensors.to_torch({"expand0.wu": w})["expand0.upconv.weight"]
    assert up.shape == (4, 3, 2, 2)
    assert up[3, 2, 0, 1] == w[0, 1, 3, 2]
    w = np.arange(3 * 3 * 4 * 5).reshape(3, 3, 4, 5)
    conv = tensors.to_torch({"bottom.w2": w})["bottom.conv2.weight"]
    assert conv.shape == (5, 4, 3, 3)
    assert conv[4, 3, 2, 1] == w[2, 1, 3, 4]
    for array, ours in ((up, "expand0.wu"), (conv, "bottom.w2")):
        again = tensors.from_torch(array)
        assert again.dtype == np.float32
        np.testing.assert_array_equal(tensors.to_torch({ours: again}).popitem()[1], array)


@ARCHITECTURES
def test_the_module_on_the_page_has_our_names(torch, arch):
    expected = {name: w.shape for name, w in tensors.to_torch(draw(arch)).items()}
    found = {name: tuple(w.shape) for name, w in twin(arch).state_dict().items()}
    assert found == expected


def test_the_page_from_export_to_conversion(torch, tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    monkeypatch.chdir(tmp_path)
    assert call("export", "em", "-o", "em.safetensors").code == 0
    names = {}
    for block in blocks():
        exec(compile(block, "pytorch.md", "exec"), names)
    image, p = names["image"], names["p"]
    assert p.shape == (1, 2, *image.shape[2:])
    em = minunet.load("em")
    expected = em.segment(image[0, 0].numpy()).transpose(2, 0, 1)
    np.testing.assert_allclose(p[0].numpy(), expected, rtol=0, atol=1e-5)  # measured: 1e-6
    assert call("convert", "net.safetensors", "-o", "net.npz").code == 0
    found = minunet.load("net.npz")
    assert found.settings.scaling == em.settings.scaling == "image"
    for name, w in em.params.items():
        np.testing.assert_array_equal(found.params[name], w)


def test_the_module_on_the_page_is_short():
    assert len(blocks()[0].splitlines()) <= 60
    assert "minunet" not in "".join(blocks())


@ARCHITECTURES
def test_the_module_on_the_page_computes_the_same(torch, path, arch):
    load_file = pytest.importorskip("safetensors.torch").load_file
    params = draw(arch)
    tensors.write(path, params, {})
    net = twin(arch)
    net.load_state_dict(load_file(path))
    shape = (*valid_tile(arch.depth), arch.in_channels)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected, _ = unet.forward(params, x, arch)
    with torch.no_grad():
        found = net(torch.tensor(x.transpose(2, 0, 1).copy())[None])[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * abs(expected).max())


@ARCHITECTURES
def test_the_module_on_the_page_has_the_same_gradients(torch, arch):
    params = draw_params(arch, np.random.default_rng(0))
    net = twin(arch).double()
    as_torch = {name: torch.tensor(w) for name, w in tensors.to_torch(params).items()}
    net.load_state_dict(as_torch)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((*valid_tile(arch.depth), arch.in_channels))
    logits, remembered = unet.forward(params, x, arch)
    dlogits = rng.standard_normal(logits.shape)
    expected = tensors.to_torch(unet.backward(params, remembered, dlogits, arch))
    found = net(torch.tensor(x.transpose(2, 0, 1).copy())[None])
    found.backward(torch.tensor(dlogits.transpose(2, 0, 1).copy())[None])
    np.testing.assert_allclose(
        found.detach()[0].numpy().transpose(1, 2, 0), logits, rtol=1e-10, atol=1e-10
    )
    for name, w in net.named_parameters():
        largest = abs(expected[name]).max()
        np.testing.assert_allclose(w.grad.numpy(), expected[name], rtol=0, atol=1e-10 * largest)


@ARCHITECTURES
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_written_is_read_again(path, arch, dtype):
    params = {name: w.astype(np.float16).astype(np.float32) for name, w in draw(arch).items()}
    found = read(path, pack({k: w.astype(dtype) for k, w in tensors.to_torch(params).items()}))
    assert found.architecture.shapes() == arch.shapes()
    assert list(found.params) == list(params)
    for name, w in params.items():
        assert found.params[name].dtype == np.float32
        assert found.params[name].tobytes() == w.tobytes()
    assert found.names == {name: layers.torch_name(name) for name in params}
    assert found.meta is None


def test_the_file_is_what_the_specification_says(path):
    pytest.importorskip("safetensors")
    params = draw(SMALL)
    tensors.write(path, params, {"name": "é"})
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt", "name": "é"}
    for name, w in tensors.to_torch(params).items():
        start, end = header[name]["data_offsets"]
        assert header[name]["shape"] == list(w.shape)
        assert data[8 + length + start : 8 + length + end] == w.astype("<f4").tobytes()


@pytest.mark.parametrize("variant", ["paper", "release"])
def test_other_names_in_alphabetical_order(path, variant):
    arch = Architecture(3, 2, 1, 2, 0.0, variant)
    params = draw(arch)
    ours = [name for name in params if ".w" in name]
    for style in ("{}", "model.{}", "layer{}", "net.{}.conv"):
        given = {}
        for number, name in enumerate(ours):
            new = style.format(number)
            given[f"{new}.weight"] = tensors.to_torch({name: params[name]}).popitem()[1]
            given[f"{new}.bias"] = params[name.replace(".w", ".b")]
        found = read(path, pack(dict(sorted(given.items()))))  # 10 comes before 2
        assert list(found.params) == list(params)
        for name, w in params.items():
            np.testing.assert_array_equal(found.params[name], w)
        assert found.names["contract0.w2"] == f"{style.format(1)}.weight"
        assert found.names["out.b"] == f"{style.format(len(ours) - 1)}.bias"


def test_our_names_count_even_if_the_order_of_the_levels_is_unusual(path):
    # Names as on the page are taken at their word, and not interpreted.
    arch = Architecture(1, 1)
    params = draw(arch)
    found = read(path, pack(tensors.to_torch(params)))
    for name in ("contract0.w1", "contract0.w2", "expand0.w2"):  # all of the shape 3x3x1x1
        np.testing.assert_array_equal(found.params[name], params[name])


def without(name):
    return {key: w for key, w in small().items() if key != name}


def ones(*shape):
    return np.ones(shape, np.float32)


BATCH_NORM = {f"contract0.bn1.{kind}": ones(2) for kind in ("weight", "running_mean", "bias")}


@pytest.mark.parametrize(
    ("name", "arrays", "words"),
    [
        (
            "",
            BATCH_NORM,
            "contract0.bn1.bias has the shape (2,); the paper's network has only",
        ),
        ("", {"bn.batches": np.array(3)}, "bn.batches contains I64; minunet reads only F16"),
        (
            "bottom.conv1.weight",
            {"bottom.conv1.weight": ("BF16", (4, 2, 3, 3), b"12" * 72)},
            "bottom.conv1.weight contains BF16",
        ),
        ("bottom.conv1.bias", {}, "bottom.conv1.bias is missing"),
        (
            "bottom.conv1.bias",
            {"bottom.first.bias": ones(4)},
            "bottom.first.bias has the shape (4,); the paper's network has only",
        ),
        (
            "out.weight",
            {"out.weight": ones(1, 2, 1, 1)},
            "has 1 output channel; a minunet U-Net has at least 2",
        ),
        ("out.weight", {}, "out.bias has the shape (2,); the paper's network has only"),
        ("", {"dense.weight": ones(3, 4)}, "dense.weight has the shape (3, 4)"),
        ("", {"scalar": ones()}, "scalar has the shape ()"),
        ("", {f"{k}.w": ones(1, 1, 3, 3) for k in range(400)}, "it has 408 kernels"),
        ("", {"bottom.conv2.weight": ones(4, 4, 5, 5)}, "bottom.conv2.weight has the shape (5, 5,"),
    ],
)
def test_what_is_no_u_net_is_refused(path, name, arrays, words):
    with pytest.raises(InputError) as refused:
        read(path, pack(without(name) | arrays))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_kernels_whose_names_do_not_tell_are_refused(path):
    names = {
        **{"expand0.upconv": "a", "contract0.conv2": "b", "contract0.conv1": "c"},
        **{"expand0.conv2": "d", "expand0.conv1": "e", "bottom.conv1": "f", "bottom.conv2": "g"},
        "out": "h",
    }
    given = {}
    for name, w in small(Architecture(1, 4)).items():
        layer, _, kind = name.rpartition(".")
        given[f"{names[layer]}.{kind}"] = w
    with pytest.raises(InputError, match=r"^b\.weight, d\.weight have the same shape, and their"):
        read(path, pack(given))


def test_no_tensors_are_refused(path):
    with pytest.raises(InputError, match="it has 0 kernels, 0 of 2x2 and 0 of 1x1"):
        read(path, pack({}))


def test_float64_too_large_for_float32_becomes_infinite(path):
    given = small(dtype=np.float64)
    given["out.bias"][0] = 1e300
    assert read(path, pack(given)).params["out.b"][0] == np.inf


def header_of(arrays, **changes):
    """Return a header whose first tensor is described in another way."""
    data = pack(arrays)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header[next(iter(header))] |= changes
    return wrap(json.dumps(header).encode(), data[8 + length :])


HOSTILE = {
    "empty": b"",
    "7 bytes": b"\x01" * 7,
    "header without end": struct.pack("<Q", 2**64 - 1) + b"{}",
    "header of 1 TB": struct.pack("<Q", 2**40) + b"{}",
    "header of 99 MB that is not there": struct.pack("<Q", 99_000_000) + b"{}",
    "not JSON": wrap(b"not JSON", b"1234"),
    "a list": wrap(b"[]"),
    "deep": wrap(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "deep metadata": wrap(b'{"__metadata__":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "not Unicode": wrap(b'{"\xff\xfe":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', b"1234"),
    "overlapping": header_of(small(), data_offsets=[4, 76]),
    "beyond the end": header_of(small(), data_offsets=[0, 2**40]),
    "backwards": header_of(small(), data_offsets=[76, 4]),
    "negative": header_of(small(), data_offsets=[-4, 68]),
    "huge shape": header_of(small(), shape=[2**31, 2**31, 3, 3]),
    "shape that overflows to the right size": header_of(small(), shape=[2**62, 8, 9, 1]),
    "other shape": header_of(small(), shape=[3, 1, 3, 3]),
    "fractions": header_of(small(), shape=[2.5, 1, 3, 3]),
    "unknown dtype": header_of(small(), dtype="O"),
    "bytes after the end": pack(small()) + b"more",
    "a pickle": b"\x80\x04cos\nsystem\n(S'false'\ntR.",
    "a zip file, as torch.save writes": b"PK\x03\x04" + bytes(100),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "metadata that are no text": wrap(b'{"__metadata__":{"minunet":3}}'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_one_line(path, name):
    with pytest.raises(InputError) as refused:
        read(path, HOSTILE[name])
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("it is not a safetensors file, or is damaged: ")


@pytest.mark.parametrize("text", ["", "[]", "3", "nul", "[" * 20_000, "9" * 5000])
def test_metadata_that_are_no_object_are_refused(path, text):
    with pytest.raises(InputError, match="its metadata minunet is not a JSON object"):
        read(path, pack(small(), {"minunet": text}))


def test_damage_is_noticed_or_harmless(path):
    """Read 500 damaged files: each is a U-Net, or is refused with one line; memory stays small."""
    pytest.importorskip("safetensors")
    good = pack(small(), {"minunet": '{"step": 3}', "format": "pt"})
    assert_damage_is_noticed_or_harmless(tensors.read, path, good)


def test_a_hugging_face_folder(tmp_path):
    pytest.importorskip("safetensors")
    properties = {"name": "é: [x]", "label_values": "[0, 255]", "minunet": "{}", "license": "MIT"}
    tensors.write_folder(tmp_path, draw(SMALL), properties, "# A model\n")
    assert {one.name for one in tmp_path.iterdir()} == {
        *("model.safetensors", "config.json", "README.md")
    }
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert config == {
        **{"model_type": "minunet", "library_name": "minunet", "name": "é: [x]"},
        **{"label_values": [0, 255], "license": "MIT"},
    }
    start, head, text = (tmp_path / "README.md").read_text("utf-8").split("---\n")
    assert (start, text) == ("", f"\n# A model\n\n{tensors.USAGE}")
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(head)["license"] == "mit"
    assert yaml.safe_load(head)["tags"] == ["unet", "biology", "microscopy"]
    assert tensors.read(tmp_path / "model.safetensors").architecture.shapes() == SMALL.shapes()


def test_names_of_the_twin_with_other_shapes_are_refused(tmp_path):
    pytest.importorskip("safetensors")
    params = draw(SMALL)
    swapped = dict(params)
    for kind in "wb":
        a, b = f"contract0.{kind}1", f"contract0.{kind}2"
        swapped[a], swapped[b] = params[b], params[a]
    tensors.write(tmp_path / "a.safetensors", swapped, {})
    found = tensors.read(tmp_path / "a.safetensors")
    assert found.names["contract0.w1"] == "contract0.conv2.weight"  # the shapes decide
    for name, w in params.items():
        np.testing.assert_array_equal(found.params[name], w)


def test_names_stay_texts_in_the_config(tmp_path):
    pytest.importorskip("safetensors")
    for name in ("12", "null", "NaN", "[" * 10**5):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        tensors.write_folder(folder, draw(SMALL), {"name": name, "label_values": "[0]"}, "")
        config = json.loads((folder / "config.json").read_text("utf-8"))
        assert (config["name"], config["label_values"]) == (name, [0])
