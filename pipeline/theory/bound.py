"""A bound on the parameter count: its formula, its regimes, its source.

Leading terms: constants and factors polylogarithmic in N, d, C, 1/rho, 1/(1-rho) are omitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.theory.arguments import (
    Growth,
    Reals,
    checked_growth,
    checked_norm,
    checked_ratio,
    checked_sizes,
    gamma_p,
)
from pipeline.theory.conditions import ALWAYS, Condition
from pipeline.theory.rates import INPUT, Rate

Norm = int | float
Side = Literal["lower", "upper"]
Counting = Literal["all", "nonzero"]
COUNTINGS: tuple[Counting, ...] = ("all", "nonzero")


def every_norm(p: Norm) -> bool:
    """Return True."""
    return True


def no_norm(p: Norm) -> bool:
    """Return False."""
    return False


@dataclass(frozen=True)
class Regime:
    """One part of a bound's range.

    Args:
        name: a word or two.
        item: the theorem or source that covers it.
        rate: the leading term there.
        until: where it ends; a bound's regimes are tried in order.
    """

    name: str
    item: str
    rate: Rate
    until: Condition = ALWAYS


@dataclass(frozen=True)
class Bound:
    """A lower or upper bound on P, callable: its leading term at (N, d, rho).

    Args:
        name: identifier, also the column of tables.
        item: the theorem or source, as errors name it.
        side: whether P is at least or at most of this order.
        formula: of the norm; with `INPUT` for the d of the input layer that may be dropped.
        regimes: of the norm, in the order of rho.
        counting: "all" entries (Eq. 3) or "nonzero" ones (Appendix E).
        scaled: for which norms it needs rho * gamma_p(d) < 1 (Theorem C.11).
        range: where it is proved at all.
        norms: for which norms it is stated.

    Raises:
        ValueError: when called out of range, naming the theorem.
    """

    name: str
    item: str
    side: Side
    formula: Callable[[Norm], Rate]
    regimes: Callable[[Norm], tuple[Regime, ...]]
    counting: Counting = "all"
    scaled: Callable[[Norm], bool] = no_norm
    range: Condition = ALWAYS
    norms: Callable[[Norm], bool] = every_norm

    def __call__(
        self,
        N: ArrayLike,
        d: ArrayLike,
        rho: ArrayLike | Fraction,
        additive_d: bool = True,
        p: Norm = 2,
    ) -> Reals:
        """Return the leading term; arguments broadcast, scalars in, NumPy scalars out.

        Args:
            N: number of points, >= 2.
            d: input dimension, >= 1.
            rho: robustness ratio in (0, 1).
            additive_d: keep the d of the input layer, which the paper omits in places.
            p: norm of the balls, a positive integer or inf.
        """
        at = self._values(N, d, rho, additive_d, p)
        return np.asarray(self.formula(p).value(at) + 0 * (at["N"] + at["d"] + at["rho"]))[()]

    def regime(
        self, N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2
    ) -> NDArray[np.str_]:
        """Return the name of the regime that covers rho, with the constants of the theorem."""
        at = self._values(N, d, rho, True, p)
        parts = self.regimes(p)
        shape = at["N"] + at["d"] + at["rho"]
        where = [np.broadcast_to(part.until.values(at), shape.shape) for part in parts]
        return np.select(where, [part.name for part in parts], parts[-1].name)[()]

    def within(
        self, part: str, N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2
    ) -> Reals:
        """Return the leading term of one regime, without the d of the input layer.

        Raises:
            ValueError: naming the regime's theorem, if another regime covers rho.
        """
        found = np.asarray(self.regime(N, d, rho, p))
        (chosen,) = (each for each in self.regimes(p) if each.name == part)
        if np.any(found != part):
            other = found[found != part].flat[0]
            raise ValueError(
                f"rho must lie in the {part} regime, got the {other} one ({chosen.item})"
            )
        at = self._values(N, d, rho, False, p)
        return np.asarray(chosen.rate.value(at) + 0 * (at["N"] + at["d"] + at["rho"]))[()]

    def exponent(
        self,
        delta: ArrayLike,
        s: ArrayLike,
        p: Norm = 2,
        additive_d: bool = True,
        t: ArrayLike = 0.0,
    ) -> Reals:
        """Return e with P = n^e for N = n, d = n^delta, rho = n^-s; infinite where unproved.

        Args:
            delta: log_N d, >= 0.
            s: log_N (1/rho), >= 0; 0 stands for a constant rho.
            p: norm of the balls.
            additive_d: keep the d of the input layer.
            t: where s = 0, 1 - rho = n^-t, >= 0; 0 stands for a constant rho.
        """
        at = checked_growth(Growth(delta, s, t), checked_norm(p, self.item), additive_d, self.item)
        self._require_norm(p)
        proved = self.range.exponents(at)
        if self.scaled(p):
            # rho gamma_p(d) < 1, up to constants.
            proved = proved & (at["rho"] + at["gamma"] <= 0)
        found = self.formula(p).exponent(at) + 0 * (at["N"] + at["d"] + at["rho"])
        return np.asarray(np.where(proved, found, inf))[()]

    def proved(
        self, N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, p: Norm = 2
    ) -> NDArray[np.bool_]:
        """Return where the bound is proved, for arguments that make sense."""
        at = self._numbers(N, d, rho, True, p)
        found = self.range.values(at) & (at["rho"] * at["gamma"] < 1 if self.scaled(p) else True)
        return np.asarray(found)[()]

    def _values(
        self, N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, additive_d: bool, p: Norm
    ) -> dict[str, Reals]:
        """Return the symbols' values, in range.

        Raises:
            ValueError: naming the theorem, where an argument makes no sense or rho is out of range.
        """
        at = self._numbers(N, d, rho, additive_d, p)
        scaled = np.asarray(at["rho"] * at["gamma"])
        if self.scaled(p) and np.any(scaled >= 1):
            raise ValueError(
                f"rho * gamma_p(d) must lie in (0, 1) for p = {p}, got "
                f"{float(np.max(scaled))!r} ({self.item})"
            )
        inside = np.asarray(self.range.values(at))
        if not inside.all():
            outside = np.broadcast_to(at["rho"], inside.shape)[~inside].flat[0]
            raise ValueError(
                f"rho is outside the range {self.range.words}, got {float(outside)!r} ({self.item})"
            )
        return at

    def _numbers(
        self, N: ArrayLike, d: ArrayLike, rho: ArrayLike | Fraction, additive_d: bool, p: Norm
    ) -> dict[str, Reals]:
        checked_norm(p, self.item)
        self._require_norm(p)
        sizes = checked_sizes(N, d, self.item)
        return numbers(*sizes, checked_ratio(rho, self.item), p, additive_d)

    def _require_norm(self, p: Norm) -> None:
        if not self.norms(p):
            raise ValueError(f"nothing is proved for p = {p} ({self.item})")


def numbers(N: Reals, d: Reals, rho: Reals, p: Norm, additive_d: bool = True) -> dict[str, Reals]:
    """Return the value of every symbol of a formula, for checked arguments."""
    return {
        "N": N,
        "d": d,
        INPUT.name: d if additive_d else 0 * d,
        "rho": rho,
        "gamma": gamma_p(d, p),
        "p": np.asarray(float(p)),
        # 1 - rho^p without cancellation near rho = 1.
        "gap": np.asarray(-np.expm1(p * np.log(rho))) if p != inf else np.ones_like(rho),
        "log": np.log(N),
    }
