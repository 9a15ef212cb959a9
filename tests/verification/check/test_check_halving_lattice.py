"""Halving lattices with one weight changed: rejected for their geometry, or right all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.construction import Built
from pipeline.construction.halving_lattice import build_halving_lattice
from pipeline.data import SeparatedDataset
from pipeline.gadgets.keyed_table import KeyedSizes
from pipeline.gadgets.retrieval import RetrievalSizes, retrieval_widths
from pipeline.network import Repeat
from tests.construction.ball_points import dataset_of, line, spread
from tests.construction.test_halving_lattice import points_at_walls, structure_of
from tests.verification.check.check_files import Document, Files
from tests.verification.check.halving_networks import RETRIEVED, STORED, Hand, HandRound
from tests.verification.check.halving_points import hard_points, true_balls
from tests.verification.check.lattice_networks import LINE
from tests.verification.check.test_check_mutations import tally

QUARTER, HALF = Fraction(1, 4), Fraction(1, 2)
THREE_CLASSES = dataset_of([[0], [2], [4]], [1, 2, 3])
TWO_BITS = Hand(
    [[1]],
    [1],
    [
        HandRound([0], {(k,): k // 2 ^ 1 for k in range(6)}, 0, (3, 2, 2, 3)),
        HandRound([HALF], {(k,): k ^ 1 for k in range(3)}, 1),
    ],
    bits=2,
    majority=2,
)

TWO_STORED = replace(
    TWO_BITS,
    rounds=[
        replace(TWO_BITS.rounds[0], retrieval=None, keyed=(2, 2, 3)),
        replace(TWO_BITS.rounds[1], keyed=(2, 1, 1)),
    ],
)


@dataclass(frozen=True)
class Case:
    """A network with the balls it is right on.

    Args:
        data: its data.
        built: the network.
        every: one of so many entries is changed.
    """

    data: SeparatedDataset
    built: Built
    every: int = 1


def built(data: SeparatedDataset, rho: str, memorizer: str, projection: str = "identity") -> Case:
    m = data.d if projection == "pca" else None
    network = build_halving_lattice(
        data, Fraction(rho), projection=projection, m=m, memorizer=memorizer
    )
    return Case(data, network, 14 if memorizer == "retrieval" else 1)


CASES = {
    "m=1 K=2 c=1 shallow": lambda: built(line(6), "1/3", "shallow"),
    "m=2 K=2 c=2 shallow": lambda: built(spread(8, 2, 3), "2/3", "shallow"),
    "m=3 K=3 c=2 shallow": lambda: built(spread(5, 3, 3, seed=3), "1/2", "shallow"),
    "m=3 K=2 c=1 shallow pca": lambda: built(spread(4, 3, 2, seed=4), "1/4", "shallow", "pca"),
    "m=2 K=2 c=1 retrieval": lambda: built(spread(4, 2, 2, seed=1), "1/3", "retrieval"),
    "m=1 K=2 c=1 retrieval by hand": lambda: Case(LINE, RETRIEVED.built(QUARTER), 4),
    "m=1 K=2 c=2 retrieval by hand": lambda: Case(THREE_CLASSES, TWO_BITS.built(QUARTER)),
    "m=1 K=2 c=1 keyed by hand": lambda: Case(LINE, STORED.built(QUARTER), 4),
    "m=1 K=2 c=2 keyed by hand": lambda: Case(THREE_CLASSES, TWO_STORED.built(QUARTER), 4),
}


def retrieval_layers(each: Document, bits: int) -> int:
    names = ("rows", "columns", "positions", "window", "quotient_bits")
    sizes = RetrievalSizes(*[each[name] for name in names], bits)
    widths = retrieval_widths(sizes, 0)
    return sum(width.length if isinstance(width, Repeat) else 1 for width in widths)


def keyed_layers(each: Document, bits: int) -> list[str]:
    names = ("groups", "keys_per_group", "gap_bits")
    sizes = KeyedSizes(*[each[name] for name in names], bits)
    steps = ["keyed"] * 2 if sizes.groups > 1 else []
    return [*steps, "keyed words", *["keyed"] * (sizes.word_bits + 1 + bits)]


def gadgets_of(at: Document) -> Iterator[str]:
    """Yield what each layer is."""
    rounds = at["rounds"]
    yield "projection"
    for k, each in enumerate(rounds):
        for _ in range(0, at["m"], at["together"]):
            yield from ["folds"] * (at["levels"] - each["shift"])
            if k < len(rounds) - 1:
                yield "distances"
    for k, each in reversed([*enumerate(rounds)]):
        if each["memorizer"] == "shallow":
            yield from ["steps", "knots", "table bits", "table clipping"]
        elif each["memorizer"] == "keyed":
            yield from keyed_layers(each, at["code_bits"])
        else:
            yield from ["retrieval"] * retrieval_layers(each, at["code_bits"])
        yield "bits"
        if k:
            yield "gates"
    yield from ["clipping", "output"]


@pytest.mark.parametrize("name", CASES)
def test_one_entry_changed(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    at = structure_of(case.built)
    assert f"K={len(at['rounds'])} c={at['code_bits']}" in name and f"m={at['m']}" in name
    assert case.built.certificate is not None
    rho = case.built.certificate.rho
    points, owners = hard_points(case.built.network, at, true_balls(case.data, rho))
    more = [(points, case.data.y[owners])]
    if "pca" not in name:
        more.append(points_at_walls(case.data, rho, case.built, most=500))
    gadgets = [*gadgets_of(at)]
    step = max(sum(a.inputs * a.outputs for a in case.built.network.layers) // 60, 1)
    result = tally(Files(tmp_path), case.built, case.data, gadgets, step, more, case.every)
    # All else is fixed entry for entry, or a word's values. A table may be any that has the right
    # values at the keys of cells, and b may move balls a little.
    shares = {gadget: result.share(gadget) for gadget, _ in result.rejected}
    assert shares.pop("projection") > Fraction(1, 3), result
    tables = {"steps", "knots", "table bits", "keyed words"} & {*shares}
    for gadget in tables:
        assert shares.pop(gadget) > Fraction(1, 3), result
    # A word of a group that no cell is in may be any.
    assert shares.pop("retrieval", Fraction(1)) > Fraction(99, 100), result
    assert set(shares.values()) == {1}, shares
    assert case.every > 1 or {*gadgets} <= {*shares, *tables, "projection", "retrieval"}
    assert result.total > Fraction(4, 5), result
