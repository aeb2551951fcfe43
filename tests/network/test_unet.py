"""The whole network agrees with PyTorch, and its dropout, graph and equivariance are correct."""

from itertools import islice

import numpy as np
import pytest
from networks import DEPTHS, VARIANTS, Problem, draw_params, small, valid_tile

from minunet.errors import InputError
from minunet.network import sizes, unet
from minunet.network.architecture import Architecture

# PyTorch


def relative_error(ours, theirs):
    assert ours.shape == theirs.shape
    return np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs))


@DEPTHS
@VARIANTS
@pytest.mark.parametrize("training", [False, True])
def test_pytorch_agrees(torch, depth, variant, training):
    import torch_unet

    problem = Problem(small(depth, variant, channels=4), seed=4)
    energy, p, activations = problem.forward(problem.params, training)
    grads = problem.gradients(training)

    theirs = torch_unet.to_torch(problem.params)
    masks = {
        name.split(".")[0]: torch_unet.map_to_torch(a)
        for name, a in activations.items()
        if name.endswith(".mask")
    }
    assert len(masks) == (2 if training else 0)
    x = torch_unet.map_to_torch(problem.x)
    logits = torch_unet.forward(theirs, x, problem.arch, masks)
    their_energy = torch_unet.energy(
        logits, torch.tensor(problem.labels), torch.tensor(problem.weight_map)
    )
    their_energy.backward()

    # Measured: 8e-15 at most.
    assert abs(energy / their_energy.item() - 1) < 1e-10
    assert relative_error(p, torch_unet.map_to_numpy(logits.softmax(dim=1))) < 1e-10
    for name, gradient in torch_unet.gradients(theirs).items():
        assert relative_error(grads[name], gradient) < 1e-10, name


@VARIANTS
def test_pytorch_agrees_on_the_logits_of_the_papers_depth(torch, variant):
    import torch_unet

    arch = small(4, variant)
    rng = np.random.default_rng(5)
    params, x = draw_params(arch, rng), rng.standard_normal((188, 204, 2))
    logits, _ = unet.forward(params, x, arch)
    theirs = torch_unet.forward(torch_unet.to_torch(params), torch_unet.map_to_torch(x), arch)
    assert logits.shape == (4, 20, 3)
    assert relative_error(logits, torch_unet.map_to_numpy(theirs)) < 1e-10  # measured: 2e-15


# Dropout


@pytest.mark.parametrize("depth", [1, 3])
@VARIANTS
def test_dropout_acts_only_at_the_end_of_the_contracting_path(depth, variant):
    problem = Problem(small(depth, variant), seed=6)
    _, _, dropped = problem.forward(problem.params, training=True)
    _, _, whole = problem.forward(problem.params, training=False)

    assert [name for name in dropped if name.endswith("mask")] == [
        f"contract{depth - 1}.mask",
        "bottom.mask",
    ]
    assert not any(name.endswith("mask") for name in whole)
    for name, a in dropped.items():
        stage, tensor = name.split(".")
        if stage.startswith("contract") and tensor not in ("mask", "argmax"):
            last = stage == f"contract{depth - 1}" and tensor == "a2"
            assert np.array_equal(a, whole[name]) != last, name
    a2, mask = whole[f"contract{depth - 1}.a2"], dropped[f"contract{depth - 1}.mask"]
    np.testing.assert_array_equal(dropped[f"contract{depth - 1}.a2"], a2 * mask)
    assert set(np.unique(mask)) == {0, 2}
    # Half of the values are dropped, within five standard deviations.
    assert abs(np.mean(mask == 0) - 0.5) < 5 * 0.5 / np.sqrt(mask.size)
    # Each channel has its own mask.
    assert not np.array_equal(mask[..., 0], mask[..., 1])


@VARIANTS
def test_the_dropped_map_goes_both_across_and_down(variant):
    arch = small(2, variant)
    problem = Problem(arch, seed=7)
    _, _, activations = problem.forward(problem.params)
    skip = activations["contract1.a2"]
    assert np.mean(skip == 0) > 0.5
    # Downwards: the bottom's input is the maximum of four pixels of the dropped map.
    rows, columns, channels = skip.shape
    fours = skip.reshape(rows // 2, 2, columns // 2, 2, channels)
    np.testing.assert_array_equal(activations["bottom.x"], fours.max(axis=(1, 3)))
    # Across: the last channels of the expanding stage's input, 4 pixels from the border.
    across = activations["expand1.x"][..., -channels:]
    np.testing.assert_array_equal(across, skip[4:-4, 4:-4])
    # From the level above, without dropout: 16 pixels from the border.
    across = activations["expand0.x"][..., -arch.channels :]
    np.testing.assert_array_equal(across, activations["contract0.a2"][16:-16, 16:-16])


def test_dropout_needs_both_a_generator_and_a_rate():
    problem = Problem(small(1, "paper"), seed=8)
    never = Problem(small(1, "paper", dropout=0.0), seed=8)
    without, once, again = (
        problem.forward(problem.params, training)[0] for training in (False, True, True)
    )
    assert once == again != without
    energy, _, activations = never.forward(never.params, training=True)
    assert energy == without
    assert not any(name.endswith("mask") for name in activations)
    problem.seed += 1
    assert problem.forward(problem.params)[0] != once


# The graph


@VARIANTS
def test_the_activations_match_the_documentation(variant):
    _, activations = unet.forward(*tile_of(small(2, variant)))
    ups = [["expand1.up"], ["expand0.up"]] if variant == "release" else [[], []]
    assert set(activations) == {
        *["contract0.x", "contract0.a1", "contract0.a2", "contract0.argmax"],
        *["contract1.x", "contract1.a1", "contract1.a2", "contract1.argmax"],
        *["bottom.x", "bottom.a1", "bottom.a2"],
        *["expand1.x", "expand1.a1", "expand1.a2", *ups[0]],
        *["expand0.x", "expand0.a1", "expand0.a2", *ups[1]],
    }


def tile_of(arch, dtype=np.float64):
    rng = np.random.default_rng(9)
    params = {name: w.astype(dtype) for name, w in draw_params(arch, rng).items()}
    x = rng.standard_normal((*valid_tile(arch.depth), arch.in_channels)).astype(dtype)
    return params, x, arch


@VARIANTS
@DEPTHS
def test_every_map_has_the_size_of_figure_1(depth, variant):
    params, x, arch = tile_of(small(depth, variant))
    logits, activations = unet.forward(params, x, arch)
    walks = [sizes.stages(size, depth) for size in x.shape[:2]]
    for (stage, rows), (_, columns) in zip(*walks, strict=True):
        for name, r, c in zip(("x", "a1", "a2"), rows, columns, strict=True):
            assert activations[f"{stage}.{name}"].shape[:2] == (r, c)
    lost = 2 * sizes.margin(depth)
    assert logits.shape == (x.shape[0] - lost, x.shape[1] - lost, 3)


@VARIANTS
def test_relu_follows_the_upconvolution_in_the_release_only(variant):
    params, x, arch = tile_of(small(2, variant))
    _, activations = unet.forward(params, x, arch)
    for level in (0, 1):
        up = activations[f"expand{level}.x"][..., : arch.upconv_width(level)]
        assert (up.min() < 0) == (variant == "paper")
        if variant == "release":
            np.testing.assert_array_equal(up, activations[f"expand{level}.up"])


def test_no_relu_on_the_logits():
    logits, _ = unet.forward(*tile_of(small(1, "paper")))
    assert logits.min() < 0 < logits.max()


@VARIANTS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(variant, dtype):
    params, x, arch = tile_of(small(2, variant), dtype)
    copies = {name: w.copy() for name, w in params.items()}
    image = x.copy()
    for array in (x, *params.values()):
        array.flags.writeable = False
    logits, activations = unet.forward(params, x, arch, np.random.default_rng(0))
    kept = {name: a.copy() for name, a in activations.items()}
    dlogits = np.random.default_rng(1).standard_normal(logits.shape).astype(dtype)
    for array in (dlogits, *activations.values()):
        array.flags.writeable = False
    grads = unet.backward(params, activations, dlogits, arch)

    np.testing.assert_array_equal(x, image)
    for name, w in params.items():
        np.testing.assert_array_equal(w, copies[name])
    assert list(activations) == list(kept)
    for name, a in activations.items():
        np.testing.assert_array_equal(a, kept[name])
        assert a.dtype == (np.uint8 if name.endswith("argmax") else dtype), name
    assert logits.dtype == dtype
    assert list(grads) == list(params) == list(arch.shapes())
    for name, gradient in grads.items():
        assert gradient.dtype == dtype
        assert gradient.shape == params[name].shape


@VARIANTS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_backwards_of_the_same_activations_are_equal(variant, dtype):
    params, x, arch = tile_of(small(2, variant), dtype)
    logits, activations = unet.forward(params, x, arch, np.random.default_rng(0))
    dlogits = np.random.default_rng(1).standard_normal(logits.shape).astype(dtype)
    once = unet.backward(params, activations, dlogits, arch)
    again = unet.backward(params, activations, dlogits, arch)
    released = unet.backward(params, activations, dlogits, arch, release=True)
    for name, gradient in once.items():
        np.testing.assert_array_equal(gradient, again[name])
        np.testing.assert_array_equal(gradient, released[name])
    assert not activations


# Equivariance: the network commutes with shifts by 2^depth pixels, but not with smaller ones


@DEPTHS
@VARIANTS
def test_equivariant_to_shifts_by_two_to_the_depth_only(depth, variant):
    arch = small(depth, variant)
    rng = np.random.default_rng(10)
    params = draw_params(arch, rng)
    period = 2**depth
    height, width = tuple(islice(sizes.valid_sizes(depth), 3, 5))
    image = rng.standard_normal((height + 2 * period, width + period, 2))

    def tile(top, left):
        return unet.forward(params, image[top : top + height, left : left + width], arch)[0]

    def difference(top, left):
        # Compare where both tiles segment the same pixels of the image.
        shifted, still = tile(top, left), tile(0, 0)[top:, left:]
        return relative_error(shifted[: still.shape[0], : still.shape[1]], still)

    for top, left in ((0, period), (period, 0), (2 * period, period)):
        assert difference(top, left) < 1e-12  # measured: 1e-15 at most
    for shift in range(1, period):
        assert difference(0, shift) > 0.01  # measured: 0.06 at least
        assert difference(shift, 0) > 0.01


# Invalid input


def test_the_message_for_an_invalid_tile_names_the_nearest_sizes():
    params, _, arch = tile_of(Architecture(4, channels=1))
    for shape, message in [
        ((512, 572, 1), "512 pixels.*508 and 524"),
        ((572, 190, 1), "190 pixels.*188 and 204"),
        ((188, 100, 1), "100 pixels.*188"),
    ]:
        with pytest.raises(InputError, match=message):
            unet.forward(params, np.zeros(shape), arch)


def test_the_message_for_wrong_channels_or_axes_names_the_valid_shape():
    params, x, arch = tile_of(small(1, "paper"))
    for wrong in (x[..., :1], x[..., 0], x[np.newaxis], np.concatenate([x, x], axis=-1)):
        with pytest.raises(InputError, match=r"\(H, W, 2\)"):
            unet.forward(params, wrong, arch)


def test_a_tile_of_another_dtype_than_the_parameters_is_refused():
    params, x, arch = tile_of(small(1, "paper"))
    with pytest.raises(
        InputError, match="float32, but the parameters are float64: convert the tile"
    ):
        unet.forward(params, x.astype(np.float32), arch)


@VARIANTS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_without_activations_has_the_same_logits(variant, dtype):
    arch = small(2, variant)
    rng = np.random.default_rng(0)
    params = {name: w.astype(dtype) for name, w in draw_params(arch, rng).items()}
    x = rng.standard_normal((*valid_tile(2), 2)).astype(dtype)
    logits, activations = unet.forward(params, x, arch, remember=False)
    assert activations == {}
    np.testing.assert_array_equal(logits, unet.forward(params, x, arch)[0])
