"""What a job found out about one construction or baseline, read back from the stages' files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.data import SeparatedDataset
from pipeline.exact import digest_of_file
from pipeline.report import BallData, FileDigest, RowDetails, SummaryRow
from pipeline.stages.paper_plan import paper_bounds
from pipeline.stages.store import StageOutputs
from pipeline.stages.verify import DECISION, PROOFS, VERDICTS
from pipeline.theory import theorem_3_1

# Constructed networks are proved by geometry, trained ones by bounds of their output.
_MARGIN = (
    "proved slack: distance of a ball's image from another label's test or a cell's wall;\n"
    "for trained networks the margin of |f - y| < 1/2"
)


@dataclass(frozen=True)
class Outcome:
    """One row of the summary with everything the report and the tracking say about it.

    Args:
        row: the summary's row.
        details: the report's words about it.
        balls: numbers of single balls.
        files: paths by role, in the run directory.
        decision: what the verification stage filed, empty for a plan.
        curve: the training curve, empty for a construction.
        upper_bound: leading term of Theorem 4.2, None where it does not apply.
        paper_plan: parameters of the paper's construction at these sizes, None where none applies.
        paper_item: the theorem behind a construction, empty for a baseline.
    """

    row: SummaryRow
    details: RowDetails
    balls: BallData
    files: Mapping[str, Path]
    decision: Mapping[str, Any]
    curve: list[dict[str, float]]
    upper_bound: float | None
    paper_plan: int | None
    paper_item: str = ""

    @property
    def verdict(self) -> str:
        """One word on the network as a whole, the row's."""
        return self.row.verdict


def outcome(
    name: str,
    data: SeparatedDataset,
    rho: Fraction,
    p: int | float,
    stages: Mapping[str, StageOutputs],
    run_dir: Path,
) -> Outcome:
    """Return the outcome of one method, its files copied into the run directory.

    Args:
        name: of the construction or baseline.
        data: the dataset.
        rho: robustness ratio.
        p: norm of the balls.
        stages: outputs of "generate", "construct" or "train", and "verify" unless planned.
        run_dir: where the files go.
    """
    made = stages.get("construct") or stages["train"]
    sizes = json.loads(made.file("sizes.json").read_text(encoding="utf-8"))
    files = _copied(name, stages, made, run_dir)
    decision: dict[str, Any] = {}
    if "verify" in stages:
        decision = json.loads(stages["verify"].file(DECISION).read_text(encoding="utf-8"))
    curve = []
    if "curve.json" in made.digests:
        curve = json.loads(made.file("curve.json").read_text(encoding="utf-8"))
    row = SummaryRow(
        construction=name,
        dataset=data.name,
        N=data.N,
        d=data.d,
        C=data.C,
        rho=str(rho),
        p=str(p),
        parameter_count=sizes["parameter_count"],
        nonzero_count=sizes["nonzero_count"],
        depth=sizes["depth"],
        width=sizes["width"],
        first_hidden_width=sizes["first_hidden_width"],
        bit_complexity=sizes["bit_complexity"],
        lower_bound=float(theorem_3_1(data.N, data.d, rho, p=p)),
        verified=decision.get("verified"),
        falsified=decision.get("falsified"),
        unknown=decision.get("unknown"),
        claim=decision.get("claim", sizes.get("claim", "none")),
        holds=decision.get("holds"),
        points=decision.get("points"),
        error_bound=decision.get("error_bound"),
        error_estimate=decision.get("error_estimate"),
        error_lower=decision.get("error_lower"),
        error_upper=decision.get("error_upper"),
        trained="train" in stages,
        seconds={stage: outputs.seconds for stage, outputs in stages.items()},
        files={
            role: str(files[role].relative_to(run_dir)) if role in files else None
            for role in ("dataset", "network", "certificate")
        },
    )
    details = _details(name, sizes, decision, files, run_dir)
    return Outcome(
        row,
        details,
        _balls(name, decision),
        files,
        decision,
        curve,
        *paper_bounds(data, rho, p),
        paper_item=sizes.get("source", ""),
    )


def _copied(
    name: str, stages: Mapping[str, StageOutputs], made: StageOutputs, run_dir: Path
) -> dict[str, Path]:
    files = {"dataset": run_dir / "dataset.npz"}
    # Always: the directory may hold the dataset of an earlier run.
    shutil.copyfile(stages["generate"].file("dataset.npz"), files["dataset"])
    sources = {"network": (made, "network.npz"), "certificate": (made, "certificate.json")}
    if "verify" in stages:
        sources["verdicts"] = (stages["verify"], VERDICTS)
        sources["proofs"] = (stages["verify"], PROOFS)
        sources["decision"] = (stages["verify"], DECISION)
    for role, (outputs, file) in sources.items():
        place = run_dir / name / file
        if file in outputs.digests:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(outputs.file(file), place)
            files[role] = place
        else:
            place.unlink(missing_ok=True)
    return files


def _details(
    name: str,
    sizes: Mapping[str, Any],
    decision: Mapping[str, Any],
    files: Mapping[str, Path],
    run_dir: Path,
) -> RowDetails:
    notes = [(str(label), str(text)) for label, text in sizes.get("notes", [])]
    check = decision.get("check", {})
    notes += [("confirmed by the checker", fact) for fact in check.get("facts", [])]
    if check.get("reason"):
        notes.append(("the checker's reason", check["reason"]))
    if check.get("eta"):
        notes.append(("claimed bound eta on the robust memorization error", check["eta"]))
    if decision:
        tried = ", ".join(decision["attacks"])
        if decision["attacked_balls"] < sum(
            decision[v] for v in ("verified", "falsified", "unknown")
        ):
            tried += f" (points of {decision['attacked_balls']:,} balls, drawn from all)"
        notes.append(("attacks tried", tried))
        notes.append(("balls by method", _counts(decision["methods"])))
    command = None
    proof = next((role for role in ("certificate", "proofs") if role in files), None)
    if proof is not None:
        paths = [str(files[role].relative_to(run_dir)) for role in ("dataset", "network", proof)]
        command = f"python -m pipeline.verification.check {' '.join(paths)}"
    digests = tuple(
        FileDigest(role, str(path.relative_to(run_dir)), digest_of_file(path))
        for role, path in files.items()
    )
    return RowDetails(
        name,
        source=sizes.get("source", "trained baseline"),
        decision_rule=decision.get("decision", "exact"),
        notes=tuple(notes),
        check_command=command,
        files=digests,
    )


def _counts(methods: Mapping[str, int]) -> str:
    named = {"none": "undecided"}
    return ", ".join(f"{named.get(method, method)} {n:,}" for method, n in methods.items())


def _balls(name: str, decision: Mapping[str, Any]) -> BallData:
    check = decision.get("check", {})
    unproved = set(check.get("unproved", []))
    slack = enumerate(check.get("slack", []))
    margins = [s for i, s in slack if s is not None and i not in unproved]
    sampling = decision.get("sampling")
    return BallData(
        name,
        margins=margins or None,
        margin_label=_MARGIN,
        error_upper=sampling["ball_upper"] if sampling else None,
        confidence=f"{sampling['confidence']:.4g} for all balls at once" if sampling else "",
    )
