"""A SLURM of one node on loopback: all its files in one folder, its daemons children of ours."""

from __future__ import annotations

import ctypes
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
CPUS = 4
_PR_SET_PDEATHSIG = 1
_INSTALLED_WITHIN_S = 300
_UP_WITHIN_S = 30
_POLICY = Path("/usr/sbin/policy-rc.d")
# cred_expire is also how long a job that is queued again waits; its 120 s are long for a test.
# Without accounting (the default AccountingStorageType is none), as on many small clusters.
_CONF = """\
ClusterName=one-node
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser={user}
SlurmdUser={user}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=1,sched_interval=2
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
KillWait=5
ReturnToService=2
MailProg=/bin/true
MpiDefault=none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=8000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2
"""


def missing_slurm() -> str:
    """Return why there is no SLURM here and none can be installed, empty if there is one."""
    if not _missing():
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"no {_missing()[0]}, and only root can install slurm-wlm and munge with apt-get"
    print("installing slurm-wlm and munge", flush=True)
    options = ["-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"]
    install = ["install", "--yes", "--no-install-recommends", "slurm-wlm", "munge"]
    with _no_services():
        for command in (["update"], install):
            try:
                done = subprocess.run(
                    ["apt-get", *options, *command],
                    env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                    capture_output=True,
                    text=True,
                    timeout=_INSTALLED_WITHIN_S,
                )
            except subprocess.TimeoutExpired:
                return f"apt-get {command[0]} took longer than {_INSTALLED_WITHIN_S} s"
            if done.returncode != 0:
                return f"apt-get {command[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1]}"
    return f"slurm-wlm and munge have no {_missing()[0]}" if _missing() else ""


@contextmanager
def one_node_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which sbatch and the like speak to a new SLURM; stop it at the end.

    Args:
        folder: for its files; new, with a short path.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    # munged wants a socket that all users can reach.
    for each in (folder, folder.parent):
        each.chmod(each.stat().st_mode | 0o055)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    conf = folder / "slurm.conf"
    ports, user = _free_ports(2), getpass.getuser()
    conf.write_text(_CONF.format(folder=folder, user=user, ports=ports, cpus=CPUS))
    environment = {**os.environ, "PATH": _path(), "SLURM_CONF": str(conf)}
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    daemons = []
    try:
        for command in (
            ["munged", "--foreground", f"--socket={folder}/munge.socket", *files],
            ["slurmctld", "-D"],
            ["slurmd", "-D", "-N", "localhost"],
        ):
            daemons.append(_started(command, folder, environment))
            if command[0] == "munged":
                _wait_for(folder / "munge.socket", daemons[0], folder)
        _wait_until_idle(environment, folder)
        yield environment
    finally:
        _stop(daemons, environment)


def _missing() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting services: the daemons of the test are its own."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _started(
    command: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    with open(folder / f"{command[0]}.out", "wb") as output:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def _end_with_parent() -> None:
    """Ask for SIGTERM when the test is gone, however it went."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_for(path: Path, daemon: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _UP_WITHIN_S
    while not path.exists():
        if daemon.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"no {path}\n{_logs(folder)}")
        time.sleep(0.1)


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.out"))


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    end = time.monotonic() + _UP_WITHIN_S
    state = ""
    while state != "idle":
        if time.monotonic() > end:
            raise RuntimeError(f"the node is not idle but {state!r}\n{_logs(folder)}")
        time.sleep(0.2)
        state = said(["sinfo", "--noheader", "--partition=debug", "--format=%t"], environment)


def _stop(daemons: list[subprocess.Popen[bytes]], environment: dict[str, str]) -> None:
    """End the jobs, then the daemons, last started first."""
    if len(daemons) == 3:
        said(["scancel", f"--user={getpass.getuser()}"], environment)
        end = time.monotonic() + 15
        while said(["squeue", "--noheader"], environment) and time.monotonic() < end:
            time.sleep(0.2)
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def said(command: list[str], environment: dict[str, str]) -> str:
    """Return what a command of SLURM prints."""
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    # A SLURM to try things on: python tests/cluster/one_node.py FOLDER, until Ctrl-C.
    print(missing_slurm() or "SLURM is there")
    with one_node_slurm(Path(sys.argv[1]).resolve()) as ready:
        print(f"export SLURM_CONF={ready['SLURM_CONF']}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
