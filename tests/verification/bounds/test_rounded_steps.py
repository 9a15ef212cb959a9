"""Each float step against rationals, and that every check fails once its error term is dropped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch

import pipeline.verification.bounds.crown  # noqa: F401
from pipeline.verification.bounds import interval, relaxation, rounding
from pipeline.verification.bounds.rounding import Balls, RoundedNetwork, gamma
from tests.verification.adversarial_floats import CASES, points_on_line, power
from tests.verification.bounds.exact_substitution import exact_rows, is_lower_bound
from tests.verification.bounds.test_adversarial_floats import crown as crown_bounds
from tests.verification.bounds.test_adversarial_floats import proves
from tests.verification.bounds.test_exact_oracle import Region

NORMS = (1, 2, inf)
# The package exports a function of the module's name.
CROWN = sys.modules["pipeline.verification.bounds.crown"]
Check = Callable[[], int]


def regions() -> Iterator[Region]:
    """Yield the same random regions every time."""
    for seed in range(27):
        rng = np.random.default_rng(seed)
        widths = [int(v) for v in rng.integers(2, 7, size=1 + seed % 3)]
        scales = [(0, 0), (300, -300), (-9, 20)][seed // 3 % 3]
        yield Region(seed, (int(rng.integers(1, 5)), widths), scales, NORMS[seed % 3])


def above_exact_bounds() -> int:
    """Return how many bounds of claims exceed the same bounds in rationals."""
    return sum(
        not is_lower_bound(float(region.bound().lower[0, 0]), region.ball, *region.exact())
        for region in regions()
    )


def above_first_layer() -> int:
    """Return how many lower bounds of first pre-activations exceed z_0 - mu ||w||_q."""
    wrong = 0
    for region in regions():
        W, _ = exact_rows(region.network.layers[0])
        lower, upper = interval.first_interval(region.rounded, region.balls)
        for k, row in enumerate(W):
            z = region.ball.first[k]
            wrong += not is_lower_bound(float(lower[0, k]), region.ball, row, z)
            wrong += not is_lower_bound(-float(upper[0, k]), region.ball, row, -z)
    return wrong


def above_next_layer() -> int:
    """Return how many intervals of later layers are narrower than those in rationals."""
    wrong = 0
    for region in regions():
        for number, layer in enumerate(region.network.layers[1:], 1):
            before = region.known.layers[number - 1]
            lower, upper = interval.next_interval(region.rounded, number, before)
            low, high = (
                [Fraction(max(v, 0.0)) for v in bound[0].tolist()]
                for bound in (before.lower, before.upper)
            )
            for k, (row, bias) in enumerate(zip(*exact_rows(layer), strict=True)):
                pairs = list(zip(row, low, high, strict=True))
                least = bias + sum(w * (a if w > 0 else b) for w, a, b in pairs)
                most = bias + sum(w * (b if w > 0 else a) for w, a, b in pairs)
                wrong += Fraction(float(lower[0, k])) > least
                wrong += Fraction(float(upper[0, k])) < most
    return wrong


def lines_below_relu() -> int:
    """Return how many upper lines lie below relu at an end of their interval."""
    wrong = 0
    for region in regions():
        for layer in region.known.layers:
            ends = (*layer.upper_lines, layer.lower, layer.upper)
            for values in zip(*(v[0].tolist() for v in ends), strict=True):
                s, t, low, high = map(Fraction, values)
                wrong += s * low + t < max(low, 0) or s * high + t < max(high, 0)
    return wrong


def norms_too_small() -> int:
    """Return how many dual norms are below the exact ones, p = 2 and inf."""
    rng, wrong = np.random.default_rng(0), 0
    for scale in (0, -530, 400):
        rows = torch.from_numpy(np.ldexp(rng.normal(size=(40, 7)), scale))
        squares, sums = (rounding.dual_norm(rows, p).tolist() for p in (2, inf))
        for row, root, total in zip(rows.tolist(), squares, sums, strict=True):
            exact = [abs(Fraction(v)) for v in row]
            wrong += Fraction(root) ** 2 < sum(v * v for v in exact)
            wrong += Fraction(total) < sum(exact)
    return wrong


def wrong_balls_proved() -> int:
    """Return how many balls are proved on which a network is wrong."""
    return sum(proves(crown_bounds(case, p)) for case in CASES for p in NORMS)


CHECKS: list[Check] = [
    above_exact_bounds,
    above_first_layer,
    above_next_layer,
    lines_below_relu,
    norms_too_small,
    wrong_balls_proved,
]
# What is set to 0, and the check that then fails.
DROPPED: list[tuple[str, list[tuple[object, str]], Check]] = [
    ("errors", [(relaxation, "U"), (relaxation, "gamma")], above_exact_bounds),
    ("errors of claims", [(relaxation, "U"), (relaxation, "gamma")], wrong_balls_proved),
    ("rounding of targets", [(CROWN, "U")], wrong_balls_proved),
    ("slopes", [(relaxation, "U")], lines_below_relu),
    ("first layer", [(interval, "U"), (rounding, "gamma")], above_first_layer),
    ("intervals", [(interval, "U"), (interval, "gamma_of")], above_next_layer),
    ("norms", [(rounding, "gamma")], norms_too_small),
    ("underflow of norms", [(rounding, "NORM_ETA"), (rounding, "ETA")], norms_too_small),
    (
        "underflow",
        [(relaxation, "ETA"), (interval, "ETA"), (rounding, "ETA"), (rounding, "NORM_ETA")],
        wrong_balls_proved,
    ),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_step_is_rounded_to_the_safe_side(check: Check) -> None:
    assert check() == 0


@pytest.mark.parametrize(
    ("name", "terms", "check"), DROPPED, ids=lambda v: v if isinstance(v, str) else None
)
def test_without_an_error_term_a_check_fails(
    monkeypatch: pytest.MonkeyPatch, name: str, terms: list[tuple[object, str]], check: Check
) -> None:
    for module, term in terms:
        function = callable(getattr(module, term))
        monkeypatch.setattr(module, term, (lambda n: 0.0) if function else 0.0)
    assert check() > 0, f"nothing notices that {name} are not bounded"


def test_gamma_is_at_least_its_definition_and_refuses_longer_sums() -> None:
    for n in (1, 7, 1000, (1 << 22) - 1):
        u = Fraction(1, 2**53)
        assert Fraction(gamma(n)) >= n * u / (1 - n * u)
        # SLACK undoes the rounding of a sum of n terms and of a few operations more.
        assert Fraction(rounding.SLACK) * (1 - (n + 64) * u) >= 1
    with pytest.raises(ValueError, match="at most 2\\^22 terms"):
        gamma(1 << 22)


@pytest.mark.parametrize("exponent", [0, -300, -1060, 200])
@pytest.mark.parametrize("p", NORMS)
def test_a_radius_is_at_least_mu_and_no_subnormal_number(exponent: int, p: float) -> None:
    data = points_on_line(2, 0, 3 * power(exponent))
    rho = Fraction(1, 7)
    radius = Fraction(rounding.radius_above(data, rho, p))
    mu = rho * Fraction(3, 2) * power(exponent)
    assert max(mu, power(-1000)) <= radius <= max(mu * (1 + power(-51)), power(-1000))


def test_weights_that_are_no_floats_are_rounded_by_half_a_unit_and_tiny_ones_to_0() -> None:
    region = next(regions())
    for layer, weight in zip(region.network.layers, region.rounded.weights, strict=True):
        for row, floats in zip(exact_rows(layer)[0], weight.tolist(), strict=True):
            for exact, rounded in zip(row, floats, strict=True):
                assert abs(exact - Fraction(rounded)) <= abs(Fraction(rounded)) * power(-53)
                assert Fraction(rounded) != exact or not exact
    tiny = next(case for case in CASES if "2^-1060" in case.name and "weights" in case.name)
    assert not RoundedNetwork.of(tiny.network).weights[0].any()


def test_a_centre_far_away_loses_nothing() -> None:
    far = next(case for case in CASES if case.name == "centre 2^300")
    balls = Balls.of(far.network, far.dataset, far.rho, 2)
    assert balls.first[:, 0].tolist() == [0.0, 4 * 2.0**150]
