"""D3, D4, D5: lists that refuse to serve, list the world, or are empty."""

from __future__ import annotations

import time
from typing import Iterator

import pytest

from lib import wait
from lib.dnsfault import Drop, Rcode
from lib.dnsserver import DnsServer

from .asking import (Asking, Visit, await_health, count, dns_stats,
                     good_world, health, list_lines, next_client, visit,
                     visits)
from .figures import figure, rounds

# A muted list is tested every half minute.
COMES_BACK_S = 50
MUTED_AFTER = 20  # questions, at most
HARMED = ("zen.test", "two.test", "dbl.test")


@pytest.fixture
def filt(dns_server: DnsServer) -> Iterator[Asking]:
    good_world(dns_server)
    with Asking(dns_server) as running:
        assert visit(running).outcome == "passed"
        for zone in HARMED:
            await_health(running, zone, "well", 10)
        yield running


def until_muted(filt: Asking, zone: str, state: str) -> tuple[list[Visit],
                                                             float]:
    """Mails until the list is muted, and how long that took."""
    made: list[Visit] = []
    began = time.monotonic()
    while health(filt)[zone]["state"] != state:
        made.append(visit(filt))
        assert time.monotonic() - began < 60, health(filt)[zone]
    return made, time.monotonic() - began


@pytest.mark.parametrize("code", [252, 254, 255])
def test_error_codes(dns_server: DnsServer, filt: Asking, code: int) -> None:
    """D3: what says that we are not served is never a listing."""
    zen = dns_server.zone("zen.test")
    zen.list_the_world(f"127.255.255.{code}")
    asked = dns_server.count()
    made, muted_s = until_muted(filt, "zen.test", "refusing")
    dns_server.forget()
    made += visits(filt, rounds(1000))
    lines = list_lines(filt, "zen.test", "refusing")
    still = [q for q in dns_server.queries() if q.name.endswith("zen.test")]
    figure("D3", code=f"127.255.255.{code}", messages=len(made),
           refused=count(made, "refused"), muted_after_s=muted_s,
           asked_when_muted=len(still), log_lines=len(lines))
    assert count(made, "passed") == len(made) and asked
    assert muted_s < 5
    assert len(lines) == 1 and "level=warning" in lines[0], lines
    assert not still  # but for its tests, which are not due yet


def world_listed(server: DnsServer) -> None:
    for zone in HARMED[:2]:
        server.zone(zone).list_the_world("127.0.0.2")
    server.zone("dbl.test").list_the_world("127.0.1.2")


def test_lists_the_world_in_mid_run(dns_server: DnsServer,
                                    filt: Asking) -> None:
    """D4: lists that are given up refuse nobody, and come back when mended."""
    dns_server.zone("zen.test").list("192.0.2.99", "127.0.0.4")
    made = visits(filt, 20)
    assert visit(filt, "192.0.2.99").outcome == "refused"
    world_listed(dns_server)
    began, at = time.monotonic(), dns_server.count()
    # Many at once, so that some have asked before the change and some after.
    after = visits(filt, rounds(1000), threads=4)
    for zone in HARMED:
        await_health(filt, zone, "lists all", 5)
    muted_s = time.monotonic() - began
    queries = {zone: sum(q.name.endswith(zone) and q.type == "A"
                         for q in dns_server.queries()[at:])
               for zone in HARMED}
    for zone in HARMED:
        dns_server.zone(zone).mend()
    mended = time.monotonic()
    wait.until("a listed client to be refused again", COMES_BACK_S,
               lambda: visit(filt, "192.0.2.99").outcome == "refused")
    back_s = time.monotonic() - mended
    for zone in HARMED:
        await_health(filt, zone, "well", 10)
    lines = [list_lines(filt, zone, "lists all") for zone in HARMED]
    figure("D4", harm="lists the world", messages=len(made + after),
           refused=count(made + after, "refused"), muted_after_s=muted_s,
           queries_until_muted=max(queries.values()), back_after_s=back_s,
           log_lines=sum(map(len, lines)), lists=len(HARMED))
    assert count(made + after, "refused") == 0
    assert count(made + after, "passed") == len(made + after)
    assert max(queries.values()) <= MUTED_AFTER + 20  # four at a time
    assert [len(one) for one in lines] == [1] * len(HARMED)


def test_world_listed_with_a_cache_before_it(dns_server: DnsServer,
                                             filt: Asking) -> None:
    """D4: that the test entries are remembered as they were hides nothing."""
    world_listed(dns_server)
    # As a resolver between us would: what was asked before stays for a while.
    for zone in HARMED:
        for name in ("1.0.0.127", "invalid"):
            dns_server.behave(f"{name}.{zone}", Rcode("NXDOMAIN"))
    made = visits(filt, rounds(200))
    figure("D4", harm="and a cache in between", messages=len(made),
           refused=count(made, "refused"))
    assert count(made, "refused") == 0


def test_world_listed_beside_entries(dns_server: DnsServer,
                                     filt: Asking) -> None:
    """D4: a wildcard that was added to what was listed, test entries and all.

    It does not reach below names that there are (RFC 4592), such as "127".
    """
    for zone in HARMED:
        dns_server.zone(zone).add("*", "A", "127.0.1.2" if zone == "dbl.test"
                                  else "127.0.0.2")
    made = visits(filt, rounds(200))
    states = {zone: health(filt)[zone]["state"] for zone in HARMED}
    figure("D4", harm="a wildcard beside entries", messages=len(made),
           refused=count(made, "refused"))
    assert count(made, "passed") == len(made)
    assert set(states.values()) == {"lists all"}, states


def test_emptied_list(dns_server: DnsServer, filt: Asking) -> None:
    """D4: a list that nobody fills any more is noticed, and logged once."""
    zen = dns_server.zone("zen.test")
    zen.empty()
    # An hour goes by between tests of a list that nobody suspects; a new
    # filter tests at once, and has never seen the entry.
    made = visits(filt, 20)
    assert count(made, "passed") == 20
    zen.mend()
    for client in (next_client() for _ in range(3)):
        zen.list(client, "127.0.0.4")
        assert visit(filt, client).outcome == "refused"
    figure("D4", harm="emptied", messages=len(made) + 3,
           refused_wrongly=count(made, "refused"))


def test_parked_domain(dns_server: DnsServer, filt: Asking) -> None:
    """D5: answers outside of 127.0.0.0/8 are never a listing."""
    for zone in HARMED:
        dns_server.zone(zone).list_the_world("203.0.113.9")
    made: list[Visit] = []
    states: dict[str, float] = {}
    began = time.monotonic()
    while len(states) < len(HARMED):
        made.append(visit(filt))
        now = health(filt)
        for zone in HARMED:
            if now[zone]["muted"]:
                states.setdefault(zone, time.monotonic() - began)
        assert time.monotonic() - began < 60, now
    after = visits(filt, rounds(1000))
    lines = [line for zone in HARMED for line in list_lines(filt, zone)
             if "level=warning" in line]
    figure("D5", answer="203.0.113.9", messages=len(made + after),
           refused=count(made + after, "refused"),
           muted_after_s=max(states.values()), messages_until_muted=len(made),
           log_lines=len(lines), lists=len(HARMED))
    assert count(made + after, "passed") == len(made + after)
    assert len(made) <= MUTED_AFTER
    assert len(lines) == len(HARMED), lines


def test_silent_list(dns_server: DnsServer, filt: Asking) -> None:
    """D1: one list that is silent is muted; the resolver is not to blame."""
    dns_server.behave(".zen.test", Drop())
    made = visits(filt, 30, threads=10)
    wait.until("the silent list to be muted", 60, lambda: (
        made.append(visit(filt)) or health(filt)["zen.test"]["muted"]))
    quick = visits(filt, 20)
    figure("D1", silent_lists=1, messages=len(made + quick),
           refused=count(made + quick, "refused"),
           then_slowest_ms=1000 * max(one.slowest for one in quick))
    assert count(made + quick, "passed") == len(made + quick)
    assert dns_stats(filt)["breaker"]["opened"] == 0
    assert all(one.symbols == {"NAMED"} for one in quick)
    assert max(one.slowest for one in quick) < 1
    assert len(list_lines(filt, "zen.test", "silent")) == 1
