"""Networks that round to their labels are decided under f = y by bounds, splits and attacks."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.baseline import train_baseline
from pipeline.data import SeparatedDataset, generate_dataset, save_dataset
from pipeline.exact import DyadicArray
from pipeline.gadgets import rounded
from pipeline.network import Activation, ReLUNetwork, save_network
from pipeline.verification import pgd
from pipeline.verification.balls import displaced_points, radius_below, strictly_inside
from pipeline.verification.check.__main__ import main
from pipeline.verification.rounded_prefix import rounded_prefix
from pipeline.verification.splitting import prove
from pipeline.verification.splitting.by_regions import by_exact_regions
from pipeline.verification.splitting.prove import Budget
from pipeline.verification.splitting.question import Question
from pipeline.verification.verdict_table import dyadic_of_text
from pipeline.verification.verdicts import Decision, are_correct, confirmed_witness
from pipeline.verification.verify import verify
from tests.cases import layer
from tests.construction.ball_points import dataset_of
from tests.verification.splitting.piecewise import right_balls
from tests.verification.splitting.questions import random_question

QUICK = {"attacks": ("null_space", "adversarial_points"), "workers": 1, "budget": None}
HALF, RHO = Fraction(1, 2), Fraction(19, 20)
TOLERANCE = Fraction(7, 16)


@pytest.fixture(scope="module")
def trained() -> tuple[SeparatedDataset, ReLUNetwork]:
    data, _ = generate_dataset("cube", N=14, d=6, C=3, seed=3)
    result = train_baseline(
        data, RHO, width=12, depth=3, max_steps=300, evaluate_every=50, progress=False
    )
    return data, result.network


@pytest.fixture(scope="module")
def decided(trained, tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """The table of the trained network, rounded, under the exact rule, and its folder."""
    folder, (data, network) = tmp_path_factory.mktemp("rounded"), trained
    at = rounded(network, data.C), data, RHO
    return folder, verify(*at, decision="exact", folder=folder, nodes=4000, **QUICK)


def test_a_rounded_trained_network_is_its_label_exactly_where_it_was_near(trained, decided) -> None:
    data, network = trained
    table = decided[1]
    near = verify(network, data, RHO, nodes=4000, **QUICK)
    assert set(table["verdict"]) == {"VERIFIED", "FALSIFIED"} == set(near["verdict"])
    assert {"branch_and_bound", "crown"} <= set(table["method"])
    # What is exact is near; a bound of more than 1/2 - t on the margin makes it exact.
    exact = set(table["index"][table["verdict"] == "VERIFIED"])
    assert exact <= set(near["index"][near["verdict"] == "VERIFIED"])
    wide = [float(m or 0) > 0.5 - float(TOLERANCE) for m in near["margin"]]
    assert set(near["index"][wide]) <= exact and any(wide)


def test_the_checker_follows_the_table_and_its_witnesses_refute_f_equals_y(trained, decided):
    folder, table = decided
    data, network = trained
    files = [str(folder / name) for name in ("dataset.npz", "network.npz", "proofs.npz")]
    path = folder / "verdicts.csv"
    path.write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    assert main([*files, "--verdicts", str(path), "--decision", "exact"]) == 0
    assert main([*files, "--verdicts", str(path), "--decision", "nearest"]) == 1
    whole = rounded(network, data.C)
    for _, row in table.query("verdict == 'FALSIFIED'").iterrows():
        point = dyadic_of_text(row["witness"])
        assert confirmed_witness(whole, data, RHO, 2, "exact", row["index"], point)
    with np.load(folder / "proofs.npz") as proofs:
        assert int(proofs["prefix_layers"]) == network.depth
        assert proofs["alpha"].shape[1] == sum(network.hidden_widths)


def test_values_at_many_points_never_contradict_a_proof(trained, decided) -> None:
    data, network = trained
    table = decided[1]
    balls = np.flatnonzero(table["verdict"] == "VERIFIED").repeat(60)
    radius = radius_below(data, RHO, 2)
    moves = np.random.default_rng(0).normal(size=(len(balls), data.d))
    moves *= radius * (1 - 1e-6) / np.linalg.norm(moves, axis=1, keepdims=True)
    points = displaced_points(data.X, balls, moves, radius, 40)
    assert strictly_inside(data.X, balls, points, data.radius_power(RHO, 2), 2).all()
    outputs = rounded(network, data.C).evaluate_exact(points)[:, 0]
    assert are_correct(outputs, data.y[balls], "exact").all()


def test_a_second_call_in_the_same_folder_searches_nothing_again(trained, decided, monkeypatch):
    folder, table = decided
    data, network = trained

    def never(*_: object) -> None:
        raise AssertionError("a ball was searched again")

    monkeypatch.setattr(prove, "_one_ball", never)
    at = rounded(network, data.C), data, RHO
    again = verify(*at, decision="exact", folder=folder, nodes=4000, **QUICK)
    assert again["verdict"].tolist() == table["verdict"].tolist()


def by_regions(network: ReLUNetwork, question: Question, folder: Path) -> tuple[set[int], set[int]]:
    """Return which balls exact regions prove and refute under f = y."""
    files = {"dataset": folder / "dataset.npz", "network": folder / "network.npz"}
    save_dataset(files["dataset"], question.dataset)
    save_network(files["network"], network)
    at = Question(network, question.dataset, question.rho, question.p, rule=Decision.EXACT)
    every = np.arange(question.dataset.N)
    found = by_exact_regions(at, files, Decision.EXACT, every, Budget(None, 4000))
    return set(found.leaves.ball.tolist()), {v.index for v in found.witnesses}


@pytest.mark.parametrize("p", [1, 2, inf])
def test_bounds_of_the_prefix_and_exact_regions_of_the_whole_agree(
    p: float, tmp_path: Path
) -> None:
    counts = np.zeros(2, dtype=int)
    for seed in range(4):
        question = random_question(seed, p=p, d=(1, 2), width=(3, 5), rho=Fraction(3 + seed, 10))
        network = rounded(question.network, 2, 1 + seed)
        data, rho = question.dataset, question.rho
        table = verify(network, data, rho, p, "exact", nodes=4000, **QUICK)
        proved, refuted = by_regions(network, question, tmp_path)
        assert set(np.flatnonzero(table["verdict"] == "VERIFIED")) == proved
        assert set(np.flatnonzero(table["verdict"] == "FALSIFIED")) == refuted
        if data.d == 1 and p == 2:
            assert proved == set(np.flatnonzero(right_balls(network, data, rho, None)))
        counts += [len(proved), len(refuted)]
    assert counts.min() >= 3


def test_every_point_of_a_fine_grid_agrees_with_the_verdicts() -> None:
    question = random_question(4, p=inf, d=(2, 2), width=(4, 4), rho=HALF)
    data, network = question.dataset, rounded(question.network, 2)
    table = verify(network, data, HALF, inf, "exact", nodes=4000, **QUICK)
    steps = np.array(list(product(range(-31, 32), repeat=2)))
    proved = np.flatnonzero(table["verdict"] == "VERIFIED")
    assert len(proved)
    for ball in proved:
        # 31/32 of a power of two below mu: all of them lie in the cube.
        power = data.radius_power(HALF, inf)
        grid = (power.numerator.bit_length() - power.denominator.bit_length()) - 6
        at = np.full(len(steps), ball)
        moved = DyadicArray(steps, grid)
        exponent = min(grid, data.X.exponent)
        points = DyadicArray(
            data.X[at].at_exponent(exponent) + moved.at_exponent(exponent), exponent
        )
        assert strictly_inside(data.X, at, points, power, inf).all()
        assert are_correct(network.evaluate_exact(points)[:, 0], data.y[at], "exact").all()


def test_pgd_climbs_the_prefix_where_the_whole_network_is_flat(monkeypatch) -> None:
    # f = 1 + |x_2| / 2 + a step in x_1: beyond 23/16 far above and below the centre of ball 0.
    data = dataset_of([[0, 0], [4, 0]], [1, 2])
    prefix = ReLUNetwork.relu(
        layer([[0, 1], [0, -1], [1, 0], [1, 0]], [0, 0, -1, -2]),
        layer([[HALF, HALF, 1, -1]], [1]),
    )
    network = rounded(prefix, 2)
    found = pgd.pgd_attack(network, data, HALF, 2, "exact", restarts=4)
    assert [v.index for v in found] == [0]
    # Where the whole network is ascended, the start towards the other label has no gradient.
    monkeypatch.setattr(pgd, "rounded_prefix", lambda *_: None)
    assert not pgd.pgd_attack(network, data, HALF, 2, "exact", restarts=1)


def test_pgd_looks_for_values_that_are_wrong_and_not_only_far() -> None:
    # f = 2 + 8 relu(x) - relu(-x) about the last label: far above it is right, below is not.
    data = dataset_of([[0], [2]], [2, 1])
    prefix = ReLUNetwork.relu(layer([[1], [-1]], [0, 0]), layer([[8, -1]], [2]))
    found = pgd.pgd_attack(rounded(prefix, 2), data, Fraction(3, 4), 2, "exact", restarts=4)
    assert found[0].index == 0
    assert found[0].witness is not None and found[0].witness.fractions()[0] < 0


def test_what_floats_cannot_hold_is_left_to_exact_regions() -> None:
    data = dataset_of([[-2], [0], [2]], [1, 2, 3])
    huge = Fraction(1 << 1200)
    first, last = layer([[huge]], [3 * huge]), layer([[HALF / huge]], [HALF])
    network = rounded(ReLUNetwork.relu(first, last), 3)
    table = verify(network, data, Fraction(3, 4), 2, "exact", **QUICK)
    assert set(table["verdict"]) == {"VERIFIED"} and set(table["method"]) == {"exact_regions"}


def test_only_a_rounding_of_relus_with_room_for_every_label_has_a_prefix() -> None:
    f = ReLUNetwork.relu(layer([[1]], [3]), layer([[HALF]], [HALF]))
    found = rounded_prefix(rounded(f, 3), 3)
    assert found is not None and found.network.layers == f.layers
    t = float(TOLERANCE)
    assert found.low.tolist() == [-inf, 2 - t, 3 - t]
    assert found.high.tolist() == [1 + t, 2 + t, inf]
    assert rounded_prefix(rounded(f, 3), 4) is None
    assert rounded_prefix(f, 3) is None
    assert rounded_prefix(rounded(ReLUNetwork.relu(layer([[1]], [0])), 3), 3) is None
    threshold = replace(rounded(f, 3), activations=(Activation.THRESHOLD, *["relu"] * 2))
    assert rounded_prefix(threshold, 3) is None
    identity = ReLUNetwork.relu(*f.layers, layer([[1]], [0]), layer([[1]], [0]))
    assert rounded_prefix(identity, 3) is None
