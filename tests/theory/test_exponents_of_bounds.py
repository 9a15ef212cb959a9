"""Exponents of the bounds: values at the edges of regimes, order on a grid, where they are tight"""

from fractions import Fraction
from math import log

import numpy as np
import pytest

from pipeline import theory
from pipeline.theory import exponents_of_bounds as module

# Multiples of 1/32 add up exactly in floating point: equality is equality.
DELTA, S = np.meshgrid(np.arange(0, 81) / 32, np.arange(0, 81) / 32, indexing="ij")
UPPER = ("prior_upper", "theorem_4_2", "parallel_balls", "halving", "voting", "ours", "new_upper")
LOWER = ("prior_lower", "theorem_3_1")


def at(name, delta, s):
    return float(theory.EXPONENTS[name](delta, s))


@pytest.mark.parametrize(
    ("name", "delta", "s", "value"),
    [
        ("theorem_3_1", 1, 0, 2),  # N = d, constant rho: d^2
        ("theorem_3_1", 1, 0.5, 1),  # rho = 1/sqrt d: d
        ("theorem_3_1", 0.25, 0.125, 0.5),
        ("theorem_3_1", 2, 0, 3),  # N < d: N d
        ("prior_lower", 0.25, 0, 0.5),
        ("prior_lower", 0.75, 0, 0.75),
        ("prior_upper", 1, 0.5, 1),
        ("prior_upper", 1, 1 / 6, 3),  # d^(-1/6)
        ("prior_upper", 1, 0, 3),
        ("theorem_4_2", 1, 1.5, 1),  # 1/(N sqrt d), d of the input layer
        ("theorem_4_2", 0.25, 1.125, 0.5),
        ("theorem_4_2", 0.25, 0.125, 1),  # 1/sqrt d
        ("theorem_4_2", 0.25, 0, 1.5),
        ("parallel_balls", 0.25, 0.125, 1),
        ("parallel_balls", 0.25, 0, 1.25),
        ("parallel_balls", 1.5, 2, 1.5),
        ("halving", 0.25, 0.125, 0.5),
        ("halving", 0.75, 0.375, 0.75),
        ("halving", 0.75, 0.25, np.inf),
        ("halving", 0, 0, np.inf),
        ("voting", 0.75, 0.25, 1),  # N^(1/4) of 1 + rho^2 d: d T = sqrt N T^2
        ("voting", 0.5, 0.25, 0.5),
        ("voting", 0.75, 0, np.inf),
        ("ours", 0.75, 0.125, 1.5),
        ("ours", 0.75, 0, 1.75),
        ("old_upper", 0.25, 0, 1.5),
    ],
)
def test_exponents_at_the_edges_of_regimes_by_hand(name, delta, s, value):
    assert at(name, delta, s) == pytest.approx(value, abs=1e-12)  # 1/6 is no float


def test_no_lower_bound_exceeds_an_upper_bound_anywhere_on_a_dense_grid():
    for low in LOWER:
        for high in UPPER:
            assert (theory.EXPONENTS[low](DELTA, S) <= theory.EXPONENTS[high](DELTA, S)).all()
    assert (theory.gap_exponent(DELTA, S) >= 0).all()
    assert (theory.gap_exponent(DELTA, S) <= theory.gap_exponent(DELTA, S, new=False)).all()


def test_ours_is_never_worse_than_what_was_known_before():
    assert (theory.EXPONENTS["ours"](DELTA, S) <= theory.EXPONENTS["old_upper"](DELTA, S)).all()


def test_nothing_is_open_for_n_up_to_d_below_one_over_sqrt_d_and_below_n_to_minus_one_quarter():
    small = (S >= DELTA / 2) & (S > 0)
    closed = (DELTA >= 1) | small | (S >= 0.25)
    gap = theory.gap_exponent(DELTA, S)
    assert (gap[closed] == 0).all()
    assert (gap[~closed] > 0).all()
    # What each construction closes by itself.
    lower = theory.EXPONENTS["theorem_3_1"](DELTA, S)
    assert (theory.EXPONENTS["parallel_balls"](DELTA, S) == lower)[DELTA >= 1].all()
    assert (theory.EXPONENTS["halving"](DELTA, S) == lower)[small].all()


def test_what_stays_open_has_the_size_that_the_page_states():
    open_ = (DELTA < 1) & (S < DELTA / 2) & (S < 0.25) & (S > 0)
    lower = np.maximum(2 * DELTA - 2 * S, 0.5)
    upper = np.minimum(1 + DELTA - 2 * S, 0.5 + 2 * DELTA - 4 * S)
    assert (theory.gap_exponent(DELTA, S)[open_] == (upper - lower)[open_]).all()
    assert theory.gap_exponent(DELTA, S)[S > 0].max() < 0.5
    assert theory.gap_exponent(0.25, 2**-40) == pytest.approx(0.5, abs=1e-9)  # the limit s -> 0
    assert theory.gap_exponent(DELTA, S).max() == theory.gap_exponent(0.25, 0) == 0.75
    constant = DELTA[:, 0] < 1
    expected = 1 + DELTA[:, 0] - np.maximum(2 * DELTA[:, 0], 0.5)
    assert (theory.gap_exponent(DELTA[:, 0], 0)[constant] == expected[constant]).all()


@pytest.mark.parametrize("delta", [0.25, 0.5, 1, 1.5])
@pytest.mark.parametrize("s", [0, 0.125, 0.25, 0.5, 1, 2])
def test_exponents_are_those_of_the_bounds_at_sizes_where_constants_vanish(delta, s):
    n = 10**50
    N, d = float(n), float(round(n**delta))
    rho = Fraction(1, 2) if s == 0 else float(n) ** -s
    bounds = {
        "theorem_3_1": theory.theorem_3_1,
        "prior_upper": theory.prior_upper_bound,
        "theorem_4_2": theory.theorem_4_2,
        "parallel_balls": theory.parallel_balls,
        "halving": theory.halving,
        "voting": theory.voting,
        "ours": theory.ours,
    }
    for name, bound in bounds.items():
        expected = at(name, delta, s)
        if np.isinf(expected):
            with pytest.raises(ValueError, match=name):
                bound(N, d, rho)
        else:
            # Sums of few terms and rho = 1/2: a factor of 100 at most, of 10^50.
            assert log(bound(N, d, rho)) / log(N) == pytest.approx(expected, abs=2 / 50), name


def test_every_exponent_falls_with_s_and_grows_with_delta():
    for name in (*LOWER, *UPPER):
        values = theory.EXPONENTS[name](DELTA, S)
        if name not in ("halving", "voting", "ours", "new_upper"):
            assert (values[:, 1:] <= values[:, :-1]).all()
        finite = np.isfinite(values[1:]) & np.isfinite(values[:-1])
        assert (values[1:][finite] >= values[:-1][finite]).all()


@pytest.mark.parametrize("name", list(theory.EXPONENTS))
def test_what_is_no_exponent_is_refused(name):
    for delta, s in ((-0.1, 0.5), (0.5, -0.1), (np.inf, 1), (1, [0.5, float("nan")])):
        with pytest.raises(ValueError, match=r"must be finite and >= 0"):
            theory.EXPONENTS[name](delta, s)


def test_scalars_and_arrays_agree():
    for bound in module.EXPONENTS.values():
        table = bound(DELTA[:5], S[:5])
        assert table.shape == (5, 81)
        assert bound(DELTA[3, 7], S[3, 7]) == table[3, 7]


def test_the_table_of_exponents_is_a_grid_of_every_bound_and_both_gaps():
    table = theory.exponents_table(points=9)
    assert len(table) == 81 and (table["s"] > 0).all()
    for name, bound in theory.EXPONENTS.items():
        assert np.array_equal(table[name], bound(table["delta"], table["s"]))
    assert (table["new_gap"] == table["new_upper"] - table["theorem_3_1"]).all()
    assert (table["old_gap"] == table["old_upper"] - table["theorem_3_1"]).all()
    with pytest.raises(ValueError, match="a grid was required"):
        theory.exponents_table(points=1)
