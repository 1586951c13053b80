"""Signatures that kill who verifies them (P2, P3), through a whole filter.

As test_poison.py, but the reader dies when all of the message was there and its
key had come: in libopendkim, so to speak.  The selector says how.
"""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from lib import message, wait
from lib.dkimsign import Key
from lib.dnsserver import DnsServer

from . import watch
from .figures import figure
from .running import Filter, deliver, greet, letter, symbols
from .test_poison import FAULTY

RULES = """
set inspect_timeout 1s
rule PASS         1.0 if dkim is pass
rule UNKNOWN      1.0 if dkim is unknown
rule NOT_PASS     1.0 if dkim is not pass
rule FROM_UNKNOWN 1.0 if from.domain is unknown
verdict reject at 90.0
"""
FAULTS = ["crash", "abort", "hang"]


@pytest.fixture(name="filt")
def fixture_filt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Filter]:
    if not os.access(FAULTY, os.X_OK):
        pytest.skip("tests/steelyard-faulty is not built")
    monkeypatch.setenv("STEELYARD", str(FAULTY))
    with DnsServer() as server:
        zone = server.zone("example.net")
        for selector in ["sound"] + [f"{name}.x-test-fault"
                                     for name in FAULTS]:
            zone.add(f"{selector}._domainkey", "TXT", Key(selector).text())
        with Filter(f'set dns_servers "{server.servers}"\n'
                    + RULES) as running:
            yield running


def signed(selector: str) -> message.Message:
    return message.parse(
        Key(selector).sign(letter(b"Subject: hello").to_bytes(),
                           "example.net"))


@pytest.mark.parametrize("fault", FAULTS)
def test_poison(filt: Filter, fault: str) -> None:
    """Three deaths, then it is no longer read; nothing is held against it."""
    mta = filt.session()
    greet(mta)
    for number in range(5):
        reply, msg = deliver(mta, signed(f"{fault}.x-test-fault"))
        assert reply.kind in ("accept", "continue"), reply
        assert symbols(msg) == {"UNKNOWN", "FROM_UNKNOWN"}, number
        wait.until("a new inspector", 10,
                   lambda: watch.inspectors_of(filt.supervisor))
        reply, msg = deliver(mta, signed("sound"))
        assert symbols(msg) == {"PASS"}, (number, filt.log())
    mta.quit()
    deaths = filt.log().count("hangs, killed" if fault == "hang"
                              else " lived_ms=")
    figure("P3" if fault == "hang" else "P2", poison=f"dkim {fault}",
           deaths=deaths, sessions_poisoned=0)
    assert deaths == 3
