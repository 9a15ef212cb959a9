"""No two methods contradict each other; thousands more cases: make bench ARGS=--contradictions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.verification.splitting.contradictions import compared


def test_no_two_methods_contradict_each_other_on_sixty_random_balls(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(10):
        counts += compared(seed, tmp_path)
    assert counts["cases"] == 60
    # Every way of deciding occurs.
    assert min(counts[kind] for kind in ("crown", "splits", "falsified")) > 5
    assert counts["proofs_the_checker_does_not_follow"] == 0
