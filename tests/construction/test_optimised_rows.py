"""Optimised rows: orthonormal, repeatable, better than where they start, honest about distances."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.construction import optimised_rows
from pipeline.construction.optimised_rows import Effort, ascent, starting_rows
from pipeline.construction.parallel_search import MapOptions, cheapest_candidate
from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from tests.construction.ball_points import spread


def points_and_labels(N: int, k: int, C: int = 2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(N + k)
    return random.standard_normal((N, k)), np.arange(N) % C


def least_distance(points: np.ndarray, y: np.ndarray, rows: np.ndarray) -> float:
    Z = points @ rows.T
    return min(
        float(np.linalg.norm(Z[i] - Z[j])) for i in range(len(Z)) for j in range(i) if y[i] != y[j]
    )


@pytest.mark.parametrize(("N", "k", "m"), [(12, 3, 1), (20, 6, 3), (9, 8, 8)])
def test_rows_are_orthonormal_and_their_distance_is_the_least(N: int, k: int, m: int) -> None:
    points, y = points_and_labels(N, k, 3)
    for met in ascent(points, y, np.eye(k)[:m], 0.5, steps=40):
        # Float QR and float distances of numbers near 1.
        assert np.abs(met.rows @ met.rows.T - np.eye(m)).max() < 1e-12
        assert met.distance == pytest.approx(least_distance(points, y, met.rows), rel=1e-9)


@pytest.mark.parametrize(("N", "k", "m"), [(40, 10, 3), (60, 12, 5)])
def test_ascent_raises_the_least_distance(N: int, k: int, m: int) -> None:
    points, y = points_and_labels(N, k)
    met = ascent(points, y, np.eye(k)[:m], 1.0, steps=200)
    assert max(one.distance for one in met) > 1.5 * met[0].distance


def test_close_pairs_are_found_in_blocks_and_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    points, y = points_and_labels(50, 4, 3)
    whole = optimised_rows._closest_pairs(points, y)
    monkeypatch.setattr(optimised_rows, "_BLOCK", 7)
    monkeypatch.setattr(optimised_rows, "_CLOSEST", 30)
    i, j, least = optimised_rows._closest_pairs(points, y)
    assert len(i) == 30
    assert (y[i] != y[j]).all()
    assert least == whole[2] == least_distance(points, y, np.eye(4))
    off = np.sort(np.linalg.norm(points[i] - points[j], axis=1))
    every = np.linalg.norm(points[:, None] - points, axis=2)[y[:, None] != y]
    # Each pair may be met in either order, at most twice: 30 entries hold the 15 closest pairs.
    assert set(np.unique(every)[:15].round(9)) <= set(off.round(9))


def test_other_starts_differ_and_repeat() -> None:
    def start(restart: int, seed: int) -> np.ndarray:
        return starting_rows(6, 3, restart, np.random.default_rng(seed))

    assert (start(0, 1) == np.eye(6)[:3]).all()
    assert (start(1, 1) == start(1, 1)).all()
    assert not np.allclose(start(1, 1), start(1, 2))


def test_points_with_equal_images_do_not_stop_the_ascent() -> None:
    points = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.5]])
    met = ascent(points, np.array([1, 2, 1, 2]), np.eye(3)[:2], 0.5, steps=50)
    assert met[0].distance == 0
    assert np.isfinite([one.distance for one in met]).all()


@pytest.mark.parametrize(("steps", "restarts"), [(0, 1), (1, 0)])
def test_an_effort_below_one_is_refused(steps: int, restarts: int) -> None:
    with pytest.raises(ValueError, match="of the optimised rows must be at least 1, got 0"):
        Effort(steps, restarts)


def test_same_seed_gives_the_same_rows_with_a_proved_norm() -> None:
    dataset, rho = spread(40, 8, 3), Fraction(1, 2)
    options = MapOptions("optimised", effort=Effort(steps=100))
    one, two = (cheapest_candidate(dataset, rho, 2, options).images for _ in range(2))
    assert one.projection.kind == "optimised"
    assert (one.projection.rows.numerators == two.projection.rows.numerators).all()
    assert abs(one.projection.lipschitz - 1) < Fraction(1, 1000)
    W = one.projection.rows.fractions()
    for v in dataset.X.fractions():
        assert (W.dot(v) ** 2).sum() <= one.projection.lipschitz**2 * (v * v).sum()


def test_half_the_dimensions_of_principal_axes_suffice_on_digits() -> None:
    data = load_digits()
    digits = SeparatedDataset("digits", as_dyadic(data.data[:400]), data.target[:400] + 1)
    m = {
        kind: cheapest_candidate(
            digits, Fraction(1, 2), 2, MapOptions(kind, merged=False, effort=Effort(steps=200))
        ).images.projection.m
        for kind in ("pca", "optimised")
    }
    assert m["optimised"] <= 4
    assert 2 * m["optimised"] <= m["pca"]
