"""Whether a namespace has an address, which is asked often: from the kernel's text, as netlink's messages cost more."""

import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from evener.host import netns
from evener.host.errors import explained

# proc(5), of the thread that reads.
_IPV4, _IPV6 = Path("/proc/thread-self/net/fib_trie"), Path("/proc/thread-self/net/if_inet6")


def has(namespace: str, address: IPv4Address | IPv6Address) -> bool:
    """Return whether an interface in `namespace` has `address`.

    Raises:
        NamespaceMissing: when there is no such namespace.
        HostError: when the kernel does not say.
    """
    with netns.inside(namespace), explained(f"look who has {address}"):
        if address.version == 4:
            return is_local(_IPV4.read_text(), address)
        return _IPV6.is_file() and f"\n{address.packed.hex()} " in f"\n{_IPV6.read_text()}"


def is_local(trie: str, address: IPv4Address) -> bool:
    """Return whether what the kernel shows of its routing table has `address` as one of the host's own."""
    leaf = rf"^ *\|-- {re.escape(str(address))}\n(?: +/.*\n)*? +/32 host LOCAL"
    return re.search(leaf, trie, re.MULTILINE) is not None
