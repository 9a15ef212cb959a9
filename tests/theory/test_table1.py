"""Table 1: every row of the paper's, from the bounds that the other tests check."""

from math import inf

import pytest

from pipeline.figures.table1 import table_1_latex, table_1_markdown
from pipeline.theory import BOUNDS, table_1
from pipeline.theory.bound import numbers
from pipeline.theory.table1 import ROWS

TABLE = table_1()
# The rows as printed in the paper, the exponent of Theorem C.14 as its theorem has it.
PAPER = [
    ("lower", "p > 2", "Ω(ρ² min{N, d} d)", "Proposition C.6"),
    ("lower", "p ≤ 2", "Ω((ρ/γₚ(d))² min{N, d} d)", "Proposition C.6"),
    ("lower", "p = ∞", "Ω(min{N, d} d)", "Proposition C.7"),
    ("lower", "p = ∞", "Ω(d²)", "Yu et al. 2024 (N > d)"),
    ("lower", "p < ∞", "Ω(√(N/(1 − ρᵖ)))", "Proposition C.8"),
    ("lower", "p = 2", "Ω(√(N d))", "Li et al. 2022"),
    ("upper", "p ≥ 1", "Õ(√N)", "Theorem C.12"),
    ("upper", "p ≥ 1", "Õ(N d^(1/4) √(ρ γₚ(d)))", "Theorem C.13"),
    ("upper", "p ≥ 1", "Õ(N)", "Egosi et al. 2025"),
    ("upper", "p ≥ 1", "Õ(N d² (ρ γₚ(d))⁴)", "Theorem C.14"),
    ("upper", "p ≥ 1", "Õ(N d³ (ρ γₚ(d))⁶)", "Egosi et al. 2025"),
    ("upper", "p ∈ ℕ", "Õ(N d² p²)", "Yu et al. 2024"),
]


def test_the_first_rows_are_those_of_the_paper():
    rows = TABLE[TABLE["by"] != "project"][["bound", "norm", "parameters", "source"]]
    assert list(rows.itertuples(index=False, name=None)) == PAPER
    assert list(TABLE["by"]) == [row.by for row in ROWS] and (TABLE["by"][12:] == "project").all()


# A point within each row's range, of p, N, d and rho, for the bound to agree with the row.
@pytest.mark.parametrize(
    ("index", "p", "N", "d", "rho"),
    [
        (0, 3, 10**6, 64, 0.9),
        (1, 2, 10**6, 64, 0.9),
        (2, inf, 10**6, 64, 0.6),
        (3, inf, 10**3, 64, 0.8),
        (4, 4, 10**6, 64, 0.9),
        (5, 2, 10**6, 64, 0.999),
        (6, 1, 10**6, 64, 1e-9),
        (7, 1, 10**6, 64, 1e-4),
        (8, 4, 10**6, 64, 1e-3),
        (9, 4, 10**6, 64, 0.3),
        (10, 4, 10**6, 64, 0.3),
        (11, 5, 10**6, 64, 0.9),
        (12, inf, 10**6, 64, 1e-3),
        (13, inf, 10**6, 64, 0.1),
        (14, 1, 10**6, 64, 1e-3),
    ],
)
def test_every_row_is_the_value_of_its_bound_within_its_range(index, p, N, d, rho):
    row = ROWS[index]
    at = numbers(*map(float, (N, d)), rho, p)
    rate = float(row.bound.formula(p).value(at))
    (regime,) = (part for part in row.bound.regimes(p) if part.name == row.regime)
    assert str(row.bound.regime(N, d, rho, p)) == row.regime
    value = float(regime.rate.value(at))
    # The formula adds the d of the input layer, or sqrt N to d^2: lower terms here.
    assert value <= rate * (1 + 1e-12) and rate <= 2 * value + d
    assert BOUNDS[row.bound.name] is row.bound


def test_the_table_is_written_as_markdown_and_latex():
    lines = table_1_markdown(TABLE).splitlines()
    assert len(lines) == 2 + len(TABLE) and all(line.count("|") == 6 for line in lines)
    assert "| UB | p ≥ 1 | (0, 1/(γₚ(d) N √d)) | Õ(√N) | Theorem C.12 |" in lines
    latex = table_1_latex(TABLE)
    assert latex.count(r"\\") == 1 + len(TABLE) and latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    assert r"Theorem C.14~\cite{kim2025cost} \\" in latex and latex.count(r"\midrule") == 3
    assert all(f"{{{key}}}" in latex for key in set(TABLE["key"]) - {""})


def test_every_formula_of_the_table_is_valid_mathematics():
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for name in ("norm_latex", "ratio_latex", "parameters_latex"):
        for formula in TABLE[name]:
            parser.parse(f"${formula}$")


def test_the_second_row_says_nothing_for_p_1():
    # gamma_1(d)^2 = d: the width (rho/gamma)^2 min{N, d} is below 1, the one neuron of any network.
    for N, d in ((10, 10**6), (10**6, 10), (10**6, 10**6)):
        assert str(BOUNDS["theorem_3_1_first"].regime(N, d, 0.999, 1)) == "input layer"
