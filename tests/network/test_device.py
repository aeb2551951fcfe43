"""A device is chosen for a stated reason; with a GPU, the network runs in real CuPy."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from standin import StandIn

from minunet.errors import InputError
from minunet.network import Network, device, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import conv2d, crop_concat, cross_entropy, dropout, maxpool, relu, upconv
from minunet.prediction import gpu_memory
from minunet.prediction.averaging import probabilities
from minunet.prediction.tiling import Tiling
from minunet.training import sgd


@pytest.fixture
def no_cupy(monkeypatch):
    """Pretend that ``import cupy`` fails."""
    monkeypatch.setitem(sys.modules, "cupy", None)


@pytest.fixture(params=["counts none", "raises"])
def no_gpu(monkeypatch, request):
    """Pretend CuPy without a GPU, or without a driver, so that counting devices raises."""

    class CUDARuntimeError(RuntimeError):
        pass

    def count():
        if request.param == "raises":
            raise CUDARuntimeError("cudaErrorInsufficientDriver")
        return 0

    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=CUDARuntimeError)
    cupy = SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)


@pytest.fixture
def pretended_gpu(monkeypatch):
    """Pretend CuPy with a GPU; its arrays are stand-ins."""
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDeviceProperties=lambda number: {"name": b"Pretended 1000"},
        CUDARuntimeError=RuntimeError,
    )
    cupy = SimpleNamespace(
        __version__="14.2.0",
        asarray=lambda array: StandIn(array.copy()),
        ones=lambda shape, dtype: StandIn(np.ones(shape, dtype)),
        cuda=SimpleNamespace(runtime=runtime),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def assert_one_line(text):
    assert text
    assert "\n" not in text


def test_cpu_is_always_available(no_cupy):
    name, reason = device.choose("cpu")
    assert name == "cpu"
    assert "NumPy" in reason
    assert_one_line(reason)


def test_cpu_is_chosen_even_with_a_gpu(pretended_gpu):
    assert device.choose("cpu")[0] == "cpu"


def test_auto_without_cupy_says_what_to_install(no_cupy):
    name, reason = device.choose("auto")
    assert name == "cpu"
    assert "pip install 'cupy-cuda12x[ctk]'" in reason
    assert_one_line(reason)


def test_auto_without_a_gpu_says_so(no_gpu):
    name, reason = device.choose("auto")
    assert name == "cpu"
    assert "no CUDA GPU" in reason
    assert "pip install" not in reason
    assert_one_line(reason)


def test_cuda_without_cupy_is_an_error_that_names_what_to_install(no_cupy):
    with pytest.raises(InputError, match=r"pip install 'cupy-cuda12x\[ctk\]'") as error:
        device.choose("cuda")
    assert "CUDA is not available" in str(error.value)
    assert "use the device cpu" in str(error.value)
    assert_one_line(str(error.value))


def test_cuda_without_a_gpu_is_an_error_that_names_what_to_install(no_gpu):
    with pytest.raises(InputError, match="install the NVIDIA driver") as error:
        device.choose("cuda")
    assert_one_line(str(error.value))


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_a_gpu_is_chosen_and_named(pretended_gpu, wanted):
    name, reason = device.choose(wanted)
    assert name == "cuda"
    assert "14.2.0" in reason
    assert "Pretended 1000" in reason
    assert_one_line(reason)


def test_an_old_cupy_is_not_used(pretended_gpu, monkeypatch):
    monkeypatch.setattr(sys.modules["cupy"], "__version__", "13.6.0")
    assert device.choose("auto")[0] == "cpu"
    with pytest.raises(InputError, match=r"13\.6\.0 is too old.*--upgrade") as error:
        device.choose("cuda")
    assert_one_line(str(error.value))


def test_a_driver_without_the_libraries_of_cuda_is_found(pretended_gpu, monkeypatch):
    def ones(shape, dtype):
        raise RuntimeError("CuPy failed to load libnvrtc.so.12:\nno such file")

    monkeypatch.setattr(sys.modules["cupy"], "ones", ones)
    assert device.choose("auto")[0] == "cpu"
    with pytest.raises(InputError, match=r"cannot use the GPU: .*libnvrtc.*ctk") as error:
        device.choose("cuda")
    assert_one_line(str(error.value))


@pytest.mark.parametrize(
    "broken",
    [
        "raise OSError('libcublas.so.12: cannot open shared object file')",
        "raise ImportError('libcublas.so.12: cannot open shared object file')",
        "import libcublas_of_cupy",
        "",
        "__version__ = 'x.y'",
        "__version__ = '14.2.0'; raise RuntimeError('a' * 10_000)",
    ],
)
def test_auto_survives_a_broken_cupy(tmp_path, monkeypatch, broken):
    (tmp_path / "cupy.py").write_text(broken)
    monkeypatch.setitem(sys.modules, "cupy", None)  # so that the module is restored, or removed
    del sys.modules["cupy"]
    monkeypatch.syspath_prepend(tmp_path)
    name, reason = device.choose("auto")
    assert name == "cpu"
    assert "CuPy cannot use the GPU" in reason
    assert len(reason) < 400
    assert_one_line(reason)
    with pytest.raises(InputError, match="CUDA is not available"):
        device.choose("cuda")


def test_this_machine_without_a_gpu():
    cupy = pytest.importorskip("cupy")
    if found_gpu(cupy):
        pytest.skip("this machine has a GPU")
    name, reason = device.choose("auto")
    assert name == "cpu"
    assert "no CUDA GPU" in reason
    with pytest.raises(InputError, match="driver"):
        device.choose("cuda")


def test_parameters_are_copied_to_the_device_and_back(pretended_gpu):
    tensors = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(4, dtype=np.float32)}
    assert device.to_device(tensors, "cpu") is tensors
    moved = device.to_device(tensors, "cuda")
    for name, array in tensors.items():
        assert isinstance(moved[name], StandIn)
        back = device.to_host(moved[name])
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)
        assert device.to_host(array) is array


# On a GPU

CLOSE = 1e-10  # relative, in float64; cuBLAS and a CPU's BLAS sum in different orders


def found_gpu(cupy):
    """Look for a GPU by using it, without `device.choose`, which is being tested."""
    try:
        return float(cupy.arange(3.0).sum()) == 3
    except Exception:
        return False


@pytest.fixture
def cupy():
    cupy = pytest.importorskip("cupy")
    if not found_gpu(cupy):
        pytest.skip("no CUDA device")
    return cupy


def assert_close(cupy, theirs, ours):
    assert isinstance(theirs, cupy.ndarray)
    assert theirs.dtype == ours.dtype
    assert theirs.shape == ours.shape
    error = np.max(np.abs(theirs.get() - ours)) / np.max(np.abs(ours))
    assert error < CLOSE


@pytest.mark.gpu
def test_choose_finds_the_gpu(cupy):
    for wanted in ("auto", "cuda"):
        name, reason = device.choose(wanted)
        assert name == "cuda"
        assert cupy.__version__ in reason
        assert_one_line(reason)


@pytest.mark.gpu
def test_every_op_agrees_on_the_gpu(cupy):
    rng = np.random.default_rng(0)
    draw = rng.standard_normal
    labels, weight_map = rng.integers(0, 3, (9, 6)), rng.random((9, 6))
    for function, arguments in [
        (conv2d.forward, (draw((19, 12, 2)), draw((3, 3, 2, 4)), draw(4))),
        (conv2d.backward, (draw((17, 10, 4)), draw((19, 12, 2)), draw((3, 3, 2, 4)))),
        (relu.forward, (draw((7, 5, 3)),)),
        (relu.backward, (draw((7, 5, 3)), draw((7, 5, 3)))),
        (maxpool.forward, (draw((6, 10, 3)),)),
        (maxpool.backward, (draw((3, 5, 2)), rng.integers(0, 4, (3, 5, 2)).astype(np.uint8))),
        (upconv.forward, (draw((11, 4, 6)), draw((2, 2, 6, 3)), draw(3))),
        (upconv.backward, (draw((22, 8, 3)), draw((11, 4, 6)), draw((2, 2, 6, 3)))),
        (crop_concat.forward, (draw((4, 6, 3)), draw((8, 14, 2)))),
        (lambda dy: crop_concat.backward(dy, (8, 14, 2)), (draw((4, 6, 5)),)),
        (lambda x: dropout.forward(x, 0.5, np.random.default_rng(8)), (draw((4, 6, 5)),)),
        (dropout.backward, (draw((4, 6, 5)), draw((4, 6, 5)))),
        (cross_entropy.forward, (draw((9, 6, 3)), labels, weight_map)),
        (cross_entropy.backward, (rng.random((9, 6, 3)), labels, weight_map)),
    ]:
        ours, theirs = function(*arguments), function(*map(cupy.asarray, arguments))
        if not isinstance(ours, tuple):
            ours, theirs = (ours,), (theirs,)
        for one, other in zip(theirs, ours, strict=True):
            assert_close(cupy, one, other)


@pytest.mark.gpu
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_a_training_step_agrees_on_the_gpu(cupy, variant):
    arch = Architecture(depth=2, channels=6, in_channels=2, classes=3, variant=variant)
    rng = np.random.default_rng(1)
    params = initialization.gaussian(arch, rng, np.float64)
    x = rng.standard_normal((56, 68, 2))
    lost = 2 * sizes.margin(2)
    labels = rng.integers(0, 3, (56 - lost, 68 - lost))
    weight_map = rng.random(labels.shape)

    def step(params, x, labels, weight_map):
        logits, activations = unet.forward(params, x, arch, rng=np.random.default_rng(2))
        energy, p = cross_entropy.forward(logits, labels, weight_map)
        dlogits = cross_entropy.backward(p, labels, weight_map)
        grads = unet.backward(params, activations, dlogits, arch)
        stepped, velocity = sgd.step(params, grads, sgd.start(params), learning_rate=0.01)
        return {"energy": energy, "logits": logits}, grads, stepped, velocity

    ours = step(params, x, labels, weight_map)
    theirs = step(device.to_device(params, "cuda"), *map(cupy.asarray, (x, labels, weight_map)))
    for one, other in zip(theirs, ours, strict=True):
        for name, array in other.items():
            assert_close(cupy, one[name], array)


@pytest.mark.gpu
def test_prediction_agrees_on_the_gpu(cupy):
    arch = Architecture(depth=1, channels=4)
    rng = np.random.default_rng(3)
    params, image = initialization.gaussian(arch, rng, np.float64), rng.random((9, 14, 1))
    ours = probabilities(Network(params, arch), image, Tiling(24))
    theirs = probabilities(Network(device.to_device(params, "cuda"), arch), image, Tiling(24))
    assert isinstance(theirs, np.ndarray)
    assert np.max(np.abs(theirs - ours)) < CLOSE


@pytest.mark.parametrize("wanted", ["gpu", "CPU", None])
def test_an_unknown_device_is_refused(pretended_gpu, wanted):
    with pytest.raises(InputError, match=f"device is {wanted!r}; it must be") as error:
        device.choose(wanted)
    assert_one_line(str(error.value))


# Memory


def test_the_memory_of_the_gpu(pretended_gpu, monkeypatch):
    cupy, limit = sys.modules["cupy"], [0]
    cupy.cuda.Device = lambda: SimpleNamespace(mem_info=(700, 1000))
    pool = SimpleNamespace(total_bytes=lambda: 50, get_limit=lambda: limit[0])
    cupy.get_default_memory_pool = lambda: pool
    assert device.memory() == (750, 1000)
    limit[0] = 400
    assert device.memory() == (400, 1000)


def test_the_device_of_an_array():
    array = np.ones(3)
    assert device.of(array) == "cpu"
    assert device.of(StandIn(array)) == "cuda"


def test_errors_of_cupy_that_say_that_memory_is_not_enough():
    cupy = pytest.importorskip("cupy")
    full = cupy.cuda.memory.OutOfMemoryError(512, 1000, 1000)
    assert device.is_out_of_memory(full)
    assert device.is_out_of_memory(cupy.cuda.runtime.CUDARuntimeError(2))  # of a kernel's module
    assert not device.is_out_of_memory(cupy.cuda.runtime.CUDARuntimeError(1))
    assert not device.is_out_of_memory(MemoryError("of NumPy"))


@pytest.mark.gpu
def test_the_estimated_memory_on_the_gpu(cupy):
    arch, rng = Architecture(depth=3, channels=16), np.random.default_rng(0)
    params = device.to_device(initialization.gaussian(arch, rng), "cuda")
    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    before = pool.total_bytes()
    Network(params, arch).logits(rng.random((348, 348, 1), np.float32))
    needed = gpu_memory.of_forward(arch, 348, 348)
    # The pool of a card with much free memory grows more than it must.
    assert 0.9 * needed < pool.total_bytes() - before < 2 * needed
