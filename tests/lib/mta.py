"""What the real MTAs have in common: accounts, names, replies, outcomes."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import socket
import tempfile
from typing import Protocol

from . import room, sink, syslog, wait

HOST = "mx.example.org"
SINK_PORT = 2525
# Where a client connects to.  Any address would do in a room.
SERVER = {4: ("198.51.100.25", 25), 6: ("2001:db8:25::25", 25)}

# The clients whose addresses have names.  There is no DNS in a room; all
# other addresses have no name.  tests/talks/README repeats this table.
CLIENT_NAMES = {
    "127.0.0.1": "localhost",
    "::1": "localhost",
    "192.0.2.10": "relay.example.net",
    "192.0.2.11": "mail.partner.example",
    "2001:db8::10": "relay6.example.net",
}
DEFAULT_CLIENT = ("192.0.2.10", 0)


@dataclasses.dataclass
class Outcome:
    """What has become of a message that was answered with 250."""

    kind: str  # "delivered", "held", "discarded"
    recipients: list[str]
    data: bytes  # as it would be handed on; empty if discarded


class Dialogue(Protocol):
    """One SMTP conversation, with a real server or the fake one."""

    def send(self, data: bytes) -> None:
        """Send bytes, line ends included."""

    def reply(self) -> list[str]:
        """The next reply, one string a line, code included in each."""

    def abandon(self) -> None:
        """Break the connection as a crashed client does (a reset)."""

    def close(self) -> None:
        """Close the connection; fine after abandon()."""


class Mta(Protocol):
    """A mail server with a milter, as the talks use it."""

    name: str
    milter_socket: pathlib.Path  # where the filter under test shall listen

    def session(self, client: tuple[str, int], auth: str | None) -> Dialogue:
        """Connect from `client`, logged in as `auth`; greeting unread."""

    def queue_id(self, reply: list[str]) -> str:
        """The id in the reply to a message that was accepted."""

    def outcome(self, queue_id: str) -> Outcome:
        """Wait until the message is dealt with; say how."""

    def log(self) -> str:
        """The MTA's own log, to be shown when a test fails."""

    def close(self) -> None:
        """Stop it and remove what it left."""


class SmtpClient:
    """A Dialogue over a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._in = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def reply(self) -> list[str]:
        lines = []
        while True:
            raw = self._in.readline()
            if not raw.endswith(b"\n"):
                raise ConnectionError(f"connection closed after {lines}")
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return lines

    def abandon(self) -> None:
        # Linger 0 makes the close a reset.
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        self._in.close()
        self._sock.close()


class RoomMta:
    """An MTA in a room of its own, with a sink behind it."""

    name = ""
    accounts: dict[str, str] = {}  # user -> its group
    groups: list[str] = []

    def __init__(self, unpacked: pathlib.Path) -> None:
        """Start the MTA found in `unpacked`/`name`; returns when it answers."""
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"sy-{self.name}-"))
        self.sink: sink.Sink | None = None
        self.room: room.Room | None = None
        self.syslog = syslog.Syslog(self.work / "log.sock")
        try:
            # Others must pass through, the MTA's own users among them.
            self.work.chmod(0o755)
            self._write_etc_and_dev()
            self._make_milter_dir()
            command = self.prepare(unpacked / self.name)
            self.room = room.Room(unpacked / self.name, self.work, HOST,
                                  command)
            self.sink = sink.Sink(self.room.listen(SINK_PORT))
            self._await_greeting()
        except BaseException as exc:
            exc.add_note(f"{self.name} says:\n{self.log()}")
            self.close()
            raise

    def prepare(self, unpacked: pathlib.Path) -> list[str]:
        """Write the configuration; returns the command that serves."""
        raise NotImplementedError

    @property
    def milter_socket(self) -> pathlib.Path:
        return self.work / "milter" / "milter.sock"

    def log(self) -> str:
        raise NotImplementedError

    def session(self, client: tuple[str, int],
                auth: str | None = None) -> Dialogue:
        assert self.room and auth is None
        server = SERVER[6 if ":" in client[0] else 4]
        return SmtpClient(self.room.connect(client, server))

    def close(self) -> None:
        if self.room:
            self.room.close()
        if self.sink:
            self.sink.close()
        self.syslog.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def _await_greeting(self) -> None:
        def greets() -> bool:
            assert self.room
            self.room.check()
            try:
                client = self.session(("127.0.0.1", 0))
            except OSError:
                return False
            try:
                return client.reply()[0].startswith("220")
            finally:
                client.close()

        wait.until(f"{self.name} to answer", 20, greets)

    def _make_milter_dir(self) -> None:
        """A folder as a postmaster would make it: 02750 root:<the MTA>.

        The set-group-id bit hands the group on to the socket in it.
        """
        folder = self.work / "milter"
        folder.mkdir()
        group = next(iter(self.accounts.values()))
        os.chown(folder, 0, self.gid(group))
        folder.chmod(0o2750)

    def _write_etc_and_dev(self) -> None:
        dev = self.work / "dev"
        dev.mkdir()
        (dev / "log").symlink_to("/mnt/log.sock")
        etc = self.work / "etc"
        etc.mkdir()
        self._ids = {}
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        for number, name in enumerate(
                [*self.accounts.values(), *self.groups], 64501):
            group, self._ids[name] = _add(group, name, f"{name}:x:{{}}:", number)
        for number, (user, its_group) in enumerate(self.accounts.items(), 64501):
            line = f"{user}:x:{{}}:{self._ids[its_group]}::/:/bin/false"
            passwd, self._ids["user " + user] = _add(passwd, user, line, number)
        (etc / "passwd").write_text(passwd)
        (etc / "group").write_text(group)
        (etc / "nsswitch.conf").write_text(
            "passwd: files\ngroup: files\nhosts: files\nservices: files\n")
        (etc / "host.conf").write_text("multi on\n")
        # No answer from a name server is better than a slow one.
        (etc / "resolv.conf").write_text(
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        (etc / "hosts").write_text("".join(
            f"{ip}\t{name}\n" for ip, name in CLIENT_NAMES.items())
            + f"198.51.100.25\t{HOST}\n2001:db8:25::25\t{HOST}\n")

    def uid(self, user: str) -> int:
        return self._ids["user " + user]

    def gid(self, group: str) -> int:
        return self._ids[group]


def _add(text: str, name: str, line: str, number: int) -> tuple[str, int]:
    """Add an account to passwd or group unless there; returns its number."""
    known = re.search(rf"^{re.escape(name)}:[^:]*:(\d+):", text, re.M)
    if known:
        return text, int(known.group(1))
    return text + line.format(number) + "\n", number
