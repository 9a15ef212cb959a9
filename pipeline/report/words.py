"""What was and was not established about a network, in sentences for the report."""

from __future__ import annotations

from pipeline.report.details import DECISION_RULES, RowDetails
from pipeline.report.rows import SummaryRow


def claim(row: SummaryRow, details: RowDetails) -> str:
    """Return in words what was and was not established about a row's balls."""
    rule = DECISION_RULES[details.decision_rule]
    norm = str(row.p).replace("inf", "∞").translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    ball = f"every x′ in the open ℓ{norm} ball of radius μ around xᵢ"
    if row.status == "planned":
        return (
            "No network was built. The parameter count follows from the plan's layer widths "
            "(Eq. 3), and nothing is claimed about any ball."
        )
    if row.verified is None:
        return "The network was built and not checked: nothing is claimed about any ball."
    if row.status == "verified":
        return f"Proved for all {row.N:,} balls: {rule} for every i and {ball} (Definition 2.2)."
    parts = _other_claim(row)
    if row.verified:
        parts.append(f"Proved for {row.verified:,} of {row.N:,} balls: {rule} for {ball}.")
    if row.falsified:
        parts.append(
            f"Refuted on {row.falsified:,} of {row.N:,} balls: each has a point strictly inside "
            f"where {rule} fails in exact arithmetic."
        )
    if row.unknown and row.claim == "error":
        balls = "ball" if row.unknown == 1 else "balls"
        parts.append(f"Undecided on {row.unknown:,} {balls}: whether {rule} on all of it.")
    elif row.unknown:
        parts.append(f"Nothing is claimed about {row.unknown:,} balls.")
    return " ".join(parts)


def _other_claim(row: SummaryRow) -> list[str]:
    """Return the sentences about a claim that is not about every point of the balls."""
    if row.claim == "points":
        words = "f(xᵢ) = yᵢ at every data point (memorization, nothing about robustness)."
        return [f"Proved: {words}" if row.holds else f"Not proved: {words}"]
    if row.claim != "error":
        return []
    words = "a uniform point of each ball is wrong with probability at most"
    missed = "The claimed bound on the robust memorization error was not proved."
    parts = [] if row.holds else [missed]
    if row.error_bound is not None:
        parts.append(f"Proved: {words} {row.error_bound} (Definition 4.1).")
    if row.error_estimate is not None:
        parts.append(
            f"Sampled: wrong at {row.error_estimate:.2%} of the samples of the worst ball; "
            f"Clopper–Pearson limits of the error, for all balls at once: {row.error_lower:.3g} "
            f"and {row.error_upper:.3g}."
        )
    return parts
