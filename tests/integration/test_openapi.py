"""The OpenAPI documents against the APIs that they describe: no server error, and no answer outside the document.

Requests are generated from the document, right ones and wrong ones, with the same seed in every run; most of
them name objects that exist.
"""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from api_cloud import V2, Cloud, Json, User, on_sqlite
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from test_octavia_creation import MONITOR, RULE, a_listener, a_pool, whole

from evener.api import nesting, networking, octavia
from evener.api.dialects.lbaas import LBAAS
from evener.api.dialects.octavia import OCTAVIA
from evener.api.openapi import document
from evener_cloud import all_tables  # noqa: F401 - filters follow from the tables
from evener_cloud.network.http.networking import NETWORKING

PATHS = (f"{V2}/openapi.json", f"{octavia.V2}/openapi.json")
COLLECTIONS = (*NETWORKING.collections, *octavia.COLLECTIONS)


def not_our_fault(context: Any, response: Any, case: Any) -> bool | None:
    """Say that what nobody serves here is no error of the server."""
    return None if response.status_code == 501 else not_a_server_error(context, response, case)


CHECKS = (
    not_our_fault,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
DOCUMENTS = (
    document(NETWORKING.collections, NETWORKING.views, LBAAS, networking.ABOUT),
    document(octavia.COLLECTIONS, octavia.VIEWS, OCTAVIA, octavia.ABOUT),
)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for each in DOCUMENTS
    for path, methods in each["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
}
CLOSED = [name for name, operation in OPERATIONS.items() if "security" not in operation]
EXAMPLES = 12
SCHEMAS = {path: schemathesis.openapi.from_dict(each) for each in DOCUMENTS for path in each["paths"]}


def load(cloud: Cloud, name: str) -> Any:
    """Return the operation of that name, to be sent to this cloud."""
    method, path = name.split(" ")
    operation = SCHEMAS[path][path][method]
    operation.app = cloud.client.app  # the operation is the same for every cloud
    return operation


# Values that fit the objects that exist.
FITTING = {
    "project_id": "ann",
    "tenant_id": "ann",
    "vip_address": None,
    "address": "10.0.0.78",
    "cidr": "10.7.0.0/24",
    "ip_version": 4,
    "gateway_ip": "10.7.0.1",
    "allocation_pools": [{"start": "10.7.0.10", "end": "10.7.0.20"}],
    "fixed_ips": [{"ip_address": "10.0.0.79"}],
    "provider": "",
    "flavor_id": None,
    "ipv6_ra_mode": None,
    "ipv6_address_mode": None,
}


def known_values(cloud: Cloud, path: str) -> dict[str, Any]:
    """Return ids of objects that exist, and values that fit them, by the names of what holds them."""
    tree = cloud.tree()
    found: dict[str, Any] = {f"{kind}_id": getattr(tree, kind) for kind in tree.__dataclass_fields__}
    policy = {"listener_id": tree.listener, "action": "REJECT"}
    found["l7policy_id"] = cloud.ann.ok("POST", "/lbaas/l7policies", {"l7policy": policy})["l7policy"]["id"]
    rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}
    rules = f"/lbaas/l7policies/{found['l7policy_id']}/rules"
    found["rule_id"] = cloud.ann.ok("POST", rules, {"rule": rule})["rule"]["id"]
    found["port_id"] = cloud.ann.create("port", network_id=tree.network)["id"]
    found["security_group_id"] = cloud.ann.create("security_group", name="web")["id"]
    rule = {"security_group_id": found["security_group_id"], "direction": "ingress", "protocol": "gre"}
    found["security_group_rule_id"] = cloud.ann.create("security_group_rule", **rule)["id"]
    found |= {"remote_group_id": None, "security_groups": [found["security_group_id"]]}
    found |= {"vip_subnet_id": tree.subnet, "vip_network_id": tree.network}
    found |= {"default_pool_id": tree.pool, "redirect_pool_id": tree.pool}
    if "routers" in path or "floatingips" in path:
        found |= ways_outside(cloud, tree.subnet)
    kinds = [served for served in COLLECTIONS if path in (served.path, served.path_of_one)]
    for served in kinds:
        found["object_id"] = found.get(f"{(served.parent or served.cls).KIND}_id", "x")
        found["child_id"] = found.get(f"{served.cls.KIND}_id", "x")
    if not kinds:
        found["object_id"] = found["router_id"] if "routers" in path else tree.loadbalancer
    return FITTING | found


def ways_outside(cloud: Cloud, subnet_id: str) -> dict[str, Any]:
    """Return a router that leads from a subnet to a network outside, and a floating IP there."""
    network_id = cloud.outside()["network_id"]
    router = cloud.ann.create("router", external_gateway_info={"network_id": network_id})["id"]
    cloud.ann.ok("PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet_id})
    floating = cloud.ann.create("floatingip", floating_network_id=network_id)["id"]
    return {
        "router_id": router,
        "floatingip_id": floating,
        "floating_network_id": network_id,
        "external_gateway_info": {"network_id": network_id},
        "routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.99"}],
        "subnet_id": subnet_id,
        "fixed_ip_address": None,
        "floating_ip_address": None,
    }


def with_known(value: Any, known: dict[str, Any]) -> Any:
    """Return a generated body with what fits in place of what is known."""
    if isinstance(value, dict):
        return {
            name: known[name] if name in known else with_known(inner, known) for name, inner in value.items()
        }
    return [with_known(inner, known) for inner in value] if isinstance(value, list) else value


def test_the_documents_that_are_served_are_those_that_are_tested(cloud: Cloud) -> None:
    for path, tested in zip(PATHS, DOCUMENTS, strict=True):
        answer = cloud.client.simulate_get(path)
        assert answer.status_code == 200
        assert answer.json == tested


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_is_answered_outside_the_document(cloud: Cloud, name: str) -> None:
    operation = load(cloud, name)
    known = known_values(cloud, operation.path)
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or operation.query or operation.path_parameters:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @seed(1)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        case=cases,
        existing=st.sampled_from([True, True, False]),
        user=st.sampled_from([cloud.ann, cloud.ann, cloud.admin]),
    )
    def check(case: Any, existing: bool, user: User) -> None:
        if existing:
            for part in case.path_parameters or {}:
                case.path_parameters[part] = known.get(part, "x")
            case.body = with_known(case.body, known)
        case.headers = {**(case.headers or {}), "X-Auth-Token": user.token}
        case.validate_response(case.call(), checks=CHECKS)

    check()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Return one cloud for all that changes nothing there."""
    with on_sqlite(tmp_path_factory.mktemp("closed")) as cloud:
        yield cloud


@pytest.mark.parametrize("name", CLOSED)
def test_nothing_but_the_description_is_answered_without_a_token(closed: Cloud, name: str) -> None:
    operation = load(closed, name)
    case = operation.Case(path_parameters=dict.fromkeys(re.findall("{(.*?)}", operation.path), "x"))
    response = case.call()
    assert response.status_code == 401
    case.validate_response(response, checks=CHECKS)


PLURALS = {cls.KIND: cls.PLURAL for cls in nesting.NESTED}
INSIDE = {cls.KIND: names for cls, names in nesting.NESTED.items()}


def with_others_inside(cloud: Cloud) -> dict[str, Json]:
    """Return a body with others inside for each collection of Octavia's that takes one."""
    tree = cloud.tree()
    above = {"loadbalancer_id": tree.loadbalancer}
    reject = {"action": "REJECT", "rules": [RULE]}
    persistence = {"type": "SOURCE_IP", "persistence_timeout": None}
    pool = a_pool("b", "10.0.0.31", healthmonitor=MONITOR, session_persistence=persistence)
    return {
        "loadbalancer": whole(cloud.subnet()["id"]),
        "listener": a_listener(**above, protocol_port=81, default_pool=pool, l7policies=[reject]),
        "pool": {**pool, **above},
        "l7policy": {"listener_id": tree.listener, **reject, "redirect_pool": None},
    }


@pytest.mark.parametrize("kind", INSIDE)
def test_what_is_made_with_others_inside_is_described_as_sent_and_as_answered(
    cloud: Cloud, kind: str
) -> None:
    path = f"{octavia.LBAAS}/{PLURALS[kind]}"
    body: Json = {kind: with_others_inside(cloud)[kind]}
    sent = DOCUMENTS[1]["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    described = jsonschema_rs.validator_for({**DOCUMENTS[1], **sent})
    described.validate(body)
    for name, below in INSIDE[kind].items():
        wrong = {"bogus": 1}
        inside = [wrong] if name == below.PLURAL else wrong
        assert not described.is_valid({kind: {**body[kind], name: inside}})

    operation = load(cloud, f"POST {path}")
    case = operation.Case(body=body, media_type="application/json", headers={"X-Auth-Token": cloud.ann.token})
    answer = case.call()
    assert answer.status_code == 201, answer.text
    case.validate_response(answer, checks=CHECKS)
