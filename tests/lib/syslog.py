"""A syslog daemon for one room: keeps the lines, for tests that fail."""

from __future__ import annotations

import pathlib
import socket
import threading


class Syslog:
    """Receives on a datagram socket; `text()` is what came so far."""

    def __init__(self, path: pathlib.Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(path))
        path.chmod(0o666)  # everybody may log
        self._lines: list[str] = []
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        while True:
            try:
                line = self._sock.recv(65536)
            except OSError:
                return
            if not line:
                return
            self._lines.append(line.decode("utf-8", "replace").strip())

    def text(self) -> str:
        return "\n".join(self._lines)

    def close(self) -> None:
        """An empty datagram is the sign to stop."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.connect(self._sock.getsockname())
            last.send(b"")
