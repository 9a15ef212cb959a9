"""SIGTERM as an exception, and short sections that no signal may cut in two."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

_AGAIN_AFTER_S = 0.05
# prctl(2): a signal to this process when its parent dies.
_PR_SET_PDEATHSIG = 1


# A scheduler's warning before it ends the job, and what it may be told to send instead of SIGTERM.
WARNING = signal.SIGUSR2


class Terminated(SystemExit):
    """A signal arrived; as a SystemExit it ends the process with the shell's code 143.

    Args:
        number: of the signal, SIGTERM or a scheduler's warning.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(128 + signal.SIGTERM)
        self.number = number

    def __str__(self) -> str:
        """Return the signal's name."""
        return signal.Signals(self.number).name


@contextmanager
def sigterm_raises(*others: int) -> Iterator[None]:
    """Raise `Terminated` on SIGTERM inside the block; Python allows it in the main thread only.

    Args:
        others: signals to treat like it.
    """
    if not _in_main_thread():
        yield
        return

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise Terminated(signum)

    with _handled((signal.SIGTERM, *others), terminate), _delivered_again():
        yield


@contextmanager
def _handled(numbers: Sequence[int], handler: Callable[..., None]) -> Iterator[None]:
    """Call the handler on these signals inside the block."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            # None stands for a handler that was not installed from Python and cannot be put back.
            signal.signal(number, old if old is not None else signal.SIG_DFL)


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
            number = lost.number if isinstance(lost, Terminated) else signal.SIGINT
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
    """Hold signals that end a run back until the block is done, then deliver the first.

    A run is created and ended inside such a block: cut in two, it would stay RUNNING forever.
    """
    if not _in_main_thread():
        yield
        return
    arrived: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        arrived.append(signum)

    try:
        with _handled((signal.SIGINT, signal.SIGTERM, WARNING), note):
            yield
    finally:
        for signum in arrived[:1]:
            signal.raise_signal(signum)


def sigterm_with_parent() -> None:
    """Have SIGTERM sent to this process when its parent is gone, however it went; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
