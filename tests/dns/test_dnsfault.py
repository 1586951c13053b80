"""What the fake DNS server does wrong, as a client sees it byte for byte."""

from __future__ import annotations

import socket
import time

import dns.exception
import dns.message
import pytest

from lib import dnsask, dnstext
from lib.dnsfault import (Cut, Delay, Drop, Empty, Fault, First, Flood, Garbage,
                          LongTxt, Loss, NoLimit, NoQuestion, Overcount,
                          PointerLoop, Rcode, Repeat, Truncated, WrongId,
                          WrongPort, WrongQuestion)
from lib.dnsserver import DnsServer

A_TEST = dnsask.query("a.test")


@pytest.fixture
def server(dns_server: DnsServer) -> DnsServer:
    dns_server.zone("test", """
        a        A   192.0.2.1
        mx       A   192.0.2.25
        deep.down.there  A 192.0.2.4
        *.wild   A   192.0.2.5
        alias    CNAME other
        other    CNAME mx
    """)
    return dns_server


def ask(server: DnsServer, name: str, qtype: str = "A") -> list[str]:
    return dnsask.ask(server.address, name, qtype)


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NXDOMAIN", "FORMERR",
                                   "NOTIMP"])
def test_rcodes(server: DnsServer, rcode: str) -> None:
    server.behave("a.test", Rcode(rcode))
    assert ask(server, "a.test") == [rcode]
    reply = dns.message.from_wire(
        dnsask.udp(server.address, dnsask.query("a.test", payload=1232)))
    assert reply.edns == (-1 if rcode == "FORMERR" else 0)


def test_no_data(server: DnsServer) -> None:
    server.behave("a.test", Rcode("NOERROR"))
    assert ask(server, "a.test") == []


def test_a_delay_holds_up_nobody_else(server: DnsServer) -> None:
    server.behave("a.test", Delay(0.3))
    start = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        for ident in (1, 2):
            sock.sendto(dnsask.query("a.test", ident=ident), server.address)
        sock.sendto(dnsask.query("mx.test", ident=3), server.address)
        assert [sock.recv(512)[1] for _ in range(3)] == [3, 1, 2]
    assert time.monotonic() - start >= 0.3


def test_drop(server: DnsServer) -> None:
    server.behave("a.test", Drop())
    assert dnsask.silent(server.address, A_TEST, 0.1)
    assert server.count("a.test") == 1


def test_loss(server: DnsServer) -> None:
    loss = Loss(0.3, seed=5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        heard = 0
        for _ in range(20):  # in portions that fit into a socket
            server.behave("a.test", loss)
            server.forget()
            for _ in range(50):
                sock.sendto(A_TEST, server.address)
            server.wait_for(50)
            server.behave("a.test")  # this one comes for certain, and last
            sock.sendto(dnsask.query("a.test", ident=9), server.address)
            while sock.recv(512)[:2] != b"\0\x09":
                heard += 1
    assert 650 <= heard <= 750


def test_the_first_queries_only(server: DnsServer) -> None:
    server.behave("a.test", First(2, Rcode("SERVFAIL")))
    assert [ask(server, "a.test") for _ in range(3)] == [
        ["SERVFAIL"], ["SERVFAIL"], ["A 192.0.2.1"]]


@pytest.mark.parametrize("tcp, outcome", [
    ("good", ["A 192.0.2.1"]), ("truncated", []), ("close", "closed after 0"),
    ("short", "closed after 20 of 40"), ("reset", "reset"),
    ("silent", "timed out"),
])
def test_truncation(server: DnsServer, tcp: str, outcome: object) -> None:
    server.behave("a.test", Truncated(tcp))
    reply = dnsask.udp(server.address, A_TEST)
    assert dnsask.is_truncated(reply) and dnsask.answers(reply) == []
    try:
        seconds = 0.5 if tcp == "silent" else 5
        reply = dnsask.tcp(server.address, A_TEST, seconds)
    except OSError as exc:
        assert isinstance(outcome, str) and outcome in str(exc)
    else:
        assert dnsask.answers(reply) == outcome
        assert dnsask.is_truncated(reply) is (tcp == "truncated")


def test_truncation_without_tcp_at_all(server: DnsServer) -> None:
    server.behave("a.test", Truncated())
    server.vanish("tcp")
    assert dnsask.is_truncated(dnsask.udp(server.address, A_TEST))
    with pytest.raises(ConnectionRefusedError):
        dnsask.tcp(server.address, A_TEST)
    server.come_back("tcp")
    assert ask(server, "a.test") == ["A 192.0.2.1"]


def test_wrong_ids(server: DnsServer) -> None:
    server.behave("a.test", WrongId())
    assert dnsask.udp(server.address, A_TEST)[:2] == b"\x47\x61"
    server.behave("a.test", WrongId(then_right=True))
    replies = dnsask.datagrams(server.address, A_TEST, 2)
    assert [data[:2] for data, _ in replies] == [b"\x47\x61", b"\x12\x34"]


def test_a_wrong_question(server: DnsServer) -> None:
    server.behave("a.test", WrongQuestion("evil.example", then_right=True))
    replies = [dns.message.from_wire(data) for data, _ in
               dnsask.datagrams(server.address, A_TEST, 2)]
    assert [str(r.question[0].name) for r in replies] == ["evil.example.",
                                                          "a.test."]
    assert dnsask.answers(replies[0].to_wire()) == ["A 203.0.113.66"]


def test_no_question(server: DnsServer) -> None:
    server.behave("a.test", NoQuestion())
    reply = dns.message.from_wire(dnsask.udp(server.address, A_TEST))
    assert reply.question == []
    assert str(reply.answer[0]) == "a.test. 300 IN A 127.0.0.2"


def test_a_wrong_port(server: DnsServer) -> None:
    server.behave("a.test", WrongPort(then_right=True))
    replies = dnsask.datagrams(server.address, A_TEST, 2)
    assert replies[0][0] == replies[1][0]
    assert replies[0][1][1] != server.port
    assert replies[1][1] == server.address


def test_repetition(server: DnsServer) -> None:
    server.behave("a.test", Repeat(5))
    replies = dnsask.datagrams(server.address, A_TEST, 5)
    assert len(set(replies)) == 1


def test_no_bytes_at_all(server: DnsServer) -> None:
    server.behave("a.test", Empty())
    assert dnsask.udp(server.address, A_TEST) == b""
    assert dnsask.tcp(server.address, A_TEST) == b""


def test_garbage(server: DnsServer) -> None:
    server.behave("a.test", Garbage(length=300))
    first, second = (dnsask.udp(server.address, A_TEST) for _ in range(2))
    assert len(first) == len(second) == 300 and first != second
    server.behave("a.test", Garbage(keep=24))
    reply = dnsask.udp(server.address, A_TEST)
    assert reply[:2] == A_TEST[:2] and reply[12:24] == A_TEST[12:24]
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(reply)


@pytest.mark.parametrize("fault", [Cut(30), Cut(11), Overcount(),
                                   Overcount(2)])
def test_half_answers(server: DnsServer, fault: Fault) -> None:
    server.behave("a.test", fault)
    reply = dnsask.udp(server.address, A_TEST)
    assert reply[:2] == A_TEST[:2] and not dnsask.is_truncated(reply)
    with pytest.raises((dns.exception.DNSException)):
        dns.message.from_wire(reply)


@pytest.mark.parametrize("kind", ["self", "pair", "forward", "target",
                                  "outside", "chain"])
def test_pointer_loops(server: DnsServer, kind: str) -> None:
    server.behave("a.test", PointerLoop(kind))
    reply = dnsask.udp(server.address, A_TEST)
    assert reply[12:24] == A_TEST[12:24]
    hops, end = follow(reply, {"target": 36, "chain": 302}.get(kind, 24))
    assert (hops, end) == {
        "self": (1, "loop"), "pair": (2, "loop"), "forward": (2, "loop"),
        "target": (1, "loop"), "outside": (1, "outside"),
        "chain": (127, "end")}[kind]


def follow(data: bytes, at: int) -> tuple[int, str]:
    """Walk a compressed name: how many pointers, and how it ends."""
    seen: set[int] = set()
    hops = 0
    while at < len(data):
        if at in seen:
            return hops, "loop"
        seen.add(at)
        if data[at] >= 0xC0:
            hops += 1
            at = (data[at] & 0x3F) << 8 | data[at + 1]
        elif data[at] == 0:
            return hops, "end"
        else:
            at += 1 + data[at]
    return hops, "outside"


def test_many_records(server: DnsServer) -> None:
    server.behave("a.test", Flood(1000))
    assert dnsask.is_truncated(dnsask.udp(server.address, A_TEST))
    assert len(set(ask(server, "a.test"))) == 1000
    server.behave("a.test", Flood(1000, no_limit=True))
    assert len(dnsask.answers(dnsask.udp(server.address, A_TEST))) == 1000


def test_a_text_of_64_kib(server: DnsServer) -> None:
    server.behave("a.test", LongTxt(65000))
    wire = dnsask.query("a.test", "TXT")
    reply = dnsask.tcp(server.address, wire)
    strings = dns.message.from_wire(reply).answer[0][0].strings
    assert sum(len(string) for string in strings) == 65000
    server.behave("a.test", LongTxt(60000, no_limit=True))
    assert len(dnsask.udp(server.address, wire)) > 60000


def test_the_asker_says_how_much_fits(server: DnsServer) -> None:
    server.zone("test").add("long", "TXT", dnstext.quoted("x" * 1000))
    for payload, cut in ((0, True), (512, True), (1232, False)):
        wire = dnsask.query("long.test", "TXT", payload=payload)
        reply = dnsask.udp(server.address, wire)
        assert dnsask.is_truncated(reply) is cut
    server.behave("long.test", NoLimit())
    reply = dnsask.udp(server.address, dnsask.query("long.test", "TXT"))
    assert len(reply) > 1000 and not dnsask.is_truncated(reply)


def test_a_long_chain(server: DnsServer) -> None:
    zone = server.zone("chain.test")
    for n in range(40):
        zone.add(f"c{n}", "CNAME", f"c{n + 1}")
    zone.add("c40", "A", "192.0.2.40")
    for n in (40, 39, 30, 0):
        answer = ask(server, f"c{n}.chain.test")
        assert len(answer) == 41 - n and answer[-1] == "A 192.0.2.40"


def test_faults_for_a_type_and_a_transport(server: DnsServer) -> None:
    server.behave("mx.test", Rcode("SERVFAIL"), qtype="AAAA")
    server.behave("mx.test", Rcode("REFUSED"), transport="tcp")
    assert ask(server, "mx.test", "AAAA") == ["SERVFAIL"]
    assert ask(server, "mx.test") == ["A 192.0.2.25"]
    wire = dnsask.query("mx.test")
    assert dnsask.rcode(dnsask.tcp(server.address, wire)) == "REFUSED"


def test_the_most_specific_place_counts(server: DnsServer) -> None:
    server.behave(".", Rcode("REFUSED"))
    server.behave("*.wild.test", Rcode("SERVFAIL"))
    server.behave(".there.test", Rcode("NXDOMAIN"))
    server.behave("z.wild.test", Rcode("FORMERR"))
    rcodes = {name: ask(server, name)[0] for name in (
        "a.test", "wild.test", "y.wild.test", "z.wild.test", "there.test",
        "deep.down.there.test", "else.example")}
    assert rcodes == {
        "a.test": "REFUSED", "wild.test": "REFUSED", "y.wild.test": "SERVFAIL",
        "z.wild.test": "FORMERR", "there.test": "NXDOMAIN",
        "deep.down.there.test": "NXDOMAIN", "else.example": "REFUSED"}
    server.behave(".")
    assert ask(server, "a.test") == ["A 192.0.2.1"]
    assert ask(server, "y.wild.test") == ["SERVFAIL"]
    server.behave_well()
    assert ask(server, "y.wild.test") == ["A 192.0.2.5"]


def test_faults_meet_those_that_a_cname_leads_there(server: DnsServer) -> None:
    server.behave("mx.test", Rcode("SERVFAIL"))
    assert ask(server, "alias.test") == ["SERVFAIL"]
    assert ask(server, "alias.test", "CNAME") == ["CNAME other.test."]


def test_faults_add_up_in_order(server: DnsServer) -> None:
    server.behave("a.test", Rcode("SERVFAIL"), Delay(0.1), WrongId())
    start = time.monotonic()
    reply = dnsask.udp(server.address, A_TEST)
    assert time.monotonic() - start >= 0.1
    assert dnsask.rcode(reply) == "SERVFAIL" and reply[:2] == b"\x47\x61"


def test_a_mistaken_fault_is_told_at_the_end() -> None:
    server = DnsServer()
    server.behave("a.test", Truncated("nonsense"))
    dnsask.tcp(server.address, A_TEST)
    with pytest.raises(AssertionError, match="nonsense"):
        server.close()
