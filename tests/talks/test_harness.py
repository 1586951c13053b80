"""The harness itself: what the talks rely on must hold without a filter."""

from __future__ import annotations

import pathlib
import socket
import struct
import threading

import pytest

from lib import fakemta, message, milter, steelyard, talk, talkfile


def header(*fields: str) -> message.Message:
    return message.parse("".join(f + "\r\n" for f in fields).encode())


def test_fields_are_counted_anew_after_each_change() -> None:
    msg = header("A: 1", "B: x", "a: 2", "A: 3")
    msg.change(1, b"A", b"")
    msg.change(2, b"a", b" three")
    assert msg.fields == [(b"B", b" x"), (b"a", b" 2"), (b"A", b" three")]


def test_a_change_of_a_field_that_is_not_there_adds_it() -> None:
    msg = header("A: 1")
    msg.change(1, b"B", b" new")
    msg.change(2, b"A", b"")
    assert msg.fields == [(b"A", b" 1"), (b"B", b" new")]


def test_folds_are_kept_and_unfolded_on_request() -> None:
    msg = header("A: one", "\ttwo", "", "body")
    assert msg.fields == [(b"A", b" one\r\n\ttwo")]
    assert msg.values("a") == ["one\ttwo"]
    assert msg.body == b"body\r\n"


def test_a_line_that_is_no_field_ends_the_header() -> None:
    msg = header("A: 1", "not a field", "B: 2")
    assert msg.values("B") == []
    assert msg.body == b"not a field\r\nB: 2\r\n"


@pytest.mark.parametrize("want, got, same", [
    (["250"], ["250-a", "250 b"], True),
    (["250"], ["251 a"], False),
    (["250 a*"], ["250 abc"], True),
    (["250 a"], ["250-a", "250 b"], False),
    (["550-a", "550 (ref ????-????)"], ["550-a", "550 (ref ABCD-EF12)"], True),
    (["550 [x]"], ["550 [x]"], True),
    (["550 [x]"], ["550 x"], False),
])
def test_reply_patterns(want: list[str], got: list[str], same: bool) -> None:
    assert talk.reply_matches(want, got) is same


def test_replies_of_one_mta_replace_the_general_ones(
        tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.talk"
    path.write_text("# title\n> A\n< 250\nsendmail< 501\n< 354\nfake> B\n")
    steps = [step for _, step in talkfile.read(path).steps]
    assert steps == [
        talk.Say(b"A\r\n", None),
        talk.Hear(["250"], {"sendmail": ["501"]}, False),
        talk.Hear(["354"], {}, False),
        talk.Say(b"B\r\n", "fake"),
    ]


@pytest.mark.parametrize("text, problem", [
    ("> A\n", "first line"),
    ("# t\nwhat\n", ":2: what is 'what'"),
    ("# t\nrules {\n", "not closed"),
    ("# t\nonly exim\n", "only takes"),
    ("# t\nasks soon i\n", "asks takes one of connect, "),
])
def test_a_badly_written_talk_says_where(tmp_path: pathlib.Path, text: str,
                                         problem: str) -> None:
    path = tmp_path / "x.talk"
    path.write_text(text)
    with pytest.raises(talk.BadTalk, match=problem):
        talkfile.read(path)


def test_what_is_bound_does_not_listen_yet(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.sock"
    assert not steelyard.listens(path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        assert not steelyard.listens(path)
        sock.listen()
        assert steelyard.listens(path)
    assert not steelyard.listens(path)


class Script:
    """A filter that says a fixed thing after each frame it expects."""

    def __init__(self, path: pathlib.Path, negotiation: bytes,
                 answers: dict[bytes, bytes]) -> None:
        self.heard: list[tuple[bytes, bytes]] = []
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(str(path))
        self._sock.listen(1)
        self._answers = {b"O": milter.frame(b"O", negotiation), **answers}
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        conn, _ = self._sock.accept()
        link = milter.Link.__new__(milter.Link)
        link.sock = conn
        try:
            while True:
                letter, data = link.receive()
                self.heard.append((letter, data))
                if letter == b"Q":
                    break
                if letter in self._answers:
                    conn.sendall(self._answers[letter])
        except ConnectionError:
            pass
        conn.close()
        self._sock.close()


def negotiation(steps: milter.Step, symbols: bytes = b"") -> bytes:
    return struct.pack(">III", 6, 0x1FF, steps) + symbols


def test_the_fake_mta_obeys_what_was_negotiated(tmp_path: pathlib.Path) -> None:
    """No step that was declined, no wait where no reply comes, own macros."""
    steps = (milter.Step.NOHELO | milter.Step.NR_MAIL | milter.Step.NOBODY
             | milter.Step.SKIP)
    rcpt_macros = struct.pack(">I", 3) + b"{rcpt_addr}\0"
    script = Script(tmp_path / "m", negotiation(steps, rcpt_macros), {
        b"C": milter.frame(b"c"), b"R": milter.frame(b"c"),
        b"L": milter.frame(b"s"), b"N": milter.frame(b"c"),
        b"E": milter.frame(b"p") + milter.frame(b"c")})
    fake = fakemta.FakeMta(f"unix:{tmp_path / 'm'}", timeout=5)
    fake.macros.update({"i": "ID", "{rcpt_addr}": "b@c"})
    fake.connect("[192.0.2.1]", "192.0.2.1", 25)
    fake.helo(b"x")
    fake.mail(b"<a@b>")
    fake.rcpt(b"<b@c>")
    msg = header("A: 1", "B: 2", "", "body")
    assert fake.content(msg).kind == "continue"
    fake.quit()
    script.thread.join(5)
    letters = [letter for letter, _ in script.heard if letter != b"D"]
    assert letters == [b"O", b"C", b"M", b"R", b"L", b"N", b"E", b"Q"]
    assert (b"D", b"R{rcpt_addr}\0b@c\0") in script.heard
    assert (b"L", b"A\0" + b"1\0") in script.heard
    assert fake.progress == 1


@pytest.mark.parametrize("reply", [
    b"550 5.7.1 lone % sign\0",
    b"550-5.7.1 one\r\n551 5.7.1 two\0",
    b"250 2.0.0 fine\0",
    b"550 5.7.1 a\rb\0",
    b"550 5.7.1 " + b"x" * 600 + b"\0",
])
def test_the_fake_mta_refuses_bad_replies(tmp_path: pathlib.Path,
                                          reply: bytes) -> None:
    Script(tmp_path / "m", negotiation(milter.Step(0)),
           {b"C": milter.frame(b"y", reply)})
    fake = fakemta.FakeMta(f"unix:{tmp_path / 'm'}", timeout=5)
    with pytest.raises(fakemta.ProtocolError):
        fake.connect("localhost", "127.0.0.1")
    fake.link.close()
