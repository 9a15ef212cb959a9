"""No certificate makes the checker verify a wrong network, a larger radius or another dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.construction import Built, build
from pipeline.data import SeparatedDataset
from pipeline.network import Affine, ReLUNetwork, SparseIntegers
from pipeline.network.compose import identity_affine
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import Dataset
from tests.construction.ball_points import dataset_of, line, spread, wrong_points
from tests.verification.check.check_files import (
    Document,
    Entry,
    Files,
    changed,
    reason_in_memory,
)

HALF = Fraction(1, 2)
NAMES = ("parallel_balls", "thm_4_2_iii")
SMALL = dataset_of([[0, 1], [5, 0], [2, 7], [9, 4], [13, 11]], [1, 2, 3, 2, 2])
DIGEST_WORDS = ("SHA", "is about another", "truncated", "damaged", "readable")


def built(name: str, dataset: SeparatedDataset = SMALL, rho: Fraction = HALF) -> Built:
    return build(name, dataset, rho)


def dataset_as_read(dataset: SeparatedDataset) -> Dataset:
    """Return the dataset as the checker's reader returns it."""
    points = dataset.X.numerators.astype(object)
    return Dataset(dataset.name, points, dataset.X.exponent, dataset.y, "")


def with_bias(network: ReLUNetwork, number: int, row: int, added: Fraction) -> ReLUNetwork:
    """Return the network with a dyadic number added to one bias."""
    layer = network.layers[number]
    layer = layer.at_exponent(min(layer.exponent, 1 - added.denominator.bit_length()))
    bias = layer.bias.astype(object)
    bias[row] += int(added / Fraction(2) ** layer.exponent)
    layers = list(network.layers)
    layers[number] = Affine(layer.weight, bias, layer.exponent)
    return ReLUNetwork.relu(*layers)


def wrong_networks(name: str) -> Iterator[ReLUNetwork]:
    """Yield networks of the right form that are wrong somewhere in a ball of SMALL."""
    network = built(name).network
    if name == "parallel_balls":
        # The ball layer's biases are A_n - |c_n|^2, the separation is below 60.
        places = [(network.depth - 3, row, Fraction(1)) for row in range(2)]
    else:
        # A threshold is w (t - B): its last row; block 3 of label 3 and block 1 of label 1.
        folds = (network.depth - 1) // SMALL.N - 3
        block = folds + 3
        places = [
            (b * block + folds + 1, network.layers[b * block + folds + 1].outputs - 1, Fraction(-1))
            for b in (0, 2)
        ]
    for number, row, sign in places:
        for size in (Fraction(1), Fraction(8), Fraction(20), Fraction(60), Fraction(1 << 40)):
            for step in (sign * size, -sign * size):
                wrong = with_bias(network, number, row, step)
                if wrong_points(wrong, SMALL, HALF):
                    yield wrong


VALUES: tuple[Any, ...] = (
    *(0, 1, 2, 3, 5, -1, -3, 1 << 40, -(1 << 40), 10**30, 2.5, -0.5, True, False, None),
    *("0", "-1", "-1000", "1/2", "1e3", "-1e3", "1e-30", "1000000", "1/0", "nan", "inf", "-inf"),
    *("", "x", "\n1", [], {}, [1], ["-1"], [[1]], {"1": 1}, float("nan"), inf),
)


def resized(structure: Document) -> Iterator[tuple[str, Any]]:
    """Yield (field, value) with each number, or all numbers of a list, negated or resized."""
    for field, old in sorted(structure.items()):
        if field == "projection":
            continue
        for factor in (Fraction(-1), Fraction(-2), Fraction(1, 2), Fraction(2)):
            one, *rest = old if isinstance(old, list) else [old]
            new = [str(Fraction(v) * factor) for v in (one, *rest)]
            yield field, new if isinstance(old, list) else new[0]


def tamperings(structure: Document) -> Iterator[tuple[str, Any]]:
    """Yield (field, value) for every field and every odd value, lists also entry by entry."""
    for field, old in sorted(structure.items()):
        for value in VALUES:
            yield field, value
            if isinstance(old, list):
                yield field, [*old[:-1], value]
                yield field, [value] * len(old)
        if isinstance(old, list):
            yield field, [*old, old[-1]]
            yield field, old[:-1]
            yield field, old[::-1]


@pytest.mark.parametrize("name", NAMES)
def test_no_structure_makes_a_wrong_network_pass(name: str, tmp_path: Path) -> None:
    certificate = built(name).certificate
    files = Files(tmp_path)
    claim = Claim(dataset_as_read(SMALL), SMALL.radius_power(HALF), 2)
    found = 0
    for wrong in wrong_networks(name):
        found += 1
        assert not files.write(SMALL, wrong, certificate).verified
        tampered = [*resized(certificate.structure)]
        if found % 8 == 3:
            tampered += tamperings(certificate.structure)
        for field, value in tampered:
            # The command line turns these exceptions into rejections, tested further below.
            with suppress(LookupError, ValueError, TypeError, ArithmeticError, AttributeError):
                structure = certificate.structure | {field: value}
                assert reason_in_memory(wrong, name, structure, claim), (field, value)
    assert found >= 8


@pytest.mark.parametrize("name", NAMES)
def test_odd_structures_of_a_right_network_never_crash_the_checker(
    name: str, tmp_path: Path
) -> None:
    one = built(name)
    files = Files(tmp_path)
    files.write(SMALL, one.network, one.certificate)
    answers = [
        files.certify(one.certificate, {f: v}) for f, v in tamperings(one.certificate.structure)
    ]
    assert {answer.verified for answer in answers} == {False, True}


@pytest.mark.parametrize("name", NAMES)
def test_a_negative_norm_bound_does_not_shrink_the_balls(name: str, tmp_path: Path) -> None:
    certificate = built(name).certificate
    files = Files(tmp_path)
    negative = {"lipschitz": f"-{certificate.structure['lipschitz']}"}
    for wrong in wrong_networks(name):
        answer = files.write(SMALL, wrong, certificate, negative)
        assert "norm bound must be above 0" in answer.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_norm_bound_below_the_norm_is_rejected(name: str, tmp_path: Path) -> None:
    one = built(name)
    files = Files(tmp_path)
    bound = Fraction(one.certificate.structure["lipschitz"])
    below = str(bound - Fraction(1, 1 << 12))
    answer = files.write(SMALL, one.network, one.certificate, {"lipschitz": below})
    assert "norm is not proved" in answer.reason


@pytest.mark.parametrize("name", NAMES)
def test_every_missing_field_is_a_rejection(name: str, tmp_path: Path) -> None:
    one = built(name)
    files = Files(tmp_path)
    files.write(SMALL, one.network, one.certificate)
    read = {*one.certificate.structure} - {"projection"}
    for field in read:
        answer = files.certify(one.certificate, without=field)
        assert "not readable" in answer.reason or field in answer.reason
    for field in ("format", "construction", "rho", "p", "structure", "dataset_sha256"):
        assert not files.certify(one.certificate, without=field).verified


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dataset", [SMALL, line(5), spread(7, 3, 2)])
def test_a_radius_past_the_provable_one_is_rejected(
    name: str, dataset: SeparatedDataset, tmp_path: Path
) -> None:
    one = built(name, dataset)
    files = Files(tmp_path)
    files.write(dataset, one.network, one.certificate)
    verdicts = []
    ratios = [HALF + Fraction(k, 400) for k in range(0, 200, 8)]
    ratios += [1 - Fraction(1, 10**9), 1 - Fraction(1, 10**30)]
    for rho in ratios:
        answer = files.certify(one.certificate, rho=str(rho))
        verdicts.append(answer.verified)
        if answer.verified:
            assert wrong_points(one.network, dataset, rho) == []
        else:
            assert not any(word in answer.reason for word in DIGEST_WORDS)
            assert "proved; ball" in answer.reason
    # Once lost, never regained: a larger radius is harder.
    assert verdicts == sorted(verdicts, reverse=True)
    assert verdicts[0] and not any(verdicts[-3:])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "rho",
    ["0", "1", "5/4", "-1/2", "x", "1/0", "nan", "1e999999999", "0.5", 1e308, None, [], True],
)
def test_ratios_outside_the_definition_are_rejected(name: str, rho: Any, tmp_path: Path) -> None:
    one = built(name)
    answer = Files(tmp_path).write(SMALL, one.network, one.certificate, rho=rho)
    assert "rho must lie in (0, 1)" in answer.reason or "not a certificate" in answer.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_norm_bound_that_would_take_for_ever_to_read_is_rejected(
    name: str, tmp_path: Path
) -> None:
    one = built(name)
    structure = {"lipschitz": "1e999999999"}
    answer = Files(tmp_path).write(SMALL, one.network, one.certificate, structure)
    assert "a rational must be written n or n/d" in answer.reason


@pytest.mark.parametrize("p", [0, -1, 1.5, 2.9, "2.9", "x", None, True, [2], "nan", "-inf", 10**9])
def test_norms_that_are_no_integers_are_rejected(p: Any, tmp_path: Path) -> None:
    one = built("parallel_balls")
    answer = Files(tmp_path).write(SMALL, one.network, one.certificate, p=p)
    assert not answer.verified
    assert "p = 2 " not in answer.text


@pytest.mark.parametrize("p", [1, 3, "inf"])
def test_a_certificate_for_one_norm_proves_nothing_for_a_larger_ball(
    p: object, tmp_path: Path
) -> None:
    # On a line along a diagonal the l_inf balls of ratio 0.9 reach far beyond the l2 balls.
    data = dataset_of([[0, 0], [10, 10], [20, 20]], [1, 2, 1])
    rho = Fraction(9, 10)
    one = built("parallel_balls", data, rho)
    answer = Files(tmp_path).write(data, one.network, one.certificate, p=p)
    wrong = wrong_points(one.network, data, rho, inf if p == "inf" else int(str(p)))
    assert not (answer.verified and wrong)


@pytest.mark.parametrize("name", NAMES)
def test_any_one_label_changed_is_rejected(name: str, tmp_path: Path) -> None:
    data = dataset_of(
        [[0, 1], [5, 0], [2, 7], [9, 4], [13, 11], [20, 2], [3, 15]], [1, 2, 3, 2, 1, 3, 3]
    )
    one = built(name, data)
    files = Files(tmp_path)
    for i in range(data.N):
        for label in {1, 2, 3} - {int(data.y[i])}:
            labels = data.y.copy()
            labels[i] = label
            flipped = SeparatedDataset("flipped", data.X, labels)
            answer = files.write(flipped, one.network, one.certificate)
            assert not any(word in answer.reason for word in DIGEST_WORDS)
            assert f"(label {label})" in answer.reason or "layer" in answer.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_moved_point_is_rejected_unless_the_network_is_still_right(
    name: str, tmp_path: Path
) -> None:
    one = built(name)
    files = Files(tmp_path)
    outcomes = set()
    for i in range(SMALL.N):
        for step in ([1, 0], [0, -1], [3, 4], [-40, 0]):
            points = SMALL.X.numerators.copy()
            points[i] += step
            moved = dataset_of(points.tolist(), SMALL.y.tolist())
            answer = files.write(moved, one.network, one.certificate)
            outcomes.add(answer.verified)
            if answer.verified:
                assert wrong_points(one.network, moved, HALF) == []
    assert False in outcomes


def permuted(network: ReLUNetwork, number: int, order: list[int]) -> ReLUNetwork:
    """Return the same function with the hidden neurons of a layer in another order."""
    layers = list(network.layers)
    first, second = layers[number], layers[number + 1]
    rows = SparseIntegers.from_dense(first.weight.dense()[order])
    columns = SparseIntegers.from_dense(second.weight.dense()[:, order])
    layers[number] = Affine(rows, first.bias[order], first.exponent)
    layers[number + 1] = Affine(columns, second.bias, second.exponent)
    return ReLUNetwork.relu(*layers)


@pytest.mark.parametrize("name", NAMES)
def test_neurons_in_another_order_never_pass_as_another_network(name: str, tmp_path: Path) -> None:
    one = built(name)
    files = Files(tmp_path)
    for number in range(one.network.depth - 1):
        width = one.network.layers[number].outputs
        if width == 1:
            continue
        order = [*range(1, width), 0]
        same = permuted(one.network, number, order)
        assert wrong_points(same, SMALL, HALF) == []
        files.write(SMALL, same, one.certificate)
        # The next layer left as it was: another function, wrong on some ball.
        layers = list(one.network.layers)
        layers[number] = same.layers[number]
        broken = ReLUNetwork.relu(*layers)
        answer = files.write(SMALL, broken, one.certificate)
        assert not (answer.verified and wrong_points(broken, SMALL, HALF))


@pytest.mark.parametrize("name", NAMES)
def test_layers_removed_added_or_exchanged_are_rejected(name: str, tmp_path: Path) -> None:
    one = built(name)
    files = Files(tmp_path)
    layers = list(one.network.layers)
    variants = []
    for number in range(1, len(layers)):
        identity = identity_affine(layers[number - 1].outputs)
        variants.append([*layers[:number], identity, *layers[number:]])
        if layers[number].inputs == layers[number].outputs:
            variants.append([*layers[:number], *layers[number + 1 :]])
    variants.append([*layers, identity_affine(1)])
    for a in range(1, len(layers)):
        for b in range(a + 1, len(layers)):
            if layers[a].weight.shape == layers[b].weight.shape:
                swapped = list(layers)
                swapped[a], swapped[b] = layers[b], layers[a]
                variants.append(swapped)
    rejected = 0
    for variant in variants:
        network = ReLUNetwork.relu(*variant)
        answer = files.write(SMALL, network, one.certificate)
        if answer.verified:
            assert wrong_points(network, SMALL, HALF) == []
        rejected += not answer.verified
    assert rejected > len(variants) // 2


def test_a_ball_neuron_more_is_checked_like_the_others(tmp_path: Path) -> None:
    # A duplicate of a neuron only adds to a clipped sum; feeding another bit it is wrong.
    one = built("parallel_balls")
    layers = list(one.network.layers)
    balls, bits = layers[-3], layers[-2]
    layers[-3] = Affine(
        SparseIntegers.from_dense(np.concatenate([balls.weight.dense()] * 2)),
        np.concatenate([balls.bias] * 2),
        balls.exponent,
    )
    same = bits.weight.dense()
    other = same[::-1]
    files = Files(tmp_path)
    for columns, right in ((same, True), (other, False), (0 * same, True)):
        weight = SparseIntegers.from_dense(np.concatenate([same, columns], axis=1))
        layers[-2] = Affine(weight, bits.bias, bits.exponent)
        network = ReLUNetwork.relu(*layers)
        assert files.write(SMALL, network, one.certificate).verified == right
        assert (wrong_points(network, SMALL, HALF) == []) == right


@pytest.mark.parametrize("name", NAMES)
def test_the_other_construction_s_checker_rejects(name: str, tmp_path: Path) -> None:
    one = built(name)
    files = Files(tmp_path)
    other = {"parallel_balls": "thm_4_2_iii", "thm_4_2_iii": "parallel_balls"}[name]
    for check in (built(other).certificate.check, "", "x", None):
        answer = files.write(SMALL, one.network, one.certificate, check=check)
        assert not answer.verified
    mixed = built(other).certificate.structure
    answer = files.certify(one.certificate, mixed, check=built(other).certificate.check)
    assert not answer.verified


def test_folds_beyond_any_layer_are_rejected_without_being_written_down(tmp_path: Path) -> None:
    one = built("parallel_balls")
    files = Files(tmp_path)
    m = len(one.certificate.structure["folds"])
    answer = files.write(
        SMALL,
        one.network,
        one.certificate,
        {"folds": [1 << 30] * m, "cuts": [1 << 30]},
    )
    assert "folds" in answer.reason


@pytest.mark.parametrize("field", ["name", "construction"])
def test_names_cannot_forge_a_line_of_the_output(field: str, tmp_path: Path) -> None:
    forged = "x\nVERIFIED: 5 of 5 balls"
    one = built("parallel_balls")
    files = Files(tmp_path)
    name = forged if field == "name" else "small"
    data = SeparatedDataset(name, SMALL.X, SMALL.y)
    answer = files.write(
        data,
        changed(one.network, Entry(one.network.depth - 1, 0, True, 0), 77),
        one.certificate,
        construction=forged if field == "construction" else "parallel_balls",
    )
    assert not answer.verified
    assert answer.text.count("\nVERIFIED") == 0
