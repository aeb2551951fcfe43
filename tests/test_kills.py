"""Trainings that are stopped or killed at random moments, or run out of disk, lose nothing.

`support/kills.py` says how; as a script, it does so a thousand times.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "support" / "kills.py"

TRIALS = os.environ.get("MINUNET_KILLS", "4")
"""Number of runs to stop."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_stopped_runs_equal_uninterrupted_ones():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), TRIALS, "3", "4"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-5000:]
