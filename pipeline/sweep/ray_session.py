"""A Ray for one sweep: started on loopback and gone with it, or a cluster that is joined."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

from pipeline.tracking.signals import uninterrupted

LOCAL = "local"
_log = logging.getLogger("pipeline")
# Jobs return a few hundred bytes; nothing else is stored.
_OBJECT_STORE = 100 * 2**20
_KILLED_WITHIN_S = 5
_ANSWERS_WITHIN_S = 10
_GIB = 2**30
# Ray's names of what a job may ask for, and ours.
_OURS = {"CPU": "resources.cores", "memory": "resources.memory_gb", "GPU": "resources.gpus"}


@contextmanager
def ray_session(init: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the module `ray`, connected; a Ray that was started here leaves no process behind.

    Args:
        init: arguments of `ray.init`; the address `local` starts a Ray on this machine.

    Raises:
        ConnectionError: if there is no Ray at the address.
        ValueError: if the address is one of Ray's client, which only speaks to a cluster's machine.
    """
    local = init.get("address", LOCAL) == LOCAL
    _check_there(str(init.get("address")))
    folder = tempfile.mkdtemp(prefix="ray-", dir=_short_folder()) if local else None
    arguments = {
        "address": LOCAL,
        "log_to_driver": False,
        "logging_level": logging.WARNING,
        **(_started_here(folder) if folder else {}),
        **init,
    }
    _say_nothing_outside(local)
    # Ray reads its environment when it is imported.
    import ray

    try:
        with _sigterm_for_this_process_only():
            ray.init(**arguments)
        yield ray
    finally:
        with uninterrupted():
            _left(ray, local)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def granted(asked: Mapping[str, float], nodes: Sequence[Mapping[str, float]], local: bool) -> Any:
    """Return what each job asks Ray for: on one machine no more than it has.

    >>> granted({"CPU": 4, "memory": 2.0**32, "GPU": 0}, [{"CPU": 2.0, "memory": 2.0**33}], True)
    {'CPU': 2.0, 'memory': 4294967296.0, 'GPU': 0}

    Args:
        asked: CPU, memory in bytes, GPU.
        nodes: what the machines have, in Ray's names.
        local: whether this machine is all there is.

    Raises:
        ValueError: if no machine has so much; Ray would wait for one for ever.
    """
    if any(all(node.get(key, 0) >= value for key, value in asked.items()) for node in nodes):
        return dict(asked)
    if local and asked["GPU"] <= nodes[0].get("GPU", 0):
        less = {key: min(value, nodes[0].get(key, 0)) for key, value in asked.items()}
        _log.warning("a job gets what this machine has, not what it asks for: %s", _words(less))
        return less
    raise ValueError(f"no machine of Ray's has {_words(asked)}")


def _words(resources: Mapping[str, float]) -> str:
    """Return resources as they are written in the configuration."""
    return " ".join(
        f"{_OURS[key]}={value / _GIB if key == 'memory' else value:.3g}"
        for key, value in resources.items()
    )


def _check_there(address: str) -> None:
    """Check that somebody answers at HOST:PORT: Ray itself tries for many minutes.

    Raises:
        ConnectionError: if nobody does.
        ValueError: if it is the address of a client.
    """
    if "://" in address:
        raise ValueError(f"{address}: run the sweep on a machine of the cluster, with address=auto")
    host, _, port = address.rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_WITHIN_S).close()
        except OSError as error:
            raise ConnectionError(f"no Ray at {address}: {error}") from None


def _short_folder() -> str | None:
    """Return where Ray's files go: the path of a socket may have 107 characters."""
    return os.environ.get("RAY_TMPDIR") or ("/tmp" if os.path.isdir("/tmp") else None)


def _started_here(folder: str) -> dict[str, Any]:
    return {
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE,
        "_temp_dir": folder,
    }


def _say_nothing_outside(local: bool) -> None:
    """Set what Ray asks the environment for: no statistics sent, loopback, a password of ours."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A job without GPUs sees none; Ray warns that this default may change.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    if local:
        # Without clusters, so Ray calls it, it listens on 127.0.0.1; else on every address.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Else one is left in the home folder.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def _sigterm_for_this_process_only() -> Iterator[None]:
    """Start processes inside the block that hold SIGTERM back.

    The driver ends the whole process group; jobs could not end their runs if Ray went at once.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _left(ray: Any, local: bool) -> None:
    """Disconnect; of a Ray that was started here, end every process."""
    ours = psutil.Process().children(recursive=True) if local else []
    ray.shutdown()
    _, alive = psutil.wait_procs(ours, timeout=0.2)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=_KILLED_WITHIN_S)
