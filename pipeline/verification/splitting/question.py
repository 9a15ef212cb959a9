"""What is to be proved of which balls, and which displacements refute it.

Under the rule `exact` the question is about the prefix of a network that ends in a rounding
(`rounded_prefix.py`): it must stay where it is rounded to the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from pipeline.data import SeparatedDataset
from pipeline.network import ReLUNetwork
from pipeline.verification.balls import displaced_points, radius_below
from pipeline.verification.bounds import Balls, RoundedNetwork
from pipeline.verification.projected_steps import torch_threads
from pipeline.verification.rounded_prefix import RoundedPrefix
from pipeline.verification.splitting.search import Search, Searched, SearchOptions
from pipeline.verification.verdicts import BallVerdict, Decision, confirmed_witnesses

# Displacements on a grid of 2**-40 mu, as for other attacks.
_GRID_BITS = 40
# Stands for an end at infinity: bounds must be numbers, and no bound of use comes near it.
_FAR = 2.0**40
SPLITS = "branch_and_bound"


@dataclass(frozen=True)
class Question:
    """Which balls of which network are to be proved, and what counts as right.

    Args:
        network: the whole one, whose outputs the rule is about.
        dataset: the balls' centres and labels.
        rho: robustness ratio.
        p: norm of the balls.
        device: where bounds are computed.
        rule: the decision rule of witnesses and of exact regions.
        prefix: what bounds are about under the rule `exact`; None for the network itself, of which
            bounds in floats can say only |f - y| < 1/2.
    """

    network: ReLUNetwork
    dataset: SeparatedDataset
    rho: Fraction
    p: int | float
    device: str = "cpu"
    rule: Decision = Decision.NEAREST
    prefix: RoundedPrefix | None = None

    @property
    def bounded(self) -> ReLUNetwork:
        """The network that bounds and splits, and the proofs they give, are about."""
        return self.network if self.prefix is None else self.prefix.network

    @property
    def prefix_layers(self) -> int | None:
        """How many affine maps the proofs are about, None for all of them."""
        return None if self.prefix is None else self.prefix.network.depth

    def targets(self, balls: np.ndarray) -> np.ndarray:
        """Return what must be exceeded and stayed below on some balls, float64, shape (n, 2)."""
        labels = self.dataset.y[balls]
        if self.prefix is None:
            return np.stack([labels - 0.5, labels + 0.5], axis=1)
        ends = np.stack([self.prefix.low[labels - 1], self.prefix.high[labels - 1]], axis=1)
        return ends.clip(-_FAR, _FAR)

    def search(self, balls: np.ndarray, options: SearchOptions) -> tuple[Searched, Witnesses]:
        """Return what a search over some balls finds out, with the witnesses confirmed exactly."""
        # Without splits a witness is the minimiser of a whole ball's linear bound.
        found = Witnesses(self, balls, SPLITS if options.nodes else "linear_bounds")
        with torch_threads(1):
            rounded = RoundedNetwork.of(self.bounded, self.device)
            regions = Balls.of(self.bounded, self.dataset, self.rho, self.p, balls, self.device)
            targets = torch.from_numpy(self.targets(balls)).to(regions.first)
            search = Search(rounded, regions, targets, found.confirm, options)
            return search.run(), found


class Witnesses:
    """Witnesses of some balls, each confirmed in exact arithmetic."""

    def __init__(self, question: Question, balls: np.ndarray, method: str) -> None:
        self._question, self._balls, self._method = question, balls, method
        self._radius = radius_below(question.dataset, question.rho, question.p)
        self.verdicts: dict[int, BallVerdict] = {}

    def confirm(self, positions: np.ndarray, displacements: np.ndarray) -> set[int]:
        """Return the positions of balls that one of the displacements refutes."""
        at, indices = self._question, self._balls[positions]
        # After an overflow, or for a radius below 2^-1000, they may lie anywhere.
        displacements = np.nan_to_num(displacements).clip(-self._radius, self._radius)
        points = displaced_points(at.dataset.X, indices, displacements, self._radius, _GRID_BITS)
        for verdict in confirmed_witnesses(
            at.network, at.dataset, at.rho, at.p, at.rule, indices, points, self._method, 1
        ):
            self.verdicts.setdefault(verdict.index, verdict)
        return {int(k) for k in positions.tolist() if int(self._balls[k]) in self.verdicts}
