"""The fast forms beside the definitions: the same results, whatever the shape and the threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minunet import fast, ops
from minunet.fast import direct, rectified, threads, winograd

SIDES = st.integers(3, 40)
CHANNELS = st.integers(1, 9)


@pytest.fixture(autouse=True, params=[1, 2, 3])
def thread_count(request, threads_as_before):
    threads.use(request.param)


@pytest.fixture(autouse=True)
def small_cache(monkeypatch):
    """Make bands of a few rows even of the small maps here."""
    monkeypatch.setattr(threads, "CACHE", 4000)
    monkeypatch.setattr(direct, "RUN", 1)
    monkeypatch.setattr(winograd, "BLOCKS", 3)


def draw(shape, features, kernel=(3, 3), seed=0):
    """Map, kernel, bias and upstream gradient of a convolution, as float32."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    out = (height - kernel[0] + 1, width - kernel[1] + 1, features)
    shapes = shape, (*kernel, channels, features), (features,), out
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def assert_equal_up_to_rounding(found, expected, rtol):
    """Compare with the largest entry: an entry near 0 has its rounding from the large ones."""
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= rtol * np.abs(expected).max()


def doubled(arrays):
    return [a.astype(np.float64) for a in arrays]


# Measured: direct 4e-7, Winograd 6e-6 of the largest entry.
FORMS = pytest.mark.parametrize(("form", "rtol"), [(direct, 2e-6), (winograd, 2e-5)])


SHAPES = pytest.mark.parametrize(
    "shape", [(21, 17, 5), (3, 3, 1), (3, 12, 2), (23, 34, 1), (18, 6, 4)]
)


@FORMS
@SHAPES
def test_both_forms_are_the_definition_forward(form, rtol, shape):
    x, w, b, _ = draw(shape, 7)
    expected = np.maximum(ops.conv2d.forward(*doubled([x, w, b])), 0)
    assert_equal_up_to_rounding(form.forward(x, w, b), expected, rtol)


def input_gradient(form, dy, y, x, w):
    if form is winograd:
        return winograd.input_gradient(dy, y, w)
    return direct.backward(dy, y, x, w)[0]


@FORMS
@SHAPES
def test_both_forms_are_the_definition_backward(form, rtol, shape):
    x, w, _, dy = draw(shape, 7)
    y = np.maximum(dy[::-1], 0)  # any map with zeros will do
    dz = np.where(y > 0, dy, 0)
    expected = ops.conv2d.backward(*doubled([dz, x, w]))[0]
    assert_equal_up_to_rounding(input_gradient(form, dy, y, x, w), expected, rtol)


@given(height=SIDES, width=SIDES, channels=CHANNELS, features=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_conv_relu_is_the_definition(height, width, channels, features, seed):
    x, w, b, dy = draw((height, width, channels), features, seed=seed)
    y = fast.conv_relu.forward(x, w, b)
    expected = ops.conv_relu.forward(*doubled([x, w, b]))
    assert_equal_up_to_rounding(y, expected, 3e-6)
    gradients = fast.conv_relu.backward(dy, y, x, w)
    expected = ops.conv_relu.backward(*doubled([dy, y, x, w]))
    for found, definition in zip(gradients, expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-5)  # sums whose terms cancel: 6e-6


def test_a_map_that_is_a_view_of_another():
    x, w, b, _ = draw((17, 21, 2), 3)
    turned = np.rot90(np.repeat(x, 2, axis=2)[..., ::2])
    y = fast.conv_relu.forward(turned, w, b)
    expected = ops.conv_relu.forward(*doubled([turned, w, b]))
    assert_equal_up_to_rounding(y, expected, 3e-6)
    grey = x[..., 0].copy()[..., np.newaxis]  # the stride of its last axis is 0
    w, b = w[:, :, :1], np.zeros_like(b)
    expected = ops.conv_relu.forward(*doubled([grey, w, b]))
    assert_equal_up_to_rounding(fast.conv_relu.forward(grey, w, b), expected, 3e-6)


def test_the_gradients_of_a_map_that_is_a_view_of_another():
    x, w, b, _ = draw((17, 21, 2), 3)
    turned = np.rot90(np.repeat(x, 2, axis=2)[..., ::2])
    y = fast.conv_relu.forward(turned, w, b)
    dy = np.rot90(np.ones((21, 17, 6), np.float32)[2:, 2:, ::2], 2)
    expected = ops.conv_relu.backward(*doubled([dy, y, turned, w]))
    for found, definition in zip(fast.conv_relu.backward(dy, y, turned, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-6)


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 1), (1, 4), (5, 2)])
def test_conv_relu_of_other_kernels(kernel):
    x, w, b, dy = draw((19, 13, 3), 4, kernel)
    y = fast.conv_relu.forward(x, w, b)
    assert_equal_up_to_rounding(y, ops.conv_relu.forward(*doubled([x, w, b])), 3e-6)
    expected = ops.conv_relu.backward(*doubled([dy, y, x, w]))
    for found, definition in zip(fast.conv_relu.backward(dy, y, x, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-6)


def test_the_parameter_gradients_alone_are_those_of_the_backward():
    x, w, b, dy = draw((9, 12, 2), 3)
    y = direct.forward(x, w, b)
    dw, db = direct.parameter_gradients(dy, y, x, w)
    whole = direct.backward(dy, y, x, w)
    np.testing.assert_array_equal(dw, whole[1])
    np.testing.assert_array_equal(db, whole[2])


def test_a_wide_layer_goes_through_winograds_form_both_ways(monkeypatch):
    x, w, b, dy = draw((131, 130, 64), 65)
    used = []
    correlate = winograd._correlate
    monkeypatch.setattr(winograd, "_correlate", lambda *a: used.append(1) or correlate(*a))
    monkeypatch.delattr(direct, "backward")  # it would compute dx a second time
    y = fast.conv_relu.forward(x, w, b)
    dx, *_ = fast.conv_relu.backward(dy, y, x, w)
    assert len(used) == 2
    # Some rows by the definition: all of them would take long in float64.
    rows = ops.conv_relu.forward(*doubled([x[60:70], w, b]))
    assert_equal_up_to_rounding(y[60:68], rows, 2e-5)
    dz = np.where(y > 0, dy, 0)[58:70].astype(np.float64)
    expected = ops.conv2d.backward(dz, x[58:72].astype(np.float64), w.astype(np.float64))[0]
    assert_equal_up_to_rounding(dx[60:70], expected[2:12], 2e-5)


def test_what_lies_beyond_the_edge_of_a_block_does_not_count(monkeypatch):
    x, w, b, _ = draw((12, 13, 2), 3)
    expected = np.maximum(ops.conv2d.forward(*doubled([x, w, b])), 0)
    scratch = winograd.scratch
    monkeypatch.setattr(winograd, "scratch", lambda *a: scratch(*a) * np.float32(0) + np.nan)
    assert_equal_up_to_rounding(winograd.forward(x, w, b), expected, 2e-5)


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1)])
@pytest.mark.parametrize(("first", "n"), [(0, 3), (2, 4), (5, 6), (9, 5)])
def test_the_rectified_gradient_has_zeros_wherever_a_tap_can_reach(monkeypatch, kernel, first, n):
    _, w, _, dy = draw((9 + kernel[0] - 1, 7 + kernel[1] - 1, 2), 3, kernel)  # dy: (9, 7, 3)
    y = np.maximum(dy[::-1], 0)
    (kh, kw), dz = kernel, np.where(y > 0, dy, 0)
    padded = np.pad(dz, ((kh - 1, n + 9), (0, kw - 1), (0, 0)))[first : first + n + kh - 1]
    expected = np.pad(padded.reshape(-1, 3), ((kw - 1, 0), (0, 0)))
    empty = rectified.scratch
    monkeypatch.setattr(rectified, "scratch", lambda *a: empty(*a) * np.float32(0) + np.nan)
    np.testing.assert_array_equal(rectified.rectified(dy, y, w.shape, first, n), expected)


@pytest.mark.parametrize(
    ("rows", "columns", "channels", "features", "pays"),
    [
        (568, 568, 64, 64, True),  #     the paper's first level
        (64, 64, 512, 512, True),  #     its fourth
        (28, 28, 1024, 1024, False),  #  its bottom: the kernel is larger than the map
        (570, 570, 1, 64, False),  #     the image
        (344, 344, 16, 16, False),  #    narrow
    ],
)
def test_where_winograds_form_pays(rows, columns, channels, features, pays):
    assert winograd.pays(rows, columns, np.empty((3, 3, channels, features))) == pays


def test_the_transforms_multiply_polynomials_exactly():
    # Four outputs of three taps by hand, in integers: y[k] = d[k] + 2 d[k+1] + 3 d[k+2].
    d, g = np.array([1, 4, 0, -2, 5, 3]), np.array([1, 2, 3])
    y = winograd.AT @ ((winograd.G @ g) * (winograd.BT @ d))
    np.testing.assert_allclose(y, [9, -2, 11, 17], atol=1e-12)


@given(height=SIDES, width=SIDES, channels=CHANNELS, features=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_upconv_is_the_definition(height, width, channels, features, seed):
    rng = np.random.default_rng(seed)
    shapes = (height, width, channels), (2, 2, channels, features), (features,)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in shapes)
    expected = ops.upconv.forward(*doubled([x, w, b]))
    assert_equal_up_to_rounding(fast.upconv.forward(x, w, b), expected, 2e-6)
    # As the network gives it: one half of the channels of a concatenated map.
    dy = rng.standard_normal((2 * height, 2 * width, 2 * features)).astype(np.float32)
    dy = dy[..., :features]
    expected = ops.upconv.backward(*doubled([dy, x, w]))
    for found, definition in zip(fast.upconv.backward(dy, x, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-5)  # sums whose terms cancel: 6e-6


@given(height=SIDES, width=SIDES, channels=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_maxpool_is_the_definition_to_the_last_bit(height, width, channels, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, (2 * height, 2 * width, channels)).astype(np.float32)  # full of ties
    y, argmax = fast.maxpool.forward(x)
    expected, winners = ops.maxpool.forward(x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    dx = fast.maxpool.backward(dy, argmax)
    np.testing.assert_array_equal(dx, ops.maxpool.backward(dy, argmax))
    assert (argmax.dtype, dx.dtype) == (np.uint8, np.float32)


@pytest.mark.parametrize("larger", [(0, 0), (2, 6), (8, 0)])
def test_crop_concat_is_the_definition_to_the_last_bit(larger):
    rng = np.random.default_rng(0)
    up = rng.standard_normal((14, 11, 3)).astype(np.float32)
    skip = rng.standard_normal((14 + larger[0], 11 + larger[1], 5)).astype(np.float32)
    y = fast.crop_concat.forward(up, skip)
    np.testing.assert_array_equal(y, ops.crop_concat.forward(up, skip))
    dy = rng.standard_normal(y.shape).astype(np.float32)
    for found, expected in zip(
        fast.crop_concat.backward(dy, skip.shape),
        ops.crop_concat.backward(dy, skip.shape),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_no_argument_is_written_to():
    x, w, b, dy = draw((16, 13, 3), 4)
    y = fast.conv_relu.forward(x, w, b)
    for array in (x, w, b, dy, y):
        array.flags.writeable = False
    fast.conv_relu.forward(x, w, b)
    fast.conv_relu.backward(dy, y, x, w)
    pooled, argmax = fast.maxpool.forward(x[:, :12])
    fast.maxpool.backward(pooled, argmax)
    fast.crop_concat.forward(x[2:-2, 2:-1], x)
