"""D1, D2, D7, D9, C3, X1: a resolver that is dead, slow, or lies."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from typing import Iterator

import pytest

from lib import milter, wait
from lib.dnsfault import Delay, Drop, Loss, Rcode
from lib.dnsserver import DnsServer

from . import family, watch
from .asking import (MAX_CALLBACK_S, RULES, Asking, Visit, breaker_is, count,
                     ctl, dns_stats, good_world, list_lines, next_client,
                     slowest, visit, visits)
from .figures import SOAK, figure, rounds
from .running import (Filter, await_line, log_words, sanitized, serves,
                      unescape)


@pytest.fixture
def world(dns_server: DnsServer) -> DnsServer:
    """A DNS server where all is well."""
    good_world(dns_server)
    return dns_server


@pytest.fixture
def filt(world: DnsServer) -> Iterator[Asking]:
    with Asking(world) as running:
        assert visit(running).outcome == "passed"
        yield running


# --- D1: nobody answers -------------------------------------------------------


def harm(server: DnsServer, how: str) -> None:
    if how == "silent":
        server.behave(".", Drop())
    elif how == "servfail":
        server.behave(".", Rcode("SERVFAIL"))
    else:
        server.vanish()


def heal(server: DnsServer, how: str) -> None:
    if how == "gone":
        server.come_back()
    else:
        server.behave_well()


@pytest.mark.alone
@pytest.mark.parametrize("how", ["silent", "servfail", "gone"])
def test_dead_resolver(world: DnsServer, filt: Asking, how: str) -> None:
    """D1: nobody is refused or waits for long, and soon nobody waits at all."""
    pid = filt.pid
    harm(world, how)
    before: list[Visit] = []
    began = time.monotonic()
    while dns_stats(filt)["breaker"]["state"] != "open":
        before += visits(filt, 5, threads=5)
        assert time.monotonic() - began < 60
    open_s = time.monotonic() - began
    after = visits(filt, max(20, rounds(1000) - len(before)))
    heal(world, how)
    world.zone("zen.test").list("192.0.2.99", "127.0.0.4")
    began = time.monotonic()
    wait.until("a listed client to be refused", 20,
               lambda: visit(filt, "192.0.2.99").outcome == "refused")
    recovery = time.monotonic() - began
    # One of so many may meet with whatever else runs on the machine.
    ms = 1000 * family.quantile([one.slowest for one in after], 0.99)
    figure("D1", how=how, messages=len(before + after),
           refused=count(before + after, "refused"),
           deferred=count(before + after, "deferred"),
           slowest_s=slowest(before + after), breaker_open_s=open_s,
           then_p99_ms=ms, then_slowest_ms=1000 * slowest(after),
           recovery_s=recovery)
    assert count(before + after, "passed") == len(before + after)
    assert not any(one.symbols for one in before + after)
    assert slowest(before + after) <= MAX_CALLBACK_S
    assert ms <= 50 or sanitized()
    assert recovery <= 10
    # It was nobody's fault but the resolver's.
    assert not [line for line in filt.lines("dnsbl") if "warning" in line]
    assert filt.pid == pid


# --- D2: slow, and some is lost -----------------------------------------------


@pytest.mark.alone
def test_slow_answers_are_awaited_together(world: DnsServer,
                                           filt: Asking) -> None:
    """D2: all questions of a message take as long as the slowest one."""
    delays = {"zen.test": 0.9, "two.test": 1.0, "dbl.test": 1.1,
              "good.test": 1.2, "in-addr.arpa": 1.3, "example": 1.4}
    for zone, seconds in delays.items():
        world.behave("." + zone, Delay(seconds))
    made = visits(filt, 20, threads=20)
    figure("D2", questions_s=sum(delays.values()), slowest_question_s=1.4,
           message_p99_s=family.quantile([one.total for one in made], 0.99))
    assert count(made, "passed") == len(made)
    assert all(one.symbols == {"NAMED"} for one in made)
    # Anything in a row would be twice as long as the longest.
    assert slowest(made) < 2 * 1.4 + (2 if sanitized() else 0)


def test_slow_and_lossy(world: DnsServer, filt: Asking) -> None:
    """D2: half a second to five, and every third answer lost."""
    for number, zone in enumerate(("zen.test", "two.test", "dbl.test",
                                   "good.test", "in-addr.arpa", "example")):
        world.behave("." + zone, Delay(0.5 + 0.9 * number),
                     Loss(0.3, seed=number))
    made = visits(filt, rounds(2000), threads=20)
    known = sum("NAMED" in one.symbols for one in made)
    waits = [one.slowest for one in made]
    figure("D2", lost_answers="30%", delays_s="0.5-5", messages=len(made),
           refused=count(made, "refused"), deferred=count(made, "deferred"),
           names_found=known, p50_s=family.quantile(waits, 0.5),
           p99_ms=1000 * family.quantile(waits, 0.99))
    assert count(made, "passed") == len(made)
    assert slowest(made) <= MAX_CALLBACK_S


# --- D7: room for forged answers ----------------------------------------------


def test_a_resolver_elsewhere_is_warned_of(world: DnsServer) -> None:
    """D7: in the log and by steelyardctl; questions come from many ports."""
    elsewhere = f"{world.servers}, 192.0.2.53"
    with Filter(f'set dns_servers "{elsewhere}"\n' + RULES) as filt:
        (line,) = await_line(filt, "D7", 1)
        assert "level=warning" in line and "192.0.2.53" in line, line
        made = visits(filt, 40, threads=4)
        assert count(made, "passed") == len(made)
        ports, asked = len(world.ports()), world.count(transport="udp")
        ids = len({query.id for query in world.queries()})
        said = ctl(filt, "dns", "stats").stdout.decode()
        assert "not on this machine" in said or "forged" in said, said
        figure("D7", detected="yes", queries=asked, source_ports=ports,
               query_ids=ids)
        assert ports > asked / 4
        assert ids > asked * 0.9
    with Asking(world) as filt:
        visit(filt)
        assert not filt.lines("D7")
        assert dns_stats(filt)["warning"] is None


# --- D9: no such name is not the same as no answer ----------------------------


def test_failure_is_not_absence(world: DnsServer, filt: Asking) -> None:
    """D9: NXDOMAIN refuses, SERVFAIL and the like never do."""
    failures = ("SERVFAIL", "REFUSED", "FORMERR", "NOTIMP")
    turns = rounds(200)
    wrong = 0
    for turn in range(turns):
        client, name = next_client(), f"n{turn}.example"
        reverse = ".".join(reversed(client.split("."))) + ".in-addr.arpa"
        places = {reverse: "", name: ""}
        which = (reverse, name)[turn % 2]
        places[which] = failures[turn % len(failures)]
        for place, failure in places.items():
            if failure:
                world.behave(place, Rcode(failure))
        unknown = visit(filt, client, sender=f"a@{name}", helo=name)
        wrong += unknown.outcome != "passed"
        world.behave(which, Rcode("NXDOMAIN"))
        ctl(filt, "dns", "flush")
        absent = visit(filt, client, sender=f"a@{name}", helo=name)
        wrong += absent.outcome != "refused"
        world.behave(which)
    figure("D9", names=2 * turns, wrong_verdicts=wrong)
    assert wrong == 0


# --- C3: what strangers publish is shown, and does nothing ---------------------

EVIL_TXT = [
    b"a\r\nNov 22 10:00:00 mx steelyard: event=mail level=info verdict=accept",
    b"\x1b[2J\x1b]0;title\x07", b"\xc2\x85event=P1 level=crit",
    "\u202egnp.exe\u2028event=x".encode(), b"\0\x01\x02\x7f\xff",
    b'" event=forged "', b"%s%n%d", b"\n" * 200, b"\xe2\x80\xae" * 80]
EVIL_NAMES = [r"a\010b", r"a\013\010event=forged", r"x\027[31m", r"sp\032ace",
              r"q\"uote", r"back\\slash", r"nul\000byte", r"\255\254",
              r"ev\061il\.dot", r"perc%25nt"]


def assert_harmless(said: bytes) -> None:
    """Plain ASCII and line ends that we wrote."""
    assert re.fullmatch(rb"[\n -~]*", said), said


def test_evil_texts(world: DnsServer) -> None:
    """C3: TXT and PTR reach terminals and logs escaped, and no reply."""
    rules = ('dnsbl "zen.test" { ZEN 20.0 on 127.0.0.2 "listed" }\n'
             'rule EVIL 0.2 if client.ptr ~ /evil/\n'
             'rule HERE 0.3 if client.name is not none\n'
             'verdict reject at 10.0 reply "550 5.7.1 No: %{hits}"\n')
    zen = world.zone("zen.test")
    reverse = world.zone("in-addr.arpa")
    shown = 0
    with Asking(world, rules) as filt:
        for number, txt in enumerate(EVIL_TXT):
            client = f"192.0.2.{number + 1}"
            world.zone("zen.test").list(client, "127.0.0.2")
            zen.add(f"{number + 1}.2.0.192", "TXT", _quoted(txt))
            for words in (("dnsbl", client), ("--json", "dnsbl", client),
                          ("dns", "query", f"{number + 1}.2.0.192.zen.test",
                           "TXT")):
                said = ctl(filt, *words)
                assert_harmless(said.stdout + said.stderr)
                shown += 1
            heard = visit(filt, client)
            assert heard.outcome == "refused"
            assert heard.reply.text[0].startswith("550 5.7.1 No: ZEN (ref")
        for number, name in enumerate(EVIL_NAMES):
            client = f"192.0.3.{number + 1}"
            reverse.add(f"{number + 1}.3.0.192", "PTR", name + ".example.")
            said = ctl(filt, "dns", "query", client)
            assert_harmless(said.stdout + said.stderr)
            shown += 1
            assert visit(filt, client).outcome == "passed"
        forged = 0
        for line in filt.log().splitlines():
            if "event=root" in line:
                continue  # a sentence
            try:
                for key, value in log_words(_unquoted(line)):
                    unescape(value)
                    forged += key == "event" and value in ("forged", "x")
            except AssertionError:
                forged += 1
                print("not a line of ours:", line)
        figure("C3", evil_answers=shown, forged_lines=forged)
        assert forged == 0


def _quoted(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03}" for byte in data) + '"'


def _unquoted(line: str) -> str:
    """A line of ours, with the blanks in its own quotes taken out."""
    return re.sub(r'"[^"]*"', lambda q: q.group().replace(" ", "_"), line)


# --- X1: descriptors ------------------------------------------------------------


def test_few_descriptors_and_dns(world: DnsServer) -> None:
    """X1: with DNS asked, too, mail flows; who does not fit may come again."""
    world.behave(".in-addr.arpa", Delay(0.3))
    with Asking(world, prefix=("prlimit", "--nofile=64")) as filt:
        visit(filt)
        pid = filt.pid
        idle = watch.descriptors(pid)
        links = []
        for _ in range(100):  # who waits is served when these go
            links.append(milter.Link(filt.address, timeout=1))
        for link in links:
            link.close()
        wait.until("service", 10, lambda: _is_served(filt))
        made = visits(filt, rounds(1000), threads=10)
        figure("X1", with_dns=len(made), refused_5xx=count(made, "refused"),
               deferred=count(made, "deferred"),
               passed=count(made, "passed"))
        assert count(made, "refused") == 0
        assert count(made, "passed") > 0
        assert all(one.symbols == {"NAMED"} for one in visits(filt, 5))
        assert filt.pid == pid
        wait.until("descriptors to be closed", 15,
                   lambda: watch.descriptors(pid) <= idle + 4)


def _is_served(filt: Filter) -> bool:
    with contextlib.suppress(OSError, ConnectionError):
        return not visit(filt).reply.refuses
    return False


# --- reload -----------------------------------------------------------------------


def test_other_servers_under_load(world: DnsServer) -> None:
    """Reloads that change dns_servers: no message is lost or judged wrongly."""
    with DnsServer() as other, Asking(world) as filt:
        good_world(other)
        for server in (world, other):
            server.zone("zen.test").list("192.0.2.99", "127.0.0.4")
            server.behave(".", Delay(0.05))
        serving = filt.pid
        settings = filt._settings()
        stop = threading.Event()
        made: list[Visit] = []
        listed: list[Visit] = []
        errors: list[BaseException] = []

        def load(client: str, to: list[Visit]) -> None:
            try:
                while not stop.is_set():
                    to.append(visit(filt, client))
            except BaseException as exc:
                errors.append(exc)

        loads = [threading.Thread(target=load, args=args) for args in
                 [("", made)] * 4 + [("192.0.2.99", listed)]]
        for thread in loads:
            thread.start()
        turns = 400 if SOAK else 20
        try:
            for turn in range(turns):
                server = (other, world)[turn % 2]
                new = filt.config.with_suffix(".new")
                new.write_text(settings
                               + f'set dns_servers "{server.servers}"\n'
                               + RULES)
                new.rename(filt.config)
                server.forget()
                os.kill(filt.supervisor, signal.SIGHUP)
                await_line(filt, "reload", turn + 1)
                wait.until("the other server to be asked", 10,
                           lambda: server.count() > 0)
        finally:
            stop.set()
            for thread in loads:
                thread.join(30)
        assert not errors, errors
        threads = watch.threads(serving)
        wrong = sum(one.outcome != "passed" or one.symbols != {"NAMED"}
                    for one in made)
        missed = sum(one.outcome != "refused" for one in listed)
        figure("R3", dns_reloads=turns, messages=len(made) + len(listed),
               lost=0, wrongly_judged=wrong, listed_and_passed=missed,
               slowest_s=slowest(made + listed))
        assert wrong == 0 and missed == 0
        assert filt.pid == serving
        assert threads < 60
