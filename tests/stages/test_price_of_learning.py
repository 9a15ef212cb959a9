"""experiment=price_of_learning, baseline=minimal: searched, filed, reported, tracked, reused."""

from __future__ import annotations

import json
import logging
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.exchange import network_of_onnx
from pipeline.network import load_network
from pipeline.verification.certify import checked

TINY = (
    "dataset=hard_width", "dataset.N=5", "dataset.d=4", "construction=parallel_balls",
    "verification.on_constructed=[]", "verification.samples=3", "verification.pgd_steps=2",
    "baseline.max_steps=300", "baseline.evaluate_every=50", "baseline.search.max_width=8",
    "workers=1", "baseline.device=cpu",
)  # fmt: skip
EXPERIMENT = (
    "experiment=price_of_learning", *TINY, "report.html=true", "report.formats=[svg]",
    "price_of_learning.rho=[1/5]",
    "price_of_learning.datasets=[{name:hard_width,N:5,d:4,rho:[1/2,4/5]},{name:line,N:4,d:2}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def priced(lab, tmp_path_factory):
    """The experiment, searched once: its folder, its rows, its runs and what it said."""
    folder, said = tmp_path_factory.mktemp("price"), StringIO()
    logger, handler = logging.getLogger("pipeline"), logging.StreamHandler(said)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        rows = lab.run(folder, *EXPERIMENT)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    runs = lab.runs(folder.name)
    return SimpleNamespace(folder=folder, rows=rows, runs=runs, said=said.getvalue())


def test_the_price_of_learning_reaches_every_place_where_results_are_kept(lab, priced, caplog):
    rows, run_dir = priced.rows, priced.folder / "run"
    assert [(row.construction, row.status) for row in rows][0] == ("parallel_balls", "verified")
    assert rows[1].verified == 5 and rows[1].falsified == 0
    prices = pd.read_csv(run_dir / "price_of_learning.csv")
    assert list(prices["rho"]) == ["1/2", "4/5", "1/5"]
    hard = prices[prices["dataset"] == "hard_width"]
    # Proposition 3.2: width >= rho^2 min{N - 1, d}, 1 and 2.56.
    assert list(hard["impossible"]) == [0, 2]
    found = hard["succeeded"].dropna()
    assert len(found) and (found > hard.loc[found.index, "impossible"]).all()
    assert (prices["built_parallel_balls"] > 0).all()
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "What learning costs beside constructing" in page
    assert (run_dir / "price_of_learning.svg").stat().st_size > 1000
    assert "Never succeeded" in priced.said
    caplog.set_level(logging.INFO, logger="pipeline")
    lab.run(priced.folder, *EXPERIMENT)
    assert "minimal width in" in caplog.text
    # One dataset; a construction and a training, each made and decided; three cells.
    assert caplog.text.count("(unchanged, reused)") == 1 + 2 + 2 + 3


def test_a_found_network_is_filed_with_its_proofs_as_onnx_and_as_a_model(lab, priced):
    runs = {run.data.tags["mlflow.runName"]: run for run in priced.runs}
    (name,) = [n for n in runs if n.startswith("hard_width") and "1/2" in n and "trained" in n]
    run = runs[name]
    assert run.data.tags["verdict"] == "VERIFIED" and "mlflow.parentRunId" in run.data.tags
    assert run.data.metrics["price/width"] > run.data.metrics["price/width_failed"]
    history = lab.client.get_metric_history(run.info.run_id, "train/certified")
    assert [point.step for point in history] == sorted(50 * (k + 1) for k in range(len(history)))
    kept = Path(lab.client.download_artifacts(run.info.run_id, ""))
    files = {role: kept / f"{role}.npz" for role in ("dataset", "network")}
    assert checked({**files, "certificate": kept / "proofs.npz"}).verified
    attempts = json.loads((kept / "attempts.json").read_text(encoding="utf-8"))
    assert {"certified", "not learned"} <= {attempt["outcome"] for attempt in attempts}
    network = load_network(files["network"])
    assert network_of_onnx(kept / "network.onnx").parameter_count() == network.parameter_count()
    (output,) = lab.client.get_run(run.info.run_id).outputs.model_outputs
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(lab.uri)
    try:
        module = mlflow.pytorch.load_model(f"models:/{output.model_id}")
    finally:
        mlflow.set_tracking_uri(before)
    X = np.random.default_rng(0).normal(size=(5, 4))
    same = network.to_torch()(torch.from_numpy(X))
    assert torch.equal(module(torch.from_numpy(X)), same)


def test_a_search_without_success_says_how_far_it_looked(lab, tmp_path):
    with pytest.raises(ValueError, match=r"no certified network up to width 1 \(depth 3\)"):
        lab.run(tmp_path, "baseline=minimal", *TINY, "rho=1/2", "baseline.search.max_width=1")


def test_a_trained_network_can_be_held_to_the_exact_rule(lab, tmp_path):
    rows = lab.run(tmp_path, "baseline=minimal", *TINY, "rho=1/2", "baseline.decision=exact")
    assert rows[1].verified == 5
    decision = json.loads((tmp_path / "run" / "minimal" / "decision.json").read_text())
    assert decision["decision"] == "exact"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("price_of_learning.rho=[5/4]", "rho must lie"),
        ("price_of_learning.constructions=[vardi2022]", "claim every open ball"),
        ("baseline.search=null", "needs baseline=minimal"),
        ("p=1", "l2 balls"),
    ],
)
def test_cells_that_make_no_sense_are_refused_before_anything_is_trained(
    lab, tmp_path, override, message
):
    with pytest.raises(ValueError, match=message):
        lab.run(tmp_path, *EXPERIMENT, override)
    assert not list((tmp_path / "cache").glob("*"))


def test_the_full_preset_is_the_whole_grid(lab):
    assert lab.config()["price_of_learning"]["datasets"] == []
    full = lab.config("experiment=price_of_learning_full")["price_of_learning"]
    assert len(full["datasets"]) == 8 and len(full["rho"]) == 5
