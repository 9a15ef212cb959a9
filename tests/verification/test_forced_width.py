"""No certified network is narrower than every network must be; one that is becomes an error."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, inf
from pathlib import Path

import numpy as np
import pytest

from pipeline.construction import CONSTRUCTIONS, Built, Claim, build
from pipeline.data import SeparatedDataset, generate_dataset, save_dataset
from pipeline.data.hard_width import is_hard_width
from pipeline.exact import DyadicArray, as_dyadic
from pipeline.network import Affine, Plan, ReLUNetwork, save_network
from pipeline.theory import proposition_3_2_width
from pipeline.verification import certified_counts as counts
from pipeline.verification import decide as deciding
from pipeline.verification import forced_width
from pipeline.verification.certify import Checked
from pipeline.verification.forced_width import (
    ForcedWidth,
    forced_first_width,
    forced_on_hard_width,
    require_possible_width,
)
from pipeline.verification.verdicts import BallVerdict, ContradictionError, Verdict
from tests.verification.check.check_files import Files

HALF, LARGE = Fraction(1, 2), Fraction(9, 10)
BALLS = sorted(name for name, each in CONSTRUCTIONS.items() if each.claim is Claim.BALLS)


def hard(N: int, d: int) -> SeparatedDataset:
    return generate_dataset("hard_width", N=N, d=d)[0]


def of_width(width: int, d: int) -> ReLUNetwork:
    """A network of this first hidden width that has learned nothing."""
    ones = np.ones((1, width), dtype=np.int64)
    first = Affine.from_floats(np.ones((width, d)), np.zeros(width))
    return ReLUNetwork.relu(first, Affine.from_floats(ones, np.zeros(1)))


def ratios(d: int, N: int) -> list[Fraction]:
    """One ratio in each part of Theorem 4.2, and large ones, where the proposition bites."""
    fine = ceil(5 * N * d**0.5)
    return [Fraction(1, fine), Fraction(2, fine), Fraction(1, 4), HALF, LARGE]


# The options that make it quick: what auto picks among is built under its own name.
OPTIONS = {"auto": {"candidates": ["yu2024", "egosi2025"]}}


def built_where_it_applies(name: str, data: SeparatedDataset) -> list[tuple[Fraction, Built]]:
    found = []
    for rho in ratios(data.d, data.N):
        # A ball of half the separation meets too many cells of a lattice to list them quickly.
        if name == "halving_lattice" and rho >= HALF:
            continue
        try:
            found.append((rho, build(name, data, rho, 2, OPTIONS.get(name))))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("name", BALLS)
def test_no_certified_construction_is_narrower_than_proposition_3_2(
    name: str, tmp_path: Path
) -> None:
    tight = []
    for N, d in ((5, 4), (4, 6), (8, 5)):
        data = hard(N, d)
        found = built_where_it_applies(name, data)
        for rho, built in found:
            assert built.certificate is not None
            files = Files(tmp_path)
            assert files.write(data, built.network, built.certificate).verified, (name, N, d, rho)
            least = ceil(rho**2 * min(N - 1, d))
            assert built.network.first_hidden_width >= least, (name, N, d, rho)
            require_possible_width(built.network, data, rho)
            tight.append(least)
    assert tight, f"{name} was never built"
    if name in ("parallel_balls", "thm_4_2_iii", "yu2024", "auto"):
        assert max(tight) == 5


@pytest.mark.parametrize("p", [1, 2, 3, inf])
@pytest.mark.parametrize(("N", "d"), [(5, 4), (3, 9), (26, 25), (40, 5)])
def test_the_forced_width_is_the_theory_s_rounded_up(N: int, d: int, p: int | float) -> None:
    for rho in (Fraction(1, 7), Fraction(49, 100), Fraction(51, 100), Fraction(13, 17)):
        width = forced_on_hard_width(N, d, rho, p).width
        real = float(proposition_3_2_width(N, d, rho, p))
        assert width - 1 < real * (1 + 1e-12) and real * (1 - 1e-12) <= width  # floats of theory


def test_integers_of_the_bound_are_met_exactly() -> None:
    # Floats give 0.6 ** 2 * 25 = 9 and 0.1 ** 2 * 100 = 1.0000000000000002.
    assert forced_on_hard_width(26, 25, Fraction(3, 5)) == ForcedWidth(9, "Proposition 3.2")
    assert forced_on_hard_width(101, 100, Fraction(1, 10)).width == 1
    assert forced_on_hard_width(17, 16, HALF, 1) == ForcedWidth(1, "Proposition C.6")
    assert forced_on_hard_width(17, 16, HALF, inf) == ForcedWidth(4, "Proposition C.6")
    assert forced_on_hard_width(17, 16, Fraction(51, 100), inf).item == "Proposition C.7"
    assert forced_on_hard_width(17, 16, Fraction(51, 100), inf).width == 16
    for p in (0, 1.5, Fraction(5, 2)):
        with pytest.raises(ValueError, match="p must be"):
            forced_on_hard_width(17, 16, HALF, p)
    with pytest.raises(ValueError, match="at least 1"):
        ForcedWidth(0, "Proposition 3.2")


@pytest.mark.parametrize(("N", "d"), [(2, 1), (2, 5), (5, 4), (4, 7), (9, 4), (6, 1)])
def test_hard_width_is_recognised_scaled_shuffled_and_renamed(N: int, d: int) -> None:
    data = hard(N, d)
    assert is_hard_width(data.X, data.y)
    order = np.random.default_rng(1).permutation(N)
    other = DyadicArray(data.X.numerators[order] * 3, data.X.exponent - 5)
    assert is_hard_width(other, 3 - data.y[order])
    huge = DyadicArray(data.X.numerators.astype(object) * (1 << 80), -80)
    assert is_hard_width(huge, data.y)


@pytest.mark.parametrize(
    "change",
    [
        lambda X, y: (X + 1, y),
        lambda X, y: (-X, y),
        lambda X, y: (X * np.arange(1, len(X) + 1)[:, None], y),
        lambda X, y: (np.where(X == 2, 5, X), y),
        lambda X, y: (X, np.roll(y, 1)),
        lambda X, y: (X, np.where(np.arange(len(y)) == 0, 1, y)),
        lambda X, y: (X + np.eye(len(X), X.shape[1], 1, dtype=np.int64), y),
    ],
)
def test_other_points_or_labels_are_not_taken_for_hard_width(change) -> None:
    data = hard(8, 4)
    X, y = change(data.X.numerators, data.y)
    assert not is_hard_width(as_dyadic(X), y)


def test_any_small_dataset_has_a_bound_of_its_own_and_a_large_one_the_trivial_one() -> None:
    sphere = generate_dataset("sphere", N=30, d=8)[0]
    own = forced_first_width(sphere, LARGE)
    assert own.item == "docs/theory.md 10" and own.width >= 2
    assert forced_first_width(sphere, LARGE, inf).width == 1
    assert forced_first_width(generate_dataset("cube", N=900, d=6)[0], LARGE).width == 1
    moved = DyadicArray(hard(13, 12).X.numerators + 1, 0)
    translated = SeparatedDataset("moved", moved, hard(13, 12).y)
    assert forced_first_width(translated, HALF) == ForcedWidth(3, "docs/theory.md 10")


@pytest.mark.parametrize("p", [2, inf])
def test_a_width_is_possible_from_the_bound_on(p: int | float) -> None:
    data = hard(17, 16)
    for width in (1, 2, 3):
        with pytest.raises(ContradictionError, match="needs 4: one of the proofs is wrong"):
            require_possible_width(of_width(width, 16), data, HALF, p)
    require_possible_width(of_width(4, 16), data, HALF, p)
    with pytest.raises(ContradictionError, match="hard_width .* first hidden width 1"):
        require_possible_width(ReLUNetwork.relu(of_width(1, 16).layers[0]), data, HALF, p)


def test_the_guard_does_not_believe_a_dataset_s_name() -> None:
    disguised = SeparatedDataset("iris", hard(17, 16).X, hard(17, 16).y)
    with pytest.raises(ContradictionError, match="iris"):
        require_possible_width(of_width(3, 16), disguised, HALF)
    cube = generate_dataset("cube", N=900, d=16)[0]
    named = SeparatedDataset("hard_width", cube.X, cube.y)
    require_possible_width(of_width(3, 16), named, HALF)


def test_wide_networks_are_let_through_without_a_search(monkeypatch) -> None:
    monkeypatch.setattr(forced_width, "forced_first_width", None)
    require_possible_width(of_width(8, 8), generate_dataset("sphere", N=30, d=8)[0], LARGE)


def test_a_wrong_proof_of_a_construction_is_refused_where_it_is_counted(monkeypatch) -> None:
    data = hard(9, 8)
    built = build("parallel_balls", data, HALF, 2)
    narrow = Built(of_width(1, 8), built.certificate, Plan(8, (1,), outputs=1))
    monkeypatch.setattr(counts, "checked", lambda files: Checked(True, {}, ""))
    known = CONSTRUCTIONS["parallel_balls"]
    assert counts.unproved(built, known, data, HALF) == ""
    with pytest.raises(ContradictionError, match="Proposition 3.2 needs 2"):
        counts.unproved(narrow, known, data, HALF)


@pytest.fixture
def narrow_files(tmp_path: Path) -> dict[str, Path]:
    """Hard data and a network that Proposition 3.2 excludes."""
    files = {name: tmp_path / f"{name}.npz" for name in ("dataset", "network")}
    save_dataset(files["dataset"], hard(9, 8))
    save_network(files["network"], of_width(1, 8))
    return files


@pytest.mark.parametrize("open_balls", [0, 1])
def test_wrong_proofs_of_all_balls_are_refused_where_a_network_is_decided(
    monkeypatch, narrow_files, open_balls
) -> None:
    proved = [BallVerdict(i, Verdict.VERIFIED, "bounds") for i in range(9 - open_balls)]
    proved += [BallVerdict(8, Verdict.UNKNOWN, "none")] * open_balls
    monkeypatch.setattr(deciding, "falsify", lambda *a, **k: (proved, None))
    if open_balls:
        assert deciding.decide(narrow_files, HALF, 2, attacks=()).document["unknown"] == 1
        return
    with pytest.raises(ContradictionError, match="Proposition 3.2 needs 2"):
        deciding.decide(narrow_files, HALF, 2, attacks=())


def test_wrong_certificates_are_refused_where_a_network_is_decided(
    monkeypatch, narrow_files, tmp_path
) -> None:
    narrow_files["certificate"] = tmp_path / "certificate.json"
    narrow_files["certificate"].write_text('{"claim": "balls", "eta": null}')
    document = {"rho": "1/2", "p": "2", "decision": "exact", "N": 9, "verified": 9}
    document |= {"unproved": [], "verdict": "VERIFIED"}
    monkeypatch.setattr(deciding, "checked", lambda files: Checked(True, document, ""))
    with pytest.raises(ContradictionError, match="one of the proofs is wrong"):
        deciding.decide(narrow_files, HALF, 2, attacks=())
