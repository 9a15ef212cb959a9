"""Torch modules as MLflow's logged models."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def log_torch_model(uri: str, run_id: str, module: nn.Module, name: str) -> str:
    """Return the address of a module logged with a run, for `mlflow.pytorch.load_model`.

    Args:
        uri: the tracking store.
        run_id: the run, which need not be the active one.
        module: float64, on the CPU.
        name: what the dashboard calls it.
    """
    with warnings.catch_warnings(), _errors_alone("mlflow.pytorch"):
        # MLflow warns about type hints of its own classes while it is imported.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred", UserWarning)
        import mlflow
        import mlflow.pytorch
        from mlflow.models import Model

        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            logged = Model.log(
                artifact_path=None,
                name=name,
                flavor=mlflow.pytorch,
                run_id=run_id,
                pytorch_model=module,
                # Named, or MLflow starts a process that finds out what is imported.
                pip_requirements=["torch"],
                serialization_format="pickle",
            )
        finally:
            mlflow.set_tracking_uri(before)
    return str(logged.model_uri)


@contextmanager
def _errors_alone(name: str) -> Iterator[None]:
    """Hide a logger's warning that loading a pickle runs code: ours; pt2 takes ten seconds."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
