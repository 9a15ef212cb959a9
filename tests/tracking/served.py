"""A tracking server of the tests, and a way to it that can be cut."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


class Server:
    """`make tracking-server` on a port of its own.

    Args:
        folder: where its database `server.db` lies, and its artifacts go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", str(self.port), "--store", f"sqlite:///{self.folder / 'server.db'}"]
        options += ["--artifacts", str(self.folder / "artifacts"), "--workers", "1"]
        with open(self.folder / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.tracking.server", *options],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                # It starts processes of its own; they are ended together.
                start_new_session=True,
            )
        until = time.monotonic() + 120
        while not _answers(self.uri):
            assert self._process.poll() is None and time.monotonic() < until, self.printed()
            time.sleep(0.1)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def printed(self) -> str:
        """Return what it has printed."""
        return (self.folder / "server.log").read_text()


class Road:
    """A port that leads to a server, and can be cut.

    Args:
        server: where it leads to.
    """

    def __init__(self, server: Server) -> None:
        self._target = ("127.0.0.1", server.port)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        # A text in a request: it passes, its answer does not, and nothing passes after it.
        self.last_words: bytes | None = None
        self.cut = False
        # Whether only one answer is lost.
        self.once = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody pass any more, for good."""
        self.cut = True
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                traveller, _ = self._socket.accept()
                threading.Thread(target=self._lead, args=(traveller,), daemon=True).start()

    def _lead(self, traveller: socket.socket) -> None:
        with traveller, contextlib.suppress(OSError):
            if self.cut:
                return
            with socket.create_connection(self._target) as server:
                threading.Thread(target=self._back, args=(server, traveller), daemon=True).start()
                while data := traveller.recv(65536):
                    if self.last_words is not None and self.last_words in data:
                        self.cut = True
                    server.sendall(data)

    def _back(self, server: socket.socket, traveller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.cut:
                    # The server has done what it was asked, and nobody learns that.
                    if self.once:
                        self.last_words, self.cut = None, False
                    traveller.shutdown(socket.SHUT_RDWR)
                    return
                traveller.sendall(data)


def _answers(uri: str) -> bool:
    try:
        with urlopen(f"{uri}/health", timeout=5):
            return True
    except (URLError, OSError):
        return False
