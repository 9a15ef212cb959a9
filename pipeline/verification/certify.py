"""The checker as a process of its own: what it prints and decides, nothing assumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = "pipeline.verification.check"


@dataclass(frozen=True)
class Checked:
    """What the checker's process decided.

    Args:
        verified: whether it proved every ball (its exit code).
        document: its JSON verdict: "verdict", "reason", "unproved", "slack", "facts", ...
        printed: its output.
    """

    verified: bool
    document: dict[str, Any]
    printed: str


def checked(files: Mapping[str, Path]) -> Checked:
    """Return the verdict of the independent checker on "dataset", "network", "certificate".

    Raises:
        OSError: if the process dies without a verdict, or its exit code is not the verdict's.
    """
    paths = [str(files[role]) for role in ("dataset", "network", "certificate")]
    root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        [root, *filter(None, [environment.get("PYTHONPATH")])]
    )
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "verdict.json"
        process = subprocess.run(
            # -P: a folder `pipeline` in the working directory is not this one.
            [sys.executable, "-P", "-m", MODULE, *paths, "--output", str(output)],
            env=environment,
            capture_output=True,
            text=True,
        )
        if not output.exists():
            raise OSError(f"the checker ended without a verdict: {process.stderr.strip()[-2000:]}")
        document = json.loads(output.read_text(encoding="utf-8"))
    verdict = document["verdict"]
    if (process.returncode, verdict) not in ((0, "VERIFIED"), (1, "REJECTED")):
        raise OSError(f"the checker ended with code {process.returncode} after {verdict}")
    return Checked(process.returncode == 0, document, process.stdout)
