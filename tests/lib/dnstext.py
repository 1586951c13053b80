"""Zones as text: what lists/dns_zonefile.h describes, for the fake DNS server.

Master files (RFC 1035) with $ORIGIN, $TTL, @, ( ), ; and leading blanks; SOA
and NS records are not needed.  Where a type stands, a word may stand instead
that says how asking for the name fails or how long it takes:

    $DELAY 20ms
    broken  SERVFAIL              ; REFUSED, FORMERR, GARBLED, NXDOMAIN, NODATA
    silent  TIMEOUT               ; a time after it is for readers without a net
    half    SERVFAIL A AAAA       ; these types only
    slow    DELAY 200ms

A text may be indented as a whole.
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
RULES = ("SERVFAIL", "REFUSED", "FORMERR", "GARBLED", "TIMEOUT", "NXDOMAIN",
         "NODATA")


class BadZone(ValueError):
    """The text is wrong; says where."""


@dataclasses.dataclass
class Entry:
    """One record, or one rule of a name."""

    where: str  # file:line
    name: dns.name.Name
    ttl: int
    data: dns.rdata.Rdata | None
    rule: str = ""  # one of RULES, or DELAY
    types: tuple[int, ...] = ()  # that the rule is for; see dns_zone.h
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
        raise BadZone(f"{reader.where}: {exc}") from exc


class _Reader:
    def __init__(self, text: str, origin: dns.name.Name, ttl: int,
                 called: str) -> None:
        self.called = called
        self.tokens = dns.tokenizer.Tokenizer(text, called)
        self.origin = origin
        self.ttl = ttl
        self.owner: dns.name.Name | None = None
        self.line = 1

    @property
    def where(self) -> str:
        """The line where the entry begins."""
        return f"{self.called}:{self.line}"

    def entries(self) -> Iterator[Entry]:
        while True:
            self.line = self.tokens.where()[1]
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
            elif token.value == "$DELAY":
                delay = duration(self.tokens.get_string())
                self.tokens.get_eol()
                yield Entry(self.where, dns.name.root, 0, None, "$DELAY",
                            seconds=delay)
                continue
            else:
                self.owner = self.tokens.as_name(token, self.origin)
            yield self.entry()

    def entry(self) -> Entry:
        """What follows the owner, up to the line's end."""
        if self.owner is None:
            raise BadZone(f"{self.where}: no name to belong to")
        ttl, word = self.ttl, self.tokens.get_string()
        for _ in range(2):  # TTL and class, in either order
            if word.upper() == "IN":
                word = self.tokens.get_string()
            elif word[0].isdigit():
                ttl = dns.ttl.from_text(word)
                word = self.tokens.get_string()
        word = word.upper()
        if word == "DELAY":
            seconds = duration(self.tokens.get_string())
            self.tokens.get_eol()
            return Entry(self.where, self.owner, ttl, None, word,
                         seconds=seconds)
        if word in RULES:
            words = [token.value for token in self.tokens.get_remaining()]
            if word == "TIMEOUT" and words and words[0][0].isdigit():
                duration(words.pop(0))
            types = tuple(dns.rdatatype.from_text(text) for text in words)
            return Entry(self.where, self.owner, ttl, None, word, types)
        data = dns.rdata.from_text(IN, word, self.tokens, self.origin, False)
        return Entry(self.where, self.owner, ttl, data)


def duration(text: str) -> float:
    """`200ms` or `3s` in seconds."""
    found = re.fullmatch(r"(\d+)(ms|s)", text.lower())
    if not found:
        raise ValueError(f"{text!r} is no time like 200ms or 2s")
    return int(found.group(1)) * (0.001 if found.group(2) == "ms" else 1)


def quoted(text: str | bytes) -> str:
    """The data of a TXT record that says this, of as many strings as needed."""
    data = text.encode() if isinstance(text, str) else text
    parts = [data[at:at + 255] for at in range(0, len(data), 255)] or [b""]
    return " ".join('"' + "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03}"
        for byte in part) + '"' for part in parts)
