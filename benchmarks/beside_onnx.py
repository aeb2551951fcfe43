"""Compare minunet's inference with ONNX Runtime and OpenVINO, which run its exported network.

    python benchmarks/beside_onnx.py [--widths 8 16 32 64] [--rounds 10] [--threads 2]

Networks of 64 channels or more have the depth and tile of the preset `paper`, narrower networks
those of `laptop`. Each side runs in its own process, on the same weights and the same tile; the
results must agree to 1e-4 of the largest logit. The sides take turns of six calls, the first two of
which do not count. Each turn begins with a pause, because the threads of the peers wait for their
next call in a loop, on the cores that the next side needs. Variables of the environment that choose
the kernels of a BLAS or its threads do not count. Prints a Markdown table with the median and the
fastest call of each side, and minunet's time divided by that of the fastest peer. Needs `pip
install onnxruntime openvino`; a peer that is not installed is left out.
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import seeds

sys.path.append(str(Path(__file__).with_name("beside_torch")))
import timing
import work

from minunet.exchange import onnx_graph
from minunet.fast import threads
from minunet.fast.allocator import keep_memory
from minunet.network import unet

PEERS = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}
"""Name of a peer, and the module that must be installed."""

PAUSE = 0.3
"""Seconds before a turn."""

CLOSE = 1e-4
"""Largest difference of logits, relative to the largest magnitude."""


def prepared(side, job, count):
    """Return a function that computes the logits (K, H, W) of a `work.Network` on a side."""
    params, tile, *_ = job.arrays()
    if side == "minunet":
        keep_memory()
        threads.use(count)
        infer = unet.forward
        return lambda: infer(params, tile, job.architecture, remember=False)[0].transpose(2, 0, 1)
    model = onnx_graph.build(params, job.architecture, "valid", "logits").SerializeToString()
    image = np.ascontiguousarray(tile.transpose(2, 0, 1)[np.newaxis])
    if side == "ONNX Runtime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda: session.run(None, {name: image})[0][0]
    import openvino

    core = openvino.Core()
    network = core.read_model(model)
    network.reshape(image.shape)
    settings = {"INFERENCE_NUM_THREADS": count, "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(network, "CPU", settings).create_infer_request()
    return lambda: next(iter(request.infer({0: image}).values()))[0]


def serve(side, job, count, pipe):
    """Compute in a process of its own: send the logits, then the seconds of each turn."""
    call = prepared(side, job, count)
    pipe.send(np.array(call()))
    while pipe.recv():
        seconds = []
        time.sleep(PAUSE)
        for _ in range(6):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
        pipe.send(seconds[2:])


def measure(job, sides, rounds, count):
    """Return the seconds of every call, by side; the sides take turns."""
    context, pipes = multiprocessing.get_context("spawn"), {}
    for side in sides:
        pipes[side], theirs = context.Pipe()
        context.Process(target=serve, args=(side, job, count, theirs), daemon=True).start()
    logits = {side: pipe.recv() for side, pipe in pipes.items()}
    for side, found in logits.items():
        error = np.abs(found - logits["minunet"]).max() / np.abs(found).max()
        assert error < CLOSE, f"{side} differs by {error:.1e} of the largest logit"
    seconds = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 else sides[::-1]:
            pipes[side].send(True)
            seconds[side] += pipes[side].recv()
    for pipe in pipes.values():
        pipe.send(False)
    return seconds


def markdown(measured):
    """Return the lines of the table of {channels: {side: seconds of every call}}."""
    sides = list(next(iter(measured.values())))
    heads = [f"{side}, ms: median (fastest)" for side in sides]
    lines = [f"| channels | {' | '.join(heads)} | ratio of medians | of the fastest |"]
    lines.append("|---" * (len(sides) + 3) + "|")
    for channels, seconds in measured.items():
        cells = [f"{1e3 * statistics.median(s):.1f} ({1e3 * min(s):.1f})" for s in seconds.values()]
        for best in (statistics.median, min):
            peers = [best(s) for side, s in seconds.items() if side != "minunet"]
            cells.append(f"{best(seconds['minunet']) / min(peers):.2f}")
        lines.append(f"| {channels} | {' | '.join(cells)} |")
    return lines


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--widths",
        type=int,
        nargs="+",
        default=[8, 16, 32, 64],
        metavar="N",
        help="numbers of channels (default: 8 16 32 64)",
    )
    parser.add_argument("--rounds", type=int, default=10, help="turns per side (default: 10)")
    parser.add_argument(
        "--threads", type=int, default=threads.cores(), help="threads per side (default: all cores)"
    )
    args = parser.parse_args()
    found = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    if not found:
        sys.exit("beside_onnx.py: no peer is installed; run pip install onnxruntime openvino")
    for name in os.environ.keys() - timing.environment(as_is=False).keys():
        del os.environ[name]  # for the processes of the sides
    measured = {}
    for channels in args.widths:
        job = work.Network.of_width(channels)
        measured[channels] = measure(job, ["minunet", *found], args.rounds, args.threads)
    print("\n".join(markdown(measured)))
    print(f"\n{args.threads} threads, commit {seeds.commit()}")


if __name__ == "__main__":
    main()
