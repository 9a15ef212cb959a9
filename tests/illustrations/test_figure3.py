"""Claims about what Figure 3 shows: a built network's projection keeps labels apart (B.19)."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from pipeline.construction.thm_4_2_iii_large import build_thm_4_2_iii
from pipeline.construction.yu2024 import build_yu2024
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.illustrations.figure3 import CONSTANTS, RHO, figure_3_table, rows_of_first_layer
from pipeline.verification.verify import verify

NAMES = ["".join(bits) for bits in product("01", repeat=3)]
LABELS = {name: 1 + name.count("1") % 2 for name in NAMES}
PAIRS = [(a, b) for a, b in combinations(NAMES, 2) if LABELS[a] != LABELS[b]]


def dataset() -> SeparatedDataset:
    X = np.array([[int(bit) for bit in name] for name in NAMES])
    return SeparatedDataset("cube", DyadicArray(X, 0), np.array(list(LABELS.values())))


@pytest.fixture(scope="module")
def built():
    return build_thm_4_2_iii(dataset(), RHO, constants=CONSTANTS)


@pytest.fixture(scope="module")
def table():
    return figure_3_table()


def rows(table, panel, kind):
    return table[(table["panel"] == panel) & (table["kind"] == kind)].set_index("name")


def point(text: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(part) for part in text.split())


def dot(first, second) -> Fraction:
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


def minus(first, second) -> tuple[Fraction, ...]:
    return tuple(a - b for a, b in zip(first, second, strict=True))


def squared(first, second) -> Fraction:
    return dot(minus(first, second), minus(first, second))


def test_the_data_are_a_checkerboard_cube_with_balls_of_radius_rho_halves(table):
    balls = rows(table, "R^3", "ball")
    assert balls.index.to_list() == NAMES
    for name, ball in balls.iterrows():
        assert point(ball["exact"]) == tuple(int(bit) for bit in name)
        assert ball["label"] == LABELS[name]
        assert Fraction(ball["squared"]) == (RHO / 2) ** 2


def test_images_are_those_under_the_first_layer_of_the_built_network(table, built):
    first, second = rows_of_first_layer(built).fractions()
    images = rows(table, "R^2", "ball")
    for name in NAMES:
        at = tuple(int(bit) for bit in name)
        assert point(images.loc[name, "exact"]) == (dot(first, at), dot(second, at))
        assert images.loc[name, "label"] == LABELS[name]
    assert dict(built.notes)["case of Theorem B.14"] == "IV"
    network = built.network
    words = f"{network.parameter_count():,} parameters, {network.depth} layers"
    assert rows(table, "claim", "network")["value"].item() == words


def test_the_network_sees_nothing_but_the_images(built):
    (a, b, c), (d, e, f) = rows_of_first_layer(built).numerators.tolist()
    normal = np.array([b * f - c * e, c * d - a * f, a * e - b * d], dtype=object)
    X = dataset().X
    moved = DyadicArray(X.at_exponent(-40).astype(object) + normal, -40)
    assert built.network.evaluate_exact(moved, 1) == built.network.evaluate_exact(X, 1)


def test_the_network_is_proved_right_on_all_balls(built):
    verdicts = verify(
        built.network, dataset(), RHO, certificate=built.certificate, attacks=("null_space",)
    )
    assert set(verdicts["verdict"]) == {"VERIFIED"}


@pytest.mark.parametrize("seed", range(4))
def test_the_images_of_other_labels_are_as_far_apart_as_proposition_b_19_claims(seed):
    table = figure_3_table(seed)
    at = {name: point(text) for name, text in rows(table, "R^2", "ball")["exact"].items()}
    least = min(squared(at[a], at[b]) for a, b in PAIRS)
    claim = rows(table, "claim", "claim")["squared"].item()
    # eps_D' >= (2/5) sqrt(2/3) eps_D with eps_D = 1/2, for distances 2 eps_D'.
    assert Fraction(claim) == 4 * Fraction(4, 25) * Fraction(2, 3) * Fraction(1, 4)
    reached = rows(table, "claim", "reached").iloc[0]
    assert Fraction(reached["squared"]) == least >= Fraction(claim)
    assert reached["value"] == "holds"


def test_discs_hold_the_images_of_the_balls_and_are_disjoint_where_labels_differ(table, built):
    lipschitz = Fraction(rows(table, "claim", "lipschitz")["squared"].item())
    first, second = rows_of_first_layer(built).fractions()
    # L^2 I - W W^T is positive semidefinite: ||W|| <= L.
    top, bottom = lipschitz - dot(first, first), lipschitz - dot(second, second)
    assert top >= 0 and bottom >= 0 and top * bottom >= dot(first, second) ** 2
    discs = rows(table, "R^2", "ball")
    (radius_squared,) = {Fraction(text) for text in discs["squared"]}
    assert radius_squared == lipschitz * (RHO / 2) ** 2
    for a, b in PAIRS:
        apart = squared(point(discs.loc[a, "exact"]), point(discs.loc[b, "exact"]))
        assert apart > 4 * radius_squared
    assert 25 * 3 * RHO**2 * lipschitz < 4 * 2  # L rho < (2/5) sqrt(m/d)


@pytest.mark.parametrize("panel", ["R^3", "R^2"])
def test_pairs_are_all_differently_labelled_ones_with_their_exact_distances(table, panel):
    pairs, balls = rows(table, panel, "pair"), rows(table, panel, "ball")
    assert [tuple(name.split()) for name in pairs.index] == PAIRS
    for name, row in pairs.iterrows():
        a, b = (point(balls.loc[one, "exact"]) for one in name.split())
        assert (point(row["exact"]), point(row["exact_to"])) == (a, b)
        assert Fraction(row["squared"]) == squared(a, b)
    closest = rows(table, panel, "closest")
    assert closest.index.item() == rows(table, "claim", "reached").index.item()


def test_shadows_are_feet_on_a_plane_parallel_to_the_rows_below_the_data(table, built):
    first, second = rows_of_first_layer(built).fractions()
    shadows, balls = rows(table, "R^3", "shadow"), rows(table, "R^3", "ball")
    corners = [point(text) for text in rows(table, "R^3", "plane")["exact"]]
    for name, shadow in shadows.iterrows():
        foot, normal = point(shadow["exact"]), point(shadow["exact_to"])
        assert dot(normal, first) == dot(normal, second) == 0
        assert all(dot(normal, minus(corner, foot)) == 0 for corner in corners)
        off = minus(point(balls.loc[name, "exact"]), foot)
        assert len({o / n for o, n in zip(off, normal, strict=True)}) == 1
        # Above the plane by more than a radius, and inside the patch.
        assert dot(off, normal) > 0 and dot(off, off) > (RHO / 2) ** 2
        assert shadow["squared"] == balls.loc[name, "squared"]
        for row in (first, second):
            levels = [dot(row, corner) for corner in corners]
            assert min(levels) < dot(row, foot) < max(levels)


def test_rows_are_read_from_no_other_kind_of_first_layer():
    with pytest.raises(ArithmeticError, match="first layer"):
        rows_of_first_layer(build_yu2024(dataset(), RHO))
