"""What the report says beyond the table: the claim's radius, the files, how to check again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from pipeline.data import SeparatedDataset
from pipeline.exact import parse_norm, parse_ratio

DECISION_RULES = {"exact": "f(x′) = yᵢ", "nearest": "|f(x′) − yᵢ| < 1/2"}


@dataclass(frozen=True)
class FileDigest:
    """A file of the run and the sha256 of its bytes.

    Args:
        role: "dataset", "network", "certificate", ...
        path: relative to the run directory.
        sha256: 64 hexadecimal digits.

    Raises:
        ValueError: if the digest is none.
    """

    role: str
    path: str
    sha256: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"sha256 must be 64 hexadecimal digits, got {self.sha256!r}")


@dataclass(frozen=True)
class RowDetails:
    """What stands behind one row of the summary.

    Args:
        construction: name, as in the row.
        source: the theorem or the page that proves it, such as "Theorem 4.2(iii)".
        decision_rule: "exact" for f = y or "nearest" for |f - y| < 1/2, part of the claim.
        notes: pairs (label, value): options, resolved sizes, deviations, attacks and their counts.
        check_command: the command that decides the balls again, None for a plan.
        files: files with digests.

    Raises:
        ValueError: if the decision rule is unknown.
    """

    construction: str
    source: str = ""
    decision_rule: str = "exact"
    notes: tuple[tuple[str, str], ...] = ()
    check_command: str | None = None
    files: tuple[FileDigest, ...] = ()

    def __post_init__(self) -> None:
        if self.decision_rule not in DECISION_RULES:
            raise ValueError(
                f"decision_rule must be {' or '.join(DECISION_RULES)}, got {self.decision_rule!r}"
            )
        object.__setattr__(self, "notes", tuple((str(k), str(v)) for k, v in self.notes))
        object.__setattr__(self, "files", tuple(self.files))


@dataclass(frozen=True)
class RunDetails:
    """What was run: dataset, radius, provenance.

    Args:
        dataset: the dataset's name.
        dataset_digest: sha256 of the dataset file.
        rho: robustness ratio as the user wrote it.
        p: norm, "2" or "inf", ...
        separation_power: eps_D^p exactly, eps_D itself for p = inf (Definition 2.1).
        separation: eps_D rounded, for reading.
        pair: 0-based rows of two points at distance 2 eps_D.
        radius_power: mu^p exactly, mu itself for p = inf (Definition 2.2).
        radius: mu rounded, for reading.
        seed: of the whole run.
        command: that repeats the run.
        date: given by the caller, so that the page is a function of its arguments.
        git_commit: None outside a checkout.
        versions: pairs (package, version).
        rows: details of the summary's rows, in the same order.

    Raises:
        ValueError: if rho or p is none.
    """

    dataset: str
    dataset_digest: str
    rho: str
    p: str
    separation_power: Fraction
    separation: float
    pair: tuple[int, int]
    radius_power: Fraction
    radius: float
    seed: int
    command: str
    date: str
    git_commit: str | None = None
    versions: tuple[tuple[str, str], ...] = ()
    rows: tuple[RowDetails, ...] = ()

    def __post_init__(self) -> None:
        parse_ratio(self.rho)
        parse_norm(self.p)
        object.__setattr__(self, "rows", tuple(self.rows))
        object.__setattr__(self, "versions", tuple((str(k), str(v)) for k, v in self.versions))

    @classmethod
    def of_dataset(
        cls,
        dataset: SeparatedDataset,
        dataset_digest: str,
        rho: str,
        p: str = "2",
        *,
        seed: int,
        command: str,
        date: str,
        git_commit: str | None = None,
        versions: tuple[tuple[str, str], ...] = (),
        rows: tuple[RowDetails, ...] = (),
    ) -> RunDetails:
        """Return the details with separation and radius computed from the dataset."""
        norm, ratio = parse_norm(p), parse_ratio(rho)
        separation = dataset.separation(norm)
        return cls(
            dataset=dataset.name,
            dataset_digest=dataset_digest,
            rho=rho,
            p=p,
            separation_power=separation.power,
            separation=separation.nearest_float64,
            pair=separation.pair,
            radius_power=dataset.radius_power(ratio, norm),
            radius=separation.nearest_float64 * float(ratio),
            seed=seed,
            command=command,
            date=date,
            git_commit=git_commit,
            versions=versions,
            rows=rows,
        )

    @property
    def exponent(self) -> str:
        """The superscript under which powers of lengths are printed, empty for p = 1 and inf."""
        norm = parse_norm(self.p)
        return "" if norm in (1, inf) else str(norm)


@dataclass(frozen=True, eq=False)
class BallData:
    """Numbers of single balls, for the report's plots.

    Args:
        construction: name, as in the row.
        margins: slack of each verified ball, shape (n,), or None.
        margin_label: what the slack is.
        error_upper: upper bound on P[f(x') != y_i] of each sampled ball, shape (n,), or None.
        confidence: of each such bound, such as "99.9 %".
    """

    construction: str
    margins: ArrayLike | None = None
    margin_label: str = "margin"
    error_upper: ArrayLike | None = None
    confidence: str = ""

    def __post_init__(self) -> None:
        for name in ("margins", "error_upper"):
            if getattr(self, name) is not None:
                values = np.asarray(getattr(self, name), dtype=np.float64)
                object.__setattr__(self, name, values)


def exact_text(value: Fraction, digits: int = 400) -> str:
    """Return a rational in full, or its size where it is too long to read.

    >>> exact_text(Fraction(3, 4)), exact_text(Fraction(1, 2**4000))
    ('3/4', 'a rational of 4002 bits')
    """
    bits = value.numerator.bit_length() + value.denominator.bit_length()
    return str(value) if bits <= 3 * digits else f"a rational of {bits} bits"
