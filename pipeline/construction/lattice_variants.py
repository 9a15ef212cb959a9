"""What the constructions by stages of lattices share: how they are planned and put together."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pipeline.construction.built import Built, Certificate, Claim
from pipeline.construction.lattice import LatticeOptions, given_scale, required_scale
from pipeline.construction.lattice_stages import (
    Cells,
    Staged,
    network_of_stages,
    notes_of_stages,
    plan_of_stages,
    points_a_group,
    stage_sizes,
    staged,
)
from pipeline.construction.stage_memorizers import MemorizerKind
from pipeline.data import SeparatedDataset
from pipeline.network import Plan


@dataclass(frozen=True)
class Variant:
    """One way to find cells in the stages of Theorem 4.2(ii).

    Args:
        name: of the construction.
        how: how cells are found.
        check: name of the check that reads the certificate's structure.
    """

    name: str
    how: Cells
    check: str

    def plan(
        self,
        N: int,
        d: int,
        C: int,
        rho: Fraction,
        scale: int | None,
        kind: MemorizerKind = MemorizerKind.LITERAL,
    ) -> Plan:
        """Return the widths for any dataset of N points in R^d of this scale (mode `paper`).

        Raises:
            ValueError: if rho is outside the theorem's range, or the scale is missing.
        """
        points_a_group(N, d, rho, self.name)
        bits = given_scale(scale)
        sizes = stage_sizes(N, d, C, rho, bits, how=self.how, name=self.name, kind=kind)
        return plan_of_stages(d, sizes, bits)

    def plan_of_dataset(
        self,
        dataset: SeparatedDataset,
        rho: Fraction,
        options: LatticeOptions,
        kind: MemorizerKind = MemorizerKind.LITERAL,
    ) -> Plan:
        """Return the widths for a dataset; mode `paper` looks at its scale alone."""
        if options.of_paper:
            bits = required_scale(dataset, options.scale)
            return self.plan(dataset.N, dataset.d, dataset.C, rho, bits, kind)
        found = self.staged(dataset, rho, 2, options, kind)
        return plan_of_stages(dataset.d, found.sizes, found.scale)

    def staged(
        self,
        dataset: SeparatedDataset,
        rho: Fraction,
        p: int | float,
        options: LatticeOptions,
        kind: MemorizerKind = MemorizerKind.LITERAL,
    ) -> Staged:
        """Return images, translations and keys of every group.

        Raises:
            ValueError: for p != 2.
        """
        if p != 2:
            raise ValueError(f"{self.name} is proved for p = 2, got p = {p} (Theorem 4.2(ii))")
        return staged(dataset, rho, how=self.how, name=self.name, options=options, kind=kind)

    def built(
        self,
        d: int,
        rho: Fraction,
        found: Staged,
        gamma_bits: int,
        *,
        fields: dict[str, Any],
        deviations: tuple[str, ...],
        notes: tuple[tuple[str, str], ...] = (),
        claim: Claim = Claim.BALLS,
        eta: Fraction | None = None,
    ) -> Built:
        """Return network, certificate, plan and notes.

        Args:
            d: input dimension.
            rho: robustness ratio.
            found: images, sizes and stages.
            gamma_bits: bands of 2**-gamma_bits, unless cells are found by thresholds.
            fields: what the structure holds besides the sizes.
            deviations: from the paper.
            notes: for the report, besides those on the sizes.
            claim: what is claimed.
            eta: the error of Claim.ERROR.
        """
        if found.scale is None:
            deviations += ("sizes are the smallest this dataset needs, not the paper's",)
        lipschitz = str(found.images.projection.lipschitz)
        structure = {"lipschitz": lipschitz, **fields, **found.sizes.structure()}
        certificate = Certificate(self.name, self.check, rho, 2, structure, deviations, claim, eta)
        return Built(
            network_of_stages(found, gamma_bits),
            certificate,
            plan_of_stages(d, found.sizes, found.scale),
            (*notes_of_stages(found), *notes, ("deviations", "; ".join(deviations))),
        )
