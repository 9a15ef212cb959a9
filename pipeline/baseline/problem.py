"""The balls of a dataset as padded tensors on a device, for all networks of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import repeat
from math import ceil, inf

import torch

from pipeline.baseline.attack import TrainingAttack
from pipeline.baseline.mlp import Normalization
from pipeline.baseline.stack import Stack, padded_columns, padded_rows
from pipeline.data import SeparatedDataset
from pipeline.exact import parse_norm, parse_ratio
from pipeline.verification.balls import radius_below

# Points evaluated at a time: enough to keep a core busy, little enough for its memory.
_BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be memorized: balls, and how far the output may be from the label.

    Args:
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        tolerance: an output counts as right nearer than this to the label.
        margin: share of the tolerance that losses ask to be left free.

    Raises:
        ValueError: if rho, p, the tolerance or the margin is out of range.
    """

    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    tolerance: float = 0.5
    margin: float = 0.5

    def __post_init__(self) -> None:
        parse_ratio(self.rho)
        if parse_norm(self.p) not in (1, 2, inf):
            raise ValueError(f"adversarial training needs p = 1, 2 or inf, got {self.p}")
        if not 0 < self.tolerance <= 0.5:
            raise ValueError(f"the tolerance must lie in (0, 1/2], got {self.tolerance}")
        if not 0 < self.margin < 1:
            raise ValueError(f"margin must lie in (0, 1), got {self.margin}")

    @cached_property
    def radius(self) -> float:
        """mu, rounded down."""
        return radius_below(self.dataset, self.rho, self.p)

    @cached_property
    def normalization(self) -> Normalization:
        """The affine maps between raw and normalized coordinates."""
        return Normalization.of_dataset(self.dataset, self.radius)

    def on(self, device: torch.device) -> Balls:
        """Return the balls as tensors on a device."""
        data, normalization = self.dataset, self.normalization
        rows, columns = padded_rows(data.N), padded_columns(data.d)
        points, targets = torch.zeros(rows, columns), torch.zeros(rows)
        points[: data.N, : data.d] = torch.as_tensor(
            normalization.inputs(data.X), dtype=torch.float32
        )
        targets[: data.N] = torch.as_tensor(normalization.targets(data.y), dtype=torch.float32)
        scale = torch.zeros(columns)
        scale[: data.d] = torch.as_tensor(normalization.scale() * self.radius, dtype=torch.float32)
        half_gap = normalization.half_gap
        return Balls(
            points.to(device),
            targets.to(device),
            scale.to(device),
            half_gap,
            2 * self.tolerance * half_gap,
            2 * self.tolerance * (1 - self.margin) * half_gap,
            self.p,
            data.N,
            data.d,
        )


@dataclass(frozen=True, eq=False)
class Balls:
    """Normalized points and targets, padded, with what attacks and losses need.

    Args:
        points: shape (padded N, padded d).
        targets: shape (padded N,).
        scale: normalized length of mu along each coordinate, shape (padded d,).
        half_gap: half the distance of neighbouring targets.
        tolerance: normalized distance from the target at which an output becomes wrong.
        aim: normalized distance from the target within which a loss is content.
        p: norm of the balls.
        N: number of points.
        d: dimension.
    """

    points: torch.Tensor
    targets: torch.Tensor
    scale: torch.Tensor
    half_gap: float
    tolerance: float
    aim: float
    p: int | float
    N: int
    d: int

    def attack(
        self, steps: int, generators: Sequence[torch.Generator], reach: float = 1.0
    ) -> TrainingAttack:
        """Return the attack with so many steps, in balls of radius reach * mu."""
        return TrainingAttack(self.p, self.scale, steps, generators, self.d, reach)

    def batches(
        self, size: int, slots: int, generators: Sequence[torch.Generator]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Yield points, targets and row weights of batches for ever, each network's own shuffle.

        All batches have one shape; the last of a pass is filled up with rows of weight 0.
        """
        parts = ceil(self.N / size)
        share = ceil(self.N / parts)
        rows = padded_rows(share)
        if parts == 1:
            # One batch of all points needs no shuffle.
            yield from repeat(self._whole_batch(slots, len(generators)))
        while True:
            order = torch.zeros(slots, parts * share, dtype=torch.long)
            for slot, generator in enumerate(generators):
                order[slot, : self.N] = torch.randperm(self.N, generator=generator)
            for start in range(0, parts * share, share):
                index = torch.zeros(slots, rows, dtype=torch.long)
                index[:, :share] = order[:, start : start + share]
                count = min(self.N - start, share)
                weights = torch.zeros(slots, rows)
                weights[: len(generators), :count] = 1.0 / count
                index = index.to(self.points.device)
                yield self.points[index], self.targets[index], weights.to(self.points.device)

    def _whole_batch(
        self, slots: int, networks: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        weights = torch.zeros(slots, len(self.points))
        weights[:networks, : self.N] = 1.0 / self.N
        points = self.points.repeat(slots, 1, 1)
        return points, self.targets.repeat(slots, 1), weights.to(self.points.device)

    @torch.no_grad()
    def errors(self, stack: Stack, attack: TrainingAttack) -> tuple[list[float], list[float]]:
        """Return, network by network, the shares of balls wrong at the centre and under attack."""
        clean = torch.zeros(stack.slots, device=self.points.device)
        attacked = torch.zeros_like(clean)
        for start in range(0, len(self.points), _BLOCK):
            part = slice(start, start + _BLOCK)
            points = self.points[part].expand(stack.slots, -1, -1)
            targets = self.targets[part].expand(stack.slots, -1)
            real = (torch.arange(points.shape[1]) + start < self.N).to(points.device)
            moved = attack(stack, points, targets)
            for counts, at in ((clean, points), (attacked, moved)):
                wrong = ~((stack(at) - targets).abs() < self.tolerance) & real
                counts += wrong.sum(dim=1)
        named = len(stack.specs)
        shares = [[count / self.N for count in c.tolist()[:named]] for c in (clean, attacked)]
        return shares[0], shares[1]
