"""`python -m tests.benchmarks`: print all comparisons and write mlruns/bench.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.benchmarks import (
    bench_attacks,
    bench_beyond,
    bench_bounds,
    bench_columns,
    bench_evaluate,
    bench_job_overhead,
    bench_mutations,
    bench_separation,
    bench_small_rho,
    bench_training,
)

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run the benchmarks, print a table, write the rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--network", help="network file to evaluate instead of our own")
    parser.add_argument("--N", type=int, default=100_000, help="points of the separation benchmark")
    parser.add_argument(
        "--small-rho",
        type=int,
        nargs="*",
        default=[1_000, 10_000],
        help="points of the networks of Theorem 4.2(i)",
    )
    parser.add_argument(
        "--beyond",
        type=int,
        nargs="*",
        default=[10_000, 100_000],
        help="points of the networks of halving_lattice that are built and certified",
    )
    parser.add_argument(
        "--training", type=int, default=300, help="steps of the networks that are trained"
    )
    parser.add_argument(
        "--jobs", type=int, default=bench_job_overhead.REPEATS, help="times to time a tiny job"
    )
    parser.add_argument("--bounds", type=int, default=1_000, help="balls that CROWN bounds")
    parser.add_argument(
        "--contradictions",
        type=int,
        nargs="?",
        const=400,
        help="only compare all methods on six balls each of so many random networks",
    )
    parser.add_argument(
        "--complete", action="store_true", help="only search balls of four trained networks"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "mlruns" / "bench.json")
    parser.add_argument(
        "--mutations",
        action="store_true",
        help="change every weight of small networks a little, and nothing else",
    )
    arguments = parser.parse_args()
    if arguments.mutations:
        sys.exit(bench_mutations.print_mutations())
    if arguments.contradictions is not None:
        rows = bench_bounds.contradiction_rows(arguments.contradictions)
    elif arguments.complete:
        rows = bench_bounds.complete_rows()
    else:
        rows = all_rows(arguments)
    print(table(rows))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"written to {arguments.out}")


def all_rows(arguments: argparse.Namespace) -> list[dict[str, str | float]]:
    """Return the rows of all comparisons."""
    if arguments.network is None:
        digits = bench_evaluate.digits_network()
        rows = bench_evaluate.rows(digits, "parallel_balls digits rho=1/2") + bench_evaluate.rows()
    else:
        rows = bench_evaluate.rows(arguments.network)
    rows += bench_columns.rows() + bench_small_rho.rows(tuple(arguments.small_rho))
    rows += bench_beyond.rows(tuple(arguments.beyond))
    rows += bench_separation.rows(arguments.N)
    rows += bench_attacks.rows(max_steps=arguments.training)
    rows += bench_bounds.rows(arguments.bounds, arguments.training)
    rows += bench_training.rows(min(arguments.training, bench_training.STEPS))
    rows += bench_job_overhead.rows(arguments.jobs)
    return rows


def table(rows: list[dict[str, str | float]]) -> str:
    """Return the rows as a table with aligned columns."""
    width = max(len(str(row["name"])) for row in rows)
    lines = [f"{'name':{width}}  {'metric':9}{'ours':>12}{'peer':>12}{'ratio':>10}"]
    for row in rows:
        # Counts are whole; ratios of counts may be small.
        form = "12,d" if row["metric"] in ("P", "balls") else "12.4f"
        form = "12.3g" if row["metric"] == "1e-12" else form
        lines.append(
            f"{row['name']:{width}}  {row['metric']:9}{row['ours']:{form}}{row['peer']:{form}}"
            f"{row['ratio']:10.3g}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
