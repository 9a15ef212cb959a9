"""CPU seconds of the pipeline around a job that has next to nothing to do.

`python -m tests.benchmarks.bench_job_overhead [REPEATS]`. A process of its own runs the smallest
job of `experiment=smoke`; a second one imports the modules that the first had imported at its end,
in the same order, and does nothing else. What the first took more is the overhead. Times are those
that the system charges to the process and its children.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What the pipeline may take around a job, in CPU seconds.
LIMIT_S = 3.0
REPEATS = 5
JOB = ("experiment=smoke", "dataset.N=9", "dataset.d=4", "rho=1/2")
# Any run will do: a job that is done before opens none below it.
SWEPT = ("sweep.name=overhead", "sweep.parent=00000000000000000000000000000000")
KINDS = {
    "on a fresh store": (),
    "again, every stage reused": (),
    "of a sweep, done before": SWEPT,
    "composed only (--cfg job)": ("--cfg", "job"),
}
# The pipeline as `python -m pipeline`, whose modules are written down as it ends.
_LISTED = """
import atexit, json, runpy, sys
file = sys.argv.pop(1)
atexit.register(lambda: open(file, "w").write(json.dumps(list(sys.modules))))
runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
"""
_IMPORTED = """
import importlib, json, sys
for name in json.load(open(sys.argv[1])):
    try:
        importlib.import_module(name)
    except Exception:  # names that stand in sys.modules only, as those of six do
        pass
"""


@dataclass(frozen=True)
class Job:
    """What one job took.

    Args:
        seconds: CPU seconds of its process.
        imports: CPU seconds of importing its modules.
        torch: whether torch is among them.
    """

    seconds: float
    imports: float
    torch: bool


def cpu_seconds(command: Sequence[str | Path]) -> float:
    """Return the CPU seconds of a process and its children.

    Raises:
        RuntimeError: if it fails.
    """
    # On one thread: idle threads of BLAS spin.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def timed(folder: Path, overrides: Sequence[str]) -> Job:
    """Return what a job took whose files all lie in a folder."""
    own = [
        f"tracking.uri=sqlite:///{folder}/mlflow.db",
        f"tracking.spool={folder}/spool",
        f"cache.folder={folder}/cache",
        f"hydra.run.dir={folder}/run",
    ]
    modules = folder / "modules.json"
    seconds = cpu_seconds(["-c", _LISTED, modules, *JOB, *own, *overrides])
    imports = cpu_seconds(["-c", _IMPORTED, modules])
    return Job(seconds, imports, "torch" in json.loads(modules.read_text(encoding="utf-8")))


def rows(repeats: int = REPEATS) -> list[dict[str, str | float]]:
    """Return the median overhead of each kind of job against the limit; none for no repeats."""
    found: dict[str, list[Job]] = {kind: [] for kind in KINDS}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            for kind, overrides in KINDS.items():
                found[kind].append(timed(Path(folder), overrides))
    return [_row(kind, jobs) for kind, jobs in found.items() if jobs]


def _row(kind: str, jobs: Sequence[Job]) -> dict[str, str | float]:
    overhead = statistics.median(job.seconds - job.imports for job in jobs)
    imports = statistics.median(job.imports for job in jobs)
    torch = "with" if any(job.torch for job in jobs) else "without"
    return {
        "name": f"job {kind}: CPU beyond imports ({imports:.1f} s {torch} torch) against the limit",
        "metric": "CPU s",
        "ours": overhead,
        "peer": LIMIT_S,
        "ratio": overhead / LIMIT_S,
    }


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS):
        print(f"{row['ours']:6.2f} s  {row['name']}, {row['peer']:.0f} s")
