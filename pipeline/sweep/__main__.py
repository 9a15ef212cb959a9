"""`python -m pipeline.sweep experiment=smoke launcher=local ...` runs a sweep (`make sweep`)."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from pipeline.stages.store import StoreError
from pipeline.sweep.driver import Sweep, SweepError, processes_at_once, run_sweep
from pipeline.tracking import Terminated, TrackingError

ROOT = Path(__file__).resolve().parents[2]
_log = logging.getLogger("pipeline")


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of a sweep that have no FINISHED run; return 0 if all have one now."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    try:
        rows = run_sweep(sweep_of(arguments))
    except KeyboardInterrupt:
        _log.error("interrupted; finished jobs are kept, the same command does the others")
        return 128 + signal.SIGINT
    except Terminated as ended:
        _log.error("terminated; finished jobs are kept, the same command does the others")
        return int(ended.code or 0)
    except (ValueError, OSError, HydraException, SweepError, StoreError, TrackingError) as error:
        _log.error("error: %s", error)
        return 1
    return 0 if all(row.done for row in rows) else 1


def sweep_of(arguments: Sequence[str]) -> Sweep:
    """Return the sweep that the arguments describe.

    Args:
        arguments: Hydra overrides; `launcher=NAME` chooses a file of conf/hydra/launcher, and
            `sweep.name=NAME` a name other than the experiment's.

    Raises:
        ValueError: if no experiment and no name is given.
        HydraException: if an override is none.
        SweepError: if the configuration does not compose.
    """
    launcher, overrides = "local", []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key == "launcher":
            launcher = value
        else:
            overrides.append(argument)
    parsed = OverridesParser.create().parse_overrides(overrides)
    fixed = [each.input_line or "" for each in parsed if not each.is_sweep_override()]
    config = _composed([f"hydra/launcher={launcher}", *fixed])
    names = {
        each.key_or_group: str(each.value()) for each in parsed if not each.is_sweep_override()
    }
    name = names.get("sweep.name") or names.get("experiment")
    if not name:
        raise ValueError("a sweep needs experiment=NAME, or sweep.name=NAME for its folder")
    kept = [each for each in overrides if not each.startswith("sweep.name=")]
    cores = int(config["resources"]["cores"])
    return Sweep(
        name,
        tuple(kept),
        launcher,
        config,
        ROOT,
        processes_at_once(cores),
    )


def _composed(overrides: Sequence[str]) -> dict[str, Any]:
    """Return what all jobs have in common, as `python -m pipeline --cfg job` prints it.

    Raises:
        SweepError: if it does not compose.
    """
    command = [sys.executable, "-m", "pipeline", "--cfg", "job", "--resolve", *overrides]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode != 0:
        raise SweepError(answer.stderr.strip() or f"{' '.join(command)} failed")
    return dict(yaml.safe_load(answer.stdout))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
