"""Who may do what by Octavia's API: both of its models of roles, and other projects' objects."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from api_cloud import Cloud, Tree, User

from evener.api.dialects.octavia_paths import LBAAS, V2
from octavia_policy_table import STRANGER, WHO, YES, Operation, answer, make_policy, operations

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


def test_what_is_below_a_load_balancer_is_its_projects_whatever_a_body_says(cloud: Cloud) -> None:
    tree = cloud.tree()
    body = {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "protocol_port": 81}
    for user in (cloud.ann.octavia, cloud.admin.octavia):
        for name in ("project_id", "tenant_id"):
            listener = user.ok("POST", "/listeners", {"listener": {**body, name: "bob"}})["listener"]
            assert listener["project_id"] == listener["tenant_id"] == "ann"
            body["protocol_port"] += 1


class Estate:
    """One object of each kind in the project `ann`, and what makes one more."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.tree = cloud, cloud.tree()
        self.numbers = itertools.count(1000)
        cloud.unlimited("ann")
        self.above = {"pools": f"pools/{self.tree.pool}"}
        self.above["loadbalancers"] = f"loadbalancers/{self.tree.loadbalancer}"
        self.above["l7policies"] = f"l7policies/{self.id_of('l7policy')}"

    def body(self, kind: str) -> dict[str, Any]:
        """Return what makes one more of a kind."""
        tree, number = self.tree, next(self.numbers)
        pool = {"loadbalancer_id": tree.loadbalancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        bodies: dict[str, Any] = {
            "loadbalancer": lambda: {"vip_subnet_id": tree.subnet},
            "listener": lambda: {
                "loadbalancer_id": tree.loadbalancer,
                "protocol": "HTTP",
                "protocol_port": number,
            },
            "pool": lambda: pool,
            "member": lambda: {"address": "10.0.0.99", "protocol_port": number},
            "healthmonitor": lambda: {
                "pool_id": self.cloud.ann.octavia.ok("POST", "/pools", {"pool": pool})["pool"]["id"],
                "type": "TCP",
                "delay": 5,
                "timeout": 4,
                "max_retries": 3,
            },
            "l7policy": lambda: {"listener_id": tree.listener, "action": "REJECT"},
            "rule": lambda: {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"},
            "flavor": lambda: {"name": f"f{number}", "flavor_profile_id": self.id_of("flavorprofile")},
            "flavorprofile": lambda: {"name": "p", "provider_name": "amphora", "flavor_data": "{}"},
            "availability_zone": lambda: {
                "name": f"z{number}",
                "availability_zone_profile_id": self.id_of("availability_zone_profile"),
            },
            "availability_zone_profile": lambda: {
                "name": "p",
                "provider_name": "amphora",
                "availability_zone_data": "{}",
            },
        }
        return dict(bodies[kind]())

    def id_of(self, kind: str) -> str:
        """Make one more, and return its id, or the name that it is known by."""
        if kind == "amphora":
            below = replace(self.cloud.admin.octavia, below=f"{V2}/octavia")
            return str(below.ok("GET", "/amphorae")["amphorae"][0]["id"])
        if kind == "event":
            events = f"/loadbalancers/{self.tree.loadbalancer}/events"
            return str(self.cloud.ann.octavia.ok("GET", events)["events"][0]["id"])
        path = next(each.path for each in operations() if (each.verb, each.kind) == ("create", kind))
        made = self.cloud.user("ann", "admin").octavia.ok(
            "POST", self.filled(path.removeprefix(LBAAS)), {kind: self.body(kind)}
        )
        return str(made[kind].get("id") or made[kind]["name"])

    def filled(self, path: str, kind: str = "") -> str:
        """Return a path with the ids of objects: above, those that there are, and of a `kind` a new one."""
        for above, one in self.above.items():
            for below in ("members", "rules", "events"):
                path = path.replace(f"{above}/{{object_id}}/{below}", f"{one}/{below}")
        for name, value in (("project_id", "ann"), ("provider", "amphora")):
            path = path.replace(f"{{{name}}}", value)
        if "{" not in path:
            return path
        return path.format(object_id=(own := self.id_of(kind)), child_id=own)


KIND_OF = {"listeners": "listener", "amphorae": "amphora", "loadbalancers": "loadbalancer"}


@pytest.mark.parametrize("operation", operations(), ids=lambda each: f"{each.method} {each.path}")
def test_each_role_gets_what_the_table_says(cloud: Cloud, operation: Operation) -> None:
    estate, policy = Estate(cloud), make_policy()
    collection = operation.path.removeprefix(LBAAS).removeprefix(f"{V2}/octavia").split("/")[1]
    kind = operation.kind or KIND_OF.get(collection, "")
    wanted = {who: answer(policy, operation, who) for who in WHO}
    for who in sorted(WHO, key=lambda each: wanted[each] == YES):
        project, role = ("bob", "member") if who == STRANGER else ("ann", who)
        path = estate.filled(operation.path, kind)
        body: Any = {"quota": {"pool": 5}} if "quotas" in path and operation.method == "PUT" else None
        if operation.verb == "create":
            body = {operation.kind: estate.body(operation.kind)}
            if who == STRANGER and operation.kind == "loadbalancer":
                body["loadbalancer"]["vip_subnet_id"] = cloud.subnet(cloud.bob)["id"]
        elif operation.verb == "update":
            body = {operation.kind: {}}
        elif operation.verb == "set":
            body = {"members": []}
        user = replace(cloud.user(project, role), below="")
        got = user.send(operation.method, path, body)
        if wanted[who] == "403":
            assert got.status_code == 403, (who, got.text)
            continue
        nothing_yet = got.status_code == 404 and "has no configuration yet" in got.text  # no agent is here
        assert nothing_yet or got.status_code in (200, 201, 202, 204, 400, 409), (who, got.text)
        if wanted[who] == "none":
            assert next(value for key, value in got.json.items() if not key.endswith("_links")) == []
