"""A5: one message that its provider has signed, brought to very many."""

from __future__ import annotations

from conftest import MtaFactory
from lib.dnsserver import DnsServer

from .figures import figure, rounds
from .forging import RULES, Forgery, through, world
from .running import Filter

FORGED = b"From: Ann <ann@attack.test>\r\n"


def test_replay(mta_named: MtaFactory) -> None:
    """The count is of one signature, and grows with each copy."""
    fake = mta_named("fake")
    copies = rounds(1000)
    usual = copies // 2
    text = (RULES + f"rule SEEN_OFTEN 1.0 if dkim.seen > {usual}\n"
            "rule SEEN 1.0 if dkim.seen is not none\n")
    marked, others = [], set()
    with DnsServer() as server, Filter(
            f'set dns_servers "{server.servers}"\n' + text,
            socket_path=fake.milter_socket):
        world(server)
        letter = Forgery(FORGED)
        for number in range(1, copies + 1):
            found = through(fake, letter)
            assert "SEEN" in found.symbols
            if "SEEN_OFTEN" in found.symbols:
                marked.append(number)
        # the same words by others, and those of the same signer
        for other in (Forgery(FORGED, domain="b.attack.test"),
                      Forgery(FORGED, tags={"t": "1"})):
            others |= through(fake, other).symbols & {"SEEN", "SEEN_OFTEN"}
    figure("A5", copies=copies, marked=len(marked), first=marked[0],
           wrong=len(marked) - (copies - usual))
    assert marked == list(range(usual + 1, copies + 1))
    assert others == {"SEEN"}


def test_a_broken_signature_is_not_counted(mta_named: MtaFactory) -> None:
    fake = mta_named("fake")
    text = RULES + "rule SEEN 1.0 if dkim.seen is not none\n"
    with DnsServer() as server, Filter(
            f'set dns_servers "{server.servers}"\n' + text,
            socket_path=fake.milter_socket):
        world(server)
        found = through(fake, Forgery(FORGED, tags={"d": "legit.test"}))
        assert "SEEN" not in found.symbols, found.data
