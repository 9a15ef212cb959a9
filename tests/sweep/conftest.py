"""What the tests of whole sweeps share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tracking import open_store


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs: to create one takes seconds, to copy it none."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    open_store(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def composed_once():
    """Compose a configuration once for all sweeps that differ in nothing it depends on."""
    from pipeline.sweep import __main__ as command

    compose, known = command._composed, {}

    def remembered(overrides):
        key = tuple(overrides)
        if key not in known:
            known[key] = compose(overrides)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "_composed", remembered)
        yield
