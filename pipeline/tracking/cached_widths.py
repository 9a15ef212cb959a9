"""Certified networks on the dataset of Proposition 3.2 among the outputs of stages in the cache.

The layout is that of `pipeline.stages.store`: a folder an entry, whose manifest names the stage,
its configuration, the digests of what it read and of what it made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.exact import parse_norm, parse_ratio
from pipeline.tracking.width_records import (
    HARD_WIDTH,
    WidthRecord,
    record_of_files,
    records_of_counts,
    rows_of_file,
)

MANIFEST = "manifest.json"
DATASET, NETWORK, COUNTS, DECISION = (
    "dataset.npz",
    "network.npz",
    "counts.json",
    "decision.json",
)


class UnreadError(Exception):
    """A certified network that cannot be examined: what is missing or damaged."""


def cached_records(folder: Path) -> Iterator[WidthRecord | UnreadError]:
    """Yield the records in a cache, and why a certified network in it could not be examined.

    Args:
        folder: of the cache; one that is missing is empty.
    """
    entries = dict(_entries(folder))
    made = {
        digest: path / name
        for path, manifest in entries.items()
        for name, digest in manifest["files"].items()
    }
    for path, manifest in entries.items():
        try:
            yield from _records(path, manifest, made)
        except (OSError, ValueError, LookupError, TypeError) as error:
            yield UnreadError(f"cache {path.name}: {error}")


def _entries(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield complete entries; a folder without a whole manifest was never finished."""
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            known = {key: dict(manifest[key]) for key in ("config", "upstream", "files")}
            yield path.parent, known | {"stage": str(manifest["stage"])}
        except (OSError, ValueError, LookupError, TypeError):
            continue


def _records(
    path: Path, manifest: Mapping[str, Any], made: Mapping[str, Path]
) -> Iterator[WidthRecord]:
    config, upstream, stage = manifest["config"], manifest["upstream"], manifest["stage"]
    where = f"cache {path.name[:24]}"
    if COUNTS in manifest["files"]:
        hard = config.get("family") == HARD_WIDTH
        yield from records_of_counts(rows_of_file(path / COUNTS), hard, where)
    if not _is_certified(path, manifest):
        return
    # A dataset or network that was removed from the cache leaves a verdict about nothing.
    dataset = made.get(upstream["dataset"])
    network = path / NETWORK if stage == "search" else made.get(upstream["network"])
    if dataset is None or network is None:
        return
    balls = parse_ratio(config["rho"]), parse_norm(config["p"])
    name = "trained" if stage == "search" else _name(network.parent)
    record = record_of_files(dataset, network, name, *balls, where)
    if record is not None:
        yield record


def _is_certified(path: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether an entry says of a network that every ball is VERIFIED."""
    if manifest["stage"] == "verify":
        found = json.loads((path / DECISION).read_text(encoding="utf-8"))
        return bool(found["verified"]) and found["falsified"] == found["unknown"] == 0
    # A search over widths files the certified network that it found, and no other.
    return manifest["stage"] == "search" and NETWORK in manifest["files"]


def _name(folder: Path) -> str:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return str(manifest["config"].get("name", "trained"))
