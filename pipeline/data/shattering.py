"""The datasets behind the VC lower bound: one for each labelling to shatter (Proposition 3.3)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from pipeline.exact import DyadicArray


def shattering_points(N: int, d: int, k: int, signs: np.ndarray) -> tuple[DyadicArray, np.ndarray]:
    """Return the points and labels of Proposition 3.3, with eps_D >= sqrt(k).

    Pair l has the centre c_l = 2 d**2 (l - 1) e_1 and the points c_l + v_l (label 2) and c_l - v_l
    (label 1), v_l = sum_j s_{l,j} e_j over j <= k. They are 2 sqrt(k) apart; points of different
    pairs are at least 2 d**2 - 2 >= 2 sqrt(k) apart (d >= 2, k <= d). For odd N one more point
    2 d**2 floor(N/2) e_1 has label 2 and distance at least 2 d**2 - 1 from all others.

    Args:
        N: number of points, at least 2.
        d: dimension, at least 2.
        k: floor(1 / (1 - rho**2)), in 1..d.
        signs: s in {-1, +1}, shape (floor(N/2), k).

    Returns:
        Points of shape (N, d) and labels of shape (N,).
    """
    pairs = N // 2
    X = np.zeros((N, d), dtype=np.int64)
    X[0 : 2 * pairs : 2, :k] = signs
    X[1 : 2 * pairs : 2, :k] = -signs
    # Row i belongs to pair i // 2; the odd point of an odd N starts a pair of its own.
    X[:, 0] += 2 * d * d * (np.arange(N) // 2)
    y = np.where(np.arange(N) % 2 == 0, 2, 1).astype(np.int64)
    return DyadicArray(X, 0), y


def shattered_points(N: int, d: int, k: int) -> DyadicArray:
    """Return the points x_{l,j} = c_l + e_j that 2 f - 3 labels, shape (floor(N/2) * k, d)."""
    points = np.zeros((N // 2, k, d), dtype=np.int64)
    points[:, np.arange(k), np.arange(k)] = 1
    points[:, :, 0] += 2 * d * d * np.arange(N // 2)[:, None]
    return DyadicArray(points.reshape(-1, d), 0)


def points_a_pair(d: int, rho: Fraction | None, k: int | None) -> int:
    """Return k = floor(1 / (1 - rho**2)), the points shattered by one pair of balls.

    Raises:
        ValueError: if neither rho nor k is given, they disagree, k is not in 1..d, or
            rho > sqrt(1 - 1/d).
    """
    if rho is None and k is None:
        raise ValueError("shattering needs rho or k = floor(1/(1 - rho^2)) (Proposition 3.3)")
    if rho is None:
        if k is None or isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= d:
            raise ValueError(f"k must be an integer in 1..d = {d}, got {k!r} (Proposition 3.3)")
        return k
    if rho * rho > 1 - Fraction(1, d):
        raise ValueError(
            f"rho must be at most sqrt(1 - 1/d) with d = {d}, got {rho} (Proposition 3.3)"
        )
    ratio = 1 / (1 - rho * rho)
    derived = ratio.numerator // ratio.denominator
    if k is not None and k != derived:
        raise ValueError(
            f"k must be floor(1/(1 - rho^2)) = {derived} at rho = {rho}, got {k} (Proposition 3.3)"
        )
    return derived


def labelling_signs(labelling: Iterable[object], pairs: int, k: int) -> np.ndarray:
    """Return a labelling as signs of shape (pairs, k).

    Args:
        labelling: pairs * k signs in the order (1,1), ..., (1,k), (2,1), ...: a bit string such
            as "0110" or "+--+", or an iterable of -1 or 0 and +1.
        pairs: floor(N/2).
        k: points a pair.

    Raises:
        ValueError: if the length or an entry is wrong.
    """
    values = {"1": 1, "+": 1, "+1": 1, "0": -1, "-": -1, "-1": -1}
    entries = [str(entry) for entry in labelling]
    wrong = [entry for entry in entries if entry not in values]
    if wrong:
        raise ValueError(
            f"a labelling has entries -1 (or 0) and 1, got {wrong[0]!r} (Proposition 3.3)"
        )
    if len(entries) != pairs * k:
        raise ValueError(
            f"a labelling of floor(N/2) k = {pairs} * {k} points needs {pairs * k} entries, got "
            f"{len(entries)} (Proposition 3.3)"
        )
    return np.array([values[entry] for entry in entries], dtype=np.int64).reshape(pairs, k)
