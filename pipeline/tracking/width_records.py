"""Certified networks on the dataset of Proposition 3.2, wherever kept, and their widths."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.construction.crossovers import VERIFIED
from pipeline.data import load_dataset
from pipeline.data.hard_width import is_hard_width
from pipeline.exact import digest_of_file
from pipeline.network import load_network
from pipeline.report.console import Column, shortened
from pipeline.verification.forced_width import ForcedWidth, forced_on_hard_width

# The name of the dataset's family, for records whose points are not kept.
HARD_WIDTH = "hard_width"


@dataclass(frozen=True)
class WidthRecord:
    """A network with every ball proved, on the dataset of Proposition 3.2.

    Args:
        construction: its name, "trained" or a baseline's.
        N: number of points.
        d: dimension.
        rho: robustness ratio.
        p: norm of the balls.
        width: of the first hidden layer; an affine map's one output counts as 1.
        where: the run or the cache's entry that holds it.
        identity: equal for two records of one network on one dataset.

    Raises:
        ValueError: if the width is not positive, or a size, ratio or norm is out of range.
    """

    construction: str
    N: int
    d: int
    rho: Fraction
    p: int | float
    width: int
    where: str
    identity: tuple[Any, ...]

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"a first hidden width must be positive, got {self.width}")
        forced_on_hard_width(self.N, self.d, self.rho, self.p)

    @property
    def forced(self) -> ForcedWidth:
        """The width that every network needs there."""
        return forced_on_hard_width(self.N, self.d, self.rho, self.p)

    @property
    def below(self) -> bool:
        """Whether the network is narrower than that: one of the proofs is wrong."""
        return self.width < self.forced.width


def record_of_files(
    dataset: Path, network: Path, construction: str, rho: Fraction, p: int | float, where: str
) -> WidthRecord | None:
    """Return the record of a certified network, None where its points are others.

    Args:
        dataset: the file of the points.
        network: the file of the network.
        construction: its name.
        rho: robustness ratio.
        p: norm of the balls.
        where: what holds the files.

    Raises:
        ValueError: if a file cannot be read.
    """
    data = load_dataset(dataset)
    if not is_hard_width(data.X, data.y):
        return None
    width = load_network(network).layers[0].outputs
    identity = (digest_of_file(dataset), digest_of_file(network), rho, p)
    return WidthRecord(construction, data.N, data.d, rho, p, width, where, identity)


def records_of_counts(
    rows: Sequence[Mapping[str, Any]], hard: bool, where: str
) -> Iterator[WidthRecord]:
    """Yield the records among rows of `pipeline.construction.crossovers.Counted`.

    Args:
        rows: as JSON objects; those of another verdict, of other data or without a width (written
            before widths were) are passed over.
        hard: whether rows that name no dataset are about Proposition 3.2's.
        where: what holds them.
    """
    for row in rows:
        name, width = row.get("dataset") or "", row.get("first_hidden_width")
        if row["verdict"] != VERIFIED or width is None:
            continue
        if name == HARD_WIDTH or (hard and not name):
            sizes = int(row["N"]), int(row["d"])
            identity = (row["variant"], *sizes, row["rho"], row["parameter_count"], width)
            rho = Fraction(row["rho"])
            yield WidthRecord(row["construction"], *sizes, rho, 2, int(width), where, identity)


def rows_of_file(path: Path) -> list[Mapping[str, Any]]:
    """Return the rows in a file of counts.

    Raises:
        ValueError: if it holds something else.
    """
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path.name} must hold a list of rows")
    return rows


def records_table(records: Sequence[WidthRecord]) -> str:
    """Return one line a network: construction, sizes, its width and the width that is needed."""
    columns = [
        Column("construction", tuple(shortened(r.construction, 22) for r in records), right=False),
        Column("N", tuple(f"{r.N:,}" for r in records)),
        Column("d", tuple(f"{r.d:,}" for r in records)),
        Column("rho", tuple(str(r.rho) for r in records), right=False),
        Column("p", tuple(str(r.p) for r in records)),
        Column("first", tuple(f"{r.width:,}" for r in records)),
        Column("needed", tuple(f"{r.forced.width:,}" for r in records)),
        Column("by", tuple(r.forced.item for r in records), right=False),
        Column("", tuple("BELOW" if r.below else "" for r in records), right=False),
        Column("where", tuple(r.where for r in records), right=False),
    ]
    lines = ["  ".join(texts).rstrip() for texts in zip(*map(Column.texts, columns), strict=True)]
    return "\n".join(lines)
