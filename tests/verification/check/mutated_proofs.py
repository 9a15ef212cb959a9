"""Proofs of small trained networks, with the network or the proof changed under them.

Whatever the checker still proves must be true of the network it is given: `segments.py` decides it
for balls on a line, segments and attacks search it elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from pipeline.baseline import train_baseline
from pipeline.data import SeparatedDataset
from pipeline.network import Affine, ReLUNetwork, SparseIntegers
from pipeline.verification.adversarial_points import adversarial_points_attack
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.proofs import ALPHA_UNIT, Proofs
from pipeline.verification.check.proved_balls import check_proofs
from pipeline.verification.check.readers import Dataset
from pipeline.verification.check.rejection import Rejected
from pipeline.verification.search import search_attack
from pipeline.verification.splitting.proofs import Leaves
from pipeline.verification.splitting.question import Question
from pipeline.verification.splitting.search import SearchOptions
from tests.construction.ball_points import dataset_of, spread
from tests.verification.check.check_files import Entry, changed, in_memory
from tests.verification.check.mutated import segments_of, small_changes
from tests.verification.check.segments import pieces_along

_NODES = 2000


@dataclass(frozen=True)
class Trained:
    """A trained network and the proofs of its balls under the rule `nearest`.

    Args:
        label: in tables.
        data: on a line, the second method decides.
        rho: robustness ratio.
        width: of the two hidden layers.
        steps: of the training.
    """

    label: str
    data: SeparatedDataset
    rho: Fraction
    width: int
    steps: int

    @cached_property
    def network(self) -> ReLUNetwork:
        """The network as trained."""
        options: dict[str, Any] = {"width": self.width, "depth": 3, "max_steps": self.steps}
        trained = train_baseline(self.data, self.rho, device="cpu", progress=False, **options)
        return trained.network

    @cached_property
    def leaves(self) -> Leaves:
        """What splits prove of the network."""
        balls, options = np.arange(self.data.N), SearchOptions(nodes=_NODES)
        searched, _ = Question(self.network, self.data, self.rho, 2).search(balls, options)
        return Leaves.of(searched.leaves, balls)

    @cached_property
    def proofs(self) -> Proofs:
        """The proofs as the checker reads them, all leaves relaxed."""
        at = self.leaves
        starts = np.concatenate([[0], np.cumsum(at.path_length)])
        kind = np.zeros(len(at), dtype=np.int8)
        head = self.rho, 2, "nearest", at.ball, at.side, kind, starts
        return Proofs(*head, at.path.astype(np.int64), at.beta, at.alpha, "", "")

    @cached_property
    def versions(self) -> tuple[Proofs, ...]:
        """The proofs as found, with two more splits, and with all, where leaves are exact."""
        hidden = sum(self.network.hidden_widths)
        twice = refined(self.proofs, [[1, hidden]] * self.data.N)
        exact = refined(self.proofs, self._bent())
        return self.proofs, twice, replace(exact, kind=np.ones_like(exact.kind))

    def _bent(self) -> list[list[int]]:
        """Return the neurons, numbered from 1, that change sign on segments of each ball."""
        segments, _ = segments_of(self.data, self.rho, self.network)
        each, layers, number = len(segments) // self.data.N, self.network.layers, 0
        found: list[list[int]] = [[] for _ in range(self.data.N)]
        for depth, layer in enumerate(layers[:-1]):
            for row in layer.weight.dense():
                bias = layer.bias[number - sum(self.network.hidden_widths[:depth])]
                weight = SparseIntegers.from_dense(row[None, :])
                neuron = Affine(weight, np.array([bias]), layer.exponent)
                prefix = ReLUNetwork.relu(*layers[:depth], neuron)
                number += 1
                signs: dict[int, set[bool]] = {}
                for piece in pieces_along(prefix, segments):
                    ends = [piece.slope * t + piece.value > 0 for t in (piece.lo, piece.hi)]
                    signs.setdefault(piece.segment // each, set()).update(ends)
                for ball in (ball for ball, seen in signs.items() if len(seen) == 2):
                    found[ball].append(number)
        return found

    @cached_property
    def claim(self) -> Claim:
        """The balls, as the checker derives them."""
        X = self.data.X
        points = Dataset("", X.numerators.astype(object), X.exponent, self.data.y, "")
        return Claim(points, self.data.radius_power(self.rho), 2)

    def proved(self, network: ReLUNetwork, proofs: Proofs) -> set[int]:
        """Return the balls that the checker proves of a network, none where it rejects all."""
        try:
            found = check_proofs(in_memory(network), proofs, self.claim)
        except Rejected:
            return set()
        return set(np.flatnonzero(found.verified).tolist())

    def wrong(self, network: ReLUNetwork) -> set[int]:
        """Return the balls on which the second method finds a network wrong."""
        segments, labels = segments_of(self.data, self.rho, self.network)
        ball_of = np.repeat(np.arange(self.data.N), len(segments) // self.data.N).tolist()
        found = {
            ball_of[piece.segment]
            for piece in pieces_along(network, segments)
            if not piece.is_nearest(labels[piece.segment])
        }
        if self.data.d > 1:
            for attack in (adversarial_points_attack, search_attack):
                verdicts = attack(network, self.data, self.rho, 2, "nearest", workers=1)
                found |= {v.index for v in verdicts}
        return found


def network_changes(entry: Entry, exponent: int) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, new value, finer bits): small changes, and large ones of 1/8, 1 and more."""
    yield from small_changes(entry)
    yield "negated", -entry.value, 0
    yield "doubled", 2 * entry.value, 0
    for shift in (-3, 0, 3):
        step = 1 << max(shift - exponent, 0)
        yield f"+ 2^{shift}", entry.value + step, 0
        yield f"- 2^{shift}", entry.value - step, 0


def changed_networks(
    network: ReLUNetwork, entries: list[Entry]
) -> Iterator[tuple[str, ReLUNetwork]]:
    """Yield every change of the entries, with its kind."""
    for entry in entries:
        exponent = network.layers[entry.layer].exponent
        for kind, value, finer in network_changes(entry, exponent):
            if value != entry.value << finer:
                yield kind, changed(network, entry, value, finer)


def _at(array: np.ndarray, place: int, value: Any) -> np.ndarray:
    array = array.copy()
    array.reshape(-1)[place] = value
    return array


def _without(proofs: Proofs, leaf: int) -> Proofs:
    keep = np.arange(len(proofs.ball)) != leaf
    lengths = np.diff(proofs.starts)
    steps = np.repeat(keep, lengths)
    starts = np.concatenate([[0], np.cumsum(lengths[keep])])
    parts = {name: getattr(proofs, name)[keep] for name in ("ball", "side", "kind", "alpha")}
    return replace(proofs, starts=starts, path=proofs.path[steps], beta=proofs.beta[steps], **parts)


_VALUES: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "alpha": (
        lambda v: max(int(v), 1) - 1,
        lambda v: min(int(v) + 1, ALPHA_UNIT),
        lambda v: ALPHA_UNIT - int(v),
    ),
    "beta": (
        lambda v: v * (1 + 2.0**-20),
        lambda v: v * (1 - 2.0**-20),
        lambda v: 2 * v + 1 / 8,
        lambda v: 0.0,
        lambda v: -v,
    ),
    "path": (lambda v: -v, lambda v: v + 1, lambda v: v - 1),
    "side": (lambda v: -v,),
    "kind": (lambda v: 1 - v,),
    "ball": (lambda v: v + 1, lambda v: v - 1),
}


def changed_proofs(proofs: Proofs, most: int) -> Iterator[tuple[str, Proofs]]:
    """Yield proofs with one number of one leaf changed, or a leaf left out, with the field's name.

    Args:
        proofs: the true ones.
        most: numbers changed of every field, spread over it.
    """
    yield "all kinds", replace(proofs, kind=1 - proofs.kind)
    for name, rules in _VALUES.items():
        array = getattr(proofs, name)
        for place in range(0, array.size, -(-array.size // most) or 1):
            for rule in rules:
                value = rule(array.reshape(-1)[place])
                if value != array.reshape(-1)[place]:
                    yield name, replace(proofs, **{name: _at(array, place, value)})
    for leaf in range(0, len(proofs.ball), -(-len(proofs.ball) // most)):
        yield "leaf", _without(proofs, leaf)


def refined(proofs: Proofs, neurons: list[list[int]]) -> Proofs:
    """Return proofs whose leaves are split once more by every neuron listed for their ball.

    Args:
        proofs: true ones.
        neurons: numbered from 1, for each ball.
    """
    rows, paths, betas = [], [], []
    for leaf, ball in enumerate(proofs.ball.tolist()):
        path = proofs.splits(leaf)
        beta = proofs.beta[proofs.starts[leaf] : proofs.starts[leaf + 1]].tolist()
        new = [k for k in neurons[ball] if k not in map(abs, path)]
        for signs in product((1, -1), repeat=len(new)):
            rows.append(leaf)
            paths.append([*path, *(s * k for s, k in zip(signs, new, strict=True))])
            betas.append([*beta, *[0.0] * len(new)])
    starts = np.cumsum([0, *map(len, paths)])
    parts = {name: getattr(proofs, name)[rows] for name in ("ball", "side", "kind", "alpha")}
    path = np.array([k for each in paths for k in each], dtype=np.int64)
    beta = np.array([b for each in betas for b in each], dtype=np.float64)
    return replace(proofs, starts=starts, path=path, beta=beta, **parts)


@dataclass
class ProofOutcomes:
    """Balls by what the checker says and whether they are wrong, over all changes.

    Attributes:
        proved: proved balls, found right or not refuted, by what was changed.
        unproved: balls no longer proved, by what was changed.
        caught: those of them that are wrong.
        refuted: changes after which a wrong ball is proved: there must be none.
    """

    proved: Counter[str]
    unproved: Counter[str]
    caught: Counter[str]
    refuted: list[str]

    @classmethod
    def none(cls) -> ProofOutcomes:
        return cls(Counter(), Counter(), Counter(), [])

    def add(self, what: str, of: set[int], proved: set[int], wrong: set[int]) -> None:
        """Enter what is said of the balls `of`, which the unchanged proofs prove."""
        self.proved[what] += len(proved - wrong)
        self.unproved[what] += len(of - proved)
        self.caught[what] += len((of - proved) & wrong)
        if proved & wrong:
            self.refuted.append(f"{what}: balls {sorted(proved & wrong)}")


def proof_outcomes(
    trained: Trained, entries: list[Entry], most: int, networks: int
) -> ProofOutcomes:
    """Change the entries under the proofs, then the proofs over true and changed networks.

    Args:
        trained: the network and its proofs.
        entries: what is changed of the network.
        most: numbers changed of every field of the proofs.
        networks: changed networks on which changed proofs are tried beside the true one, spread
            over those that make a proved ball wrong.
    """
    result = ProofOutcomes.none()
    of = trained.proved(trained.network, trained.proofs)
    broken: list[tuple[ReLUNetwork, set[int]]] = []
    versions = trained.versions
    for kind, network in changed_networks(trained.network, entries):
        wrong = trained.wrong(network)
        for proofs in versions:
            proved = trained.proved(network, proofs)
            result.add(f"network {kind}", of, proved, wrong)
        if wrong & of:
            broken.append((network, wrong))
    step = max(1, len(broken) // max(networks, 1))
    for network, wrong in [(trained.network, trained.wrong(trained.network)), *broken[::step]]:
        changes = (c for proofs in versions for c in changed_proofs(proofs, most))
        for name, proofs in changes:
            result.add(f"proof {name}", of, trained.proved(network, proofs), wrong)
    return result


def arrays_of(proofs: Proofs) -> dict[str, Any]:
    """Return the arrays of a proofs file, digests left to the writer."""
    arrays = {f.name: getattr(proofs, f.name) for f in fields(Leaves) if f.name != "path_length"}
    return arrays | {
        "kind": proofs.kind,
        "path": proofs.path.astype(np.int32),
        "path_length": np.diff(proofs.starts).astype(np.int64),
    }


TRAINED = (
    Trained(
        "trained d=1", dataset_of([[0], [3], [7], [12]], [1, 2, 3, 1]), Fraction(9, 10), 5, 150
    ),
    Trained("trained d=2", spread(5, 2, 2), Fraction(9, 10), 6, 200),
)
