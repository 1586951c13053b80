"""A message as an MTA keeps it, to which a filter's changes are applied."""

from __future__ import annotations

import dataclasses
import re


@dataclasses.dataclass
class Message:
    """Header fields in order, and the body.

    A field is a name and a value without the colon; the value keeps its
    leading space and its folds, with CRLF line ends.
    """

    fields: list[tuple[bytes, bytes]]
    body: bytes

    def to_bytes(self) -> bytes:
        """As it would be handed on."""
        header = b"".join(name + b":" + value + b"\r\n"
                          for name, value in self.fields)
        return header + b"\r\n" + self.body

    def add(self, name: bytes, value: bytes) -> None:
        """A field at the end of the header."""
        self.fields.append((name, value))

    def insert(self, index: int, name: bytes, value: bytes) -> None:
        """A field before the one at `index`; 0 is the top."""
        self.fields.insert(index, (name, value))

    def change(self, index: int, name: bytes, value: bytes) -> None:
        """Replace the `index`th field of that name, from 1; empty deletes.

        The count is made anew for each change, so deleting the first of three
        makes the third the second: Postfix and Sendmail do the same.
        """
        places = [i for i, (field, _) in enumerate(self.fields)
                  if field.lower() == name.lower()]
        if not 1 <= index <= len(places):
            if value:
                self.add(name, value)
            return
        place = places[index - 1]
        if value:
            self.fields[place] = (self.fields[place][0], value)
        else:
            del self.fields[place]

    def values(self, name: str) -> list[str]:
        """The unfolded values of all fields of that name, stripped."""
        return [re.sub(r"\r?\n", "", value.decode("utf-8", "replace")).strip()
                for field, value in self.fields
                if field.decode("latin-1").lower() == name.lower()]


def parse(data: bytes) -> Message:
    """Split what a client sent after DATA, or what a sink received.

    Lines that are neither a field nor the continuation of one end the header
    as an empty line would, as MTAs have it.
    """
    fields: list[tuple[bytes, bytes]] = []
    rest = data
    while rest:
        line, end, after = rest.partition(b"\n")
        text = line.rstrip(b"\r")
        if not text:
            rest = after
            break
        if text[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            fields[-1] = (name, value + b"\r\n" + text)
        elif re.match(rb"[!-9;-~]+[ \t]*:", text):
            name, _, value = text.partition(b":")
            fields.append((name.rstrip(), value))
        else:
            break
        rest = after if end else b""
    return Message(fields, rest)
