"""Vardi et al. 2022 (Theorem B.4): memorization without robustness, width 12, P = O~(sqrt N).

A direction u and a factor c make t_i = c <u, x_i> + b at least 2 apart; the integers floor(t_i) are
then distinct keys of Lemma B.10's memorizer, which answers on [k, k + 1 - eta]. A translation keeps
every t_i at least 1/(3N) below the next integer (Lemma B.15), so eta <= 1/(3N) works.

Proof that a direction exists: for a uniform unit vector u and any v, P[|<u, v>| < a |v|] is at most
a sqrt(2 d / pi). With a = sqrt(8 / (pi d)) / N^2 the union over N^2 / 2 pairs stays below
2 / pi < 1, and c = 2 / (2 eps a) gives gaps of 2, eps being half the least distance of two points.
Directions are drawn, rounded, and checked exactly on the data.

Nothing is claimed about balls: f(x_i) = y_i at the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from pipeline.construction.built import Built, Certificate, Claim
from pipeline.construction.images import Images
from pipeline.construction.lattice import (
    LatticeOptions,
    Placed,
    cells,
    given_scale,
    labels_of_keys,
    placed,
    rounded_factor,
    scale_against,
    translation_off_walls,
)
from pipeline.construction.projection import Projection
from pipeline.data import SeparatedDataset, generator
from pipeline.exact import DyadicArray, max_bit_length, root_upper
from pipeline.gadgets import MemorizerSizes, memorized, memorizer_sizes, memorizer_widths
from pipeline.network import Circuit, Expression, Plan, ReLUNetwork
from pipeline.theory import lemma_b_15_bits

_NAME = "vardi2022"
# Fractional bits of a direction.
_WEIGHT_BITS = 24
# A rational above pi.
_PI = Fraction(355, 113)


def plan_vardi2022(N: int, d: int, C: int, rho: Fraction, *, scale: int | None = None) -> Plan:
    """Return the widths for any dataset of N points in R^d of this scale (Theorem B.4).

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes.
        rho: not used: the network is not robust.
        scale: all points lie within 2^scale of the middle of their box, in units of half the least
            distance of any two points.

    Raises:
        ValueError: if the scale is missing.
    """
    bits = given_scale(scale)
    return _plan(d, _paper_sizes(N, d, C, bits), {"scale": bits})


def _paper_sizes(N: int, d: int, C: int, scale: int) -> MemorizerSizes:
    """Return sizes for keys up to R = 5 r N^2 eps^-1 sqrt(pi d) (Theorem B.4)."""
    largest = math.ceil(5 * N * N * (1 << scale) * root_upper(_PI * d, 2))
    return memorizer_sizes(N, largest, C)


def _plan(d: int, at: MemorizerSizes, more: dict[str, int | str]) -> Plan:
    resolved: dict[str, int | str] = {**at.named(), "memorizer_depth": at.depth}
    return Plan(d, memorizer_widths(at, 0), resolved | more)


def build_vardi2022(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    scale: int | None = None,
    weight_bits: int = _WEIGHT_BITS,
    draws: int = 32,
    seed: int = 0,
) -> Built:
    """Memorize the points of `dataset`, not their balls (Vardi et al. 2022, Theorem B.4).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: recorded for the balls that verdicts are about; the construction does not use it.
        p: likewise.
        mode: "paper" takes all sizes from (N, d, C, scale); "adaptive" the least factor that keeps
            the keys distinct, and their bits.
        scale: see `plan_vardi2022`; the data's own by default.
        weight_bits: fractional bits of the direction.
        draws: directions tried before giving up.
        seed: of the first direction.

    Returns:
        The network with a certificate of f(x_i) = y_i.

    Raises:
        ValueError: for an unknown mode, for a scale that is too small, or if no direction of the
            draws keeps the points apart.
    """
    found = _resolved(dataset, LatticeOptions(mode, scale, weight_bits, draws, seed))
    eta_bits = lemma_b_15_bits(dataset.N)
    structure: dict[str, object] = {"eta_bits": eta_bits, **found.sizes.named()}
    deviations = ["eta is a power of two"]
    if mode == "adaptive":
        deviations.append("factor and key bits are the smallest this dataset needs")
    certificate = Certificate(_NAME, _NAME, rho, p, structure, tuple(deviations), Claim.POINTS)
    words = found.sizes.words
    notes = (
        ("claim", "f(x_i) = y_i at the points; nothing about balls"),
        ("keys stored, bits a key", f"{len(found.labels):,}, {words.key_bits}"),
        ("groups, keys a group", f"{found.sizes.groups}, {words.keys}"),
        ("deviations", "; ".join(deviations)),
    )
    plan = _plan(dataset.d, found.sizes, found.recorded)
    return Built(_network(found, eta_bits), certificate, plan, notes)


def plan_of_dataset(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, **options: Any
) -> Plan:
    """Return the widths `build_vardi2022` would give, without building.

    Options and errors are those of the construction.
    """
    found = _resolved(dataset, LatticeOptions(**{"weight_bits": _WEIGHT_BITS} | options))
    return _plan(dataset.d, found.sizes, found.recorded)


@dataclass(frozen=True)
class _Resolved:
    """Direction, translation and keys."""

    row: DyadicArray
    offset: Fraction
    sizes: MemorizerSizes
    labels: dict[int, int]
    recorded: dict[str, int | str]


def _resolved(dataset: SeparatedDataset, options: LatticeOptions) -> _Resolved:
    """Return the first direction of the draws that keeps the points apart.

    Raises:
        ValueError: if the scale is too small, or no direction does.
    """
    N, d = dataset.N, dataset.d
    half_squared = _least_distance_squared(dataset) / 4
    least = scale_against(dataset, half_squared)
    scale = options.scale
    if scale is not None and scale < least:
        raise ValueError(f"scale must be at least {least} for these data, got {scale}")
    bits = least if scale is None else scale
    for draw in range(options.draws):
        row = _direction(d, options.weight_bits, options.seed, draw)
        gap = _least_gap(dataset, row)
        if gap == 0:
            continue
        if options.of_paper:
            # c = N^2 sqrt(pi d / 8) / eps, the gap of 2 of the proof.
            factor = rounded_factor(root_upper(N**4 * _PI * d / 8 / half_squared, 2), up=True)
            if gap * factor < 2:
                continue
        else:
            factor = rounded_factor(1 / gap, up=True)
        at, translation, labels = _keyed(dataset, row, factor)
        sizes = _paper_sizes(N, d, dataset.C, bits)
        if not options.of_paper:
            sizes = memorizer_sizes(len(labels), max(labels), dataset.C)
        recorded: dict[str, int | str] = {"scale": bits} if options.of_paper else {}
        offset = at.offsets[0] - translation[0]
        return _Resolved(_scaled(row, factor), offset, sizes, labels, recorded)
    raise ValueError(
        f"no direction of {options.draws} draws kept the points apart (Theorem B.4); more draws "
        f"are needed"
    )


def _direction(d: int, weight_bits: int, seed: int, draw: int) -> DyadicArray:
    random = generator(seed, "construct", "vardi2022", str(draw))
    vector = random.standard_normal(d)
    unit = vector / np.sqrt(np.square(vector).sum())
    integers = np.rint(np.ldexp(unit, weight_bits)).astype(np.int64)
    return DyadicArray(integers.reshape(1, d), -weight_bits)


def _scaled(row: DyadicArray, factor: Fraction) -> DyadicArray:
    bits = factor.denominator.bit_length() - 1
    numerators = row.numerators.astype(object) * factor.numerator
    return DyadicArray(numerators, row.exponent - bits).normalized()


def _least_gap(dataset: SeparatedDataset, row: DyadicArray) -> Fraction:
    """Return the least difference of two <u, x_i>, exactly."""
    values = Projection("direction", row, Fraction(1)).image(dataset.X)
    ordered = sorted(int(v) for v in values.numerators[:, 0])
    least = min(b - a for a, b in zip(ordered[:-1], ordered[1:], strict=True))
    return least * Fraction(2) ** values.exponent


def _keyed(
    dataset: SeparatedDataset, row: DyadicArray, factor: Fraction
) -> tuple[Placed, list[Fraction], dict[int, int]]:
    # One row and no balls: neither norm nor radius nor distance matters.
    phi = Projection("direction", _scaled(row, factor), Fraction(0))
    data = Images(phi, phi.image(dataset.X), Fraction(0), Fraction(0))
    at, everyone = placed(data, lemma_b_15_bits(dataset.N)), np.arange(dataset.N)
    translation = translation_off_walls(at, everyone, dataset.N)
    keys = [int(k) for k in cells(at, everyone, translation)[:, 0]]
    return at, translation, labels_of_keys(keys, dataset.y)


def _network(found: _Resolved, eta_bits: int) -> ReLUNetwork:
    entries = found.row.fractions()[0]
    circuit = Circuit(len(entries))
    t = Expression(0, {j: v for j, v in enumerate(entries) if v}, found.offset)
    eta = Fraction(1, 1 << eta_bits)
    _, label = memorized(circuit, [], t, found.labels, found.sizes, eta)
    return circuit.network([label])


def _least_distance_squared(dataset: SeparatedDataset) -> Fraction:
    """Return the squared distance of two points that are nearest in float64, exactly.

    Where float64's rounding hides a nearer pair, the scale can come out one too small for the
    theorem; every draw is checked exactly all the same.
    """
    X = dataset.X
    floats = DyadicArray(X.numerators, -max(max_bit_length(X.numerators), 1)).nearest_float64()
    distances, neighbours = KDTree(floats).query(floats, k=2)
    i = int(np.argmin(distances[:, 1]))
    other = int(neighbours[i, 0]) if int(neighbours[i, 1]) == i else int(neighbours[i, 1])
    difference = X.numerators[i].astype(object) - X.numerators[other].astype(object)
    return int((difference * difference).sum()) * Fraction(4) ** X.exponent
