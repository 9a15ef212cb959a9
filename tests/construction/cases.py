"""One table of small cases of every construction, for the builder's and the checker's tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from pipeline.construction import Built, build
from pipeline.data import SeparatedDataset
from tests.construction.ball_points import spread


@dataclass(frozen=True)
class BuildCase:
    """A construction with sizes (N, d, C), a ratio and options.

    Its data are N random integer points, labels in turn; other seeds give other data of the same
    sizes.

    Args:
        certified_as: the construction that the certificate names, where it is another one.
    """

    name: str
    N: int
    d: int
    C: int
    rho: str
    options: dict[str, Any] = field(default_factory=dict)
    certified_as: str | None = None

    @property
    def ratio(self) -> Fraction:
        """The robustness ratio."""
        return Fraction(self.rho)

    def data(self, seed: int = 0) -> SeparatedDataset:
        """Return a dataset of these sizes."""
        return spread(self.N, self.d, self.C, seed=seed)

    def built(self, seed: int = 0, **more: Any) -> Built:
        """Return the construction on such a dataset."""
        return build(self.name, self.data(seed), self.ratio, 2, self.options | more)

    def __str__(self) -> str:
        options = "-".join(map(str, self.options.values()))
        return f"{self.name}-N{self.N}-d{self.d}-{self.rho}-{options}"


_REDUCED = {"constants": {"log_n": 1, "rho": 1, "log_d": "1/2"}}

CASES = (
    BuildCase("parallel_balls", 9, 3, 3, "1/2"),
    BuildCase("parallel_balls", 12, 5, 2, "9/10", {"projection": "identity"}),
    BuildCase("parallel_balls", 14, 4, 3, "1/2", {"projection": "optimised", "steps": 60}),
    BuildCase("parallel_balls", 20, 2, 3, "1/3", {"merged": True}),
    BuildCase("parallel_balls", 8, 30, 3, "9/10", {"projection": "optimised", "steps": 60}),
    BuildCase("parallel_balls", 6, 40, 2, "9/10", {"projection": "span"}),
    BuildCase("parallel_balls", 8, 30, 4, "1/2", {"projection": "span_random"}),
    BuildCase("halving_lattice", 9, 2, 2, "1/3"),
    BuildCase("halving_lattice", 40, 2, 5, "1/8", {"memorizer": "retrieval"}),
    BuildCase("halving_lattice", 40, 2, 5, "1/8", {"memorizer": "keyed"}),
    BuildCase("halving_lattice", 30, 3, 2, "1/5", {"projection": "pca"}),
    BuildCase("thm_4_2_i", 6, 2, 2, "1/50"),
    BuildCase("thm_4_2_i", 9, 3, 4, "1/200", {"mode": "adaptive"}),
    BuildCase("thm_4_2_ii", 7, 2, 3, "1/15", {"eta": "1/10"}),
    BuildCase("thm_4_2_ii", 7, 2, 3, "1/30", {"mode": "adaptive"}),
    BuildCase("thm_4_2_ii_threshold", 7, 2, 3, "1/15"),
    BuildCase("thm_4_2_ii_threshold", 8, 4, 2, "1/30", {"mode": "adaptive"}),
    BuildCase("masked_moderate", 7, 2, 3, "1/15"),
    BuildCase("masked_moderate", 7, 2, 3, "1/15", {"memorizer": "compact"}),
    BuildCase("masked_moderate", 9, 2, 4, "1/50", {"memorizer": "compact", "scale": 5}),
    BuildCase("masked_moderate", 8, 4, 2, "1/30", {"mode": "adaptive"}),
    BuildCase("thm_4_2_iii", 6, 3, 3, "1/2"),
    BuildCase("thm_4_2_iii", 12, 10, 2, "1/10", _REDUCED),
    BuildCase("vardi2022", 9, 3, 3, "1/2"),
    BuildCase("vardi2022", 9, 3, 3, "1/2", {"mode": "adaptive"}),
    BuildCase("voting", 8, 12, 2, "1/8"),
    BuildCase("voting", 12, 20, 2, "1/8", {"tables": 3, "k": 4, "walls": 1}),
    BuildCase("voting", 10, 16, 4, "1/10", {"tables": 3, "k": 3, "walls": 2}),
    BuildCase("yu2024", 6, 3, 3, "9/10"),
    BuildCase("yu2024", 5, 2, 2, "1/100"),
    BuildCase("egosi2025", 6, 3, 3, "1/4"),
    BuildCase("egosi2025", 6, 40, 2, "1/30"),
    BuildCase("egosi2025", 6, 40, 2, "1/30", {"mode": "adaptive"}),
    BuildCase("auto", 9, 3, 3, "1/2", certified_as="parallel_balls"),
    BuildCase("auto", 6, 3, 3, "1/4", {"candidates": ["yu2024", "egosi2025"]}, "egosi2025"),
    BuildCase(
        "auto",
        7,
        2,
        3,
        "1/15",
        {"candidates": ["thm_4_2_ii_threshold"], "thresholds": True},
        "thm_4_2_ii_threshold",
    ),
)
