"""Sizes of a network that need not be built: widths by nested repetition, counts in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Repeat:
    """A run of hidden layers, `times` times over.

    Args:
        body: hidden widths in order; a run may hold runs.
        times: repetitions, at least 1.

    Raises:
        ValueError: if a width or the number of repetitions is below 1, or the body is empty.

    >>> list(Repeat((Repeat((2,), 3), 5), 2).widths())
    [2, 2, 2, 5, 2, 2, 2, 5]
    """

    body: tuple[int | Repeat, ...]
    times: int = 1

    def __post_init__(self) -> None:
        smallest = min((w for w in self.body if isinstance(w, int)), default=1)
        if self.times < 1 or not self.body or smallest < 1:
            raise ValueError(f"a run needs widths and repetitions >= 1, got {self.body}")

    @cached_property
    def length(self) -> int:
        """Number of hidden layers."""
        return self.times * sum(1 if isinstance(w, int) else w.length for w in self.body)

    @cached_property
    def widest(self) -> int:
        """Largest width."""
        return max(w if isinstance(w, int) else w.widest for w in self.body)

    @cached_property
    def first(self) -> int:
        """Width of the first layer."""
        start = self.body[0]
        return start if isinstance(start, int) else start.first

    @cached_property
    def last(self) -> int:
        """Width of the last layer."""
        end = self.body[-1]
        return end if isinstance(end, int) else end.last

    @cached_property
    def inner_count(self) -> int:
        """Parameters of the affine maps between the layers of the run."""
        total, previous = 0, 0
        for w in self.body:
            width, last = (w, w) if isinstance(w, int) else (w.first, w.last)
            total += (previous + 1) * width if previous else 0
            total += 0 if isinstance(w, int) else w.inner_count
            previous = last
        return self.times * total + (self.times - 1) * (self.last + 1) * self.first

    def widths(self) -> Iterator[int]:
        """Yield every hidden width in order."""
        for _ in range(self.times):
            for w in self.body:
                if isinstance(w, int):
                    yield w
                else:
                    yield from w.widths()


def repeated(*body: int | Repeat, times: int) -> tuple[Repeat, ...]:
    """Return the run in a tuple, the empty tuple where it repeats 0 times."""
    return (Repeat(body, times),) if times else ()


@dataclass(frozen=True)
class Plan:
    """Layer widths d -> hidden widths -> outputs.

    Args:
        inputs: input dimension d.
        hidden: hidden widths in order, runs of them written as `Repeat`.
        resolved: the sizes the plan was made from (projected dimension, tent steps, ...).
        outputs: output dimension.

    Raises:
        ValueError: if a width is below 1 or there is no hidden layer.
    """

    inputs: int
    hidden: tuple[int | Repeat, ...]
    resolved: dict[str, int | str] = field(default_factory=dict)
    outputs: int = 1

    def __post_init__(self) -> None:
        if not self.hidden:
            raise ValueError("a plan needs a hidden layer")
        Repeat(self.hidden)

    @cached_property
    def _run(self) -> Repeat:
        return Repeat(self.hidden)

    @property
    def depth(self) -> int:
        """Number of affine layers L."""
        return 1 + self._run.length

    @property
    def width(self) -> int:
        """Largest hidden width."""
        return self._run.widest

    @property
    def first_hidden_width(self) -> int:
        """Width of the first hidden layer."""
        return self._run.first

    def parameter_count(self) -> int:
        """Return P = sum_l (d_{l-1} + 1) d_l, zero entries included (Eq. 3).

        >>> Plan(2, (Repeat((3, 4), 2),)).parameter_count()
        61
        """
        run = self._run
        return (self.inputs + 1) * run.first + run.inner_count + (run.last + 1) * self.outputs

    def hidden_widths(self) -> Iterator[int]:
        """Yield every hidden width in order."""
        return self._run.widths()
