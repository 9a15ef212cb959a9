"""Where a bound or one of its regimes holds: a condition on sizes, and the same on exponents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import final

import numpy as np
from numpy.typing import NDArray

from pipeline.theory.arguments import Reals
from pipeline.theory.notation import TEXT, Notation
from pipeline.theory.rates import Numbers, Rate


@dataclass(frozen=True)
class Condition:
    """Where a regime or a bound holds.

    Args:
        words: in formulas.
        values: whether sizes and ratio satisfy it.
        exponents: whether exponents do, constants and logarithms aside.
    """

    words: str
    values: Callable[[Numbers], NDArray[np.bool_]]
    exponents: Callable[[Numbers], NDArray[np.bool_]]


ALWAYS = Condition(
    "0 < ρ < 1", lambda at: at["rho"] + at["N"] > 0, lambda at: at["rho"] + at["N"] < inf
)


def at_most(left: Rate, right: Rate, words: str) -> Condition:
    """Return the condition left <= right."""
    return Condition(
        words,
        lambda at: np.asarray(left.value(at) <= right.value(at)),
        lambda at: np.asarray(left.exponent(at) <= right.exponent(at)),
    )


def both(first: Condition, second: Condition) -> Condition:
    """Return the condition that both hold, in the words of the second."""
    return Condition(
        second.words,
        lambda at: first.values(at) & second.values(at),
        lambda at: first.exponents(at) & second.exponents(at),
    )


@final
@dataclass(frozen=True)
class Where(Rate):
    """One rate where a condition holds and another elsewhere."""

    condition: Condition
    inside: Rate
    outside: Rate

    def value(self, at: Numbers) -> Reals:
        """Return the value of the rate that applies."""
        return np.where(self.condition.values(at), self.inside.value(at), self.outside.value(at))

    def exponent(self, at: Numbers) -> Reals:
        """Return the exponent of the rate that applies."""
        inside, outside = self.inside.exponent(at), self.outside.exponent(at)
        return np.where(self.condition.exponents(at), inside, outside)

    def words(self, notation: Notation = TEXT) -> str:
        """Return both rates and the condition, in brackets."""
        inside, outside = self.inside.words(notation), self.outside.words(notation)
        return f"({inside} if {self.condition.words}, else {outside})"
