"""`make figures`: files, gallery and one run; a second call keeps what it does not draw."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from pipeline.figures.catalogue import FIGURES
from pipeline.stages import figures as stage
from pipeline.stages.figures import draw_figures
from pipeline.stages.store import StoreError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def drawn(lab, tmp_path_factory):
    """The folder after two calls: Figures 1 and 8, then Figure 1 at another size."""
    folder = tmp_path_factory.mktemp("gallery")
    for overrides in (["figures=[figure1,figure8]"], ["figures=[figure1]", "N=64", "seed=3"]):
        config = lab.config(
            *overrides,
            f"folder={folder}",
            f"tracking.uri={lab.uri}",
            f"tracking.experiment={folder.name}",
            name="figures",
        )
        draw_figures(config, ROOT)
    return folder


def test_every_figure_has_its_three_pictures_and_its_table(drawn):
    for stem in ("figure1", "figure8"):
        for form in ("png", "pdf", "svg", "csv"):
            assert (drawn / f"{stem}.{form}").stat().st_size > 1000
    assert set(pd.read_csv(drawn / "figure1.csv")["N"]) == {64}
    assert set(pd.read_csv(drawn / "figure8.csv")["N"]) == {65536}
    for name in ("table1.csv", "table1.md", "table1.tex", "references.bib"):
        assert (drawn / name).is_file()
    assert not [path for path in drawn.iterdir() if path.suffix == ".partial"]


def test_the_gallery_shows_all_figures_of_the_folder_and_how_each_was_drawn(drawn):
    page = (drawn / "figures.html").read_text(encoding="utf-8")
    sections = re.findall(r'<h2 id="(\w+)(?:-section)?">', page)
    assert sections == ["figure1", "figure8", "table1"]
    assert "make figures ARGS=&#34;figures=[figure1] N=64 seed=3&#34;" in page
    assert "make figures ARGS=&#34;figures=[figure8]&#34;" in page
    assert page.count("<svg ") == 2 and "N = 64, d = 64" in page
    rows = len(pd.read_csv(drawn / "figure1.csv"))
    assert f"The table it was drawn from: {rows} rows" in page
    # What it links to lies beside it, and nothing else is fetched.
    links = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert links and all((drawn / link).is_file() for link in links)
    HTMLParser().feed(page)


def test_each_call_is_one_finished_run_with_all_its_files(lab, drawn):
    runs = lab.runs(drawn.name)
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    first = min(runs, key=lambda run: run.info.start_time)
    files = {file.path for file in lab.client.list_artifacts(first.info.run_id)}
    assert {"figure1.svg", "figure8.pdf", "figures.html", "table1.tex", "config.yaml"} <= files
    assert {"time/figure1_s", "time/figure8_s"} <= set(first.data.metrics)


def test_a_figure_that_does_not_exist_is_refused_by_name(lab, tmp_path):
    config = lab.config("figures=[figure9]", f"folder={tmp_path}", name="figures")
    with pytest.raises(ValueError, match=r"figures must be among figure1, .*got 'figure9'"):
        draw_figures(config, ROOT)


def test_a_folder_that_cannot_be_made_fails_the_run_and_names_it(lab, tmp_path):
    (tmp_path / "file").write_text("in the way")
    config = lab.config(
        "figures=[figure1]",
        f"folder={tmp_path / 'file'}",
        f"tracking.uri={lab.uri}",
        f"tracking.experiment={tmp_path.name}",
        name="figures",
    )
    with pytest.raises(StoreError, match="the figures"):
        draw_figures(config, ROOT)
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"


def test_the_command_that_redraws_a_figure_is_kept_with_it(drawn):
    commands = json.loads((drawn / stage.COMMANDS).read_text(encoding="utf-8"))
    assert set(commands) == {"figure1", "figure8"}


def test_the_catalogue_has_every_figure_of_the_paper_once():
    stems = [figure.stem for figure in FIGURES]
    assert len(set(stems)) == len(stems)
    numbers = [figure.item for figure in FIGURES if re.fullmatch(r"Figure \d", figure.item)]
    assert numbers == [f"Figure {k}" for k in range(1, 9)]
    assert all(len(figure.caption) > 100 and figure.title for figure in FIGURES)
