"""Constructions by name, certificates as text, and the guard that plan and network agree."""

from __future__ import annotations

import json
from fractions import Fraction
from math import inf

import pytest

from pipeline.construction import (
    CONSTRUCTIONS,
    Built,
    Certificate,
    build,
    construction,
    plan,
    plan_instead,
)
from pipeline.network import Plan
from tests.construction.ball_points import line

HALF = Fraction(1, 2)


def test_unknown_construction_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="one of parallel_balls, .*, got 'magic'") as raised:
        construction("magic")
    assert all(name in str(raised.value) for name in CONSTRUCTIONS)


def user_construction(dataset, rho, p=2, *, seed, weight_bits=16):
    """Build the parallel balls under another name."""
    return build("parallel_balls", dataset, rho, p, {"weight_bits": weight_bits}, seed)


def no_construction(dataset, rho, p=2, *, seed):
    return 3


TARGET = "tests.construction.test_registry:"


def test_a_function_of_the_user_builds_under_its_target() -> None:
    options = {"target": TARGET + "user_construction", "weight_bits": 12}
    built = build("custom", line(5, 2), HALF, 2, options)
    assert built.network.evaluate_exact(line(5, 2).X).fractions()[:, 0].tolist() == [1, 2, 1, 2, 1]
    assert construction("custom", options).statement.startswith("Build the parallel balls")
    planned = plan_instead("custom", line(5, 2), HALF, 2, options | {"plan_only": True})
    assert planned == built.plan
    with pytest.raises(ValueError, match="widths of custom depend on the data"):
        plan("custom", 5, 2, 2, HALF, options)


def test_a_construction_object_of_the_user_is_taken_as_it_is() -> None:
    target = "tests.construction.test_registry:CONSTRUCTION"
    assert construction("custom", {"target": target}) is CONSTRUCTION
    sizes = plan("custom", 6, 3, 3, HALF, {"target": target})
    assert sizes == plan("yu2024", 6, 3, 3, HALF)


CONSTRUCTION = CONSTRUCTIONS["yu2024"]


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("no.such.module:name", ValueError, "target must be module:name .*no.such"),
        (TARGET + "absent", ValueError, "target must be module:name .*absent"),
        (TARGET + "HALF", ValueError, "target must be a function or a Construction"),
        ("", ValueError, "target must be module:name"),
        (TARGET + "no_construction", TypeError, "custom must return a Built, got int"),
    ],
)
def test_targets_that_are_no_construction_are_refused(
    target: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build("custom", line(5, 2), HALF, 2, {"target": target})


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
