"""Values of a summary row as they must be: counts, finite numbers, proved bounds, paths."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

FILE_ROLES = ("dataset", "network", "certificate")
LEAST = {
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
    "points": 0,
}
OPTIONAL = {"nonzero_count", "bit_complexity", "verified", "falsified", "unknown", "points"}


def count_of(name: str, value: Any, least: int) -> int | None:
    """Return a count as int, None where the field may be absent.

    Raises:
        ValueError: if it is no integer of at least `least`.
    """
    if value is None and name in OPTIONAL:
        return None
    try:
        count = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
    return count


def bound_of_text(text: str) -> Decimal:
    """Return a proved bound from its decimal text.

    Raises:
        ValueError: if the text is no number of at least 0.

    >>> bound_of_text("0.000118273645")
    Decimal('0.000118273645')
    """
    try:
        bound = Decimal(text) if isinstance(text, str) else Decimal("NaN")
    except InvalidOperation:
        bound = Decimal("NaN")
    if not bound.is_finite() or bound < 0:
        raise ValueError(f"error_bound must be a decimal number >= 0, got {text!r}")
    return bound


def finite_of(name: str, value: Any, least: float = 0, most: float = math.inf) -> float:
    """Return a finite number within the limits.

    Raises:
        ValueError: if it is none.
    """
    number = math.nan if isinstance(value, (bool, str)) else float(value)
    if not math.isfinite(number) or not least <= number <= most:
        end = "" if most == math.inf else f" and <= {most}"
        raise ValueError(f"{name} must be a finite number >= {least}{end}, got {value!r}")
    return number


def seconds_of(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of each stage; ValueError if one is not finite."""
    return {str(stage): finite_of(f"seconds of {stage}", s) for stage, s in seconds.items()}


def files_of(files: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the path of every role, None for a missing file.

    Raises:
        ValueError: if a role is unknown or a path is not relative.
    """
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
