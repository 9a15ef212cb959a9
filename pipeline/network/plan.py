"""Sizes of a network that need not be built: widths by repeated groups, counts in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """Layer widths d -> groups of hidden widths -> outputs.

    Args:
        inputs: input dimension d.
        groups: pairs (hidden widths in order, how often the group repeats).
        resolved: the sizes the plan was made from (projected dimension, tent steps, ...).
        outputs: output dimension.

    Raises:
        ValueError: if a width or a repetition is below 1.
    """

    inputs: int
    groups: tuple[tuple[tuple[int, ...], int], ...]
    resolved: dict[str, int | str] = field(default_factory=dict)
    outputs: int = 1

    def __post_init__(self) -> None:
        for widths, repeats in self.groups:
            if repeats < 1 or not widths or min(widths) < 1:
                raise ValueError(f"a group needs widths and repetitions >= 1, got {widths}")
        if not self.groups:
            raise ValueError("a plan needs a hidden layer")

    @property
    def depth(self) -> int:
        """Number of affine layers L."""
        return 1 + sum(len(widths) * repeats for widths, repeats in self.groups)

    @property
    def width(self) -> int:
        """Largest hidden width."""
        return max(max(widths) for widths, _ in self.groups)

    @property
    def first_hidden_width(self) -> int:
        """Width of the first hidden layer."""
        return self.groups[0][0][0]

    def parameter_count(self) -> int:
        """Return P = sum_l (d_{l-1} + 1) d_l, zero entries included (Eq. 3).

        >>> Plan(2, (((3, 4), 2),)).parameter_count()
        61
        """
        total, previous = 0, self.inputs
        for widths, repeats in self.groups:
            inner = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:], strict=True))
            total += (previous + 1) * widths[0] + repeats * inner
            total += (repeats - 1) * (widths[-1] + 1) * widths[0]
            previous = widths[-1]
        return total + (previous + 1) * self.outputs

    def hidden_widths(self) -> Iterator[int]:
        """Yield every hidden width in order."""
        for widths, repeats in self.groups:
            for _ in range(repeats):
                yield from widths
