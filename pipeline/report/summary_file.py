"""summary.json: the rows of a run, and the fitted exponents where they were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.figures import replace_file
from pipeline.report.rows import SummaryRow


def write_summary(
    path: Path | str,
    rows: Sequence[SummaryRow],
    exponents: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> Path:
    """Return the path after writing {"rows": [...]} as JSON, in one step.

    Args:
        path: where to.
        rows: of the summary.
        exponents: construction -> variable -> slope, low and high; the key is left out if None.
    """
    document: dict[str, Any] = {"rows": [row.to_json() for row in rows]}
    if exponents is not None:
        document["exponents"] = exponents
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    return replace_file(path, text.encode("utf-8"))


def read_summary(path: Path | str) -> tuple[SummaryRow, ...]:
    """Return the rows of a summary file.

    Raises:
        ValueError: if the file is no summary.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no summary: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise ValueError(f'{path} is no summary: {{"rows": [...]}} was required')
    return tuple(SummaryRow.from_json(row) for row in document["rows"])
