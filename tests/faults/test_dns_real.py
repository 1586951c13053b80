"""The same against real ones: unbound, NSD and rbldnsd, and a real Postfix."""

from __future__ import annotations

import os
import signal
from typing import Iterator

import pytest

from conftest import MtaFactory, chosen_mtas
from lib import dnsreal, mta, wait
from lib.room import Unavailable

from .asking import await_health, ctl, health, list_lines
from .figures import figure
from .running import Filter

pytestmark = pytest.mark.skipif(
    "postfix" not in chosen_mtas() or "STEELYARD_DNS" not in os.environ,
    reason="left out: a real Postfix and real name servers")

ZONES = {
    "example.net": """
        @       MX 10 relay
        relay   A 192.0.2.10
                A 192.0.2.66
        dsl-66  A 192.0.2.66""",
    "null.example": "@ MX 0 .",
    "2.0.192.in-addr.arpa": """
        10 PTR relay.example.net.
        66 PTR dsl-66.example.net.""",
}
# Each has the entries of RFC 5782, but the last one, which lists the world.
LISTS = {
    "zen.test": """
        :127.0.0.4:see https://zen.test/$
        192.0.2.66
        192.0.2.67 :127.0.0.10:
        192.0.2.68/30 :127.0.0.2:
        127.0.0.2
        !127.0.0.1""",
    "dnset:dbl.test": ":127.0.1.2:$\n.spam.example\ntest",
    "dead.test": ":127.0.0.2:\n0.0.0.0/1\n128.0.0.0/1",
}
RULES = """
dnsbl "zen.test" {
    SBL  1.0  on 127.0.0.2
    XBL  20.0 on 127.0.0.4
    PBL  2.0  on 127.0.0.10
}
dnsbl "dbl.test" of sender.domain { SPAM 20.0 on 127.0.1.2 }
dnsbl "dead.test" { DEAD 20.0 on 127.0.0.2 }
rule NO_NAME    3.0 if client.ptr is none
rule NAMED      0.1 if client.name is "relay.example.net"
rule DYNAMIC    0.2 if client.is_dynamic
rule NULL_MX    0.4 if sender.null_mx
rule NO_SENDER 20.0 if sender.exists is no
verdict reject at 10.0 reply "550 5.7.1 No: %{hits}"
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[dnsreal.Servers]:
    try:
        with dnsreal.real(ZONES, LISTS) as running:
            yield running
    except Unavailable as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.fixture
def postfix(mta_named: MtaFactory) -> mta.Mta:
    return mta_named("postfix")


@pytest.fixture
def filt(servers: dnsreal.Servers, postfix: mta.Mta) -> Iterator[Filter]:
    with Filter(f'set dns_servers "{servers.resolver.servers}"\n' + RULES,
                socket_path=postfix.milter_socket) as running:
        for zone in ("zen.test", "dbl.test"):
            await_health(running, zone, "well", 10)
        yield running


def send(postfix: mta.Mta, client: str, sender: str) -> str:
    """A message; what was said to RCPT if that is no 250, or the mark."""
    dialogue = postfix.session((client, 0), None)
    try:
        dialogue.reply()
        for line in (b"EHLO relay.example.net",
                     f"MAIL FROM:<{sender}>".encode()):
            dialogue.send(line + b"\r\n")
            assert dialogue.reply()[-1].startswith("250")
        dialogue.send(b"RCPT TO:<b@dest.example>\r\n")
        reply = dialogue.reply()
        if not reply[-1].startswith("250"):
            return reply[-1]
        dialogue.send(b"DATA\r\n")
        dialogue.reply()
        dialogue.send(b"From: a@example.net\r\nSubject: real\r\n"
                      b"Message-ID: <1@example.net>\r\n"
                      b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nx\r\n.\r\n")
        reply = dialogue.reply()
        assert reply[-1].startswith("250"), reply
        data = postfix.outcome(postfix.queue_id(reply)).data
        (mark,) = [line for line in data.decode().split("\r\n")
                   if line.startswith("X-Steelyard:")]
        return mark
    finally:
        dialogue.close()


# Who, from whom, and what is said.
MAILS = [
    ("192.0.2.10", "a@example.net", "symbols=NAMED "),
    ("192.0.2.66", "a@example.net", "550 5.7.1 No: XBL"),
    ("192.0.2.67", "a@example.net", "symbols=PBL,NO_NAME "),
    ("192.0.2.69", "a@example.net", "symbols=SBL,NO_NAME "),
    ("192.0.2.10", "a@www.spam.example", "550 5.7.1 No: SPAM"),
    ("192.0.2.10", "a@null.example", "symbols=NAMED,NULL_MX "),
    ("192.0.2.10", "a@nowhere.example.net", "550 5.7.1 No: "),
]


def test_real_servers(servers: dnsreal.Servers, postfix: mta.Mta,
                      filt: Filter) -> None:
    """D1, D4: lists of rbldnsd, asked through unbound, for a real Postfix."""
    wrong = []
    for client, sender, want in MAILS:
        said = send(postfix, client, sender)
        if want not in said:
            wrong.append((client, sender, want, said))
    await_health(filt, "dead.test", "lists all", 10)
    said = ctl(filt, "dnsbl", "192.0.2.66").stdout.decode()
    assert "see https://zen.test/192.0.2.66" in said, said
    figure("D4", servers="unbound, NSD, rbldnsd", mta="postfix",
           mails=len(MAILS), wrong=len(wrong),
           lists={zone: row["state"] for zone, row in health(filt).items()})
    assert not wrong, wrong
    assert len(list_lines(filt, "dead.test", "lists all")) == 1


def test_a_real_list_begins_to_list_the_world(
        servers: dnsreal.Servers, postfix: mta.Mta, filt: Filter) -> None:
    """D4: rbldnsd serves another file, and unbound remembers the old one."""
    servers.rbldnsd.change("zen.test", ":127.0.0.4:\n0.0.0.0/1\n128.0.0.0/1")
    try:
        refused = 0
        wait.until("the new list", 15, lambda: health(filt)["zen.test"][
            "muted"] or _sent(postfix, filt))
        for last in range(100, 120):
            refused += send(postfix, f"192.0.2.{last}",
                            "a@example.net").startswith("5")
        figure("D4", servers="unbound, rbldnsd", harm="lists the world",
               mails=20, refused=refused,
               state=health(filt)["zen.test"]["state"])
        assert refused == 0
    finally:
        servers.rbldnsd.change("zen.test", LISTS["zen.test"])


_last = iter(range(1, 250))


def _sent(postfix: mta.Mta, filt: Filter) -> bool:
    """A mail of somebody new has not been refused; False: look again."""
    said = send(postfix, f"198.51.100.{next(_last)}", "a@example.net")
    assert not said.startswith("5"), said
    return False


def test_real_resolver_away(servers: dnsreal.Servers, postfix: mta.Mta,
                            filt: Filter) -> None:
    """D1: those whom unbound asks stand still, and nobody suffers."""
    for server in (servers.nsd, servers.rbldnsd):
        assert server.process
        os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        said = send(postfix, "192.0.2.140", "a@fresh.example.net")
        figure("D1", servers="unbound without NSD and rbldnsd", said=said[:40])
        assert "score=0.00 verdict=accept" in said, said
    finally:
        for server in (servers.nsd, servers.rbldnsd):
            assert server.process
            os.killpg(server.process.pid, signal.SIGCONT)
