"""Caffe models: OpenCV computes the same with what the tests write, and damage is refused."""

import numpy as np
import pytest
from exchange import (
    assert_damage_is_noticed_or_harmless,
    caffemodel,
    draw,
    field,
    prototxt,
    release,
    released,
    released_names,
    varint,
)

from minunet.errors import InputError
from minunet.exchange import caffe
from minunet.network import unet
from minunet.network.architecture import Architecture

DIALECTS = pytest.mark.parametrize("legacy", [True, False], ids=["2015", "current"])
SMALL = release(1, 2)


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("google.protobuf")
    return tmp_path / "net.caffemodel"


def read(path, data):
    path.write_bytes(data)
    return caffe.read(path)


def assert_refused(path, data, words):
    with pytest.raises(InputError) as refused:
        read(path, data)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def same(found, params):
    assert list(found) == list(params)
    for name, w in params.items():
        assert found[name].dtype == np.float32
        assert found[name].flags.c_contiguous
        assert found[name].tobytes() == w.tobytes()
        assert found[name].shape == w.shape


@DIALECTS
@pytest.mark.parametrize(
    "arch",
    [SMALL, release(2, 4, 3, 5), release(4, 2), Architecture(2, 3)],
    ids=str,
)
def test_every_parameter_finds_its_place(path, legacy, arch):
    params = draw(arch)
    found = read(path, caffemodel(released(params, arch.depth), legacy))
    assert found.architecture.shapes() == arch.shapes()
    assert found.architecture.variant == arch.variant
    same(found.params, params)
    assert found.meta is None
    assert found.names["contract0.w1"] == "conv_d0a-b, blob 0"
    assert found.names["expand0.bu"].endswith("_u0a, blob 1")
    assert list(found.names) == list(params)


def test_layer_names_of_the_released_network():
    names = released_names(4)
    assert names[:2] == ["conv_d0a-b", "conv_d0b-c"]
    assert names[10:13] == ["upconv_d4c_u3a", "conv_u3b-c", "conv_u3c-d"]
    assert names[-1] == "conv_u0d-score"


@DIALECTS
def test_double_precision_and_unpacked_numbers(path, legacy):
    params = draw(SMALL)
    same(read(path, caffemodel(released(params, 1), legacy, "<f8")).params, params)
    data = b""
    for name, w, b in released(params, 1):  # a field for every number, as protobuf 2 allowed
        blobs = b""
        for array in (w, b):
            sizes = b"".join(field(7, field(1, varint(size))) for size in array.shape)
            sizes = field(7, b"".join(varint(1 << 3) + varint(size) for size in array.shape))
            single = b"".join(varint(5 << 3 | 5) + x.tobytes() for x in array.astype("<f4").ravel())
            blobs += field(6 if legacy else 7, sizes + single)
        data += field(2 if legacy else 100, field(4 if legacy else 1, name.encode()) + blobs)
    same(read(path, data).params, params)


@DIALECTS
@pytest.mark.parametrize("arch", [release(1, 2, 2, 3), release(2, 4, 1, 2)], ids=str)
def test_opencv_computes_the_same(path, legacy, arch):
    dnn = pytest.importorskip("cv2").dnn
    if not hasattr(dnn, "readNetFromCaffe"):
        pytest.skip("OpenCV 5 does not read Caffe")
    height, width = 60, 76
    params = draw(arch)
    data = caffemodel(released(params, arch.depth), legacy)
    text = prototxt(arch, height, width).encode()
    net = dnn.readNetFromCaffe(np.frombuffer(text, np.uint8), np.frombuffer(data, np.uint8))
    rng = np.random.default_rng(1)
    x = rng.standard_normal((height, width, arch.in_channels)).astype(np.float32)
    net.setInput(x.transpose(2, 0, 1)[np.newaxis])
    expected = net.forward()[0].transpose(1, 2, 0)
    found = read(path, data)
    logits, _ = unet.forward(found.params, x, found.architecture, remember=False)
    assert logits.shape == expected.shape
    # measured: 4e-6; OpenCV transforms its convolutions (Winograd)
    assert abs(logits - expected).max() <= 1e-5 * abs(expected).max()


def layers(**changes):
    """Return the layers of a small network by name; None leaves one out."""
    found = {name: (w, b) for name, w, b in released(draw(SMALL), 1)} | changes
    return [(name, *arrays) for name, arrays in found.items() if arrays is not None]


def test_what_does_not_fit_is_named(path):
    w, b = released(draw(SMALL), 1)[3][1:]  # conv_d1b-c
    for changes, words in (
        ({"conv_d1b-c": (w, b, b)}, "conv_d1b-c, blob 2 has the shape (4,)"),
        ({"conv_d1b-c": (w,)}, "conv_d1b-c, blob 1 is missing"),
        ({"conv_d1b-c": (w[0], b)}, "conv_d1b-c"),
        (
            {"conv_d1b-c": (w, b[:-1])},
            "conv_d1b-c, blob 1 has the shape (3,), but its place, bottom.b2,",
        ),
        ({"conv_d1b-c": (w[:-1], b[:-1])}, "conv_d1b-c, blob 0 has the shape (3, 3, 4, 3)"),
        ({"conv_d1b-c": None}, "lacks a kernel of shape (3, 3, 4, 4)"),
        ({"extra": (w, b)}, "extra, blob 0 has the shape (3, 3, 4, 4)"),
        ({"bn": (b, b, b)}, "bn, blob "),
        (
            {"conv_u0d-score": (np.ones((1, 2, 1, 1)), np.ones(1))},
            "conv_u0d-score, blob 0 has 1 output channel; a minunet U-Net has at least 2",
        ),
    ):
        for legacy in (True, False):
            assert_refused(path, caffemodel(layers(**changes), legacy), words)


def test_layers_in_another_order_are_refused(path):
    given = layers()
    moved = [given[0], *given[2:], given[1]]
    for legacy in (True, False):
        words = "conv_d1a-b, blob 0 has the shape (3, 3, 2, 4), but its place, contract0.w2,"
        assert_refused(path, caffemodel(moved, legacy), words)


def test_two_layers_of_one_name_are_refused(path):
    given = layers()
    given[1] = (given[0][0], *given[1][1:])
    assert_refused(path, caffemodel(given, True), "two of its layers have conv_d0a-b, blob 0")


def test_both_dialects_in_one_file_are_refused(path):
    both = caffemodel(layers(), True) + caffemodel(layers(), False)
    assert_refused(path, both, "two of its layers have conv_d0a-b, blob 0")


def replaced(name, payload, legacy=False):
    """Return a model whose first layer has these bytes instead of its blobs."""
    start = field(4 if legacy else 1, name)
    return field(2 if legacy else 100, start + payload) + caffemodel(layers()[1:], legacy)


def shaped(*sizes, data=b""):
    return field(7, field(7, field(1, b"".join(map(varint, sizes)))) + data)


BIAS = shaped(2, data=field(5, b"12345678"))


DEEP = b""
for _ in range(2000):
    DEEP = field(100, DEEP)
GROUPS = varint(99 << 3 | 3) * 100_000 + varint(99 << 3 | 4) * 100_000

HOSTILE = {
    "empty": (b"", "it has 0 kernels"),
    "text": (b'name: "U-Net" layers { }', ""),
    "a pickle": (b"\x80\x04cos\nsystem\n(S'false'\ntR.", ""),
    "nested messages": (DEEP, "it has 0 kernels"),
    "nested groups": (GROUPS, "not a .caffemodel file, or is damaged"),
    "length beyond the end": (varint(100 << 3 | 2) + varint(2**40), "or is damaged"),
    "length that overflows": (varint(100 << 3 | 2) + b"\xff" * 9 + b"\x01", "or is damaged"),
    "no name": (field(100, shaped(2, 1, 3, 3)), ", blob 0 has 0 values"),
    "huge shape": (
        replaced(b"a", shaped(2**31, 2**31, 3, 3) + BIAS),
        "a, blob 0 has 0 values",
    ),
    "huge shape of 2015": (
        replaced(b"a", field(6, b"".join(field(k, 2**31 - 1) for k in range(1, 5))) * 2, True),
        "a, blob 0 has 0 values",
    ),
    "negative": (
        replaced(b"a", shaped(2**64 - 1, 2**64 - 1, 1, 1) + BIAS),
        "(-1, -1, 1, 1)",
    ),
    "zero": (replaced(b"a", shaped(0, 1, 3, 3) + BIAS), "the shape (0, 1, 3, 3)"),
    "no shape": (replaced(b"a", field(7, field(5, b"1234" * 18)) + BIAS), "the shape (0, 0, 0, 0)"),
    "many axes": (
        replaced(b"a", shaped(*[1] * 100, data=field(5, b"1234")) + BIAS),
        "a, blob 0 has 1 values, but the shape (1, 1,",
    ),
    "many layers": (
        field(100, field(7, b"")) * 1000,
        ", blob 0 has 0 values",
    ),
    "many empty layers": (field(100, b"") * 50_000, "it has 0 kernels"),
    "many blobs": (replaced(b"a", field(7, b"") * 100_000), "a, blob 0 has 0 values"),
    "name of other bytes": (replaced(b"\xff\xfe\n", shaped(0)), "\ufffd\ufffd\\n, blob 0 has"),
    "name of many lines": (replaced(b"a\nb\n", shaped(0) * 2), "a\\nb\\n, blob 0 has"),
    "long name": (replaced(b"a" * 100_000, shaped(0)), f"{'a' * 60}, blob 0 has 0 values"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_one_line(path, name):
    data, words = HOSTILE[name]
    assert_refused(path, data, words)


@DIALECTS
def test_damage_is_noticed_or_harmless(path, legacy):
    """Read 500 damaged files: each is a U-Net, or is refused with one line; memory stays small."""
    assert_damage_is_noticed_or_harmless(caffe.read, path, caffemodel(layers(), legacy))
