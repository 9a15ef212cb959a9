"""Claims about orthographic views: true lengths, circles, and what a plane hides of a ball."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.figures.orthographic import Camera, camera, circle, nearer_part

VIEW = camera((0.86, 0.30, 0.42))
# Float rounding of unit vectors.
# Sines and cosines of the camera are floats.
TINY = 1e-12


def area(corners: np.ndarray) -> float:
    x, y = corners.T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def test_a_camera_keeps_lengths_on_the_page_and_puts_up_upright():
    point = 3 * VIEW.right - 2 * VIEW.up + 5 * VIEW.toward
    assert VIEW.flat(point) == pytest.approx([3, -2], abs=TINY)
    assert VIEW.depth(point) == pytest.approx(5, abs=TINY)
    across, upwards = VIEW.flat([0, 0, 1])
    assert abs(across) < TINY and upwards > 0


def test_a_basis_that_is_not_orthonormal_or_left_handed_is_refused():
    x, y, z = np.eye(3)
    with pytest.raises(ValueError, match="orthonormal"):
        Camera(x, x, z)
    with pytest.raises(ValueError, match="right-handed"):
        Camera(y, x, z)
    with pytest.raises(ValueError, match="cannot point upwards"):
        camera((0, 0, 1), (0, 0, 2))


def test_a_circle_has_its_radius_and_lies_in_its_plane():
    centre, normal = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, -1.0])
    points = circle(centre, normal, 0.5) - centre
    assert np.linalg.norm(points, axis=1) == pytest.approx(np.full(len(points), 0.5), abs=TINY)
    assert points @ normal == pytest.approx(np.zeros(len(points)), abs=TINY)
    assert points[0] == pytest.approx(points[-1], abs=TINY)


@pytest.mark.parametrize("height", [-2.0, -0.6, 0.0, 0.6, 2.0])
def test_a_plane_hides_the_farther_part_of_a_ball(height):
    normal = np.array([1.0, 1.0, -1.0]) / np.sqrt(3)
    assert normal @ VIEW.toward > 0
    part = nearer_part(VIEW, height * normal, 1.0, np.zeros(3), normal)
    again = nearer_part(VIEW, height * normal, 1.0, np.zeros(3), -normal)
    if height <= -1:
        assert len(part) == 0
        return
    assert area(again) == pytest.approx(area(part), rel=1e-3)  # chords in place of arcs
    # Sampled points of the ball on the viewer's side all fall into the outline, and reach it.
    random = np.random.default_rng(0)
    sphere = random.standard_normal((20_000, 3))
    sphere = sphere / np.linalg.norm(sphere, axis=1)[:, None] + height * normal
    seen = VIEW.flat(sphere[sphere @ normal >= 0])
    middle = part.mean(axis=0)
    directions = circle([0, 0, 0], [0, 0, 1], 1.0)[:-1, :2]
    reach = ((seen - middle) @ directions.T).max(axis=0)
    outline = ((part - middle) @ directions.T).max(axis=0)
    assert (reach <= outline + 1e-3).all()  # chords in place of arcs
    assert (reach >= outline - 0.03).all()  # the spacing of the samples
    if height >= 1:
        assert area(part) == pytest.approx(np.pi, rel=1e-3)  # chords in place of arcs
