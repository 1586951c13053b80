"""The control socket as a program that is not steelyardctl would use it."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import traceback
from typing import Any, Callable

PATIENCE = 20  # seconds for an answer; generous on a busy machine


class Control:
    """One connection."""

    def __init__(self, path: pathlib.Path | str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> dict[str, Any] | None:
        """The next line of an answer; None at the end of the connection."""
        while b"\n" not in self._rest:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request; the one line that answers it."""
        self.send(json.dumps(request).encode() + b"\n")
        answer = self.line()
        assert answer is not None, "hung up"
        return answer

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def as_user(uid: int, gid: int, groups: list[int],
            what: Callable[[], Any]) -> Any:
    """What a function returns (JSON values) when another user calls it."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(theirs, json.dumps(what()).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return json.loads(data)
