"""Theorem 4.2(ii) with threshold activations (Section 4): the same rate, and no error at all.

The floors are computed by threshold units, bit by bit, and are exact everywhere, so there are no
bands: in every stage the key is that of the point's cell. The proof of `thm_4_2_ii_moderate` then
gives f = y_i on all of every open ball. Threshold units share their layers with the ReLUs that
carry z, y, the rests and the key.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pipeline.construction.built import Built
from pipeline.construction.lattice import LatticeOptions
from pipeline.construction.lattice_stages import Cells
from pipeline.construction.lattice_variants import Variant
from pipeline.data import SeparatedDataset
from pipeline.network import Plan

_VARIANT = Variant("thm_4_2_ii_threshold", Cells.THRESHOLDS, "lattice_stages")


def plan_thm_4_2_ii_threshold(
    N: int, d: int, C: int, rho: Fraction, *, scale: int | None = None
) -> Plan:
    """Return the widths for any dataset of N points in R^d of this scale (mode `paper`).

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


def build_thm_4_2_ii_threshold(
    dataset: SeparatedDataset,
    rho: Fraction,
    p: int | float = 2,
    *,
    mode: str = "paper",
    scale: int | None = None,
    weight_bits: int = 16,
    draws: int = 32,
    seed: int = 0,
) -> Built:
    """Robustly memorize `dataset` with threshold units beside ReLUs (Theorem 4.2(ii), Section 4).

    Args:
        dataset: N points in R^d, labels 1..C.
        rho: robustness ratio in (1/(5 N sqrt d), 1/(5 sqrt d)].
        p: norm; the theorem is proved for p = 2 here.
        mode: "paper" takes all sizes from (N, d, C, rho, scale); "adaptive" the smallest that the
            data need.
        scale: all points lie within 2^scale eps_D of the middle of their box; the data's own by
            default.
        weight_bits: fractional bits of the projection's rows.
        draws: random projections tried before giving up.
        seed: seed of the first draw.

    Returns:
        The network with its certificate; f = y_i on every open ball.

    Raises:
        ValueError: outside the range of rho, for p != 2, for an unknown mode, for a scale that is
            too small, or when no draw keeps the separation.
    """
    options = LatticeOptions(mode, scale, weight_bits, draws, seed)
    found = _VARIANT.staged(dataset, rho, p, options)
    fields = {"gamma_bits": 0, "thresholds": True}
    return _VARIANT.built(dataset.d, rho, found, 0, fields=fields, deviations=("n points a group",))


def plan_of_dataset(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, **options: Any
) -> Plan:
    """Return the widths `build_thm_4_2_ii_threshold` would give, without building.

    Options and errors are those of the construction; mode `paper` looks at the scale alone.
    """
    return _VARIANT.plan_of_dataset(dataset, rho, LatticeOptions(**options))
