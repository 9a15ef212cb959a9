"""What goes beyond the paper, by the sections of docs/theory.md."""

from __future__ import annotations

from pipeline.paper.item import Item

BEYOND = (
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
        note="no cell needs the value 0, so no keys need be stored",
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
        "beyond: docs/theory.md 7, keys",
        "keyed tables: 0 at every other integer, 8 parameters a group and 30 a bit of a gap",
        "pipeline.gadgets.keyed_table:keyed_label",
        "tests/gadgets/test_keyed_table.py",
        note="Lemma B.10's task; `memorizer: compact` of masked_moderate, `keyed` of "
        "halving_lattice",
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
    Item(
        "beyond: docs/theory.md 10",
        "a first hidden width that every robust memorizer of the given data has, proved",
        "pipeline.verification.necessary_width:necessary_first_width",
        "tests/verification/test_necessary_width.py",
        note="Proposition 3.2's argument on any dataset, l2; exact on its own",
    ),
)
