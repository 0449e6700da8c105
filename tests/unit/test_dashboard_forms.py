"""The dashboard's forms: what they know of each kind, what they tell the API, and what is said at which field."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_dashboard import BALANCER, LB, MARKUP, ONE, Said, csrf, logged_in, sent

from evener.api import octavia
from evener.api.dialects.octavia import OCTAVIA
from evener.api.openapi import document
from evener.dashboard import commands, forms
from evener.dashboard.cloud import Refused
from evener.dashboard.fields import KINDS, LISTENER, LOADBALANCER, MEMBER, POOL, Field, Kind
from evener_cloud import all_tables  # noqa: F401 - filters follow from the tables

SCHEMAS = document(octavia.COLLECTIONS, octavia.VIEWS, OCTAVIA, octavia.ABOUT)["components"]["schemas"]
NAMES = {
    "loadbalancer": "LoadBalancer",
    "listener": "Listener",
    "pool": "Pool",
    "member": "Member",
    "healthmonitor": "HealthMonitor",
    "l7policy": "L7Policy",
    "rule": "L7Rule",
}
# Known to the API, and in no form: what the page's address says, and what few need.
LEFT_OUT = {"project_id", "tenant_id", "loadbalancer_id", "listener_id", "pool_id", "request_sriov"}
LEFT_OUT_OF_BALANCERS = {
    "vip_port_id",
    "vip_network_id",
    "provider",
    "flavor_id",
    "availability_zone",
    "vip_qos_policy_id",
    "additional_vips",
    "topology",
}
UNSERVED = {"UDP", "SCTP", "UDP-CONNECT"}
EVERY = (LOADBALANCER, *KINDS)
WIDGETS = {"integer": "number", "boolean": "yes", "array": "lines", "object": "headers", "string": "text"}
ID = "22222222-2222-2222-2222-222222222222"


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema says when null is not meant."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
            continue
        options = [each for each in schema["anyOf"] if each.get("type") != "null"]
        if "format" in options[0]:
            return {"type": "string"}
        schema = options[0]
    return schema


def outer(field: Field) -> str:
    return field.name.partition(".")[0]


@pytest.mark.parametrize("kind", EVERY, ids=lambda each: each.name)
def test_a_form_has_every_attribute_of_the_api_and_no_other(kind: Kind) -> None:
    creation, update = (
        set(SCHEMAS[f"{NAMES[kind.name]}{verb}"]["properties"]) for verb in ("Create", "Update")
    )
    left_out = LEFT_OUT | (LEFT_OUT_OF_BALANCERS if kind is LOADBALANCER else set())
    assert {outer(field) for field in kind.fields} == creation - left_out
    assert {outer(field) for field in kind.fields if not field.is_fixed} == update - left_out


@pytest.mark.parametrize("kind", EVERY, ids=lambda each: each.name)
def test_a_field_takes_what_the_api_takes(kind: Kind) -> None:
    for field in kind.fields:
        schema = SCHEMAS[f"{NAMES[kind.name]}Create"]["properties"][outer(field)]
        for part in field.name.split(".")[1:]:
            schema = resolved(schema)["properties"][part]
        said = resolved(schema)
        if field.how in ("choice", "many"):
            allowed = resolved(said.get("items", said)).get("enum")
            chosen = set(field.options) - {""}
            assert allowed is None or chosen == set(allowed) - UNSERVED, field.name
            assert (field.how == "many") == (said["type"] == "array")
        elif field.how in ("pool", "subnet", "secret"):
            assert said["type"] == "string"
        else:
            assert WIDGETS[said["type"]] == field.how, field.name


@pytest.mark.parametrize("kind", EVERY, ids=lambda each: each.name)
def test_every_option_of_a_command_that_is_shown_is_one_of_openstacks(kind: Kind) -> None:
    script = Path(__file__).parents[1] / "integration" / "openstack_options.py"
    debians = Path("/usr/bin/python3")
    made = subprocess.run([debians, script], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip("Debian's octaviaclient is not here")
    known = json.loads(made.stdout)
    words = "loadbalancer" if kind is LOADBALANCER else f"loadbalancer {kind.words}"
    for verb in ("create", "set"):
        options = {name for names in known[f"{words} {verb}"] for name in names}
        for field in kind.fields:
            if verb == "set" and field.is_fixed:
                continue
            for text in ("1", "true", ""):
                if text or field.how == "yes":
                    said = {part for part in commands.parts(field, text) if part.startswith("--")}
                    assert said <= options | TOO_NEW, (kind.name, field.name)


def test_an_option_of_many_words_takes_no_more_than_its_own() -> None:
    texts = {"sni_container_refs": "http://x/a\nhttp://x/b"}
    command = commands.change(LISTENER, commands.told(LISTENER.fields, texts), "", "l")
    assert str(command) == (
        "openstack loadbalancer listener set --sni-container-refs http://x/a http://x/b -- l"
    )
    assert str(commands.change(LISTENER, ["--name", "n"], "", "l")).endswith("set --name n l")


# Of octaviaclient 3.2 and later.
TOO_NEW = {"--hsts-max-age", "--hsts-include-subdomains", "--hsts-preload", "--vip-sg-id"}


def test_what_is_not_typed_otherwise_is_not_told() -> None:
    shown = {"name": "n", "weight": 3, "admin_state_up": True, "backup": False, "tags": ["a", "b"]}
    was = forms.texts_of(MEMBER.fields, shown)
    assert forms.body(MEMBER.fields, was, was) == {}
    changed = was | {"weight": "0", "admin_state_up": "", "tags": "a", "name": "", "address": "192.0.2.3"}
    assert forms.body(MEMBER.fields, changed, was) == {
        "weight": 0,
        "admin_state_up": False,
        "tags": ["a"],
        "name": None,
    }


def test_an_attribute_of_parts_is_told_whole() -> None:
    was = forms.texts_of(POOL.fields, {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "c"}})
    assert was["session_persistence.cookie_name"] == "c"
    renamed = was | {"session_persistence.cookie_name": "d"}
    told = {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "d"}}
    assert forms.body(POOL.fields, renamed, was) == told
    none = was | {"session_persistence.type": "", "session_persistence.cookie_name": ""}
    assert forms.body(POOL.fields, none, was) == {"session_persistence": None}
    command = " ".join(commands.told(POOL.fields, renamed))
    assert command == "--session-persistence type=APP_COOKIE,cookie_name=d"


def test_headers_are_those_that_are_chosen() -> None:
    was = forms.texts_of(LISTENER.fields, {"insert_headers": {"X-Forwarded-For": "true"}})
    assert was["insert_headers"] == "X-Forwarded-For"
    told = forms.body(LISTENER.fields, was | {"insert_headers": "X-Forwarded-For\nX-Forwarded-Port"}, was)
    assert told == {"insert_headers": {"X-Forwarded-For": "true", "X-Forwarded-Port": "true"}}


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("Invalid input for field/attribute weight. Value: '1000'. The value is too large.", "weight"),
        ("Invalid input for field/attribute tags.0. Value: '1'. It is none.", "tags"),
        ("Another member has this protocol_port already", "protocol_port"),
        ("address and protocol_port and monitor_port do not fit", ""),
        ("Something else", ""),
    ],
)
def test_a_refusal_is_said_at_the_field_that_it_names(words: str, place: str) -> None:
    assert forms.place(Refused(400, words), [field.name for field in MEMBER.fields]) == place


LISTENERS = f"/balancers/{LB}/listeners"
AT_HAND = {
    **ONE,
    "POST /lbaas/listeners": {"listener": {}},
    f"GET /lbaas/listeners/{ID}": {
        "listener": {"id": ID, "name": MARKUP, "protocol": "HTTP", "protocol_port": 80}
    },
    f"PUT /lbaas/listeners/{ID}": {"listener": {}},
    f"DELETE /lbaas/listeners/{ID}": {},
    f"PUT /lbaas/loadbalancers/{LB}": {"loadbalancer": BALANCER},
    f"PUT /lbaas/pools/{ID}/members": {},
    "GET /subnets": {"subnets": []},
    "GET /ports": {"ports": []},
}


def test_a_listener_is_made_changed_and_deleted() -> None:
    cloud = Said(AT_HAND)
    browser = logged_in(cloud)
    assert 'name="protocol_port"' in browser.simulate_get(f"/dashboard{LISTENERS}/create").text
    form = {
        "csrf": csrf(browser),
        "name": "l",
        "protocol": "TCP",
        "protocol_port": "81",
        "admin_state_up": "true",
    }
    assert sent(browser, f"{LISTENERS}/create", form).status_code == 303
    listener = {
        "name": "l",
        "protocol": "TCP",
        "protocol_port": 81,
        "admin_state_up": True,
        "loadbalancer_id": LB,
    }
    assert cloud.asked[-1] == ("POST", "/lbaas/listeners", {"listener": listener})

    shown = browser.simulate_get(f"/dashboard{LISTENERS}/{ID}").text
    assert f'name="was.name" value="{MARKUP[:8]}' not in shown
    assert "&lt;script&gt;alert" in shown
    form = {"csrf": csrf(browser), "name": "new", "was.name": "old"}
    assert sent(browser, f"{LISTENERS}/{ID}", form).status_code == 303
    assert cloud.asked[-1] == ("PUT", f"/lbaas/listeners/{ID}", {"listener": {"name": "new"}})

    assert "loadbalancer listener delete" in browser.simulate_get(f"/dashboard{LISTENERS}/{ID}/delete").text
    assert sent(browser, f"{LISTENERS}/{ID}/delete", {"csrf": csrf(browser)}).status_code == 303
    assert cloud.asked[-1][:2] == ("DELETE", f"/lbaas/listeners/{ID}")


def test_what_the_api_refuses_is_said_at_its_field_and_what_was_typed_stays() -> None:
    words = "Invalid input for field/attribute allowed_cidrs. Value: 'nonsense'. It is no CIDR."
    browser = logged_in(Said(AT_HAND | {"POST /lbaas/listeners": Refused(400, words)}))
    form = {"csrf": csrf(browser), "name": "kept", "allowed_cidrs": "nonsense"}
    answer = sent(browser, f"{LISTENERS}/create", form)
    assert answer.status_code == 400
    assert 'id="wrong-allowed_cidrs" role="alert">Invalid input' in answer.text
    assert "<details open>" in answer.text
    assert 'value="kept"' in answer.text
    assert "nonsense</textarea>" in answer.text


def test_many_members_are_added_in_one_request() -> None:
    cloud = Said(AT_HAND)
    browser = logged_in(cloud)
    form = {
        "csrf": csrf(browser),
        "members.addresses": "192.0.2.1\r\n192.0.2.2 81 0\r\n",
        "members.protocol_port": "80",
        "members.weight": "",
    }
    assert sent(browser, f"/balancers/{LB}/pools/{ID}/members/add", form).status_code == 303
    members = [
        {"address": "192.0.2.1", "protocol_port": 80},
        {"address": "192.0.2.2", "protocol_port": 81, "weight": 0},
    ]
    assert cloud.asked[-1] == ("PUT", f"/lbaas/pools/{ID}/members", {"members": members})


def test_what_no_box_of_ours_has_said_goes_to_the_api_to_refuse() -> None:
    cloud = Said(AT_HAND)
    browser = logged_in(cloud)
    form = {"csrf": csrf(browser), "members.picked": "nonsense"}
    assert sent(browser, f"/balancers/{LB}/pools/{ID}/members/add", form).status_code == 303
    assert cloud.asked[-1][2] == {"members": [{"address": "nonsense"}]}


def test_no_form_is_for_who_may_only_read() -> None:
    cloud = Said(AT_HAND, frozenset({"reader"}))
    browser = logged_in(cloud)
    for path in (f"{LISTENERS}/create", f"{LISTENERS}/{ID}", f"/balancers/{LB}/change", "/balancers/create"):
        assert browser.simulate_get(f"/dashboard{path}").status_code == 403
        assert sent(browser, path, {"csrf": csrf(browser)}).status_code == 403
    assert not [each for each in cloud.asked if each[0] != "GET"]
