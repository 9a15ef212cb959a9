"""Settings of all tests: reproducible examples, no display, no network calls by MLflow."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# The same examples on every machine: a failure seen once can be seen again.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")

# A run in the background of a script starts with SIGINT ignored, and children inherit that: give
# both back what an interactive shell gives them.
signal.signal(signal.SIGINT, signal.default_int_handler)
