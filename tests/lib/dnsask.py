"""A DNS client that sees the bytes, for tests of DNS servers.

It believes nothing: what arrives is given back as it came.
"""

from __future__ import annotations

import socket
import time

import dns.message
import dns.rcode
import dns.rdatatype

Address = tuple[str, int]


def query(name: str, qtype: str = "A", *, ident: int = 0x1234,
          payload: int = 0) -> bytes:
    """A query's bytes; with EDNS if `payload` is given."""
    message = dns.message.make_query(name, qtype, id=ident)
    if payload:
        message.use_edns(0, payload=payload)
    return message.to_wire()


def family(server: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server[0] else socket.AF_INET


def udp(server: Address, wire: bytes, seconds: float = 3) -> bytes:
    """The first datagram that comes back; TimeoutError if none does.

    ConnectionRefusedError where nobody listens.
    """
    return datagrams(server, wire, 1, seconds)[0][0]


def datagrams(server: Address, wire: bytes, count: int,
              seconds: float = 3) -> list[tuple[bytes, Address]]:
    """So many datagrams, with where they are from."""
    with socket.socket(family(server), socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR: be told
        sock.settimeout(seconds)
        sock.sendto(wire, server)
        return [sock.recvfrom(65535) for _ in range(count)]


def silent(server: Address, wire: bytes, seconds: float) -> bool:
    """Whether nothing at all comes back within this time."""
    try:
        udp(server, wire, seconds)
        return False
    except TimeoutError:
        return True


def tcp(server: Address, wire: bytes, seconds: float = 3) -> bytes:
    """The answer over TCP; ConnectionError if it does not come whole."""
    with socket.create_connection(server, seconds) as sock:
        sock.settimeout(seconds)
        sock.sendall(len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(_exactly(sock, 2), "big")
        return _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError(f"closed after {len(data)} of {size} bytes")
        data += part
    return data


def rcode(wire: bytes) -> str:
    """NOERROR, NXDOMAIN, ..."""
    return dns.rcode.to_text(wire[3] & 15)


def is_truncated(wire: bytes) -> bool:
    return bool(wire[2] & 2)


def answers(wire: bytes) -> list[str]:
    """The answer's records as "TYPE data", in the message's order."""
    message = dns.message.from_wire(wire, one_rr_per_rrset=True,
                                    ignore_trailing=True)
    return [f"{dns.rdatatype.to_text(rrset.rdtype)} {rrset[0].to_text()}"
            for rrset in message.answer]


def ask(server: Address, name: str, qtype: str = "A",
        payload: int = 0) -> list[str]:
    """What a name has; over TCP if need be.  [RCODE] if that is no NOERROR."""
    wire = query(name, qtype, payload=payload)
    reply = udp(server, wire)
    if is_truncated(reply):
        reply = tcp(server, wire)
    return answers(reply) if rcode(reply) == "NOERROR" else [rcode(reply)]


def rate(server: Address, wire: bytes, seconds: float = 1,
         window: int = 50) -> float:
    """Answers a second with so many queries under way."""
    with socket.socket(family(server), socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        for _ in range(window):
            sock.sendto(wire, server)
        start, count = time.monotonic(), 0
        while time.monotonic() - start < seconds:
            sock.recv(65535)
            sock.sendto(wire, server)
            count += 1
        return count / (time.monotonic() - start)
