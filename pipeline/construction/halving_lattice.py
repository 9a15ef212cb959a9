r"""Lattices in rounds, each for what the one before leaves (docs/theory.md 6): P = O(sqrt N).

Regime (i) of Theorem 4.2 ends at rho = 1/(5 N sqrt d), because one translation must keep every ball
away from every wall. Here round 1 knows the labels of all cells that balls meet, whether in whole
or in part; only points within delta of its walls are left to round 2, on a lattice moved against
the first, and so on. A point lies near walls of several lattices only on as many different
coordinates, so at most m + 1 rounds are needed, and few balls ever reach the later ones. No cell
needs the value 0: nothing is read where a round is not sure, so the memorizers store no keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.construction.built import Built, Certificate
from pipeline.construction.halving_layout import Layout, Stage, network_of_layout
from pipeline.construction.halving_memorizers import Choice, cheapest_memorizer, estimated
from pipeline.construction.halving_rounds import Limits, Round, rounds_of
from pipeline.construction.lattice import rounded_factor
from pipeline.construction.lattice_cells import MOST_COORDINATES, Balls, balls_of
from pipeline.construction.parallel_balls import code_bits
from pipeline.construction.projection import Projection
from pipeline.construction.projection import projection as projection_of
from pipeline.data import SeparatedDataset
from pipeline.data.randomness import generator
from pipeline.exact import (
    DyadicArray,
    dyadic_of_fraction,
    enclosing_l2_radius_squared,
    root_upper,
)
from pipeline.network import Affine, Plan

# Offsets are multiples of 2^-_OFFSET_BITS of a base cell.
_OFFSET_BITS = 8
# delta is at most this share of the radius: more cells are met and more balls left by so little.
_DELTA_SHARE = 64
# 2^_LEVELS cells a coordinate are enough for any data that one would build this for.
_LEVELS = 12
# Networks that know more cells than this a ball are no smaller than parallel_balls.
_CELLS_A_BALL, _FEW_CELLS = 64, 4096
# Up to so many points all dimensions are tried.
_MANY = 200_000
MEMORIZERS = ("shallow", "retrieval", "keyed")


@dataclass(frozen=True)
class HalvingOptions:
    """What the construction can be asked for.

    Args:
        projection: "identity", "pca", "random" or "auto", which takes the cheapest.
        m: projected dimension, None for the cheapest.
        memorizer: "shallow", "retrieval", "keyed", or "cheapest" for each round's best.
        cells: most cells times coordinates that a round may know.
        weight_bits: fractional bits of the projection's rows.
        seed: of projections, translations and hashes.

    Raises:
        ValueError: for an unknown memorizer, or cells below 1.
    """

    projection: str = "auto"
    m: int | None = None
    memorizer: str = "cheapest"
    cells: int = 8_000_000
    weight_bits: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.memorizer not in ("cheapest", *MEMORIZERS):
            known = ", ".join(MEMORIZERS)
            raise ValueError(f"memorizer must be cheapest, {known}, got {self.memorizer!r}")
        if self.cells < 1:
            raise ValueError(f"cells must be at least 1, got {self.cells}")

    @property
    def memorizers(self) -> tuple[str, ...]:
        """The kinds to choose from."""
        return MEMORIZERS if self.memorizer == "cheapest" else (self.memorizer,)


@dataclass(frozen=True)
class _Placed:
    """Images in base cells, all balls within [0, 2^levels - 1]^m.

    Args:
        rows: of the scaled projection.
        offsets: b.
        lipschitz: of the scaled projection.
        balls: the images.
        levels: L.
    """

    rows: DyadicArray
    offsets: DyadicArray
    lipschitz: Fraction
    balls: Balls
    levels: int


@dataclass(frozen=True)
class _Resolved:
    """Everything the network is written from, with what the choices cost."""

    placed: _Placed
    rounds: list[Round]
    choices: list[Choice]
    layout: Layout
    kind: str


def build_halving_lattice(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "auto",
    m: int | None = None,
    memorizer: str = "cheapest",
    cells: int = 8_000_000,
    weight_bits: int = 16,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` by lattices in rounds (docs/theory.md 6).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (0, 1); what it costs depends on rho sqrt(d) and the data.
        p: norm of the balls; for p != 2 the l2 ball that holds each l_p ball is taken.
        projection: "identity", "pca", "random", or "auto" for the cheapest.
        m: projected dimension; the cheapest by default.
        memorizer: "shallow", "retrieval", "keyed", or "cheapest" for each round's best.
        cells: most cells times coordinates that a round may know.
        weight_bits: fractional bits of the projection's rows.
        seed: of projections, translations and hashes.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: for rho out of range, bad options, or if no lattice keeps the labels apart.
    """
    options = HalvingOptions(projection, m, memorizer, cells, weight_bits, seed)
    found = _resolved(dataset, rho, p, options)
    majority = _majority(dataset)
    flipped = [bool((majority - 1) >> b & 1) for b in range(found.layout.bits)]
    placed, layout = found.placed, found.layout
    affine = Affine.from_dyadic(placed.rows, placed.offsets).normalized()
    structure = {
        "lipschitz": str(placed.lipschitz),
        "m": layout.m,
        "levels": placed.levels,
        "together": layout.together,
        "delta_bits": layout.delta_bits,
        "code_bits": layout.bits,
        "majority": majority,
        "rounds": [_named(stage) for stage in layout.stages],
    }
    return Built(
        network_of_layout(layout, affine, flipped),
        Certificate("halving_lattice", "halving_lattice", rho, p, structure),
        layout.plan(),
        _notes(found),
    )


def _named(stage: Stage) -> dict[str, Any]:
    """Return a round as the checker looks for it."""
    unit, memorizer = Fraction(1, 1 << stage.unit_bits), stage.made
    return {
        "shift": stage.lattice.shift,
        "translation": [str(int(t) * unit) for t in stage.lattice.translation],
        "weights": memorizer.weights,
        **memorizer.named(),
    }


def plan_of_dataset(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, **options: Any
) -> Plan:
    """Return the widths `build_halving_lattice` would give, without building.

    Options and errors are those of the construction.
    """
    return _resolved(dataset, rho, p, HalvingOptions(**options)).layout.plan()


def _resolved(
    dataset: SeparatedDataset, rho: Fraction, p: int | float, options: HalvingOptions
) -> _Resolved:
    """Return rounds, memorizers and layout of the cheapest candidate.

    Raises:
        ValueError: for rho out of range, or if no candidate works.
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    squared = enclosing_l2_radius_squared(dataset.radius_power(rho, p), p, dataset.d)
    codes = (dataset.y - 1) ^ (_majority(dataset) - 1)
    bits = code_bits(dataset.C)
    best: tuple[int, str, _Placed, list[Round]] | None = None
    hopeless = ""
    for kind, m in _candidates(dataset, options):
        # Fewer dimensions keep less apart: what fails or costs more is not tried further down.
        if kind == hopeless:
            continue
        phi = projection_of(dataset, kind, m, options.weight_bits, options.seed)
        made = _rounds(phi, dataset, squared, codes, options)
        if made is None:
            hopeless = kind
            continue
        placed, rounds = made
        cost = _estimate(dataset.d, placed, rounds, bits)
        if best is None or cost < best[0]:
            best = cost, kind, placed, rounds
        elif kind == best[1]:
            hopeless = kind
    if best is None:
        raise ValueError(
            f"halving_lattice found no lattice of at most 2^{_LEVELS} cells a coordinate and "
            f"{options.cells:,} cells in all on which the balls of rho = {rho}, p = {p} keep "
            f"their labels apart (docs/theory.md 6); use a smaller rho or another projection"
        )
    _, kind, placed, rounds = best
    return _laid_out(dataset.d, placed, rounds, bits, kind, options)


def _majority(dataset: SeparatedDataset) -> int:
    """Return the most frequent label, whose code is 0: then bits change least often."""
    return int(np.argmax(np.bincount(dataset.y)[1:])) + 1


def _candidates(dataset: SeparatedDataset, options: HalvingOptions) -> Iterator[tuple[str, int]]:
    """Yield the kinds of projection and dimensions to try."""
    d = dataset.d
    most = min(d, MOST_COORDINATES)
    if options.projection != "auto":
        kinds = [options.projection]
    else:
        kinds = ["identity"] * (d <= MOST_COORDINATES) + ["pca"] * (d > 1)
    for kind in kinds:
        if kind == "identity":
            yield kind, d
        elif options.m is not None:
            yield kind, options.m
        else:
            rank = min(most, dataset.N - 1)
            sizes = {max(rank >> k, 1) for k in range(rank.bit_length())}
            # Many points: each dimension costs a minute; only data of few dimensions gain much.
            few = {m for m in sizes if dataset.N <= _MANY or m <= 2}
            yield from ((kind, m) for m in sorted(few, reverse=True))


def _rounds(
    phi: Projection,
    dataset: SeparatedDataset,
    radius_squared: Fraction,
    codes: np.ndarray,
    options: HalvingOptions,
) -> tuple[_Placed, list[Round]] | None:
    """Return the images with the fewest levels on which rounds exist, and these rounds."""
    Z = phi.image(dataset.X)
    radius = root_upper(phi.lipschitz**2 * radius_squared, 2)
    random = generator(options.seed, "construct", "halving_lattice", phi.kind, str(phi.m))
    for levels in range(1, _LEVELS + 1):
        placed = _placed(phi, Z, radius, levels)
        most = min(options.cells // phi.m + 1, _CELLS_A_BALL * dataset.N + _FEW_CELLS)
        limits = Limits(levels, 1 << _band_power(placed.balls), most)
        rounds = rounds_of(placed.balls, codes, limits, random)
        if rounds is not None:
            return placed, rounds
    return None


def _band_power(balls: Balls) -> int:
    """Return k with delta = 2^k units."""
    return max(balls.reach // _DELTA_SHARE, 1).bit_length() - 1


def _placed(phi: Projection, Z: DyadicArray, radius: Fraction, levels: int) -> _Placed:
    """Return the images scaled and moved into the base cells of so many levels."""
    unit = Fraction(2) ** Z.exponent
    lows = [int(v) * unit for v in Z.numerators.min(axis=0)]
    highs = [int(v) * unit for v in Z.numerators.max(axis=0)]
    widest = max(high - low for low, high in zip(lows, highs, strict=True)) + 2 * radius
    room = (1 << levels) - 1 - Fraction(1, 1 << _OFFSET_BITS)
    factor = rounded_factor(room / widest, up=False)
    offsets = [dyadic_of_fraction(factor * (radius - low), _OFFSET_BITS, up=True) for low in lows]
    power = factor.denominator.bit_length() - 1
    balls = balls_of(Z, factor, offsets, radius * factor, levels)
    rows = DyadicArray(phi.rows.numerators * factor.numerator, phi.rows.exponent - power)
    whole = np.array([int(b * (1 << _OFFSET_BITS)) for b in offsets], dtype=np.int64)
    return _Placed(
        rows.normalized(),
        DyadicArray(whole, -_OFFSET_BITS),
        phi.lipschitz * factor,
        balls,
        levels,
    )


def _estimate(d: int, placed: _Placed, rounds: list[Round], bits: int) -> int:
    """Return about how many parameters a network of these rounds has."""
    stages = tuple(
        Stage(made.lattice, made.levels, 0, estimated(len(made.cells), bits, 2 * k + bits))
        for k, made in enumerate(rounds)
    )
    return _cheapest(d, placed, bits, stages).plan().parameter_count()


def _laid_out(
    d: int,
    placed: _Placed,
    rounds: list[Round],
    bits: int,
    kind: str,
    options: HalvingOptions,
) -> _Resolved:
    """Return the layout with the cheapest memorizer of each round."""
    random = generator(options.seed, "construct", "halving_lattice", "hashes")
    choices, stages = [], []
    for k, made in enumerate(rounds):
        passing = 2 * k + (bits if k < len(rounds) - 1 else 0)
        choice = cheapest_memorizer(made, bits, passing, options.memorizers, random)
        choices.append(choice)
        stages.append(Stage(made.lattice, made.levels, placed.balls.bits, choice.memorizer))
    layout = _cheapest(d, placed, bits, tuple(stages))
    return _Resolved(placed, rounds, choices, layout, kind)


def _cheapest(d: int, placed: _Placed, bits: int, stages: tuple[Stage, ...]) -> Layout:
    """Return the layout with the best number of coordinates side by side."""
    m = placed.rows.shape[0]
    delta_bits = placed.balls.bits - _band_power(placed.balls)
    layouts = (Layout(d, m, count, delta_bits, bits, stages) for count in range(1, m + 1))
    return min(layouts, key=lambda each: each.plan().parameter_count())


def _notes(found: _Resolved) -> tuple[tuple[str, str], ...]:
    """Return the choices and what they cost, for the report."""
    layout, placed = found.layout, found.placed
    notes = [
        ("projection", f"{found.kind}, m = {layout.m}"),
        ("cells a coordinate", f"at most 2^{placed.levels}"),
        ("radius of images r", f"{placed.balls.reach / (1 << placed.balls.bits):.6g} cells"),
        ("coordinates folded side by side", str(layout.together)),
    ]
    for k, (made, choice) in enumerate(zip(found.rounds, found.choices, strict=True), 1):
        costs = ", ".join(
            f"{kind} {'' if kind in choice.made else 'about '}{count:,}"
            for kind, count in sorted(choice.costs.items())
        )
        notes.append(
            (
                f"round {k}",
                f"{made.balls:,} balls, {len(made.cells):,} cells of side "
                f"{1 << made.lattice.shift}, {choice.memorizer.kind} (parameters: {costs})",
            )
        )
    return tuple(notes)
