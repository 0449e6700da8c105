"""Who may do what by Octavia's API: both of its models of roles, and other projects' objects."""

from typing import Any

import pytest
from api_cloud import Cloud, Tree, User

DENIED = "Policy does not allow this request to be performed."
READERS = ("reader", "member", "load-balancer_observer", "load-balancer_member")
GLOBAL = ("admin", "load-balancer_admin", "load-balancer_global_observer")
WRITERS = ("member", "load-balancer_member", "admin", "load-balancer_admin")


def as_role(cloud: Cloud, project: str, role: str) -> User:
    return cloud.user(project, role).octavia


def refused(user: User, method: str, path: str, body: Any = None) -> None:
    answer = user.send(method, path, body)
    assert answer.status_code == 403, answer.text
    assert answer.json == {"faultcode": "Client", "faultstring": DENIED, "debuginfo": None}


def objects(tree: Tree) -> dict[str, str]:
    """Return the path of one object of each kind, by Octavia's names."""
    return {kind: path.removeprefix("/lbaas") for kind, path in tree.paths().items() if kind in KINDS}


KINDS = ("loadbalancer", "listener", "pool", "member", "healthmonitor")


@pytest.mark.parametrize("role", READERS)
def test_who_reads_sees_the_own_project_and_no_other(cloud: Cloud, role: str) -> None:
    tree = cloud.tree()
    theirs = cloud.tree(cloud.bob)
    for user, own, other in ((as_role(cloud, "ann", role), tree, theirs),):
        for path in objects(own).values():
            assert user.send("GET", path).status_code == 200
        for path in objects(other).values():
            refused(user, "GET", path)
        refused(user, "GET", f"/pools/{other.pool}/members")
        assert [each["id"] for each in user.ok("GET", "/loadbalancers")["loadbalancers"]] == [
            own.loadbalancer
        ]
        refused_list = user.send("GET", "/loadbalancers", query_string="project_id=bob")
        assert refused_list.status_code == 403
        assert user.send("GET", "/loadbalancers", query_string="project_id=ann").status_code == 200


@pytest.mark.parametrize("role", GLOBAL)
def test_who_reads_everywhere_sees_every_project(cloud: Cloud, role: str) -> None:
    trees = {cloud.tree().loadbalancer, cloud.tree(cloud.bob).loadbalancer}
    user = as_role(cloud, "cloud", role)
    assert {each["id"] for each in user.ok("GET", "/loadbalancers")["loadbalancers"]} == trees
    of_bob = user.ok("GET", "/loadbalancers", query_string="project_id=bob")["loadbalancers"]
    assert {each["project_id"] for each in of_bob} == {"bob"}
    for each in trees:
        assert user.send("GET", f"/loadbalancers/{each}").status_code == 200


@pytest.mark.parametrize("role", WRITERS)
def test_who_writes_changes_the_own_project_and_administrators_all(cloud: Cloud, role: str) -> None:
    tree, theirs = cloud.tree(), cloud.tree(cloud.bob)
    user = as_role(cloud, "ann", role)
    body = {"loadbalancer": {"description": "x"}}
    assert user.send("PUT", f"/loadbalancers/{tree.loadbalancer}", body).status_code == 200
    everywhere = role in GLOBAL
    answer = user.send("PUT", f"/loadbalancers/{theirs.loadbalancer}", body)
    assert answer.status_code == (200 if everywhere else 403)
    subnet = cloud.subnet(cloud.bob)["id"]
    for_bob = {"loadbalancer": {"vip_subnet_id": subnet, "project_id": "bob"}}
    answer = user.send("POST", "/loadbalancers", for_bob)
    assert answer.status_code == (201 if everywhere else 403), answer.text
    if not everywhere:
        for kind, path in objects(theirs).items():
            refused(user, "PUT", path, {kind: {"admin_state_up": False}})
            refused(user, "DELETE", path)
        member = {"address": "10.0.0.7", "protocol_port": 80, "subnet_id": theirs.subnet}
        refused(user, "POST", f"/pools/{theirs.pool}/members", {"member": member})


@pytest.mark.parametrize("role", ["reader", "load-balancer_observer", "load-balancer_global_observer"])
def test_who_only_reads_changes_nothing(cloud: Cloud, role: str) -> None:
    tree = cloud.tree()
    user = as_role(cloud, "ann", role)
    for kind, path in objects(tree).items():
        refused(user, "PUT", path, {kind: {"admin_state_up": False}})
        refused(user, "DELETE", path)
    refused(user, "POST", "/loadbalancers", {"loadbalancer": {"vip_subnet_id": tree.subnet}})


@pytest.mark.parametrize("role", ["other", "load-balancer_quota_admin"])
def test_who_has_no_role_of_load_balancing_sees_nothing(cloud: Cloud, role: str) -> None:
    tree = cloud.tree()
    user = as_role(cloud, "ann", role)
    refused(user, "GET", "/loadbalancers")
    for path in objects(tree).values():
        refused(user, "GET", path)


def test_what_exists_nowhere_is_not_found(cloud: Cloud) -> None:
    assert cloud.ann.octavia.send("GET", "/loadbalancers/nowhere").status_code == 404
