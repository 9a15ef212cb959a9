"""The check of box tests: right networks pass, changed ones are rejected or still right."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.construction import Built
from pipeline.construction.egosi2025 import build_egosi2025
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.network import ReLUNetwork
from pipeline.network.compose import identity_affine
from pipeline.verification.check import __main__ as command
from pipeline.verification.check import egosi2025 as box_check
from pipeline.verification.check.balls import BallImages, Claim, Findings
from pipeline.verification.check.egosi2025 import _Block, _BoxTests, check_egosi2025
from pipeline.verification.check.geometry import Cloud
from pipeline.verification.check.readers import Dataset, Network
from tests.construction.ball_points import (
    dataset_of,
    datasets,
    line,
    points_in_balls,
    ratios,
    spread,
    wrong_points,
)
from tests.construction.test_egosi2025 import extreme_points, rows_of
from tests.verification.check.check_files import (
    Document,
    Files,
    changed,
    layers_as_read,
    nonzero_entries,
    reason_in_memory,
    zero_entries,
)
from tests.verification.check.test_check_mutations import changes

SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4], [13, 11]], [1, 2, 3, 2, 2])
RHO = Fraction(2, 3)


def claim_of(dataset: SeparatedDataset, rho: Fraction) -> Claim:
    points = dataset.X.numerators.astype(object)
    read = Dataset(dataset.name, points, dataset.X.exponent, dataset.y, "")
    return Claim(read, dataset.radius_power(rho), 2)


def findings_in_memory(network: ReLUNetwork, structure: Document, claim: Claim) -> Findings:
    return check_egosi2025(Network(layers_as_read(network), ""), structure, claim)


def reason(
    built: Built,
    dataset: SeparatedDataset,
    rho: Fraction | None = None,
    network: ReLUNetwork | None = None,
    **fields: Any,
) -> str:
    """Return the reason against the network (the built one by default) and its structure."""
    structure: Document = built.certificate.structure | fields
    claim = claim_of(dataset, rho or built.certificate.rho)
    return reason_in_memory(network or built.network, "egosi2025", structure, claim)


@settings(max_examples=40)
@given(datasets(most=9, dimensions=4), ratios(), st.sampled_from(["paper", "adaptive"]))
def test_every_network_that_is_built_is_verified(
    dataset: SeparatedDataset, rho: Fraction, mode: str
) -> None:
    try:
        built = build_egosi2025(dataset, rho, mode=mode)
    except ValueError:
        assert dataset.d * rho**2 >= 1
        return
    assert reason(built, dataset) == ""


@pytest.mark.parametrize(("N", "d", "rho"), [(6, 40, "41/1000"), (30, 100, "1/40")])
def test_projected_networks_are_verified(N: int, d: int, rho: str) -> None:
    dataset = spread(N, d, 3)
    built = build_egosi2025(dataset, Fraction(rho))
    assert built.plan.resolved["projection"] == "random"
    assert reason(built, dataset) == ""


def gadgets_of(built: Built) -> list[str]:
    k = int(built.plan.resolved["k"])
    blocks = int(built.plan.resolved["blocks"])
    names = [*["test"] * k, "maximum"] * blocks
    return ["first test", *names[1:], "output"]


@pytest.mark.parametrize(
    ("dataset", "rho", "options"),
    [
        (dataset_of([[0, 1], [5, 0], [2, 7]], [1, 2, 1]), RHO, {}),
        (dataset_of([[0], [5], [9], [12]], [3, 2, 1, 2]), Fraction(9, 10), {}),
        (spread(3, 6, 3), Fraction(1, 4), {"mode": "adaptive", "weight_bits": 6}),
    ],
)
def test_one_entry_changed_is_rejected_or_harmless(
    dataset: SeparatedDataset, rho: Fraction, options: dict[str, Any]
) -> None:
    built = build_egosi2025(dataset, rho, **options)
    network, gadgets = built.network, gadgets_of(built)
    assert len(gadgets) == network.depth
    assert reason(built, dataset) == ""
    claim = claim_of(dataset, rho)
    rows = rows_of(dataset, built, options.get("weight_bits", 16))
    cases = [points_in_balls(dataset, rho, random=4), extreme_points(dataset, rho, rows)]
    rejected, harmless, wrong_seen = Counter[str](), Counter[str](), 0
    entries = [*nonzero_entries(network), *zero_entries(network, 7)]
    for entry, (kind, value, finer) in ((e, c) for e in entries for c in changes(e)):
        if value == entry.value << finer:
            continue
        other = changed(network, entry, value, finer)
        found = reason_in_memory(other, "egosi2025", built.certificate.structure, claim)
        right = all(
            other.evaluate_exact(points, 1).fractions()[:, 0].tolist() == labels.tolist()
            for points, labels in cases
        )
        assert found or right, (entry, kind)
        wrong_seen += not right
        (rejected if found else harmless)[gadgets[entry.layer]] += 1
    assert wrong_seen > 100
    # Only corners, slopes and the projection have any room at all.
    assert harmless["output"] == 0
    for gadget in {*gadgets}:
        assert rejected[gadget] > harmless[gadget], (rejected, harmless)
    assert rejected.total() > 4 * harmless.total()


@pytest.mark.parametrize("dataset", [SMALL, line(5), spread(7, 2, 2)])
def test_a_raised_ratio_is_rejected_unless_the_boxes_still_hold_the_balls(
    dataset: SeparatedDataset,
) -> None:
    built = build_egosi2025(dataset, Fraction(1, 2))
    verdicts = []
    for rho in [Fraction(1, 2) + Fraction(n, 400) for n in range(0, 200, 8)]:
        verdicts.append(not reason(built, dataset, rho))
        if verdicts[-1]:
            assert wrong_points(built.network, dataset, rho) == []
    # Once lost, never regained: a larger radius is harder.
    assert verdicts == sorted(verdicts, reverse=True)
    assert verdicts[0] and not any(verdicts[-3:])


def test_any_one_label_changed_is_rejected() -> None:
    built = build_egosi2025(SMALL, RHO)
    for i in range(SMALL.N):
        for label in {1, 2, 3} - {int(SMALL.y[i])}:
            labels = SMALL.y.copy()
            labels[i] = label
            if len({*labels.tolist()}) < 3:
                continue
            flipped = SeparatedDataset("flipped", SMALL.X, labels)
            assert f"(label {label})" in reason(built, flipped, RHO)


def test_a_moved_point_is_rejected_unless_the_network_is_still_right() -> None:
    built = build_egosi2025(SMALL, Fraction(1, 3))
    outcomes = set()
    for i in range(SMALL.N):
        for step in ([1, 0], [0, -1], [3, 4], [-40, 0]):
            points = SMALL.X.numerators.copy()
            points[i] += step
            moved = dataset_of(points.tolist(), SMALL.y.tolist())
            outcomes.add(verified := not reason(built, moved))
            if verified:
                assert wrong_points(built.network, moved, Fraction(1, 3)) == []
    assert False in outcomes


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"k": 1}, "a box test on k = 1 needs 4 neurons, got 5"),
        ({"k": 3}, "a box test on k = 3 needs 6 neurons, got 5"),
        ({"k": 0}, "must be positive"),
        ({"k": 10**30}, "neurons, got 5"),
        ({"blocks": 4}, "the maximum"),
        ({"blocks": 6}, "the maximum"),
        ({"blocks": 0}, "must be positive"),
        ({"lipschitz": "-1"}, "norm bound must be above 0"),
        ({"lipschitz": "4095/4096"}, "norm is not proved"),
        ({"lipschitz": "3/2"}, "ball 0 (label 1): its image has a coordinate below 0"),
    ],
)
def test_another_structure_is_rejected(fields: Document, words: str) -> None:
    built = build_egosi2025(SMALL, RHO)
    assert words in reason(built, SMALL, **fields)


@pytest.mark.parametrize("field", ["k", "blocks", "lipschitz"])
def test_a_missing_field_is_never_guessed(field: str) -> None:
    built = build_egosi2025(SMALL, RHO)
    structure = {name: v for name, v in built.certificate.structure.items() if name != field}
    # The command line turns the exception into a rejection.
    with pytest.raises(KeyError, match=field):
        reason_in_memory(built.network, "egosi2025", structure, claim_of(SMALL, RHO))


def test_layers_removed_added_or_exchanged_are_rejected() -> None:
    built = build_egosi2025(SMALL, RHO)
    layers = list(built.network.layers)
    variants = []
    for number in range(1, len(layers)):
        identity = identity_affine(layers[number - 1].outputs)
        variants.append([*layers[:number], identity, *layers[number:]])
        if layers[number].inputs == layers[number].outputs:
            variants.append([*layers[:number], *layers[number + 1 :]])
    variants.append([*layers, identity_affine(1)])
    # A block taken out: the network is shorter than its structure says.
    variants.append([*layers[:3], *layers[6:]])
    for a, b in combinations(range(len(layers)), 2):
        if layers[a].weight.shape == layers[b].weight.shape:
            swapped = list(layers)
            swapped[a], swapped[b] = layers[b], layers[a]
            variants.append(swapped)
    rejected = 0
    for variant in variants:
        network = ReLUNetwork.relu(*variant)
        found = reason(built, SMALL, network=network)
        rejected += bool(found)
        assert found or wrong_points(network, SMALL, RHO) == []
    assert rejected > len(variants) // 2


def test_blocks_of_different_boxes_and_slopes_are_read_as_they_are() -> None:
    # Block 2: a lower corner a little further down (the other is 0), a steeper slope. Still right.
    built = build_egosi2025(SMALL, Fraction(1, 3))
    network, moved = built.network, 0
    for entry in nonzero_entries(built.network):
        layer = built.network.layers[entry.layer]
        row, column = divmod(entry.position, 1 if entry.is_bias else layer.inputs)
        if row != layer.outputs - 1:
            continue
        if entry.layer in (3, 4) and entry.is_bias:
            network, moved = changed(network, entry, 16 * entry.value - 1, 4), moved + 1
        if entry.layer == 5 and not entry.is_bias and column > 2:
            network, moved = changed(network, entry, 2 * entry.value), moved + 1
    assert moved == 4
    assert reason(built, SMALL, network=network) == ""
    assert wrong_points(network, SMALL, Fraction(1, 3)) == []


def test_verdicts_and_slack_do_not_depend_on_the_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, rho = spread(23, 3, 4), Fraction(1, 2)
    built = build_egosi2025(dataset, rho)
    # A ratio at which some balls are proved and some are not.
    for ratio in (rho, rho + Fraction(1, 20), rho + Fraction(1, 8)):
        claim = claim_of(dataset, ratio)
        found = []
        for block, exact in ((1024, 1 << 12), (5, 2), (1, 1)):
            monkeypatch.setattr(box_check, "BLOCK", block)
            monkeypatch.setattr(box_check, "_EXACT", exact)
            found.append(findings_in_memory(built.network, built.certificate.structure, claim))
        for other in found[1:]:
            assert (other.verified == found[0].verified).all()
            np.testing.assert_array_equal(other.slack, found[0].slack)
    assert not found[0].verified.all()


def test_command_line_verifies_and_rejects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(command._CHECKS, "egosi2025", check_egosi2025)
    built = build_egosi2025(SMALL, RHO)
    files = Files(tmp_path)
    answer = files.write(SMALL, built.network, built.certificate)
    assert answer.verified
    assert "5 box tests on k = 2 coordinates" in answer.text
    for field in ("k", "blocks", "lipschitz"):
        assert "not readable" in files.certify(built.certificate, without=field).reason
    assert "proved; ball" in files.certify(built.certificate, rho="7/8").reason
    for check in ("yu2024", "parallel_balls"):
        assert not files.certify(built.certificate, check=check).verified


def small_integers(bits: int) -> st.SearchStrategy[int]:
    """Return integers that are small, or small multiples of 2^bits off by little."""
    return st.one_of(
        st.integers(-6, 6),
        st.tuples(st.integers(-3, 3), st.integers(-2, 2)).map(lambda v: (v[0] << bits) + v[1]),
    )


@settings(max_examples=150)
@given(st.data(), st.integers(1, 3), st.sampled_from([3, 55, 58, 80]), st.integers(1, 3))
def test_box_tests_agree_with_fractions(
    data: st.DataObject, k: int, bits: int, denominator: int
) -> None:
    # Coordinates of up to 82 bits close to ties: the coarse pass must leave those open.
    number = small_integers(bits)
    vectors = st.lists(number, min_size=k, max_size=k)
    points = data.draw(st.lists(vectors, min_size=1, max_size=4))
    corners = data.draw(st.lists(st.tuples(vectors, vectors), min_size=1, max_size=4))
    radius = Fraction(abs(data.draw(number)), denominator)
    blocks = [
        _Block(
            [Fraction(v, 2) for v in low],
            [Fraction(v, 2) for v in high],
            Fraction(1),
            Fraction(abs(data.draw(number)) + 1, denominator),
        )
        for low, high in corners
    ]
    cloud = np.empty((len(points), k), dtype=object)
    cloud[:] = points
    balls = BallImages(Cloud(cloud, 1), radius, np.ones(len(points), dtype=bool))
    tests = _BoxTests(balls, blocks)
    rows = np.arange(len(points))
    for n, block in enumerate(blocks):
        silent, slack = tests.silent(rows, np.array([n]))
        inside = tests.inside(rows, np.array([n]))
        for i, point in enumerate(points):
            sides = [
                (2 * Fraction(v), *c) for v, *c in zip(point, block.low, block.high, strict=True)
            ]
            least = sum(max(p - radius - h, 0) + max(low - p - radius, 0) for p, low, h in sides)
            assert silent[i] == (least >= block.level)
            assert slack[i] <= max(least - block.level, 0)
            assert inside[i] == all(low <= p - radius and p + radius <= h for p, low, h in sides)
    every = np.arange(len(blocks))
    apart = np.array([tests.silent(rows, np.array([n]))[0] for n in every])
    holding = np.array([tests.inside(rows, np.array([n])) for n in every])
    assert (tests.silent(rows, every)[0] == apart.all(axis=0)).all()
    assert (tests.inside(rows, every) == holding.any(axis=0)).all()


def test_a_network_with_a_coordinate_below_zero_is_rejected() -> None:
    # Without the shift z < 0 on the balls and ReLU does not carry it.
    built = build_egosi2025(SMALL, RHO)
    network = built.network
    moved = SeparatedDataset(
        "moved", DyadicArray(SMALL.X.numerators - np.array([100, 0]), SMALL.X.exponent), SMALL.y
    )
    assert "a coordinate below 0" in reason(built, moved, RHO, network)
