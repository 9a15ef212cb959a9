"""The store and the cache are searched for a certified network that Proposition 3.2 excludes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.construction import build
from pipeline.construction.crossovers import Counted
from pipeline.data import SeparatedDataset, generate_dataset, save_dataset
from pipeline.network import Affine, ReLUNetwork, save_network
from pipeline.report import counted_json
from pipeline.stages.store import StageStore
from pipeline.tracking import TrackedRun, open_store, row_metrics, tracked_run, tracking_uri
from pipeline.tracking.widths import main

HALF = Fraction(1, 2)
HARD = generate_dataset("hard_width", N=9, d=8)[0]
PARAMS = {"rho": "1/2", "p": "2"}
# ceil(1/4 min{8, 8}) = 2.
GOOD = build("parallel_balls", HARD, HALF, 2).network


def of_width(width: int, d: int = 8) -> ReLUNetwork:
    """A network of this first hidden width, which no proof can be about below the bound."""
    first = Affine.from_floats(np.ones((width, d)), np.zeros(width))
    return ReLUNetwork.relu(first, Affine.from_floats(np.ones((1, width)), np.zeros(1)))


@pytest.fixture
def root(empty_database: Path, tmp_path: Path) -> Path:
    """A repository root with a store of its own."""
    (tmp_path / "mlruns").mkdir()
    shutil.copyfile(empty_database, tmp_path / "mlruns" / "mlflow.db")
    return tmp_path


def log(
    run: TrackedRun,
    folder: Path,
    network: ReLUNetwork | None,
    verified: int = 9,
    data: SeparatedDataset | None = HARD,
    construction: str = "pgd",
    **numbers: Any,
) -> None:
    """Log a row as a job does: tags, metrics, and the files that are given."""
    verdict = "VERIFIED" if verified == 9 else "UNKNOWN"
    dataset = "hard_width" if data is None else data.name
    run.set_tags({"construction": construction, "dataset": dataset, "verdict": verdict})
    numbers = {"N": 9, "d": 8, "C": 2, "rho": 0.5, "verified": verified, **numbers}
    run.log_metrics(row_metrics(unknown=numbers["N"] - numbers["verified"], **numbers))
    folder.mkdir(exist_ok=True)
    if data is not None:
        save_dataset(folder / "dataset.npz", data)
        run.log_artifact(folder / "dataset.npz")
    if network is not None:
        save_network(folder / "network.npz", network)
        run.log_artifact(folder / "network.npz", construction)


def scanned(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    uri = f"sqlite:///{root / 'mlruns' / 'mlflow.db'}"
    code = main(["--uri", uri, "--cache", str(root / "cache")])
    return code, capsys.readouterr().out


def job(root: Path, params: Mapping[str, str] = PARAMS, experiment: str = "widths"):
    return tracked_run("job", root=root, experiment=experiment, params=params)


def test_a_clean_store_passes_and_open_balls_are_not_counted(root, capsys):
    with job(root) as run:
        log(run, root / "a", GOOD, construction="parallel_balls")
        with run.child("open") as child:
            log(child, root / "b", of_width(1), verified=8)
        with run.child("other data") as child:
            cube = generate_dataset("cube", N=9, d=8)[0]
            log(child, root / "c", of_width(1), data=cube)
        with run.child("without a row") as child:
            child.log_metrics({"train/loss": 1.0})
    code, printed = scanned(root, capsys)
    assert printed.splitlines()[-1] == "WIDTHS: checked 1 network, none below"
    assert code == 0
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("parallel_balls")]
    width = str(GOOD.first_hidden_width)
    assert row[1:9] == ["9", "8", "1/2", "2", width, "2", "Proposition", "3.2"]
    assert row[-2:] == ["run", run.run_id[:12]]


def test_an_empty_store_has_nothing_to_show(root, capsys):
    assert scanned(root, capsys) == (0, "WIDTHS: checked 0 networks, none below\n")


@pytest.mark.parametrize("place", ["nested", "deleted, of another experiment"])
def test_a_planted_impossible_network_is_found_wherever_it_is(root, capsys, place):
    # Neither the name nor the logged width says so: points and weights do.
    disguised = SeparatedDataset("iris", HARD.X, HARD.y)
    with job(root) as run:
        log(run, root / "a", GOOD, construction="parallel_balls")
        if place == "nested":
            with run.child("planted") as child:
                log(child, root / "b", of_width(1), data=disguised, first_hidden_width=64)
                planted = child.run_id
    if place != "nested":
        with job(root, experiment="elsewhere") as run:
            log(run, root / "b", of_width(1), data=disguised, first_hidden_width=64)
            planted = run.run_id
        open_store(tracking_uri(None, root)).delete_run(planted)
    code, printed = scanned(root, capsys)
    assert code == 1
    assert "WIDTHS: 1 of 2 networks below what every network needs" in printed
    (line,) = [line for line in printed.splitlines() if "BELOW" in line]
    assert planted[:12] in line and line.startswith("pgd")


@pytest.mark.parametrize(("width", "code"), [(0, 1), (2, 0)])
def test_without_artifacts_the_metrics_decide(root, capsys, width, code):
    with job(root) as run:
        log(run, root / "a", None, data=None, first_hidden_width=width)
    assert scanned(root, capsys)[0] == code


def test_a_ratio_known_as_a_float_is_not_rounded_up(root, capsys):
    # 0.1 as a float lies above 1/10, and 1/100 of 100 dimensions needs exactly one neuron.
    sizes = {"N": 101, "d": 100, "verified": 101, "rho": 0.1}
    with job(root, {"rho": "9/10", "p": "2"}) as run:
        log(run, root / "a", None, data=None, first_hidden_width=1, **sizes)
    code, printed = scanned(root, capsys)
    assert code == 0 and " 1/10 " in printed


def test_other_norms_have_bounds_of_their_own(root, capsys):
    with job(root, {"rho": "51/100", "p": "inf"}) as run:
        log(run, root / "a", of_width(7), rho=0.51)
    code, printed = scanned(root, capsys)
    assert code == 1 and "Proposition C.7" in printed
    # Proposition 3.2 would want 1, and so does l_1.
    for p in ("1", "2"):
        with job(root, {"rho": "1/3", "p": p}) as run:
            log(run, root / "b", of_width(1), rho=1 / 3)
    assert "1 of 3 networks" in scanned(root, capsys)[1]


def counted(width: int | None, dataset: str = "hard_width", verdict: str = "verified") -> Counted:
    return Counted(
        "yu2024", "yu2024", 9, 8, "1/2", verdict, 100, 3,
        dataset=dataset, first_hidden_width=width,
    )  # fmt: skip


def test_counts_of_a_grid_are_looked_at(root, capsys):
    rows = [
        counted(2),
        counted(1, "sphere"),
        counted(1, verdict="planned"),
        counted(None),
    ]
    grids = ((([], 0), "certified.json"), (([counted(1)], 1), "figure1_networks.json"))
    for (more, expected), name in grids:
        with job(root) as run:
            run.log_metrics({"time/count_s": 1.0})
            run.log_text(counted_json(rows + more), name)
        code, printed = scanned(root, capsys)
        assert code == expected
        assert ("checked 1 network," if not more else "1 of 2 networks") in printed


def test_a_damaged_network_is_said_not_to_be_examined(root, capsys):
    with job(root) as run:
        log(run, root / "a", None)
        (root / "network.npz").write_bytes(b"no network")
        run.log_artifact(root / "network.npz", "pgd")
    code, printed = scanned(root, capsys)
    assert f"not examined: run {run.run_id}: " in printed
    assert (code, printed.splitlines()[-1]) == (
        0, "WIDTHS: checked 0 networks, none below; 1 not examined",
    )  # fmt: skip


def cached(folder: Path, network: ReLUNetwork, unknown: int, stage: str = "verify") -> None:
    """File a network and its verdict in a cache as the stages do."""
    store = StageStore(folder, True)

    def saved(save, thing, name):
        return lambda place: save(place / name, thing)

    made = store.outputs("generate", {}, {}, saved(save_dataset, HARD, "dataset.npz"))
    config = {"rho": "1/2", "p": "2"}
    if stage == "search":

        def search(place: Path) -> None:
            (place / "search.json").write_text("{}")
            if not unknown:
                save_network(place / "network.npz", network)

        store.outputs("search", config, {"dataset": made.digests["dataset.npz"]}, search)
        return
    built = store.outputs(
        "construct", {"name": "mine"}, {}, saved(save_network, network, "network.npz")
    )
    document = {"verified": 9 - unknown, "falsified": 0, "unknown": unknown}
    upstream = {
        "dataset": made.digests["dataset.npz"],
        "network": built.digests["network.npz"],
    }

    def verify(place: Path) -> None:
        (place / "decision.json").write_text(json.dumps(document))

    store.outputs("verify", config, upstream, verify)


@pytest.mark.parametrize(
    ("network", "unknown", "code", "examined", "stage"),
    [
        (GOOD, 0, 0, 1, "verify"),
        (of_width(1), 0, 1, 1, "verify"),
        (of_width(1), 1, 0, 0, "verify"),
        (of_width(1), 0, 1, 1, "search"),
        (of_width(1), 1, 0, 0, "search"),
    ],
)
def test_the_cache_is_looked_at(root, capsys, network, unknown, code, examined, stage):
    cached(root / "cache", network, unknown, stage)
    (root / "cache" / "half-made").mkdir()
    found, printed = scanned(root, capsys)
    assert found == code
    assert printed.count("cache ") == examined
    assert ("mine " if stage == "verify" else "trained ") in printed or not examined


def test_counts_in_the_cache_are_looked_at(root, capsys):
    store = StageStore(root / "cache", True)
    rows = counted_json([counted(1)])
    store.outputs("count", {}, {}, lambda place: (place / "counts.json").write_text(rows))
    assert scanned(root, capsys)[0] == 1


def test_one_network_in_a_run_and_in_the_cache_is_one_network(root, capsys):
    cached(root / "cache", GOOD, 0)
    with job(root) as run:
        log(run, root / "a", GOOD)
    assert "checked 1 network, none below" in scanned(root, capsys)[1]


def test_a_store_that_cannot_be_read_is_no_clean_store(capsys):
    assert main(["--uri", "http://127.0.0.1:9", "--cache", "none"]) == 1
    assert "unreachable" in capsys.readouterr().err
