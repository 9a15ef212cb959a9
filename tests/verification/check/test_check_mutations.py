"""A network with one weight changed is rejected for its geometry, or the change is harmless.

Every nonzero weight and bias of small networks is moved by one unit in its last place, scaled by
1 +- 2^-20, set to zero and negated; a sample of the zeros is set to one unit. Digests play no part:
they are recomputed where files are written. Where the checker still says VERIFIED, the changed
network must be exact at the centres and at adversarial points of all balls, and every 20th one
along whole segments (test_check_small_changes.py does so for every construction).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import Built, build, parallel_price
from pipeline.construction.parallel_layout import Layout, Sizes
from pipeline.construction.thm_4_2_iii_large import Constants, build_thm_4_2_iii
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.gadgets import square_error
from pipeline.network import ReLUNetwork
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import read_dataset
from tests.construction.ball_points import dataset_of, points_in_balls, spread
from tests.verification.check.check_files import (
    Entry,
    Files,
    changed,
    nonzero_entries,
    reason_in_memory,
    zero_entries,
)
from tests.verification.check.mutated import segments_of
from tests.verification.check.segments import pieces_along

HALF = Fraction(1, 2)
FOLLOWED = 20


@dataclass
class Tally:
    """Outcomes by (gadget, kind of change)."""

    rejected: Counter[tuple[str, str]]
    harmless: Counter[tuple[str, str]]

    def share(self, gadget: str) -> Fraction:
        """Return the share of the changes in a gadget that were rejected."""
        found = [
            sum(count for (name, _), count in counter.items() if name == gadget)
            for counter in (self.rejected, self.harmless)
        ]
        return Fraction(found[0], sum(found))

    @property
    def total(self) -> Fraction:
        """Share of all changes that were rejected."""
        rejected = sum(self.rejected.values())
        return Fraction(rejected, rejected + sum(self.harmless.values()))


def changes(entry: Entry) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, new value, finer bits) of every change of one entry."""
    v = entry.value
    if v == 0:
        yield "one", 1, 0
        yield "minus one", -1, 0
        return
    yield "up", v + 1, 0
    yield "down", v - 1, 0
    yield "stretched", (v << 20) + v, 20
    yield "shrunk", (v << 20) - v, 20
    yield "zero", 0, 0
    yield "negated", -v, 0


def tally(
    files: Files,
    built: Built,
    dataset: SeparatedDataset,
    gadgets: list[str],
    step: int,
    more: Sequence[tuple[DyadicArray, np.ndarray]] = (),
    every: int = 1,
) -> Tally:
    """Check every change; assert that each one is rejected for its geometry or harmless.

    Every 40th change also goes through files and the command line, with the same answer.

    Args:
        files: where to write.
        built: the network.
        dataset: its data.
        gadgets: a name for each layer.
        step: one of so many zeros is changed.
        more: further points, with their labels, that must stay exact.
        every: one of so many nonzero entries is changed.
    """
    network, certificate = built.network, built.certificate
    assert len(gadgets) == network.depth
    assert files.write(dataset, network, certificate).verified
    claim = Claim(read_dataset(files.dataset), dataset.radius_power(certificate.rho), 2)
    exact = [points_in_balls(dataset, certificate.rho, random=4), *more]
    segments, labels_on = segments_of(dataset, certificate.rho, network)
    result = Tally(Counter(), Counter())
    entries = [*[*nonzero_entries(network)][::every], *zero_entries(network, step)]
    for entry, (kind, value, finer) in ((e, c) for e in entries for c in changes(e)):
        if value == entry.value << finer:
            continue
        wrong = changed(network, entry, value, finer)
        reason = reason_in_memory(wrong, certificate.check, certificate.structure, claim)
        key = (gadgets[entry.layer], kind)
        if reason:
            result.rejected[key] += 1
        else:
            for points, labels in exact:
                outputs = wrong.evaluate_exact(points, 1).fractions()[:, 0]
                assert outputs.tolist() == labels.tolist(), (entry, kind)
            if result.harmless.total() % FOLLOWED == 0:
                pieces = pieces_along(wrong, segments)
                assert all(q.is_exactly(labels_on[q.segment]) for q in pieces), (entry, kind)
            result.harmless[key] += 1
        if (result.rejected.total() + result.harmless.total()) % 40 == 0:
            answer = files.write(dataset, wrong, certificate)
            assert answer.verified == (not reason)
            assert not reason or answer.reason.endswith(reason)
    return result


def parallel_gadgets(network: ReLUNetwork, layout: Layout) -> list[str]:
    names = ["projection"] if layout.projected_first else []
    names += ["first folds", *["folds"] * (len(layout.cuts) - 1)]
    names += ["contraction"] if layout.contracted else []
    return [*names, "balls", "bits", "output"]


SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4], [13, 11]], [1, 2, 3, 2, 2])


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize(
    ("folds", "cuts", "projected_first", "contracted", "kind"),
    [
        ((4, 3), (1, 2, 3, 4), False, False, "pca"),
        ((4, 4), (2, 3, 4), False, True, "identity"),
        ((4, 3), (2, 4), True, False, "pca"),
        ((3, 4), (1, 4), True, True, "random"),
        ((4, 2), (3, 4), False, False, "identity"),
        ((3, 3), (3,), True, False, "identity"),
    ],
)
def test_parallel_balls_with_one_entry_changed(
    folds: tuple[int, ...],
    cuts: tuple[int, ...],
    projected_first: bool,
    contracted: bool,
    kind: str,
    merged: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = []

    def layout(at: Sizes, sides: list[Fraction], budget: Fraction) -> Layout:
        chosen.append(Layout(folds, cuts, projected_first, contracted))
        assert sum(map(square_error, sides, chosen[-1].folds)) <= budget
        return chosen[-1]

    monkeypatch.setattr(parallel_price, "cheapest_layout", layout)
    # The layout is fixed here, and fits the greatest room only.
    monkeypatch.setattr(parallel_price, "_ROOMS", parallel_price._ROOMS[:1])
    options = {"projection": kind, "m": 2, "weight_bits": 8, "merged": merged}
    built = build("parallel_balls", SMALL, Fraction(3, 4), options=options)
    gadgets = parallel_gadgets(built.network, chosen[-1])
    result = tally(Files(tmp_path), built, SMALL, gadgets, step=23)
    # What the certificate fixes entry for entry admits no change at all.
    for gadget in {*gadgets} & {"folds", "contraction", "output"}:
        assert result.share(gadget) == 1, (gadget, result)
    for gadget in gadgets:
        assert result.share(gadget) > Fraction(1, 3), (gadget, result)
    assert result.total > Fraction(3, 4)


@pytest.mark.parametrize("projected", [False, True])
def test_blocks_of_yu_with_one_entry_changed(projected: bool, tmp_path: Path) -> None:
    if projected:
        dataset, rho = spread(3, 6, 2), Fraction(1, 4)
        built = build_thm_4_2_iii(
            dataset, rho, constants=Constants(log_n=Fraction(5)), weight_bits=8
        )
        assert built.plan.resolved["case"] == "III"
    else:
        dataset = dataset_of([[0, 1], [5, 0], [2, 7]], [1, 2, 1])
        built = build("thm_4_2_iii", dataset, Fraction(3, 4))
    folds = int(built.plan.resolved["folds"])
    block = ["absolute values", *["folds"] * folds, "threshold", "maximum"]
    gadgets = [*block * dataset.N, "output"]
    result = tally(Files(tmp_path), built, dataset, gadgets, step=61)
    # Shifting a coordinate as it is first carried only moves the centres of the later blocks.
    assert result.share("folds") > Fraction(9, 10), result
    assert result.share("output") == 1, result
    for gadget in set(gadgets):
        assert result.share(gadget) > HALF, (gadget, result)
    assert result.total > Fraction(9, 10)
