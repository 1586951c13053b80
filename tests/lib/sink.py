"""An SMTP server that keeps every message it is given.

The real MTAs relay all mail here, so a test reads what would have gone on to
the recipients, byte for byte, with its envelope.
"""

from __future__ import annotations

import dataclasses
import re
import socket
import threading
from typing import BinaryIO

# Who wrote the topmost Received field of ours, and under which queue id.
_QUEUE_ID = re.compile(
    rb"^Received:(?:(?!^\S).)*?\bby mx\.example\.org\b(?:(?!^\S).)*?"
    rb"\bid ([A-Za-z0-9]+)", re.M | re.S)


@dataclasses.dataclass
class Delivery:
    """One message as handed on by the MTA."""

    sender: str
    recipients: list[str]
    data: bytes  # CRLF line ends, dots unstuffed

    @property
    def queue_id(self) -> str:
        """The id the MTA under test gave it; "" if it left no trace."""
        found = _QUEUE_ID.search(self.data)
        return found.group(1).decode() if found else ""


class Sink:
    """Serves one listening socket until closed."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def deliveries(self, queue_id: str | None = None) -> list[Delivery]:
        """Everything received so far, or all that bears `queue_id`."""
        with self._lock:
            return [d for d in self._deliveries
                    if queue_id is None or d.queue_id == queue_id]

    def forget(self) -> None:
        """Start over with nothing received."""
        with self._lock:
            self._deliveries.clear()

    def close(self) -> None:
        """Stop listening; conversations under way end by themselves."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(conn,),
                             daemon=True).start()

    def _talk(self, conn: socket.socket) -> None:
        """One SMTP conversation; a lost connection just ends it."""
        try:
            with conn, conn.makefile("rwb") as stream:
                self._converse(stream)
        except OSError:
            pass

    def _converse(self, stream: BinaryIO) -> None:
        sender, recipients = "", []

        def reply(text: str) -> None:
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        reply("220 sink ESMTP")
        for raw in stream:
            line = raw.decode("utf-8", "surrogateescape").strip()
            verb = line[:4].upper()
            if verb == "EHLO":
                reply("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                      "250 SMTPUTF8")
            elif verb == "MAIL":
                sender, recipients = _path(line), []
                reply("250 ok")
            elif verb == "RCPT":
                recipients.append(_path(line))
                reply("250 ok")
            elif verb == "DATA":
                reply("354 go on")
                data = _read_data(stream)
                with self._lock:
                    self._deliveries.append(Delivery(sender, recipients, data))
                reply("250 kept")
            elif verb == "QUIT":
                reply("221 bye")
                return
            else:
                reply("250 ok")


def _path(line: str) -> str:
    """The address between < and > of a MAIL or RCPT command."""
    return line[line.index("<") + 1:line.index(">")]


def _read_data(stream: BinaryIO) -> bytes:
    """Message lines up to the lone dot, dots unstuffed."""
    lines = []
    for line in stream:
        if line in (b".\r\n", b".\n"):
            break
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)
