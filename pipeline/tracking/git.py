"""The commit a run was made from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.tracking.names import TAG_GIT_COMMIT, TAG_GIT_DIRTY


def git_tags(root: Path) -> dict[str, str]:
    """Return the tags of the commit checked out at `root`; none without git or a repository."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return {}
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        # The dashboard's "Source version" column reads this name.
        "mlflow.source.git.commit": commit,
        TAG_GIT_COMMIT: commit,
        TAG_GIT_DIRTY: str(bool(changes)).lower(),
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
