"""Gadgets: small exact networks with a contract each; constructions compose them with serial()."""

from pipeline.gadgets.clip import bits_to_label, clipped_bits
from pipeline.gadgets.square import (
    first_square_step,
    fold_coefficients,
    square_error,
    square_step,
)

__all__ = [
    "bits_to_label",
    "clipped_bits",
    "first_square_step",
    "fold_coefficients",
    "square_error",
    "square_step",
]
