"""A filter whose reader obeys: it dies, hangs or lies when it is told to.

The program is tests/steelyard-faulty: the same as steelyard, but with an
inspector that reads X-Test-Fault (filter/inspect/message_test.h).
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

import pytest

from lib.dkimsign import Key
from lib.dnsserver import DnsServer
from lib.steelyard import program

from .running import Filter

FAULTY = program("STEELYARD", "steelyard").parent / "tests/steelyard-faulty"


@contextlib.contextmanager
def faulty_filter(monkeypatch: pytest.MonkeyPatch,
                  rules: str) -> Iterator[Filter]:
    if not os.access(FAULTY, os.X_OK):
        pytest.skip("tests/steelyard-faulty is not built")
    monkeypatch.setenv("STEELYARD", str(FAULTY))
    with Filter(rules) as running:
        yield running


@contextlib.contextmanager
def faulty_filter_with_keys(monkeypatch: pytest.MonkeyPatch, rules: str,
                            selectors: list[str],
                            spf: str = "") -> Iterator[Filter]:
    """The same, and example.net has a key for each of these selectors."""
    with DnsServer() as server:
        zone = server.zone("example.net")
        if spf:
            zone.add("@", "TXT", f'"{spf}"')
        for selector in selectors:
            zone.add(f"{selector}._domainkey", "TXT", Key(selector).text())
        with faulty_filter(monkeypatch,
                           f'set dns_servers "{server.servers}"\n'
                           + rules) as running:
            yield running


def deaths(filt: Filter, hangs: bool) -> int:
    """How many inspectors have died, or were killed because they hung."""
    return filt.log().count("hangs, killed" if hangs else " lived_ms=")
