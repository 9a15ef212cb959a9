"""The items of the paper, in its order."""

from __future__ import annotations

from pipeline.paper.item import Item

OF_PAPER = (
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
        "Propositions 3.2, C.6, C.7",
        "no certified network is narrower than they allow: guard of every verdict, `make widths`",
        "pipeline.verification.forced_width:require_possible_width",
        "tests/verification/test_forced_width.py",
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
        "pipeline.theory.lemmas:lemma_b_11_share",
        "tests/theory/test_lemmas.py",
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
        "pipeline.theory.lemmas:lemma_b_20_dimension",
        "tests/theory/test_lemmas.py",
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
        "Theorems C.5, C.11, Appendix C",
        "gamma_p(d); every bound in l_p, as value, regime and exponent",
        "pipeline.theory.bound:Bound",
        "tests/theory/test_exponents_by_hand.py",
        note=(
            "constructions other than `parallel_balls` and `vardi2022` (points only) refuse p != 2"
        ),
    ),
    Item(
        "Table 1",
        "bounds across l_p norms: CSV, Markdown, LaTeX",
        "pipeline.theory.table1:table_1",
        "tests/theory/test_table1.py",
        note=(
            "written from the bounds' own formulas; an extraction of the table prints (rho gamma)^2"
            " where Theorem C.14 proves (rho gamma)^4, which stands here. For p = 1 the width "
            "bound is below 1 for every rho: it says nothing"
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
        "Theorems E.1, E.2",
        "bounds on nonzero counts, leading terms",
        "pipeline.theory.catalogue:bounds_on",
        "tests/theory/test_nonzero_bounds.py",
        note="stated for p = 2; Proposition C.8 and Theorem C.11 carry over to l_p unchanged",
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
        "tests/figures/test_figure1_and_8.py",
    ),
    Item(
        "Figure 2",
        "hard dataset in R^3, null space, and the collision it forces",
        "pipeline.illustrations.figure2:figure_2_table",
        "tests/illustrations/test_figure2.py",
        note="labels are those of Proposition 3.2; the paper's sketch swaps them",
    ),
    Item(
        "Figure 3",
        "projection of a built network that keeps balls apart",
        "pipeline.illustrations.figure3:figure_3_table",
        "tests/illustrations/test_figure3.py",
        note=(
            "Theorem B.14's constants 600, 9, 10 are lowered to 9/10, 8, 1, for which m = 2 fits "
            "N = 8, d = 3; the claim (2/5) sqrt(m/d) eps_D is checked exactly"
        ),
    ),
    Item(
        "Figure 4",
        "cells, bands and balls of built networks, with f itself along a line",
        "pipeline.illustrations.figure4:figure_4_table",
        "tests/illustrations/test_figure4.py",
        note="eta = 99/100 in (b), so that the bands can be seen",
    ),
    Item(
        "Figure 5",
        "shattering reduction, every labelling realised by a built network",
        "pipeline.illustrations.figure5:figure_5_table",
        "tests/illustrations/test_figure5.py",
    ),
    Item(
        "Figure 6",
        "decision tree of Theorem B.14, with planned examples",
        "pipeline.illustrations.figure6:figure_6_table",
        "tests/illustrations/test_figure6.py",
    ),
    Item(
        "Figure 7",
        "Delta and Floor_n of a built network, corners exact",
        "pipeline.illustrations.figure7:figure_7_table",
        "tests/illustrations/test_figure7.py",
    ),
    Item(
        "Figure 8",
        "bounds on nonzero counts against rho",
        "pipeline.figures.figure8:figure_8",
        "tests/figures/test_figure1_and_8.py",
    ),
)
