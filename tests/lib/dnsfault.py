"""What a DNS server can do wrong, as values that a test hands to the fake one.

    server.behave("slow.example", Delay(2.0))
    server.behave(".example", Loss(0.3, seed=7), Rcode("SERVFAIL"))

Each fault changes an `Exchange`, in the order given: which messages go out in
answer to one query, when, and how.  The honest answer is there to begin with.
"""

from __future__ import annotations

import dataclasses
import random

import dns.name

from . import dnswire
from .dnswire import HEADER, TC, address, by_hand, pointer, record

A, CNAME, TXT = 1, 5, 16


@dataclasses.dataclass
class Exchange:
    """One query and what is sent because of it."""

    transport: str  # "udp" or "tcp"
    request: dnswire.Request
    messages: list[bytes]
    soa: dnswire.RRset  # of the zone, for negative answers
    delay: float = 0  # seconds before they go out
    no_limit: bool = False  # UDP: send whole what is too large for the asker
    after: str = "keep"  # TCP, then: keep open, "close" or "reset"
    length: int | None = None  # TCP: the length announced, if not the true one
    other_port: set[int] = dataclasses.field(default_factory=set)
    # UDP: which of the messages come from a port that was not asked


class Fault:
    """Something that goes wrong."""

    def apply(self, exchange: Exchange) -> None:
        raise NotImplementedError


@dataclasses.dataclass
class Delay(Fault):
    """The answer takes so many seconds longer."""

    seconds: float

    def apply(self, exchange: Exchange) -> None:
        exchange.delay += self.seconds


@dataclasses.dataclass
class Drop(Fault):
    """No answer."""

    def apply(self, exchange: Exchange) -> None:
        exchange.messages = []


@dataclasses.dataclass
class Loss(Fault):
    """This share of the answers is lost, at random but repeatably."""

    share: float
    seed: int = 1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def apply(self, exchange: Exchange) -> None:
        if self._random.random() < self.share:
            exchange.messages = []


@dataclasses.dataclass
class First(Fault):
    """Only the first so many queries meet with this."""

    times: int
    fault: Fault

    def apply(self, exchange: Exchange) -> None:
        if self.times > 0:
            self.times -= 1
            self.fault.apply(exchange)


@dataclasses.dataclass
class Rcode(Fault):
    """SERVFAIL, REFUSED, NXDOMAIN, FORMERR, NOTIMP, or NOERROR without data.

    Without `soa` a negative answer does not say for how long it holds.
    """

    name: str
    soa: bool = True

    def apply(self, exchange: Exchange) -> None:
        soa = self.soa and self.name in ("NXDOMAIN", "NOERROR")
        # FORMERR is what servers say that have never heard of EDNS.
        exchange.messages = [dnswire.write(
            exchange.request, self.name, edns=self.name != "FORMERR",
            authority=[exchange.soa] if soa else [])]


@dataclasses.dataclass
class Truncated(Fault):
    """UDP answers are empty and say TC; over TCP comes what `tcp` says.

    good       the answer                   reset      RST instead of it
    close      the connection is closed     silent     nothing, for ever
    truncated  TC once more                 short      half of it, then closed
    """

    tcp: str = "good"

    def apply(self, exchange: Exchange) -> None:
        if exchange.transport == "udp" or self.tcp == "truncated":
            exchange.messages = [by_hand(exchange.request, flags=TC)]
        elif self.tcp == "short":
            whole = exchange.messages[0]
            exchange.length = len(whole)
            exchange.messages = [whole[:len(whole) // 2]]
            exchange.after = "close"
        elif self.tcp in ("close", "reset"):
            exchange.messages = []
            exchange.after = self.tcp
        elif self.tcp == "silent":
            exchange.messages = []
        elif self.tcp != "good":
            raise ValueError(f"Truncated: what is {self.tcp!r}?")


@dataclasses.dataclass
class WrongId(Fault):
    """An id that was not asked with; then comes the right one, or nothing."""

    then_right: bool = False

    def apply(self, exchange: Exchange) -> None:
        wrong = (exchange.request.id ^ 0x5555).to_bytes(2, "big")
        exchange.messages = [wrong + m[2:] for m in exchange.messages] + (
            exchange.messages if self.then_right else [])


@dataclasses.dataclass
class WrongQuestion(Fault):
    """An answer to something else: that name is 203.0.113.66."""

    name: str = "evil.example"
    then_right: bool = False

    def apply(self, exchange: Exchange) -> None:
        wire = dns.name.from_text(self.name).to_wire()
        asked = wire + exchange.request.question[-4:]
        reply = by_hand(exchange.request, address(0xCB007142), answers=1,
                        question=asked)
        exchange.messages = [reply] + (
            exchange.messages if self.then_right else [])


@dataclasses.dataclass
class NoQuestion(Fault):
    """The answer without its question section."""

    def apply(self, exchange: Exchange) -> None:
        wire = exchange.request.question[:-4]
        exchange.messages = [by_hand(
            exchange.request, wire + address(0x7F000002)[2:], answers=1,
            question=b"")]


@dataclasses.dataclass
class WrongPort(Fault):
    """The answer, from a port that was not asked (UDP)."""

    then_right: bool = False

    def apply(self, exchange: Exchange) -> None:
        exchange.other_port = set(range(len(exchange.messages)))
        if self.then_right:
            exchange.messages = exchange.messages * 2


@dataclasses.dataclass
class Repeat(Fault):
    """The same answer so many times."""

    times: int

    def apply(self, exchange: Exchange) -> None:
        exchange.messages = exchange.messages * self.times


@dataclasses.dataclass
class Empty(Fault):
    """A datagram, or a TCP message, of 0 bytes."""

    def apply(self, exchange: Exchange) -> None:
        exchange.messages = [b""]


@dataclasses.dataclass
class Garbage(Fault):
    """Random bytes, after the first `keep` of the honest answer."""

    keep: int = 0
    length: int = 200
    seed: int = 1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def apply(self, exchange: Exchange) -> None:
        exchange.messages = [m[:self.keep] + self._random.randbytes(self.length)
                             for m in exchange.messages]


@dataclasses.dataclass
class Cut(Fault):
    """The honest answer up to this byte, without TC."""

    length: int

    def apply(self, exchange: Exchange) -> None:
        exchange.messages = [m[:self.length] for m in exchange.messages]


@dataclasses.dataclass
class Overcount(Fault):
    """The header claims so many records in the answer."""

    answers: int = 0xFFFF

    def apply(self, exchange: Exchange) -> None:
        count = self.answers.to_bytes(2, "big")
        exchange.messages = [m[:6] + count + m[8:] for m in exchange.messages]


@dataclasses.dataclass
class Flood(Fault):
    """So many A records; over UDP all of them if `no_limit`."""

    records: int = 1000
    no_limit: bool = False

    def apply(self, exchange: Exchange) -> None:
        body = b"".join(address(0x7F000000 + n) for n in range(self.records))
        exchange.messages = [by_hand(exchange.request, body,
                                     answers=self.records)]
        exchange.no_limit = self.no_limit


@dataclasses.dataclass
class LongTxt(Fault):
    """One TXT record with so many bytes of text, 65,000 by default."""

    size: int = 65000
    no_limit: bool = False

    def apply(self, exchange: Exchange) -> None:
        text = b"x" * self.size
        parts = [text[at:at + 255] for at in range(0, self.size, 255)]
        data = b"".join(bytes([len(part)]) + part for part in parts)
        exchange.messages = [by_hand(
            exchange.request, record(TXT, data), answers=1)]
        exchange.no_limit = self.no_limit


@dataclasses.dataclass
class NoLimit(Fault):
    """UDP answers are sent whole, whatever size the asker can take."""

    def apply(self, exchange: Exchange) -> None:
        exchange.no_limit = True


@dataclasses.dataclass
class PointerLoop(Fault):
    """An answer whose compressed names have no end.

    self     the owner is a pointer to itself
    pair     two pointers to each other
    forward  the owner points to a name behind itself, which points back
    target   a CNAME whose target is a pointer to itself
    chain    126 pointers, each to the one before: legal steps, far too many
    outside  a pointer behind the message's end
    """

    kind: str = "self"

    def apply(self, exchange: Exchange) -> None:
        here = HEADER.size + len(exchange.request.question)
        body = {
            "self": lambda: record(A, bytes(4), owner=pointer(here)),
            # A record's fixed part is 10 bytes, a pointer 2.
            "pair": lambda: record(A, pointer(here), owner=pointer(here + 12)),
            "forward": lambda: record(A, b"\x01a" + pointer(here),
                                      owner=pointer(here + 12)),
            "target": lambda: record(CNAME, pointer(here + 12)),
            "chain": lambda: record(TXT, b"".join(
                pointer(here + 12 + 2 * max(n - 1, 0)) if n else b"\0\0"
                for n in range(127))) + record(
                    CNAME, pointer(here + 12 + 2 * 126)),
            "outside": lambda: record(A, bytes(4), owner=pointer(0x3FFF)),
        }[self.kind]()
        exchange.messages = [by_hand(
            exchange.request, body, answers=2 if self.kind == "chain" else 1)]
