"""What the scripts of the pages are given: every network and ball, safe with any text, capped."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.construction.crossovers import PLANNED, REFUSED, REJECTED, VERIFIED, Counted
from pipeline.construction.exponents import Exponent, Fit
from pipeline.report import balls_explorer as balls_module
from pipeline.report import networks_explorer as networks_module
from pipeline.report.balls_explorer import DecidedBalls, balls_explorer
from pipeline.report.explorer import Column
from pipeline.report.exponents_explorer import exponents_explorer
from pipeline.report.networks_explorer import networks_explorer
from pipeline.theory import bounds_table, theorem_3_1
from tests.report.elements import Elements
from tests.report.test_page import ROWS, page
from tests.report.test_price_of_learning import FOUND, OPEN

NASTY = '</script><script>alert(1)</script><!-- & "quoted" \u2028'
COUNTS = [
    Counted("voting", "voting(k=2)", 16, 4, "1/20", VERIFIED, 90, 5, dataset="sphere"),
    Counted("yu2024", "yu2024", 16, 4, "1/2", PLANNED, 900, 5, dataset="sphere"),
    Counted("thm_4_2_i", "thm_4_2_i", 16, 4, "1/2", REFUSED, None, None, reason=NASTY),
    Counted("egosi2025", "egosi2025", 16, 4, "1/2", REJECTED, 70, 3, reason="not proved"),
]
TABLE = pd.DataFrame(
    {
        "index": [0, 1, 2, 3],
        "label": [1, 2, 1, 2],
        "verdict": ["VERIFIED", "UNKNOWN", "VERIFIED", "FALSIFIED"],
        "method": ["certificate", "none", "certificate", "pgd"],
        "margin": [3.5, float("nan"), 0.25, float("nan")],
    }
)


def by(explorer, key):
    return [row[key] for row in explorer.rows]


def test_the_explorer_holds_the_networks_of_run_and_studies_with_verdicts_of_the_dashboard():
    found = networks_explorer(ROWS, COUNTS[:2], {"figure_1": COUNTS[2:]}, [FOUND, OPEN])
    assert by(found, "construction")[:3] == [row.construction for row in ROWS]
    # A width that never succeeded is no network.
    assert by(found, "construction")[7:] == ["voting", "parallel_balls", "trained"]
    assert by(found, "verdict") == [
        "VERIFIED", "PLANNED", "FALSIFIED", "VERIFIED", "PLANNED", "does not apply", "UNKNOWN",
        "VERIFIED", "VERIFIED", "VERIFIED",
    ]  # fmt: skip
    assert by(found, "part")[::3] == ["this run", "phase diagram", "Figure 1", "price of learning"]
    assert not found.folded and networks_explorer(ROWS).folded


def test_each_network_has_the_bound_and_the_regime_of_its_own_sizes():
    planned = networks_explorer([], COUNTS[:2]).rows
    assert [row["regime"] for row in planned] == ["moderate", "large"]
    assert planned[1]["lower_bound"] == float(theorem_3_1(16, 4, 0.5))
    assert planned[1]["times"] == 900 / planned[1]["lower_bound"]
    (refused,) = networks_explorer([], COUNTS[2:3]).rows
    assert refused["times"] is None and refused["parameter_count"] is None
    # Where the summary has no bound, as for other norms, none is made up from p = 2.
    (other,) = networks_explorer([replace(ROWS[0], p="inf", rho="1/3")]).rows
    assert other["lower_bound"] == 5.0 and other["regime"] == "large"


def test_a_network_is_called_verified_here_only_if_the_summary_says_so():
    partly = replace(ROWS[0], verified=3, unknown=1)
    (row,) = networks_explorer([partly]).rows
    assert (row["verdict"], row["verified"]) == ("UNKNOWN", 0.75)
    verdicts = dict.fromkeys(by(networks_explorer([], COUNTS), "verdict"))
    rejected = networks_explorer([], COUNTS[3:]).rows[0]
    assert "UNKNOWN" in verdicts and rejected["verified"] is None


def test_curves_belong_to_a_run_without_studies():
    bounds = bounds_table(4, 2, points=20)
    (sizes, _) = networks_explorer(ROWS, bounds=bounds).plots
    assert [len(curve["points"]) > 10 for curve in sizes.curves] == [True] * 5
    (sizes, _) = networks_explorer(ROWS, COUNTS, bounds=bounds).plots
    assert sizes.curves == () and sizes.bound == "lower_bound"


def test_balls_come_worst_first_with_slack_only_where_it_is_proved():
    found = balls_explorer([DecidedBalls("voting", TABLE)], "slack\nof the ball")
    assert by(found, "ball") == [1, 3, 2, 0]
    assert by(found, "slack") == [None, None, 0.25, 3.5]
    assert by(found, "share") == [None, None, 0.5, 1.0]
    assert by(found, "method") == ["", "pgd", "certificate", "certificate"]
    assert found.plots[0].x_log and "Slack of the ball." in found.plots[0].caption
    assert balls_explorer([]) is None and balls_explorer([DecidedBalls("x", TABLE[:0])]) is None


def test_too_many_rows_are_cut_and_the_page_says_where_the_others_are(monkeypatch):
    monkeypatch.setattr(balls_module, "MOST_BALLS", 3)
    found = balls_explorer([DecidedBalls("voting", TABLE)])
    assert by(found, "ball") == [1, 3, 2] and "3 of 4 balls" in found.note
    monkeypatch.setattr(networks_module, "MOST_NETWORKS", 2)
    cut = networks_explorer(ROWS)
    assert len(cut.rows) == 2 and cut.note.startswith("The first 2 of 3 networks")


def test_a_verdict_table_is_read_without_its_witnesses(tmp_path):
    file = tmp_path / "verdicts.csv"
    TABLE.assign(witness="1 2 * 2**-3", output="").to_csv(file, index=False)
    assert list(DecidedBalls.read("voting", file).table) == list(TABLE)


def test_exponents_are_shown_by_their_points():
    fit = Fit(3.995, 3.9, 4.1)
    points = ((0.5, 1.0), (0.25, 16.0))
    found = exponents_explorer([Exponent("thm_4_2_iii", "rho", "P", 4, points, fit)])
    assert by(found, "value") == [0.5, 0.25] and by(found, "slope") == [3.995, 3.995]
    assert exponents_explorer([]) is None


def test_no_text_leaves_its_place_and_only_the_pages_own_script_may_run():
    text = page(counts=COUNTS, decided=[DecidedBalls(ROWS[0].construction, TABLE)])
    elements = Elements(text)
    kinds = [attrs.get("type") for tag, attrs in elements.found if tag == "script"]
    assert kinds == ["application/json", "application/json", None]
    data = json.loads(elements.scripts[0])
    assert NASTY in [row[data["names"].index("reason")] for row in data["rows"]]
    assert "alert(1)</script>" not in text
    (policy,) = [a["content"] for t, a in elements.found if a.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(elements.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "innerHTML" not in elements.scripts[-1]
    assert not any(name.startswith("on") for _, attrs in elements.found for name in attrs)


def test_without_the_script_its_parts_stay_hidden_and_the_tables_are_there():
    elements = Elements(page(decided=[DecidedBalls(ROWS[0].construction, TABLE)]))
    explorers = [attrs for _, attrs in elements.found if attrs.get("class") == "explorer"]
    assert [each["id"] for each in explorers] == ["networks", "balls"]
    assert all("hidden" in each for each in explorers)
    assert any(attrs.get("class") == "sortable" for _, attrs in elements.found)


def test_an_unknown_kind_of_column_is_refused():
    with pytest.raises(ValueError, match="kind must be one of text, whole"):
        Column("key", "title", "colour")
