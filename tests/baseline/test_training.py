"""Training: exact networks out, deterministic by seed, clear errors."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.baseline import NonFiniteLossError, train_baseline, training
from pipeline.baseline.attack import TrainingAttack
from pipeline.baseline.losses import LOSSES
from pipeline.baseline.mlp import Normalization, exact_network, initial_module
from pipeline.baseline.schedule import Schedule
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import save_network
from pipeline.verification.falsify import falsify
from pipeline.verification.verdicts import Verdict, are_correct

HALF = Fraction(1, 2)
SHORT = dict(
    width=16,
    depth=3,
    max_steps=20,
    batch_size=8,
    evaluate_every=10,
    attack_steps=2,
    evaluation_attack_steps=2,
    progress=False,
    device="cpu",
)


def clusters(n: int = 12, C: int = 3, scale: float = 1.0) -> SeparatedDataset:
    rng = np.random.default_rng(0)
    y = np.arange(n) % C + 1
    X = np.rint((rng.normal(size=(n, 4)) + 3 * np.eye(4)[y % 4]) * 64) * scale / 64
    return SeparatedDataset("clusters", as_dyadic(X), y)


def file_bytes(path, network) -> bytes:
    save_network(path, network)
    return path.read_bytes()


def test_an_easy_dataset_is_learned_and_training_stops_early():
    dataset = SeparatedDataset(
        "line", as_dyadic(np.array([[0.0], [1], [2], [3]])), np.array([1, 2, 1, 2])
    )
    result = train_baseline(
        dataset,
        HALF,
        width=32,
        depth=3,
        batch_size=4,
        max_steps=2000,
        learning_rate=1e-2,
        evaluate_every=25,
        patience=2,
        progress=False,
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
    assert set(result.curve[0]) == {"step", "loss", "clean_error", "pgd_error"}
    assert result.steps == 25 and not result.stopped_early


def test_width_depth_and_norm_are_those_asked_for():
    for depth, p, loss in ((1, 1, "plain"), (2, 2, "trades"), (4, inf, "pgd")):
        options = {**SHORT, "depth": depth, "max_steps": 2}
        network = train_baseline(clusters(), HALF, p, loss=loss, **options).network
        assert network.hidden_widths == (16,) * (depth - 1)
        assert (network.inputs, network.outputs) == (4, 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 40), st.sampled_from([2.0**-30, 1.0, 3.0, 2.0**40]))
def test_folding_the_normalization_is_exact(seed, C, scale):
    dataset = clusters(max(C, 4), C, scale)
    normalization = Normalization.of_dataset(dataset, 0.25 * scale)
    module = initial_module(4, 3, 3, seed)
    bare = training.exact_network(module, normalization)
    # The same in fractions, from the module's own weights.
    shift = [Fraction(2) ** int(s) for s in normalization.shift]
    centre = normalization.centre.fractions()
    rng = np.random.default_rng(seed)
    point = DyadicArray(rng.integers(-(2**40), 2**40, (1, 4)), dataset.X.exponent)
    a = [(x - c) * s for x, c, s in zip(point.fractions()[0], centre, shift, strict=True)]
    for number, part in enumerate(m for m in module if isinstance(m, torch.nn.Linear)):
        if number:
            a = [max(v, Fraction(0)) for v in a]
        weight, bias = part.weight.tolist(), part.bias.tolist()
        a = [
            sum(Fraction(w) * v for w, v in zip(row, a, strict=True)) + Fraction(b)
            for row, b in zip(weight, bias, strict=True)
        ]
    expected = a[0] * Fraction(2) ** normalization.unit + normalization.middle
    assert bare.evaluate_exact(point).fractions()[0, 0] == expected


def test_targets_and_tolerance_match_the_labels():
    for C in (2, 3, 10, 1000):
        dataset = clusters(max(C, 4), C)
        normalization = Normalization.of_dataset(dataset, 1.0)
        targets = normalization.targets(np.arange(1, C + 1))
        assert np.allclose(np.diff(targets), 2 * normalization.half_gap)
        assert np.abs(targets).max() <= 2


def test_training_network_reads_as_its_curve_says():
    result = train_baseline(clusters(), HALF, **SHORT)
    outputs = result.network.evaluate_exact(clusters().X)[:, 0]
    wrong = ~are_correct(outputs, clusters().y, "nearest")
    assert wrong.sum() == round(result.curve[-1]["clean_error"] * len(wrong))


@pytest.mark.parametrize("p", [1, 2, inf])
def test_attacked_points_stay_in_the_ball_and_hurt(p):
    module = initial_module(4, 8, 3, 0)
    points, targets = torch.randn(32, 4), torch.zeros(32)
    scale = torch.tensor([1.0, 2.0, 0.5, 1.0])
    attack = TrainingAttack(1.0, p, scale, 10, torch.Generator().manual_seed(0))
    attacked = attack(module, points, targets)
    delta = ((attacked - points) / scale).numpy()
    assert np.linalg.norm(delta, ord=np.inf if p == inf else p, axis=1).max() <= 1 + 1e-5
    with torch.no_grad():
        assert module(attacked).square().mean() > module(points).square().mean()


def test_losses_are_zero_within_a_quarter_of_a_gap():
    module = initial_module(1, 1, 1, 0)
    with torch.no_grad():
        module[0].weight.fill_(1.0)
    points, targets = torch.tensor([[0.24], [0.75]]), torch.tensor([0.0, 0.0])
    still = {
        name: loss(module, points, targets, 0.5, lambda m, x, t: x) for name, loss in LOSSES.items()
    }
    assert all(float(v.detach()) == pytest.approx(0.5) for v in still.values())


def test_a_diverging_loss_is_named_with_its_step():
    with pytest.raises(NonFiniteLossError, match="became (nan|inf) at step [1-9]"):
        train_baseline(clusters(), HALF, learning_rate=1e30, **SHORT)
    assert issubclass(NonFiniteLossError, FloatingPointError)


def test_time_budget_stops_training():
    result = train_baseline(clusters(), HALF, **{**SHORT, "max_seconds": 1e-6})
    assert result.steps == 1 and len(result.curve) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is present")
def test_missing_cuda_is_a_clear_error():
    with pytest.raises(ValueError, match="finds no CUDA device"):
        train_baseline(clusters(), HALF, **{**SHORT, "device": "cuda"})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"width": 0}, "width and depth >= 1, got 0"),
        ({"depth": 0}, "width and depth >= 1, got 16 and 0"),
        ({"loss": "mystery"}, "loss must be one of plain, pgd, trades"),
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


def test_learning_rate_rises_then_falls():
    schedule = Schedule(100, None, 1, 1.0, 1, 1, 1, 1)
    rates = [schedule.rate(step) for step in range(100)]
    assert max(rates) == rates[9] == 1.0 and rates[0] == 0.1 and rates[-1] < 1e-3
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_no_progress_bar_without_a_terminal(capsys):
    train_baseline(clusters(), HALF, **{**SHORT, "progress": True})
    assert capsys.readouterr().err == ""


def test_module_and_exact_network_agree_in_floats():
    dataset = clusters()
    normalization = Normalization.of_dataset(dataset, 0.5)
    module = initial_module(4, 8, 3, 1)
    exact = exact_network(module, normalization).evaluate_exact(dataset.X).nearest_float64()
    inputs = torch.as_tensor(normalization.inputs(dataset.X))
    with torch.no_grad():
        floats = module.double()(inputs).numpy() * 2.0**normalization.unit
    assert np.allclose(exact, floats + float(normalization.middle), rtol=1e-12)
