"""The configuration's schema: plain dataclasses, so that a misspelt key or a wrong type is refused.

`conf/` holds the values; `python -m pipeline --cfg job` prints the resolved configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from pipeline.config.constructions import CONSTRUCTIONS
from pipeline.config.studies import (
    ExponentsConfig,
    NetworksConfig,
    PhaseDiagramConfig,
    PriceOfLearningConfig,
)

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
    # Digest of the sources that it was launched with: a job by others would not be this sweep's.
    code: str | None = None
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
    figure_1: NetworksConfig = field(default_factory=NetworksConfig)
    figure_8: NetworksConfig = field(default_factory=NetworksConfig)
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
        for name, node in CONSTRUCTIONS.items()
    ),
)
