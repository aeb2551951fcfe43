"""The scripts of benchmarks/ import each other by name, as if they were run."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
