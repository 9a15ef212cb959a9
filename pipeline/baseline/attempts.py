"""What became of every network that the minimal-width search trained, kept as files."""

from __future__ import annotations

import json
import logging
import os
import zipfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pipeline.network import ReLUNetwork, load_network, save_network

CERTIFIED, REFUTED, UNDECIDED, NOT_LEARNED, DIVERGED = OUTCOMES = (
    "certified",
    "refuted",
    "undecided",
    "not learned",
    "diverged",
)
LEARNED = "learned"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One trained network of a search and what is known about it.

    Args:
        width: of its hidden layers.
        seed: of its training.
        parameter_count: P of the network that is decided, zeros counted.
        outcome: `certified` (proved on every ball, by the checker), `refuted` (a witness on some
            ball, exact), `undecided` (neither within the budget), `not learned` (float attacks find
            errors at the end of training: no claim), `diverged`, or for a network that is still to
            be decided `learned`.
        curve: see `pipeline.baseline.training.Trained`.
        steps: optimizer steps taken.
        stopped: why training stopped.
        reason: what diverged, else empty.
        verified: balls VERIFIED, None where nothing was decided.
        falsified: balls FALSIFIED.
        unknown: balls UNKNOWN.
        seconds: spent on deciding.

    Raises:
        ValueError: if the outcome is none.
    """

    width: int
    seed: int
    parameter_count: int
    outcome: str
    curve: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    stopped: str = ""
    reason: str = ""
    verified: int | None = None
    falsified: int | None = None
    unknown: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.outcome not in (*OUTCOMES, LEARNED):
            raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}, got {self.outcome!r}")

    @property
    def key(self) -> tuple[int, int]:
        """Width and seed, which name the attempt."""
        return self.width, self.seed


class Journal:
    """Attempts in a folder that belongs to one search alone; a killed search goes on from it.

    Args:
        folder: made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def place(self, attempt: Attempt) -> Path:
        """Return the folder of an attempt's network and proofs."""
        return self.folder / f"width{attempt.width}-seed{attempt.seed}"

    def attempts(self) -> dict[tuple[int, int], Attempt]:
        """Return what is kept; a damaged entry is as good as none."""
        found = {}
        for path in sorted(self.folder.glob("*/attempt.json")):
            try:
                attempt = Attempt(**json.loads(path.read_text(encoding="utf-8")))
                if attempt.outcome in (LEARNED, CERTIFIED):
                    self.network(attempt)
            except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile):
                _log.warning("%-9s  %s is damaged: the network is trained again", "", path.parent)
                continue
            found[attempt.key] = attempt
        return found

    def keep(self, attempt: Attempt, network: ReLUNetwork | None = None) -> Attempt:
        """Write an attempt, all or nothing, its network first; return it."""
        place = self.place(attempt)
        place.mkdir(parents=True, exist_ok=True)
        if network is not None:
            save_network(place / "network.npz", network)
        temporary = place / "attempt.json.partial"
        temporary.write_text(json.dumps(asdict(attempt)) + "\n", encoding="utf-8")
        os.replace(temporary, place / "attempt.json")
        return attempt

    def network(self, attempt: Attempt) -> ReLUNetwork:
        """Return the network of an attempt that was learned."""
        return load_network(self.place(attempt) / "network.npz")


def decided(attempt: Attempt, counts: tuple[int, int, int], seconds: float) -> Attempt:
    """Return the attempt with the number of balls verified, falsified and unknown."""
    verified, falsified, unknown = counts
    outcome = REFUTED if falsified else UNDECIDED if unknown else CERTIFIED
    return replace(
        attempt,
        outcome=outcome,
        verified=verified,
        falsified=falsified,
        unknown=unknown,
        seconds=seconds,
    )
