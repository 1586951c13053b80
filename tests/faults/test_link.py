"""P5, P6: an MTA that vanishes or is slow at any point of a session."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from typing import Callable, Iterator

import pytest

from lib import wait
from lib.fakemta import FakeMta
from lib.milter import VERSION, ALL_ACTIONS, ALL_STEPS, frame, strings

from . import watch
from .figures import SOAK, figure, rounds
from .running import Filter, deliver, greet, letter, sanitized, serves

RULES = """\
rule BIG     1.0 if body.size > 100
rule SUBJECT 1.0 if subject is "x"
rule RCPT    12.0 if rcpt.local is "refused"
verdict reject at 10.0
"""


@pytest.fixture(scope="module")
def filt() -> Iterator[Filter]:
    """A filter over TCP, so that a close can be a reset."""
    with Filter(RULES, inet=True) as running:
        yield running


# What has been said when the MTA goes, each step after the ones before it.
STEPS: list[tuple[str, Callable[[FakeMta], object]]] = [
    ("negotiate", lambda mta: None),
    ("connect", lambda mta: mta.connect("relay.example.net", "192.0.2.10", 1)),
    ("helo", lambda mta: mta.helo(b"relay.example.net")),
    ("mail", lambda mta: mta.mail(b"<a@example.net>")),
    ("rcpt", lambda mta: mta.rcpt(b"<b@dest.example>")),
    ("data", lambda mta: mta.data()),
    ("header", lambda mta: mta.header(b"Subject", b" x")),
    ("body", lambda mta: mta.link.send(b"B", b"text\r\n" * 1000)),
    ("eom", lambda mta: mta.link.send(b"E")),
]


def reset(mta: FakeMta) -> None:
    mta.link.reset()


def half_close(mta: FakeMta) -> None:
    mta.link.half_close()
    assert mta.link.closed_by_filter()
    mta.link.close()


def cut_in_frame(mta: FakeMta) -> None:
    mta.link.send_raw(b"\0\0\0\x20B")
    mta.link.close()


ENDS = [reset, half_close, cut_in_frame]


def test_mta_vanishes(filt: Filter) -> None:
    """P5: nothing is left of a link that broke, at whatever point."""
    serves(filt)
    cases = list(itertools.product(range(len(STEPS)), ENDS))

    def one_round() -> None:
        for last, end in cases:
            mta = filt.session(timeout=10)
            for _, act in STEPS[:last + 1]:
                act(mta)
            end(mta)

    def at_rest(fds: int) -> int:
        return watch.settle("descriptors", 10,
                            lambda: watch.descriptors(filt.pid),
                            lambda now: now <= fds)

    pid = filt.pid
    one_round()  # warm: threads and arenas as they will stay
    serves(filt)
    fds = watch.settle("rest", 1, lambda: watch.descriptors(pid),
                       lambda now: False)
    memory = watch.resident_kib(pid)
    turns = max(2, rounds(2000) // len(cases))
    for _ in range(turns):
        one_round()
    left = at_rest(fds)
    grown = watch.resident_kib(pid) - memory
    figure("P5", rounds=turns * len(cases), fd_growth=left - fds,
           rss_growth_kib=grown)
    assert filt.pid == pid
    assert left == fds
    assert sanitized() or grown <= 1024
    serves(filt)


def test_vanished_messages_do_not_delay_a_stop() -> None:
    """P5: a message whose link broke is over."""
    with Filter(RULES, inet=True) as filt:
        for last in range(3, len(STEPS)):
            mta = filt.session()
            for _, act in STEPS[:last + 1]:
                act(mta)
            mta.link.reset()
        # A reset may overtake the last command, MAIL among them.
        wait.until("the links to be seen broken", 10, lambda: len(
            filt.lines("mail")) >= len(STEPS) - 4)
        began = serves(filt)
        assert filt.stop() == 0
        figure("P5", stop="clean", last_message_s=began)
        assert "stuck" not in filt.log()


NEGOTIATION = frame(b"O", struct.pack(">III", VERSION, ALL_ACTIONS, ALL_STEPS))
HALVES = [
    b"\0\0",
    NEGOTIATION[:9],
    NEGOTIATION + b"\0\0\0",
    NEGOTIATION + frame(b"C", strings(b"x") + b"U") + b"\0\0\0\x40M<a@",
]


SPARE = 8  # threads that libmilter has in reserve, more or less
KIB_PER_LINK = 32  # what a thread touches of its stack and its heap


def half_link(filt: Filter, said: bytes) -> socket.socket:
    """A link on which this was said, and no more."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(filt.milter_socket))
    sock.settimeout(5)
    sock.sendall(said)
    return sock


@pytest.mark.alone
def test_half_frames() -> None:
    """P6: links that never finish a frame cost a thread each, and no more.

    libmilter lends a thread to each frame, from its first byte to its answer,
    so each half frame holds one; between frames a link holds none.
    """
    count = 2000 if SOAK else 40
    with Filter(RULES) as filt:
        serves(filt)
        pid = filt.pid
        idle, memory = watch.threads(pid), watch.resident_kib(pid)
        quiet = [half_link(filt, NEGOTIATION) for _ in range(count)]
        for sock in quiet:
            assert sock.recv(65536)
        waiting = watch.settle("their rest", 5, lambda: watch.threads(pid),
                               lambda now: now <= idle + SPARE) - idle
        links = [half_link(filt, HALVES[number % len(HALVES)])
                 for number in range(count)]
        watch.settle("their threads", 5, lambda: watch.threads(pid),
                     lambda now: now >= idle + count - SPARE)
        took = max(serves(filt) for _ in range(5))
        # Each knock (filter/admission.c) has one, too, for a moment.
        busy = watch.settle("no others", 5, lambda: watch.threads(pid),
                            lambda now: abs(now - idle - count) <= SPARE)
        held = watch.resident_kib(pid) - memory
        links += quiet
        for sock in links:
            sock.close()
        rest = watch.settle("threads to end", 20, lambda: watch.threads(pid),
                            lambda now: now <= idle + 8)
        figure("P6", half_frames=count, idle_links=len(quiet),
               new_session_s=took, threads=busy - idle,
               threads_of_idle_links=waiting, threads_after=rest - idle,
               kib_per_link=held / len(links))
        assert took <= 1.0
        assert waiting <= SPARE
        assert count - SPARE <= busy - idle <= count + SPARE
        assert rest - idle <= SPARE
        assert sanitized() or held <= KIB_PER_LINK * len(links)
        serves(filt)


def test_a_burst_at_the_start() -> None:
    """P6: who waited for a filter is served, with half frames before him.

    These take the threads that libmilter starts with, and it believes them
    idle: without a knock (filter/admission.c) all others would wait for ever.
    """
    slowest = 0.0
    turns = rounds(200) // 4
    for _ in range(turns):
        with Filter(RULES) as filt:
            halves = [half_link(filt, HALVES[n % 2]) for n in range(20)]
            began = time.monotonic()
            asking = [half_link(filt, NEGOTIATION) for _ in range(5)]
            for sock in asking:
                assert sock.recv(65536)
            slowest = max(slowest, time.monotonic() - began)
            for sock in halves + asking:
                sock.close()
    figure("P6", bursts_at_start=turns, slowest_answer_s=slowest)
    assert slowest <= 1.5 or sanitized()


def test_nobody_starves() -> None:
    """P6: of many that come at once, those who speak properly are answered.

    libmilter alone leaves some of them without a thread (filter/admission.c).
    """
    slowest = 0.0
    turns = rounds(200)
    for _ in range(turns // 4):
        with Filter(RULES) as filt:
            serves(filt)
            halves, links = [], []
            for _ in range(40):
                for sent, kept in ((HALVES[1], halves), (NEGOTIATION, links)):
                    sock = socket.socket(socket.AF_UNIX)
                    sock.connect(str(filt.milter_socket))
                    sock.sendall(sent)
                    sock.settimeout(5)
                    kept.append(sock)
            began = time.monotonic()
            for sock in links:
                assert sock.recv(65536)
            slowest = max(slowest, time.monotonic() - began)
            for sock in halves + links:
                sock.close()
    figure("P6", bursts=turns // 4, slowest_answer_s=slowest)
    assert slowest <= 1.0 or sanitized()


def test_more_half_sessions_than_allowed() -> None:
    """P6: beyond max_sessions an MTA is told to come back."""
    with Filter(RULES + "set max_sessions 20\n") as filt:
        links = []
        for _ in range(20):
            mta = filt.session()
            mta.link.send_raw(b"\0\0\0\x40M<")
            links.append(mta)
        late = filt.session()
        reply = late.connect("relay.example.net", "192.0.2.10", 1)
        assert reply.kind == "text" and reply.text[0].startswith("421 4.3.2")
        late.quit()
        for mta in links:
            mta.link.close()
        seconds = 0.0
        while True:  # a link is counted until its end was seen
            mta = filt.session()
            if not mta.connect("x", "192.0.2.10", 1).refuses:
                break
            mta.quit()
            seconds += 0.01
            assert seconds < 5
            wait.until("a moment", 1, _moment())
        mta.quit()
        serves(filt)


def _moment() -> Callable[[], bool]:
    calls = iter([False, False, True])
    return lambda: next(calls)


def test_byte_by_byte(filt: Filter) -> None:
    """P6: a slow MTA's message is judged like any other."""
    mta = filt.session()
    sock = mta.link.sock
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def dribble(data: bytes) -> None:
        for at in range(len(data)):
            sock.sendall(data[at:at + 1])

    mta.link.send_raw = dribble  # type: ignore[method-assign]
    greet(mta)
    reply, msg = deliver(mta, letter(b"Subject: x", body=b"y" * 200))
    assert reply.kind == "continue"
    assert "symbols=BIG,SUBJECT " in msg.values("X-Steelyard")[0]
    mta.quit()


def test_every_reply_cut_off(filt: Filter) -> None:
    """P5, M7: an MTA that goes while changes are being sent loses nothing."""
    pid = filt.pid
    for take in range(0, 400, 7 if SOAK else 37):
        mta = filt.session()
        greet(mta)
        for _, act in STEPS[3:]:
            act(mta)
        mta.link.sock.settimeout(10)
        if take:
            mta.link.sock.recv(take)
        mta.link.reset()
    assert filt.pid == pid
    serves(filt)


def test_closed_while_waiting_for_nothing(filt: Filter) -> None:
    """P5: aborts and new envelopes on one link do not pile up."""
    pid = filt.pid
    mta = filt.session()
    greet(mta)
    turns = rounds(2000)
    memory = 0
    for turn in range(turns):
        if turn == turns // 5:
            memory = watch.resident_kib(pid)
        for _, act in STEPS[3:3 + turn % 5]:
            act(mta)
        mta.abort()
    reply, _ = deliver(mta)
    assert reply.kind == "continue"
    grown = watch.resident_kib(pid) - memory
    mta.quit()
    figure("P5", aborts=turns, rss_growth_kib=grown)
    assert sanitized() or grown <= 512


def test_quit_at_each_step(filt: Filter) -> None:
    """P5: a polite end at any point closes the link."""
    for last in range(len(STEPS) - 1):
        mta = filt.session(timeout=10)
        for name, act in STEPS[:last + 1]:
            if name != "body":  # its answer would be in the way
                act(mta)
        mta.quit()


