"""steelyardctl dns and dnsbl: what DNS says, and what its lists say."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
from typing import Iterator

import pytest

from lib import wait
from lib.steelyard import Steelyard, program
from lib.steelyardctl import LETTER, ctl, site, trial


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with site() as folder:
        yield folder


WORLD = """\
$ORIGIN example.org.
@        SOA  ns admin ( 7 1h 15m 1w 60 )
         MX   10 mail
         TXT  "v=spf1 -all" "a\\"b\\\\\\027\\155"
mail     A    192.0.2.1
www      CNAME mail
broken   SERVFAIL
slow     A 192.0.2.3
slow     DELAY 150ms
$ORIGIN .
99.2.0.192.in-addr.arpa PTR bot.dyn.example.net.
2.0.0.127.well.test   A   127.0.0.2
99.2.0.192.well.test  A   127.0.0.4
99.2.0.192.well.test  A   127.0.0.9
99.2.0.192.well.test  TXT "see https://well.test/\\027[2J"
*.world.test          A   127.0.0.2
*.refuses.test        A   127.255.255.254
*.silent.test         TIMEOUT 20ms
test.names.test       A   127.0.1.2
spam.example.names.test A 127.0.1.2
"""
LISTS = """\
dnsbl "well.test"    { BOT 8.0 on 127.0.0.4 "a bot"  TESTED 1.0 on 127.0.0.2 }
dnsbl "world.test"   { WORLD 3.0 on 127.0.0.2 }
dnsbl "refuses.test" { REFUSES 3.0 on 127.0.0.2 }
dnsbl "silent.test" test none { SILENT 3.0 on 127.0.0.2 }
dnsbl "names.test" of helo.name, sender.domain ask both { NAMES 3.0 on 127.0.1.2 }
rule NO_PTR 1.0 if client.ptr is none
rule PROVEN -0.5 if client.name is "mx.example.net"
verdict reject at 8.0
"""


@pytest.fixture
def world(work: pathlib.Path) -> list[str]:
    """Options that ask a zone file with these lists."""
    (work / "world.zone").write_text(WORLD)
    conf = work / "lists.conf"
    conf.write_text(f'set control_socket "unix:{work}/control.sock"\n'
                    f'set milter_socket "unix:{work}/milter.sock"\n'
                    f'set state_dir "{work}/state"\n' + LISTS)
    return ["-c", str(conf), "--dns", str(work / "world.zone")]


def asked(world: list[str], *words: object) -> list[object]:
    """A command line: --dns belongs to the verb, so it stands behind it."""
    return [*world[:2], *words, *world[2:]]


QUERIES = {
    "example.org MX": (0, "record     10 mail.example.org"),
    "EXAMPLE.org. mx": (0, "record     10 mail.example.org"),
    "example.org SOA":
        (0, "ns.example.org admin.example.org serial 7 minimum 60"),
    "example.org TXT": (0, r'"v=spf1 -all" "a\"b\\\x1B\x9B"'),
    "www.example.org": (0, "stands for mail.example.org"),
    "192.0.2.99": (0, "record     bot.dyn.example.net"),
    "192.0.2.99 ptr": (0, "question   99.2.0.192.in-addr.arpa PTR"),
    "mail.example.org AAAA": (1, "status     nodata, "),
    "nobody.example.org": (1, "status     nxdomain, "),
    "broken.example.org": (1, "servfail, so nothing is known"),
    "192.0.2.99 A": (2, "an address has PTR records alone"),
    "2001:db8::1 MX": (2, "an address has PTR records alone"),
    "a..b": (2, "a..b is no domain name"),
    "a\x1b.test": (2, "a\\x1B.test is no domain name"),
    "m\u00fcller.example": (2, "write what is not ASCII as xn--"),
    "a.test SPF": (2, "SPF is no type of record: A, AAAA, PTR, MX, TXT"),
}


@pytest.mark.parametrize("words", QUERIES)
def test_dns_query(world: list[str], words: str) -> None:
    code, part = QUERIES[words]
    text = ctl(*asked(world, "dns", "query", *words.split(" ")), code=code)
    assert part in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def test_dns_query_in_json(world: list[str]) -> None:
    found = trial(*asked(world, "dns", "query", "slow.example.org"))
    assert found["status"] == "found" and found["ms"] >= 150
    assert found["records"][0]["address"] == "192.0.2.3"
    found = json.loads(ctl("--json", *asked(
        world, "dns", "query", "broken.example.org"), code=1))
    assert (found["ok"], found["known"]) == (True, False)
    found = trial(*asked(world, "dns", "query", "example.org", "TXT"))
    assert found["records"][0]["strings"] == ["v=spf1 -all",
                                              'a"b\\\x1b\\x9B']


def test_stats_and_flush_need_a_filter(world: list[str]) -> None:
    for action in ["stats", "flush"]:
        text = ctl(*world[:2], "dns", action, code=1)
        assert "the filter does not run" in text and text.count("\n") == 1
    assert "zone file" in ctl(*asked(world, "dns", "stats"))


def test_a_zone_file_with_a_mistake_says_where(
        world: list[str], work: pathlib.Path) -> None:
    zone = work / "bad.zone"
    zone.write_text("a A 192.0.2.1\nb AAA x\n")
    for words in [("dns", "query", "a"), ("dnsbl", "health"),
                  ("dnsbl", "192.0.2.1"), ("test", work / "letter.eml")]:
        text = ctl(*world[:2], *words, "--dns", zone, code=1)
        assert "bad.zone:2:3: " in text and text.count("\n") == 1
    done = subprocess.run(
        [program("STEELYARD", "steelyard"), "-f", *world[:2], "--dns", zone],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "bad.zone:2:3: " in done.stderr


def test_dnsbl_health(world: list[str]) -> None:
    text = ctl(*asked(world, "dnsbl", "health"), code=1)
    assert re.search(r"^well\.test +well ", text, re.M)
    assert re.search(r"^world\.test +lists all, muted ", text, re.M)
    assert re.search(r"^refuses\.test +refusing, muted ", text, re.M)
    answer = json.loads(ctl("--json", *asked(world, "dnsbl", "health"),
                            code=1))
    lists = {row["zone"]: row for row in answer["lists"]}
    assert len(lists) == 5 and not lists["well.test"]["muted"]
    assert lists["silent.test"]["tested"] is None
    assert "127.255.255.254" in lists["refuses.test"]["why"]


def test_dnsbl_health_tests_any_number_of_lists(work: pathlib.Path) -> None:
    zones = [f"list{n}.test" for n in range(40)]
    (work / "many.zone").write_text(
        "".join(f"2.0.0.127.{zone}. A 127.0.0.2\n"
                "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0"
                f".0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.{zone}. A 127.0.0.2\n"
                for zone in zones))
    (work / "many.conf").write_text(
        f'set control_socket "unix:{work}/control.sock"\n' +
        "".join(f'dnsbl "{zone}" {{ L{n} 1.0 on 127.0.0.4 }}\n'
                for n, zone in enumerate(zones)))
    answer = trial("-c", work / "many.conf", "dnsbl", "health",
                   "--dns", work / "many.zone")
    assert {row["zone"]: row["state"] for row in answer["lists"]} == \
        {zone: "well" for zone in zones}


def test_dnsbl_asks_all_lists(world: list[str]) -> None:
    text = ctl(*asked(world, "dnsbl", "192.0.2.99"))
    assert re.search(r"^well\.test +listed +\d+ +99\.2\.0\.192\.well\.test$",
                     text, re.M)
    assert "127.0.0.4 BOT 8.00  a bot" in text
    assert "127.0.0.9 means nothing to our rules" in text
    assert '"see https://well.test/\\x1B[2J"' in text
    assert re.search(r"^world\.test +lists all ", text, re.M)
    assert "127.255.255.254: asked through a public resolver" in text
    assert re.search(r"^silent\.test +no answer ", text, re.M)
    assert "names.test" not in text, "is not asked about addresses"


def test_dnsbl_only_what_counts_is_a_listing(world: list[str]) -> None:
    answer = json.loads(ctl("--json", *asked(world, "dnsbl", "192.0.2.98"),
                            code=1))
    words = {row["zone"]: row["questions"][0]["answer"]
             for row in answer["lists"]}
    assert words == {"well.test": "not listed", "world.test": "lists all",
                     "refuses.test": "fault", "silent.test": "no answer"}
    assert answer["listed"] is False


def test_dnsbl_of_a_domain_asks_as_the_rules_do(world: list[str]) -> None:
    answer = trial(*asked(world, "dnsbl", "Mail.Spam.Example."))
    (row,) = answer["lists"]
    assert [(q["question"], q["answer"]) for q in row["questions"]] == [
        ("mail.spam.example.names.test", "not listed"),
        ("spam.example.names.test", "listed")]
    assert row["questions"][1]["symbols"][0]["name"] == "NAMES"
    for wrong in ["localhost", "1.2.3", "a b.example", "[192.0.2.1]"]:
        text = ctl(*asked(world, "dnsbl", wrong), code=2)
        assert "neither an IP address nor a domain name" in text


def test_test_asks_the_zone(world: list[str], work: pathlib.Path) -> None:
    found = trial(*asked(world, "test", "--client", "192.0.2.99",
                         work / "letter.eml"))
    assert (found["verdict"], found["symbols"]) == ("reject", ["BOT"])
    facts = {row["fact"]: row["value"] for row in found["facts"]}
    assert facts["client.ptr"] == ["bot.dyn.example.net"]
    assert {"fact": 'dnsbl("silent.test")', "cause": "timeout",
            "partial": False} in found["unknown"]
    text = ctl(*asked(world, "test", "--client", "192.0.2.99", "--auth",
                      "anna", work / "letter.eml"))
    assert re.search(r"^not asked +client\.ptr$", text, re.M)


PTRS = {"mx.example.net": (["mx.example.net"], "PROVEN"),
        "unknown": (None, "NO_PTR"), "[192.0.2.99]": (None, "NO_PTR")}


@pytest.mark.parametrize("ptr", PTRS)
@pytest.mark.parametrize("client", ["192.0.2.99", "2001:db8::99"])
def test_ptr_is_believed(world: list[str], work: pathlib.Path, ptr: str,
                         client: str) -> None:
    value, symbol = PTRS[ptr]
    found = trial(*asked(world, "test", "--client", client, "--ptr", ptr,
                         work / "letter.eml"))
    facts = {row["fact"]: row["value"] for row in found["facts"]}
    assert facts["client.ptr"] == value and facts["client.name"] == value
    assert symbol in found["symbols"]


def test_ptr_is_believed_of_each_message(world: list[str],
                                         work: pathlib.Path) -> None:
    for name, ptr in [("a", "mx.example.net"), ("b", "unknown"),
                      ("c", "mx.example.net")]:
        (work / f"{name}.eml").write_text(LETTER)
        (work / f"{name}.envelope").write_text(f"ptr {ptr}\n")
    (work / "d.eml").write_text(LETTER)
    found = trial(*asked(world, "test", "--client", "192.0.2.1",
                         *[work / f"{name}.eml" for name in "abcd"]))
    assert [set(one["symbols"]) & {"PROVEN", "NO_PTR"} for one in found] == [
        {"PROVEN"}, {"NO_PTR"}, {"PROVEN"}, {"NO_PTR"}]


def test_dns_of_a_filter(work: pathlib.Path) -> None:
    zone = work / "world.zone"
    zone.write_text(WORLD)
    filt = Steelyard(LISTS, work / "milter.sock", options=["--dns", zone])
    try:
        conf = filt.config
        wait.until("an answer", 10, lambda: '"ok"' in ctl(
            "-c", conf, "--json", "status", code=None))
        assert "192.0.2.1" in ctl("-c", conf, "dns", "query",
                                  "www.example.org")
        stats = trial("-c", conf, "dns", "stats")
        assert stats["questions"]["asked"] > 0
        assert stats["zone_file"] == str(zone)
        ctl("-c", conf, "dns", "flush")
        wait.until("a line in the log", 10,
                   lambda: "verb=dns" in filt.log())
        ctl("-c", conf, "dnsbl", "192.0.2.99")
        wait.until("a list that lists all is muted", 20,
                   lambda: "lists all, muted" in ctl(
                       "-c", conf, "dnsbl", "health", code=None))
        wait.until("its line in the log", 10, lambda: re.search(
            r'event=dnsbl level=warning zone=world\.test '
            r'state="lists all" was="untested"', filt.log()))
        assert re.search(r"^DNS +well; 5 lists, \d of them muted: .*world\.test",
                         ctl("-c", conf, "status"), re.M)
        assert trial("-c", conf, "status")["dns"]["muted"].count("world.test") == 1
        # a reload reads the file again
        zone.write_text(WORLD + "new.test A 192.0.2.7\n")
        ctl("-c", conf, "reload")
        assert "192.0.2.7" in ctl("-c", conf, "dns", "query", "new.test")
        # refuses one with a mistake, and says where; the one before stays
        zone.write_text("new.test A 192.0.2\n")
        assert f"{zone}:1:12: " in ctl("-c", conf, "reload", code=1)
        assert "192.0.2.7" in ctl("-c", conf, "dns", "query", "new.test")
    finally:
        filt.close()
