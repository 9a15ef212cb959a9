"""Figures: one module a figure, table in, figure out."""

from pipeline.figures.crossovers import figure_crossovers
from pipeline.figures.figure1 import MeasuredCount, figure_1
from pipeline.figures.figure_networks import figure_networks
from pipeline.figures.files import replace_file
from pipeline.figures.per_ball import figure_error_bounds, figure_margins
from pipeline.figures.phase_diagram import figure_exponents, figure_phase_diagram
from pipeline.figures.price_of_learning import figure_price_of_learning
from pipeline.figures.style import FORMATS, figure_bytes, save_figure

__all__ = [
    "FORMATS",
    "MeasuredCount",
    "figure_1",
    "figure_bytes",
    "figure_crossovers",
    "figure_error_bounds",
    "figure_exponents",
    "figure_margins",
    "figure_networks",
    "figure_phase_diagram",
    "figure_price_of_learning",
    "replace_file",
    "save_figure",
]
