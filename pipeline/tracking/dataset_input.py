"""A dataset as MLflow's input entity: a name, a digest, a source, its sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

_MAX_DIGEST_LENGTH = 36


def dataset_input(
    name: str, digest: str, source: str, profile: Mapping[str, Any], context: str
) -> DatasetInput:
    """Return the input entity of a dataset.

    Args:
        name: the dataset's name.
        digest: SHA-256 in hexadecimal; MLflow keeps 36 characters, all of it is in the profile.
        source: path or URL of the dataset.
        profile: sizes such as N, d and C.
        context: what the run uses the dataset for.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=name,
        digest=digest[:_MAX_DIGEST_LENGTH],
        source_type="local",
        source=json.dumps({"uri": source}),
        profile=json.dumps({**profile, "sha256": digest}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])
