"""`python -m pipeline` as a process: exit codes, one plain message, and runs that always end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest

from pipeline.tracking.signals import Terminated, sigterm_raises

LINE = ("dataset=line", "dataset.N=4", "baseline=none", "construction=parallel_balls")
SHOWN = ("report.html=true", "report.formats=[svg]")
# A plan is logged at once; then the samples of the network's balls take minutes.
LONG = (
    "dataset=line", "dataset.N=300", "baseline=none", "construction=[thm_4_2_iii,parallel_balls]",
    "construction.thm_4_2_iii.plan_only=true", "verification.on_constructed=[null_space,sampling]",
)  # fmt: skip
SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}


@pytest.fixture(scope="module")
def silent_port():
    """A port where somebody listens and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory, silent_port):
    """What each kind of mistake prints; started together, most of the time is imports."""
    mistakes = {
        "bad_ratio": [*LINE, "rho=5/4"],
        "misspelt_key": [*LINE, "dataset.n=5"],
        "silent_server": [*LINE, *SHOWN, f"tracking.uri=http://127.0.0.1:{silent_port}"],
        "server_without_address": [*LINE, "tracking=server", "tracking.uri=???"],
    }
    folders = {name: tmp_path_factory.mktemp(name) for name in mistakes}
    started = time.monotonic()
    tells = {"silent_server": {"PYTHONPROFILEIMPORTTIME": "1"}}
    processes = [
        lab.start(folders[name], *mistakes[name], env=tells.get(name)) for name in mistakes
    ]
    ended = lab.ends(processes)
    spent = time.monotonic() - started
    return SimpleNamespace(
        seconds=spent,
        **{
            name: SimpleNamespace(
                code=code,
                text=printed + errors,
                runs=lab.runs(folders[name].name),
                folder=folders[name],
            )
            for name, (code, printed, errors) in zip(mistakes, ended, strict=True)
        },
    )


def test_bad_input_is_one_plain_line_and_a_failed_run(refused):
    mistake = refused.bad_ratio
    assert mistake.code == 1
    assert mistake.text.strip() == "error: rho must lie in (0, 1), got 5/4 (Definition 2.2)"
    (run,) = mistake.runs
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].endswith("got 5/4 (Definition 2.2)")


def test_a_misspelt_key_is_named_and_no_run_is_opened(refused):
    mistake = refused.misspelt_key
    assert mistake.code == 1
    assert "Could not override 'dataset.n'" in mistake.text
    assert "Key 'n' not in 'DatasetConfig'" in mistake.text
    assert "Traceback" not in mistake.text
    assert mistake.runs == []


def test_a_job_goes_on_without_a_server_that_never_answers_and_says_so(refused, silent_port):
    job = refused.silent_server
    assert job.code == 0
    told = f"tracking server unreachable: spooled to {job.folder / 'spool'}/"
    assert told in job.text and ", upload with make sync\n" in job.text
    assert f"tracking server http://127.0.0.1:{silent_port} is unreachable: timed out" in job.text
    assert (job.folder / "run" / "summary.json").is_file()
    # Ten seconds of patience, and the imports of four processes on few cores.
    assert refused.seconds < 60


def test_a_job_without_training_does_not_import_torch(refused):
    job = refused.silent_server
    imported = set(re.findall(r"^import time:.*\| *(\w+)$", job.text, re.MULTILINE))
    assert {"flint", "hydra", "matplotlib", "mlflow"} <= imported
    assert "torch" not in imported
    assert (job.folder / "run" / "report.html").is_file()


def test_a_server_without_an_address_is_asked_for_it(refused):
    mistake = refused.server_without_address
    assert mistake.code == 1
    assert "tracking.uri" in mistake.text
    assert "Traceback" not in mistake.text


def test_a_signal_that_falls_into_a_destructor_is_delivered_again():
    # Python drops what is raised there: a SIGTERM during imports was lost one time in a few.
    class Freed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Terminated), sigterm_raises():
        Freed()
        time.sleep(10)


def _read_until(process: subprocess.Popen[str], text: str) -> None:
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"the job ended before it printed {text!r}: {process.stderr.read()}")


@pytest.fixture(scope="module")
def killed(lab, tmp_path_factory):
    """Jobs that a signal reached while they verified a network."""
    folders = {name: tmp_path_factory.mktemp(name.lower()) for name in SIGNALS}
    jobs = {
        name: lab.start(folder, *LONG, "verification.samples=20000")
        for name, folder in folders.items()
    }
    for name, job in jobs.items():
        _read_until(job, "null_space")
        job.send_signal(SIGNALS[name])
    ended = lab.ends(list(jobs.values()))
    return {
        name: SimpleNamespace(
            folder=folders[name],
            code=code,
            text=printed + errors,
            runs=lab.runs(folders[name].name),
        )
        for name, (code, printed, errors) in zip(jobs, ended, strict=True)
    }


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_ends_the_job_with_its_run_killed_and_what_was_logged_kept(killed, name):
    job = killed[name]
    assert job.code in (128 + SIGNALS[name], -SIGNALS[name])
    (run,) = job.runs
    assert run.info.status == "KILLED"
    assert run.info.run_name == "line rho1/2 N300 d2 thm_4_2_iii+parallel_balls"
    assert run.data.tags["verdict"] == "PLANNED"
    assert run.data.metrics["params/total"] > 0
    assert len(run.inputs.dataset_inputs) == 1
    assert not (job.folder / "run" / "summary.json").exists()


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_not_answered_with_a_stack_trace(killed, name):
    assert "Traceback" not in killed[name].text


def test_a_killed_job_run_again_takes_up_where_it_stopped(lab, killed):
    folder = killed["SIGTERM"].folder
    entries = {path: path.stat().st_mtime_ns for path in (folder / "cache").glob("*-*/*.npz")}
    assert len(entries) == 2
    rows = lab.run(folder, *LONG, "verification.samples=2")
    assert [row.verified for row in rows] == [None, 300]
    assert {path: path.stat().st_mtime_ns for path in entries} == entries
    assert [run.info.status for run in lab.runs(folder.name)][:2] == ["KILLED", "FINISHED"]
    assert not list((folder / "cache").glob(".unfinished-*"))
