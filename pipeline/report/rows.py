"""One row of the summary: what a construction or baseline cost and what was decided about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pipeline.exact import parse_norm, parse_ratio
from pipeline.figures import MeasuredCount
from pipeline.report.values import (
    LEAST,
    bound_of_text,
    count_of,
    files_of,
    finite_of,
    seconds_of,
)

CLAIMS = ("balls", "error", "points", "none")
# Proved claims that say nothing (or not everything) about the whole balls, as Figure 1 names them.
_OTHER_CLAIMS = {"error": "error bound", "points": "points only"}
# One word for what was proved of the network as a whole (docs/tracking.md).
_PROVED = {"verified": "VERIFIED", "error bound": "BOUNDED", "points only": "MEMORIZED"}


@dataclass(frozen=True)
class SummaryRow:
    """One construction or baseline on one dataset at one ratio.

    Args:
        construction: its name; a baseline row stands under the baseline's name.
        dataset: the dataset's name.
        N: number of points.
        d: input dimension.
        C: number of classes.
        rho: robustness ratio as the user wrote it, such as "1/2".
        parameter_count: P, zeros counted (Eq. 3).
        nonzero_count: nonzero parameters (Appendix E), None for a plan.
        depth: number of affine layers.
        width: largest hidden width.
        first_hidden_width: width of the first hidden layer.
        bit_complexity: bits a parameter needs in fixed point, None for a plan.
        lower_bound: leading term of Theorem 3.1, constants omitted; it bounds the worst dataset.
        verified: number of balls, None together with the next two where nothing was decided.
        falsified: number of balls.
        unknown: number of balls.
        seconds: wall-clock seconds of each stage.
        files: paths of "dataset", "network" and "certificate", relative to the run directory.
        p: norm of the balls, "1", "2", another integer or "inf".
        claim: what its certificate claims: "balls", "error" (the robust memorization error is
            bounded), "points" (f = y at the points alone), or "none" without a certificate.
        holds: whether the checker proved that claim, None where nothing was checked.
        points: number of points at which f = y was proved, None where the check does not say.
        error_bound: the proved upper bound on L_rho as decimal text, rounded up, None without one.
        error_estimate: largest share of wrong samples of a ball, None without sampling.
        error_lower: Clopper-Pearson lower bound on L_rho, None without sampling.
        error_upper: Clopper-Pearson upper bound on L_rho, 0 where every ball is verified.
        trained: whether training made the network; None in older files, where it follows from the
            missing certificate.

    Raises:
        ValueError: if a field is missing, out of range or contradicts another.
    """

    construction: str
    dataset: str
    N: int
    d: int
    C: int
    rho: str
    parameter_count: int
    nonzero_count: int | None
    depth: int
    width: int
    first_hidden_width: int
    bit_complexity: int | None
    lower_bound: float | None
    verified: int | None
    falsified: int | None
    unknown: int | None
    seconds: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    p: str = "2"
    claim: str = "balls"
    holds: bool | None = None
    points: int | None = None
    error_bound: str | None = None
    error_estimate: float | None = None
    error_lower: float | None = None
    error_upper: float | None = None
    trained: bool | None = None

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            object.__setattr__(self, name, count_of(name, getattr(self, name), least))
        for name in ("construction", "dataset", "rho", "p"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ValueError(f"{name} must be a text, got {getattr(self, name)!r}")
        parse_ratio(self.rho)
        parse_norm(self.p)
        object.__setattr__(self, "seconds", seconds_of(self.seconds))
        object.__setattr__(self, "files", files_of(self.files))
        if self.lower_bound is not None:
            object.__setattr__(self, "lower_bound", finite_of("lower_bound", self.lower_bound, 1))
        for name in ("error_estimate", "error_lower", "error_upper"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, finite_of(name, getattr(self, name), most=1))
        if self.error_bound is not None:
            bound_of_text(self.error_bound)
        self._require_agreement()
        self._require_claim()

    def _require_agreement(self) -> None:
        if self.nonzero_count is not None and self.nonzero_count > self.parameter_count:
            raise ValueError(
                f"nonzero_count {self.nonzero_count} exceeds parameter_count {self.parameter_count}"
            )
        if self.first_hidden_width > self.width:
            raise ValueError(
                f"first_hidden_width {self.first_hidden_width} exceeds width {self.width}"
            )
        verdicts = (self.verified, self.falsified, self.unknown)
        decided = [count for count in verdicts if count is not None]
        if not decided:
            return
        if len(decided) < 3 or sum(decided) != self.N:
            raise ValueError(
                f"verified, falsified and unknown must add up to N = {self.N} or all be null, "
                f"got {verdicts}"
            )
        if self.files["network"] is None:
            raise ValueError("verdicts need a network file: a plan decides nothing")

    def _require_claim(self) -> None:
        if self.claim not in CLAIMS:
            raise ValueError(f"claim must be one of {', '.join(CLAIMS)}, got {self.claim!r}")
        if self.holds not in (None, True, False) or self.trained not in (None, True, False):
            given = f"{self.holds!r} and {self.trained!r}"
            raise ValueError(f"holds and trained must be true, false or null, got {given}")
        if self.holds is not None and self.files["certificate"] is None:
            raise ValueError("a claim holds or fails by its certificate, there is no such file")
        if self.points is not None and self.points > self.N:
            raise ValueError(f"points {self.points} exceed N = {self.N}")
        if (self.error_estimate is None) != (self.error_lower is None):
            raise ValueError("error_estimate and error_lower come from the same samples")
        if self.error_estimate is not None and self.error_upper is None:
            raise ValueError("error_estimate and error_upper come from the same samples")
        proved = {
            "balls": self.verified == self.N,
            "error": self.error_bound is not None,
            "points": self.points == self.N,
            "none": False,
        }
        if self.holds and not proved[self.claim]:
            raise ValueError(
                f"the claim {self.claim!r} cannot hold with {self.verified} balls verified, "
                f"{self.points} points and the bound {self.error_bound} (N = {self.N})"
            )

    @property
    def status(self) -> str:
        """What the row is, never more than its claim.

        "planned", "verified" (every ball, by the rule f = y; claim balls, or none that could be
        missed), "error bound", "points only", "trained" or "not verified".
        """
        if self.files["network"] is None:
            return "planned"
        unclaimed = self.claim == "none" and self.trained is False
        every_ball = self.verified == self.N and self.holds is not False
        if every_ball and (self.claim == "balls" or unclaimed):
            return "verified"
        if self.holds and self.claim in _OTHER_CLAIMS:
            return _OTHER_CLAIMS[self.claim]
        no_certificate = self.files["certificate"] is None
        trained = no_certificate if self.trained is None else self.trained
        return "trained" if trained else "not verified"

    @property
    def verdict(self) -> str:
        """One word on the network as a whole (docs/tracking.md), PLANNED without one.

        VERIFIED, BOUNDED and MEMORIZED: the claim "balls", "error", "points" was proved. A
        falsified ball refutes the first of them only, so that the others are UNKNOWN otherwise.
        Without a claim, VERIFIED says that every ball was proved by the network's own rule.
        """
        if self.verified is None:
            return "PLANNED"
        if self.status in _PROVED:
            return _PROVED[self.status]
        if self.claim == "none" and self.verified == self.N:
            return "VERIFIED"
        about_balls = self.claim in ("balls", "none")
        return "FALSIFIED" if self.falsified and about_balls else "UNKNOWN"

    @property
    def ratio_to_lower(self) -> float | None:
        """P divided by the lower bound's leading term, None without a bound."""
        return self.parameter_count / self.lower_bound if self.lower_bound else None

    def measured(self) -> MeasuredCount:
        """Return the row as a marker of Figure 1."""
        rho = min(max(float(parse_ratio(self.rho)), 1e-300), math.nextafter(1.0, 0.0))
        return MeasuredCount(self.construction, rho, self.parameter_count, self.status)

    def to_json(self) -> dict[str, Any]:
        """Return the row with JSON types, keys in the order of the fields."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return values | {"seconds": dict(self.seconds), "files": dict(self.files)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> SummaryRow:
        """Return the row of a summary file.

        Raises:
            ValueError: if a key is missing or unknown, or a value is out of range.
        """
        known = {each.name for each in fields(cls)}
        missing, unknown = known - _ADDED_LATER - set(row), set(row) - known
        if missing or unknown:
            names = ", ".join(sorted(missing or unknown))
            raise ValueError(f"a summary row has {'no' if missing else 'an unknown'} key {names}")
        return cls(**row)


# Fields that older summary files lack; their defaults say what those files meant.
_ADDED_LATER = {
    "p",
    "claim",
    "holds",
    "points",
    "error_bound",
    "error_estimate",
    "error_lower",
    "error_upper",
    "trained",
}
