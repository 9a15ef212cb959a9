"""Index of the paper: item -> where it lives in the code, what checks it, what was left open.

`python -m pipeline.paper` prints the table of the README, `python -m pipeline.paper --full` that of
docs/paper.md; a test keeps them equal and resolves every name.
"""

from __future__ import annotations

import sys
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
        note: what the paper leaves open or we had to choose, for docs/paper.md.
        headline: whether the README lists it too.
    """

    item: str
    statement: str
    code: str
    test: str
    note: str = ""
    headline: bool = True


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
        note="proved by a program of its own, from files",
    ),
    Item(
        "Section 2.3, Eq. 3",
        "ReLU network, depth, width, parameter count with zeros",
        "pipeline.network.relu_network:ReLUNetwork",
        "tests/network/test_counts.py",
        note="a neuron may also be a threshold (Section 4)",
    ),
    Item(
        "Section 2.4",
        "scaling data by a power of two changes no network but its weights",
        "pipeline.construction.lattice:scale_of_dataset",
        "tests/construction/test_lattice.py",
        note=(
            "architectures depend on the data through one integer, the scale: points lie "
            "within 2^scale eps_D of the middle of their box. The paper hides it in O~"
        ),
        headline=False,
    ),
    Item(
        "Theorem 3.1",
        "lower bound on P, leading term",
        "pipeline.theory.lower_bounds:theorem_3_1",
        "tests/theory/test_bounds.py",
        note="constants omitted as in the paper",
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
        note="the witness is rounded within an integer basis of Null(W)",
    ),
    Item(
        "Proposition 3.3",
        "dataset whose balls shatter points",
        "pipeline.data.shattering:shattering_points",
        "tests/data/test_generate.py",
    ),
    Item(
        "Definition 4.1",
        "robust memorization error L_rho: proved bound, and sampled with Clopper-Pearson limits",
        "pipeline.verification.sampling:robust_memorization_error_upper",
        "tests/verification/test_attacks.py",
        note=("the proved bound is the checker's (Lemma B.11); sampling can only contradict it"),
    ),
    Item(
        "Theorem 4.2",
        "upper bounds on P in the three regimes, leading terms",
        "pipeline.theory.upper_bounds:theorem_4_2",
        "tests/theory/test_bounds.py",
    ),
    Item(
        "Theorem 4.2(i), B.3",
        "small rho: P = O~(sqrt N), exact on every ball",
        "pipeline.construction.thm_4_2_i_small:build_thm_4_2_i",
        "tests/construction/test_thm_4_2_i.py",
        note=(
            "gamma = 1/(4N) rounded down to a power of two; Stage IV is Lemma B.10, which "
            "is Theorem B.4's network on integers; R and the key bits from the scale in "
            "mode `paper`, from the data in mode `adaptive`"
        ),
    ),
    Item(
        "Theorem 4.2(ii), B.5, B.13",
        "moderate rho: P = O~(N d^(1/4) rho^(1/2)), error at most eta",
        "pipeline.construction.thm_4_2_ii_moderate:build_thm_4_2_ii",
        "tests/construction/test_thm_4_2_ii.py",
        note=(
            "the paper's gamma is for a uniform point of the m-ball; the image of a uniform"
            " point of the d-ball is not uniform there, so here gamma <= min_j ||w_j|| mu "
            "(eta / G) V_d / (m V_(d-1)). The claim is L_rho <= eta, Definition 4.1 has <. "
            "R counts inactive balls too. n = floor(1/(5 rho sqrt d)) points a group, not n"
            " + 1, whose clearance 1/(3(n + 1)) can be less than the radius"
        ),
    ),
    Item(
        "Section 4, threshold activations",
        "moderate rho with threshold units: exact on every ball",
        "pipeline.construction.thm_4_2_ii_threshold:build_thm_4_2_ii_threshold",
        "tests/construction/test_thm_4_2_ii.py",
        note=(
            "the paper gives no layers: bits are split off by one threshold each, in layers"
            " that also hold ReLUs"
        ),
    ),
    Item(
        "Theorem 4.2(iii), B.14, Figure 6",
        "large rho: five cases, built, planned and certified",
        "pipeline.construction.thm_4_2_iii_large:build_thm_4_2_iii",
        "tests/construction/test_thm_4_2_iii.py",
        note="exact weights need no final Floor against rounding (the paper's last step)",
    ),
    Item(
        "Theorem B.1",
        "widths and depths of all three regimes",
        "pipeline.network.plan:Plan",
        "tests/construction/test_every_construction.py",
        note=(
            "plan = built, from sizes alone in mode `paper`; bits are those of the built "
            "network, n key_bits + 2 for (i) (tests/construction/test_thm_4_2_i.py)"
        ),
        headline=False,
    ),
    Item(
        "Theorem B.4 (Vardi et al. 2022)",
        "memorization without robustness, width 12",
        "pipeline.construction.vardi2022:build_vardi2022",
        "tests/construction/test_vardi2022.py",
        note=(
            "directions are drawn and checked; eta = 2^-ceil(log2 6N), a translation keeps "
            "every value that far below the next integer"
        ),
    ),
    Item(
        "Lemma B.6",
        "indicator of an interval, width 2, depth 2",
        "pipeline.gadgets.indicator:interval_indicator",
        "tests/gadgets/test_lookup.py",
        note="depth counts layers with an activation; eta a power of two",
        headline=False,
    ),
    Item(
        "Lemma B.7",
        "look-up of a group's word, width 4, depth 3 N1 + 2",
        "pipeline.gadgets.group_lookup:group_lookup",
        "tests/gadgets/test_lookup.py",
        note="depth counts all affine maps, the last one too",
        headline=False,
    ),
    Item(
        "Lemma B.8",
        "bits i..j by Telgarsky's triangle function, width 5, depth 3(j-i+1)",
        "pipeline.gadgets.bit_extraction:bit_extraction",
        "tests/gadgets/test_lookup.py",
        note="depth counts layers with an activation; i = j is allowed",
        headline=False,
    ),
    Item(
        "Lemma B.9",
        "label of the matching key in packed words, width 12",
        "pipeline.gadgets.key_match:key_match",
        "tests/gadgets/test_memorizer.py",
        note=("label added as relu(label - 2^c (a + b)), which gives the paper's two layers a key"),
        headline=False,
    ),
    Item(
        "Lemma B.10",
        "memorizer of N integers, 0 on every other one",
        "pipeline.gadgets.memorizer:integer_memorizer",
        "tests/gadgets/test_memorizer.py",
        note=(
            "short groups are filled up with further integers of label 0; key bits also "
            "allow as many distinct keys as a word holds; label bits floor(log2 C) + 1, "
            "since 0 means no label"
        ),
        headline=False,
    ),
    Item(
        "Lemmas B.11, B.12",
        "share of a ball in a slab, V_(d-1)/V_d",
        "pipeline.construction.thm_4_2_ii_moderate:volume_ratio_above",
        "tests/construction/test_thm_4_2_ii.py",
        note="rational, pi rounded to the safe side; the checker has its own",
        headline=False,
    ),
    Item(
        "Lemmas D.1, D.2 (Theorem B.6 of Yu et al. 2024)",
        "one block a point, width O(d), every rho",
        "pipeline.construction.yu2024:yu2024_network",
        "tests/construction/test_yu2024.py",
        note="folds on [0, 2 eps - mu] save the paper's log R",
    ),
    Item(
        "Lemma B.15",
        "translation away from the walls of cells",
        "pipeline.construction.lattice:translation_off_walls",
        "tests/construction/test_lattice.py",
        note=(
            "truncated down, as in the paper, whose two-sided bound |b - b'| <= 1/(6N) "
            "leaves a ball only 1/(3N) - 1/(4N) = 1/(12N) above a wall, less than gamma = "
            "1/(4N). Truncation only moves points up: 1/(2N) remains above the lower wall, "
            "1/(3N) below the upper one"
        ),
        headline=False,
    ),
    Item(
        "Lemma B.16, Figure 7",
        "floor on [0, 2^n) off bands of width gamma, width 5, n layers",
        "pipeline.gadgets.floor:floor_network",
        "tests/gadgets/test_floor.py",
        note=(
            "gamma a power of two; at distance exactly gamma the floor is exact too; in a "
            "band Floor stays within [x - 1, x)"
        ),
        headline=False,
    ),
    Item(
        "Lemmas B.17, B.18, Proposition B.19",
        "random projections with separation",
        "pipeline.construction.projection:projection",
        "tests/construction/test_projection.py",
        note=(
            "existence in the paper; here drawn, rounded to few bits, checked exactly on "
            "the data, drawn again"
        ),
        headline=False,
    ),
    Item(
        "Lemma B.20",
        "projection to m = O(log N) dimensions, separation (5/12) sqrt(m/d) eps_D",
        "pipeline.construction.lattice:lattice_images",
        "tests/construction/test_lattice.py",
        note=(
            "scaled at once so that differently labelled images are sqrt(m) apart (Theorem "
            "B.3, Stage I), which is what is checked; the least m that passes in mode "
            "`adaptive`"
        ),
        headline=False,
    ),
    Item(
        "Proposition B.21",
        "coordinates in the span of N <= d points",
        "pipeline.construction.projection:projection",
        "tests/construction/test_projection.py",
        note="kind `span`",
        headline=False,
    ),
    Item(
        "Lemma B.22",
        "t >= 10 ln t for t >= e^4: m <= d in the cases above",
        "pipeline.construction.lattice:projected_dimension",
        "tests/construction/test_lattice.py",
        note="min{d, ...} makes it hold everywhere",
        headline=False,
    ),
    Item(
        "Lemma B.23",
        "bits a parameter needs for an error nu",
        "pipeline.network.finite_precision:finite_precision",
        "tests/network/test_finite_precision.py",
        note=(
            "S and Q as in the paper, D includes the input width; constructions here have "
            "few-bit weights from the start and are exact, so nothing relies on it"
        ),
        headline=False,
    ),
    Item(
        "Appendix D.3 (Egosi et al. 2025)",
        "box tests after a projection to k = O(log N), width O(k)",
        "pipeline.construction.egosi2025:build_egosi2025",
        "tests/construction/test_egosi2025.py",
        note=(
            "k = min{d, ceil(4 ln N) + 6}; the needed coordinate gap is checked exactly on the data"
        ),
    ),
    Item(
        "Theorem C.5, Appendix C",
        "gamma_p(d), bounds and balls in l_p",
        "pipeline.theory.arguments:gamma_p",
        "tests/theory/test_bounds.py",
        note=(
            "constructions other than `parallel_balls` and `vardi2022` (points only) refuse p != 2"
        ),
    ),
    Item(
        "Appendix E",
        "counts of nonzero parameters",
        "pipeline.network.relu_network:ReLUNetwork",
        "tests/network/test_counts.py",
        headline=False,
    ),
    Item(
        "Theorems 4.2, B.1",
        "exponents of depth and P, fitted with intervals",
        "pipeline.construction.exponents:exponents",
        "tests/construction/test_exponents.py",
        note="`experiment=exponents`",
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
    Item(
        "beyond: docs/theory.md 5",
        "masks: Theorem 4.2(ii) with error 0 and ReLUs only",
        "pipeline.construction.masked_moderate:build_masked_moderate",
        "tests/construction/test_thm_4_2_ii.py",
    ),
    Item(
        "beyond: docs/theory.md 6",
        "lattices in rounds, exact on every ball, P = O(sqrt N) for rho up to c / (m sqrt d)",
        "pipeline.construction.halving_lattice:build_halving_lattice",
        "tests/construction/test_halving_lattice.py",
        note="no cell needs the value 0, so no keys are stored",
    ),
    Item(
        "beyond: docs/theory.md 6, growth",
        "log P against log N of certified networks, 10^4 to 10^6 points",
        "pipeline.verification.certified_exponents:certified_exponent",
        "tests/verification/test_certified_exponents.py",
        note="`experiment=growth`",
        headline=False,
    ),
    Item(
        "beyond: docs/theory.md 7",
        "key-free retrieval of integers by ReLU layers, O(sqrt n) parameters for n keys",
        "pipeline.gadgets.retrieval:retrieved",
        "tests/gadgets/test_retrieval.py",
    ),
    Item(
        "beyond: docs/theory.md 8",
        "voting: tables of cells outvote those that fail on a ball, P = O~((d + N)(1 + rho^2 d))",
        "pipeline.construction.voting:build_voting",
        "tests/construction/test_voting.py",
        note="cheapest with one table, N >> d and small rho; `experiment=voting`",
    ),
    Item(
        "beyond: docs/theory.md 9, upper bounds",
        "best of parallel balls, halving and voting, leading terms",
        "pipeline.theory.project_bounds:ours",
        "tests/theory/test_project_bounds.py",
    ),
    Item(
        "beyond: docs/theory.md 9, the picture",
        "every bound as an exponent of N: what is tight, what stays open",
        "pipeline.theory.exponents_of_bounds:gap_exponent",
        "tests/theory/test_exponents_of_bounds.py",
        note="`experiment=phase_diagram` draws it",
    ),
    Item(
        "beyond: docs/theory.md 9, constants",
        "certified counts on a grid, and which construction is cheapest where",
        "pipeline.verification.certified_counts:certified_counts",
        "tests/verification/test_certified_counts.py",
        note="`experiment=phase_diagram`; `phase_diagram_full` for the larger grid",
        headline=False,
    ),
    Item(
        "beyond: docs/theory.md 9, auto",
        "the certified network with the fewest parameters of all that apply",
        "pipeline.construction.auto:build_auto",
        "tests/construction/test_auto.py",
        note="the certificate is the winner's; the notes say what the others would cost",
    ),
)


def markdown_table(full: bool = False) -> str:
    """Return the index as a Markdown table: headlines, or everything with the notes."""
    if not full:
        lines = ["| paper | statement | code | checked by |", "| --- | --- | --- | --- |"]
        shown = [i for i in ITEMS if i.headline]
        return "\n".join(
            lines + [f"| {i.item} | {i.statement} | `{i.code}` | `{i.test}` |" for i in shown]
        )
    lines = [
        "| paper | statement | code | checked by | left open, or chosen |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = [f"| {i.item} | {i.statement} | `{i.code}` | `{i.test}` | {i.note} |" for i in ITEMS]
    return "\n".join(lines + rows)


if __name__ == "__main__":
    print(markdown_table("--full" in sys.argv[1:]))
