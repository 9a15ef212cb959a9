r"""Voting (docs/theory.md 8): tables of cells vote; right on balls that no lattice clears.

    x -> v = A x, M = T k rows -> digits: on which side of its walls each coordinate lies
      -> T keys, one a table -> the bits that each table stores for its key (gadgets.bit_table)
      -> for each bit the number of tables that say 0, against a threshold -> label.

Proof. Table t says what it says at x_i unless one of its rows moves by its clearance h_t(i) or
more. On ball i the rows move by less than r = ||A|| mu together, so fewer tables fail than the
h_t(i)^2 in ascending order need to add up to r^2 (voting_tables). Counting those that store another
bit as failed, at most bad_1 tables say 0 on a ball whose bit is 1, at most bad_0 say 1 where it is
0, and bad_0 + bad_1 < T: relu(T - bad_0 - zeros) is at least 1 on the former, 0 on the latter.
Digits lie in [0, 1] and votes too, for every x at all, so no relu cuts anything off.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.construction.built import Built, Certificate
from pipeline.construction.parallel_balls import code_bits
from pipeline.construction.projection import Projection
from pipeline.construction.projection import projection as projection_of
from pipeline.construction.voting_layout import Sizes
from pipeline.construction.voting_search import Images, Wanted, candidates
from pipeline.construction.voting_tables import Choice, Votes, key_weights, sizes_of, voted
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, enclosing_l2_radius_squared, root_upper
from pipeline.gadgets import BitTable, bits_to_label, knot_rows, step_rows, zigzags
from pipeline.network import Affine, Circuit, Expression, Plan, ReLUNetwork, serial

# A ramp is at most this share of the balls' images, but no less than 2^-40 of the data's span.
_RAMP, _SPAN_BITS = Fraction(1, 64), 40
# Rows to choose from: at most so many, and so many entries of their images.
_ROWS, _IMAGES = 512, 600_000
_LEAST_ROWS = 64


@dataclass(frozen=True)
class _Planned:
    """Everything but the network.

    Args:
        projection: the rows to choose from, proved norm.
        ramp_bits: g, ramps have width 2^-g.
        votes: the tables.
        look_ups: their knots.
        radius: of the balls' images, in ramps.
    """

    projection: Projection
    ramp_bits: int
    votes: Votes
    look_ups: list[BitTable]
    radius: Fraction

    @property
    def sizes(self) -> Sizes:
        """What fixes the architecture."""
        return sizes_of(self.projection.rows.shape[1], self.votes.choice, self.look_ups)


def build_voting(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "span_random",
    tables: int | None = None,
    k: int | None = None,
    walls: int | None = None,
    weight_bits: int = 16,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` by tables that vote (docs/theory.md 8).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio.
        p: norm of the balls; for p != 2 the enclosing l2 ball is certified.
        projection: "random", or "span_random" for rows within the span of the points, on which
            images lie sqrt(d / N) times farther apart where N < d.
        tables: T; by default, like the next two, what gives the fewest parameters.
        k: coordinates a table.
        walls: walls a coordinate, which cut it into so many cells and one.
        weight_bits: fractional bits of the rows.
        seed: seed of the rows.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: if no number of tables found wins every vote, or an option is out of range.
    """
    planned = _planned(dataset, rho, p, projection, Wanted(tables, k, walls), weight_bits, seed)
    sizes = planned.sizes
    structure = {
        "projection": projection,
        "lipschitz": str(planned.projection.lipschitz * Fraction(2) ** planned.ramp_bits),
        "tables": sizes.tables,
        "coordinates": sizes.coordinates,
        "walls": sizes.walls,
        "bits": sizes.bits,
        "steps": list(sizes.steps),
        "knots": list(sizes.knots),
    }
    certificate = Certificate("voting", "voting", rho, p, structure)
    return Built(_assembled(planned), certificate, sizes.plan(), _notes(planned, dataset))


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    projection: str = "span_random",
    tables: int | None = None,
    k: int | None = None,
    walls: int | None = None,
    weight_bits: int = 16,
    seed: int = 0,
) -> Plan:
    """Return the widths `build_voting` would give, without building.

    Arguments and errors are those of `build_voting`.
    """
    wanted = Wanted(tables, k, walls)
    return _planned(dataset, rho, p, projection, wanted, weight_bits, seed).sizes.plan()


def _planned(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    kind: str,
    wanted: Wanted,
    weight_bits: int,
    seed: int,
) -> _Planned:
    """Return the choice with the fewest parameters whose votes are decided, exactly.

    Raises:
        ValueError: if rho or the kind of projection is out of range, or no choice is decided.
    """
    if not 0 < rho < 1:
        raise ValueError(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if kind not in ("random", "span_random"):
        raise ValueError(f"projection of voting must be random or span_random, got {kind!r}")
    rank = dataset.d if kind == "random" else min(dataset.N, dataset.d)
    limit = min(rank, _ROWS, max(_LEAST_ROWS, _IMAGES // dataset.N))
    phi = projection_of(dataset, kind, limit, weight_bits, seed)
    mu_squared = enclosing_l2_radius_squared(dataset.radius_power(rho, p), p, dataset.d)
    radius = root_upper(phi.lipschitz**2 * mu_squared, 2)
    images = phi.image(dataset.X)
    ramp_bits = _ramp_bits(images, radius)
    images = DyadicArray(images.numerators, images.exponent + ramp_bits)
    radius *= Fraction(2) ** ramp_bits
    bits = code_bits(dataset.C)
    labels = dataset.y - 1
    seen = Images(images.nearest_float64(), labels, bits, float(radius), dataset.d)
    for candidate in candidates(seen, wanted):
        votes = voted(images, labels, bits, candidate.choice, radius**2)
        if votes.decided:
            return _Planned(phi, ramp_bits, votes, votes.look_ups(), radius)
    raise ValueError(
        f"voting needs tables that outvote their failures on every ball (docs/theory.md 8): none "
        f"found at rho = {rho}, p = {p} among {phi.m} {kind} rows with tables = {wanted.tables}, "
        f"k = {wanted.coordinates}, walls = {wanted.walls} (None: any); images of balls have "
        f"radius {float(radius / Fraction(2) ** ramp_bits):.6g}; use a smaller rho or another seed"
    )


def _ramp_bits(images: DyadicArray, radius: Fraction) -> int:
    """Return g with 2^-g at most 1/64 of the radius, or about 2^-40 of the images' span."""
    largest = int(np.abs(images.numerators).max()) + 1
    span = largest * Fraction(2) ** (images.exponent - _SPAN_BITS)
    width = max(radius * _RAMP, span)
    return width.denominator.bit_length() - width.numerator.bit_length() + 1


def _assembled(planned: _Planned) -> ReLUNetwork:
    votes, look_ups = planned.votes, planned.look_ups
    choice, bits = votes.choice, len(votes.most_wrong)
    circuit = Circuit(planned.projection.rows.shape[1])
    digits = _digits(circuit, planned.projection, choice, planned.ramp_bits)
    keys = circuit.hidden(_keys(choice, digits))
    zeros: list[Expression] = []
    last: list[Expression] = []
    for t, table in enumerate(look_ups):
        carried = [*keys[t + 1 :], *zeros, *last]
        neurons = circuit.hidden([*carried, *step_rows(table, keys[t])])
        steps, neurons = neurons[len(carried) :], neurons[: len(carried)]
        left = len(keys) - t - 1
        counted = _counted(neurons[left:], bits)
        neurons = circuit.hidden([*neurons[:left], *counted, *knot_rows(table, steps)])
        kept = left + len(counted)
        neurons = circuit.hidden([*neurons[:kept], *zigzags(table, neurons[kept:])])
        keys[t + 1 :] = neurons[:left]
        zeros, last = neurons[left:kept], [1 - f for f in neurons[kept:]]
    total = _counted(circuit.hidden([*zeros, *last]), bits)
    threshold = [choice.tables - zero for zero, _ in votes.most_wrong]
    wins = circuit.hidden([c - n for c, n in zip(threshold, total, strict=True)])
    lost = circuit.hidden([1 - win for win in wins])
    clipped = circuit.network([1 - v for v in lost])
    return serial(clipped, ReLUNetwork.relu(bits_to_label([False] * bits)))


def _counted(neurons: list[Expression], bits: int) -> list[Expression]:
    """Return the zeros counted so far from the sums before and the last table's votes."""
    if len(neurons) <= bits:
        return neurons
    return [a + b for a, b in zip(neurons[:bits], neurons[bits:], strict=True)]


def _digits(
    circuit: Circuit, phi: Projection, choice: Choice, ramp_bits: int
) -> list[list[Expression]]:
    """Append coordinates and digits; return the digits of each coordinate, walls ascending.

    With w = (v - c_1) / ramp the digit of wall c is relu(w - c + c_1) - relu(w - c + c_1 - 1); for
    a single wall it is 1 - relu(1 - relu(w)), one neuron instead of two.
    """
    rows = phi.rows[choice.rows.reshape(-1)]
    walls = choice.walls.reshape(len(rows), -1)
    weights = DyadicArray(rows.numerators, rows.exponent + ramp_bits)
    offset = DyadicArray(-walls[:, 0], 0)
    places = circuit.hidden_affine(Affine.from_dyadic(weights, offset).normalized())
    if walls.shape[1] == 1:
        return [[1 - v] for v in circuit.hidden([1 - w for w in places])]
    pairs = []
    for w, cuts in zip(places, (walls - walls[:, :1]).tolist(), strict=True):
        for cut in cuts:
            pairs += [w - cut, w - cut - 1]
    neurons = circuit.hidden(pairs)
    found = [a - b for a, b in zip(neurons[::2], neurons[1::2], strict=True)]
    return [found[i : i + walls.shape[1]] for i in range(0, len(found), walls.shape[1])]


def _keys(choice: Choice, digits: list[list[Expression]]) -> list[Expression]:
    """Return the key of every table."""
    tables, k, walls = choice.walls.shape
    weights = key_weights(k, walls)
    keys = []
    for t in range(tables):
        parts = [
            digit * weight
            for weight, cell in zip(weights, digits[t * k : t * k + k], strict=True)
            for digit in cell
        ]
        keys.append(sum(parts[1:], parts[0]))
    return keys


def _notes(planned: _Planned, dataset: SeparatedDataset) -> tuple[tuple[str, str], ...]:
    votes, sizes = planned.votes, planned.sizes
    worst = ", ".join(f"{zero} + {one}" for zero, one in votes.most_wrong)
    return (
        ("tables", f"{sizes.tables} of {sizes.coordinates} coordinates, {sizes.walls} walls each"),
        ("rows", f"{planned.projection.kind}, chosen out of {planned.projection.m}"),
        ("Lipschitz constant L (proved)", f"{float(planned.projection.lipschitz):.8f}"),
        ("tables that can be wrong, bit 0 + bit 1", f"{worst} of {sizes.tables}"),
        ("balls that a single table clears", f"at most {max(votes.clear)} of {dataset.N}"),
        ("balls that all tables clear", f"{votes.sure} of {dataset.N}"),
        ("cells stored", ", ".join(str(len(codes)) for codes in votes.codes)),
    )
