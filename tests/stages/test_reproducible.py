"""Same configuration and seed, same bytes: other directories, other numbers of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.exact import digest_of_file

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# Both random projections: parallel_balls' own, and Case IV of Theorem B.14 at reduced constants.
JOBS = (
    "hydra.mode=MULTIRUN", "dataset=sphere", "dataset.N=24", "dataset.d=16", "rho=1/4",
    "cache.enabled=false",
    "construction=[parallel_balls,thm_4_2_iii]",
    "construction.parallel_balls.projection=pca,random",
    "construction.thm_4_2_iii.plan_only=false",
    "construction.thm_4_2_iii.constants={log_n:'1',rho:'6',log_d:'1'}",
    "baseline.width=16", "baseline.max_steps=20", "baseline.evaluate_every=10",
    "verification.samples=3", "verification.pgd_steps=2", "verification.proof_nodes=0",
)  # fmt: skip

# The stages alone: what the first two write does not depend on tracking or verification.
STAGES = """
import json, sys
from pathlib import Path
from pipeline.stages.construct import construct
from pipeline.stages.generate import generate
from pipeline.stages.store import StageStore
config, store = json.loads(sys.argv[1]), StageStore(Path(sys.argv[2]), enabled=False)
made = [generate(store, config)]
made.append(construct(store, "parallel_balls", config, made[0].file("dataset.npz")))
print(json.dumps({name: digest for each in made for name, digest in each.digests.items()}))
"""


def _environment(threads: int) -> dict[str, str]:
    return {name: str(threads) for name in THREADS}


def _digests(folder: Path) -> dict[str, str]:
    kept = ("dataset.npz", "network.npz", "certificate.json", "verdicts.csv")
    files = sorted(path for path in folder.rglob("*") if path.name in kept)
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in files}


@pytest.fixture(scope="module")
def twice(lab, tmp_path_factory):
    """The digests of two runs of the same jobs, one on one thread and one on two."""
    folders = [tmp_path_factory.mktemp(f"threads{count}") for count in (1, 2)]
    jobs = [
        lab.start(folder, *JOBS, f"workers={count}", env=_environment(count))
        for count, folder in zip((1, 2), folders, strict=True)
    ]
    for code, printed, errors in lab.ends(jobs):
        assert code == 0, printed + errors
    return [_digests(folder / "run") for folder in folders]


def test_two_runs_write_the_same_bytes_on_any_number_of_threads(twice):
    first, second = twice
    names = {f"{method}/{file}" for method in ("parallel_balls", "thm_4_2_iii", "pgd")
             for file in ("network.npz", "certificate.json", "verdicts.csv")}  # fmt: skip
    names = (names - {"pgd/certificate.json"}) | {"dataset.npz"}
    assert set(first) == {f"{job}/{name}" for job in (0, 1) for name in names}
    assert first == second


def test_the_projection_is_what_the_two_jobs_differ_in(twice):
    digests = twice[0]
    for name in ("dataset.npz", "thm_4_2_iii/network.npz", "pgd/network.npz"):
        assert digests[f"0/{name}"] == digests[f"1/{name}"]
    assert digests["0/parallel_balls/network.npz"] != digests["1/parallel_balls/network.npz"]


def test_digits_give_the_same_bytes_on_any_number_of_threads(lab, tmp_path):
    config = lab.config("construction=parallel_balls")
    stages = [
        subprocess.Popen(
            [sys.executable, "-c", STAGES, json.dumps(config | {"workers": count}), str(folder)],
            env={**os.environ, **_environment(count), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for count, folder in ((1, tmp_path / "one"), (2, tmp_path / "two"))
    ]
    first, second = (json.loads(printed) for _, printed, _ in lab.ends(stages))
    assert set(first) == {
        "dataset.npz", "notes.json", "network.npz", "certificate.json", "sizes.json"
    }  # fmt: skip
    assert first == second


def test_another_seed_gives_another_network(lab, tmp_path):
    quick = ("dataset=sphere", "dataset.N=6", "dataset.d=3", "baseline=none",
             "construction=parallel_balls", "construction.parallel_balls.projection=random",
             "verification.on_constructed=[]")  # fmt: skip
    made = []
    for seed in (0, 1):
        lab.run(tmp_path, *quick, f"seed={seed}")
        made.append(digest_of_file(tmp_path / "run" / "parallel_balls" / "network.npz"))
    assert made[0] != made[1]
