r"""Lower bounds of ReLU networks on regions cut out of a ball, in float64 with error bounds.

A region R holds the t with ||t||_p < mu and s z_k(t) >= 0 for the neurons k of a path with signs s.
Every layer's pre-activations z are enclosed in [l, u] on R, and g is bounded from below by

    g >= A.h + c - E   on R                                                            (invariant)

for row vectors A and numbers c, E of floats, carried backwards from the output to the input. Let
H >= h >= 0 and Z >= |z| on R, both known from [l, u]. One step takes the outputs h of a layer to
its inputs h' with z = W h' + b:

1.  A_k h_k >= A_k d_k z_k + min(A_k, 0) k_k, where d_k = 1 for l_k >= 0 and 0 for u_k <= 0;
    otherwise d_k is any slope in [0, 1] for A_k >= 0 (relu(z) >= d z) and the slope of an upper
    line d z + k for A_k < 0. With d >= u / (u - l) and k >= -d l the line is at least 0 at l and at
    least d (u - l) >= u at u; relu is convex, so the line is above it on [l, u].
2.  sum_k B_k z_k >= 0 on R for B_k = beta_k s_k, so B may be subtracted: a = fl(fl(A d) - B).
3.  A' = fl(a W~), c' = fl(c + fl(min(A, 0).k) + fl(a.b~)) with W~ and b~ the rounded weights.

Lemma 4. The invariant holds for A', c' and h' with any E' >= E + (|A| + |B|).V + G |c| + T, where
S >= fl(|W~| H' + |b~|), V >= G (Z + S + k) + TINY (sum H' + 1), T = 2 TINY (sum Z + sum H' + 2) and
G = 2 (m + 16) u. Proof: the errors are, with g = 1.001 m u from Lemma 1 (rigorous.py),

- of a_k z_k: (2 u (1 + u) (|A_k| + |B_k|) + 2^-1021) Z_k; and |a_k| <= (|A_k| + |B_k|)(1 + u);
- of A'_j h'_j against (a W)_j h'_j: (g |a| |W~|_j + u |a| |W~|_j + 2^-1022 sum |a| + 2^-1001) H'_j;
- of c': g |a|.|b~| + (u |a|.|b~| + 2^-1022 sum |a|) for the rounded bias, g |A|.k, 2^-1000, and for
  the two sums 2 u (1 + u)(|c| + |A|.k (1 + g) + |a|.|b~| (1 + g)) + 2^-1021.

So (|A_k| + |B_k|) is multiplied by at most 2.1 u Z_k + (g + 3.1 u)(|W~| H' + |b~|)_k (1 + 2 u) +
(g + 2.1 u) k_k + 2^-1021 (sum H' + 1). The factors are at most (1.001 m + 4) u, and
G / (1 + g + 8 u) is more than that, which also covers that S and V are computed (at most m + 8
operations). At the input |t_j| < mu takes the place of H'. Only products of rows with V are needed.

The last bound is c' - E' - mu ||A'||_q by Lemma 3, q dual to p. An infinity or NaN in A enters E,
because V >= TINY > 0, and in c enters G |c|; in the last A' it enters the norm. A bound that is not
finite, or an [l, u] beyond 2^400, makes the value NaN, and a NaN never counts as a proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from pipeline.verification.check.rigorous import (
    TINY,
    FloatLayer,
    below,
    dual_norm_above,
    inflated,
)

# Beyond this nothing is proved, so that no difference of two bounds overflows.
_LARGEST = 2.0**400
# Floats of one block of rows: eight megabytes.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Regions:
    """Balls and splits of n leaves; arrays of hidden neurons come layer by layer.

    Args:
        centres: W_1 x_i + b_1 rounded to nearest, shape (n, width of the first layer).
        start: side * (b - target) rounded to nearest, shape (n,).
        side: +1 or -1, shape (n,).
        signs: +1, -1 or 0 where a neuron is not split, each of shape (n, width).
        betas: multiplier times sign, each of shape (n, width).
        alphas: lower slopes in [0, 1], each of shape (n, width).
    """

    centres: np.ndarray
    start: np.ndarray
    side: np.ndarray
    signs: Sequence[np.ndarray]
    betas: Sequence[np.ndarray]
    alphas: Sequence[np.ndarray]

    def part(self, rows: slice) -> Regions:
        """Return some of the leaves."""
        lists = [[array[rows] for array in each] for each in (self.signs, self.betas, self.alphas)]
        return Regions(self.centres[rows], self.start[rows], self.side[rows], *lists)


@dataclass(frozen=True)
class _Step:
    """One layer's relaxation on each leaf, with V and T of Lemma 4."""

    least: np.ndarray
    active: np.ndarray
    unstable: np.ndarray
    low: np.ndarray
    high: np.ndarray
    intercept: np.ndarray
    error: np.ndarray
    spread: np.ndarray
    bias: np.ndarray


class Bounds:
    """Lower bounds of side * (f - target) on regions of the balls of one radius.

    Args:
        layers: the network, at least two layers.
        unit: G.
        radius: float at least mu.
        p: norm of the balls, 1, 2 or inf.
    """

    def __init__(self, layers: Sequence[FloatLayer], unit: float, radius: float, p: float) -> None:
        self._layers, self._unit, self._radius, self._p = layers, unit, radius, p
        self._depth = len(layers) - 1
        self._terms = max(max(layer.weight.shape) for layer in layers) + 8
        with np.errstate(all="ignore"):
            norms = dual_norm_above(layers[0].weight, p)
            self._reach = inflated(norms * radius, 4)

    def lower(self, regions: Regions) -> np.ndarray:
        """Return a lower bound of g on each region: inf if it is empty, NaN if none is proved."""
        rows = [2 * layer.weight.size for layer in self._layers[1:-1]]
        count = max(_BLOCK // max([*rows, 8 * self._terms]), 1)
        found = np.empty(len(regions.start))
        with np.errstate(all="ignore"):
            for start in range(0, len(found), count):
                part = slice(start, start + count)
                found[part] = self._lower(regions.part(part))
        return found

    def _lower(self, regions: Regions) -> np.ndarray:
        n = len(regions.start)
        steps: list[_Step] = []
        sound, empty = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
        high = np.full((n, self._layers[0].weight.shape[1]), self._radius)
        for number in range(self._depth):
            bias = regions.centres if number == 0 else self._layers[number].bias[None]
            size = self._size(number, high, bias)
            low, up = self._enclosure(number, steps, size, high, regions.centres)
            signs = regions.signs[number]
            # Bounds behind one that is not finite mean nothing; those before it do.
            bounded = ((np.abs(low) <= _LARGEST) & (np.abs(up) <= _LARGEST)).all(axis=1)
            sound &= bounded | empty
            empty |= sound & (((signs > 0) & (up < 0)) | ((signs < 0) & (low > 0))).any(axis=1)
            known = (sound & bounded)[:, None]
            low = np.where(known, np.where(signs > 0, np.maximum(low, 0), low), 0)
            up = np.where(known, np.where(signs < 0, np.minimum(up, 0), up), 0)
            steps.append(self._step(low, up, size, high, bias))
            high = np.maximum(up, 0)
        value = self._objective(steps, high, regions)
        value = np.where(sound & np.isfinite(value), value, np.nan)
        return np.where(empty, inf, value)

    def _size(self, number: int, high: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Return S = |W~| H' + |b~|."""
        return high @ self._layers[number].size.T + np.abs(bias)

    def _rounding(self, size: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return G S + TINY (sum H' + 1): what rounded weights and one evaluation can err."""
        return self._unit * size + TINY * (high.sum(axis=1, keepdims=True) + 1)

    def _step(
        self, low: np.ndarray, up: np.ndarray, size: np.ndarray, high: np.ndarray, bias: np.ndarray
    ) -> _Step:
        unstable = (low < 0) & (up > 0)
        active = low >= 0
        slope = np.minimum(inflated(up / (up - low), 4), 1)
        slope = np.where(unstable, slope, active)
        intercept = np.where(unstable, inflated(-low * slope, 4), 0)
        reach = np.maximum(np.abs(low), np.abs(up))
        error = self._unit * (reach + intercept) + self._rounding(size, high)
        spread = 2 * TINY * (reach.sum(axis=1) + high.sum(axis=1) + 2)
        lower = np.where(unstable, up >= -low, active).astype(np.float64)
        least = np.maximum(low, 0)
        return _Step(least, active, unstable, lower, slope, intercept, error, spread, bias)

    def _enclosure(
        self,
        number: int,
        steps: list[_Step],
        size: np.ndarray,
        high: np.ndarray,
        centres: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return l and u of one layer, not yet cut at the path's signs."""
        if number == 0:
            return below(centres, self._reach), -below(-centres, self._reach)
        layer = self._layers[number]
        error = inflated(self._rounding(size, high), self._terms)
        low, up = _intervals(layer, steps[-1].least, high, error)
        n, (outputs, inputs) = len(high), layer.weight.shape
        count = max(_BLOCK // (2 * n * inputs), 1)
        for start in range(0, outputs, count):
            part = slice(start, start + count)
            rows, bias = layer.weight[part], layer.bias[part]
            width = len(rows)
            A = np.broadcast_to(np.concatenate([rows, -rows]), (n, 2 * width, inputs))
            c = np.broadcast_to(np.concatenate([bias, -bias]), (n, 2 * width))
            E = np.concatenate([error[:, part], error[:, part]], axis=1)
            found = self._backward(A, c, E, [(s, s.low, None) for s in steps])
            found = np.where(np.isfinite(found), found, -inf)
            low[:, part] = np.fmax(low[:, part], found[:, :width])
            up[:, part] = np.fmin(up[:, part], -found[:, width:])
        return low, up

    def _objective(self, steps: list[_Step], high: np.ndarray, regions: Regions) -> np.ndarray:
        """Return the lower bound of g with the leaves' own slopes and multipliers."""
        layer = self._layers[-1]
        A = regions.side[:, None, None] * layer.weight[None]
        size = self._size(self._depth, high, regions.start[:, None])
        E = inflated(self._rounding(size, high), self._terms)
        own = [
            (s, np.where(s.unstable, alpha, s.active), beta)
            for s, alpha, beta in zip(steps, regions.alphas, regions.betas, strict=True)
        ]
        return self._backward(A, regions.start[:, None], E, own)[:, 0]

    def _backward(
        self,
        A: np.ndarray,
        c: np.ndarray,
        E: np.ndarray,
        steps: Sequence[tuple[_Step, np.ndarray, np.ndarray | None]],
    ) -> np.ndarray:
        """Return lower bounds of A.h + c - E on each leaf, h the outputs of the last step.

        Args:
            A: shape (n, rows, width).
            c: shape (n, rows).
            E: shape (n, rows).
            steps: each with its lower slopes and, in the last pass, beta * sign.
        """
        for number in reversed(range(len(steps))):
            step, low, beta = steps[number]
            size = np.abs(A) if beta is None else np.abs(A) + np.abs(beta)[:, None]
            added = _times(size, step.error) + self._unit * np.abs(c) + step.spread[:, None]
            E = inflated(E + added, self._terms)
            negative = np.minimum(A, 0)
            c = c + _times(negative, step.intercept)
            # One of the two products is 0, so that only the other is rounded.
            A = np.maximum(A, 0) * low[:, None] + negative * step.high[:, None]
            if beta is not None:
                A = A - beta[:, None]
            c = c + _times(A, np.broadcast_to(step.bias, (len(A), A.shape[2])))
            A = A @ self._layers[number].weight
        norm = dual_norm_above(A, self._p)
        return below(c, E + inflated(norm * self._radius, 4))


def _intervals(
    layer: FloatLayer, least: np.ndarray, high: np.ndarray, error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of a layer whose inputs lie in [least, high]; `error` holds G S."""
    positive, negative = np.maximum(layer.weight, 0).T, np.minimum(layer.weight, 0).T
    low = below(least @ positive + high @ negative + layer.bias, error)
    up = -below(-(high @ positive + least @ negative + layer.bias), error)
    return np.where(np.isfinite(low), low, -inf), np.where(np.isfinite(up), up, inf)


def _times(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return the inner products of rows, (n, rows, width), with one vector a leaf, (n, width)."""
    return (rows @ vector[:, :, None])[:, :, 0]
