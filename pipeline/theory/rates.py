"""Leading terms as expressions: one formula gives the value, the exponent and the words of a bound.

A rate is built from symbols by +, *, ** with rational exponents, `Least` and `Largest`:

>>> rate = N * D ** Fraction(1, 4) * RHO ** Fraction(1, 2)

Its value is what the formula says. Its exponent, for N = n, d = n^delta, rho = n^-s and n growing,
is the same formula over (max, +): a sum grows like its largest term, a product like n to the sum
of the exponents. So an exponent cannot disagree with the bound it belongs to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import final

import numpy as np

from pipeline.theory.arguments import Reals
from pipeline.theory.notation import TEXT, Notation

Numbers = Mapping[str, Reals]
Rational = int | Fraction


class Rate(ABC):
    """A positive expression in the sizes N, d, the ratio rho and the norm's factor gamma_p(d)."""

    @abstractmethod
    def value(self, at: Numbers) -> Reals:
        """Return the value, with the values of the symbols."""

    @abstractmethod
    def exponent(self, at: Numbers) -> Reals:
        """Return the exponent of n, with the exponents of the symbols."""

    @abstractmethod
    def words(self, notation: Notation = TEXT) -> str:
        """Return the formula as text or LaTeX, empty for a factor that the notation leaves out."""

    def __add__(self, other: Rate) -> Rate:
        """Return the sum."""
        return Sum((self, other))

    def __mul__(self, other: Rate) -> Rate:
        """Return the product."""
        return Product((self, other))

    def __truediv__(self, other: Rate) -> Rate:
        """Return the quotient."""
        return Product((self, Power(other, Fraction(-1))))

    def __pow__(self, power: Rational) -> Rate:
        """Return the rational power."""
        return Power(self, Fraction(power))


@final
@dataclass(frozen=True)
class Symbol(Rate):
    """A quantity that the evaluation is told by name."""

    name: str

    def value(self, at: Numbers) -> Reals:
        """Return the quantity."""
        return at[self.name]

    def exponent(self, at: Numbers) -> Reals:
        """Return the quantity's exponent."""
        return at[self.name]

    def words(self, notation: Notation = TEXT) -> str:
        """Return the symbol's name in the notation."""
        return notation.symbol(self.name)


@final
@dataclass(frozen=True)
class Number(Rate):
    """A positive constant: its exponent is 0."""

    number: Fraction

    def value(self, at: Numbers) -> Reals:
        """Return the constant."""
        return np.asarray(float(self.number))

    def exponent(self, at: Numbers) -> Reals:
        """Return 0."""
        return np.asarray(0.0)

    def words(self, notation: Notation = TEXT) -> str:
        """Return the constant's digits."""
        return notation.number(self.number)


@final
@dataclass(frozen=True)
class Power(Rate):
    """A rate to a rational power."""

    base: Rate
    power: Fraction

    def value(self, at: Numbers) -> Reals:
        """Return the power, roots and quotients correctly rounded."""
        base = self.base.value(at)
        if self.power == Fraction(1, 2):
            return np.sqrt(base)
        if self.power == -1:
            return np.asarray(1 / base)
        whole = self.power.denominator == 1
        return np.asarray(base ** (int(self.power) if whole else float(self.power)))

    def exponent(self, at: Numbers) -> Reals:
        """Return the power times the base's exponent."""
        numerator = self.base.exponent(at) * self.power.numerator
        return np.asarray(numerator / self.power.denominator)

    def words(self, notation: Notation = TEXT) -> str:
        """Return the power, roots as roots."""
        return notation.power(self.base.words(notation), self.power)


@final
@dataclass(frozen=True)
class Product(Rate):
    """The product of two rates."""

    factors: tuple[Rate, Rate]

    def value(self, at: Numbers) -> Reals:
        """Return the product of the values; a reciprocal factor divides, with one rounding."""
        first, last = self.factors
        if isinstance(last, Power) and last.power == -1:
            return np.asarray(first.value(at) / last.base.value(at))
        return np.asarray(first.value(at) * last.value(at))

    def exponent(self, at: Numbers) -> Reals:
        """Return the sum of the exponents."""
        first, last = self.factors
        return np.asarray(first.exponent(at) + last.exponent(at))

    def words(self, notation: Notation = TEXT) -> str:
        """Return both factors side by side, or a fraction."""
        first, last = self.factors
        if isinstance(last, Power) and last.power == -1:
            return notation.quotient(first.words(notation), last.base.words(notation))
        return notation.product([each.words(notation) for each in self.factors])


@final
@dataclass(frozen=True)
class Sum(Rate):
    """The sum of two rates."""

    terms: tuple[Rate, Rate]

    def value(self, at: Numbers) -> Reals:
        """Return the sum of the values."""
        first, last = self.terms
        return np.asarray(first.value(at) + last.value(at))

    def exponent(self, at: Numbers) -> Reals:
        """Return the larger exponent."""
        first, last = self.terms
        return np.maximum(first.exponent(at), last.exponent(at))

    def words(self, notation: Notation = TEXT) -> str:
        """Return both terms with a plus sign."""
        return notation.sum([each.words(notation) for each in self.terms])


@final
@dataclass(frozen=True)
class Least(Rate):
    """The least of some rates."""

    of: tuple[Rate, ...]

    def value(self, at: Numbers) -> Reals:
        """Return the least value."""
        return np.asarray(reduce(np.minimum, [each.value(at) for each in self.of]))

    def exponent(self, at: Numbers) -> Reals:
        """Return the least exponent."""
        return np.asarray(reduce(np.minimum, [each.exponent(at) for each in self.of]))

    def words(self, notation: Notation = TEXT) -> str:
        """Return min{...}."""
        return notation.call("min", [each.words(notation) for each in self.of])


@final
@dataclass(frozen=True)
class Largest(Rate):
    """The largest of some rates."""

    of: tuple[Rate, ...]

    def value(self, at: Numbers) -> Reals:
        """Return the largest value."""
        return np.asarray(reduce(np.maximum, [each.value(at) for each in self.of]))

    def exponent(self, at: Numbers) -> Reals:
        """Return the largest exponent."""
        return np.asarray(reduce(np.maximum, [each.exponent(at) for each in self.of]))

    def words(self, notation: Notation = TEXT) -> str:
        """Return max{...}."""
        return notation.call("max", [each.words(notation) for each in self.of])


N, D, RHO = Symbol("N"), Symbol("d"), Symbol("rho")
# gamma_p(d), 1 for p = 2; the norm p; 1 - rho^p; and log N, whose exponent is 0.
GAMMA, P, GAP, LOG = Symbol("gamma"), Symbol("p"), Symbol("gap"), Symbol("log")
# d of the input layer, which a bound may be asked to drop.
INPUT = Symbol("input")
ONE = Number(Fraction(1))
FEWER = Least((N, D))
# The l_2 ratio that suffices for rho in l_p (Appendix C).
RATIO = RHO * GAMMA


def root(rate: Rate) -> Rate:
    """Return the square root."""
    return Power(rate, Fraction(1, 2))
