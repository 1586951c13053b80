"""D1, D9: made-up rules about SPF and DMARC, of which DNS keeps back the answer.

Two promises hold whatever the rules: what is refused early is refused at the
end, too, and who is refused for good while DNS is silent would be refused
whatever it had said.
"""

from __future__ import annotations

import json
import pathlib
import random
import subprocess
import tempfile
from typing import Any, Iterator

import pytest

from lib.steelyard import program

from .figures import figure, rounds

CLIENT = "192.0.2.99"
REST = """\
$TTL 5m
h.example.                  A   192.0.2.99
h.example.                  TXT "v=spf1 -all"
2.0.0.127.zen.test.         A   127.0.0.2
99.2.0.192.zen.test.        A   127.0.0.4
2.0.0.127.dbl.test.         A   127.0.0.2
sender.example.dbl.test.    A   127.0.1.2
"""
SILENT = REST + """\
sender.example.             SERVFAIL
_dmarc.sender.example.      SERVFAIL
"""
RECORDS = [None, "v=spf1 +all", f"v=spf1 ip4:{CLIENT} -all", "v=spf1 -all",
           "v=spf1 ~all", "v=spf1 foo", "v=spf1 a:h.example a:no.example -all"]
POLICIES = [None, "v=DMARC1; p=reject", "v=DMARC1; p=none"]
HOSTS = [None, "10 h.example."]
LETTER = """\
From: a@sender.example
To: b@dest.example
Subject: x
Message-ID: <1@sender.example>
Date: Sun, 1 Mar 2026 10:00:00 +0000

Text.
"""
AT_RCPT = [
    "ZEN", "DBL", "spf is pass", "spf is fail", "spf is not pass",
    "spf is none", "spf is unknown", "spf is temperror", "spf.helo is fail",
    "spf.open", "spf.error is not none", "spf.error ~ /servfail/",
    "spf.lookups > 0", "spf.mechanism is none", "spf.explanation is none",
    "spf.domain in doms", "sender.exists is no", "sender.mx is none",
    "client.ptr is none", "helo.resolves", 'rcpt.local is "p"',
    'sender.domain is "sender.example"']
AT_END = AT_RCPT + [
    "rcpt.count > 1", "dkim is none", "dkim.results is none", "dmarc is fail",
    "dmarc is none", "dmarc is unknown", "dmarc.policy is reject",
    "dmarc.policy is none", "dmarc.domain is none", "dmarc.aligned.spf",
    "dmarc.record_error is none", 'from.domain is "sender.example"']


def condition(dice: random.Random) -> str:
    text = dice.choice(AT_END)
    if dice.random() < 0.3:
        text = f"not ({text})"
    if dice.random() < 0.4:
        text += f" {dice.choice(['and', 'or'])} {dice.choice(AT_END)}"
    return text


def made_up(dice: random.Random) -> str:
    """A rule file."""
    lines = ['list doms domain { "sender.example" }',
             f'dnsbl "zen.test" {{ ZEN {dice.choice([2, 5, 12, 20])} on 127.0.0.4 }}',
             'dnsbl "dbl.test" of sender.domain, spf.domain '
             f"{{ DBL {dice.choice([-4, 3, 6, 12])} on 127.0.1.2 }}",
             "verdict reject at 10",
             "set earliest_refusal "
             + dice.choice(["connect", "mail", "rcpt", "rcpt", "data"])]
    lines += [f"rule R{n} {dice.choice([-12, -5, -2, 1, 2, 5, 8, 11])} "
              f"if {condition(dice)}" for n in range(dice.randint(1, 6))]
    if dice.random() < 0.4:
        lines.append(f"exempt if {condition(dice)}")
    if dice.random() < 0.5:
        lines.append(f"class some if {dice.choice(AT_RCPT)} "
                     f"{{ verdict reject at {dice.choice([3, 6, 15])} }}")
    if dice.random() < 0.6:
        lines.append(f"verdict defer at {dice.choice([4, 7, 12])}")
    if dice.random() < 0.3:
        lines.append("set on_unknown defer")
    return "\n".join(lines) + "\n"


def made_up_world(dice: random.Random) -> str:
    """What DNS might have said of the sender."""
    named = [("sender.example. TXT", dice.choice(RECORDS), '"%s"'),
             ("_dmarc.sender.example. TXT", dice.choice(POLICIES), '"%s"'),
             ("sender.example. MX", dice.choice(HOSTS), "%s")]
    return REST + "".join(f"{name} {form % value}\n"
                          for name, value, form in named if value is not None)


class Bench:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        (folder / "letter.eml").write_text(LETTER)

    def weigh(self, rules: str, world: str, rcpt: str = "b") -> dict[str, Any]:
        (self.folder / "rules.conf").write_text(rules)
        (self.folder / "world.zone").write_text(world)
        got = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "-c", "rules.conf", "--json", "test",
             "--client", CLIENT, "--helo", "h.example", "--from",
             "a@sender.example", "--rcpt", f"{rcpt}@dest.example", "--dns",
             "world.zone", "letter.eml"],
            cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert got.stdout, f"{got.stderr}\n{rules}"
        return json.loads(got.stdout)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="sy-doubt-") as name:
        yield Bench(pathlib.Path(name))


def for_good(said: dict[str, Any]) -> bool:
    return (said["reply"] or "").startswith("5")


def test_silence_refuses_nobody(bench: Bench) -> None:
    """D9: a 5xx stands in each world that DNS might have told of."""
    refused = 0
    for seed in range(rounds(10000)):
        dice = random.Random(seed)
        rules = made_up(dice)
        if not for_good(bench.weigh(rules, SILENT)):
            continue
        refused += 1
        for _ in range(4):
            world = made_up_world(dice)
            said = bench.weigh(rules, world)
            assert for_good(said), f"{seed}: {said['symbols']}\n{rules}{world}"
    figure("D9", doubted_rules=rounds(10000), refused_for_good=refused)
    assert refused > 0


def test_early_is_final(bench: Bench) -> None:
    """D1: what is said early is what would have been said at the end."""
    early = 0
    for seed in range(rounds(10000)):
        dice = random.Random(seed)
        rules = made_up(dice)
        world = dice.choice([SILENT, made_up_world(dice)])
        rcpt = dice.choice(["b", "p"])
        first = bench.weigh(rules, world, rcpt)
        last = bench.weigh(rules + "set mode observe\n", world, rcpt)
        early += first["stage"] != "eom"
        assert first["verdict"] == last["verdict"], \
            f"{seed}: {first['symbols']}, {last['symbols']}\n{rules}{world}"
    figure("D1", rules=rounds(10000), said_early=early)
    assert early > 0
