"""Debian's Sendmail, unpacked, in a room, with the milter settings we recommend."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

from . import mta, room, wait

# Put before the filter's text where a RCPT is refused in one line.
_ADDRESS = re.compile(r"^(\d{3} \d\.\d+\.\d+ )<.*?>\.\.\. ")


class _Plain:
    """A dialogue without the addresses that Sendmail puts into replies."""

    def __init__(self, dialogue: mta.Dialogue) -> None:
        self._dialogue = dialogue
        self.send = dialogue.send
        self.abandon = dialogue.abandon
        self.close = dialogue.close

    def reply(self) -> list[str]:
        return [_ADDRESS.sub(r"\1", line) for line in self._dialogue.reply()]


class Sendmail(mta.RoomMta):
    """A running Sendmail.

    Its room gives it a fully qualified host name; without one it would sleep
    for a minute at start.  This build knows neither SMTPUTF8 nor XCLIENT.
    """

    name = "sendmail"
    accounts = {"smmsp": "smmsp"}

    def prepare(self, unpacked: pathlib.Path) -> list[str]:
        cf_dir = unpacked / "usr/share/sendmail/cf"
        built = subprocess.run(
            ["m4", f"-D_CF_DIR_={cf_dir}/", str(cf_dir / "m4/cf.m4"),
             str(room.MTA_DIR / "sendmail.mc")],
            capture_output=True, check=True)
        (self.work / "sendmail.cf").write_bytes(built.stdout)
        (self.work / "service.switch").write_text("hosts files\naliases files\n")
        self.queue.mkdir(mode=0o700)
        # Sendmail believes a configuration only of owners it trusts.
        for path in (self.work, self.work / "sendmail.cf",
                     self.work / "service.switch"):
            os.chown(path, 0, 0)
        return ["/usr/libexec/sendmail/sendmail", "-bD",
                "-C/mnt/sendmail.cf", "-X/mnt/traffic"]

    def session(self, client: tuple[str, int],
                auth: str | None = None) -> mta.Dialogue:
        return _Plain(super().session(client, auth))

    @property
    def queue(self) -> pathlib.Path:
        return self.work / "queue"

    def queue_id(self, reply: list[str]) -> str:
        found = re.match(r"250 2\.0\.0 (\w+) Message accepted", reply[-1])
        assert found, f"no queue id in {reply}"
        return found.group(1)

    def outcome(self, queue_id: str) -> mta.Outcome:
        """A message is done with when its control file has gone.

        The file is there before the 250 is sent: SuperSafe is on.
        """
        assert self.sink
        wait.until(f"the end of {queue_id}", 15, lambda: not any(
            (self.queue / (kind + queue_id)).exists()
            for kind in ("qf", "tf", "xf")))
        if (self.queue / ("hf" + queue_id)).exists():
            return self._held(queue_id)
        parts = self.sink.deliveries(queue_id)
        if not parts:
            return mta.Outcome("discarded", [], b"")
        return mta.Outcome("delivered",
                           [r for part in parts for r in part.recipients],
                           parts[0].data)

    def _held(self, queue_id: str) -> mta.Outcome:
        """Put a quarantined message together from its two files.

        In the control file, "R" lines are recipients and "H" lines header
        fields ("H?flags?Name: value", folds as they were), "." is the end.
        Return-Path is a template for mailers that want it; ours don't.
        """
        control = (self.queue / ("hf" + queue_id)).read_bytes()
        recipients, header = [], b""
        in_field = False
        for line in control.split(b"\n"):
            if line == b".":
                break
            if line.startswith(b"R"):
                flags, _, address = line[1:].partition(b":")
                recipients.append((address or flags).decode().strip("<>"))
            if line.startswith(b"H?P?Return-Path:"):
                in_field = False
            elif line.startswith(b"H"):
                header += re.sub(rb"^H\?[^?]*\?", b"", line) + b"\r\n"
                in_field = True
            elif in_field and line[:1] in (b" ", b"\t"):
                header += line + b"\r\n"
            else:
                in_field = False
        body = (self.queue / ("df" + queue_id)).read_bytes()
        return mta.Outcome("held", recipients, header + b"\r\n"
                           + body.replace(b"\n", b"\r\n"))

    def log(self) -> str:
        path = self.work / "traffic"
        traffic = path.read_text(errors="replace") if path.exists() else ""
        output = self.room.output() if self.room else ""
        return f"{traffic}{output}\n{self.syslog.text()}"
