r"""Parallel balls (docs/theory.md 1): every ball tested in one hidden layer, P = O~(N d rho^2 + d).

||z - c||^2 = S - 2 <c, z> + ||c||^2 is affine in (z, S) once S = ||z||^2 is carried, so the squares
are computed once and not once a point. The network is

    x -> z = W x + b -> (z, S) by folding (gadgets.square) -> alpha_i = relu(A_i - t_i)
      -> clipped bits of the class code -> label,          t_i = S - 2 <c_i, z> + ||c_i||^2.

A neuron may test the balls of several points, and its centre is then any point c_n.

Proof. t_n lies in [||z - c_n||^2, ||z - c_n||^2 + err]. On a ball that n covers, t_n <= low_n + err
and w alpha_n >= w (A_n - low_n - err) >= 1: every bit of its code is at least 1 and clips to 1. A
neuron l of another label has ||z - c_l||^2 >= high_l >= A_l there, so alpha_l = 0: the bits not in
the code stay 0. Neurons of the same label only add to sums that are clipped. `ball_tests` proves
low_n and high_n.

The class that would need most neurons has code 0 and needs none; label - 1 = code XOR (that class
- 1) is affine in the bits (gadgets.clip), so no decoding layer is spent on it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.construction.built import Built, Certificate
from pipeline.construction.images import fraction_bits_for
from pipeline.construction.optimised_rows import Effort
from pipeline.construction.parallel_layout import Layout, plan_of_layout
from pipeline.construction.parallel_price import Candidate, code_bits
from pipeline.construction.parallel_search import MapOptions, cheapest_candidate
from pipeline.construction.projection import Projection
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


def build_parallel_balls(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "pca",
    m: int | None = None,
    weight_bits: int = 16,
    steps: int = 400,
    restarts: int = 2,
    merged: bool = False,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` with one hidden layer of ball tests (docs/theory.md 1).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio.
        p: norm of the balls. For p != 2 the l2 ball that holds each l_p ball is tested, which
            needs rho * gamma_p(d) small enough for the data.
        projection: "identity", "random", "pca", "optimised" (for the separation), "span" or
            "span_random" (Proposition B.21).
        m: projected dimension; by default the one with the fewest parameters.
        weight_bits: fractional bits of the projection's rows.
        steps: steps of one ascent of optimised rows.
        restarts: ascents tried for a dimension.
        merged: whether one ball neuron may test several balls of a label.
        seed: seed of random and of optimised rows.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: if no (or not the given) m keeps images of other labels more than two radii
            apart, or if an option is out of range.
    """
    options = MapOptions(projection, m, weight_bits, seed, merged, Effort(steps, restarts))
    chosen = cheapest_candidate(dataset, rho, p, options)
    layout = chosen.layout
    structure = {
        "projection": projection,
        "lipschitz": str(chosen.images.projection.lipschitz),
        "sides": [str(s) for s in chosen.images.shifts_and_sides()[1]],
        "folds": list(layout.folds),
        "cuts": list(layout.cuts),
        "projected_first": layout.projected_first,
        "contracted": layout.contracted,
        "majority": chosen.zero_label,
    }
    return Built(
        _assembled(chosen, dataset.C),
        Certificate("parallel_balls", "parallel_balls", rho, p, structure),
        plan_of_layout(chosen.at, layout),
        _notes(chosen, dataset.N),
    )


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "pca",
    m: int | None = None,
    weight_bits: int = 16,
    steps: int = 400,
    restarts: int = 2,
    merged: bool = False,
    seed: int = 0,
) -> Plan:
    """Return the widths `build_parallel_balls` would give, without building.

    Arguments and errors are those of `build_parallel_balls`.
    """
    options = MapOptions(projection, m, weight_bits, seed, merged, Effort(steps, restarts))
    chosen = cheapest_candidate(dataset, rho, p, options)
    return plan_of_layout(chosen.at, chosen.layout)


def _assembled(chosen: Candidate, classes: int) -> ReLUNetwork:
    shifts, sides = chosen.images.shifts_and_sides()
    layout, tests = chosen.layout, chosen.tests
    error = sum((square_error(s, k) for s, k in zip(sides, layout.folds, strict=True)), Fraction(0))
    low = [value + error for value in tests.low]
    rooms = [high - value for high, value in zip(tests.high, low, strict=True)]
    bias_bits = fraction_bits_for(min(rooms), 4)
    thresholds = [value + room * 3 / 4 for value, room in zip(low, rooms, strict=True)]
    # Every bias is rounded down by less than one unit.
    steepness = 1 / (min(rooms) * 3 / 4 - Fraction(1, 2) ** bias_bits)
    steepness = dyadic_of_fraction(steepness, fraction_bits_for(steepness, 4), up=True)
    bits, zero = code_bits(classes), chosen.zero_label - 1
    return serial(
        _projection_network(chosen.images.projection, shifts, layout),
        *_square_networks(len(sides), layout, sides),
        _ball_network(
            _ball_affine(tests.centres, thresholds, bias_bits),
            (tests.labels - 1) ^ zero,
            bits,
            steepness,
        ),
        clipped_bits(bits),
        ReLUNetwork.relu(bits_to_label([bool(zero >> b & 1) for b in range(bits)])),
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


def _ball_affine(centres: DyadicArray, thresholds: list[Fraction], bias_bits: int) -> Affine:
    """Return (z, S) -> A_n - S + 2 <c_n, z> - ||c_n||^2 with the bias rounded down."""
    balls, m = centres.shape
    numerators = centres.numerators.astype(object)
    scale = Fraction(2) ** centres.exponent
    norms = [int(v) * scale * scale for v in (numerators**2).sum(axis=1)]
    biases = [
        dyadic_of_fraction(threshold - norm, bias_bits, up=False)
        for threshold, norm in zip(thresholds, norms, strict=True)
    ]
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


def _notes(chosen: Candidate, N: int) -> tuple[tuple[str, str], ...]:
    data, layout = chosen.images, chosen.layout
    return (
        ("projection", f"{data.projection.kind}, m = {data.projection.m}"),
        ("Lipschitz constant L (proved)", f"{float(data.projection.lipschitz):.8f}"),
        ("least distance of images D", f"{float(data.distance):.6g}"),
        ("radius of images r", f"{float(data.radius):.6g}"),
        ("folds a coordinate", f"{min(layout.folds)} to {max(layout.folds)}"),
        ("layers of folds", " + ".join(map(str, _differences(layout.cuts)))),
        ("separate projection layer", "yes" if layout.projected_first else "no"),
        ("contraction layer", "yes" if layout.contracted else "no"),
        ("ball neurons", f"{chosen.at.balls:,} for {N:,} balls"),
        ("class with code 0", str(chosen.zero_label)),
    )


def _differences(cuts: tuple[int, ...]) -> list[int]:
    return [b - a for a, b in zip((0, *cuts[:-1]), cuts, strict=True)]
