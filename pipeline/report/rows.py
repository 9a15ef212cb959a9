"""One row of the summary: what a construction or baseline cost and what was decided about it."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pipeline.exact import parse_norm, parse_ratio
from pipeline.figures import MeasuredCount, replace_file

FILE_ROLES = ("dataset", "network", "certificate")


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

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            object.__setattr__(self, name, _count(name, getattr(self, name), least))
        for name in ("construction", "dataset", "rho", "p"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ValueError(f"{name} must be a text, got {getattr(self, name)!r}")
        parse_ratio(self.rho)
        parse_norm(self.p)
        object.__setattr__(self, "seconds", _seconds(self.seconds))
        object.__setattr__(self, "files", _files(self.files))
        if self.lower_bound is not None:
            object.__setattr__(self, "lower_bound", _finite("lower_bound", self.lower_bound, 1))
        self._require_agreement()

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

    @property
    def status(self) -> str:
        """What the row is: "planned", "verified" (every ball), "trained" or "not verified"."""
        if self.files["network"] is None:
            return "planned"
        if self.verified == self.N:
            return "verified"
        return "trained" if self.files["certificate"] is None else "not verified"

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
        missing, unknown = known - {"p"} - set(row), set(row) - known
        if missing or unknown:
            names = ", ".join(sorted(missing or unknown))
            raise ValueError(f"a summary row has {'no' if missing else 'an unknown'} key {names}")
        return cls(**row)


_LEAST = {
    "N": 2,
    "d": 1,
    "C": 2,
    "parameter_count": 1,
    "nonzero_count": 0,
    "depth": 1,
    "width": 1,
    "first_hidden_width": 1,
    "bit_complexity": 0,
    "verified": 0,
    "falsified": 0,
    "unknown": 0,
}
_OPTIONAL = {"nonzero_count", "bit_complexity", "verified", "falsified", "unknown"}


def write_summary(path: Path | str, rows: Sequence[SummaryRow]) -> Path:
    """Return the path after writing {"rows": [...]} as JSON, in one step."""
    document = {"rows": [row.to_json() for row in rows]}
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return replace_file(path, text.encode("utf-8"))


def read_summary(path: Path | str) -> tuple[SummaryRow, ...]:
    """Return the rows of a summary file.

    Raises:
        ValueError: if the file is no summary.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no summary: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise ValueError(f'{path} is no summary: {{"rows": [...]}} was required')
    return tuple(SummaryRow.from_json(row) for row in document["rows"])


def _count(name: str, value: Any, least: int) -> int | None:
    if value is None and name in _OPTIONAL:
        return None
    try:
        count = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
    return count


def _finite(name: str, value: Any, least: float = 0) -> float:
    number = math.nan if isinstance(value, (bool, str)) else float(value)
    if not math.isfinite(number) or number < least:
        raise ValueError(f"{name} must be a finite number >= {least}, got {value!r}")
    return number


def _seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    return {str(stage): _finite(f"seconds of {stage}", s) for stage, s in seconds.items()}


def _files(files: Mapping[str, str | None]) -> dict[str, str | None]:
    unknown = set(files) - set(FILE_ROLES)
    if unknown:
        raise ValueError(f"files must be {', '.join(FILE_ROLES)}, got {', '.join(sorted(unknown))}")
    paths: dict[str, str | None] = {}
    for role in FILE_ROLES:
        name = files.get(role)
        if name is not None:
            name = str(name)
            if PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
                raise ValueError(f"files are relative to the run directory, got {name} for {role}")
        paths[role] = name
    return paths
