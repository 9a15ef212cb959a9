"""Theorem 4.2(ii) (Theorem B.5): moderate rho, P = O~(N d^(1/4) rho^(1/2)), error at most eta.

Proof. In its own stage a ball of the group lies within one cell, at least 1/(2n) - r right of the
wall below and 1/(3n) - r left of the one above (Lemma B.15), so for gamma <= 1/(2n) - r the key and
the label are exact on all of it. In another stage the floors are exact outside the bands of width
gamma above the walls, so there the key is that of the cell. A cell whose key has a label is that
of a centre c of the group with clearance h >= 1/(3n); its points lie within sqrt(m) (1 - h) of c.
A ball of another label has its centre at least sqrt(m) from c, hence at least sqrt(m) h > r from
the cell, and never meets it. So outside the bands f_s is 0 or the ball's own label, and the maximum
is the label. All balls lie in [0, R)^m and 2^floor_layers >= R, so cells of different keys differ.

The bands: z'_j is an affine functional of x whose range over the ball has length 2 ||w_j|| mu. By
Lemma B.11 a band takes at most the share gamma / (||w_j|| mu) V_(d-1) / V_d of the ball, and a ball
narrower than 1 - gamma meets at most one band a coordinate. With G stages and m coordinates the
error is at most eta if

    gamma <= min_j ||w_j|| mu (eta / G) V_d / (m V_(d-1)).

Deviations from the paper: gamma as above, a power of two (the paper's is for a uniform point of the
m-ball, and the image of a uniform point of the d-ball is not uniform there); n points a group and
not n + 1; R counts every ball, active or not.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from pipeline.construction.built import Built, Claim
from pipeline.construction.lattice import LatticeOptions
from pipeline.construction.lattice import gamma_bits as least_gamma_bits
from pipeline.construction.lattice_stages import Cells, Staged, points_a_group
from pipeline.construction.lattice_variants import Variant
from pipeline.data import SeparatedDataset
from pipeline.exact import root_lower
from pipeline.network import Plan
from pipeline.theory import volume_ratio_above

_VARIANT = Variant("thm_4_2_ii", Cells.RAMPS, "lattice_stages")


def plan_thm_4_2_ii(N: int, d: int, C: int, rho: Fraction, *, scale: int | None = None) -> Plan:
    """Return the widths for any dataset of N points in R^d of this scale (mode `paper`).

    The error eta changes weights, not widths.

    Args:
        N: number of points, up to 10^12 and beyond.
        d: input dimension.
        C: number of classes.
        rho: robustness ratio in (1/(5 N sqrt d), 1/(5 sqrt d)].
        scale: all points lie within 2^scale eps_D of the middle of their box.

    Raises:
        ValueError: if rho is outside the theorem's range, or the scale is missing.
    """
    return _VARIANT.plan(N, d, C, rho, scale)


def build_thm_4_2_ii(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    eta: Fraction | str = Fraction(1, 100),
    mode: str = "paper",
    scale: int | None = None,
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` with error at most eta (Theorem 4.2(ii), Definition 4.1).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (1/(5 N sqrt d), 1/(5 sqrt d)].
        p: norm; the theorem is proved for p = 2 here.
        eta: bound on the share of every ball on which f != y, in (0, 1).
        mode: "paper" takes all sizes from (N, d, C, rho, scale); "adaptive" the smallest that the
            data need.
        scale: all points lie within 2^scale eps_D of the middle of their box; the data's own by
            default.
        weight_bits: fractional bits of the projection's rows.
        draws: random projections tried before giving up.
        seed: seed of the first draw.

    Returns:
        The network with its certificate: L_rho <= eta, every ball exact in its own stage.

    Raises:
        ValueError: outside the ranges of rho and eta, for p != 2, for an unknown mode, for a scale
            that is too small, or when no draw keeps the separation.
    """
    error = _error(eta)
    options = LatticeOptions(mode, scale, weight_bits, draws, seed)
    found = _VARIANT.staged(dataset, rho, p, options)
    bits = gamma_bits_for(dataset, rho, found, error)
    return _VARIANT.built(
        dataset.d,
        rho,
        found,
        bits,
        fields={"gamma_bits": bits, "thresholds": False},
        deviations=(
            "gamma from the volume fraction of the d-ball, a power of two",
            "n points a group",
        ),
        notes=(("log2(1/gamma)", str(bits)),),
        claim=Claim.ERROR,
        eta=error,
    )


def plan_of_dataset(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    eta: Fraction | str = Fraction(1, 100),
    **options: Any,
) -> Plan:
    """Return the widths `build_thm_4_2_ii` would give, without building.

    eta changes weights, not widths; the other options and errors are those of the construction,
    and mode `paper` looks at the scale alone.
    """
    return _VARIANT.plan_of_dataset(dataset, rho, LatticeOptions(**options))


def _error(eta: Fraction | str) -> Fraction:
    try:
        error = Fraction(eta)
    except (ValueError, ZeroDivisionError):
        error = Fraction(0)
    if not 0 < error < 1:
        raise ValueError(f"eta must lie in (0, 1), got {eta} (Definition 4.1)")
    return error


def gamma_bits_for(dataset: SeparatedDataset, rho: Fraction, found: Staged, eta: Fraction) -> int:
    """Return the least q for which gamma = 2^-q keeps the error at eta and the active balls clear.

    Args:
        dataset: for mu and d.
        rho: robustness ratio.
        found: images, sizes and stages.
        eta: the error.
    """
    rows = found.images.projection.rows.numerators.astype(object)
    scale = Fraction(4) ** found.images.projection.rows.exponent
    shortest = int((rows * rows).sum(axis=1).min()) * scale
    half_range = root_lower(shortest * dataset.radius_power(rho, 2), 2)
    at = found.sizes
    share = eta / (at.stages * at.m * volume_ratio_above(dataset.d))
    largest = half_range * share
    n = points_a_group(dataset.N, dataset.d, rho, _VARIANT.name)
    return max(least_gamma_bits(n), math.ceil(1 / largest - 1).bit_length())
