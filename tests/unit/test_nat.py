"""What a router's document means for its ports, its packet rules and the connections it translates."""

import json
from ipaddress import ip_address, ip_interface, ip_network

from hypothesis import given
from hypothesis import strategies as st

from evener.resources.wiring import FixedIP, FloatingAddress, Route, RouterSpec, WiredPort
from evener_cloud.network.node import nat
from evener_cloud.network.node.conntrack import Connection
from evener_cloud.network.node.router_namespace import wired

ID = "6b9f2a31-5c1e-4c58-9a80-3a3f3d4a1b2c"
OWN = "198.51.100.50"


def port(number: int, *fixed_ips: FixedIP, prefix: str = "qr-") -> WiredPort:
    return WiredPort(
        id=f"{number:08x}{ID[8:]}",
        network_id=ID,
        mac_address="fa:16:3e:00:00:01",
        fixed_ips=fixed_ips,
        prefix=prefix,
    )


GATEWAY = port(
    9,
    FixedIP(address=OWN, prefix_length=24, gateway="198.51.100.1"),
    FixedIP(address="fd00:51::50", prefix_length=64, gateway="fd00:51::1"),
    prefix="qg-",
)
PORTS = (
    port(1, FixedIP(address="10.1.0.1", prefix_length=24), FixedIP(address="fd00:1::1", prefix_length=64)),
    port(2, FixedIP(address="10.2.0.1", prefix_length=24)),
)
hops = st.sampled_from(
    ["10.1.0.9", "10.1.0.8", "10.2.0.9", "198.51.100.9", "fd00:1::9", "fd00:51::9", "172.16.0.1"]
)
destinations = st.sampled_from(
    ["0.0.0.0/0", "::/0", "10.1.0.0/24", "10.9.0.0/16", "10.9.0.0/24", "fd00:9::/48", "198.51.100.0/24"]
)
routes = (
    st.lists(st.tuples(destinations, hops), max_size=6)
    .map(lambda pairs: [pair for pair in pairs if (":" in pair[0]) == (":" in pair[1])])
    .map(lambda pairs: tuple(Route(destination=to, nexthop=by) for to, by in pairs))
)
inside = st.sampled_from([f"10.1.0.{n}" for n in range(2, 7)])
outside = st.sampled_from([f"198.51.100.{n}" for n in range(60, 65)])
floating_ips = st.dictionaries(outside, inside).map(
    lambda pairs: tuple(FloatingAddress(floating=outer, fixed=inner) for outer, inner in pairs.items())
)
specs = st.builds(
    RouterSpec,
    id=st.just(ID),
    enabled=st.booleans(),
    ports=st.just(PORTS),
    gateway=st.sampled_from([GATEWAY, None]),
    snat=st.booleans(),
    floating_ips=floating_ips,
    routes=routes,
)


@given(specs)
def test_each_route_is_one_ports_alone_and_has_its_next_hop_on_that_ports_subnet(spec):
    seen = set()
    for fixed in (fixed for each in wired(spec) for fixed in each.fixed_ips):
        subnet = ip_interface(f"{fixed.address}/{fixed.prefix_length}").network
        ways = [(ip_network(route.destination), route.nexthop) for route in fixed.routes]
        if fixed.gateway:
            ways.append((ip_network("::/0" if subnet.version == 6 else "0.0.0.0/0"), fixed.gateway))
        for destination, hop in ways:
            assert ip_address(hop) in subnet
            assert destination not in seen
            assert destination != subnet
            seen.add(destination)
    on_subnets = {route for route in spec.routes if route.nexthop != "172.16.0.1"}
    if spec.gateway:
        assert {ip_network(r.destination) for r in on_subnets} <= seen | {
            ip_network("10.1.0.0/24"),
            ip_network("198.51.100.0/24"),
        }


@given(specs)
def test_floating_addresses_are_on_the_gateways_interface_and_nowhere_else(spec):
    lone = {
        (each.prefix, fixed.address)
        for each in wired(spec)
        for fixed in each.fixed_ips
        if fixed.prefix_length == 32
    }
    assert lone == {("qg-", each.floating) for each in spec.floating_ips if spec.gateway}


@given(specs)
def test_packet_rules_can_be_said_to_the_kernel_and_a_disabled_router_accepts_nothing(spec):
    chains = nat.chains(spec, "qg-1")
    assert json.loads(json.dumps([rule for chain in chains for rule in chain.rules])) is not None
    forward = chains[-1]
    assert forward.policy == "drop"
    assert any({"accept": None} in rule for rule in forward.rules) is spec.enabled


@given(specs, specs, inside, outside)
def test_connections_are_forgotten_only_where_the_router_translates_otherwise_by_now(
    before, spec, inner, outer
):
    fixed = {each.floating: each.fixed for each in spec.floating_ips} if spec.gateway else {}
    for each in before.floating_ips:
        inwards = Connection("198.51.100.1", each.floating, each.fixed, "198.51.100.1")
        outwards = Connection(each.fixed, "198.51.100.1", "198.51.100.1", each.floating)
        still = fixed.get(each.floating) == each.fixed
        assert nat.outdated(spec, inwards) is not still
        assert nat.outdated(spec, outwards) is not still
    own = Connection(inner, "198.51.100.1", "198.51.100.1", OWN)
    assert nat.outdated(spec, own) is (spec.gateway is None)
    assert not nat.outdated(spec, Connection(inner, outer, outer, inner))
