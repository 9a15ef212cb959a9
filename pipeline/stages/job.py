"""One job: generate, construct, train, verify, report, tracked from the first line to the last."""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.construction.auto import CHOICE
from pipeline.data import SeparatedDataset, load_dataset
from pipeline.exact import parse_norm, parse_ratio
from pipeline.figures import FORMATS
from pipeline.report import (
    RunDetails,
    SummaryRow,
    console_table,
)
from pipeline.stages.code_salt import code_has_changed, code_salt, require_code
from pipeline.stages.construct import construct
from pipeline.stages.exponents import MEASURED
from pipeline.stages.generate import DATASET, NOTES, generate
from pipeline.stages.note import job_note
from pipeline.stages.outcome import Outcome, outcome
from pipeline.stages.progress import announced
from pipeline.stages.report import report
from pipeline.stages.store import StageOutputs, StageStore, write_errors
from pipeline.stages.studies import STUDY_FILES, require_studies, run_studies
from pipeline.stages.track import track_row
from pipeline.stages.train import train
from pipeline.stages.verify import DECISION, verify
from pipeline.tracking import (
    TrackedRun,
    config_digest,
    run_name,
    stage_time,
    told_apart,
    tracked_run,
)
from pipeline.tracking.errors import masked
from pipeline.tracking.git import git_tags
from pipeline.tracking.jobs import MIXED, job_digest
from pipeline.tracking.names import TAG_JOB_DIGEST, TAG_SWEEP
from pipeline.verification.falsify import ATTACKS

_log = logging.getLogger("pipeline")
_VERSIONS = ("torch", "numpy", "python-flint", "mlflow", "hydra-core")


def run_job(
    config: Mapping[str, Any], run_dir: Path, root: Path, command: str
) -> tuple[SummaryRow, ...]:
    """Return the summary's rows after running all stages; files go to `run_dir`.

    Args:
        config: resolved configuration (`pipeline.config.Config`) as plain values.
        run_dir: where the files of this run go.
        root: the repository, below which the tracking store lies.
        command: the command line, for the report.

    Raises:
        ValueError: if the configuration or the data do not make sense.
        TrackingError: if the tracking store fails.
        StoreError: if a stage's outputs cannot be written.
        CodeChangedError: if the sources are not those that the sweep was launched with.
    """
    tracking = config["tracking"]
    sweep = config["sweep"]
    tags = {
        "dataset": str(config["dataset"]["name"]),
        # Of all methods, until the first one is done: a run that fails says what it tried.
        "construction": "+".join(_named(config)),
        "config_digest": config_digest(config),
        # What was asked for: a run that FINISHED was made by that code, another one by none.
        TAG_JOB_DIGEST: job_digest(config, sweep["code"] or code_salt()),
        **({TAG_SWEEP: sweep["name"]} if sweep["name"] else {}),
    }
    name = f"{config['dataset']['name']} rho{config['rho']}"
    with tracked_run(
        told_apart(name, sweep["label"]),
        root=root,
        uri=tracking["uri"],
        experiment=tracking["experiment"],
        tags=tags,
        params=config,
        parent=sweep["parent"],
        spool=Path(tracking["spool"]) if tracking["spool"] else None,
    ) as run:
        started = time.monotonic()
        # A run that fails must not leave the summary of an earlier one beside its own files.
        for name in ("summary.json", "report.html", *STUDY_FILES):
            (run_dir / name).unlink(missing_ok=True)
        require_code(sweep["code"])
        outcomes = _stages(config, run_dir, root, command, run)
        require_code(sweep["code"])
        if code_has_changed():
            _log.warning("the sources changed meanwhile: no sweep will count this job as done")
            run.set_tags({TAG_JOB_DIGEST: MIXED})
        spent = time.monotonic() - started
    _log.info("\n%s", console_table([each.row for each in outcomes]))
    _log.info("\nsummary    %s", run_dir / "summary.json")
    if config["report"]["html"]:
        _log.info("report     %s", run_dir / "report.html")
    _log.info("dashboard  %s   (%s, %.0f s)", _dashboard(tracking["uri"]), run.place, spent)
    return tuple(each.row for each in outcomes)


def _dashboard(uri: str | None) -> str:
    """Return the command that opens the dashboard of a store, or the address of a server."""
    if uri is None:
        return "make ui"
    return masked(uri) if uri.startswith("http") else f'make ui ARGS="--uri {masked(uri)}"'


def _stages(
    config: Mapping[str, Any], run_dir: Path, root: Path, command: str, run: TrackedRun
) -> list[Outcome]:
    rho, p = parse_ratio(config["rho"]), parse_norm(config["p"])
    methods = _methods(config)
    store = StageStore(Path(config["cache"]["folder"]), config["cache"]["enabled"])
    with announced("generate", config["dataset"]["name"]) as done:
        generated = generate(store, config)
        data = load_dataset(generated.file(DATASET))
        done(generated, f"N = {data.N:,}, d = {data.d}, C = {data.C}{_merged(generated)}")
    name = run_name(data.name, data.d, data.N, str(rho), "+".join(methods))
    run.set_tags({"mlflow.runName": told_apart(name, config["sweep"]["label"])})
    run.log_input(
        data.name,
        generated.digests[DATASET],
        str(config["dataset"]["path"] or f"pipeline.data {config['dataset']['name']}"),
        {"N": data.N, "d": data.d, "C": data.C},
    )
    outcomes = []
    for name in methods:
        stages = _made(store, config, name, generated)
        with write_errors(f"the files of {name}", run_dir):
            outcomes.append(outcome(name, data, rho, p, stages, run_dir))
        track_row(run, outcomes[-1], data, headline=len(outcomes) == 1)
    run.set_tags({"mlflow.note.content": job_note(outcomes, run.run_id)})
    studies = run_studies(config, store, run_dir, run)
    details = _details(config, data, generated, command, root, outcomes)
    with announced("report", str(run_dir)) as done:
        started = time.monotonic()
        with write_errors("the report", run_dir):
            written = report(outcomes, details, config, run_dir, studies)
        run.log_metrics({stage_time("report"): time.monotonic() - started})
        done(None, f"{len(written)} files")
    for path in written:
        run.log_artifact(path)
    return outcomes


def _merged(generated: StageOutputs) -> str:
    """Return how many repeated rows were merged, also when the dataset was made earlier."""
    notes = json.loads(generated.file(NOTES).read_text(encoding="utf-8"))
    count = notes.get("merged_duplicates", 0)
    return f"; repeated rows merged: {count:,}" if count else ""


def _named(config: Mapping[str, Any]) -> list[str]:
    baseline = str(config["baseline"]["name"])
    return [*config["construction"], *([baseline] if baseline != "none" else [])]


def _methods(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the constructions, then of the baseline.

    Raises:
        ValueError: if there is nothing to do, or a list names what does not exist.
    """
    verification = config["verification"]
    for key, known, given in (
        ("verification.on_constructed", ATTACKS, verification["on_constructed"]),
        ("verification.on_trained", ATTACKS, verification["on_trained"]),
        ("report.formats", FORMATS, config["report"]["formats"]),
        ("exponents.constructions", MEASURED, config["exponents"]["constructions"]),
    ):
        strangers = sorted(set(given) - set(known))
        if strangers:
            raise ValueError(f"{key} must be among {', '.join(known)}, got {strangers[0]!r}")
    require_studies(config)
    methods = _named(config)
    if not methods:
        raise ValueError("a job needs a construction or a baseline, got construction=[] and none")
    return methods


def _made(
    store: StageStore, config: Mapping[str, Any], name: str, generated: StageOutputs
) -> dict[str, StageOutputs]:
    """Return the outputs of construction or training, and of verification."""
    dataset = generated.file(DATASET)
    stages = {"generate": generated}
    if name in config["construction"]:
        with announced("construct", name) as done:
            made = stages["construct"] = construct(store, name, config, dataset)
            planned = "network.npz" not in made.digests
            done(made, "planned, not built" if planned else f"built{_choice(made)}")
        if planned:
            return stages
    else:
        with announced("train", name) as done:
            made = stages["train"] = train(store, config, dataset)
            done(made, "trained")
    files = {"dataset": dataset, "network": made.file("network.npz")}
    if "certificate.json" in made.digests:
        files["certificate"] = made.file("certificate.json")
    with announced("verify", name) as done:
        stages["verify"] = verify(store, config, files, _decision(config, name))
        done(stages["verify"], _verdicts(stages["verify"]))
    return stages


def _decision(config: Mapping[str, Any], name: str) -> str:
    """Return what a network is held to: f = y where it was built, the baseline's own rule else."""
    return "exact" if name in config["construction"] else str(config["baseline"]["decision"])


def _choice(made: StageOutputs) -> str:
    """Return what `construction=auto` chose, nothing for another construction."""
    sizes = json.loads(made.file("sizes.json").read_text(encoding="utf-8"))
    chosen = dict(sizes.get("notes", [])).get(CHOICE)
    return f"; {CHOICE} {chosen}" if chosen else ""


def _verdicts(verified: StageOutputs) -> str:
    document = json.loads(verified.file(DECISION).read_text(encoding="utf-8"))
    counts = ", ".join(f"{document[v]:,} {v}" for v in ("verified", "falsified", "unknown"))
    if document["claim"] in ("balls", "none"):
        return counts
    return f"claim {document['claim']} {'proved' if document['holds'] else 'not proved'}; {counts}"


def _details(
    config: Mapping[str, Any],
    data: SeparatedDataset,
    generated: StageOutputs,
    command: str,
    root: Path,
    outcomes: Sequence[Outcome],
) -> RunDetails:
    return RunDetails.of_dataset(
        data,
        generated.digests[DATASET],
        str(parse_ratio(config["rho"])),
        str(parse_norm(config["p"])),
        seed=config["seed"],
        command=command,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        git_commit=git_tags(root).get("git_commit"),
        versions=tuple((package, version(package)) for package in _VERSIONS),
        rows=tuple(each.details for each in outcomes),
    )
