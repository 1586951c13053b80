"""Reading a talk: from the lines of a file to steps."""

from __future__ import annotations

import pathlib
import re

import dns.name

from . import dnstext, dnszone, mta, talk
from .clock import seconds
from .milter import STAGES
from .talk import BadTalk, Talk

_SAY = re.compile(r"(fake|postfix|sendmail)?> ?(.*)")
_HEAR = re.compile(r"(fake|postfix|sendmail)?<\s?(.*)")


def read(path: pathlib.Path) -> Talk:
    """Parse a file; errors name file and line."""
    reader = _Reader(path)
    try:
        return reader.read()
    except (BadTalk, ValueError, IndexError) as exc:
        raise BadTalk(f"{path}:{reader.number}: {exc}") from exc


class _Reader:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.lines = path.read_text(encoding="utf-8").split("\n")
        self.number = 0  # of the line just taken
        self.steps: list[tuple[int, talk.Step]] = []
        self.in_content = False  # a message was sent; its reply is next

    def read(self) -> Talk:
        title = self.lines[0].lstrip("# ").strip()
        if not self.lines[0].startswith("#") or not title:
            raise BadTalk("the first line is a comment that says what is shown")
        result = Talk(self.path, title, "", {}, mta.DEFAULT_CLIENT, None,
                      talk.MTAS, self.steps)
        while (line := self.take()) is not None:
            if line.strip() and not line.startswith("#"):
                self.statement(line.rstrip(), result)
        return result

    def take(self) -> str | None:
        """The next line, None at the end."""
        if self.number >= len(self.lines):
            return None
        self.number += 1
        return self.lines[self.number - 1]

    def block(self) -> list[str]:
        """The lines up to a lone "}", without their common indentation."""
        lines = []
        while (line := self.take()) is not None:
            if line.rstrip() == "}":
                used = [text for text in lines if text.strip()]
                cut = min((len(text) - len(text.lstrip()) for text in used),
                          default=0)
                return [text[cut:] for text in lines]
            lines.append(line.expandtabs())
        raise BadTalk("a block is not closed")

    def statement(self, line: str, result: Talk) -> None:
        words = line.split()
        if said := _SAY.match(line):
            self.add(talk.Say(unescape(said.group(2)) + b"\r\n",
                              said.group(1)))
        elif _HEAR.match(line):
            self.hear(line)
        elif words == ["rules", "{"]:
            result.rules = "\n".join(self.block()) + "\n"
        elif words[0] == "file" and words[2:] == ["{"]:
            result.files[words[1]] = "\n".join(self.block()) + "\n"
        elif words == ["dns", "{"]:
            result.dns = "\n".join(self.block()) + "\n"
            self.check_zone(result.dns)
        elif words == ["rules", "shipped"]:
            shipped = self.path.resolve().parents[2] / "rules" / "default"
            result.rules = f'include "{shipped}/*.rules"\n'
        elif words[0] == "client":
            result.client = client(words[1:])
            if result.client is None:
                result.mtas = ("fake",)  # real ones have clients with addresses
        elif words[0] == "auth":
            result.auth = words[1]
            self.needs_all(result)
        elif words[0] == "macro":
            result.macros[words[1]] = " ".join(words[2:])
            result.mtas = ("fake",)  # the real ones say what they found
        elif words[0] == "only":
            result.mtas = tuple(words[1:])
            if not set(result.mtas) <= set(talk.MTAS):
                raise BadTalk("only takes " + ", ".join(talk.MTAS))
        elif words == ["message", "{"] or words == ["message", "open", "{"]:
            self.add(talk.Content(content(self.block()), len(words) == 2))
            self.in_content = len(words) == 2
        elif words[0] == "repeat" and words[2:] == ["{"]:
            self.repeat(int(words[1]), result)
        elif words == ["hang", "up"]:
            self.add(talk.HangUp())
        elif words[0] == "later":
            self.add(talk.Later(seconds(words[1])))
        elif words == ["connect", "again"]:
            self.add(talk.Again())
        elif words[0] in ("delivered", "held", "discarded"):
            checks = self.block() if words[1:] == ["{"] else []
            self.add(talk.Fate(words[0], [c.strip() for c in checks
                                          if c.strip()]))
        elif words == ["nothing", "accepted"]:
            self.add(talk.NothingAccepted())
        elif words[0] == "log":
            self.add(talk.Logged(line.removeprefix("log").strip()))
        elif words[0] == "asked":
            self.add(asked(words[1:], None))
        elif words[:2] == ["not", "asked"]:
            self.add(asked(words[2:], 0))
        elif words[0] == "asks":
            if words[1] not in STAGES:
                raise BadTalk("asks takes one of " + ", ".join(STAGES))
            self.add(talk.Asks(words[1], words[2:]))
        elif words[0] in talk.NEGOTIATED:
            self.add(talk.Negotiated(words[0], words[1:]))
        else:
            raise BadTalk(f"what is {line!r}?")

    def add(self, step: talk.Step) -> None:
        self.steps.append((self.number, step))

    def hear(self, line: str) -> None:
        """Take this and the lines that belong to the same reply."""
        start = self.number
        generic: list[str] = []
        special: dict[str, list[str]] = {}
        at: str | None = line
        while at is not None and (found := _HEAR.match(at.rstrip())):
            who, text = found.group(1), found.group(2).strip()
            lines = special.setdefault(who, []) if who else generic
            if lines and lines[-1][3:4] != "-":
                break  # the next reply begins
            lines.append(text)
            at = self.take()
        if at is not None:
            self.number -= 1  # one line too many
        self.steps.append((start, talk.Hear(generic, special, self.in_content)))
        self.in_content = False

    def repeat(self, times: int, result: Talk) -> None:
        """The block's statements `times` times, with %n counting from 1."""
        lines = self.block()
        after, rest = self.number, self.lines
        for count in range(1, times + 1):
            self.lines = [line.replace("%n", str(count)) for line in lines]
            self.number = 0
            while (line := self.take()) is not None:
                if line.strip():
                    self.statement(line.rstrip(), result)
        self.number, self.lines = after, rest

    def check_zone(self, text: str) -> None:
        """A mistake in a dns { } block is shown with the talk's line."""
        start = self.number - len(text.splitlines())
        try:
            dnszone.World().load(text, "dns", dns.name.root, dnszone.TTL)
        except dnstext.BadZone as exc:
            place, _, problem = str(exc).partition(": ")
            self.number = start + int(place.partition(":")[2]) - 1
            raise BadTalk(problem) from exc

    @staticmethod
    def needs_all(result: Talk) -> None:
        """A login can be had by macro or XCLIENT, not from our Sendmail."""
        result.mtas = tuple(m for m in result.mtas if m != "sendmail")


def client(words: list[str]) -> tuple[str, int] | None:
    """`local`, or an address with an optional port."""
    if words == ["local"]:
        return None
    port = int(words[2]) if words[1:2] == ["port"] else 0
    return words[0], port


def asked(words: list[str], count: int | None) -> talk.Asked:
    """`[N] NAME [TYPE]`"""
    if count is None and words[0].isdigit():
        count = int(words.pop(0))
    name, qtype = (words + [""])[:2]
    return talk.Asked(name, qtype.upper(), count)


def unescape(text: str) -> bytes:
    """UTF-8, with \\xNN, \\0 and \\\\ for what cannot be written."""

    def byte(found: re.Match[bytes]) -> bytes:
        code = found.group(1)
        if code == b"\\":
            return code
        return b"\0" if code == b"0" else bytes([int(code[1:], 16)])

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|0|\\)", byte, text.encode())


def content(lines: list[str]) -> bytes:
    """A message's lines; "%repeat N TEXT" stands for N lines of TEXT."""
    out = []
    for line in lines:
        found = re.fullmatch(r"%repeat (\d+) (.*)", line)
        for count in range(int(found.group(1)) if found else 1):
            text = found.group(2) if found else line
            out.append(unescape(text.replace("%n", str(count + 1))))
    return b"".join(line + b"\r\n" for line in out)
