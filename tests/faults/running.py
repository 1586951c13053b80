"""A filter to do harm to, and what one says to it."""

from __future__ import annotations

import pathlib
import re
import shutil
import socket
import tempfile
import time
from typing import Iterator

from lib import message, wait
from lib.fakemta import FakeMta, Reply
from lib.steelyard import Steelyard, program

from . import watch

LOG_LINE = re.compile(r"steelyard: event=[\w.-]+ level=[a-z]+( .*)?")


def sanitized() -> bool:
    """Whether the program was built with a sanitizer: memory says nothing."""
    return b"__sanitizer" in program("STEELYARD", "steelyard").read_bytes()


class Filter(Steelyard):
    """A filter with a socket and a folder of its own."""

    def __init__(self, rules: str, *, inet: bool = False,
                 prefix: tuple[str, ...] = (),
                 environment: dict[str, str] | None = None,
                 files: dict[str, str] | None = None, inspectors: int = 1,
                 socket_path: pathlib.Path | None = None) -> None:
        """`inet`: over TCP, where a peer can send a reset.  `socket_path` is
        where an MTA looks for a filter, if one is to find it."""
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="sy-fault-"))
        self.prefix = prefix
        self.environment = environment or {}
        self.port = free_port() if inet else 0
        self.inspectors = inspectors
        super().__init__(rules, socket_path or self.home / "milter.sock",
                         files=files)

    @property
    def address(self) -> str:
        """Where it is found, in the words of `set milter_socket`."""
        return (f"inet:{self.port}@127.0.0.1" if self.port
                else f"unix:{self.milter_socket}")

    def _settings(self) -> str:
        return super()._settings().replace(
            f"unix:{self.milter_socket}", self.address).replace(
            "set inspectors 1", f"set inspectors {self.inspectors}")

    def _answers(self) -> bool:
        if not self.port:
            return super()._answers()
        assert self.process
        if self.process.poll() is not None:
            raise RuntimeError(f"ended with {self.process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    @property
    def supervisor(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def pid(self) -> int:
        """Of the filter process."""
        return watch.filter_of(self.supervisor)

    def session(self, **options) -> FakeMta:
        """A link of an MTA, negotiated."""
        return FakeMta(self.address, **options)

    def lines(self, event: str) -> list[str]:
        """The log lines of one event so far."""
        return [line for line in self.log().splitlines()
                if f" event={event} " in line]

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> "Filter":
        return self

    def __exit__(self, *error: object) -> None:
        print(f"--- the filter's log\n{self.log()[-20000:]}")
        self.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def letter(*fields: bytes, body: bytes = b"Text.\r\n") -> message.Message:
    """A message that nothing is wrong with, and these fields."""
    usual = (b"From: a@example.net", b"Message-ID: <1@example.net>",
             b"Date: Mon, 1 Jan 2024 00:00:00 +0000")
    text = b"".join(field + b"\r\n" for field in usual + fields)
    return message.parse(text + b"\r\n" + body)


def greet(mta: FakeMta, helo: bytes = b"relay.example.net",
          client: str = "192.0.2.10") -> Reply:
    """Connect and HELO; the last reply."""
    mta.connect("relay.example.net", client, 40025)
    return mta.helo(helo)


def envelope(mta: FakeMta, sender: bytes = b"<a@example.net>",
             recipients: tuple[bytes, ...] = (b"<b@dest.example>",)) -> Reply:
    """MAIL, RCPT, DATA up to the first refusal, which is returned."""
    reply = mta.mail(sender)
    for recipient in recipients:
        if reply.refuses:
            return reply
        reply = mta.rcpt(recipient)
    return reply if reply.refuses else mta.data()


def deliver(mta: FakeMta, msg: message.Message | None = None,
            **how) -> tuple[Reply, message.Message]:
    """One whole message on a link that was greeted."""
    msg = msg or letter()
    reply = envelope(mta, **how)
    if not reply.refuses:
        reply = mta.content(msg)
    return reply, msg


def symbols(msg: message.Message) -> set[str]:
    """What the one X-Steelyard field of a delivered message lists."""
    marks = msg.values("X-Steelyard")
    assert len(marks) == 1, marks
    words = dict(word.split("=", 1) for word in marks[0].split())
    return set(words["symbols"].split(",")) - {""}


def serves(filt: Filter, timeout: float = 10) -> float:
    """Send one message through; returns how many seconds that took."""
    import time

    began = time.monotonic()
    mta = filt.session(timeout=timeout)
    greet(mta)
    reply, msg = deliver(mta)
    assert not reply.refuses, reply
    symbols(msg)
    mta.quit()
    return time.monotonic() - began


def log_words(line: str) -> Iterator[tuple[str, str]]:
    """The key=value words of a log line; fails on anything else."""
    assert LOG_LINE.fullmatch(line), line
    for word in line.removeprefix("steelyard: ").split(" "):
        key, equals, value = word.partition("=")
        assert equals and re.fullmatch(r"[a-z_]+", key), (word, line)
        yield key, value


def unescape(value: str) -> bytes:
    """What was before log_escape() made it harmless."""
    raw = value.encode("ascii")
    return re.sub(rb"\\x([0-9a-f]{2})",
                  lambda found: bytes([int(found.group(1), 16)]), raw)


def await_line(filt: Filter, event: str, count: int,
               seconds: float = 10) -> list[str]:
    """Wait until `count` lines of an event are in the log."""
    return wait.until(f"{count} lines of {event}", seconds, lambda: (
        lines if len(lines := filt.lines(event)) >= count else None))
