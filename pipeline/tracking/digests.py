"""Canonical JSON of a configuration and its digest: equal configurations, equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII, no NaN.

    >>> canonical_json({"rho": "1/2", "d": 64})
    '{"d":64,"rho":"1/2"}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def config_digest(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration's canonical JSON in hexadecimal."""
    return hashlib.sha256(canonical_json(config).encode("ascii")).hexdigest()
