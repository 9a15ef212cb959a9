"""The launcher of `make sweep LAUNCHER=ray`, here because Hydra instantiates plugins only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class RayLauncher(Launcher):
    """Runs jobs as tasks of Ray and waits for all of them, whatever becomes of each.

    hydra-ray-launcher ends at the first worker that crashes, knows no time limit, and asks for a
    cloudpickle that MLflow does not take.

    Args:
        init: arguments of `ray.init`, `address` among them.
        resources: of a job: cores, memory_gb, gpus, minutes.
        in_flight: jobs that Ray is given at once.
        max_retries: how often a job is run again whose worker died.

    Raises:
        ImportError: if Ray is not installed.
    """

    def __init__(
        self,
        init: Mapping[str, Any],
        resources: Mapping[str, Any],
        in_flight: int,
        max_retries: int,
    ) -> None:
        if find_spec("ray") is None:
            raise ImportError("Ray is not installed: pip install -c constraints.txt -e '.[ray]'")
        self.init = init
        self.resources = resources
        self.in_flight = in_flight
        self.max_retries = max_retries
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None
        self.hydra_context: HydraContext | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra knows of the jobs."""
        self.config = config
        self.task_function = task_function
        self.hydra_context = hydra_context

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        """Return what became of every job."""
        # Hydra imports this module at every start, with or without a sweep.
        from pipeline.sweep.ray_jobs import launch_on_ray

        return launch_on_ray(self, job_overrides, initial_job_idx)

    def __call__(self, number: int, overrides: Sequence[str], state: Any) -> JobReturn:
        """Run one job; a worker of Ray calls this."""
        from hydra_plugins.hydra_joblib_launcher._core import execute_job

        from pipeline.__main__ import register_configuration

        register_configuration()
        return execute_job(
            number, overrides, self.hydra_context, self.config, self.task_function, state
        )
