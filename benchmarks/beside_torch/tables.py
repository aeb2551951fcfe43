"""Format the measured numbers as Markdown tables."""

import statistics
from collections.abc import Iterator
from typing import Any

import work

Entry = dict[str, Any]


def median(entry: Entry, side: str) -> float:
    """Return the median seconds of a side."""
    return statistics.median(entry["sides"][side]["seconds"])


def best_torch(entry: Entry) -> str:
    """Return the name of PyTorch's fastest form."""
    return min(torch_sides(entry), key=lambda side: median(entry, side))


def torch_sides(entry: Entry) -> list[str]:
    """Return the names of PyTorch's forms."""
    return [side for side in entry["sides"] if side.startswith("torch")]


def ratio(entry: Entry) -> float:
    """Return minunet's seconds divided by those of PyTorch's fastest form."""
    return median(entry, "minunet") / median(entry, best_torch(entry))


def product_rate(measured: dict[str, Any]) -> float:
    """Return the operations per second of a matrix product, in the best turn of either library."""
    entry = next(section_of(measured, "product"))
    least = min(min(side["seconds"]) for side in entry["sides"].values())
    return work.from_json(entry["job"]).flop / least


def section_of(measured: dict[str, Any], section: str) -> Iterator[Entry]:
    """Yield the entries of a section."""
    return (entry for entry in measured["entries"] if entry["section"] == section)


def named(job: work.Job) -> str:
    """Return a short name for a job."""
    if isinstance(job, work.Product):
        return f"product {job.size}²"
    if isinstance(job, work.Network):
        return f"{job.channels} channels, depth {job.depth}, tile {job.tile}"
    return f"{job.name} {job.size}² × {job.channels} → {job.out}² × {job.features}"


def spread(seconds: list[float], unit: float) -> str:
    """Format median, minimum and maximum with three digits."""
    values = statistics.median(seconds), min(seconds), max(seconds)
    middle, least, most = (_digits(value / unit) for value in values)
    return f"{middle} ({least} – {most})"


def _digits(value: float) -> str:
    decimals = (value < 100) + (value < 10) + (value < 1)
    return f"{value:.{decimals}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Format a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def text(measured: dict[str, Any]) -> str:
    """Format the tables of all sections that were measured."""
    parts = [machine(measured)]
    for channels, backward, entries in _layers(measured):
        way = "backward (dx, dw, db)" if backward else "forward"
        parts += [f"### Layers, {channels} channels, {way}", layers(entries, measured)]
    if any(section_of(measured, "road")):
        parts += ["### Forms of a convolution, from a naive loop to the one in use", road(measured)]
    for section, title in (("forward", "Inference"), ("step", "A training step")):
        if any(section_of(measured, section)):
            parts += [f"### {title}", networks(measured, section)]
    return "\n\n".join([*parts, agreement(measured)])


def machine(measured: dict[str, Any]) -> str:
    """Format the table of the machine, its libraries and its speed."""
    about = measured["machine"]
    ours, theirs = about["minunet"], about["torch"]
    entry = next(section_of(measured, "product"))
    job = work.from_json(entry["job"])
    rates = [job.flop / min(side["seconds"]) / 1e9 for side in entry["sides"].values()]
    library = "CuPy" if about["device"] == "cuda" else "NumPy"
    environment = (
        "as in the shell" if about["as_is"] else "without `OPENBLAS_*`, `OMP_*`, `MKL_*`, `GOTO_*`"
    )
    rows = [
        ["CPU", f"{about['CPU']}, {about['cores']} cores"],
        ["threads", f"{ours['threads']} for minunet, {theirs['threads']} for PyTorch"],
        ["libraries", f"Python {about['Python']}, NumPy {ours['NumPy']}, SciPy {ours['SciPy']}"],
        ["BLAS of NumPy and SciPy", "; ".join(ours["BLAS"])],
        ["PyTorch", f"{theirs['PyTorch']} (kernels for {theirs['kernels']})"],
        ["environment", environment],
        [
            "peak of a process before any work",
            f"minunet {ours['start'] / 2**20:.0f} MiB, PyTorch {theirs['start'] / 2**20:.0f} MiB",
        ],
        [
            f"product of two {job.size}² float32 matrices, best turn",
            f"{library} {rates[0]:.0f} GFLOP/s, PyTorch {rates[1]:.0f} GFLOP/s",
        ],
    ]
    if about["device"] == "cuda":
        rows.insert(1, ["GPU", f"minunet: {ours['GPU']}; PyTorch: {theirs['GPU']}"])
    return table(["machine", ""], rows)


def _layers(measured: dict[str, Any]) -> Iterator[tuple[int, bool, list[Entry]]]:
    """Yield, for each network and direction: channels, True if backward, entries of the layers."""
    found: dict[tuple[int, bool], list[Entry]] = {}
    channels = 0
    for entry in section_of(measured, "layers"):
        job = entry["job"]
        if job["name"] == "contract0 conv 1":
            channels = job["features"]
        found.setdefault((channels, job["backward"]), []).append(entry)
    return ((*key, entries) for key, entries in found.items())


def layers(entries: list[Entry], measured: dict[str, Any]) -> str:
    """Format the layers of a network, one per row, and their sums."""
    rate, sides = product_rate(measured), list(entries[0]["sides"])
    head = ["layer", "GFLOP", *(f"{side}, ms" for side in sides)]
    head += ["GFLOP/s: minunet", "% of product", "best PyTorch", "% of product", "ratio"]
    rows = []
    for entry in entries:
        job = work.from_json(entry["job"])
        row = [named(job), f"{job.flop / 1e9:.2f}" if job.flop else "–"]
        row += [spread(entry["sides"][side]["seconds"], 1e-3) for side in sides]
        for side in ("minunet", best_torch(entry)):
            row += rated(job.flop, median(entry, side), rate)
        rows.append([*row, f"{ratio(entry):.2f}"])
    sums = {side: sum(median(entry, side) for entry in entries) for side in sides}
    best = min(sums[side] for side in sides if side.startswith("torch"))
    flop = sum(work.from_json(entry["job"]).flop for entry in entries)
    row = ["all of them", f"{flop / 1e9:.2f}", *(_digits(1e3 * s) for s in sums.values())]
    row += rated(flop, sums["minunet"], rate) + rated(flop, best, rate)
    return table(head, [*rows, [*row, f"{sums['minunet'] / best:.2f}"]])


def rated(flop: int, seconds: float, product: float) -> list[str]:
    """Format GFLOP/s, absolute and as a percentage of the machine's matrix product."""
    if not flop:
        return ["–", "–"]
    rate = flop / seconds
    shown = f"{rate / 1e9:.3g}" if rate < 1e11 else f"{rate / 1e9:.0f}"
    return [
        shown,
        f"{100 * rate / product:.2g}" if rate < 0.1 * product else f"{100 * rate / product:.0f}",
    ]


def road(measured: dict[str, Any]) -> str:
    """Format the table of the forms of a convolution, each with the map on which it was timed."""
    head = [
        "form",
        "convolution",
        "ms",
        "GFLOP/s",
        "% of product",
        "time ÷ best PyTorch, for the same work",
    ]
    product, rows = product_rate(measured), []
    entries = list(section_of(measured, "road"))
    for corner, whole in zip(entries[::2], entries[1::2], strict=False):
        job = work.from_json(whole["job"])
        best = job.flop / median(whole, best_torch(whole))
        for entry, side in ((corner, "naive loop"), *((whole, side) for side in whole["sides"])):
            job = work.from_json(entry["job"])
            seconds = entry["sides"][side]["seconds"]
            slower = best * statistics.median(seconds) / job.flop
            row = [side, f"{job.size}² × {job.channels} → {job.out}² × {job.features}"]
            row += [spread(seconds, 1e-3), *rated(job.flop, statistics.median(seconds), product)]
            rows.append([*row, f"{slower:.2f}" if slower < 100 else f"{slower:,.0f}"])
    return table(head, rows)


def networks(measured: dict[str, Any], section: str) -> str:
    """Format the table of whole networks, with the time and the memory of each side."""
    head = ["network", "side", "seconds", "GFLOP/s", "% of product"]
    head += ["÷ best PyTorch", "ratio of minima", "peak, MiB", "peak ÷ best PyTorch's"]
    product, rows = product_rate(measured), []
    for entry in section_of(measured, section):
        job, best = work.from_json(entry["job"]), best_torch(entry)
        least = min(min(entry["sides"][side]["seconds"]) for side in torch_sides(entry))
        for side, found in entry["sides"].items():
            seconds = median(entry, side)
            row = [named(job), side, spread(found["seconds"], 1)]
            row += [*rated(job.flop, seconds, product), f"{seconds / median(entry, best):.2f}"]
            row += [f"{min(found['seconds']) / least:.2f}"]
            memory = found["peak"] / entry["sides"][best]["peak"]
            rows.append([*row, f"{found['peak'] / 2**20:.0f}", f"{memory:.2f}"])
    return table(head, rows)


def agreement(measured: dict[str, Any]) -> str:
    """Format the largest differences between the results of the sides."""
    worst: dict[str, float] = {}
    for entry in measured["entries"]:
        errors = [side["error"] for side in entry["sides"].values()]
        worst[entry["section"]] = max(worst.get(entry["section"], 0.0), *errors)
    listed = ", ".join(f"{section} {error:.0e}" for section, error in worst.items())
    return f"Largest difference between the results of two sides (`timing.CLOSE`): {listed}."
