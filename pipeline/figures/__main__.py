"""`python -m pipeline.figures` draws the paper's figures into mlruns/figures (`make figures`)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.figures import figure_1, save_figure
from pipeline.theory import bounds_table

FOLDER = Path(__file__).resolve().parents[2] / "mlruns" / "figures"


def main(arguments: list[str] | None = None) -> int:
    """Draw Figure 1 for the given N and d = N (the paper's d = Theta(N)) and print the files."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.figures", description=main.__doc__)
    parser.add_argument("--N", type=int, default=4096)
    parser.add_argument("--d", type=int, default=None, help="input dimension, N by default")
    parser.add_argument("--additive-d", action="store_true", help="keep the d of the input layer")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    try:
        d = options.N if options.d is None else options.d
        table = bounds_table(options.N, d, additive_d=options.additive_d)
        options.folder.mkdir(parents=True, exist_ok=True)
        written = save_figure(figure_1(table), options.folder / "figure1")
        table.to_csv(options.folder / "figure1.csv", index=False)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in (*written, options.folder / "figure1.csv"):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
