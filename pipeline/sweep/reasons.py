"""Why jobs did not end well, as the launcher was told: their runs had no time to say it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.figures.files import replace_file

REASONS = "reasons.json"
# Names the folder of a job, and so the job, among its overrides.
SUBDIR = "hydra.sweep.subdir="


def folder_of(digest: str) -> str:
    """Return the name of a job's folder below its sweep's.

    >>> folder_of("0123456789abcdef")
    '0123456789ab'
    """
    return digest[:12]


def folders_among(overrides: Sequence[str]) -> list[str]:
    """Return the folder that the overrides of a job name, as a list of one.

    >>> folders_among(["rho=1/2", "hydra.sweep.subdir=0123456789ab"])
    ['0123456789ab']
    """
    return [word.removeprefix(SUBDIR) for word in overrides if word.startswith(SUBDIR)]


def read_reasons(sweep_dir: Path) -> dict[str, str]:
    """Return job's folder -> reason, empty where no launcher wrote any."""
    try:
        return dict(json.loads((sweep_dir / REASONS).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def write_reasons(sweep_dir: Path, reasons: Mapping[str, str]) -> None:
    """Keep job's folder -> reason for the driver."""
    replace_file(sweep_dir / REASONS, (json.dumps(dict(reasons), indent=1) + "\n").encode())
