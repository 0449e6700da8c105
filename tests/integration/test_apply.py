"""`evener export` and `evener apply` against the API: what is not as written is made so, and nothing else."""

import copy
import uuid
from typing import Any

import pytest
from api_cloud import Cloud, Json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evener.cli import files
from evener.cli.errors import NotFound, Refused
from evener.cli.whole import NotAsWritten, check, exported, steps

V2 = "/load-balancer/v2"


class Client:
    """As much of the client as it takes, in front of the API in this process."""

    def __init__(self, cloud: Cloud) -> None:
        self.user = cloud.ann.octavia

    def load_balancing(self, method: str, path: str, body: Any = None, query: Any = None) -> Json:
        words = "&".join(f"{name}={value}" for name, value in (query or {}).items())
        user = type(self.user)(self.user.client, self.user.token, self.user.project, V2)
        answer = user.send(method, f"/{path}", body, query_string=words)
        if answer.status_code >= 400:
            raise Refused(answer.text, answer.status_code)
        return dict(answer.json) if answer.content else {}

    def find_id(self, kind: str, name: str) -> str:
        found = self.load_balancing("GET", f"lbaas/{kind}s", query={"name": name})[f"{kind}s"]
        living = [each for each in found if each["provisioning_status"] != "PENDING_DELETE"]
        if not living:
            raise NotFound(f"Unable to find {kind} with name or id '{name}'")
        return str(living[0]["id"])


def apply(cloud: Cloud, written: Json, *, prune: bool = False) -> list[str]:
    """Apply a file, and return what was done in words."""
    client: Any = Client(cloud)
    planned = files.plan(client, check(copy.deepcopy(written)), prune=prune)
    files.do(client, written["loadbalancer"]["name"], planned)
    return [line for step in planned for line in step.says.split("\n")]


def export(cloud: Cloud, name: str = "web") -> Json:
    client: Any = Client(cloud)
    return exported(files.read(client, client.find_id("loadbalancer", name)))


def tree(cloud: Cloud) -> Json:
    """Return a file with something of each kind."""
    subnet = cloud.subnet()
    members = [{"address": f"10.0.0.{n}", "protocol_port": 80, "subnet_id": subnet["id"]} for n in (21, 22)]
    monitor = {"type": "HTTP", "delay": 5, "timeout": 4, "max_retries": 3, "url_path": "/up"}
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    rules = [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}]
    policy = {"name": "old", "action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "other"}, "rules": rules}
    front = {"name": "front", "protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "servers"}}
    return {
        "loadbalancer": {
            "name": "web",
            "vip_subnet_id": subnet["id"],
            "tags": ["a", "b"],
            "listeners": [{**front, "timeout_client_data": 7000, "l7policies": [policy]}],
            "pools": [
                {"name": "servers", **pool, "members": members, "healthmonitor": monitor},
                {"name": "other", **pool, "session_persistence": {"type": "SOURCE_IP"}},
            ],
        }
    }


def test_what_is_not_there_is_made_whole_and_is_then_as_written(cloud: Cloud) -> None:
    written = tree(cloud)
    assert apply(cloud, written) == ["+ loadbalancer web with all that is below it"]
    with cloud.unchanged():
        assert apply(cloud, written) == []
        assert apply(cloud, written, prune=True) == []


def test_what_is_exported_is_applied_to_another_load_balancer_and_is_the_same(cloud: Cloud) -> None:
    apply(cloud, tree(cloud))
    file = export(cloud)
    with cloud.unchanged():
        assert apply(cloud, file, prune=True) == []
    file["loadbalancer"]["name"] = "copy"
    del file["loadbalancer"]["vip_address"]
    apply(cloud, file)
    other = export(cloud, "copy")
    del other["loadbalancer"]["vip_address"]
    assert other == file


def test_only_what_differs_is_changed_and_told(cloud: Cloud) -> None:
    written = tree(cloud)
    apply(cloud, written)
    balancer = written["loadbalancer"]
    balancer["description"] = "of the shop"
    balancer["listeners"][0]["connection_limit"] = 100
    balancer["pools"][0]["members"][0]["weight"] = 5
    balancer["pools"][0]["members"].append({"address": "10.0.0.23", "protocol_port": 80})
    balancer["pools"][0]["healthmonitor"]["delay"] = 9
    balancer["listeners"][0]["default_pool"] = {"name": "other"}
    assert apply(cloud, written) == [
        "~ loadbalancer web: description:  -> of the shop",
        "+ member 10.0.0.23 80 of pool servers",
        "~ member 10.0.0.21 80 of pool servers: weight: 1 -> 5",
        "~ healthmonitor " + export_id(cloud, "healthmonitors") + ": delay: 5 -> 9",
        "~ listener 80: connection_limit: -1 -> 100",
        "~ listener 80: default_pool_id -> other",
    ]
    assert apply(cloud, written) == []


def export_id(cloud: Cloud, plural: str) -> str:
    return str(cloud.ann.octavia.ok("GET", f"/{plural}")[plural][0]["id"])


def test_what_a_file_does_not_say_stays_and_with_prune_what_is_not_in_it_goes(cloud: Cloud) -> None:
    written = tree(cloud)
    apply(cloud, written)
    few = copy.deepcopy(written)
    few["loadbalancer"]["pools"] = [few["loadbalancer"]["pools"][0]]
    few["loadbalancer"]["pools"][0]["members"].pop()
    few["loadbalancer"]["listeners"][0]["l7policies"] = []
    with cloud.unchanged():
        assert apply(cloud, few) == []
    assert apply(cloud, few, prune=True) == [
        "- member 10.0.0.22 80 of pool servers",
        "- l7policy old",
        "- pool other",
    ]
    assert apply(cloud, few, prune=True) == []


def test_the_rules_of_a_policy_are_made_exactly_as_written(cloud: Cloud) -> None:
    written = tree(cloud)
    apply(cloud, written)
    policy = written["loadbalancer"]["listeners"][0]["l7policies"][0]
    policy["rules"] = [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/b"}]
    assert apply(cloud, written) == [
        "+ rule PATH STARTS_WITH /b of l7policy old",
        "- rule PATH STARTS_WITH /a",
    ]
    assert apply(cloud, written) == []


def test_a_monitor_of_another_type_takes_the_place_of_the_one_before(cloud: Cloud) -> None:
    written = tree(cloud)
    apply(cloud, written)
    written["loadbalancer"]["pools"][0]["healthmonitor"] = {
        "type": "TCP",
        "delay": 5,
        "timeout": 4,
        "max_retries": 3,
    }
    assert apply(cloud, written) == ["- healthmonitor of pool servers", "+ healthmonitor TCP of pool servers"]
    assert apply(cloud, written) == []


def test_to_say_what_would_be_done_changes_nothing(cloud: Cloud) -> None:
    written = tree(cloud)
    apply(cloud, written)
    written["loadbalancer"]["listeners"].append({"protocol": "HTTP", "protocol_port": 81})
    client: Any = Client(cloud)
    with cloud.unchanged():
        assert [each.says for each in files.plan(client, check(written), prune=True)] == ["+ listener 81"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("listeners", 0, "protocol"), "TCP", "protocol is HTTP and never changes"),
        (("listeners", 0, "protokol"), "TCP", "there is no attribute 'protokol'"),
        (("pools", 0, "loadbalancer_id"), "x", "there is no attribute 'loadbalancer_id'"),
        (("listeners", 0, "default_pool"), {"name": "a", "protocol": "HTTP"}, "the name of a pool is all"),
        (("listeners", 0, "default_pool"), {"name": "nobody"}, "There is no pool nobody"),
        (("pools", 1, "name"), "servers", "Each pool has a name of its own"),
        (("name",), "", "with a 'name' at least"),
    ],
)
def test_what_cannot_be_as_written_is_refused_in_words(
    cloud: Cloud, path: tuple[Any, ...], value: Any, says: str
) -> None:
    written = tree(cloud)
    apply(cloud, written)
    at = written["loadbalancer"]
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    with pytest.raises(NotAsWritten, match=says):
        apply(cloud, written)


MEMBERS = st.dictionaries(st.integers(21, 24), st.integers(1, 9), max_size=3)
POOL = st.fixed_dictionaries({"members": MEMBERS, "monitor": st.sampled_from([None, "TCP", "HTTP"])})
TREES = st.fixed_dictionaries(
    {
        "pools": st.dictionaries(st.sampled_from(["a", "b", "c"]), POOL, max_size=3),
        "listeners": st.dictionaries(st.integers(80, 82), st.sampled_from(["a", "b", "c", None]), max_size=3),
        "policies": st.dictionaries(st.sampled_from(["p", "q"]), st.sets(st.sampled_from("xyz")), max_size=2),
    }
)


def written(shape: Json, subnet: str, name: str) -> Json:
    """Return the file of a shape."""
    pools = [
        {
            "name": name,
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": [
                {"address": f"10.0.0.{n}", "protocol_port": 80, "weight": weight}
                for n, weight in pool["members"].items()
            ],
            "healthmonitor": pool["monitor"]
            and {"type": pool["monitor"], "delay": 5, "timeout": 4, "max_retries": 3},
        }
        for name, pool in shape["pools"].items()
    ]
    policies = [
        {
            "name": name,
            "action": "REJECT",
            "rules": [
                {"type": "PATH", "compare_type": "EQUAL_TO", "value": f"/{each}"} for each in sorted(rules)
            ],
        }
        for name, rules in shape["policies"].items()
    ]
    listeners = [
        {
            "protocol": "HTTP",
            "protocol_port": port,
            "l7policies": policies,
            "default_pool": {"name": pool} if pool in shape["pools"] else None,
        }
        for port, pool in shape["listeners"].items()
    ]
    whole = {"name": name, "vip_subnet_id": subnet, "pools": pools, "listeners": listeners}
    return {"loadbalancer": copy.deepcopy(whole)}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREES, TREES)
def test_from_any_load_balancer_to_any_other_and_then_all_is_as_written(
    cloud: Cloud, before: Json, after: Json
) -> None:
    cloud.unlimited("ann")
    subnet, name = cloud.subnet()["id"], str(uuid.uuid4())  # no other example's
    apply(cloud, written(before, subnet, name))
    wanted = written(after, subnet, name)
    apply(cloud, wanted, prune=True)
    assert apply(cloud, wanted, prune=True) == []
    found = export(cloud, name)["loadbalancer"]
    assert {each["name"] for each in found.get("pools", ())} == after["pools"].keys()
    assert {each["protocol_port"] for each in found.get("listeners", ())} == after["listeners"].keys()
    for pool in found.get("pools", ()):
        shape = after["pools"][pool["name"]]
        assert {each["address"]: each["weight"] for each in pool.get("members", ())} == {
            f"10.0.0.{n}": weight for n, weight in shape["members"].items()
        }
        assert (pool.get("healthmonitor") or {}).get("type") == shape["monitor"]


def test_steps_of_what_is_the_same_are_none() -> None:
    same = {"id": "1", "name": "web", "pools": [], "listeners": []}
    assert list(steps(same, {"name": "web"}, prune=True)) == []
