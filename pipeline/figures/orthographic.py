"""Orthographic views of R^3 in plain 2D axes: every line and text stays a vector.

A ball is a circle then and a circle an ellipse, so lengths parallel to the page are true.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull

_STEPS = 120


@dataclass(frozen=True, eq=False)
class Camera:
    """Where a viewer at infinity looks from.

    Args:
        right: unit vector drawn to the right, shape (3,).
        up: unit vector drawn upwards, shape (3,).
        toward: unit vector towards the viewer, right x up.

    Raises:
        ValueError: if the three are no right-handed orthonormal basis.
    """

    right: np.ndarray
    up: np.ndarray
    toward: np.ndarray

    def __post_init__(self) -> None:
        basis = np.array([self.right, self.up, self.toward], dtype=np.float64)
        # Float rounding of unit vectors.
        if basis.shape != (3, 3) or np.abs(basis @ basis.T - np.eye(3)).max() > 1e-9:
            raise ValueError(f"a camera needs an orthonormal basis, got {basis.tolist()}")
        if np.linalg.det(basis) < 0:
            raise ValueError("a camera needs a right-handed basis: toward = right x up")

    def flat(self, points: ArrayLike) -> np.ndarray:
        """Return where points of shape (..., 3) lie on the page, shape (..., 2)."""
        return np.asarray(points, dtype=np.float64) @ np.array([self.right, self.up]).T

    def depth(self, points: ArrayLike) -> np.ndarray:
        """Return how near the viewer points of shape (..., 3) lie, larger is nearer."""
        return np.asarray(points, dtype=np.float64) @ self.toward


def camera(toward: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0)) -> Camera:
    """Return the camera at infinity in a direction, with `up` as upright as it can be.

    Args:
        toward: direction from the scene to the viewer, shape (3,).
        up: direction that points upwards on the page, shape (3,), not along `toward`.

    Raises:
        ValueError: if the two directions are parallel.
    """
    ahead = _unit(toward)
    upward = np.asarray(up, dtype=np.float64)
    upward = upward - (upward @ ahead) * ahead
    if np.linalg.norm(upward) < 1e-9:
        raise ValueError("what points to the viewer cannot point upwards")
    upward = _unit(upward)
    return Camera(np.cross(upward, ahead), upward, ahead)


def circle(centre: ArrayLike, normal: ArrayLike, radius: float) -> np.ndarray:
    """Return points of a closed circle in R^3, shape (n, 3)."""
    axis = _unit(normal)
    first = _unit(np.cross(axis, np.eye(3)[np.abs(axis).argmin()]))
    angles = np.linspace(0, 2 * pi, _STEPS + 1)[:, None]
    around = np.cos(angles) * first + np.sin(angles) * np.cross(axis, first)
    return np.asarray(centre, dtype=np.float64) + radius * around


def nearer_part(
    view: Camera, centre: ArrayLike, radius: float, on_plane: ArrayLike, normal: ArrayLike
) -> np.ndarray:
    """Return the outline of what a plane leaves of a ball on the viewer's side.

    That part is convex and bounded by the cut with the plane and the silhouette's nearer arc: its
    outline is their convex hull.

    Args:
        view: the camera.
        centre: of the ball, shape (3,).
        radius: of the ball.
        on_plane: a point of the plane, shape (3,).
        normal: of the plane, shape (3,), not at a right angle to the direction of view.

    Returns:
        Corners on the page, shape (n, 2); empty if the ball lies beyond the plane.
    """
    middle = np.asarray(centre, dtype=np.float64)
    axis = _unit(normal)
    axis = axis if axis @ view.toward > 0 else -axis
    height = float((middle - np.asarray(on_plane, dtype=np.float64)) @ axis)
    silhouette = circle(middle, view.toward, radius)
    arc = silhouette[(silhouette - np.asarray(on_plane)) @ axis >= 0]
    parts = [arc]
    if abs(height) < radius:
        parts.append(circle(middle - height * axis, axis, float((radius**2 - height**2) ** 0.5)))
    corners = view.flat(np.concatenate(parts))
    return corners if len(corners) < 3 else corners[ConvexHull(corners).vertices]


def _unit(vector: ArrayLike) -> np.ndarray:
    array = np.asarray(vector, dtype=np.float64)
    return array / np.linalg.norm(array)
