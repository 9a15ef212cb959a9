"""Options of what a job does beyond one dataset: exponents, grids, the price of learning."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING


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
class NetworksConfig:
    """Which networks are drawn on Figure 1 or 8 (`experiment=fig1`, `fig8`), a panel a size N.

    d is N on Figure 1 and sqrt N on Figure 8. No sizes: none. additive_d keeps the d of the input
    layer in the curves, which the paper drops.
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
