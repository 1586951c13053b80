"""What the suites know of DNS, as a zone file (lists/dns_zonefile.h).

    text = zone.of_zonedata({"example.com": [{"SPF": "v=spf1 -all"}]})

A name that a suite does not give does not exist, even where others lie below
it; a name that is there has no data of other types.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator

# In place of a record: how asking fails.  A silence ends at once in a zone
# file; it takes no longer to be a silence.
FAILURES = {"TIMEOUT": "TIMEOUT 1ms", "SERVFAIL": "SERVFAIL",
            "REFUSED": "REFUSED", "FORMERR": "FORMERR", "NODATA": "NODATA",
            "NXDOMAIN": "NXDOMAIN"}
STRING_MAX = 255
LABEL_MAX = 63
NAME_MAX = 255

Labels = tuple[bytes, ...]
Record = tuple[str, Any]  # type and value; ("TIMEOUT", None) and the like


class NoName(ValueError):
    """This cannot be a name in DNS, so nothing can be there."""


def encoded(text: str) -> bytes:
    """Characters above 0x7f are those of UTF-8; bytes stay what they are."""
    return text.encode("utf-8", "surrogateescape")


def labels_of(name: str) -> Labels:
    """Its labels, in small letters; a dot at the end changes nothing."""
    text = encoded(name).lower()
    labels = tuple(text.removesuffix(b".").split(b".")) if text not in (
        b"", b".") else ()
    if (any(not 0 < len(label) <= LABEL_MAX for label in labels)
            or sum(len(label) + 1 for label in labels) + 1 > NAME_MAX):
        raise NoName(f"{name!r} is no name of DNS")
    return labels


def _plain(byte: int) -> bool:
    return chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "-_")


def written(labels: Labels) -> str:
    """As master files write it, absolute."""
    return ".".join("".join(chr(byte) if _plain(byte) else f"\\{byte:03}"
                            for byte in label) for label in labels) + "."


def texts(value: str | Iterable[str]) -> str:
    """A TXT record: one text, cut where it is too long, or several."""
    strings = [value] if isinstance(value, str) else list(value)
    out = []
    for string in strings or [""]:
        data = encoded(str(string))
        out += [data[at:at + STRING_MAX]
                for at in range(0, len(data), STRING_MAX)] or [b""]
    return " ".join('"' + "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\'
        else f"\\{byte:03}" for byte in string) + '"' for string in out)


def _data(kind: str, value: Any) -> str:
    if kind == "TXT":
        return texts(value)
    if kind == "MX":
        preference, exchange = value
        return f"{int(preference)} {written(labels_of(str(exchange or '')))}"
    if kind in ("PTR", "CNAME", "NS"):
        return written(labels_of(str(value)))
    return str(value)  # an address


def _lines(records: Iterable[Record]) -> Iterator[str]:
    """What stands behind a name, a line each."""
    good = 0
    for kind, value in records:
        if kind in FAILURES:
            good += 1
            yield FAILURES[kind] + (f" {value}" if value else "")
            continue
        try:
            line = f"{kind} {_data(kind, value)}"
        except NoName:
            continue
        good += 1
        yield line
    if not good:
        yield "NODATA"


def of_records(world: dict[Labels, list[Record]]) -> str:
    """All names and what they have; what lies between them does not exist."""
    out = []
    for labels, records in world.items():
        name = written(labels)
        out += [f"{name} {line}" for line in _lines(records)]
    between = {labels[at:] for labels in world
               for at in range(1, len(labels))} - world.keys()
    out += [f"{written(labels)} NXDOMAIN" for labels in sorted(between)]
    return "\n".join(out) + "\n"


def _add(world: dict[Labels, list[Record]], name: str,
         records: Iterable[Record]) -> None:
    try:
        world.setdefault(labels_of(name), []).extend(records)
    except NoName:
        pass  # nobody can ask for it either


# --- spf/*.yml ---------------------------------------------------------------

KINDS = ("A", "AAAA", "MX", "PTR", "CNAME", "NS", "TXT")


def _spf_records(entries: Any) -> Iterator[Record]:
    """Those of one name; SPF stands for TXT unless there is TXT, too."""
    if isinstance(entries, (str, dict)):
        entries = [entries]
    pairs = [(entry.upper(), None) if isinstance(entry, str) else pair
             for entry in entries or []
             for pair in (entry.items() if isinstance(entry, dict)
                          else [None])]
    has_txt = any(kind == "TXT" for kind, _ in pairs)
    for kind, value in pairs:
        if kind == "SPF" and has_txt:
            pass
        elif kind == "SPF" and isinstance(value, str) and value in FAILURES:
            yield value, "TXT"
        elif kind == "SPF":
            yield "TXT", value
        elif kind == "TXT" and (value is None or value == "NONE"):
            pass
        elif kind in KINDS and isinstance(value, str) and value in FAILURES:
            yield value, kind
        elif kind in KINDS or kind in FAILURES:
            yield kind, value


def of_zonedata(zonedata: dict[str, Any] | None) -> str:
    """A scenario's zone."""
    world: dict[Labels, list[Record]] = {}
    for name, entries in (zonedata or {}).items():
        _add(world, str(name), _spf_records(entries))
    return of_records(world)


# --- *.tsv of DKIM and of whole messages -------------------------------------

def of_rows(rows: Iterable[tuple[str, str, str]]) -> str:
    """Names, types and values; !TIMEOUT and the like stand for failures."""
    world: dict[Labels, list[Record]] = {}
    for name, kind, value in rows:
        if value.startswith("!"):
            failure = value[1:].strip()
            # NXDOMAIN is about a name, whatever is asked
            whole = failure == "NXDOMAIN"
            record: Record = (failure, None if whole else kind)
        elif kind == "MX":
            record = (kind, value.split())
        else:
            record = (kind, value)
        _add(world, name, [record])
    return of_records(world)


# --- dmarc/cases.yml ---------------------------------------------------------

def of_names(names: dict[str, Any],
             more: Iterable[tuple[str, Record]] = ()) -> str:
    """name -> {TXT: [...], A: [...]} or TIMEOUT; `more` is added."""
    world: dict[Labels, list[Record]] = {}
    for name, records in names.items():
        if isinstance(records, str):
            _add(world, name, [(records, None)])
            continue
        _add(world, name, [(kind, value) for kind, values in records.items()
                           for value in ([values] if isinstance(values, str)
                                         else values)])
    for name, record in more:
        _add(world, name, [record])
    return of_records(world)
