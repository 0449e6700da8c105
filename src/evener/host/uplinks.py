"""An interface of the host's own as a port of our bridge. Never one that the host itself is reached by."""

from ipaddress import ip_address
from socket import AF_UNSPEC
from typing import Any

from pyroute2 import IPRoute

from evener.host import links
from evener.host.errors import UplinkUnsuitable, explained
from evener.host.links import Link


def check(host: IPRoute, name: str, bridge: Link | None) -> None:
    """See that interface `name` is in `bridge`, or may become a port of it.

    Raises:
        UplinkUnsuitable: when there is none, the host has addresses or its default route on it, or it is another
            bridge's or bond's.
    """
    link = links.find(host, name)
    if link is None:
        raise _unsuitable(name, "does not exist")
    if bridge is not None and link.master == bridge.index:
        return
    if link.master:
        raise _unsuitable(name, "is a port of another bridge or bond")
    if link.kind == "bridge":
        raise _unsuitable(name, "is a bridge, which belongs into bridge_mappings")
    with explained(f"read the addresses of interface {name}"):
        addresses = _addresses(host, link.index)
        routes = links.dumped(lambda: host.route("dump", family=AF_UNSPEC, oif=link.index))
    if addresses:
        raise _unsuitable(
            name, f"has the address {addresses[0]}, by which the host would no longer be reached"
        )
    if any(route["dst_len"] == 0 and route.get_attr("RTA_OIF") == link.index for route in routes):
        raise _unsuitable(name, "has the host's default route")


def join(host: IPRoute, name: str, bridge: Link) -> bool:
    """Make interface `name` a port of `bridge`, and up; return whether it was not.

    Raises:
        LinkMissing: when it has gone.
        HostError: when the kernel refuses.
    """
    return links.change(host, links.required(host, name), up=True, master=bridge.index)


def _addresses(host: IPRoute, index: int) -> list[str]:
    """Return the addresses of a link, without those that the kernel gives to every link that is up."""
    found: list[Any] = links.dumped(lambda: host.addr("dump", family=AF_UNSPEC, index=index))
    texts = [str(each.get_attr("IFA_LOCAL") or each.get_attr("IFA_ADDRESS")) for each in found]
    return [text for text in texts if not (":" in text and ip_address(text).is_link_local)]


def _unsuitable(name: str, why: str) -> UplinkUnsuitable:
    return UplinkUnsuitable(
        f"Interface {name} of physical_interface_mappings {why}; name an interface of its own for the network"
    )
