"""Table 1: bounds on the parameter count across l_p norms, from the bounds' own formulas.

Constants of the ranges are omitted, as in the paper. One departure: an extraction of the paper's
table prints the exponent 2 where Theorem C.14 proves 4; the theorem rules. The last rows are this
project's.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import pandas as pd

from pipeline.theory.bound import Bound, Norm
from pipeline.theory.lower_bounds import first_term, second_term
from pipeline.theory.notation import LATEX, TEXT, Notation
from pipeline.theory.prior_bounds import egosi_2025, prior_lower_bound, yu_2024
from pipeline.theory.project_bounds import halving, parallel_balls, voting
from pipeline.theory.rates import GAMMA, LOG, ONE, D, N, Rate, root
from pipeline.theory.upper_bounds import theorem_4_2

PAPER, PRIOR, PROJECT = "paper", "prior", "project"
# 1/(gamma N sqrt d), 1/(gamma sqrt d), 1/gamma and 1/(gamma log^1.5 N).
_SMALL, _MODERATE = ONE / (GAMMA * N * root(D)), ONE / (GAMMA * root(D))
_ALL = ONE / GAMMA
_LOGARITHMIC = ONE / (GAMMA * LOG ** Fraction(3, 2))


@dataclass(frozen=True)
class Row:
    """One row of Table 1.

    Args:
        bound: whose regime it is.
        p: a norm that stands for all of them in the formula.
        regime: name of the regime.
        norm: for which norms, as text and LaTeX.
        ratio: for which ratios, as text and LaTeX.
        source: theorem or work.
        key: of docs/references.bib.
        by: "paper", "prior" or "project".
        additive_d: whether the d of the input layer is a part of the rate.
    """

    bound: Bound
    p: Norm
    regime: str
    norm: tuple[str, str]
    ratio: tuple[str, str]
    source: str
    key: str
    by: str
    additive_d: bool = False

    @property
    def rate(self) -> Rate:
        """The leading term."""
        (part,) = (each for each in self.bound.regimes(self.p) if each.name == self.regime)
        return part.rate + D if self.additive_d else part.rate

    def parameters(self, notation: Notation) -> str:
        """Return the bound with its Landau symbol."""
        if notation.latex:
            symbol = r"\Omega" if self.bound.side == "lower" else r"\tilde{O}"
            return rf"{symbol}\left({self.rate.words(notation)}\right)"
        return f"{'Ω' if self.bound.side == 'lower' else 'Õ'}({self.rate.words(notation)})"


def table_1() -> pd.DataFrame:
    """Return Table 1, one row a bound.

    Returns:
        Columns bound ("lower" or "upper"), norm, ratio, parameters, source and by, in plain
        Unicode; norm_latex, ratio_latex, parameters_latex for mathematical mode; key of
        docs/references.bib, empty for this project's own.
    """
    return pd.DataFrame(
        {
            "bound": row.bound.side,
            "norm": row.norm[0],
            "ratio": row.ratio[0],
            "parameters": row.parameters(TEXT),
            "source": row.source,
            "by": row.by,
            "norm_latex": row.norm[1],
            "ratio_latex": row.ratio[1],
            "parameters_latex": row.parameters(LATEX),
            "key": row.key,
        }
        for row in ROWS
    )


def _between(left: Rate | None, right: Rate | None, closed: bool = False) -> tuple[str, str]:
    """Return an interval of ratios as text and LaTeX; None stands for 0 and 1."""
    words = []
    for notation in (TEXT, LATEX):
        ends = ["0" if left is None else left.words(notation)]
        ends.append("1" if right is None else right.words(notation))
        words.append(f"({', '.join(ends)}{']' if closed else ')'}")
    text, latex = words
    return text, rf"\left({latex[1:-1]}\right{latex[-1]}"


_EVERY = ("p ≥ 1", r"p \geq 1")
_INF = ("p = ∞", r"p = \infty")
_FINITE = ("p < ∞", r"p < \infty")
_ANY_RATIO = _between(None, None)
_GROWING = ("(0, (1 − 1/d)^(1/p)]", r"\left(0, (1-\frac{1}{d})^{1/p}\right]")
_PAPER_KEY = "kim2025cost"
_SMALL_RANGE, _MODERATE_RANGE = _between(None, _SMALL), _between(_SMALL, _MODERATE)
_LARGE_RANGE, _TO_MODERATE = _between(_MODERATE, _ALL), _between(None, _MODERATE)

ROWS = (
    Row(
        first_term, 3, "width", ("p > 2", "p > 2"), _ANY_RATIO, "Proposition C.6", _PAPER_KEY, PAPER
    ),
    Row(
        first_term,
        1,
        "width",
        ("p ≤ 2", r"p \leq 2"),
        _ANY_RATIO,
        "Proposition C.6",
        _PAPER_KEY,
        PAPER,
    ),
    Row(
        first_term,
        inf,
        "full width",
        _INF,
        ("(1/2, 1)", r"\left(\frac{1}{2}, 1\right)"),
        "Proposition C.7",
        _PAPER_KEY,
        PAPER,
    ),
    Row(
        prior_lower_bound,
        inf,
        "width",
        _INF,
        ("0.8", "0.8"),
        "Yu et al. 2024 (N > d)",
        "yu2024",
        PRIOR,
    ),
    Row(second_term, 3, "growing", _FINITE, _GROWING, "Proposition C.8", _PAPER_KEY, PAPER),
    Row(
        prior_lower_bound,
        2,
        "VC dimension",
        ("p = 2", "p = 2"),
        ("ρ → 1", r"\rho \to 1"),
        "Li et al. 2022",
        "li2022",
        PRIOR,
    ),
    Row(theorem_4_2, 3, "small", _EVERY, _SMALL_RANGE, "Theorem C.12", _PAPER_KEY, PAPER),
    Row(theorem_4_2, 3, "moderate", _EVERY, _MODERATE_RANGE, "Theorem C.13", _PAPER_KEY, PAPER),
    Row(
        egosi_2025,
        3,
        "logarithmic width",
        _EVERY,
        _TO_MODERATE,
        "Egosi et al. 2025",
        "egosi2025",
        PRIOR,
    ),
    Row(theorem_4_2, 3, "large", _EVERY, _LARGE_RANGE, "Theorem C.14", _PAPER_KEY, PAPER),
    Row(egosi_2025, 3, "implicit", _EVERY, _LARGE_RANGE, "Egosi et al. 2025", "egosi2025", PRIOR),
    Row(
        yu_2024,
        3,
        "all coordinates",
        ("p ∈ ℕ", r"p \in \mathbb{N}"),
        _ANY_RATIO,
        "Yu et al. 2024",
        "yu2024",
        PRIOR,
    ),
    Row(
        halving, 3, "rounds", _EVERY, _TO_MODERATE, "halving (docs/theory.md 6)", "", PROJECT, True
    ),
    Row(
        parallel_balls,
        3,
        "wide projection",
        _EVERY,
        _LARGE_RANGE,
        "parallel balls (docs/theory.md 1)",
        "",
        PROJECT,
        True,
    ),
    Row(
        voting,
        3,
        "tables",
        _EVERY,
        _between(None, _LOGARITHMIC),
        "voting (docs/theory.md 8)",
        "",
        PROJECT,
    ),
)
