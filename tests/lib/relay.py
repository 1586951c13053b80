"""A wire-tap between an MTA and a filter: keeps what the MTA said."""

from __future__ import annotations

import pathlib
import socket
import threading


class Relay:
    """Listens on one unix socket and passes everything on to another."""

    def __init__(self, listen: pathlib.Path, target: pathlib.Path) -> None:
        self._target = target
        self._path = listen
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(str(listen))
        listen.chmod(0o660)  # the folder gives it the group of the MTA
        self._sock.listen(16)
        self._threads: list[threading.Thread] = []
        self.sessions: list[bytearray] = []  # MTA -> filter, by connection
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                mta, _ = self._sock.accept()
            except OSError:
                return
            filt = socket.socket(socket.AF_UNIX)
            filt.connect(str(self._target))
            record = bytearray()
            self.sessions.append(record)
            for source, sink, tap in ((mta, filt, record), (filt, mta, None)):
                thread = threading.Thread(target=_pump,
                                          args=(source, sink, tap))
                thread.start()
                self._threads.append(thread)

    def settle(self) -> None:
        """Wait until every conversation so far has ended."""
        for thread in self._threads:
            thread.join(30)
        self._threads.clear()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._path.unlink()


def _pump(source: socket.socket, sink: socket.socket,
          tap: bytearray | None) -> None:
    """Copy until the source ends; then say so to the other side."""
    try:
        while data := source.recv(65536):
            if tap is not None:
                tap += data
            sink.sendall(data)
    except OSError:
        pass
    for sock in (source, sink):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
