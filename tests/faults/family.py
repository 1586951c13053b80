"""The processes of a running filter, seen from outside, and a mail for them."""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import signal
from typing import Callable

from lib import fakemta, message, steelyard, wait

PROC = pathlib.Path("/proc")
RULES = """
set inspectors {inspectors}
set inspect_timeout 1s
rule SEEN 1.0 if header("Subject") ~ /seen/
"""
# Each is another one: what has crashed an inspector three times is not read.
_numbers = itertools.count(1)


class Family(steelyard.Steelyard):
    """A filter whose supervisor, filter and inspectors can be told apart."""

    def __init__(self, folder: pathlib.Path, *, inspectors: int = 2,
                 rules: str = "") -> None:
        self.inspector_count = inspectors
        super().__init__(RULES.format(inspectors=inspectors) + rules,
                         folder / "milter.sock")

    def _settings(self) -> str:
        # how many inspectors there are is for each test to say
        return "".join(line for line in super()._settings().splitlines(True)
                       if "inspectors" not in line)

    def start(self) -> None:
        """Start (again); returns when it serves, not a predecessor."""
        before = len(self.events("ready"))
        super().start()
        wait.until("a filter that is ready", steelyard.START,
                   lambda: len(self.events("ready")) > before)

    @property
    def supervisor(self) -> int:
        assert self.process
        return self.process.pid

    def children(self) -> dict[str, int]:
        """Titles without "steelyard: ", such as "inspector 2", and pids."""
        try:
            listed = (PROC / f"{self.supervisor}/task/{self.supervisor}/children"
                      ).read_text().split()
        except OSError:
            return {}
        titles = {title(int(pid)): int(pid) for pid in listed}
        return {name.removeprefix("steelyard: "): pid
                for name, pid in titles.items()
                if name.startswith("steelyard: ") and "supervisor" not in name}

    def filter(self) -> int:
        return self.children()["filter"]

    def complete(self) -> bool:
        """The filter serves, and all inspectors are in their jail."""
        found = self.children()
        return ("filter" in found and len(found) == self.inspector_count + 1
                and all(jailed(pid) for name, pid in found.items()
                        if name != "filter"))

    def await_complete(self, seconds: float = 10) -> None:
        wait.until("the whole family", seconds, self.complete)

    def events(self, name: str) -> list[str]:
        """The log's lines of one event."""
        return [line for line in self.log().splitlines()
                if f"event={name} " in line]

    def dial(self) -> fakemta.FakeMta:
        """A connection, negotiated."""
        return fakemta.FakeMta(f"unix:{self.milter_socket}")

    def knock(self) -> None:
        """A connection that is answered; raises if it is not."""
        mta = self.dial()
        mta.quit()


Start = Callable[..., Family]  # the fixture, see conftest.py


def title(pid: int) -> str:
    """How ps(1) shows a process; "" when it is gone or a zombie."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().rstrip(
            b"\0").decode(errors="replace")
    except OSError:
        return ""


def status(pid: int, field: str) -> str:
    """One line of /proc/PID/status; "" when there is no such process."""
    try:
        text = (PROC / str(pid) / "status").read_text()
    except OSError:
        return ""
    found = re.search(rf"^{field}:\s*(.*)$", text, re.M)
    return found.group(1) if found else ""


def jailed(pid: int) -> bool:
    """Whether seccomp filters are on in every thread (mode 2)."""
    return status(pid, "Seccomp") == "2"


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    return status(pid, "State")[:1] in ("", "Z", "X")


def stop(pid: int) -> None:
    """SIGSTOP, and wait until every thread has come to a stand."""
    os.kill(pid, signal.SIGSTOP)
    wait.until("a stopped process", 5, lambda: all(
        re.search(r"^State:\s*T", (task / "status").read_text(), re.M)
        for task in (PROC / str(pid) / "task").iterdir()))


def begin(mta: fakemta.FakeMta) -> None:
    """As far as a message under way: the sender has been accepted."""
    assert mta.connect("client.example", "192.0.2.10", 25).kind == "continue"
    mta.helo(b"client.example")
    reply = mta.mail(b"<a@example.net>")
    assert not reply.refuses, reply


def letter() -> message.Message:
    """A message that nothing is wrong with."""
    return message.parse(
        b"From: a@example.net\r\nTo: b@dest.example\r\nSubject: seen\r\n"
        b"Message-ID: <%d@example.net>\r\n"
        b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n"
        % next(_numbers))


def finish(mta: fakemta.FakeMta) -> message.Message:
    """The rest of it; the verdict must be to accept."""
    mail = letter()
    reply = mta.rcpt(b"<b@dest.example>")
    assert not reply.refuses, reply
    mta.data()
    reply = mta.content(mail)
    assert reply.kind in ("accept", "continue"), reply
    return mail


def send_mail(mta: fakemta.FakeMta) -> message.Message:
    begin(mta)
    return finish(mta)


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]

