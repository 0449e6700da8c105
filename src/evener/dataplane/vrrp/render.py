"""What keepalived is to do for one load balancer, as its configuration file. Pure.

No word of a user gets into it: there are addresses, numbers, and names that are ours.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from evener.dataplane.vrrp.paths import Paths
from evener.resources.graph import Graph

Address = IPv4Address | IPv6Address
ADVERT_S = "0.1"  # between two signs of life; who hears three less takes the VIP
REFRESH_S = 10  # between announcements of the VIP while all is well, for who has missed those before
# RFC 9568 section 5.2.3. Each pair is alone on its sockets: one number does for all.
VIRTUAL_ROUTER_ID = 1


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two hosts of a load balancer needs to know to agree with the other.

    `address` is its own, on `interface`, and `peer` the other's, both of the family of the first of `vips`. The higher
    the `priority`, 1 to 254, the quicker it takes the VIP from one that is silent (RFC 9568 section 6.1: skew time),
    and the higher one keeps it where both have it.
    """

    interface: str
    address: Address
    peer: Address
    priority: int
    vips: tuple[Address, ...]


def side_of(graph: Graph, interface: str) -> Side | None:
    """Return what the host of `graph` does, whose port is on `interface`; None where it serves alone."""
    pair = graph.pair
    if pair is None:
        return None
    vips = [ip_address(each.address) for each in graph.vip_port.fixed_ips]
    peer = ip_address(pair.peer)
    first = next((each for each in vips if str(each) == graph.loadbalancer.vip_address), vips[0])
    own = (ip_address(each.address) for each in pair.port.fixed_ips)
    return Side(
        interface=interface,
        address=next(each for each in own if each.version == peer.version),
        peer=peer,
        priority=pair.priority,
        vips=(first, *(each for each in vips if each != first)),
    )


def render(side: Side, paths: Paths) -> str:
    """Return the text of keepalived.conf, as keepalived.conf(5) of 2.2 describes it.

    Only the first VIP is in what the two tell each other: who hears of other addresses than it has takes the message
    for nobody's, and so the two would both have the VIP while one of them does not know yet of a second address.
    """
    first, *others = side.vips
    blocks = (
        _block(
            "global_defs",
            "vrrp_version 3",
            # Where both had the VIP, who gives it up says so last, and who keeps it announces it after that.
            "vrrp_higher_prio_send_advert true",
            f"vrrp_garp_master_refresh {REFRESH_S}",
            # Each goes to all on the network; five of a hundred at once keep a host busy while clients wait.
            "vrrp_garp_master_repeat 2",
        ),
        _block("track_file serves", f'file "{paths.weight}"', "weight 1"),
        _block(
            "vrrp_instance vip",
            "state BACKUP",
            "nopreempt",  # who comes back takes nothing from who has it
            f"interface {side.interface}",
            f"virtual_router_id {VIRTUAL_ROUTER_ID}",
            f"priority {side.priority}",
            f"advert_int {ADVERT_S}",
            f"unicast_src_ip {side.address}",
            "check_unicast_src",
            *_block("unicast_peer", str(side.peer)),
            *_block("track_file", "serves"),
            *_block("virtual_ipaddress", _held(first, side.interface)),
            *(
                _block("virtual_ipaddress_excluded", *(_held(each, side.interface) for each in others))
                if others
                else ()
            ),
        ),
    )
    return "".join(f"{text}\n" for block in blocks for text in block)


def _block(name: str, *lines: str) -> tuple[str, ...]:
    return (f"{name} {{", *(f"    {text}" for text in lines), "}")


def _held(vip: Address, interface: str) -> str:
    return f"{vip}/{vip.max_prefixlen} dev {interface}"
