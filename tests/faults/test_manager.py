"""What a service manager is told, and what it gives us."""

from __future__ import annotations

import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

from lib import steelyard

from .family import Start

REAL_POPEN = subprocess.Popen


class Manager:
    """The socket on which a service manager is told how we are."""

    def __init__(self, path: pathlib.Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.settimeout(10)

    def hear(self) -> str:
        while (text := self.sock.recv(4096).decode()) == "WATCHDOG=1":
            pass
        return text


def test_notify(tmp_path: pathlib.Path, start: Start,
                monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    family = start()
    assert manager.hear() == "READY=1"
    assert family.process
    family.process.send_signal(signal.SIGHUP)
    assert manager.hear().startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert manager.hear() == "READY=1"
    fed = 0
    while fed < 3:
        fed += manager.sock.recv(4096) == b"WATCHDOG=1"
    family.process.send_signal(signal.SIGTERM)
    assert manager.hear() == "STOPPING=1"


# What a service manager does between fork and exec.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def test_socket_activation(tmp_path: pathlib.Path,
                           monkeypatch: pytest.MonkeyPatch,
                           start: Start) -> None:
    """A socket that we were given is served, and is not ours to remove."""
    path = tmp_path / "milter.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)

        def activated(command: list[str], **options: object) -> object:
            return REAL_POPEN([sys.executable, "-c", ACTIVATE,
                               str(listener.fileno()), *command],
                              pass_fds=[listener.fileno()], **options)

        monkeypatch.setattr(steelyard.subprocess, "Popen", activated)
        family = start()
        family.knock()
        assert family.stop() == 0
        assert path.exists()
        # whoever comes while nobody serves is answered later
        waiting = threading.Thread(target=family.knock, daemon=True)
        waiting.start()
        family.start()
        waiting.join(10)
        assert not waiting.is_alive()
