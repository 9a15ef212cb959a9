"""The prepared view: MLflow's undocumented format, written once and never multiplied."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import mlflow
import pytest

from pipeline.tracking import open_store, row_metrics, tracking_uri
from pipeline.tracking.names import EXPERIMENT, TAG_CONSTRUCTION, TAG_VERDICT
from pipeline.tracking.store import experiment_id
from pipeline.tracking.view import (
    COLUMNS,
    TAG,
    prepared_state,
    read_view,
    view_tag,
    view_url,
    write_view,
)

# What MLflow keeps of an experiment's tag.
MAX_TAG = 5000
ROW = row_metrics(
    parameter_count=40, lower_bound=5.0, N=4, d=2, rho=0.25, verified=4, falsified=0, unknown=0
)


@pytest.fixture
def experiment(root, client, request):
    uri = tracking_uri(None, root)
    return uri, experiment_id(client, uri, request.node.name, root)


def _views(client, experiment):
    tags = client.get_experiment(experiment).tags
    return {key: value for key, value in tags.items() if "sharedViewState" in key}


def test_the_view_is_written_once_and_then_left_alone(client, experiment):
    uri, key = experiment
    assert write_view(client, uri, key)
    written = _views(client, key)
    assert list(written) == [TAG] == ["mlflow.sharedViewState.results"]
    assert not write_view(client, uri, key)
    assert _views(client, key) == written


@pytest.mark.parametrize("broken", [False, True])
def test_a_view_of_an_earlier_version_is_replaced_in_its_place(client, experiment, broken):
    uri, key = experiment
    older = view_tag(prepared_state() | {"selectedColumns": []}, 1000, 2000)
    client.set_experiment_tag(key, TAG, "{not json" if broken else older)
    assert write_view(client, uri, key)
    (value,) = _views(client, key).values()
    state, created = read_view(value)
    assert state == prepared_state()
    assert (created == 1000) is not broken
    assert json.loads(value)["updatedAt"] > 2000


def test_the_tag_reads_as_mlflow_reads_it():
    value = view_tag(prepared_state(), 1, 2)
    assert len(value) <= MAX_TAG
    entry = json.loads(value)
    assert set(entry) == {"name", "createdAt", "updatedAt", "state"}
    prefix, packed = entry["state"].split(";")
    assert prefix == "deflate"
    assert json.loads(zlib.decompress(base64.b64decode(packed))) == prepared_state()


@pytest.mark.parametrize("value", ["", "{}", "[1]", '{"state": "deflate;!", "createdAt": 1}'])
def test_what_is_no_view_is_refused(value):
    with pytest.raises(ValueError, match="not a view"):
        read_view(value)


def test_every_column_and_every_axis_is_something_that_jobs_log():
    state = prepared_state()
    named = [re.fullmatch(r"(tags|metrics)\.`(.+)`", column) for column in COLUMNS]
    assert all(named) and state["selectedColumns"] == list(COLUMNS)
    metrics = {match[2] for match in named if match[1] == "metrics"}
    for chart in state["compareRunCharts"]:
        metrics |= {chart.get("metricKey"), chart.get("selectedXAxisMetricKey")} - {None}
        metrics |= set(chart.get("selectedMetrics", []))
        metrics |= {chart[axis]["key"] for axis in ("xaxis", "yaxis") if axis in chart}
    assert metrics <= set(ROW)
    tags = {match[2] for match in named if match[1] == "tags"}
    assert {TAG_CONSTRUCTION, TAG_VERDICT, "dataset", "error"} <= tags


def test_the_charts_are_rho_against_size_verified_parallel_and_ratio():
    charts = {chart["type"]: chart for chart in prepared_state()["compareRunCharts"]}
    assert list(charts) == ["LINE", "BAR", "PARALLEL", "SCATTER"]
    line = charts["LINE"]
    assert (line["selectedXAxisMetricKey"], line["scaleType"]) == ("robust/log2_rho", "log")
    assert ROW["robust/log2_rho"] == -2
    assert charts["BAR"]["metricKey"] == "robust/verified"
    sections = [section["uuid"] for section in prepared_state()["compareRunSections"]]
    assert len(sections) == len(set(sections))
    assert {chart["metricSectionId"] for chart in charts.values()} <= set(sections)


def test_the_installed_dashboard_still_knows_the_names_of_the_format():
    """A new MLflow may have renamed them; `make ui-test` then shows what is missing."""
    folder = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    (script,) = folder.glob("main.*.js")
    text = script.read_text(encoding="utf-8")
    assert "mlflow.sharedViewState." in text and "viewStateShareKey" in text
    state = prepared_state()
    for name in set(state) - {"orderByKey", "orderByAsc"}:
        assert f'"{name}"' in text, name
    for chart in state["compareRunCharts"]:
        assert f'"{chart["type"]}"' in text
        for name in set(chart) - {"type", "range", "yAxisExpressions"}:
            assert f"this.{name}=" in text, name


def test_both_addresses_open_the_view_among_training_runs():
    table, charts = view_url("7", port=81), view_url("7", port=81, charts=True)
    assert table.startswith("http://127.0.0.1:81/#/experiments/7/runs?")
    for address, mode in ((table, "TABLE"), (charts, "CHART")):
        query = address.partition("?")[2].split("&")
        assert "viewStateShareKey=results" in query and f"compareRunsMode={mode}" in query
        assert "workflowType=machine_learning" in query


def test_opening_the_dashboard_writes_the_view_and_prints_where_it_is(
    tmp_path, monkeypatch, capsys
):
    from pipeline.tracking import __main__ as dashboard

    started = []
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    monkeypatch.setattr(dashboard.os, "execv", lambda program, command: started.append(command))
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    dashboard.main(["--uri", uri, "--port", "5055"])
    client = open_store(uri)
    key = client.get_experiment_by_name(EXPERIMENT).experiment_id
    assert list(_views(client, key)) == [TAG]
    printed = capsys.readouterr().out
    assert view_url(key, port=5055) in printed and view_url(key, port=5055, charts=True) in printed
    (command,) = started
    assert command[-4:] == ["--host", "127.0.0.1", "--port", "5055"]
