"""Bounds on nonzero counts, in l_p, as values: by hand, ranges, order, regimes."""

from fractions import Fraction
from math import inf, isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import theory

sizes = st.integers(2, 10**12)
dimensions = st.integers(1, 10**6)
ratios = st.floats(1e-12, 1 - 1e-12)


def test_nonzero_bounds_have_the_values_of_their_formulas_by_hand():
    assert theory.theorem_e_2(100, 64, 0.5) == 100 * 64 * 0.25 + 64
    assert theory.theorem_e_2(100, 64, 0.5, additive_d=False) == 100 * 64 * 0.25
    assert theory.theorem_e_2(10**6, 16, 1e-9) == 1000 + 16
    assert theory.theorem_e_1(100, 4, 0.999) == 20
    assert theory.prior_lower_nonzero(100, 4, 0.5) == 10
    assert theory.prior_lower_nonzero(100, 4, 0.9) == 20
    assert theory.prior_upper_nonzero(100, 16, 0.5) == 100 * 16 + 16
    assert theory.prior_upper_nonzero(100, 16, 0.375, False) == 100 * 16**2 * 0.375**4
    assert theory.prior_upper_nonzero(100, 16, 0.1) == 100 + 16
    # Outside l_2: N d p^2 and N d^2 p^2.
    assert theory.yu_2024(100, 16, 0.99, p=3) == 100 * 256 * 9 + 16
    assert theory.yu_2024_nonzero(100, 16, 0.99, False, p=3) == 100 * 16 * 9


@given(N=sizes, d=dimensions, rho=ratios)
def test_of_two_counts_the_nonzero_one_is_bounded_by_less(N, d, rho):
    pairs = [
        (theory.theorem_e_2, theory.theorem_4_2),
        (theory.theorem_e_1, theory.theorem_3_1),
        (theory.prior_upper_nonzero, theory.prior_upper_bound),
        (theory.prior_lower_nonzero, theory.prior_lower_bound),
        (theory.egosi_2025_nonzero, theory.egosi_2025),
        (theory.yu_2024_nonzero, theory.yu_2024),
    ]
    for nonzero, everything in pairs:
        assert nonzero(N, d, rho) <= everything(N, d, rho) * (1 + 1e-12)


@given(N=sizes, d=dimensions, rho=ratios)
def test_lower_bounds_on_nonzero_counts_stay_below_upper_ones(N, d, rho):
    for low in theory.bounds_on("lower", "nonzero"):
        for high in theory.bounds_on("upper", "nonzero"):
            if high.proved(N, d, rho):
                assert low(N, d, rho) <= 3 * high(N, d, rho), (low.name, high.name)
    assert theory.theorem_e_2(N, d, rho) <= theory.prior_upper_nonzero(N, d, rho) * (1 + 1e-9)
    assert theory.theorem_e_1(N, d, rho) >= theory.prior_lower_nonzero(N, d, rho) * (1 - 1e-9)


@given(N=sizes, d=st.integers(2, 10**6), p=st.sampled_from([1, 2, 4, inf]))
def test_the_regimes_of_theorem_e2_are_within_their_constants_of_the_curve(N, d, p):
    gamma = float(theory.gamma_p(d, p))
    ends = [1 / (5 * N * sqrt(d)) / gamma, 1 / (5 * sqrt(d)) / gamma, 1 / gamma]
    for part, rho, least in (
        ("small", ends[0] / 2, 1),
        ("moderate", sqrt(ends[0] * ends[1]), 1 / sqrt(5)),
        ("large", ends[1] * 1.01, 1 / 25),
        ("large", ends[2] * 0.9, 1),
    ):
        assert str(theory.theorem_e_2.regime(N, d, rho, p)) == part
        ratio = theory.theorem_e_2.within(part, N, d, rho, p)
        ratio /= theory.theorem_e_2(N, d, rho, False, p)
        assert least * (1 - 1e-9) <= ratio <= 1 + 1e-9


def test_the_prior_upper_bounds_change_hands_at_the_sixth_and_the_fourth_root():
    N, d = 1000, 4096
    for bound, end in (
        (theory.prior_upper_bound, d ** (-1 / 6)),
        (theory.prior_upper_nonzero, d ** (-1 / 4)),
    ):
        rho = [0.9 / 64, 1.1 / 64, 0.99 * end, 1.01 * end]
        names = ["logarithmic width", "implicit", "implicit", "all coordinates"]
        assert list(bound.regime(N, d, rho)) == names
        # Where regimes end the rates meet.
        below, above = bound(N, d, np.array([end * (1 - 1e-9), end * (1 + 1e-9)]), False)
        assert isclose(below, above, rel_tol=1e-7)


def test_every_bound_names_a_regime_and_a_source():
    for bound in theory.BOUNDS.values():
        for p in (1, 2, 3, inf):
            if not bound.norms(p):
                continue
            names = {part.name for part in bound.regimes(p)}
            rho = np.array([1e-6, 1e-4])
            assert set(bound.regime(100, 16, rho, p)) <= names, bound.name
            assert all(part.item for part in bound.regimes(p))


def test_regimes_of_the_lower_bounds_by_hand():
    N, d = 10**4, 16
    term = theory.first_term
    assert list(term.regime(N, d, [0.2, 0.3])) == ["input layer", "width"]
    assert list(term.regime(N, d, [0.2, 0.3, 0.6], inf)) == ["input layer", "width", "full width"]
    jump = sqrt(15 / 16)
    assert list(theory.second_term.regime(N, d, [jump * 0.999, 0.99])) == ["growing", "saturated"]
    assert str(theory.prior_lower_bound.regime(N, d, 0.99)) == "VC dimension"
    assert str(theory.theorem_3_1.regime(N, d, 0.1)) == "VC dimension"
    assert str(theory.theorem_3_1.regime(N, 64, 0.9)) == "width"


def test_prior_bounds_in_the_maximum_norm():
    # d^2 for rho >= 4/5 and N > d (Yu et al. 2024), otherwise d.
    rho = [0.79, 0.8]
    assert list(theory.prior_lower_bound(100, 16, rho, p=inf)) == [10 + 16, 10 + 256]
    assert list(theory.prior_lower_bound(16, 16, rho, p=inf)) == [4 + 16, 4 + 16]
    assert theory.prior_upper_bound(100, 16, 0.2, False, p=inf) == pytest.approx(
        100 * 16**3 * 0.8**6, rel=1e-12
    )  # powers of floats
    with pytest.raises(ValueError, match=r"must lie in \(0, 1\) for p = inf"):
        theory.prior_upper_bound(100, 16, 0.25, p=inf)


def test_beyond_the_scaled_range_only_yu_et_al_are_left():
    # gamma_10(4) = 4^0.4 = 1.74: rho = 0.99 is scaled beyond 1, where Egosi et al. claim nothing.
    assert theory.prior_upper_bound(10, 4, 0.99, False, p=10) == 10 * 16 * 100
    assert not theory.egosi_2025.proved(10, 4, 0.99, 10)


@given(N=st.integers(2, 10**6), d=st.integers(1, 10**4), p=st.sampled_from([1, 2, 3, inf]))
def test_the_exact_least_width_is_the_ceiling_in_every_norm(N, d, p):
    for rho in (Fraction(1, 3), Fraction(1, 2), Fraction(51, 100), Fraction(9, 10)):
        exact = theory.proposition_3_2_least_width(N, d, rho, p)
        width = float(theory.proposition_3_2_width(N, d, rho, p))
        assert exact - 1 < width * (1 + 1e-12) and width <= exact * (1 + 1e-12)
    full = theory.proposition_3_2_least_width(N, d, Fraction(51, 100), inf)
    assert full == min(N - 1, d)


def test_halving_and_ours_with_and_without_the_input_layer():
    assert theory.halving(100, 16, 0.1, additive_d=False) == 10
    with pytest.raises(TypeError, match="additive_d"):
        theory.ours(100, 16, 0.1, additive_d=False)
