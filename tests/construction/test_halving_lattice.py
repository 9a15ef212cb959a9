"""halving_lattice: exact on balls at walls, within bands and between them; sizes as planned."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from pipeline.construction import Built, build
from pipeline.construction.halving_lattice import (
    MEMORIZERS,
    HalvingOptions,
    build_halving_lattice,
)
from pipeline.construction.halving_memorizers import cheapest_memorizer
from pipeline.construction.halving_rounds import Round
from pipeline.construction.lattice_cells import Lattice
from pipeline.data import SeparatedDataset, generate_dataset
from pipeline.exact import DyadicArray
from pipeline.gadgets.folding import digits_of_cells
from tests.construction.ball_points import line, spread

# Parts of delta from a wall: where gates and masks are shut, half open and open, and beyond.
PARTS = [Fraction(k, 16) for k in (0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24)]
BITS = 90


def structure_of(built: Built) -> dict[str, Any]:
    assert built.certificate is not None
    return built.certificate.structure


def points_at_walls(
    data: SeparatedDataset, rho: Fraction, built: Built, most: int = 4000
) -> tuple[DyadicArray, np.ndarray]:
    """Return points inside the balls near one or two walls of the rounds, with their labels.

    The network's first layer is diagonal here, so that walls can be met coordinate by coordinate.
    """
    at = structure_of(built)
    first = built.network.layers[0]
    scale = Fraction(2) ** first.exponent
    slope = [Fraction(int(v)) * scale for v in np.diag(first.weight.dense())]
    offset = [Fraction(int(v)) * scale for v in first.bias]
    power, delta = data.radius_power(rho, 2), Fraction(1, 1 << at["delta_bits"])
    walls: list[tuple[int, int, Fraction]] = []
    for each in at["rounds"]:
        side = 1 << each["shift"]
        for j, text in enumerate(each["translation"]):
            for k in range(1 + (1 << at["levels"]) // side):
                walls.append((j, side, (k * side - Fraction(text) - offset[j]) / slope[j]))
    random = np.random.default_rng(0)
    rows, labels = [], []
    for x, label in zip(data.X.fractions().tolist(), data.y.tolist(), strict=True):
        near = [w for w in walls if (w[2] - x[w[0]]) ** 2 < power]
        for j, _, wall in near:
            for j2, _, wall2 in [(j, 0, wall), *[w for w in near if w[0] != j]]:
                for part in random.choice(len(PARTS), 6, replace=False):
                    sign = 1 if random.integers(2) else -1
                    moved = list(x)
                    moved[j] = wall + sign * PARTS[part] * delta / slope[j]
                    if j2 != j:
                        other = PARTS[int(random.integers(len(PARTS)))]
                        moved[j2] = wall2 + other * delta / slope[j2]
                    moved = [Fraction(int(v * (1 << BITS)), 1 << BITS) for v in moved]
                    if sum((a - b) ** 2 for a, b in zip(moved, x, strict=True)) < power:
                        rows.append([int(v * (1 << BITS)) for v in moved])
                        labels.append(label)
    chosen = random.permutation(len(rows))[:most]
    array = np.empty((len(chosen), data.d), dtype=object)
    array[:] = [rows[k] for k in chosen]
    return DyadicArray(array, -BITS), np.array(labels)[chosen]


CASES = [
    (spread(60, 2, 2), "1/2", {}),
    (spread(80, 2, 3), "2/3", {"memorizer": "shallow"}),
    (spread(50, 3, 2), "1/2", {"memorizer": "retrieval"}),
    (spread(70, 2, 3), "1/2", {"memorizer": "keyed"}),
    (spread(40, 3, 5), "1/3", {}),
    (spread(30, 4, 2), "2/5", {}),
    (line(20), "1/3", {}),
]


@pytest.mark.parametrize(("data", "rho", "options"), CASES)
def test_outputs_are_labels_at_walls_of_one_and_two_rounds(
    data: SeparatedDataset, rho: str, options: dict[str, Any]
) -> None:
    built = build_halving_lattice(data, Fraction(rho), projection="identity", **options)
    points, labels = points_at_walls(data, Fraction(rho), built)
    assert len(points) > 100 or data.d == 1
    values = built.network.evaluate_exact(points).fractions()[:, 0]
    assert values.tolist() == labels.tolist()


def test_there_are_several_rounds_and_no_more_than_coordinates_allow() -> None:
    counts = []
    for data, rho, options in CASES:
        built = build_halving_lattice(data, Fraction(rho), projection="identity", **options)
        counts.append(len(structure_of(built)["rounds"]))
        assert counts[-1] <= data.d + 1
    assert max(counts) >= 3


def test_parameters_grow_like_the_square_root_of_the_points() -> None:
    counts = []
    for N in (1000, 16_000):
        data, _ = generate_dataset("cube", N=N, d=6, C=2)
        built = build("halving_lattice", data, Fraction(1, 1000), 2, {"projection": "identity"})
        counts.append(built.network.parameter_count())
    # Sixteen times the points, less than six times the parameters: sqrt(16) = 4, and logarithms.
    assert counts[1] < 6 * counts[0]


def test_a_keyed_table_holds_what_no_ribbon_does_and_is_the_cheapest_of_many_classes() -> None:
    random = np.random.default_rng(0)
    # The cell 5 has no digit 1, so its key is 0 whatever the hash: no row, no word, but a code.
    cells = np.array([[5], [2], [7]])
    few = Round(Lattice(0, np.zeros(1, dtype=np.int64)), 4, 3, cells, np.ones(3, dtype=np.int64))
    assert digits_of_cells(few.cells, 4).sum(axis=(1, 2)).min() == 0
    with pytest.raises(ValueError, match="no memorizer among retrieval holds 3 cells"):
        cheapest_memorizer(few, 1, 0, ("retrieval",), random)
    choice = cheapest_memorizer(few, 1, 0, ("retrieval", "keyed"), random)
    assert choice.memorizer.kind == "keyed" and choice.made == ("keyed",)
    cells = np.unique(random.integers(0, 1 << 8, (1100, 3)), axis=0)
    codes = random.integers(0, 128, len(cells))
    many = Round(Lattice(0, np.zeros(3, dtype=np.int64)), 8, 1, cells, codes)
    choice = cheapest_memorizer(many, 7, 0, MEMORIZERS, random)
    assert choice.memorizer.kind == "keyed"
    assert choice.costs["keyed"] < min(choice.costs["shallow"], choice.costs["retrieval"])


def test_a_ratio_that_no_lattice_clears_is_refused() -> None:
    data = spread(12, 6, 2)
    with pytest.raises(ValueError, match="no lattice of at most .* keep"):
        build_halving_lattice(data, Fraction(99, 100), cells=50)
    with pytest.raises(ValueError, match=r"rho must lie in \(0, 1\), got 1"):
        build_halving_lattice(data, Fraction(1))


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="memorizer must be cheapest, shallow, retrieval, keyed"):
        HalvingOptions(memorizer="paper")
    with pytest.raises(ValueError, match="cells must be at least 1"):
        HalvingOptions(cells=0)
    with pytest.raises(ValueError, match="projection must be one of"):
        build_halving_lattice(line(5), Fraction(1, 2), projection="magic")


def test_networks_depend_on_the_seed_alone() -> None:
    data = spread(40, 3, 3)
    one, two, three = (build_halving_lattice(data, Fraction(1, 5), seed=seed) for seed in (1, 1, 2))
    assert structure_of(one) == structure_of(two) != structure_of(three)
    assert one.network.layers[0].bias.tolist() == two.network.layers[0].bias.tolist()
