"""SIGTERM as an exception, and short sections that no signal may cut in two."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_AGAIN_AFTER_S = 0.05


class Terminated(SystemExit):
    """SIGTERM arrived; as a SystemExit it ends the process with the shell's code 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM inside the block; Python allows it in the main thread only."""
    if not _in_main_thread():
        yield
        return

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with _delivered_again():
            yield
    finally:
        # None stands for a handler that was not installed from Python and cannot be put back.
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


@contextmanager
def _delivered_again() -> Iterator[None]:
    """Send a signal once more whose exception fell into a weak reference's callback or `__del__`.

    Python prints and drops what is raised there; imports run many of them, so that one SIGTERM in
    a few would be lost there.
    """
    before = sys.unraisablehook

    def deliver(unraisable: Any) -> None:
        lost = unraisable.exc_value
        if isinstance(lost, Terminated | KeyboardInterrupt):
            number = signal.SIGTERM if isinstance(lost, Terminated) else signal.SIGINT
            # Later, from another thread: the callback is still running.
            again = threading.Timer(_AGAIN_AFTER_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
        else:
            before(unraisable)

    sys.unraisablehook = deliver
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back until the block is done, then deliver them.

    A run is created and ended inside such a block: cut in two, it would stay RUNNING forever.
    """
    if not _in_main_thread():
        yield
        return
    arrived: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        arrived.append(signum)

    handlers = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        for signum in arrived[:1]:
            signal.raise_signal(signum)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
