"""Claims about the bounds: values, ranges, continuity, order, the jump of the prior bound."""

from fractions import Fraction
from math import ceil, inf, isclose, nextafter, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import theory

sizes = st.integers(2, 10**12)
dimensions = st.integers(1, 10**6)
ratios = st.floats(1e-12, 1 - 1e-12)

BOUNDS = [
    (theory.theorem_3_1, "Theorem 3.1"),
    (theory.first_term, "Theorem 3.1"),
    (theory.second_term, "Theorem 3.1"),
    (theory.proposition_3_2_width, "Proposition 3.2"),
    (theory.theorem_4_2, "Theorem 4.2"),
    (theory.theorem_4_2_i, "Theorem 4.2"),
    (theory.theorem_4_2_ii, "Theorem 4.2"),
    (theory.theorem_4_2_iii, "Theorem 4.2"),
    (theory.regime, "Theorem 4.2"),
    (theory.parallel_balls, "parallel balls"),
    (theory.ours, "parallel balls, halving and voting"),
    (theory.cheapest_of_ours, "parallel balls, halving and voting"),
    (theory.prior_lower_bound, "Li et al. 2022"),
    (theory.prior_upper_bound, "Egosi et al. 2025"),
]


def test_theorem_3_1_has_the_value_of_its_formula_by_hand():
    assert theory.first_term(1797, 64, 0.5) == (0.25 * 64 + 1) * 64
    assert theory.first_term(17, 64, 0.5) == (0.25 * 17 + 1) * 64
    assert theory.first_term(17, 64, 0.5, additive_d=False) == 0.25 * 17 * 64
    assert isclose(theory.second_term(48, 64, 0.5), sqrt(48 / 0.75), rel_tol=1e-14)
    assert theory.second_term(100, 4, 0.999) == sqrt(4) * 10
    assert isclose(theory.theorem_3_1(1797, 64, 0.5), 1088 + sqrt(1797 / 0.75), rel_tol=1e-14)


def test_proposition_3_2_counts_points_less_one():
    assert theory.proposition_3_2_width(33, 32, 0.5) == 8
    assert theory.proposition_3_2_width(9, 32, 0.5) == 2
    assert theory.proposition_3_2_width(9, 32, 0.75, p=inf) == 8
    assert theory.proposition_3_2_width(9, 32, 0.5, p=inf) == 2
    assert theory.proposition_3_2_width(9, 4, 0.5, p=1) == 0.25


@given(N=sizes, d=dimensions, rho=st.fractions(Fraction(1, 10**9), 1 - Fraction(1, 10**9)))
def test_least_width_is_the_ceiling_of_an_exact_product(N, d, rho):
    width = theory.proposition_3_2_least_width(N, d, rho)
    assert width == ceil(rho * rho * min(N - 1, d))
    assert width >= 1


@given(d=dimensions)
def test_gamma_p_is_one_for_p_2_and_sqrt_d_at_both_ends(d):
    assert theory.gamma_p(d, 2) == 1
    assert theory.gamma_p(d, 1) == theory.gamma_p(d, inf) == np.sqrt(float(d))


@given(N=sizes, d=dimensions)
def test_theorem_4_2_is_continuous_where_its_rates_cross(N, d):
    for crossing in (1 / (N * sqrt(d)), 1 / sqrt(d)):
        if crossing >= 1:
            continue
        at = theory.theorem_4_2(N, d, crossing, additive_d=False)
        expected = sqrt(N) if crossing < 1 / sqrt(d) else N
        assert isclose(at, expected, rel_tol=1e-9)


@given(N=sizes, d=st.integers(2, 10**6))
def test_each_part_of_theorem_4_2_is_within_its_omitted_constant_of_the_curve(N, d):
    ends = [1 / (5 * N * sqrt(d)), 1 / (5 * sqrt(d))]
    parts = [
        (theory.theorem_4_2_i, ends[0] / 2, 1),
        (theory.theorem_4_2_ii, sqrt(ends[0] * ends[1]), 1 / sqrt(5)),
        (theory.theorem_4_2_iii, ends[1] * 1.01, 1 / 5**4),
        (theory.theorem_4_2_iii, 0.9, 1),
    ]
    for part, rho, least in parts:
        ratio = part(N, d, rho) / theory.theorem_4_2(N, d, rho, additive_d=False)
        assert least * (1 - 1e-9) <= ratio <= 1 + 1e-9


def test_regimes_end_where_theorem_4_2_says():
    N, d = 100, 4
    small, moderate = 1 / (5 * N * 2.0), 1 / (5 * 2.0)
    rho = [small, nextafter(small, 1), moderate, nextafter(moderate, 1), 0.999]
    assert list(theory.regime(N, d, rho)) == ["small", "moderate", "moderate", "large", "large"]
    assert theory.regime(N, d, 0.15, p=inf) == "large"


def test_a_part_of_theorem_4_2_refuses_the_ratio_of_another_part():
    with pytest.raises(ValueError, match=r"small regime, got the large one \(Theorem 4.2\(i\)\)"):
        theory.theorem_4_2_i(100, 4, 0.5)
    with pytest.raises(ValueError, match=r"large regime, got the small one"):
        theory.theorem_4_2_iii(100, 4, [0.5, 1e-6])


@given(N=sizes, d=dimensions, rho=ratios)
def test_no_lower_bound_exceeds_an_upper_bound_by_more_than_a_constant(N, d, rho):
    for additive_d in (False, True):
        lower = [
            theory.theorem_3_1(N, d, rho, additive_d),
            theory.prior_lower_bound(N, d, rho, additive_d),
        ]
        upper = [
            theory.theorem_4_2(N, d, rho, additive_d),
            theory.prior_upper_bound(N, d, rho, additive_d),
            theory.parallel_balls(N, d, rho, additive_d),
        ]
        if additive_d:
            upper.append(theory.ours(N, d, rho))
        # Two summands below, a maximum above, 1/sqrt(1 - rho^2) <= sqrt 2 below rho = sqrt(1/2).
        assert max(lower) <= 3 * min(upper)


@given(N=sizes, d=dimensions, rho=ratios)
def test_the_paper_improves_on_every_prior_bound(N, d, rho):
    old, new = theory.prior_lower_bound(N, d, rho), theory.theorem_3_1(N, d, rho)
    # Above the jump 1 - rho^2 < 1/d, so the two terms agree up to rounding.
    assert new >= old * (1 - 1e-9)
    assert theory.theorem_4_2(N, d, rho) <= theory.prior_upper_bound(N, d, rho) * (1 + 1e-9)


@given(N=sizes, d=st.integers(2, 10**6))
def test_the_prior_lower_bound_jumps_by_sqrt_d_and_theorem_3_1_does_not(N, d):
    jump = float(np.sqrt(1 - 1 / d))
    beyond = nextafter(jump, 1)
    if beyond >= 1:
        return
    before, after = (theory.prior_lower_bound(N, d, r, False) for r in (jump, beyond))
    assert before == np.sqrt(float(N))
    assert isclose(after / before, sqrt(d), rel_tol=1e-12)
    near = theory.second_term(N, d, jump * (1 - 1e-12)), theory.second_term(N, d, beyond)
    assert isclose(*near, rel_tol=1e-5)


@given(N=sizes, d=dimensions)
def test_prior_upper_bound_is_continuous(N, d):
    for rho, value in ((d**-0.5, N), (d ** (-1 / 6), N * float(d) ** 2)):
        if rho < 1:
            assert isclose(theory.prior_upper_bound(N, d, rho, False), value, rel_tol=1e-9)


@given(N=sizes, d=dimensions, rho=st.tuples(ratios, ratios))
def test_every_bound_grows_with_rho(N, d, rho):
    low, high = sorted(rho)
    for bound in (
        theory.theorem_3_1,
        theory.theorem_4_2,
        theory.parallel_balls,
        theory.prior_lower_bound,
        theory.prior_upper_bound,
    ):
        assert bound(N, d, low) <= bound(N, d, high) * (1 + 1e-12)


@given(N=sizes, d=dimensions, rho=ratios)
def test_the_terms_add_up_and_the_additive_d_is_d(N, d, rho):
    whole = theory.theorem_3_1(N, d, rho)
    assert whole == theory.first_term(N, d, rho) + theory.second_term(N, d, rho)
    for bound in (theory.theorem_3_1, theory.theorem_4_2, theory.parallel_balls):
        with_d, without = bound(N, d, rho), bound(N, d, rho, additive_d=False)
        assert isclose(with_d, without + d, rel_tol=1e-12)


def test_arrays_broadcast_to_the_values_of_scalars():
    N, d, rho = np.array([10, 1000])[:, None, None], np.array([3, 64])[:, None], [0.01, 0.3, 0.9]
    for bound, _ in BOUNDS:
        if bound in (theory.theorem_4_2_i, theory.theorem_4_2_ii, theory.theorem_4_2_iii):
            continue
        table = bound(N, d, rho)
        assert table.shape == (2, 2, 3)
        for index in np.ndindex(2, 2, 3):
            scalar = bound(int(N[index[0], 0, 0]), int(d[index[1], 0]), rho[index[2]])
            assert table[index] == scalar


@pytest.mark.parametrize(("bound", "item"), BOUNDS)
@pytest.mark.parametrize("rho", [0, 1, -0.1, 1.25, float("nan"), "0.5", None, True, Fraction(5, 4)])
def test_a_ratio_outside_the_open_interval_is_refused_by_name(bound, item, rho):
    with pytest.raises(ValueError, match=f"rho must.*{item}"):
        bound(10, 4, rho)


@pytest.mark.parametrize(("bound", "item"), BOUNDS)
@pytest.mark.parametrize(
    ("N", "d", "name"), [(1, 4, "N"), (2.5, 4, "N"), (9, 0, "d"), (9, inf, "d")]
)
def test_sizes_that_are_no_sizes_are_refused_by_name(bound, item, N, d, name):
    with pytest.raises(ValueError, match=f"{name} must be an integer.*{item}"):
        bound(N, d, 0.5)


def test_a_fraction_next_to_one_is_not_refused_for_its_rounding():
    rho = 1 - Fraction(1, 10**30)
    assert theory.second_term(100, 9, rho) == 30
    assert theory.theorem_4_2(100, 9, rho, False) == pytest.approx(100 * 81)


def test_l_p_bounds_use_the_scaled_ratio_and_stop_where_it_reaches_one():
    N, d = 50, 16
    assert theory.theorem_4_2(N, d, 0.1, p=1) == theory.theorem_4_2(N, d, 0.4)
    assert theory.parallel_balls(N, d, 0.1, p=inf) == theory.parallel_balls(N, d, 0.4)
    assert theory.prior_upper_bound(N, d, 0.9, False, p=1) == N * d**2
    with pytest.raises(ValueError, match="rho \\* gamma_p\\(d\\) must lie in \\(0, 1\\)"):
        theory.theorem_4_2(N, d, 0.25, p=1)
    with pytest.raises(ValueError, match="p must be a positive integer or inf"):
        theory.theorem_3_1(N, d, 0.25, p=1.5)
    # sqrt N is all that is left of the second term in l_inf; in l_3 its exponent is 3.
    assert theory.second_term(49, d, 0.9, p=inf) == 7
    assert theory.second_term(49, d, 0.5, p=3) == pytest.approx(7 / sqrt(1 - 0.125))


def test_bounds_table_holds_the_bounds_and_both_sides_of_the_jump():
    table = theory.bounds_table(1797, 64, points=30)
    assert table["rho"].is_monotonic_increasing and table["rho"].is_unique
    rho = table["rho"].to_numpy()
    assert np.array_equal(table["theorem_3_1"], theory.theorem_3_1(1797, 64, rho, False))
    assert np.array_equal(table["theorem_4_2"], theory.theorem_4_2(1797, 64, rho, False))
    steps = table["prior_lower"].to_numpy()[1:] / table["prior_lower"].to_numpy()[:-1]
    assert sorted(np.unique(steps)) == [1.0, 8.0]
    with_d = theory.bounds_table(1797, 64, points=30, additive_d=True)
    assert np.allclose(with_d["theorem_3_1"] - table["theorem_3_1"], 64)


@pytest.mark.parametrize(("N", "d"), [(2, 1), (2, 10**6), (10**12, 1), (10**12, 4096)])
def test_bounds_table_accepts_extreme_sizes(N, d):
    table = theory.bounds_table(N, d, points=10)
    assert np.isfinite(table.drop(columns=["additive_d"]).to_numpy(dtype=float)).all()
    assert table["rho"].between(0, 1, inclusive="neither").all()


def test_bounds_table_refuses_an_empty_grid():
    with pytest.raises(ValueError, match="points must be at least 2"):
        theory.bounds_table(10, 4, points=1)
    with pytest.raises(ValueError, match="rho_min must lie in"):
        theory.bounds_table(10, 4, rho_min=1.5)
