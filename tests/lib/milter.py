"""The milter protocol, version 6, from the MTA's side: words and frames.

A frame is a 32-bit length, a command letter counted in it, and data.  The
numbers are those of libmilter's mfdef.h and mfapi.h.
"""

from __future__ import annotations

import dataclasses
import enum
import socket
import struct

VERSION = 6
CHUNK = 65535  # largest body chunk


class Action(enum.IntFlag):
    """SMFIF_*: what a filter may change."""

    ADDHDRS = 0x1
    CHGBODY = 0x2
    ADDRCPT = 0x4
    DELRCPT = 0x8
    CHGHDRS = 0x10
    QUARANTINE = 0x20
    CHGFROM = 0x40
    ADDRCPT_PAR = 0x80
    SETSYMLIST = 0x100


class Step(enum.IntFlag):
    """SMFIP_*: steps not wanted (NO...) or never answered (NR_...)."""

    NOCONNECT = 0x1
    NOHELO = 0x2
    NOMAIL = 0x4
    NORCPT = 0x8
    NOBODY = 0x10
    NOHDRS = 0x20
    NOEOH = 0x40
    NR_HDR = 0x80
    NOUNKNOWN = 0x100
    NODATA = 0x200
    SKIP = 0x400
    RCPT_REJ = 0x800
    NR_CONN = 0x1000
    NR_HELO = 0x2000
    NR_MAIL = 0x4000
    NR_RCPT = 0x8000
    NR_DATA = 0x10000
    NR_UNKN = 0x20000
    NR_EOH = 0x40000
    NR_BODY = 0x80000
    HDR_LEADSPC = 0x100000


ALL_ACTIONS = Action(0x1FF)
ALL_STEPS = Step(0x1FFFFF)

# The order of the stages in a filter's own macro lists (SMFIM_*).
STAGES = ["connect", "helo", "mail", "rcpt", "data", "eom", "eoh"]


@dataclasses.dataclass
class Negotiated:
    """What the filter answered to our offer."""

    version: int
    actions: Action
    steps: Step
    macros: dict[str, list[str]]  # stage -> names, where it set a list


def address_text(address: str) -> str:
    """How the protocol and {client_addr} write a client's address."""
    return f"IPv6:{address}" if ":" in address else address


class Closed(ConnectionError):
    """The filter closed the link."""


def frame(command: bytes, data: bytes = b"") -> bytes:
    """One frame, ready to send."""
    return struct.pack(">I", len(data) + 1) + command + data


def strings(*texts: bytes) -> bytes:
    """Texts as the protocol has them, each ended by a NUL."""
    return b"".join(text + b"\0" for text in texts)


def parse_negotiation(data: bytes) -> Negotiated:
    """Read the data of a filter's SMFIC_OPTNEG."""
    version, actions, steps = struct.unpack(">III", data[:12])
    macros = {}
    rest = data[12:]
    while rest:
        (stage,) = struct.unpack(">I", rest[:4])
        names, _, rest = rest[4:].partition(b"\0")
        macros[STAGES[stage]] = names.decode().replace(",", " ").split()
    return Negotiated(version, Action(actions), Step(steps), macros)


class Link:
    """A connection to a filter; knows frames, not their order.

    Everything a broken MTA might do to a filter is here: `send_raw` sends any
    bytes, `reset` and `half_close` end the link rudely.
    """

    def __init__(self, address: str, timeout: float = 30) -> None:
        """Connect to "unix:/path" or "inet:port@host"."""
        kind, _, place = address.partition(":")
        if kind == "unix":
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(timeout)
            self.sock.connect(place)
        else:
            port, _, host = place.partition("@")
            self.sock = socket.create_connection((host, int(port)), timeout)

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need not be a frame."""
        self.sock.sendall(data)

    def send(self, command: bytes, data: bytes = b"") -> None:
        """Send one frame."""
        self.send_raw(frame(command, data))

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame of the filter: its letter and its data."""
        (length,) = struct.unpack(">I", self._exactly(4))
        if not 1 <= length <= 1 << 20:
            raise ValueError(f"the filter sent a frame of {length} bytes")
        body = self._exactly(length)
        return body[:1], body[1:]

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                piece = self.sock.recv(count - len(data))
            except ConnectionError as exc:
                raise Closed(str(exc)) from exc
            if not piece:
                raise Closed("the filter closed the link")
            data += piece
        return data

    def closed_by_filter(self) -> bool:
        """Read until the end; True when the filter ends the link."""
        try:
            while True:
                self.receive()
        except Closed:
            return True
        except TimeoutError:
            return False

    def half_close(self) -> None:
        """Say that nothing more will come, but keep listening."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close so that the filter sees a reset (inet) or a sudden end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close politely; fine when closed already."""
        self.sock.close()
