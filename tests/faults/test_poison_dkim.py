"""Signatures that kill who verifies them (P2, P3), through a whole filter.

As test_poison.py, but the reader dies when all of the message was there and its
key had come: in libopendkim, so to speak.  The selector says how.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from lib import message, wait
from lib.dkimsign import Key

from . import watch
from .figures import figure
from .poisoned import deaths, faulty_filter_with_keys
from .running import Filter, deliver, greet, letter, symbols

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
    selectors = ["sound"] + [f"{name}.x-test-fault" for name in FAULTS]
    with faulty_filter_with_keys(monkeypatch, RULES, selectors) as running:
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
    died = deaths(filt, fault == "hang")
    figure("P3" if fault == "hang" else "P2", poison=f"dkim {fault}",
           deaths=died, sessions_poisoned=0)
    assert died == 3
