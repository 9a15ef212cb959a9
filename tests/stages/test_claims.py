"""Claims weaker than robustness go through a whole job and never come out as more."""

from __future__ import annotations

import json
import sys

import pytest

from pipeline.report import read_summary
from pipeline.report.console import verdict_text
from pipeline.verification import certify
from pipeline.verification.decide import ContradictionError

# f(0) = 1 and f(1) = 2, linear between: right at both points and nowhere else on the balls.
MODULE = """
from fractions import Fraction
from pipeline.construction import Built, Certificate
from pipeline.network import Affine, Plan, ReLUNetwork

def slope(dataset, rho, p, *, seed, claim, eta=None):
    network = ReLUNetwork.relu(
        Affine.from_fractions((1, 2), {(0, 0): 1}, {0: 1}),
        Affine.from_fractions((1, 1), {(0, 0): 1}, {}),
    )
    eta = None if eta is None else Fraction(eta)
    certificate = Certificate("slope", "slope", rho, p, {}, claim=claim, eta=eta)
    return Built(network, certificate, Plan(2, (1,)))
"""
CHECKER = """
import os, sys
from pathlib import Path
Path(sys.argv[sys.argv.index("--output") + 1]).write_text(os.environ["FAKE_DOCUMENT"])
sys.exit(int(os.environ["FAKE_CODE"]))
"""


@pytest.fixture
def job(lab, tmp_path, monkeypatch):
    """A job with that claim, and a checker of its own that writes what it is told."""
    name = f"slope_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    (tmp_path / "fake_checker.py").write_text(CHECKER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(certify, "MODULE", "fake_checker")

    def run(claim: str, proved: bool, *overrides: str, **findings: object):
        document = {
            "verdict": "VERIFIED" if proved else "REJECTED", "claim": claim, "rho": "1/2",
            "decision": "exact",
            "p": "2", "N": 2, "verified": 0, "unproved": [0, 1], "slack": [None] * 2,
            "facts": [], "reason": "", "eta": None, "points": None, "error_upper": None,
        } | findings  # fmt: skip
        monkeypatch.setenv("FAKE_DOCUMENT", json.dumps(document))
        monkeypatch.setenv("FAKE_CODE", "0" if proved else "1")
        (row,) = lab.run(
            tmp_path, "dataset=line", "dataset.N=2", "baseline=none", "construction=custom",
            f"construction.custom.target={name}:slope", "cache.enabled=false", "report.html=true",
            f"+construction.custom.options.claim={claim}", "verification.samples=40", *overrides,
        )  # fmt: skip
        return row, lab.runs(tmp_path.name)[0].data

    yield run
    sys.modules.pop(name, None)


def _kept(tmp_path, row) -> str:
    assert read_summary(tmp_path / "run" / "summary.json") == (row,)
    return (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_memorized_points_are_told_as_such_everywhere(job, tmp_path):
    row, logged = job("points", True, points=2)
    assert (row.status, row.claim, row.holds, row.points) == ("points only", "points", True, 2)
    assert (row.verified, row.falsified) == (0, 2)
    assert verdict_text(row) == "2/2 points memorized; 2 balls falsified"
    assert (logged.tags["verdict"], logged.tags["claim"]) == ("MEMORIZED", "points")
    assert logged.metrics["robust/verified"] == 0 and logged.metrics["robust/falsified"] == 1
    assert "robust/error_bound" not in logged.metrics
    page = _kept(tmp_path, row)
    assert "nothing about robustness" in page and "Proved for all" not in page


def test_a_bounded_error_is_told_with_bound_and_estimate(job, tmp_path):
    eta = "+construction.custom.options.eta='999/1000'"
    row, logged = job("error", True, eta, eta="999/1000", error_upper="0.998765432")
    assert (row.status, row.claim, row.holds) == ("error bound", "error", True)
    assert verdict_text(row) == "error <= 1 proved; f = y on 0/2 balls"
    assert row.error_bound == "0.998765432" and row.error_estimate == 1.0 == row.error_upper
    assert 0.8 < row.error_lower < 1
    assert (logged.tags["verdict"], logged.tags["claim"]) == ("BOUNDED", "error")
    assert logged.metrics["robust/error_bound"] == 0.998765432
    assert logged.metrics["robust/error_estimate"] == 1.0
    page = _kept(tmp_path, row)
    assert "wrong with probability at most 0.998765432" in page and "999/1000" in page


def test_claims_that_were_not_proved_are_unknown_and_not_refuted_by_balls(job):
    row, logged = job("points", False, points=1)
    assert (row.status, row.holds, row.falsified) == ("not verified", False, 2)
    assert logged.tags["verdict"] == "UNKNOWN"


def test_a_bound_that_the_samples_exclude_fails_the_run(job, lab, tmp_path):
    eta = "+construction.custom.options.eta='1/100'"
    with pytest.raises(ContradictionError, match="is wrong at 40 of 40 samples"):
        job("error", True, eta, eta="1/100", error_upper="0.01")
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith("ContradictionError: the error is at most 0.01")


def test_margins_of_the_report_are_those_of_verified_balls_alone(job, tmp_path):
    job("points", True, points=2, slack=[0.5, 0.25])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Verified balls by" not in page
