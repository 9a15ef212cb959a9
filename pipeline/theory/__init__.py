"""Every bound as a function: the paper's, those before it, and this project's."""

from pipeline.theory.arguments import gamma_p
from pipeline.theory.bounds_table import bounds_table, phase_table
from pipeline.theory.exponents_of_bounds import EXPONENTS, exponents_table, gap_exponent
from pipeline.theory.lower_bounds import (
    first_term,
    proposition_3_2_least_width,
    proposition_3_2_width,
    second_term,
    theorem_3_1,
)
from pipeline.theory.prior_bounds import prior_lower_bound, prior_upper_bound, vardi_2022
from pipeline.theory.project_bounds import cheapest_of_ours, halving, ours, voting
from pipeline.theory.upper_bounds import (
    parallel_balls,
    regime,
    theorem_4_2,
    theorem_4_2_i,
    theorem_4_2_ii,
    theorem_4_2_iii,
)

__all__ = [
    "EXPONENTS",
    "bounds_table",
    "cheapest_of_ours",
    "exponents_table",
    "first_term",
    "gamma_p",
    "gap_exponent",
    "halving",
    "ours",
    "parallel_balls",
    "phase_table",
    "prior_lower_bound",
    "prior_upper_bound",
    "proposition_3_2_least_width",
    "proposition_3_2_width",
    "regime",
    "second_term",
    "theorem_3_1",
    "theorem_4_2",
    "theorem_4_2_i",
    "theorem_4_2_ii",
    "theorem_4_2_iii",
    "vardi_2022",
    "voting",
]
