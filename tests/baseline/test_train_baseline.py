"""One call, one network: exact, deterministic by seed, the best restart, clear errors."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.baseline import NonFiniteLossError, train_baseline
from pipeline.baseline.stack import NetworkSpec
from pipeline.baseline.train_baseline import restart_seeds
from pipeline.exact import as_dyadic
from pipeline.network import ReLUNetwork, save_network
from pipeline.verification.falsify import falsify
from pipeline.verification.verdicts import Verdict, are_correct
from tests.baseline.cases import HALF, SHORT, bits, clusters, line

EASY = dict(width=32, depth=3, batch_size=4, learning_rate=1e-2, progress=False, device="cpu")


def file_bytes(path: Path, network: ReLUNetwork) -> bytes:
    save_network(path, network)
    return path.read_bytes()


def test_an_easy_dataset_is_learned_and_training_stops_early():
    dataset = line()
    result = train_baseline(
        dataset, HALF, **EASY, max_steps=2000, evaluate_every=25, patience=2, certified_balls=0
    )
    assert result.stopped_early and result.steps < 2000
    assert result.curve[-1]["clean_error"] == result.curve[-1]["pgd_error"] == 0
    outputs = result.network.evaluate_exact(dataset.X)[:, 0]
    assert are_correct(outputs, dataset.y, "nearest").all()
    verdicts, sampled = falsify(result.network, dataset, HALF, samples=50)
    assert {v.verdict for v in verdicts} <= {Verdict.UNKNOWN, Verdict.FALSIFIED}
    assert sampled.errors.sum() == 0


def test_same_seed_same_bytes_whatever_threads_torch_had_before(tmp_path):
    before = torch.get_num_threads()
    files = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            torch.manual_seed(threads)
            result = train_baseline(clusters(), HALF, seed=3, **SHORT)
            assert torch.get_num_threads() == threads
            files.append(file_bytes(tmp_path / f"{threads}.npz", result.network))
    finally:
        torch.set_num_threads(before)
    assert files[0] == files[1]
    other = train_baseline(clusters(), HALF, seed=4, **SHORT)
    assert file_bytes(tmp_path / "other.npz", other.network) != files[0]
    assert not torch.are_deterministic_algorithms_enabled()


def test_curve_has_a_row_an_evaluation():
    result = train_baseline(clusters(), HALF, **{**SHORT, "max_steps": 25})
    assert [row["step"] for row in result.curve] == [10, 20, 25]
    assert set(result.curve[0]) == {"step", "loss", "clean_error", "pgd_error", "certified"}
    assert result.steps == 25 and not result.stopped_early and result.seconds > 0


@pytest.mark.parametrize(
    ("depth", "p", "loss"),
    [(1, 1, "standard"), (2, 2, "trades"), (4, inf, "pgd"), (3, 1, "interval"), (2, inf, "linear")],
)
def test_width_depth_and_norm_are_those_asked_for(depth, p, loss):
    options = {**SHORT, "depth": depth, "max_steps": 2}
    network = train_baseline(clusters(), HALF, p, loss=loss, **options).network
    assert network.hidden_widths == (16,) * (depth - 1)
    assert (network.inputs, network.outputs) == (4, 1)
    assert network.parameter_count() == NetworkSpec(16, depth, 0).parameter_count(4)


def test_training_network_reads_as_its_curve_says():
    result = train_baseline(clusters(), HALF, **SHORT)
    outputs = result.network.evaluate_exact(clusters().X)[:, 0]
    wrong = ~are_correct(outputs, clusters().y, "nearest")
    assert wrong.sum() == round(result.curve[-1]["clean_error"] * len(wrong))


def test_the_best_restart_is_returned():
    result = train_baseline(clusters(), HALF, restarts=4, seed=1, **SHORT)
    seeds = restart_seeds(1, 4)
    alone = [train_baseline(clusters(), HALF, seed=seed, **SHORT) for seed in seeds]
    keys = ("pgd_error", "clean_error", "certified", "loss")
    ranks = [[each.curve[-1][key] * (-1 if key == "certified" else 1) for key in keys]
             for each in alone]  # fmt: skip
    best = alone[ranks.index(min(ranks))]
    assert result.curve == best.curve and bits(result.network) == bits(best.network)
    assert len({tuple(rank) for rank in ranks}) == 4
    chosen = {other.spec.seed for other in result.others}
    assert len(chosen) == 3 and chosen < set(seeds)
    assert ranks.index(min(ranks)) != 0, "a seed where the first restart is not the best one"


def test_restarts_begin_with_the_seed_itself_and_more_of_them_only_add():
    assert restart_seeds(5, 1) == [5]
    assert restart_seeds(5, 4)[:3] == restart_seeds(5, 3)
    assert len(set(restart_seeds(5, 50))) == 50
    assert not set(restart_seeds(5, 9)[1:]) & set(restart_seeds(6, 9)[1:])


def test_exact_networks_equal_the_label_and_cost_the_staircase():
    dataset = line()
    options = {**EASY, "max_steps": 600, "evaluate_every": 20}
    exact = train_baseline(dataset, HALF, decision="exact", **options)
    assert exact.stopped == "certified"
    labels = as_dyadic(dataset.y[:, None].astype(float))
    assert exact.network.evaluate_exact(dataset.X) == labels
    # Proved nearer than the tolerance on whole balls, so equal on their boundary as well.
    for offset in (-0.25, 0.25):
        moved = as_dyadic(dataset.X.nearest_float64() + offset)
        assert exact.network.evaluate_exact(moved) == labels
    bare = NetworkSpec(32, 3, 0).parameter_count(1)
    assert exact.network.parameter_count() == bare + 6 * (dataset.C - 1) + 1
    near = train_baseline(dataset, HALF, **options)
    assert near.network.parameter_count() == bare
    assert near.network.evaluate_exact(dataset.X) != labels


def test_exact_networks_that_were_not_learned_still_have_labels_for_most_outputs():
    data = clusters(24, 3)
    result = train_baseline(data, HALF, decision="exact", **{**SHORT, "max_steps": 60})
    outputs = result.network.evaluate_exact(data.X).nearest_float64()[:, 0]
    right = 1 - result.curve[-1]["clean_error"]
    assert np.mean(outputs == data.y) >= right > 0


def test_a_diverging_loss_is_named_with_its_step():
    with pytest.raises(NonFiniteLossError, match="became (nan|inf|infinite or NaN) at step [1-9]"):
        train_baseline(clusters(), HALF, learning_rate=1e30, restarts=2, **SHORT)
    assert issubclass(NonFiniteLossError, FloatingPointError)


def test_time_budget_stops_training():
    result = train_baseline(clusters(), HALF, **{**SHORT, "max_seconds": 1e-6})
    assert result.steps == 1 and len(result.curve) == 1 and not result.stopped_early


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")
def test_missing_cuda_is_a_clear_error():
    with pytest.raises(ValueError, match="finds no CUDA device"):
        train_baseline(clusters(), HALF, **{**SHORT, "device": "cuda"})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"width": 0}, "width and depth >= 1, got 0"),
        ({"depth": 0}, "width and depth >= 1, got 16 and 0"),
        ({"loss": "mystery"}, "loss must be one of standard, pgd, trades, interval, linear"),
        ({"decision": "sign"}, "decision must be nearest or exact, got 'sign'"),
        ({"restarts": 0}, "restarts must be at least 1, got 0"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, adamw, sgd"),
        ({"decay": "steps"}, "decay must be one of cosine, linear, constant"),
        ({"weight_decay": -1.0}, "weight_decay must not be negative"),
        ({"device": "tpu"}, "device must be auto, cpu or cuda"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"max_seconds": -1.0}, "max_seconds must be positive"),
        ({"p": 3}, "needs p = 1, 2 or inf, got 3"),
        ({"rho": Fraction(5, 4)}, "Definition 2.2"),
    ],
)
def test_bad_options_are_named(option, message):
    with pytest.raises(ValueError, match=message):
        train_baseline(**{"dataset": clusters(), "rho": HALF, **SHORT, **option})


def test_every_option_of_the_schedule_reaches_it():
    plain = bits(train_baseline(clusters(), HALF, **SHORT).network)
    changes = {
        "max_steps": 10,
        "batch_size": 4,
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "decay": "linear",
        "attack_steps": 1,
        "loss": "trades",
    }
    for name, value in changes.items():
        found = train_baseline(clusters(), HALF, **{**SHORT, name: value})
        assert bits(found.network) != plain, name
    decayed = {**SHORT, "optimizer": "adamw"}
    with_decay, without = (
        train_baseline(clusters(), HALF, weight_decay=decay, **decayed).network
        for decay in (0.1, 0.0)
    )
    assert bits(with_decay) != bits(without)


def test_no_progress_bar_without_a_terminal(capsys):
    train_baseline(clusters(), HALF, **{**SHORT, "progress": True})
    assert capsys.readouterr().err == ""
