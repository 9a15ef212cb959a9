"""One call decides every ball: proved by the checker, refuted exactly, or left open."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.baseline import train_baseline
from pipeline.construction import build
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.network import ReLUNetwork
from pipeline.verification import uncertified
from pipeline.verification.certify import Checked
from pipeline.verification.check.__main__ import main
from pipeline.verification.splitting import prove
from pipeline.verification.verdict_table import dyadic_of_text
from pipeline.verification.verdicts import ContradictionError, confirmed_witness
from pipeline.verification.verify import verify
from tests.verification.adversarial_floats import CASES, NORMS, AdversarialCase

QUICK = {"attacks": ("null_space", "adversarial_points"), "workers": 1}
RHO = Fraction(19, 20)


@pytest.fixture(scope="module")
def trained() -> tuple[SeparatedDataset, ReLUNetwork]:
    data, _ = generate_dataset("cube", N=14, d=6, C=2, seed=3)
    result = train_baseline(
        data, RHO, width=12, depth=3, max_steps=300, evaluate_every=50, progress=False
    )
    return data, result.network


@pytest.fixture(scope="module")
def decided(trained, tmp_path_factory):
    """The table of a trained network and the folder it was decided in."""
    folder = tmp_path_factory.mktemp("verify")
    data, network = trained
    return folder, verify(network, data, RHO, budget=60, nodes=4000, folder=folder, **QUICK)


def test_every_ball_of_a_small_trained_network_is_decided(decided):
    _, table = decided
    assert table["index"].tolist() == list(range(14))
    assert {"crown", "branch_and_bound"} <= set(table["method"])
    assert {"VERIFIED", "FALSIFIED"} <= set(table["verdict"])


def test_the_checker_follows_every_proof_and_every_witness(decided):
    folder, table = decided
    files = [str(folder / name) for name in ("dataset.npz", "network.npz", "proofs.npz")]
    path = folder / "verdicts.csv"
    path.write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
    assert main([*files, "--verdicts", str(path)]) == 0


def test_witnesses_of_the_table_refute_their_balls(trained, decided):
    data, network = trained
    for _, row in decided[1].query("verdict == 'FALSIFIED'").iterrows():
        point = dyadic_of_text(row["witness"])
        assert confirmed_witness(network, data, RHO, 2, "nearest", row["index"], point)


def test_a_second_call_in_the_same_folder_searches_nothing_again(trained, decided, monkeypatch):
    folder, table = decided
    data, network = trained

    def never(*_: object) -> None:
        raise AssertionError("a ball was searched again")

    monkeypatch.setattr(prove, "_one_ball", never)
    again = verify(network, data, RHO, budget=60, nodes=4000, folder=folder, **QUICK)
    assert again["verdict"].tolist() == table["verdict"].tolist()


def test_without_a_budget_nothing_is_proved_and_nothing_is_lost(trained):
    data, network = trained
    table = verify(network, data, RHO, budget=0, **QUICK)
    assert set(table["verdict"]) <= {"FALSIFIED", "UNKNOWN"}
    assert len(table) == 14


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_networks_that_floats_misread_are_never_verified(case: AdversarialCase, p: float) -> None:
    table = verify(case.network, case.dataset, case.rho, p, budget=5, nodes=50, **QUICK)
    assert table["verdict"][case.ball] != "VERIFIED"


def test_a_constructed_network_is_decided_by_its_certificate() -> None:
    data, _ = generate_dataset("cube", N=10, d=2, C=2, seed=1)
    built = build("parallel_balls", data, Fraction(1, 2))
    table = verify(built.network, data, "1/2", certificate=built.certificate, **QUICK)
    assert set(table["verdict"]) == {"VERIFIED"}
    assert set(table["method"]) == {"certificate"}


def test_a_proof_that_the_checker_does_not_follow_is_no_proof(trained, monkeypatch, caplog):
    data, network = trained
    document = {"N": 14, "unproved": list(range(14)), "slack": [None] * 14}
    monkeypatch.setattr(uncertified, "checked", lambda _: Checked(False, document, ""))
    table = verify(network, data, "1/8", budget=20, **QUICK)
    assert "VERIFIED" not in set(table["verdict"])
    assert "the checker does not follow the proof of ball" in caplog.text


def test_a_proof_and_a_witness_of_one_ball_are_reported_as_a_contradiction(trained, monkeypatch):
    data, network = trained
    document = {"N": 14, "unproved": [], "slack": [None] * 14}
    monkeypatch.setattr(uncertified, "checked", lambda _: Checked(True, document, ""))
    with pytest.raises(ContradictionError, match="is VERIFIED by the checker and FALSIFIED by"):
        verify(network, data, RHO, budget=20, **QUICK)


def test_arguments_out_of_range_are_refused(trained):
    data, network = trained
    with pytest.raises(ValueError, match="attacks must be among"):
        verify(network, data, "1/2", attacks=("guess",))
    with pytest.raises(ValueError, match="rho"):
        verify(network, data, "5/4")
    with pytest.raises(ValueError, match="decision must be exact or nearest"):
        verify(network, data, "1/2", decision="majority")
    with pytest.raises(ValueError, match="budget must not be negative"):
        verify(network, data, "1/2", budget=-1)
