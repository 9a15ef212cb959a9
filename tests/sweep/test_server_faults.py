"""A tracking server that is killed under a sweep: jobs go on, and all is uploaded once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest
from mlflow.entities import Run

from pipeline.sweep import __main__ as command
from pipeline.sweep import driver
from pipeline.tracking.journal import journals, spooled_jobs
from pipeline.tracking.names import EXPERIMENT
from tests.sweep.desk import Desk, logged, meanwhile
from tests.tracking.served import Server

GRID = ("dataset.d=2", "rho=1/2,1/3,1/4,1/5")


@pytest.fixture(scope="module")
def served(tmp_path_factory, database) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copyfile(database, folder / "server.db")
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def desk(served, tmp_path_factory, composed_once) -> Iterator[Desk]:
    """A server's, where no process waits for one that these tests have killed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setattr(command, "processes_at_once", lambda cores: 1)
        patch.setattr(driver, "_REPORT_EVERY_S", 0.5)
        yield Desk(tmp_path_factory.mktemp("desk"), uri=served.uri)


def runs_that_are(server: Server, status: str) -> int:
    """Return how many runs of a status the database has, asked past the server."""
    with sqlite3.connect(server.folder / "server.db") as connection:
        query = "SELECT count(*) FROM runs WHERE status = ?"
        return int(connection.execute(query, (status,)).fetchone()[0])


def kill_in_second_job(server: Server, over: threading.Event) -> None:
    """Kill the server when one job has FINISHED and the next one, beside the driver, is RUNNING."""
    before = runs_that_are(server, "FINISHED")
    while runs_that_are(server, "FINISHED") == before and not over.wait(0.02):
        pass
    while runs_that_are(server, "RUNNING") < 2 and not over.wait(0.02):
        pass
    server.kill()


def launcher() -> psutil.Process:
    (found,) = [
        each for each in psutil.Process(os.getpid()).children() if "--multirun" in each.cmdline()
    ]
    return found


def spooled(desk: Desk) -> int:
    return len(spooled_jobs(desk.root / "spool", desk.uri, EXPERIMENT))


@pytest.fixture(scope="module")
def back_in_time(desk, served) -> SimpleNamespace:
    """A sweep whose server is killed, and is there again before the last job."""

    def kill_and_start(over):
        kill_in_second_job(served, over)
        # The first of two has been left in the spool, and is not about to be uploaded by its job.
        while spooled(desk) < 2 and not over.wait(0.02):
            pass
        # However long a server takes to start, there is a job left.
        process = launcher()
        process.suspend()
        served.start()
        process.resume()

    with logged() as said, meanwhile(kill_and_start):
        code = command.main(desk.arguments("back", *GRID))
    jobs, drivers = desk.runs("back")
    return SimpleNamespace(code=code, said="\n".join(said), jobs=jobs, drivers=drivers)


@pytest.fixture(scope="module")
def away(desk, served, back_in_time) -> SimpleNamespace:
    """A sweep whose server is killed and stays away, and the same sweep after its return."""
    arguments = desk.arguments("away", *GRID, "seed=1")
    with logged() as said, meanwhile(lambda over: kill_in_second_job(served, over)):
        code = command.main(arguments)
    first = SimpleNamespace(code=code, said="\n".join(said), spooled=spooled(desk))
    first.table = (desk.folder / "away" / "sweep.csv").read_text()
    served.start()
    with logged() as said:
        code = command.main(arguments)
    jobs, drivers = desk.runs("away")
    then = SimpleNamespace(code=code, said="\n".join(said), jobs=jobs, drivers=drivers)
    return SimpleNamespace(first=first, then=then)


def test_a_sweep_goes_on_without_its_server_and_says_so(back_in_time, away):
    for said in (back_in_time.said, away.first.said):
        assert "tracking server unreachable: the jobs go on and spool what they log" in said


def test_a_server_that_is_back_in_time_has_all_of_the_sweep(desk, back_in_time):
    assert back_in_time.code == 0 and "uploaded " in back_in_time.said
    (parent,) = back_in_time.drivers
    assert parent.data.metrics["sweep/finished"] == 4 and "sweep.json" in files(desk, parent)
    assert statuses(back_in_time) == ["FINISHED"] * 5
    assert set(desk.finished("back").values()) == {1}


def test_without_its_server_a_sweep_says_what_it_knows_and_what_it_does_not(away, desk):
    first = away.first
    assert first.code == 1 and first.spooled == 3
    counts = f"4 jobs: {first.spooled} finished, {4 - first.spooled} not known"
    assert counts in first.said and first.table.count("its run is spooled") == first.spooled
    assert "Connection refused; the same command finds out" in first.said
    assert f"tracking server unreachable: spooled to {desk.root / 'spool'}" in first.said
    # The run of that sweep has come through the spool, and says the same.
    earlier = away.then.drivers[0]
    assert counts in earlier.data.tags["mlflow.note.content"]
    assert {"sweep.csv", "sweep.json"} <= files(desk, earlier)


def test_the_next_sweep_uploads_all_and_does_nothing_twice(away, desk):
    assert away.then.code == 0 and not journals(desk.root / "spool")
    assert statuses(away.then) == ["FINISHED"] * 6
    finished = desk.finished("away")
    assert len(finished) == 4 and set(finished.values()) == {1}
    parent = away.then.drivers[-1]
    assert parent.data.metrics["sweep/finished_before"] == 4 and "sweep.json" in files(desk, parent)


def statuses(sweep: SimpleNamespace) -> list[str]:
    return sorted(run.info.status for run in sweep.jobs + sweep.drivers)


def files(desk: Desk, run: Run) -> set[str]:
    return {file.path for file in desk.client.list_artifacts(run.info.run_id)}
