"""Who is told which client belongs to which server: the next worker, and the other host of a pair. Pure.

HAProxy 2.6 configuration manual, section 3.5.
"""

from ipaddress import ip_address

from evener.dataplane.haproxy.model import socket_address
from evener.dataplane.haproxy.quoting import line
from evener.resources.graph import Graph
from evener.resources.types import Role

_ALONE = "local"
_OTHER = {Role.MASTER: Role.BACKUP, Role.BACKUP: Role.MASTER}


def own_name(graph: Graph) -> str:
    """Return what this host's HAProxy is called, which the other has to know: no two of a pair have one name."""
    return _ALONE if graph.pair is None else graph.role.value


def lines(graph: Graph) -> tuple[str, ...]:
    """Let a worker that ends teach the next one, and two hosts each other.

    Workers of a host that is alone meet at an abstract socket: it exists in this network namespace only and has no
    place in the file system, which a worker in its chroot could not reach, nor a port, which a member's address could
    lead to. Two hosts meet at their own addresses, where the packet filter lets in the other alone.
    """
    pair = graph.pair
    if pair is None:
        return (line("peer", _ALONE, "abns@evener-workers"),)
    peer = ip_address(pair.peer)
    own = next(
        each.address for each in pair.port.fixed_ips if ip_address(each.address).version == peer.version
    )
    return (
        line("peer", own_name(graph), socket_address(own, pair.peer_port)),
        line("peer", _OTHER[graph.role].value, socket_address(pair.peer, pair.peer_port)),
    )
