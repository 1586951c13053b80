"""A filter that asks a fake DNS server, and mails that make it ask."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import threading
import time
from typing import Any, Callable, Sequence

from lib import wait
from lib.control import Control
from lib.dnsserver import DnsServer
from lib.fakemta import FakeMta, Reply
from lib.steelyard import program

from .running import Filter, letter, symbols

# Three lists and a white one, the client's names, HELO's and the sender's: what
# a site asks.  Each refuses alone, so whatever counts wrongly is seen.
RULES = """
dnsbl "zen.test" { ZEN 20.0 on 127.0.0.2 - 127.0.0.11 }
dnsbl "two.test" { TWO 20.0 on 127.0.0.2 }
dnsbl "dbl.test" of sender.domain, helo.name, from.domain { DBL 20.0 on 127.0.1.2 }
dnsbl "good.test" { GOOD -0.5 on 127.0.*.2 }
rule NO_NAME   20.0 if client.ptr is none
rule NO_HELO   20.0 if helo.resolves is no
rule NO_SENDER 20.0 if sender.exists is no
rule NAMED      0.1 if client.ptr is not none
verdict reject at 10.0
"""
MAX_CALLBACK_S = 8.0

_clients = (f"198.{18 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}"
            for n in itertools.count(1))


def next_client() -> str:
    """An address that nobody has asked about yet."""
    return next(_clients)


def good_world(server: DnsServer) -> None:
    """Everybody has a name, every domain a mail host, and nobody is listed."""
    for zone in ("zen.test", "two.test", "good.test"):
        server.dnsbl(zone)
    server.dnsbl("dbl.test", "127.0.1.2")
    server.zone("in-addr.arpa").add("*", "PTR", "host.named.example.")
    server.zone("example").add("*", "MX", "10 mx.named.example.").add(
        "*", "A", "198.51.100.7")


@dataclasses.dataclass
class Visit:
    """One client's one message, and what it heard."""

    outcome: str  # passed, deferred or refused
    symbols: set[str]
    slowest: float  # seconds, the longest that the MTA waited for a reply
    total: float
    reply: Reply


class _Timed:
    """Calls, and remembers which took longest."""

    def __init__(self) -> None:
        self.slowest = 0.0

    def __call__(self, call: Callable[..., Reply], *args: Any) -> Reply:
        began = time.monotonic()
        reply = call(*args)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return reply


def visit(filt: Filter, client: str = "", *, sender: str = "",
          helo: str = "") -> Visit:
    """Whoever is not named is somebody new."""
    client = client or next_client()
    name = client.replace(".", "-")
    sender = sender or f"a@s{name}.example"
    helo = helo or f"h{name}.example"
    msg, timed = letter(), _Timed()
    began = time.monotonic()
    mta = filt.session(timeout=30)
    timed(mta.connect, "x.example", client, 40025)
    reply = _message(mta, timed, msg, helo, sender)
    total = time.monotonic() - began
    if reply.refuses:
        mta.abort()
    mta.quit()
    outcome = "passed" if not reply.refuses else (
        "refused" if reply.smtp()[0].startswith("5") else "deferred")
    return Visit(outcome, set() if reply.refuses else symbols(msg),
                 timed.slowest, total, reply)


def _message(mta: FakeMta, timed: _Timed, msg, helo: str,
             sender: str) -> Reply:
    for call, args in ((mta.helo, (helo.encode(),)),
                       (mta.mail, (f"<{sender}>".encode(),)),
                       (mta.rcpt, (b"<b@dest.example>",)),
                       (mta.data, ()), (mta.content, (msg,))):
        reply = timed(call, *args)
        if reply.refuses:
            return reply
    return reply


def visits(filt: Filter, count: int, threads: int = 1,
           **what: str) -> list[Visit]:
    """So many, of different clients, some at a time."""
    made: list[Visit] = []
    errors: list[BaseException] = []
    left = iter(range(count))
    lock = threading.Lock()

    def work() -> None:
        try:
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                    client = next_client()
                made.append(visit(filt, client, **what))
        except BaseException as exc:
            errors.append(exc)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return made


def count(made: Sequence[Visit], outcome: str) -> int:
    return sum(one.outcome == outcome for one in made)


def slowest(made: Sequence[Visit]) -> float:
    return max(one.slowest for one in made)


def dns_stats(filt: Filter) -> dict[str, Any]:
    with Control(filt.control_socket) as control:
        return control.ask(verb="dns", action="stats")


def breaker_is(filt: Filter, state: str, seconds: float) -> float:
    """Waits for it; returns how long that took."""
    began = time.monotonic()
    wait.until(f"a breaker that is {state}", seconds,
               lambda: dns_stats(filt)["breaker"]["state"] == state)
    return time.monotonic() - began


def ctl(filt: Filter, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(program("STEELYARDCTL", "steelyardctl")), "-c", str(filt.config),
         *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
        check=False)


def health(filt: Filter) -> dict[str, dict[str, Any]]:
    """Each list's, by zone."""
    done = ctl(filt, "--json", "dnsbl", "health")
    answer = json.loads(done.stdout)
    return {row["zone"]: row for row in answer["lists"]}


def await_health(filt: Filter, zone: str, state: str,
                 seconds: float) -> float:
    began = time.monotonic()
    wait.until(f"{zone} to be {state}", seconds,
               lambda: health(filt)[zone]["state"] == state)
    return time.monotonic() - began


def list_lines(filt: Filter, zone: str, state: str = "") -> list[str]:
    """What the log says about a list, of one state or of all."""
    return [line for line in filt.lines("dnsbl") if f"zone={zone} " in line
            and (not state or f' state="{state}"' in line)]


class Asking(Filter):
    """A filter whose resolver is this server."""

    def __init__(self, server: DnsServer, rules: str = RULES,
                 settings: str = "", **how: Any) -> None:
        super().__init__(f'set dns_servers "{server.servers}"\n' + settings
                         + rules, **how)
