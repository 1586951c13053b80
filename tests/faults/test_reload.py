"""R1, R2, R3, R5: configurations that are broken, half written, or many."""

from __future__ import annotations

import os
import pathlib
import random
import re
import signal
import subprocess
import threading
from typing import Callable, Iterator

import pytest

from lib import wait
from lib.fakemta import ProtocolError
from lib.steelyard import program

from . import watch
from .figures import SOAK, figure, rounds
from .running import (Filter, await_line, deliver, greet, letter, sanitized,
                      serves, symbols)

TOP = pathlib.Path(__file__).resolve().parents[2]


class Tail:
    """What is new in a growing log, without reading it all over again."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = open(path, "rb")
        self._rest = b""
        self.lines()

    def lines(self) -> list[str]:
        """Whole lines since the last call."""
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line.decode() for line in whole]

    def await_reload(self) -> str:
        """The line that says how a reload has ended."""
        found: list[str] = []

        def ended() -> bool:
            found.extend(line for line in self.lines()
                         if " event=reload " in line or " event=R1 " in line)
            return bool(found)

        wait.until("the end of a reload", 20, ended)
        assert len(found) == 1, found
        return found[0]


class Reloaded:
    """A filter whose configuration is changed under it."""

    def __init__(self, filt: Filter) -> None:
        serves(filt)  # it has read what it began with
        self.filter = filt
        self.settings = filt._settings()
        self.tail = Tail(filt.work / "log")

    def reload(self) -> str:
        """Ask for it as an administrator would; the line that tells how."""
        os.kill(self.filter.supervisor, signal.SIGHUP)
        return self.tail.await_reload()

    def write(self, rules: str) -> None:
        """Replace the configuration as an editor does."""
        new = self.filter.config.with_suffix(".new")
        new.write_text(self.settings + rules)
        new.rename(self.filter.config)


# --- R1: broken files --------------------------------------------------------

# What goes wrong in a file, each put before or behind a statement.
MISTAKES = [
    "rule", "rule X", "rule X 1.0", "rule X 1.0 if", "rul X 1.0 if true",
    "rule X 1.0 if helo.nane is none", "rule X 1.0 if helo.name > 3",
    "rule X 1.0 if helo.name is 3", "rule X one if helo.is_ip",
    "rule X 1.0 if helo.name ~ /(/", "rule X 1.0 if helo.name ~ /a{9,1}/",
    "rule X 1.0 if helo.name in no_such_list", "rule X 1.0 if NO_SUCH_SYMBOL",
    "rule X 1.0 if X", "rule X 99999999.0 if helo.is_ip",
    'include "no-such-file"', 'include "steelyard.conf"',
    "set no_such_setting 3", "set mode maybe", "set inspect_timeout -3s",
    "set max_sessions 0", 'list X ip { "1.2.3.4.5" }', "list X ip { 1.2.3.0/33 }",
    'list X domain from "no-such.list"', "group g { NO_SUCH }",
    "override NO_SUCH off", 'verdict reject at 10.0 reply "250 fine"',
    'verdict reject at 10.0 reply "550 4.7.1 no"',
    'verdict reject at 10.0 reply "550 5.7.1 %{secret}"',
    "class c if subject is \"x\" { verdict reject never }",
    'example "x" { helo.name "x" } expect discard', "{", "}", '"', "rule X 1.0 if (",
    "\x00", "\x01", "\xff\xfe", "rule X 1.0 if \"",
]


def broken(text: str, generator: random.Random) -> tuple[str, str]:
    """A rule file with a mistake somewhere between its statements."""
    lines = text.split("\n")
    # Before a line that begins a statement: never inside of braces.
    places = [number for number, line in enumerate(lines)
              if re.match(r"(rule|group|list|set|#)\b", line)]
    mistake = generator.choice(MISTAKES)
    lines.insert(generator.choice(places or [0]), mistake)
    return "\n".join(lines), mistake


@pytest.fixture
def shipped() -> Iterator[Reloaded]:
    """A filter with a copy of the rules that ship."""
    files = {str(path.relative_to(TOP)): path.read_text()
             for folder in ("rules/default", "lists/default")
             for path in sorted((TOP / folder).iterdir())}
    # What they say of a mail is a matter of this machine's DNS.
    with Filter('set mode observe\ninclude "rules/default/*.rules"\n',
                files=files) as filt:
        yield Reloaded(filt)


def test_broken_files(shipped: Reloaded) -> None:
    """R1: each is refused with its place; mail goes on by the old rules."""
    filt = shipped.filter
    generator = random.Random(1)
    rules = sorted((filt.work / "rules/default").iterdir())
    texts = {path: path.read_text() for path in rules}
    turns = rounds(200)
    dropped = unnamed = 0
    mta = filt.session()
    greet(mta)
    for _ in range(turns):
        path = generator.choice(rules)
        text, mistake = broken(texts[path], generator)
        assert not mta.mail(b"<a@example.net>").refuses
        path.write_text(text, encoding="latin-1")
        line = shipped.reload()
        path.write_text(texts[path])
        assert " event=R1 " in line, (mistake, line)
        if not re.search(rf"{path.name}:\d+", line):
            unnamed += 1
            print(repr(mistake), line)
        reply = mta.rcpt(b"<b@dest.example>")
        if not reply.refuses:
            mta.data()
            reply = mta.content(letter())
        dropped += reply.kind != "continue"
    mta.quit()
    assert " event=reload " in shipped.reload()
    serves(filt)
    figure("R1", broken_files=turns, taken_over=0, dropped_sessions=dropped,
           place_not_named=unnamed)
    assert dropped == 0 and unnamed == 0


BROKEN = {
    "setting": ("set mod observe\n", 'did you mean "mode"?'),
    "parser": ("rule X 1.0 of helo.name is none\n", "error:"),
    "rule": ("rule X 1.0 if helo.nane is none\n", 'did you mean "helo.name"?'),
    "list": ('list x domain from "more.list"\n', "list x is declared at "),
    "example": ('example "a stranger" { helo.is_ip yes } expect reject\n',
                "it comes out as accept"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("foreground", [True, False],
                         ids=["foreground", "background"])
def test_refused_at_the_start(kind: str, foreground: bool,
                              tmp_path: pathlib.Path) -> None:
    """R1: nobody starts on a broken file, and stderr says where it is."""
    (tmp_path / "more.list").write_text("not a name\n")
    rules, words = BROKEN[kind]
    config = tmp_path / "steelyard.conf"
    config.write_text(
        f'set milter_socket "unix:{tmp_path}/milter.sock"\n'
        f'set control_socket "unix:{tmp_path}/control.sock"\n'
        f'set state_dir "{tmp_path}/state"\n' + rules)
    done = subprocess.run(
        [str(program("STEELYARD", "steelyard")),
         *(["-f"] if foreground else []), "-c", str(config)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10,
        check=False)
    assert done.returncode == 1, done.stderr
    place = (r"more\.list:1:5: error" if kind == "list" else
             r"steelyard\.conf:4:\d+: error")
    assert re.search(place, done.stderr), done.stderr
    assert words in done.stderr and "    ^" in done.stderr, done.stderr
    assert not (tmp_path / "milter.sock").exists()


# --- R2: half-written files --------------------------------------------------

LIST = "".join(f"partner{number}.example\n" for number in range(2000))


def write_half(path: pathlib.Path, generator: random.Random) -> None:
    """Truncate, and write a part whose last line has no end."""
    keep = generator.randrange(len(LIST))
    part = LIST[:keep].rstrip("\n")
    with open(path, "w") as file:
        file.write(part[:-1].rstrip("\n"))


def write_nothing(path: pathlib.Path, _: random.Random) -> None:
    open(path, "w").close()


def write_little(path: pathlib.Path, _: random.Random) -> None:
    path.write_text(LIST[:1000].rpartition("\n")[0] + "\n")


def write_garbage(path: pathlib.Path, generator: random.Random) -> None:
    path.write_bytes(generator.randbytes(len(LIST)))


def remove(path: pathlib.Path, _: random.Random) -> None:
    path.unlink()


def test_half_written_lists() -> None:
    """R2: what a list held is known until a whole new one is there."""
    generator = random.Random(2)
    harms: list[Callable[[pathlib.Path, random.Random], None]] = [
        write_half, write_nothing, write_little, write_garbage, remove]
    rules = ('list partners domain from "partners.list"\n'
             "rule PARTNER 1.0 if sender.domain in partners\n")
    with Filter(rules, files={"partners.list": LIST}) as filt:
        reloaded = Reloaded(filt)
        path = filt.work / "partners.list"
        turns = rounds(1000)
        bad = 0

        def knows_partners() -> bool:
            mta = filt.session()
            greet(mta)
            _, msg = deliver(mta, sender=b"<a@partner1999.example>")
            mta.quit()
            return symbols(msg) == {"PARTNER"}

        for turn in range(turns):
            harms[turn % len(harms)](path, generator)
            line = reloaded.reload()
            if " event=R1 " not in line or not knows_partners():
                bad += 1
                print(harms[turn % len(harms)].__name__, line)
            path.write_text(LIST)
        assert " event=reload " in reloaded.reload()
        assert knows_partners()
    figure("R2", half_written=turns, bad_loads=bad)
    assert bad == 0


def test_half_written_rules() -> None:
    """R2: a rule file that ends within a statement is not taken over."""
    whole = "".join(f'rule RULE{number} 1.0 if (helo.name is "a{number}" or '
                    f'sender.domain in {{ "b{number}.example" }})\n'
                    for number in range(200))
    with Filter(whole) as filt:
        reloaded = Reloaded(filt)
        generator = random.Random(3)
        bad = 0
        turns = rounds(1000)
        for _ in range(turns):
            # Within the parentheses, where no line's end is the statement's.
            start = whole.index("(", generator.randrange(len(whole) - 200))
            reloaded.write(whole[:start + generator.randrange(1, 30)])
            bad += " event=R1 " not in reloaded.reload()
        reloaded.write(whole)
        assert " event=reload " in reloaded.reload()
        serves(filt)
    figure("R2", half_rule_files=turns, bad_loads=bad)
    assert bad == 0


# --- R3: many reloads ---------------------------------------------------------


def generation(letter_: str) -> str:
    """Rules that read each phase; all symbols bear one letter."""
    return "".join(f"rule {letter_}_{name} 1.0 if {fact}\n" for name, fact in {
        "HELO": 'helo.name is "relay.example.net"',
        "SENDER": 'sender.domain is "example.net"',
        "RCPT": 'rcpt.domain is "dest.example"',
        "SUBJECT": 'subject is "x"',
        "HEADER": 'header("X-Mark") is "x"',
        "BODY": "body.size > 3"}.items())


class Load:
    """Messages without end on one link, on the rules of its generation."""

    def __init__(self, filt: Filter) -> None:
        self.messages = self.mixed = 0
        self.failed: BaseException | None = None
        self._filter = filt
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._session()
        except (OSError, AssertionError, ProtocolError) as exc:
            self.failed = exc

    def _session(self) -> None:
        mta = self._filter.session(timeout=10)
        greet(mta)
        kinds = set()
        for _ in range(5):
            reply, msg = deliver(mta, letter(b"Subject: x", b"X-Mark: x"))
            assert reply.kind == "continue", reply
            found = symbols(msg)
            kinds |= {symbol[0] for symbol in found}
            self.messages += 1
            self.mixed += len(found) != 6 or len(kinds) != 1
        mta.quit()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        if self.failed:
            raise self.failed


def test_many_reloads() -> None:
    """R3: each message sees one generation, and the old ones are freed."""
    turns = 10000 if SOAK else 200
    with Filter(generation("A")) as filt:
        reloaded = Reloaded(filt)
        texts = [generation(letter_) for letter_ in "BA"]
        loads = [Load(filt) for _ in range(2)]
        memory = 0
        try:
            for turn in range(turns):
                if turn == turns // 5:
                    memory = watch.resident_kib(filt.pid)
                reloaded.write(texts[turn % 2])
                assert " event=reload " in reloaded.reload()
            grown = watch.resident_kib(filt.pid) - memory
        finally:
            for load in loads:
                load.stop()
        messages = sum(load.messages for load in loads)
        mixed = sum(load.mixed for load in loads)
        figure("R3", reloads=turns, messages=messages, mixed=mixed,
               rss_growth_kib=grown)
        assert mixed == 0 and messages > 20
        assert sanitized() or grown <= 1024


def lists(letter_: str) -> str:
    """Two hundred DNS lists, which nobody serves."""
    symbol = letter_.upper()
    return 'set dns_servers "127.0.0.1:9"\n' + "".join(
        f'dnsbl "{letter_}{n}.test" {{ {symbol}{n} 1.0 on 127.0.0.2 }}\n'
        for n in range(200))


def test_reloads_with_ever_other_dns_lists() -> None:
    """R3: what a resolver remembers of lists is bounded, never in the way."""
    with Filter(lists("a")) as filt:
        reloaded = Reloaded(filt)
        for number, letter_ in enumerate("bcd", 2):  # one came before
            reloaded.write(lists(letter_))
            assert " event=reload " in reloaded.reload()
            mta = filt.session()
            greet(mta)
            deliver(mta, letter(b"Subject: x"))
            mta.quit()
            line = await_line(filt, "mail", number)[-1]
            assert f" unknown={letter_}0.test:" in line
        assert not filt.lines("dns")


# --- R5: things that are no files of ours -------------------------------------


def symlink(path: pathlib.Path) -> None:
    target = path.with_suffix(".target")
    target.write_text("rule X 1.0 if helo.is_ip\n")
    path.symlink_to(target)


def fifo(path: pathlib.Path) -> None:
    os.mkfifo(path)


def device(path: pathlib.Path) -> None:
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero


def folder(path: pathlib.Path) -> None:
    path.mkdir()


def writable_by_all(path: pathlib.Path) -> None:
    path.write_text("rule X 1.0 if helo.is_ip\n")
    path.chmod(0o666)


def huge(path: pathlib.Path) -> None:
    path.touch()
    os.truncate(path, 1 << 30)


def of_a_stranger(path: pathlib.Path) -> None:
    path.write_text("rule X 1.0 if helo.is_ip\n")
    os.chown(path, 65534, 65534)


def socket_file(path: pathlib.Path) -> None:
    os.mknod(path, 0o600 | 0o140000)


def unreadable_loop(path: pathlib.Path) -> None:
    path.symlink_to(path.name)


FIXTURES = [symlink, fifo, device, folder, writable_by_all, huge,
            of_a_stranger, socket_file, unreadable_loop]


@pytest.mark.parametrize("kind", ["rules", "list"])
@pytest.mark.parametrize("make", FIXTURES, ids=lambda make: make.__name__)
def test_not_a_file_of_ours(make: Callable[[pathlib.Path], None], kind: str,
                            tmp_path: pathlib.Path) -> None:
    """R5: refused at once, by name, and nothing of it is read or waited for."""
    if os.geteuid() != 0 and make in (device, of_a_stranger):
        pytest.skip("only root can make one")
    path = tmp_path / "odd.file"
    make(path)
    config = tmp_path / "steelyard.conf"
    config.write_text('include "odd.file"\n' if kind == "rules" else
                      'list x domain from "odd.file"\n'
                      "rule X 1.0 if sender.domain in x\n")
    done = subprocess.run(
        [str(program("STEELYARD", "steelyard")), "-t", "-c", str(config)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5,
        check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "odd.file" in said and len(said) < 2000, said
    assert re.search(r"steelyard\.conf:1:\d+", said), said


def test_odd_file_at_reload() -> None:
    """R5: neither does a reload wait for one, and mail goes on."""
    with Filter('include "more.rules"\n',
                files={"more.rules": "rule X 1.0 if helo.is_ip\n"}) as filt:
        reloaded = Reloaded(filt)
        path = filt.work / "more.rules"
        refused = 0
        for make in FIXTURES:
            if os.geteuid() != 0 and make in (device, of_a_stranger):
                continue
            path.unlink()
            make(path)
            line = reloaded.reload()
            assert " event=R1 " in line and "more.rules" in line, line
            refused += 1
            serves(filt)
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
                path.touch()
        figure("R5", odd_files=refused, taken_over=0)
