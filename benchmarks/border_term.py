"""Measure the effect of the border term of equation (2) on touching cells.

    python benchmarks/border_term.py FOLDER --out RUNS [any option of minunet.train]

Runs `minunet.train --experiment cells` on FOLDER twice: once with the weight map of equation (2),
and once with the first term of this equation, w_c, alone. All other settings are the same,
including the seed and the number of steps. The two runs are started at the same time, each on one
core. Prints a Markdown table of the scores on the held-out slices. Each run is scored at the step
with its highest SEG on these slices.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

FORMS = {"paper": "w_c and border term", "balance": "w_c alone"}
SHOWN = ("seg", "iou", "cells_truth", "cells_found", "cells_missed", "cells_merged", "cells_extra")


def main():
    """Train with both weight maps, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="data set, as for minunet.train --data")
    parser.add_argument("--out", type=Path, required=True, help="output folder of both runs")
    args, more = parser.parse_known_args()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "minunet.train", "--experiment", "cells", "--data", args.data]
    running = [
        subprocess.Popen(
            [*command, "--weight-map", form, "--out", args.out / form, *more], env=environment
        )
        for form in FORMS
    ]
    if any(process.wait() for process in running):
        sys.exit("a run failed; its message is above")
    scores = {form: json.loads((args.out / form / "scores.json").read_text()) for form in FORMS}
    print("\n| | " + " | ".join(scores["paper"][key]["name"] for key in SHOWN) + " |")
    print("|---" * (1 + len(SHOWN)) + "|")
    for form, words in FORMS.items():
        values = (scores[form][key]["value"] for key in SHOWN)
        print(f"| {words} | " + " | ".join(f"{value:.4g}" for value in values) + " |")


if __name__ == "__main__":
    main()
