"""D1, D8, D9, D10 for SPF: what strangers publish, and servers that fail."""

from __future__ import annotations

import time

import pytest

from lib import wait
from lib.dnsfault import Drop, Fault, Garbage, Rcode
from lib.dnsserver import DnsServer

from .asking import (MAX_CALLBACK_S, Asking, breaker_is, count, dns_stats,
                     next_client, slowest, visit, visits)
from .figures import figure, rounds
from .running import sanitized

# Whatever SPF does not know, or knows wrongly, refuses.
RULES = """
rule PASS       0.1 if spf is pass
rule TEMPERROR  0.2 if spf is temperror
rule UNKNOWN    0.4 if spf is unknown
rule PERMERROR  0.8 if spf is permerror
rule FAIL      20.0 if spf is fail
rule SOFTFAIL  20.0 if spf is softfail
rule NEUTRAL   20.0 if spf is neutral
rule NONE      20.0 if spf is none
verdict reject at 10.0
"""
# Ten terms that ask, ten names of each, and what asks for these; HELO as well.
QUERIES_MAX = 10 * 10 + 12


def tree(server: DnsServer, name: str, record: str) -> None:
    strings = (record[at:at + 255] for at in range(0, len(record), 255))
    server.zone("example").add(name, "TXT", " ".join(
        f'"{string}"' for string in strings))


# --- D8: amplification --------------------------------------------------------


def ten_times_ten_mx(server: DnsServer) -> None:
    """The most that the RFC allows."""
    zone = server.zone("example")
    tree(server, "mx", "v=spf1 " + " ".join(
        f"mx:m{i}.mx.example" for i in range(10)) + " ~all")
    for i in range(10):
        zone.add(f"m{i}.mx", "MX", *(f"{j} h{i}x{j}.mx" for j in range(10)))
        for j in range(10):
            zone.add(f"h{i}x{j}.mx", "A", "203.0.113.9")


def includes_of_mx(server: DnsServer) -> None:
    """Ten includes that hold ten mx each, of ten hosts each."""
    zone = server.zone("example")
    tree(server, "tree", "v=spf1 " + " ".join(
        f"include:i{i}.tree.example" for i in range(10)) + " ~all")
    for i in range(10):
        tree(server, f"i{i}.tree", "v=spf1 " + " ".join(
            f"mx:m{i}x{j}.tree.example" for j in range(10)) + " ~all")
    for i in range(100):
        zone.add(f"m{i // 10}x{i % 10}.tree", "MX",
                 *(f"{j} h{i}x{j}.tree" for j in range(10)))
        for j in range(10):
            zone.add(f"h{i}x{j}.tree", "A", "203.0.113.9")


def void_lookups(server: DnsServer) -> None:
    """Names made from what the sender wrote, none of which exists."""
    tree(server, "void", "v=spf1 " + " ".join(
        f"exists:{i}.%{{l}}.%{{i}}.void.example" for i in range(10)) + " ~all")


def itself(server: DnsServer) -> None:
    """Includes without an end."""
    tree(server, "itself", "v=spf1 include:itself.example "
                           "include:itself.example ~all")


def redirects(server: DnsServer) -> None:
    """A ring of redirects."""
    for i in range(20):
        tree(server, f"r{i}.ring", f"v=spf1 redirect=r{(i + 1) % 20}.ring.example")
    tree(server, "ring", "v=spf1 redirect=r0.ring.example")


def too_many_hosts(server: DnsServer) -> None:
    """An mx of more hosts than may be looked at."""
    tree(server, "wide", "v=spf1 mx ~all")
    server.zone("example").add("wide", "MX",
                               *(f"{j} h{j}.wide" for j in range(60)))


@pytest.mark.parametrize("harm,said", [
    (ten_times_ten_mx, "SOFTFAIL"), (includes_of_mx, "PERMERROR"),
    (void_lookups, "PERMERROR"), (itself, "PERMERROR"),
    (redirects, "PERMERROR"), (too_many_hosts, "PERMERROR")])
def test_amplification(dns_server: DnsServer, harm, said: str) -> None:
    """D8: a tree of records costs so many queries and no more."""
    harm(dns_server)
    name = {"ten_times_ten_mx": "mx", "includes_of_mx": "tree",
            "void_lookups": "void", "itself": "itself", "redirects": "ring",
            "too_many_hosts": "wide"}[harm.__name__]
    rules = RULES.replace("SOFTFAIL  20.0", "SOFTFAIL 1.6")
    with Asking(dns_server, rules) as filt:
        made = visit(filt, sender=f"a.b.c.d@{name}.example")
        asked = sum(q.name.lower().endswith(f"{name}.example")
                    for q in dns_server.queries())
        figure("D8", records=f'"{harm.__doc__.split(".")[0]}"',
               queries_a_mail=asked, of=QUERIES_MAX, said=said,
               slowest_s=made.slowest)
        assert made.outcome == "passed"
        assert said in made.symbols
        assert asked <= QUERIES_MAX
        assert made.slowest <= MAX_CALLBACK_S


def test_amplified_all_at_once(dns_server: DnsServer) -> None:
    """D8: many senders with such trees do not slow those without."""
    ten_times_ten_mx(dns_server)
    tree(dns_server, "good", "v=spf1 +all")
    with Asking(dns_server, RULES.replace("SOFTFAIL  20.0", "SOFTFAIL 1.6")) as filt:
        bad = visits(filt, 100, threads=25, sender="x@mx.example")
        good = visits(filt, 20, threads=4, sender="x@good.example")
        figure("D8", hostile_mails=len(bad), refused=count(bad, "refused"),
               slowest_s=slowest(bad), then_good=len(good),
               good_slowest_s=slowest(good))
        assert count(bad + good, "passed") == len(bad + good)
        assert all("PASS" in one.symbols for one in good)
        assert slowest(bad + good) <= MAX_CALLBACK_S


# --- D9: temporary confusion --------------------------------------------------

FAULTS: dict[str, Fault] = {
    "SERVFAIL": Rcode("SERVFAIL"), "REFUSED": Rcode("REFUSED"),
    "FORMERR": Rcode("FORMERR"), "garbled": Garbage(keep=12),
    "silence": Drop(),
}


@pytest.mark.parametrize("how", FAULTS)
def test_temporary_confusion(dns_server: DnsServer, how: str) -> None:
    """D9: whichever server fails, it is a temperror: no "none", no "fail"."""
    zone = dns_server.zone("example")
    cases = {"itself": "v=spf1 -all", "include": "v=spf1 include:b.example -all",
             "redirect": "v=spf1 redirect=b.example", "a": "v=spf1 a:b.example -all",
             "mx": "v=spf1 mx:b.example -all", "host": "v=spf1 mx:c.example -all",
             "exists": "v=spf1 exists:b.example -all"}
    for name, record in cases.items():
        tree(dns_server, f"{name}.of", record)
    zone.add("c", "MX", "10 b.example.")
    dns_server.behave(".b.example", FAULTS[how])
    dns_server.behave("itself.of.example", FAULTS[how])
    wrong = 0
    waits = []
    with Asking(dns_server, RULES, "set dns_timeout 1s\n") as filt:
        for name in cases:
            made = visit(filt, sender=f"a@{name}.of.example")
            wrong += made.symbols != {"TEMPERROR", "UNKNOWN"}
            waits.append(made.slowest)
            assert made.outcome == "passed", (name, made.reply)
    figure("D9", spf=how, mails=len(cases), wrong=wrong, slowest_s=max(waits))
    assert wrong == 0
    assert max(waits) <= MAX_CALLBACK_S


def test_a_policy_that_cannot_be_read(dns_server: DnsServer) -> None:
    """D9: DMARC whose record fails is a temperror, and nobody is refused."""
    rules = """
        rule REJECT     20.0 if dmarc is fail
        rule NONE       20.0 if dmarc is none
        rule POLICY     20.0 if dmarc.policy is reject
        rule NO_POLICY  20.0 if dmarc.policy is none
        rule TEMPERROR   0.2 if dmarc is temperror
        verdict reject at 10.0
        """
    tree(dns_server, "s", "v=spf1 -all")
    dns_server.zone("_dmarc.a.example").add("@", "TXT", '"v=DMARC1; p=reject"')
    with Asking(dns_server, rules, "set dns_timeout 1s\n") as filt:
        for how, fault in FAULTS.items():
            dns_server.behave(".", fault, qtype="TXT")
            made = visit(filt, sender="x@s.example")
            figure("D9", dmarc=how, refused=made.outcome != "passed",
                   slowest_s=made.slowest)
            assert made.outcome == "passed", made.reply
            assert made.symbols == {"TEMPERROR"}
            assert made.slowest <= 25


# --- D10: what is written badly -----------------------------------------------

WRITTEN = [
    ("two records", ['"v=spf1 +all"', '"v=spf1 -all"'], "PERMERROR"),
    ("cut anywhere", ['"v=sp" "f1 ip4:198.18" ".0.0/15 -a" "ll"'], "PASS"),
    ("a blank too few", ['"v=spf1 ip4:198.18.0.0/15" "-all"'], "PERMERROR"),
    ("among others", ['"verification=1"', '"v=spf1 +all"', '"v=spf10 -all"'],
     "PASS"),
    ("300 bytes", ['"v=spf1 ' + "ip4:203.0.113.1 " * 14 + '" "'
                   + "ip4:203.0.113.2 " * 5 + '+all"'], "PASS"),
    ("4 KiB", ['"v=spf1 ' + '" "'.join(["ip4:203.0.113.1 " * 14] * 18)
               + '+all"'], "PASS"),
    ("8 bits", ['"v=spf1 \\195\\182 +all"'], "PERMERROR"),
]


def test_badly_written(dns_server: DnsServer) -> None:
    """D10: two records, split strings, long ones: as the RFC says."""
    zone = dns_server.zone("example")
    wrong = 0
    for number, (_, texts, _) in enumerate(WRITTEN):
        zone.add(f"w{number}", "TXT", *texts)
    with Asking(dns_server, RULES) as filt:
        for number, (what, _, said) in enumerate(WRITTEN):
            made = visit(filt, sender=f"a@w{number}.example")
            wrong += said not in made.symbols
            assert made.outcome == "passed", (what, made.reply)
            assert said in made.symbols, (what, made.symbols)
    figure("D10", records=len(WRITTEN), wrong=wrong)


# --- D1: nobody answers -------------------------------------------------------


@pytest.mark.alone
@pytest.mark.parametrize("how", ["silent", "servfail", "gone"])
def test_dead_resolver(dns_server: DnsServer, how: str) -> None:
    """D1: SPF is unknown then, and that refuses nobody."""
    dns_server.zone("example").add("*", "TXT", '"v=spf1 +all"')
    with Asking(dns_server, RULES + "rule NOT 20.0 if spf is not pass\n") as filt:
        assert visit(filt).symbols == {"PASS"}
        pid = filt.pid
        if how == "gone":
            dns_server.vanish()
        else:
            dns_server.behave(".", Drop() if how == "silent"
                              else Rcode("SERVFAIL"))
        before = []
        began = time.monotonic()
        while dns_stats(filt)["breaker"]["state"] != "open":
            before += visits(filt, 5, threads=5)
            assert time.monotonic() - began < 60
        opened = time.monotonic() - began
        after = visits(filt, max(20, rounds(1000) - len(before)))
        if how == "gone":
            dns_server.come_back()
        else:
            dns_server.behave_well()
        breaker_is(filt, "closed", 20)
        wait.until("SPF to pass", 10, lambda: visit(
            filt, next_client()).symbols == {"PASS"})
        figure("D1", spf=how, messages=len(before + after),
               refused=count(before + after, "refused"),
               deferred=count(before + after, "deferred"),
               slowest_s=slowest(before), breaker_open_s=opened,
               then_slowest_ms=1000 * slowest(after))
        assert count(before + after, "passed") == len(before + after)
        assert all(one.symbols <= {"TEMPERROR", "UNKNOWN"}
                   for one in before + after)
        assert slowest(before + after) <= MAX_CALLBACK_S
        assert slowest(after) <= 0.5 or sanitized()
        assert filt.pid == pid


# --- clients that fall silent -------------------------------------------------


@pytest.mark.alone
def test_silent_after_mail(dns_server: DnsServer) -> None:
    """Answers that nobody comes to take do not keep channels from others."""
    dns_server.zone("example").add("*", "TXT", '"v=spf1 +all"')
    with Asking(dns_server, RULES) as filt:
        held = []
        for _ in range(100):
            mta = filt.session(timeout=30)
            client = next_client()
            mta.connect("x.example", client, 40025)
            mta.helo(b"h.example")
            mta.mail(b"<a@silent.example>")
            held.append(mta)
        made = visits(filt, 40, threads=4)
        figure("D8", silent_after_mail=len(held), others=len(made),
               known=sum("PASS" in one.symbols for one in made),
               slowest_s=slowest(made))
        assert all(one.symbols == {"PASS"} for one in made)
        assert slowest(made) <= 2 or sanitized()
        for mta in held:
            mta.abort()
            mta.quit()
