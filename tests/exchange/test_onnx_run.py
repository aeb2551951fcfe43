"""ONNX graphs are run, and compared with minunet, without traces on the machine."""

import os
import subprocess
import sys

import numpy as np
import pytest
from exchange import draw

from minunet.errors import InputError
from minunet.exchange import onnx_graph, onnx_run
from minunet.network import Architecture

pytest.importorskip("onnxruntime")
ARCH = Architecture(depth=1, channels=3)
FORMS = [
    (padding, output) for padding in ("same", "valid") for output in ("logits", "probabilities")
]


@pytest.mark.parametrize("form", FORMS)
def test_a_correct_graph_agrees_and_another_does_not(form):
    params = draw(ARCH)
    graph = onnx_graph.build(params, ARCH, *form)
    assert onnx_run.check(graph, params, ARCH, *form) < 1e-6
    changed = {**params, "out.b": params["out.b"] + np.float32([0.01, 0])}
    with pytest.raises(
        InputError, match=r"ONNX Runtime and minunet differ by .*nothing was written"
    ):
        onnx_run.check(graph, changed, ARCH, *form)


def test_a_model_of_zeros_agrees():
    params = {name: 0 * w for name, w in draw(ARCH).items()}
    graph = onnx_graph.build(params, ARCH, "same", "logits")
    assert onnx_run.check(graph, params, ARCH, "same", "logits") == 0


def test_weights_that_are_too_large_are_refused():
    params = {name: w * np.float32(1e20) for name, w in draw(ARCH).items()}
    graph = onnx_graph.build(params, ARCH)
    with pytest.raises(InputError, match="too large for float32"):
        onnx_run.check(graph, params, ARCH)


def test_onnx_runtime_leaves_nothing_in_the_home_folder(tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary)}
    out = tmp_path / "em.onnx"
    command = [sys.executable, "-m", "minunet.export", "em", "-o", str(out)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert out.exists()
    assert [path for path in (*home.rglob("*"), *temporary.rglob("*")) if path.is_file()] == []
