"""Files of other programs, made without the code that reads them: caffemodel, prototxt, names.

The encoder writes the wire format of protocol buffers by hand, and declares no messages.
"""

import re
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minunet.errors import InputError
from minunet.network.architecture import Architecture
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

PAGE = Path(__file__).parents[2] / "tutorials" / "pages" / "pytorch.md"


def blocks():
    """Return the Python blocks of the page on PyTorch: the module, and how it is used."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def twin(arch):
    """Make the PyTorch module that the page shows."""
    names = {}
    exec(compile(blocks()[0], PAGE.name, "exec"), names)
    fields = (arch.depth, arch.channels, arch.in_channels, arch.classes, arch.variant)
    return names["UNet"](*fields)


def draw(arch, seed=0):
    """Draw float32 parameters, with biases that are not 0."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(shape, np.float32)
        * np.float32(np.sqrt(2 / np.prod(shape[:3])) if len(shape) == 4 else 0.1)
        for name, shape in arch.shapes().items()
    }


def state(seed=0, values=(0, 1), params=None, **settings):
    """Make a checkpoint of an untrained network after 7 steps."""
    given = {"depth": 1, "channels": 3, "tile": 24, "device": "cpu"} | settings
    chosen = from_options(**given, label_values=values)
    params = params or draw(chosen.architecture, seed)
    random_state = np.random.default_rng(0).bit_generator.state
    return Checkpoint(params, params, 7, random_state, 0.5, chosen.to_json())


def write_state(path, **given):
    """Write such a checkpoint; return it."""
    made = state(**given)
    checkpoint.save(path, made)
    return made


def kernels(params):
    """Yield each layer in the order of the forward pass: our name, kernel and bias in Caffe."""
    for name, w in params.items():
        if w.ndim == 4:
            stage, _, kind = name.partition(".")
            axes = (2, 3, 0, 1) if kind == "wu" else (3, 2, 0, 1)
            yield name, w.transpose(axes), params[f"{stage}.b{kind[1:]}"]


# The wire format of protocol buffers


def varint(number):
    """Encode a whole number of any size."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    """Encode a field: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(w, legacy, numbers="<f4"):
    """Encode a blob with the four sizes of 2015, or with the shape of today."""
    if legacy:
        sizes = (1,) * (4 - w.ndim) + w.shape
        head = b"".join(field(k, size) for k, size in enumerate(sizes, 1))
    else:
        head = field(7, field(1, b"".join(map(varint, w.shape))))
    return head + field(8 if numbers == "<f8" else 5, w.astype(numbers).tobytes())


def caffemodel(layers, legacy, numbers="<f4"):
    """Encode layers (name, blobs, …) in the dialect of 2015 or in that of today.

    Between them are layers without parameters, and fields that no reader of weights needs.
    """
    out = field(1, b"a U-Net")
    for number, (name, *arrays) in enumerate(layers):
        blobs = b"".join(
            field(6 if legacy else 7, blob(w, legacy, numbers)) for w in arrays if w is not None
        )
        if legacy:  # V1LayerParameter: bottom 2, top 3, name 4, type 5, blobs 6
            body = field(2, b"in") + field(3, b"out") + field(4, name.encode()) + field(5, 4)
            out += field(2, body + blobs) + field(2, field(4, b"relu%d" % number) + field(5, 18))
        else:  # LayerParameter: name 1, type 2, bottom 3, top 4, blobs 7
            body = field(1, name.encode()) + field(2, b"Convolution") + field(3, b"in")
            out += field(100, body + blobs + field(10, 1))
            out += field(100, field(1, b"relu%d" % number) + field(2, b"ReLU"))
    return out


def released_names(depth):
    """Name the layers as in phseg_v5: d and u are the two paths, a number is the level.

    Those of other programs that read the network of 2015: conv_d0a-b, conv_d0b-c, upconv_d4c_u3a,
    conv_u3b-c, conv_u3c-d.
    """
    names = [f"conv_d{k}{pair}" for k in range(depth + 1) for pair in ("a-b", "b-c")]
    below = f"d{depth}c"
    for k in reversed(range(depth)):
        names += [f"upconv_{below}_u{k}a", f"conv_u{k}b-c", f"conv_u{k}c-d"]
        below = f"u{k}d"
    return [*names, "conv_u0d-score"]


def released(params, depth):
    """Return the layers of a network with the names of 2015."""
    return [
        (name, w, b) for name, (_, w, b) in zip(released_names(depth), kernels(params), strict=True)
    ]


def prototxt(arch, height, width):
    """Describe a `release` network for Caffe, layer by layer."""
    names, bottom = iter(released_names(arch.depth)), "data"
    text = [
        'name: "u"',
        'input: "data"',
        f"input_shape {{ dim: 1 dim: {arch.in_channels} dim: {height} dim: {width} }}",
    ]

    def layer(kind, name, bottoms, more=""):
        inputs = " ".join(f'bottom: "{one}"' for one in bottoms)
        text.append(f'layer {{ name: "{name}" type: "{kind}" {inputs} top: "{name}" {more} }}')
        return name

    def convolve(x, count, size=3, kind="Convolution", relu=True):
        stride = " stride: 2" if kind == "Deconvolution" else ""
        param = f"convolution_param {{ num_output: {count} kernel_size: {size}{stride} }}"
        name = layer(kind, next(names), [x], param)
        return layer("ReLU", f"{name}.relu", [name]) if relu else name

    skips = []
    for k in range(arch.depth + 1):
        bottom = convolve(convolve(bottom, arch.width(k)), arch.width(k))
        if k < arch.depth:
            skips.append(bottom)
            pool = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
            bottom = layer("Pooling", f"pool{k}", [bottom], pool)
    lost = 4
    for k in reversed(range(arch.depth)):
        bottom = convolve(bottom, arch.upconv_width(k), 2, "Deconvolution")
        # Pixels of the skip map that surround the up-convolution's output, on each side.
        crop = f"crop_param {{ axis: 2 offset: {lost} }}"
        skip = layer("Crop", f"crop{k}", [skips[k], bottom], crop)
        bottom = layer("Concat", f"concat{k}", [bottom, skip], "concat_param { axis: 1 }")
        bottom = convolve(convolve(bottom, arch.width(k)), arch.width(k))
        lost = 2 * (lost + 4)
    convolve(bottom, arch.classes, 1, relu=False)
    return "\n".join(text)


def release(depth=2, channels=4, in_channels=1, classes=2):
    """Return a small architecture of the authors' release."""
    return Architecture.release(depth, channels, in_channels, classes, dropout=0.0)


# Damage


def mutations(good, count, seed=0):
    """Yield damaged copies of a file: bytes flipped, cut off, inserted, removed or repeated."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        data = bytearray(good)
        # Most of a file is numbers; half of the damage is done where its structure is.
        end = len(data) if number % 2 else min(len(data), 2000)
        at = int(rng.integers(end))
        some = int(rng.integers(1, 9))
        match number // 2 % 7:
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case 2:
                del data[at:]
            case 3:
                data[at:at] = rng.bytes(some)
            case 4:
                del data[at : at + some]
            case 5:
                data[at : at + some] = rng.bytes(some)
            case 6:
                data[at:at] = data[at : at + 40 * some]
        yield bytes(data)


@contextmanager
def memory_measured():
    """Yield a function that returns the peak of Python's memory, in bytes, since its last call."""

    def peak():
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        return most

    tracemalloc.start()
    try:
        yield peak
    finally:
        tracemalloc.stop()


LIMITED = """
import resource, sys
import numpy, safetensors, google.protobuf.descriptor_pool
from minunet import cli, convert
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = size + int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
cli.run(convert.main, "convert")
"""
"""Code that runs convert with a limit on the address space that it may use in addition."""


def assert_damage_is_noticed_or_harmless(read, path, good):
    """Read 500 damaged files: each is a U-Net, or is refused with one line; memory stays small."""
    fine = 0
    with memory_measured() as peak:
        for data in mutations(good, 500):
            path.write_bytes(data)
            try:
                found = read(path)
                assert found.architecture.parameters() == sum(w.size for w in found.params.values())
                fine += 1
            except InputError as error:
                assert "\n" not in str(error)
            assert peak() < 10 * len(good) + 1_000_000
    assert 20 < fine < 480  # flipped values are still values
