"""Load balancers that two agents serve, over HTTP and as the agents are told: which two, and with which ports."""

from datetime import timedelta
from typing import Any

import pytest
from api_cloud import HOST, Cloud, RecordingAgent
from sqlalchemy import select
from test_octavia_amphorae import amphorae, operator, put

from evener.control.reservations import Reservations
from evener.resources.facts import Observation, Report
from evener.resources.graph import Graph
from evener.resources.types import Role
from evener.store.database import now
from evener.store.schema import agents as table_of_agents
from evener.store.schema import host_ports
from evener_cloud.network.resources.port import host_port_id, vip_port_id

OTHER, THIRD = "node-2", "node-3"
HOSTS = (HOST, OTHER, THIRD)
PAIR = "ACTIVE_STANDBY"
Json = dict[str, Any]


class Site:
    """A cloud with agents that can serve together, and a network that all of them reach."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.agents = {HOST: cloud.agent, OTHER: RecordingAgent(), THIRD: RecordingAgent()}
        for host, agent in self.agents.items():
            if host != THIRD:
                self.come(host)
            cloud.bus.serve_agent(host, agent)
        given = {"provider:network_type": "flat", "provider:physical_network": "outside", "shared": True}
        self.subnet = cloud.subnet(cloud.admin, "198.51.100.0/24", **given)

    def come(self, host: str, **said: Any) -> None:
        self.cloud.controller.heartbeat(
            host, {"keepalived": True, "physical_networks": ["outside", "wire"], **said}
        )

    def create(self, **given: Any) -> Json:
        body = {"loadbalancer": {"vip_subnet_id": self.subnet["id"], **given}}
        return dict(self.cloud.ann.octavia.ok("POST", "/loadbalancers", body)["loadbalancer"])

    def refuses(self, status: int, method: str = "POST", path: str = "/loadbalancers", **given: Any) -> str:
        body = {
            "loadbalancer": {**({"vip_subnet_id": self.subnet["id"]} if method == "POST" else {}), **given}
        }
        answer = self.cloud.ann.octavia.send(method, path, body)
        assert answer.status_code == status, answer.text
        return str(answer.json["faultstring"])

    def change(self, balancer: Json, topology: str) -> Json:
        path = f"/loadbalancers/{balancer['id']}"
        return dict(
            self.cloud.ann.octavia.ok("PUT", path, {"loadbalancer": {"topology": topology}})["loadbalancer"]
        )

    def graphs(self, balancer: Json) -> dict[str, Graph]:
        found = {host: self.cloud.controller.graph(host, balancer["id"]) for host in HOSTS}
        return {host: graph for host, graph in found.items() if graph is not None}

    def generation(self, balancer: Json) -> int:
        return max(graph.generation for graph in self.graphs(balancer).values())

    def applied(self, balancer: Json, *hosts: str) -> None:
        generation = self.generation(balancer)
        for host in hosts or self.graphs(balancer):
            report = Report(loadbalancer_id=balancer["id"], applied_generation=generation)
            assert self.cloud.controller.report(host, report)

    def sees_vip(self, balancer: Json, host: str, *, has_vip: bool) -> None:
        seen = Observation(members={}, listeners={}, has_vip=has_vip)
        assert self.cloud.controller.report(host, Report(loadbalancer_id=balancer["id"], observation=seen))

    def status(self, balancer: Json) -> str:
        shown = self.cloud.ann.octavia.ok("GET", f"/loadbalancers/{balancer['id']}")["loadbalancer"]
        return str(shown["provisioning_status"])

    def roles(self, balancer: Json) -> dict[str, str]:
        found = amphorae(self.cloud, f"loadbalancer_id={balancer['id']}")
        return {each["lb_network_ip"]: each["role"] for each in found}

    def ports(self, balancer: Json) -> set[str]:
        return set(self.cloud.admin.ids("/ports", f"device_id={balancer['id']}"))


@pytest.fixture
def site(any_cloud: Cloud) -> Site:
    return Site(any_cloud)


def assert_a_pair(site: Site, balancer: Json) -> dict[Role, Graph]:
    graphs = {graph.role: graph for graph in site.graphs(balancer).values()}
    assert graphs.keys() == {Role.MASTER, Role.BACKUP}
    master, backup = graphs[Role.MASTER], graphs[Role.BACKUP]
    assert master.pair is not None
    assert backup.pair is not None
    own = {role: graph.port.fixed_ips[0].address for role, graph in graphs.items()}
    vip = balancer["vip_address"]
    assert len({*own.values(), vip}) == 3
    assert (master.pair.peer, backup.pair.peer) == (own[Role.BACKUP], own[Role.MASTER])
    assert master.pair.priority > backup.pair.priority
    for graph in graphs.values():
        assert [each.address for each in graph.vip_port.fixed_ips] == [vip]
        assert graph.port.moving == (vip,)
    return graphs


def test_two_agents_get_a_load_balancer_and_each_its_own_port(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    assert balancer["topology"] == PAIR
    assert_a_pair(site, balancer)
    assert site.status(balancer) == "PENDING_CREATE"
    site.applied(balancer, HOST)
    assert site.status(balancer) == "PENDING_CREATE"
    site.applied(balancer, OTHER)
    assert site.status(balancer) == "ACTIVE"
    assert {agent.looked[-1] for host, agent in site.agents.items() if host != THIRD} == {balancer["id"]}


def test_they_are_listed_as_octavia_lists_amphorae(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    graphs = {graph.role: graph for graph in site.graphs(balancer).values()}
    for each in amphorae(site.cloud):
        own = graphs[Role(each["role"])].port
        assert (each["vrrp_ip"], each["vrrp_port_id"]) == (own.fixed_ips[0].address, own.id)
        assert (each["ha_ip"], each["ha_port_id"]) == (balancer["vip_address"], balancer["vip_port_id"])
        assert amphorae(site.cloud, f"vrrp_ip={each['vrrp_ip']}") == [each]
    assert len(amphorae(site.cloud, "sort_key=vrrp_ip")) == 2
    alone = site.create()
    (found,) = amphorae(site.cloud, f"loadbalancer_id={alone['id']}")
    assert (found["role"], found["vrrp_ip"]) == ("STANDALONE", alone["vip_address"])


def test_who_has_the_vip_is_master_as_the_agents_say(site: Site) -> None:
    balancer = site.create(topology=PAIR)

    def says(host: str, *, has_vip: bool) -> None:
        seen = Observation(has_vip=has_vip)
        assert site.cloud.controller.report(host, Report(loadbalancer_id=balancer["id"], observation=seen))

    says(HOST, has_vip=False)
    says(OTHER, has_vip=True)
    assert site.roles(balancer) == {HOST: "BACKUP", OTHER: "MASTER"}
    says(HOST, has_vip=True)  # the other one may have died before it could say so
    assert site.roles(balancer) == {HOST: "MASTER", OTHER: "BACKUP"}
    (master,) = amphorae(site.cloud, "role=MASTER")
    assert master["lb_network_ip"] == HOST
    listed = [each["role"] for each in amphorae(site.cloud, "sort_key=role&sort_dir=desc")]
    assert listed == ["MASTER", "BACKUP"]


def test_who_had_the_vip_all_the_time_says_so_again_when_the_other_one_has_it_no_more(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    for host in (HOST, OTHER):  # which do not see each other
        site.sees_vip(balancer, host, has_vip=True)
    told = site.agents[HOST].looked
    told.clear()
    site.sees_vip(balancer, OTHER, has_vip=False)
    assert told == [balancer["id"]]
    site.sees_vip(balancer, HOST, has_vip=True)
    assert site.roles(balancer) == {HOST: "MASTER", OTHER: "BACKUP"}
    site.sees_vip(balancer, OTHER, has_vip=True)
    told.clear()
    site.sees_vip(balancer, HOST, has_vip=False)
    assert told == [], "the other one is known to have it"


def test_what_says_nothing_is_served_by_one_and_lbaas_knows_nothing_of_two(site: Site) -> None:
    assert site.create()["topology"] == "SINGLE"
    pair = site.create(topology=PAIR)
    assert "topology" not in site.cloud.ann.show("loadbalancer", pair["id"])
    body = {"loadbalancer": {"vip_subnet_id": site.subnet["id"], "topology": PAIR}}
    assert site.cloud.ann.send("POST", "/lbaas/loadbalancers", body).status_code == 400


def test_two_in_one_failure_domain_serve_none_together(site: Site) -> None:
    for host in (HOST, OTHER):
        site.come(host, failure_domain="rack 1")
    assert "different failure domains" in site.refuses(409, topology=PAIR)
    site.come(THIRD, failure_domain="rack 2")
    assert THIRD in site.graphs(site.create(topology=PAIR))


def test_an_agent_without_keepalived_serves_alone_only(site: Site) -> None:
    site.come(OTHER, keepalived=False)
    site.refuses(409, topology=PAIR)
    site.create()


def test_what_is_refused_leaves_no_port(site: Site) -> None:
    site.come(OTHER, keepalived=False)
    before = set(site.cloud.admin.ids("/ports"))
    site.refuses(409, topology=PAIR)
    balancer = site.create()
    site.refuses(409, "PUT", f"/loadbalancers/{balancer['id']}", topology=PAIR)
    assert set(site.cloud.admin.ids("/ports")) == before | {balancer["vip_port_id"]}


def test_a_network_of_one_host_has_no_room_for_two(site: Site) -> None:
    local = site.cloud.subnet(site.cloud.ann, "10.1.0.0/24")
    assert "is of one host alone" in site.refuses(409, vip_subnet_id=local["id"], topology=PAIR)


def test_its_ports_go_with_it(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    own = {host_port_id(balancer["id"], role) for role in (Role.MASTER, Role.BACKUP)}
    assert site.ports(balancer) == own | {vip_port_id(balancer["id"])}
    assert site.cloud.ann.ids("/ports", f"device_id={balancer['id']}") == [balancer["vip_port_id"]]
    for port_id in own:
        assert site.cloud.admin.send("DELETE", f"/ports/{port_id}").status_code == 409
    site.cloud.ann.octavia.ok("DELETE", f"/loadbalancers/{balancer['id']}")
    for host in (HOST, OTHER):
        site.cloud.controller.report(host, Report(loadbalancer_id=balancer["id"], gone=True))
    assert site.ports(balancer) == set()


def test_one_becomes_two_and_two_one_again(site: Site) -> None:
    balancer = site.create()
    (first,) = site.graphs(balancer)
    site.applied(balancer)
    assert site.change(balancer, PAIR)["provisioning_status"] == "PENDING_UPDATE"
    graphs = assert_a_pair(site, balancer)
    assert site.graphs(balancer)[first] == graphs[Role.MASTER]
    site.applied(balancer)
    assert site.status(balancer) == "ACTIVE"
    assert site.change(balancer, "SINGLE")["topology"] == "SINGLE"
    assert site.graphs(balancer).keys() == {first}
    assert site.graphs(balancer)[first].pair is None
    second = ({HOST, OTHER} - {first}).pop()
    assert site.agents[second].looked[-1] == balancer["id"]  # it hears that it is to let go
    # Their ports stay until both have heard of it, and then go.
    assert len(site.ports(balancer)) == 3
    sweeping = Reservations(site.cloud.database, site.cloud.network)
    sweeping.sweep(after_s=0)
    assert site.ports(balancer) == {balancer["vip_port_id"]}
    site.change(balancer, PAIR)
    sweeping.sweep(after_s=0)
    assert len(site.ports(balancer)) == 3


def test_what_it_is_already_changes_nothing(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    generation = site.generation(balancer)
    site.change(balancer, PAIR)
    assert site.generation(balancer) == generation


def test_a_flavor_says_so(site: Site) -> None:
    admin = site.cloud.admin.octavia
    profile = {
        "name": "pair",
        "provider_name": "haproxy",
        "flavor_data": f'{{"loadbalancer_topology": "{PAIR}"}}',
    }
    profile_id = admin.ok("POST", "/flavorprofiles", {"flavorprofile": profile})["flavorprofile"]["id"]
    flavor = {"name": "pair", "flavor_profile_id": profile_id}
    flavor_id = admin.ok("POST", "/flavors", {"flavor": flavor})["flavor"]["id"]
    assert site.create(flavor_id=flavor_id)["topology"] == PAIR
    assert site.create(flavor_id=flavor_id, topology="SINGLE")["topology"] == "SINGLE"


def test_a_part_that_fails_over_goes_to_an_agent_apart_from_the_other(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    site.applied(balancer)
    (leaving,) = amphorae(site.cloud, f"loadbalancer_id={balancer['id']}&role=BACKUP")
    before = site.graphs(balancer)[leaving["lb_network_ip"]]
    site.come(THIRD)
    put(operator(site.cloud), f"/amphorae/{leaving['id']}/failover")
    graphs = site.graphs(balancer)
    assert leaving["lb_network_ip"] not in graphs
    assert graphs[THIRD].role is Role.BACKUP
    assert graphs[THIRD].port == before.port  # its address stays, so that the other one knows it
    assert_a_pair(site, balancer)


def test_both_get_new_workers_where_they_are_when_all_of_it_fails_over(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    site.applied(balancer)
    site.come(THIRD)
    before = site.graphs(balancer)
    put(site.cloud.admin.octavia, f"/loadbalancers/{balancer['id']}/failover")
    after = site.graphs(balancer)
    assert after.keys() == before.keys()
    assert all(graph.loadbalancer.failovers == 1 for graph in after.values())


def test_of_two_that_are_served_anew_the_one_with_the_vip_is_the_second(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    site.applied(balancer)
    (first, second) = sorted(site.graphs(balancer), key=lambda host: site.roles(balancer)[host])
    for host, has_vip in ((first, False), (second, True)):
        site.sees_vip(balancer, host, has_vip=has_vip)
    told = {host: len(agent.looked) for host, agent in site.agents.items()}
    put(site.cloud.admin.octavia, f"/loadbalancers/{balancer['id']}/failover")
    assert len(site.agents[first].looked) > told[first]
    assert len(site.agents[second].looked) == told[second]
    assert not site.graphs(balancer)[second].pair.peer_ready
    site.applied(balancer, first)
    assert site.agents[second].looked[told[second] :] == [balancer["id"]]
    graphs = site.graphs(balancer)
    assert (graphs[first].pair.peer_ready, graphs[second].pair.peer_ready) == (False, True)
    site.applied(balancer, second)
    assert all(graph.pair.peer_ready for graph in site.graphs(balancer).values())
    assert site.status(balancer) == "ACTIVE"


def test_a_lost_agent_s_part_goes_to_another_one(site: Site) -> None:
    balancer = site.create(topology=PAIR)
    site.applied(balancer)
    site.come(THIRD)
    (lost,) = [host for host, graph in site.graphs(balancer).items() if graph.role is Role.MASTER]
    with site.cloud.database.write() as tx:
        old = {"heartbeat_at": now() - timedelta(seconds=76)}
        tx.execute(table_of_agents.update().where(table_of_agents.c.host == lost).values(**old))
    agent_id = site.cloud.admin.ids("/agents", f"host={lost}")[0]
    site.cloud.admin.ok("DELETE", f"/agents/{agent_id}", query_string="force=true")
    assert site.roles(balancer)[THIRD] == "MASTER"
    assert_a_pair(site, balancer)


def test_a_member_of_another_ip_version_is_reached_from_both_hosts(site: Site) -> None:
    given = {"network_id": site.subnet["network_id"], "ip_version": 6, "cidr": "fd00:51::/64"}
    site.cloud.admin.create("subnet", **given)
    balancer = site.create(topology=PAIR)
    ann = site.cloud.ann
    listener = ann.create("listener", loadbalancer_id=balancer["id"], protocol="TCP", protocol_port=80)
    pool = ann.create("pool", listener_id=listener["id"], protocol="TCP", lb_algorithm="ROUND_ROBIN")
    member = {"address": "fd00:51::99", "protocol_port": 80}
    ann.octavia.ok("POST", f"/pools/{pool['id']}/members", {"member": member})
    for graph in site.graphs(balancer).values():
        assert len(graph.port.fixed_ips) == len(graph.vip_port.fixed_ips) == len(graph.port.moving) == 2


def test_nothing_is_noted_of_a_load_balancer_that_one_serves(site: Site) -> None:
    balancer = site.create()
    with site.cloud.database.read() as tx:
        noted = tx.execute(select(host_ports).where(host_ports.c.loadbalancer_id == balancer["id"])).all()
    assert noted == []
