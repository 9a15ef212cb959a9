"""Theorem 4.2(iii) (Theorem B.14, Figure 6): large rho, five cases over Yu et al. 2024.

    rho >= 1/3                          Case I     Yu et al. on R^d
    rho <  1/3, d < 600 ln N            Case II    Yu et al. on R^d
    rho <  1/3, N < 600 ln N <= d       Case III   Proposition B.21 to R^N, then Yu et al.
    rho <  1/3, N >= d >= 600 ln N      Case IV    projection to m, then Yu et al. at ratio 5/6
    rho <  1/3, d > N >= 600 ln N       Case V     B.21, then as Case IV with N for d

with m = max{ceil(9 d rho^2), ceil(600 ln N), ceil(10 ln d)}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, log

from pipeline.construction.built import Built, Certificate
from pipeline.construction.images import Images, images
from pipeline.construction.projection import projection
from pipeline.construction.yu2024 import folds_for, plan_yu2024, yu2024_network
from pipeline.data import SeparatedDataset
from pipeline.network import Plan


@dataclass(frozen=True)
class Constants:
    """The paper's constants 600, 9 and 10; anything else is a deviation.

    Args:
        log_n: factor of ln N (Case split and m).
        rho: factor of d rho^2 in m.
        log_d: factor of ln d in m.

    Raises:
        ValueError: if a constant is not positive.
    """

    log_n: Fraction = Fraction(600)
    rho: Fraction = Fraction(9)
    log_d: Fraction = Fraction(10)

    def __post_init__(self) -> None:
        if min(self.log_n, self.rho, self.log_d) <= 0:
            raise ValueError(f"the constants of Theorem B.14 must be positive, got {self}")

    @classmethod
    def of(cls, given: Constants | Mapping[str, object] | None) -> Constants:
        """Return constants from texts or numbers by name, the paper's where none is given."""
        if isinstance(given, Constants):
            return given
        return cls(**{name: Fraction(str(value)) for name, value in (given or {}).items()})

    @property
    def of_paper(self) -> bool:
        """Whether these are the paper's values."""
        return self == Constants()


@dataclass(frozen=True)
class _Resolved:
    """Case, projection kind, projected dimension and the ratio Yu's network is built for."""

    case: str
    kind: str
    m: int
    ratio: Fraction


def case_of(N: int, d: int, rho: Fraction, constants: Constants) -> str:
    """Return the case "I" to "V" of Theorem B.14 (Figure 6)."""
    size = float(constants.log_n) * log(N)
    if rho >= Fraction(1, 3):
        return "I"
    if d < size:
        return "II"
    if size > N:
        return "III"
    return "IV" if d <= N else "V"


def _resolved(N: int, d: int, rho: Fraction, constants: Constants) -> _Resolved:
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if 25 * d * rho * rho <= 1:
        raise ValueError(
            f"thm_4_2_iii needs rho in (1/(5 sqrt d), 1), got rho = {rho} with d = {d} "
            f"(Theorem 4.2(iii))"
        )
    case = case_of(N, d, rho, constants)
    if case in ("I", "II"):
        return _Resolved(case, "identity", d, rho)
    if case == "III":
        return _Resolved(case, "span", N, rho)
    inner = d if case == "IV" else N
    m = max(
        ceil(constants.rho * inner * rho * rho),
        ceil(float(constants.log_n) * log(N)),
        ceil(float(constants.log_d) * log(inner)),
    )
    kind = "random" if case == "IV" else "span_random"
    return _Resolved(case, kind, min(m, inner), Fraction(5, 6))


def plan_thm_4_2_iii(
    N: int, d: int, C: int, rho: Fraction, constants: Constants | Mapping[str, object] | None = None
) -> Plan:
    """Return the widths for any dataset of N points in R^d, without data (mode `paper`).

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes; labels are written directly, so it does not matter.
        rho: robustness ratio in (1/(5 sqrt d), 1).
        constants: the paper's by default.

    Raises:
        ValueError: if rho is outside the theorem's range.
    """
    return _plan(N, d, _resolved(N, d, rho, Constants.of(constants)))


def _plan(N: int, d: int, at: _Resolved) -> Plan:
    plan = plan_yu2024(N, d, at.m, folds_for(at.m, at.ratio))
    return Plan(plan.inputs, plan.hidden, plan.resolved | {"case": at.case})


def build_thm_4_2_iii(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    constants: Constants | Mapping[str, object] | None = None,
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` (Theorem 4.2(iii)).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (1/(5 sqrt d), 1).
        p: norm; the theorem is proved for p = 2 here.
        mode: "paper" projects to the paper's m, so that the widths depend on (N, d, rho) alone;
            "adaptive" to the smallest m whose first drawn rows pass the same exact check (Cases
            IV and V; the others have no m to choose).
        constants: the paper's by default.
        weight_bits: fractional bits of the projection's rows.
        draws: how many random projections are tried before giving up.
        seed: seed of the first draw.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: outside the range of rho, for p != 2, for an unknown mode, or when no draw
            keeps the separation.
    """
    if p != 2:
        raise ValueError(f"thm_4_2_iii is proved for p = 2, got p = {p} (Theorem 4.2(iii))")
    constants = Constants.of(constants)
    at, data = _resolved_on(dataset, rho, mode, constants, weight_bits, draws, seed)
    plan = _plan(dataset.N, dataset.d, at)
    network, structure = yu2024_network(data, dataset.y, folds_for(at.m, at.ratio))
    deviations = ["squares folded on [0, 2 eps - mu] instead of the data's range"]
    if mode == "adaptive" and at.case in ("IV", "V"):
        deviations.append(f"m = {at.m} is the smallest that passes the check, not the paper's")
    if not constants.of_paper:
        deviations.append(
            f"constants {constants.log_n}, {constants.rho}, {constants.log_d} "
            "instead of 600, 9, 10 (Theorem B.14)"
        )
    certificate = Certificate("thm_4_2_iii", "yu2024", rho, p, structure, tuple(deviations))
    notes = (
        ("case of Theorem B.14", at.case),
        ("projection", f"{at.kind}, m = {at.m}"),
        ("folds a coordinate", str(structure["folds"])),
        ("blocks, one a point", f"{dataset.N:,}"),
        ("deviations", "; ".join(deviations)),
    )
    return Built(network, certificate, plan, notes)


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    constants: Constants | Mapping[str, object] | None = None,
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Plan:
    """Return the widths `build_thm_4_2_iii` would give, without building.

    Only mode "adaptive" looks at the data. Arguments and errors are those of the construction.
    """
    constants = Constants.of(constants)
    if mode == "paper":
        return plan_thm_4_2_iii(dataset.N, dataset.d, dataset.C, rho, constants)
    at, _ = _resolved_on(dataset, rho, mode, constants, weight_bits, draws, seed)
    return _plan(dataset.N, dataset.d, at)


def _resolved_on(
    dataset: SeparatedDataset,
    rho: Fraction,
    mode: str,
    constants: Constants,
    weight_bits: int,
    draws: int,
    seed: int,
) -> tuple[_Resolved, Images]:
    """Return the sizes for this dataset and the images they were checked on.

    Raises:
        ValueError: for an unknown mode.
    """
    if mode not in ("paper", "adaptive"):
        raise ValueError(f"mode must be paper or adaptive, got {mode!r}")
    at = _resolved(dataset.N, dataset.d, rho, constants)
    if mode == "paper" or at.case not in ("IV", "V"):
        return at, _projected(dataset, rho, at, weight_bits, draws, seed)
    widest = replace(at, m=min(dataset.N, dataset.d))
    data = _projected(dataset, rho, widest, weight_bits, draws, seed)
    data = _fewest_rows(dataset, rho, widest, data)
    return replace(at, m=data.projection.m), data


def _projected(
    dataset: SeparatedDataset,
    rho: Fraction,
    at: _Resolved,
    weight_bits: int,
    draws: int,
    seed: int,
) -> Images:
    """Return images whose ratio of radius to separation is at most the one planned for.

    Raises:
        ValueError: if no draw keeps the ratio.
    """
    if at.case in ("I", "II", "III"):
        return images(dataset, rho, 2, projection(dataset, at.kind, at.m, weight_bits, seed))
    for draw in range(draws):
        phi = projection(dataset, at.kind, at.m, weight_bits, seed, draw)
        data = images(dataset, rho, 2, phi)
        if 2 * data.radius <= at.ratio * data.distance:
            return data
    raise ValueError(
        f"no random projection to m = {at.m} dimensions kept the ratio 5/6 in {draws} draws "
        f"(Case {at.case} of Theorem B.14); larger constants or more draws are needed"
    )


def _fewest_rows(dataset: SeparatedDataset, rho: Fraction, at: _Resolved, full: Images) -> Images:
    """Return the images under the fewest first rows that keep the ratio; all of them keep it."""
    low, high, best = 1, full.projection.m, full
    while low < high:
        middle = (low + high) // 2
        data = images(dataset, rho, 2, full.projection.first(middle))
        # Distances grow with the number of rows, so what keeps the ratio is monotone.
        if 2 * data.radius <= at.ratio * data.distance:
            high, best = middle, data
        else:
            low = middle + 1
    return best
