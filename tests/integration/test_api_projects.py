"""Whose objects whose are: other projects see nothing, readers change nothing, administrators see all."""

from typing import Any

import pytest
from api_cloud import NOBODYS, PATHS, Cloud, Tree, User

KINDS = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "network", "subnet")
NOT_FOUND = {"network": "NetworkNotFound", "subnet": "SubnetNotFound", "port": "PortNotFound"}
MONITOR = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


def new(kind: str, tree: Tree) -> tuple[str, dict[str, Any]]:
    """Return the path and body that create one more of a kind."""
    bodies: dict[str, dict[str, Any]] = {
        "loadbalancer": {"vip_subnet_id": tree.subnet},
        "listener": {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "protocol_port": 81},
        "pool": {**POOL, "loadbalancer_id": tree.loadbalancer},
        "member": {"subnet_id": tree.subnet, "address": "10.0.0.99", "protocol_port": 80},
        "healthmonitor": {**MONITOR, "pool_id": tree.pool},
        "network": {},
        "subnet": {"network_id": tree.network, "cidr": "10.9.0.0/24", "ip_version": 4},
        "port": {"network_id": tree.network},
    }
    path = f"/lbaas/pools/{tree.pool}/members" if kind == "member" else PATHS[kind]
    return path, {kind: bodies[kind]}


@pytest.mark.parametrize("kind", KINDS)
def test_another_project_s_object_does_not_exist(cloud: Cloud, kind: str) -> None:
    path = cloud.tree().paths()[kind]
    name = NOT_FOUND.get(kind, "EntityNotFound")
    for method, body in (("GET", None), ("PUT", {kind: {"name": "x"}}), ("DELETE", None)):
        said = cloud.refuses(cloud.bob, method, path, body, status=404, kind=name)
        # The same words for one that is nobody's: none can tell the difference.
        own = path.rpartition("/")[2]
        other = cloud.bob.send(method, path.replace(own, NOBODYS), body)
        assert other.json["NeutronError"]["message"] == said.replace(own, NOBODYS)


def test_another_project_s_lists_are_empty(cloud: Cloud) -> None:
    tree = cloud.tree()
    for path in PATHS.values():
        for query in ("", f"project_id={cloud.ann.project}", f"tenant_id={cloud.ann.project}"):
            assert cloud.bob.entries(path, query) == []
    name = "EntityNotFound"
    cloud.refuses(cloud.bob, "GET", f"/lbaas/pools/{tree.pool}/members", status=404, kind=name)
    for view in ("statuses", "stats"):
        path = f"/lbaas/loadbalancers/{tree.loadbalancer}/{view}"
        cloud.refuses(cloud.bob, "GET", path, status=404, kind=name)


@pytest.mark.parametrize(
    ("kind", "attribute", "refusal"),
    [
        ("loadbalancer", "vip_subnet_id", "SubnetNotFound"),
        ("listener", "loadbalancer_id", "EntityNotFound"),
        ("listener", "default_pool_id", "EntityNotFound"),
        ("pool", "loadbalancer_id", "EntityNotFound"),
        ("pool", "listener_id", "EntityNotFound"),
        ("member", "in_pool", "EntityNotFound"),
        ("member", "subnet_id", "SubnetNotFound"),
        ("healthmonitor", "pool_id", "EntityNotFound"),
        ("subnet", "network_id", "NetworkNotFound"),
        ("port", "network_id", "NetworkNotFound"),
    ],
)
def test_another_project_s_id_is_as_good_as_none(
    cloud: Cloud, kind: str, attribute: str, refusal: str
) -> None:
    """In each position where an id stands, next to ids of one's own."""
    anns, bobs = cloud.tree(), cloud.tree(cloud.bob)
    foreign = {
        "vip_subnet_id": anns.subnet,
        "loadbalancer_id": anns.loadbalancer,
        "default_pool_id": anns.pool,
        "listener_id": anns.listener,
        "pool_id": anns.pool,
        "subnet_id": anns.subnet,
        "network_id": anns.network,
    }
    for wrong in (foreign.get(attribute, anns.pool), NOBODYS):
        path, body = new(kind, bobs)
        if attribute == "in_pool":
            path = f"/lbaas/pools/{wrong}/members"
        else:
            body[kind][attribute] = wrong
        cloud.refuses(cloud.bob, "POST", path, body, status=404, kind=refusal)


def test_a_listener_is_not_given_another_project_s_pool(cloud: Cloud) -> None:
    anns, bobs = cloud.tree(), cloud.tree(cloud.bob)
    for pool in (anns.pool, NOBODYS):
        path, body = f"/lbaas/listeners/{bobs.listener}", {"listener": {"default_pool_id": pool}}
        cloud.refuses(cloud.bob, "PUT", path, body, status=404, kind="EntityNotFound")


def test_a_marker_of_another_project_does_not_exist(cloud: Cloud) -> None:
    tree = cloud.tree()
    port = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]
    for kind, path in PATHS.items():
        query = f"limit=1&marker={port if kind == 'port' else getattr(tree, kind)}"
        answer = cloud.bob.send("GET", path, query_string=query)
        assert answer.status_code == 404, (kind, answer.text)


@pytest.mark.parametrize("kind", [*KINDS, "port"])
def test_a_reader_reads_and_is_refused_every_write(cloud: Cloud, kind: str) -> None:
    tree = cloud.tree()
    paths = tree.paths()
    port = cloud.ann.show("loadbalancer", tree.loadbalancer)["vip_port_id"]
    path = paths.get(kind, f"/ports/{port}")
    assert cloud.reader.ok("GET", path) == cloud.ann.ok("GET", path)
    collection = path.rpartition("/")[0]
    assert cloud.reader.entries(collection) == cloud.ann.entries(collection)
    writes = [("POST", *new(kind, tree)), ("PUT", path, {kind: {"name": "x"}}), ("DELETE", path, None)]
    for (method, where, body), verb in zip(writes, ("create", "update", "delete"), strict=True):
        said = f"{verb}_{'pool_member' if kind == 'member' else kind}"
        kwargs = {"status": 403, "kind": "PolicyNotAuthorized", "says": said}
        cloud.refuses(cloud.reader, method, where, body, **kwargs)
    for view in ("statuses", "stats"):
        cloud.reader.ok("GET", f"/lbaas/loadbalancers/{tree.loadbalancer}/{view}")


def test_a_role_that_means_nothing_here_opens_nothing(cloud: Cloud) -> None:
    tree = cloud.tree()
    guest = cloud.user("ann", "swimmer")
    for path in (*PATHS.values(), *tree.paths().values()):
        cloud.refuses(guest, "GET", path, status=403, kind="PolicyNotAuthorized")


def test_an_administrator_sees_and_changes_everything(cloud: Cloud) -> None:
    trees = [cloud.tree(), cloud.tree(cloud.bob)]
    assert set(cloud.admin.ids("/lbaas/loadbalancers")) == {tree.loadbalancer for tree in trees}
    assert cloud.admin.ids("/lbaas/pools", "project_id=bob") == [trees[1].pool]
    for tree in trees:
        for kind, path in tree.paths().items():
            assert cloud.admin.ok("PUT", path, {kind: {"name": "seen"}})[kind]["name"] == "seen"


def test_an_administrator_makes_objects_for_another_project(cloud: Cloud) -> None:
    subnet = cloud.subnet()["id"]
    made = cloud.admin.create("loadbalancer", vip_subnet_id=subnet, tenant_id="ann")
    assert made["project_id"] == "ann"
    assert cloud.ann.show("loadbalancer", made["id"]) == made
    assert cloud.ann.show("port", made["vip_port_id"])["project_id"] == "ann"
    pool = cloud.pool(made["id"], cloud.admin)
    assert pool["project_id"] == "ann"


@pytest.mark.parametrize("name", ["tenant_id", "project_id"])
def test_only_an_administrator_names_another_project(cloud: Cloud, name: str) -> None:
    tree = cloud.tree()
    for kind in ("loadbalancer", "network", "subnet", "port"):
        path, body = new(kind, tree)
        body[kind][name] = "bob"
        answer = cloud.ann.send("POST", path, body)
        assert answer.status_code == 403, (kind, answer.text)
    for kind in ("listener", "pool", "member"):
        path, body = new(kind, tree)
        body[kind][name] = "bob"
        with cloud.unchanged():
            assert cloud.ann.send("POST", path, body).status_code in (403, 409)
        body[kind][name] = "ann"
        assert cloud.ann.ok("POST", path, body)[kind]["project_id"] == "ann"


def test_a_shared_network_carries_another_project_s_load_balancer(cloud: Cloud) -> None:
    subnet = cloud.subnet(cloud.admin, shared=True)
    made = cloud.bob.create("loadbalancer", vip_subnet_id=subnet["id"])
    assert made["project_id"] == "bob"
    assert cloud.bob.show("port", made["vip_port_id"])["project_id"] == "bob"
    assert cloud.ann.entries("/lbaas/loadbalancers") == []


@pytest.mark.parametrize("name", ["shared", "router:external"])
def test_only_an_administrator_shares_a_network(cloud: Cloud, name: str) -> None:
    tree = cloud.tree()
    for method, path in (("POST", "/networks"), ("PUT", f"/networks/{tree.network}")):
        body = {"network": {name: True}}
        cloud.refuses(cloud.ann, method, path, body, status=403, kind="PolicyNotAuthorized", says=name)
    user: User = cloud.admin
    assert user.update("network", tree.network, **{name: True})[name] is True
