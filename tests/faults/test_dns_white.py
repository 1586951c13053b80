"""A white list that did not speak is unknown, and no refusal stands on that."""

from __future__ import annotations

from lib.dnsserver import DnsServer

from .asking import Asking, await_health, good_world, visit
from .running import envelope, greet

LISTED = "192.0.2.99"
RULES = """
dnsbl "zen.test"  { ZEN 12.0 on 127.0.0.2 }
dnsbl "good.test" { GOOD -5.0 on 127.0.0.2 }
verdict reject at 10.0
"""
# A muted list is tested every half minute.
COMES_BACK_S = 50


def test_muted_when_it_was_to_be_asked(dns_server: DnsServer) -> None:
    """D3: that it is well again by MAIL does not mean that it was asked."""
    good_world(dns_server)
    good = dns_server.zone("good.test").list(LISTED, "127.0.0.2")
    dns_server.zone("zen.test").list(LISTED, "127.0.0.2")
    with Asking(dns_server, RULES) as filt:
        await_health(filt, "good.test", "well", 10)
        assert visit(filt, LISTED).outcome == "passed"
        good.list_the_world("127.255.255.254")
        visit(filt)
        await_health(filt, "good.test", "refusing", 10)
        early = filt.session(timeout=30)
        greet(early, client=LISTED)
        good.mend()
        await_health(filt, "good.test", "well", COMES_BACK_S)
        reply = envelope(early, sender=b"<a@s.example>")
        assert reply.smtp()[0].startswith("451"), reply
        early.abort()
        # The next message on the connection asks anew.
        reply = envelope(early, sender=b"<a@s.example>")
        assert not reply.refuses, reply
        early.abort()
        early.quit()
