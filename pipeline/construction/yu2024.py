r"""The network of Yu et al. 2024 (Theorem B.6 there, Lemma D.2 of the paper): one block a point.

A running output y and the (projected, shifted) point z are carried along. Block i computes
u_j = |z_j - c_ij|, sums the folded squares t of u on [0, M] (gadgets.square) and updates

    r = relu(w (t - B)),    y <- max(y, label_i (1 - r)) = y + relu(label_i - label_i r - y).

Proof. t >= min(||z - c_i||^2, M^2) and t <= ||z - c_i||^2 + err where all u_j <= M. On ball i,
t <= (r0 + delta)^2 + err <= B, so r = 0 and the block offers label_i. On a ball of another label
t >= A with w (A - B) >= 1, so r >= 1 and the block offers at most 0. A ball of the same label is
offered at most label_i. Starting from y = 0 the maximum is y_i on ball i.

Deviation: folding the squares of u on [0, M] with M about 2 eps_D - mu needs no clipping and no
bits for the data's range: beyond M the folded sum stays above M^2, so the log R of Lemma D.2 is
saved. The absolute values are the first fold.

`build_yu2024` is the construction on R^d itself, for every rho in (0, 1): P = O~(N d^2). Theorem
4.2(iii) builds the same blocks on projected data.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from pipeline.construction.projection import Projection, projection
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, dyadic_of_fraction
from pipeline.gadgets import square_error, square_step
from pipeline.network import Affine, Plan, ReLUNetwork, Repeat, repeated, serial

# M is rounded up to 6 significant bits (images.fraction_bits_for), at most this factor.
_SIDE_SLACK = Fraction(33, 32)
_RANGE_OF_SQUARES = "squares folded on [0, 2 eps - mu] instead of the data's range"


def build_yu2024(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, *, seed: int = 0
) -> Built:
    """Robustly memorize `dataset`, one block a point on R^d (Yu et al. 2024, Theorem B.6).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (0, 1).
        p: norm; built for p = 2.
        seed: for the common signature; nothing is drawn.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: if rho is no ratio, for p != 2, or if rho is so close to 1 that rounding closes
            the gap.
    """
    plan = plan_of_dataset(dataset, rho, p, seed=seed)
    # The identity has no rounded rows: weight_bits is not used.
    phi = projection(dataset, "identity", dataset.d, weight_bits=1, seed=seed)
    folds = folds_for(dataset.d, rho)
    network, structure = yu2024_network(images(dataset, rho, 2, phi), dataset.y, folds)
    certificate = Certificate("yu2024", "yu2024", rho, p, structure, (_RANGE_OF_SQUARES,))
    notes = (
        ("folds a coordinate", str(folds)),
        ("blocks, one a point", f"{dataset.N:,}"),
        ("deviations", _RANGE_OF_SQUARES),
    )
    return Built(network, certificate, plan, notes)


def plan_of_dataset(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, *, seed: int = 0
) -> Plan:
    """Return the widths `build_yu2024` would give; only the sizes of the dataset matter.

    Args:
        dataset: N points in R^d.
        rho: robustness ratio in (0, 1).
        p: norm; built for p = 2.
        seed: for the common signature.

    Raises:
        ValueError: if rho is no ratio, or for p != 2.
    """
    if p != 2:
        raise ValueError(f"yu2024 is built for p = 2, got p = {p} (Yu et al. 2024, Theorem B.6)")
    return plan_yu2024_of_sizes(dataset.N, dataset.d, dataset.C, rho)


def plan_yu2024_of_sizes(N: int, d: int, C: int, rho: Fraction) -> Plan:
    """Return the widths for any dataset of N points in R^d, without data.

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes; labels are written directly, so it does not matter.
        rho: robustness ratio in (0, 1).

    Raises:
        ValueError: if rho is no ratio, or N < 2 or d < 1.

    >>> plan_yu2024_of_sizes(2, 1, 2, Fraction(1, 2)).hidden
    (Repeat(body=(3, 5, 3, 3), times=1), 3, 4, 2, 2)
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if N < 2 or d < 1:
        raise ValueError(f"yu2024 needs N >= 2 points and d >= 1, got N = {N}, d = {d}")
    return plan_yu2024(N, d, d, folds_for(d, rho))


def folds_for(m: int, ratio: Fraction) -> int:
    """Return the folds k with m M^2 / 4^(k+1) at most half of (2 eps - mu)^2 - mu^2.

    In units of eps: M = (2 - ratio) * 33/32 and the gap is 4 (1 - ratio). The other half is left
    to rounding.
    """
    side = (2 - ratio) * _SIDE_SLACK
    folds = 1
    while m * square_error(side, folds) > 2 * (1 - ratio):
        folds += 1
    return folds


def plan_yu2024(N: int, inputs: int, m: int, folds: int) -> Plan:
    """Return the widths of N blocks on m coordinates after an affine map from R^inputs."""
    block: tuple[int | Repeat, ...] = (2 * m + 1, *[3 * m + 2] * folds, m + 2, m + 2)
    last: tuple[int | Repeat, ...] = (2 * m + 1, *[2 * m + 2] * folds, 2, 2)
    hidden = (*repeated(*block, times=N - 1), *last)
    return Plan(inputs, hidden, {"m": m, "blocks": N, "folds": folds})


def yu2024_network(
    data: Images, labels: np.ndarray, folds: int
) -> tuple[ReLUNetwork, dict[str, object]]:
    """Return the network of N blocks and the structure its certificate names.

    Args:
        data: projected centres, radius and distance.
        labels: y_i, shape (N,).
        folds: k, folds of every coordinate.

    Raises:
        ValueError: if the distance of the images leaves no room for the squares' error.
    """
    m = data.projection.m
    side = data.distance - data.radius
    side = dyadic_of_fraction(side, fraction_bits_for(side), up=True)
    error = m * square_error(side, folds)
    room = data.gap - error
    if room <= 0:
        raise ValueError(
            f"yu2024 needs images of other labels more than two radii apart (Theorem B.6): "
            f"distance {float(data.distance):.6g}, radius {float(data.radius):.6g}, squares "
            f"err by {float(error):.3g}"
        )
    grid = centre_bits(m, room / (8 * data.distance))
    shifts, _ = data.shifts_and_sides()
    centres = rounded_centres(shifted(data.Z, shifts), grid)
    delta = rounding_radius(m, grid)
    low = (data.radius + delta) ** 2 + error
    high = (data.distance - delta - data.radius) ** 2
    threshold = dyadic_of_fraction(low, fraction_bits_for(high - low, 4), up=True)
    steepness = 1 / (high - threshold)
    steepness = dyadic_of_fraction(steepness, fraction_bits_for(steepness, 4), up=True)
    blocks = _blocks(centres, labels, side, folds, threshold, steepness)
    network = serial(first_map(data.projection, shifts), *blocks)
    structure: dict[str, object] = {
        "lipschitz": str(data.projection.lipschitz),
        "projection": data.projection.kind,
        "m": m,
        "side": str(side),
        "folds": folds,
        "blocks": len(labels),
    }
    return network, structure


def first_map(phi: Projection, shifts: list[Fraction]) -> ReLUNetwork:
    """Return x -> (W x + b, 0): the shifted image and the running output before any block."""
    rows = phi.rows
    bits = max(max(s.denominator.bit_length() - 1 for s in shifts), 0)
    offset = [int(s * (1 << bits)) for s in shifts] + [0]
    weight = np.concatenate([rows.numerators, np.zeros((1, rows.shape[1]), dtype=np.int64)])
    return ReLUNetwork.relu(
        Affine.from_dyadic(
            DyadicArray(weight, rows.exponent),
            DyadicArray(np.array(offset, dtype=object), -bits),
        )
    )


def _blocks(
    centres: DyadicArray,
    labels: np.ndarray,
    side: Fraction,
    folds: int,
    threshold: Fraction,
    steepness: Fraction,
) -> Iterator[ReLUNetwork]:
    count, m = centres.shape
    squares = _squares(m + 1, m, side, folds)
    last_squares = _squares(1, m, side, folds)
    scale = Fraction(2) ** centres.exponent
    for i in range(count):
        last = i == count - 1
        centre = [int(n) * scale for n in centres.numerators[i]]
        kept = 0 if last else m
        yield _absolute_values(centre, side, last)
        yield last_squares if last else squares
        yield _threshold(kept, threshold, steepness)
        yield _maximum(kept, int(labels[i]))


def _squares(carried: int, m: int, side: Fraction, folds: int) -> ReLUNetwork:
    """Return (carried, S, u) -> (carried, S'), all k folds."""
    steps = [
        square_step(carried, [side / (1 << level)] * m, [1] * m, [level < folds - 1] * m)
        for level in range(folds)
    ]
    return serial(*steps)


def _absolute_values(centre: list[Fraction], side: Fraction, last: bool) -> ReLUNetwork:
    """Return (z, y) -> (z, y, M sum_j u_j, u) with u_j = |z_j - c_j|; the last block drops z."""
    m = len(centre)
    hidden: dict[tuple[int, int], Fraction | int] = {(0, m): 1}
    bias: dict[int, Fraction | int] = {}
    for j, c in enumerate(centre):
        hidden[1 + j, j], hidden[1 + m + j, j] = 1, -1
        bias[1 + j], bias[1 + m + j] = -c, c
    readout: dict[tuple[int, int], Fraction | int] = {}
    offset: dict[int, Fraction | int] = {}
    kept = 0 if last else m
    for j in range(kept):
        readout[j, 1 + j], readout[j, 1 + m + j] = 1, -1
        offset[j] = centre[j]
    readout[kept, 0] = 1
    for j in range(m):
        for place in (1 + j, 1 + m + j):
            readout[kept + 1, place] = side
            readout[kept + 2 + j, place] = 1
    return ReLUNetwork.relu(
        Affine.from_fractions((2 * m + 1, m + 1), hidden, bias),
        Affine.from_fractions((kept + 2 + m, 2 * m + 1), readout, offset),
    )


def _threshold(kept: int, threshold: Fraction, steepness: Fraction) -> ReLUNetwork:
    """Return (z, y, t) -> (z, y, relu(w (t - B)))."""
    size = kept + 2
    hidden: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(kept + 1)}
    hidden[kept + 1, kept + 1] = steepness
    step = Affine.from_fractions((size, size), hidden, {kept + 1: -steepness * threshold})
    keep = Affine.from_fractions((size, size), {(j, j): 1 for j in range(size)}, {})
    return ReLUNetwork.relu(step, keep)


def _maximum(kept: int, label: int) -> ReLUNetwork:
    """Return (z, y, r) -> (z, max(y, label (1 - r))) for y >= 0."""
    size = kept + 2
    hidden: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(kept + 1)}
    hidden[kept + 1, kept + 1], hidden[kept + 1, kept] = -label, -1
    step = Affine.from_fractions((size, size), hidden, {kept + 1: label})
    readout: dict[tuple[int, int], Fraction | int] = {(j, j): 1 for j in range(kept + 1)}
    readout[kept, kept + 1] = 1
    return ReLUNetwork.relu(step, Affine.from_fractions((kept + 1, size), readout, {}))
