"""A dataset that several runs log at once is logged by all of them."""

import pytest
from mlflow.exceptions import MlflowException

from pipeline.tracking.dataset_input import dataset_input, log_dataset

TAKEN = "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id"


class Store:
    """A client that refuses so often."""

    def __init__(self, refusals: list[str]) -> None:
        self.refusals, self.logged = refusals, []

    def log_inputs(self, run_id, datasets):
        if self.refusals:
            raise MlflowException(self.refusals.pop())
        self.logged.append((run_id, datasets))


@pytest.fixture
def entry(monkeypatch):
    monkeypatch.setattr("pipeline.tracking.dataset_input.time.sleep", lambda seconds: None)
    return dataset_input("digits", "ab" * 32, "here", {"N": 3}, "memorization")


def test_the_row_that_another_run_has_just_made_is_found_at_the_next_attempt(entry):
    store = Store([TAKEN, TAKEN])
    log_dataset(store, "run", entry)
    assert store.logged == [("run", [entry])]


@pytest.mark.parametrize("refusals", [["disk full"], [TAKEN] * 9])
def test_another_refusal_is_an_error_at_once_and_this_one_in_the_end(entry, refusals):
    store, given = Store(list(refusals)), len(refusals)
    with pytest.raises(MlflowException):
        log_dataset(store, "run", entry)
    assert store.logged == [] and given - len(store.refusals) == (1 if given == 1 else 5)
