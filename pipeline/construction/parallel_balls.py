r"""Parallel balls (docs/theory.md 1): every ball tested in one hidden layer, P = O~(N d rho^2 + d).

||z - c||^2 = S - 2 <c, z> + ||c||^2 is affine in (z, S) once S = ||z||^2 is carried, so the squares
are computed once and not once a point. The network is

    x -> z = W x + b -> (z, S) by folding (gadgets.square) -> alpha_i = relu(A_i - t_i)
      -> clipped bits of the class code -> label,          t_i = S - 2 <c_i, z> + ||c_i||^2.

Proof. t_i lies in [||z - c_i||^2, ||z - c_i||^2 + err]. On ball i, ||z - c_i|| <= r + delta with r
the radius of the ball's image and delta the rounding of c_i, so t_i <= B = (r + delta)^2 + err and
w alpha_i >= w (A_i - B) >= 1: every bit of i's code is at least 1 and clips to 1. A neuron l of
another label has ||z - c_l|| >= D - delta - r, so t_l >= A >= A_l and alpha_l = 0: the bits not in
the code stay 0. Neurons of the same label only add to sums that are clipped.

The most frequent class has code 0 and needs no neurons; label - 1 = code XOR (majority - 1) is
affine in the bits (gadgets.clip), so no decoding layer is spent on it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.construction.built import Built, Certificate
from pipeline.construction.images import (
    Images,
    centre_bits,
    fraction_bits_for,
    images,
    rounded_centres,
    rounding_radius,
    shifted,
)
from pipeline.construction.parallel_layout import Layout, Sizes, cheapest_layout, plan_of_layout
from pipeline.construction.projection import Projection
from pipeline.construction.projection import projection as projection_of
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, dyadic_of_fraction
from pipeline.gadgets import (
    bits_to_label,
    clipped_bits,
    first_square_step,
    square_error,
    square_step,
)
from pipeline.network import Affine, Plan, ReLUNetwork, SparseIntegers, serial
from pipeline.network.compose import identity_affine

# The share of the gap D (D - 2r) left to rounding of centres and biases; the rest is for squares.
_ROUNDING_SHARE = Fraction(1, 32)


def build_parallel_balls(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "pca",
    m: int | None = None,
    weight_bits: int = 16,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` with one hidden layer of ball tests (docs/theory.md 1).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio.
        p: norm of the balls. For p != 2 the l2 ball that holds each l_p ball is tested, which
            needs rho * gamma_p(d) small enough for the data.
        projection: "identity", "random" or "pca".
        m: projected dimension; by default the one with the fewest parameters.
        weight_bits: fractional bits of the projection's rows.
        seed: seed of the random projection.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: if no (or not the given) m keeps images of other labels more than two radii
            apart, or if rho or m is out of range.
    """
    data, layout = _planned(dataset, rho, p, projection, m, weight_bits, seed)
    shifts, sides = data.shifts_and_sides()
    majority = majority_label(dataset)
    codes = (dataset.y - 1) ^ (majority - 1)
    network = _assembled(data, layout, shifts, sides, codes, dataset.C, majority)
    structure = {
        "projection": projection,
        "lipschitz": str(data.projection.lipschitz),
        "sides": [str(s) for s in sides],
        "folds": list(layout.folds),
        "cuts": list(layout.cuts),
        "projected_first": layout.projected_first,
        "contracted": layout.contracted,
        "majority": majority,
    }
    return Built(
        network,
        Certificate("parallel_balls", "parallel_balls", rho, p, structure),
        plan_of_layout(sizes(dataset, data.projection.m), layout),
        _notes(data, layout, majority, codes),
    )


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "pca",
    m: int | None = None,
    weight_bits: int = 16,
    seed: int = 0,
) -> Plan:
    """Return the widths `build_parallel_balls` would give, without building.

    Arguments and errors are those of `build_parallel_balls`.
    """
    data, layout = _planned(dataset, rho, p, projection, m, weight_bits, seed)
    return plan_of_layout(sizes(dataset, data.projection.m), layout)


def sizes(dataset: SeparatedDataset, m: int) -> Sizes:
    """Return the sizes that fix a layout's parameter count."""
    counts = np.bincount(dataset.y)[1:]
    return Sizes(d=dataset.d, m=m, balls=dataset.N - int(counts.max()), bits=code_bits(dataset.C))


def code_bits(classes: int) -> int:
    """Return ceil(log2 C), the bits of a class code."""
    return max(1, (classes - 1).bit_length())


def majority_label(dataset: SeparatedDataset) -> int:
    """Return the most frequent label, the lowest one among equals."""
    return int(np.argmax(np.bincount(dataset.y)[1:])) + 1


def _planned(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    kind: str,
    m: int | None,
    weight_bits: int,
    seed: int,
) -> tuple[Images, Layout]:
    """Return the images and the layout with the fewest parameters over all feasible m.

    Raises:
        ValueError: if rho or m is out of range, or no m is feasible.
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if m is not None and not 1 <= m <= dataset.d:
        raise ValueError(f"m must lie in 1..d = {dataset.d}, got {m}")
    if m is not None and kind == "identity" and m != dataset.d:
        raise ValueError(f"the identity keeps all d = {dataset.d} dimensions, got m = {m}")
    # Only rows within the span of the points can stop at N of them.
    limit = dataset.d if kind == "random" else min(dataset.d, dataset.N)
    phi = projection_of(dataset, kind, limit if m is None else min(m, limit), weight_bits, seed)
    if m is not None or kind == "identity":
        data = images(dataset, rho, p, phi)
        _require_gap(data, rho, p)
        return data, _layout(dataset, data)
    full = images(dataset, rho, p, phi)
    _require_gap(full, rho, p)
    low, high = 1, phi.m
    while low < high:
        middle = (low + high) // 2
        # Distances grow with m: rows are only added, so feasibility is monotone.
        if images(dataset, rho, p, phi.first(middle)).gap > 0:
            high = middle
        else:
            low = middle + 1
    best: tuple[int, Images, Layout] | None = None
    for candidate in range(low, phi.m + 1):
        if best is not None and _least_count(dataset, candidate) >= best[0]:
            break
        data = images(dataset, rho, p, phi.first(candidate))
        layout = _layout(dataset, data)
        count = plan_of_layout(sizes(dataset, candidate), layout).parameter_count()
        if best is None or count < best[0]:
            best = (count, data, layout)
    assert best is not None
    return best[1], best[2]


def _least_count(dataset: SeparatedDataset, m: int) -> int:
    """Return a lower bound on the count at dimension m, whatever the folds."""
    at = sizes(dataset, m)
    return at.balls * (m + 2 + at.bits) + (at.d + 1) * m


def _layout(dataset: SeparatedDataset, data: Images) -> Layout:
    _, sides = data.shifts_and_sides()
    budget = data.gap * (1 - _ROUNDING_SHARE)
    return cheapest_layout(sizes(dataset, data.projection.m), sides, budget)


def _require_gap(data: Images, rho: Fraction, p: int | float) -> None:
    if data.gap > 0:
        return
    raise ValueError(
        f"parallel_balls needs images of differently labelled points more than two radii apart "
        f"(docs/theory.md 1): projection {data.projection.kind!r} with m = {data.projection.m} "
        f"keeps a distance of {float(data.distance):.6g}, the balls (rho = {rho}, p = {p}) have "
        f"images of radius up to {float(data.radius):.6g}; use more dimensions, another "
        f"projection or a smaller rho"
    )


def _assembled(
    data: Images,
    layout: Layout,
    shifts: list[Fraction],
    sides: list[Fraction],
    codes: np.ndarray,
    classes: int,
    majority: int,
) -> ReLUNetwork:
    error = sum((square_error(s, k) for s, k in zip(sides, layout.folds, strict=True)), Fraction(0))
    m = data.projection.m
    room = data.gap - error
    # Rounding a centre costs about 2 delta D of the room: spend at most a quarter of it.
    grid = centre_bits(m, room / (8 * data.distance))
    centres = rounded_centres(shifted(data.Z, shifts), grid)
    delta = rounding_radius(m, grid)
    low = (data.radius + delta) ** 2 + error
    high = (data.distance - delta - data.radius) ** 2
    if high <= low:
        raise ArithmeticError("no room between the thresholds after rounding")
    threshold = low + (high - low) * 3 / 4
    bias_bits = fraction_bits_for(high - low, 4)
    active = np.flatnonzero(codes != 0)
    balls = _ball_affine(centres[active], threshold, bias_bits)
    lowest = threshold - Fraction(1, 2) ** bias_bits
    steepness = 1 / (lowest - low)
    steepness = dyadic_of_fraction(steepness, fraction_bits_for(steepness, 4), up=True)
    bits = code_bits(classes)
    return serial(
        _projection_network(data.projection, shifts, layout),
        *_square_networks(m, layout, sides),
        _ball_network(balls, codes[active], bits, steepness),
        clipped_bits(bits),
        ReLUNetwork.relu(bits_to_label([bool((majority - 1) >> b & 1) for b in range(bits)])),
    )


def _projection_network(phi: Projection, shifts: list[Fraction], layout: Layout) -> ReLUNetwork:
    m = phi.m
    bits = max(max(s.denominator.bit_length() - 1 for s in shifts), 0)
    offset = DyadicArray(np.array([int(s * (1 << bits)) for s in shifts], dtype=object), -bits)
    affine = Affine.from_dyadic(phi.rows, offset).normalized()
    if layout.projected_first:
        return ReLUNetwork.relu(affine, identity_affine(m))
    return ReLUNetwork.relu(affine)


def _square_networks(m: int, layout: Layout, sides: list[Fraction]) -> list[ReLUNetwork]:
    """Return the folding layers z -> (z, S, ...) -> (z, S), and the contraction if planned."""
    networks = []
    for level in range(len(layout.cuts)):
        folds = layout.folds_in(level)
        done = layout.cuts[level - 1] if level else 0
        later = [k > layout.cuts[level] for k in layout.folds]
        if level == 0:
            networks.append(first_square_step(sides, folds, later))
        else:
            here = [j for j in range(m) if layout.folds[j] > done]
            networks.append(
                square_step(
                    m,
                    [sides[j] / (1 << done) for j in here],
                    [folds[j] for j in here],
                    [later[j] for j in here],
                )
            )
    if layout.contracted:
        networks.append(ReLUNetwork.relu(identity_affine(m + 1), identity_affine(m + 1)))
    return networks


def _ball_affine(centres: DyadicArray, threshold: Fraction, bias_bits: int) -> Affine:
    """Return (z, S) -> A_i - S + 2 <c_i, z> - ||c_i||^2 with the bias rounded down."""
    balls, m = centres.shape
    numerators = centres.numerators.astype(object)
    scale = Fraction(2) ** centres.exponent
    norms = [int(v) * scale * scale for v in (numerators**2).sum(axis=1)]
    biases = [dyadic_of_fraction(threshold - n, bias_bits, up=False) for n in norms]
    exponent = min(centres.exponent + 1, -bias_bits, 0)
    matrix = np.empty((balls, m + 1), dtype=object)
    matrix[:, :m] = numerators * (1 << (centres.exponent + 1 - exponent))
    matrix[:, m] = -(1 << -exponent)
    bias = np.array([int(b * (1 << -exponent)) for b in biases], dtype=object)
    return Affine(SparseIntegers.from_dense(matrix), bias, exponent).normalized()


def _ball_network(balls: Affine, codes: np.ndarray, bits: int, steepness: Fraction) -> ReLUNetwork:
    """Return (z, S) -> w * sum of the ball tests of each code bit."""
    rows, columns = np.nonzero((codes[None, :] >> np.arange(bits)[:, None]) & 1)
    fraction_bits = steepness.denominator.bit_length() - 1
    values = np.full(len(rows), int(steepness * (1 << fraction_bits)), dtype=object)
    weight = SparseIntegers.from_entries((bits, len(codes)), rows, columns, values)
    sums = Affine(weight, np.zeros(bits, dtype=np.int64), -fraction_bits)
    return ReLUNetwork.relu(balls, sums.normalized())


def _notes(
    data: Images, layout: Layout, majority: int, codes: np.ndarray
) -> tuple[tuple[str, str], ...]:
    return (
        ("projection", f"{data.projection.kind}, m = {data.projection.m}"),
        ("Lipschitz constant L (proved)", f"{float(data.projection.lipschitz):.8f}"),
        ("least distance of images D", f"{float(data.distance):.6g}"),
        ("radius of images r", f"{float(data.radius):.6g}"),
        ("folds a coordinate", f"{min(layout.folds)} to {max(layout.folds)}"),
        ("layers of folds", " + ".join(map(str, _differences(layout.cuts)))),
        ("separate projection layer", "yes" if layout.projected_first else "no"),
        ("contraction layer", "yes" if layout.contracted else "no"),
        ("ball neurons", f"{int(np.count_nonzero(codes)):,}"),
        ("class with code 0", str(majority)),
    )


def _differences(cuts: tuple[int, ...]) -> list[int]:
    return [b - a for a, b in zip((0, *cuts[:-1]), cuts, strict=True)]
