"""Branch and bound: every ball's claims split into regions until each is proved or one is refuted.

A node is a ball, a claim about it and the splits so far (nodes.py). Its bound comes from
pre-activation bounds computed afresh with the splits, then from slopes and multipliers optimised
for it. What remains below 0 is split (branching.py), or, with nothing left to split, solved
as a convex program (leaf_program.py). The search can be stopped at any time: what is proved stays
proved. Its leaves are the proof (proofs.py), which the independent checker follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipeline.verification.bounds import (
    Balls,
    Claims,
    LinearBound,
    Multipliers,
    Regions,
    RoundedNetwork,
    bound_with,
    default_multipliers,
    optimised,
    pre_activation_bounds,
)
from pipeline.verification.splitting.branching import chosen_splits
from pipeline.verification.splitting.leaf_program import solved_leaf
from pipeline.verification.splitting.nodes import Nodes, joined
from pipeline.verification.splitting.regions import affine_forms, minimisers

# Attacks stay this far inside the ball, so that rounding does not leave it.
_SHARE = 1 - 1e-9

Confirm = Callable[[np.ndarray, np.ndarray], set[int]]


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Args:
        seconds: wall time.
        nodes: most nodes a ball.
        batch: nodes bounded at once.
        steps: gradient steps of a bound, each time it is worth going on.
        rounds: how many times.
        candidates: neurons a layer looked at before a split.
    """

    seconds: float = 60.0
    nodes: int = 200_000
    batch: int = 256
    steps: int = 10
    rounds: int = 2
    candidates: int = 16


@dataclass(frozen=True, eq=False)
class Searched:
    """What the search found out.

    Args:
        proved: balls with both claims proved, shape (n,).
        refuted: balls with a confirmed witness, shape (n,).
        lower: least proved lower bound over the open regions of each ball and claim (side 1,
            side -1), inf where none is left open or the ball is refuted, shape (n, 2).
        leaves: the regions proved, of all balls.
        nodes: nodes bounded for each ball, shape (n,).
        exhausted: whether the budget ended with regions still open.
    """

    proved: np.ndarray
    refuted: np.ndarray
    lower: np.ndarray
    leaves: Nodes
    nodes: np.ndarray
    exhausted: bool


class Search:
    """One search over some balls.

    Args:
        network: the network.
        balls: the balls.
        targets: what f must exceed (side 1) and stay below (side -1), float64, shape (n, 2).
        confirm: returns which of some balls have a witness at given displacements, exactly.
        options: how to search.
    """

    def __init__(
        self,
        network: RoundedNetwork,
        balls: Balls,
        targets: torch.Tensor,
        confirm: Confirm,
        options: SearchOptions,
    ) -> None:
        self._network, self._balls, self._targets = network, balls, targets
        self._confirm, self._options = confirm, options
        self._refuted = torch.zeros(len(balls), dtype=torch.bool, device=targets.device)
        self._stuck = torch.zeros_like(self._refuted)
        self._tested = torch.zeros(len(balls), dtype=torch.int64, device=targets.device)
        self._least = torch.full((2 * len(balls),), torch.inf, dtype=torch.float64).to(targets)
        self._leaves: list[Nodes] = []

    def run(self) -> Searched:
        """Search until everything is decided or the budget ends."""
        end = time.monotonic() + self._options.seconds
        roots = Nodes.whole(len(self._balls), sum(self._network.hidden), self._targets.device)
        parts = [self._bounded_nodes(part) for part in _split(roots, self._options.batch)]
        waiting = self._still_open(joined(*parts))
        while len(waiting) and time.monotonic() < end:
            waiting, parents = self._popped(waiting)
            if not len(parents):
                break
            children = self._bounded_nodes(parents.halves())
            waiting = self._still_open(joined(waiting, children))
        return self._searched(waiting)

    def _bounded_nodes(self, nodes: Nodes) -> Nodes:
        """Return what is left of the nodes, with their bounds and the neuron to split next."""
        network, options = self._network, self._options
        self._tested += torch.bincount(nodes.ball, minlength=len(self._tested))
        signs = nodes.signs.double()
        phases = list(signs.split(list(network.hidden), dim=1))
        at = Regions(
            self._balls[nodes.ball],
            pre_activation_bounds(network, self._balls[nodes.ball], phases),
            Claims.against(network, self._target(nodes)[:, None], nodes.side[:, None].double()),
            signs,
        )
        start = nodes.multipliers
        if not signs.any():
            start = default_multipliers(at.known)
        self._leaves.append(nodes[at.known.empty])
        rest = (~at.known.empty).nonzero()[:, 0]
        nodes, at, start = nodes[rest], at[rest], start[rest]
        for number in range(options.rounds):
            if not len(nodes):
                return nodes
            # Most balls need no search at all: CROWN's own slopes are tried first.
            steps = options.steps if number or signs.any() else 0
            found = optimised(network, at, start, steps=steps).rounded()
            bound = bound_with(network, at, found)
            lower = torch.fmax(bound.lower[:, 0], nodes.lower)
            nodes = nodes.with_bounds(found, lower)
            self._attack(nodes, bound)
            self._leaves.append(nodes[bound.lower[:, 0] > 0])
            rest = (~(bound.lower[:, 0] > 0) & ~self._refuted[nodes.ball]).nonzero()[:, 0]
            nodes, at, start = nodes[rest], at[rest], found[rest]
        if not len(nodes):
            return nodes
        split = chosen_splits(network, at, nodes.multipliers, options.candidates)
        nodes = replace(nodes, split=split)
        settled = split < 0
        self._solve(nodes[settled], at[settled.nonzero()[:, 0]])
        return nodes[~settled]

    def _attack(self, nodes: Nodes, bound: LinearBound) -> None:
        """Try the minimisers of the nodes' linear bounds as witnesses."""
        t = minimisers(bound.rows[:, 0], self._balls.radius * _SHARE, self._balls.p)
        z = t @ self._network.weights[0].T + self._balls.first[nodes.ball]
        for weight, bias in zip(self._network.weights[1:], self._network.biases[1:], strict=True):
            z = z.clamp(min=0) @ weight.T + bias
        worst = nodes.side * (z[:, 0] - self._target(nodes))
        self._try(nodes.ball[worst <= 0], t[worst <= 0])

    def _target(self, nodes: Nodes) -> torch.Tensor:
        return self._targets[nodes.ball, (nodes.side < 0).long()]

    def _try(self, ball: torch.Tensor, t: torch.Tensor) -> None:
        if len(ball):
            for refuted in self._confirm(ball.cpu().numpy(), t.cpu().numpy()):
                self._refuted[refuted] = True

    def _solve(self, nodes: Nodes, at: Regions) -> None:
        """Solve regions with nothing left to split; the unsolved ones stay undecided."""
        for row in range(len(nodes)):
            node = self._solved(nodes[row : row + 1], at[row : row + 1])
            if bool(node.lower[0] > 0):
                self._leaves.append(node)
            else:
                self._stuck[node.ball] = True
                self._give_up(node)

    def _solved(self, node: Nodes, region: Regions) -> Nodes:
        """Return one node with the multipliers of its convex program; try its minimiser."""
        network, alpha = self._network, node.multipliers.alpha
        found = Multipliers(alpha, torch.zeros_like(node.beta))
        objective = bound_with(network, region, found, rigorous=False).rows[0, 0]
        slopes, constants = affine_forms(network, region)
        split = node.signs[0] != 0
        sign = node.signs[0, split].double()
        halves = (slopes[split] * sign[:, None], constants[split] * sign)
        a, w, c = (each.cpu().numpy() for each in (objective, *halves))
        solution = solved_leaf(a, w, c, self._balls.radius, self._balls.p)
        if solution is None:
            return node
        found.beta[0, split] = torch.from_numpy(solution.multipliers).to(found.beta)
        lower = bound_with(network, region, found).lower[:, 0]
        if not bool(lower[0] > 0):
            # The solver leaves the ball by more than rounding does.
            length = float(np.linalg.norm(solution.point, ord=self._balls.p))
            inside = _SHARE * min(1.0, self._balls.radius / max(length, 1e-300))
            self._try(node.ball, torch.from_numpy(solution.point * inside).to(self._targets)[None])
        return node.with_bounds(found, lower)

    def _give_up(self, nodes: Nodes) -> None:
        """Note the bounds of nodes that will not be split any more."""
        claim = 2 * nodes.ball + (nodes.side < 0).long()
        self._least.scatter_reduce_(0, claim, nodes.lower, "amin")

    def _still_open(self, nodes: Nodes) -> Nodes:
        return nodes[~self._refuted[nodes.ball]]

    def _popped(self, nodes: Nodes) -> tuple[Nodes, Nodes]:
        """Return the nodes that wait and those to split now, each ball's worst, in equal shares."""
        late = ((self._tested >= self._options.nodes) | self._stuck)[nodes.ball]
        self._give_up(nodes[late])
        nodes = nodes[~late]
        order = nodes.lower.argsort()
        order = order[nodes.ball[order].argsort(stable=True)]
        sorted_balls = nodes.ball[order]
        starts = torch.searchsorted(sorted_balls, sorted_balls)
        rank = torch.arange(len(nodes), device=order.device) - starts
        taken = order[rank.argsort(stable=True)[: max(self._options.batch // 2, 1)]]
        keep = torch.ones(len(nodes), dtype=torch.bool, device=order.device)
        keep[taken] = False
        return nodes[keep], nodes[taken]

    def _searched(self, waiting: Nodes) -> Searched:
        self._give_up(waiting)
        least = self._least.reshape(-1, 2)
        # -inf is a bound too: that of a region given up after an overflow.
        proved = torch.isposinf(least).all(1) & ~self._refuted
        leaves = joined(*self._leaves)
        return Searched(
            proved.cpu().numpy(),
            self._refuted.cpu().numpy(),
            least.cpu().numpy(),
            leaves[proved[leaves.ball]],
            self._tested.cpu().numpy(),
            len(waiting) > 0,
        )


def _split(nodes: Nodes, size: int) -> list[Nodes]:
    return [nodes[start : start + size] for start in range(0, len(nodes), size)]
