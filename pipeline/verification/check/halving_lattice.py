r"""Lattices in rounds, confirmed (docs/theory.md 6).

Layers: z = relu(W x + b). Round k of K: the digits of x_k = (z + t_k) / 2^(s_k) (folds.py) into
key_k and, for k < K, S_k = sum_j relu(delta_k - v_j) + relu(v_j - 1 + delta_k) with the rests v_j,
delta_k = 2^-(e + s_k), bands of the digits gamma_k = delta_k / 2. Then bits B_K of key_K, T_K =
B_K, and for k = K - 1, ..., 1, with c = relu(1 - T_(k+1)):
    g = relu(1 - 4 S_k / delta_k), u = relu(4 S_k / delta_k - 1),
    U = 2 relu(1 - c - g) + relu(1 - u), T_k = B_k + U - 1.
The output is the label with bits relu(1 - relu(1 - T_1)), T_1 clipped to [0, 1].

Write clip(T) for min(1, max(0, T)) = relu(1 - c), and d_j for the distance of coordinate j of x_k
to Z; S_k = sum_j relu(delta_k - d_j) as delta_k <= 1/2. All bits of tables and retrievals lie in
[0, 1] whatever their keys are.

Theorem. Let ball i lie in the box where every z + t_k is in [0, 2^L]^m, and call a point of it open
in round k if S_l > 0 for all l < k. If every cell of round k that has an open point inside of it
has a key with the code of y_i, for all k, and no point is open in round K + 1, then f = y_i on ball
i.
Proof. By induction from k = K down: clip(T_k) is the code beta of y_i, bit by bit, at points open
in round k. For k = K: S_K > 0 for none of them, so d_j >= delta_K > gamma_K, digits are exact, the
point lies inside a cell and B_K = beta. For k < K let S = S_k at the point.
S = 0: g = 1, u = 0, so U = 1, T_k = B_k; digits are exact as d_j >= delta_k: B_k = beta.
0 < S < delta/4: digits are exact (some d_j < gamma would make S > delta/2), B_k = beta, u = 0; the
point is open in round k + 1, so 1 - c <= beta and h = relu(1 - c - g) <= beta. T_k = beta + 2h: 0
if beta = 0, at least 1 if beta = 1.
delta/4 <= S < delta/2: g = 0, h = beta, digits are exact, T_k = beta + 2 beta + relu(1 - u) - 1
with 0 <= relu(1 - u) <= 1: at most 0 if beta = 0, at least 2 if beta = 1.
S >= delta/2: g = 0, u >= 1, h = beta, T_k = B_k + 2 beta - 1 with B_k in [0, 1]: at most 0 if beta
= 0, at least 1 if beta = 1. Every point is open in round 1. QED

Cells with open points are among those met by balls with a way left (met_cells.py), as S_l > 0 means
that some d_j < delta_l.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.verification.check.balls import (
    BallImages,
    Claim,
    Findings,
    at_most,
    ball_images,
    first_failure,
)
from pipeline.verification.check.folds import confirm_digits, keys_of_cells
from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.key_table import confirm_table
from pipeline.verification.check.keyed_table import (
    KeyedSizes,
    confirm_bits,
    confirm_keyed,
    keyed_sizes_of,
)
from pipeline.verification.check.layers import LayerReader, neurons, positive
from pipeline.verification.check.met_cells import (
    cells_of_balls,
    grid_of,
    ways_at_start,
    ways_on,
)
from pipeline.verification.check.readers import Network, rational
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.check.retrieval import Sizes, confirm_retrieval

_ONE = Form({}, Fraction(1))
# Codes of keys are int64: bits beyond would be lost, and with them that they must be 0.
_MOST_CODE_BITS = 62
# A word ends 1 / 2^(w+1), and exponents of files are at most 2^16.
_MOST_DIGITS = 1 << 17


@dataclass(frozen=True)
class _Round:
    """One round as the certificate names it.

    Args:
        shift: s_k.
        translation: t_k.
        weights: of the digits, shape (m, n), int64.
        layers: neurons of the two layers of a shallow table, (0, 0) for other memorizers.
        sizes: of a retrieval or a keyed table, None for a shallow one.
    """

    shift: int
    translation: list[Fraction]
    weights: np.ndarray
    layers: tuple[int, int]
    sizes: Sizes | KeyedSizes | None


@dataclass(frozen=True)
class _Structure:
    """m, L, coordinates side by side, e, c, the class of code 0, ||W|| <= lipschitz, the rounds."""

    m: int
    levels: int
    together: int
    e: int
    bits: int
    majority: int
    lipschitz: Fraction
    rounds: list[_Round]


def check_halving_lattice(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return which balls are proved right.

    Raises:
        Rejected: if a layer is not what it claims to be.
    """
    at = _structure_of(structure)
    reader = LayerReader(network.layers)
    rows = reader.rows()
    if len(rows) != at.m:
        raise Rejected(f"layer 1: {at.m} coordinates expected, got {len(rows)}")
    kept: list[Form] = []
    z = neurons(0, at.m)
    for k, each in enumerate(at.rounds):
        kept, z = _confirm_folding(reader, at, each, kept, z, k == len(at.rounds) - 1)
    codes = _confirm_rounds(reader, at, kept)
    balls = ball_images(claim, rows, at.lipschitz, None)
    return _findings(balls, at, codes, claim)


def _structure_of(structure: dict[str, Any]) -> _Structure:
    """Return what a structure names.

    Raises:
        Rejected: if its sizes make no rounds of lattices.
    """
    names = ("m", "levels", "together", "delta_bits", "code_bits", "majority")
    m, levels, together, e, bits, majority = positive(structure, *names)
    if bits > _MOST_CODE_BITS:
        raise Rejected(f"codes of at most {_MOST_CODE_BITS} bits expected, got {bits}")
    rounds = []
    for each in structure["rounds"]:
        shift = int(each["shift"])
        weights = np.array(each["weights"])
        if weights.dtype.kind != "i":
            raise Rejected(f"weights of digits must be integers, got {weights.dtype}")
        weights = weights.astype(np.int64)
        if not 0 <= shift < levels <= 40 or weights.shape != (m, levels - shift):
            raise Rejected(f"weights of {m} times {levels - shift} digits expected")
        if weights.min() < 0 or sum(int(w) for w in weights.reshape(-1)) >= 1 << 62:
            raise Rejected("weights of digits must be >= 0 and their sum below 2^62")
        translation = [rational(t) for t in each["translation"]]
        if len(translation) != m or min(translation) < 0:
            raise Rejected(f"{m} translations >= 0 expected")
        rounds.append(_round_of(each, shift, translation, weights, bits))
    if not rounds:
        raise Rejected("at least one round is needed")
    return _Structure(
        m, levels, together, e, bits, majority, rational(structure["lipschitz"]), rounds
    )


def _round_of(
    each: dict[str, Any], shift: int, translation: list[Fraction], weights: np.ndarray, bits: int
) -> _Round:
    """Return one round, its memorizer's sizes checked against the keys.

    Raises:
        Rejected: if they do not fit.
    """
    if each["memorizer"] == "shallow":
        first, second = positive(each, "steps", "knots")
        return _Round(shift, translation, weights, (first, second), None)
    if each["memorizer"] == "keyed":
        return _Round(shift, translation, weights, (0, 0), keyed_sizes_of(each, bits))
    if each["memorizer"] != "retrieval":
        raise Rejected(f"there is no memorizer {each['memorizer']!r}")
    rows, columns, positions, window = positive(each, "rows", "columns", "positions", "window")
    quotient = int(each["quotient_bits"])
    sizes = Sizes(rows, columns, positions, window, quotient, bits)
    largest = sum(int(w) for w in weights.reshape(-1))
    if sizes.digits > _MOST_DIGITS:
        raise Rejected(f"words of at most {_MOST_DIGITS} digits expected, got {sizes.digits}")
    fits = 0 <= quotient < 64 and largest < (sizes.groups * sizes.span) << quotient
    if min(rows, columns) < 2 or not fits:
        raise Rejected("the keys do not fit the retrieval")
    return _Round(shift, translation, weights, (0, 0), sizes)


def _confirm_folding(
    reader: LayerReader,
    at: _Structure,
    each: _Round,
    kept: list[Form],
    z: list[Form],
    last: bool,
) -> tuple[list[Form], list[Form]]:
    """Confirm the digits of one round; return kept values with S and key at the end, and z."""
    count, gamma_bits = len(kept), at.e + each.shift + 1
    key: Form | None = None
    near: list[Form] = []
    weights = each.weights.tolist()
    for start in range(0, at.m, at.together):
        block = range(start, min(start + at.together, at.m))
        xs = [z[j].plus(each.translation[j]) * Fraction(1, 1 << each.shift) for j in block]
        left = [j for j in range(at.m) if not last or j >= block.stop]
        passing = [*kept, *near, *[z[j] for j in left]]
        hashed = [weights[j] for j in block]
        passing, key, rests = confirm_digits(reader, passing, xs, hashed, gamma_bits, key)
        if not last:
            delta = Fraction(1, 1 << (at.e + each.shift))
            ends = [f for v in rests for f in ((v * -1).plus(delta), v.plus(delta - 1))]
            reader.confirm([*passing, key, *ends], "distances to walls")
            first = len(passing) + 1
            passing, key = neurons(0, len(passing)), neuron(len(passing))
            total = passing[count] if near else Form()
            for bump in neurons(first, len(ends)):
                total = total + bump
            near = [total]
        kept = passing[:count]
        for j, form in zip(left, passing[len(passing) - len(left) :], strict=True):
            z[j] = form
    assert key is not None
    return [*kept, *near, key], z


_Codes = Callable[[np.ndarray], np.ndarray]


def _confirm_rounds(reader: LayerReader, at: _Structure, kept: list[Form]) -> list[_Codes]:
    """Confirm memorizers and gates from the last round on; return code of key of each round.

    Raises:
        Rejected: if a layer is not what it must be.
    """
    codes: list[_Codes] = []
    U: list[Form] = []
    for each in reversed(at.rounds):
        *kept, key = kept
        first = not codes
        passing = [*kept, *U]
        bits, code, passing = _confirm_memorizer(reader, passing, key, each, at)
        codes.append(code)
        kept, U = passing[: len(kept)], passing[len(kept) :]
        # 1 - T, with T = B in the last round and B + U - 1 in the others.
        over = [_ONE - b for b in bits]
        if not first:
            over = [_ONE + row - u for row, u in zip(over, U, strict=True)]
        if len(codes) == len(at.rounds):
            reader.confirm(over, "clipping")
        else:
            shift = at.rounds[-1 - len(codes)].shift
            kept, U = _confirm_gates(reader, at, kept, over, shift)
    clipped = [_ONE - t for t in neurons(0, at.bits)]
    reader.confirm(clipped, "clipping")
    label = _ONE
    for b, bit in enumerate(neurons(0, at.bits)):
        flip = at.majority - 1 >> b & 1
        label = label + (_ONE - bit if flip else bit) * (1 << b)
    reader.require_output(label)
    return codes[::-1]


def _confirm_gates(
    reader: LayerReader, at: _Structure, kept: list[Form], over: list[Form], shift: int
) -> tuple[list[Form], list[Form]]:
    """Confirm the two layers between rounds; return kept values with the key, and U."""
    *kept, near, key = kept
    scaled = near * (4 << (at.e + shift))
    count = len(kept)
    rows = [*kept, key, _ONE - scaled, scaled.plus(-1), *over]
    reader.confirm(rows, "nearness to walls")
    shut, masked, *over = neurons(count + 1, 2 + at.bits)
    rows = [*neurons(0, count + 1), _ONE - masked, *[_ONE - c - shut for c in over]]
    reader.confirm(rows, "the gate between two rounds")
    good, *opened = neurons(count + 1, 1 + at.bits)
    return neurons(0, count + 1), [h * 2 + good for h in opened]


def _confirm_memorizer(
    reader: LayerReader, kept: list[Form], key: Form, each: _Round, at: _Structure
) -> tuple[list[Form], _Codes, list[Form]]:
    """Confirm a memorizer; return its bits, the code of any key, and the kept values."""
    if isinstance(each.sizes, KeyedSizes):
        keyed, kept, label = confirm_keyed(reader, kept, key, each.sizes)
        kept, bits = confirm_bits(reader, kept, label, at.bits)
        return bits, keyed.codes, kept
    if each.sizes is not None:
        retrieval, kept, bits = confirm_retrieval(reader, kept, key, each.sizes)
        return bits, retrieval.codes, kept
    table, kept, bits = confirm_table(reader, kept, key, *each.layers, at.bits)
    return bits, table.codes, kept


def _findings(balls: BallImages, at: _Structure, codes: list[_Codes], claim: Claim) -> Findings:
    labels = claim.data.labels.astype(np.int64)
    N = len(labels)
    if not 1 <= at.majority <= 1 << at.bits or int(labels.max()) > 1 << at.bits:
        raise Rejected(f"{at.bits} bits do not hold the labels")
    wanted = (labels - 1) ^ (at.majority - 1)
    _require_walls_apart(at)
    grid = grid_of(balls, at.levels)
    reached, right = np.ones(N, dtype=bool), np.ones(N, dtype=bool)
    ways, met, sizes = ways_at_start(N), 0, []
    for each, code in zip(at.rounds, codes, strict=True):
        offset = _offsets(each.translation, grid.bits)
        reached &= _below(balls, each.translation, at.levels)
        rows = np.unique(ways.balls)
        sizes.append(len(rows))
        rows = rows[reached[rows]]
        owners, cells = cells_of_balls(grid, rows, each.shift, offset)
        inside = ((cells >= 0) & (cells < 1 << (at.levels - each.shift))).all(axis=1)
        owners, cells = owners[inside], cells[inside]
        met += len(owners)
        found = code(keys_of_cells(cells, each.weights))
        right[owners[found != wanted[owners]]] = False
        ways = ways_on(grid, ways, each.shift, offset, 1 << max(grid.bits - at.e, 0))
    left = ways.left(N)
    reason = first_failure(
        labels,
        [
            ("its image has a coordinate below 0, which relu does not carry", balls.inside),
            (f"its image leaves the 2^{at.levels} cells of a coordinate", reached),
            ("it may meet a cell that is remembered with another code", right),
            ("it may have a point near walls of every lattice", ~left),
        ],
    )
    facts = (
        f"projection to m = {at.m} dimensions, norm at most {at_most(at.lipschitz)}",
        f"{len(at.rounds)} rounds for {', '.join(map(str, sizes))} balls, bands of 2^-{at.e} cells",
        f"{met} pairs of a ball and a cell it may meet, every one looked up",
        f"image radius at most {at_most(balls.radius)}",
    )
    verified = balls.inside & reached & right & ~left
    return Findings(verified, np.full(N, np.nan), reason, facts)


def _require_walls_apart(at: _Structure) -> None:
    """Check that walls of different rounds on a coordinate are more than 2 delta apart.

    Raises:
        Rejected: if some are not.
    """
    for k, one in enumerate(at.rounds):
        for other in at.rounds[:k]:
            period = 1 << min(one.shift, other.shift)
            for t, s in zip(one.translation, other.translation, strict=True):
                apart = (t - s) % period
                if min(apart, period - apart) <= Fraction(2, 1 << at.e):
                    raise Rejected("walls of two rounds are too near to each other")


def _offsets(translation: list[Fraction], bits: int) -> np.ndarray:
    """Return translations in units of 2^-bits.

    Raises:
        Rejected: if one is no multiple of the unit.
    """
    scaled = [t * (1 << bits) for t in translation]
    if any(t.denominator != 1 for t in scaled):
        raise Rejected(f"translations must be multiples of 2^-{bits}")
    return np.array([int(t) for t in scaled], dtype=np.int64)


def _below(balls: BallImages, translation: list[Fraction], levels: int) -> np.ndarray:
    """Return whether z + t stays at most 2^levels in every coordinate, on each ball."""
    unit = Fraction(2) ** balls.centres.exponent
    tops = [((1 << levels) - t - balls.radius) / unit for t in translation]
    limit = np.array([top.numerator // top.denominator for top in tops], dtype=object)
    return np.all(balls.centres.integers <= limit, axis=1).astype(bool)
