"""DKIM signatures for tests, made by another library than the one tested.

    key = Key("sel")                     # or Key("sel", "rsa", 2048)
    signed = key.sign(message, "example.org", h=["from", "subject"])
    world = f'{key.name("example.org")} TXT {key.text()}'

Messages are bytes with CRLF.  What the caller gives as tags goes in as it is, so
that signatures can also be wrong.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa


@functools.cache
def _rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """One of each size a run: they take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Key:
    """A selector and its key."""

    def __init__(self, selector: str, kind: str = "ed25519",
                 bits: int = 2048) -> None:
        self.selector = selector
        self.kind = kind
        self._key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
        if kind == "ed25519":
            seed = hashlib.sha256(selector.encode()).digest()
            self._key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        else:
            self._key = _rsa_key(bits)

    def name(self, domain: str) -> str:
        """Where the key is published."""
        return f"{self.selector}._domainkey.{domain}"

    def record(self) -> str:
        """What is published."""
        public = self._key.public_key()
        if self.kind == "ed25519":
            data = public.public_bytes(serialization.Encoding.Raw,
                                       serialization.PublicFormat.Raw)
        else:
            data = public.public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo)
        return (f"v=DKIM1; k={self.kind}; "
                f"p={base64.b64encode(data).decode()}")

    def text(self) -> str:
        """The same as strings of a zone file."""
        record = self.record()
        return " ".join(f'"{record[at:at + 200]}"'
                        for at in range(0, len(record), 200))

    def sign(self, message: bytes, domain: str, *,
             h: list[str] | None = None, c: str = "relaxed/relaxed",
             **tags: str | None) -> bytes:
        """The message with a signature on top; tags of None are left out."""
        fields, body = split(message)
        names = h if h is not None else [
            name.decode().strip() for name, _ in fields]
        head, _, rest = c.partition("/")
        covered = canonical_body(body, rest or "simple")
        if tags.get("l") is not None:
            covered = covered[:int(tags["l"] or "")]
        given = {
            "v": "1", "a": f"{self.kind}-sha256", "c": c, "d": domain,
            "s": self.selector, "h": ":".join(names),
            "bh": base64.b64encode(hashlib.sha256(covered).digest()).decode(),
            **tags}
        value = " " + "; ".join(f"{tag}={text}" for tag, text in given.items()
                                if text is not None) + "; b="
        data = b"".join(canonical_field(name, text, head) + b"\r\n"
                        for name, text in _chosen(fields, names))
        data += canonical_field(b"DKIM-Signature", value.encode(), head)
        signed = base64.b64encode(self._signature(data)).decode()
        return f"DKIM-Signature:{value}{signed}\r\n".encode() + message

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        # RFC 8463: what is signed is the digest
        return self._key.sign(hashlib.sha256(data).digest())


Field = tuple[bytes, bytes]  # name, and all behind the colon but the last CRLF


def split(message: bytes) -> tuple[list[Field], bytes]:
    """Fields and body."""
    head, _, body = message.partition(b"\r\n\r\n")
    lines = re.split(rb"\r\n(?![ \t])", head)
    return [(name, value) for name, _, value in
            (line.partition(b":") for line in lines if line)], body


def canonical_field(name: bytes, value: bytes, how: str) -> bytes:
    """RFC 6376 section 3.4.1 and 3.4.2, without the CRLF."""
    if how == "simple":
        return name + b":" + value
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()
    return name.strip().lower() + b":" + value


def canonical_body(body: bytes, how: str) -> bytes:
    """RFC 6376 section 3.4.3 and 3.4.4."""
    if how == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" (?=\r\n)", b"", body)
        body = re.sub(rb" $", b"", body)
    body = re.sub(rb"(\r\n)*$", b"", body)
    return body + b"\r\n" if body or how == "simple" else b""


def _chosen(fields: list[Field], names: list[str]) -> list[Field]:
    """The fields that h= names, the last of a name first."""
    left: dict[bytes, list[Field]] = {}
    for name, value in fields:
        left.setdefault(name.strip().lower(), []).append((name, value))
    chosen = [left.get(name.lower().encode(), []) for name in names]
    return [mine.pop() for mine in chosen if mine]
