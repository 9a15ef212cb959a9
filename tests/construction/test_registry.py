"""Constructions by name, certificates as text, and the guard that plan and network agree."""

from __future__ import annotations

import json
from fractions import Fraction
from math import inf

import pytest

from pipeline.construction import CONSTRUCTIONS, Built, Certificate, build, construction, plan
from pipeline.network import Plan
from tests.construction.ball_points import line

HALF = Fraction(1, 2)


@pytest.mark.parametrize("name", sorted(CONSTRUCTIONS))
def test_every_construction_builds_a_certified_network(name: str) -> None:
    built = build(name, line(5, 2), HALF)
    assert built.certificate.construction == name
    assert built.certificate.rho == HALF
    assert built.network.inputs == 2
    assert built.network.outputs == 1


def test_unknown_construction_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="one of parallel_balls, thm_4_2_iii, got 'magic'"):
        construction("magic")


def test_plan_without_data_is_refused_where_the_widths_depend_on_the_data() -> None:
    with pytest.raises(ValueError, match="widths of parallel_balls depend on the data"):
        plan("parallel_balls", 10, 2, 2, HALF)


def test_a_plan_that_differs_from_the_network_is_refused() -> None:
    built = build("parallel_balls", line(5, 2), HALF)
    other = Plan(2, (3,))
    with pytest.raises(ValueError, match="differ from the plan's"):
        Built(built.network, built.certificate, other)


@pytest.mark.parametrize(("p", "text"), [(2, "2"), (1, "1"), (inf, "inf")])
def test_certificate_text_holds_claim_digests_and_exact_numbers(p: float, text: str) -> None:
    certificate = Certificate("name", "check", Fraction(1, 3), p, {"side": "7/8"}, ("a deviation",))
    document = json.loads(certificate.to_json("aa", "bb"))
    assert document["format"] == "robustness-certificate 2"
    assert (document["rho"], document["p"]) == ("1/3", text)
    assert (document["dataset_sha256"], document["network_sha256"]) == ("aa", "bb")
    assert document["structure"] == {"side": "7/8"}
    assert document["deviations"] == ["a deviation"]


def test_certificate_text_is_the_same_every_time() -> None:
    one, two = (build("parallel_balls", line(5, 2), HALF, seed=1).certificate for _ in range(2))
    assert one.to_json("a", "b") == two.to_json("a", "b")
