"""Which client belongs to which server, handed from a worker to the next as a map. Pure: text in, text out.

Workers teach each other as peers, but a new worker serves before its lesson is over, and one of 2.6 that has no
predecessor teaches nobody in its first seconds. So what the old worker's table holds is also written to a file
before a reload; the new worker reads it before it serves, and follows it for clients its own table lacks.
"""

import ipaddress
import re
from collections.abc import Mapping

Clients = Mapping[
    str, str
]  # the name of a server by a client's address, or by its cookie's value in hexadecimal

LONGEST_KEY = 56  # bytes of a cookie's value that tell clients apart
# As `show table` prints an entry, but for what stands between: management manual, section 9.3.
_ENTRY = re.compile(r"^0x[0-9a-f]+: key=(.*?) use=\d+ .*\bserver_key=([^\s\\]+)", re.MULTILINE)
# What stands for a character in there: `dump_text` in HAProxy's src/tools.c.
_ESCAPED = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LETTERS = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"e": b"\x1b"}


def of_table(show_table: str, table_type: str) -> dict[str, str]:
    """Return what the answer to `show table NAME` says; nothing where that is a table of another type."""
    if f", type: {table_type}," not in show_table:
        return {}
    as_key = _address if table_type == "ipv6" else _hexadecimal
    return {as_key(key): server for key, server in _ENTRY.findall(show_table)}


def _address(key: str) -> str:
    """Return a client's address as HAProxy compares it; the table has those of IPv4 mapped into IPv6."""
    address = ipaddress.IPv6Address(key)
    return str(address.ipv4_mapped or address)


def _hexadecimal(key: str) -> str:
    """Return a cookie's value as the converter `hex` gives it, which any line of a map can hold."""

    def character(match: re.Match[bytes]) -> bytes:
        return bytes.fromhex(match[1].decode()) if match[1] else _LETTERS.get(match[2], match[2])

    return _ESCAPED.sub(character, key.encode()).hex().upper()


def of_map(text: str) -> dict[str, str]:
    """Return what `to_map` wrote."""
    return dict(line.split(" ", 1) for line in text.split("\n") if " " in line)


def to_map(clients: Clients) -> str:
    """Return a map file (configuration manual, section 7.3.1, "map")."""
    return "".join(f"{key} {server}\n" for key, server in clients.items())
