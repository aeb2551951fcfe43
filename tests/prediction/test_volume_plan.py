"""A prediction is continued only with the plan with which it began."""

import json
import shutil

import pytest
from commands import call, refused

from minunet.prediction import blocks, volume_plan

zarr = pytest.importorskip("zarr")
from volume_tests import (  # noqa: E402  needs zarr
    arrays,
    write_net,
)

pytestmark = pytest.mark.usefixtures("opened_anew")


def test_another_plan_is_refused_and_the_difference_named(tmp_path, begun):
    _, (net, image) = begun
    out = tmp_path / "out.zarr"
    assert call("predict", net, image, "-o", out, "--threads", 1).code == 0
    before = arrays(out)
    other = write_net(tmp_path / "other.npz", seed=1)
    named = {
        (net, image, "--threads", 2): "threads 2 instead of 1",
        (net, image, "--tile", 32): "tile 32 instead of 24, block 16 x 16 instead of 8 x 8",
        (net, image, "--average", "flips", "--tile", 40): "average flips instead of none",
        (net, image, "--threshold", 0.7): "threshold 0.7 instead of none",
        (net, image, "--ome-zarr", "0.4"): "ome_zarr 0.4 instead of 0.5",
        (other, image): f"model {other} instead of {net}",
    }
    for args, difference in named.items():
        text = refused(call("predict", *args, "-o", out))
        assert difference in text
        assert "pass the same arguments as then, or another name with -o" in text
    assert arrays(out) == before


@pytest.mark.parametrize(("first", "then"), [("classes", "cells"), ("cells", "classes")])
def test_other_labels_are_refused(tmp_path, begun, first, then):
    _, (net, image) = begun
    given = (net, image, "-o", tmp_path / "out.zarr", "--labels")
    assert call("predict", *given, first).code == 0
    assert f"labels {then} instead of {first}" in refused(call("predict", *given, then))


def test_differences_of_cells_have_names(tmp_path, begun):
    _, (net, image) = begun
    given, out = (net, image, "-o", tmp_path / "out.zarr", "--labels", "cells"), ("--smallest", 9)
    assert call("predict", *given).code == 0
    text = refused(call("predict", *given, *out, "--threshold", 0.7))
    assert "threshold 0.7 instead of 0.5" in text
    assert "smallest 9 instead of 5" in text
    assert "[" not in text and "None" not in text


def test_changed_pixels_are_noticed(tmp_path, begun):
    array, args = begun
    out = tmp_path / "out.zarr"
    assert call("predict", *args, "-o", out).code == 0
    (out / "0/c/0/0/0").unlink()
    before = arrays(out)
    zarr.open_array(args[1])[...] = 255 - array
    blocks.stages.cache_clear()
    assert f"{args[1]} has changed since {out} was begun" in refused(
        call("predict", *args, "-o", out)
    )
    assert arrays(out) == before
    zarr.open_array(args[1])[...] = array
    blocks.stages.cache_clear()
    assert call("predict", *args, "-o", out).code == 0


def test_a_changed_model_or_image_is_refused(tmp_path, begun):
    _, (net, image) = begun
    out = tmp_path / "out.zarr"
    assert call("predict", net, image, "-o", out).code == 0
    write_net(net, seed=1)
    assert "weights" in refused(call("predict", net, image, "-o", out))
    write_net(net)
    zarr.open_array(image).resize((2, 45, 61))
    blocks.stages.cache_clear()
    assert "shape 2 x 45 x 61 x 1 instead of 3 x 45 x 61 x 1" in refused(
        call("predict", net, image, "-o", out)
    )
    with pytest.raises(volume_plan.InputError, match="has changed since"):
        blocks.stages(str(out), "")


def test_an_output_that_is_something_else_is_refused(tmp_path, begun):
    _, args = begun
    (tmp_path / "out.zarr").mkdir()
    (tmp_path / "out.zarr" / "mine").write_text("keep")
    text = refused(call("predict", *args, "-o", tmp_path / "out.zarr"))
    assert "exists, but is not a prediction of minunet; pass another name with -o" in text
    assert (tmp_path / "out.zarr" / "mine").read_text() == "keep"
    (tmp_path / "out.zarr" / "plan.json").write_text("{}")
    assert "is damaged" in refused(call("predict", *args, "-o", tmp_path / "out.zarr"))


def test_another_plan_in_the_same_place_is_another_prediction(tmp_path, begun):
    # A worker of a cluster lives longer than one prediction.
    _, (net, image) = begun
    other, out = write_net(tmp_path / "other.npz", seed=1), tmp_path / "out.zarr"
    for which in (net, other):
        assert call("predict", which, image, "-o", out, "--threads", 1).code == 0
        found = arrays(out)
        shutil.rmtree(out)
        blocks.stages.cache_clear()
        assert call("predict", which, image, "-o", out, "--threads", 1).code == 0
        assert arrays(out) == found
        shutil.rmtree(out)


def test_values_that_are_the_defaults_are_the_same_plan(tmp_path, begun):
    _, (net, image) = begun
    args = ("predict", net, image, "-o", tmp_path / "out.zarr", "--threads", 1)
    assert call(*args).code == 0
    found = call(*args, "--axes", "zyx", "--level", 0, "--channel", 0, "--ome-zarr", "0.5")
    assert found.code == 0, found.err


@pytest.mark.parametrize(
    "change",
    [{"threads": "x"}, {"threads": -1}, {"scales": []}, {"scales": None}, {"scales": [["a", 1]]}],
)
def test_a_damaged_plan_is_one_sentence(tmp_path, begun, change):
    _, args = begun
    out = tmp_path / "out.zarr"
    assert call("predict", *args, "-o", out).code == 0
    plan = json.loads((out / "plan.json").read_text("utf-8"))
    (out / "plan.json").write_text(json.dumps(plan | change), "utf-8")
    assert "plan.json is damaged" in refused(call("predict", *args, "-o", out))


def test_an_output_that_cannot_be_created(tmp_path, begun):
    (tmp_path / "file").write_text("", "utf-8")
    text = refused(call("predict", *begun[1], "-o", tmp_path / "file" / "out.zarr"))
    assert f"{tmp_path / 'file' / 'out.zarr'} cannot be created: " in text
