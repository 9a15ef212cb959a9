"""Affine leaves of any network: what they prove is right at every point tried, thresholds too."""

from __future__ import annotations

from fractions import Fraction
from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SeparatedDataset
from pipeline.network import Activation, ReLUNetwork
from pipeline.verification.check.balls import Claim, Findings
from pipeline.verification.check.proofs import Proofs
from pipeline.verification.check.proved_balls import check_proofs
from pipeline.verification.check.readers import Dataset
from tests.cases import layer
from tests.construction.ball_points import datasets, line, points_in_balls
from tests.verification.check.check_files import in_memory
from tests.verification.check.proof_files import (
    AFFINE,
    Leaf,
    both_sides,
    fully_split,
    hidden_neurons,
)
from tests.verification.check.tuned_leaves import tuned_leaves

HALF = Fraction(1, 2)


def findings(
    network: ReLUNetwork,
    data: SeparatedDataset,
    leaves: list[Leaf],
    rho: Fraction = HALF,
    p: float = 2,
    decision: str = "nearest",
) -> Findings:
    """Return what the leaves prove, without a file."""
    hidden = hidden_neurons(network)
    lengths = [len(leaf.path) for leaf in leaves]
    proofs = Proofs(
        rho,
        p,
        decision,
        np.array([leaf.ball for leaf in leaves]),
        np.array([leaf.side for leaf in leaves]),
        np.array([leaf.kind for leaf in leaves]),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.array([s for leaf in leaves for s in leaf.path], dtype=np.int64),
        np.array([b for leaf in leaves for b in leaf.beta or [0.0] * len(leaf.path)]),
        np.array([leaf.alpha or [64] * hidden for leaf in leaves], dtype=np.uint8).reshape(
            len(leaves), hidden
        ),
        "",
        "",
    )
    points = data.X.numerators.astype(object)
    claim = Claim(
        Dataset("small", points, data.X.exponent, data.y, ""), data.radius_power(rho, p), p
    )
    return check_proofs(in_memory(network), proofs, claim)


@st.composite
def bent_networks(draw: st.DrawFn, d: int) -> ReLUNetwork:
    """Return a network of moderate weights and four hidden neurons at most, some thresholds."""
    entry = st.integers(-16, 16).map(lambda n: Fraction(n, 8))
    widths = [d, *draw(st.sampled_from([[1], [2], [3], [2, 2], [1, 2], [2, 1]])), 1]
    kind = st.sampled_from([Activation.RELU, Activation.RELU, Activation.THRESHOLD])
    maps = [
        layer(
            [[draw(entry) for _ in range(inputs)] for _ in range(outputs)],
            [draw(entry) for _ in range(outputs)],
        )
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
    ]
    kinds = tuple(tuple(draw(kind) for _ in range(width)) for width in widths[1:-1])
    return ReLUNetwork(tuple(maps), kinds)


@settings(max_examples=25)
@given(datasets(most=3, dimensions=2, classes=2), st.data())
def test_a_ball_proved_by_tuned_leaves_is_right_at_every_point_tried(
    data: SeparatedDataset, more: st.DataObject
) -> None:
    rho = more.draw(st.sampled_from([HALF, Fraction(99, 100)]))
    p = more.draw(st.sampled_from([1, 2, inf]))
    points, labels = points_in_balls(data, rho, p)
    network = more.draw(bent_networks(data.d))
    # Outputs are moved to the labels' size, so that balls are proved and others just are not.
    values = network.evaluate_exact(points).fractions()[:, 0]
    spread = max(values) - min(values) + 1
    scale = Fraction(2) ** -(spread.numerator // spread.denominator).bit_length()
    scale *= more.draw(st.sampled_from([Fraction(1, 2), 1, 2]))
    W, _ = (part.fractions() for part in network.layers[-1].dense())
    bias = more.draw(st.integers(8, 20)) * Fraction(1, 8)
    last = layer((W * scale).tolist(), [bias])
    network = ReLUNetwork((*network.layers[:-1], last), network.activations)
    radius = float(data.radius_power(rho, p)) ** (1 / (2 if p == 2 else 1))
    leaves = []
    for ball, (x, y) in enumerate(zip(data.X.fractions().tolist(), data.y.tolist(), strict=True)):
        leaves += tuned_leaves(network, x, ball, y, radius)
    found = findings(network, data, leaves, rho, p).verified
    values = network.evaluate_exact(points).fractions()[:, 0]
    right = np.array([abs(v - int(y)) < HALF for v, y in zip(values, labels, strict=True)])
    assert not (found & ~right.reshape(data.N, -1).all(axis=1)).any()


def threshold_at(bend: Fraction) -> ReLUNetwork:
    """Return 2 from `bend` on and 1 before, by one threshold."""
    return ReLUNetwork((layer([[1]], [-bend]), layer([[1]], [1])), (Activation.THRESHOLD,))


def test_a_threshold_inside_a_ball_is_seen_on_its_closed_side() -> None:
    data = line(2)
    # The balls are (-1/4, 1/4) and (3/4, 5/4); at the bend itself the value is 2.
    for bend, proved in (
        (Fraction(1, 4), [True, True]),
        (Fraction(1, 4) - Fraction(1, 1 << 60), [False, True]),
        (Fraction(3, 4), [True, True]),
        (Fraction(3, 4) + Fraction(1, 1 << 60), [True, False]),
    ):
        unsplit = both_sides([0, 1], kind=AFFINE)
        network = threshold_at(bend)
        assert findings(network, data, unsplit, decision="exact").verified.tolist() == proved
        betas = [leaf.but(beta=(float(2**70),)) for b in (0, 1) for leaf in fully_split(b, 1)]
        split = findings(network, data, betas, decision="exact").verified
        # A region of which only a sliver is left takes no multiplier away.
        assert not (split & ~np.array(proved)).any()


def test_every_pattern_of_a_deep_network_is_an_affine_map() -> None:
    # f = 1 + |x| / 2; the third neuron, |x| + 1, is above 0.
    fold = layer([[1], [-1]], [0, 0])
    network = ReLUNetwork.relu(fold, layer([[1, 1]], [1]), layer([[HALF]], [HALF]))
    leaves = fully_split(0, 3)
    # Its other side does not meet the ball, and f would be 1/2 there: a multiplier says so.
    assert not findings(network, line(2), leaves).verified[0]
    tuned = [leaf.but(beta=(0.0, 0.0, float(leaf.path[2] < 0))) for leaf in leaves]
    assert findings(network, line(2), tuned).verified.tolist() == [True, False]
    # It need not be split at all; the two that bend on the ball must be.
    pairs = [leaf.but(path=leaf.path[:2]) for leaf in leaves if leaf.path[2] > 0]
    assert findings(network, line(2), pairs).verified.tolist() == [True, False]
    alone = [leaf.but(path=leaf.path[:1]) for leaf in pairs if leaf.path[1] > 0]
    assert not findings(network, line(2), alone).verified.any()


def pair_leaves(*more: Leaf) -> list[Leaf]:
    """Return leaves of ball 0 of a pair: both signs equal leaves nothing, or just x = 0."""
    equal = [
        Leaf(0, side, AFFINE, path, (1.0, 1.0)) for side in (1, -1) for path in ((1, 2), (-1, -2))
    ]
    return [*equal, *more]


def test_a_region_that_its_splits_exclude_needs_no_signs_behind_them() -> None:
    # The neuron behind bends at 1/8 and -1/16, and on the excluded region as well.
    network = ReLUNetwork.relu(
        layer([[1], [-1]], [0, 0]), layer([[8, 16]], [-1]), layer([[Fraction(1, 16)]], [1])
    )
    rest = [
        Leaf(0, side, AFFINE, (*path, last), (0.0, 0.0, 0.0))
        for side in (1, -1)
        for path in ((1, -2), (-1, 2))
        for last in (3, -3)
    ]
    assert findings(network, line(2), pair_leaves(*rest)).verified.tolist() == [True, False]
    silent = [leaf.but(beta=(0.0, 0.0)) if len(leaf.path) == 2 else leaf for leaf in pair_leaves()]
    assert not findings(network, line(2), [*silent, *rest]).verified.any()


def test_a_region_without_interior_matters_to_thresholds_and_not_to_relus() -> None:
    mixed = [
        Leaf(0, side, AFFINE, path, (0.0,) * len(path))
        for side in (1, -1)
        for path in ((1, -2), (-1, 2))
    ]
    # Of thresholds, x = 0 follows + and +, and f is 2 there and 1 elsewhere.
    steps = ReLUNetwork((layer([[1], [-1]], [0, 0]), layer([[1, 1]], [0])), (Activation.THRESHOLD,))
    assert steps.evaluate_exact(line(2).X).fractions()[0, 0] == 2
    assert not findings(steps, line(2), pair_leaves(*mixed), decision="exact").verified.any()
    relus = ReLUNetwork.relu(layer([[1], [-1]], [0, 0]), layer([[1, 1]], [1]))
    assert findings(relus, line(2), pair_leaves(*mixed)).verified[0]


def test_only_multipliers_that_leave_nothing_exclude_a_region() -> None:
    # f is 1 + 2 relu(x) - 2 relu(-x): wrong on both halves of the ball about 0.
    network = ReLUNetwork.relu(layer([[1], [-1]], [0, 0]), layer([[2, -2]], [1]))
    for betas in ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (2.0**60, 1.0)):
        leaves = [leaf.but(beta=betas) for leaf in fully_split(0, 2)]
        assert not findings(network, line(2), leaves, decision="exact").verified.any()
