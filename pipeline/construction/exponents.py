"""Exponents of the constructions' sizes, measured: built or planned, fitted on logarithms.

The theorems bound P up to logarithms. What is fitted here has the logarithms that the proof names
(key bits, folds) divided out, so that the slope is the exponent that the theorem states.

Sizes in the fits: Theorem 4.2(i) is built at growing N; (ii) is planned at fixed N and d over rho;
(iii) is planned in Case IV where 9 d rho^2 exceeds 600 ln N, so that m = ceil(9 d rho^2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np
from scipy.stats import t

from pipeline.construction.registry import build, plan
from pipeline.data import generate_dataset
from pipeline.network import Plan

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Fit:
    """A fitted exponent with the limits of its confidence interval."""

    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class Sizes:
    """At which sizes the exponents are measured.

    Args:
        built_N: numbers of points of the networks of Theorem 4.2(i), which are built.
        groups: points n per group of the plans of Theorem 4.2(ii); rho = 1/(5 sqrt(d) n).
        N: number of points of these plans.
        planned_N: numbers of points of the plans of Theorem 4.2(i).
        scale: of the data that these plans assume: points within 2^scale eps_D of the middle.
        seed: of the datasets and draws of what is built.
        confidence: of the intervals.
    """

    built_N: tuple[int, ...] = (64, 256, 1024, 4096)
    groups: tuple[int, ...] = (10**4, 10**5, 10**6, 10**7, 10**8)
    N: int = 10**12
    planned_N: tuple[int, ...] = (10**4, 10**6, 10**8, 10**10, 10**12)
    scale: int = 10
    seed: int = 0
    confidence: float = 0.95


@dataclass(frozen=True)
class Exponent:
    """A size of a construction against one variable, and the slope in logarithms.

    Args:
        construction: its name.
        variable: "N", "d" or "rho"; "N_planned" where N grows in plans alone.
        quantity: what was counted, in words.
        expected: the exponent that the theorem states.
        points: pairs (variable, quantity).
        fit: slope with its interval.
    """

    construction: str
    variable: str
    quantity: str
    expected: float
    points: tuple[tuple[float, float], ...]
    fit: Fit


@dataclass(frozen=True)
class _Study:
    construction: str
    variable: str
    quantity: str
    expected: float
    measure: Callable[[Sizes], Points]


def fitted_slope(x: Sequence[float], y: Sequence[float], confidence: float = 0.95) -> Fit:
    """Return the least-squares slope of log y against log x with its t-distribution interval.

    Args:
        x: positive values, not all equal.
        y: positive values, as many.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: if there are fewer than three points, or a value is not positive.

    >>> fit = fitted_slope([1, 4, 16], [3, 6, 12])
    >>> round(fit.slope, 9), round(fit.low, 6), round(fit.high, 6)
    (0.5, 0.5, 0.5)
    """
    if len(x) != len(y) or len(x) < 3:
        raise ValueError(f"an interval needs three points or more, got {len(x)} and {len(y)}")
    if min(*x, *y) <= 0 or min(x) == max(x):
        raise ValueError(f"logarithms need positive values, not all equal, got {x} and {y}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    u, v = (np.log(np.array(values, dtype=float)) for values in (x, y))
    u, v = u - u.mean(), v - v.mean()
    slope = float(u @ v / (u @ u))
    # From the residuals: 1 - r^2, as library regressions have it, cancels in a fit this close.
    error = float(np.sqrt(np.sum((v - slope * u) ** 2) / (len(x) - 2) / (u @ u)))
    half = float(t.ppf((1 + confidence) / 2, len(x) - 2)) * error
    return Fit(slope, slope - half, slope + half)


def exponents(names: Sequence[str], sizes: Sizes | None = None) -> list[Exponent]:
    """Return the measured exponents of the named constructions, in the order of the theorems.

    Args:
        names: of constructions.
        sizes: where to measure.

    Raises:
        ValueError: if no exponent of a name is known, or a plan lacks the size that is measured.
    """
    strangers = sorted(set(names) - set(MEASURED))
    if strangers:
        raise ValueError(f"exponents are measured of {', '.join(MEASURED)}, got {strangers[0]!r}")
    at = sizes or Sizes()
    found = []
    for study in _STUDIES:
        if study.construction in names:
            points = study.measure(at)
            fit = fitted_slope([x for x, _ in points], [y for _, y in points], at.confidence)
            found.append(
                Exponent(
                    study.construction,
                    study.variable,
                    study.quantity,
                    study.expected,
                    tuple(points),
                    fit,
                )
            )
    return found


def _small_in_N(at: Sizes) -> Points:
    points: Points = []
    for N in at.built_N:
        data, _ = generate_dataset("cube", N=N, d=4, C=2, seed=at.seed)
        rho = Fraction(1, 5 * N * _ceil_sqrt(4))
        sizes = build("thm_4_2_i", data, rho, seed=at.seed).plan
        points.append((N, _resolved(sizes, "memorizer_depth") / _resolved(sizes, "key_bits")))
    return points


def _small_in_planned_N(at: Sizes) -> Points:
    points: Points = []
    for N in at.planned_N:
        rho = Fraction(1, 5 * N * _ceil_sqrt(4))
        sizes = plan("thm_4_2_i", N, 4, 2, rho, {"scale": at.scale})
        points.append((N, _resolved(sizes, "memorizer_depth") / _resolved(sizes, "key_bits")))
    return points


def _moderate_in_rho(at: Sizes) -> Points:
    points: Points = []
    for group in at.groups:
        rho = Fraction(1, 5 * _ceil_sqrt(4) * group)
        sizes = plan("thm_4_2_ii", at.N, 4, 2, rho, {"scale": at.scale})
        points.append((float(rho), sizes.parameter_count() / _resolved(sizes, "key_bits")))
    return points


def _large_in_rho(at: Sizes) -> Points:
    ratios = [Fraction(1, n) for n in (4, 8, 16, 32, 64)]
    return [(float(rho), _large(10**7, rho)) for rho in ratios]


def _large_in_d(at: Sizes) -> Points:
    dimensions = [10**6, 2 * 10**6, 4 * 10**6, 7 * 10**6, 10**7]
    return [(d, _large(d, Fraction(1, 4))) for d in dimensions]


def _large(d: int, rho: Fraction) -> float:
    sizes = plan("thm_4_2_iii", 10**9, d, 2, rho)
    return sizes.parameter_count() / _resolved(sizes, "folds")


def _resolved(sizes: Plan, name: str) -> int:
    """Return a size that the plan was made from.

    Raises:
        ValueError: if the plan does not name it.
    """
    if name not in sizes.resolved:
        raise ValueError(f"the plan must name its {name!r}, got {sorted(sizes.resolved)}")
    return int(sizes.resolved[name])


def _ceil_sqrt(d: int) -> int:
    return isqrt(d - 1) + 1


_STUDIES = (
    _Study("thm_4_2_i", "N", "memorizer depth / key bits, built, d = 4", 0.5, _small_in_N),
    _Study(
        "thm_4_2_i",
        "N_planned",
        "memorizer depth / key bits, planned, d = 4",
        0.5,
        _small_in_planned_N,
    ),
    _Study("thm_4_2_ii", "rho", "P / key bits, planned, d = 4", 0.5, _moderate_in_rho),
    _Study(
        "thm_4_2_iii", "rho", "P / folds, planned, N = 10^9, d = 10^7, Case IV", 4, _large_in_rho
    ),
    _Study("thm_4_2_iii", "d", "P / folds, planned, N = 10^9, rho = 1/4, Case IV", 2, _large_in_d),
)

# The constructions whose exponents are known how to measure.
MEASURED = tuple(dict.fromkeys(study.construction for study in _STUDIES))
