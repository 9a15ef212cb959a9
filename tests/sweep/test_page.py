"""What sweep.html is given: jobs by what tells them apart, sizes and regimes from their runs."""

from types import SimpleNamespace

import pytest

from pipeline.sweep.page import swept_jobs, write_sweep_page
from pipeline.sweep.pending import SweepJob, job_labels
from pipeline.sweep.sizes import job_sizes, regime_of
from pipeline.sweep.summary import job_rows, sweep_frame

METRICS = {
    "data/N": 9.0,
    "data/d": 4.0,
    "params/total": 77.0,
    "params/lower_bound": 8.5,
    "net/first_hidden_width": 5.0,
    "robust/verified": 1.0,
}
TAGS = {"verdict": "VERIFIED", "construction": "voting", "dataset": "cube"}


def run(status="FINISHED", metrics=METRICS, rho="1/4", p="2"):
    return SimpleNamespace(
        info=SimpleNamespace(run_id="ab12", status=status, start_time=1000, end_time=3500),
        data=SimpleNamespace(tags=TAGS, metrics=metrics, params={"rho": rho, "p": p}),
    )


@pytest.fixture
def rows():
    jobs = [SweepJob(f"{k}" * 64, (f"rho={r}", "p=2"), None) for k, r in enumerate(("1/4", "5/4"))]
    runs = {"0" * 64: [run()], "1" * 64: [run("FAILED", {}, "5/4")]}
    return job_rows(jobs, runs, {})


def test_sizes_come_from_the_run_and_the_ratio_as_it_was_given():
    assert job_sizes(run()) == {
        "N": 9,
        "d": 4,
        "first_hidden_width": 5,
        "dataset": "cube",
        "rho": "1/4",
        "p": "2",
        "lower_bound": 8.5,
        "regime": "large",
        "trained": False,
    }


def test_a_network_of_the_jobs_baseline_is_trained():
    trained = run()
    trained.data.params = {"rho": "1/4", "p": "2", "baseline.name": "voting"}
    assert job_sizes(trained)["trained"] is True


@pytest.mark.parametrize(
    ("rho", "regime"),
    [("1/90", "small"), ("1/89", "moderate"), ("1/10", "moderate"), ("1/9", "large")],
)
def test_the_regimes_end_where_theorem_4_2_ends_them(rho, regime):
    assert regime_of(9, 4, rho, "2") == regime
    assert regime_of(None, 4, rho, "2") == ""


@pytest.mark.parametrize("rho", ["5/4", "half", ""])
def test_a_ratio_that_is_none_leaves_the_job_without_ratio_and_regime(rho):
    found = job_sizes(run(rho=rho))
    assert (found["rho"], found["regime"]) == ("", "")


def test_the_jobs_of_the_page_are_named_by_what_tells_them_apart(rows):
    first, second = swept_jobs(rows)
    assert (first.job, second.job) == ("rho1/4", "rho5/4")
    assert (first.ratio, first.regime, first.parameter_count) == (0.25, "large", 77)
    assert (first.run, first.verified, first.first_hidden_width) == ("ab12", 1.0, 5)
    assert (second.ratio, second.N, second.status) == (None, None, "FAILED")


def test_the_page_names_sweep_and_counts(rows, tmp_path):
    write_sweep_page(tmp_path / "sweep.html", "grid", rows, tmp_path)
    page = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "Sweep grid" in page and "2 jobs: 1 finished, 1 failed." in page


def test_counts_are_whole_numbers_in_the_table_where_some_are_unknown(rows):
    text = sweep_frame(rows).to_csv(index=False)
    assert ",77," in text and "77.0" not in text and ",9,4,1/4," in text


def test_a_label_has_only_what_differs_and_nothing_that_hydra_reads():
    grid = [
        ["dataset=cube", f"dataset.N={N}", f"construction=[{c}]", "p=2"]
        for N in (9, 17)
        for c in ("voting", "voting,yu2024", '"it\'s"')
    ]
    labels = job_labels(grid)
    assert labels[:3] == ["N9 voting", "N9 voting+yu2024", "N9 it+s"]
    assert len(set(labels)) == len(labels)
    assert not any(set(label) & set("'\"\\,[]{}$=") for label in labels)
    assert job_labels([["rho=1/2"]]) == [""] and job_labels([]) == []
