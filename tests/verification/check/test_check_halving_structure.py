"""Halving lattices whose certificate is changed field by field: rejected, none of them crashes."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.verification.check.check_files import Files
from tests.verification.check.halving_networks import BASE, RETRIEVED, STORED, Hand, reason
from tests.verification.check.lattice_networks import LINE

QUARTER = Fraction(1, 4)
OTHER_CODE = "it may meet a cell that is remembered with another code"


@pytest.mark.parametrize(
    "hand", [BASE, RETRIEVED, STORED, replace(BASE, levels=5), replace(BASE, e=3)]
)
def test_the_networks_themselves_are_verified(hand: Hand) -> None:
    assert reason(hand) == ""


def fields_of_a_round() -> list[tuple[str, Any]]:
    return [
        ("shift", 1),
        ("shift", -1),
        ("shift", 3),
        ("shift", 1 << 70),
        ("shift", None),
        ("translation", ["1/4"]),
        ("translation", ["-1/2"]),
        ("translation", ["1/3"]),
        ("translation", ["1"]),
        ("translation", ["9" * 40]),
        ("translation", [0.5]),
        ("translation", []),
        ("translation", ["0", "0"]),
        ("weights", [[1, 2, 3]]),
        ("weights", [[1, 2, -4]]),
        ("weights", [[1, 2]]),
        ("weights", [[1.0, 2.0, 4.0]]),
        ("weights", [["1", "2", "4"]]),
        ("weights", [[True, 2.5, 4]]),
        ("weights", [[float("nan"), 2, 4]]),
        ("weights", [[1 << 61, 1 << 61, 4]]),
        ("weights", [[1 << 64, 2, 4]]),
        ("weights", []),
        ("weights", None),
        ("memorizer", "table"),
        ("memorizer", None),
        ("memorizer", "retrieval"),
        ("knots", 0),
        ("knots", -1),
        ("knots", 1 << 70),
    ]


@pytest.mark.parametrize(("name", "value"), fields_of_a_round())
def test_a_field_of_a_round_changed_is_rejected(name: str, value: Any, tmp_path: Path) -> None:
    built, files = BASE.built(QUARTER), Files(tmp_path)
    assert built.certificate is not None
    assert files.write(LINE, built.network, built.certificate).verified
    rounds = built.certificate.structure["rounds"]
    assert files.certify(
        built.certificate, {"rounds": [{**rounds[0], name: value}, rounds[1]]}
    ).reason


@pytest.mark.parametrize("name", ["groups", "keys_per_group", "gap_bits"])
@pytest.mark.parametrize("value", ["more", "less", 0, -1, 1 << 20, 1 << 70, float("inf"), None])
def test_a_size_of_a_keyed_table_changed_is_rejected(name: str, value: Any, tmp_path: Path) -> None:
    built, files = STORED.built(QUARTER), Files(tmp_path)
    assert built.certificate is not None
    assert files.write(LINE, built.network, built.certificate).verified
    first, second = built.certificate.structure["rounds"]
    changed = {"more": first[name] + 1, "less": first[name] - 1}.get(value, value)
    assert files.certify(built.certificate, {"rounds": [{**first, name: changed}, second]}).reason


@pytest.mark.parametrize("name", ["rows", "columns", "positions", "window", "quotient_bits"])
@pytest.mark.parametrize("value", ["more", "less", 0, -1, 1 << 20, 1 << 70, float("inf"), None])
def test_a_size_of_a_retrieval_changed_is_rejected(name: str, value: Any, tmp_path: Path) -> None:
    built, files = RETRIEVED.built(QUARTER), Files(tmp_path)
    assert built.certificate is not None
    assert files.write(LINE, built.network, built.certificate).verified
    first, second = built.certificate.structure["rounds"]
    changed = {"more": first[name] + 1, "less": first[name] - 1}.get(value, value)
    assert files.certify(built.certificate, {"rounds": [{**first, name: changed}, second]}).reason


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("m", 2, "weights of 2 times 3 digits expected"),
        ("m", 0, "m must lie in"),
        ("levels", 4, "weights of 1 times 4 digits expected"),
        ("levels", 41, "weights of 1 times 41 digits expected"),
        ("delta_bits", BASE.e + 1, "folding needs bias"),
        ("delta_bits", BASE.e - 1, "folding needs bias"),
        ("delta_bits", 0, "delta_bits must lie in"),
        ("delta_bits", 1 << 20, "digits"),
        ("code_bits", 2, "neurons, got|bits expected|needs"),
        ("code_bits", 63, "codes of at most 62 bits expected, got 63"),
        ("together", 0, "together must lie in"),
        ("majority", 2, "the output needs bias 2, got 1"),
        ("majority", 3, "1 bits do not hold the labels"),
        ("majority", 0, "majority must lie in"),
        ("lipschitz", "1/2", "norm is not proved to be at most"),
        ("lipschitz", "0", "a norm bound must be above 0"),
        ("lipschitz", "-1", "a norm bound must be above 0"),
        ("lipschitz", "2", OTHER_CODE),
        ("lipschitz", "1e99", "rational must be written"),
        ("rounds", [], "at least one round is needed"),
        ("rounds", "ab", "not readable"),
        ("rounds", None, "not readable"),
    ],
)
def test_a_field_changed_is_rejected(name: str, value: Any, why: str, tmp_path: Path) -> None:
    built, files = BASE.built(QUARTER), Files(tmp_path)
    assert built.certificate is not None
    assert files.write(LINE, built.network, built.certificate).verified
    answer = files.certify(built.certificate, {name: value})
    assert re.search(why, answer.reason), answer.reason
    assert files.certify(built.certificate, without=name).reason
