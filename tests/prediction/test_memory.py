"""Memory sizes are parsed and printed, and estimates match the memory that is traced."""

import argparse
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.fast import threads
from minunet.network.architecture import Architecture
from minunet.prediction import memory
from minunet.prediction.instances import Rule
from minunet.runs.settings import from_options

# Memory sizes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *[("0", 0), ("7", 7), ("2000000000", 2 * 10**9), ("12 B", 12), ("3kB", 3000)],
        *[("500MB", 5 * 10**8), ("2GB", 2 * 10**9), ("0.5 gb", 5 * 10**8), ("1TB", 10**12)],
        *[("1KiB", 1024), ("1MiB", 1048576), ("1.5GiB", 1610612736), (" 2 GiB ", 2147483648)],
    ],
)
def test_valid_memory_sizes(text, size):
    assert memory.parse_bytes(text) == size


HUGE = ("1" + 16 * "0" + "1", 30 * "9" + "TB", 35 * "9", "\uff11\uff12", "1_000", "nan", "inf")


@pytest.mark.parametrize(
    "text", ["", "GB", "2G", "-2GB", "2.GB", "2 giga", "1e9", "2GBs", "iB", *HUGE]
)
def test_invalid_memory_sizes(text):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        memory.parse_bytes(text)
    assert repr(text) in str(refused.value)
    assert "2GB" in str(refused.value)


def test_a_long_memory_size_is_shortened_in_the_message():
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        memory.parse_bytes(300 * "9")
    assert str(refused.value).startswith(f"'{39 * '9'}…' is not a memory size up to 10,000TB")


def test_zero_has_no_sign():
    assert memory.format_bytes(0) == "0MB"


@given(st.floats(1, 1e15))
def test_a_printed_memory_size_can_be_parsed_and_is_large_enough(size):
    assert size <= memory.parse_bytes(memory.format_bytes(size)) <= 1.011 * size + 1e6


# A prediction


MEASURE = """
import sys, tracemalloc
import numpy as np
from minunet.fast import threads
from minunet.network import initialization, unet
from minunet.network.architecture import Architecture

depth, channels, classes, rows, columns = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
for channels, rows, columns in ((1, 100, 100), (channels, rows, columns)):
    arch = Architecture(depth, channels, 1, classes)
    params = initialization.gaussian(arch, rng)
    x = rng.random((rows, columns, 1), np.float32)
    threads.use(2)
    tracemalloc.start()
    unet.forward(params, x, arch, remember=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
print(peak)
"""
"""The small network runs first, so that imports are not measured."""


@pytest.mark.parametrize(
    ("depth", "channels", "classes", "rows", "columns"),
    [(3, 16, 2, 348, 260), (2, 40, 3, 316, 340), (3, 128, 2, 140, 156)],
)
def test_the_forward_estimate_matches_the_traced_memory(
    threads_as_before, depth, channels, classes, rows, columns
):
    threads.use(2)  # as the measuring process
    # Measure in a new process, because threads keep their scratch memory.
    given = map(str, (depth, channels, classes, rows, columns))
    command = [sys.executable, "-c", MEASURE, *given]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    estimate = memory.of_forward(Architecture(depth, channels, 1, classes), rows, columns)
    assert 0.9 < estimate / peak < 1.1


def test_the_labelling_estimate_matches_the_traced_memory():
    # Box-blurred noise has many blobs of a few pixels.
    noise = np.random.default_rng(0).random((604, 703))
    p = np.lib.stride_tricks.sliding_window_view(noise, (5, 5)).mean((2, 3)).astype(np.float32)
    for rule in (Rule(), Rule(0.53, 0.5), Rule(0.6, 0.1, 1), Rule(0.45, 0.1, 1, 8)):
        rule.cells(p[:9])  # triggers lazy imports
        tracemalloc.start()
        rule.cells(p)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 1 < memory.LABELLING * p.size / peak < 1.15  # measured: 1.07


def test_a_prediction_needs_its_parameters_and_its_largest_part():
    arch = from_options(preset="tiny").architecture
    forward, params = 1.25 * memory.of_forward(arch, 196, 148), 4 * arch.parameters()
    base = memory.LIBRARIES + params
    assert memory.of_prediction(arch, 196, 148) == base + forward
    assert memory.of_prediction(arch, 196, 148, held=1000) == base + forward + 1000
    pixels = 10**8  # finding cells needs 2.8 GB, more than a tile does
    assert memory.of_prediction(arch, 196, 148, labelled=pixels) == base + 28 * pixels
    # A slice of 5 GB is read while the previous one is still in memory.
    assert memory.of_prediction(arch, 196, 148, held=5 * 10**9) == base + 10**10


def test_each_thread_adds_a_band_up_to_the_size_of_the_map(threads_as_before):
    estimates = []
    for count in (1, 2, 3):
        threads.use(count)
        estimates.append(memory.of_forward(Architecture(1, 16), 380, 348))
    largest = 4 * 16 * 376 * 344  # bytes of the second map, 8.3 MB: less than three bands
    bands = [2**22, min(2 * 2**22, largest), largest]
    np.testing.assert_array_equal(np.diff(estimates), np.diff(bands))
