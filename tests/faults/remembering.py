"""A filter that greylists everybody, and what harms its memory."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from typing import Callable, Iterator

from lib import clock as clocks, wait
from lib.dnsserver import DnsServer
from lib.fakemta import FakeMta, ProtocolError, Reply
from lib.steelyard import program

from .running import Filter, free_port

RULES = """\
set dns_servers "{dns}"
{settings}
greylist at 0 wait {wait} window 2d keep 36d
verdict reject at 50
"""
CLIENT = "192.0.2.10"  # net:192.0.2.0/24, and nothing is proven


class Clock(clocks.Clock):
    """One that is set to what a test says, as seen from the true time."""

    def set(self, wall: int = 0, up: int = 0, boot_id: str = "") -> None:
        """Seconds that are added to the clocks; another run of the machine."""
        text = boot_id + "\n" if boot_id else ""
        struct.pack_into("<qq40s", self._page, 0, wall, up, text.encode())


class Greylister(Filter):
    """Greylists all mail; DNS knows nothing, so a client is its network."""

    def __init__(self, *, waits: str = "5m", settings: str = "",
                 tmpfs: str = "", clock: Clock | None = None,
                 files: dict[str, str] | None = None,
                 prepare: Callable[[pathlib.Path], None] | None = None
                 ) -> None:
        """`tmpfs`: how large a file system the state is on, if one of its own.
        `prepare` is given the state's folder before the first start."""
        self.tmpfs, self.prepare = tmpfs, prepare
        self.dns = DnsServer().__enter__()
        super().__init__(
            RULES.format(dns=self.dns.servers, waits=waits, wait=waits,
                         settings=settings),
            environment=clock.environment if clock else {}, files=files)

    @property
    def state(self) -> pathlib.Path:
        """The state's folder, as the filter sees it, through /proc."""
        path = self.work / "state"
        if self.tmpfs:
            return pathlib.Path(f"/proc/{self.supervisor}/root{path}")
        return path

    @property
    def store(self) -> pathlib.Path:
        return self.state / "greylist.mdb"

    def start(self) -> None:
        state = self.work / "state"
        if not state.exists():
            state.mkdir(0o700)
            if self.prepare:
                self.prepare(state)
        if self.tmpfs:
            self.prefix = (
                "unshare", "--mount", "sh", "-c",
                f"mount -t tmpfs -o size={self.tmpfs},mode=700 tmpfs {state} "
                '&& exec "$@"', "sh")
        super().start()

    def greeted(self, client: str = CLIENT, **options: object) -> FakeMta:
        """A link on which mail can be sent."""
        mta = self.session(**options)
        mta.connect("unknown", client, 40025)
        mta.helo(b"relay.example.net")
        return mta

    def ctl(self, *words: str) -> str:
        """What `steelyardctl greylist` prints, asked of this filter."""
        command = [str(program("STEELYARDCTL", "steelyardctl")), "-c",
                   str(self.config), "greylist", *words]
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def stats(self) -> dict:
        return json.loads(self.ctl("stats", "--json", "--quick"))

    def records(self) -> dict[str, str]:
        """Values by keys, as they are exported."""
        rows = map(json.loads, self.ctl("export").splitlines())
        return {row["key"]: row["value"] for row in rows if "key" in row}

    def close(self) -> None:
        super().close()
        self.dns.close()


def said(reply: Reply) -> str:
    """wait, pass, or the text of anything else: a storm, if there is one."""
    if not reply.refuses:
        return "pass"
    text = " ".join(reply.smtp())
    return "wait" if text.startswith("451 4.7.1 Greylisted") else text


def attempt(mta: FakeMta, sender: str, recipient: str = "b@dest.example"
            ) -> str:
    """One mail as far as its recipient."""
    reply = mta.mail(f"<{sender}>".encode())
    if not reply.refuses:
        reply = mta.rcpt(f"<{recipient}>".encode())
    mta.abort()
    return said(reply)


def once(filt: Greylister, sender: str, client: str = CLIENT,
         recipient: str = "b@dest.example") -> str:
    """The same on a link of its own."""
    mta = filt.greeted(client)
    try:
        return attempt(mta, sender, recipient)
    finally:
        mta.quit()


def timed(filt: Greylister, sender: str) -> tuple[str, float]:
    """What was said, and how many milliseconds that took."""
    mta = filt.greeted()
    try:
        mta.mail(f"<{sender}>".encode())
        began = time.monotonic()
        reply = mta.rcpt(b"<b@dest.example>")
        took = time.monotonic() - began
        mta.abort()
        return said(reply), 1000 * took
    finally:
        mta.quit()


def key(sender: str, recipient: str = "b@dest.example") -> str:
    """Of the triplet that CLIENT's attempt makes."""
    return f"net:192.0.2.0/24 {sender} {recipient}"


class Strangers(threading.Thread):
    """Sends first tries of ever new senders, and notes who was answered."""

    def __init__(self, filt: Greylister, name: str, count: int = 0) -> None:
        """`count` 0: until told to stop."""
        super().__init__(daemon=True)
        self.filt, self.prefix, self.count = filt, name, count
        self.answered: list[str] = []  # senders who were told to wait
        self.passed: list[str] = []
        self.other: list[str] = []  # what else was said
        self.broken = 0
        self.failed: BaseException | None = None
        self._number = 0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._done():
            try:
                self._link()
            except (ConnectionError, TimeoutError, ProtocolError, OSError):
                self.broken += 1
                time.sleep(0.002)
            except BaseException as exc:
                self.failed = exc
                return

    def _done(self) -> bool:
        return (self._stopped.is_set()
                or 0 < self.count <= self._number)

    def _link(self) -> None:
        mta = self.filt.greeted(timeout=10)
        try:
            for _ in range(500):
                if self._done():
                    return
                self._number += 1
                sender = f"{letters(self._number)}@{self.prefix}.example"
                answer = attempt(mta, sender)
                {"wait": self.answered, "pass": self.passed}.get(
                    answer, self.other).append(
                        sender if answer in ("wait", "pass") else answer)
        finally:
            mta.link.close()

    def stop(self) -> None:
        self._stopped.set()
        self.finish(60)

    def finish(self, seconds: float) -> None:
        self.join(seconds)
        assert not self.is_alive(), "a client hangs"
        if self.failed:
            raise self.failed


def letters(number: int) -> str:
    """A name without digits: those are not part of a sender's key."""
    name = ""
    while True:
        number, digit = divmod(number, 26)
        name += chr(97 + digit)
        if number == 0:
            return name + "x"


def _command(*words: str) -> bytes:
    data = b"*%d\r\n" % len(words)
    for word in words:
        raw = word.encode("utf-8", "surrogateescape")
        data += b"$%d\r\n%s\r\n" % (len(raw), raw)
    return data


class Redis:
    """A server of one test, which can be stopped and started again."""

    def __init__(self, *options: str, port: int = 0,
                 environment: dict[str, str] | None = None) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sy-redis-"))
        self.environment = environment or {}
        self.port = port or free_port()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "redis-server", "--port",
                 str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--dir", str(self.folder),
                 *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | self.environment)
        wait.until("a redis server", 10, self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("PING").startswith(("+", "-NOAUTH"))
        return False

    def ask(self, *words: str) -> str:
        """One command; what came back, at least its first line."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(_command(*words))
            return sock.recv(1 << 20).decode(errors="replace")

    def keys(self) -> list[str]:
        """All there are, in however many pieces they come."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(_command("KEYS", "*") + _command("QUIT"))
            text = b"".join(iter(lambda: sock.recv(1 << 20), b"")).decode(
                errors="replace")
        return [line for line in text.split("\r\n")[1:]
                if line and line[0] not in "$+"]

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Redis":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Relay:
    """A TCP link to a server that can be cut, and mended again."""

    def __init__(self, port: int) -> None:
        self.server_port = port
        self.cut = False
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1",
                                                self.server_port), 5)
            except OSError:
                near.close()
                continue
            self._pairs += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(a, b),
                                 daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def set_cut(self, cut: bool) -> None:
        self.cut = cut
        if cut:
            for sock in self._pairs:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()
            self._pairs.clear()

    def close(self) -> None:
        self.set_cut(True)
        self._listener.close()


@contextlib.contextmanager
def clock() -> Iterator[Clock]:
    moved = Clock()
    try:
        yield moved
    finally:
        moved.close()
