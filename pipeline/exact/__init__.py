"""Exact dyadic arithmetic: integers with an exponent, norms compared without roots."""

from pipeline.exact.cores import available_cores, usable_cores
from pipeline.exact.dyadic import DyadicArray, as_dyadic, dyadic_of_fraction
from pipeline.exact.files import digest_of_file, load_arrays
from pipeline.exact.limbs import (
    LIMB_BITS_MAX,
    carried,
    integers_from_limbs,
    limbs_from_integers,
    sign_digits,
)
from pipeline.exact.norms import (
    distance_power,
    enclosing_l2_radius_squared,
    parse_norm,
    parse_ratio,
    radius_power,
    root_lower,
    root_upper,
)
from pipeline.exact.product import integer_matmul, max_bit_length

__all__ = [
    "LIMB_BITS_MAX",
    "DyadicArray",
    "as_dyadic",
    "available_cores",
    "carried",
    "digest_of_file",
    "distance_power",
    "dyadic_of_fraction",
    "enclosing_l2_radius_squared",
    "integer_matmul",
    "integers_from_limbs",
    "limbs_from_integers",
    "load_arrays",
    "max_bit_length",
    "parse_norm",
    "parse_ratio",
    "radius_power",
    "root_lower",
    "root_upper",
    "usable_cores",
    "sign_digits",
]
