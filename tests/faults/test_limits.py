"""X1, X2: descriptors, memory and threads run short."""

from __future__ import annotations

import mmap
import os
import pathlib
import shutil
import signal
import struct
import tempfile
import time
from typing import Iterator

import pytest

from lib import milter, wait
from lib.fakemta import FakeMta, ProtocolError, Reply
from lib.steelyard import program

from . import watch
from .figures import SOAK, figure, rounds
from .running import (Filter, deliver, envelope, greet, letter, sanitized,
                      serves)

RULES = """\
rule SUBJECT 1.0 if subject is "x"
rule BIG     1.0 if body.size > 100
rule TO_BAD  20.0 if rcpt.local is "bad"
verdict reject at 10.0
"""

# --- X1: descriptors ---------------------------------------------------------


def test_few_descriptors() -> None:
    """X1: whoever does not fit is told so or waits; nobody burns a core."""
    count = 500
    with Filter(RULES, prefix=("prlimit", "--nofile=64")) as filt:
        serves(filt)
        pid = filt.pid
        links = []
        for _ in range(count):
            link = milter.Link(filt.address, timeout=0.2)
            link.send(b"O", struct.pack(">III", milter.VERSION,
                                        milter.ALL_ACTIONS, milter.ALL_STEPS))
            links.append(link)
        served, refused, waiting = triage(links)
        before, began = watch.cpu_seconds(pid), time.monotonic()
        time.sleep(2)  # this is what is measured
        busy = (watch.cpu_seconds(pid) - before) / (time.monotonic() - began)
        for link in links:
            link.close()
        began = time.monotonic()
        wait.until("service", 10, lambda: _tries(filt))
        recovery = time.monotonic() - began
        figure("X1", connections=count, served=served, refused_4xx=refused,
               waiting=waiting, cpu_percent=100 * busy, recovery_s=recovery)
        assert served + refused + waiting == count and served > 0
        assert busy < 0.05
        assert recovery < 5
        assert filt.pid == pid
        serves(filt)


def triage(links: list[milter.Link]) -> tuple[int, int, int]:
    """How many links are served, refused with a 4xx, or wait."""
    served = refused = 0
    deadline = time.monotonic() + 2
    for link in links:
        link.sock.settimeout(max(0.005, min(0.2, deadline - time.monotonic())))
        try:
            letter_, data = link.receive()
            assert letter_ == b"O"
            steps = milter.parse_negotiation(data).steps
            link.send(b"C", milter.strings(b"x") + b"U")
            if steps & milter.Step.NR_CONN:
                served += 1  # no reply: it may go on
                continue
            letter_, data = link.receive()
            assert letter_ == b"y" and data.startswith(b"421 4.3.2"), data
            refused += 1
        except TimeoutError:
            pass
    return served, refused, len(links) - served - refused


def _tries(filt: Filter) -> bool:
    """Whether a new connection is served, and not told 421."""
    try:
        mta = FakeMta(filt.address, timeout=0.5)
        reply = mta.connect("x", "192.0.2.10", 1)
        mta.link.close()
        return not reply.refuses
    except (OSError, ConnectionError):
        return False


# --- X2: memory and threads --------------------------------------------------


FORGED = (b"Subject: x\r\nX-Steelyard: forged 1\r\n"
          b"x-steelyard: forged 2\r\nX-Steelyard: forged 3")


class Scarcity:
    """What tests/faults/scarce.c is told."""

    FORMAT = "<4I3Q"

    def __init__(self, folder: pathlib.Path) -> None:
        self.library = folder / "scarce.so"
        shutil.copy(program("STEELYARD", "steelyard").parent
                    / "tests/faults/scarce.so", self.library)
        control = folder / "scarce.so.control"
        control.write_bytes(bytes(struct.calcsize(self.FORMAT)))
        with open(control, "r+b") as file:
            self._page = mmap.mmap(file.fileno(),
                                   struct.calcsize(self.FORMAT))

    def set(self, memory: int = 0, threads: int = 0,
            libmilter: bool = False) -> None:
        """Of a million allocations and thread starts, so many fail."""
        struct.pack_into("<3I", self._page, 0, memory, threads, libmilter)

    @property
    def failed(self) -> int:
        return struct.unpack(self.FORMAT, self._page)[5]

    @property
    def failed_threads(self) -> int:
        return struct.unpack(self.FORMAT, self._page)[6]


@pytest.fixture
def scarce() -> Iterator[Scarcity]:
    if sanitized():
        pytest.skip("left out: a sanitizer has an allocator of its own")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sy-scarce-"))
    try:
        yield Scarcity(folder)
    finally:
        shutil.rmtree(folder)


def scarce_filter(scarcity: Scarcity) -> Filter:
    return Filter(RULES, environment={"LD_PRELOAD": str(scarcity.library)})


class Tally:
    """What became of messages sent while something was short."""

    def __init__(self) -> None:
        self.links_refused = self.links_lost = 0
        self.delivered = self.unmarked = self.forged = self.deferred = 0
        self.rejected = 0

    def note(self, reply: Reply, marks: list[str]) -> None:
        """The last reply to a message, and the marks it was given."""
        if reply.kind == "text":
            if reply.text[0].startswith("451 4.3.0"):
                self.deferred += 1
            else:
                self.rejected += 1
                print(reply)
        elif reply.refuses:
            # The MTA's own words, where there was no room for ours.
            assert reply.kind == "tempfail", reply
            self.deferred += 1
        else:
            self.delivered += 1
            self.unmarked += len(marks) != 1
            self.forged += any("forged" in mark for mark in marks)


def try_messages(filt: Filter, count: int, tally: Tally) -> None:
    """Five messages a link; a link may be refused, but not lost."""
    sent = 0
    while sent < count:
        try:
            mta = filt.session(timeout=10)
        except (ConnectionError, ProtocolError, OSError):
            tally.links_refused += 1
            assert tally.links_refused < 5 * count
            continue
        try:
            # Refused sessions say so at connect.
            if not mta.connect("relay.example.net", "192.0.2.10", 1).refuses:
                mta.helo(b"relay.example.net")
                for _ in range(5):
                    reply, msg = deliver(mta, letter(FORGED, body=b"y" * 200))
                    tally.note(reply, msg.values("X-Steelyard"))
                    sent += 1
                    if reply.refuses:
                        mta.abort()
            mta.quit()
        except (ConnectionError, TimeoutError) as exc:
            tally.links_lost += 1
            print("lost", repr(exc))
            assert tally.links_lost < count


def test_memory_fails_now_and_then(scarce: Scarcity) -> None:
    """X2: that message is deferred, or passes; the link is kept."""
    count = 5000 if SOAK else 300
    tally = Tally()
    with scarce_filter(scarce) as filt:
        serves(filt)
        pid = filt.pid
        scarce.set(memory=10000)
        try_messages(filt, count, tally)
        scarce.set()
        assert not filt.lines("P1"), filt.lines("P1")
        assert filt.pid == pid
        serves(filt)
        assert not envelope_refused(filt)
    figure("X2", messages=count, failed_allocations=scarce.failed,
           deferred=tally.deferred, delivered=tally.delivered,
           unmarked=tally.unmarked, forged=tally.forged,
           rejected=tally.rejected, links_refused=tally.links_refused,
           links_lost=tally.links_lost, crashes=0)
    assert scarce.failed > 0
    assert tally.rejected == 0 and tally.links_lost == 0
    assert tally.unmarked == tally.forged == 0


def envelope_refused(filt: Filter) -> bool:
    """Whether a good message is still deferred when memory is back."""
    mta = filt.session()
    greet(mta)
    refused = envelope(mta).refuses
    mta.abort()
    mta.quit()
    return refused


def test_memory_fails_everywhere(scarce: Scarcity) -> None:
    """X2: libmilter closes links then; but nothing crashes or is rejected."""
    tally = Tally()
    count = rounds(5000)
    with scarce_filter(scarce) as filt:
        serves(filt)
        scarce.set(memory=10000, libmilter=True)
        try_messages(filt, count, tally)
        scarce.set()
        crashes = len(filt.lines("P1"))
        serves(filt)
    figure("X2", libmilter_too=count, deferred=tally.deferred,
           unmarked=tally.unmarked, forged=tally.forged,
           rejected=tally.rejected, links_lost=tally.links_lost,
           crashes=crashes)
    assert crashes == 0 and tally.rejected == 0
    assert tally.unmarked == tally.forged == 0


def test_no_memory_at_all(scarce: Scarcity) -> None:
    """X2: while nothing can be had everything is deferred, and then all right."""
    with scarce_filter(scarce) as filt:
        serves(filt)
        pid = filt.pid
        mta = filt.session(timeout=10)
        greet(mta)
        deliver(mta)
        scarce.set(memory=1000000)
        reply, _ = deliver(mta)
        assert reply.refuses and reply.kind in ("text", "tempfail"), reply
        mta.abort()
        scarce.set()
        reply, msg = deliver(mta)
        assert reply.kind == "continue" and len(msg.values("X-Steelyard")) == 1
        mta.quit()
        assert filt.pid == pid
        serves(filt)


def test_memory_fails_at_a_reload(scarce: Scarcity) -> None:
    """X2: the old rules stay, or the new ones hold; never half of them."""
    turns = rounds(1000)
    with scarce_filter(scarce) as filt:
        serves(filt)
        pid = filt.pid
        for _ in range(turns):
            before = len(filt.lines("reload")) + len(filt.lines("R1"))
            scarce.set(memory=20000)
            os.kill(filt.supervisor, signal.SIGHUP)
            time.sleep(0.01)
            scarce.set()
            wait.until("the reload to end", 10, lambda: len(
                filt.lines("reload")) + len(filt.lines("R1")) > before)
            serves(filt)
        refused = len(filt.lines("R1"))
        assert filt.pid == pid, filt.lines("P1")
    figure("X2", reloads=turns, refused=refused, crashes=0)


def test_threads_run_short(scarce: Scarcity) -> None:
    """X2: sessions that are served go on; new ones are, once there is room."""
    with scarce_filter(scarce) as filt:
        serves(filt)
        pid = filt.pid
        old = filt.session(timeout=10)
        greet(old)
        scarce.set(threads=1000000)
        halves: list[milter.Link] = []

        def one_more_held() -> bool:
            halves.append(milter.Link(filt.address, timeout=1))
            halves[-1].send_raw(b"\0\0\0\x0dO\0\0")
            return scarce.failed_threads > 0

        wait.until("a thread to be missing", 5, one_more_held)
        for link in halves:
            link.close()
        scarce.set()
        reply, _ = deliver(old)
        assert reply.kind == "continue"
        old.quit()
        took = wait.until("service", 10, lambda: serves(filt))
        assert filt.pid == pid
        figure("X2", failed_thread_starts=scarce.failed_threads,
               new_session_s=took, crashes=0)
