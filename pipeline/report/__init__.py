"""Console table, summary.json and report.html of a run."""

from pipeline.report.balls_explorer import DecidedBalls
from pipeline.report.console import console_table
from pipeline.report.details import BallData, FileDigest, RowDetails, RunDetails
from pipeline.report.exponents import (
    exponents_csv,
    exponents_frame,
    exponents_of_csv,
    exponents_summary,
    exponents_table,
)
from pipeline.report.figure_networks import (
    NETWORK_FIGURES,
    NETWORK_TABLES,
    NetworkFigure,
    network_figures,
    networks_frame,
    ratios_table,
    write_networks,
)
from pipeline.report.page import report_page
from pipeline.report.phase_diagram import (
    TABLES,
    counted_frame,
    counted_json,
    counted_of_json,
    crossovers_frame,
    crossovers_table,
    write_tables,
)
from pipeline.report.phase_figures import phase_figures
from pipeline.report.price_of_learning import (
    PRICE_TABLES,
    price_figures,
    prices_frame,
    prices_json,
    prices_of_json,
    prices_table,
    write_prices,
)
from pipeline.report.rows import SummaryRow
from pipeline.report.summary_file import read_summary, write_summary

__all__ = [
    "NETWORK_FIGURES",
    "NETWORK_TABLES",
    "NetworkFigure",
    "PRICE_TABLES",
    "TABLES",
    "BallData",
    "DecidedBalls",
    "FileDigest",
    "RowDetails",
    "RunDetails",
    "SummaryRow",
    "console_table",
    "counted_frame",
    "counted_json",
    "counted_of_json",
    "crossovers_frame",
    "crossovers_table",
    "exponents_csv",
    "exponents_frame",
    "exponents_of_csv",
    "exponents_summary",
    "exponents_table",
    "network_figures",
    "networks_frame",
    "phase_figures",
    "price_figures",
    "prices_frame",
    "prices_json",
    "prices_of_json",
    "prices_table",
    "ratios_table",
    "read_summary",
    "report_page",
    "write_networks",
    "write_prices",
    "write_summary",
    "write_tables",
]
