"""Bodies with something wrong anywhere in them: Octavia's API refuses them, and never fails at one."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from api_cloud import Cloud, Json
from test_octavia_creation import MONITOR, whole

HOSTILE: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        3,
        1.5,
        2**70,
        65536,
        "",
        "x",
        "a" * 300,
        "\x00",
        "é\ud800",
        "10.0.0.9",
        "2001:db8::1",
    ),
    *([], {}, [[]], [None], {"name": None}, {"name": "api"}, {"a": {"b": []}}),
)
ADDED = (
    "bogus",
    "id",
    "vip_port_id",
    "default_pool_id",
    "pool_id",
    "position",
    "members",
    "pools",
    "listeners",
)
Path = tuple[Any, ...]
CASES = 120  # of each kind of body


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Return the way to everything inside of a body."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield from places(each, (*path, step))


def spoiled(chance: random.Random, body: Json) -> Json:
    """Return a body with one or two things replaced, left out, added or doubled."""
    found = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 2))):
        *steps, last = chance.choice(list(places(found)) or [("bogus",)])
        at: Any = found
        for step in steps:
            at = at[step]
        if chance.random() < 0.7:
            at[last] = copy.deepcopy(chance.choice(HOSTILE))
        elif isinstance(at, list):
            at.append(copy.deepcopy(at[last]))
        elif chance.random() < 0.5:
            at.pop(last, None)
        else:
            at[chance.choice(ADDED)] = copy.deepcopy(chance.choice(HOSTILE))
    return found


def bodies(cloud: Cloud) -> dict[str, tuple[str, str, Json]]:
    """Return a body that is accepted for each kind of request, and where it goes."""
    subnet, tree = cloud.subnet()["id"], cloud.tree()
    balancer = whole(subnet)
    listener = {**balancer["listeners"][0], "loadbalancer_id": tree.loadbalancer, "protocol_port": 81}
    listener["l7policies"] = listener["l7policies"][1:]
    pool = {**listener["default_pool"], "loadbalancer_id": tree.loadbalancer}
    policy = {"listener_id": tree.listener, **listener["l7policies"][0]}
    member = {"address": "10.0.0.30", "protocol_port": 80, "weight": 2, "name": "a", "monitor_port": 9}
    members = [member, {**member, "address": "10.0.0.31"}]
    return {
        "loadbalancer": ("POST", "/loadbalancers", {"loadbalancer": balancer}),
        "listener": ("POST", "/listeners", {"listener": listener}),
        "pool": ("POST", "/pools", {"pool": pool}),
        "l7policy": ("POST", "/l7policies", {"l7policy": policy}),
        "member": ("POST", f"/pools/{tree.pool}/members", {"member": member}),
        "healthmonitor": ("POST", "/healthmonitors", {"healthmonitor": {**MONITOR, "pool_id": tree.pool}}),
        "members": ("PUT", f"/pools/{tree.pool}/members", {"members": members}),
    }


@pytest.mark.parametrize(
    "kind", ["loadbalancer", "listener", "pool", "l7policy", "member", "healthmonitor", "members"]
)
def test_no_body_makes_it_fail(cloud: Cloud, kind: str) -> None:
    cloud.unlimited("ann")
    method, path, body = bodies(cloud)[kind]
    chance = random.Random(kind)
    headers = {"Content-Type": "application/json"}
    for _ in range(CASES):
        wrong = json.dumps(spoiled(chance, body)).encode()
        answer = cloud.ann.octavia.send(method, path, wrong, headers=headers)
        assert answer.status_code < 500 or answer.status_code == 501, (wrong, answer.text)
