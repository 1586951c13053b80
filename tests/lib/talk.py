"""Talks: SMTP conversations written down with the replies they must bring.

The form is described in tests/talks/README.  A file is parsed into steps, and
each step is one small class that knows how to `run` in a `Conversation`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from . import fakesmtp, message, mta, wait
from .clock import Clock
from .dnsserver import DnsServer
from .milter import Step as Flag
from .steelyard import Steelyard

MTAS = ("fake", "postfix", "sendmail")

# What "declined" and "wanted" may name ...
_DECLINED = {
    "connect": Flag.NOCONNECT, "helo": Flag.NOHELO, "mail": Flag.NOMAIL,
    "rcpt": Flag.NORCPT, "data": Flag.NODATA, "header": Flag.NOHDRS,
    "eoh": Flag.NOEOH, "body": Flag.NOBODY, "unknown": Flag.NOUNKNOWN,
}
# ... and "unanswered" and "answered".
_UNANSWERED = {
    "connect": Flag.NR_CONN, "helo": Flag.NR_HELO, "mail": Flag.NR_MAIL,
    "rcpt": Flag.NR_RCPT, "data": Flag.NR_DATA, "header": Flag.NR_HDR,
    "eoh": Flag.NR_EOH, "body": Flag.NR_BODY, "unknown": Flag.NR_UNKN,
}
# What a word claims of the steps behind it: of which flags, and are they set?
NEGOTIATED = {
    "declined": (_DECLINED, True), "wanted": (_DECLINED, False),
    "unanswered": (_UNANSWERED, True), "answered": (_UNANSWERED, False),
}


class Mismatch(AssertionError):
    """The filter, or the MTA, did not do as the talk says."""


class BadTalk(Exception):
    """The talk itself is written wrongly."""


@dataclasses.dataclass
class Talk:
    """A parsed talk."""

    path: pathlib.Path
    title: str
    rules: str
    files: dict[str, str]
    client: tuple[str, int] | None  # None: on a pipe, without address
    auth: str | None
    mtas: tuple[str, ...]
    steps: list[tuple[int, "Step"]]  # with line numbers
    dns: str | None = None  # what the filter's DNS server knows, if it has one
    macros: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def moves_time(self) -> bool:
        """The filter's clocks are the talk's."""
        return any(isinstance(step, Later) for _, step in self.steps)

    def settings(self, resolver: DnsServer | None) -> str:
        """What stands before the talk's own rules."""
        if resolver is None:
            return ""
        return f'set dns_servers "{resolver.servers}"\n'


class Conversation:
    """A talk in progress."""

    def __init__(self, talk: Talk, server: mta.Mta, filt: Steelyard,
                 resolver: DnsServer | None = None,
                 clock: Clock | None = None) -> None:
        self.talk = talk
        self.clock = clock
        self.server = server
        self.filter = filt
        self.resolver = resolver
        if isinstance(server, fakesmtp.FakeSmtp):
            server.macros = talk.macros
        self.dialogue = server.session(talk.client, talk.auth)
        self.greeted = False
        self.accepted: list[str] = []  # queue ids not yet looked at
        self.last_reply: list[str] = []

    def hear(self) -> list[str]:
        """The next reply; the greeting is skipped unless it is asked for."""
        self.last_reply = self.dialogue.reply()
        return self.last_reply

    def greet(self) -> None:
        """Take the greeting that no line of the talk waits for."""
        if not self.greeted:
            self.greeted = True
            if not self.hear()[0].startswith("220"):
                raise Mismatch(f"greeted with {self.last_reply}")

    def outcome(self) -> mta.Outcome:
        """Of the oldest accepted message that was not asked about."""
        if not self.accepted:
            raise Mismatch("no message was accepted")
        return self.server.outcome(self.accepted.pop(0))

    def run(self) -> None:
        """All steps; a mismatch names its line."""
        try:
            for line, step in self.talk.steps:
                try:
                    step.run(self)
                except (AssertionError, ConnectionError, TimeoutError) as exc:
                    raise Mismatch(f"{self.talk.path.name}:{line}: "
                                   f"{type(exc).__name__}: {exc}") from exc
        finally:
            self.dialogue.close()
        for queue_id in self.accepted:
            kind = self.server.outcome(queue_id).kind
            if kind != "delivered":
                raise Mismatch(f"{self.talk.path.name}: a message was "
                               f"{kind}, and no line of the talk says so")


class Step:
    """One thing that happens in a talk."""

    def run(self, conv: Conversation) -> None:
        raise NotImplementedError


@dataclasses.dataclass
class Say(Step):
    """The client sends this, to one MTA alone if it is named."""

    data: bytes
    only: str | None

    def run(self, conv: Conversation) -> None:
        if self.only not in (None, conv.server.name):
            return
        conv.greet()
        conv.dialogue.send(self.data)


@dataclasses.dataclass
class Content(Step):
    """The client sends a message, with or without its end."""

    data: bytes
    complete: bool

    def run(self, conv: Conversation) -> None:
        stuffed = re.sub(rb"(?m)^\.", b"..", self.data)
        conv.dialogue.send(stuffed + (b".\r\n" if self.complete else b""))


@dataclasses.dataclass
class Hear(Step):
    """The reply must be this; an MTA's own lines replace the general ones."""

    generic: list[str]
    special: dict[str, list[str]]
    ends_message: bool  # what a 250 means here

    def run(self, conv: Conversation) -> None:
        want = self.special.get(conv.server.name, self.generic)
        if not want:
            return  # a reply of other MTAs alone
        conv.greeted = True  # a reply before any command is the greeting
        got = conv.hear()
        if not reply_matches(want, got):
            raise Mismatch("expected\n    " + "\n    ".join(want)
                           + "\nbut heard\n    " + "\n    ".join(got))
        if self.ends_message and got[0].startswith("250"):
            conv.accepted.append(conv.server.queue_id(got))


def reply_matches(want: list[str], got: list[str]) -> bool:
    """A code alone stands for any text and any number of lines."""
    if len(want) == 1 and re.fullmatch(r"\d\d\d", want[0]):
        return all(line.startswith(want[0]) for line in got)
    return len(want) == len(got) and all(
        matches(pattern, line) for pattern, line in zip(want, got))


def matches(pattern: str, text: str) -> bool:
    """`*` is anything, `?` any one character, the rest stands for itself."""
    parts = [{"*": ".*", "?": "."}.get(char, re.escape(char))
             for char in pattern]
    return re.fullmatch("".join(parts), text, re.S) is not None


@dataclasses.dataclass
class HangUp(Step):
    """The client vanishes."""

    def run(self, conv: Conversation) -> None:
        conv.dialogue.abandon()


@dataclasses.dataclass
class Again(Step):
    """A new connection of the same client."""

    def run(self, conv: Conversation) -> None:
        conv.dialogue.close()
        conv.dialogue = conv.server.session(conv.talk.client, conv.talk.auth)
        conv.greeted = False


@dataclasses.dataclass
class Fate(Step):
    """What has become of the accepted message, and what it looks like."""

    kind: str
    checks: list[str]

    def run(self, conv: Conversation) -> None:
        outcome = conv.outcome()
        if outcome.kind != self.kind:
            raise Mismatch(f"the message was {outcome.kind}, not {self.kind}")
        msg = message.parse(outcome.data)
        for check in self.checks:
            problem = check_message(check, outcome, msg)
            if problem:
                raise Mismatch(f"{check}: {problem}; the message is\n"
                               + outcome.data.decode("utf-8", "replace")[:3000])


def check_message(check: str, outcome: mta.Outcome,
                  msg: message.Message) -> str | None:
    """What is wrong with one line of a delivered { } block; None if right."""
    verb, _, rest = check.partition(" ")
    if verb == "header":
        name, _, pattern = rest.partition(":")
        values = msg.values(name)
        if not any(matches(pattern.strip(), value) for value in values):
            return f"found {values}"
        return None
    if verb == "headers":
        count, name = rest.split()
        values = msg.values(name)
        return None if len(values) == int(count) else f"found {values}"
    if verb == "no" and rest.startswith("header "):
        values = msg.values(rest.removeprefix("header ").strip())
        return f"found {values}" if values else None
    if verb == "body":
        body = msg.body.decode("utf-8", "replace").replace("\r\n", "\n")
        return None if matches(rest, body.rstrip("\n")) else "another body"
    if verb == "recipients":
        if rest.isdigit():
            count = len(outcome.recipients)
            return None if count == int(rest) else f"there are {count}"
        same = sorted(rest.split()) == sorted(outcome.recipients)
        return None if same else f"they are {outcome.recipients}"
    raise BadTalk(f"unknown check: {check}")


@dataclasses.dataclass
class NothingAccepted(Step):
    """No message was accepted, or none beyond those looked at."""

    def run(self, conv: Conversation) -> None:
        if conv.accepted:
            raise Mismatch("a message was accepted")


@dataclasses.dataclass
class Logged(Step):
    """A line of the filter's log matches; waited for."""

    pattern: str

    def run(self, conv: Conversation) -> None:
        wait.until(f"a log line {self.pattern}", 5, lambda: any(
            matches(self.pattern, line)
            for line in conv.filter.log().splitlines()))


@dataclasses.dataclass
class Asked(Step):
    """The DNS server was asked for this name so often; "" is any type.

    Without a count: at least once, waited for.
    """

    name: str
    qtype: str
    count: int | None

    def run(self, conv: Conversation) -> None:
        resolver = conv.resolver
        if resolver is None:
            raise BadTalk("there is no DNS server in this talk")

        def seen() -> int:
            return resolver.count(self.name, self.qtype or None)

        if self.count is None:
            wait.until(f"a question for {self.name} {self.qtype}", 5, seen)
        elif seen() != self.count:
            asked = [f"{q.name} {q.type}" for q in resolver.queries()]
            raise Mismatch(f"{self.name} {self.qtype} was asked for {seen()} "
                           f"times, not {self.count}; all questions: "
                           + ", ".join(asked))


@dataclasses.dataclass
class Later(Step):
    """So much time passes for the filter."""

    seconds: int

    def run(self, conv: Conversation) -> None:
        assert conv.clock
        conv.clock.later(self.seconds)


@dataclasses.dataclass
class Negotiated(Step):
    """What the negotiation says of these steps (fake only)."""

    word: str
    names: list[str]

    def run(self, conv: Conversation) -> None:
        link = getattr(conv.server, "last", None)
        if link is None:
            raise BadTalk("only the fake MTA sees the negotiation")
        flags, is_set = NEGOTIATED[self.word]
        for name in self.names:
            if bool(link.negotiated.steps & flags[name]) != is_set:
                raise Mismatch(f"{name} is not {self.word}")


@dataclasses.dataclass
class Asks(Step):
    """The macros that the negotiation asked for at a stage (fake only)."""

    stage: str
    names: list[str]

    def run(self, conv: Conversation) -> None:
        link = getattr(conv.server, "last", None)
        if link is None:
            raise BadTalk("only the fake MTA sees the negotiation")
        asked = link.negotiated.macros.get(self.stage)
        if asked is None or sorted(asked) != sorted(self.names):
            raise Mismatch(f"{self.stage} asks for {asked}")
