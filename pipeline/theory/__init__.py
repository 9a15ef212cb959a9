"""Every bound as a function: the paper's, those before it, and this project's."""

from pipeline.theory.arguments import gamma_p
from pipeline.theory.bound import COUNTINGS, Bound, Condition, Counting, Norm, Regime
from pipeline.theory.bounds_table import bounds_table, phase_table
from pipeline.theory.catalogue import BOUNDS, bounds_on
from pipeline.theory.exponents_of_bounds import (
    EXPONENTS,
    exponents_table,
    gap_exponent,
    lower_exponent,
    new_upper_exponent,
    old_upper_exponent,
)
from pipeline.theory.lemmas import (
    lemma_b_11_share,
    lemma_b_15_bits,
    lemma_b_15_clearance,
    lemma_b_20_dimension,
    lemma_b_20_separation_squared,
    volume_ratio_above,
)
from pipeline.theory.lower_bounds import (
    first_term,
    proposition_3_2_least_width,
    proposition_3_2_width,
    second_term,
    theorem_3_1,
    theorem_e_1,
)
from pipeline.theory.notation import LATEX, TEXT
from pipeline.theory.prior_bounds import (
    egosi_2025,
    egosi_2025_nonzero,
    prior_lower_bound,
    prior_lower_nonzero,
    prior_upper_bound,
    prior_upper_nonzero,
    vardi_2022,
    yu_2024,
    yu_2024_nonzero,
)
from pipeline.theory.project_bounds import (
    cheapest_of_ours,
    halving,
    our_exponent,
    ours,
    parallel_balls,
    voting,
)
from pipeline.theory.table1 import table_1
from pipeline.theory.upper_bounds import (
    regime,
    theorem_4_2,
    theorem_4_2_i,
    theorem_4_2_ii,
    theorem_4_2_iii,
    theorem_e_2,
)

__all__ = [
    "BOUNDS",
    "COUNTINGS",
    "EXPONENTS",
    "LATEX",
    "TEXT",
    "Bound",
    "Condition",
    "Counting",
    "Norm",
    "Regime",
    "bounds_on",
    "bounds_table",
    "cheapest_of_ours",
    "egosi_2025",
    "egosi_2025_nonzero",
    "exponents_table",
    "first_term",
    "gamma_p",
    "gap_exponent",
    "halving",
    "lemma_b_11_share",
    "lemma_b_15_bits",
    "lemma_b_15_clearance",
    "lemma_b_20_dimension",
    "lemma_b_20_separation_squared",
    "lower_exponent",
    "new_upper_exponent",
    "old_upper_exponent",
    "our_exponent",
    "ours",
    "parallel_balls",
    "phase_table",
    "prior_lower_bound",
    "prior_lower_nonzero",
    "prior_upper_bound",
    "prior_upper_nonzero",
    "proposition_3_2_least_width",
    "proposition_3_2_width",
    "regime",
    "second_term",
    "table_1",
    "theorem_3_1",
    "theorem_4_2",
    "theorem_4_2_i",
    "theorem_4_2_ii",
    "theorem_4_2_iii",
    "theorem_e_1",
    "theorem_e_2",
    "vardi_2022",
    "volume_ratio_above",
    "voting",
    "yu_2024",
    "yu_2024_nonzero",
]
