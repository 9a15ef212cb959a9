"""Jobs composed from shared files are those that Hydra composes one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from pipeline.__main__ import register_configuration
from pipeline.sweep.composing import composed

ROOT = Path(__file__).resolve().parents[2]
FIXED = ["experiment=smoke", "seed=7", "tracking.experiment=mine"]
AXES = [
    ["dataset.N=9", "rho=1/4"],
    ["dataset.N=17", "rho=1/4"],
    # A value before the choice of its file, another after it.
    ["dataset.N=17", "dataset=sphere", "dataset.d=3", "seed=8"],
    ["construction=[thm_4_2_iii,parallel_balls]", "construction.thm_4_2_iii.plan_only=true"],
    ["baseline=pgd", "baseline.width=3", "resources={cores:2,minutes:5}"],
    ["+dataset.more=[1,2]", "++dataset.N=8", "+more=1", "~more", "sweep.folder=${cache.folder}/x"],
    ["hydra.sweep.subdir=here", "report.formats=[]", "verification.samples=3"],
]
GRID = [[*FIXED, *axes] for axes in AXES]


@pytest.fixture(scope="module")
def hydra():
    """Hydra's loader, and what the jobs have in common."""
    register_configuration()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield loader, loader.load_configuration("config", ["hydra.sweep.dir=a"], RunMode.MULTIRUN)


def one_by_one(loader, master, job):
    config = loader.load_sweep_config(master, job)
    plain = OmegaConf.to_container(config, resolve=False)
    del plain["hydra"]
    return OmegaConf.to_container(OmegaConf.create(plain), resolve=True)


def test_jobs_are_those_that_hydra_composes_one_by_one(hydra):
    loader, master = hydra
    found = list(composed(loader, master, GRID))
    assert found == [one_by_one(loader, master, job) for job in GRID]
    assert [job["dataset"]["N"] for job in found[:3]] == [9, 17, 17]
    assert [job["seed"] for job in found[:3]] == [7, 7, 8]
    assert found[0]["tracking"]["experiment"] == "mine"


def test_files_are_read_once_for_each_choice_of_them(hydra, monkeypatch):
    loader, master = hydra
    read = []
    compose = loader.load_sweep_config
    monkeypatch.setattr(
        loader, "load_sweep_config", lambda *given: read.append(given[1]) or compose(*given)
    )
    jobs = [[f"seed={seed}", f"dataset={name}"] for name in ("cube", "line") for seed in range(9)]
    assert len(list(composed(loader, master, jobs))) == 18
    assert read == [["dataset=cube"], ["dataset=line"]]


@pytest.mark.parametrize("override", ["dataset.n=5", "seed=many", "datasets=cube"])
def test_a_job_that_does_not_compose_is_refused_in_hydras_words(hydra, override):
    loader, master = hydra
    with pytest.raises(HydraException) as ours:
        list(composed(loader, master, [["rho=1/2", override]]))
    with pytest.raises(HydraException) as hydras:
        loader.load_sweep_config(master, ["rho=1/2", override])
    assert str(ours.value) == str(hydras.value)
    assert str(ours.value.__cause__) == str(hydras.value.__cause__)
