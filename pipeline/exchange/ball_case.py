"""One question for an outside tool: is the network right on the whole open ball of one point?"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, parse_norm, parse_ratio
from pipeline.network import ReLUNetwork
from pipeline.verification.verdicts import Decision, parse_decision, require_matching


@dataclass(frozen=True, eq=False)
class BallCase:
    """The claim that the rule reads f(x) as y_i on the open ball B(x_i, mu) (Definition 2.2).

    Args:
        network: scalar network on R^d.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        decision: `exact` f = y or `nearest` |f - y| < 1/2.
        index: row i of the point.

    Raises:
        ValueError: if the network is no map R^d -> R, or an argument is out of range.
    """

    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    decision: Decision
    index: int

    def __post_init__(self) -> None:
        require_matching(self.network, self.dataset)
        if not 0 <= self.index < self.dataset.N:
            raise ValueError(f"ball must lie in 0..{self.dataset.N - 1}, got {self.index}")
        object.__setattr__(self, "rho", parse_ratio(self.rho))
        object.__setattr__(self, "p", parse_norm(self.p))
        object.__setattr__(self, "decision", parse_decision(self.decision))

    @property
    def label(self) -> int:
        """The label y_i."""
        return int(self.dataset.y[self.index])

    @property
    def point(self) -> DyadicArray:
        """The centre x_i, shape (d,)."""
        return self.dataset.X[self.index]

    @cached_property
    def centre(self) -> tuple[Fraction, ...]:
        """The coordinates of the centre x_i."""
        return tuple(self.point.fractions().tolist())

    @cached_property
    def power(self) -> Fraction:
        """The power mu**p of the radius (mu for p = inf), rational as rho is."""
        return self.dataset.radius_power(self.rho, self.p)
