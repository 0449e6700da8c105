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
]  # the name of a server by a client's address, or by the digest of its cookie's value

LAST_S = 3 * 3600  # seconds that a client is remembered by its cookie since it last came
MOST = 20_000  # clients in a map: twice what a table holds
DIGEST = 64  # characters: SHA-256 in hexadecimal digits
# As `show table` prints an entry, but for what stands between: management manual, section 9.3.
_ENTRY = re.compile(r"^0x[0-9a-f]+: key=(\S+) use=\d+ .*\bserver_key=([^\s\\]+)", re.MULTILINE)
_DIGEST = re.compile(rf"[0-9A-F]{{{DIGEST}}}")


def of_table(show_table: str, table_type: str) -> dict[str, str]:
    """Return what the answer to `show table NAME` says; nothing where that is a table of another type.

    Keys that are no digest are left out: an earlier version kept cookies themselves.
    """
    if f", type: {table_type}," not in show_table:
        return {}
    found = _ENTRY.findall(show_table)
    if table_type == "ipv6":
        return {_address(key): server for key, server in found}
    return {key: server for key, server in found if _DIGEST.fullmatch(key)}


def _address(key: str) -> str:
    """Return a client's address as HAProxy compares it; the table has those of IPv4 mapped into IPv6."""
    address = ipaddress.IPv6Address(key)
    return str(address.ipv4_mapped or address)


def of_map(text: str) -> dict[str, str]:
    """Return what `to_map` wrote."""
    return dict(line.split(" ", 1) for line in text.split("\n") if " " in line)


def to_map(clients: Clients) -> str:
    """Return a map file (configuration manual, section 7.3.1, "map") of the last of them that fit."""
    last = [*clients.items()][-MOST:]
    return "".join(f"{key} {server}\n" for key, server in last)
