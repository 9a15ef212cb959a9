"""The checker as a program of its own: exit codes, and nothing of the project but itself."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

from pipeline.construction import build
from tests.construction.ball_points import line
from tests.verification.check.check_files import Files

ROOT = Path(__file__).resolve().parents[3]
PROBE = """
import json, runpy, sys
try:
    runpy.run_module("pipeline.verification.check", run_name="__main__", alter_sys=True)
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
FOREIGN = {"torch", "hydra", "omegaconf", "mlflow", "scipy", "sklearn", "pandas", "matplotlib"}


def run(code: list[str], files: Files) -> subprocess.CompletedProcess[str]:
    paths = [str(files.dataset), str(files.network), str(files.certificate)]
    return subprocess.run(
        [sys.executable, *code, *paths], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_the_program_imports_nothing_else_of_the_project(tmp_path: Path) -> None:
    files = Files(tmp_path)
    data = line(5, 2)
    built = build("parallel_balls", data, Fraction(1, 2))
    assert files.write(data, built.network, built.certificate).verified
    found = run(["-c", PROBE], files)
    assert found.returncode == 0
    assert found.stdout.endswith("VERIFIED: 5 of 5 balls\n")
    modules = set(json.loads(found.stderr.splitlines()[-1]))
    own = {name for name in modules if name.split(".")[0] == "pipeline"}
    allowed = {"pipeline", "pipeline.verification", "pipeline.verification.check"}
    assert all(n in allowed or n.startswith("pipeline.verification.check.") for n in own), own
    assert not {name.split(".")[0] for name in modules} & FOREIGN


def test_the_exit_code_of_a_rejection_is_one(tmp_path: Path) -> None:
    files = Files(tmp_path)
    data = line(5, 2)
    built = build("parallel_balls", data, Fraction(1, 2))
    files.write(data, built.network, built.certificate, rho="99/100")
    found = run(["-m", "pipeline.verification.check"], files)
    assert found.returncode == 1
    assert found.stdout.splitlines()[-1].startswith("REJECTED: ")
    assert found.stderr == ""
