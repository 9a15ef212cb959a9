"""What the jobs of a sweep found out together: nothing twice, nothing lost, what is drawn said."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline.construction.crossovers import Counted
from pipeline.report import counted_json
from pipeline.sweep.page import write_sweep_page
from pipeline.sweep.pictures import networks_figure
from pipeline.sweep.results import log_results
from pipeline.sweep.studies import swept_studies
from pipeline.sweep.summary import BEFORE, FINISHED, JobRow
from pipeline.tracking.errors import Unreachable

CONFIG = {
    "report": {"formats": ["svg"], "html": True},
    "figure_1": {"additive_d": False},
    "figure_8": {"additive_d": False},
    "exponents": {"confidence": 0.95},
}


def counted(name: str, N: int, rho: str, P: int) -> Counted:
    return Counted(name, name, N, N, rho, "verified", P, 3, dataset="sphere", nonzero_count=P - 1)


def job(run_id: str, status: str = FINISHED, **changes) -> JobRow:
    row = JobRow(
        run_id, run_id, status, run_id, "VERIFIED", "parallel_balls", 77, 1.0, dataset="sphere",
        N=16, d=4, rho="1/4", regime="large",
    )  # fmt: skip
    return replace(row, **changes)


class Store:
    """A store of files by run, of which some cannot be read."""

    def __init__(self, files: dict[str, dict[str, str]], failure: Exception | None = None):
        self.files, self.failure, self.asked = files, failure, []

    def list_artifacts(self, run_id):
        return [SimpleNamespace(path=name) for name in self.files[run_id]]

    def download_artifacts(self, run_id, name, folder):
        self.asked.append(run_id)
        if self.failure is not None:
            raise self.failure
        path = Path(folder) / name
        if name in self.files[run_id]:
            path.write_text(self.files[run_id][name], encoding="utf-8")
        return str(path)


class Run:
    """Of a tracked run, what results are logged with."""

    uri = "sqlite:///x.db"

    def __init__(self):
        self.tables, self.files = {}, []

    def log_table(self, frame, file):
        self.tables[file] = frame

    def log_artifact(self, path):
        assert path.is_file()
        self.files.append(path.name)


SHARED = counted("parallel_balls", 16, "1/2", 130)
HALVES = {
    "one": {"certified.json": counted_json([SHARED, counted("yu2024", 16, "1/2", 900)])},
    "two": {"certified.json": counted_json([SHARED, counted("parallel_balls", 64, "1/2", 426)])},
    "three": {},
}


def test_the_counts_of_all_jobs_are_one_table_without_repetition(tmp_path):
    rows = [job("one"), job("two", BEFORE), job("gone", "FAILED")]
    studies = swept_studies(Store(HALVES), Run.uri, rows, tmp_path, CONFIG)
    assert list(studies) == ["certified.json"]
    frame = studies["certified.json"].frame
    assert list(frame["parameter_count"]) == [130, 900, 426]
    kept = pd.read_csv(tmp_path / "certified.csv")
    assert list(kept["construction"]) == ["parallel_balls", "yu2024", "parallel_balls"]
    figures = studies["certified.json"].figures
    assert list(figures) == ["phase_diagram", "crossovers", "crossovers_published"]
    assert "of the paper and earlier work alone" in studies["certified.json"].text


def test_a_job_without_the_table_is_left_out_with_a_warning(tmp_path, caplog):
    rows = [job("one"), job("three")]
    studies = swept_studies(Store(HALVES), Run.uri, rows, tmp_path, CONFIG)
    assert len(studies["certified.json"].frame) == 2
    assert "1 finished jobs have no certified.json that can be read" in caplog.text


def test_a_lost_server_is_not_taken_for_a_missing_table(tmp_path):
    from requests.exceptions import ConnectionError as Lost

    store = Store(HALVES, Lost("refused"))
    with pytest.raises(Unreachable):
        swept_studies(store, "http://127.0.0.1:1", [job("one")], tmp_path, CONFIG)


def test_jobs_that_are_not_done_are_not_asked(tmp_path):
    store = Store(HALVES)
    rows = [job("gone", "FAILED"), job("", BEFORE), job("one")]
    swept_studies(store, Run.uri, rows, tmp_path, CONFIG)
    assert store.asked == ["one"]
    assert swept_studies(store, Run.uri, rows[:2], tmp_path, CONFIG) == {}


def test_fits_of_all_jobs_stand_in_one_table(tmp_path):
    head = "construction,variable,value,quantity,measured,slope,low,high,expected\n"
    lines = "{0},N,10,P,5,0.5,0.4,0.6,0.5\n{0},N,20,P,7,0.5,0.4,0.6,0.5\n"
    files = {name: {"exponents.csv": head + lines.format(name)} for name in ("one", "two")}
    study = swept_studies(Store(files), Run.uri, [job("one"), job("two")], tmp_path, CONFIG)
    assert list(study["exponents.csv"].frame["construction"]) == ["one", "one", "two", "two"]
    lines = study["exponents.csv"].text.splitlines()
    assert [line.split()[:3] for line in lines[2:4]] == [
        ["one", "N", "0.500"],
        ["two", "N", "0.500"],
    ]
    assert len(pd.read_csv(tmp_path / "exponents.csv")) == 4


def test_figures_and_tables_are_filed_and_logged(tmp_path):
    networks = {
        "one": {"figure1_networks.json": counted_json([SHARED])},
        "two": {"figure1_networks.json": counted_json([counted("yu2024", 16, "1/9", 900)])},
    }
    run = Run()
    figures = log_results(run, Store(networks), [job("one"), job("two")], tmp_path, CONFIG)
    assert all(picture.lstrip().startswith("<?xml") for picture in figures.values())
    page = tmp_path / "sweep.html"
    write_sweep_page(page, "grid", [job("one")], tmp_path, figures)
    text = page.read_text(encoding="utf-8")
    assert len(figures) == 2
    assert all(f"<figcaption>{caption}.</figcaption>" in text for caption in figures)
    assert set(run.files) == {
        "figure1_networks.csv", "figure1_networks.json", "networks.svg", "figure1_networks.svg",
    }  # fmt: skip
    assert list(run.tables) == ["figure1_networks_table.json"]
    read = json.loads((tmp_path / "figure1_networks.json").read_text(encoding="utf-8"))
    assert [Counted(**each) for each in read][0] == SHARED
    assert asdict(SHARED) in read


def points(figure):
    """Return title -> (rho, P) of every marker of a panel."""
    return {
        axes.get_title(loc="left"): [
            (float(x), int(y))
            for line in axes.get_lines()
            if line.get_marker() not in ("None", None)
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        ]
        for axes in figure.axes
    }


def test_every_done_job_with_a_network_stands_in_the_panel_of_its_size():
    rows = [
        job("one"),
        job("two", BEFORE, N=64, rho="1/2", parameter_count=208),
        job("lost", "FAILED", parameter_count=5),
        job("other norm", p="1", parameter_count=6),
        job("uncounted", parameter_count=None),
    ]
    caption, figure = networks_figure(rows)
    assert caption == "First network of every job on the bounds"
    assert points(figure) == {
        "sphere, N = 16, d = 4": [(0.25, 77)],
        "sphere, N = 64, d = 4": [(0.5, 208)],
    }
    assert networks_figure(rows[2:]) is None


def test_a_figure_of_many_sizes_shows_some_and_says_so():
    rows = [job("a", N=16 * n, dataset=name) for n in range(1, 10) for name in "abcde"]
    caption, figure = networks_figure(rows)
    assert caption.endswith("4 of 9 sizes and 4 of 5 datasets")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "a, N = 16, d = 4"
    assert titles[-1] == "d, N = 144, d = 4" and len(titles) == 16


def test_of_several_seeds_the_one_that_does_least_counts(tmp_path):
    small, large = (
        counted("parallel_balls", 16, "1/2", 130),
        counted("parallel_balls", 16, "1/2", 150),
    )
    rejected = replace(small, verdict="rejected", reason="an answer", nonzero_count=None)
    for texts, kept in (
        ((small, large), large),
        ((large, small), large),
        ((rejected, large), rejected),
    ):
        files = {str(n): {"certified.json": counted_json([row])} for n, row in enumerate(texts)}
        study = swept_studies(Store(files), Run.uri, [job("0"), job("1")], tmp_path, CONFIG)
        (row,) = study["certified.json"].frame.to_dict(orient="records")
        assert (row["verdict"], row["parameter_count"]) == (kept.verdict, kept.parameter_count)


def test_a_trained_network_is_drawn_as_one_though_its_balls_are_proved():
    (caption, figure) = networks_figure([job("one", trained=True)])
    labels = [line.get_label() for line in figure.axes[0].get_lines()]
    assert any("trained: 77" in str(label) for label in labels)
