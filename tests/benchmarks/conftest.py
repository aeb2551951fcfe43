"""Make the scripts in benchmarks/ and beside_torch/ importable by name, as when they run."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "beside_torch")]
