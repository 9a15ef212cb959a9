"""`python -m pipeline`: one job from data to report, configured by conf/ and the command line.

With `--config-name figures` the job is to draw the paper's figures (`make figures`).
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from pipeline.config import SCHEMAS
from pipeline.stages.figures import draw_figures
from pipeline.stages.once import run_job_once
from pipeline.stages.store import StoreError
from pipeline.tracking import Terminated, TrackingError

ROOT = Path(__file__).resolve().parents[1]
_log = logging.getLogger("pipeline")


def register_configuration() -> None:
    """Register the typed schemas and the resolver of the repository's root."""
    store = ConfigStore.instance()
    for group, name, package, node in SCHEMAS:
        store.store(name=name, node=node, group=group, package=package)
    OmegaConf.register_new_resolver("repository", lambda: str(ROOT), replace=True)


@hydra.main(config_path=str(ROOT / "conf"), config_name="config", version_base="1.3")
def _job(config: DictConfig) -> None:
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    command = shlex.join(["python", "-m", "pipeline", *hydra_config.overrides.task])
    try:
        if hydra_config.job.config_name == "figures":
            draw_figures(_plain(config), ROOT)
        else:
            run_job_once(_plain(config), folder, ROOT, command)
    except Terminated:
        _log.error("terminated; what was done is kept, the same command goes on from there")
        raise
    except KeyboardInterrupt:
        _log.error("interrupted; what was done is kept, the same command goes on from there")
        sys.exit(128 + signal.SIGINT)
    except (ValueError, ArithmeticError, OSError, StoreError, TrackingError) as error:
        # In a sweep the launcher collects the error; a single job ends with a plain message.
        if hydra_config.mode == RunMode.MULTIRUN or os.environ.get("HYDRA_FULL_ERROR"):
            raise
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        _log.error("error: %s%s", error, notes)
        sys.exit(1)


def _plain(config: DictConfig) -> dict[str, Any]:
    """Return the configuration as plain values.

    Raises:
        ValueError: if a value without a default was not given.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ValueError(
            f"{error.full_key} must be given, for example {error.full_key}=..."
        ) from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _plain_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Return a warning as one line for a reader of the console, who has no use for source lines."""
    return f"warning: {message}\n"


if __name__ == "__main__":
    warnings.formatwarning = _plain_warning
    register_configuration()
    _job()
