"""What the API really answers to each role for each operation, against the table in docs/policy.md."""

import itertools
from typing import Any

import pytest
from api_cloud import Cloud, User

from evener import config
from evener.api.collections import Served
from evener.api.networking import V2
from evener.api.openapi import METHODS
from evener.api.policy import Policy
from evener_cloud.network.http.networking import NETWORKING
from policy_table import NONE, UNSEEN, WHO, YES, lines, other_lines

Json = dict[str, Any]
POLICY = Policy(config.load([], "evener-test"), NETWORKING.kinds, NETWORKING.rules)
CASES = [
    pytest.param(served, verb, line, id=f"{verb} {served.cls.__name__}")
    for served in NETWORKING.collections
    for verb, line in zip(
        [verb for verb in METHODS if verb in served.verbs], lines([served], POLICY), strict=True
    )
]
PROVIDER = {
    "provider:network_type": {"provider:network_type": "flat", "provider:physical_network": "wire"},
    "provider:physical_network": {"provider:physical_network": "wire"},  # alone it fits nothing: 400
    "provider:segmentation_id": {"provider:segmentation_id": 7},
}
GOOD = {"list": 200, "show": 200, "create": 201, "update": 200, "delete": 204}


class Estate:
    """One object of each kind with nothing that needs it, and what makes one more; in the project `ann`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        tree = cloud.tree()
        spare = cloud.tree()
        for path in (spare.paths()["healthmonitor"], spare.paths()["listener"]):
            cloud.ann.ok("DELETE", path)
        cloud.applied(spare.loadbalancer)
        self.bodies: dict[str, Json] = {
            "loadbalancer": {"vip_subnet_id": tree.subnet},
            "listener": {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "protocol_port": 81},
            "pool": {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "lb_algorithm": "SOURCE_IP"},
            "member": {"subnet_id": tree.subnet, "address": "10.0.0.99", "protocol_port": 80},
            "healthmonitor": {
                "pool_id": spare.pool,
                "type": "TCP",
                "delay": 5,
                "timeout": 4,
                "max_retries": 3,
            },
            "l7policy": {"listener_id": tree.listener, "action": "REJECT"},
            "rule": {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"},
            "network": {},
            "subnet": {"network_id": tree.network, "cidr": "10.9.0.0/24", "ip_version": 4},
            "port": {"network_id": tree.network},
            "router": {},
            "floatingip": {},
            "security_group": {"name": "web"},
            "security_group_rule": {
                "security_group_id": cloud.ann.create("security_group")["id"],
                "direction": "ingress",
                "protocol": "tcp",
                "port_range_min": 1,
                "port_range_max": 1,
            },
            "flavor": {"service_type": "LOADBALANCERV2"},
            "service_profile": {"driver": "evener"},
        }
        self.parents = {"pools": tree.pool, "l7policies": "", "loadbalancers": tree.loadbalancer}
        self.parents["l7policies"] = self.make("l7policy", "/lbaas/l7policies")

    def fill(self, kind: str) -> None:
        """Make what the kind's body names and other kinds have no use for."""
        if kind == "floatingip":
            self.bodies[kind] = {"floating_network_id": self.cloud.outside()["network_id"]}

    def make(self, kind: str, path: str) -> str:
        admins = ("flavor", "service_profile")
        user = self.cloud.admin if kind in admins else self.cloud.ann
        return str(user.ok("POST", path, {kind: self.bodies[kind]})[kind]["id"])

    def path(self, served: Served) -> str:
        path = served.path.removeprefix(V2)
        return path.replace("{object_id}", self.parents[served.parent.PLURAL]) if served.parent else path

    def one_of(self, served: Served) -> str:
        """Return the path of an object that can go."""
        path = self.path(served)
        if served.cls.KIND == "agent":
            self.cloud.controller.heartbeat("node-2", {})
            agents = self.cloud.admin.entries(path)
            return f"{path}/{next(entry['id'] for entry in agents if entry['host'] == 'node-2')}"
        if served.cls.KIND == "event":
            return f"{path}/{self.cloud.ann.ids(path)[0]}"
        return f"{path}/{self.make(served.cls.KIND, path)}"


def who_asks(cloud: Cloud, who: str) -> User:
    return {
        "admin": cloud.admin,
        "member": cloud.ann,
        "reader": cloud.reader,
        "no role": cloud.user("ann", "other"),
    }.get(who, cloud.bob)


@pytest.mark.parametrize(("served", "verb", "line"), CASES)
def test_each_role_gets_what_the_table_says(cloud: Cloud, served: Served, verb: str, line: Any) -> None:
    estate, kind = Estate(cloud), served.cls.KIND
    estate.fill(kind)
    # Who is refused comes first, and cannot spend what the others need.
    order = sorted(zip(WHO, line.answers, strict=True), key=lambda entry: entry[1] == YES)
    for who, wanted in order:
        whole = verb in served.whole_verbs
        path = estate.path(served)
        target = path if whole and verb == "create" else estate.one_of(served)
        if verb == "list":
            target = path
        body = {"create": {kind: estate.bodies.get(kind)}, "update": {kind: {"description": "x"}}}.get(verb)
        if verb == "update" and kind in ("member", "healthmonitor", "rule"):
            body = {kind: {"admin_state_up": True}}
        with_spare_room(estate, kind)
        answer = who_asks(cloud, who).send(METHODS[verb].upper(), target, body)
        got = seen(answer, served, verb)
        assert got == wanted, (who, answer.text)


def with_spare_room(estate: Estate, kind: str) -> None:
    """Let the next body not collide with what is there."""
    body = estate.bodies.get(kind, {})
    if kind == "member" or kind == "listener":
        body["protocol_port"] += 1
    elif kind == "security_group_rule":
        body["port_range_max"] += 1
    elif kind == "security_group":
        for project in ("ann", "bob", "cloud"):
            estate.cloud.unlimited(project)
    elif kind == "subnet":
        number = int(body["cidr"].split(".")[1]) + 1
        body["cidr"] = f"10.{number}.0.0/24"
    elif kind == "healthmonitor":
        pool = {**estate.bodies["pool"]}
        body["pool_id"] = estate.cloud.ann.create("pool", **pool)["id"]


def seen(answer: Any, served: Served, verb: str) -> str:
    if answer.status_code != GOOD[verb]:
        return str(answer.status_code)
    return NONE if verb == "list" and not answer.json[served.cls.PLURAL] else YES


def test_each_role_may_do_what_is_no_operation_on_a_collection(cloud: Cloud) -> None:
    tree = cloud.tree()
    cloud.agent.configurations[tree.loadbalancer] = {"HAProxy": "global"}
    flavor = str(
        cloud.admin.ok("POST", "/flavors", {"flavor": {"service_type": "LOADBALANCERV2"}})["flavor"]["id"]
    )
    made = cloud.admin.ok("POST", "/service_profiles", {"service_profile": {"driver": "evener"}})
    profile = str(made["service_profile"]["id"])
    agent = cloud.admin.ids("/agents")[0]
    network = f"/networks/{tree.network}"
    profiles = f"/flavors/{flavor}/service_profiles"
    outside = cloud.outside()
    gateways = {
        "enable_snat": {"network_id": outside["network_id"], "enable_snat": False},
        "external_fixed_ips": {
            "network_id": outside["network_id"],
            "external_fixed_ips": [{"subnet_id": outside["id"]}],
        },
    }
    router = f"/routers/{cloud.ann.create('router')['id']}"
    fresh = (f"198.51.100.{number}" for number in itertools.count(200))
    blocks = (f"10.{number}.0.0/24" for number in itertools.count(1))
    requests: dict[str, tuple[str, str, Any]] = {
        "create_network:shared": ("POST", "/networks", {"network": {"shared": True}}),
        "create_network:router:external": ("POST", "/networks", {"network": {"router:external": True}}),
        "update_network:shared": ("PUT", network, {"network": {"shared": True}}),
        "update_network:router:external": ("PUT", network, {"network": {"router:external": True}}),
        **{
            f"create_network:{name}": ("POST", "/networks", {"network": given})
            for name, given in PROVIDER.items()
        },
        "get_quota": ("GET", "/quotas", None),
        "update_quota": ("PUT", "/quotas/ann", {"quota": {"pool": 7}}),
        "delete_quota": ("DELETE", "/quotas/ann", None),
        "get_agent-loadbalancers": ("GET", f"/agents/{agent}/agent-loadbalancers", None),
        "get_loadbalancer-configuration": (
            "GET",
            f"/lbaas/loadbalancers/{tree.loadbalancer}/configuration",
            None,
        ),
        "get_loadbalancer-hosting-agent": (
            "GET",
            f"/lbaas/loadbalancers/{tree.loadbalancer}/loadbalancer-hosting-agent",
            None,
        ),
        **{
            f"{verb}_router:external_gateway_info:{name}": (
                method,
                path,
                {"router": {"external_gateway_info": gateway}},
            )
            for verb, method, path in (("create", "POST", "/routers"), ("update", "PUT", router))
            for name, gateway in gateways.items()
        },
        "create_floatingip:floating_ip_address": ("POST", "/floatingips", None),
        "add_router_interface": ("PUT", f"{router}/add_router_interface", None),
        "remove_router_interface": ("PUT", f"{router}/remove_router_interface", None),
        "add_extraroutes": ("PUT", f"{router}/add_extraroutes", {"router": {"routes": []}}),
        "remove_extraroutes": ("PUT", f"{router}/remove_extraroutes", {"router": {"routes": []}}),
        "get_service_provider": ("GET", "/service-providers", None),
        "create_flavor_service_profile": ("POST", profiles, {"service_profile": {"id": profile}}),
        "delete_flavor_service_profile": ("DELETE", f"{profiles}/{profile}", None),
    }
    found = other_lines(NETWORKING, POLICY)
    about_showing = {line.rule for line in found if UNSEEN in line.answers}
    assert about_showing == {f"get_network:{name}" for name in PROVIDER}
    assert {line.rule for line in found} - about_showing == requests.keys()
    for line in found:
        if line.rule in about_showing:
            continue
        for who, wanted in zip(WHO, line.answers, strict=False):
            method, path, body = requests[line.rule]
            if line.rule == "create_floatingip:floating_ip_address":
                given = {"floating_network_id": outside["network_id"], "floating_ip_address": next(fresh)}
                body = {"floatingip": given}
            elif line.rule.endswith("router_interface"):
                body = {"subnet_id": cloud.subnet(cidr=next(blocks))["id"]}
                if line.rule.startswith("remove"):
                    cloud.ann.ok("PUT", f"{router}/add_router_interface", body)
            answer = who_asks(cloud, who).send(method, path, body)
            got = YES if answer.status_code in (*GOOD.values(), 400) else str(answer.status_code)
            assert got == wanted, (line.rule, who, answer.text)
