"""Talks with a dns { } block: read, served, and asked about."""

from __future__ import annotations

import pathlib
import types

import pytest

from lib import dnsask, talk, talkfile, wait
from lib.dnsserver import DnsServer

TALK = """\
# a listed client
dns {
    $ORIGIN zen.test.
    99.2.0.192  A   127.0.0.4
                TXT "listed"
    broken      SERVFAIL
}
rules {
    set mode enforce
}
asked 99.2.0.192.zen.test A
asked 2 99.2.0.192.zen.test
not asked broken.zen.test TXT
"""


def read(folder: pathlib.Path, text: str) -> talk.Talk:
    path = folder / "x.talk"
    path.write_text(text)
    return talkfile.read(path)


def test_the_block_is_what_a_server_can_load(tmp_path: pathlib.Path,
                                             dns_server: DnsServer) -> None:
    listed = read(tmp_path, TALK)
    assert listed.dns is not None
    dns_server.load(listed.dns)
    assert dnsask.ask(dns_server.address, "99.2.0.192.zen.test", "TXT") == [
        'TXT "listed"']
    assert dnsask.ask(dns_server.address, "broken.zen.test") == ["SERVFAIL"]
    assert listed.settings(dns_server) == (
        f'set dns_servers "127.0.0.1:{dns_server.port}"\n')


def test_a_talk_without_it_has_no_server(tmp_path: pathlib.Path) -> None:
    plain = read(tmp_path, "# t\n> QUIT\n")
    assert plain.dns is None and plain.settings(None) == ""


def test_what_was_asked(tmp_path: pathlib.Path, dns_server: DnsServer,
                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "until", lambda what, _, ready:
                        ready() or pytest.fail(what))
    conv = types.SimpleNamespace(resolver=dns_server)
    once, twice, never = (step for _, step in read(tmp_path, TALK).steps)
    never.run(conv)  # type: ignore[arg-type]
    with pytest.raises(pytest.fail.Exception, match="a question for 99"):
        once.run(conv)  # type: ignore[arg-type]
    for qtype in ("A", "TXT"):
        dnsask.ask(dns_server.address, "99.2.0.192.zen.test", qtype)
    once.run(conv)  # type: ignore[arg-type]
    twice.run(conv)  # type: ignore[arg-type]
    dnsask.ask(dns_server.address, "broken.zen.test", "TXT")
    with pytest.raises(talk.Mismatch, match="1 times, not 0; all .*: 99"):
        never.run(conv)  # type: ignore[arg-type]
    conv.resolver = None
    with pytest.raises(talk.BadTalk, match="no DNS server"):
        never.run(conv)  # type: ignore[arg-type]


@pytest.mark.parametrize("text, problem", [
    ("# t\ndns {\n  a A 192.0.2.1\n  b A 192.0.2\n}\n", "x.talk:4: "),
    ("# t\n\ndns {\n\n  a DELAY 3\n\n}\n", "x.talk:5: '3' is no time"),
    ("# t\nasked\n", "x.talk:2: "),
])
def test_a_bad_block_says_where(tmp_path: pathlib.Path, text: str,
                                problem: str) -> None:
    with pytest.raises(talk.BadTalk) as told:
        read(tmp_path, text)
    assert problem in str(told.value)
