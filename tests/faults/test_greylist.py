"""Greylisting in a filter that runs: who waits, what is remembered, what breaks.

What must not happen is that somebody waits twice, or for ever, because of a
fault of ours; that he waits once less is no harm.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from typing import Iterator

import pytest

from conftest import unpacked
from lib import mta, postfix, room, wait
from lib.clock import Clock
from lib.fakemta import Reply
from lib.steelyard import program

from . import watch
from .running import Filter, deliver, greet, letter

RULES = """
rule ODD 3.0 if sender.domain is "odd.example"
greylist at 2.0 wait 5m
verdict reject at 10.0
"""
ODD = b"<a@odd.example>"


@pytest.fixture
def clock() -> Iterator[Clock]:
    with contextlib.closing(Clock()) as one:
        yield one


class Redis:
    """A server on a socket, which keeps nothing on disk."""

    def __init__(self) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("no redis-server here")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sy-redis-"))
        self.socket = self.folder / "redis.sock"
        self._command = [
            "setpriv", "--pdeathsig", "KILL", binary, "--port", "0",
            "--unixsocket", str(self.socket), "--save", "", "--appendonly",
            "no", "--dir", str(self.folder)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait.until("redis", 10, lambda: self.socket.exists()
                   and self.ask("PING") == b"+PONG\r\n")

    def ask(self, *words: str) -> bytes:
        """An answer that fits into one packet, as it came."""
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(str(self.socket))
            except OSError:
                return b""
            sock.sendall((" ".join(words) + "\r\n").encode())
            return sock.recv(65536)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    @property
    def settings(self) -> str:
        return f'set redis_servers "unix:{self.socket}"\n'

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def redis() -> Iterator[Redis]:
    with contextlib.closing(Redis()) as one:
        yield one


def visit(filt: Filter, macros: dict[str, str] | None = None, **how) -> Reply:
    """One mail of a stranger who has given reason for doubt."""
    link = filt.session()
    link.macros.update(macros or {})
    greet(link)
    how.setdefault("sender", ODD)
    reply, _ = deliver(link, letter(), **how)
    link.quit()
    return reply


def is_told_to_wait(reply: Reply) -> bool:
    return bool(reply.refuses) and re.match(
        r"451 4\.7\.1 Greylisted, try again (in \w+|later) \(ref ",
        reply.text[0]) is not None


def answers(filt: Filter) -> list[str]:
    """What the memory said, mail by mail."""
    return [re.search(r" greylist=(\S+)", line)[1]
            for line in filt.lines("mail")]


# --- a real MTA that tries again ---------------------------------------------

OUTSIDE = "192.0.2.10"


class TwoPostfixes(postfix.Postfix):
    """One that sends what comes on 2587 to the one on 25, from OUTSIDE."""

    services = (
        # postqueue wants these to be there
        "pickup  unix  n - n 60 1  pickup\n"
        "flush  unix  n - n 1000? 0  flush\n"
        "2587  inet  n - n - -  smtpd\n"
        "  -o smtpd_milters=\n"
        "  -o content_filter=outside:[198.51.100.25]:25\n"
        "outside  unix  - - n - -  smtp\n"
        f"  -o smtp_bind_address={OUTSIDE}\n"
        "  -o myhostname=relay.example.net\n")

    def prepare(self, folder: pathlib.Path) -> list[str]:
        command = super().prepare(folder)
        with open(self.work / "conf/master.cf", "a") as file:
            file.write(self.services)
        return command

    def submit(self) -> str:
        """A mail is given to the sending one; its queue id there."""
        assert self.room
        client = mta.SmtpClient(self.room.connect(("127.0.0.1", 0),
                                                  ("127.0.0.1", 2587)))
        try:
            reply = client.reply()
            for line in (b"EHLO here", b"MAIL FROM:" + ODD,
                         b"RCPT TO:<b@dest.example>", b"DATA",
                         b"From: a@odd.example\r\nSubject: hello\r\n\r\nText.\r\n."):
                client.send(line + b"\r\n")
                reply = client.reply()
            return self.queue_id(reply)
        finally:
            client.close()

    def logged(self, pattern: str, text: str) -> re.Match[str]:
        return wait.until(text, 20, lambda: re.search(pattern, self.log()))

    def delivered(self, queue_id: str) -> re.Match[str]:
        """Tried again until it is.

        That a mail is deferred is logged before it lies among the deferred: a
        flush in between passes it over.
        """
        pattern = rf" {queue_id}: .* status=sent \(250 .*queued as (\w+)\)"

        def sent() -> re.Match[str] | None:
            assert self.room
            self.room.run("postqueue", "-c", "/mnt/conf", "-f")
            with contextlib.suppress(wait.Timeout):
                return wait.until(
                    "sent", 1, lambda: re.search(pattern, self.log()))
            return None

        return wait.until("a delivery", 20, sent)


@pytest.fixture(scope="module")
def two_postfixes() -> Iterator[TwoPostfixes]:
    if "postfix" not in os.environ.get("STEELYARD_MTAS", "postfix"):
        pytest.skip("left out by STEELYARD_MTAS")
    cause = room.why_not()
    if cause:
        pytest.skip(cause)
    with contextlib.closing(TwoPostfixes(unpacked())) as both:
        yield both


@pytest.mark.parametrize("engine", ["lmdb", "redis"])
def test_a_real_mta_comes_back(two_postfixes: TwoPostfixes, clock: Clock,
                               engine: str) -> None:
    """Deferred and queued at the other side, then delivered, by either memory."""
    with contextlib.ExitStack() as stack:
        server = None
        if engine == "redis":
            server = stack.enter_context(contextlib.closing(Redis()))
        settings = server.settings if server else ""
        filt = stack.enter_context(Filter(
            settings + RULES, environment=clock.environment,
            socket_path=two_postfixes.milter_socket))
        stack.callback(lambda: print(two_postfixes.log()[-8000:]))
        queue_id = two_postfixes.submit()
        said = two_postfixes.logged(
            rf" {queue_id}: .* status=deferred \((.*)\)", "a deferral")[1]
        assert "451 4.7.1" in said and "Greylisted, try again in 5m" in said
        assert not two_postfixes.sink.deliveries(queue_id)
        clock.later(301)
        done = two_postfixes.delivered(queue_id)
        assert two_postfixes.outcome(done[1]).kind == "delivered"
        wait.until("both lines", 5, lambda: len(filt.lines("mail")) == 2)
        assert answers(filt) == ["new", "waited"]
        if server:
            keys = server.ask("KEYS", "steelyard:*")
            assert b"net:192.0.2.0/24 a@odd.example b@dest.example" in keys


# --- several hosts -----------------------------------------------------------


def test_a_retry_at_the_other_host(redis: Redis, clock: Clock) -> None:
    with Filter(redis.settings + RULES, environment=clock.environment) as one, \
            Filter(redis.settings + RULES,
                   environment=clock.environment) as other:
        assert is_told_to_wait(visit(one))
        clock.later(120)
        assert is_told_to_wait(visit(other))
        clock.later(181)
        assert not visit(other).refuses
        assert not visit(one).refuses
        assert answers(one) == ["new", "kept"]
        assert answers(other) == ["early", "waited"]


def test_without_the_server_the_host_knows_enough(redis: Redis,
                                                  clock: Clock) -> None:
    """Who was told to wait by both, and comes back when one is gone, passes."""
    with Filter(redis.settings + RULES,
                environment=clock.environment) as filt:
        assert is_told_to_wait(visit(filt))
        wait.until("the local copy", 5, lambda: copied(filt))
        redis.stop()
        clock.later(301)
        assert not visit(filt).refuses
        assert answers(filt) == ["new", "waited"]
        wait.until("a word of it", 10,
                   lambda: any("health=alone" in line
                               for line in filt.lines("store")))
        redis.start()
        wait.until("the server to be back", 30,
                   lambda: any("health=well" in line
                               for line in filt.lines("store")))


def copied(filt: Filter) -> bool:
    """The local file holds the triplet."""
    path = filt.work / "state" / "greylist.mdb"
    return path.exists() and b"a@odd.example" in path.read_bytes()


class Detour:
    """The way to a server, on which each answer takes a moment."""

    def __init__(self, server: Redis, delay: float) -> None:
        self.server, self.delay = server, delay
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.settings = ("set redis_servers \"127.0.0.1:"
                         f"{self.listener.getsockname()[1]}\"\n")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self.server.socket))
                for way in ((near, far, 0), (far, near, self.delay)):
                    threading.Thread(target=self._carry, args=way,
                                     daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket,
               delay: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                time.sleep(delay)
                sink.sendall(data)
        for end in source, sink:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.listener.close()


# a command that takes more than 100 ms, as under load, is the server's fault
@pytest.mark.alone
def test_many_recipients_are_no_fault_of_the_server(redis: Redis) -> None:
    # asked one after the other, they take longer than there is time
    with contextlib.closing(Detour(redis, 0.005)) as detour, \
            Filter(detour.settings + "set greylist_stage data\n" + RULES
                   ) as filt:
        many = tuple(b"<b%d@dest.example>" % i for i in range(500))
        began = time.monotonic()
        assert is_told_to_wait(visit(filt, recipients=many))
        assert time.monotonic() - began < 8
        assert not visit(filt, {"{auth_type}": "PLAIN",
                                "{auth_authen}": "joe"},
                         sender=b"<joe@dest.example>",
                         recipients=many).refuses
        time.sleep(2.5)  # health is looked at every second
        assert not [line for line in filt.lines("store") if "health=" in line]


# --- ours who write ----------------------------------------------------------


def test_who_was_written_to_does_not_wait(clock: Clock) -> None:
    with Filter(RULES, environment=clock.environment) as filt:
        assert not visit(
            filt, {"{auth_type}": "PLAIN", "{auth_authen}": "joe"},
            sender=b"<joe@dest.example>",
            recipients=(b"<a+list@odd.example>",)).refuses
        assert not visit(filt).refuses
        assert is_told_to_wait(visit(filt, sender=b"<b@odd.example>"))
        assert answers(filt) == ["-", "outbound", "new"]


# --- recipients that the MTA refuses -----------------------------------------


def test_who_comes_behind_a_refused_one_is_judged() -> None:
    # although the MTA has nothing to say of him, libmilter has of the other
    rules = ("list traps address { trap@dest.example }\nset spamtraps traps\n"
             'rule BAD 20.0 if rcpt.local is "bad"\n')
    with Filter(rules + RULES) as filt:
        link = filt.session()
        greet(link)
        assert not link.mail(b"<a@good.example>").refuses
        link.rcpt_refused(b"<trap@dest.example>")
        assert "{rcpt_mailer}" not in link.macros
        assert link.rcpt(b"<bad@dest.example>").text[0].startswith("550 ")
        assert is_told_to_wait(link.rcpt(b"<b@dest.example>"))
        link.quit()


# --- reloads, and a filter that dies -----------------------------------------


def test_the_first_reload_that_asks_opens_it(clock: Clock) -> None:
    quiet = RULES.replace("greylist at 2.0 wait 5m", "")
    with Filter(quiet, environment=clock.environment) as filt:
        assert not visit(filt).refuses
        assert not (filt.work / "state/greylist.mdb").exists()
        text = filt.config.read_text()
        for rules, waits in ((RULES, True), (quiet, False), (RULES, True)):
            filt.config.write_text(text.replace(quiet, rules))
            reload(filt)
            assert is_told_to_wait(visit(filt)) == waits
        clock.later(301)
        assert not visit(filt).refuses
        assert answers(filt) == ["-", "new", "-", "early", "waited"]
        assert len(filt.lines("store")) == 1


def reload(filt: Filter) -> None:
    count = len(filt.lines("reload"))
    os.kill(filt.supervisor, signal.SIGHUP)
    wait.until("a reload", 10,
               lambda: len(filt.lines("reload")) > count)


def test_what_was_said_outlives_the_filter(clock: Clock) -> None:
    with Filter(RULES, environment=clock.environment) as filt:
        for number in range(5):
            assert is_told_to_wait(
                visit(filt, sender=b"<a%c@odd.example>" % (97 + number)))
            victim = filt.pid
            os.kill(victim, signal.SIGKILL)
            wait.until("another filter", 10,
                       lambda: filt.pid not in (0, victim)
                       and filt.lines("ready")[number + 1:])
        clock.later(301)
        for number in range(5):
            assert not visit(
                filt, sender=b"<a%c@odd.example>" % (97 + number)).refuses
        assert answers(filt)[-5:] == ["waited"] * 5


def test_what_was_said_outlives_a_stop(clock: Clock) -> None:
    with Filter(RULES, environment=clock.environment) as filt:
        assert is_told_to_wait(visit(filt))
        assert filt.stop() == 0
        clock.later(301)
        filt.start()
        assert not visit(filt).refuses


# --- T1: clocks that jump ----------------------------------------------------


@pytest.mark.parametrize("jump", [3600, -3600, 10 * 365 * 86400,
                                  -10 * 365 * 86400])
def test_a_clock_that_jumps(clock: Clock, jump: int) -> None:
    """Nobody passes early for it, nor waits longer."""
    with Filter(RULES, environment=clock.environment) as filt:
        assert is_told_to_wait(visit(filt))
        clock.set_wall(jump)
        clock.later(60)
        assert is_told_to_wait(visit(filt))
        clock.later(241)
        assert not visit(filt).refuses
        assert answers(filt) == ["new", "early", "waited"]


def test_a_machine_that_is_started_anew(clock: Clock) -> None:
    """Between two runs there is the wall clock alone."""
    with Filter(RULES, environment=clock.environment) as filt:
        assert is_told_to_wait(visit(filt))
        assert filt.stop() == 0
        clock.reboot("01234567-89ab-cdef-0123-456789abcdef")
        clock.later(100)
        filt.start()
        assert is_told_to_wait(visit(filt))
        clock.later(201)
        assert not visit(filt).refuses
        assert answers(filt) == ["new", "early", "waited"]


# --- S4, S5: a file that is broken -------------------------------------------


def test_a_damaged_file_makes_nobody_wait_twice(clock: Clock) -> None:
    with Filter(RULES, environment=clock.environment) as filt:
        assert is_told_to_wait(visit(filt))
        assert filt.stop() == 0
        path = filt.work / "state" / "greylist.mdb"
        path.write_bytes(b"\xa5" * path.stat().st_size)
        filt.start()
        assert not visit(filt).refuses
        assert len(filt.lines("S4")) == 1
        assert list(path.parent.glob("greylist.mdb.damaged-*"))
        assert answers(filt) == ["new", "suspended"]


def test_no_memory_and_mail_flows() -> None:
    with Filter("") as filt:
        assert not visit(filt).refuses
        (filt.work / "state/greylist.mdb").mkdir()
        text = filt.config.read_text()
        filt.config.write_text(text + RULES)
        reload(filt)
        assert not visit(filt).refuses
        assert answers(filt) == ["-", "closed"]
        assert len(filt.lines("S5")) == 1
        # where that is not wanted, the rules of before stay
        filt.config.write_text(text + "set greylist_required on\n" + RULES)
        os.kill(filt.supervisor, signal.SIGHUP)
        line = wait.until("a refusal", 10, lambda: filt.lines("R1"))[0]
        assert "greylist_required is on" in line


def test_it_is_required() -> None:
    """S5: the start is refused in a plain sentence."""
    with tempfile.TemporaryDirectory(prefix="sy-grey-") as name:
        home = pathlib.Path(name)
        (home / "state/greylist.mdb").mkdir(parents=True)
        conf = home / "a.conf"
        conf.write_text(
            f'set milter_socket "unix:{home}/m.sock"\n'
            f'set control_socket "unix:{home}/c.sock"\n'
            f'set state_dir "{home}/state"\n'
            "set greylist_required on\n" + RULES)
        done = subprocess.run(
            [program("STEELYARD", "steelyard"), "-f", "-c", conf],
            capture_output=True, text=True, timeout=30)
        assert done.returncode == 1
        plain = [line for line in done.stderr.splitlines()
                 if "greylist_required is on" in line]
        assert len(plain) >= 1 and "greylist.mdb" in plain[0]


@pytest.mark.parametrize("rules, complaint", [
    ('set spamtraps traps\n', 'spamtraps wants a list, and there is none "traps"'),
    ('list traps domain { "a.example" }\nset spamtraps traps\n',
     'spamtraps wants a list of addresses, and "traps" is one of another kind'),
])
def test_traps_that_are_none(tmp_path: pathlib.Path, rules: str,
                             complaint: str) -> None:
    conf = tmp_path / "a.conf"
    conf.write_text(rules)
    done = subprocess.run([program("STEELYARD", "steelyard"), "-t", "-c", conf],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    line = rules[:rules.index("set ")].count("\n") + 1
    assert f"a.conf:{line}:" in done.stderr and complaint in done.stderr
