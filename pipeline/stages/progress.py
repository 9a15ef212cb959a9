"""What a job prints of its stages: one line before each, one of what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.stages.store import StageOutputs

_log = logging.getLogger("pipeline")


@contextmanager
def announced(stage: str, subject: str) -> Iterator[Any]:
    """Print the stage before it starts and what came of it, reused or made, at its end."""
    _log.info("%-9s  %s ...", stage, subject)

    def done(outputs: StageOutputs | None, what: str) -> None:
        how = "" if outputs is None else f"  ({outputs.seconds:.1f} s)"
        if outputs is not None and outputs.reused:
            how = "  (unchanged, reused)"
        _log.info("%-9s  %s%s", "", what, how)

    yield done
