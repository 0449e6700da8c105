"""On which agents load balancers and routers are where there are several, over HTTP and as the agents are told."""

from typing import Any

from api_cloud import HOST, Cloud, RecordingAgent
from sqlalchemy import select

from evener.resources.facts import Report
from evener.store.schema import agents

OTHER = "node-2"


class Node(RecordingAgent):
    """An agent that notes when it is told to look at the networks."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def look_at_networks(self) -> None:
        """Note it."""
        self.told += 1


class Nodes:
    """A cloud with two agents, which say what they reach."""

    def __init__(self, cloud: Cloud, first: Any = ("outside",), second: Any = ("outside",)) -> None:
        self.cloud, self.other = cloud, Node()
        for host, reached in ((HOST, first), (OTHER, second)):
            cloud.controller.heartbeat(host, {} if reached is None else {"physical_networks": list(reached)})
        cloud.bus.serve_agent(OTHER, self.other)

    def flat(self, name: str = "outside", **values: Any) -> dict[str, Any]:
        """Create a network on a physical network, with a subnet, and return the subnet."""
        given = {"provider:network_type": "flat", "provider:physical_network": name, **values}
        return self.cloud.subnet(self.cloud.admin, "198.51.100.0/24", **given)

    def balancer(self, subnet: dict[str, Any]) -> dict[str, Any]:
        return self.cloud.admin.create("loadbalancer", vip_subnet_id=subnet["id"])

    def host_of(self, balancer: dict[str, Any]) -> str:
        path = f"/lbaas/loadbalancers/{balancer['id']}/loadbalancer-hosting-agent"
        return str(self.cloud.admin.ok("GET", path)["agent"]["host"])

    def hosts_of_router(self, router: dict[str, Any]) -> list[str]:
        """Return the hosts that realise a router, as they are told."""
        told = {host: self.cloud.controller.routers(host) or () for host in (HOST, OTHER)}
        return [host for host, specs in told.items() if router["id"] in {spec.id for spec in specs}]

    def attach(self, router: dict[str, Any], subnet: dict[str, Any]) -> None:
        path = f"/routers/{router['id']}/add_router_interface"
        self.cloud.admin.ok("PUT", path, {"subnet_id": subnet["id"]})

    def refuses_attaching(self, router: dict[str, Any], subnet: dict[str, Any]) -> str:
        path, body = f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]}
        kind = "NoEligibleL3Agent"
        return self.cloud.refuses(self.cloud.admin, "PUT", path, body, status=409, kind=kind)


def test_load_balancers_on_a_network_of_one_host_are_all_on_that_host(cloud: Cloud) -> None:
    nodes = Nodes(cloud)
    subnet = cloud.subnet(cloud.admin)
    homes = {nodes.host_of(nodes.balancer(subnet)) for _ in range(4)}
    assert len(homes) == 1
    elsewhere = {nodes.host_of(nodes.balancer(cloud.subnet(cloud.admin))) for _ in range(6)}
    assert elsewhere == {HOST, OTHER}, "those on other networks share the work"


def test_load_balancers_go_where_members_connections_and_memory_leave_most_room(any_cloud: Cloud) -> None:
    cloud = any_cloud
    nodes = Nodes(cloud)

    def placed(**loads: dict[str, Any]) -> str:
        """Return where a load balancer goes, which goes again."""
        for host, load in ((HOST, loads["first"]), (OTHER, loads["second"])):
            cloud.controller.heartbeat(host, {"load": load} if load else {})
        balancer = nodes.balancer(cloud.subnet(cloud.admin))
        where = nodes.host_of(balancer)
        cloud.admin.delete("loadbalancer", balancer["id"])
        gone = Report(loadbalancer_id=balancer["id"], gone=True)
        cloud.controller.report(where, gone)
        return where

    idle, called = {"members": 0, "connections": 0}, {"members": 10, "connections": 1000}
    full = {"members": 0, "connections": 0, "memory_left": 0.02}
    first = placed(first=idle, second=idle)
    assert placed(first=called, second=idle) == OTHER
    assert placed(first=idle, second=called) == HOST
    assert placed(first=full, second=called) == OTHER
    assert placed(first=called, second=full) == HOST
    for says in (called, full):
        assert placed(first=says, second={}) == placed(first={}, second=says) == first, "one tells nothing"
    absurd = ("much", [1], {"members": 10**400, "connections": 1}, {**idle, "memory_left": float("nan")})
    for says in absurd:
        assert placed(first=says, second=idle) == first, "one tells nothing that can be understood"
        with cloud.database.read() as tx:
            kept = tx.execute(select(agents.c.configurations).where(agents.c.host == HOST)).one()
        assert kept.configurations == {}


def test_load_balancers_on_a_physical_network_are_where_it_is_reached_and_else_refused(cloud: Cloud) -> None:
    nodes = Nodes(cloud, ("outside",), ("wire",))
    outside, wire = nodes.flat("outside"), nodes.flat("wire")
    assert {nodes.host_of(nodes.balancer(outside)) for _ in range(3)} == {HOST}
    assert {nodes.host_of(nodes.balancer(wire)) for _ in range(3)} == {OTHER}
    cloud.admin.update("agent", cloud.admin.ids("/agents", f"host={OTHER}")[0], admin_state_up=False)
    body = {"loadbalancer": {"vip_subnet_id": wire["id"]}}
    kind = "NoEligibleLbaasAgent"
    says = f"network {wire['network_id']} is on a physical network that none reaches"
    path = "/lbaas/loadbalancers"
    cloud.refuses(cloud.admin, "POST", path, body, status=409, kind=kind, says=says)
    told = {
        host: {spec.physical_network for spec in cloud.controller.networks(host)} for host in (HOST, OTHER)
    }
    assert told == {HOST: {"outside"}, OTHER: {"wire"}}, "no agent is told of a network that it cannot make"


def test_a_network_may_be_on_what_an_agent_alone_reaches(cloud: Cloud) -> None:
    Nodes(cloud, ("of-the-node",))
    given = {"provider:network_type": "flat", "provider:physical_network": "of-the-node"}
    assert cloud.admin.create("network", **given)["provider:physical_network"] == "of-the-node"


def test_an_agent_that_says_nothing_reaches_everything(cloud: Cloud) -> None:
    nodes = Nodes(cloud, None, ())
    assert nodes.host_of(nodes.balancer(nodes.flat("outside"))) == HOST
    assert cloud.controller.networks(HOST)


def test_a_router_is_on_one_agent_where_its_load_balancers_are(cloud: Cloud) -> None:
    nodes = Nodes(cloud)
    outside = nodes.flat("outside", **{"router:external": True})
    inside = cloud.subnet(cloud.admin)
    balancers = [nodes.balancer(cloud.subnet(cloud.admin)) for _ in range(2)] + [nodes.balancer(inside)]
    router = cloud.admin.create("router", external_gateway_info={"network_id": outside["network_id"]})
    assert len(nodes.hosts_of_router(router)) == 1
    nodes.attach(router, inside)
    assert nodes.hosts_of_router(router) == [nodes.host_of(balancers[-1])]
    given = {"floating_network_id": outside["network_id"], "port_id": balancers[-1]["vip_port_id"]}
    cloud.admin.create("floatingip", **given)
    found = [spec for host in (HOST, OTHER) for spec in cloud.controller.routers(host)]
    assert [len(spec.floating_ips) for spec in found] == [1]
    assert nodes.other.told
    later = nodes.balancer(inside)
    assert nodes.host_of(later) == nodes.host_of(balancers[-1])


def test_a_router_between_networks_of_two_hosts_is_refused_and_stays_as_it_was(cloud: Cloud) -> None:
    nodes = Nodes(cloud)
    one, two = cloud.subnet(cloud.admin), cloud.subnet(cloud.admin, "10.7.0.0/24")
    assert nodes.host_of(nodes.balancer(one)) != nodes.host_of(nodes.balancer(two))
    router = cloud.admin.create("router")
    nodes.attach(router, one)
    before = nodes.hosts_of_router(router)
    says = nodes.refuses_attaching(router, two)
    assert one["network_id"] in says
    assert two["network_id"] in says
    assert nodes.hosts_of_router(router) == before


def test_a_router_waits_for_an_agent_and_goes_to_another_when_its_own_is_deleted(cloud: Cloud) -> None:
    nodes = Nodes(cloud)
    routers = [cloud.admin.create("router") for _ in range(4)]
    where = {each["id"]: nodes.hosts_of_router(each) for each in routers}
    assert sorted(map(len, where.values())) == [1, 1, 1, 1]
    assert {host for hosts in where.values() for host in hosts} == {HOST, OTHER}
    cloud.admin.delete("agent", cloud.admin.ids("/agents", f"host={OTHER}")[0])
    assert [nodes.hosts_of_router(each) for each in routers] == [[HOST]] * 4
    cloud.admin.delete("agent", cloud.admin.ids("/agents", f"host={HOST}")[0])
    late = cloud.admin.create("router")
    assert nodes.hosts_of_router(late) == []
    cloud.controller.heartbeat(OTHER, {})
    assert nodes.hosts_of_router(late) == [OTHER]
