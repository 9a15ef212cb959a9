"""Torch modules as MLflow's logged models."""

from __future__ import annotations

import logging
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
    import mlflow
    import mlflow.pytorch
    from mlflow.models import Model

    before = mlflow.get_tracking_uri()
    # It warns that loading a pickle runs code: these are ours, and pt2 takes ten seconds.
    log = logging.getLogger("mlflow.pytorch")
    level = log.level
    log.setLevel(logging.ERROR)
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
        log.setLevel(level)
    return str(logged.model_uri)
