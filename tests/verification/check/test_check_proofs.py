"""Proofs of balls end to end: true ones are accepted, and no defect of a file proves a ball."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.network import Activation, ReLUNetwork
from pipeline.verification.check.proofs import is_complete
from tests.cases import layer
from tests.construction.ball_points import dataset_of
from tests.verification.check.check_files import run
from tests.verification.check.proof_files import AFFINE, Leaf, ProofFiles, both_sides

HALF = Fraction(1, 2)
# Points 0, 1, 2 with labels 1, 2, 1: eps_D = 1/2 and the balls have radius 1/4.
DATA = dataset_of([[0], [1], [2]], [1, 2, 1])
# A tent, f(0) = f(2) = 3/4 and f(1) = 9/4 with slopes of 3/2: within 1/2 of the label on balls of
# radius up to 1/2 about 1 and up to 1/6 about 0 and 2. Its neuron 1 bends at the tip.
TENT = ReLUNetwork.relu(layer([[1], [1]], [0, -1]), layer([[Fraction(3, 2), -3]], [Fraction(3, 4)]))
# f = 1 up to -1/4, 2 from 1/4 on: no neuron changes sign on the balls of radius 1/2 about -1 and 1.
STEP = dataset_of([[-1], [1]], [1, 2])
RAMP = ReLUNetwork.relu(layer([[8], [8]], [2, -2]), layer([[Fraction(1, 4), Fraction(-1, 4)]], [1]))


@pytest.fixture
def step(tmp_path: Path) -> ProofFiles:
    files = ProofFiles(tmp_path)
    files.save(STEP, RAMP)
    return files


@pytest.fixture
def tent(tmp_path: Path) -> ProofFiles:
    files = ProofFiles(tmp_path)
    files.save(DATA, TENT)
    return files


def tip(ball: int = 1) -> list[Leaf]:
    """Return leaves that split at the tip: f <= 9/4 there takes multipliers 3/2."""
    above = [Leaf(ball, 1, 0, (split,)) for split in (2, -2)]
    return above + [Leaf(ball, -1, 0, (split,), (1.5,)) for split in (2, -2)]


def test_unsplit_leaves_prove_balls_on_which_nothing_bends(step: ProofFiles) -> None:
    answer = step.check(both_sides([0, 1]), 2)
    assert answer.verified, answer.text
    assert answer.text.endswith("VERIFIED: 2 of 2 balls\n")
    assert "decision    nearest: |f(x) - y_i| < 1/2" in answer.text
    assert "side -1: 2 leaves, 0 of them affine" in answer.text


def test_a_file_may_be_about_some_balls(step: ProofFiles, tmp_path: Path) -> None:
    output = tmp_path / "verdict.json"
    answer = step.check(both_sides([1]), 2, "--output", str(output))
    assert answer.verified
    document = json.loads(output.read_text())
    assert (document["verified"], document["unproved"], document["N"]) == (1, [0], 2)
    assert (document["verdict"], document["claim"], document["decision"]) == (
        "VERIFIED",
        "balls",
        "nearest",
    )
    # f is 2 on the ball, 1/2 above 3/2 and below 5/2.
    assert document["slack"][0] is None
    assert 0.5 - 1e-12 < document["slack"][1] <= 0.5


def test_one_ball_that_fails_does_not_take_the_others_along(
    tent: ProofFiles, tmp_path: Path
) -> None:
    output = tmp_path / "verdict.json"
    answer = tent.check(tip() + both_sides([0, 2]), 2, "--output", str(output))
    assert "2 of 3 balls proved; ball 2 (label 1)" in answer.reason
    assert json.loads(output.read_text())["unproved"] == [2]


def test_splits_slopes_and_multipliers_prove_what_is_not_proved_without(tent: ProofFiles) -> None:
    for kind in (0, AFFINE):
        assert tent.check([leaf.but(kind=kind) for leaf in tip()], 2).verified
        assert not tent.check([leaf.but(kind=kind, beta=()) for leaf in tip()], 2).verified
    assert not tent.check(both_sides([1], kind=AFFINE), 2).verified
    assert "the bound of a relaxed leaf" in tent.check(both_sides([1]), 2).reason
    assert tent.check(both_sides([1], alpha=(0, 64)), 2).verified


@pytest.mark.parametrize("kind", [0, AFFINE])
def test_a_larger_ratio_than_the_network_stands_is_not_proved(kind: int, tent: ProofFiles) -> None:
    assert tent.check([leaf.but(kind=kind) for leaf in tip()], 2, rho="9/10").verified
    # On the open ball of radius 1/6 the value 1/2 is not taken, which only exact leaves see.
    for rho, verified in (("333/1000", True), ("1/3", kind == AFFINE), ("334/1000", False)):
        assert tent.check(both_sides([2], kind=kind), 2, rho=rho).verified == verified


def test_the_exact_rule_needs_the_label_itself(step: ProofFiles, tmp_path: Path) -> None:
    answer = step.check(both_sides([0, 1], kind=AFFINE), 2, decision="exact")
    assert answer.verified, answer.text
    other = ProofFiles(tmp_path)
    last = layer([[Fraction(1, 4), Fraction(-1, 4)]], [1 + Fraction(1, 1 << 70)])
    other.save(STEP, ReLUNetwork.relu(RAMP.layers[0], last))
    assert not other.check(both_sides([0, 1], kind=AFFINE), 2, decision="exact").verified


@pytest.mark.parametrize("p", ["1", "2", "inf"])
def test_every_norm_has_its_dual(p: str, tmp_path: Path) -> None:
    # eps_D is 1 in every norm: f = 1 + slope (x_1 + x_2) on a ball of radius 999/1000.
    data = dataset_of([[0, 0], [2, 0]], [1, 2])
    files = ProofFiles(tmp_path)
    norm = {"1": 1, "2": Fraction(14143, 10000), "inf": 2}[p]
    for factor, verified in ((Fraction(99, 100), True), (Fraction(101, 100), False)):
        slope = HALF / norm * factor / Fraction(999, 1000)
        slope = Fraction(int(slope * 2**40), 2**40)
        files.save(data, ReLUNetwork.relu(layer([[slope, slope]], [10]), layer([[1]], [-9])))
        for kind in (0, AFFINE):
            answer = files.check(both_sides([0], kind=kind), 1, rho="999/1000", p=p)
            assert answer.verified == verified


def test_thresholds_are_for_affine_leaves(tmp_path: Path) -> None:
    files = ProofFiles(tmp_path)
    network = ReLUNetwork(
        (layer([[1], [1]], [0, 5]), layer([[1, 1]], [0])),
        ((Activation.THRESHOLD, Activation.THRESHOLD),),
    )
    files.save(STEP, network)
    # f = 1 for x < 0 and 2 from 0 on: both balls of radius 1/2 are right, neuron 0 is stable.
    assert files.check(both_sides([0, 1], kind=AFFINE), 2).verified
    assert not files.check(both_sides([0, 1]), 2).verified
    split = [Leaf(0, side, AFFINE, (s,)) for side in (1, -1) for s in (1, -1)]
    answer = files.check(split, 2)
    # The + region {x >= 0} does not meet the ball: only a multiplier can say so.
    assert not answer.verified
    betas = [leaf.but(beta=(4.0,) if leaf.path == (1,) else ()) for leaf in split]
    assert files.check(betas, 2).verified


def test_a_network_that_floats_misjudge_is_not_proved(tmp_path: Path) -> None:
    # f = x - 1/2, from 0 to 1 on the ball (1/2, 3/2): wrong, where 2^60 + 1 - 2^60 = 0 says 1.
    files = ProofFiles(tmp_path)
    big = 1 << 60
    data = dataset_of([[1], [3]], [1, 2])
    for low in (Fraction(-1, 2), Fraction(1, 2), Fraction(1)):
        files.save(
            data, ReLUNetwork.relu(layer([[1]] * 3, [0] * 3), layer([[big, 1, -big]], [low]))
        )
        assert not files.check(both_sides([0]), 3).verified
        # x - 1/2 and x + 1/2 are wrong on parts of the ball, x + 1 on all of it.
        assert not files.check(both_sides([0], kind=AFFINE), 3).verified


def test_a_threshold_is_not_taken_for_a_relu(tmp_path: Path) -> None:
    # 3/4 + relu((x + 2) / 4) is within 1/8 of 1 on the ball about -1, and 3/4 + 1 is not.
    files = ProofFiles(tmp_path)
    maps = layer([[Fraction(1, 4)]], [HALF]), layer([[1]], [Fraction(3, 4)])
    for kind, verified in ((Activation.RELU, True), (Activation.THRESHOLD, False)):
        files.save(STEP, ReLUNetwork(maps, (kind,)))
        assert files.check(both_sides([0]), 1).verified == verified
        assert files.check(both_sides([0], kind=AFFINE), 1).verified == verified


def test_a_defective_leaf_costs_its_own_ball_alone(step: ProofFiles) -> None:
    bad = [Leaf(0, side, 0, (split,)) for side in (1, -1) for split in (3, -3)]
    answer = step.check([*bad, *both_sides([1])], 2)
    assert "1 of 2 balls proved; ball 0 (label 1): a leaf has a kind" in answer.reason


MUTATIONS = {
    "a leaf is missing": lambda leaves: leaves[1:],
    "a side is missing": lambda leaves: [leaf for leaf in leaves if leaf.side == 1],
    "a leaf stands twice": lambda leaves: [*leaves, leaves[0]],
    "a sign is swapped": lambda leaves: [leaves[0].but(path=(-2,)), *leaves[1:]],
    "another neuron is split": lambda leaves: [leaves[0].but(path=(1,)), *leaves[1:]],
    "a split is one longer": lambda leaves: [leaves[0].but(path=(2, 1)), *leaves[1:]],
    "a multiplier is negative": lambda leaves: [leaves[0].but(beta=(-1.0,)), *leaves[1:]],
    "a multiplier is no number": lambda leaves: [leaves[0].but(beta=(np.nan,)), *leaves[1:]],
    "a multiplier is infinite": lambda leaves: [leaves[0].but(beta=(np.inf,)), *leaves[1:]],
    "a multiplier overflows": lambda leaves: [leaves[0].but(beta=(1e308,)), *leaves[1:]],
    "a slope is above 1": lambda leaves: [leaves[0].but(alpha=(0, 200)), *leaves[1:]],
    "a neuron does not exist": lambda leaves: [leaves[0].but(path=(3,)), *leaves[1:]],
    "a neuron has no number": lambda leaves: [leaves[0].but(path=(0,)), *leaves[1:]],
    "the least neuron": lambda leaves: [leaves[0].but(path=(-(2**31),)), *leaves[1:]],
    "a neuron is split twice": lambda leaves: [
        *[leaf.but(path=(*leaf.path, s * 2)) for leaf in leaves[:1] for s in (1, -1)],
        *leaves[1:],
    ],
    "another kind": lambda leaves: [leaves[0].but(kind=2), *leaves[1:]],
    "another side": lambda leaves: [leaves[0].but(side=3), *leaves[1:]],
    "a ball of another label": lambda leaves: [leaf.but(ball=0) for leaf in leaves],
    "a ball out of range": lambda leaves: [*leaves, leaves[0].but(ball=3)],
    "a negative ball": lambda leaves: [leaf.but(ball=leaf.ball - 3) for leaf in leaves],
}


@pytest.mark.parametrize("what", list(MUTATIONS))
@pytest.mark.parametrize("kind", [0, AFFINE])
def test_a_changed_leaf_proves_nothing(what: str, kind: int, tent: ProofFiles) -> None:
    leaves = [leaf.but(kind=kind) for leaf in tip()]
    assert tent.check(leaves, 2).verified
    changed = MUTATIONS[what](leaves)
    assert not tent.check(changed, 2).verified


FIELDS = {
    "dataset_sha256": "0" * 64,
    "network_sha256": "0" * 64,
    "format": "robustness-proofs 2",
    "rho": "1",
    "p": "3",
    "decision": "almost",
    "ball": np.zeros(4),
    "side": np.ones(3, dtype=np.int8),
    "kind": np.zeros((4, 1), dtype=np.int8),
    "path_length": np.array([2, 0, 1, 2]),
    "path": np.array([2, 2, 2], dtype=np.int32),
    "beta": np.zeros(4, dtype=np.float32),
    "alpha": np.zeros((4, 3), dtype=np.uint8),
}


@pytest.mark.parametrize("name", list(FIELDS))
def test_a_changed_array_is_rejected(name: str, tent: ProofFiles) -> None:
    assert not tent.check(tip(), 2, **{name: FIELDS[name]}).verified
    assert not tent.check(tip(), 2, **{name: None}).verified
    assert not tent.check(tip(), 2, **{name: np.array([None, 1], dtype=object)}).verified


@pytest.mark.parametrize("lengths", [[-1, 3, 1, 1], [2**62, 2**62, 2**62, 2**62 + 4]])
def test_lengths_that_only_add_up_by_wrapping_are_rejected(
    lengths: list[int], tent: ProofFiles
) -> None:
    assert not tent.check(tip(), 2, path_length=np.array(lengths)).verified


def test_proofs_cut_short_anywhere_are_rejected(tent: ProofFiles) -> None:
    assert tent.check(tip(), 2).verified
    content = tent.proofs.read_bytes()
    for cut in range(0, len(content), len(content) // 40):
        tent.proofs.write_bytes(content[:cut])
        assert not run(tent.dataset, tent.network, tent.proofs).verified


def test_no_depth_is_too_large_and_every_split_is_looked_at() -> None:
    n = 1200
    comb = [[*range(1, k + 1), -(k + 1)] for k in range(n)] + [[*range(1, n + 1)]]
    assert is_complete(comb)
    assert not is_complete(comb[:-1])
    assert not is_complete(comb[1:])
    assert not is_complete([*comb, [1]])
    assert is_complete([[]])
    assert not is_complete([])
    assert not is_complete([[], []])


@settings(max_examples=100)
@given(st.data())
def test_a_set_of_leaves_is_complete_if_and_only_if_it_covers_every_sign_pattern(more) -> None:
    path = st.lists(st.integers(1, 3), max_size=3, unique=True)
    signs = st.sampled_from([1, -1])
    paths = [
        [more.draw(signs) * n for n in neurons]
        for neurons in more.draw(st.lists(path, min_size=1, max_size=8))
    ]
    patterns = [[a, 2 * b, 3 * c] for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    covers = all(any(set(p) <= set(pattern) for p in paths) for pattern in patterns)
    if is_complete(paths):
        assert covers
    grown: list[list[int]] = [[]]
    for _ in range(more.draw(st.integers(0, 5))):
        at = more.draw(st.integers(0, len(grown) - 1))
        free = [n for n in (1, 2, 3) if n not in map(abs, grown[at])]
        if free:
            n = more.draw(st.sampled_from(free))
            leaf = grown.pop(at)
            grown += [[*leaf, n], [*leaf, -n]]
    assert is_complete(more.draw(st.permutations(grown)))
