"""Figure 7: Delta of Lemma B.16, read off a built floor network, and the floor it gives."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pandas as pd

from pipeline.gadgets import floor_network
from pipeline.illustrations.parts import breakpoints, read_neurons
from pipeline.network import Affine, ReLUNetwork, serial

_HALF, _ONE = Fraction(1, 2), Fraction(1)
# In a layer of Floor_n: the carried x, then v, which the layer before has mapped to Delta(v).
_V = 1


def delta_network(n: int, gamma_bits: int) -> ReLUNetwork:
    """Return Delta_{gamma,n} on [0, 1] as the first layer of Floor_n computes it (Lemma B.16).

    Floor_n starts from v = 1 - x / 2^n, and the neuron v of its second layer reads Delta(v). So the
    network is that neuron after x = 2^n (1 - v).

    Args:
        n: layers of the floor, at least 2: a floor of one layer adds Delta to x at once.
        gamma_bits: q with gamma = 2^-q; g = gamma / 2^n.

    Raises:
        ValueError: if n < 2.
    """
    if n < 2:
        raise ValueError(f"Delta is read off the second layer of Floor_n: n >= 2, got {n}")
    back = Affine.from_fractions((1, 1), {(0, 0): -(1 << n)}, {0: 1 << n})
    return serial(ReLUNetwork.relu(back), read_neurons(floor_network(n, gamma_bits), 1, [_V]))


def figure_7_table(*, n: int = 2, gamma_bits: int = 2) -> pd.DataFrame:
    """Return Figure 7 as corners of graphs: Delta against its ideal, Floor_n against the floor.

    One row a corner; corners of one `series` and `piece` are joined by straight lines. Numbers are
    exact in the columns `exact_x` and `exact_y`, as texts of rationals.

    series: `delta` and `ideal` (panel "delta"), `floor_n` and `floor` (panel "floor"), `ramp` where
    Delta differs from its ideal and `band` where Floor_n may differ from the floor, [k, k + gamma]
    with a piece for each k.

    Args:
        n: layers of the floor, on [0, 2^n).
        gamma_bits: q with gamma = 2^-q. Two and two give g = 1/16, wide enough to be seen.
    """
    gamma, top = Fraction(1, 1 << gamma_bits), 1 << n
    g = gamma / top
    rows = _rows("delta", "delta", 0, breakpoints(delta_network(n, gamma_bits), Fraction(0), _ONE))
    rows += _rows("delta", "ideal", 0, [(Fraction(0), Fraction(0)), (_HALF, _ONE)])
    rows += _rows("delta", "ideal", 1, [(_HALF, Fraction(0)), (_ONE, _ONE)])
    for piece, end in enumerate((_HALF, _ONE)):
        rows += _rows("delta", "ramp", piece, [(end - g, Fraction(0)), (end, Fraction(0))])
    whole = breakpoints(floor_network(n, gamma_bits), Fraction(0), Fraction(top))
    rows += _rows("floor", "floor_n", 0, whole)
    for k in range(top):
        at = Fraction(k)
        rows += _rows("floor", "floor", k, [(at, at), (at + 1, at)])
        rows += _rows("floor", "band", k, [(at, at), (at + gamma, at)])
    return pd.DataFrame(rows).assign(n=n, gamma=str(gamma), g=str(g))


def _rows(
    panel: str, series: str, piece: int, corners: list[tuple[Fraction, Fraction]]
) -> list[dict[str, Any]]:
    """Return a row for each corner, with the slope to the next one (NaN at the last)."""
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(corners)]
    return [
        {
            "panel": panel,
            "series": series,
            "piece": piece,
            "x": float(x),
            "y": float(y),
            "slope": float(slopes[i]) if i < len(slopes) else float("nan"),
            "exact_x": str(x),
            "exact_y": str(y),
        }
        for i, (x, y) in enumerate(corners)
    ]
