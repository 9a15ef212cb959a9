r"""Egosi et al. 2025 as Appendix D.3 uses it: box tests in k = O(log N) dimensions, width O(k).

The projected, shifted point z in R^k and a running output y are carried along. Block i spends one
layer a coordinate on the box of half-width r around c_i, then writes its label:

    s = sum_j relu(z_j - c_ij - r) + relu(c_ij - r - z_j),    y <- max(y, y_i (1 - w s)).

p_i is the image of x_i. The images of the balls have radius r0 <= L mu in every coordinate, centres
are rounded by at most delta, r >= r0 + delta, and D is the least max-norm distance of images of
different labels.

Proof. On ball i, |z_j - c_ij| <= r0 + delta <= r for all j: s = 0 and the block offers y_i. A ball
l of another label has a coordinate with |p_lj - p_ij| >= D, so that on all of it
|z_j - c_ij| - r >= D - r0 - delta - r = gap; with gap > 0 and w >= 1 / gap the block offers at most
0. A ball of the same label is offered at most y_i. From y = 0 the maximum is y_i on ball i.
z is shifted to be nonnegative on all balls, y >= 0 and s >= 0: ReLU carries them.

D > 2 r0 leaves room for r and delta. In R^d itself D >= 2 eps_D / sqrt d, so that rho < 1/sqrt d
is enough; for a random projection D.3 promises it with positive probability for
rho <= (1/(4 sqrt e)) sqrt((k - 6)/d) N^(-2/(k - 6)), which k >= 4 ln N + 6 turns into
rho <= (1/(4 e)) sqrt((k - 6)/d). Every draw is checked exactly on the data.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, inf, log

from pipeline.construction.built import Built, Certificate
from pipeline.construction.egosi2025_blocks import egosi2025_network
from pipeline.construction.images import Images
from pipeline.construction.projection import Projection, projection
from pipeline.data import SeparatedDataset, nearest_other_label_pair
from pipeline.exact import root_upper
from pipeline.network import Plan, Repeat, repeated

_SOURCE = "Egosi et al. 2025 (Appendix D.3)"
# e^2 = 7.38905609893065022723..., rounded up: the range of rho is never taken too wide.
_E_SQUARED = Fraction("7.3890560989306502273")


def plan_egosi2025(N: int, d: int, C: int, rho: Fraction) -> Plan:
    """Return the widths for any dataset of N points in R^d, without data (mode `paper`).

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes; labels are written directly, so it does not matter.
        rho: robustness ratio, at most (1/(4 e)) sqrt((k - 6)/d) for k = ceil(4 ln N) + 6 < d,
            below 1/sqrt d where that k is at least d.

    Raises:
        ValueError: if rho is outside the range.

    >>> plan_egosi2025(10**12, 784, 10, Fraction(1, 50)).resolved["k"]
    117
    """
    k, kind = _paper_sizes(N, d, rho)
    return _plan(N, d, k, kind)


def build_egosi2025(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` by box tests (Egosi et al. 2025, Appendix D.3).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio.
        p: norm; the range is proved for p = 2.
        mode: "paper" projects to k = min{d, ceil(4 ln N) + 6}, so that the widths depend on
            (N, d, rho) alone; "adaptive" takes any rho in (0, 1) and the smallest k whose first
            drawn rows pass the same exact check.
        weight_bits: fractional bits of the projection's rows.
        draws: how many random projections mode "paper" tries before giving up.
        seed: seed of the first draw.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: outside the range of rho, for p != 2, for an unknown mode, or when no
            projection keeps the images apart.
    """
    data = _images_of(dataset, rho, p, mode, weight_bits, draws, seed)
    phi = data.projection
    deviations: tuple[str, ...] = ()
    if mode == "adaptive":
        deviations = (f"k = {phi.m} passes the exact check; k and range of rho are not D.3's",)
    structure = {
        "lipschitz": str(phi.lipschitz),
        "projection": phi.kind,
        "k": phi.m,
        "blocks": dataset.N,
    }
    notes = (
        ("projection", f"{phi.kind}, k = {phi.m}"),
        ("least max-norm distance of images D", f"{float(data.distance):.6g}"),
        ("radius of images r", f"{float(data.radius):.6g}"),
        ("coordinate tests, one per point and coordinate", f"{dataset.N * phi.m:,}"),
        ("deviations", "; ".join(deviations) or "none"),
    )
    return Built(
        egosi2025_network(data, dataset.y),
        Certificate("egosi2025", "egosi2025", rho, p, structure, deviations),
        _plan(dataset.N, dataset.d, phi.m, phi.kind),
        notes,
    )


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Plan:
    """Return the widths `build_egosi2025` would give, without building.

    Only mode "adaptive" looks at the data. Arguments and errors are those of the construction.
    """
    if mode == "paper":
        _require(rho, p, mode)
        return plan_egosi2025(dataset.N, dataset.d, dataset.C, rho)
    phi = _images_of(dataset, rho, p, mode, weight_bits, draws, seed).projection
    return _plan(dataset.N, dataset.d, phi.m, phi.kind)


def _plan(N: int, d: int, k: int, kind: str) -> Plan:
    tests: tuple[int | Repeat, ...] = (k + 3, *repeated(k + 4, times=k - 1))
    hidden = (*repeated(*tests, k + 2, times=N - 1), *tests, 2)
    return Plan(d, hidden, {"k": k, "projection": kind, "blocks": N})


def _require(rho: Fraction, p: int | float, mode: str, draws: int = 1) -> None:
    if p != 2:
        raise ValueError(f"egosi2025 is proved for p = 2, got p = {p} ({_SOURCE})")
    if mode not in ("paper", "adaptive"):
        raise ValueError(f"mode must be paper or adaptive, got {mode!r}")
    if draws < 1:
        raise ValueError(f"at least one draw is needed, got draws = {draws}")
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")


def _paper_rows(N: int, d: int) -> int:
    """Return k = min{d, ceil(4 ln N) + 6}."""
    return min(d, ceil(4 * log(N)) + 6)


def _paper_sizes(N: int, d: int, rho: Fraction) -> tuple[int, str]:
    """Return k and the kind of projection.

    Raises:
        ValueError: if there are fewer than two points or rho is outside the range.
    """
    if N < 2 or d < 1:
        raise ValueError(f"egosi2025 needs N >= 2 points and d >= 1, got N = {N}, d = {d}")
    _require(rho, 2, "paper")
    k = _paper_rows(N, d)
    if k == d:
        if d * rho * rho >= 1:
            raise ValueError(
                f"egosi2025 needs rho in (0, 1/sqrt d) where k = d, got rho = {rho} with d = {d} "
                f"({_SOURCE})"
            )
        return k, "identity"
    if 16 * _E_SQUARED * d * rho * rho > k - 6:
        raise ValueError(
            f"egosi2025 needs rho in (0, (1/(4e)) sqrt((k - 6)/d)] for k = ceil(4 ln N) + 6 = {k} "
            f"rows, got rho = {rho} with d = {d} ({_SOURCE})"
        )
    return k, "random"


def _images_of(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    mode: str,
    weight_bits: int,
    draws: int,
    seed: int,
) -> Images:
    """Return images of which differently labelled ones are more than 2 r0 apart in a coordinate."""
    _require(rho, p, mode, draws)
    if mode == "paper":
        k, kind = _paper_sizes(dataset.N, dataset.d, rho)
        return _drawn(dataset, rho, k, kind, weight_bits, draws, seed)
    return _fewest_rows(dataset, rho, weight_bits, seed)


def _drawn(
    dataset: SeparatedDataset,
    rho: Fraction,
    k: int,
    kind: str,
    weight_bits: int,
    draws: int,
    seed: int,
) -> Images:
    tries = 1 if kind == "identity" else draws
    for draw in range(tries):
        data = _max_norm_images(dataset, rho, projection(dataset, kind, k, weight_bits, seed, draw))
        if _room(data) > 0:
            return data
    if kind == "identity":
        # D >= 2 eps_D / sqrt d > 2 mu, but the radius is rounded up by a share of 2^-64.
        raise ValueError(
            f"rho = {float(rho)} is too close to the end of the range rho < 1/sqrt d, d = "
            f"{dataset.d}, for a radius of 64 bits ({_SOURCE})"
        )
    raise ValueError(
        f"no random projection to k = {k} dimensions kept every two images of different labels "
        f"more than 2 mu apart in some coordinate, in {draws} draws at rho = {rho}; more draws, "
        f"more weight_bits or a smaller rho are needed ({_SOURCE})"
    )


def _fewest_rows(dataset: SeparatedDataset, rho: Fraction, weight_bits: int, seed: int) -> Images:
    """Return images under the fewest first rows of one draw that pass, or those of R^d itself.

    The draw has the paper's number of rows, or that number doubled until it passes.

    Raises:
        ValueError: if not even R^d passes.
    """
    limit = _paper_rows(dataset.N, dataset.d)
    while True:
        full = _max_norm_images(
            dataset, rho, projection(dataset, "random", limit, weight_bits, seed)
        )
        if _room(full) > 0:
            return _first_passing(dataset, rho, full)
        if limit == dataset.d:
            break
        limit = min(2 * limit, dataset.d)
    data = _max_norm_images(
        dataset, rho, projection(dataset, "identity", dataset.d, weight_bits, seed)
    )
    if _room(data) > 0:
        return data
    raise ValueError(
        f"egosi2025 needs every two images of different labels more than 2 mu apart in some "
        f"coordinate; at rho = {rho} neither {dataset.d} random rows nor R^{dataset.d} itself "
        f"keep them so (guaranteed for rho < 1/sqrt d only; {_SOURCE})"
    )


def _first_passing(dataset: SeparatedDataset, rho: Fraction, full: Images) -> Images:
    low, high, best = 1, full.projection.m, full
    while low < high:
        middle = (low + high) // 2
        data = _max_norm_images(dataset, rho, full.projection.first(middle))
        # One more row cannot lower a max-norm distance, and the norm bound stays.
        if _room(data) > 0:
            high, best = middle, data
        else:
            low = middle + 1
    return best


def _max_norm_images(dataset: SeparatedDataset, rho: Fraction, phi: Projection) -> Images:
    """Return the images with their least max-norm distance, a lower bound of the l2 distance."""
    radius = root_upper(phi.lipschitz**2 * dataset.radius_power(rho), 2)
    Z = phi.image(dataset.X)
    return Images(phi, Z, radius, nearest_other_label_pair(Z, dataset.y, inf).power * 2)


def _room(data: Images) -> Fraction:
    return data.distance - 2 * data.radius
