r"""Figure 5 as a table: shattering reduced to robust memorization (Proposition 3.3, Appendix A.3).

k = d = 3, one pair of balls. To give e_1, e_2, e_3 the signs s_j the proof puts a ball of label 2
around v = sum_j s_j e_j and one of label 1 around -v. Then eps_D = sqrt(k), and with
rho = sqrt(1 - 1/k) the radius is mu = sqrt(k - 1): every e_j lies exactly on the boundary of the
ball of its sign. So a robust memorizer f, which is continuous, makes 2 f - 3 equal to s_j there.

That is not only drawn but computed: a network built for rho = 5/6, slightly above sqrt(2/3),
memorizes the two balls, and 2 f - 3 is evaluated exactly at the e_j.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import pandas as pd

from pipeline.construction.parallel_balls import build_parallel_balls
from pipeline.data import SeparatedDataset
from pipeline.data.shattering import labelling_signs, shattered_points, shattering_points
from pipeline.illustrations.shapes import Shape, squared_distance, table_of_shapes

N, D, K = 2, 3, 3
# rho^2 = 1 - 1/k, the least ratio of this k and the largest of Proposition 3.3 in d = k dimensions.
RATIO_SQUARED = 1 - Fraction(1, K)
# A rational ratio above it, for a network: it is right on larger balls than those drawn.
_RHO_OF_NETWORK = Fraction(5, 6)
_SUBSCRIPTS = "₁₂₃"


def figure_5_table(labellings: Sequence[str] = ("+-+", "+--"), seed: int = 0) -> pd.DataFrame:
    """Return everything drawn in Figure 5 (Proposition 3.3), distances exact.

    Args:
        labellings: signs of e_1, e_2, e_3, one labelling a panel; the paper draws J+ = {1, 3} and
            J- = {2}. The points to shatter stay, the balls follow the signs.
        seed: of the networks' construction.

    Returns:
        One row a shape (`table_of_shapes`), the labelling as panel: "ball" (x₁ of label 2, x₂ of
        label 1, radius mu), "separation" (x₁ to x₂, length 2 eps_D), "point" (e_j with the label of
        its ball, value 2 f(e_j) - 3 of the network), "own" and "other" (from the centre of its own
        and of the other ball to e_j; value "boundary", "inside" or "outside" of that ball).

    Raises:
        ValueError: if a labelling is not three signs.
    """
    shapes = [shape for labelling in labellings for shape in _pair_of_balls(labelling, seed)]
    return table_of_shapes(shapes)


def _pair_of_balls(labelling: str, seed: int) -> Iterator[Shape]:
    signs = labelling_signs(labelling, N // 2, K)
    X, y = shattering_points(N, D, K, signs)
    dataset = SeparatedDataset("shattering", X, y)
    centres = [tuple(row) for row in X.fractions()]
    mu_squared = RATIO_SQUARED * dataset.separation().power
    for mark, at, label in zip(_SUBSCRIPTS, centres, y.tolist(), strict=False):
        yield Shape(labelling, "ball", f"x{mark}", at, label=label, squared=mu_squared)
    apart = squared_distance(*centres)
    yield Shape(labelling, "separation", "2 ε", centres[0], centres[1], squared=apart)
    values = _values_of_network(dataset, seed)
    for j, row in enumerate(shattered_points(N, D, K).fractions()):
        name, at = f"e{_SUBSCRIPTS[j]}", tuple(row)
        # x_1 has label 2 and takes the points of sign +, x_2 those of sign -.
        own = 0 if signs[0, j] > 0 else 1
        yield Shape(labelling, "point", name, at, label=int(y[own]), value=str(values[j]))
        for kind, ball in (("own", own), ("other", 1 - own)):
            away, label = squared_distance(centres[ball], at), int(y[ball])
            place = _place(away, mu_squared)
            yield Shape(labelling, kind, name, centres[ball], at, label, away, place)


def _place(squared: Fraction, radius_squared: Fraction) -> str:
    if squared == radius_squared:
        return "boundary"
    return "inside" if squared < radius_squared else "outside"


def _values_of_network(dataset: SeparatedDataset, seed: int) -> list[Fraction]:
    """Return 2 f - 3 at the points to shatter, f a network robust at a ratio above rho."""
    network = build_parallel_balls(dataset, _RHO_OF_NETWORK, seed=seed).network
    outputs = network.evaluate_exact(shattered_points(N, D, K), workers=1).fractions()[:, 0]
    return [2 * value - 3 for value in outputs]
