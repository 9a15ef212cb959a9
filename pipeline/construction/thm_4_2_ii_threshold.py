"""Theorem 4.2(ii) with threshold activations (Section 4): the same rate, and no error at all.

The floors are computed by threshold units, bit by bit, and are exact everywhere, so there are no
bands: in every stage the key is that of the point's cell. The proof of `thm_4_2_ii_moderate` then
gives f = y_i on all of every open ball. Threshold units share their layers with the ReLUs that
carry z, y, the rests and the key.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pipeline.construction.built import Built, Certificate
from pipeline.construction.lattice import LatticeOptions, given_scale, required_scale
from pipeline.construction.lattice_stages import (
    Cells,
    network_of_stages,
    notes_of_stages,
    plan_of_stages,
    points_a_group,
    stage_sizes,
    staged,
)
from pipeline.data import SeparatedDataset
from pipeline.network import Plan

_NAME = "thm_4_2_ii_threshold"


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
    points_a_group(N, d, rho, _NAME)
    bits = given_scale(scale)
    sizes = stage_sizes(N, d, C, rho, bits, how=Cells.THRESHOLDS, name=_NAME)
    return plan_of_stages(d, sizes, bits)


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
    if p != 2:
        raise ValueError(f"{_NAME} is proved for p = 2, got p = {p} (Theorem 4.2(ii))")
    options = LatticeOptions(mode, scale, weight_bits, draws, seed)
    found = staged(dataset, rho, how=Cells.THRESHOLDS, name=_NAME, options=options)
    structure: dict[str, object] = {
        "lipschitz": str(found.images.projection.lipschitz),
        "gamma_bits": 0,
        "thresholds": True,
        **found.sizes.structure(),
    }
    deviations = ["n points a group"]
    if mode == "adaptive":
        deviations.append("sizes are the smallest this dataset needs, not the paper's")
    certificate = Certificate(_NAME, "lattice_stages", rho, p, structure, tuple(deviations))
    notes = (*notes_of_stages(found), ("deviations", "; ".join(deviations)))
    plan = plan_of_stages(dataset.d, found.sizes, found.scale)
    return Built(network_of_stages(found, 0), certificate, plan, notes)


def plan_of_dataset(
    dataset: SeparatedDataset, rho: Fraction, p: int | float = 2, **options: Any
) -> Plan:
    """Return the widths `build_thm_4_2_ii_threshold` would give, without building.

    Options and errors are those of the construction; mode `paper` looks at the scale alone.
    """
    chosen = LatticeOptions(**options)
    if chosen.of_paper:
        bits = required_scale(dataset, chosen.scale)
        return plan_thm_4_2_ii_threshold(dataset.N, dataset.d, dataset.C, rho, scale=bits)
    found = staged(dataset, rho, how=Cells.THRESHOLDS, name=_NAME, options=chosen)
    return plan_of_stages(dataset.d, found.sizes, found.scale)
