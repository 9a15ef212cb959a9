"""`TrackingError`: the one exception that leaves this package when a store fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TrackingError(RuntimeError):
    """A tracking store that cannot be reached, read or written."""


@contextmanager
def tracking_errors(doing: str, uri: str) -> Iterator[None]:
    """Turn failures of the tracking store into `TrackingError`, naming the store.

    Args:
        doing: what was attempted, continuing "cannot ...".
        uri: the store, as the user may know it (a password in it is masked).

    Raises:
        TrackingError: if the store, its disk or its server refused.
    """
    import sqlite3

    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, RequestException, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise TrackingError(f"cannot {doing} in {masked(uri)}: {reason}") from error


def masked(uri: str) -> str:
    """Return the URI with its password replaced, fit for messages.

    >>> masked("postgresql://lab:secret@db/runs")
    'postgresql://lab:***@db/runs'
    """
    scheme, separator, rest = uri.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not at or ":" not in credentials:
        return uri
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{host}"
