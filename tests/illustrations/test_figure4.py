"""Figure 4: what is drawn obeys Lemmas B.15 and B.16, and f and the keys are the networks'."""

from __future__ import annotations

from fractions import Fraction
from math import floor, isqrt

import numpy as np
import pandas as pd
import pytest

from pipeline.construction.thm_4_2_ii_moderate import build_thm_4_2_ii
from pipeline.data import SeparatedDataset
from pipeline.exact import DyadicArray
from pipeline.illustrations.figure4 import _MODERATE, figure_4_table
from pipeline.illustrations.plane_samples import _rectangles


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return figure_4_table()


def rows(table: pd.DataFrame, panel: str, kind: str) -> pd.DataFrame:
    return table[(table.panel == panel) & (table.kind == kind)]


def facts(table: pd.DataFrame, panel: str) -> dict[str, str]:
    each = rows(table, panel, "fact")
    return dict(zip(each.name, each.text, strict=True))


def balls(table: pd.DataFrame, panel: str) -> list[tuple[tuple[Fraction, Fraction], Fraction, int]]:
    """Return centre, squared radius and label of every ball, exactly."""
    return [
        ((Fraction(b.exact_x), Fraction(b.exact_y)), Fraction(b.exact_radius_squared), int(b.label))
        for b in rows(table, panel, "ball").itertuples()
    ]


def test_ratios_lie_in_the_theorems_ranges(table) -> None:
    small, moderate = facts(table, "small"), facts(table, "moderate")
    assert (small["construction"], moderate["construction"]) == ("thm_4_2_i", "thm_4_2_ii")
    N, rho = int(small["N"]), Fraction(small["rho"])
    assert int(small["d"]) == 2 and 25 * N**2 * 2 * rho**2 <= 1
    N, rho = int(moderate["N"]), Fraction(moderate["rho"])
    power = 25 * 2 * rho**2
    n = isqrt(floor(1 / power))
    assert power <= 1 < N**2 * power and n == 2 and int(moderate["stages"]) == -(-N // n)


@pytest.mark.parametrize("panel", ["small", "moderate"])
def test_off_the_bands_every_key_is_exact_and_in_every_band_some_is_wrong(table, panel) -> None:
    R, gamma = int(facts(table, panel)["cells_across"]), Fraction(facts(table, panel)["gamma"])
    cells, bands = rows(table, panel, "cell"), rows(table, panel, "band")
    (view,) = rows(table, panel, "view").itertuples()
    assert len(cells) == view.width * view.height and len(bands) == view.width + view.height
    assert (cells.wrong == 0).all() and (cells.samples >= 256).all()
    assert (cells.key == cells.x + R * cells.y).all()
    assert (bands[["width", "height"]].min(axis=1) == float(gamma)).all()
    # A wall k is wrong in the first 2^min(t, n-1) / 2^(n-1) of its band, 2^t dividing k (Figure 7).
    layers = (R - 1).bit_length()
    for band in bands.itertuples():
        k = int(band.x if band.width < band.height else band.y)
        twos = min(layers - 1, (k & -k).bit_length() - 1) if k else layers - 1
        assert band.wrong * 2 ** (layers - 1 - twos) == band.samples, k


@pytest.mark.parametrize("panel", ["small", "moderate"])
def test_active_balls_lie_in_one_cell_clear_of_bands_and_f_is_their_label(table, panel) -> None:
    gamma = Fraction(facts(table, panel)["gamma"])
    active = rows(table, panel, "ball").status == "active"
    values = rows(table, panel, "cell").set_index(["x", "y"]).value
    labels: dict[tuple[int, int], int] = {}
    for ((x, y), power, label), is_active in zip(balls(table, panel), active, strict=True):
        if not is_active:
            continue
        cell = floor(x), floor(y)
        for v in (x, y):
            # Clear of the band right of its wall, and of the wall above.
            assert (v - floor(v) - gamma) ** 2 >= power and v - floor(v) > gamma
            assert (floor(v) + 1 - v) ** 2 >= power
        assert labels.setdefault(cell, label) == label
        assert values[cell] == str(label)
    # Elsewhere f is 0 off the bands.
    claimed = {cell for cell, value in values.items() if value != "0"}
    assert claimed == set(labels)
    found = rows(table, panel, "ball")
    assert (found[found.status == "active"].wrong == 0).all()
    assert (found[found.status == "active"].walls == 0).all()
    assert (found.samples > 500).all()


def test_inactive_balls_cross_walls_and_no_claimed_cell_of_another_label(table) -> None:
    found = rows(table, "moderate", "ball")
    inactive = found[found.status == "inactive"]
    assert len(inactive) == 4 and (inactive.walls > 0).sum() == 3
    # In a band the key runs through those of other cells: f is another label on a thin line.
    assert inactive.wrong.max() > 0
    assert (inactive.wrong < inactive.samples / 100).all()
    claimed = rows(table, "moderate", "cell")
    claimed = claimed[claimed.value != "0"]
    for (x, y), power, label in balls(table, "moderate"):
        for cell in claimed.itertuples():
            if cell.value != str(label):
                near = [min(max(v, Fraction(low)), Fraction(low) + 1) - v
                        for v, low in ((x, cell.x), (y, cell.y))]  # fmt: skip
                assert sum(v * v for v in near) >= power


def test_walls_are_counted_exactly(table) -> None:
    for panel in ("small", "moderate"):
        counted = rows(table, panel, "ball").walls
        for (centre, power, _), walls in zip(balls(table, panel), counted, strict=True):
            met = [(v - k) ** 2 < power for v in centre for k in range(-1, 12)]
            assert sum(met) == walls
        radii = rows(table, panel, "ball").radius
        powers = [power for _, power, _ in balls(table, panel)]
        # A float, so one rounding off.
        assert all(
            abs(Fraction(r) ** 2 / power - 1) < Fraction(1, 1 << 50)
            for r, power in zip(radii, powers, strict=True)
        )


@pytest.mark.parametrize("panel", ["small", "moderate"])
def test_patches_tile_the_close_view_and_agree_with_the_cells_off_the_bands(table, panel) -> None:
    gamma = float(Fraction(facts(table, panel)["gamma"]))
    (view,) = rows(table, f"{panel} close", "view").itertuples()
    patches = rows(table, f"{panel} close", "patch")
    assert (patches.width * patches.height).sum() == view.width * view.height
    assert patches.x.min() == view.x and (patches.x + patches.width).max() == view.x + view.width
    values = rows(table, panel, "cell").set_index(["x", "y"]).value
    for cell in rows(table, panel, "cell").itertuples():
        left, bottom = cell.x + gamma, cell.y + gamma
        for patch in patches.itertuples():
            right, top = patch.x + patch.width, patch.y + patch.height
            across = min(right, cell.x + 1) - max(patch.x, left)
            up = min(top, cell.y + 1) - max(patch.y, bottom)
            if across > 0 and up > 0:
                assert patch.value == values[cell.x, cell.y]


@pytest.mark.parametrize("panel", ["small", "moderate"])
def test_along_the_cut_f_is_the_value_of_the_cell_off_the_bands(table, panel) -> None:
    gamma = float(Fraction(facts(table, panel)["gamma"]))
    cut = rows(table, panel, "cut")
    values = rows(table, panel, "cell").set_index(["x", "y"]).value
    x = floor(cut.x.iloc[0])
    assert cut.x.nunique() == 1 and cut.x.iloc[0] - x >= gamma
    outside = cut[cut.y % 1 >= gamma]
    assert all(values[x, floor(y)] == v for y, v in zip(outside.y, outside.value, strict=True))
    # Corners off the bands: only the ends; all that f does, it does in bands.
    assert len(outside) <= 2 and len(cut) > 10
    assert {"0", "1", "2"} <= set(cut.value)


def test_the_bands_are_as_wide_as_eta_allows_and_too_thin_to_draw_at_a_hundredth(table) -> None:
    X = np.array(_MODERATE[0])
    data = SeparatedDataset("plane", DyadicArray(X, 0), np.array(_MODERATE[1]))
    bits = [
        int(build_thm_4_2_ii(data, _MODERATE[2], eta=eta).certificate.structure["gamma_bits"])
        for eta in (facts(table, "moderate")["eta"], "1/100")
    ]
    assert bits == [5, 12]
    assert Fraction(facts(table, "moderate")["gamma"]) == Fraction(1, 1 << bits[0])


def test_every_panel_has_all_its_kinds_of_rows(table) -> None:
    kinds = {"view", "cell", "band", "ball", "fact", "cut"}
    for panel in ("small", "moderate"):
        assert set(table[table.panel == panel].kind) == kinds
        assert set(table[table.panel == f"{panel} close"].kind) == {"view", "patch"}
    assert set(table[table.kind == "patch"].value) <= {"0", "1", "2", "none"}


def test_rectangles_join_columns_that_are_alike() -> None:
    columns = [["a", "a", "b"], ["a", "a", "b"], ["a", "b", "b"]]
    assert _rectangles(columns) == [
        (0, 2, 0, 2, "a"),
        (0, 2, 2, 3, "b"),
        (2, 3, 0, 1, "a"),
        (2, 3, 1, 3, "b"),
    ]
