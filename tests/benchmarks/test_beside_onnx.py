"""minunet and ONNX Runtime take turns on the same network, and their results are compared."""

import beside_onnx
import numpy as np
import pytest
import work

JOB = work.Network(channels=3, depth=1, tile=28)


def test_the_sides_take_turns_after_they_agreed():
    pytest.importorskip("onnxruntime")
    seconds = beside_onnx.measure(JOB, ["minunet", "ONNX Runtime"], rounds=2, count=1)
    assert [len(calls) for calls in seconds.values()] == [8, 8]
    assert all(0 < call < 60 for calls in seconds.values() for call in calls)


@pytest.mark.parametrize(("side", "module"), beside_onnx.PEERS.items())
def test_a_peer_computes_the_same_logits(side, module):
    pytest.importorskip(module)
    expected = beside_onnx.prepared("minunet", JOB, 1)()
    found = beside_onnx.prepared(side, JOB, 1)()
    assert found.shape == expected.shape == (2, 12, 12)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_the_ratios_are_to_the_fastest_peer():
    seconds = {"minunet": [0.03, 0.02, 0.05], "A": [0.02, 0.06, 0.04], "B": [0.05, 0.01, 0.06]}
    row = beside_onnx.markdown({16: seconds})[-1]
    assert row == "| 16 | 30.0 (20.0) | 40.0 (20.0) | 50.0 (10.0) | 0.75 | 2.00 |"
