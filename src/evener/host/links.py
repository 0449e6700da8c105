"""Links by netlink: bridges, veth pairs, and the properties all links have. Decides nothing about names.

Every function takes the conversation (`connected`) of the namespace it is to act in. A lookup is one request
for one link, never a list of all: a host may have thousands.
"""

import errno
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from evener.host import netns
from evener.host.errors import NameTaken, explained, from_kernel

IFF_UP = 1
SKIP_STATISTICS = 8  # RTEXT_FILTER_SKIP_STATS: most of a link's bytes, and none of our business
DUMP_ATTEMPTS = 10  # of a list that changed while the kernel wrote it

# What a bridge of ours is: no spanning tree, so ports forward at once; no snooping, because without a querier
# it loses the multicasts that IPv6 neighbour discovery is made of.
_BRIDGE = {"br_forward_delay": 0, "br_stp_state": 0, "br_mcast_snooping": 0}


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the kernel has it. `mtu` is in bytes; `master` is the index of the bridge it is a port of.

    `peer_index` and `peer_nsid` say where the other end of a veth is: its index there, and the number by
    which this namespace knows the other's (None: this very one). `bridge` has the settings of a bridge.
    """

    index: int
    name: str
    kind: str | None
    mac: str | None
    mtu: int
    up: bool
    master: int | None
    peer_index: int | None
    peer_nsid: int | None
    bridge: tuple[tuple[str, int], ...] = ()


@contextmanager
def connected(namespace: str | None = None) -> Iterator[IPRoute]:
    """Talk netlink with `namespace`, or with the calling thread's own, until the block ends.

    The conversation belongs to the thread that opened it.

    Raises:
        NamespaceMissing: when there is no such namespace.
    """
    with netns.inside(namespace) if namespace else nullcontext(), explained("open a netlink socket"):
        conversation = IPRoute(strict_check=True)  # lists of one link are filtered by the kernel
    with conversation:
        yield conversation


def index(name: str) -> int | None:
    """Return the index of the link `name` in the calling thread's namespace, or None."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def find(netlink: IPRoute, name: str) -> Link | None:
    """Return the link called `name`, or None."""
    try:
        return _link(netlink.link("get", ifname=name, ext_mask=SKIP_STATISTICS)[0])
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        raise from_kernel(f"look up interface {name}", error.code) from error


def required(netlink: IPRoute, name: str) -> Link:
    """Return the link called `name`.

    Raises:
        LinkMissing: when there is none.
    """
    found = find(netlink, name)
    if found is None:
        raise from_kernel(f"look up interface {name}", errno.ENODEV)
    return found


def ensure_bridge(netlink: IPRoute, name: str, mtu: int) -> tuple[Link, bool]:
    """Make sure that a bridge `name` exists; return it and whether it was created, then with `mtu`.

    It is created down, so that what must be set before it is up can be.

    Raises:
        NameTaken: when a link of that name is no bridge.
        HostError: when the kernel refuses.
    """
    with explained(f"create bridge {name}"):
        found = find(netlink, name)
        if found is None:
            try:
                netlink.link("add", ifname=name, kind="bridge", mtu=mtu, **_BRIDGE)
            except NetlinkError as error:  # another thread was faster
                if error.code != errno.EEXIST:
                    raise
            return required(netlink, name), True
        if found.kind != "bridge":
            raise NameTaken(
                f"Interface {name} is no bridge but {found.kind or 'a device'}; rename or delete it"
            )
        return found, False


def configure_bridge(netlink: IPRoute, link: Link) -> bool:
    """Make the settings of bridge `link` ours; return whether they differed.

    Raises:
        HostError: when the kernel refuses.
    """
    differing = {key: _BRIDGE[key] for key, value in link.bridge if value != _BRIDGE[key]}
    # Spanning tree first, and by itself: while it is on, the kernel takes no forward delay of 0.
    spanning_tree = {key: differing.pop(key) for key in ("br_stp_state",) if key in differing}
    with explained(f"configure bridge {link.name}"):
        for settings in filter(None, (spanning_tree, differing)):
            netlink.link("set", index=link.index, kind="bridge", **settings)
    return bool(spanning_tree or differing)


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a veth pair to be: in the namespace that file descriptor `namespace` refers to."""

    name: str
    namespace: int
    mac: str
    mtu: int


def create_veth(
    netlink: IPRoute, name: str, *, peer: Peer, mac: str, mtu: int, master: int | None = None
) -> Link:
    """Create a veth pair by one request, both ends down, and return the end that is here, as by `made`.

    That is `name`, in the calling thread's namespace, a port of the bridge with index `master` where that is given.

    Raises:
        HostError: when the kernel refuses; an end of one of the names that exists already is EEXIST.
    """
    optional = {} if master is None else {"master": master}
    with explained(f"create interface {name} with its peer {peer.name}"):
        netlink.link(
            "add",
            ifname=name,
            kind="veth",
            address=mac,
            mtu=mtu,
            **optional,
            peer={"ifname": peer.name, "address": peer.mac, "mtu": peer.mtu, "net_ns_fd": peer.namespace},
        )
        return made(name, mac=mac, mtu=mtu, master=master)


def made(name: str, *, mac: str, mtu: int, master: int | None = None) -> Link:
    """Return the end `name` of a pair that has just been made so, in the calling thread's namespace.

    Only its index is asked for: the kernel makes all that was said, or nothing.

    Raises:
        LinkMissing: when it has gone.
    """
    found = index(name)
    if found is None:
        raise from_kernel(f"look up interface {name}", errno.ENODEV)
    return Link(
        found, name, "veth", mac.lower(), mtu, up=False, master=master, peer_index=None, peer_nsid=None
    )


def change(
    netlink: IPRoute,
    link: Link,
    *,
    name: str | None = None,
    mac: str | None = None,
    mtu: int | None = None,
    up: bool | None = None,
    master: int | None = None,
) -> bool:
    """Make the given properties of `link` so, in one request; return whether any differed.

    `mtu` is in bytes, `master` the index of a bridge, or 0 for none.

    Raises:
        LinkMissing: when it has gone.
        HostError: when the kernel refuses.
    """
    wanted: dict[str, Any] = {}
    if name is not None and name != link.name:
        wanted["ifname"] = name
    if mac is not None and mac.lower() != link.mac:
        wanted["address"] = mac.lower()
    if mtu is not None and mtu != link.mtu:
        wanted["mtu"] = mtu
    if up is not None and up != link.up:
        wanted["state"] = "up" if up else "down"
    if master is not None and master != (link.master or 0):
        wanted["master"] = master
    if not wanted:
        return False
    with explained(f"set {', '.join(f'{k} {v}' for k, v in wanted.items())} on interface {link.name}"):
        netlink.link("set", index=link.index, **wanted)
    return True


def delete(netlink: IPRoute, name: str) -> bool:
    """Delete the link `name`, and with a veth its other end wherever that is; return whether it was there.

    Raises:
        HostError: when the kernel refuses.
    """
    try:
        netlink.link("del", ifname=name)
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return False
        raise from_kernel(f"delete interface {name}", error.code) from error
    return True


def nsid(netlink: IPRoute, namespace: int) -> int | None:
    """Return the number by which this namespace knows that of file descriptor `namespace`; None: it does not.

    Raises:
        HostError: when the kernel refuses.
    """
    with explained("look up the number of a network namespace"):
        number: int | None = netlink.get_netnsid(fd=namespace)["nsid"]
    return None if number is None or number in (-1, 0xFFFFFFFF) else number


def dumped(request: Callable[[], Iterable[Any]]) -> list[Any]:
    """Return the list that `request` asks the kernel for, asked again while it changes under its hands.

    Raises:
        NetlinkError: when the kernel refuses, or the list never stands still.
    """
    for _ in range(DUMP_ATTEMPTS - 1):
        try:
            return list(request())
        except NetlinkDumpInterrupted:
            continue
    return list(request())


def _link(message: Any) -> Link:
    kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND")
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=kind,
        mac=message.get_attr("IFLA_ADDRESS"),
        mtu=message.get_attr("IFLA_MTU"),
        up=bool(message["flags"] & IFF_UP),
        master=message.get_attr("IFLA_MASTER"),
        peer_index=message.get_attr("IFLA_LINK"),
        peer_nsid=message.get_attr("IFLA_LINK_NETNSID"),
        bridge=_bridge(message) if kind == "bridge" else (),
    )


def _bridge(message: Any) -> tuple[tuple[str, int], ...]:
    data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    return tuple((key, data.get_attr(f"IFLA_{key.upper()}")) for key in _BRIDGE)
