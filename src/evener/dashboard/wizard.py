"""The wizard: a load balancer, its listener, pool, members and monitor, made by one request of Octavia's API."""

import json
from collections.abc import Sequence
from typing import Any

from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import CloudError, Refused

Json = dict[str, Any]
PROTOCOLS = ("HTTP", "TCP", "HTTPS", "PROXY")
ALGORITHMS = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP")
MONITORS = ("", "HTTP", "HTTPS", "PING", "TCP", "TLS-HELLO")
FIRST = {
    "listener.protocol": "HTTP",
    "listener.protocol_port": "80",
    "pool.lb_algorithm": "ROUND_ROBIN",
    "members.protocol_port": "80",
    "members.weight": "1",
    "healthmonitor.type": "TCP",
    "healthmonitor.delay": "5",
    "healthmonitor.timeout": "4",
    "healthmonitor.max_retries": "3",
}
FIELDS = (
    "loadbalancer.name",
    "loadbalancer.vip_address",
    "loadbalancer.vip_subnet_id",
    "listener.name",
    *FIRST,
    "pool.name",
    "healthmonitor.name",
    "healthmonitor.url_path",
    "members.addresses",
)
NUMBERS = {"protocol_port", "weight", "delay", "timeout", "max_retries"}
STEPS = ("loadbalancer", "listener", "pool", "members", "healthmonitor")


def show(asked: Asked) -> Html:
    """Show the first step."""
    return _page(asked, FIRST, [], {})


def create(asked: Asked) -> Reply:
    """Make it, or show what is wrong where it is wrong."""
    given = {name: asked.said(name) for name in FIELDS}
    picked = list(asked.form.get("members.picked", ()))
    try:
        made = asked.balancing("POST", "/loadbalancers", {"loadbalancer": body(given, picked)})
    except Refused as refusal:
        return _page(asked, given, picked, {place(refusal): str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{made['loadbalancer']['id']}")


def place(refusal: Refused) -> str:
    """Return the field that a refusal is about, or nothing where it names none of ours."""
    attribute = refusal.attribute.rpartition(".")[2]
    return next((field for field in sorted(FIELDS, key=_order) if field.endswith(f".{attribute}")), "")


def _order(field: str) -> int:
    return STEPS.index(field.partition(".")[0])


def body(given: Json, picked: Sequence[str]) -> Json:
    """Return what the API is to make of what was typed; numbers that are none go as they are, for it to refuse."""
    pool = _of(given, "pool") | {"protocol": _pool_protocol(given["listener.protocol"])}
    pool["members"] = [*map(json.loads, picked), *addresses(given["members.addresses"])]
    for member in pool["members"]:
        for name in ("protocol_port", "weight"):
            member.setdefault(name, _value(name, given[f"members.{name}"]))
    if given["healthmonitor.type"]:
        monitor = _of(given, "healthmonitor")
        if monitor["type"] not in ("HTTP", "HTTPS"):
            monitor.pop("url_path", None)
        pool["healthmonitor"] = monitor
    listener = _of(given, "listener") | {"default_pool": pool}
    return _of(given, "loadbalancer") | {"listeners": [listener]}


def _pool_protocol(listener: str) -> str:
    return "HTTP" if listener == "TERMINATED_HTTPS" else listener


def _of(given: Json, step: str) -> Json:
    """Return the attributes of one step that were given."""
    found = {name.partition(".")[2]: value for name, value in given.items() if name.startswith(f"{step}.")}
    return {name: _value(name, value) for name, value in found.items() if value != ""}


def _value(name: str, text: str) -> Any:
    return int(text) if name in NUMBERS and text.isdecimal() and text.isascii() else text


def addresses(text: str) -> list[Json]:
    """Return the members of lines as `ADDRESS`, `ADDRESS PORT` or `ADDRESS PORT WEIGHT`."""
    found = []
    for line in text.replace("\r", "").split("\n"):
        if words := line.split():
            names = ("address", "protocol_port", "weight")
            found.append({name: _value(name, word) for name, word in zip(names, words, strict=False)})
    return found


def _page(asked: Asked, given: Json, picked: Sequence[str], wrong: Json, status: int = 200) -> Html:
    subnets = _network(asked, "subnets", "id", "name", "cidr", "network_id")
    wrong_step = next((each.partition(".")[0] for each in wrong if each), STEPS[0])
    values = {
        "title": "Create a load balancer",
        "given": given,
        "picked": picked,
        "wrong": wrong,
        "wrong_step": wrong_step,
        "subnets": subnets,
        "ports": candidates(_network(asked, "ports", "name", "fixed_ips", "device_owner"), subnets),
        "protocols": PROTOCOLS,
        "algorithms": ALGORITHMS,
        "monitors": MONITORS,
        "commands": ["openstack loadbalancer create --name NAME --vip-subnet-id SUBNET --wait"],
    }
    return Html("wizard.html", values, status)


def _network(asked: Asked, kind: str, *fields: str) -> list[Json]:
    """Return the project's objects of a kind; none where the network service does not say."""
    try:
        found: list[Json] = asked.network("GET", f"/{kind}", fields=fields)[kind]
    except CloudError:
        return []
    return found


def candidates(ports: Sequence[Json], subnets: Sequence[Json]) -> list[Json]:
    """Return what can be picked as a member: addresses of ports that are not the network's own or a VIP's."""
    names = {each["id"]: each["name"] or each["cidr"] for each in subnets}
    found = []
    for port in ports:
        owner = port.get("device_owner") or ""
        if owner.startswith("network:") or "loadbalancer" in owner.lower() or owner == "Octavia":
            continue
        for each in port["fixed_ips"]:
            if each["subnet_id"] not in names:
                continue
            member = {"address": each["ip_address"], "subnet_id": each["subnet_id"]}
            member |= {"name": port["name"]} if port["name"] else {}
            found.append({**member, "subnet": names[each["subnet_id"]], "value": json.dumps(member)})
    return sorted(found, key=lambda each: (each.get("name", ""), each["address"]))
