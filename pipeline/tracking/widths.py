"""`make widths` (`python -m pipeline.tracking.widths`): no certified network is impossibly narrow.

Proposition 3.2 forces a first hidden width on its dataset. A network below it on which every ball
is VERIFIED would show that a proof is wrong, so every one ever tracked or cached is looked at.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.tracking.cached_widths import UnreadError, cached_records
from pipeline.tracking.errors import TrackingError
from pipeline.tracking.store import open_store, tracking_uri
from pipeline.tracking.tracked_widths import tracked_records
from pipeline.tracking.width_records import WidthRecord, records_table

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """List every certified network on Proposition 3.2's dataset; return 1 if one is too narrow."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.tracking.widths", description=main.__doc__
    )
    parser.add_argument("--uri", default=None, help="a store other than mlruns/mlflow.db")
    parser.add_argument("--cache", type=Path, default=ROOT / "mlruns" / "cache")
    options = parser.parse_args(arguments)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        uri = tracking_uri(options.uri, ROOT)
        found = [*tracked_records(open_store(uri), uri), *cached_records(options.cache)]
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    distinct: dict[Any, WidthRecord] = {}
    for each in found:
        if isinstance(each, UnreadError):
            print(f"not examined: {each}")
        else:
            distinct.setdefault(each.identity, each)
    return _reported(list(distinct.values()), sum(isinstance(each, UnreadError) for each in found))


def _reported(records: list[WidthRecord], unread: int) -> int:
    """Print the table and the last line; return the exit code."""
    records.sort(key=lambda r: (not r.below, r.N, r.d, r.rho, r.width, r.construction))
    if records:
        print(f"\n{records_table(records)}\n")
    below = sum(record.below for record in records)
    examined = "1 network" if len(records) == 1 else f"{len(records)} networks"
    rest = f"; {unread} not examined" if unread else ""
    if below:
        print(f"WIDTHS: {below} of {examined} below what every network needs{rest}")
        print("One of the proofs is wrong: keep the files and report it.")
        return 1
    print(f"WIDTHS: checked {examined}, none below{rest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
