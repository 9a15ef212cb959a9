"""Halving lattices made by hand, round by round, for attacks that no construction would make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.construction import Built, Certificate
from pipeline.construction.halving_kinds import Keyed, Memorizer, Retrieval, Shallow
from pipeline.construction.halving_layout import Layout, Stage, network_of_layout
from pipeline.construction.lattice_cells import Lattice
from pipeline.data import SeparatedDataset
from pipeline.gadgets.bit_table import StoredKeys
from pipeline.gadgets.folding import digits_of_cells
from pipeline.gadgets.keyed_groups import keyed_groups
from pipeline.gadgets.keyed_table import KeyedSizes
from pipeline.gadgets.retrieval import RetrievalSizes
from pipeline.gadgets.ribbon import ribbon_words
from pipeline.network import Affine, ReLUNetwork
from pipeline.verification.check.balls import Findings
from tests.verification.check.check_files import Document, findings_in_memory
from tests.verification.check.lattice_networks import LINE, claim_of

# Translations are multiples of 2^-UNIT_BITS here.
UNIT_BITS = 8
Cell = tuple[int, ...]


@dataclass(frozen=True)
class HandRound:
    """A round made by hand.

    Args:
        translation: t, multiples of 2^-UNIT_BITS.
        codes: of the cells.
        shift: the side is 2^shift.
        retrieval: rows, columns, positions, window; None for a table.
        keyed: groups, keys a group, bits of a gap; None for a shallow table.
    """

    translation: Sequence[Fraction | int]
    codes: Mapping[Cell, int]
    shift: int = 0
    retrieval: tuple[int, int, int, int] | None = None
    keyed: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Hand:
    """A halving lattice made by hand.

    Args:
        rows: W, integers.
        offsets: b, integers.
        rounds: the rounds.
        levels: L.
        e: delta = 2^-e.
        bits: of a code.
        majority: the label of code 0.
        together: coordinates side by side.
        lipschitz: what the certificate says about ||W||.
    """

    rows: Sequence[Sequence[int]]
    offsets: Sequence[int]
    rounds: Sequence[HandRound]
    levels: int = 3
    e: int = 6
    bits: int = 1
    majority: int = 1
    together: int = 1
    lipschitz: str = "1"

    def stages(self) -> tuple[Stage, ...]:
        """Return the rounds with their memorizers."""
        return tuple(self._stage(each) for each in self.rounds)

    def _stage(self, each: HandRound) -> Stage:
        n, m = self.levels - each.shift, len(self.rows)
        digits = digits_of_cells(np.array(list(each.codes)), n)
        codes = np.array(list(each.codes.values()))
        memorizer: Memorizer
        if each.retrieval is None:
            # Powers of two: different cells have different keys.
            weights = (1 << np.arange(m * n, dtype=np.int64)).reshape(m, n)
            known = np.tensordot(digits, weights, axes=2).tolist()
            table = dict(zip(known, codes.tolist(), strict=True))
            memorizer = Shallow(weights.tolist(), StoredKeys(table, self.bits).table(2))
            if each.keyed is not None:
                sizes = KeyedSizes(*each.keyed, self.bits)
                stored = {key: code for key, code in table.items() if code}
                memorizer = Keyed(weights.tolist(), sizes, keyed_groups(stored, sizes))
        else:
            memorizer = self._retrieval(digits, codes, each.retrieval)
        units = [int(Fraction(t) * (1 << UNIT_BITS)) for t in each.translation]
        return Stage(Lattice(each.shift, np.array(units, dtype=np.int64)), n, UNIT_BITS, memorizer)

    def _retrieval(
        self, digits: np.ndarray, codes: np.ndarray, shape: tuple[int, int, int, int]
    ) -> Retrieval:
        for seed in range(200):
            sizes = RetrievalSizes(*shape, 0, self.bits)
            random = np.random.default_rng(seed)
            weights = random.integers(0, 2 * sizes.modulus, digits.shape[1:])
            most = int(weights.sum()) // sizes.modulus
            sizes = RetrievalSizes(*shape, most.bit_length(), self.bits)
            words = ribbon_words(np.tensordot(digits, weights, axes=2), codes, sizes)
            if words is not None:
                return Retrieval(weights.tolist(), sizes, words)
        raise AssertionError(f"no hash among 200 keeps the codes apart for {shape}")

    def layout(self, stages: tuple[Stage, ...]) -> Layout:
        """Return the layers."""
        d, m = len(self.rows[0]), len(self.rows)
        return Layout(d, m, self.together, self.e, self.bits, stages)

    def built(self, rho: Fraction) -> Built:
        """Return network, plan and true certificate."""
        stages = self.stages()
        certificate = Certificate("none", "halving_lattice", rho, 2, self.structure(stages))
        return Built(self.network(stages), certificate, self.layout(stages).plan(), ())

    def network(self, stages: tuple[Stage, ...] | None = None) -> ReLUNetwork:
        """Return the network, of other stages if they are given."""
        layout = self.layout(stages or self.stages())
        flipped = [bool(self.majority - 1 >> b & 1) for b in range(self.bits)]
        affine = Affine.from_floats(np.array(self.rows, float), np.array(self.offsets, float))
        return network_of_layout(layout, affine, flipped)

    def structure(self, stages: tuple[Stage, ...] | None = None, **fields: Any) -> Document:
        """Return the true structure, with some fields changed."""
        stages = stages or self.stages()
        return {
            "lipschitz": self.lipschitz,
            "m": len(self.rows),
            "levels": self.levels,
            "together": self.together,
            "delta_bits": self.e,
            "code_bits": self.bits,
            "majority": self.majority,
            "rounds": [
                {
                    "shift": each.shift,
                    "translation": [str(Fraction(t)) for t in each.translation],
                    "weights": stage.made.weights,
                    **stage.made.named(),
                }
                for each, stage in zip(self.rounds, stages, strict=True)
            ],
            **fields,
        }


# On LINE eps = 1, so rho is the radius. In round 1 every centre stands on a wall; in round 2 all
# balls of radius 1/4 are clear, by 1/4.
ON_WALLS = {(k,): k // 2 % 2 ^ 1 for k in range(2, 8)}
CLEAR = {(k,): k % 2 ^ 1 for k in range(1, 4)}
FIRST, SECOND = HandRound([0], ON_WALLS), HandRound([Fraction(1, 2)], CLEAR, 1)
BASE = Hand([[1]], [3], [FIRST, SECOND])
RETRIEVED = replace(
    BASE, rounds=[replace(FIRST, retrieval=(2, 2, 2, 3)), replace(SECOND, retrieval=(2, 2, 1, 4))]
)

STORED = replace(BASE, rounds=[replace(FIRST, keyed=(2, 2, 3)), replace(SECOND, keyed=(1, 3, 2))])


def reason(
    hand: Hand,
    data: SeparatedDataset = LINE,
    rho: Fraction = Fraction(1, 4),
    stages: tuple[Stage, ...] | None = None,
    network: ReLUNetwork | None = None,
    **fields: Any,
) -> str:
    """Return why the checker rejects, "" if it does not; a VERIFIED network is right at centres."""
    network = network or hand.network(stages)
    structure = hand.structure(stages, **fields)
    findings = findings_in_memory(network, "halving_lattice", structure, claim_of(data, rho))
    if isinstance(findings, Findings) and not findings.reason:
        assert network.evaluate_exact(data.X).fractions()[:, 0].tolist() == data.y.tolist()
    return findings.reason if isinstance(findings, Findings) else findings
