"""signed - a key, and messages signed with it (DKIM, RFC 6376)."""

import base64
import hashlib
import os
import subprocess

from processes import Trouble

HEADER = [
    ("Received", "from desk.sender.test (desk.sender.test [192.0.2.10])\n"
     "\tby out.sender.test (Postfix) with ESMTPSA id 4XzQ5k2v7Rz1bT\n"
     "\tfor <rcpt0@here.test>; Fri, 22 Nov 2024 10:42:01 +0000 (UTC)"),
    ("From", "Somebody Else <somebody@sender.test>"),
    ("To", "rcpt0@here.test"),
    ("Subject", "the figures of last week, and the room for the meeting"),
    ("Date", "Fri, 22 Nov 2024 11:42:00 +0100"),
    ("Message-ID", "<20241122114200.4711@desk.sender.test>"),
    ("MIME-Version", "1.0"),
    ("Content-Type", "text/plain; charset=us-ascii"),
    ("Content-Transfer-Encoding", "7bit"),
]
SIGNED = ("From", "To", "Subject", "Date", "Message-ID")
LINE = "The quick brown fox jumps over the lazy dog, and nobody minds it.\r\n"


def openssl(*words, data=b""):
    try:
        return subprocess.run(("openssl",) + words, input=data, check=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
    except (OSError, subprocess.CalledProcessError) as exc:
        raise Trouble(f"openssl {words[0]}: {exc}") from exc


def folded(text, width=70):
    return "\n\t".join(text[at:at + width]
                       for at in range(0, len(text), width))


def relaxed(name, value):
    return f"{name.lower()}:{' '.join(value.split())}"


class Signer:
    """An RSA key of 2048 bits under s1._domainkey.sender.test."""

    def __init__(self, temp):
        self.key = os.path.join(temp, "key.pem")
        openssl("genrsa", "-out", self.key, "2048")
        self.public = base64.b64encode(openssl(
            "rsa", "-in", self.key, "-pubout", "-outform", "DER")).decode()

    def signature(self, body):
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        names = ":".join(name.lower() for name in SIGNED)
        value = ("v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.test;\n"
                 f"\ts=s1; t=1732272121; h={names};\n\tbh={digest};\n\tb=")
        fields = dict(HEADER)
        data = "\r\n".join([relaxed(name, fields[name]) for name in SIGNED]
                           + [relaxed("DKIM-Signature", value)])
        made = openssl("dgst", "-sha256", "-sign", self.key,
                       data=data.encode())
        return value + folded(base64.b64encode(made).decode())

    def letter(self, path, size):
        """Writes a message of about that size; returns the path."""
        room = size - 1200  # the header's, with the signature
        body = (LINE * max(1, -(-room // len(LINE)))).encode()
        fields = HEADER[:1] + [("DKIM-Signature", self.signature(body))] \
            + HEADER[1:]
        with open(path, "w", encoding="ascii") as f:
            for name, value in fields:
                f.write(f"{name}: {value}\n")
            f.write("\n" + body.decode().replace("\r\n", "\n"))
        return path
