"""Zones as text: RFC 1035 master files, with words for what goes wrong.

$ORIGIN, $TTL, @, ( ), ; and leading blanks are as in RFC 1035.  Where a type
stands, a directive may stand instead:

    name  SERVFAIL | REFUSED | FORMERR | NOTIMP | NXDOMAIN | NODATA | TIMEOUT
    name  DELAY 200ms

A text may be indented as a whole.  SOA and NS records are not needed.
"""

from __future__ import annotations

import dataclasses
import re
import textwrap
from typing import Iterator

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl

IN = dns.rdataclass.IN
RCODES = ("SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "NXDOMAIN")
DIRECTIVES = RCODES + ("NODATA", "TIMEOUT", "DELAY")


class BadZone(ValueError):
    """The text is wrong; says where."""


@dataclasses.dataclass
class Entry:
    """One record or one directive."""

    where: str  # file:line
    name: dns.name.Name
    ttl: int
    data: dns.rdata.Rdata | None
    directive: str = ""
    seconds: float = 0  # of DELAY


def read(text: str, origin: dns.name.Name, ttl: int,
         called: str = "zone") -> Iterator[Entry]:
    """All entries of a text; `called` is its name in errors."""
    reader = _Reader(textwrap.dedent(text), origin, ttl, called)
    try:
        yield from reader.entries()
    except (dns.exception.DNSException, ValueError) as exc:
        if isinstance(exc, BadZone):
            raise
        raise BadZone(f"{reader.where()}: {exc}") from exc


class _Reader:
    def __init__(self, text: str, origin: dns.name.Name, ttl: int,
                 called: str) -> None:
        self.called = called
        self.tokens = dns.tokenizer.Tokenizer(text, called)
        self.origin = origin
        self.ttl = ttl
        self.owner: dns.name.Name | None = None

    def where(self) -> str:
        return f"{self.called}:{self.tokens.where()[1]}"

    def entries(self) -> Iterator[Entry]:
        while True:
            token = self.tokens.get(want_leading=True)
            if token.is_eof():
                return
            if token.is_eol() or token.is_comment():
                continue
            if token.is_whitespace():
                token = self.tokens.get()
                if token.is_eol_or_eof():
                    continue
                self.tokens.unget(token)
            elif token.value == "$ORIGIN":
                self.origin = self.tokens.get_name(self.origin)
                self.tokens.get_eol()
                continue
            elif token.value == "$TTL":
                self.ttl = self.tokens.get_ttl()
                self.tokens.get_eol()
                continue
            else:
                self.owner = self.tokens.as_name(token, self.origin)
            yield self.entry()

    def entry(self) -> Entry:
        """What follows the owner, up to the line's end."""
        if self.owner is None:
            raise BadZone(f"{self.where()}: no name to belong to")
        where = self.where()
        ttl, word = self.ttl, self.tokens.get_string()
        for _ in range(2):  # TTL and class, in either order
            if word.upper() == "IN":
                word = self.tokens.get_string()
            elif word[0].isdigit():
                ttl = dns.ttl.from_text(word)
                word = self.tokens.get_string()
        word = word.upper()
        if word in DIRECTIVES:
            seconds = 0.0
            if word == "DELAY":
                seconds = duration(self.tokens.get_string())
            self.tokens.get_eol()
            return Entry(where, self.owner, ttl, None, word, seconds)
        data = dns.rdata.from_text(IN, word, self.tokens, self.origin, False)
        return Entry(where, self.owner, ttl, data)


def duration(text: str) -> float:
    """`200ms`, `3s` or `5m` in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not found:
        raise ValueError(f"{text!r} is no time; write 200ms, 3s or 5m")
    unit = {"ms": 0.001, "s": 1, "m": 60}[found.group(2)]
    return float(found.group(1)) * unit


def quoted(text: str | bytes) -> str:
    """The data of a TXT record that says this, of as many strings as needed."""
    data = text.encode() if isinstance(text, str) else text
    parts = [data[at:at + 255] for at in range(0, len(data), 255)] or [b""]
    return " ".join('"' + "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03}"
        for byte in part) + '"' for part in parts)
