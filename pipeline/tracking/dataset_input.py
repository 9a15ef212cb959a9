"""A dataset as MLflow's input entity: a name, a digest, a source, its sizes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

_MAX_DIGEST_LENGTH = 36
_ATTEMPTS = 5


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


def log_dataset(client: MlflowClient, run_id: str, dataset: DatasetInput) -> None:
    """Log the dataset that a run reads, also where other runs log the same one at this moment.

    MLflow looks for the dataset's row and then inserts it: of runs that find none all but one break
    a UNIQUE constraint, and find the row when they try again.

    Raises:
        MlflowException: if the store refuses for another reason, or again and again.
    """
    from mlflow.exceptions import MlflowException

    for attempt in range(_ATTEMPTS):
        try:
            client.log_inputs(run_id, datasets=[dataset])
            return
        except MlflowException as error:
            if "unique" not in str(error).lower() or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.1 * (attempt + 1))
