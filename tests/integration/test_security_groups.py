"""Security groups of the builtin network service: groups, the ports in them, and what VIPs let in."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_cloud import HOST, Cloud
from network_service import ADMIN, ANN, BOB, NOBODYS, Service, refused, statements
from sqlalchemy import select

from evener.resources import errors
from evener.resources.quota import default_limits
from evener.resources.wiring import PacketRule
from evener.store import quota_counts
from evener.store.rows import ListQuery
from evener.store.schema import quotas
from evener_cloud.network.http.networking import NETWORKING
from evener_cloud.network.resources.network import Network
from evener_cloud.network.resources.port import Port
from evener_cloud.network.resources.router import Router
from evener_cloud.network.resources.security_group import SecurityGroup
from evener_cloud.network.resources.security_group_rule import SecurityGroupRule

LIMITS = default_limits(NETWORKING.kinds)


def default(service: Service, caller: Any = ANN) -> Any:
    (found,) = service.network.list(caller, SecurityGroup, named("default", caller.project_id))
    return found


def named(name: str, project: str) -> Any:
    return ListQuery({"name": [name], "project_id": [project]})


def says(group: Any) -> set[tuple[Any, ...]]:
    return {(rule.direction, rule.ethertype, rule.remote_group_id) for rule in group.security_group_rules}


def counted(service: Service, project: str) -> tuple[int, int]:
    """Return how many groups and rules are counted for a project, having compared them with the rows."""
    kinds = (SecurityGroup, SecurityGroupRule)
    with service.database.read() as tx:
        found = [quota_counts.count(tx, cls, project) for cls in kinds]
        kept = {
            row.resource: row.used for row in tx.execute(select(quotas).where(quotas.c.project_id == project))
        }
    assert [kept.get(cls.KIND, 0) for cls in kinds] == found
    return found[0], found[1]


def let_in(service: Service, port_id: str) -> Any:
    found = service.network.vip_port(port_id, "host")
    assert found is not None
    return found.security


def allow(service: Service, group: Any, **values: Any) -> Any:
    given = {"direction": "ingress", **values}
    return service.create(SecurityGroupRule, security_group_id=group.id, **given)


def balancer_of(service: Service, vip: Any) -> str:
    return str(service.network.show(ADMIN, Port, vip.port_id).device_id)


def told(service: Service) -> set[str]:
    """Return which load balancers were to be looked at since the last question."""
    found = set(service.told)
    service.told.clear()
    return found


def test_a_project_has_its_default_group_when_it_first_asks(service: Service) -> None:
    group = default(service)
    assert (group.name, group.description, group.project_id) == ("default", "Default security group", "ann")
    both = ("IPv4", "IPv6")
    assert says(group) == {
        *(("egress", version, None) for version in both),
        *(("ingress", version, group.id) for version in both),
    }
    assert default(service) == group
    assert default(service, BOB).id != group.id
    assert counted(service, "ann") == (1, 4)
    assert len(service.ids(SecurityGroupRule, BOB)) == 4


def test_a_new_group_lets_everything_out_and_nothing_in(service: Service) -> None:
    group = service.create(SecurityGroup, name="web", description="d")
    assert says(group) == {("egress", version, None) for version in ("IPv4", "IPv6")}
    assert (group.stateful, group.shared) == (True, False)
    assert service.ids(SecurityGroup) == {group.id, default(service).id}
    assert counted(service, "ann") == (2, 6)
    changed = service.update(group, name="new", stateful=True)
    assert (changed.name, changed.description) == ("new", "d")
    with pytest.raises(errors.InvalidInput, match="stateful"):
        service.update(group, stateful=False)
    service.delete(group)
    assert counted(service, "ann") == (1, 4)


def test_the_default_group_keeps_its_name_and_stays(service: Service) -> None:
    group, web = default(service), service.create(SecurityGroup, name="web")
    exists = (errors.InUse, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    for name in ("default", "Default"):
        with refused(service, *exists):
            service.create(SecurityGroup, name=name)
        with refused(service, *exists):
            service.update(web, name=name)
    with refused(
        service,
        errors.InUse,
        "SecurityGroupCannotUpdateDefault",
        "Updating default security group not allowed.",
    ):
        service.update(group, name="x")
    assert service.update(group, description="ours").description == "ours"
    with refused(
        service,
        errors.InUse,
        "SecurityGroupCannotRemoveDefault",
        "Insufficient rights for removing default security group.",
    ):
        service.delete(group)
    service.delete(group, ADMIN)
    assert service.ids(SecurityGroup) == {web.id, group.id}, "it comes back when it is asked for"
    assert counted(service, "ann") == (2, 6)


def test_parallel_clients_make_one_default_group(service: Service) -> None:
    network = service.create(Network)

    def ask(number: int) -> str:
        if number % 2:
            return service.create(Port, network_id=network.id).security_groups[0]
        return default(service).id

    with ThreadPoolExecutor(8) as clients:
        assert len(set(clients.map(ask, range(8)))) == 1
    assert counted(service, "ann") == (1, 4)


def test_a_project_sees_its_own_groups_only(service: Service) -> None:
    group = service.create(SecurityGroup, name="web")
    rule = allow(service, group)
    unseen = (errors.NotFound, "SecurityGroupNotFound", f"Security group {group.id} does not exist")
    default(service, BOB)
    for attempt in (
        lambda: service.show(group, BOB),
        lambda: service.update(group, BOB, name="x"),
        lambda: service.delete(group, BOB),
    ):
        with refused(service, *unseen):
            attempt()
    for attempt in (lambda: service.show(rule, BOB), lambda: service.delete(rule, BOB)):
        with pytest.raises(errors.NotFound):
            attempt()
    assert service.ids(SecurityGroup, BOB) == {default(service, BOB).id}
    assert service.ids(SecurityGroup, ADMIN) >= {group.id, default(service).id, default(service, BOB).id}
    assert default(service, ADMIN).project_id == "cloud"
    asked = service.network.list(ADMIN, SecurityGroup, named("default", "eve"))
    assert [found.project_id for found in asked] == ["eve"]
    assert service.network.list(BOB, SecurityGroup, named("default", "fay")) == []
    assert service.network.list(ADMIN, SecurityGroup, named("default", "x" * 256)) == []


def test_a_port_is_in_the_default_group_unless_it_says_otherwise_or_is_a_service_s(service: Service) -> None:
    subnet = service.subnet()
    web = service.create(SecurityGroup, name="web")
    assert service.port(subnet).security_groups == (default(service).id,)
    assert service.port(subnet, security_groups=[]).security_groups == ()
    assert service.port(subnet, security_groups=None).security_groups == ()
    assert service.port(subnet, security_groups=[web.id]).security_groups == (web.id,)
    assert service.port(subnet, device_owner="network:dhcp").security_groups == ()
    vip = service.loadbalancer(subnet)
    assert service.network.show(ANN, Port, vip.port_id).security_groups == ()
    administrators = service.create(Port, ADMIN, network_id=subnet.network_id, project_id="ann")
    assert administrators.security_groups == (default(service).id,)


def test_ports_join_and_leave_groups_that_are_seen(service: Service) -> None:
    subnet = service.subnet()
    groups = sorted((service.create(SecurityGroup, name=name) for name in ("a", "b")), key=lambda g: g.id)
    one, two = (group.id for group in groups)
    port = service.port(subnet, security_groups=[one])
    assert service.update(port, security_groups=[two, one]).security_groups == (one, two)
    assert service.ids(Port, security_groups=[two]) == {port.id}
    assert service.ids(Port, security_groups=[NOBODYS, "\x00"]) == set()
    for group in groups:
        with refused(service, errors.InUse, "SecurityGroupInUse", f"Security Group {group.id} in use."):
            service.delete(group)
    his = service.create(SecurityGroup, BOB, name="his").id
    for unseen in (his, NOBODYS):
        missing = (errors.NotFound, "SecurityGroupNotFound", f"Security group {unseen} does not exist")
        with refused(service, *missing):
            service.update(port, security_groups=[one, unseen])
        with refused(service, *missing):
            service.port(subnet, security_groups=[unseen])
    service.update(port, ADMIN, security_groups=[one, his])
    assert service.update(port, security_groups=[his]).security_groups == (his,), "it was there already"
    assert service.update(port, name="x").security_groups == (his,)
    with pytest.raises(errors.InvalidInput, match="duplicate"):
        service.update(port, security_groups=[one, one])
    service.delete(groups[0])
    service.delete(port)
    service.delete(groups[1])
    assert service.contents()[-1] == []


def test_a_group_takes_the_rules_that_name_it_along(service: Service) -> None:
    one, two = (service.create(SecurityGroup, name=name) for name in "ab")
    allow(service, one, remote_group_id=two.id)
    assert counted(service, "ann") == (3, 9)
    service.delete(two)
    assert says(service.show(one)) == {("egress", version, None) for version in ("IPv4", "IPv6")}
    assert counted(service, "ann") == (2, 6)


def test_no_limit_keeps_the_default_group_from_a_port(service: Service) -> None:
    service.database.limits = {**LIMITS, "security_group": 0, "security_group_rule": 1}
    assert service.port(service.subnet()).security_groups == (default(service).id,)
    with refused(
        service, errors.QuotaExceeded, "OverQuota", "Quota exceeded for resources: ['security_group']."
    ):
        service.create(SecurityGroup, name="web")
    service.database.limits = {**LIMITS, "security_group_rule": 5}
    with refused(
        service, errors.QuotaExceeded, "OverQuota", "Quota exceeded for resources: ['security_group_rule']."
    ):
        service.create(SecurityGroup, name="web")


def test_a_vip_lets_in_what_its_groups_say(service: Service) -> None:
    subnet = service.subnet()
    six = service.subnet("fd00::/64", service.network.show(ANN, Network, subnet.network_id))
    vip = service.loadbalancer(subnet, "10.0.0.9")
    assert let_in(service, vip.port_id) is None
    port = service.network.show(ANN, Port, vip.port_id)
    web, office = (service.create(SecurityGroup, name=name) for name in ("web", "office"))
    port = service.update(port, security_groups=[web.id])
    assert let_in(service, vip.port_id) == ()
    tcp = {"protocol": "tcp", "port_range_min": 80, "port_range_max": 81}
    allow(service, web, **tcp, remote_ip_prefix="10.9.0.7/16")
    allow(service, web, protocol="icmp", port_range_min=8)
    allow(service, web, ethertype="IPv6", protocol="icmp", remote_ip_prefix="::/0")
    allow(service, web, protocol="gre")
    allow(service, web, protocol=0, remote_ip_prefix="10.8.0.0/16")
    allow(service, web, direction="egress", protocol="udp")
    allow(service, office, protocol=6, port_range_min=80, port_range_max=81, remote_ip_prefix="10.9.0.0/16")
    for version in ("IPv4", "IPv6"):
        allow(service, office, ethertype=version, protocol="udp", remote_group_id=office.id)
    service.update(port, security_groups=[web.id, office.id])
    udp = {"protocol": "udp"}
    with_nobody = let_in(service, vip.port_id)
    service.create(
        Port,
        network_id=subnet.network_id,
        fixed_ips=[{"subnet_id": subnet.id, "ip_address": "10.0.0.200"}, {"ip_address": "fd00::5"}],
        security_groups=[office.id],
    )
    expected = [
        PacketRule(ip_version=4, protocol="tcp", first_port=80, last_port=81, remotes=("10.9.0.0/16",)),
        PacketRule(ip_version=4, protocol="icmp", first_port=8),
        PacketRule(ip_version=6, protocol="icmpv6"),
        PacketRule(ip_version=4, protocol="47"),
        PacketRule(ip_version=4, remotes=("10.8.0.0/16",)),
        PacketRule(ip_version=4, remotes=("10.0.0.9/32", "10.0.0.200/32"), **udp),
        PacketRule(ip_version=6, remotes=("fd00::5/128",), **udp),
    ]
    found = let_in(service, vip.port_id)
    assert set(found) == set(expected)
    assert len(found) == len(expected)
    assert found == let_in(service, vip.port_id)
    assert PacketRule(ip_version=6, remotes=(), **udp) in with_nobody
    assert six.ip_version == 6
    service.update(port, security_groups=[])
    assert let_in(service, vip.port_id) is None


def test_agents_hear_when_a_vip_lets_in_something_else(service: Service) -> None:
    subnet = service.subnet()
    vips = [service.loadbalancer(subnet) for _ in range(3)]
    one, two, _ = (balancer_of(service, vip) for vip in vips)
    ports = [service.network.show(ANN, Port, vip.port_id) for vip in vips]
    web, servers = (service.create(SecurityGroup, name=name) for name in ("web", "servers"))
    assert told(service) == set()
    service.update(ports[0], security_groups=[web.id])
    assert told(service) == {one}
    service.update(ports[1], security_groups=[web.id])
    assert told(service) == {two}
    service.update(ports[1], security_groups=[web.id], name="same")
    assert told(service) == set()
    rule = allow(service, web, protocol="tcp")
    assert told(service) == {one, two}
    allow(service, web, direction="egress", protocol="udp")
    allow(service, servers, protocol="udp")
    service.update(web, name="new")
    assert told(service) == set(), "what goes out, or belongs to no VIP, changes nothing"
    service.delete(rule)
    assert told(service) == {one, two}
    service.update(ports[1], security_groups=[])
    assert told(service) == {two}
    allow(service, web, remote_group_id=servers.id)
    assert told(service) == {one}
    member = service.port(subnet, "10.0.0.50", security_groups=[servers.id])
    assert told(service) == {one}, "a port joined the remote group"
    service.update(member, name="x", security_groups=[servers.id])
    assert told(service) == set()
    service.update(member, fixed_ips=[{"subnet_id": subnet.id, "ip_address": "10.0.0.51"}])
    assert told(service) == {one}
    service.update(member, security_groups=[])
    assert told(service) == {one}
    service.update(member, security_groups=[servers.id])
    service.delete(member)
    assert told(service) == {one}
    service.update(ports[1], security_groups=[servers.id])
    assert told(service) == {one, two}, "the VIP itself is in the remote group now"
    service.network.release_vip_port(ports[1].device_id)
    assert told(service) >= {one}
    service.delete(servers)
    assert told(service) == {one}, "the rule that names the group went with it"


def test_agents_hear_when_a_router_leaves_what_a_vip_lets_in(service: Service) -> None:
    subnet = service.subnet()
    vip = service.loadbalancer(subnet)
    web, inner = (service.create(SecurityGroup, name=name) for name in ("web", "inner"))
    service.update(service.network.show(ANN, Port, vip.port_id), security_groups=[web.id])
    allow(service, web, remote_group_id=inner.id)
    port = service.port(subnet, "10.0.0.60", security_groups=[inner.id])
    router = service.create(Router)
    service.network.add_interface(ANN, router.id, None, port.id)
    assert [rule.remotes for rule in let_in(service, vip.port_id)] == [("10.0.0.60/32",)]
    told(service)
    service.network.remove_interface(ANN, router.id, None, port.id)
    assert told(service) == {balancer_of(service, vip)}
    assert [rule.remotes for rule in let_in(service, vip.port_id)] == [()]


def test_an_agent_s_graph_carries_what_a_vip_lets_in(any_cloud: Cloud) -> None:
    cloud, ann = any_cloud, any_cloud.ann
    balancer = cloud.balancer()

    def security() -> Any:
        graph = cloud.controller.graph(HOST, balancer["id"])
        assert graph is not None
        return graph.security

    assert security() is None
    group = ann.create("security_group", name="web")["id"]
    ann.update("port", balancer["vip_port_id"], security_groups=[group])
    assert security() == ()
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "udp"}
    made = ann.create("security_group_rule", **rule)["id"]
    assert security() == (PacketRule(ip_version=4, protocol="udp"),)
    ann.delete("security_group_rule", made)
    assert security() == ()
    ann.update("port", balancer["vip_port_id"], security_groups=None)
    assert security() is None
    cloud.ann.delete("loadbalancer", balancer["id"])


def test_nobody_hears_of_what_is_rolled_back(service: Service) -> None:
    vip = service.loadbalancer(service.subnet())
    port = service.network.show(ANN, Port, vip.port_id)
    web = service.create(SecurityGroup, name="web")
    service.update(port, security_groups=[web.id])
    allow(service, web)
    told(service)
    with pytest.raises(errors.InUse):
        allow(service, web)
    with pytest.raises(errors.InUse):
        service.delete(web)
    with pytest.raises(errors.NotFound):
        service.update(port, security_groups=[NOBODYS])
    assert told(service) == set()


def test_a_vip_s_rules_cost_the_same_number_of_statements_however_many_there_are(service: Service) -> None:
    subnet = service.subnet()
    vip = service.loadbalancer(subnet)
    port = service.network.show(ANN, Port, vip.port_id)
    counts = []
    groups: list[str] = []
    for number in range(2):
        for _ in range(3):
            group = service.create(SecurityGroup, name="web")
            groups.append(group.id)
            for low in range(3):
                allow(service, group, protocol=6, port_range_min=low + 1, port_range_max=9 + number)
            allow(service, group, remote_group_id=group.id)
            service.port(subnet, security_groups=[group.id])
        service.update(port, security_groups=groups)
        with statements(service.database) as sent:
            let_in(service, vip.port_id)
            service.network.list(ANN, SecurityGroup, named("web", "ann"))
            allow(service, default(service), protocol=6, port_range_min=number + 1, port_range_max=9)
        counts.append(len([each for each in sent if each.startswith("SELECT")]))
    assert counts[0] == counts[1]
