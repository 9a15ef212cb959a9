"""The configuration's schema: plain dataclasses, so that a misspelt key or a wrong type is refused.

`conf/` holds the values; `python -m pipeline --cfg job` prints the resolved configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

# None in a dataset option means that the family's own default applies.


@dataclass
class DatasetConfig:
    """Options of `pipeline.data.generate_dataset`."""

    name: str = MISSING
    N: int | None = None
    d: int | None = None
    C: int | None = None
    path: str | None = None
    label: str | None = None
    scale: str | None = None
    labelling: str | None = None
    k: int | None = None
    side: int | None = None
    spread: float | None = None


@dataclass
class ParallelBallsConfig:
    """Options of `pipeline.construction.parallel_balls`."""

    plan_only: bool = False
    projection: str = "pca"
    m: int | None = None
    weight_bits: int = 16
    steps: int = 400
    restarts: int = 2
    merged: bool = False


@dataclass
class HalvingLatticeConfig:
    """Options of `pipeline.construction.halving_lattice`."""

    plan_only: bool = False
    projection: str = "auto"
    m: int | None = None
    memorizer: str = "cheapest"
    cells: int = 8_000_000
    weight_bits: int = 16


@dataclass
class ConstantsConfig:
    """The constants of Theorem B.14, as rationals."""

    log_n: str = "600"
    rho: str = "9"
    log_d: str = "10"


@dataclass
class Thm42iiiConfig:
    """Options of `pipeline.construction.thm_4_2_iii_large`."""

    mode: str = "paper"
    plan_only: bool | None = None
    largest_build: int = 20_000_000
    weight_bits: int = 16
    draws: int = 32
    constants: ConstantsConfig = field(default_factory=ConstantsConfig)


@dataclass
class Thm42iConfig:
    """Options of Theorem 4.2(i), of (ii) with thresholds; scale None: from the data."""

    mode: str = "paper"
    plan_only: bool | None = None
    largest_build: int = 20_000_000
    weight_bits: int = 16
    draws: int = 32
    scale: int | None = None


@dataclass
class Thm42iiConfig(Thm42iConfig):
    """Options of Theorem 4.2(ii): also the robust memorization error, as a rational."""

    eta: str = "1/100"


@dataclass
class MaskedModerateConfig(Thm42iConfig):
    """Options of `pipeline.construction.masked_moderate`; memorizer None: by the mode."""

    memorizer: str | None = None


@dataclass
class Egosi2025Config:
    """Options of the construction of Egosi et al. 2025."""

    mode: str = "paper"
    plan_only: bool | None = None
    largest_build: int = 20_000_000
    weight_bits: int = 16
    draws: int = 32


@dataclass
class Yu2024Config:
    """Options of the construction of Yu et al. 2024."""

    plan_only: bool | None = None
    largest_build: int = 20_000_000


@dataclass
class Vardi2022Config:
    """Options of the construction of Vardi et al. 2022."""

    mode: str = "paper"
    plan_only: bool | None = None
    largest_build: int = 20_000_000
    weight_bits: int = 24
    draws: int = 32
    scale: int | None = None


@dataclass
class VotingConfig:
    """Options of `pipeline.construction.voting`; None leaves a size to the search."""

    plan_only: bool = False
    projection: str = "span_random"
    tables: int | None = None
    k: int | None = None
    walls: int | None = None
    weight_bits: int = 16


@dataclass
class AutoConfig:
    """Options of `pipeline.construction.auto`; candidates None: every construction that applies."""

    plan_only: bool | None = False
    largest_build: int = 20_000_000
    candidates: list[str] | None = None
    thresholds: bool = False


@dataclass
class CustomConfig:
    """A construction of the user's own; `options` are passed on as keywords."""

    target: str = MISSING
    plan_only: bool | None = False
    largest_build: int = 20_000_000
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class ExponentsConfig:
    """Whose exponents are measured, and where (`pipeline.construction.exponents`).

    certified_*: the networks that are built and certified before they are fitted
    (`pipeline.verification.certified_exponents`).
    """

    constructions: list[str] = field(default_factory=list)
    built_N: list[int] = field(default_factory=lambda: [64, 256, 1024, 4096])
    planned_N: list[int] = field(default_factory=lambda: [10**n for n in (4, 6, 8, 10, 12)])
    groups: list[int] = field(default_factory=lambda: [10**n for n in (4, 5, 6, 7, 8)])
    N: int = 10**12
    scale: int = 10
    certified_N: list[int] = field(default_factory=lambda: [1000 * 2**n for n in range(5)])
    certified_d: int = 8
    certified_rho: str = "1/1000"
    confidence: float = 0.95


@dataclass
class PhaseDiagramConfig:
    """Where constructions are counted and certified (`experiment=phase_diagram`); sizes [N, d].

    No sizes: no phase diagram.
    """

    sizes: list[list[int]] = field(default_factory=list)
    planned_sizes: list[list[int]] = field(default_factory=list)
    rho: list[str] = field(default_factory=list)
    constructions: list[str] | None = None
    thresholds: bool = False
    family: str = "sphere"
    C: int = 2
    largest_build: int = 300_000


@dataclass
class Figure1Config:
    """Which networks are drawn on Figure 1 (`experiment=fig1`), a panel a size N = d.

    No sizes: none. additive_d keeps the d of the input layer in the curves, which the paper drops.
    """

    sizes: list[int] = field(default_factory=list)
    rho: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=lambda: ["sphere"])
    constructions: list[str] | None = None
    thresholds: bool = True
    error_bounds: bool = True
    additive_d: bool = False
    C: int = 2
    largest_build: int = 300_000


@dataclass
class WidthSearchConfig:
    """Options of `pipeline.baseline.minimal_width.WidthSearch`."""

    seeds: int = 4
    min_width: int = 1
    max_width: int = 32
    grid: int = 3
    rounds: int | None = None
    proof_seconds: float | None = 20.0
    proof_nodes: int = 20_000


@dataclass
class BaselineConfig:
    """Options of `pipeline.baseline.train_baseline`; name "none" trains nothing.

    search: the smallest certified width instead of one network.
    """

    name: str = MISSING
    width: int = 256
    depth: int = 4
    loss: str = "pgd"
    margin: float = 0.5
    decision: str = "nearest"
    restarts: int = 1
    max_steps: int = 1500
    max_seconds: float | None = None
    batch_size: int = 256
    optimizer: str = "adam"
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    decay: str = "cosine"
    attack_steps: int = 5
    reach: float = 1.0
    evaluation_attack_steps: int = 20
    evaluate_every: int = 100
    patience: int = 3
    certified_balls: int = 64
    device: str = "auto"
    threads: int = 1
    search: WidthSearchConfig | None = None


@dataclass
class PricedConfig:
    """A dataset of the price of learning, its sizes, and what replaces the study's own values."""

    name: str = MISSING
    N: int | None = None
    d: int | None = None
    C: int | None = None
    rho: list[str] | None = None
    min_width: int | None = None
    max_width: int | None = None
    max_steps: int | None = None


@dataclass
class PriceOfLearningConfig:
    """What learning costs beside constructing (`experiment=price_of_learning`).

    Widths are searched as `baseline` says. No datasets: no search.
    """

    datasets: list[PricedConfig] = field(default_factory=list)
    rho: list[str] = field(default_factory=list)
    constructions: list[str] | None = None
    largest_build: int = 300_000


@dataclass
class VerificationConfig:
    """Options of `pipeline.verification.decide`."""

    on_constructed: list[str] = field(default_factory=list)
    on_trained: list[str] = field(default_factory=list)
    candidates: int = 3
    boundary_points: int = 4
    attacked_balls: int = 5_000
    search_points: int = 100
    searched_balls: int | None = 20
    pgd_steps: int = 100
    pgd_restarts: int = 30
    pgd_work: float | None = 5e10
    witness_evaluations: int = 40
    proof_seconds: float | None = 30.0
    proof_nodes: int = 20_000
    samples: int = 50
    width: float | None = None
    confidence: float = 0.95


@dataclass
class ReportConfig:
    """What the report writes."""

    html: bool = True
    formats: list[str] = field(default_factory=list)


@dataclass
class TrackingConfig:
    """Where runs are tracked."""

    # Missing, not null: tracking=server asks for it and tracking=local sets null.
    uri: str | None = MISSING
    experiment: str = "robust-memorization"
    # What is logged while a server is unreachable; null for mlruns/spool.
    spool: str | None = None


@dataclass
class ResourcesConfig:
    """What one job of a sweep may use; launchers ask the scheduler for it."""

    cores: int = 1
    memory_gb: int = 4
    gpus: int = 0
    minutes: int = 60


@dataclass
class SweepConfig:
    """Of which sweep a job is, and what tells it from the others; set by `make sweep`."""

    name: str | None = None
    label: str = ""
    parent: str | None = None
    folder: str = MISSING


@dataclass
class CacheConfig:
    """Where stage outputs are kept for reuse."""

    enabled: bool = True
    folder: str = MISSING


@dataclass
class Config:
    """A whole job; `construction` holds one block of options a construction."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    construction: dict[str, Any] = field(default_factory=dict)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    verification: VerificationConfig = field(default_factory=VerificationConfig)
    exponents: ExponentsConfig = field(default_factory=ExponentsConfig)
    phase_diagram: PhaseDiagramConfig = field(default_factory=PhaseDiagramConfig)
    figure_1: Figure1Config = field(default_factory=Figure1Config)
    price_of_learning: PriceOfLearningConfig = field(default_factory=PriceOfLearningConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    resources: ResourcesConfig = field(default_factory=ResourcesConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    rho: str = MISSING
    p: str = "2"
    seed: int = 0
    workers: int | None = None


_CONSTRUCTIONS: dict[str, type] = {
    "auto": AutoConfig,
    "custom": CustomConfig,
    "egosi2025": Egosi2025Config,
    "parallel_balls": ParallelBallsConfig,
    "halving_lattice": HalvingLatticeConfig,
    "thm_4_2_i": Thm42iConfig,
    "thm_4_2_ii": Thm42iiConfig,
    "thm_4_2_ii_threshold": Thm42iConfig,
    "masked_moderate": MaskedModerateConfig,
    "thm_4_2_iii": Thm42iiiConfig,
    "vardi2022": Vardi2022Config,
    "voting": VotingConfig,
    "yu2024": Yu2024Config,
}


# Group, name, package and node of every schema that a file of conf/ names in its defaults.
@dataclass
class FiguresConfig:
    """Options of `make figures` (conf/figures.yaml), a job of its own."""

    figures: list[str] | None = None
    N: int | None = None
    d: int | None = None
    seed: int = 0
    folder: str = MISSING
    tracking: TrackingConfig = field(default_factory=TrackingConfig)


SCHEMAS: tuple[tuple[str | None, str, str | None, type], ...] = (
    (None, "config_schema", None, Config),
    (None, "figures_schema", None, FiguresConfig),
    *(
        ("construction", f"{name}_schema", f"construction.{name}", node)
        for name, node in _CONSTRUCTIONS.items()
    ),
)
