"""The command: all files of a case, their meaning, an outside verifier run on them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
import vnnlib

from pipeline.data import save_dataset
from pipeline.exact import digest_of_file
from pipeline.exchange import network_of_onnx
from pipeline.exchange.__main__ import main
from pipeline.exchange.crown import margins_network
from pipeline.network import ReLUNetwork, load_network, save_network
from tests.cases import BIG, TINY, dyadic, layer
from tests.exchange.cases_of_balls import ABSOLUTE, dataset

SOLVER = (
    "import sys, onnx\nonnx.load(sys.argv[1])\ntext = open(sys.argv[2]).read()\n"
    "print('sat\\n((X_0 1.5) (X_1 0.5) (Y_0 2.5))' if 'circumscribed' in text else 'unsat')"
)


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    save_dataset(tmp_path / "d.npz", dataset())
    save_network(tmp_path / "n.npz", ABSOLUTE)
    return [str(tmp_path / "d.npz"), str(tmp_path / "n.npz"), "--out", str(tmp_path / "out")]


def test_every_file_of_a_ball_is_written_and_explained(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*inputs, "--ball", "1"]) == 0
    printed, out = capsys.readouterr().out, tmp_path / "out"
    document = json.loads((out / "ball_1.json").read_text())
    names = set(document["sha256"])
    assert len(names) == 7 and {p.name for p in out.iterdir()} == names | {
        "network.npz",
        "ball_1.json",
    }
    for name, digest in document["sha256"].items():
        assert digest == digest_of_file(out / name) and f"{name}: " in printed
    assert (document["rho"], document["p"], document["label"]) == ("1/2", "2", 2)
    vnnlib.parse_query_file(str(out / "ball_1.v2.vnnlib"))
    X = dyadic(((1, 5), (-2, 3)))
    assert network_of_onnx(out / "network.onnx").evaluate_exact(X) == ABSOLUTE.evaluate_exact(X)
    margins = network_of_onnx(out / "ball_1_margins.onnx")
    assert margins.evaluate_exact(X) == margins_network(ABSOLUTE, 2).evaluate_exact(X)


def test_files_that_cannot_be_stated_are_left_out_and_older_ones_removed(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(inputs) == 0
    assert len(list((tmp_path / "out").glob("ball_*.json"))) == 3
    assert main([*inputs, "--ball", "0", "--decision", "exact"]) == 0
    printed = capsys.readouterr().out
    for kind in ("inscribed", "circumscribed", "margins", "loader", "crown"):
        assert f"not written, {kind} of ball 0: " in printed
    assert {p.name for p in (tmp_path / "out").glob("ball_0*")} == {
        "ball_0.json",
        "ball_0.v2.vnnlib",
    }


def test_a_configuration_without_its_model_is_not_written(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # 2**-60 fits float64, 2**-60 - 1/2 does not.
    save_network(tmp_path / "n.npz", ReLUNetwork.relu(layer([[1, 0]], [TINY])))
    assert main([*inputs, "--ball", "0"]) == 0
    printed = capsys.readouterr().out
    for kind in ("margins", "loader", "crown"):
        assert f"not written, {kind} of ball 0: layer 1, bias 0 does not fit float64" in printed
    assert len(list((tmp_path / "out").glob("ball_0*.vnnlib"))) == 3
    assert len(list((tmp_path / "out").glob("ball_0*"))) == 4


def test_a_verifier_is_run_on_a_case_and_its_verdict_explained(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.py").write_text(SOLVER)
    run = f"{shlex.quote(sys.executable)} {tmp_path}/v.py {{onnx}} {{vnnlib}}"
    question = [*inputs, "--ball", "1", "--rho", "9/10", "--run", run]
    assert main([*question, "--query", "circumscribed"]) == 3
    assert "ball 1: sat; FALSIFIED: counterexample confirmed" in capsys.readouterr().out
    assert main(question) == 0
    assert "opinion is that the ball is right; that is no proof" in capsys.readouterr().out
    assert main([*question, "--query", "inscribed"]) == 0
    assert "says nothing about the rest of the ball" in capsys.readouterr().out


def test_rounded_weights_are_another_network_which_is_filed(
    inputs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = type(BIG)((layer([[(1 << 70) + 1, 0]], [-(1 << 70)]), BIG.layers[1]), BIG.activations)
    save_network(tmp_path / "n.npz", big)
    assert main([*inputs, "--ball", "0"]) == 1
    assert "layer 1, weight (0, 0) does not fit float64" in capsys.readouterr().err
    assert main([*inputs, "--ball", "0", "--rounded"]) == 0
    assert "1 weights were rounded to float64: ANOTHER network" in capsys.readouterr().out
    X = dyadic(((1, 0),))
    filed = load_network(tmp_path / "out" / "network.npz")
    assert filed.evaluate_exact(X).fractions()[0, 0] == 0
    assert big.evaluate_exact(X).fractions()[0, 0] == 1


def test_errors_are_messages(inputs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for option, message in (
        (["--ball", "9"], "ball must lie in 0..2, got 9"),
        (["--p", "half"], "p must be 1, 2"),
        (["--ball", "0", "--run", "x {onnx} {vnnlib}", "--query", "sphere"], "no query 'sphere'"),
    ):
        assert main([*inputs, *option]) == 1
        assert message in capsys.readouterr().err
