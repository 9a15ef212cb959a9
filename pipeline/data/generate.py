"""Every dataset by its name: `generate_dataset("digits")`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.data.bundled import BUNDLED, bundled_points
from pipeline.data.dataset import SeparatedDataset, merge_duplicates
from pipeline.data.hard_width import hard_width_points
from pipeline.data.labels import classes_of_labels
from pipeline.data.randomness import generator
from pipeline.data.scaling import scaled_points
from pipeline.data.shattering import labelling_signs, points_a_pair, shattering_points
from pipeline.data.sizes import cyclic_labels, random_labels, size_in_range
from pipeline.data.synthetic import (
    checkerboard_labels,
    cluster_points,
    cube_points,
    lattice_points,
    line_points,
    sphere_points,
)
from pipeline.data.tables import read_table
from pipeline.exact import DyadicArray, parse_ratio

Notes = dict[str, object]


@dataclass(frozen=True)
class _Request:
    """What was asked for; None stands for the family's default."""

    name: str
    seed: int
    N: int | None = None
    d: int | None = None
    C: int | None = None
    path: Path | str | None = None
    label: str | None = None
    scale: str | None = None
    labelling: str | Iterable[object] | None = None
    rho: Fraction | None = None
    k: int | None = None
    side: int | None = None
    spread: float | None = None

    def rng(self, *parts: str) -> np.random.Generator:
        return generator(self.seed, "generate", self.name, *parts)

    def size(
        self, key: str, default: int, low: int, high: int | None = None, why: str = "Section 2.2"
    ) -> int:
        return size_in_range(key, getattr(self, key), default, low, high, why)


def generate_dataset(
    name: str,
    *,
    N: int | None = None,
    d: int | None = None,
    C: int | None = None,
    seed: int = 0,
    path: Path | str | None = None,
    label: str | None = None,
    scale: str | None = None,
    labelling: str | Iterable[object] | None = None,
    rho: Fraction | str | None = None,
    k: int | None = None,
    side: int | None = None,
    spread: float | None = None,
) -> tuple[SeparatedDataset, Notes]:
    """Return the named dataset and notes on how it came about; same arguments, same bytes.

    Args:
        name: a key of `FAMILIES`.
        N: number of points; for real data the first N points.
        d: dimension; for real data only checked.
        C: number of classes; for real data only checked.
        seed: seed of the stream "generate".
        path: the user's file (`file`; see `read_table`).
        label: label column or array of that file.
        scale: "unit" scales each feature of real data by a power of two (see `unit_scaled`).
        labelling: "random" or "checkerboard" (`lattice`); the labelling to shatter, a bit string
            or an iterable of signs (`shattering`; drawn from the seed by default).
        rho: robustness ratio that fixes k = floor(1/(1 - rho^2)); read by `shattering` alone.
        k: points a pair shatters (`shattering`), instead of rho.
        side: points a side (`lattice`), by default the least that holds N points.
        spread: standard deviation of a cluster (`clusters`), by default 1/8.

    Returns:
        The dataset and a dictionary of notes, such as "merged_duplicates" or "labelling".

    Raises:
        ValueError: if the name is unknown, an option does not belong to the family, a size is out
            of range, or the data are no dataset in the sense of Section 2.2.
    """
    if name not in FAMILIES:
        raise ValueError(f"dataset must be one of {', '.join(FAMILIES)}, got {name!r}")
    ratio = None if rho is None or name != "shattering" else parse_ratio(rho)
    request = _Request(name, seed, N, d, C, path, label, scale, labelling, ratio, k, side, spread)
    build, options = FAMILIES[name]
    common = {"name", "seed", "N", "d", "C", "rho", *options}
    for option in fields(request):
        if option.name not in common and getattr(request, option.name) is not None:
            raise ValueError(
                f"dataset {name} takes no {option.name}, got {getattr(request, option.name)!r}"
            )
    generator(seed)
    return build(request)


def _hard_width(request: _Request) -> tuple[SeparatedDataset, Notes]:
    why = "Proposition 3.2"
    N = request.size("N", 33, 2, why=why)
    d = request.size("d", 32, 1, why=why)
    request.size("C", 2, 2, 2, why=why)
    X, y = hard_width_points(N, d)
    return SeparatedDataset(request.name, X, y), {"source": why}


def _shattering(request: _Request) -> tuple[SeparatedDataset, Notes]:
    why = "Proposition 3.3"
    N = request.size("N", 32, 2, why=why)
    d = request.size("d", 16, 2, why=why)
    request.size("C", 2, 2, 2, why=why)
    k = points_a_pair(d, request.rho, request.k)
    if request.labelling is None:
        signs = request.rng("labelling").choice(np.array([-1, 1]), size=(N // 2, k))
    else:
        signs = labelling_signs(request.labelling, N // 2, k)
    X, y = shattering_points(N, d, k, signs)
    bits = "".join("1" if sign > 0 else "0" for sign in signs.reshape(-1).tolist())
    return SeparatedDataset(request.name, X, y), {"source": why, "k": k, "labelling": bits}


def _sphere(request: _Request) -> tuple[SeparatedDataset, Notes]:
    N, d, C = request.size("N", 256, 2), request.size("d", 16, 2), _classes(request, 256)
    X = sphere_points(request.rng("points"), N, d)
    return SeparatedDataset(request.name, X, random_labels(request.rng("labels"), N, C)), {}


def _cube(request: _Request) -> tuple[SeparatedDataset, Notes]:
    N, d, C = request.size("N", 256, 2), request.size("d", 16, 1), _classes(request, 256)
    X = cube_points(request.rng("points"), N, d)
    return SeparatedDataset(request.name, X, random_labels(request.rng("labels"), N, C)), {}


def _clusters(request: _Request) -> tuple[SeparatedDataset, Notes]:
    N, d, C = request.size("N", 256, 2), request.size("d", 16, 1), _classes(request, 256, 4)
    spread = 0.125 if request.spread is None else float(request.spread)
    if not 0 < spread <= 1024:
        raise ValueError(f"spread must lie in (0, 1024], got {spread}")
    y = cyclic_labels(N, C)
    X = cluster_points(request.rng("points"), y, d, spread)
    return SeparatedDataset(request.name, X, y), {"spread": spread}


def _lattice(request: _Request) -> tuple[SeparatedDataset, Notes]:
    N, d, C = request.size("N", 256, 2), request.size("d", 4, 1), _classes(request, 256)
    labelling = request.labelling or "random"
    if labelling not in ("random", "checkerboard"):
        raise ValueError(f"labelling must be random or checkerboard, got {labelling!r}")
    checkerboard = labelling == "checkerboard"
    side = _side(request, N, d, C if checkerboard else 1)
    X = lattice_points(request.rng("points"), N, d, side, C if checkerboard else 1)
    y = checkerboard_labels(X, C) if checkerboard else random_labels(request.rng("labels"), N, C)
    return SeparatedDataset(request.name, X, y), {"side": side, "labelling": str(labelling)}


def _line(request: _Request) -> tuple[SeparatedDataset, Notes]:
    N, d, C = request.size("N", 64, 2), request.size("d", 2, 1), _classes(request, 64)
    return SeparatedDataset(request.name, line_points(N, d), cyclic_labels(N, C)), {}


def _bundled(request: _Request) -> tuple[SeparatedDataset, Notes]:
    X, y, names = bundled_points(request.name)
    return _real(request, request.name, X, y, names)


def _file(request: _Request) -> tuple[SeparatedDataset, Notes]:
    if request.path is None:
        raise ValueError("dataset file needs a path to a .csv, .npz or .parquet file, got none")
    table = read_table(request.path, request.label)
    y, names = classes_of_labels(table.labels)
    data, notes = _real(request, Path(request.path).stem, table.X, y, names)
    return data, {**notes, "label": table.label, "features": table.features}


# Name -> (builder, options besides N, d, C and seed).
FAMILIES: dict[
    str, tuple[Callable[[_Request], tuple[SeparatedDataset, Notes]], tuple[str, ...]]
] = {
    "hard_width": (_hard_width, ()),
    "shattering": (_shattering, ("k", "labelling")),
    "sphere": (_sphere, ()),
    "cube": (_cube, ()),
    "clusters": (_clusters, ("spread",)),
    "lattice": (_lattice, ("side", "labelling")),
    "line": (_line, ()),
    **{name: (_bundled, ("scale",)) for name in BUNDLED},
    "file": (_file, ("path", "label", "scale")),
}


def _classes(request: _Request, points: int, default: int = 2) -> int:
    """Return C in 2..N: every class needs a point."""
    N = points if request.N is None else request.N
    return request.size("C", min(default, N), 2, N)


def _side(request: _Request, N: int, d: int, classes: int) -> int:
    least = 2
    while least**d < N or 1 + d * (least - 1) < classes:
        least += 1
    return request.size("side", least, least, why=f"{N} points, {classes} coordinate sums")


def _real(
    request: _Request, name: str, X: DyadicArray, y: np.ndarray, names: tuple[str, ...]
) -> tuple[SeparatedDataset, Notes]:
    """Return real data as a dataset: duplicates merged, cut to N points, scaled.

    Raises:
        ValueError: if labels conflict or the first N points miss a class.
    """
    # By name, so that a conflict is told in the user's own labels.
    X, labels, merged = merge_duplicates(X, np.array(names, dtype=object)[y - 1])
    number = {text: c for c, text in enumerate(names, 1)}
    y = np.array([number[text] for text in labels], dtype=np.int64)
    if merged:
        warnings.warn(
            f"{name}: {merged} duplicate points with equal labels were merged", stacklevel=4
        )
    N, C = request.size("N", len(y), 2, len(y)), len(names)
    request.size("d", X.shape[1], X.shape[1], X.shape[1], why="the data's own dimension")
    request.size("C", C, C, C, why="the data's own classes")
    absent = np.setdiff1d(np.arange(1, C + 1), y[:N])
    if len(absent):
        raise ValueError(
            f"the first {N} points of {name} must hold every class, class "
            f"{names[absent[0] - 1]!r} has none (Section 2.2); take N larger"
        )
    data = SeparatedDataset(name, scaled_points(X[:N], request.scale), y[:N], names)
    return data, {"merged_duplicates": merged, "scale": request.scale or "none"}
