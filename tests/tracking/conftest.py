"""One real SQLite store for the tests that only read and write runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.tracking import open_store, tracking_uri


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs: to create one takes seconds, to copy it none."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(tracking_uri(None, folder))
    return folder / "mlruns" / "mlflow.db"


@pytest.fixture(scope="session")
def root(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository root with spaces in its path and a store that is ready."""
    folder = tmp_path_factory.mktemp("a lab's root")
    (folder / "mlruns").mkdir()
    shutil.copyfile(empty_database, folder / "mlruns" / "mlflow.db")
    return folder


@pytest.fixture(scope="session")
def client(root):
    """A client of that store."""
    return open_store(tracking_uri(None, root))
