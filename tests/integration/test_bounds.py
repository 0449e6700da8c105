"""How large a load balancer and a request may be: each kind has a bound, which a request over it names."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api_cloud import Cloud, check_refusal, counted

from evener import config
from evener.api.networking import LBAAS_COLLECTIONS
from evener.control.bounds import COUNTED
from evener.resources.bounds import DEFAULTS, WHAT, Bounds
from evener.resources.healthmonitor import HealthMonitor
from evener.store.database import Database
from evener_cloud.all_tables import metadata
from evener_cloud.network.http.networking import COLLECTIONS as NETWORK_COLLECTIONS

Json = dict[str, Any]
GRAPHS = "/lbaas/graphs"
POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
REJECT = {"action": "REJECT"}
REGEX = {"type": "PATH", "compare_type": "REGEX", "value": "^/x"}
PLAIN = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/x"}
MEMBERS = 1000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path_factory.mktemp('cloud') / 'evener.sqlite'}")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def subnet(database: Database) -> str:
    cloud = Cloud(database)
    cloud.unlimited("ann")
    return str(cloud.subnet(cidr="10.0.0.0/16")["id"])


def members(number: int, subnet: str) -> list[Json]:
    """Return members of which no two are alike."""
    return [
        {"subnet_id": subnet, "address": f"10.0.{9 + n // 250}.{n % 250 + 1}", "protocol_port": 80}
        for n in range(number)
    ]


def listeners(number: int, **more: Any) -> list[Json]:
    return [{"protocol": "HTTP", "protocol_port": 81 + n, **more} for n in range(number)]


def pool(**more: Any) -> Json:
    return {**POOL, **more}


# What a load balancer is made of whose bound of that name is just used up with two, or exceeded with three.
GRAPH: dict[str, Callable[[int, str], list[Json]]] = {
    "objects_per_request": lambda n, _: listeners(n - 1),
    "listeners_per_loadbalancer": lambda n, _: listeners(n),
    "pools_per_loadbalancer": lambda n, _: [listener | {"default_pool": pool()} for listener in listeners(n)],
    "members_per_loadbalancer": lambda n, subnet: [
        listener | {"default_pool": pool(members=members(1, subnet))} for listener in listeners(n)
    ],
    "members_per_pool": lambda n, subnet: listeners(1, default_pool=pool(members=members(n, subnet))),
    "l7policies_per_listener": lambda n, _: listeners(1, l7policies=[REJECT] * n),
    "rules_per_l7policy": lambda n, _: listeners(1, l7policies=[REJECT | {"rules": [PLAIN] * n}]),
    "rules_per_loadbalancer": lambda n, _: listeners(1, l7policies=[REJECT | {"rules": [PLAIN]}] * n),
    "regexes_per_listener": lambda n, _: listeners(1, l7policies=[REJECT | {"rules": [REGEX]}] * n),
    "certificates_per_listener": lambda n, _: listeners(
        1, default_tls_container_ref="default", sni_container_refs=[f"ref-{each}" for each in range(n - 1)]
    ),
    "connections_per_listener": lambda n, _: listeners(1, connection_limit=n),
}


def test_every_bound_is_tried_and_every_kind_has_one() -> None:
    assert GRAPH.keys() == WHAT.keys()
    assert {served.cls for served in LBAAS_COLLECTIONS} == COUNTED.keys() | {LBAAS_COLLECTIONS[0].cls}
    for cls, by in COUNTED.items():
        assert by or cls is HealthMonitor  # of which a pool has one
    for served in (LBAAS_COLLECTIONS[0], *NETWORK_COLLECTIONS):
        assert (served.cls.LIMIT or 0) > 0, (
            served.cls
        )  # what belongs to no load balancer is bounded by its quota


def test_bounds_are_settings() -> None:
    assert config.largest(config.load([], "evener-test")) == DEFAULTS


@pytest.mark.parametrize("bound", sorted(WHAT))
def test_a_whole_load_balancer_over_a_bound_is_refused_by_its_name(
    database: Database, subnet: str, bound: str
) -> None:
    cloud = Cloud(database, bounds=Bounds(**{bound: 2}))
    for number, fits in ((2, True), (3, False)):
        graph = {"vip_subnet_id": subnet, "listeners": GRAPH[bound](number, subnet)}
        body = {"graph": {"loadbalancer": graph}}
        if fits:
            cloud.ann.ok("POST", GRAPHS, body)
        else:
            says = f"at most 2 {WHAT[bound]} are allowed (setting [limits] {bound})"
            cloud.refuses(cloud.ann, "POST", GRAPHS, body, status=409, kind="OverQuota", says=says)


def test_one_object_more_than_a_bound_allows_is_refused_by_its_name(database: Database, subnet: str) -> None:
    few = Bounds(**{**dict.fromkeys(WHAT, 2), "members_per_loadbalancer": 3, "rules_per_loadbalancer": 3})
    cloud = Cloud(database, bounds=few)
    balancer = cloud.ann.create("loadbalancer", vip_subnet_id=subnet)["id"]
    names = set()

    def fill(path: str, kind: str, bound: str, number: int, *bodies: Json) -> list[str]:
        """Make as many as the bound allows, `number`, and one more, which is refused; return their ids."""
        made = [cloud.ann.ok("POST", path, {kind: body})[kind]["id"] for body in bodies[:number]]
        for body in bodies[number:]:
            kwargs = {"status": 409, "kind": "OverQuota", "says": f"(setting [limits] {bound})"}
            cloud.refuses(cloud.ann, "POST", path, {kind: body}, **kwargs)
        names.add(bound)
        return made

    on = {"loadbalancer_id": balancer}
    of_each = [listener | on for listener in listeners(3)]
    one, two = fill("/lbaas/listeners", "listener", "listeners_per_loadbalancer", 2, *of_each)
    first, second = fill("/lbaas/pools", "pool", "pools_per_loadbalancer", 2, *[POOL | on] * 3)
    some = members(4, subnet)
    fill(f"/lbaas/pools/{first}/members", "member", "members_per_pool", 2, *some[:3])
    fill(f"/lbaas/pools/{second}/members", "member", "members_per_loadbalancer", 1, *some[2:])
    policies = [REJECT | {"listener_id": one}] * 3
    policy, other = fill("/lbaas/l7policies", "l7policy", "l7policies_per_listener", 2, *policies)
    rules = f"/lbaas/l7policies/{policy}/rules"
    regex, _ = fill(rules, "rule", "rules_per_l7policy", 2, REGEX, REGEX, PLAIN)
    fill(f"/lbaas/l7policies/{other}/rules", "rule", "regexes_per_listener", 0, REGEX)
    plain = fill(f"/lbaas/l7policies/{other}/rules", "rule", "rules_per_loadbalancer", 1, PLAIN, PLAIN)[0]
    change = {"rule": {"compare_type": "REGEX"}}
    kwargs = {"status": 409, "kind": "OverQuota", "says": "regexes_per_listener"}
    cloud.refuses(cloud.ann, "PUT", f"/lbaas/l7policies/{other}/rules/{plain}", change, **kwargs)
    cloud.ann.ok("PUT", f"{rules}/{regex}", {"rule": {"compare_type": "REGEX", "value": "^/y"}})
    kwargs = {"status": 409, "kind": "OverQuota", "says": "certificates_per_listener"}
    change = {"listener": {"sni_container_refs": ["a", "b"]}}
    cloud.refuses(cloud.ann, "PUT", f"/lbaas/listeners/{two}", change, **kwargs)
    kwargs = {
        "status": 409,
        "kind": "OverQuota",
        "says": "2 connections in the connection_limit of a listener",
    }
    cloud.refuses(
        cloud.ann, "PUT", f"/lbaas/listeners/{two}", {"listener": {"connection_limit": 3}}, **kwargs
    )
    cloud.ann.ok("PUT", f"/lbaas/listeners/{two}", {"listener": {"connection_limit": -1}})
    elsewhere = {"certificates_per_listener", "connections_per_listener", "objects_per_request"}
    assert names | elsewhere == WHAT.keys()


def test_what_the_agents_have_let_go_of_makes_room(database: Database, subnet: str) -> None:
    cloud = Cloud(database, bounds=Bounds(members_per_pool=2))
    balancer = cloud.ann.create("loadbalancer", vip_subnet_id=subnet)["id"]
    path = f"/lbaas/pools/{cloud.pool(balancer)['id']}/members"
    one, two, three = ({"member": each} for each in members(3, subnet))
    made = cloud.ann.ok("POST", path, one)["member"]["id"]
    cloud.ann.ok("POST", path, two)
    cloud.ann.ok("DELETE", f"{path}/{made}")
    check_refusal(cloud.ann.send("POST", path, three), 409, "OverQuota", "members_per_pool")
    cloud.applied(balancer)
    cloud.ann.ok("POST", path, three)


def test_a_thousand_members_in_one_request_cost_as_many_statements_as_ten(
    database: Database, subnet: str
) -> None:
    cloud = Cloud(database)
    costs = []
    for number in (10, MEMBERS):
        inner = GRAPH["members_per_pool"](number, subnet)
        inner[0]["l7policies"] = [REJECT | {"rules": [PLAIN] * (number // 200 + 2)}] * (number // 100 + 2)
        with counted(database) as statements:
            body = {"graph": {"loadbalancer": {"vip_subnet_id": subnet, "listeners": inner}}}
            made = cloud.ann.ok("POST", GRAPHS, body)["graph"]["loadbalancer"]
        costs.append(statements)
        shown = made["listeners"][0]
        assert [each["address"] for each in shown["default_pool"]["members"]] == [
            each["address"] for each in inner[0]["default_pool"]["members"]
        ]
        assert [policy["position"] for policy in shown["l7policies"]] == [
            place + 1 for place in range(len(inner[0]["l7policies"]))
        ]
    few, many = costs
    assert len(many) == len(few) < 60, [statement[:60] for statement in many]
