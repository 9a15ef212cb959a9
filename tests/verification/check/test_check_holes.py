"""Certificates that once proved something false: each of them has to be rejected."""

from __future__ import annotations

import io
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import Certificate
from tests.verification.check.check_files import Files
from tests.verification.check.lattice_networks import (
    LINE,
    ON_LINE,
    Each,
    Lattice,
    stages,
    stages_structure,
)

# W = 0 and b = 2: every point is mapped to 2, a wall of the second stage's cells.
NOWHERE = Lattice([[0]], [2], R=8, n=3)
# The first stage answers 1 everywhere. The second one answers 2, or lies in a band of its floors;
# the third answers 2 in the middle of a cell.
EXACT: Each = [([Fraction(1, 2)], {1: 1}), ([0], {2: 2})]
BANDED: Each = [*EXACT, ([Fraction(1, 4)], {1: 2})]


@pytest.mark.parametrize("lipschitz", ["0", "-0", "0/5"])
@pytest.mark.parametrize(
    ("each", "thresholds", "fields"),
    [
        (EXACT, True, {}),
        (EXACT, True, {"claim": "points"}),
        (EXACT, True, {"claim": "error", "eta": "1/10"}),
        (BANDED, False, {}),
        (BANDED, False, {"claim": "error", "eta": "1/10"}),
    ],
)
def test_a_point_is_not_an_empty_ball(
    each: Each, thresholds: bool, fields: dict[str, str], lipschitz: str, tmp_path: Path
) -> None:
    """With norm bound 0 the image (p - 0, p + 0) met no cell and no band, though p lies in one."""
    network = stages(NOWHERE, each, thresholds=thresholds)
    values = network.evaluate_exact(LINE.X).fractions()[:, 0].tolist()
    assert values == [2, 2, 2] != LINE.y.tolist()
    structure = stages_structure(NOWHERE, len(each), thresholds=thresholds)
    certificate = Certificate("none", "lattice_stages", Fraction(1, 4), 2, structure)
    answer = Files(tmp_path).write(LINE, network, certificate, {"lipschitz": lipschitz}, **fields)
    assert "above 0" in answer.reason


def test_an_array_has_one_place_in_an_archive(tmp_path: Path) -> None:
    """NumPy reads the member `bias` and leaves out `bias.npy`; other readers do the opposite."""
    structure = stages_structure(ON_LINE, 1, thresholds=True)
    network = stages(ON_LINE, [([Fraction(1, 2)], {0: 1, 2: 2, 4: 1})], thresholds=True)
    certificate = Certificate("none", "lattice_stages", Fraction(1, 4), 2, structure)
    files = Files(tmp_path)
    assert files.write(LINE, network, certificate).verified
    content = io.BytesIO()
    np.save(content, files.arrays(files.network)["bias"])
    with zipfile.ZipFile(files.network, "a") as archive:
        archive.writestr("bias", content.getvalue())
    assert "same name" in files.certify(certificate).reason
