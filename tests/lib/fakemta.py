"""A fake MTA: drives a filter through a session as Postfix would.

It obeys what the filter negotiated: steps that are not wanted are not sent,
replies that will not come are not waited for, macros are those asked for.  It
also keeps the filter to the protocol: anything that a real MTA would log as a
protocol error raises `ProtocolError`.
"""

from __future__ import annotations

import dataclasses
import struct

from . import message
from .milter import (ALL_ACTIONS, ALL_STEPS, CHUNK, VERSION, Action, Link,
                     Negotiated, Step, address_text, frame, parse_negotiation,
                     strings)

# Which macros are sent at a stage when the filter has set no list.
POSTFIX_MACROS = {
    "connect": ["j", "{daemon_name}", "{daemon_addr}", "v", "_"],
    "helo": ["{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}",
             "{cert_issuer}"],
    "mail": ["i", "{auth_type}", "{auth_authen}", "{auth_author}",
             "{mail_addr}", "{mail_host}", "{mail_mailer}"],
    "rcpt": ["i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"],
    "data": ["i"], "eoh": ["i"], "eom": ["i"],
}
SENDMAIL_MACROS = {
    "connect": ["j", "_", "{daemon_name}", "{if_name}", "{if_addr}"],
    "helo": ["{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}",
             "{cert_issuer}"],
    "mail": ["i", "{auth_type}", "{auth_authen}", "{auth_ssf}",
             "{auth_author}", "{mail_mailer}", "{mail_host}", "{mail_addr}"],
    "rcpt": ["{rcpt_mailer}", "{rcpt_host}", "{rcpt_addr}"],
    "data": [], "eoh": [], "eom": ["{msg_id}"],
}


class ProtocolError(AssertionError):
    """The filter did what no MTA would understand."""


@dataclasses.dataclass
class Reply:
    """The filter's word on a step, in the protocol's own terms."""

    kind: str  # continue accept reject tempfail discard text skip shutdown
    text: list[str] = dataclasses.field(default_factory=list)  # for "text"

    @property
    def refuses(self) -> bool:
        """Whether the client hears a 4xx or 5xx."""
        return self.kind in ("reject", "tempfail", "text", "shutdown")

    def smtp(self) -> list[str]:
        """What the client hears, as Postfix words it."""
        return {
            "reject": ["550 5.7.1 Command rejected"],
            "tempfail": ["451 4.7.1 Service unavailable - try again later"],
            "shutdown": ["421 4.7.0 Server closing connection"],
            "text": self.text,
        }[self.kind]


CONTINUE = Reply("continue")
_REPLIES = {b"c": "continue", b"a": "accept", b"r": "reject",
            b"t": "tempfail", b"d": "discard", b"s": "skip", b"4": "shutdown"}


@dataclasses.dataclass(frozen=True)
class _Event:
    """One kind of step: its letter, its stage, how it is declined."""

    letter: bytes
    stage: str
    unwanted: Step
    unanswered: Step


_NOTHING = Step(0)
CONNECT = _Event(b"C", "connect", Step.NOCONNECT, Step.NR_CONN)
HELO = _Event(b"H", "helo", Step.NOHELO, Step.NR_HELO)
MAIL = _Event(b"M", "mail", Step.NOMAIL, Step.NR_MAIL)
RCPT = _Event(b"R", "rcpt", Step.NORCPT, Step.NR_RCPT)
DATA = _Event(b"T", "data", Step.NODATA, Step.NR_DATA)
UNKNOWN = _Event(b"U", "", Step.NOUNKNOWN, Step.NR_UNKN)
HEADER = _Event(b"L", "eoh", Step.NOHDRS, Step.NR_HDR)
EOH = _Event(b"N", "eoh", Step.NOEOH, Step.NR_EOH)
BODY = _Event(b"B", "eom", Step.NOBODY, Step.NR_BODY)
EOM = _Event(b"E", "eom", _NOTHING, _NOTHING)


class FakeMta:
    """One connection to the filter, from negotiation to quit.

    `link` is open to tests that want to misbehave; `negotiated` says what the
    filter asked for; `sent` counts the events by letter.
    """

    def __init__(self, address: str, *, timeout: float = 30,
                 actions: Action = ALL_ACTIONS, steps: Step = ALL_STEPS,
                 macros: dict[str, list[str]] | None = None) -> None:
        self.link = Link(address, timeout)
        self.sent: dict[str, int] = {}
        self.macros = {
            "j": "mx.example.org", "{daemon_name}": "mx.example.org",
            "{daemon_addr}": "198.51.100.25", "v": "Postfix 3.7.11",
            "{if_name}": "mx.example.org", "{if_addr}": "198.51.100.25",
        }
        self._lists = dict(macros or POSTFIX_MACROS)
        self._skipping: _Event | None = None
        self._message: message.Message | None = None
        self.quarantined: str | None = None
        self.progress = 0  # how often the filter asked for more time
        self.link.send(b"O", struct.pack(">III", VERSION, actions, steps))
        letter, data = self.link.receive()
        if letter != b"O" or len(data) < 12:
            raise ProtocolError(f"{letter!r} in answer to the negotiation")
        self.negotiated: Negotiated = parse_negotiation(data)
        if self.negotiated.actions & ~actions:
            raise ProtocolError("actions that were not offered")
        if self.negotiated.steps & ~steps:
            raise ProtocolError("steps that were not offered")
        self._lists.update(self.negotiated.macros)

    # The steps, in the order of a session.

    def connect(self, name: str, address: str | None, port: int = 0) -> Reply:
        """A client has come; no address for one on a pipe ("localhost")."""
        data = strings(name.encode())
        if address is None:
            data += b"U"
        else:
            family = b"6" if ":" in address else b"4"
            data += family + struct.pack(">H", port) + strings(
                address_text(address).encode())
        return self._step(CONNECT, data)

    def helo(self, name: bytes) -> Reply:
        return self._step(HELO, strings(name))

    def mail(self, *words: bytes) -> Reply:
        """The sender in angle brackets, then parameters such as SIZE=1."""
        self.quarantined = None
        return self._step(MAIL, strings(*words))

    def rcpt(self, *words: bytes) -> Reply:
        return self._step(RCPT, strings(*words))

    def rcpt_refused(self, *words: bytes) -> None:
        """A recipient that the MTA itself refuses: shown if asked for."""
        if self.negotiated.steps & Step.RCPT_REJ:
            kept = {name: self.macros.get(name) for name in
                    ("{rcpt_mailer}", "{rcpt_host}", "{rcpt_addr}")}
            # Both MTAs say it so; the text is Postfix's.
            self.macros.update({
                "{rcpt_mailer}": "error", "{rcpt_host}": "5.7.1",
                "{rcpt_addr}": "Recipient address rejected: no such user"})
            self._step(RCPT, strings(*words))
            for name, value in kept.items():
                if value is None:
                    self.macros.pop(name)
                else:
                    self.macros[name] = value

    def data(self) -> Reply:
        return self._step(DATA, b"")

    def unknown(self, line: bytes) -> Reply:
        return self._step(UNKNOWN, strings(line))

    def content(self, msg: message.Message) -> Reply:
        """Header, end of header, body and end; changes are applied to msg.

        Returns at the first reply that settles the message's fate.
        """
        for name, value in msg.fields:
            reply = self.header(name, value)
            if reply.kind not in ("continue", "skip"):
                return reply
        reply = self._step(EOH, b"")
        if reply.kind not in ("continue", "skip"):
            return reply
        for start in range(0, len(msg.body), CHUNK):
            reply = self._step(BODY, msg.body[start:start + CHUNK])
            if reply.kind not in ("continue", "skip"):
                return reply
        return self.eom(msg)

    def header(self, name: bytes, value: bytes) -> Reply:
        """A field as it was sent: folds by newline, cut at a NUL."""
        if not self.negotiated.steps & Step.HDR_LEADSPC:
            value = value[1:] if value.startswith(b" ") else value
        value = value.replace(b"\r\n", b"\n").partition(b"\0")[0]
        return self._step(HEADER, strings(name, value[:60000]))

    def eom(self, msg: message.Message) -> Reply:
        """The end of the message, where the filter may change it."""
        self._message = msg
        try:
            return self._step(EOM, b"")
        finally:
            self._message = None

    def abort(self) -> None:
        self._skipping = None
        self.link.send(b"A")

    def quit(self) -> None:
        """The session's end; the filter must close the link."""
        self.link.send(b"Q")
        if not self.link.closed_by_filter():
            raise ProtocolError("the link stays open after quit")
        self.link.close()

    def quit_new_connection(self) -> None:
        """End this session, another will follow on the same link.

        In the protocol, but neither of our MTAs sends it, and Debian's
        libmilter falls silent after it.
        """
        self.link.send(b"K")

    # How a step is spoken.

    def _step(self, event: _Event, data: bytes) -> Reply:
        steps = self.negotiated.steps
        if self._skipping is event:
            return CONTINUE
        self._skipping = None
        out = self._macro_frame(event)
        if steps & event.unwanted:
            self.link.send_raw(out)
            return CONTINUE
        letter = event.letter.decode()
        self.sent[letter] = self.sent.get(letter, 0) + 1
        self.link.send_raw(out + frame(event.letter, data))
        if steps & event.unanswered:
            return CONTINUE
        return self._await(event)

    def _macro_frame(self, event: _Event) -> bytes:
        """The macros of a stage that have a value.

        Postfix sends the frame even when none has; so do we.
        """
        pairs = [(name.encode(), self.macros[name].encode())
                 for name in self._lists.get(event.stage, [])
                 if self.macros.get(name)]
        return frame(b"D", event.letter + b"".join(
            strings(*pair) for pair in pairs))

    def _await(self, event: _Event) -> Reply:
        while True:
            letter, data = self.link.receive()
            if letter == b"p":
                self.progress += 1
            elif event is EOM and self._change(letter, data):
                pass
            elif letter in _REPLIES and not data:
                return self._final(event, Reply(_REPLIES[letter]))
            elif letter == b"y":
                return Reply("text", _reply_lines(data))
            else:
                raise ProtocolError(f"{letter!r} in answer to {event.letter!r}")

    def _final(self, event: _Event, reply: Reply) -> Reply:
        if reply.kind == "skip":
            if not self.negotiated.steps & Step.SKIP:
                raise ProtocolError("skip was not negotiated")
            self._skipping = event
        if reply.kind == "discard" and event in (CONNECT, HELO):
            raise ProtocolError("discard of a connection")
        return reply

    def _change(self, letter: bytes, data: bytes) -> bool:
        """Apply a change of the message; False if it is none we know."""
        msg = self._message
        assert msg
        if letter == b"q":
            self._need(Action.QUARANTINE)
            self.quarantined = _strings(data, 1)[0].decode()
        elif letter == b"h":
            self._need(Action.ADDHDRS)
            name, value = _strings(data, 2)
            msg.add(name, self._value(value))
        elif letter == b"i":
            self._need(Action.ADDHDRS)
            (index,) = struct.unpack(">I", data[:4])
            name, value = _strings(data[4:], 2)
            msg.insert(index, name, self._value(value))
        elif letter == b"m":
            self._need(Action.CHGHDRS)
            (index,) = struct.unpack(">I", data[:4])
            name, value = _strings(data[4:], 2)
            msg.change(index, name, self._value(value) if value else b"")
        elif letter == b"b":
            self._need(Action.CHGBODY)
            msg.body = data
        else:
            return False
        return True

    def _need(self, action: Action) -> None:
        if not self.negotiated.actions & action:
            raise ProtocolError(f"{action!r} was not negotiated")

    def _value(self, value: bytes) -> bytes:
        """The field's value as it goes into the message."""
        lead = b"" if self.negotiated.steps & Step.HDR_LEADSPC else b" "
        return lead + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _strings(data: bytes, count: int) -> list[bytes]:
    parts = data.split(b"\0")
    if len(parts) != count + 1 or parts[-1]:
        raise ProtocolError(f"{count} strings expected, not {data!r}")
    return parts[:-1]


def _reply_lines(data: bytes) -> list[str]:
    """Check and split an SMTP reply of the filter.

    Sendmail takes the text for a format, so each "%" must be doubled; Postfix
    drops single ones.
    """
    (text,) = _strings(data, 1)
    if text.replace(b"%%", b"").count(b"%"):
        raise ProtocolError(f"a lone percent sign in {text!r}")
    lines = text.replace(b"%%", b"%").decode("ascii").split("\r\n")
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        if (line[:3] != lines[0][:3] or line[:1] not in "45"
                or line[3:4] != (" " if last else "-")
                or not line[4:].isprintable() or len(line) > 510):
            raise ProtocolError(f"malformed reply line {line!r}")
    return lines
