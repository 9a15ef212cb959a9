"""One small network of every construction, single entries changed, and what became of each change.

A change that the checker still calls VERIFIED is judged by a second method that shares nothing with
the checker: `segments.py` follows the changed network exactly along segments. Data on a line make
every ball a segment, so there the second method decides; elsewhere it and all attacks search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np

from pipeline.construction import Built, build
from pipeline.construction import Claim as Claimed
from pipeline.data import SeparatedDataset
from pipeline.exact import root_lower
from pipeline.network import ReLUNetwork
from pipeline.verification.adversarial_points import adversarial_points_attack
from pipeline.verification.check.balls import Claim, Findings
from pipeline.verification.check.readers import Dataset
from pipeline.verification.check.stable import check_stable
from pipeline.verification.null_space import null_space_attack
from pipeline.verification.search import search_attack
from tests.construction.ball_points import dataset_of, spread
from tests.verification.check.check_files import (
    Entry,
    changed,
    findings_in_memory,
    in_memory,
    nonzero_entries,
    zero_entries,
)
from tests.verification.check.segments import Piece, Segment, pieces_along

_ATTACKS = (adversarial_points_attack, search_attack, null_space_attack)


@dataclass(frozen=True)
class Subject:
    """A construction and data small enough to change every entry.

    Args:
        name: registered name.
        label: what it is called in tables.
        data: its data; on a line, the second method decides.
        rho: robustness ratio.
        options: of the construction.
    """

    name: str
    label: str
    data: SeparatedDataset
    rho: Fraction
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def built(self) -> Built:
        """The network and its certificate."""
        return build(self.name, self.data, self.rho, 2, self.options)

    @cached_property
    def claim(self) -> Claim:
        """The balls, as the checker derives them."""
        X = self.data.X
        points = Dataset("", X.numerators.astype(object), X.exponent, self.data.y, "")
        return Claim(points, self.data.radius_power(self.rho), 2)

    @cached_property
    def segments(self) -> tuple[list[Segment], list[int]]:
        """Segments of the balls, and the label of each."""
        return segments_of(self.data, self.rho, self.built.network)

    @property
    def decided(self) -> bool:
        """Whether the second method decides the claim and does not only search."""
        return self.data.d == 1 or self.built.certificate.claim is Claimed.POINTS

    def is_verified(self, network: ReLUNetwork) -> bool:
        """Return whether the checker says VERIFIED of a network in place of the true one."""
        certificate = self.built.certificate
        found = findings_in_memory(network, certificate.check, certificate.structure, self.claim)
        return isinstance(found, Findings) and found.hold(certificate.claim, certificate.eta)

    def refutation(self, network: ReLUNetwork) -> str:
        """Return where a network in place of the true one breaks the claim, or ""."""
        certificate = self.built.certificate
        if certificate.claim is Claimed.POINTS:
            values = network.evaluate_exact(self.data.X).fractions()[:, 0].tolist()
            return "" if values == self.data.y.tolist() else f"values at the points: {values}"
        segments, labels = self.segments
        wrong = [
            piece
            for piece in pieces_along(network, segments)
            if not piece.is_exactly(labels[piece.segment])
        ]
        if certificate.claim is Claimed.ERROR:
            assert certificate.eta is not None
            return too_much(segments, wrong, certificate.eta)
        return str(wrong[0]) if wrong else self._attacked(network)

    def _attacked(self, network: ReLUNetwork) -> str:
        if self.decided:
            return ""
        for attack in _ATTACKS:
            found = attack(network, self.data, self.rho, 2, "exact", workers=1)
            if found:
                return str(found[0])
        return ""

    def argument(self, network: ReLUNetwork, entry: Entry) -> str:
        """Return why a changed network that nothing refutes is right, "" if it was only attacked.

        "decided" on a line and at points; "unread" where the neuron changed has no outgoing weight;
        "stable" where no neuron changes sign on any ball.
        """
        if self.decided:
            return "decided"
        if _is_unread(network, entry):
            return "unread"
        stable = check_stable(in_memory(network), {}, self.claim)
        return "stable" if stable.verified.all() else ""


def too_much(segments: Sequence[Segment], wrong: Iterable[Piece], eta: Fraction) -> str:
    """Return on which segment more than a share eta is wrong, or ""."""
    lengths = [Fraction(0)] * len(segments)
    for piece in wrong:
        lengths[piece.segment] += piece.hi - piece.lo
    for k, (length, segment) in enumerate(zip(lengths, segments, strict=True)):
        if length > eta * 2 * segment.reach:
            return f"wrong on {length / (2 * segment.reach)} of segment {k}, eta = {eta}"
    return ""


def _is_unread(network: ReLUNetwork, entry: Entry) -> bool:
    if entry.layer == network.depth - 1:
        return False
    inputs = network.layers[entry.layer].inputs
    neuron = entry.position if entry.is_bias else entry.position // inputs
    return neuron not in network.layers[entry.layer + 1].weight.columns.tolist()


def segments_of(
    data: SeparatedDataset, rho: Fraction, network: ReLUNetwork
) -> tuple[list[Segment], list[int]]:
    """Return segments inside the balls and their labels; on a line, the open balls themselves.

    Through every centre: towards all other centres, along the rows of the first layer, at random.
    """
    exponent = min(data.X.exponent, 0)
    X = data.X.at_exponent(exponent).astype(object).tolist()
    power = data.radius_power(rho) / Fraction(4) ** exponent
    random = np.random.default_rng(0).integers(-99, 100, (2, data.d)).tolist()
    common = [*network.layers[0].weight.dense().astype(object).tolist(), *random]
    segments, labels = [], []
    for i, label in enumerate(data.y.tolist()):
        others = [[a - b for a, b in zip(x, X[i], strict=True)] for x in X]
        directions = [[1]] if data.d == 1 else [v for v in (*others, *common) if any(v)]
        for v in directions:
            reach = _root(power / sum(int(c) * int(c) for c in v))
            segments.append(Segment(tuple(map(int, X[i])), tuple(map(int, v)), exponent, reach))
            labels.append(label)
    return segments, labels


def _root(value: Fraction) -> Fraction:
    """Return the square root where it is rational, else a number below it."""
    root = Fraction(isqrt(value.numerator), isqrt(value.denominator))
    return root if root * root == value else root_lower(value, 2)


def small_changes(entry: Entry) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, new value, finer bits): one unit up and down, and 1 +- 2^-20 of the entry."""
    v = entry.value
    yield "unit up", v + 1, 0
    yield "unit down", v - 1, 0
    if v:
        yield "1 + 2^-20", (v << 20) + v, 20
        yield "1 - 2^-20", (v << 20) - v, 20


@dataclass
class Outcomes:
    """What became of the changes of one subject's entries.

    Attributes:
        rejected: changes by layer (from 1).
        verified: changes by (layer, why they are right), "" where they were attacked only.
        refuted: VERIFIED changes with a wrong point: there must be none.
        kinds: VERIFIED changes by kind.
    """

    entries: int = 0
    rejected: Counter[int] = field(default_factory=Counter)
    verified: Counter[tuple[int, str]] = field(default_factory=Counter)
    refuted: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def tried(self) -> int:
        return self.rejected.total() + self.verified.total() + len(self.refuted)

    def attacked(self) -> int:
        """Return the VERIFIED changes without an argument that they are right."""
        return sum(count for (_, why), count in self.verified.items() if not why)


def outcomes(
    subject: Subject,
    entries: Iterable[Entry],
    seen: Callable[[ReLUNetwork, bool], None] = lambda network, verified: None,
) -> Outcomes:
    """Try every small change of the entries.

    Args:
        subject: the network.
        entries: what is changed.
        seen: called with every changed network and whether it is VERIFIED.
    """
    result, network = Outcomes(), subject.built.network
    for entry in entries:
        result.entries += 1
        for kind, value, finer in small_changes(entry):
            wrong = changed(network, entry, value, finer)
            verified = subject.is_verified(wrong)
            seen(wrong, verified)
            if not verified:
                result.rejected[entry.layer + 1] += 1
                continue
            result.kinds[kind] += 1
            refutation = subject.refutation(wrong)
            if refutation:
                result.refuted.append(f"{subject.label}: {entry}, {kind}: {refutation}")
            else:
                result.verified[entry.layer + 1, subject.argument(wrong, entry)] += 1
    return result


def all_entries(network: ReLUNetwork, zeros: int) -> list[Entry]:
    """Return every nonzero entry, and every so manieth zero."""
    return [*nonzero_entries(network), *zero_entries(network, zeros)]


def some_entries(network: ReLUNetwork, most: int) -> list[Entry]:
    """Return about so many entries, spread over the layers, weights, biases and zeros of each."""
    strata: dict[tuple[int, bool, bool], list[Entry]] = {}
    for entry in all_entries(network, 7):
        strata.setdefault((entry.layer, entry.is_bias, entry.value == 0), []).append(entry)
    # By kind first, so that a choice of groups that are evenly spaced has all kinds and depths.
    groups = [strata[key] for key in sorted(strata, key=lambda key: (key[1:], key[0]))]
    share = max(1, most // len(groups))
    chosen = [k * len(groups) // most for k in range(most)] if share == 1 else range(len(groups))
    return [
        # Another place of each group, so that not only first rows are changed.
        group[(k + place * len(group) // share) % len(group)]
        for k, group in ((k, groups[k]) for k in sorted({*chosen}))
        for place in range(min(share, len(group)))
    ]


_THREE = dataset_of([[0], [3], [7]], [1, 2, 1])
_FOUR = dataset_of([[0], [3], [7], [12]], [1, 2, 3, 1])
_SIX = dataset_of([[k * (3 * k + 1)] for k in range(6)], [1, 1, 2, 1, 3, 3])


def _line(name: str, rho: str, data: SeparatedDataset = _THREE, **options: Any) -> Subject:
    about = " ".join(str(v) for v in options.values())
    return Subject(name, f"{name} {about}".strip(), data, Fraction(rho), options)


def _space(name: str, rho: str, data: SeparatedDataset, about: str, **options: Any) -> Subject:
    return Subject(name, f"{name} d={data.d} {about}".strip(), data, Fraction(rho), options)


SUBJECTS = (
    _line("parallel_balls", "3/4", _FOUR),
    _line("halving_lattice", "1/3", _FOUR, memorizer="shallow"),
    _line("halving_lattice", "1/4", _SIX, memorizer="retrieval"),
    _line("halving_lattice", "1/3", _FOUR, memorizer="keyed"),
    _line("thm_4_2_i", "1/40"),
    _line("thm_4_2_i", "1/40", mode="adaptive"),
    _line("thm_4_2_ii", "1/9", eta="1/10"),
    _line("thm_4_2_ii", "1/9", mode="adaptive"),
    _line("thm_4_2_ii_threshold", "1/9"),
    _line("masked_moderate", "1/9"),
    _line("masked_moderate", "1/9", memorizer="compact"),
    _line("thm_4_2_iii", "1/2"),
    _line("yu2024", "3/4"),
    _line("egosi2025", "1/4"),
    _line("vardi2022", "1/2"),
    _line("vardi2022", "1/2", mode="adaptive"),
    _line("auto", "1/4", candidates=["yu2024", "egosi2025"]),
    _space("parallel_balls", "3/4", spread(5, 3, 2), "merged", merged=True),
    _space("parallel_balls", "9/10", spread(4, 6, 2), "span", projection="span"),
    _space("halving_lattice", "1/3", spread(5, 2, 2), "shallow", memorizer="shallow"),
    _space("halving_lattice", "1/3", spread(5, 2, 2), "keyed", memorizer="keyed"),
    _space("thm_4_2_iii", "1/2", spread(4, 3, 3), ""),
    _space("egosi2025", "1/20", spread(3, 5, 2), ""),
    _space("voting", "1/5", spread(6, 6, 2), "", tables=3, k=2, walls=1, weight_bits=6),
)
