"""A tracked run re-checked from its artifacts alone: what holds passes, what does not is named."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.construction import build
from pipeline.data import save_dataset
from pipeline.exact import digest_of_file
from pipeline.network import ReLUNetwork, save_network
from pipeline.tracking import tracked_run
from pipeline.tracking.audit import main
from tests.cases import layer
from tests.construction.ball_points import line
from tests.verification.check.proof_files import ProofFiles, both_sides

HEADER = "index,label,verdict,method,margin,witness,output\n"
PARAMS = {"rho": "0.5", "p": "2"}
# f = 1 + x: right at 0 and 1, and within 1/2 on the balls of radius 1/4.
LINE = ReLUNetwork.relu(layer([[1]], [8]), layer([[1]], [-7]))
# f = 1 + 3 x is wrong at 1/5 and at 6/5: 3/5 too large.
STEEP = ReLUNetwork.relu(layer([[3]], [8]), layer([[1]], [-7]))


def filed(folder: Path, verdicts: list[str], **decision: object) -> None:
    """Write the table and the decision of a network as the verification stage does."""
    rows = [f"{i},{1 + i % 2},{text}\n" for i, text in enumerate(verdicts)]
    (folder / "verdicts.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    counts = {
        verdict.lower(): sum(text.startswith(verdict) for text in verdicts)
        for verdict in ("VERIFIED", "FALSIFIED", "UNKNOWN")
    }
    document = {"decision": "nearest", "holds": None, **counts, **decision}
    (folder / "decision.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder with two balls, one proved and one undecided."""
    files = ProofFiles(tmp_path)
    files.save(line(2), LINE)
    assert files.check(both_sides([1]), 1).verified
    filed(tmp_path, ["UNKNOWN,none,,,", "VERIFIED,bounds,,,"])
    return tmp_path


def logged(root: Path, folder: Path, name: str, params: dict[str, str], without: str = "") -> str:
    """Track the folder's files as a job does, and return the run's id."""
    with tracked_run(name, root=root, experiment="audit", params=params) as run:
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name != without:
                run.log_artifact(path, None if path.name == "dataset.npz" else name)
        return run.run_id


def audited(root: Path, run_id: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code and the last line."""
    code = main([run_id, "--uri", f"sqlite:///{root / 'mlruns' / 'mlflow.db'}"])
    return code, capsys.readouterr().out.splitlines()[-1]


def test_true_verdicts_of_a_trained_network_pass(root, client, trained, capsys):
    run_id = logged(root, trained, "mlp", PARAMS)
    expected = "AUDIT: 1 VERIFIED and 0 FALSIFIED re-checked, 1 UNKNOWN"
    assert audited(root, run_id, capsys) == (0, expected)


def test_nested_runs_are_audited_with_their_job(root, client, trained, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("steep")
    files = ProofFiles(other)
    files.save(line(2), STEEP)
    filed(other, ["FALSIFIED,pgd,,3 * 2**-4,25 * 2**-4", "UNKNOWN,none,,,"])
    with tracked_run("job", root=root, experiment="audit", params=PARAMS) as run:
        for name, folder in (("mlp", trained), ("steep", other)):
            with run.child(name) as child:
                for path in sorted(folder.iterdir()):
                    child.log_artifact(path, None if path.name == "dataset.npz" else name)
    expected = "AUDIT: 1 VERIFIED and 1 FALSIFIED re-checked, 2 UNKNOWN"
    assert audited(root, run.run_id, capsys) == (0, expected)


def test_a_constructed_network_is_checked_with_its_certificate(root, client, tmp_path, capsys):
    data = line(3, 2)
    built = build("parallel_balls", data, Fraction(1, 2))
    save_dataset(tmp_path / "dataset.npz", data)
    save_network(tmp_path / "network.npz", built.network)
    digests = [digest_of_file(tmp_path / name) for name in ("dataset.npz", "network.npz")]
    (tmp_path / "certificate.json").write_text(built.certificate.to_json(*digests))
    filed(tmp_path, ["VERIFIED,certificate,,,"] * 3, decision="exact", holds=True)
    run_id = logged(root, tmp_path, "parallel_balls", PARAMS)
    expected = "AUDIT: 3 VERIFIED and 0 FALSIFIED re-checked, 0 UNKNOWN"
    assert audited(root, run_id, capsys) == (0, expected)
    filed(tmp_path, ["VERIFIED,certificate,,,"] * 3, decision="exact", holds=False)
    code, last = audited(root, logged(root, tmp_path, "parallel_balls", PARAMS), capsys)
    assert code == 1 and "parallel_balls/certificate.json" in last


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        (["VERIFIED,bounds,,,", "VERIFIED,bounds,,,"], "ball 0 is VERIFIED in the table"),
        (["FALSIFIED,pgd,,1 * 2**-4,17 * 2**-4", "VERIFIED,bounds,,,"], "f is right at"),
        (["UNKNOWN,none,,,"], "ball 1 has 0 rows"),
    ],
)
def test_false_verdicts_are_named(verdicts, reason, root, client, trained, capsys):
    filed(trained, verdicts)
    code, last = audited(root, logged(root, trained, "mlp", PARAMS), capsys)
    assert code == 1
    assert last.startswith("AUDIT FAILED: mlp/verdicts.csv: ") and reason in last


def test_counts_that_are_not_the_table_s_are_named(root, client, trained, capsys):
    filed(trained, ["UNKNOWN,none,,,", "VERIFIED,bounds,,,"], verified=2)
    code, last = audited(root, logged(root, trained, "mlp", PARAMS), capsys)
    assert code == 1 and "mlp/decision.json counts" in last


@pytest.mark.parametrize("missing", ["dataset.npz", "network.npz", "verdicts.csv", "decision.json"])
def test_missing_artifacts_are_named(missing, root, client, trained, capsys):
    run_id = logged(root, trained, "mlp", PARAMS, without=missing)
    code, last = audited(root, run_id, capsys)
    assert code == 1 and last.startswith("AUDIT FAILED: ")
    assert missing in last or (missing == "network.npz" and "has no network" in last)


def test_a_run_without_a_ratio_or_an_unknown_run_is_named(root, client, trained, capsys):
    code, last = audited(root, logged(root, trained, "mlp", {"p": "2"}), capsys)
    assert code == 1 and "which balls" in last
    code, last = audited(root, "0" * 32, capsys)
    assert code == 1 and "cannot read run" in last
