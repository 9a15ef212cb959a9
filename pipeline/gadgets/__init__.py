"""Gadgets: small exact networks with a contract each, one lemma a module."""

from pipeline.gadgets.bit_extraction import bit_extraction
from pipeline.gadgets.bit_table import (
    BitTable,
    StoredKeys,
    bit_table_network,
    knot_rows,
    step_rows,
    zigzags,
)
from pipeline.gadgets.clip import bits_to_label, clipped_bits
from pipeline.gadgets.floor import (
    floor_network,
    floor_widths,
    floored,
    floored_by_thresholds,
    threshold_floor_network,
    threshold_floor_widths,
)
from pipeline.gadgets.folding import digits_of_cells, folded, folded_widths, nearness
from pipeline.gadgets.group_lookup import Group, group_lookup
from pipeline.gadgets.indicator import interval_indicator
from pipeline.gadgets.key_match import WordSizes, key_match
from pipeline.gadgets.memorizer import (
    MemorizerSizes,
    integer_memorizer,
    memorized,
    memorizer_sizes,
    memorizer_widths,
)
from pipeline.gadgets.rounding import rounded, rounding_tail, rounding_tolerance
from pipeline.gadgets.square import (
    first_square_step,
    fold_coefficients,
    square_error,
    square_step,
)
from pipeline.gadgets.step import integer_step, maximum, raised, ramp_step, threshold_step

__all__ = [
    "BitTable",
    "Group",
    "MemorizerSizes",
    "StoredKeys",
    "WordSizes",
    "bit_extraction",
    "bit_table_network",
    "bits_to_label",
    "clipped_bits",
    "digits_of_cells",
    "first_square_step",
    "floor_network",
    "floor_widths",
    "floored",
    "floored_by_thresholds",
    "fold_coefficients",
    "folded",
    "folded_widths",
    "group_lookup",
    "integer_memorizer",
    "integer_step",
    "interval_indicator",
    "key_match",
    "knot_rows",
    "maximum",
    "memorized",
    "memorizer_sizes",
    "memorizer_widths",
    "nearness",
    "raised",
    "ramp_step",
    "rounded",
    "rounding_tail",
    "rounding_tolerance",
    "square_error",
    "square_step",
    "step_rows",
    "threshold_floor_network",
    "threshold_floor_widths",
    "threshold_step",
    "zigzags",
]
