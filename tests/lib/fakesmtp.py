"""An SMTP server without a network in front of the fake MTA.

It gives the talks the same face as the real MTAs have: lines go in, replies
come out, accepted messages have an outcome.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import tempfile

from . import message, milter, mta
from .fakemta import FakeMta, Reply

REFUSED_BY_MTA = b"<nobody@dest.example>"


class FakeSmtp:
    """Stands where Postfix and Sendmail stand; see lib.mta.Mta."""

    name = "fake"

    def __init__(self) -> None:
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="sy-fake-"))
        self.outcomes: dict[str, mta.Outcome] = {}
        self._log: list[str] = []
        self.last: FakeMta | None = None  # the newest session's link
        self.macros: dict[str, str] = {}  # sent in place of our own

    @property
    def milter_socket(self) -> pathlib.Path:
        return self.work / "milter.sock"

    def session(self, client: tuple[str, int] | None,
                auth: str | None = None) -> mta.Dialogue:
        """A conversation; no client stands for one on a pipe."""
        self.last = FakeMta(f"unix:{self.milter_socket}")
        return FakeDialogue(self, self.last, client, auth)

    def queue_id(self, reply: list[str]) -> str:
        return reply[-1].rpartition(" ")[2]

    def outcome(self, queue_id: str) -> mta.Outcome:
        return self.outcomes[queue_id]

    def note(self, line: str) -> None:
        self._log.append(line)

    def log(self) -> str:
        return "\n".join(self._log)

    def close(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)


class FakeDialogue:
    """One conversation.  Replies are queued until they are read."""

    def __init__(self, server: FakeSmtp, link: FakeMta,
                 client: tuple[str, int] | None, auth: str | None) -> None:
        self._server = server
        self._link = link
        self._auth = auth
        self._input = b""
        self._content: bytes | None = None  # while a message is being sent
        self._replies: list[list[str]] = []
        self._refused: Reply | None = None  # the whole session
        self._trusted = False  # accepted for the whole session
        self._reset()
        self._begin(client)

    def send(self, data: bytes) -> None:
        """Bytes as a client sends them; may hold several commands."""
        self._input += data
        while b"\n" in self._input:
            line, _, self._input = self._input.partition(b"\n")
            line = line.rstrip(b"\r")
            self._server.note(f"> {line[:200]!r}")
            if self._content is None:
                self._command(line)
            elif line == b".":
                self._end_of_message()
            else:
                self._content += line[line.startswith(b"."):] + b"\r\n"

    def reply(self) -> list[str]:
        if not self._replies:
            raise ConnectionError("no reply is due")
        return self._replies.pop(0)

    def abandon(self) -> None:
        self._link.link.reset()

    def close(self) -> None:
        """Postfix aborts an open message, then quits."""
        if self._link.link.sock.fileno() >= 0:
            if self._in_mail:
                self._link.abort()
            self._link.quit()

    def _answer(self, *lines: str) -> None:
        self._server.note(f"< {lines}")
        self._replies.append(list(lines))

    def _reset(self) -> None:
        self._in_mail = False
        self._accepted: list[str] = []  # recipients
        self._passed = self._trusted  # no more of this message is wanted
        self._discard = False
        for name in ("i", "{mail_addr}", "{mail_host}", "{mail_mailer}",
                     "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"):
            self._link.macros.pop(name, None)

    def _begin(self, client: tuple[str, int] | None) -> None:
        address, port = client or (None, 0)
        name = "localhost" if not address else mta.CLIENT_NAMES.get(
            address, f"[{address}]")
        known = name if not name.startswith("[") else "unknown"
        self._link.macros.update({
            "_": f"{known} [{address or '127.0.0.1'}]",
            "{client_name}": known, "{client_ptr}": known,
            "{client_addr}": milter.address_text(address or "127.0.0.1"),
            "{client_port}": str(port or 40025),
            "{client_resolve}": "FAIL" if known == "unknown" else "OK",
            "{client_connections}": "0"})
        self._link.macros.update(self._server.macros)
        self._judge_session(self._link.connect(name, address, port or 40025))
        self._answer("220 mx.example.org ESMTP Fake")

    def _judge_session(self, reply: Reply) -> None:
        """At connect and HELO the filter's word holds for all that follows."""
        if reply.refuses:
            self._refused = reply
        if reply.kind == "accept":
            self._passed = self._trusted = True

    def _command(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        act = getattr(self, "_do_" + verb.decode("latin-1").lower(), None)
        if act is None:
            # Postfix shows the filter the first word alone, Sendmail all.
            self._unless_refused(self._link.unknown(verb),
                                 "500 5.5.2 Error: command not recognized")
        else:
            act(rest)

    def _unless_refused(self, reply: Reply, *lines: str) -> bool:
        """Answer with the filter's refusal, or else with our own words."""
        if reply.kind == "accept":
            self._passed = True
        if reply.kind == "discard":
            self._passed = self._discard = True
        if reply.refuses:
            self._answer(*reply.smtp())
            return False
        self._answer(*lines)
        return True

    def _do_ehlo(self, rest: bytes) -> None:
        if self._in_mail:
            self._link.abort()
        self._reset()
        if not self._trusted and not self._refused:
            self._judge_session(self._link.helo(rest))
        self._answer("250-mx.example.org", "250-PIPELINING", "250-8BITMIME",
                     "250 SMTPUTF8")

    def _do_helo(self, rest: bytes) -> None:
        self._do_ehlo(rest)
        self._replies[-1] = ["250 mx.example.org"]

    def _do_mail(self, rest: bytes) -> None:
        path, words = _path(rest)
        if self._refused:
            self._answer(*self._refused.smtp())
            return
        if self._in_mail:
            self._answer("503 5.5.1 Error: nested MAIL command")
            return
        macros = self._link.macros
        macros["{mail_addr}"] = path.strip(b"<>").decode("utf-8", "replace")
        macros["{mail_mailer}"] = "smtp"
        if self._auth:
            macros.update({"{auth_type}": "PLAIN", "{auth_authen}": self._auth})
        reply = Reply("continue")
        if not self._trusted:
            reply = self._link.mail(path, *words)
        self._in_mail = self._unless_refused(reply, "250 2.1.0 Ok")
        if not self._in_mail:
            self._link.abort()

    def _do_rcpt(self, rest: bytes) -> None:
        path, words = _path(rest)
        if not self._in_mail:
            self._answer("503 5.5.1 Error: need MAIL command")
            return
        macros = self._link.macros
        macros["{rcpt_addr}"] = path.strip(b"<>").decode("utf-8", "replace")
        macros["{rcpt_mailer}"] = "smtp"
        if path.lower() == REFUSED_BY_MTA:
            if not self._passed:
                self._link.rcpt_refused(path, *words)
            self._answer("554 5.7.1 no such user")
            return
        reply = Reply("continue")
        if not self._passed:
            reply = self._link.rcpt(path, *words)
        if self._unless_refused(reply, "250 2.1.5 Ok"):
            self._accepted.append(path.strip(b"<>").decode("utf-8", "replace"))
            macros["i"] = f"FAKE{len(self._server.outcomes) + 1}"

    def _do_data(self, _rest: bytes) -> None:
        if not self._in_mail:
            self._answer("503 5.5.1 Error: need RCPT command")
            return
        if not self._accepted:
            self._answer("554 5.5.1 Error: no valid recipients")
            return
        reply = Reply("continue") if self._passed else self._link.data()
        if self._unless_refused(reply, "354 End data with <CR><LF>.<CR><LF>"):
            self._content = b""

    def _do_rset(self, _rest: bytes) -> None:
        self._link.abort()
        self._reset()
        self._answer("250 2.0.0 Ok")

    def _do_noop(self, _rest: bytes) -> None:
        self._answer("250 2.0.0 Ok")

    def _do_quit(self, _rest: bytes) -> None:
        if self._in_mail:
            self._link.abort()
        self._link.quit()
        self._answer("221 2.0.0 Bye")

    def _end_of_message(self) -> None:
        assert self._content is not None
        msg = message.parse(self._content)
        self._content = None
        queue_id = self._link.macros["i"]
        reply = Reply("continue")
        if not self._passed:
            reply = self._link.content(msg)
        if self._unless_refused(reply, f"250 2.0.0 Ok: queued as {queue_id}"):
            kind = "held" if self._link.quarantined is not None else "delivered"
            self._server.outcomes[queue_id] = mta.Outcome(
                kind, self._accepted, msg.to_bytes())
            if self._discard:
                self._server.outcomes[queue_id] = mta.Outcome(
                    "discarded", [], b"")
        self._reset()


def _path(rest: bytes) -> tuple[bytes, list[bytes]]:
    """Split "FROM:<a@b> SIZE=1" into the path and the parameters."""
    found = re.match(rb"(?:FROM|TO):\s*(<.*?>(?=\s|$)|\S+)\s*(.*)$", rest,
                     re.I | re.S)
    assert found, f"no path in {rest!r}"
    return found.group(1), found.group(2).split()
