"""`TrackingError`: what leaves this package when a store fails; `Unreachable`, if it is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TrackingError(RuntimeError):
    """A tracking store that cannot be reached, read or written."""


class Unreachable(TrackingError):
    """A tracking server that does not answer, or cannot do its work at the moment."""


# Of HTTP: asked too often. From 500 on the server is at fault, not the request.
_TOO_MANY_REQUESTS, _SERVER_AT_FAULT = 429, 500
_SQLALCHEMYS_ADVICE = "(raised as a result of Query-invoked autoflush"


@contextmanager
def tracking_errors(doing: str, uri: str) -> Iterator[None]:
    """Turn failures of the tracking store into `TrackingError`, naming the store.

    Args:
        doing: what was attempted, continuing "cannot ...".
        uri: the store, as the user may know it (a password in it is masked).

    Raises:
        Unreachable: if the store is a server and gave no answer, or reported a fault of its own.
        TrackingError: if the store, its disk or its server refused.
    """
    import sqlite3

    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, RequestException, OSError) as error:
        reason = _reason(str(error)) or repr(error)
        kind = Unreachable if uri.startswith("http") and _is_away(error) else TrackingError
        raise kind(f"cannot {doing} in {masked(uri)}: {reason}") from error


def _reason(text: str) -> str:
    r"""Return the first line of an error, of a lost connection only what it was lost by.

    >>> _reason("API request failed (Caused by X('h', port=5): [Errno 111] Connection refused)")
    '[Errno 111] Connection refused'
    >>> _reason("(raised as a result of Query-invoked autoflush; ...)\ndatabase or disk is full")
    'database or disk is full'
    """
    lines = [line for line in text.strip().splitlines() if not line.startswith(_SQLALCHEMYS_ADVICE)]
    line = next(iter(lines), "")
    before, cause, after = line.rpartition("(Caused by ")
    return after.rpartition(": ")[2].rstrip("\"')") if cause else line


def _is_away(error: Exception) -> bool:
    """Return whether an error of a server may be over when the server is there again."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    if isinstance(error, MlflowException):
        # MLflow reports a lost connection as an internal error, 500.
        status = error.get_http_status_code()
    elif isinstance(error, RequestException):
        status = _SERVER_AT_FAULT if error.response is None else error.response.status_code
    else:
        return False
    return status == _TOO_MANY_REQUESTS or status >= _SERVER_AT_FAULT


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
