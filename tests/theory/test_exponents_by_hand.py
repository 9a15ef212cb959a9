"""Exponents against formulas written a second time, in every norm, for both counts, as rho -> 1."""

from math import inf

import numpy as np
import pytest

from pipeline import theory

# Multiples of 3/64 and their sixths add up exactly in floating point: equality is equality.
DELTA, S = np.meshgrid(np.arange(0, 48) * 3 / 64, np.arange(0, 64) / 32, indexing="ij")
NORMS = (1, 2, 3, 4, inf)


def shift(p):
    """Return log_N gamma_p(d) on the grid."""
    return DELTA * abs((0 if p == inf else 1 / p) - 0.5)


def top(*terms):
    return np.maximum.reduce(np.broadcast_arrays(*terms))


def by_hand(name, p):
    """Return the exponent on the grid; s' stands for s minus the norm's shift where one is used."""
    few, s, r = np.minimum(1, DELTA), S, S - shift(p)
    width = few + DELTA - 2 * (s if p >= 2 else s + shift(p))
    known = {
        "prior_lower": top(0.5, DELTA),
        "prior_lower_nonzero": 0.5 + 0 * s,
        "theorem_3_1_first": top(width, DELTA),
        "theorem_3_1_second": 0.5 + 0 * s,
        "theorem_3_1": top(width, DELTA, 0.5),
        "theorem_e_1": 0.5 + 0 * s,
        "yu_2024": top(1 + 2 * DELTA, DELTA),
        "yu_2024_nonzero": top(1 + DELTA, DELTA),
    }
    if name in known:
        return known[name]
    egosi, sparse = top(1, 1 + 3 * DELTA - 6 * r), top(1, 1 + 2 * DELTA - 4 * r)
    if name in ("prior_upper", "prior_upper_nonzero"):
        rate, cap = (egosi, 1 + 2 * DELTA) if name == "prior_upper" else (sparse, 1 + DELTA)
        if p == inf:
            return np.where(r < 0, inf, top(rate, DELTA))
        return top(np.where(r < 0, cap, np.minimum(rate, cap)), DELTA)
    tables = top(0, DELTA - 2 * r)
    scaled = {
        "egosi_2025": top(egosi, DELTA),
        "egosi_2025_nonzero": top(sparse, DELTA),
        "theorem_4_2": top(0.5, 1 + DELTA / 4 - r / 2, 1 + 2 * DELTA - 4 * r, DELTA),
        "theorem_e_2": top(0.5, 1 + DELTA / 4 - r / 2, 1 + DELTA - 2 * r, DELTA),
        "parallel_balls": top(1, 1 + DELTA - 2 * r, DELTA),
        "halving": np.where((r >= DELTA / 2) & (r > 0), top(0.5, DELTA), inf),
        "voting": np.where(r > 0, top(DELTA + tables, 0.5 + 2 * tables), inf),
    }
    return np.where(r < 0, inf, scaled[name])


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("name", list(theory.BOUNDS))
def test_every_exponent_is_the_one_by_hand_in_every_norm(name, p):
    bound = theory.BOUNDS[name]
    if p == inf and name.startswith("yu_2024"):
        with pytest.raises(ValueError, match=r"nothing is proved for p = inf \(Yu et al. 2024"):
            bound.exponent(1, 1, p)
        return
    found = bound.exponent(DELTA, S, p)
    if p == 3:
        # 1/3 is no float: equal up to rounding, infinite at the same places but on their edge.
        inside = np.abs(S - shift(p)) > 1e-12
        inside &= np.abs(S - shift(p) - DELTA / 2) > 1e-12
        np.testing.assert_allclose(found[inside], by_hand(name, p)[inside], atol=1e-12)
    else:
        assert np.array_equal(found, by_hand(name, p))


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("counting", theory.COUNTINGS)
def test_no_lower_bound_exceeds_an_upper_bound_of_the_same_count(counting, p):
    for low in theory.bounds_on("lower", counting):
        for high in theory.bounds_on("upper", counting):
            if high.norms(p):
                assert (low.exponent(DELTA, S, p) <= high.exponent(DELTA, S, p)).all(), high.name
                # A ratio that tends to 1, at every speed.
                near = high.exponent(DELTA, 0, p, t=S)
                assert (low.exponent(DELTA, 0, p, t=S) <= near).all(), (low.name, high.name)


# The end of each regime, with the exponent there on both sides: at 1/(5 N sqrt d), 1/(5 sqrt d) and
# 1/sqrt d, d^(-1/6), d^(-1/4), in units of the scaled ratio.
BOUNDARIES = [
    ("theorem_4_2", 0, lambda delta: 1 + delta / 2, lambda delta: 0.5 + 0 * delta),
    ("theorem_4_2", 1, lambda delta: delta / 2, lambda delta: 1 + 0 * delta),
    ("theorem_e_2", 0, lambda delta: 1 + delta / 2, lambda delta: 0.5 + 0 * delta),
    ("theorem_e_2", 1, lambda delta: delta / 2, lambda delta: 1 + 0 * delta),
    ("prior_upper", 0, lambda delta: delta / 2, lambda delta: 1 + 0 * delta),
    ("prior_upper", 1, lambda delta: delta / 6, lambda delta: 1 + 2 * delta),
    ("prior_upper_nonzero", 0, lambda delta: delta / 2, lambda delta: 1 + 0 * delta),
    ("prior_upper_nonzero", 1, lambda delta: delta / 4, lambda delta: 1 + delta),
    ("egosi_2025", 0, lambda delta: delta / 2, lambda delta: 1 + 0 * delta),
    ("parallel_balls", 0, lambda delta: delta / 2, lambda delta: 1 + 0 * delta),
]


@pytest.mark.parametrize("p", [1, 2, 4, inf])
@pytest.mark.parametrize(("name", "index", "end", "value"), BOUNDARIES)
def test_the_rates_of_two_regimes_meet_where_one_ends_and_the_other_begins(
    name, index, end, value, p
):
    delta = np.arange(1, 40) * 3 / 16
    s = end(delta) + delta * abs((0 if p == inf else 1 / p) - 0.5)
    bound = theory.BOUNDS[name]
    regimes = bound.regimes(p)
    if index + 1 == len(regimes):
        assert p == inf  # no third regime: Yu et al. state nothing for p = inf
        return
    at = {"N": 1.0, "d": delta, "input": -inf, "rho": -s, "p": 0.0}
    at |= {"gamma": s - end(delta), "log": 0.0, "gap": 0.0, "slack": 0.0}
    at = {key: np.asarray(each) for key, each in at.items()}
    left, right = (regimes[k].rate.exponent(at) + 0 * delta for k in (index, index + 1))
    assert np.array_equal(left, right) and np.array_equal(left, value(delta))
    assert np.array_equal(bound.exponent(delta, s, p, additive_d=False), value(delta))
    # The bound itself is continuous there: it moves as little as s does, times its slope.
    for step in (-(2.0**-20), 2.0**-20):
        beside = bound.exponent(delta, s + step, p, additive_d=False)
        assert (np.abs(beside - value(delta)) <= 6 * 2.0**-20).all()


@pytest.mark.parametrize("delta", [0.125, 0.25, 0.5, 0.75, 1.0, 1.5])
def test_the_prior_lower_bound_jumps_from_sqrt_n_to_sqrt_nd_while_d_is_at_most_sqrt_n(delta):
    prior, new = theory.prior_lower_bound, theory.theorem_3_1
    before, after = (float(prior.exponent(delta, 0, t=t)) for t in (delta, delta + 2.0**-40))
    assert before == max(0.5, delta)
    assert after == max((1 + delta) / 2, delta)
    if delta <= 0.5:
        assert (before, after) == (0.5, (1 + delta) / 2)
    # No jump is left once d alone, the input layer, exceeds sqrt(N d).
    assert (after > before) == (delta < 1)
    # The second term of Theorem 3.1 fills the step: exponent (1 + t)/2 up to t = delta.
    t = np.arange(0, 64) * delta / 32
    second = theory.second_term.exponent(delta, 0, t=t)
    assert np.array_equal(second, (1 + np.minimum(t, delta)) / 2)
    assert (np.diff(new.exponent(delta, 0, t=t)) <= delta / 64 + 1e-15).all()
    assert np.array_equal(theory.theorem_e_1.exponent(delta, 0, t=t), second)


def test_before_this_project_bounds_were_tight_exactly_here():
    gap = theory.gap_exponent(DELTA, S, new=False)
    many = S >= np.minimum(1 + DELTA / 2, 2 - 1.5 * DELTA)
    tight = np.where(DELTA >= 1, S >= (1 + DELTA) / 4, many)
    assert np.array_equal(gap == 0, tight)
    # The paper's claim, rho <= 1/(5 N sqrt d), is a part of it.
    assert tight[S >= 1 + DELTA / 2].all()


def test_nonzero_counts_are_tight_exactly_here():
    gap = theory.gap_exponent(DELTA, S, counting="nonzero")
    # The upper bounds keep d; the lower bound has no width term: tight only for d <= sqrt N, where
    # halving applies. Above 1/sqrt d every upper bound exceeds sqrt N.
    assert np.array_equal(gap == 0, (DELTA <= 0.5) & (S >= DELTA / 2) & (S > 0))
    old = theory.gap_exponent(DELTA, S, new=False, counting="nonzero")
    assert np.array_equal(old == 0, (DELTA <= 0.5) & (S >= 1 + DELTA / 2))


def test_exponents_in_l_p_are_the_euclidean_ones_of_the_scaled_ratio():
    for name in ("theorem_4_2", "theorem_e_2", "parallel_balls", "egosi_2025", "halving", "voting"):
        bound = theory.BOUNDS[name]
        for p in (1, 4, inf):
            scaled = bound.exponent(DELTA, S + shift(p), p)
            assert np.array_equal(scaled, bound.exponent(DELTA, S))


def test_p_infinity_needs_the_full_width_for_a_ratio_near_one():
    delta = np.arange(0, 33) / 16
    for t in (0.0, 0.25, 1.0):
        first = theory.first_term.exponent(delta, 0, inf, t=t)
        assert np.array_equal(first, np.maximum(np.minimum(1, delta) + delta, delta))
    prior = theory.prior_lower_bound
    assert float(prior.exponent(0.5, 0, inf)) == 0.5
    assert float(prior.exponent(0.5, 0, inf, t=0.25)) == 1.0  # d^2, Yu et al.
    assert float(prior.exponent(1.5, 0, inf, t=0.25)) == 1.5  # N < d: d alone


@pytest.mark.parametrize("name", list(theory.BOUNDS))
def test_a_ratio_that_is_small_and_tends_to_one_is_refused(name):
    with pytest.raises(ValueError, match=r"t > 0 needs s = 0"):
        theory.BOUNDS[name].exponent(1, 0.5, t=0.5)
    with pytest.raises(ValueError, match=r"t must be finite and >= 0"):
        theory.BOUNDS[name].exponent(1, 0, t=-1)
