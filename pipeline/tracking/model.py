"""Torch modules as MLflow's logged models."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from torch import nn


def log_torch_model(
    client: MlflowClient, uri: str, run_id: str, module: nn.Module, name: str
) -> str:
    """Return the address of a module logged with a run, for `mlflow.pytorch.load_model`.

    Args:
        client: of the store.
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

        run = client.get_run(run_id)
        # Created here: MLflow would put it into its active experiment, which the run's is not.
        model = client.create_logged_model(
            run.info.experiment_id, name, run_id, params=run.data.params
        )
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            logged = Model.log(
                artifact_path=None,
                name=name,
                model_id=model.model_id,
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


def log_pickled_model(client: MlflowClient, uri: str, run_id: str, path: Path, name: str) -> None:
    """Log the module that `pickle_module` wrote, unless an earlier attempt logged it.

    What an attempt left that was cut short is deleted: a model cannot be completed.
    """
    import torch
    from mlflow.entities import LoggedModelStatus

    experiment = client.get_run(run_id).info.experiment_id
    earlier = f"source_run_id = '{run_id}' AND name = '{name}'"
    for model in client.search_logged_models([experiment], earlier):
        if model.status == LoggedModelStatus.READY:
            return
        client.delete_logged_model(model.model_id)
    # A pickle of our own, from a folder that only the user of the spool writes.
    module = torch.load(path, weights_only=False)
    log_torch_model(client, uri, run_id, module, name)


def pickle_module(module: nn.Module, path: Path) -> None:
    """Write a module as a file that `log_pickled_model` reads."""
    import torch

    buffer = io.BytesIO()
    torch.save(module, buffer)
    # Written by ourselves: of a full disk torch makes an error that does not say so.
    path.write_bytes(buffer.getbuffer())


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
