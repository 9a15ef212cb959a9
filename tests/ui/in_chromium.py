"""Dashboard and pages in a real browser (`make ui-test`): they load, show what they must, filter.

Not part of `make test`: the file's name is none that pytest collects by itself.
"""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.tracking.view import COLUMNS
from tests.ui.desk import BALLS, FAILED, JOBS, NETWORKS, ROOT, Dashboard, Desk, fill

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
# A mark, not a skip of the module: pytest calls a file without any test an error.
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium"
)
sync_api = pytest.importorskip("playwright.sync_api")

SHOTS = ROOT / "mlruns" / "ui-test"
# MLflow's page asks who is logged in, which its server without logins does not answer.
KNOWN = re.compile(r"/users/current$")
# Chromium's word for a layout that took two frames; and MLflow may draw its parallel coordinates
# once before it knows their size, of which nothing may be left.
HARMLESS = re.compile(r"ResizeObserver loop|^Error: <\w+> attribute \w+: .*(NaN|negative value)")
# MLflow opens its assistant over a fourth of the page on the first visit; previews of artifacts
# have no storage.
VISITED = """
try { localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true"); } catch {}
"""
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ui")
    fill(folder)
    dashboard = Dashboard(folder)
    try:
        yield Desk(
            *dashboard.addresses(),
            sweep=folder / "sweeps" / "grid" / "sweep.html",
            report=folder / "job" / "report.html",
            gallery=folder / "figures" / "figures.html",
        )
    finally:
        dashboard.close()


@pytest.fixture(scope="module")
def browser():
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    with sync_api.sync_playwright() as playwright:
        # A container's root has no sandbox; the pages are our own.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Open addresses in one window; at the end, nothing may have gone wrong on any of them."""
    wrong: list[str] = []

    def watch(message):
        if message.type == "error" and not KNOWN.search(message.location["url"]):
            note(message.text)

    def note(text):
        if not HARMLESS.search(text):
            wrong.append(text)

    def stranger(request):
        if not re.match(r"(http://127\.0\.0\.1:|file:|data:|blob:)", request.url):
            wrong.append(f"asked for {request.url}")

    contexts = []

    def opened(address, **settings):
        size = {"width": 1900, "height": 1200}
        context = browser.new_context(**{"viewport": size, **settings})
        contexts.append(context)
        context.add_init_script(VISITED)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", watch)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", stranger)
        page.goto(address.as_uri() if isinstance(address, Path) else address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def shot(page, name, whole=False):
    page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)


def named(columns):
    return [re.sub(r"^\w+\.`|`$", "", column) for column in columns]


def test_the_table_opens_on_the_columns_that_matter_and_on_every_run(desk, visit):
    page = visit(desk.table)
    page.get_by_text("matching runs").wait_for()
    header = page.locator(".ag-header-cell")
    page.locator(".ag-header-cell[col-id='tags.`verdict`']").wait_for()
    boxes = header.evaluate_all(
        "cells => cells.map(c => [c.getBoundingClientRect().x, c.innerText.trim()])"
    )
    titles = [title for _, title in sorted(boxes) if title]
    assert titles == ["Run Name", "Created", "Duration", *named(COLUMNS)]
    # The driver's run, its jobs, the job with its network and its curve, the gallery.
    assert page.get_by_text("matching runs").inner_text().split()[0] == str(1 + JOBS + 3 + 1)
    for text in ("sweep grid", "pgd training curve", "VERIFIED", "MEMORIZED", "0.01"):
        page.get_by_text(text, exact=True).first.wait_for()
    assert page.get_by_text("thm_4_2_iii needs rho").count() == FAILED
    shot(page, "dashboard-table")


def test_names_are_told_apart_by_their_first_14_characters(desk, visit):
    page = visit(desk.table)
    page.get_by_text("rho1/2 cube thm_4_2_iii N9 d4", exact=True).wait_for()
    cells = page.locator(".ag-cell[col-id='attributes.`Run Name`']")
    # The line before a name is its colour.
    names = [text.splitlines()[-1] for text in cells.all_inner_texts()]
    grid = [name for name in names if name.startswith("rho")]
    assert len(grid) == JOBS
    # What a long word cuts off, here the construction, stands in a column of its own.
    assert len({name[:14] for name in grid}) >= JOBS // 2


def test_the_charts_show_size_against_rho_on_log_axes_verified_and_parallel(desk, visit):
    page = visit(desk.charts)
    cards = page.get_by_test_id("experiment-view-compare-runs-card")
    page.get_by_text("Parallel Coordinates").wait_for()
    page.locator(".js-plotly-plot").nth(2).wait_for()
    titles = [text.splitlines()[0] for text in cards.all_inner_texts()][:4]
    assert titles == [
        "params/total",
        "robust/verified",
        "Parallel Coordinates",
        "robust/rho vs. params/ratio_to_lower",
    ]
    page.wait_for_function("document.querySelector('.js-plotly-plot').data?.some(d => d.x?.length)")
    line, bars, _ = page.locator(".js-plotly-plot").evaluate_all(
        """plots => plots.slice(0, 3).map(plot => ({
             title: plot.layout.xaxis.title?.text, log: plot.layout.yaxis.type,
             x: plot.data.flatMap(each => Array.from(each.x || []))}))"""
    )
    assert (line["title"], line["log"]) == ("robust/log2_rho", "log")
    assert {round(x, 2) for x in line["x"]} == {round(math.log2(1 / 100), 2), -1}
    unsized = page.locator("svg [transform*=NaN], svg [d*=NaN], svg [height=NaN]")
    assert unsized.count() == 0
    # Jobs that failed have no network; the job beside the sweep has two.
    assert len(bars["x"]) == JOBS - FAILED + 2
    shot(page, "dashboard-charts")


def test_a_job_says_what_was_proved_and_how_to_check_it(desk, visit):
    page = visit(desk.table)
    page.get_by_text("rho1/2 cube thm_4_2_iii N9 d4", exact=True).click()
    page.get_by_text("Proved for all 9 balls").wait_for()
    page.get_by_text("Show more").click()
    page.get_by_text(re.compile(r"make audit RUN=\w{32}")).wait_for()
    page.get_by_role("link", name="sweep grid").wait_for()
    shot(page, "dashboard-note")


def test_a_training_curve_is_reached_from_the_table(desk, visit):
    page = visit(desk.table)
    page.get_by_text("pgd training curve", exact=True).click()
    page.get_by_text("train/loss").first.wait_for()
    page.get_by_role("tab", name="Model metrics").click()
    page.locator(".js-plotly-plot").first.wait_for()
    shot(page, "dashboard-curve")


def shown(page):
    return SimpleNamespace(
        count=page.locator("#jobs .count").inner_text(),
        rows=page.locator("#jobs tbody tr").count(),
        marks=page.locator("#sizes .mark").count(),
        bars=page.locator("#shares .bar").count(),
    )


def test_sweep_page_filters_change_table_plots_and_count_together(desk, visit):
    page = visit(desk.sweep)
    done = JOBS - FAILED
    everything = shown(page)
    assert everything.count == f"{JOBS} of {JOBS} jobs shown."
    assert (everything.rows, everything.marks, everything.bars) == (JOBS, done, done)
    wanted = {
        "dataset": ("cube", JOBS // 2),
        "regime": ("large", JOBS // 2),
        "verdict": ("VERIFIED", JOBS // 4),
        "construction": ("vardi2022", JOBS // 2),
        "status": ("FAILED", FAILED),
    }
    for name, (value, expected) in wanted.items():
        page.locator(f"select[name={name}]").select_option(value)
        assert shown(page).rows == expected, name
        assert shown(page).count.startswith(f"{expected} of {JOBS} jobs shown")
        page.get_by_role("button", name="Show all").click()
        page.locator("#jobs .count", has_text=f"{JOBS} of {JOBS}").wait_for()
    page.locator("select[name=verdict]").select_option("VERIFIED")
    page.locator("select[name=dataset]").select_option("cube")
    both = shown(page)
    assert (both.rows, both.marks, both.bars) == (1, 1, 1)
    shot(page, "sweep-filtered", whole=True)
    page.locator("input[name=text]").fill("nothing has this name")
    assert shown(page).count == f"0 of {JOBS} jobs shown: none matches the filters."


def test_sweep_page_sorts_by_a_title_and_is_read_in_light_and_dark(desk, visit):
    page = visit(desk.sweep)
    page.get_by_role("button", name="P", exact=True).click()
    column = page.locator("#jobs tbody tr td:nth-child(10)")
    sizes = [int(t.replace(",", "")) for t in column.all_inner_texts() if t != "–"]
    assert sizes == sorted(sizes) and len(sizes) == JOBS - FAILED
    assert column.last.inner_text() == "–"
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("P")
    shot(page, "sweep-light", whole=True)
    dark = visit(desk.sweep, color_scheme="dark")
    assert dark.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
    shot(dark, "sweep-dark", whole=True)
    narrow = visit(desk.sweep, viewport={"width": 400, "height": 800})
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 400
    shot(narrow, "sweep-narrow")


def part(page, name, plot):
    return SimpleNamespace(
        count=page.locator(f"#{name} .count").inner_text(),
        rows=page.locator(f"#{name} tbody tr").count(),
        marks=page.locator(f"#{plot} .mark").count(),
    )


def test_report_filters_change_networks_plot_and_count_together(desk, visit):
    page = visit(desk.report)
    everything = part(page, "networks", "network-sizes")
    assert everything.count == f"{NETWORKS} of {NETWORKS} networks shown."
    assert everything.rows == NETWORKS
    # What does not apply has no size to draw.
    refused = page.locator("#networks tbody tr", has_text="does not apply").count()
    assert 0 < refused and everything.marks == NETWORKS - refused
    shot(page, "report", whole=True)
    fields = page.locator("#networks form")
    for name, value in (
        ("dataset", "hard_width"),
        ("regime", "large"),
        ("verdict", "VERIFIED"),
        ("construction", "voting"),
        ("part", "Figure 1"),
    ):
        fields.locator(f"select[name={name}]").select_option(value)
        found = part(page, "networks", "network-sizes")
        assert 0 < found.rows < NETWORKS and found.count.startswith(f"{found.rows} of ")
        column = page.locator("#networks thead th").evaluate_all(
            "(cells, key) => cells.findIndex(cell => cell.dataset.key === key)", name
        )
        cells = page.locator(f"#networks tbody tr td:nth-child({column + 1})").all_inner_texts()
        assert {text.splitlines()[0] for text in cells} == {value}
        fields.get_by_role("button", name="Show all").click()
        page.locator("#networks .count", has_text=f"{NETWORKS} of {NETWORKS}").wait_for()


def test_a_reports_legend_chooses_and_its_points_say_what_they_are(desk, visit):
    page = visit(desk.report)
    page.locator("#networks .legend button", has_text="parallel_balls").click()
    chosen = part(page, "networks", "network-sizes")
    # One of the run and one of each cell of the study.
    assert (chosen.rows, chosen.marks) == (5, 5)
    assert page.locator("#networks select[name=construction]").input_value() == "parallel_balls"
    page.locator("#network-sizes .mark").first.hover()
    words = page.locator("#network-sizes .tip").inner_text()
    assert "network: parallel_balls" in words and "P: " in words and "verdict: VERIFIED" in words
    shot(page, "report-hover")
    page.locator("#networks .legend button[aria-pressed=true]").click()
    assert part(page, "networks", "network-sizes").rows == NETWORKS


def test_a_report_lists_each_ball_with_its_verdict(desk, visit):
    page = visit(desk.report)
    assert part(page, "balls", "ball-slack").count == f"{BALLS} of {BALLS} balls shown."
    page.locator("#balls select[name=construction]").select_option("parallel_balls")
    found = part(page, "balls", "ball-slack")
    slack = page.locator("#balls tbody td:nth-child(6)").all_inner_texts()
    assert found.rows == BALLS // 2
    # A class that is where every test says no has none of its own, and no slack to draw.
    assert 0 < found.marks == sum(text != "–" for text in slack)
    assert page.locator("#balls tbody .verified").count() == BALLS // 2
    page.locator("#balls").screenshot(path=SHOTS / "report-balls.png")


def test_a_reports_tables_sort_by_numbers_and_are_read_narrow_dark_and_without_script(desk, visit):
    page = visit(desk.report)
    table = page.locator("table.sortable").first
    table.get_by_role("button", name="parameters P").click()
    sizes = [int(t.replace(",", "")) for t in table.locator("td:nth-child(3)").all_inner_texts()]
    assert sizes == sorted(sizes) and len(sizes) == 2
    table.get_by_role("button", name="parameters P").click()
    assert table.locator("td:nth-child(3)").first.inner_text() == f"{max(sizes):,}"
    assert table.locator("th[aria-sort=descending]").count() == 1
    narrow = visit(desk.report, viewport={"width": 400, "height": 800}, color_scheme="dark")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 400
    shot(narrow, "report-narrow-dark")
    plain = visit(desk.report, java_script_enabled=False)
    assert plain.locator(".explorer:visible").count() == 0
    assert plain.locator("table.sortable:visible").count() >= 3
    assert plain.locator("figure svg:visible").count() >= 2


def test_report_and_sweep_preview_in_the_dashboard(desk, visit):
    page = visit(desk.table)
    page.get_by_text("sweep grid", exact=True).click()
    page.get_by_text(f"{JOBS} jobs: ").first.wait_for()
    page.get_by_text("Show more").click()
    page.get_by_text("All with").wait_for()
    shot(page, "dashboard-sweep")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("sweep.html", exact=True).click()
    preview = page.frame_locator("iframe").locator("#jobs .count")
    preview.get_by_text(f"{JOBS} of {JOBS} jobs shown.").wait_for()
    shot(page, "dashboard-preview")


def test_the_gallery_loads_without_errors(desk, visit):
    page = visit(desk.gallery)
    assert page.locator("figure svg").count() >= 2 and page.locator("h2").count() >= 3
    shot(page, "gallery", whole=True)
