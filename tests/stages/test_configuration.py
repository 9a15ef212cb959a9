"""Every file of conf/ composes, and a key or a value that makes no sense is refused by name."""

from __future__ import annotations

import dataclasses
import inspect
from fractions import Fraction
from itertools import chain, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf.errors import MissingMandatoryValue

from pipeline import config as schema
from pipeline.construction import CONSTRUCTIONS
from pipeline.construction.exponents import Sizes
from pipeline.data.generate import FAMILIES
from pipeline.tracking.jobs import job_digest

ROOT = Path(__file__).resolve().parents[2]


# A construction of the user's needs a target; the others need nothing.
TARGET = {"custom": ["construction.custom.target=my_module:my_construction"]}


def _names(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def test_conf_offers_every_dataset_and_every_construction():
    assert _names("dataset") == sorted(FAMILIES)
    assert _names("construction") == sorted([*CONSTRUCTIONS, "custom"])


@pytest.mark.parametrize(
    ("group", "name"),
    [(group, name) for group in ("dataset", "construction", "baseline") for name in _names(group)],
)
def test_every_choice_of_a_group_composes(lab, group, name):
    config = lab.config(f"{group}={name}", *TARGET.get(name, []))
    if group == "construction":
        assert list(config["construction"]) == [name]
    else:
        assert config[group]["name"] == name


@pytest.mark.parametrize("name", sorted(CONSTRUCTIONS))
def test_options_of_a_construction_are_its_keywords_with_the_same_defaults(lab, name):
    given = dict(lab.config(f"construction={name}")["construction"][name])
    for whether_to_build in ("plan_only", "largest_build"):
        given.pop(whether_to_build, None)
    keywords = inspect.signature(CONSTRUCTIONS[name].build).parameters
    taken = {k: v.default for k, v in keywords.items() if v.kind is v.KEYWORD_ONLY and k != "seed"}
    assert set(given) == set(taken)
    given.pop("constants", None)
    assert {key: str(value) for key, value in given.items()} == {
        key: str(value) for key, value in taken.items() if key != "constants"
    }


def test_every_experiment_composes(lab):
    assert _names("experiment")
    for name in _names("experiment"):
        assert lab.config(f"experiment={name}")["construction"]


def _preset(name: str) -> tuple[dict[str, Any], list[Override]]:
    """Return a preset as it is written, and the axes of its sweep."""
    preset = yaml.safe_load((ROOT / "conf" / "experiment" / f"{name}.yaml").read_text())
    axes = preset["hydra"]["sweeper"]["params"]
    given = [f"{key}={value}" for key, value in axes.items()]
    return preset, OverridesParser.create().parse_overrides(given)


SWEPT = ("crossover", "exponents", "fig1", "fig8", "phase_diagram", "price_of_learning", "smoke")


@pytest.mark.parametrize("name", SWEPT)
def test_the_jobs_of_a_preset_compose_and_do_not_compute_the_same(lab, name):
    first, *_, last = chain.from_iterable(BasicSweeper.split_arguments(_preset(name)[1], None))
    jobs = [lab.config(f"experiment={name}", *job) for job in (first, last)]
    assert len({job_digest(job, "salt") for job in jobs}) == 2


@pytest.mark.parametrize(
    ("name", "study", "key"),
    [
        ("fig1", "figure_1", "rho"),
        ("fig8", "figure_8", "rho"),
        ("phase_diagram", "phase_diagram", "rho"),
        ("phase_diagram_full", "phase_diagram", "rho"),
        ("price_of_learning", "price_of_learning", "datasets"),
        ("price_of_learning_full", "price_of_learning", "datasets"),
        ("exponents", "exponents", "constructions"),
    ],
)
def test_the_jobs_of_a_sweep_are_together_what_the_preset_does_in_one_job(name, study, key):
    preset, axes = _preset(name)
    (axis,) = [each for each in axes if each.key_or_group == f"{study}.{key}"]
    values = axis.value()
    assert isinstance(values, ChoiceSweep)
    assert [value for part in values.list for value in part] == preset[study][key]


def test_a_job_of_the_crossover_counts_at_its_own_size_and_ratio(lab):
    config = lab.config("experiment=crossover", "dataset.N=16", "dataset.d=4", "rho=1/2")
    assert config["phase_diagram"]["sizes"] == [[16, 4]]
    assert config["phase_diagram"]["rho"] == ["1/2"]
    assert config["phase_diagram"]["family"] == config["dataset"]["name"] == "sphere"


def test_a_construction_of_the_user_needs_a_target(lab):
    with pytest.raises(MissingMandatoryValue, match=r"construction\.custom\.target"):
        lab.config("construction=custom")


def test_exponents_are_measured_only_where_asked_for(lab):
    assert lab.config()["exponents"]["constructions"] == []
    asked = lab.config("experiment=exponents")["exponents"]
    theorems = ["thm_4_2_i", "thm_4_2_ii", "thm_4_2_iii"]
    assert asked["constructions"] == [*theorems, "halving_lattice"]
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in asked.items()}
    del given["constructions"]
    certified = {key: given.pop(key) for key in ("certified_N", "certified_d", "certified_rho")}
    assert Sizes(**given) == Sizes()
    sizes = (1_000, 2_000, 4_000, 8_000, 16_000)
    assert certified == {"certified_N": sizes, "certified_d": 8, "certified_rho": "1/1000"}


def test_the_ratios_of_real_data_are_within_the_theorems():
    experiment = yaml.safe_load((ROOT / "conf" / "experiment" / "real_data.yaml").read_text())
    sweep = experiment["hydra"]["sweeper"]["params"]
    dimensions = {"iris": 4, "wine": 13, "breast_cancer": 30}
    for name, rho in product(sweep["dataset"].split(","), str(sweep["rho"]).split(",")):
        # Theorem 4.2(iii) starts above 1/(5 sqrt d).
        assert 25 * dimensions[name] * Fraction(rho) ** 2 > 1, (name, rho)


def test_the_default_is_the_main_job(lab):
    config = lab.config()
    assert list(config) == [field.name for field in dataclasses.fields(schema.Config)]
    assert config["dataset"]["name"] == "digits"
    assert (config["rho"], config["p"], config["seed"]) == ("1/2", "2", 0)
    assert list(config["construction"]) == ["parallel_balls", "thm_4_2_iii"]
    assert config["baseline"]["name"] == "pgd"
    assert Path(config["cache"]["folder"]) == ROOT / "mlruns" / "cache"
    assert config["tracking"]["uri"] is None


def test_options_of_one_construction_do_not_leak_into_another(lab):
    config = lab.config(
        "construction=[parallel_balls,thm_4_2_iii]",
        "construction.parallel_balls.weight_bits=9",
        "construction.thm_4_2_iii.plan_only=true",
    )
    assert config["construction"]["parallel_balls"] == {
        "plan_only": False,
        "projection": "pca",
        "m": None,
        "weight_bits": 9,
        "steps": 400,
        "restarts": 2,
        "merged": False,
    }
    assert config["construction"]["thm_4_2_iii"]["weight_bits"] == 16
    assert config["construction"]["thm_4_2_iii"]["plan_only"] is True


@pytest.mark.parametrize(
    ("override", "text"),
    [("rho=1/3", "1/3"), ("rho=0.5", "0.5"), ("rho=1e-3", "0.001")],
)
def test_rho_arrives_as_text(lab, override, text):
    assert lab.config(override)["rho"] == text


@pytest.mark.parametrize("p", ["1", "2", "3", "inf"])
def test_p_arrives_as_text(lab, p):
    assert lab.config(f"p={p}")["p"] == p


@pytest.mark.parametrize(
    "override",
    [
        "datset=iris",
        "dataset.n=5",
        "rhoo=1/2",
        "construction.parallel_balls.projecton=pca",
        "construction.parallel_balls.largest_build=9",
        "construction.thm_4_2_iii.constants.log_N=1",
        "exponents.construction=[thm_4_2_iii]",
        "baseline.widht=3",
        "verification.sample=3",
        "tracking.url=x",
        "cache.dir=x",
    ],
)
def test_a_misspelt_key_is_refused_by_name(lab, override):
    with pytest.raises(ConfigCompositionException) as refusal:
        lab.config(override)
    key = override.partition("=")[0]
    assert f"Could not override '{key}'" in str(refusal.value)
    assert "not in '" in str(refusal.value.__cause__)


@pytest.mark.parametrize(
    ("override", "kind"),
    [
        ("dataset.N=many", "Integer"),
        ("dataset.N=1.5", "Integer"),
        ("dataset.spread=wide", "Float"),
        ("construction.parallel_balls.m=half", "Integer"),
        ("construction.thm_4_2_iii.plan_only=perhaps", "Boolean"),
        ("baseline.learning_rate=fast", "Float"),
        ("seed=one", "Integer"),
        ("workers=all", "Integer"),
        ("report.html=page", "Boolean"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(lab, override, kind):
    with pytest.raises(ConfigCompositionException) as refusal:
        lab.config(override)
    value = override.partition("=")[2]
    assert override in str(refusal.value)
    cause = str(refusal.value.__cause__)
    assert f"'{value}'" in cause and kind.lower()[:4] in cause.lower()


@pytest.mark.parametrize("group", ["dataset", "construction", "baseline"])
def test_an_unknown_choice_lists_the_known_ones(lab, group):
    with pytest.raises(MissingConfigException) as refusal:
        lab.config(f"{group}=unheard_of")
    message = str(refusal.value)
    assert f"{group}/unheard_of" in message
    assert all(name in message for name in _names(group))


def test_a_server_needs_an_address(lab):
    with pytest.raises(MissingMandatoryValue, match="tracking.uri"):
        lab.config("tracking=server")
    address = "http://127.0.0.1:5000"
    assert lab.config("tracking=server", f"tracking.uri={address}")["tracking"]["uri"] == address


def test_methods_may_be_left_out(lab):
    config = lab.config("construction=[]", "baseline=none")
    assert (config["construction"], config["baseline"]["name"]) == ({}, "none")
