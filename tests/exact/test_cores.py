"""A process takes the cores that it was given, and no more than it was asked to take."""

import os

import pytest

from pipeline.exact import available_cores, usable_cores


def test_cores_that_the_scheduler_has_not_given_do_not_count():
    given = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(given)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, given)
    assert available_cores() == len(given)


@pytest.mark.parametrize(
    ("asked", "used"), [("1", 1), ("2", 2), ("2,1", 2), ("64", 4), ("0", 4), ("all", 4), ("", 4)]
)
def test_a_sweep_says_how_many_cores_its_jobs_use(asked, used, monkeypatch):
    monkeypatch.setattr("pipeline.exact.cores.available_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert usable_cores() == used
