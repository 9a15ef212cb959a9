"""Claims about this project's bounds: values, ranges, order, and who is the least of them."""

from fractions import Fraction
from math import inf, log, nextafter, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import theory

sizes = st.integers(2, 10**12)
dimensions = st.integers(1, 10**6)
ratios = st.floats(1e-12, 1 - 1e-12)


def test_halving_is_sqrt_n_plus_d_up_to_one_over_sqrt_d_and_refused_above():
    assert theory.halving(10**6, 64, 1 / 8) == 1000 + 64
    assert theory.halving(10**6, 64, Fraction(1, 10**9)) == 1000 + 64
    with pytest.raises(ValueError, match=r"outside the range.*1/√d, got 0.126 \(halving\)"):
        theory.halving(10**6, 64, 0.126)
    with pytest.raises(ValueError, match="got 0.2 .halving"):
        theory.halving(10**6, 64, [0.1, 0.2])


@given(d=dimensions)
def test_one_over_sqrt_d_itself_is_in_the_range_of_halving(d):
    if d > 1:
        assert theory.halving(100, d, d**-0.5) == 10 + d


def test_voting_has_the_value_of_its_formula_by_hand_and_its_range():
    # 1 + rho^2 d = 2 up to the rounding of 0.01, in range while rho <= 1/log(N)^1.5 = 0.0195.
    assert theory.voting(10**6, 10**4, 0.01) == pytest.approx((10**4 + 1000 * 2) * 2, rel=1e-12)
    end = 1 / log(10**6) ** 1.5
    assert theory.voting(10**6, 4, nextafter(end, 0)) > 0
    with pytest.raises(ValueError, match=r"outside the range.*1/log\^1.5 N, got.*\(voting\)"):
        theory.voting(10**6, 4, end * 1.001)


@given(N=sizes, d=dimensions, rho=ratios)
def test_ours_is_the_least_of_the_rates_in_range_and_of_no_other(N, d, rho):
    known = {"parallel_balls": theory.parallel_balls(N, d, rho)}
    for name, bound in (("halving", theory.halving), ("voting", theory.voting)):
        try:
            known[name] = bound(N, d, rho)
        except ValueError:
            continue
    assert ("halving" in known) == (rho * sqrt(d) <= 1 + 1e-12)
    assert ("voting" in known) == (rho * np.log(float(N)) ** 1.5 <= 1)
    assert theory.ours(N, d, rho) == min(known.values())
    assert known[str(theory.cheapest_of_ours(N, d, rho))] == min(known.values())


@given(N=sizes, d=dimensions, rho=ratios)
def test_ours_is_below_every_exact_bound_known_before(N, d, rho):
    prior = theory.prior_upper_bound(N, d, rho)
    assert theory.ours(N, d, rho) <= prior * (1 + 1e-9)
    if rho >= d**-0.5:
        assert theory.ours(N, d, rho) <= theory.theorem_4_2(N, d, rho) * (1 + 1e-9)


@given(d=st.integers(4, 10**6), data=st.data())
def test_ours_meets_the_lower_bound_within_a_constant_where_the_picture_closes(d, data):
    # N <= d, every rho; and below 1/sqrt d for every N.
    few = data.draw(st.integers(2, d))
    rho = data.draw(st.floats(1e-9, 0.99))
    assert theory.ours(few, d, rho) <= 3 * theory.theorem_3_1(few, d, rho)
    many, small = data.draw(sizes), data.draw(st.floats(1e-12, 1)) / sqrt(d)
    assert theory.ours(many, d, small) <= 3 * theory.theorem_3_1(many, d, small)


def test_in_l_p_the_ratio_is_scaled_by_gamma_p():
    assert theory.halving(50, 16, 0.05, p=1) == theory.halving(50, 16, 0.2)
    assert theory.ours(50, 16, 0.1, p=inf) == theory.ours(50, 16, 0.4)
    with pytest.raises(ValueError, match="rho \\* gamma_p\\(d\\) must lie in"):
        theory.ours(50, 16, 0.25, p=1)


@pytest.mark.parametrize("bound", [theory.halving, theory.voting])
def test_arguments_that_are_no_sizes_or_no_ratio_are_refused_by_name(bound):
    with pytest.raises(ValueError, match=f"N must be an integer.*{bound.name}"):
        bound(1, 4, 0.1)
    with pytest.raises(ValueError, match=f"rho must.*{bound.name}"):
        bound(10, 4, 0)


def test_the_phase_table_keeps_d_and_has_both_sides_of_every_step_of_ours():
    N, d = 10**6, 10**4
    table = theory.phase_table(N, d, points=30)
    rho = table["rho"].to_numpy()
    assert table["additive_d"].all()
    assert np.array_equal(table["theorem_3_1"], theory.theorem_3_1(N, d, rho))
    # No lower than what it cannot be below, at most twice its own leading term.
    assert np.array_equal(table["ours"], np.maximum(theory.ours(N, d, rho), table["theorem_3_1"]))
    assert (table["ours"] <= 2 * theory.ours(N, d, rho)).all()
    assert list(dict.fromkeys(table["ours_by"])) == ["halving", "voting", "parallel_balls"]
    for end in (d**-0.5, log(N) ** -1.5):
        above = int(np.searchsorted(rho, end * (1 + 1e-9)))
        assert rho[above - 1] == pytest.approx(end, rel=1e-9)  # both sides of one float
        assert table["ours"].iloc[above] > table["ours"].iloc[above - 1] * 1.05 or end == d**-0.5
