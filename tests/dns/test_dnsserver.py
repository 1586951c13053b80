"""The fake DNS server: what it answers when all is well, and what it tells."""

from __future__ import annotations

import socket
import threading
import time

import dns.message
import pytest

from lib import dnsask, dnstext, dnswire
from lib.dnsfault import Delay, Rcode
from lib.dnsserver import DnsServer, prefixed, span

A_TEST = dnsask.query("a.test")


@pytest.fixture
def server(dns_server: DnsServer) -> DnsServer:
    dns_server.zone("test", """
        @    300 IN MX  10 mx
        a        A   192.0.2.1
        mx   60  A   192.0.2.25
                 A   192.0.2.26
                 AAAA 2001:db8::25
        txt      TXT "one " "two"
        deep.down.there  A 192.0.2.4
        *.wild   A   192.0.2.5
        x.wild   TXT "not wild"
        alias    CNAME other
        other    CNAME mx
        nowhere  CNAME gone
        loop1    CNAME loop2
        loop2    CNAME loop1
    """)
    return dns_server


def ask(server: DnsServer, name: str, qtype: str = "A") -> list[str]:
    return dnsask.ask(server.address, name, qtype)


# What it knows.

@pytest.mark.parametrize("name, qtype, answer", [
    ("a.test", "A", ["A 192.0.2.1"]),
    ("A.Test", "A", ["A 192.0.2.1"]),
    ("mx.test", "A", ["A 192.0.2.25", "A 192.0.2.26"]),
    ("mx.test", "AAAA", ["AAAA 2001:db8::25"]),
    ("test", "MX", ["MX 10 mx.test."]),
    ("txt.test", "TXT", ['TXT "one " "two"']),
    ("a.test", "TXT", []),
    ("no.test", "A", ["NXDOMAIN"]),
    ("example", "A", ["NXDOMAIN"]),
    ("down.there.test", "A", []),
    ("there.test", "A", []),
    ("up.there.test", "A", ["NXDOMAIN"]),
    ("any.wild.test", "A", ["A 192.0.2.5"]),
    ("a.b.wild.test", "A", ["A 192.0.2.5"]),
    ("any.wild.test", "TXT", []),
    ("x.wild.test", "A", []),
    ("y.x.wild.test", "A", ["NXDOMAIN"]),
    ("wild.test", "A", []),
    ("alias.test", "A", ["CNAME other.test.", "CNAME mx.test.",
                         "A 192.0.2.25", "A 192.0.2.26"]),
    ("alias.test", "TXT", ["CNAME other.test.", "CNAME mx.test."]),
    ("alias.test", "CNAME", ["CNAME other.test."]),
    ("nowhere.test", "A", ["NXDOMAIN"]),
    ("loop1.test", "A", ["CNAME loop2.test.", "CNAME loop1.test."]),
])
def test_answers(server: DnsServer, name: str, qtype: str,
                 answer: list[str]) -> None:
    assert ask(server, name, qtype) == answer
    assert dnsask.ask(("::1", server.port), name, qtype) == answer


def test_an_authority_leaves_cnames_to_the_asker(server: DnsServer) -> None:
    server.world.follow_cnames = False
    assert ask(server, "alias.test") == ["CNAME other.test."]


def test_replies_are_well_formed(server: DnsServer) -> None:
    """dnspython, which reads them, shares no code with what wrote them."""
    for name, qtype in (("test", "MX"), ("alias.test", "A"), ("no.test", "A"),
                        ("a.test", "ANY")):
        for payload in (0, 1232):
            wire = dnsask.query(name, qtype, payload=payload)
            reply = dns.message.from_wire(dnsask.udp(server.address, wire))
            assert dns.message.from_wire(wire).is_response(reply)
            assert reply.edns == (0 if payload else -1)


def test_ttls_are_those_of_the_zone(server: DnsServer) -> None:
    def ttl(name: str, section: str) -> int:
        wire = dnsask.udp(server.address, dnsask.query(name))
        return getattr(dns.message.from_wire(wire), section)[0].ttl

    server.zone("short.test", "@ A 192.0.2.1", ttl=7, negative_ttl=3)
    server.zone("own.test", "@ SOA ns me 1 2 3 4 5")
    assert ttl("a.test", "answer") == 300
    assert ttl("mx.test", "answer") == 60
    assert ttl("short.test", "answer") == 7
    assert ttl("no.test", "authority") == 60
    assert ttl("no.short.test", "authority") == 3
    reply = dns.message.from_wire(
        dnsask.udp(server.address, dnsask.query("no.own.test")))
    assert reply.authority[0][0].minimum == 5


def test_a_change_holds_from_the_next_query_on(server: DnsServer) -> None:
    zone = server.zone("test")
    assert ask(server, "new.test") == ["NXDOMAIN"]
    zone.add("new", "A", "192.0.2.7", "192.0.2.8")
    assert ask(server, "new.test") == ["A 192.0.2.7", "A 192.0.2.8"]
    zone.remove("new", "A")
    assert ask(server, "new.test") == ["NXDOMAIN"]


def test_names_of_strange_bytes(server: DnsServer) -> None:
    server.zone("test").add(r"a\.b\032\255", "A", "192.0.2.9")
    wire = A_TEST[:12] + b"\5a.b \xff\4test\0" + A_TEST[-4:]
    assert dnsask.answers(dnsask.udp(server.address, wire)) == ["A 192.0.2.9"]
    assert server.queries()[-1].name == r"a\.b\032\255.test"


# As DNSBL.

@pytest.mark.parametrize("entry, name", [
    ("192.0.2.99", "99.2.0.192.zen.test"),
    ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
                    "1.0.0.2.zen.test"),
    ("spam.example", "spam.example.zen.test"),
])
def test_a_listing(server: DnsServer, entry: str, name: str) -> None:
    zen = server.dnsbl("zen.test").list(entry, "127.0.0.4", "127.0.0.10",
                                        txt='see "there"')
    assert ask(server, name) == ["A 127.0.0.4", "A 127.0.0.10"]
    assert ask(server, name, "TXT") == [r'TXT "see \"there\""']
    zen.unlist(entry)
    assert ask(server, name) == ["NXDOMAIN"]


def test_a_list_has_the_test_points_of_rfc_5782(server: DnsServer) -> None:
    server.dnsbl("zen.test", "127.0.0.9")
    mapped = "0.0.f.7.f.f.f.f" + 20 * ".0" + ".zen.test"
    assert ask(server, "2.0.0.127.zen.test") == ["A 127.0.0.9"]
    assert ask(server, "1.0.0.127.zen.test") == ["NXDOMAIN"]
    assert ask(server, "2.0.0.0." + mapped) == ["A 127.0.0.9"]
    assert ask(server, "1.0.0.0." + mapped) == ["NXDOMAIN"]
    assert ask(server, "test.zen.test") == ["A 127.0.0.9"]
    assert ask(server, "invalid.zen.test") == ["NXDOMAIN"]


def test_a_list_that_is_given_up_and_comes_back(server: DnsServer) -> None:
    zen = server.dnsbl("zen.test").list("192.0.2.99", "127.0.0.4")
    zen.list_the_world("127.0.0.2", "203.0.113.9")
    for name in ("1.0.0.127", "99.2.0.192", "98.2.0.192", "x"):
        assert ask(server, name + ".zen.test") == ["A 127.0.0.2",
                                                   "A 203.0.113.9"]
    zen.empty()
    assert ask(server, "99.2.0.192.zen.test") == ["NXDOMAIN"]
    assert ask(server, "2.0.0.127.zen.test") == ["NXDOMAIN"]
    zen.mend()
    assert ask(server, "99.2.0.192.zen.test") == ["A 127.0.0.4"]
    assert ask(server, "1.0.0.127.zen.test") == ["NXDOMAIN"]
    assert ask(server, "a.test") == ["A 192.0.2.1"]


# Zones as text.

def test_a_text_may_bring_zones_and_faults() -> None:
    with DnsServer() as server:
        server.load("""
            $ORIGIN example.org.
            $TTL 1h
            @       IN 5m  MX 10 mail   ; in a comment
            mail           A ( 192.0.2.1
                               ) ; over two lines
            mail           TIMEOUT 50ms
            $ORIGIN example.net.
            bad            SERVFAIL
            bad        IN  A 192.0.2.2
            no             REFUSED
            *              A 192.0.2.4
            gone           NXDOMAIN
            *.all          SERVFAIL
            half           REFUSED A AAAA
            half           A 192.0.2.5
            half           TXT "here"
            empty          NODATA
            odd            GARBLED
            via            CNAME bad
            @              SOA ns me 1 2 3 4 17
            slow           DELAY 100ms
            slow           A 192.0.2.3
        """)
        assert ask(server, "example.org", "MX") == ["MX 10 mail.example.org."]
        assert ask(server, "mail.example.org") == ["A 192.0.2.1"]
        wire = dnsask.query("mail.example.org", "TXT")
        assert dnsask.silent(server.address, wire, 0.1)
        assert ask(server, "bad.example.net") == ["A 192.0.2.2"]
        assert ask(server, "bad.example.net", "MX") == ["SERVFAIL"]
        assert ask(server, "no.example.net") == ["REFUSED"]
        assert ask(server, "gone.example.net") == ["NXDOMAIN"]
        assert ask(server, "any.example.net") == ["A 192.0.2.4"]
        assert ask(server, "x.all.example.net") == ["SERVFAIL"]
        assert ask(server, "half.example.net") == ["REFUSED"]
        assert ask(server, "half.example.net", "TXT") == ['TXT "here"']
        assert ask(server, "half.example.net", "MX") == []
        assert ask(server, "empty.example.net") == []
        assert ask(server, "via.example.net", "MX") == ["SERVFAIL"]
        odd = dnsask.udp(server.address, dnsask.query("odd.example.net"))
        assert odd[:2] == A_TEST[:2]
        gone = dnsask.udp(server.address, dnsask.query("gone.example.net"))
        assert dns.message.from_wire(gone).authority[0][0].minimum == 17
        start = time.monotonic()
        assert ask(server, "slow.example.net") == ["A 192.0.2.3"]
        assert time.monotonic() - start >= 0.1


@pytest.mark.alone
def test_a_delay_for_all_names() -> None:
    with DnsServer() as server:
        server.load("$DELAY 300ms\na A 192.0.2.1\nb DELAY 0ms\nb A 192.0.2.2")
        start = time.monotonic()
        assert ask(server, "b") == ["A 192.0.2.2"]
        assert time.monotonic() - start < 0.3
        assert ask(server, "a") == ["A 192.0.2.1"]
        assert ask(server, "x") == ["NXDOMAIN"]
        assert time.monotonic() - start >= 0.6


@pytest.mark.parametrize("text, problem", [
    ("a A 192.0.2.1\nb A 192.0.2", "zone:2: "),
    ("a NOTYPE x", "zone:1: "),
    ("; one\n\na NOTYPE x\nb A 192.0.2.1\n", "zone:3: "),
    ("  A 192.0.2.1\nb A 1.2.3.4\n", "zone:1: no name"),
    ("a DELAY 3", "zone:1: '3' is no time"),
    ("a A 192.0.2.1\na SERVFAIL NOTYPE", "zone:2: "),
    ("a TXT \"open", "zone:1: "),
])
def test_a_bad_text_says_where(text: str, problem: str) -> None:
    with DnsServer() as server:
        with pytest.raises(dnstext.BadZone) as told:
            server.load(text)
        assert str(told.value).startswith(problem)


def test_a_dead_server_and_its_return(server: DnsServer) -> None:
    server.vanish()
    for host in ("127.0.0.1", "::1"):
        with pytest.raises(ConnectionRefusedError):
            dnsask.tcp((host, server.port), A_TEST)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.connect(server.address)
        sock.send(A_TEST)
        with pytest.raises(ConnectionRefusedError):
            sock.recv(512)
    server.come_back()
    assert ask(server, "a.test") == ["A 192.0.2.1"]
    assert dnsask.tcp(server.address, A_TEST)


def test_a_tcp_client_may_stay_or_vanish(server: DnsServer) -> None:
    with socket.create_connection(server.address, 3) as sock:
        for ident in (1, 2, 3):
            wire = dnsask.query("a.test", ident=ident)
            sock.sendall(prefixed(wire))
        sock.shutdown(socket.SHUT_WR)
        data = b""
        while part := sock.recv(4096):
            data += part
    assert len(data) == 3 * (2 + 40)
    with socket.create_connection(server.address, 3) as sock:
        sock.sendall(b"\0\x20half")
    assert ask(server, "a.test") == ["A 192.0.2.1"]


@pytest.mark.parametrize("wire", [
    b"", b"x", A_TEST[:11], A_TEST[:-1], A_TEST[:2] + b"\x84" + A_TEST[3:],
    A_TEST[:5] + b"\2" + A_TEST[6:], A_TEST[:12] + b"\xc0\x0c\0\1\0\1",
    A_TEST[:12] + b"\x3fabc",
])
def test_what_is_no_query_does_no_harm(server: DnsServer, wire: bytes) -> None:
    if len(wire) < dnswire.HEADER.size or wire[2] & 0x80:
        assert dnsask.silent(server.address, wire, 0.05)
    else:
        assert dnsask.rcode(dnsask.udp(server.address, wire)) == "FORMERR"
    assert server.bad_queries == 1
    assert ask(server, "a.test") == ["A 192.0.2.1"]


# What it tells.

def test_the_log(server: DnsServer) -> None:
    begin = time.monotonic()
    dnsask.udp(server.address, dnsask.query("A.test", "MX", ident=7,
                                           payload=1400))
    dnsask.tcp(("::1", server.port), dnsask.query("b.test"))
    dnsask.udp(server.address, A_TEST)
    first, second, third = server.queries()
    assert (first.name, first.type, first.transport, first.id,
            first.payload) == ("A.test", "MX", "udp", 7, 1400)
    assert (second.transport, second.source[0], second.payload) == (
        "tcp", "::1", 0)
    assert begin <= first.when <= second.when <= third.when
    assert server.count("a.TEST.") == 2
    assert server.count("a.test", "MX") == 1
    assert server.count(transport="tcp") == 1
    assert server.ports() == {first.source[1], third.source[1]}
    server.forget()
    assert server.queries() == []


def test_repeats_are_counted_however_they_are_answered(
        server: DnsServer) -> None:
    for _ in range(3):
        ask(server, "a.test")
    server.behave("a.test", Rcode("SERVFAIL"))
    for _ in range(3):
        ask(server, "a.test")
    assert server.count("a.test", "A", "udp") == 6
    assert len(server.ports("a.test")) > 1


def test_a_parallel_start_shows(server: DnsServer) -> None:
    server.behave(".", Delay(0.5))
    names = [f"n{n}.test" for n in range(5)]
    askers = [threading.Thread(target=ask, args=(server, name))
              for name in names]
    for asker in askers:
        asker.start()
    queries = server.wait_for(5)
    for asker in askers:
        asker.join()
    assert span(queries) < 0.5
    assert sorted(q.name for q in queries) == names


@pytest.mark.alone
def test_it_is_quick_enough(server: DnsServer) -> None:
    """Far below what it does on an idle machine (see lib/dnsserver.py)."""
    rate = dnsask.rate(server.address, A_TEST, 0.5)
    print(f"{rate:.0f} answers a second")
    assert rate > 1000


def test_it_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    for _ in range(3):
        with DnsServer() as server:
            server.behave("a.test", Delay(60))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(A_TEST, server.address)
                server.wait_for(1)
            idle = socket.create_connection(server.address, 3)
        idle.close()
        server.close()  # twice is fine
        with pytest.raises(ConnectionRefusedError):
            dnsask.tcp(server.address, A_TEST)
    assert threading.active_count() == threads
