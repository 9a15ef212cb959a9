"""Exact regions: what they prove the checker follows, and on the line an oracle says the same."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.construction import build
from pipeline.data import SeparatedDataset, save_dataset
from pipeline.network import Affine, ReLUNetwork, save_network
from pipeline.verification.check.balls import Claim
from pipeline.verification.check.readers import read_dataset, read_network
from pipeline.verification.check.stable import check_stable
from pipeline.verification.decide import decide
from pipeline.verification.splitting.by_regions import by_exact_regions
from pipeline.verification.splitting.proofs import save_proofs
from pipeline.verification.splitting.prove import Budget
from pipeline.verification.splitting.proved import Proved
from pipeline.verification.splitting.question import Question
from pipeline.verification.uncertified import Proving
from pipeline.verification.verdicts import Decision
from tests.cases import layer
from tests.construction.ball_points import dataset_of, line, spread, wrong_points
from tests.verification.check.check_files import run
from tests.verification.splitting.one_unit_off import one_unit_off
from tests.verification.splitting.piecewise import right_balls

HALF, SIXTEENTH = Fraction(1, 2), Fraction(1, 16)
BUDGET = Budget(60.0, 2000)
# 1 + |x| / 4 - |x| / 4 in two ways on the ball about 0, and 2 from 3/4 on.
FOLDED = ReLUNetwork.relu(
    layer([[1], [-1], [4]], [0, 0, -2]),
    layer([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]], [0, Fraction(-1, 8), 0, -1]),
    layer([[0, 0, 1, -1]], [1]),
)


def searched(
    folder: Path,
    network: ReLUNetwork,
    data: SeparatedDataset,
    rho: Fraction = HALF,
    p: float = 2,
    rule: Decision = Decision.EXACT,
    budget: Budget = BUDGET,
) -> tuple[Proved, set[int]]:
    """Return what the search finds, and the balls whose proofs the checker follows."""
    files = {"dataset": folder / "dataset.npz", "network": folder / "network.npz"}
    save_dataset(files["dataset"], data)
    save_network(files["network"], network)
    question = Question(network, data, rho, p)
    found = by_exact_regions(question, files, rule, np.arange(data.N), budget)
    balls = set(found.leaves.ball.tolist())
    if balls:
        proofs = folder / "proofs.npz"
        save_proofs(proofs, found.leaves, **files, rho=rho, p=p, decision=rule)
        answer = run(*files.values(), proofs)
        assert answer.verified, answer.reason
    return found, balls


@pytest.mark.parametrize(
    ("name", "data", "rho"),
    [
        ("parallel_balls", spread(6, 2, 3), HALF),
        ("halving_lattice", spread(6, 2, 3), HALF),
        ("yu2024", spread(4, 2, 2), HALF),
        ("egosi2025", spread(6, 2, 3), HALF),
        ("thm_4_2_i", line(3), SIXTEENTH),
        ("thm_4_2_ii", spread(4, 2, 2), SIXTEENTH),
        ("thm_4_2_ii_threshold", spread(4, 2, 2), SIXTEENTH),
    ],
)
def test_constructed_networks_are_proved_without_their_certificates(
    name: str, data: SeparatedDataset, rho: Fraction, tmp_path: Path
) -> None:
    found, balls = searched(tmp_path, build(name, data, rho).network, data, rho)
    assert balls == set(range(data.N)) and not found.witnesses
    assert set(found.methods().values()) == {"exact_regions"}


@pytest.mark.parametrize("p", [1, 2, inf])
def test_a_fold_inside_a_ball_is_split_and_what_cancels_is_seen(p: float, tmp_path: Path) -> None:
    data = dataset_of([[0], [1]], [1, 2])
    found, balls = searched(tmp_path, FOLDED, data, p=p)
    assert balls == {0, 1}
    assert found.nodes[0] > 1 == found.nodes[1]
    # The same with a weight that no longer cancels is wrong at a point found by the search.
    last = layer([[Fraction(1, 1 << 70), 0, 1, -1]], [1])
    found, balls = searched(tmp_path, ReLUNetwork.relu(*FOLDED.layers[:2], last), data, p=p)
    assert balls == set() and {v.index for v in found.witnesses} == {0, 1}


def test_one_unit_off_on_the_line_is_judged_as_the_pieces_say(tmp_path: Path) -> None:
    data = dataset_of([[0], [2], [5]], [1, 2, 1])
    network = build("parallel_balls", data, HALF).network
    assert right_balls(network, data, HALF, None) == [True] * 3
    judged = set()
    for changed in one_unit_off(network):
        found, balls = searched(tmp_path, changed, data)
        right = right_balls(changed, data, HALF, None)
        assert [i in balls for i in range(3)] == right
        assert {v.index for v in found.witnesses} == {i for i in range(3) if not right[i]}
        judged |= set(right)
    assert judged == {True, False}


def test_one_unit_off_in_the_plane_is_never_proved_where_it_is_wrong(tmp_path: Path) -> None:
    data = spread(4, 2, 2)
    network = build("parallel_balls", data, HALF).network
    refuted = 0
    for changed in one_unit_off(network)[::3]:
        found, balls = searched(tmp_path, changed, data)
        points_a_ball = len(wrong_points(ReLUNetwork.relu(layer([[0, 0]], [0])), data, HALF)) // 4
        wrong = {k // points_a_ball for k in wrong_points(changed, data, HALF)}
        assert not balls & wrong
        assert wrong <= {v.index for v in found.witnesses}
        refuted += len(found.witnesses)
    assert refuted


@st.composite
def small_networks(draw: st.DrawFn) -> ReLUNetwork:
    """Return a network on the line with small integers, often constant near 0 or 1."""
    number = st.integers(-3, 3).map(lambda k: Fraction(k, 2))
    widths = [1, *draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))]
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        rows = [[draw(number) for _ in range(inputs)] for _ in range(outputs)]
        layers.append(layer(rows, [draw(number) for _ in range(outputs)]))
    scale = draw(st.sampled_from([0, Fraction(1, 8), 1]))
    row = [scale * draw(st.integers(-1, 1)) for _ in range(widths[-1])]
    return ReLUNetwork.relu(*layers, layer([row], [draw(st.sampled_from([1, 1, 2, HALF]))]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(small_networks(), st.sampled_from([Decision.EXACT, Decision.NEAREST]))
def test_random_networks_on_the_line_are_judged_as_their_pieces_say(
    tmp_path: Path, network: ReLUNetwork, rule: Decision
) -> None:
    data = line(2)
    found, balls = searched(tmp_path, network, data, Fraction(3, 4), rule=rule)
    margin = None if rule is Decision.EXACT else HALF
    right = right_balls(network, data, Fraction(3, 4), margin)
    refuted = {v.index for v in found.witnesses}
    assert not balls & refuted
    for ball, fine in enumerate(right):
        assert (
            ball in balls
            if fine and rule is Decision.EXACT
            else ball not in (refuted if fine else balls)
        )


def scaled(network: ReLUNetwork, powers: list[int]) -> ReLUNetwork:
    """Return the same function with the k-th hidden layer's neurons times 2**powers[k]."""
    layers, before = [], 0
    for affine, power in zip(network.layers, [*powers, 0], strict=True):
        W, b = affine.dense()
        W = replace(W, exponent=W.exponent + power - before)
        layers.append(Affine.from_dyadic(W, replace(b, exponent=b.exponent + power)))
        before = power
    return ReLUNetwork.relu(*layers)


@pytest.mark.parametrize("rule", list(Decision))
def test_weights_that_no_float_holds_are_split_like_others(rule: Decision, tmp_path: Path) -> None:
    data = spread(6, 2, 3)
    network = build("halving_lattice", data, HALF).network
    _, plain = searched(tmp_path, network, data, rule=rule)
    powers = [(-1) ** k * 900 for k in range(len(network.layers) - 1)]
    found, balls = searched(tmp_path, scaled(network, powers), data, rule=rule)
    assert balls == plain == set(range(6)) and max(found.nodes.values()) > 1


def test_a_ball_on_which_nothing_bends_takes_one_region(tmp_path: Path) -> None:
    data = line(3)
    network = build("thm_4_2_i", data, SIXTEENTH).network
    for steps, proved in ((0, {0, 1, 2}), (1, set())):
        bias = network.layers[-1].bias.astype(object) + steps
        last = replace(network.layers[-1], bias=bias)
        network = replace(network, layers=(*network.layers[:-1], last))
        found, balls = searched(tmp_path, network, data, SIXTEENTH)
        assert set(found.nodes.values()) == {1} and not len(found.leaves.path)
        power = data.radius_power(SIXTEENTH, 2)
        claim = Claim(read_dataset(tmp_path / "dataset.npz"), power, 2)
        stable = check_stable(read_network(tmp_path / "network.npz"), {}, claim)
        assert balls == set(np.flatnonzero(stable.verified)) == proved


def test_a_budget_that_is_used_up_leaves_balls_open(tmp_path: Path) -> None:
    data = spread(4, 2, 2)
    network = build("yu2024", data, HALF).network
    whole, _ = searched(tmp_path, network, data)
    fewer = Budget(60.0, max(whole.nodes.values()) - 1)
    some, few = searched(tmp_path, network, data, budget=fewer)
    assert 0 < len(few) < 4 and not some.witnesses
    none, balls = searched(tmp_path, network, data, budget=Budget(0.0, 2000))
    assert not balls and not none.nodes


@pytest.mark.parametrize("rule", list(Decision))
def test_decide_proves_networks_without_a_certificate(rule: Decision, tmp_path: Path) -> None:
    data = spread(4, 2, 2)
    network = build("parallel_balls", data, HALF).network
    if rule is Decision.NEAREST:
        powers = [1500] * (len(network.layers) - 1)
        network = scaled(network, powers)
    files = {"dataset": tmp_path / "dataset.npz", "network": tmp_path / "network.npz"}
    save_dataset(files["dataset"], data)
    save_network(files["network"], network)
    proving = Proving(tmp_path / "proofs.npz", 60.0, 2000)
    asked = {"attacks": (), "decision": rule, "proving": proving, "workers": 1}
    document = decide(files, HALF, 2, **asked).document  # type: ignore[arg-type]
    assert (document["verified"], document["methods"]) == (4, {"exact_regions": 4})
    assert (document["check"]["verdict"], document["decision"]) == ("VERIFIED", rule.value)
    last = network.layers[-1]
    wrong = replace(last, bias=last.bias.astype(object) + (2 << -last.exponent))
    save_network(files["network"], replace(network, layers=(*network.layers[:-1], wrong)))
    document = decide(files, HALF, 2, **asked).document  # type: ignore[arg-type]
    assert (document["falsified"], document["methods"]) == (4, {"exact_regions": 4})


def test_an_error_far_below_any_float_is_found(tmp_path: Path) -> None:
    data = dataset_of([[0], [1]], [1, 2])
    tiny = Fraction(1, 1 << 1500)
    network = ReLUNetwork.relu(layer([[1]], [0]), layer([[tiny]], [1]))
    found, balls = searched(tmp_path, network, data)
    assert not balls
    outputs = {v.index: v.output for v in found.witnesses}
    assert outputs.keys() == {0, 1} and 0 < outputs[0] - 1 < tiny  # type: ignore[operator]
    _, balls = searched(tmp_path, network, data, rule=Decision.NEAREST)
    assert balls == {0}


def test_a_region_that_only_just_is_empty_is_proved_empty_by_exact_multipliers(
    tmp_path: Path,
) -> None:
    # Where x >= 0 and 3 y >= 0 the neuron behind is -(5 x + 21 y) <= 0: three half-spaces that meet
    # at the centre alone. Elsewhere it bends too, and nothing of it is used.
    data = dataset_of([[0, 0], [4, 0]], [1, 2])
    network = ReLUNetwork.relu(
        layer([[1, 0], [0, 3], [1, 0], [1, 0]], [0, 0, -1, -2]),
        layer([[-5, -7, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], [0, 0, 0]),
        layer([[1, 1, -1]], [1]),
    )
    found, balls = searched(tmp_path, network, data)
    assert balls == {0, 1}
    assert len(set(found.leaves.beta[found.leaves.beta > 0].tolist())) > 1
