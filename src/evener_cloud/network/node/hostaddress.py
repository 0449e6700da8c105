"""Whether the host may have an address on a network of ours, where its operator asks for one. Changes nothing.

A range that the host already has, reaches by a route of its own, or has a name server in, would be hidden behind the
network: the host might cut itself off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address
from pathlib import Path
from socket import AF_INET, if_indextoname

from pyroute2 import IPRoute

from evener.host import addresses, links
from evener.host.errors import HostAddressRefused, explained

RESOLV_CONF = Path("/etc/resolv.conf")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - of the default route, which has no address
CATCH_ALL = 1  # prefix of a route that is no network of its own: the default, or a half of it, as VPNs set


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the host reaches by itself: ranges with what they are and the interface they are on, and name servers."""

    ranges: tuple[tuple[str, IPv4Network, str], ...] = ()
    name_servers: tuple[IPv4Address, ...] = ()


def check(wanted: Mapping[str, IPv4Interface]) -> None:
    """See that the host may have the addresses `wanted`, by the bridges' names.

    Raises:
        HostAddressRefused: when it may not.
        HostError: when the kernel refuses.
    """
    if wanted:
        with links.connected() as host:
            reason = refusal(wanted, surroundings(host))
        if reason:
            raise HostAddressRefused(f"[standalone] host_addresses: {reason}")


def surroundings(netlink: IPRoute, resolv_conf: Path = RESOLV_CONF) -> Surroundings:
    """Return what the host reaches by itself now.

    Raises:
        HostError: when the kernel refuses.
    """
    found: list[tuple[str, IPv4Network, str]] = []
    with explained("read the addresses and routes of the host"):
        for message in links.dumped(lambda: netlink.addr("dump", family=AF_INET)):
            text = f"{message.get_attr('IFA_LOCAL')}/{message['prefixlen']}"
            found.append((f"address {text}", IPv4Interface(text).network, if_indextoname(message["index"])))
        for message in links.dumped(
            lambda: netlink.route("dump", family=AF_INET, table=addresses.TABLE_MAIN)
        ):
            text = f"{message.get_attr('RTA_DST') or EVERYWHERE}/{message['dst_len']}"
            index = message.get_attr("RTA_OIF")
            found.append((f"route to {text}", IPv4Network(text), if_indextoname(index) if index else ""))
    try:
        text = resolv_conf.read_text(errors="replace")
    except OSError:
        text = ""
    return Surroundings(tuple(found), name_servers(text))


def name_servers(resolv_conf: str) -> tuple[IPv4Address, ...]:
    """Return the IPv4 name servers of a file in the form of resolv.conf(5)."""
    words = [line.split() for line in resolv_conf.split("\n")]
    found = []
    for texts in words:
        if len(texts) > 1 and texts[0] == "nameserver":
            try:
                address = ip_address(texts[1])
            except ValueError:
                continue
            if isinstance(address, IPv4Address):
                found.append(address)
    return tuple(found)


def refusal(wanted: Mapping[str, IPv4Interface], there: Surroundings) -> str | None:
    """Return why the host must not have the addresses `wanted`, by the bridges' names, or None where it may.

    What is on one of those bridges already is not counted: it is from an earlier start.
    """
    for name, interface in wanted.items():
        others = [other for other in wanted if other != name and _meet(wanted[other].network, interface)]
        if others:
            return f"{interface} and {wanted[others[0]]} overlap; give each network a range of its own"
        for what, network, link in there.ranges:
            if network.prefixlen > CATCH_ALL and link not in wanted and _meet(network, interface):
                where = f" (interface {link})" if link else ""
                return f"{interface} overlaps the host's {what}{where}; {_ADVICE}"
        hidden = [server for server in there.name_servers if server in interface.network]
        if hidden:
            return f"{interface} hides the host's name server {hidden[0]} of {RESOLV_CONF}; {_ADVICE}"
    return None


_ADVICE = "take the address out of the setting, or give the network another range"


def _meet(network: IPv4Network, interface: IPv4Interface) -> bool:
    return network.overlaps(interface.network)
