"""Amounts of memory, and how much a prediction takes: estimated, and traced while it runs."""

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
from minunet.prediction import instances, memory
from minunet.runs.settings import from_options

# Amounts


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *[("0", 0), ("7", 7), ("2000000000", 2 * 10**9), ("12 B", 12), ("3kB", 3000)],
        *[("500MB", 5 * 10**8), ("2GB", 2 * 10**9), ("0.5 gb", 5 * 10**8), ("1TB", 10**12)],
        *[("1KiB", 1024), ("1MiB", 1048576), ("1.5GiB", 1610612736), (" 2 GiB ", 2147483648)],
    ],
)
def test_amounts_by_hand(text, size):
    assert memory.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "2G", "-2GB", "2.GB", "2 giga", "1e9", "2GBs", "iB"])
def test_what_is_no_amount(text):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        memory.parse_bytes(text)
    assert repr(text) in str(refused.value)
    assert "2GB" in str(refused.value)


def test_nothing_is_said_without_a_sign():
    assert memory.format_bytes(0) == "0MB"


@given(st.floats(1, 1e15))
def test_what_is_said_is_enough_and_can_be_given(size):
    assert size <= memory.parse_bytes(memory.format_bytes(size)) <= 1.011 * size + 1e6


# A prediction


MEASURE = """
import sys, tracemalloc
import numpy as np
from minunet.network import initialization, unet
from minunet.network.architecture import Architecture

depth, channels, classes, rows, columns = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
for channels, rows, columns in ((1, 100, 100), (channels, rows, columns)):
    arch = Architecture(depth, channels, 1, classes)
    params = initialization.gaussian(arch, rng)
    x = rng.random((rows, columns, 1), np.float32)
    tracemalloc.start()
    unet.forward(params, x, arch, remember=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
print(peak)
"""
"""The small network comes first and pays for what is imported."""


@pytest.mark.parametrize(
    ("depth", "channels", "classes", "rows", "columns"),
    [(3, 16, 2, 348, 260), (2, 40, 3, 316, 340), (3, 128, 2, 140, 156)],
)
def test_the_estimate_of_a_forward_pass_is_about_what_it_takes(
    depth, channels, classes, rows, columns
):
    # In a process of its own: a thread keeps the memory it has worked in.
    given = map(str, (depth, channels, classes, rows, columns))
    command = [sys.executable, "-c", MEASURE, *given]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    estimate = memory.of_forward(Architecture(depth, channels, 1, classes), rows, columns)
    assert 0.9 < estimate / peak < 1.1


def test_finding_cells_takes_what_is_said():
    # Blobs of a few pixels, as noise that is blurred by a box has them.
    noise = np.random.default_rng(0).random((604, 703))
    p = np.lib.stride_tricks.sliding_window_view(noise, (5, 5)).mean((2, 3)).astype(np.float32)
    instances.from_probability(p[:9])  # imports what it needs
    tracemalloc.start()
    instances.from_probability(p)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.95 < memory.LABELLING * p.size / peak < 1.05  # measured: 1.00


def test_a_prediction_is_parameters_and_the_larger_of_its_parts():
    arch = from_options(preset="tiny").architecture
    forward, params = 1.25 * memory.of_forward(arch, 196, 148), 4 * arch.parameters()
    base = memory.LIBRARIES + params
    assert memory.of_prediction(arch, 196, 148) == base + forward
    assert memory.of_prediction(arch, 196, 148, held=1000) == base + forward + 1000
    pixels = 10**8  # 2.8 GB to find cells in: more than a tile takes
    assert memory.of_prediction(arch, 196, 148, labelled=pixels) == base + 28 * pixels
    # A slice of 5 GB that is read while the one before it is still there.
    assert memory.of_prediction(arch, 196, 148, held=5 * 10**9) == base + 10**10


def test_every_thread_has_a_band_but_all_bands_are_no_more_than_the_map(threads_as_before):
    estimates = []
    for count in (1, 2, 3):
        threads.use(count)
        estimates.append(memory.of_forward(Architecture(3, 16), 380, 348))
    largest = 4 * 16 * 378 * 346  # bytes of the first map, 8.4 MB: two bands and no third
    bands = [2**22, min(2 * 2**22, largest), largest]
    np.testing.assert_array_equal(np.diff(estimates), np.diff(bands))
