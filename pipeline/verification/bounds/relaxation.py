r"""Linear bounds of a ReLU network on balls by backward substitution (CROWN), rigorous in float64.

For a row a on the neurons h_k = relu(z_k) of layer k and a constant c we keep, on the region,

    g(x) >= a . h_k(x) + c - e,        a, c floats, e >= 0 a float rounded up.

Through relu: where l <= z <= u, relu(z) = z (l >= 0), 0 (u <= 0), or alpha z <= relu(z) <= s z + t
with any alpha in [0, 1], s >= u/(u - l), t >= -s l; a_j > 0 takes the lower line, a_j < 0 the upper
one. Where a split fixes the sign sigma of z_j, g >= g - beta sigma z_j for any beta >= 0. Through
the affine map: a . z = (a W) . h + a . b. Each float result differs from the exact one by a delta
that the errors in `rounding` bound, and delta . h is at most |delta| . max |h|: e grows by products
of |a| with one vector a ball and layer, no second matrix product is needed. With the last row a, on
t in the ball,

    g >= c - e - mu ||a||_q,        1/p + 1/q = 1.

Zhang et al., "Efficient neural network robustness certification with general activation functions",
2018 (CROWN); Wang et al., "Beta-CROWN", 2021 (splits); the error term is ours (docs/soundness.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from pipeline.verification.bounds.rounding import (
    ETA,
    SLACK,
    Balls,
    RoundedNetwork,
    U,
    dual_norm,
    gamma,
)


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What is known of one hidden layer on each region, and the lines that follow.

    Args:
        lower: l, shape (B, n).
        upper: u, shape (B, n).
        errors: what an entry of a row may lose by rounding in this layer's relu and affine map, for
            each unit of its size, shape (B, n).
        floor: what a row may lose by underflow, shape (B, 1).
    """

    lower: torch.Tensor
    upper: torch.Tensor
    errors: torch.Tensor
    floor: torch.Tensor

    @cached_property
    def unstable(self) -> torch.Tensor:
        """Where l < 0 < u."""
        return (self.lower < 0) & (self.upper > 0)

    @cached_property
    def default_slopes(self) -> torch.Tensor:
        """Lower slopes: exact where stable, 1 where u >= -l and 0 elsewhere."""
        kept = (self.lower >= 0) | (self.unstable & (self.upper >= -self.lower))
        return kept.to(self.lower.dtype)

    @cached_property
    def upper_lines(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Slopes s and constants t of upper lines: s z + t >= relu(z) on [l, u], rounded up."""
        low, high = self.lower, self.upper
        width = high - low
        s = ((high / width) * (1 + 8 * U) + ETA).clamp(max=1.0)
        # u - l may overflow; the line z - l is right for any finite l.
        s = torch.where(torch.isfinite(width), s, torch.ones_like(s))
        t = (s * -low) * (1 + 8 * U) + ETA
        active = (low >= 0).to(low.dtype)
        return torch.where(self.unstable, s, active), torch.where(self.unstable, t, 0.0)

    def __getitem__(self, rows: torch.Tensor | slice) -> Relaxation:
        """Return some of the regions."""
        return Relaxation(self.lower[rows], self.upper[rows], self.errors[rows], self.floor[rows])

    def lower_slopes(self, alpha: torch.Tensor | None) -> torch.Tensor:
        """Return lower slopes (B, 1 or R, n): alpha in [0, 1] where unstable, exact elsewhere."""
        slopes = self.default_slopes[:, None]
        return slopes if alpha is None else torch.where(self.unstable[:, None], alpha, slopes)


def relaxation(
    network: RoundedNetwork,
    balls: Balls,
    layer: int,
    lower: torch.Tensor,
    upper: torch.Tensor,
    before: Relaxation | None,
) -> Relaxation:
    """Return a layer's relaxation with its error bounds.

    Args:
        network: the network.
        balls: the balls.
        layer: number of the hidden layer, from 0.
        lower: l, shape (B, n).
        upper: u, shape (B, n).
        before: the layer before, None for the first.
    """
    size = torch.maximum(lower.abs(), upper.abs())
    weight = network.weights[layer]
    terms = gamma(len(weight) + 4)
    if before is None:
        reach = (weight.abs().sum(-1) * balls.radius)[None]
        bias, inputs = balls.first.abs(), balls.radius * weight.shape[1]
        total = torch.full_like(lower[:, :1], inputs)
    else:
        values = before.upper.clamp(min=0)
        reach, bias = values @ weight.abs().T, network.biases[layer].abs()
        total = values.sum(-1, keepdim=True)
    sizes = size.sum(-1, keepdim=True) + (reach + bias).sum(-1, keepdim=True)
    floor = (total + sizes + 2) * (len(weight) * ETA)
    errors = ((reach + bias) * terms + size * (4 * U)) * SLACK + floor
    return Relaxation(lower, upper, errors, floor)


@dataclass(frozen=True, eq=False)
class LinearBound:
    """g >= rows . t + constant - error on the region.

    Args:
        rows: shape (B, R, d).
        constant: shape (B, R).
        error: shape (B, R), 0 where rounding was not tracked.
        lower: lower bound of g, shape (B, R).
        coefficients: the row on h_k for every hidden layer k, first layer first, if kept.
        constants: the constant beside it, shape (B, R).
    """

    rows: torch.Tensor
    constant: torch.Tensor
    error: torch.Tensor
    lower: torch.Tensor
    coefficients: tuple[torch.Tensor, ...]
    constants: tuple[torch.Tensor, ...]


def substituted(
    network: RoundedNetwork,
    balls: Balls,
    known: list[Relaxation],
    rows: torch.Tensor,
    constant: torch.Tensor,
    *,
    alphas: list[torch.Tensor] | None = None,
    betas: list[torch.Tensor] | None = None,
    rigorous: bool = True,
    keep: bool = False,
) -> LinearBound:
    """Return the linear bound on the input of g = rows . h_k + constant by backward substitution.

    Args:
        network: the network.
        balls: the balls, one a region.
        known: relaxations of layers 1..k.
        rows: floats within u of the exact rows, shape (B or 1, R, n_k).
        constant: floats at most 2 u of their size above the exact constants, shape (B or 1, R).
        alphas: lower slopes of each layer, shapes (B, 1 or R, n).
        betas: beta sigma of each neuron, 0 where it is unstable, shapes (B, 1, n).
        rigorous: whether to bound rounding errors. If not, `lower` is a float estimate.
        keep: whether to return the coefficients.
    """
    top = known[-1]
    values = top.upper.clamp(min=0)
    error = torch.zeros_like(constant)
    if rigorous:
        error = rows.abs() @ values[..., None] if rows.shape[0] != 1 else values @ rows[0].abs().T
        error = (error.reshape(len(values), -1) + constant.abs()) * (4 * U)
    coefficients: list[torch.Tensor] = []
    constants: list[torch.Tensor] = []
    for layer in reversed(range(len(known))):
        at = known[layer]
        if keep:
            coefficients.append(rows)
            constants.append(constant)
        low = at.lower_slopes(None if alphas is None else alphas[layer])
        up, shift = at.upper_lines
        negative = rows.clamp(max=0)
        lifted = (negative @ shift[..., None])[..., 0]
        rows = rows * torch.where(rows > 0, low, up[:, None])
        if betas is not None:
            rows = rows - betas[layer]
        bias = balls.first[..., None] if layer == 0 else network.biases[layer][:, None]
        moved = (rows @ bias)[..., 0]
        constant = constant + lifted + moved
        if rigorous:
            lost = (rows.abs() @ at.errors[..., None])[..., 0] + at.floor
            error = error + lost + lifted.abs() * gamma(rows.shape[-1] + 4)
            error = error + (constant.abs() + moved.abs()) * (4 * U)
        rows = rows @ network.weights[layer]
    reach = dual_norm(rows, balls.p) * balls.radius
    lower = constant - reach
    if rigorous:
        away = error * SLACK + reach * (1 + 8 * U)
        lower = constant - away
        lower = lower - (constant.abs() + away) * (4 * U)
    kept = tuple(reversed(coefficients)), tuple(reversed(constants))
    return LinearBound(rows, constant, error, lower, *kept)
