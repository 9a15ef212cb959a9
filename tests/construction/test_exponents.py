"""Fitted exponents: the slope and its interval are right, and the theorem's exponents come out."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from pipeline.construction import exponents as module
from pipeline.construction.exponents import Sizes, exponents, fitted_slope
from pipeline.network import Plan


@given(
    slope=st.floats(-5, 5),
    factor=st.floats(1e-3, 1e6),
    x=st.lists(st.integers(1, 10**6), min_size=3, max_size=9, unique=True),
)
def test_a_power_law_gives_its_exponent_and_no_interval_to_speak_of(slope, factor, x):
    fit = fitted_slope(x, [factor * float(v) ** slope for v in x])
    assert fit.slope == pytest.approx(slope, abs=1e-6)
    assert fit.low <= fit.slope <= fit.high and fit.high - fit.low < 1e-4


def test_slope_and_interval_are_those_of_an_independent_regression():
    x, y = [1, 2, 4, 8, 16], [1.0, 1.5, 2.5, 3.0, 5.5]
    line = linregress(np.log(x), np.log(y))
    half = 3.182446305284263 * line.stderr  # 97.5 % quantile of t with 3 degrees of freedom
    fit = fitted_slope(x, y, 0.95)
    expected = (line.slope, line.slope - half, line.slope + half)
    assert (fit.slope, fit.low, fit.high) == pytest.approx(expected, rel=1e-12)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    x = np.array([1.0, 4, 16, 64, 256])
    fits = [fitted_slope(x, x**0.5 * np.exp(rng.normal(0, 0.1, 5)), 0.9) for _ in range(2000)]
    covered = np.mean([fit.low <= 0.5 <= fit.high for fit in fits])
    # The t-interval is exact for such errors; 0.03 is four deviations of 2000 draws.
    assert abs(covered - 0.9) < 0.03


def test_more_confidence_is_a_wider_interval():
    x, y = [1, 2, 4, 8], [1.0, 2.5, 3.5, 9.0]
    narrow, wide = fitted_slope(x, y, 0.5), fitted_slope(x, y, 0.99)
    assert narrow.slope == wide.slope
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("x", "y", "confidence", "message"),
    [
        ([1, 2], [1, 2], 0.95, "three points or more, got 2"),
        ([1, 2, 3], [1, 2], 0.95, "three points or more, got 3 and 2"),
        ([1, 2, 3], [1, 0, 2], 0.95, "logarithms need positive values"),
        ([2, 2, 2], [1, 3, 2], 0.95, "not all equal"),
        ([1, 2, 3], [1, 3, 2], 1.0, r"confidence must lie in \(0, 1\)"),
    ],
)
def test_a_fit_without_a_meaning_is_refused(x, y, confidence, message):
    with pytest.raises(ValueError, match=message):
        fitted_slope(x, y, confidence)


def test_theorem_4_2_iii_grows_with_rho_to_the_fourth_and_d_squared():
    in_rho, in_d = exponents(["thm_4_2_iii"])
    assert (in_rho.variable, in_rho.expected) == ("rho", 4)
    assert (in_d.variable, in_d.expected) == ("d", 2)
    for each in (in_rho, in_d):
        assert each.fit.slope == pytest.approx(each.expected, abs=0.1)
        assert each.fit.low <= each.fit.slope <= each.fit.high


def test_small_and_moderate_rho_grow_with_a_square_root():
    built, planned, in_rho = exponents(["thm_4_2_i", "thm_4_2_ii"], Sizes(built_N=(64, 256, 1024)))
    assert (built.variable, planned.variable, in_rho.variable) == ("N", "N_planned", "rho")
    # Lower-order terms of sqrt N + 1 keys a word: within the tenth at sizes that are built ...
    assert built.fit.slope == pytest.approx(0.5, abs=0.1)
    # ... and within a thousandth or two where they have died out.
    assert planned.fit.slope == pytest.approx(0.5, abs=0.002)
    assert in_rho.fit.slope == pytest.approx(0.5, abs=0.002)


def test_theorem_4_2_i_is_built_within_its_range(monkeypatch):
    def built(name, data, rho, *, seed):
        assert name == "thm_4_2_i" and 25 * data.N**2 * data.d * rho**2 <= 1
        resolved = {"memorizer_depth": 10 * int(data.N**0.5), "key_bits": 10}
        return SimpleNamespace(plan=Plan(data.d, (3,), resolved))

    monkeypatch.setattr(module, "build", built)
    each, _ = exponents(["thm_4_2_i"], Sizes(built_N=(16, 64, 256)))
    assert [x for x, _ in each.points] == [16, 64, 256]
    assert each.fit.slope == pytest.approx(0.5)


def test_theorem_4_2_ii_is_planned_within_its_range_at_one_scale(monkeypatch):
    def planned(name, N, d, C, rho, options):
        assert (name, options) == ("thm_4_2_ii", {"scale": 99})
        assert rho.numerator == 1 and 25 * d * rho**2 <= 1 < 25 * N**2 * d * rho**2
        return Plan(d, (int(10**6 * float(rho) ** 0.5),), {"key_bits": 20})

    monkeypatch.setattr(module, "plan", planned)
    (each,) = exponents(["thm_4_2_ii"], Sizes(scale=99))
    assert each.points[0][0] == float(Fraction(1, 10**5))
    assert each.fit.slope == pytest.approx(0.5, abs=0.01)


def test_a_plan_that_does_not_name_the_measured_size_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "plan", lambda *given: Plan(4, (3,), {"blocks": 1}))
    with pytest.raises(ValueError, match="must name its 'key_bits', got .'blocks'."):
        exponents(["thm_4_2_ii"])


def test_what_is_unknown_is_refused():
    assert exponents([]) == []
    with pytest.raises(ValueError, match="exponents are measured of .*, got 'parallel_balls'"):
        exponents(["parallel_balls"])
