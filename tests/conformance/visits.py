"""Messages through the filter's session, inspector and resolver.

`steelyardctl test` is what a filter does to a message but for the milter
protocol: the session, the pool, an inspector in its jail, the resolver that
asks a zone file.  It shows all facts, and one process hears all messages that
share a world.

A `Filter` is one that runs and is spoken to over its milter socket.  What shows
there are the results in its Authentication-Results.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile
from typing import Any, Iterable

from lib import control, fakemta, message, wait
from lib.steelyard import Steelyard, program

PATIENCE = 120  # seconds for all messages together

# Rules decide what is asked: these ask for all there is, and refuse nothing.
RULES = "set mode observe\n" + "".join(
    f"shadow rule R{number} 0.01 if {test}\n" for number, test in enumerate([
        "spf is pass", "spf.helo is pass", "spf.domain is none",
        "spf.mechanism is none", "spf.lookups > 5",
        "spf.explanation is none", "spf.open", "spf.error is none",
        "dkim is pass", "dkim.results is none", "dkim.domains is none",
        "dkim.passed is none", "dkim.error is none", "dkim.aligned",
        "dmarc is pass", "dmarc.policy is none", "dmarc.domain is none",
        "dmarc.org_domain is none", "dmarc.aligned.spf",
        "dmarc.aligned.dkim", "dmarc.testing", "dmarc.record_error is none",
    ]))
LETTER = b"From: <anna@letter.invalid>\r\nSubject: hello\r\n\r\nhello\r\n"


@dataclasses.dataclass
class Visit:
    """Who brings what; None: the default of steelyardctl."""

    message: bytes = LETTER
    client: str | None = None
    helo: str | None = None  # "": none is said
    sender: str | None = None  # without brackets
    time: int | None = None  # since 1970

    def envelope(self) -> bytes:
        lines = [("client", self.client), ("helo", self.helo),
                 ("time", self.time and str(self.time)),
                 ("from", self.sender and f"<{self.sender}>")]
        if self.sender == "":
            lines.append(("from", "<>"))
        return "".join(f"{key} {value}\n" for key, value in lines
                       if value is not None).encode("utf-8",
                                                    "surrogateescape")


class Facts:
    """What became known of one message."""

    def __init__(self, finding: dict[str, Any]) -> None:
        self.finding = finding
        self.rows = {row["fact"]: row for row in finding.get("facts", [])}

    def __getitem__(self, name: str) -> Any:
        """The value, None if there is none; what is not known says so."""
        row = self.rows.get(name)
        if row is None:
            return "not asked"
        if row["state"] in ("known", "none"):
            return row["value"]
        causes = [one["cause"] for one in self.finding.get("unknown", [])
                  if one["fact"] == name]
        return f"{row['state']} ({', '.join(causes)})"


def facts_of(visits: Iterable[Visit], zone: str,
             settings: str = "") -> list[Facts]:
    """What becomes known of each, in a world that is this zone."""
    with tempfile.TemporaryDirectory(prefix="sy-suite-") as name:
        folder = pathlib.Path(name)
        (folder / "s.conf").write_text(settings + RULES)
        (folder / "world.zone").write_text(zone)
        paths = []
        for number, visit in enumerate(visits):
            path = folder / f"{number}.eml"
            path.write_bytes(visit.message)
            path.with_suffix(".envelope").write_bytes(visit.envelope())
            paths.append(path)
        if not paths:
            return []
        done = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "-c", folder / "s.conf",
             "--json", "test", "--dns", folder / "world.zone", *paths],
            capture_output=True, text=True, timeout=PATIENCE,
            env={**os.environ})
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    found = json.loads(done.stdout)
    return [Facts(one) for one in (found if len(paths) > 1 else [found])]


OUR_ID = "mx.example.org"


class Filter:
    """One that runs; it is given a new world by a reload."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._zone = folder / "world.zone"
        self._zone.write_text("")
        self._world = ("", "")
        self._filter = Steelyard(RULES, folder / "milter.sock",
                                 options=["--dns", self._zone])
        self._config = self._filter.config.read_text()
        wait.until("an answer", 10, self._hears)

    def _hears(self) -> bool:
        """The milter socket is there before the control socket."""
        try:
            with control.Control(self._filter.control_socket) as talk:
                return bool(talk.ask(verb="ping")["ok"])
        except ConnectionRefusedError:
            return False

    def close(self) -> None:
        self._filter.close()

    def live_in(self, zone: str, settings: str = "") -> None:
        """What DNS says from now on."""
        if (zone, settings) == self._world:
            return
        self._zone.write_text(zone)
        self._filter.config.write_text(
            f'{self._config}set authserv_id "{OUR_ID}"\n{settings}')
        with control.Control(self._filter.control_socket) as talk:
            answer = talk.ask(verb="reload")
        assert answer["ok"], answer
        self._world = zone, settings

    def results_of(self, visit: Visit) -> "Results":
        """Brings the message as an MTA does."""
        mta = fakemta.FakeMta(f"unix:{self._filter.milter_socket}")
        mta.connect("unknown", visit.client or "192.0.2.1", 25)
        if visit.helo:
            mta.helo(_bytes(visit.helo))
        mta.mail(b"<" + _bytes(visit.sender or "") + b">")
        mta.rcpt(b"<b@dest.example>")
        mta.data()
        msg = message.parse(visit.message)
        assert mta.content(msg).kind == "continue"
        mta.quit()
        ours = [field for field in msg.values("Authentication-Results")
                if field.startswith(OUR_ID)]
        assert len(ours) == 1, msg.fields
        return Results(ours[0])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@dataclasses.dataclass
class Results:
    """The value of an Authentication-Results field."""

    value: str

    def words(self, of: str) -> list[str]:
        """All results of a method, or values of a property."""
        return re.findall(rf"(?<![\w.-]){re.escape(of)}=([a-z]+)", self.value)

    def word(self, of: str) -> str | None:
        """The first one."""
        return next(iter(self.words(of)), None)
