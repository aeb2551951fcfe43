"""Make the parts of benchmarks/beside_torch importable by name, as when it runs."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks" / "beside_torch"))
