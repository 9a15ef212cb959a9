"""Constants of the lemmas: against closed forms, arbitrary precision and the lemmas' own claims."""

from fractions import Fraction
from math import ceil, log, log2, pi, prod

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from pipeline import theory


@pytest.mark.parametrize("d", range(1, 14))
def test_volume_ratio_is_that_of_unit_balls_and_never_below(d: int) -> None:
    # V_(d-1) / V_d = d!! / (d-1)!! / 2 for odd d, and d!! / (d-1)!! / pi for even d.
    ratio = Fraction(prod(range(d, 0, -2)), prod(range(d - 1, 0, -2)))
    found = theory.volume_ratio_above(d)
    if d % 2:
        assert found == ratio / 2
    else:
        # pi = 3.141592653589793238...: between these two.
        assert ratio / Fraction(3141592653589794, 10**15) < found
        assert ratio / Fraction(3141592653589793, 10**15) <= found
    # By the Gamma function, in floats.
    exact = np.exp(gammaln(d / 2 + 1) - gammaln((d + 1) / 2)) / np.sqrt(pi)
    assert float(found) == pytest.approx(exact, rel=1e-12)


@given(d=st.integers(1, 60), h=st.fractions(0, 1))
def test_a_band_of_relative_width_h_takes_at_most_the_share_of_lemma_b11(d, h):
    # The band through the centre is the worst: 2 h V_(d-1)/V_d bounds it, and nothing exceeds 1.
    share = theory.lemma_b_11_share(d, h)
    assert share == min(1, 2 * h * theory.volume_ratio_above(d))
    # P[|u_1| <= h] for u uniform in the unit ball, by the incomplete beta function's integral.
    grid = np.linspace(-float(h), float(h), 4001)
    density = (1 - grid**2).clip(0) ** ((d - 1) / 2) * float(theory.volume_ratio_above(d))
    assert np.trapezoid(density, grid) <= float(share) + 1e-9


@given(points=st.lists(st.fractions(0, 50), min_size=1, max_size=12))
def test_some_translation_leaves_the_clearance_of_lemma_b15(points):
    below, above = theory.lemma_b_15_clearance(len(points))
    unit = 1 << theory.lemma_b_15_bits(len(points))
    clear = [
        b
        for b in range(unit)
        if all(
            below <= (x - Fraction(b, unit)) % 1 and (x - Fraction(b, unit)) % 1 <= 1 - above
            for x in points
        )
    ]
    assert clear, points


def test_fractional_bits_are_the_ceiling_of_a_logarithm():
    for N in range(1, 2000):
        assert theory.lemma_b_15_bits(N) == ceil(log2(6 * N))  # 6 N is no power of two


def _ceiling(factor: int, size: int) -> int:
    """Return ceil(factor ln size) by ball arithmetic."""
    with flint.ctx.workprec(400):
        return int((flint.arb(size).log() * factor).ceil().unique_fmpz())


@given(N=st.integers(2, 10**15), d=st.integers(2, 10**15))
def test_dimension_is_that_of_lemma_b20(N, d):
    m = min(d, max(_ceiling(864, N), _ceiling(10, d)))
    assert theory.lemma_b_20_dimension(N, d) == m


def test_dimension_at_sizes_by_hand():
    for N, d in ((10, 5), (1000, 8), (10, 5000), (100, 10**6), (3, 10**9)):
        m = min(d, max(ceil(864 * log(N)), ceil(10 * log(d))))
        assert theory.lemma_b_20_dimension(N, d) == m
    assert theory.lemma_b_20_dimension(10, 5000) == 1990


@given(m=st.integers(1, 10**6), more=st.integers(0, 10**6))
def test_separation_is_five_twelfths_of_the_root_of_m_over_d(m, more):
    squared = theory.lemma_b_20_separation_squared(m, m + more)
    assert squared == Fraction(5, 12) ** 2 * Fraction(m, m + more)
    # (1 - alpha) beta at alpha = 1/6, beta = 1/2 sqrt(m/d).
    assert squared == (1 - Fraction(1, 6)) ** 2 * Fraction(1, 4) * Fraction(m, m + more)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.volume_ratio_above(0), r"d must be an integer >= 1, got 0 \(Lemma B.11\)"),
        (lambda: theory.lemma_b_11_share(3, Fraction(5, 4)), r"h must lie in \[0, 1\].*Lemma B.11"),
        (lambda: theory.lemma_b_15_clearance(0), r"N must be an integer >= 1.*Lemma B.15"),
        (lambda: theory.lemma_b_15_bits(2.5), r"N must be an integer >= 1.*Lemma B.15"),
        (lambda: theory.lemma_b_20_dimension(1, 3), r"N must be an integer >= 2.*Lemma B.20"),
        (lambda: theory.lemma_b_20_separation_squared(9, 8), r"d must be an integer >= 9.*B.20"),
    ],
)
def test_a_size_out_of_range_is_refused_with_the_lemma(call, message):
    with pytest.raises(ValueError, match=message):
        call()
