"""What the check of votes proves, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.construction import Built, build
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.verification.check.balls import Claim, Findings
from pipeline.verification.check.readers import Dataset, read_dataset
from tests.construction.ball_points import dataset_of, spread
from tests.construction.crossing_points import crossing_points
from tests.verification.check.check_files import (
    Entry,
    Files,
    changed,
    findings_in_memory,
    reason_in_memory,
)
from tests.verification.check.test_check_mutations import tally

SMALL = spread(6, 6, 2)
OPTIONS = {"tables": 3, "k": 2, "walls": 1, "weight_bits": 6}


@pytest.fixture(scope="module")
def small() -> Built:
    return build("voting", SMALL, Fraction(1, 5), 2, OPTIONS)


def layer_names(tables: int) -> list[str]:
    names = ["rows", "digits", "keys"]
    names += ["steps", "knots", "zigzags"] * tables
    return [*names, "votes", "thresholds", "clipping", "output"]


@pytest.mark.parametrize(
    ("data", "rho", "options"),
    [
        (SMALL, "1/5", {"tables": 3, "k": 2, "walls": 1}),
        (SMALL, "1/5", {"tables": 3, "k": 1, "walls": 2}),
        (spread(6, 8, 3), "1/8", {"tables": 3, "k": 2, "walls": 2}),
        (spread(6, 8, 3), "1/20", {"tables": 1}),
    ],
)
def test_votes_with_one_entry_changed(
    data: SeparatedDataset, rho: str, options: dict[str, Any], tmp_path: Path
) -> None:
    built = build("voting", data, Fraction(rho), 2, options | {"weight_bits": 6})
    gadgets = layer_names(built.plan.resolved["tables"])
    result = tally(Files(tmp_path), built, data, gadgets, step=37)
    # What the check fixes entry for entry admits no change at all.
    for gadget in ("digits", "votes", "clipping", "output"):
        if gadget != "digits" or options.get("walls") == 1:
            assert result.share(gadget) == 1, (gadget, result)
    for gadget in set(gadgets):
        assert result.share(gadget) > Fraction(1, 10), (gadget, result)
    assert result.total > Fraction(1, 2)


def test_verified_balls_are_right_where_others_are_not(tmp_path: Path) -> None:
    """At radii beyond the vote's own, proved ball by ball and attacked ball by ball."""
    data = generate_dataset("sphere", N=60, d=120, C=3)[0]
    built = build("voting", data, Fraction(1, 40), 2, {"tables": 5, "k": 7, "walls": 1})
    wrong = 0
    for factor in (Fraction(3, 2), Fraction(2), Fraction(4)):
        rho = Fraction(1, 40) * factor
        files = Files(tmp_path)
        files.write(data, built.network, built.certificate)
        claim = Claim(read_dataset(files.dataset), data.radius_power(rho, 2), 2)
        structure = built.certificate.structure
        findings = findings_in_memory(built.network, "voting", structure, claim)
        assert isinstance(findings, Findings)
        points, balls, _ = crossing_points(built, data, rho, 5)
        values = built.network.evaluate_exact(points).fractions()[:, 0]
        right = np.array([v == y for v, y in zip(values, data.y[balls], strict=True)])
        assert right[findings.verified[balls]].all()
        wrong += int((~right).sum())
    assert wrong > 10


def test_rows_that_repeat_count_once_with_their_true_norm(small: Built, tmp_path: Path) -> None:
    """Three copies of a table are no vote: with equal rows the norm is sqrt(3) times as large."""
    files = Files(tmp_path)
    files.write(SMALL, small.network, small.certificate)
    claim = Claim(read_dataset(files.dataset), SMALL.radius_power(Fraction(1, 5), 2), 2)
    network = small.network
    first, dense = network.layers[0], network.layers[0].weight.dense().astype(object)
    for row in (2, 3, 4, 5):
        for column in range(6):
            entry = Entry(0, row * 6 + column, False, 0)
            network = changed(network, entry, int(dense[row % 2, column]))
        network = changed(network, Entry(0, row, True, 0), int(first.bias[row % 2]))
    structure = small.certificate.structure
    reason = reason_in_memory(network, "voting", structure, claim)
    assert reason.startswith("the projection's norm is not proved")
    longer = structure | {"lipschitz": str(Fraction(structure["lipschitz"]) * 2)}
    assert "may outvote" in reason_in_memory(network, "voting", longer, claim)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lipschitz", "0", "a norm bound must be above 0"),
        ("lipschitz", "1/2", "the projection's norm is not proved"),
        ("tables", 2, "2 tables need as many positive steps and knots"),
        ("tables", 0, "tables must lie in 1.."),
        ("coordinates", 3, "layer 1: 9 neurons expected, got 6"),
        ("walls", 2, "layer 2: 24 neurons expected, got 6"),
        ("bits", 2, "neurons expected"),
        ("steps", [1, 1, 7], "neurons expected"),
        ("knots", [9, 1, 1], "neurons expected"),
        ("knots", [0, 1, 1], "positive steps and knots"),
    ],
)
def test_a_structure_that_is_not_the_networks_is_refused(
    small: Built, field: str, value: Any, message: str, tmp_path: Path
) -> None:
    answer = Files(tmp_path).write(SMALL, small.network, small.certificate, {field: value})
    assert message in answer.reason


def test_a_missing_field_is_refused(small: Built, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write(SMALL, small.network, small.certificate)
    for field in ("lipschitz", "tables", "coordinates", "walls", "bits", "steps", "knots"):
        assert not files.certify(small.certificate, without=field).verified


def position(built: Built, layer: int, row: int, column: int) -> Entry:
    at = row * built.network.layers[layer].inputs + column
    value = built.network.layers[layer].weight.dense().reshape(-1)[at]
    return Entry(layer, at, False, int(value))


@pytest.mark.parametrize(
    ("layer", "row", "column", "message"),
    [
        (2, 0, 2, "layer 3, neuron 0: keys needs weight 0 on input 2"),
        (3, 2, 1, "layer 4: a table reads more than its own key"),
        (4, 2, 0, "layer 5: a table reads more than its own key"),
        (5, 2, 1, "layer 6: a table reads more than its own key"),
    ],
)
def test_a_table_that_reads_another_ones_key_is_refused(
    small: Built, layer: int, row: int, column: int, message: str, tmp_path: Path
) -> None:
    entry = position(small, layer, row, column)
    network = changed(small.network, entry, entry.value + 1)
    assert message in Files(tmp_path).write(SMALL, network, small.certificate).reason


def test_a_wall_below_the_relu_and_a_rising_threshold_are_refused(
    small: Built, tmp_path: Path
) -> None:
    walls = build("voting", SMALL, Fraction(1, 5), 2, OPTIONS | {"k": 1, "walls": 2})
    network = walls.network
    for row, bias in ((0, 1), (1, 0)):
        network = changed(network, Entry(1, row, True, 0), bias)
    answer = Files(tmp_path).write(SMALL, network, walls.certificate)
    assert "a wall must be at 0 or above, got -1" in answer.reason
    last = small.network.depth - 3
    network = changed(small.network, position(small, last, 0, 0), 1)
    answer = Files(tmp_path).write(SMALL, network, small.certificate)
    assert "the threshold of bit 0 must fall" in answer.reason


def test_a_ball_is_right_up_to_the_radius_that_reaches_a_ramp_and_no_further() -> None:
    """One row in one dimension: the least clearance over the slope, on either side of the wall."""
    for sign in (1, -1):
        data = dataset_of([[0], [16 * sign]], [1, 2])
        built = build("voting", data, Fraction(1, 2), 2, {"weight_bits": 4})
        assert built.network.first_hidden_width == 1
        first = built.network.layers[0]
        slope = abs(int(first.weight.values[0])) * Fraction(2) ** first.exponent
        values = [built_row(built, x) for x in (0, 16 * sign)]
        reach = min(-min(values), max(values) - 1) / slope
        structure = built.certificate.structure | {"lipschitz": str(slope)}
        read = Dataset("", data.X.numerators.astype(object), data.X.exponent, data.y, "")
        for power, right in ((reach**2, True), (reach**2 * (1 + Fraction(1, 1 << 40)), False)):
            reason = reason_in_memory(built.network, "voting", structure, Claim(read, power, 2))
            assert (reason == "") == right


def built_row(built: Built, x: int) -> Fraction:
    """Return the first layer's row at a point of the line."""
    first = built.network.layers[0]
    return (int(first.weight.values[0]) * x + int(first.bias[0])) * Fraction(2) ** first.exponent


def test_a_label_beyond_the_bits_is_not_right(small: Built) -> None:
    y = SMALL.y.copy()
    y[0] += 2
    read = Dataset("", SMALL.X.numerators.astype(object), SMALL.X.exponent, y, "")
    claim = Claim(read, SMALL.radius_power(Fraction(1, 5), 2), 2)
    structure = small.certificate.structure
    findings = findings_in_memory(small.network, "voting", structure, claim)
    assert isinstance(findings, Findings)
    assert findings.verified.tolist() == [False, *[True] * 5]
