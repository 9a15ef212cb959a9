"""Nested configuration to flat parameters within MLflow's limits, nothing cut without a sign."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

MAX_KEY_LENGTH = 250
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000
_FORBIDDEN = re.compile(r"[^/\w.\- :]")


def flat_params(config: Mapping[str, Any]) -> dict[str, str]:
    """Return `{"dataset.N": "100", ...}` of a nested configuration.

    Lists and empty groups are written as JSON, None as null. A value over MLflow's limit is cut
    and says so; a key with characters that MLflow refuses, or too long, ends in a digest of itself.

    >>> flat_params({"rho": "1/2", "dataset": {"N": 100, "path": None}})
    {'rho': '1/2', 'dataset.N': '100', 'dataset.path': 'null'}
    """
    return {
        _accepted_key(key): cut(value, MAX_PARAM_LENGTH) for key, value in _leaves(config).items()
    }


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning and a note of the length if it exceeds the limit.

    >>> cut("0123456789" * 10, 60)
    '012345678901234567890123456 ... (cut: 100 characters in all)'
    """
    if len(text) <= limit:
        return text
    note = f" ... (cut: {len(text)} characters in all)"
    return text[: limit - len(note)] + note


def _leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    leaves: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            leaves |= _leaves(value, f"{name}.")
        elif isinstance(value, str):
            leaves[name] = value
        else:
            leaves[name] = json.dumps(value, default=str)
    return leaves


def _accepted_key(key: str) -> str:
    accepted = _FORBIDDEN.sub("_", key)
    if accepted == key and len(key) <= MAX_KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    return f"{accepted[: MAX_KEY_LENGTH - 9]}_{digest}"
