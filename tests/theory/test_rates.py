"""Formulas: one expression gives value, exponent and words, and they agree."""

from fractions import Fraction
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import theory
from pipeline.theory.rates import GAMMA, GAP, ONE, RATIO, RHO, D, Largest, Least, N, Rate, root

leaves = st.sampled_from([N, D, RHO, ONE])
powers = st.fractions(-3, 3, max_denominator=4)


def combined(children: st.SearchStrategy[Rate]) -> st.SearchStrategy[Rate]:
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda pair: pair[0] + pair[1]),
        pairs.map(lambda pair: pair[0] * pair[1]),
        pairs.map(lambda pair: pair[0] / pair[1]),
        pairs.map(Least),
        pairs.map(Largest),
        st.tuples(children, powers).map(lambda pair: pair[0] ** pair[1]),
    )


rates = st.recursive(leaves, combined, max_leaves=5)


@given(rate=rates, delta=st.sampled_from([0.0, 0.25, 1.0, 1.5]), s=st.sampled_from([0.125, 0.5, 1]))
def test_the_exponent_is_the_growth_of_the_value(rate, delta, s):
    exponents = {"N": 1.0, "d": delta, "rho": -s}
    exponent = float(rate.exponent({key: np.asarray(e) for key, e in exponents.items()}))
    n = 1e24
    values = {key: np.asarray(n**e) for key, e in exponents.items()}
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        value = float(rate.value(values))
    if 0 < value < inf and abs(exponent) < 10:
        # At most 32 equal terms, to powers of 3 a few times: less than 2^(32 * 3) = n^1.3 at most.
        assert abs(log(value) / log(n) - exponent) <= 1.3


@given(a=rates, b=rates)
def test_sums_products_and_extremes_are_those_of_values(a, b):
    at = {"N": np.asarray(7.0), "d": np.asarray(3.0), "rho": np.asarray(0.5)}
    with np.errstate(all="ignore"):
        x, y = a.value(at), b.value(at)
        assert np.array_equal((a + b).value(at), x + y, equal_nan=True)
        assert np.array_equal((a * b).value(at), x * y, equal_nan=True) or "/" in (a * b).words()
        assert np.array_equal(Least((a, b)).value(at), np.minimum(x, y), equal_nan=True)
        assert np.array_equal(Largest((a, b)).value(at), np.maximum(x, y), equal_nan=True)


@pytest.mark.parametrize(
    ("rate", "text", "latex"),
    [
        (root(N), "√N", r"\sqrt{N}"),
        (N * D ** Fraction(1, 4) * root(RHO), "N d^(1/4) √ρ", r"N\,d^{1/4}\,\sqrt{\rho}"),
        (N * D**2 * RATIO**4, "N d² (ρ γₚ(d))⁴", r"N\,d^{2}\,\left(\rho\,\gamma_p(d)\right)^{4}"),
        (root(N / GAP), "√(N/(1 − ρᵖ))", r"\sqrt{\frac{N}{1-\rho^p}}"),
        ((RHO / GAMMA) ** 2, "(ρ/γₚ(d))²", r"\left(\frac{\rho}{\gamma_p(d)}\right)^{2}"),
        (ONE / (N * root(D)), "1/(N √d)", r"\frac{1}{N\,\sqrt{d}}"),
        ((N + D) * D, "(N + d) d", r"\left(N + d\right)\,d"),
        (Least((N, D)) * D, "min{N, d} d", r"\min\{N, d\}\,d"),
        (ONE * N, "N", "N"),
    ],
)
def test_formulas_read_as_the_paper_writes_them(rate, text, latex):
    assert rate.words() == text
    assert rate.words(theory.LATEX) == latex


def test_for_p_2_the_factor_gamma_is_left_out():
    euclidean = theory.TEXT.without("gamma").named(gap="1 − ρ²")
    assert (N * D**2 * RATIO**4).words(euclidean) == "N d² ρ⁴"
    assert theory.theorem_3_1.formula(2).words(euclidean) == (
        "ρ² min{N, d} d + d + min{1/√(1 − ρ²), √d} √N"
    )
    assert theory.theorem_4_2.formula(2).words(euclidean) == ("max{√N, N d^(1/4) √ρ, N d² ρ⁴} + d")


def test_words_of_every_bound_are_valid_in_both_notations():
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for bound in theory.BOUNDS.values():
        for p in (1, 2, 3, inf):
            if bound.norms(p):
                assert bound.formula(p).words()
                for part in bound.regimes(p):
                    assert part.rate.words()
                    parser.parse(f"${part.rate.words(theory.LATEX)}$")
