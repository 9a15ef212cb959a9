"""report.html: one file that opens anywhere, offline, and asks for no trust."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from pipeline.construction.crossovers import Counted, crossovers
from pipeline.construction.exponents import Exponent
from pipeline.figures import figure_bytes, figure_error_bounds, figure_margins
from pipeline.report.balls_explorer import DecidedBalls, balls_explorer
from pipeline.report.console import bound_text, count_text, footnote, ratio_text, verdict_text
from pipeline.report.details import DECISION_RULES, BallData, RowDetails, RunDetails, exact_text
from pipeline.report.explorer import page_script
from pipeline.report.exponents import interval_text
from pipeline.report.exponents_explorer import exponents_explorer
from pipeline.report.figure_networks import NETWORK_FIGURES, ratio_columns, ratio_note
from pipeline.report.networks_explorer import networks_explorer
from pipeline.report.phase_diagram import times_text
from pipeline.report.price_of_learning import PRICE_COLUMNS, price_texts, price_words
from pipeline.report.rows import SummaryRow
from pipeline.report.words import claim

if TYPE_CHECKING:
    from pipeline.baseline.price import LearningPrice


def report_page(
    rows: Sequence[SummaryRow],
    figures: Mapping[str, str | bytes],
    details: RunDetails,
    verdicts: Sequence[BallData] = (),
    exponents: Sequence[Exponent] = (),
    counts: Sequence[Counted] = (),
    prices: Sequence[LearningPrice] = (),
    networks: Mapping[str, Sequence[Counted]] | None = None,
    decided: Sequence[DecidedBalls] = (),
    bounds: pd.DataFrame | None = None,
) -> str:
    """Return the report as self-contained HTML: claims, table, plots, how to check again.

    All of it is read without the page's script, which adds filters and plots that answer.

    Args:
        rows: of the summary.
        figures: caption -> SVG text or PNG bytes.
        details: of the run, one `RowDetails` a row in the rows' order.
        verdicts: numbers of single balls to plot.
        exponents: measured exponents of the constructions' sizes, for a section of their own.
        counts: of the phase diagram, of which another says what is cheapest where.
        prices: trained networks beside built ones, for another.
        networks: by key of `NETWORK_FIGURES` what is drawn on it; its constants are another.
        decided: the verdict table of each network.
        bounds: of `bounds_table`, for the curves beside the run's networks.

    Raises:
        ValueError: if details and rows do not match, or a figure is neither SVG nor PNG.
    """
    names = [row.construction for row in rows]
    if [each.construction for each in details.rows] != names:
        raise ValueError(
            f"details must describe the rows {names} in order, "
            f"got {[each.construction for each in details.rows]}"
        )
    pictures = dict(figures) | ball_figures(verdicts)
    script, script_digest = page_script()
    slack = next((ball.margin_label for ball in verdicts if ball.margins is not None), "")
    return page_template("report.html.jinja").render(
        run=details,
        entries=[_entry(row, each) for row, each in zip(rows, details.rows, strict=True)],
        figures=[
            (caption, inline_figure(content, caption, f"figure-{number}"))
            for number, (caption, content) in enumerate(pictures.items(), start=1)
        ],
        separation=exact_text(details.separation_power),
        radius=exact_text(details.radius_power),
        footnote=footnote(rows),
        rules=DECISION_RULES,
        exponents=[(each, interval_text(each)) for each in exponents],
        cells=[
            (cell, count_text(cell.parameter_count), times_text(cell.ratio))
            for cell in crossovers(counts)
        ],
        prices=[(price_texts(row), row.impossible) for row in prices],
        price_columns=PRICE_COLUMNS,
        price_words=price_words(prices),
        ratios=_ratios(networks or {}),
        networks=networks_explorer(rows, counts, networks, prices, bounds),
        balls=balls_explorer(decided, slack),
        points=exponents_explorer(exponents),
        script=script,
        script_digest=script_digest,
    )


def _ratios(networks: Mapping[str, Sequence[Counted]]) -> list[dict[str, Any]]:
    """Return of each figure with networks its item, tables of constants, note and file."""
    found = []
    for key, counts in networks.items():
        on, tables = NETWORK_FIGURES[key], []
        for column, theorem in on.ratios.items():
            columns = ratio_columns(counts, column, on)
            rows = list(zip(*(each.cells for each in columns), strict=True))
            tables.append((theorem, [each.title for each in columns], rows))
        note = ratio_note(counts, on)
        found.append({"on": on, "tables": tables, "note": note[0].upper() + note[1:]})
    return found


def page_template(name: str) -> Template:
    """Return a template of this folder; what it is given is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def ball_figures(verdicts: Sequence[BallData]) -> dict[str, str]:
    """Return caption -> SVG of the margins and of the error bounds, where there are any."""
    figures: dict[str, str] = {}
    for label in dict.fromkeys(ball.margin_label for ball in verdicts):
        margins = {
            ball.construction: ball.margins
            for ball in verdicts
            if ball.margin_label == label and ball.margins is not None and np.size(ball.margins)
        }
        if margins:
            svg = figure_bytes(figure_margins(margins, label), "svg").decode()
            figures[f"Verified balls by {label}"] = svg
    for confidence in dict.fromkeys(ball.confidence for ball in verdicts):
        bounds = {
            ball.construction: ball.error_upper
            for ball in verdicts
            if ball.confidence == confidence
            and ball.error_upper is not None
            and np.size(ball.error_upper)
        }
        if bounds:
            svg = figure_bytes(figure_error_bounds(bounds, confidence), "svg").decode()
            figures[f"Robust error: Clopper–Pearson upper bounds, confidence {confidence}"] = svg
    return figures


def inline_figure(content: str | bytes, caption: str, name: str) -> Markup:
    """Return SVG text or a PNG as markup that needs no other file.

    Identifiers of an SVG get the figure's name in front, so that two figures on a page do not mix.

    Raises:
        ValueError: if the content is neither SVG nor PNG, or the SVG carries a script.
    """
    label = Markup.escape(caption)
    if isinstance(content, bytes):
        if not content.startswith(b"\x89PNG"):
            raise ValueError("a figure must be SVG text or PNG bytes")
        data = base64.b64encode(content).decode()
        return Markup(f'<img alt="{label}" src="data:image/png;base64,{data}">')
    start = content.find("<svg")
    if start < 0 or re.search(r"<script|<foreignObject|\son\w+\s*=", content, re.IGNORECASE):
        raise ValueError("a figure must be SVG text without scripts, or PNG bytes")
    svg = re.sub(r"<metadata>.*?</metadata>", "", content[start:], flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace('<style type="text/css">*{', f'<style type="text/css">#{name} *{{')
    return Markup(svg.replace("<svg ", f'<svg id="{name}" role="img" aria-label="{label}" ', 1))


def _style(row: SummaryRow) -> str:
    """Return the style of a verdict: a proved claim is not shown as refuted by its own words."""
    proved = row.status in ("verified", "error bound", "points only")
    return "falsified" if row.falsified and not proved else row.status.replace(" ", "-")


def _entry(row: SummaryRow, details: RowDetails) -> dict[str, Any]:
    return {
        "row": row,
        "details": details,
        "claim": claim(row, details),
        "verdict": verdict_text(row),
        "status": _style(row),
        "counts": [
            count_text(row.parameter_count),
            count_text(row.nonzero_count),
            count_text(row.depth),
            count_text(row.width),
            count_text(row.first_hidden_width),
            count_text(row.bit_complexity),
            bound_text(row.lower_bound),
            ratio_text(row),
        ],
        "seconds": f"{sum(row.seconds.values()):.1f}",
        "stages": ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in row.seconds.items()),
    }
