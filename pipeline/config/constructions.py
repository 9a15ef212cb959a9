"""Options of the constructions, a block each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


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


CONSTRUCTIONS: dict[str, type] = {
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
