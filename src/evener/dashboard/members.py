"""Members, many at once: picked from the ports of the project's networks, or typed, one a line."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from evener.dashboard import choices, commands, forms, making
from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused
from evener.dashboard.fields import Field

Json = dict[str, Any]
FIELDS = (
    Field(
        "addresses", "Any other addresses, one a line: ADDRESS, ADDRESS PORT or ADDRESS PORT WEIGHT", "lines"
    ),
    Field("protocol_port", "Port of the members", "number", first="80"),
    Field("weight", "Weight of the members", "number", first="1"),
)
PICKED = "members.picked"
PREFIX = "members."
FIRST = {f"{PREFIX}{field.name}": field.first for field in FIELDS}


def show(asked: Asked) -> Html:
    """Show the form."""
    if asked.form:
        return _page(asked, typed(asked), picked_of(asked), {})
    return _page(asked, FIRST, [], {})


def add(asked: Asked) -> Reply:
    """Add all in one request, or none."""
    given, picked = typed(asked), picked_of(asked)
    wanted = {"members": wanted_of(given, picked)}
    try:
        asked.balancing("PUT", f"/pools/{asked.parts['pool_id']}/members", wanted, additive_only="true")
    except Refused as refusal:
        return _page(asked, given, picked, {place(refusal): str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{asked.parts['balancer_id']}")


def picked_of(asked: Asked) -> list[str]:
    """Return what has been picked, of this page or of the wizard."""
    return list(asked.form.get(PICKED, ()))


def tell(asked: Asked) -> Html:
    """Return the commands that add what has been picked and typed; asks nobody."""
    return Html("commands.html", {"commands": _commands(asked, typed(asked), picked_of(asked))})


def _commands(asked: Asked, given: dict[str, str], picked: Sequence[str]) -> list[str]:
    pool_id, wanted = asked.parts["pool_id"], wanted_of(given, picked)
    command = [*commands.BASE, "member", "create", "--address", "ADDRESS", "--protocol-port", "PORT", pool_id]
    return making.members(wanted, pool_id) or [shlex.join(command)]


def place(refusal: Refused) -> str:
    """Return the field that a refusal is about."""
    found = forms.place(refusal, ("protocol_port", "weight", "address"))
    return {"": "", "address": f"{PREFIX}addresses"}.get(found, f"{PREFIX}{found}")


def typed(asked: Asked) -> dict[str, str]:
    """Return what stands in the form."""
    return {f"{PREFIX}{name}": text for name, text in forms.given(FIELDS, asked.form, PREFIX).items()}


def wanted_of(given: dict[str, str], picked: Sequence[str]) -> list[Json]:
    """Return the members that were picked and typed, as the API is told of them."""
    found = [*map(_picked, picked), *addresses(given[f"{PREFIX}addresses"])]
    for member in found:
        for name in ("protocol_port", "weight"):
            text = given[f"{PREFIX}{name}"]
            if text:
                member.setdefault(name, forms.number(text))
    return found


def _picked(text: str) -> Json:
    """Return a member as its box said it; what is none goes as an address, for the API to refuse it."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"address": text}


def _page(asked: Asked, given: dict[str, str], picked: Sequence[str], wrong: Json, status: int = 200) -> Html:
    values = {
        "title": "Add members",
        "balancer_id": asked.parts["balancer_id"],
        "pool_id": asked.parts["pool_id"],
        "given": given,
        "picked": picked,
        "ports": candidates_of(asked),
        "member_fields": FIELDS,
        "wrong": wrong,
        "choices": {},
        "commands": _commands(asked, given, picked),
        "are_in_turn": True,
    }
    return Html("members.html", values, status)


def addresses(text: str) -> list[Json]:
    """Return the members of lines as `ADDRESS`, `ADDRESS PORT` or `ADDRESS PORT WEIGHT`."""
    found = []
    for line in text.split("\n"):
        words = line.split()
        if words:
            more = zip(("protocol_port", "weight"), map(forms.number, words[1:3]), strict=False)
            found.append({"address": words[0], **dict(more)})
    return found


def candidates_of(asked: Asked) -> list[Json]:
    """Return what can be picked, as the network service says now."""
    ports, subnets = asked.cloud.together(
        lambda: choices.network(asked, "ports", "name", "fixed_ips", "device_owner"),
        lambda: choices.network(asked, "subnets", "id", "name", "cidr"),
    )
    return candidates(ports, subnets)


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
