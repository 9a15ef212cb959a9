"""Theorem 4.2(i) (Theorem B.3): small rho, P = O~(sqrt N), as small as without robustness.

    I    z = W x + b, W = (11/9) (sqrt d / eps_D) phi, phi of Lemma B.20     (lattice)
    II   z' = z - b2, one hidden layer: every ball inside one cell           (Lemma B.15)
    III  key = sum_j R^(j-1) Floor(z'_j)                                     (Lemma B.16)
    IV   label of the key, 0 where there is none                             (Lemma B.10)

Proof. On ball i, z' stays within r <= 1/(4N) of its centre, which lies at least 1/(2N) right of the
wall below and 1/(3N) left of the one above. So floor(z'_j) is constant on the ball and
z'_j - floor(z'_j) >= 1/(2N) - 1/(4N) >= gamma, where Floor is exact: the key is one integer on the
whole ball. Differently labelled centres are sqrt(m) apart and share no cell, so each key has one
label.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np

from pipeline.construction.built import Built, Certificate
from pipeline.construction.images import Images
from pipeline.construction.lattice import (
    LatticeOptions,
    Placed,
    cells,
    cells_across,
    flattened,
    gamma_bits,
    given_scale,
    labels_of_keys,
    lattice_images,
    placed,
    require_reach,
    required_scale,
    translation_off_walls,
)
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.gadgets import (
    MemorizerSizes,
    floor_widths,
    floored,
    memorized,
    memorizer_sizes,
    memorizer_widths,
)
from pipeline.network import Affine, Circuit, Plan, ReLUNetwork
from pipeline.theory import lemma_b_15_bits, lemma_b_20_dimension

# Cells beyond the images' span: one for the lower end, one for the upper.
_MARGIN = 2


@dataclass(frozen=True)
class _Sizes:
    """What fixes the architecture.

    Args:
        m: projected dimension.
        R: cells a coordinate.
        gamma_bits: q with gamma = 2^-q at most 1/(4N).
        memorizer: sizes of Stage IV.
    """

    m: int
    R: int
    gamma_bits: int
    memorizer: MemorizerSizes

    @property
    def floor_layers(self) -> int:
        """Layers of Floor_n, n = ceil(log2 R)."""
        return max((self.R - 1).bit_length(), 1)


def plan_thm_4_2_i(N: int, d: int, C: int, rho: Fraction, *, scale: int | None = None) -> Plan:
    """Return the widths for any dataset of N points in R^d of this scale (mode `paper`).

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes.
        rho: robustness ratio in (0, 1/(5 N sqrt d)].
        scale: s of `scale_of_dataset`: all points within 2^s eps_D of the middle of their box.

    Raises:
        ValueError: if rho is outside the theorem's range, or the scale is missing.
    """
    _require_range(N, d, rho)
    bits = given_scale(scale)
    return _plan(d, _paper_sizes(N, d, C, bits), {"scale": bits})


def _require_range(N: int, d: int, rho: Fraction) -> None:
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if 25 * N * N * d * rho * rho > 1:
        raise ValueError(
            f"thm_4_2_i needs rho in (0, 1/(5 N sqrt d)], got rho = {rho} with N = {N}, d = {d}; "
            f"the largest 1/k there is 1/{isqrt(25 * N * N * d - 1) + 1}; above it thm_4_2_ii and "
            f"thm_4_2_iii go on (Theorem 4.2(i))"
        )


def _paper_sizes(N: int, d: int, C: int, scale: int) -> _Sizes:
    m, R = lemma_b_20_dimension(N, d), cells_across(d, scale, _MARGIN)
    return _Sizes(m, R, gamma_bits(N), memorizer_sizes(N, R**m - 1, C))


def _plan(d: int, at: _Sizes, more: dict[str, int | str]) -> Plan:
    hidden = (
        at.m,
        at.m,
        *floor_widths(at.floor_layers, at.m, 0),
        *memorizer_widths(at.memorizer, 0),
    )
    resolved: dict[str, int | str] = dict(_structure(at))
    return Plan(d, hidden, resolved | {"memorizer_depth": at.memorizer.depth} | more)


@dataclass(frozen=True)
class _Resolved:
    """Everything the network is written from.

    Args:
        images: projected, scaled data.
        sizes: the architecture.
        placed: the images moved by integers.
        translation: b2 of Stage II, integers and fractions.
        labels: label of every key.
        recorded: sizes that the plan records, besides those of `sizes`.
    """

    images: Images
    sizes: _Sizes
    placed: Placed
    translation: list[Fraction]
    labels: dict[int, int]
    recorded: dict[str, int | str]


def build_thm_4_2_i(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    scale: int | None = None,
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` (Theorem 4.2(i)).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (0, 1/(5 N sqrt d)].
        p: norm; the theorem is proved for p = 2 here.
        mode: "paper" takes all sizes from (N, d, C, rho, scale); "adaptive" the smallest that the
            data need: projected dimension, cells, distinct keys, key bits.
        scale: s with all points within 2^s eps_D of the middle of their box; by default the data's.
        weight_bits: fractional bits of the projection's rows.
        draws: random projections tried before giving up.
        seed: seed of the first draw.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: outside the range of rho, for p != 2, for an unknown mode, for a scale that is
            too small, or when no draw keeps the separation.
    """
    if p != 2:
        raise ValueError(f"thm_4_2_i is proved for p = 2, got p = {p} (Theorem 4.2(i))")
    found = _resolved(dataset, rho, LatticeOptions(mode, scale, weight_bits, draws, seed))
    deviations = ["gamma is rounded down to a power of two (dyadic weights)"]
    if mode == "adaptive":
        deviations.append("sizes are the smallest this dataset needs, not the paper's")
    structure = {"lipschitz": str(found.images.projection.lipschitz), **_structure(found.sizes)}
    certificate = Certificate("thm_4_2_i", "lattice", rho, p, structure, tuple(deviations))
    plan = _plan(dataset.d, found.sizes, found.recorded)
    return Built(_network(found), certificate, plan, _notes(found, deviations))


def plan_of_dataset(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, **options: Any
) -> Plan:
    """Return the widths `build_thm_4_2_i` would give, without building.

    Options and errors are those of the construction; mode `paper` looks at the scale alone.
    """
    chosen = LatticeOptions(**options)
    if chosen.of_paper:
        bits = required_scale(dataset, chosen.scale)
        return plan_thm_4_2_i(dataset.N, dataset.d, dataset.C, rho, scale=bits)
    found = _resolved(dataset, rho, chosen)
    return _plan(dataset.d, found.sizes, found.recorded)


def _resolved(dataset: SeparatedDataset, rho: Fraction, options: LatticeOptions) -> _Resolved:
    N, everyone = dataset.N, np.arange(dataset.N)
    _require_range(N, dataset.d, rho)
    bits = required_scale(dataset, options.scale)
    data = lattice_images(dataset, rho, N, options)
    at = placed(data, lemma_b_15_bits(N))
    translation = translation_off_walls(at, everyone, N)
    found = cells(at, everyone, translation)
    # Whole cells are free: the lowest one gets the number 0.
    lowest = [int(v) for v in found.min(axis=0)]
    found = found - np.array(lowest, dtype=object)
    translation = [b + low for b, low in zip(translation, lowest, strict=True)]
    if options.of_paper:
        sizes = _paper_sizes(N, dataset.d, dataset.C, bits)
        require_reach(int(found.max()) + 1, sizes.R)
        labels = labels_of_keys(flattened(found, sizes.R), dataset.y)
        return _Resolved(data, sizes, at, translation, labels, {"scale": bits})
    R = int(found.max()) + 1
    labels = labels_of_keys(flattened(found, R), dataset.y)
    memorizer = memorizer_sizes(len(labels), max(labels), dataset.C)
    sizes = _Sizes(data.projection.m, R, gamma_bits(N), memorizer)
    return _Resolved(data, sizes, at, translation, labels, {})


def _network(found: _Resolved) -> ReLUNetwork:
    at, data = found.sizes, found.images
    offsets = DyadicArray(np.array(found.placed.offsets, dtype=object), 0)
    circuit = Circuit(data.projection.rows.shape[1])
    z = circuit.hidden_affine(Affine.from_dyadic(data.projection.rows, offsets))
    z = circuit.hidden([v - b for v, b in zip(z, found.translation, strict=True)])
    _, floors = floored(circuit, [], z, at.floor_layers, at.gamma_bits)
    key = circuit.constant(0)
    for j, floor in enumerate(floors):
        key = key + floor * at.R**j
    _, label = memorized(circuit, [], key, found.labels, at.memorizer)
    return circuit.network([label])


def _structure(at: _Sizes) -> dict[str, int]:
    """Return what the checker looks for."""
    return {
        "m": at.m,
        "cells_across": at.R,
        "floor_layers": at.floor_layers,
        "gamma_bits": at.gamma_bits,
        **at.memorizer.named(),
    }


def _notes(found: _Resolved, deviations: list[str]) -> tuple[tuple[str, str], ...]:
    at, words = found.sizes, found.sizes.memorizer.words
    return (
        ("projection", f"{found.images.projection.kind}, m = {at.m}"),
        ("radius of images r", f"{float(found.images.radius):.6g} (at most 1/(4N))"),
        ("cells a coordinate R", f"{at.R:,}"),
        ("layers of Floor, log2(1/gamma)", f"{at.floor_layers}, {at.gamma_bits}"),
        ("keys stored, bits a key", f"{len(found.labels):,}, {words.key_bits}"),
        ("groups, keys a group", f"{at.memorizer.groups}, {words.keys}"),
        ("depth of the memorizer", f"{at.memorizer.depth:,}"),
        ("deviations", "; ".join(deviations)),
    )
