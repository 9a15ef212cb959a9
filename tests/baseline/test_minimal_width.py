"""The search for the smallest certified width: intervals that hold, prunes, resumes, says so."""

from __future__ import annotations

import logging
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.baseline import minimal_width as searched
from pipeline.baseline import trainer as trainers
from pipeline.baseline.attempts import CERTIFIED
from pipeline.baseline.minimal_width import MinimalWidth, WidthSearch, minimal_width
from pipeline.baseline.problem import Problem
from pipeline.baseline.schedule import Schedule
from pipeline.baseline.trainer import BatchMemoryError, Recipe
from pipeline.data import generate_dataset, load_dataset, save_dataset
from pipeline.exact import digest_of_file
from pipeline.network import load_network
from pipeline.verification.certify import checked
from pipeline.verification.necessary_width import necessary_first_width
from pipeline.verification.verify import verify

HALF = Fraction(1, 2)
RECIPE = Recipe("pgd", Schedule(max_steps=300, learning_rate=0.05, evaluate_every=50), "cpu")
SEARCH = WidthSearch(depth=3, seeds=4, max_width=8, grid=2)


def hard(rho=HALF) -> Problem:
    data, _ = generate_dataset("hard_width", N=5, d=4)
    return Problem(data, rho, 2, margin=0.3)


@pytest.mark.parametrize("decision", ["nearest", "exact"])
def test_the_width_found_on_hard_width_is_proved_and_never_below_proposition_3_2(
    tmp_path, decision
):
    rho = Fraction(3, 5)
    problem = hard(rho)
    # ceil(9/25 * 4) = 2: width 1 is impossible, for training and for everything else.
    impossible = necessary_first_width(problem.dataset, rho).width - 1
    assert impossible == 1
    found = minimal_width(
        problem, RECIPE, SEARCH, tmp_path, decision=decision, impossible=impossible, workers=1
    )
    assert found.succeeded is not None and found.succeeded >= 2
    assert found.impossible <= found.failed < found.succeeded
    assert min(attempt.width for attempt in found.attempts) == 2
    files = {name: found.folder / f"{name}.npz" for name in ("dataset", "network")}
    check = checked({**files, "certificate": found.folder / "proofs.npz"})
    assert check.verified and check.document["decision"] == decision
    assert load_network(files["network"]).first_hidden_width == found.succeeded
    assert found.best.parameter_count == found.network.parameter_count()


def test_no_training_below_the_bound_is_ever_certified(tmp_path):
    # Without pruning: width 1 is trained, and the verifier must refute or leave every network.
    found = minimal_width(
        hard(Fraction(9, 10)), RECIPE, WidthSearch(seeds=8, max_width=3), tmp_path, workers=1
    )
    # ceil(81/100 * 4) = 4.
    assert found.succeeded is None and found.failed == 3
    assert len(found.attempts) == 24


def test_a_certified_width_that_is_impossible_is_reported_as_a_wrong_proof():
    with pytest.raises(ValueError, match="one of the proofs is wrong"):
        MinimalWidth(2, 2, 2, None, None, None, ())
    with pytest.raises(ValueError, match="one of the proofs is wrong"):
        MinimalWidth(0, 2, 3, None, None, None, ())


class FakeSearch(searched._Search):
    """A search in which a fixed set of widths succeeds and nothing is trained."""

    def __init__(self, problem, search, folder, good):
        with trainers.Trainer(problem, RECIPE, 1) as trainer:
            journal = searched.Journal(folder)
            rule = searched.rule_of("nearest")
            super().__init__(problem, search, journal, rule, trainer, 0, 1, False)
        self.good, self.tried = good, []

    def _train(self, widths):
        self.tried += list(widths)

    def _succeeds(self, width):
        return width in self.good


@settings(max_examples=200, deadline=None)
@given(
    good=st.sets(st.integers(1, 24)),
    impossible=st.integers(0, 5),
    grid=st.integers(1, 4),
    least=st.integers(1, 12),
    top=st.integers(12, 24),
)
def test_whatever_succeeds_the_interval_says_what_was_tried(
    tmp_path_factory, good, impossible, grid, least, top
):
    good = {width for width in good if width > impossible}
    search = WidthSearch(seeds=1, min_width=least, max_width=top, grid=grid)
    fake = FakeSearch(hard(), search, tmp_path_factory.getbasetemp() / "fake", good)
    found = fake.run(impossible)
    assert min(fake.tried) > impossible and max(fake.tried) <= top
    assert len(set(fake.tried)) == len(fake.tried)
    if found.succeeded is None:
        assert not good & set(fake.tried) and found.failed == top
    else:
        assert found.succeeded in good and found.succeeded in fake.tried
        # The limits meet: nothing between the largest failure and the smallest success.
        assert found.failed == found.succeeded - 1
        assert found.failed not in good and (
            found.failed in fake.tried or found.failed == impossible
        )
        assert not any(w in good for w in fake.tried if w < found.succeeded)


def test_a_limit_of_rounds_leaves_a_wider_interval(tmp_path):
    search = WidthSearch(seeds=1, max_width=16, grid=1, rounds=1)
    found = FakeSearch(hard(), search, tmp_path, {11, 12, 13, 14, 15, 16}).run(0)
    assert (found.failed, found.succeeded) == (8, 16)
    assert found.words == "minimal width in (8, 16]"


def test_nothing_is_tried_where_every_width_is_impossible(tmp_path):
    found = minimal_width(hard(), RECIPE, SEARCH, tmp_path, impossible=9, workers=1)
    assert found.attempts == () and found.words == "no certified network up to width 9"


def test_an_interrupted_search_goes_on_and_finds_the_same(tmp_path, monkeypatch):
    whole = minimal_width(hard(), RECIPE, SEARCH, tmp_path / "whole", workers=1)
    trained = []
    real = trainers.train_stack

    def interrupted(problem, specs, *others, **options):
        trained.append(len(specs))
        if len(trained) == 2:
            raise KeyboardInterrupt
        return real(problem, specs, *others, **options)

    # One network a stack, so that the interruption falls between two.
    monkeypatch.setattr(trainers.NetworkSpec, "slots", lambda self, device: 1)
    monkeypatch.setattr(trainers, "train_stack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        minimal_width(hard(), RECIPE, SEARCH, tmp_path / "parts", workers=1)
    monkeypatch.undo()
    first = searched.Journal(tmp_path / "parts").attempts()
    assert len(first) == 1
    counted = []
    monkeypatch.setattr(
        trainers,
        "train_stack",
        lambda p, specs, *o, **k: (counted.extend(specs), real(p, specs, *o, **k))[1],
    )
    found = minimal_width(hard(), RECIPE, SEARCH, tmp_path / "parts", workers=1)
    assert (found.failed, found.succeeded) == (whole.failed, whole.succeeded)
    assert not {(spec.width, spec.seed) for spec in counted} & set(first)
    counted.clear()
    again = minimal_width(hard(), RECIPE, SEARCH, tmp_path / "parts", workers=1)
    assert not counted and again.words == found.words


def test_out_of_memory_is_said_and_what_was_done_is_kept(tmp_path, monkeypatch):
    real = trainers.train_stack

    def small(problem, specs, *others, **options):
        if specs[0].padded_width > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(problem, specs, *others, **options)

    monkeypatch.setattr(trainers, "train_stack", small)
    search = WidthSearch(seeds=2, max_width=16)
    with pytest.raises(BatchMemoryError, match="does not fit into the memory"):
        minimal_width(hard(), RECIPE, search, tmp_path, workers=1)
    kept = searched.Journal(tmp_path).attempts()
    assert sorted({width for width, _ in kept}) == [1, 2, 4, 8]


def test_diverging_networks_are_named_and_do_not_end_the_search(tmp_path, caplog):
    recipe = Recipe("pgd", Schedule(max_steps=20, learning_rate=1e30, evaluate_every=10), "cpu")
    with caplog.at_level(logging.WARNING):
        found = minimal_width(
            hard(), recipe, WidthSearch(seeds=1, max_width=2), tmp_path, workers=1
        )
    assert found.succeeded is None
    # A network whose neurons all died in the first step diverges no more: its output is constant.
    outcomes = {attempt.width: attempt.outcome for attempt in found.attempts}
    assert outcomes[2] == "diverged" and set(outcomes.values()) <= {"diverged", "not learned"}
    assert "a smaller learning_rate" in caplog.text and "width 2, seed 0" in caplog.text


def test_a_network_is_certified_only_if_the_verifier_says_so(tmp_path, monkeypatch):
    def doubtful(*at, **options):
        table = verify(*at, **options)
        table.loc[0, "verdict"] = "UNKNOWN"
        return table

    monkeypatch.setattr(searched, "verify", doubtful)
    found = minimal_width(
        hard(), RECIPE, WidthSearch(seeds=2, min_width=8, max_width=8), tmp_path, workers=1
    )
    assert found.succeeded is None
    assert CERTIFIED not in {attempt.outcome for attempt in found.attempts}


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 1},
        {"seeds": 0},
        {"max_width": 0},
        {"grid": 0},
        {"rounds": 0},
        {"min_width": 9, "max_width": 8},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError):
        WidthSearch(**options)


def test_the_files_of_the_best_network_are_about_the_dataset(tmp_path):
    problem = hard()
    found = minimal_width(
        problem, RECIPE, WidthSearch(min_width=8, max_width=8), tmp_path / "j", workers=1
    )
    save_dataset(tmp_path / "data.npz", problem.dataset)
    filed = found.folder / "dataset.npz"
    assert digest_of_file(filed) == digest_of_file(tmp_path / "data.npz")
    assert load_dataset(filed).N == 5
