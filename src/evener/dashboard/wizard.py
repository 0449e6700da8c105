"""The wizard: a load balancer, its listener, pool, members and monitor, made by one request of Octavia's API."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evener.dashboard import certificates, choices, forms, making, members
from evener.dashboard.asked import Asked, Html, Redirect, Reply
from evener.dashboard.cloud import Refused
from evener.dashboard.fields import HEALTHMONITOR, L7POLICY, LISTENER, LOADBALANCER, POOL, RULE, Field, Kind

Json = dict[str, Any]
OF_HTTP = frozenset({"url_path", "expected_codes"})


def _some(kind: Kind, *names: str) -> Sequence[Field]:
    return tuple(field for name in names for field in kind.fields if field.name == name)


def _monitor() -> Iterable[Field]:
    names = ("name", "type", "delay", "timeout", "max_retries", "url_path", "expected_codes")
    for field in _some(HEALTHMONITOR, *names):
        yield replace(field, options=("", *field.options)) if field.name == "type" else field


STEPS: Mapping[str, Sequence[Field]] = {
    "loadbalancer": _some(LOADBALANCER, "name", "vip_subnet_id", "vip_address"),
    "listener": _some(LISTENER, "name", "protocol", "protocol_port", "default_tls_container_ref"),
    "pool": _some(
        POOL, "name", "lb_algorithm", "session_persistence.type", "session_persistence.cookie_name"
    ),
    "members": members.FIELDS,
    "healthmonitor": tuple(_monitor()),
}
TITLES = {
    "loadbalancer": "1. Load balancer",
    "listener": "2. Listener",
    "pool": "3. Pool",
    "members": "4. Members",
    "healthmonitor": "5. Monitor",
}
RULE_FIELDS = _some(RULE, "type", "key", "compare_type", "value", "invert")
POLICY_FIELDS = (
    *(replace(field, options=("", *field.options), first="") for field in _some(L7POLICY, "action")),
    *_some(L7POLICY, "redirect_url", "redirect_prefix"),
    replace(members.FIELDS[0], label="Members of the pool, of REDIRECT_TO_POOL, one a line: ADDRESS PORT"),
)
ALL: Mapping[str, Sequence[Field]] = {**STEPS, "rule": RULE_FIELDS, "l7policy": POLICY_FIELDS}
SUBNET = "loadbalancer.vip_subnet_id"
STEP_OF = {"rule": "listener", "l7policy": "listener", "upload": "listener"}
FIRST = {f"{step}.{field.name}": field.first for step, fields in ALL.items() for field in fields}
POOL_OF_POLICY = "ROUND_ROBIN"
SPOKEN_TO_MEMBERS = {"TERMINATED_HTTPS": "HTTP", "PROMETHEUS": "HTTP"}


def show(asked: Asked) -> Html:
    """Show the first step."""
    if asked.form:
        return _page(asked, typed(asked), members.picked_of(asked), {})
    return _page(asked, FIRST, [], {})


def create(asked: Asked) -> Reply:
    """Make it, or show what is wrong where it is wrong."""
    given = typed(asked)
    picked = members.picked_of(asked)
    try:
        given["listener.default_tls_container_ref"] = (
            certificates.stored(asked) or given["listener.default_tls_container_ref"]
        )
    except Refused as refusal:
        return _page(
            asked, given, picked, {f"{certificates.PREFIX}certificate": str(refusal)}, refusal.status
        )
    try:
        made = asked.balancing("POST", "/loadbalancers", {"loadbalancer": body(given, picked)})
    except Refused as refusal:
        return _page(asked, given, picked, {place(refusal): str(refusal)}, refusal.status)
    return Redirect(f"/balancers/{made['loadbalancer']['id']}")


def tell(asked: Asked) -> Html:
    """Return the commands that do what has been typed; asks nobody. Files come by their names."""
    return Html("commands.html", {"commands": _commands(asked, typed(asked), members.picked_of(asked))})


def _commands(asked: Asked, given: Mapping[str, str], picked: Sequence[str]) -> list[str]:
    return making.of(body(given, picked), certificates.named(asked))


def typed(asked: Asked) -> dict[str, str]:
    """Return what stands in the form, by step and field."""
    return {
        f"{step}.{name}": text
        for step, fields in ALL.items()
        for name, text in forms.given(fields, asked.form, f"{step}.").items()
    }


def place(refusal: Refused) -> str:
    """Return the field that a refusal is about, or nothing where it names none of ours."""
    for step, fields in ALL.items():
        found = forms.place(refusal, [field.name for field in fields])
        if found:
            return f"{step}.{found}"
    return ""


def body(given: Mapping[str, str], picked: Sequence[str]) -> Json:
    """Return what the API is to make of what was typed; numbers that are none go as they are, for it to refuse."""
    listener = _of(given, "listener")
    protocol = given["listener.protocol"]
    # Octavia wants pools named that come with a load balancer.
    pool = {"name": "pool", **_of(given, "pool"), "protocol": SPOKEN_TO_MEMBERS.get(protocol, protocol)}
    pool["members"] = members.wanted_of(dict(given), picked)
    if given["healthmonitor.type"]:
        monitor = _of(given, "healthmonitor")
        if monitor["type"] not in ("HTTP", "HTTPS"):
            monitor = {name: value for name, value in monitor.items() if name not in OF_HTTP}
        pool["healthmonitor"] = monitor
    if given["l7policy.action"]:
        listener["l7policies"] = [_policy(given, pool["protocol"])]
    return _of(given, "loadbalancer") | {"listeners": [listener | {"default_pool": pool}]}


def _policy(given: Mapping[str, str], protocol: str) -> Json:
    """Return the policy of the listener, with its rule, and its pool where it leads to one."""
    policy = _of(given, "l7policy")
    addresses = members.addresses("\n".join(policy.pop("addresses", ())))
    if policy["action"] == "REDIRECT_TO_POOL":
        pool = {
            "name": "other pool",
            "protocol": protocol,
            "lb_algorithm": POOL_OF_POLICY,
            "members": addresses,
        }
        policy["redirect_pool"] = pool
    return policy | {"rules": [_of(given, "rule")]}


def _of(given: Mapping[str, str], step: str) -> Json:
    """Return the attributes of one step that were given."""
    return forms.body(ALL[step], {field.name: given[f"{step}.{field.name}"] for field in ALL[step]})


def _step(wrong: Json) -> str:
    part = next((each.partition(".")[0] for each in wrong if each), "loadbalancer")
    return STEP_OF.get(part, part)


def _page(
    asked: Asked, given: Mapping[str, str], picked: Sequence[str], wrong: Json, status: int = 200
) -> Html:
    options = choices.of(asked, [field for fields in ALL.values() for field in fields])
    subnet = next((value for value, _ in options["subnet"]), "")  # which a menu shows that nobody has touched
    shown = {**given, SUBNET: given[SUBNET] or subnet}
    values = {
        "title": "Create a load balancer",
        "given": given,
        "picked": picked,
        "wrong": wrong,
        "wrong_step": _step(wrong),
        "steps": STEPS,
        "titles": TITLES,
        "rule": RULE_FIELDS,
        "l7policy": POLICY_FIELDS,
        "member_fields": members.FIELDS,
        "ports": members.candidates_of(asked),
        "choices": options,
        "commands": _commands(asked, shown, picked),
        "are_in_turn": True,
    }
    return Html("wizard.html", values, status)
