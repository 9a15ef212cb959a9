"""Jobs composed from conf/, run here or by `python -m pipeline`, tracked in one store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.__main__ import register_configuration
from pipeline.report import SummaryRow
from pipeline.stages.job import run_job
from pipeline.tracking import open_store

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "python -m pipeline of the tests"


@dataclass(frozen=True)
class Lab:
    """A tracking store and what is needed to run jobs against it.

    Args:
        uri: of the store.
        client: of MLflow.
    """

    uri: str
    client: Any
    # Overrides: a baseline trained in no time, and a certified network without attacks.
    tiny_baseline: ClassVar = (
        "baseline.width=4", "baseline.max_steps=20", "baseline.evaluate_every=10",
        "verification.samples=3", "verification.pgd_steps=2", "verification.proof_nodes=0",
    )  # fmt: skip
    quick: ClassVar = (
        "baseline=none", "construction=parallel_balls", "verification.on_constructed=[]"
    )  # fmt: skip

    def config(self, *overrides: str, name: str = "config") -> dict[str, Any]:
        """Return the configuration that the command line composes from these overrides."""
        register_configuration()
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            composed = compose(name, list(overrides))
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}

    def arguments(self, folder: Path, experiment: str) -> list[str]:
        """Return overrides that keep all files of a job below `folder`, without pictures."""
        return [
            f"tracking.uri={self.uri}",
            f"tracking.experiment={experiment}",
            f"tracking.spool={folder / 'spool'}",
            f"cache.folder={folder / 'cache'}",
            "report.html=false",
            "report.formats=[]",
        ]

    def run(self, folder: Path, *overrides: str) -> tuple[SummaryRow, ...]:
        """Return the rows of a job in this process; its experiment is the folder's name."""
        config = self.config(*self.arguments(folder, folder.name), *overrides)
        run_dir = folder / "run"
        run_dir.mkdir(parents=True, exist_ok=True)
        return run_job(config, run_dir, ROOT, COMMAND)

    def start(
        self, folder: Path, *overrides: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start `python -m pipeline`; its experiment is the folder's name."""
        arguments = [f"hydra.run.dir={folder / 'run'}", f"hydra.sweep.dir={folder / 'run'}"]
        arguments += [*self.arguments(folder, folder.name), *overrides]
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ends(self, processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
        """Return exit code, output and errors of each process, once all have ended."""
        ended = []
        for process in processes:
            try:
                printed, errors = process.communicate(timeout=200)
            except subprocess.TimeoutExpired:
                process.kill()
                printed, errors = process.communicate()
            ended.append((process.returncode, printed, errors))
        return ended

    def runs(self, experiment: str) -> list[Any]:
        """Return the experiment's runs, those that no other run contains first, oldest first."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            return []
        runs = self.client.search_runs([found.experiment_id])
        return sorted(runs, key=lambda r: ("mlflow.parentRunId" in r.data.tags, r.info.start_time))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """One store for all jobs of these tests: to create one takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    return Lab(uri, open_store(uri))
