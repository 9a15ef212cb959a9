"""Theorem 4.2(ii): exact off the bands, bounded on them; exact everywhere with thresholds."""

from __future__ import annotations

from fractions import Fraction
from math import floor, isqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.construction import Built, build, plan
from pipeline.construction.lattice import scale_of_dataset
from pipeline.construction.masked_moderate import (
    build_masked_moderate,
    plan_masked_moderate,
)
from pipeline.construction.thm_4_2_ii_moderate import (
    build_thm_4_2_ii,
    plan_of_dataset,
    plan_thm_4_2_ii,
)
from pipeline.construction.thm_4_2_ii_threshold import (
    build_thm_4_2_ii_threshold,
    plan_thm_4_2_ii_threshold,
)
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.verification.sampling import robust_memorization_error_upper
from tests.construction.ball_points import (
    dataset_of,
    datasets,
    line,
    points_in_balls,
    spread,
    wrong_points,
)
from tests.verification.check.check_files import Files

EXACT = {
    "masked_moderate": build_masked_moderate,
    "thm_4_2_ii_threshold": build_thm_4_2_ii_threshold,
}
BUILDERS = {"thm_4_2_ii": build_thm_4_2_ii, **EXACT}
PLANNERS = {
    "thm_4_2_ii": plan_thm_4_2_ii,
    "masked_moderate": plan_masked_moderate,
    "thm_4_2_ii_threshold": plan_thm_4_2_ii_threshold,
}
NAMES = sorted(BUILDERS)


def ratio(points: int, d: int) -> Fraction:
    """Return a ratio for which floor(1 / (5 rho sqrt d)) is the given number of points."""
    return Fraction(1, isqrt(25 * points * points * d - 1) + 1)


def in_stages(built: Built, X: DyadicArray) -> list[np.ndarray]:
    """Return z' of every stage at the points, read off the weights, shape (n, m) of Fractions."""
    resolved = built.plan.resolved
    m, depth = int(resolved["m"]), int(resolved["stage_depth"])
    W, b = (part.fractions() for part in built.network.layers[0].dense())
    z = X.fractions() @ W.T + b
    stages = []
    for s in range(int(resolved["stages"])):
        bias = built.network.layers[1 + s * depth].dense()[1].fractions()
        stages.append(z + bias[m + 1 :])
    return stages


def off_the_bands(built: Built, X: DyadicArray) -> np.ndarray:
    """Return for each point whether it is in no band of any stage."""
    gamma = Fraction(1, 1 << int(built.certificate.structure["gamma_bits"]))
    clear = np.ones(len(X), dtype=bool)
    for moved in in_stages(built, X):
        clear &= np.array([all(v - floor(v) >= gamma for v in row) for row in moved])
    return clear


def near_walls(
    built: Built, data: SeparatedDataset, rho: Fraction, inside: int = 2
) -> tuple[DyadicArray, list]:
    """Return points of balls on and next to walls of the stages' cells, with their labels.

    Each lies on the axis of a coordinate (the projection is a multiple of the identity): at the
    wall, at both ends of the band, next to these, and on a grid of `inside` steps in the band.
    """
    gamma = Fraction(1, 1 << int(built.certificate.structure["gamma_bits"]))
    tiny = Fraction(1, 1 << 60)
    scale = built.network.layers[0].dense()[0].fractions()[0, 0]
    power = data.radius_power(rho, 2)
    X = data.X.fractions()
    rows, labels = [], []
    offsets = [0, tiny, -tiny, gamma, gamma - tiny, gamma + tiny]
    offsets += [gamma * k / inside for k in range(1, inside)]
    for moved in in_stages(built, data.X):
        for i, row in enumerate(moved):
            for j, v in enumerate(row):
                for wall in (floor(v), floor(v) + 1):
                    for offset in offsets:
                        step = (wall + offset - v) / scale
                        bits = 90
                        step = Fraction(round(step * (1 << bits)), 1 << bits)
                        if step * step < power:
                            rows.append([x + step * (k == j) for k, x in enumerate(X[i])])
                            labels.append(int(data.y[i]))
    common = max(v.denominator.bit_length() - 1 for row in rows for v in row)
    array = np.empty((len(rows), data.d), dtype=object)
    array[:] = [[int(v * (1 << common)) for v in row] for row in rows]
    return DyadicArray(array, -common), labels


CASES = [(8, 2, 2, 1), (9, 3, 3, 2), (14, 2, 4, 4)]


@pytest.mark.parametrize("eta", ["1/2", "1/100"])
@pytest.mark.parametrize(("N", "d", "C", "n"), CASES)
def test_network_is_its_label_off_the_bands(N: int, d: int, C: int, n: int, eta: str) -> None:
    data, rho = spread(N, d, C), ratio(n, d)
    built = build_thm_4_2_ii(data, rho, eta=eta)
    assert built.plan.resolved["stages"] == -(-N // n)
    for points, labels in (points_in_balls(data, rho), near_walls(built, data, rho)):
        values = built.network.evaluate_exact(points).fractions()[:, 0]
        clear = off_the_bands(built, points)
        assert clear.any()
        assert [v for v, c in zip(values, clear, strict=True) if c] == [
            label for label, c in zip(labels, clear, strict=True) if c
        ]


def test_in_the_bands_the_network_is_sometimes_wrong() -> None:
    # Floor_n stays within [x - 1, x], so a wrong key is that of a cell in the same row: the ball of
    # the point of label 1 crosses a wall of the row of label 2's cell.
    data, rho = dataset_of([[100, 0], [0, 14]], [2, 1]), ratio(1, 2)
    built = build_thm_4_2_ii(data, rho, eta="1/2")
    points, labels = near_walls(built, data, rho, inside=512)
    values = built.network.evaluate_exact(points).fractions()[:, 0]
    wrong = np.array([v != label for v, label in zip(values, labels, strict=True)])
    assert wrong.any()
    assert not (wrong & off_the_bands(built, points)).any()


@pytest.mark.parametrize("eta", ["1/2", "1/8", "1/32"])
def test_sampled_error_stays_below_the_proved_bound_and_that_below_eta(
    eta: str, tmp_path: Path
) -> None:
    # As above, so that errors do occur, and at a rate that samples show.
    data, rho = dataset_of([[100, 0], [0, 14]], [2, 1]), ratio(1, 2)
    built = build_thm_4_2_ii(data, rho, eta=eta)
    answer = Files(tmp_path).write(data, built.network, built.certificate)
    assert answer.verified
    proved = Fraction(answer.text.split("error at most ")[1].split()[0])
    sampled = robust_memorization_error_upper(
        built.network, data, rho, decision="exact", samples=20_000, confidence=0.99
    )
    assert sampled.errors.max() > 0 or eta == "1/32"
    assert Fraction(int(sampled.errors.max()), 20_000) <= proved <= Fraction(eta)
    assert sampled.error_lower <= float(proved)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("N", "d", "C", "n"), CASES)
def test_centres_are_exact_in_their_own_stage(name: str, N: int, d: int, C: int, n: int) -> None:
    data, rho = spread(N, d, C), ratio(n, d)
    built = BUILDERS[name](data, rho)
    gamma = Fraction(1, 1 << int(built.certificate.structure["gamma_bits"]))
    radius = built.network.layers[0].dense()[0].fractions()[0, 0] ** 2 * data.radius_power(rho, 2)
    for s, moved in enumerate(in_stages(built, data.X)):
        for row in moved[s * n : (s + 1) * n]:
            for v in row:
                left = v - floor(v) - (gamma if name == "thm_4_2_ii" else 0)
                assert left > 0 and left**2 >= radius and (1 - v + floor(v)) ** 2 >= radius


@pytest.mark.parametrize("name", sorted(EXACT))
@pytest.mark.parametrize("mode", ["paper", "adaptive"])
@pytest.mark.parametrize(("N", "d", "C", "n"), CASES)
def test_with_thresholds_or_masks_every_ball_is_exact_on_walls_too(
    N: int, d: int, C: int, n: int, mode: str, name: str
) -> None:
    data, rho = spread(N, d, C), ratio(n, d)
    built = EXACT[name](data, rho, mode=mode)
    assert wrong_points(built.network, data, rho) == []
    if mode == "paper":
        points, labels = near_walls(built, data, rho)
        assert built.network.evaluate_exact(points).fractions()[:, 0].tolist() == labels


@settings(max_examples=15)
@given(datasets(most=7, dimensions=3))
def test_exact_networks_are_their_labels_on_every_ball(dataset: SeparatedDataset) -> None:
    rho = ratio(max(1, dataset.N // 2), dataset.d)
    for build_exact in EXACT.values():
        assert wrong_points(build_exact(dataset, rho).network, dataset, rho) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("N", "d", "C", "n"), CASES)
def test_two_datasets_of_the_same_size_and_scale_have_the_same_widths(
    name: str, N: int, d: int, C: int, n: int
) -> None:
    one, two = spread(N, d, C, seed=1), spread(N, d, C, seed=2)
    scale, rho = max(scale_of_dataset(one), scale_of_dataset(two)), ratio(n, d)
    planned = plan(name, N, d, C, rho, {"scale": scale})
    for data in (one, two):
        built = build(name, data, rho, 2, {"scale": scale})
        assert built.network.hidden_widths == tuple(planned.hidden_widths())
        assert built.network.parameter_count() == planned.parameter_count()
        assert built.plan == planned
        assert built.network.depth == 2 + int(planned.resolved["stages"]) * int(
            planned.resolved["stage_depth"]
        )


@pytest.mark.parametrize("mode", ["paper", "adaptive"])
def test_plan_of_a_dataset_is_the_built_one(mode: str) -> None:
    data, rho = spread(12, 3, 3), ratio(3, 3)
    assert plan_of_dataset(data, rho, mode=mode) == build_thm_4_2_ii(data, rho, mode=mode).plan


@pytest.mark.parametrize("name", NAMES)
def test_plan_alone_reaches_large_sizes(name: str) -> None:
    found = PLANNERS[name](10**12, 4, 2, Fraction(1, 10**7), scale=10)
    assert found.resolved["stages"] == 10**6
    assert found.depth == 2 + 10**6 * int(found.resolved["stage_depth"])


@pytest.mark.parametrize("name", NAMES)
def test_ratios_outside_the_range_name_the_theorem(name: str) -> None:
    # d = 4: the range is (1/(10 N), 1/10].
    data = line(6, 4)
    assert BUILDERS[name](data, Fraction(1, 10))
    for rho in (Fraction(1001, 10000), Fraction(1, 60), Fraction(1, 1000), Fraction(1, 2)):
        message = r"needs rho in \(1/\(5 N sqrt d\), 1/\(5 sqrt d\)\].*Theorem 4.2\(ii\)"
        with pytest.raises(ValueError, match=message):
            BUILDERS[name](data, rho)
        with pytest.raises(ValueError, match=message):
            plan(name, 6, 4, 2, rho, {"scale": 3})


@pytest.mark.parametrize("eta", ["0", "1", "-1/2", "3/2", "abc", "1/0"])
def test_an_error_outside_the_unit_interval_is_refused(eta: str) -> None:
    with pytest.raises(ValueError, match=r"eta must lie in \(0, 1\).*Definition 4.1"):
        build_thm_4_2_ii(line(6, 4), Fraction(1, 10), eta=eta)


def test_a_smaller_error_needs_more_bits_and_the_same_widths() -> None:
    data, rho = spread(8, 2, 2), ratio(2, 2)
    coarse, fine = (build_thm_4_2_ii(data, rho, eta=e) for e in ("1/2", "1/1000000"))
    assert coarse.plan == fine.plan
    assert fine.network.bit_complexity > coarse.network.bit_complexity


def test_one_stage_more_than_the_points_need_is_never_planned() -> None:
    data = dataset_of([[0], [5], [10], [15]], [1, 2, 1, 2])
    built = build_thm_4_2_ii(data, ratio(3, 1))
    assert built.plan.resolved["stages"] == 2


def test_compact_memorizers_hold_what_the_literal_ones_hold_for_fewer_parameters() -> None:
    data, rho = spread(14, 2, 4), ratio(4, 2)
    counts = {}
    for mode in ("paper", "adaptive"):
        for memorizer in (None, "literal", "compact"):
            built = build_masked_moderate(data, rho, mode=mode, memorizer=memorizer)
            counts[mode, memorizer] = built.network.parameter_count()
            assert built.certificate is not None
            tables = "keyed tables" in "; ".join(built.certificate.deviations)
            assert tables == (memorizer == "compact" or (memorizer, mode) == (None, "adaptive"))
            assert wrong_points(built.network, data, rho) == []
        assert 5 * counts[mode, "compact"] < counts[mode, "literal"]
    assert counts["paper", None] == counts["paper", "literal"]
    assert counts["adaptive", None] == counts["adaptive", "compact"]
    large = plan_masked_moderate(10**9, 64, 10, Fraction(1, 10**6), scale=10, memorizer="compact")
    other = plan_masked_moderate(10**9, 64, 10, Fraction(1, 10**6), scale=10)
    assert 2 * large.parameter_count() < other.parameter_count()
    with pytest.raises(ValueError, match="memorizer must be one of literal, compact or null"):
        build_masked_moderate(data, rho, memorizer="keyed")
