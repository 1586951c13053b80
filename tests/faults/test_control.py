"""C1, C2: who may use the control socket, and what abuse of it costs mail."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any, Iterator

import pytest

from lib import wait
from lib.control import Control, as_user
from lib.steelyard import program

from . import watch
from .figures import figure, rounds
from .running import Filter, sanitized, serves

RULES = """\
list friends domain from "friends.list"
rule A 1.0 if helo.name in friends
verdict reject at 5.0
"""
CLIENTS = 8  # at a time
PATIENCE = 5  # seconds for a request, or for taking a line
LINE = 64 * 1024
STRANGER = 54321  # a uid and gid that nobody has
GROUP = 54322


@pytest.fixture(scope="module")
def filt() -> Iterator[Filter]:
    with Filter(RULES, files={"friends.list": "example.org\n"}) as running:
        yield running


@pytest.fixture
def control(filt: Filter) -> Iterator[Control]:
    with Control(filt.control_socket) as connection:
        yield connection


# --- C1: who may -------------------------------------------------------------

READS: list[dict[str, Any]] = [
    {"verb": "ping"}, {"verb": "status"}, {"verb": "settings"},
    {"verb": "lists"}, {"verb": "facts"},
    {"verb": "list", "name": "friends", "action": "test",
     "entry": "example.org"},
]
WRITES: list[dict[str, Any]] = [
    {"verb": "reload"}, {"verb": "reload", "force": True},
    {"verb": "refresh", "name": "friends"},
    {"verb": "list", "name": "friends", "action": "add", "entry": "x.test"},
    {"verb": "list", "name": "friends", "action": "remove",
     "entry": "example.org"},
]


def codes(path: str, requests: list[dict[str, Any]]) -> list[str]:
    """How each request fares, on a connection of its own."""
    found = []
    for request in requests:
        try:
            with Control(path) as control:
                try:
                    control.send(json.dumps(request).encode() + b"\n")
                except BrokenPipeError:
                    pass  # turned away at once; the reason is there to read
                answer = control.line() or {}
        except OSError as error:
            found.append(type(error).__name__)
            continue
        found.append("ok" if answer.get("ok") else answer.get("code", "none"))
    return found


def test_permissions(filt: Filter) -> None:
    """The folder is 0750, the socket 0660."""
    path = filt.control_socket
    assert path.stat().st_mode & 0o777 == 0o660
    assert path.parent.stat().st_mode & 0o777 == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_may() -> None:
    """Even where permissions of files would let everybody in."""
    with Filter(RULES, files={"friends.list": "example.org\n"}) as filt:
        path = filt.control_socket
        own_gid = path.stat().st_gid
        for folder in [filt.work, path.parent]:
            folder.chmod(0o755)
        path.chmod(0o666)

        def outcome(uid: int, gid: int, groups: list[int]) -> tuple[set, set]:
            def both() -> Any:
                return [codes(str(path), READS), codes(str(path), WRITES)]
            reads, writes = as_user(uid, gid, groups, both)
            return set(reads), set(writes)

        assert outcome(0, 0, []) == ({"ok"}, {"ok"})
        assert outcome(STRANGER, own_gid, []) == ({"ok"}, {"denied"})
        assert outcome(STRANGER, STRANGER, [own_gid]) == ({"ok"}, {"denied"})
        assert outcome(STRANGER, STRANGER, []) == ({"denied"}, {"denied"})
        assert outcome(STRANGER, GROUP, [STRANGER]) == ({"denied"}, {"denied"})
        assert wait.until("the log of it", 5, lambda: filt.lines("C1"))
    figure("C1", denied=100, of=100)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_strangers_do_not_reach_it(filt: Filter) -> None:
    """As it is set up, the kernel already says no."""
    found = as_user(STRANGER, STRANGER, [],
                    lambda: codes(str(filt.control_socket), READS + WRITES))
    assert set(found) == {"PermissionError"}


# --- C2: abuse ---------------------------------------------------------------

def test_ninth_client_is_told(filt: Filter) -> None:
    held = [Control(filt.control_socket) for _ in range(CLIENTS)]
    try:
        for control in held:
            assert control.ask(verb="ping")["ok"]
        with Control(filt.control_socket) as ninth:
            answer = ninth.line()
            assert answer and answer["code"] == "busy", answer
            assert ninth.line() is None
        assert held[0].ask(verb="ping")["ok"]
    finally:
        for control in held:
            control.close()
    await_room(filt)


def await_room(filt: Filter) -> None:
    """The places of those who left are free again."""
    def free() -> bool:
        with Control(filt.control_socket) as control:
            try:
                return control.ask(verb="ping")["ok"]
            except OSError:
                return False

    wait.until("a free place", PATIENCE + 10, free)


def test_endless_line_is_cut(filt: Filter) -> None:
    """Of a gigabyte no more is taken than a line may have, and a buffer."""
    with Control(filt.control_socket) as control:
        sent = 0
        control.socket.settimeout(PATIENCE + 10)
        try:
            while sent < 1 << 30:
                sent += control.socket.send(b"x" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < LINE + (1 << 20)
        answer = control.line()
        assert answer is None or answer["code"] == "wrong"


def test_half_requests_are_dropped(filt: Filter) -> None:
    """Those who never finish make room after five seconds."""
    held = [Control(filt.control_socket) for _ in range(CLIENTS)]
    began = time.monotonic()
    for control in held:
        control.send(b'{"verb":')
    answers = [control.line() for control in held]
    # one that left just before may have had the place of the last
    assert answers.count(None) >= CLIENTS - 1, answers
    for control in held:
        control.close()
    took = time.monotonic() - began
    assert PATIENCE - 1 < took < PATIENCE + 5
    await_room(filt)


def test_slow_reader_is_dropped(filt: Filter) -> None:
    """Who asks and does not read loses the connection, not the filter time."""
    (filt.work / "friends.list").write_text(
        "".join(f"domain-{n}.example\n" for n in range(100_000)))
    with Control(filt.control_socket) as control:
        assert control.ask(verb="refresh", name="friends")["ok"]
        control.send(b'{"verb":"list","name":"friends","action":"show"}\n')
        with Control(filt.control_socket) as other:
            assert other.ask(verb="ping")["ok"]
        time.sleep(PATIENCE + 1)  # what is being tested is this very time
        entries = 0
        while (line := control.line()) is not None:
            assert "end" not in line, "all of it was waited for"
            entries += len(line["entries"])
        assert 0 < entries < 100_000
    await_room(filt)


@pytest.mark.parametrize("data", [
    b"\0" * 100 + b"\n", bytes(range(256)).replace(b"\n", b"") + b"\n",
    b"\xff\xfe\xfd\n", b"[" * 60000 + b"\n", b"{" * 60000 + b"\n",
    b'{"verb":"' + b"x" * 60000 + b'"}\n', b"GET / HTTP/1.0\r\n",
    b'{"verb":"ping"}\0\n', b'"' + b"\\ud800" * 1000 + b'"\n', b"\n",
], ids=range(10))
def test_rubbish_is_answered(control: Control, data: bytes) -> None:
    control.send(data)
    answer = control.line()
    assert answer and answer["code"] == "wrong", answer
    assert control.ask(verb="ping")["ok"]


@pytest.mark.alone
def test_mail_is_not_affected(filt: Filter) -> None:
    """Latency of mail with a flood on the socket, and without."""
    count = rounds(10_000)
    quiet = sorted(serves(filt) for _ in range(count))
    flood = [subprocess.Popen(
        ["/usr/bin/python3", "-c", FLOOD, str(filt.control_socket)],
        stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for process in flood:
            assert process.stdout and process.stdout.readline()
        before = watch.descriptors(filt.pid)
        loud = sorted(serves(filt) for _ in range(count))
        growth = watch.descriptors(filt.pid) - before
    finally:
        for process in flood:
            process.kill()
            process.communicate()
    added = 1000 * (loud[count // 2] - quiet[count // 2])
    figure("C2", added_ms=added, messages=count)
    assert growth <= 2 * CLIENTS + 8
    assert added < (500 if sanitized() else 100)
    await_room(filt)


FLOOD = r"""
import os, socket, sys, time
end = time.monotonic() + 60
print("flooding", flush=True)
while time.monotonic() < end:
    for data in [b"x" * 70000, b'{"verb":"status"}\n' * 50, b'{"verb"',
                 os.urandom(5000), b'{"verb":"list","name":"friends",'
                 b'"action":"show"}\n']:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(0.05)
        try:
            s.connect(sys.argv[1])
            s.sendall(data)
            s.recv(100)
        except OSError:
            pass
        s.close()
"""


# --- the end -----------------------------------------------------------------

def test_stop_does_not_wait_for_clients() -> None:
    """Idle and half-spoken clients do not keep a filter from ending."""
    with Filter(RULES, files={"friends.list": ""}) as filt:
        idle, half = (Control(filt.control_socket) for _ in range(2))
        half.send(b'{"verb"')
        assert idle.ask(verb="ping")["ok"]
        began = time.monotonic()
        assert filt.stop() == 0
        assert time.monotonic() - began < PATIENCE - 1
        idle.close()
        half.close()


def test_a_killed_filter_is_found_again() -> None:
    """The socket is the supervisor's: a new filter answers on it."""
    with Filter(RULES, files={"friends.list": ""}) as filt:
        with Control(filt.control_socket) as control:
            first = control.ask(verb="status")["filter"]
            os.kill(first, 9)
            assert control.line() is None
        with Control(filt.control_socket) as control:
            assert control.ask(verb="status")["filter"] != first
        ctl = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "--json", "--socket",
             str(filt.control_socket), "status"],
            capture_output=True, check=True)
        assert json.loads(ctl.stdout)["ok"]
