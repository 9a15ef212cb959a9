"""Index of the paper: item -> where it lives in the code and what checks it.

`python -m pipeline.paper` prints the table of the README; a test keeps the two equal and resolves
every name.
"""

from __future__ import annotations

from dataclasses import dataclass

# The version whose item numbers are used everywhere.
ARXIV = "2510.24643v1"


@dataclass(frozen=True)
class Item:
    """One item of the paper.

    Args:
        item: its number in the paper, or the section of docs/theory.md for what goes beyond it.
        statement: what it says, in a few words.
        code: "module:name".
        test: the test file that checks its conclusion.
    """

    item: str
    statement: str
    code: str
    test: str


ITEMS = (
    Item(
        "Section 2.2, Definition 2.1",
        "dataset, separation constant eps_D (with its 1/2), exact",
        "pipeline.data.separation:nearest_other_label_pair",
        "tests/data/test_separation.py",
    ),
    Item(
        "Definition 2.2",
        "robust memorization: f = y_i on every open ball of radius rho eps_D",
        "pipeline.verification.check.__main__:main",
        "tests/verification/check/test_check_acceptance.py",
    ),
    Item(
        "Section 2.3, Eq. 3",
        "ReLU network, depth, width, parameter count with zeros",
        "pipeline.network.relu_network:ReLUNetwork",
        "tests/network/test_counts.py",
    ),
    Item(
        "Theorem 3.1",
        "lower bound on P, leading term",
        "pipeline.theory.lower_bounds:theorem_3_1",
        "tests/theory/test_bounds.py",
    ),
    Item(
        "Proposition 3.2",
        "dataset that forces the first hidden width",
        "pipeline.data.hard_width:hard_width_points",
        "tests/data/test_generate.py",
    ),
    Item(
        "Proposition 3.2, proof",
        "null-space collision, as an exact attack on any network",
        "pipeline.verification.null_space:null_space_attack",
        "tests/verification/test_null_space.py",
    ),
    Item(
        "Proposition 3.3",
        "dataset whose balls shatter points",
        "pipeline.data.shattering:shattering_points",
        "tests/data/test_generate.py",
    ),
    Item(
        "Definition 4.1",
        "robust memorization error L_rho, sampled with Clopper-Pearson bounds",
        "pipeline.verification.sampling:robust_memorization_error_upper",
        "tests/verification/test_attacks.py",
    ),
    Item(
        "Theorem 4.2",
        "upper bounds on P in the three regimes, leading terms",
        "pipeline.theory.upper_bounds:theorem_4_2",
        "tests/theory/test_bounds.py",
    ),
    Item(
        "Theorem 4.2(iii), B.14, Figure 6",
        "large rho: five cases, built, planned and certified",
        "pipeline.construction.thm_4_2_iii_large:build_thm_4_2_iii",
        "tests/construction/test_thm_4_2_iii.py",
    ),
    Item(
        "Theorem B.6, Lemma D.2 (Yu et al. 2024)",
        "one block a point, width O(d)",
        "pipeline.construction.yu2024:yu2024_network",
        "tests/construction/test_thm_4_2_iii.py",
    ),
    Item(
        "Lemmas B.17-B.20, Propositions B.19, B.21",
        "projections with few-bit rows, separation checked exactly",
        "pipeline.construction.projection:projection",
        "tests/construction/test_projection.py",
    ),
    Item(
        "Theorem C.5, Appendix C",
        "gamma_p(d), bounds and balls in l_p",
        "pipeline.theory.arguments:gamma_p",
        "tests/theory/test_bounds.py",
    ),
    Item(
        "Figure 1",
        "bounds against rho, with a run's measured counts",
        "pipeline.figures.figure1:figure_1",
        "tests/figures/test_figures.py",
    ),
    Item(
        "beyond: docs/theory.md 1",
        "parallel balls, P = O~(N d rho^2 + d)",
        "pipeline.construction.parallel_balls:build_parallel_balls",
        "tests/construction/test_parallel_balls.py",
    ),
)


def markdown_table() -> str:
    """Return the index as a Markdown table."""
    lines = ["| paper | statement | code | checked by |", "| --- | --- | --- | --- |"]
    lines += [f"| {i.item} | {i.statement} | `{i.code}` | `{i.test}` |" for i in ITEMS]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown_table())
