"""Start-up: `--help` loads no library that a command only needs later."""

import subprocess
import sys

import pytest

LATER = {
    *("matplotlib", "tifffile", "PIL", "tqdm", "cupy"),
    # What `import scipy` leaves for later, and `from scipy import ndimage` or its like would load.
    *("scipy.fft", "scipy.interpolate", "scipy.linalg", "scipy.ndimage", "scipy.optimize"),
    *("scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats"),
}

WATCHED = """
import atexit, runpy, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
"""Runs a command as `python -m` does, and lists what is loaded when it ends."""


@pytest.mark.parametrize("command", ["augment", "data", "evaluate", "geometry", "predict", "train"])
def test_what_is_used_later_is_loaded_later(command):
    arguments = [sys.executable, "-c", WATCHED, f"minunet.{command}", "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith(f"usage: python -m minunet.{command} ")
    loaded = set(done.stderr.split())
    assert "minunet.cli" in loaded
    assert loaded & LATER == set()
