"""Figure 4: built networks of Theorem 4.2(i) and (ii) in the plane of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd

from pipeline.construction import Built
from pipeline.construction.thm_4_2_i_small import build_thm_4_2_i
from pipeline.construction.thm_4_2_ii_moderate import build_thm_4_2_ii
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray, root_upper
from pipeline.illustrations.lattice_plane import (
    LatticePlane,
    plane_of_first_stage,
    plane_of_network,
)
from pipeline.illustrations.plane_samples import (
    Point,
    Window,
    band_rows,
    cell_rows,
    cut_rows,
    patch_rows,
    wrong_in_ball,
)

# Two labels a panel, few points and the largest ratios: the theorems' balls and bands shrink with
# 1/N, and these can still be seen. 7/198 and 7/99 lie just below 1/(5 N sqrt d) for N = 4 and
# 1/(5 n sqrt d) for n = 2 points a group, d = 2.
_SMALL = (((0, 0), (2, -1), (16, 2), (9, 10)), (1, 1, 2, 2), Fraction(7, 198))
_MODERATE = (
    ((33, 22), (4, 27), (38, 32), (34, 24), (1, 25), (3, 3)),
    (1, 2, 1, 1, 2, 2),
    Fraction(7, 99),
)
_GROUP = 2
# Beside the cell, and around the ball, of the close views; and how many parts of a band are sampled
# there. Keys change R times as fast with the second coordinate as with the first.
_BESIDE, _AROUND, _UNIT = Fraction(1, 8), Fraction(15, 32), Fraction(1, 32)
_PLACES = {"cell": (32, 128), "ball": (32, 512)}


def figure_4_table(*, eta: Fraction | str = Fraction(99, 100)) -> pd.DataFrame:
    """Return Figure 4 from two built networks: cells, bands, balls, and f close up.

    Coordinates are those of z', in which cells are the unit squares [i, i+1) x [j, j+1). Panels:
    `small`, the network of Theorem 4.2(i), and `moderate`, the first stage of that of Theorem
    4.2(ii); `small close` and `moderate close` are parts of them. Rectangles have x, y, width and
    height; balls have their centre x, y and radius. kind:

    * `view`: what the panel shows.
    * `cell`: `value` is f on the cell off its bands, `key` the network's; `wrong` of `samples`
      points off the bands have another key than sum_j R^(j-1) floor(z'_j).
    * `band`: [k, k + gamma) right of a wall, `wrong` of `samples` points in it have another key.
    * `ball`: `label`, `status` active or inactive, `walls` met; at `wrong` of `samples` points
      inside, f is neither its label nor, for an inactive ball, 0. `exact_x`, `exact_y` and
      `exact_radius_squared` are rationals.
    * `cut`: f on the vertical line through a ball, `value` at x, y.
    * `patch`: f is `value`, a label, 0, or `none` of these, at all sampled points of a rectangle.
    * `fact`: `name` and `text` about the network.

    Args:
        eta: the error allowed to (ii). It sets the bands' width; near 1 they can be seen.
    """
    small, moderate = _dataset(*_SMALL[:2]), _dataset(*_MODERATE[:2])
    one = build_thm_4_2_i(small, _SMALL[2])
    two = build_thm_4_2_ii(moderate, _MODERATE[2], eta=eta)
    scenes = (
        _Scene("small", one, plane_of_network(one), small, small.N),
        _Scene("moderate", two, plane_of_first_stage(two), moderate, _GROUP),
    )
    return pd.DataFrame([row for scene in scenes for row in _rows(scene)])


def _dataset(points: Sequence[tuple[int, int]], labels: Sequence[int]) -> SeparatedDataset:
    return SeparatedDataset("plane", DyadicArray(np.array(points), 0), np.array(labels))


@dataclass(frozen=True)
class _Scene:
    """A network with its plane, its data, and how many of the first points are active."""

    name: str
    built: Built
    plane: LatticePlane
    dataset: SeparatedDataset
    active: int

    @property
    def power(self) -> Fraction:
        """The squared radius of the balls."""
        rho = self.built.certificate.rho if self.built.certificate else Fraction(0)
        return self.plane.radius_squared(self.dataset, rho)


def _rows(scene: _Scene) -> list[dict[str, Any]]:
    """Return all rows of a panel and of its close view."""
    centres, radius = scene.plane.centres(scene.dataset), root_upper(scene.power, 2)
    corners = [floor(min(c[j] for c in centres) - radius) for j in (0, 1)]
    corners += [ceil(max(c[j] for c in centres) + radius) for j in (0, 1)]
    view = Window(*(Fraction(v) for v in corners))
    balls = [_ball(scene, i, centre, radius) for i, centre in enumerate(centres)]
    chosen, close, places = _close(centres, balls)
    labels = sorted(set(scene.dataset.y.tolist()))
    far = [{"kind": "view", **view.row()}, *cell_rows(scene.plane, view)]
    far += [*band_rows(scene.plane, view), *balls, *_facts(scene)]
    far += cut_rows(scene.plane, view, centres[chosen][0])
    near = [{"kind": "view", **close.row()}, *patch_rows(scene.plane, close, places, labels)]
    return [{"panel": scene.name, **row} for row in far] + [
        {"panel": f"{scene.name} close", **row} for row in near
    ]


def _ball(scene: _Scene, i: int, centre: Point, radius: Fraction) -> dict[str, Any]:
    active, label = i < scene.active, int(scene.dataset.y[i])
    x, y = centre
    return {
        "kind": "ball",
        "label": label,
        "status": "active" if active else "inactive",
        "walls": sum(_walls(v, scene.power) for v in centre),
        "x": float(x),
        "y": float(y),
        "radius": float(radius),
        "exact_x": str(x),
        "exact_y": str(y),
        "exact_radius_squared": str(scene.power),
        **wrong_in_ball(scene.plane, centre, scene.power, {label} if active else {label, 0}),
    }


def _close(
    centres: list[Point], balls: list[dict[str, Any]]
) -> tuple[int, Window, tuple[int, int]]:
    """Return a ball, what is shown close up around it, and how finely.

    The ball on which f is wrong at most points; if there is none, the cell with most balls.
    """
    worst = max(range(len(balls)), key=lambda i: balls[i]["wrong"])
    if balls[worst]["wrong"]:
        x, y = (round(v / _UNIT) * _UNIT for v in centres[worst])
        around = Window(x - _AROUND, y - _AROUND, x + _AROUND, y + _AROUND)
        return worst, around, _PLACES["ball"]
    cells = [(floor(x), floor(y)) for x, y in centres]
    i, j = full = max(cells, key=cells.count)
    left, bottom = max(i - _BESIDE, Fraction(0)), max(j - _BESIDE, Fraction(0))
    cell = Window(left, bottom, i + 1 + _BESIDE, j + 1 + _BESIDE)
    last = len(cells) - 1 - cells[::-1].index(full)
    return last, cell, _PLACES["cell"]


def _walls(coordinate: Fraction, radius_squared: Fraction) -> int:
    """Return how many walls of a coordinate meet an open ball, narrower than a cell."""
    below = coordinate - floor(coordinate)
    return sum(distance**2 < radius_squared for distance in (below, 1 - below))


def _facts(scene: _Scene) -> list[dict[str, Any]]:
    """Return what the network is, by name."""
    built = scene.built
    certificate, structure = built.certificate, dict(built.plan.resolved)
    facts = {
        "construction": certificate.construction if certificate else "",
        "N": scene.dataset.N,
        "d": scene.dataset.d,
        "rho": certificate.rho if certificate else "",
        "eta": certificate.eta if certificate else None,
        "gamma": scene.plane.gamma,
        "cells_across": scene.plane.R,
        "stages": structure.get("stages", 1),
        "parameters": built.network.parameter_count(),
        "depth": built.network.depth,
    }
    return [{"kind": "fact", "name": name, "text": str(value)} for name, value in facts.items()]
