r"""Floors, confirmed: Floor_n outside thin bands (Lemma B.16), and exact ones by threshold units.

Lemma 1. Let n >= 1, q >= 0, gamma = 2^-q, g = gamma / 2^n <= 1/2 and
Delta(v) = 2 relu(v) - (1/g) (relu(v - 1/2 + g) - relu(v - 1/2) + relu(v - 1 + g)). For every x with
0 <= x < 2^n and x - floor(x) >= gamma, x - 1 + Delta^n(1 - x / 2^n) = floor(x).
Proof. Put s = 1 - (x - floor(x)), 0 < s <= 1 - gamma. Then 1 - x / 2^n = (k + s) / 2^n with
k = 2^n - 1 - floor(x) in 0..2^n - 1. Claim: after t steps v = (k_t + s) / 2^(n-t), k_t the last
n - t bits of k. If the leading one of these bits is 0, v <= (2^(n-t-1) - gamma) / 2^(n-t), at most
1/2 - g since gamma / 2^(n-t) >= g; all but the first term of Delta vanish and Delta(v) = 2v: k_t
stays. If it is 1, 1/2 <= v <= 1 - gamma / 2^(n-t) <= 1 - g, the two middle terms differ by g, the
last vanishes and Delta(v) = 2v - 1: the bit goes. After n steps no bit is left, v = s, and
x - 1 + s = floor(x). At every step v > 0, so relu(v) = v.
At x - floor(x) = gamma both ends are attained, so the inequality need not be strict. Nothing is
said about the bands floor(x) <= x < floor(x) + gamma.

Lemma 2. For 0 <= x_j < 2^n, with v_j = x_j and sum = 0 at the start, the steps
s_j = [v_j >= 2^t], v_j <- v_j - 2^t s_j, sum <- sum + c_j 2^t s_j for t = n - 1, ..., 0 end with
sum = sum_j c_j floor(x_j), for c_j >= 0. Proof: 0 <= v_j < 2^(t+1) before step t, so 0 <= v_j < 2^t
after it, and v_j + (what was split off) stays x_j; at the end 0 <= v_j < 1 and integers were split
off. All that ReLUs carry is nonnegative.
"""

from __future__ import annotations

from fractions import Fraction

from pipeline.verification.check.forms import Form, neuron
from pipeline.verification.check.layers import Layers, neurons

_HALF = Fraction(1, 2)


def confirm_floors(
    layers: Layers, carried: list[Form], xs: list[Form], n: int, q: int
) -> list[Form]:
    """Confirm Floor_n of every x side by side; return the floors.

    Args:
        layers: the layers, of which it reads n.
        carried: values >= 0 that pass by.
        xs: values in [0, 2^n).
        n: layers.
        q: gamma = 2^-q.
    """
    kept, steep = len(carried), 1 << (n + q)
    g = Fraction(1, steep)
    passing = carried
    vs = [(x * Fraction(-1, 1 << n)).plus(1) for x in xs]
    for _ in range(n):
        rows = list(passing)
        for x, v in zip(xs, vs, strict=True):
            rows += [x, v, v.plus(g - _HALF), v.plus(-_HALF), v.plus(g - 1)]
        layers.confirm(rows, "floors")
        passing, xs, vs = neurons(0, kept), [], []
        for at in range(kept, len(rows), 5):
            x, whole, falling, half, last = neurons(at, 5)
            xs.append(x)
            vs.append(whole * 2 - (falling - half + last) * steep)
    return [x.plus(-1) + v for x, v in zip(xs, vs, strict=True)]


def confirm_threshold_floors(
    layers: Layers, carried: list[Form], xs: list[Form], weights: list[int], n: int
) -> Form:
    """Confirm the threshold units; return the form of sum_j weights[j] floor(x_j).

    Args:
        layers: the layers, of which it reads n.
        carried: values >= 0 that pass by.
        xs: values in [0, 2^n).
        weights: c_j >= 0.
        n: layers.
    """
    kept, m = len(carried), len(xs)
    passing, total, rests = carried, Form(), xs
    for t in reversed(range(n)):
        steps = [v.plus(-(1 << t)) for v in rests]
        layers.confirm([*passing, total, *rests, *steps], "threshold floors", thresholds=m)
        passing, total, rests = neurons(0, kept), neuron(kept), []
        for j, weight in enumerate(weights):
            step = neuron(kept + 1 + m + j)
            rests.append(neuron(kept + 1 + j) - step * (1 << t))
            total = total + step * (weight << t)
    return total
