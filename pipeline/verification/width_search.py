"""Weights on differently labelled pairs under which few neurons cannot see the pairs, in floats.

For a width m the sum of the m largest eigenvalues of M = sum lambda_k u_k u_k^T, convex in lambda,
is lowered over the simplex (docs/theory.md 10). It is smoothed by an entropy of temperature tau:

    max { <P, M> + tau H(P) : 0 <= P <= I, tr P = m },   P = sum sigma((e_i - nu)/tau) v_i v_i^T,

and lambda = softmax(z) goes to L-BFGS. P bounds the optimum from below by its shortest pair, and
names the pairs the working set lacks. Nothing of this is relied on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import entr, expit

from pipeline.verification.neighbours import nearest_other_label

# Temperatures, one after the other, relative to an even share 1/m of the limit.
_TEMPERATURES = (0.3, 0.03)
# Sums this close to the limit are not worth a proof.
_ROOM = 1e-9
_NEIGHBOURS = 3
# Weights below this share of an even one leave the working set.
_DROPPED = 1e-4


class _Decided(Exception):
    """The width in question is settled: excluded, or not to be excluded by these pairs."""


@dataclass(frozen=True)
class FoundWeights:
    """Weights whose M has its `width` largest eigenvalues below the limit, in floats.

    Args:
        width: the largest such number, 0 if even the largest eigenvalue is not.
        pairs: shape (K, 2).
        weights: shape (K,), of sum 1.
    """

    width: int
    pairs: np.ndarray
    weights: np.ndarray


class WidthSearch:
    """The search of lambda for one dataset and one limit.

    Args:
        points: float64, shape (N, d), in units of 2 mu: pairs must keep length 1.
        y: labels, shape (N,), at least two values.
        pairs: most pairs of the first working set, and most added at a time.
        steps: L-BFGS steps a temperature.
        rounds: working sets tried a width.
    """

    def __init__(
        self,
        points: np.ndarray,
        y: np.ndarray,
        pairs: int,
        steps: int,
        rounds: int,
    ) -> None:
        self.points, self.y = points, y
        self.size, self.steps, self.rounds = pairs, steps, rounds
        self.pairs, _ = self._closest(points, _NEIGHBOURS, np.inf)
        self._take_differences()
        self.best = FoundWeights(0, self.pairs, np.full(len(self.pairs), 1 / len(self.pairs)))
        self.logits = -self._squares()
        self._try_nearest()

    def largest_excluded(self) -> FoundWeights:
        """Return weights for the largest width found impossible, by bisection."""
        high = min(self.points.shape)
        while high - self.best.width > 1:
            width = (high + self.best.width) // 2
            self._attack(width)
            if self.best.width < width:
                high = width
        return self.best

    def _closest(
        self, images: np.ndarray, count: int, limit: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `size` pairs with close images, below the limit, and their lengths^2."""
        neighbours = nearest_other_label(images, self.y, count)
        first = np.repeat(np.arange(len(images)), neighbours.shape[1])
        pairs = np.unique(
            np.sort(np.stack([first, neighbours.reshape(-1)], axis=1), axis=1), axis=0
        )
        difference = images[pairs[:, 0]] - images[pairs[:, 1]]
        squares = np.einsum("ij,ij->i", difference, difference)
        order = np.argsort(squares, kind="stable")[: self.size]
        order = order[squares[order] < limit]
        return pairs[order], squares[order]

    def _take_differences(self) -> None:
        self.differences = self.points[self.pairs[:, 0]] - self.points[self.pairs[:, 1]]

    def _squares(self) -> np.ndarray:
        return np.einsum("ij,ij->i", self.differences, self.differences)

    def _try_nearest(self) -> None:
        """Try even weights on the pairs at the least distance, the optimum for orthogonal pairs."""
        squares = self._squares()
        weights = (squares <= squares.min() * (1 + 2.0**-30)).astype(np.float64)
        weights /= weights.sum()
        self._offer(weights, np.linalg.eigvalsh(self._moments(weights)))

    def _moments(self, weights: np.ndarray) -> np.ndarray:
        return (self.differences * weights[:, None]).T @ self.differences

    def _offer(self, weights: np.ndarray, values: np.ndarray) -> None:
        width = int(np.count_nonzero(np.cumsum(values[::-1]) < 1 - _ROOM))
        if width > self.best.width:
            self.best = FoundWeights(width, self.pairs, weights)

    def _attack(self, width: int) -> None:
        """Lower the sum for one width on growing working sets until it is settled."""
        for _ in range(self.rounds):
            try:
                for temperature in _TEMPERATURES:
                    self._descend(width, temperature / width)
            except _Decided:
                if self.best.width >= width:
                    return
            if not self._add_cuts():
                return

    def _descend(self, width: int, temperature: float) -> None:
        def smoothed(logits: np.ndarray) -> tuple[float, np.ndarray]:
            self.logits = logits
            weights = np.exp(logits - logits.max())
            weights /= weights.sum()
            values, vectors = np.linalg.eigh(self._moments(weights))
            self._offer(weights, values)
            occupied = occupations(values, width, temperature)
            # P^(1/2) as a map; its images are what a relaxed first layer sees.
            self.root = vectors * np.sqrt(occupied)
            images = self.differences @ self.root
            lengths = np.einsum("ij,ij->i", images, images)
            if self.best.width >= width or lengths.min() >= 1:
                raise _Decided
            entropy = float((entr(occupied) + entr(1 - occupied)).sum())
            value = float(occupied @ values) + temperature * entropy
            return value, weights * (lengths - weights @ lengths)

        minimize(
            smoothed, self.logits, jac=True, method="L-BFGS-B", options={"maxiter": self.steps}
        )

    def _add_cuts(self) -> bool:
        """Add pairs that the relaxed layer maps too close; return whether there were new ones."""
        found, _ = self._closest(self.points @ self.root, 1, 1 - _ROOM)
        known = {(i, j) for i, j in self.pairs.tolist()}
        fresh = [pair for pair in found.tolist() if (pair[0], pair[1]) not in known]
        if not fresh:
            return False
        weights = np.exp(self.logits - self.logits.max())
        kept = weights > _DROPPED * weights.mean()
        self.pairs = np.concatenate([self.pairs[kept], np.array(fresh, dtype=np.int64)])
        middle = np.log(weights.mean()) + self.logits.max()
        self.logits = np.concatenate([self.logits[kept], np.full(len(fresh), middle)])
        self._take_differences()
        return True


def occupations(values: np.ndarray, total: int, temperature: float) -> np.ndarray:
    """Return sigma((e_i - nu)/tau) in [0, 1] with nu such that they sum to `total`.

    Args:
        values: e, shape (d,).
        total: at most d.
        temperature: tau > 0.
    """
    scaled = values / temperature
    low, high = scaled.min() - 50.0, scaled.max() + 50.0
    for _ in range(60):
        middle = (low + high) / 2
        if expit(scaled - middle).sum() > total:
            low = middle
        else:
            high = middle
    return expit(scaled - high)
