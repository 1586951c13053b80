"""Every talk through every MTA it is for."""

from __future__ import annotations

import contextlib
import pathlib

import pytest

from conftest import MtaFactory, chosen_mtas
from lib import talkfile
from lib.clock import Clock
from lib.dnsserver import DnsServer
from lib.steelyard import Steelyard
from lib.talk import Conversation

TALKS = sorted(pathlib.Path(__file__).parent.glob("*.talk"))


def cases() -> list[object]:
    """(talk, MTA) for all, grouped by MTA so that each is started once."""
    talks = [talkfile.read(path) for path in TALKS]
    return [pytest.param(talk, name, id=f"{talk.path.stem}-{name}")
            for name in chosen_mtas() for talk in talks if name in talk.mtas]


@pytest.mark.parametrize("talk, name", cases())
def test_talk(talk, name: str, mta_named: MtaFactory) -> None:
    server = mta_named(name)
    with contextlib.ExitStack() as stack:
        resolver = None
        if talk.dns is not None:
            resolver = stack.enter_context(DnsServer())
            resolver.load(talk.dns, talk.path.name)
        clock = None
        if talk.moves_time:
            clock = stack.enter_context(contextlib.closing(Clock()))
        filt = Steelyard(talk.settings(resolver) + talk.rules,
                         server.milter_socket, files=talk.files,
                         environment=clock.environment if clock else {})
        stack.callback(filt.close)
        seen = len(server.log())
        try:
            Conversation(talk, server, filt, resolver, clock).run()
            code = filt.stop()
            assert code == 0, f"the filter ended with {code}"
        finally:  # pytest shows these only when the test fails
            print(f"--- the filter's log\n{filt.log()}")
            print(f"--- {name}'s log\n{server.log()[seen:][-8000:]}")
