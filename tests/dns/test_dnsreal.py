"""The real name servers start, answer, change, and leave nothing behind."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Iterator

import pytest

from lib import dnsask, dnsreal, wait
from lib.room import Unavailable


@pytest.fixture(scope="module")
def servers() -> Iterator[dnsreal.Servers]:
    try:
        with dnsreal.real(
                {"example.org": """
                    @      MX 10 mx
                    mx  5  A  192.0.2.25
                    alias  CNAME mx""",
                 "2.0.192.in-addr.arpa": "25 PTR mx.example.org."},
                {"zen.test": """
                    :127.0.0.4:see https://zen.test/$
                    192.0.2.99
                    192.0.2.98 :127.0.0.10:
                    127.0.0.2""",
                 "dnset:dbl.test": ":127.0.1.2:$\n.spam.example\n.test"}
        ) as running:
            yield running
    except Unavailable as exc:
        pytest.fail(str(exc), pytrace=False)


@pytest.mark.parametrize("name, qtype, answer", [
    ("example.org", "MX", ["MX 10 mx.example.org."]),
    ("alias.example.org", "A", ["CNAME mx.example.org.", "A 192.0.2.25"]),
    ("25.2.0.192.in-addr.arpa", "PTR", ["PTR mx.example.org."]),
    ("no.example.org", "A", ["NXDOMAIN"]),
    ("mx.example.org", "TXT", []),
    ("99.2.0.192.zen.test", "A", ["A 127.0.0.4"]),
    ("99.2.0.192.zen.test", "TXT", ['TXT "see https://zen.test/192.0.2.99"']),
    ("98.2.0.192.zen.test", "A", ["A 127.0.0.10"]),
    ("97.2.0.192.zen.test", "A", ["NXDOMAIN"]),
    ("2.0.0.127.zen.test", "A", ["A 127.0.0.4"]),
    ("www.spam.example.dbl.test", "A", ["A 127.0.1.2"]),
    ("www.debian.org", "A", ["NXDOMAIN"]),  # nobody is asked
])
def test_the_resolver_knows(servers: dnsreal.Servers, name: str, qtype: str,
                            answer: list[str]) -> None:
    assert dnsask.ask(servers.resolver.address, name, qtype) == answer


def test_each_answers_for_its_own(servers: dnsreal.Servers) -> None:
    assert dnsask.ask(servers.nsd.address, "mx.example.org") == ["A 192.0.2.25"]
    assert dnsask.ask(servers.nsd.address, "99.2.0.192.zen.test") == ["REFUSED"]
    assert dnsask.ask(servers.rbldnsd.address, "99.2.0.192.zen.test") == [
        "A 127.0.0.4"]


def test_a_server_that_refuses_is_a_servfail() -> None:
    with dnsreal.Nsd({"example.org": ""}) as lame:
        with dnsreal.Unbound({"zen.test": lame}) as resolver:
            wire = dnsask.query("99.2.0.192.zen.test")
            reply = dnsask.udp(resolver.address, wire)
            assert dnsask.rcode(reply) == "SERVFAIL"


def test_zones_and_lists_can_be_changed() -> None:
    with dnsreal.Nsd({"example.org": "a A 192.0.2.1"}) as nsd:
        nsd.change("example.org", "@ SOA ns me 2 1 1 1 1\na A 192.0.2.2")
        wait.until("the new zone", 5, lambda: dnsask.ask(
            nsd.address, "a.example.org") == ["A 192.0.2.2"])
    with dnsreal.Rbldnsd({"zen.test": "192.0.2.1"}) as rbldnsd:
        rbldnsd.change("zen.test", "127.0.0.0/8 :127.0.0.2:shut down")
        wait.until("the new list", 5, lambda: dnsask.ask(
            rbldnsd.address, "1.0.0.127.zen.test") == ["A 127.0.0.2"])


def test_nothing_is_left_behind() -> None:
    with dnsreal.real({"example.org": ""}, {"zen.test": "192.0.2.1"}) as three:
        all_of = [three.nsd, three.rbldnsd, three.resolver]
        folders = [server.work for server in all_of]
        groups = [server.process.pid for server in all_of if server.process]
    assert not any(folder.exists() for folder in folders)
    wait.until("the end of their processes", 5,
               lambda: not any(alive(group) for group in groups))


def alive(group: int) -> bool:
    """Whether a process of this group runs (a zombie does not)."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_a_server_that_cannot_start_says_why_in_a_line() -> None:
    before = set(pathlib.Path(tempfile.gettempdir()).glob("sy-nsd-*"))
    with pytest.raises(Unavailable) as told:
        dnsreal.Nsd({"example.org": "", "bad..name": ""})
    assert "nsd" in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(Unavailable) as told:
        dnsreal.Rbldnsd({"nonsense:zen.test": "192.0.2.1"})
    assert "rbldnsd ended" in str(told.value) and "\n" not in str(told.value)
    assert set(pathlib.Path(tempfile.gettempdir()).glob("sy-nsd-*")) <= before


def test_where_nothing_can_be_unpacked_a_line_says_so(
        monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEELYARD_DNS", str(tmp_path / "file"))
    with pytest.raises(Unavailable) as told:
        dnsreal.unpacked()
    assert "\n" not in str(told.value)
