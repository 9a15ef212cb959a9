"""The jobs of a sweep as tasks of Ray, waited for until the last has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn

from pipeline.sweep.ray_queue import Limits, RayQueue
from pipeline.sweep.ray_session import LOCAL, granted, ray_session
from pipeline.sweep.ray_worker import ray_job
from pipeline.sweep.reasons import folders_among, write_reasons
from pipeline.tracking.signals import sigterm_raises

if TYPE_CHECKING:
    from hydra_plugins.ray_launcher import RayLauncher


def launch_on_ray(
    launcher: RayLauncher, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Return what became of the jobs, after all have ended; one that did not end well is FAILED.

    Args:
        launcher: set up by Hydra.
        job_overrides: of each job.
        first: number of the first job.

    Raises:
        ValueError: if no machine has what a job asks for.
        ConnectionError: if there is no Ray at the address.
        Terminated: on SIGTERM; the jobs are ended then.
    """
    assert launcher.config is not None
    folder = Path(str(launcher.config.hydra.sweep.dir))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with sigterm_raises(), ray_session(launcher.init) as ray:
            # Ray sets a handler of its own.
            with sigterm_raises():
                return _queue(ray, launcher, folder, first).run(job_overrides)
    except (ValueError, ConnectionError) as error:
        reasons = {word: str(error) for each in job_overrides for word in folders_among(each)}
        write_reasons(folder, reasons)
        raise


def _queue(ray: Any, launcher: RayLauncher, folder: Path, first: int) -> RayQueue:
    """Return a queue whose jobs ask for the resources of the sweep."""
    wanted = launcher.resources
    asked = {
        "CPU": wanted["cores"],
        "memory": wanted["memory_gb"] * 2**30,
        "GPU": wanted["gpus"],
    }
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    given = granted(asked, nodes, launcher.init.get("address", LOCAL) == LOCAL)
    task = ray.remote(ray_job).options(
        num_cpus=given["CPU"],
        num_gpus=given["GPU"],
        memory=int(given["memory"]),
        # The queue does it: it must know whether a job was ended on purpose.
        max_retries=0,
        num_returns="streaming",
    )
    # Sent once, not with every job.
    known = ray.put(launcher), ray.put(Singleton.get_state())
    return RayQueue(
        ray,
        lambda number, overrides: task.remote(*known, first + number, overrides),
        folder,
        Limits(launcher.in_flight, launcher.max_retries, 60.0 * wanted["minutes"]),
    )
