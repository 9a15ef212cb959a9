"""Figure 6: the questions lead where the code goes, and every example is its plan."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product
from math import ceil, log

import pandas as pd
import pytest

from pipeline.construction.thm_4_2_iii_large import Constants, case_of, plan_thm_4_2_iii
from pipeline.construction.yu2024 import folds_for, plan_yu2024
from pipeline.illustrations.figure6 import case_in_tree, figure_6_table

THIRD, TINY = Fraction(1, 3), Fraction(1, 1 << 60)
RATIOS = (Fraction(1, 100), Fraction(1, 10), THIRD - TINY, THIRD, THIRD + TINY, Fraction(9, 10))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return figure_6_table()


def sizes() -> list[tuple[int, int]]:
    """Return sizes around every border: d and 600 ln N, N and 600 ln N, d and N."""
    points = [2, 3, 10, 1000, 10**4, 10**6]
    fixed = min(N for N in range(1000, 10**4) if N >= 600 * log(N))
    points += [fixed - 1, fixed, fixed + 1]
    found = []
    for N in points:
        border = ceil(600 * log(N))
        dimensions = [1, 100, border - 1, border, border + 1, N - 1, N, N + 1, 10**5, 10**7]
        found += [(N, d) for d in dimensions if d >= 1]
    return found


def test_the_tree_leads_to_the_case_of_the_code_for_every_size_and_ratio(table) -> None:
    reached = set()
    for (N, d), rho in product(sizes(), RATIOS):
        case = case_in_tree(table, N, d, rho)
        assert case == case_of(N, d, rho, Constants()), (N, d, rho)
        reached.add(case)
        if 25 * d * rho**2 > 1:
            assert plan_thm_4_2_iii(N, d, 2, rho).resolved["case"] == case
    assert reached == {"I", "II", "III", "IV", "V"}


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        (0, "relation", "<"),
        (1, "left", "N"),
        (3, "relation", "<"),
        (3, "no", "IV"),
    ],
)
def test_another_tree_leads_elsewhere(table, row: int, column: str, value: str) -> None:
    other = table.copy()
    other.loc[row, column] = value
    cases = product(sizes(), RATIOS)
    assert any(
        case_in_tree(other, N, d, rho) != case_of(N, d, rho, Constants()) for (N, d), rho in cases
    )


def test_every_example_lies_in_its_case_and_has_the_count_of_its_plan(table) -> None:
    cases = table[table.kind == "case"]
    assert cases.name.to_list() == ["I", "II", "III", "IV", "V"]
    for row in cases.itertuples():
        N, d, m, rho = int(row.N), int(row.d), int(row.m), Fraction(row.rho)
        plan = plan_thm_4_2_iii(N, d, 2, rho)
        assert plan.resolved["case"] == row.name
        assert (plan.parameter_count(), plan.depth, plan.width, plan.resolved["m"]) == (
            row.parameters,
            row.depth,
            row.width,
            m,
        )
        # The network that the row says: Yu et al. on m coordinates at this ratio.
        again = plan_yu2024(N, d, m, folds_for(m, Fraction(row.ratio)))
        assert again.parameter_count() == row.parameters
        assert m == _projected(row.size, N, d, rho)


def _projected(text: str, N: int, d: int, rho: Fraction) -> int:
    """Return m from what the figure says of it."""
    if "max" not in text:
        return {"m = d": d, "m = N": N}[text]
    factor, of, logs, log_of, last, last_of = re.fullmatch(
        r"m = max\{⌈(\d+) (\w) ρ²⌉, ⌈(\d+) ln (\w)⌉, ⌈(\d+) ln (\w)⌉\}", text
    ).groups()
    letters = {"N": N, "d": d}
    return max(
        ceil(int(factor) * letters[of] * rho**2),
        ceil(int(logs) * log(letters[log_of])),
        ceil(int(last) * log(letters[last_of])),
    )


def test_what_a_case_does_is_what_is_built(table) -> None:
    text = table[table.kind == "case"].set_index("name").text
    assert text["I"] == text["II"] == "Yu et al. on all coordinates"
    assert "span" in text["III"] and "span" in text["V"]
    assert "projection" in text["IV"] and "ratio 5/6" in text["IV"]
    # 600 = 24 / alpha^2 of Proposition B.19.
    assert "α = 1/5" in text["IV"] and Constants().log_n == 24 * 5**2


def test_the_range_is_the_theorem_s(table) -> None:
    assert table[table.kind == "range"].text.to_list() == ["1/(5√d) < ρ < 1"]
    assert plan_thm_4_2_iii(10, 4, 2, Fraction(1, 10) + TINY)
    for rho in (Fraction(1, 10), Fraction(1)):
        with pytest.raises(ValueError, match="rho must lie|needs rho in"):
            plan_thm_4_2_iii(10, 4, 2, rho)
