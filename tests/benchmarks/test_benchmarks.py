"""The benchmarks run at tiny sizes and give rows of the promised form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pipeline.network import save_network
from tests.benchmarks import __main__, bench_evaluate, bench_separation
from tests.benchmarks.bench_evaluate import flint_outputs, inputs_for, synthetic_network
from tests.cases import CASES, Case, dyadic

TINY = (64, 5, 6, 20, 2, 1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_flint_gives_the_known_outputs(case: Case) -> None:
    assert flint_outputs(case.network, case.X) == dyadic(case.outputs)


def test_flint_and_exact_evaluation_agree_on_a_synthetic_network() -> None:
    network = synthetic_network(TINY)
    X = inputs_for(network, 40)
    assert network.evaluate_exact(X) == flint_outputs(network, X)


def test_bench_writes_rows_of_name_metric_ours_peer_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_network(tmp_path / "tiny.npz", synthetic_network(TINY))
    arguments = ["--N", "300", "--network", str(tmp_path / "tiny.npz"), "--small-rho", "20"]
    monkeypatch.setattr(sys, "argv", ["bench", *arguments, "--out", str(tmp_path / "bench.json")])
    monkeypatch.setattr(bench_separation, "REPEATS", 1)
    __main__.main()
    rows = json.loads((tmp_path / "bench.json").read_text())
    assert [set(row) for row in rows] == [{"name", "metric", "ours", "peer", "ratio"}] * 6
    assert [row["metric"] for row in rows] == ["seconds"] * 5 + ["peak GiB"]
    for row in rows:
        assert row["ours"] > 0 and row["ratio"] == pytest.approx(row["ours"] / row["peer"])
    assert "tiny on 1797 points against torch float64" in capsys.readouterr().out


def test_the_synthetic_network_has_the_shape_of_digits() -> None:
    network = synthetic_network()
    assert (network.inputs, *network.hidden_widths, network.outputs) == bench_evaluate.WIDTHS
