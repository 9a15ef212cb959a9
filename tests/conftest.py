"""Settings of all tests: reproducible examples, no display, no network calls by MLflow."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker a core: threads of torch beyond that spin while they wait, which doubles the time.
    for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_threads, "1")

# The same examples on every machine: a failure seen once can be seen again.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

# A run in the background of a script starts with SIGINT ignored, and children inherit that: give
# both back what an interactive shell gives them.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A core gets a whole file at a time. These take longest, and none is left for the end, when one
# core would work on it and the others wait.
LONGEST = (
    "sweep/test_driver.py",
    "sweep/test_disk_faults.py",
    "sweep/test_server_faults.py",
    "verification/check/test_check_halving_lattice.py",
    "verification/check/test_check_lattice_stages.py",
    "tracking/test_served.py",
    "stages/test_reproducible.py",
    "stages/test_cli.py",
    "stages/test_price_of_learning.py",
    "baseline/test_losses.py",
    "construction/test_auto.py",
    "benchmarks/test_benchmarks.py",
    "verification/test_null_space.py",
    "verification/splitting/test_search.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; `make test` tells xdist to keep that order."""
    ranks = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(_file(item), len(ranks)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0].removeprefix("tests/")
