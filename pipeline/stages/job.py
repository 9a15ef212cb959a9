"""One job: generate, construct, train, verify, report, tracked from the first line to the last."""

from __future__ import annotations

import datetime
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.construction.auto import CHOICE
from pipeline.construction.crossovers import Counted, crossovers
from pipeline.construction.exponents import Exponent
from pipeline.data import SeparatedDataset, load_dataset
from pipeline.exact import parse_norm, parse_ratio
from pipeline.figures import FORMATS
from pipeline.report import (
    TABLES,
    RunDetails,
    SummaryRow,
    console_table,
    crossovers_table,
    exponents_table,
    write_tables,
)
from pipeline.stages.construct import construct
from pipeline.stages.exponents import (
    MEASURED,
    TABLE,
    grow,
    grown,
    measure,
    measured,
    require_measurable,
)
from pipeline.stages.generate import DATASET, NOTES, generate
from pipeline.stages.outcome import Outcome, outcome
from pipeline.stages.phase_diagram import count_cells, counts_of, require_countable
from pipeline.stages.report import report
from pipeline.stages.store import StageOutputs, StageStore, write_errors
from pipeline.stages.track import track_counts, track_exponents, track_row
from pipeline.stages.train import train
from pipeline.stages.verify import DECISION, verify
from pipeline.tracking import (
    TrackedRun,
    config_digest,
    run_name,
    stage_time,
    tracked_run,
)
from pipeline.tracking.errors import masked
from pipeline.tracking.git import git_tags
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
    """
    tracking = config["tracking"]
    tags = {
        "dataset": str(config["dataset"]["name"]),
        "config_digest": config_digest(config),
    }
    name = f"{config['dataset']['name']} rho{config['rho']}"
    with tracked_run(
        name,
        root=root,
        uri=tracking["uri"],
        experiment=tracking["experiment"],
        tags=tags,
        params=config,
    ) as run:
        started = time.monotonic()
        # A run that fails must not leave the summary of an earlier one beside its own files.
        for name in ("summary.json", "report.html", TABLE, *TABLES):
            (run_dir / name).unlink(missing_ok=True)
        outcomes = _stages(config, run_dir, root, command, run)
        spent = time.monotonic() - started
    _log.info("\n%s", console_table([each.row for each in outcomes]))
    _log.info("\nsummary    %s", run_dir / "summary.json")
    if config["report"]["html"]:
        _log.info("report     %s", run_dir / "report.html")
    _log.info("dashboard  %s   (run %s, %.0f s)", _dashboard(tracking["uri"]), run.run_id, spent)
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
    with _stage("generate", config["dataset"]["name"]) as done:
        generated = generate(store, config)
        data = load_dataset(generated.file(DATASET))
        done(generated, f"N = {data.N:,}, d = {data.d}, C = {data.C}{_merged(generated)}")
    run.set_tags(
        {"mlflow.runName": run_name(data.name, data.d, data.N, str(rho), "+".join(methods))}
    )
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
    found = _exponents(config, store, run_dir, run)
    counts = _phase_diagram(config, store, run_dir, run)
    details = _details(config, data, generated, command, root, outcomes)
    with _stage("report", str(run_dir)) as done:
        started = time.monotonic()
        with write_errors("the report", run_dir):
            written = report(outcomes, details, config, run_dir, found, counts)
        run.log_metrics({stage_time("report"): time.monotonic() - started})
        done(None, f"{len(written)} files")
    for path in written:
        run.log_artifact(path)
    return outcomes


def _exponents(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> list[Exponent] | None:
    """Return the measured exponents, printed, filed and logged; None where none are asked for."""
    names = config["exponents"]["constructions"]
    if not names:
        return None
    networks = []
    for network, certify in grow(store, config):
        with _stage("grow", network) as done:
            networks.append(certify())
            done(networks[-1], f"P = {grown(networks[-1])['parameter_count']:,}, certified")
    with _stage("exponents", ", ".join(names)) as done:
        outputs = measure(store, config, networks)
        found = measured(outputs)
        done(outputs, f"{len(found)} fits")
    table = run_dir / TABLE
    with write_errors("the exponents", run_dir):
        shutil.copyfile(outputs.file(TABLE), table)
    spent = sum(each.seconds for each in (outputs, *networks))
    run.log_metrics({stage_time("exponents"): spent})
    track_exponents(run, found, table)
    _log.info("\n%s\n", exponents_table(found, config["exponents"]["confidence"]))
    return found


def _phase_diagram(
    config: Mapping[str, Any], store: StageStore, run_dir: Path, run: TrackedRun
) -> list[Counted]:
    """Return the counts of every construction on the grid, printed, filed and logged."""
    outputs = []
    for cell, count in count_cells(store, config):
        with _stage("count", cell) as done:
            outputs.append(count())
            rows = counts_of(outputs[-1:])
            proved = sum(row.verdict == "verified" for row in rows)
            done(outputs[-1], f"{proved} networks certified, {len(rows)} constructions")
    counts = counts_of(outputs)
    if counts:
        with write_errors("the phase diagram", run_dir):
            files = write_tables(counts, run_dir)
        run.log_metrics({stage_time("count"): sum(each.seconds for each in outputs)})
        track_counts(run, counts, files)
        _log.info("\n%s\n", crossovers_table(crossovers(counts)))
    return counts


def _merged(generated: StageOutputs) -> str:
    """Return how many repeated rows were merged, also when the dataset was made earlier."""
    notes = json.loads(generated.file(NOTES).read_text(encoding="utf-8"))
    count = notes.get("merged_duplicates", 0)
    return f"; repeated rows merged: {count:,}" if count else ""


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
    require_measurable(config["exponents"])
    require_countable(config["phase_diagram"])
    methods = list(config["construction"])
    if config["baseline"]["name"] != "none":
        methods.append(config["baseline"]["name"])
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
        with _stage("construct", name) as done:
            made = stages["construct"] = construct(store, name, config, dataset)
            planned = "network.npz" not in made.digests
            done(made, "planned, not built" if planned else f"built{_choice(made)}")
        if planned:
            return stages
    else:
        with _stage("train", name) as done:
            made = stages["train"] = train(store, config, dataset)
            done(made, "trained")
    files = {"dataset": dataset, "network": made.file("network.npz")}
    if "certificate.json" in made.digests:
        files["certificate"] = made.file("certificate.json")
    with _stage("verify", name) as done:
        stages["verify"] = verify(store, config, files, name in config["construction"])
        done(stages["verify"], _verdicts(stages["verify"]))
    return stages


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


@contextmanager
def _stage(stage: str, subject: str) -> Iterator[Any]:
    """Print the stage before it starts and what came of it, reused or made, at its end."""
    _log.info("%-9s  %s ...", stage, subject)

    def done(outputs: StageOutputs | None, what: str) -> None:
        how = "" if outputs is None else f"  ({outputs.seconds:.1f} s)"
        if outputs is not None and outputs.reused:
            how = "  (unchanged, reused)"
        _log.info("%-9s  %s%s", "", what, how)

    yield done


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
