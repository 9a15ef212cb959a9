"""The price of learning: what training needs beside what is built, necessary and sufficient."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LearningPrice:
    """One dataset at one ratio: the trained interval, the networks built, the bounds.

    Args:
        dataset: its name.
        N: number of points.
        d: input dimension.
        C: number of classes.
        rho: robustness ratio, as a rational's text.
        depth: affine layers of the trained networks.
        decision: `nearest` or `exact`, the rule of the trained networks; built ones have f = y.
        seeds: networks trained at each width.
        impossible: largest width that no network of any depth can have in its first hidden layer.
        failed: largest width below `succeeded` that is impossible or never succeeded.
        succeeded: smallest width with a certified network, None if there was none.
        parameters_failed: P at width `failed`, 0 for width 0.
        parameters: P at width `succeeded`, None if there was none.
        necessary: parameters that every network needs for these points (`necessary_parameters`).
        lower_bound: leading term of Theorem 3.1, for the worst dataset of this size.
        upper_bound: leading term of Theorem 4.2, None where it does not apply.
        ours: leading term of this project's best upper bound.
        built: certified constructions, P by name.
        attempts: number of trained networks by outcome.
        seconds: spent on training and deciding.

    Raises:
        ValueError: if the widths are out of order.
    """

    dataset: str
    N: int
    d: int
    C: int
    rho: str
    depth: int
    decision: str
    seeds: int
    impossible: int
    failed: int
    succeeded: int | None
    parameters_failed: int
    parameters: int | None
    necessary: int
    lower_bound: float
    upper_bound: float | None
    ours: float | None
    built: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        top = self.failed + 1 if self.succeeded is None else self.succeeded
        if not 0 <= self.impossible <= self.failed < top:
            raise ValueError(
                f"widths must grow: {self.impossible} impossible, {self.failed} failed, "
                f"{self.succeeded} succeeded"
            )
        if (self.parameters is None) != (self.succeeded is None):
            raise ValueError("a count is needed exactly where a width succeeded")


def necessary_parameters(width: int, d: int) -> int:
    """Return how many parameters a network on R^d has whose first layer has at least `width` rows.

    A hidden layer of m neurons takes m (d + 1) weights and biases, and a weight leads on from each
    of them: m (d + 2). An affine map, one row without a hidden layer, has only d + 1.

    >>> necessary_parameters(1, 4), necessary_parameters(2, 4)
    (5, 12)
    """
    return d + 1 if width == 1 else width * (d + 2)
