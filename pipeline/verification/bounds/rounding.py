r"""Running error bounds of float64 arithmetic, and networks rounded to float64 for them.

u = 2^-53, gamma_n = n u / (1 - n u). Assumed: IEEE 754 doubles, rounding to nearest; inner products
are conventional sums in any order, with or without fused operations; results and operands below
2^-1022 may be flushed to 0. Then for floats a_i, b_i

    |fl(sum a_i b_i) - sum a_i b_i| <= gamma_n sum |a_i b_i| + n 2^-1021.

A sum of m < 2^22 nonnegative floats, themselves products or quotients of few roundings, is at
most `SLACK` times its float value, again up to underflow. `ETA` is far above what underflow can
lose in any network here, and far below what matters. An overflow gives inf or nan, and a bound that
is not a number never exceeds anything (docs/soundness.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from pipeline.data import SeparatedDataset
from pipeline.exact import root_upper
from pipeline.network import ReLUNetwork

U = 2.0**-53
SLACK = 1 + 2.0**-30
ETA = 2.0**-900
# Squares of floats below 2^-511 underflow: what a norm may lose by that.
NORM_ETA = 2.0**-450
# Weights, biases and radii below this are replaced, so that none is subnormal.
_LEAST = 2.0**-1000


def gamma(n: int) -> float:
    """Return gamma_n = n u / (1 - n u), rounded up.

    Raises:
        ValueError: if n is not below 2^22: `SLACK` is proved for shorter sums only.
    """
    if not 0 <= n < 1 << 22:
        raise ValueError(f"error bounds are for sums of at most 2^22 terms, got {n}")
    return n * U * (1 + 2.0**-29)


@dataclass(frozen=True, eq=False)
class RoundedNetwork:
    """Weights and biases of a ReLU network, rounded to nearest in float64.

    Args:
        weights: W_1, ..., W_L, shapes (n_l, n_(l-1)); |W - exact| <= u |W| + 2^-1000.
        biases: b_1, ..., b_L, shapes (n_l,), as precise.
    """

    weights: tuple[torch.Tensor, ...]
    biases: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, network: ReLUNetwork, device: str | torch.device = "cpu") -> RoundedNetwork:
        """Return the rounded network.

        Raises:
            ValueError: if the network has a threshold neuron or more than one output, or there is
                no such device.
            OverflowError: if a weight exceeds the range of float64.
        """
        require_device(device)
        if network.outputs != 1:
            raise ValueError(f"bounds are about scalar networks, got {network.outputs} outputs")
        if any(network.thresholds(number).any() for number in range(network.depth - 1)):
            raise ValueError("bounds are about ReLU networks, got a threshold neuron")
        dense = [layer.dense() for layer in network.layers]
        weights, biases = (
            tuple(
                torch.from_numpy(_flushed(pair[k].nearest_float64())).to(device) for pair in dense
            )
            for k in (0, 1)
        )
        return cls(weights, biases)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths n_1, ..., n_(L-1)."""
        return tuple(len(weight) for weight in self.weights[:-1])


@dataclass(frozen=True, eq=False)
class Balls:
    """Open balls ||t||_p < radius about points x_i, the input of a network being x_i + t.

    Args:
        first: W_1 x_i + b_1 rounded to nearest from the exact value, shape (B, n_1).
        radius: a float at least mu.
        p: 1, 2 or inf.
    """

    first: torch.Tensor
    radius: float
    p: int | float

    @classmethod
    def of(
        cls,
        network: ReLUNetwork,
        dataset: SeparatedDataset,
        rho: Fraction,
        p: int | float = 2,
        indices: np.ndarray | None = None,
        device: str | torch.device = "cpu",
    ) -> Balls:
        """Return the balls of some points of a dataset, all by default.

        Raises:
            ValueError: for a norm other than 1, 2 and inf.
            OverflowError: if W_1 x_i + b_1 exceeds the range of float64.
        """
        if p not in (1, 2, math.inf):
            raise ValueError(f"bounds are for p = 1, 2 or inf, got {p}")
        X = dataset.X if indices is None else dataset.X[indices]
        first = ReLUNetwork((network.layers[0],), ()).evaluate_exact(X)
        values = torch.from_numpy(_flushed(first.nearest_float64())).to(device)
        return cls(values, radius_above(dataset, rho, p), p)

    def __getitem__(self, rows: torch.Tensor | slice) -> Balls:
        """Return some of the balls, also repeatedly."""
        return Balls(self.first[rows], self.radius, self.p)

    def __len__(self) -> int:
        """Return the number of balls."""
        return len(self.first)


def radius_above(dataset: SeparatedDataset, rho: Fraction, p: int | float) -> float:
    """Return a float64 at least mu = rho * eps_D and next to it, or 2^-1000 if that is larger."""
    root = root_upper(dataset.radius_power(rho, p), 1 if p == math.inf else int(p))
    value = float(root)
    above = value if Fraction(value) >= root else math.nextafter(value, math.inf)
    # A subnormal radius might count as 0.
    return max(above, _LEAST)


def dual_norm(rows: torch.Tensor, p: int | float) -> torch.Tensor:
    """Return an upper bound of the dual norm of each row, sup of a.t over ||t||_p <= 1.

    Args:
        rows: a, shape (..., d).
        p: 1, 2 or inf; the dual norms are max |a_j|, |a|_2 and sum |a_j|.
    """
    if p == 1:
        return rows.abs().amax(-1)
    if p == 2:
        return rows.square().sum(-1).sqrt() * (1 + gamma(rows.shape[-1] + 8)) + NORM_ETA
    return rows.abs().sum(-1) * (1 + gamma(rows.shape[-1] + 8)) + ETA


def require_device(device: str | torch.device) -> None:
    """Check that bounds can be computed there.

    Raises:
        ValueError: if there is no such device.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be cpu or a CUDA device here, got {device!r}") from error


def _flushed(values: np.ndarray) -> np.ndarray:
    """Return the floats with those below 2^-1000 replaced by 0, so that none is subnormal."""
    return np.where(np.abs(values) < _LEAST, 0.0, values)
