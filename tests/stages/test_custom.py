"""A user's own construction goes through the whole job, and its mistakes are named, not traced."""

from __future__ import annotations

import json
import logging
import shutil
import sys

import pytest

from pipeline.report import SummaryRow
from pipeline.stages.user_code import construction_options, digest_of_target

MODULE = """
import sys
from dataclasses import replace
from fractions import Fraction

from pipeline.construction import Built, build
from pipeline.construction.registry import Construction
from pipeline.network import Affine, Plan, ReLUNetwork


def step(dataset, rho, p, *, seed, top=2, certificate=None):
    network = ReLUNetwork.relu(
        Affine.from_fractions((2, 2), {(0, 0): 2, (1, 0): 2}, {0: Fraction(-1, 2), 1: -1.5}),
        Affine.from_fractions((1, 2), {(0, 0): top - 1, (0, 1): 1 - top}, {0: 1}),
    )
    return Built(network, certificate, Plan(2, (2,)), (("top", str(top)),))


def certified(dataset, rho, p, *, seed):
    built = build("parallel_balls", dataset, rho, p, seed=seed)
    return replace(built, certificate=replace(built.certificate, construction="certified"))


def wrong(dataset, rho, p, *, seed):
    certificate = certified(dataset, rho, p, seed=seed).certificate
    return step(dataset, rho, p, seed=seed, certificate=certificate)


def number(dataset, rho, p, *, seed):
    return 7


def fails(dataset, rho, p, *, seed):
    raise KeyError("a key of mine")


def leaves(dataset, rho, p, *, seed):
    sys.exit(0)


def unplanned(dataset, rho, p, *, seed):
    return Built(step(dataset, rho, p, seed=seed).network, None, Plan(2, (3,)))


NOT_CALLABLE = 3
FULL = Construction(
    "my notebook",
    "",
    step,
    plan_of_dataset=lambda dataset, rho, p, *, seed, top=2: Plan(2, (2,)),
    norms=(2,),
)
"""
CUSTOM = ("dataset=line", "dataset.N=2", "baseline=none", "construction=custom")
ATTACKS = "verification.on_trained=[null_space,adversarial_points]"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's in the working directory, under a name nobody else uses."""
    name = f"mine_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


def _run(lab, tmp_path, module, name, *overrides) -> tuple[SummaryRow, ...]:
    return lab.run(
        tmp_path, *CUSTOM, ATTACKS, f"construction.custom.target={module}:{name}", *overrides
    )


def test_a_network_without_a_certificate_is_attacked_by_the_exact_rule(lab, tmp_path, module):
    (row,) = _run(lab, tmp_path, module, "step", "verification.proof_nodes=0")
    assert (row.construction, row.parameter_count, row.status) == ("custom", 9, "not verified")
    assert (row.claim, row.holds, row.trained) == ("none", None, False)
    assert (row.verified, row.falsified, row.unknown) == (0, 0, 2)
    assert row.files["network"] == "custom/network.npz" and row.files["certificate"] is None
    (run,) = lab.runs(tmp_path.name)
    tags = run.data.tags
    assert (tags["verdict"], tags["claim"]) == ("UNKNOWN", "none")
    assert tags["paper_item"] == f"{module}:step"
    # 9/4 is nearest to the label 2, and is not 2.
    (row,) = _run(lab, tmp_path, module, "step", "+construction.custom.options.top=2.25")
    assert (row.verified, row.falsified, row.unknown) == (1, 1, 0)


def test_a_network_without_a_certificate_is_proved_by_exact_regions(lab, tmp_path, module):
    (row,) = _run(lab, tmp_path, module, "step")
    assert (row.verified, row.status, row.claim, row.holds) == (2, "verified", "none", None)
    (run,) = lab.runs(tmp_path.name)
    assert run.data.tags["verdict"] == "VERIFIED"
    assert (tmp_path / "run" / "custom" / "proofs.npz").is_file()
    table = (tmp_path / "run" / "custom" / "verdicts.csv").read_text()
    assert table.count("exact_regions") == 2


def test_a_certificate_is_checked_as_any_other_and_a_wrong_one_rejected(lab, tmp_path, module):
    (row,) = _run(lab, tmp_path, module, "certified")
    assert (row.verified, row.status, row.holds) == (2, "verified", True)
    document = json.loads((tmp_path / "run" / "custom" / "certificate.json").read_text())
    assert document["construction"] == "certified"
    (row,) = _run(lab, tmp_path, module, "wrong")
    assert (row.verified, row.status, row.holds) == (0, "not verified", False)


def test_several_constructions_of_the_user_stand_in_one_table(lab, tmp_path, module):
    rows = lab.run(
        tmp_path, "dataset=line", "dataset.N=2", "baseline=none", ATTACKS,
        "construction=[parallel_balls,custom]", f"construction.custom.target={module}:certified",
        f"+construction.second.target={module}:FULL", "+construction.second.plan_only=true",
        "+construction.second.options.top=3",
    )  # fmt: skip
    told = [(row.construction, row.status) for row in rows]
    assert told == [("parallel_balls", "verified"), ("custom", "verified"), ("second", "planned")]
    assert rows[2].parameter_count == 9


def test_another_source_is_built_again_and_the_same_one_is_reused(lab, tmp_path, module, caplog):
    caplog.set_level(logging.INFO, logger="pipeline")
    _run(lab, tmp_path, module, "step")
    caplog.clear()
    _run(lab, tmp_path, module, "step")
    assert caplog.text.count("(unchanged, reused)") == 3
    (tmp_path / f"{module}.py").write_text(MODULE.replace("{0: 1})", "{0: 3})"))
    del sys.modules[module]
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    (row,) = _run(lab, tmp_path, module, "step")
    assert row.falsified == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("number", "MODULE:number failed with TypeError: custom must return a Built, got int"),
        ("fails", r"failed with KeyError: 'a key of mine' \(MODULE.py, line 34\)"),
        ("leaves", "MODULE:leaves failed with SystemExit: 0"),
        ("unplanned", r"failed with ValueError: built \(parameters, depth, width\) = .* differ"),
        ("absent", "target must be .* got 'MODULE:absent' .*no attribute 'absent'"),
        ("NOT_CALLABLE", "must be a function or a Construction, MODULE:NOT_CALLABLE is 3"),
    ],
)
def test_a_mistake_of_the_user_fails_the_run_in_one_line_with_the_target(
    lab, tmp_path, module, name, message
):
    with pytest.raises(ValueError, match=message.replace("MODULE", module)) as refusal:
        _run(lab, tmp_path, module, name)
    assert f"{module}:{name}" in str(refusal.value)
    (run,) = lab.runs(tmp_path.name)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == f"ValueError: {refusal.value}"


@pytest.mark.parametrize("target", ["nowhere_to_be_found:f", "no_colon", ":f", "..relative:f"])
def test_a_module_that_is_not_there_is_named(lab, tmp_path, target):
    with pytest.raises(ValueError, match="target.*") as refusal:
        lab.run(tmp_path, *CUSTOM, f"construction.custom.target='{target}'")
    assert target in str(refusal.value)
    assert lab.runs(tmp_path.name)[0].info.status == "FAILED"


def test_a_norm_that_the_user_has_no_proof_for_is_refused(lab, tmp_path, module):
    with pytest.raises(ValueError, match="FULL failed with .* is proved for p = 2, got p = 1"):
        _run(lab, tmp_path, module, "FULL", "p=1")


def test_a_module_that_does_not_compile_is_named(lab, tmp_path, module):
    (tmp_path / f"{module}.py").write_text("def f(:\n")
    with pytest.raises(ValueError, match=f"{module}:f failed with SyntaxError"):
        _run(lab, tmp_path, module, "f")


@pytest.mark.parametrize("key", ["target", "plan_only", "largest_build", "seed"])
def test_options_have_no_say_over_keys_with_a_place_of_their_own(key):
    with pytest.raises(ValueError, match=f"construction.custom.options cannot set {key}"):
        construction_options("custom", {"target": "m:f", "options": {key: 1}})


def test_options_are_passed_on_beside_the_keys():
    given = {"target": "m:f", "plan_only": False, "options": {"width": 3}}
    assert construction_options("custom", given) == {
        "target": "m:f",
        "plan_only": False,
        "width": 3,
    }
    assert construction_options("yu2024", {"plan_only": None}) == {"plan_only": None}


def test_the_digest_of_a_package_covers_all_its_modules(tmp_path, monkeypatch):
    package = tmp_path / "mine_in_parts"
    (package / "deep").mkdir(parents=True)
    for file in (package / "__init__.py", package / "deep" / "__init__.py"):
        file.write_text("")
    (package / "deep" / "part.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    before = digest_of_target("mine_in_parts.deep.part:f")
    assert digest_of_target("mine_in_parts.deep.part:f") == before
    (package / "__init__.py").write_text("y = 2\n")
    assert digest_of_target("mine_in_parts.deep.part:f") != before
    assert str(tmp_path) not in sys.path
