"""Debian's Postfix, unpacked, in a room, with the milter settings we recommend."""

from __future__ import annotations

import os
import pathlib
import re

from . import mta, wait

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = /mnt/queue
data_directory = /mnt/data
maillog_file = /mnt/maillog
maillog_file_prefixes = /mnt
myhostname = {host}
mydestination =
inet_interfaces = all
inet_protocols = all
enable_long_queue_ids = yes

# What the product recommends, line for line (doc: "Postfix").
smtpd_milters = unix:/mnt/milter/milter.sock
milter_default_action = accept
milter_command_timeout = 30s

# All mail goes to the sink; one address is refused by Postfix itself.
default_transport = smtp:[127.0.0.1]:{sink}
relay_transport = smtp:[127.0.0.1]:{sink}
local_transport = smtp:[127.0.0.1]:{sink}
relay_domains = static:all
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{nobody@dest.example = REJECT no such user}} }}
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtputf8_enable = yes
alias_maps =
alias_database =
local_recipient_maps =

# Talks may name any client and login.
smtpd_authorized_xclient_hosts = 0.0.0.0/0 [::]/0

# Tests make many mistakes in a short time, from many addresses.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 10000
smtpd_hard_error_limit = 10000
smtpd_recipient_limit = 2000
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
"""

MASTER_CF = """\
25        inet  n - n - -    smtpd
postlog   unix-dgram n - n - 1 postlogd
cleanup   unix  n - n - 0    cleanup
qmgr      unix  n - n 300 1  qmgr
rewrite   unix  - - n - -    trivial-rewrite
bounce    unix  - - n - 0    bounce
defer     unix  - - n - 0    bounce
trace     unix  - - n - 0    bounce
smtp      unix  - - n - -    smtp
error     unix  - - n - -    error
retry     unix  - - n - -    error
showq     unix  n - n - -    showq
"""

# Folder -> mode; all belong to postfix.
QUEUE = {
    "active": 0o700, "bounce": 0o700, "corrupt": 0o700, "defer": 0o700,
    "deferred": 0o700, "flush": 0o700, "hold": 0o700, "incoming": 0o700,
    "private": 0o700, "public": 0o710, "saved": 0o700, "trace": 0o700,
    "maildrop": 0o730,
}


class Postfix(mta.RoomMta):
    """A running Postfix."""

    name = "postfix"
    accounts = {"postfix": "postfix"}
    groups = ["postdrop"]

    def __init__(self, unpacked: pathlib.Path, extra: str = "") -> None:
        """`extra` is added to main.cf (a later line overrides)."""
        self._extra = extra
        super().__init__(unpacked)

    def prepare(self, unpacked: pathlib.Path) -> list[str]:
        conf = self.work / "conf"
        conf.mkdir()
        (conf / "main.cf").write_text(
            MAIN_CF.format(host=mta.HOST, sink=mta.SINK_PORT) + self._extra)
        (conf / "master.cf").write_text(MASTER_CF)
        queue = self.work / "queue"
        queue.mkdir()
        (queue / "pid").mkdir()
        uid = self.uid("postfix")
        for name, mode in QUEUE.items():
            (queue / name).mkdir()
            os.chown(queue / name, uid, self.gid("postdrop"))
            (queue / name).chmod(mode)
        data = self.work / "data"
        data.mkdir(mode=0o700)
        os.chown(data, uid, self.gid("postfix"))
        # -d: stay in the foreground, as the room ends with its command.
        return ["/usr/lib/postfix/sbin/master", "-d", "-c", "/mnt/conf"]

    def session(self, client: tuple[str, int],
                auth: str | None = None) -> mta.Dialogue:
        dialogue = super().session(client)
        if auth:
            # XCLIENT starts the conversation over, greeting included.
            dialogue.reply()
            for line in (b"EHLO xclient.test", b"XCLIENT LOGIN=" + auth.encode()):
                dialogue.send(line + b"\r\n")
                if line.startswith(b"EHLO"):
                    dialogue.reply()
        return dialogue

    def queue_id(self, reply: list[str]) -> str:
        found = re.search(r"queued as (\w+)", reply[-1])
        assert found, f"no queue id in {reply}"
        return found.group(1)

    def outcome(self, queue_id: str) -> mta.Outcome:
        assert self.room and self.sink
        end = re.compile(rf" {queue_id}: (removed|milter-discard|milter-hold)")
        found = wait.until(f"the end of {queue_id}", 15,
                           lambda: end.search(self.log()))
        if found.group(1) == "milter-discard":
            return mta.Outcome("discarded", [], b"")
        if found.group(1) == "milter-hold":
            return self._held(queue_id)
        parts = self.sink.deliveries(queue_id)
        if not parts:
            # The MTA lost sight of it without a word: to be shown as such.
            return mta.Outcome("discarded", [], b"")
        return mta.Outcome("delivered",
                           [r for part in parts for r in part.recipients],
                           parts[0].data)

    def _held(self, queue_id: str) -> mta.Outcome:
        assert self.room
        envelope = wait.until(
            f"{queue_id} in the hold queue", 5,
            lambda: (self.work / "queue/hold" / queue_id).exists()
            and self.room.run("postcat", "-c", "/mnt/conf", "-eq", queue_id))
        text = self.room.run("postcat", "-c", "/mnt/conf", "-hbq", queue_id)
        recipients = re.findall(r"^recipient: (\S+)$", envelope, re.M)
        data = text.encode("utf-8", "surrogateescape")
        return mta.Outcome("held", recipients, data.replace(b"\n", b"\r\n"))

    def log(self) -> str:
        path = self.work / "maillog"
        log = path.read_text(errors="replace") if path.exists() else ""
        return log + (self.room.output() if self.room else "")
