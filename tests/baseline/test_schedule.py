"""Schedules: rates as announced, options in range."""

from __future__ import annotations

import pytest
import torch

from pipeline.baseline.schedule import DECAYS, OPTIMIZERS, Schedule


@pytest.mark.parametrize("decay", DECAYS)
def test_learning_rate_rises_then_falls(decay):
    schedule = Schedule(max_steps=100, learning_rate=1.0, decay=decay)
    rates = [schedule.rate(step) for step in range(100)]
    assert max(rates) == rates[9] == 1.0 and rates[0] == 0.1
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert min(rates) > 0
    last = {"cosine": 1e-3, "linear": 0.02, "constant": 1.0}
    assert rates[-1] <= last[decay]
    middle = {"cosine": 0.5, "linear": 0.5, "constant": 1.0}
    assert rates[55] == pytest.approx(middle[decay])  # a cosine in floats


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_descends_and_decays_weights(name):
    def after(**options: float) -> torch.Tensor:
        weight = torch.tensor([1.0, -2.0], requires_grad=True)
        optimizer = Schedule(optimizer=name, learning_rate=0.1, **options).new_optimizer([weight])
        (weight[0] * 3.0).backward()
        optimizer.step()
        return weight.detach()

    bare, decayed = after(), after(weight_decay=0.5)
    assert bare[0] < 1.0 and bare[1] == -2.0
    assert decayed[1] > -2.0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_steps": 0}, "max_steps must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"attack_steps": 0}, "attack_steps must be at least 1, got 0"),
        ({"evaluation_attack_steps": -1}, "evaluation_attack_steps must be at least 1, got -1"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0"),
        ({"learning_rate": float("inf")}, "learning_rate must be positive, got inf"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, got nan"),
        ({"weight_decay": -0.1}, "weight_decay must not be negative, got -0.1"),
        ({"weight_decay": float("nan")}, "weight_decay must not be negative, got nan"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, adamw, sgd, got 'lion'"),
        ({"decay": "steps"}, "decay must be one of cosine, linear, constant, got 'steps'"),
        ({"max_seconds": 0.0}, "max_seconds must be positive or none, got 0"),
        ({"max_seconds": float("inf")}, "max_seconds must be positive or none, got inf"),
    ],
)
def test_options_out_of_range_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**option)
