"""The stages of Theorem 4.2(ii): groups of n points, each with a translation of its own.

    z = W x + b                                              once
    z' = z - b_s;  key = sum_j R^(j-1) floor(z'_j);  f_s = label of the key, 0 where there is none
    y <- max(y, f_s)                                         for every group s

with z and y carried by neurons of their own. The floors are those of Lemma B.16, wrong in bands of
width gamma, or exact ones by threshold units; or cells are named by folding, which also tells how
near walls are, and y <- max(y, f_s - mask). What the three variants prove is in
`thm_4_2_ii_moderate`, `thm_4_2_ii_threshold` and `masked_moderate`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from pipeline.construction.images import Images
from pipeline.construction.lattice import (
    LatticeOptions,
    cells,
    cells_across,
    flattened,
    labels_of_keys,
    lattice_images,
    placed,
    require_reach,
    required_scale,
    translation_off_walls,
)
from pipeline.construction.stage_memorizers import (
    MemorizerKind,
    StageMemorizer,
    memorizer_for,
    memorizer_of,
)
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.gadgets import (
    digits_of_cells,
    floor_widths,
    floored,
    floored_by_thresholds,
    folded,
    folded_widths,
    nearness,
    raised,
    threshold_floor_widths,
)
from pipeline.network import Affine, Circuit, Expression, Plan, ReLUNetwork, Repeat, repeated
from pipeline.theory import lemma_b_15_bits, lemma_b_20_dimension

# Balls start at coordinates in [1, 2), are up to 1/2 wide and are moved down by less than 1.
_MARGIN = 4


class Cells(StrEnum):
    """How a stage finds the cell of a point.

    RAMPS: Floor_n of Lemma B.16. THRESHOLDS: exact floors. FOLDS: digits by folding, with a mask.
    """

    RAMPS = "ramps"
    THRESHOLDS = "thresholds"
    FOLDS = "folds"


@dataclass(frozen=True)
class StageSizes:
    """What fixes the architecture.

    Args:
        m: projected dimension.
        R: cells a coordinate.
        stages: G.
        memorizer: of every stage.
        cells: how cells are found.
    """

    m: int
    R: int
    stages: int
    memorizer: StageMemorizer
    cells: Cells

    @property
    def floor_layers(self) -> int:
        """Layers of the floors, n = ceil(log2 R)."""
        return levels_of(self.R)

    @property
    def stage_depth(self) -> int:
        """Layers of one stage: translation, floors, memorizer, maximum; two more for a mask."""
        masked = 2 if self.cells is Cells.FOLDS else 0
        return 1 + self.floor_layers + self.memorizer.depth - 1 + 1 + masked

    @property
    def label_top(self) -> int:
        """The largest label that fits the memorizer's label bits."""
        return (1 << self.memorizer.label_bits) - 1

    def structure(self) -> dict[str, int]:
        """Return the sizes by the names the checker knows."""
        return {
            "m": self.m,
            "cells_across": self.R,
            "floor_layers": self.floor_layers,
            "stages": self.stages,
            **self.memorizer.named(),
        }


def levels_of(R: int) -> int:
    """Return n = ceil(log2 R), at least 1."""
    return max((R - 1).bit_length(), 1)


def keys_of_cells(cells: np.ndarray, R: int, how: Cells) -> list[int]:
    """Return the integer that names each cell of [0, R)^m."""
    if how is not Cells.FOLDS:
        return flattened(cells, R)
    digits = digits_of_cells(cells, levels_of(R))
    weights = digit_weights(cells.shape[1], R)
    return [
        sum(
            w
            for row, kept in zip(weights, each, strict=True)
            for w, b in zip(row, kept, strict=True)
            if b
        )
        for each in digits.tolist()
    ]


def digit_weights(m: int, R: int) -> list[list[int]]:
    """Return what the digits of each coordinate count in a key: all digits side by side."""
    n = levels_of(R)
    return [[1 << (n * j + n - 1 - level) for level in range(n)] for j in range(m)]


def largest_key(m: int, R: int, how: Cells) -> int:
    """Return the largest key that a cell of [0, R)^m can have."""
    return (1 << (m * levels_of(R))) - 1 if how is Cells.FOLDS else R**m - 1


@dataclass(frozen=True)
class Stage:
    """One group: its translation and the labels of its keys."""

    translation: list[Fraction]
    labels: dict[int, int]


@dataclass(frozen=True)
class Staged:
    """Everything the network is written from."""

    images: Images
    offsets: list[int]
    sizes: StageSizes
    stages: list[Stage]
    scale: int | None


def points_a_group(N: int, d: int, rho: Fraction, name: str) -> int:
    """Return n = floor(1 / (5 rho sqrt d)), the points that one translation clears.

    Raises:
        ValueError: if rho lies outside (1/(5 N sqrt d), 1/(5 sqrt d)], where n lies in 1..N - 1.
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    squared = 25 * d * rho * rho
    if squared > 1 or squared * N * N <= 1:
        # 1/k: at most 1/(5 sqrt d), and more than 1/(5 N sqrt d).
        largest, smallest = math.isqrt(25 * d - 1) + 1, math.isqrt(25 * d * N * N - 1)
        other = "thm_4_2_iii is" if squared > 1 else "thm_4_2_i is"
        raise ValueError(
            f"{name} needs rho in (1/(5 N sqrt d), 1/(5 sqrt d)], got rho = {rho} with N = {N}, "
            f"d = {d}: 1/{smallest} to 1/{largest}; {other} for this rho (Theorem 4.2(ii))"
        )
    return math.isqrt(math.floor(1 / squared))


def stage_sizes(
    N: int,
    d: int,
    C: int,
    rho: Fraction,
    scale: int,
    *,
    how: Cells,
    name: str,
    kind: MemorizerKind,
) -> StageSizes:
    """Return the sizes of mode `paper`, for any dataset of this scale."""
    n = points_a_group(N, d, rho, name)
    m, R = lemma_b_20_dimension(N, d), cells_across(d, scale, _MARGIN)
    memorizer = memorizer_for(kind, n, largest_key(m, R, how), C, _carried(m, how))
    return StageSizes(m, R, -(-N // n), memorizer, how)


def _carried(m: int, how: Cells) -> int:
    """Return how many values pass by a memorizer: z, y, and how near walls are."""
    return m + 1 + int(how is Cells.FOLDS)


def plan_of_stages(d: int, at: StageSizes, scale: int | None) -> Plan:
    """Return the hidden widths of the network."""
    carried, n = at.m + 1, at.floor_layers
    stage: tuple[int | Repeat, ...]
    if at.cells is Cells.FOLDS:
        stage = (
            *folded_widths(n, at.m, carried),
            carried + 1 + 2 * at.m,
            *at.memorizer.widths(carried + 1),
            carried + 2,
            carried + 1,
        )
    else:
        floors = threshold_floor_widths if at.cells is Cells.THRESHOLDS else floor_widths
        stage = (*floors(n, at.m, carried), *at.memorizer.widths(carried), carried + 1)
    stage = (carried + at.m, *stage)
    resolved: dict[str, int | str] = dict(at.structure())
    resolved |= {"stage_depth": at.stage_depth, "memorizer_depth": at.memorizer.depth}
    resolved |= {} if scale is None else {"scale": scale}
    return Plan(d, (at.m, *repeated(*stage, times=at.stages)), resolved)


def staged(
    dataset: SeparatedDataset,
    rho: Fraction,
    *,
    how: Cells,
    name: str,
    options: LatticeOptions,
    kind: MemorizerKind,
) -> Staged:
    """Return images, translations and keys of every group.

    Args:
        dataset: N points in R^d.
        rho: robustness ratio in (1/(5 N sqrt d), 1/(5 sqrt d)].
        how: how cells are found.
        name: of the construction, for errors.
        options: mode, scale, draws, ...
        kind: of the memorizers.
    """
    n = points_a_group(dataset.N, dataset.d, rho, name)
    bits = required_scale(dataset, options.scale)
    data = lattice_images(dataset, rho, n, options)
    at = placed(data, lemma_b_15_bits(n))
    if options.of_paper:
        N, d, C = dataset.N, dataset.d, dataset.C
        sizes = stage_sizes(N, d, C, rho, bits, how=how, name=name, kind=kind)
        R = sizes.R
        require_reach(at.top, R)
    else:
        R = math.floor(at.top) + 1
    stages = []
    for start in range(0, dataset.N, n):
        group = np.arange(start, min(start + n, dataset.N))
        translation = translation_off_walls(at, group, n)
        keys = keys_of_cells(cells(at, group, translation), R, how)
        stages.append(Stage(translation, labels_of_keys(keys, dataset.y[group])))
    if not options.of_paper:
        tables, m = [stage.labels for stage in stages], data.projection.m
        memorizer = memorizer_of(kind, tables, dataset.C, _carried(m, how))
        sizes = StageSizes(m, R, len(stages), memorizer, how)
    return Staged(data, at.offsets, sizes, stages, bits if options.of_paper else None)


def network_of_stages(found: Staged, gamma_bits: int) -> ReLUNetwork:
    """Return the network, floors with gamma = 2**-gamma_bits unless by thresholds."""
    rows = found.images.projection.rows
    offsets = DyadicArray(np.array(found.offsets, dtype=object), 0)
    circuit = Circuit(rows.shape[1])
    z = circuit.hidden_affine(Affine.from_dyadic(rows, offsets))
    y = circuit.constant(0)
    m = found.sizes.m
    for stage in found.stages:
        neurons = circuit.hidden([*z, y, *_moved(z, stage.translation)])
        carried, moved = neurons[: m + 1], neurons[m + 1 :]
        if found.sizes.cells is Cells.FOLDS:
            z, y = _masked(circuit, carried, moved, stage, found.sizes, gamma_bits)
            continue
        carried, key = _key(circuit, carried, moved, found.sizes, gamma_bits)
        carried, label = found.sizes.memorizer.appended(circuit, carried, key, stage.labels)
        z, y = raised(circuit, carried[:m], carried[m], label)
    return circuit.network([y])


def _moved(z: list[Expression], translation: list[Fraction]) -> Iterator[Expression]:
    return (v - b for v, b in zip(z, translation, strict=True))


def _key(
    circuit: Circuit,
    carried: list[Expression],
    moved: list[Expression],
    at: StageSizes,
    gamma_bits: int,
) -> tuple[list[Expression], Expression]:
    weights = [at.R**j for j in range(at.m)]
    if at.cells is Cells.THRESHOLDS:
        return floored_by_thresholds(circuit, carried, moved, weights, at.floor_layers)
    carried, floors = floored(circuit, carried, moved, at.floor_layers, gamma_bits)
    key = circuit.constant(0)
    for weight, floor in zip(weights, floors, strict=True):
        key = key + floor * weight
    return carried, key


def _masked(
    circuit: Circuit,
    carried: list[Expression],
    moved: list[Expression],
    stage: Stage,
    at: StageSizes,
    gamma_bits: int,
) -> tuple[list[Expression], Expression]:
    """Append folding, memorizer, mask and maximum; return z and y (docs/theory.md 5).

    y <- max(y, C - relu(C - f) - C S / gamma), S = sum_j relu(2 gamma - dist(z'_j, Z)).
    """
    weights, top = digit_weights(at.m, at.R), at.label_top
    carried, key, rests = folded(circuit, carried, moved, weights, gamma_bits)
    delta = Fraction(2, 1 << gamma_bits)
    (*carried, key), near = nearness(circuit, [*carried, key], rests, delta)
    carried, label = at.memorizer.appended(circuit, [*carried, near], key, stage.labels)
    *carried, near, under = circuit.hidden([*carried, top - label])
    offered = top - under - near * (top << gamma_bits)
    return raised(circuit, carried[: at.m], carried[at.m], offered)


def notes_of_stages(found: Staged) -> tuple[tuple[str, str], ...]:
    """Return the sizes chosen, for the report."""
    at = found.sizes
    return (
        ("projection", f"{found.images.projection.kind}, m = {at.m}"),
        ("radius of images r", f"{float(found.images.radius):.6g}"),
        ("groups of points, one stage each", f"{at.stages:,}"),
        ("layers a stage", f"{at.stage_depth:,}"),
        ("cells a coordinate R", f"{at.R:,}"),
        *at.memorizer.notes(),
    )
