"""The layers of halving_lattice: how they are written, and their widths without writing them.

    z = W x + b                                                   once
    round k:  key_k = sum of the digits of (z + t_k) / 2^(s_k), S_k = how near walls are
    T <- bits of key_K;  then for k = K - 1, ..., 1, with delta_k the half-width of round k's bands:
        g = relu(1 - 4 S_k / delta_k),  u = relu(4 S_k / delta_k - 1),  c = relu(1 - T)
        U = 2 relu(1 - c - g) + relu(1 - u),  T <- (bits of key_k) + U - 1
    label = the code whose bits are T clipped to [0, 1]

Why T is right on every ball: docs/theory.md 6. Keys and S are computed first, so that z need not be
carried through the memorizers; the largest memorizer comes last and has the least to carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pipeline.construction.halving_kinds import Memorizer
from pipeline.construction.halving_memorizers import Estimate
from pipeline.construction.lattice_cells import Lattice
from pipeline.gadgets.folding import folded, folded_widths, nearness
from pipeline.network import Affine, Circuit, Expression, Plan, ReLUNetwork, Repeat


@dataclass(frozen=True)
class Stage:
    """One round of the network: its lattice and its memorizer.

    Args:
        lattice: shift and translation, the latter in units of 2^-unit_bits.
        levels: digits a coordinate.
        unit_bits: of the translation.
        memorizer: of its cells; an estimate where only widths are asked for.
    """

    lattice: Lattice
    levels: int
    unit_bits: int
    memorizer: Memorizer | Estimate

    @property
    def made(self) -> Memorizer:
        """The memorizer with its weights.

        Raises:
            TypeError: if it is an estimate.
        """
        if isinstance(self.memorizer, Estimate):
            raise TypeError("an estimate has no weights")
        return self.memorizer


@dataclass(frozen=True)
class Layout:
    """Everything but the projection that the network is written from.

    Args:
        d: input dimension.
        m: coordinates.
        together: coordinates folded side by side.
        delta_bits: e with delta = 2^-e in base cells.
        bits: c, bits of a code.
        stages: the rounds, first one first.
    """

    d: int
    m: int
    together: int
    delta_bits: int
    bits: int
    stages: tuple[Stage, ...]

    def blocks(self) -> list[list[int]]:
        """Return the coordinates that are folded side by side."""
        return [
            list(range(start, min(start + self.together, self.m)))
            for start in range(0, self.m, self.together)
        ]

    def plan(self) -> Plan:
        """Return the hidden widths."""
        hidden: list[int | Repeat] = [self.m]
        last = len(self.stages) - 1
        for k, stage in enumerate(self.stages):
            hidden += self._folding_widths(k, stage.levels, k == last)
        for k in reversed(range(len(self.stages))):
            hidden += self.stages[k].memorizer.widths(2 * k + (0 if k == last else self.bits))
            if k:
                hidden += [2 * k + 1 + self.bits, 2 * k + self.bits]
        hidden += [self.bits] * 2
        return Plan(self.d, tuple(hidden), {"m": self.m, "rounds": last + 1})

    def _folding_widths(self, k: int, levels: int, last: bool) -> list[int]:
        widths, done = [], 0
        for i, block in enumerate(self.blocks()):
            done += len(block)
            carried = 2 * k + (self.m - done if last else self.m)
            near = 1 if i and not last else 0
            first, *more = folded_widths(levels, len(block), carried + near)
            widths += [first + min(i, 1), *more]
            if not last:
                widths.append(carried + near + 1 + 2 * len(block))
        return widths


def network_of_layout(layout: Layout, affine: Affine, flipped: list[bool]) -> ReLUNetwork:
    """Return the network.

    Args:
        layout: the rounds.
        affine: x -> W x + b, in base cells.
        flipped: which bits of the label's code are complemented (gadgets.clip).
    """
    circuit = Circuit(layout.d)
    z = circuit.hidden_affine(affine)
    kept: list[Expression] = []
    for k, stage in enumerate(layout.stages):
        kept, z = _digits(circuit, layout, stage, kept, z, k == len(layout.stages) - 1)
    T: list[Expression] = []
    for k in reversed(range(len(layout.stages))):
        *kept, key = kept
        U: list[Expression] = []
        if T:
            kept, key, U = _gated(circuit, layout, k, kept, key, T)
        count = len(kept)
        passing, bits = layout.stages[k].made.appended(circuit, [*kept, *U], key)
        kept, U = passing[:count], passing[count:]
        T = [b + u - 1 for b, u in zip(bits, U, strict=True)] if U else bits
    T = circuit.hidden([1 - over for over in circuit.hidden([1 - t for t in T])])
    label = circuit.constant(1)
    for b, (bit, flip) in enumerate(zip(T, flipped, strict=True)):
        label = label + ((1 - bit) if flip else bit) * (1 << b)
    return circuit.network([label])


def _gated(
    circuit: Circuit,
    layout: Layout,
    k: int,
    kept: list[Expression],
    key: Expression,
    T: list[Expression],
) -> tuple[list[Expression], Expression, list[Expression]]:
    """Append two layers; return kept values without S_k, the key and U of each bit."""
    *kept, near = kept
    near = near * (4 << (layout.delta_bits + layout.stages[k].lattice.shift))
    count = len(kept)
    neurons = circuit.hidden([*kept, key, 1 - near, near - 1, *[1 - t for t in T]])
    kept, (key, shut, masked, *over) = neurons[:count], neurons[count:]
    neurons = circuit.hidden([*kept, key, 1 - masked, *[1 - c - shut for c in over]])
    kept, (key, good, *opened) = neurons[:count], neurons[count:]
    return kept, key, [h * 2 + good for h in opened]


def _digits(
    circuit: Circuit,
    layout: Layout,
    stage: Stage,
    kept: list[Expression],
    z: list[Expression],
    last: bool,
) -> tuple[list[Expression], list[Expression]]:
    """Append the folding of one round; return kept values with its key and S, and z."""
    shift, unit = stage.lattice.shift, Fraction(1, 1 << stage.unit_bits)
    scale = Fraction(1, 1 << shift)
    gamma_bits = layout.delta_bits + shift + 1
    near: list[Expression] = []
    key: Expression | None = None
    count = len(kept)
    for block in layout.blocks():
        xs = [(z[j] + int(stage.lattice.translation[j]) * unit) * scale for j in block]
        left = [j for j in range(layout.m) if not last or j > block[-1]]
        passing = [*kept, *near, *[z[j] for j in left]]
        weights = [stage.made.weights[j] for j in block]
        passing, key, rests = folded(circuit, passing, xs, weights, gamma_bits, key)
        if not last:
            delta = Fraction(1, 1 << (layout.delta_bits + shift))
            passing, added = nearness(circuit, [*passing, key], rests, delta)
            *passing, key = passing
            near = [(passing[count] if near else circuit.constant(0)) + added]
        kept = passing[:count]
        carried = passing[len(passing) - len(left) :]
        for j, neuron in zip(left, carried, strict=True):
            z[j] = neuron
    assert key is not None
    return [*kept, *near, key], z
