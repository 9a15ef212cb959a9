"""Claims about sweep.html: self-contained, offline, safe with any text, complete up to a limit."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from pipeline.report import sweep_page as module
from pipeline.report.sweep_page import SweptJob, sweep_page
from tests.report.elements import Elements

NASTY = '</script><script>alert(1)</script><!-- & "quoted" \u2028'
JOBS = [
    SweptJob(
        "N9 rho1/4", "FINISHED", "VERIFIED", "voting", "cube", 9, 4, "1/4", 0.25, "large",
        77, 8.0, 5, 1.0, 2.5, "ab12", "",
    ),
    SweptJob("N9 rho5/4", "FAILED", reason=NASTY, dataset="cube"),
]  # fmt: skip


def rows_of(page):
    data = json.loads(Elements(page).scripts[0])
    return [dict(zip(data["names"], row, strict=True)) for row in data["rows"]]


@pytest.fixture(scope="module")
def page():
    return sweep_page("grid <b>", JOBS, "2 jobs: 1 finished, 1 failed", "now, commit abc")


def test_the_page_asks_for_nothing_from_anywhere(page):
    for tag, attributes in Elements(page).found:
        for name in ("src", "href", "action", "srcset"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(|fetch\(|eval\(", page)


def test_only_the_pages_own_script_may_run(page):
    elements = Elements(page)
    (policy,) = [a["content"] for t, a in elements.found if a.get("http-equiv")]
    scripts = [a for t, a in elements.found if t == "script"]
    assert [a.get("type") for a in scripts] == ["application/json", None]
    digest = base64.b64encode(hashlib.sha256(elements.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "innerHTML" not in elements.scripts[1]


def test_no_text_of_a_job_leaves_its_place(page):
    assert [row["reason"] for row in rows_of(page)] == ["", NASTY]
    assert "alert(1)</script>" not in page and "<b>" not in page and "grid &lt;b&gt;" in page


def test_numbers_arrive_as_they_were(page):
    first, second = rows_of(page)
    assert first["parameter_count"] == 77 and first["ratio"] == 0.25 and first["rho"] == "1/4"
    assert first["times"] == 77 / 8.0
    assert second["parameter_count"] is None and second["times"] is None


def test_every_filter_has_a_field_with_a_label(page):
    wanted = {"dataset", "regime", "verdict", "construction", "status"}
    fields = {a["name"] for t, a in Elements(page).found if t == "select"}
    assert fields == wanted
    assert all(f'<select name="{name}">' in page for name in wanted)
    assert page.count("<label>") == len(wanted) + 1


def test_a_page_of_too_many_jobs_says_where_the_others_are(monkeypatch):
    monkeypatch.setattr(module, "MOST_JOBS", 1)
    page = sweep_page("long", JOBS, "2 jobs", "now")
    assert "2 jobs. The first 1 are here, all are in sweep.csv." in page
    assert len(rows_of(page)) == 1
