"""Queries read and replies written, byte for byte (RFC 1035, RFC 6891).

Only what the fake server needs, as it must be quick.  The tests read what comes
out of it with dnspython, which shares none of this.
"""

from __future__ import annotations

import dataclasses
import io
import struct
from typing import Sequence

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype

HEADER = struct.Struct(">HHHHHH")
RECORD = struct.Struct(">HHIH")  # behind the owner
QR, OPCODE, TC, RD, RA = 0x8000, 0x7800, 0x0200, 0x0100, 0x0080
OPT = 41
OUR_PAYLOAD = 1232
IN = 1
TO_QUESTION = b"\xc0\x0c"  # a pointer to the name of the question


class BadQuery(ValueError):
    """Not a query, or not one that a server could answer."""


@dataclasses.dataclass
class Request:
    """A query."""

    id: int
    flags: int
    name: dns.name.Name
    type: int
    question: bytes  # the section as it was sent
    payload: int  # EDNS size; 0 without EDNS

    @property
    def room(self) -> int:
        """The largest datagram that the asker can take."""
        return max(self.payload, 512)


@dataclasses.dataclass
class RRset:
    """Records of one name and type, for an answer."""

    owner: dns.name.Name
    type: int
    ttl: int
    data: Sequence[dns.rdata.Rdata]


def read(data: bytes) -> Request:
    """A query with exactly one question, of class IN."""
    try:
        ident, flags, *counts = HEADER.unpack_from(data)
        if flags & (QR | OPCODE) or counts[0] != 1:
            raise BadQuery("no query")
        labels, at = [], HEADER.size
        while data[at]:
            if data[at] > 63:
                raise BadQuery("a compressed question")
            labels.append(data[at + 1:at + 1 + data[at]])
            at += 1 + data[at]
        name = dns.name.Name(labels + [b""])
        rdtype, rdclass = struct.unpack_from(">HH", data, at + 1)
        at += 5
        if rdclass != IN:
            raise BadQuery(f"class {rdclass}")
        payload = 0
        # Askers that send no EDNS have nothing here, all others OPT alone.
        if counts[1:] == [0, 0, 1] and data[at:at + 3] == b"\0\0\x29":
            payload = max(struct.unpack_from(">H", data, at + 3)[0], 512)
        return Request(ident, flags, name, rdtype,
                       data[HEADER.size:at], payload)
    except (struct.error, IndexError, dns.exception.DNSException) as exc:
        raise BadQuery(str(exc)) from exc


def write(request: Request, rcode: str = "NOERROR", *,
          answer: Sequence[RRset] = (), authority: Sequence[RRset] = (),
          flags: int = 0, edns: bool = True) -> bytes:
    """A reply, of any size; with EDNS if the query had it."""
    out = io.BytesIO(HEADER.pack(0, 0, 0, 0, 0, 0) + request.question)
    out.seek(0, io.SEEK_END)
    # dnspython adds what it writes to this, and points to what it has written.
    known: dict[dns.name.Name, int] = {}
    place, suffix = HEADER.size, request.name
    while len(suffix) > 1:
        known[suffix] = place
        place += 1 + len(suffix.labels[0])
        suffix = suffix.parent()
    counts = [sum(write_rrset(out, rrset, known) for rrset in section)
              for section in (answer, authority)]
    opt = bool(request.payload) and edns
    if opt:
        out.write(b"\0" + RECORD.pack(OPT, OUR_PAYLOAD, 0, 0))
    out.seek(0)
    out.write(HEADER.pack(
        request.id,
        QR | RA | request.flags & RD | flags | dns.rcode.from_text(rcode),
        1, *counts, int(opt)))
    return out.getvalue()


def write_rrset(out: io.BytesIO, rrset: RRset,
                known: dict[dns.name.Name, int]) -> int:
    """Returns how many records it has."""
    for data in rrset.data:
        if known.get(rrset.owner) == HEADER.size:
            out.write(TO_QUESTION)
        else:
            rrset.owner.to_wire(out, known)
        start = out.tell()
        out.write(RECORD.pack(rrset.type, IN, rrset.ttl, 0))
        data.to_wire(out, known)
        size = out.tell() - start - RECORD.size
        out.seek(start + RECORD.size - 2)
        out.write(size.to_bytes(2, "big"))
        out.seek(0, io.SEEK_END)
    return len(rrset.data)


def by_hand(request: Request, body: bytes = b"", *, flags: int = 0,
            answers: int = 0, question: bytes | None = None) -> bytes:
    """A reply whose records, or whatever they are, the caller has written."""
    asked = request.question if question is None else question
    return HEADER.pack(request.id, QR | RA | request.flags & RD | flags,
                       1 if asked else 0, answers, 0, 0) + asked + body


def format_error(data: bytes) -> bytes:
    """What is said to a query that cannot be read but has a header."""
    return data[:2] + (QR | 1).to_bytes(2, "big") + bytes(8)


def pointer(offset: int) -> bytes:
    """A compression pointer."""
    return (0xC000 | offset).to_bytes(2, "big")


def record(rdtype: int, data: bytes, *, owner: bytes = TO_QUESTION,
           ttl: int = 300) -> bytes:
    """One resource record."""
    return owner + RECORD.pack(rdtype, IN, ttl, len(data)) + data


def address(number: int) -> bytes:
    """An A record of the name in question."""
    return record(1, number.to_bytes(4, "big"))
