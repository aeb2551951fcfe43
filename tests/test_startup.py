"""Start-up is quick: `--help` and `import minunet` load no library that is needed only later."""

import subprocess
import sys

import pytest

LATER = {
    *("matplotlib", "tifffile", "PIL", "tqdm", "cupy"),
    *("zarr", "numcodecs", "h5py", "tensorstore", "distributed"),
    *("safetensors", "google.protobuf", "onnx", "onnxruntime", "bioimageio", "pydantic"),
    # `import scipy` does not load these, but `from scipy import ndimage` would.
    *("scipy.fft", "scipy.interpolate", "scipy.linalg", "scipy.ndimage", "scipy.optimize"),
    *("scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats"),
}

WATCHED = """
import atexit, runpy, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
"""Code that runs a command as `python -m` does and prints the loaded modules at exit."""


@pytest.mark.parametrize(
    "command",
    ["augment", "convert", "data", "evaluate", "export", "geometry", "predict", "train"],
)
def test_help_loads_no_library_that_is_needed_later(command):
    arguments = [sys.executable, "-c", WATCHED, f"minunet.{command}", "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith(f"usage: python -m minunet.{command} ")
    loaded = set(done.stderr.split())
    assert "minunet.cli" in loaded
    assert loaded & LATER == set()


def packages(code):
    """Run code in a new interpreter; return the top-level packages that it loads."""
    code = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    arguments = [sys.executable, "-c", code]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_only_numpy():
    loaded = packages("import minunet")
    assert "minunet" in loaded
    assert loaded - sys.stdlib_module_names <= {"minunet", "numpy"}


def test_listing_the_commands_loads_no_further_libraries():
    listed = packages("from minunet import __main__; __main__.overview()")
    assert listed - sys.stdlib_module_names == packages("import minunet") - sys.stdlib_module_names


def test_the_model_is_imported_lazily_and_without_plotting_libraries():
    loaded = packages("import minunet; minunet.load")
    assert "numpy" in loaded
    assert not loaded & {"matplotlib", "tifffile", "PIL", "tqdm", "cupy"}
    inside = "import minunet; assert 'minunet.prediction' not in sys.modules"
    assert "minunet" in packages(inside)
