"""The suites' own ways to write DNS, as the filter reads them."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

import pytest

from lib.steelyard import program

from . import zone

LONG = "v=spf1 " + "x" * 300


def asked(text: str, name: str, kind: str, folder: pathlib.Path) -> Any:
    """What the filter's resolver says: records, or how it failed."""
    (folder / "world.zone").write_text(text)
    (folder / "s.conf").write_text("")
    done = subprocess.run(
        [program("STEELYARDCTL", "steelyardctl"), "-c", folder / "s.conf",
         "--json", "dns", "query", "--dns", folder / "world.zone", name, kind],
        capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    records = ["".join(record.get("strings", [record["text"]]))
               for record in found.get("records") or []]
    return records or found["status"]


@pytest.mark.parametrize("entries, kind, said", [
    pytest.param([{"SPF": "v=spf1 -all"}], "TXT", ["v=spf1 -all"],
                 id="SPF stands for TXT"),
    pytest.param([{"SPF": "v=spf1 -all"}, {"TXT": "hello"}], "TXT", ["hello"],
                 id="unless there is TXT"),
    pytest.param([{"SPF": "v=spf1 -all"}, {"TXT": "NONE"}], "TXT", "nodata",
                 id="or there is to be none"),
    pytest.param([{"SPF": ["v=spf1 ip4:", "192.0.2.1"]}], "TXT",
                 ["v=spf1 ip4:192.0.2.1"], id="strings are joined"),
    pytest.param([{"SPF": []}], "TXT", [""], id="an empty record"),
    pytest.param([{"SPF": LONG}], "TXT", [LONG], id="a long one"),
    pytest.param([{"TXT": 'a "b" \\; c'}], "TXT", ['a "b" \\; c'],
                 id="what means something in master files"),
    pytest.param([{"A": "192.0.2.1"}], "TXT", "nodata",
                 id="no data of another type"),
    pytest.param(["TIMEOUT"], "TXT", "timeout", id="silence"),
    pytest.param([{"TXT": "a"}, "TIMEOUT"], "TXT", ["a"],
                 id="silence but for what is there"),
    pytest.param([{"TXT": "a"}, "TIMEOUT"], "A", "timeout",
                 id="and the rest of it"),
    pytest.param([{"TXT": "TIMEOUT"}, {"A": "192.0.2.1"}], "TXT", "timeout",
                 id="silence of one type"),
    pytest.param([{"MX": [0, ""]}], "MX", ["0 ."], id="a null MX"),
    pytest.param([{"PTR": "x" * 64 + ".example"}], "PTR", "nodata",
                 id="what is no name cannot be there"),
    pytest.param([], "A", "nodata", id="a name alone exists"),
])
def test_zonedata(entries: list[Any], kind: str, said: Any,
                  tmp_path: pathlib.Path) -> None:
    text = zone.of_zonedata({"A.example.com": entries})
    assert asked(text, "a.example.com", kind, tmp_path) == said


def test_what_lies_between_does_not_exist(tmp_path: pathlib.Path) -> None:
    text = zone.of_zonedata({"a.b.example.com": [{"A": "192.0.2.1"}]})
    assert asked(text, "b.example.com", "A", tmp_path) == "nxdomain"
    assert asked(text, "c.example.com", "A", tmp_path) == "nxdomain"


def test_rows_of_a_table(tmp_path: pathlib.Path) -> None:
    text = zone.of_rows([("a.example", "TXT", "one"), ("a.example", "TXT", "2"),
                         ("b.example", "TXT", "!SERVFAIL"),
                         ("c.example", "TXT", "!NODATA"),
                         ("d.example", "MX", "10 mx.example"),
                         ("e.example", "TXT", "!NXDOMAIN")])
    for name, kind, said in [("a", "TXT", ["one", "2"]),
                             ("b", "TXT", "servfail"), ("c", "TXT", "nodata"),
                             ("d", "MX", ["10 mx.example"]),
                             ("e", "A", "nxdomain")]:
        assert asked(text, f"{name}.example", kind, tmp_path) == said
